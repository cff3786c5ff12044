package acceptance

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
)

// built says that gatehouseBinary was asked.
var built atomic.Bool

// gatehouseBinary builds the program once.
var gatehouseBinary = sync.OnceValues(func() (string, error) {
	built.Store(true)
	dir, err := os.MkdirTemp("", "gatehouse-acceptance")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "gatehouse")
	out, err := exec.Command("go", "build", "-o", bin, "../cmd/gatehouse").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return bin, nil
})

func binary(t testing.TB) string {
	t.Helper()
	bin, err := gatehouseBinary()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// running is a `gatehouse serve` of its own process.
type running struct {
	cmd   *exec.Cmd
	addr  string
	start time.Duration
	mu    sync.Mutex
	err   bytes.Buffer
}

func (r *running) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err.String()
}

// startServe runs the program until the test ends; addr must be what the
// configuration says.
func startServe(t testing.TB, config, addr string) *running {
	t.Helper()
	r := &running{addr: addr, cmd: exec.Command(binary(t), "serve", "--config", config)}
	began := time.Now()
	p, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Stdout = out
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s := bufio.NewScanner(p)
		for s.Scan() {
			r.mu.Lock()
			r.err.Write(append(s.Bytes(), '\n'))
			r.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
		done := make(chan error, 1)
		go func() { done <- r.cmd.Wait() }()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("serve ended with %v\n%s", err, r.log())
			}
		case <-time.After(20 * time.Second):
			_ = r.cmd.Process.Kill()
			t.Errorf("serve did not end\n%s", r.log())
		}
		_ = out.Close()
	})
	for {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = c.Close()
			r.start = time.Since(began)
			return r
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("serve does not listen\n%s", r.log())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// rss returns the resident memory of a process in MiB.
func rss(t testing.TB, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		var kb int
		if n, _ := fmt.Sscanf(l, "VmRSS: %d kB", &kb); n == 1 {
			return kb >> 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

func TestTheDescriptionOfGitHubIsServed(t *testing.T) {
	description, err := filepath.Abs("../../shared/corpora/openapi/github.v3.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(description); err != nil {
		t.Skipf("the corpus is not here: %v", err)
	}
	dir := t.TempDir()
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var reached []string
	var mu sync.Mutex
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		reached = append(reached, r.Method+" "+r.URL.Path)
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `[{"id":1,"node_id":"x","url":"https://api.github.test/l","name":"bug","description":null,"color":"ffffff","default":true}]`)
	})}
	go func() { _ = s.Serve(up) }()
	defer func() { _ = s.Close() }()
	issuer, stop, err := devissuer.Start("https://api.github.test")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	file := filepath.Join(dir, "gatehouse.yaml")
	run := func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		out, err := exec.CommandContext(ctx, binary(t), args...).CombinedOutput()
		if err != nil {
			t.Fatalf("gatehouse %v: %v\n%.4000s", args, err, out)
		}
		return string(out)
	}
	run("init", description, "-o", file, "--upstream", "http://"+up.Addr().String(), "--issuer", issuer.URL, "--audience", issuer.Audience)
	began := time.Now()
	run("check", "--config", file)
	checked := time.Since(began)
	addr, admin := casetest.FreeAddress(t), casetest.FreeAddress(t)
	place(t, file, addr, admin)
	r := startServe(t, file, addr)
	token := issuer.Mint(devissuer.Claims{Subject: "alice", Roles: []string{"user"}})
	call := func(method, path, token string) int {
		t.Helper()
		q, err := http.NewRequest(method, "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			q.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode >= 400 {
			t.Logf("%s %s: %d %s", method, path, res.StatusCode, b)
		}
		return res.StatusCode
	}
	for _, c := range []struct {
		method, path, token string
		want                int
	}{
		{"GET", "/repos/octo/hello/issues/7/labels?per_page=10", token, 200},
		{"DELETE", "/repos/octo/hello", token, 403},
		{"GET", "/repos/octo/hello/issues?per_page=10&state=open", "", 401},
		{"GET", "/repos/octo/hello/issues?per_page=999999999", token, 400},
		{"GET", "/repos/octo/hello/nothing-like-this", token, 404},
		{"TRACE", "/emojis", token, 405},
		{"PURGE", "/emojis", token, 405},
	} {
		if got := call(c.method, c.path, c.token); got != c.want {
			t.Errorf("input.positive %s %s: %d, want %d", c.method, c.path, got, c.want)
		}
	}
	mem := rss(t, r.cmd.Process.Pid)
	t.Logf("figure start %.2f s/5, check %.2f s/5, RSS %d/300 MiB, upstream reached %v", r.start.Seconds(), checked.Seconds(), mem, reached)
	if r.start > 5*time.Second || checked > 5*time.Second || mem > 300 || len(reached) != 1 {
		t.Error("not within the bars")
	}
}

// place writes the addresses into a configuration that init wrote.
func place(t testing.TB, file, addr, admin string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, apis, ok := strings.Cut(string(b), "\napis:\n")
	if !ok {
		t.Fatalf("no apis in what init wrote:\n%.1000s", b)
	}
	text := fmt.Sprintf("listen: {address: %q}\nadmin: {address: %q}\nstate: ./state\napis:\n%s", addr, admin, apis)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
