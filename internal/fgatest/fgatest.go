//go:build unix

// Package fgatest starts a real OpenFGA server for tests, on loopback and with its
// tuples in memory, gone when the test ends. `make test-interop` builds the server and
// the translator of models, which is OpenFGA's own, from the module interop/openfga.
package fgatest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Token is the preshared key of every server.
const Token = "s3cret-of-the-test"

// Server is a running OpenFGA.
type Server struct {
	URL string // of its HTTP API

	address, rpc string
	bin          string // the folder of the programs
	client       *http.Client
	flags        []string
	process      *exec.Cmd
	said         *bytes.Buffer
	words        io.WriteCloser // to the translator
	models       *bufio.Scanner // from it
}

// TLS is what a server proves itself by, and who believes it: PEM files.
type TLS struct{ Cert, Key, CA string }

// Start starts a server that takes [Token], with TLS unless p is the zero value and
// with more flags of `openfga run`. It skips the test where the programs are missing.
func Start(t testing.TB, p TLS, flags ...string) *Server {
	t.Helper()
	s := &Server{bin: programs(t), address: freeAddress(t), rpc: freeAddress(t), client: &http.Client{Timeout: 10 * time.Second}}
	s.URL = "http://" + s.address
	s.flags = append([]string{"run", "--http-addr", s.address, "--grpc-addr", s.rpc, "--authn-method", "preshared", "--authn-preshared-keys", Token,
		"--experimentals", "authzen", "--metrics-enabled=false", "--log-level", "error", "--log-format", "json"}, flags...)
	if p != (TLS{}) {
		s.URL = "https://" + s.address
		s.flags = append(s.flags, "--http-tls-enabled", "--http-tls-cert", p.Cert, "--http-tls-key", p.Key)
		pem, err := os.ReadFile(p.CA)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		s.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	}
	t.Cleanup(s.client.CloseIdleConnections)
	s.run(t)
	s.translator(t)
	return s
}

// programs returns the folder of the programs.
func programs(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		at := filepath.Join(dir, ".tools", "openfga")
		if _, missing := os.Stat(filepath.Join(at, "openfga")); missing == nil {
			return at
		}
		dir = filepath.Dir(dir)
	}
	t.Skip("OpenFGA is not built: make test-interop, or make openfga")
	return ""
}

// run starts the process and waits until it answers.
func (s *Server) run(t testing.TB) {
	t.Helper()
	s.said = &bytes.Buffer{}
	s.process = exec.Command(filepath.Join(s.bin, "openfga"), s.flags...)
	s.process.Stdout, s.process.Stderr = s.said, s.said
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		res, err := s.client.Get(s.URL + "/healthz")
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return
		}
	}
	s.Stop()
	t.Fatalf("OpenFGA does not answer: %s", s.said)
}

// Stop ends the process at once. What it kept is gone.
func (s *Server) Stop() {
	if s.process.ProcessState == nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
	}
}

// Pause has the server stand still until [Server.Resume]: connections to it are taken,
// and nothing is answered.
func (s *Server) Pause(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
	var status syscall.WaitStatus // its threads go on for a moment
	if _, err := syscall.Wait4(s.process.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("OpenFGA does not stand still: %v, %v", status, err)
	}
}

// Resume has the server go on.
func (s *Server) Resume(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, by syscall.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(by); err != nil {
		t.Fatal(err)
	}
}

// translator starts OpenFGA's parser.
func (s *Server) translator(t testing.TB) {
	t.Helper()
	c := exec.Command(filepath.Join(s.bin, "model"))
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = c.Wait() })
	s.words, s.models = in, bufio.NewScanner(out)
	s.models.Buffer(nil, 1<<20)
}

// Call sends a value as JSON to a path of the API, with [Token], and returns the
// status and the body of the answer.
func (s *Server) Call(t testing.TB, path string, question any) (status int, body []byte) {
	t.Helper()
	text, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+Token)
	r.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

// made sends a question whose answer is a new thing, and returns the id of it.
func (s *Server) made(t testing.TB, path, member string, question any) (id string, err error) {
	t.Helper()
	status, body := s.Call(t, path, question)
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %d %s", path, status, body)
	}
	if id, _ = answer[member].(string); status != http.StatusCreated || id == "" {
		return "", fmt.Errorf("OpenFGA answers %d %s", status, body)
	}
	return id, nil
}

// Store makes a store and returns its id.
func (s *Server) Store(t testing.TB) string {
	t.Helper()
	id, err := s.made(t, "/stores", "id", map[string]string{"name": "gatehouse test"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Model writes a model in OpenFGA's language to a store and returns its id. The error
// is what OpenFGA's parser or its server has against the model.
func (s *Server) Model(t testing.TB, store, text string) (id string, err error) {
	t.Helper()
	line, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(s.words, "%s\n", line); err != nil {
		t.Fatal(err)
	}
	if !s.models.Scan() {
		t.Fatalf("the translator has ended: %v", s.models.Err())
	}
	var a struct {
		Model json.RawMessage
		Error string
	}
	if err := json.Unmarshal(s.models.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	if a.Error != "" {
		return "", fmt.Errorf("OpenFGA's parser says: %s", a.Error)
	}
	return s.made(t, "/stores/"+store+"/authorization-models", "authorization_model_id", a.Model)
}

// Key is a tuple, or a question for one, as OpenFGA writes it.
type Key struct {
	User     string `json:"user"`
	Relation string `json:"relation"`
	Object   string `json:"object"`
}

// mostTuples is how many one call of the server writes.
const mostTuples = 100

// Write writes tuples ("doc:1#editor@user:anne") under a model.
func (s *Server) Write(t testing.TB, store, model string, tuples ...string) {
	t.Helper()
	s.change(t, store, model, "writes", tuples)
}

// Delete takes tuples away.
func (s *Server) Delete(t testing.TB, store, model string, tuples ...string) {
	t.Helper()
	s.change(t, store, model, "deletes", tuples)
}

func (s *Server) change(t testing.TB, store, model, how string, tuples []string) {
	t.Helper()
	type keys struct {
		Keys []Key `json:"tuple_keys"`
	}
	for len(tuples) > 0 {
		n := min(len(tuples), mostTuples)
		var list keys
		for _, text := range tuples[:n] {
			thing, user, _ := strings.Cut(text, "@")
			object, relation, _ := strings.Cut(thing, "#")
			list.Keys = append(list.Keys, Key{user, relation, object})
		}
		tuples = tuples[n:]
		if status, body := s.Call(t, "/stores/"+store+"/write", map[string]any{how: list, "authorization_model_id": model}); status != http.StatusOK {
			t.Fatalf("%s %v: %d %s", how, list, status, body)
		}
	}
}

// freeAddress returns one of loopback that nobody listens at.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
