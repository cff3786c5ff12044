package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/control/all"
	"github.com/gatehouse-api/gatehouse/examples/orders"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// errand is a request of the orders' clients.
type errand struct {
	who, method, target, body string
	status                    int
}

// errands are what four customers and an administrator do in an afternoon.
func errands() (list []errand) {
	for round := range 12 {
		for i, who := range []string{"alice", "bob", "carol", "dave"} {
			order := []string{"ord-1001", "ord-2001", "ord-3001", "ord-4001"}[i]
			list = append(list,
				errand{who, "GET", "/v1/status", "", 200},
				errand{who, "GET", fmt.Sprintf("/v1/orders?limit=%d", 1+round), "", 200},
				errand{who, "GET", "/v1/orders?status=open", "", 200},
				errand{who, "GET", "/v1/orders/" + order, "", 200},
				errand{who, "POST", "/v1/orders", fmt.Sprintf(`{"item":"string %d","quantity":%d}`, round, 1+i), 201},
				errand{who, "PATCH", "/v1/orders/" + order, fmt.Sprintf(`{"quantity":%d}`, 1+round), 200},
				errand{who, "GET", "/v1/search?q=ring", "", 200},
				errand{who, "GET", "/v1/me", "", 200},
			)
		}
		list = append(list, errand{"ada", "GET", "/v1/admin/users", "", 200}, errand{"ada", "DELETE", fmt.Sprintf("/v1/admin/users/u-%d", round), "", 204})
	}
	return list
}

// background runs a verb and returns what it prints, and what it ends with.
func background(t *testing.T, args ...string) (lines *bufio.Scanner, stderr *bytes.Buffer, code chan int) {
	t.Helper()
	r, w := io.Pipe()
	stderr, code = &bytes.Buffer{}, make(chan int, 1)
	go func() {
		defer w.Close()
		code <- run(args, w, stderr)
	}()
	return bufio.NewScanner(r), stderr, code
}

func recordingAt(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	if !lines.Scan() {
		t.Fatal("nothing is recorded")
	}
	_, rest, _ := strings.Cut(lines.Text(), "recording on ")
	address, _, _ := strings.Cut(rest, " ")
	return address
}

// does sends an errand.
func (e errand) does(t *testing.T, address, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(e.method, address+e.target, strings.NewReader(e.body))
	if err != nil {
		t.Fatal(err)
	}
	if e.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if strings.Contains(address, "rebound.localhost") {
		r.URL.Host, r.Host = strings.Replace(r.URL.Host, "rebound.localhost", "127.0.0.1", 1), "rebound.example"
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// afternoon is the orders' API without a description, those who use it, and where
// the files of one run are.
type afternoon struct {
	*testing.T
	api                         *orders.API
	upstream                    *httptest.Server
	issuer                      *devissuer.Issuer
	tokens                      map[string]string
	dir, description, gatehouse string
}

const learnedAudience = "https://api.example.com/learned"

func newAfternoon(t *testing.T) *afternoon {
	t.Helper()
	api, err := orders.Open()
	if err != nil {
		t.Fatal(err)
	}
	issuer, stop, err := devissuer.Start(learnedAudience)
	if err != nil {
		t.Fatal(err)
	}
	a := &afternoon{T: t, api: api, upstream: httptest.NewServer(api), issuer: issuer, tokens: map[string]string{}, dir: t.TempDir()}
	t.Cleanup(func() {
		stop()
		a.upstream.Close()
		_ = api.Close()
	})
	a.description, a.gatehouse = filepath.Join(a.dir, "openapi.yaml"), filepath.Join(a.dir, "gatehouse.yaml")
	for who, role := range map[string]string{"alice": "user", "bob": "user", "carol": "user", "dave": "user", "ada": "admin"} {
		a.tokens[who] = issuer.Mint(devissuer.Claims{Subject: who, Tenant: "acme", Roles: []string{role}, Set: map[string]string{"exp": fmt.Sprint(time.Now().Add(15 * time.Minute).Unix())}})
	}
	return a
}

// recorded learns from the errands and returns the description.
func (a *afternoon) recorded(list []errand) []byte {
	a.Helper()
	lines, stderr, code := background(a.T, "learn", "--upstream", a.upstream.URL, "--listen", "127.0.0.1:0", "--out", a.description, "--requests", fmt.Sprint(len(list)), "--title", "Learned")
	address := recordingAt(a.T, lines)
	for _, e := range list {
		if status, text := e.does(a.T, address, a.tokens[e.who]); status != e.status {
			a.Fatalf("%v without a gateway: %d %s", e, status, text)
		}
	}
	lines.Scan()
	if c := <-code; c != 0 || !strings.Contains(lines.Text(), "9 operations, learned from 408 of 408 exchanges") {
		a.Fatalf("%d: %s %s", c, lines.Text(), stderr)
	}
	for _, want := range []string{"development", "password_hash", "supplier_key"} {
		if !strings.Contains(stderr.String(), want) {
			a.Errorf("no warning of %s: %s", want, stderr)
		}
	}
	text, err := os.ReadFile(a.description)
	if err != nil {
		a.Fatal(err)
	}
	return text
}

// configured takes the secrets out of the description, and writes a configuration
// for it that passes check.
func (a *afternoon) configured(text []byte) {
	a.Helper()
	var kept []byte
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, []byte("password_hash:")) && !bytes.Contains(line, []byte("supplier_key:")) {
			kept = append(kept, strings.NewReplacer(", password_hash", "", ", supplier_key", "").Replace(string(line))...)
		}
	}
	if err := os.WriteFile(a.description, kept, 0o600); err != nil {
		a.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if c := run([]string{"init", a.description, "-o", a.gatehouse, "--issuer", a.issuer.URL, "--audience", learnedAudience}, &stdout, &stderr); c != 0 {
		a.Fatalf("init: %d: %s %s", c, &stdout, &stderr)
	}
	draft, err := os.ReadFile(a.gatehouse)
	if err != nil {
		a.Fatal(err)
	}
	served := fmt.Sprintf("environment: development\nstate: %s\nadmin: {address: %q}\n", filepath.Join(a.dir, "state"), casetest.FreeAddress(a.T)) + strings.NewReplacer(
		"127.0.0.1:8443", casetest.FreeAddress(a.T), "    # public:", "    public:", "    #   getStatus:", "      getStatus:").Replace(string(draft))
	if err := os.WriteFile(a.gatehouse, []byte(served), 0o600); err != nil {
		a.Fatal(err)
	}
	stdout.Reset()
	if c := run([]string{"check", "--config", a.gatehouse}, &stdout, &stderr); c != 0 || !strings.Contains(stdout.String(), "9 endpoints") || !strings.Contains(stdout.String(), "0 errors") {
		a.Fatalf("check: %d: %s\n%s", c, &stdout, served)
	}
}

// through sends errands through a gateway of their own, with fresh limits of rate,
// and returns how many are answered as they say.
func (a *afternoon) through(list []errand) (answered int) {
	a.Helper()
	f, err := config.Load(a.gatehouse, all.Kinds, config.Options{})
	if err != nil {
		a.Fatal(err)
	}
	g, err := startGateway(f, gatewayOptions{Log: io.Discard})
	if err != nil {
		a.Fatal(err)
	}
	for _, e := range list {
		switch status, text := e.does(a.T, "http://"+g.Addr, a.tokens[e.who]); {
		case status != e.status:
			a.Errorf("%v: %d %s", e, status, text)
		case strings.Contains(text, "argon2"), strings.Contains(text, "sk_supplier"):
			a.Errorf("%v: a secret leaves: %s", e, text)
		default:
			answered++
		}
	}
	if err := g.Close(context.Background()); err != nil {
		a.Fatal(err)
	}
	return answered
}

// ops.learn: from an API without a description to one behind the gateway: learn,
// init, check, serve; the traffic passes, and what was never seen does not.
func TestWhatIsLearnedIsServed(t *testing.T) {
	a := newAfternoon(t)
	list := errands()
	text := a.recorded(list)
	for _, person := range []string{"alice", "acme", "Archer", "argon2", "ord-1", "string ", "eyJ"} {
		if bytes.Contains(text, []byte(person)) {
			t.Errorf("%q is in the description", person)
		}
	}
	a.configured(text)
	if err := a.api.Reset(); err != nil {
		t.Fatal(err)
	}
	passed := 0
	for round := range 12 {
		passed += a.through(list[round*34 : round*34+34])
	}
	refused := a.through([]errand{
		{"bob", "DELETE", "/v1/admin/users/u-1", "", 403},
		{"bob", "GET", "/v1/internal/export", "", 404},
		{"bob", "GET", "/v1/orders?as=alice", "", 400},
		{"bob", "POST", "/v1/orders", `{"item":"bow","quantity":1,"paid":true}`, 400},
		{"bob", "POST", "/v1/orders", `{"item":"bow","quantity":-1}`, 400},
		{"bob", "POST", "/v1/orders", `{"item":"bow","quantity":"1"}`, 400},
		{"bob", "PUT", "/v1/orders/ord-2001", `{"quantity":1}`, 405},
		{"bob", "GET", "/v1/orders/ord-1001", "", 403},
		{"bob", "GET", "/v1/admin/users", "", 403},
		{"bob", "PATCH", "/v1/me", `{"role":"admin"}`, 405},
	})
	if passed != 408 || refused != 10 {
		t.Errorf("%d passed, %d refused\n%s", passed, refused, text)
	}
}

// ops.learn
func TestLearnEndsAtASignalAndAfterItsTime(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer upstream.Close()
	for name, end := range map[string]func(){"": func() { _ = syscall.Kill(os.Getpid(), syscall.SIGINT) }, "1s": func() {}} {
		out := filepath.Join(t.TempDir(), "openapi.yaml")
		args := []string{"learn", "--upstream", upstream.URL, "--listen", "localhost:0", "--out", out}
		if name != "" {
			args = append(args, "--for", name)
		}
		lines, stderr, code := background(t, args...)
		address := recordingAt(t, lines)
		errand{"", "DELETE", "/v1/things/7", "", 204}.does(t, address, "x")
		if status, _ := (errand{"", "GET", "/v1/rebound/7", "", 421}).does(t, strings.NewReplacer("127.0.0.1", "rebound.localhost").Replace(address), "x"); status != 421 {
			t.Errorf("reached by another name: %d", status)
		}
		end()
		lines.Scan()
		if c := <-code; c != 0 {
			t.Fatalf("%d %s", c, stderr)
		}
		if d, err := openapi.Load(out); err != nil || len(d.Operations) != 1 || d.Operations[0].ID() != "deleteThing" {
			t.Errorf("%v %+v", err, d)
		}
		if left, _ := filepath.Glob(filepath.Dir(out) + "/.*"); len(left) > 0 {
			t.Errorf("files are left: %v", left)
		}
	}
}

// ops.learn
func TestLearnReadsAnArchiveOfOneHost(t *testing.T) {
	out := filepath.Join(t.TempDir(), "openapi.yaml")
	archive := "../../learn/testdata/browser.har"
	says := func(want int, holds string, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if c := run(append([]string{"learn"}, args...), &stdout, &stderr); c != want || !strings.Contains(stdout.String()+stderr.String(), holds) {
			t.Errorf("%v: %d %s%s, want %d and %q", args, c, &stdout, &stderr, want, holds)
		}
	}
	says(1, "several hosts: https://api.example.com (9), https://cdn.example.com (1); write: --host https://api.example.com", "--har", archive, "--out", out)
	says(1, "nothing went to x.example", "--har", archive, "--out", out, "--host", "x.example")
	says(1, "nothing was written", "--har", archive, "--out", out, "--host", "cdn.example.com")
	says(0, "6 operations, learned from 6 of 9 exchanges", "--har", archive, "--out", out, "--host", "API.example.com")
	says(1, "is there already", "--har", archive, "--out", out)
	if d, err := openapi.Load(out); err != nil || d.Operation("login") == nil || len(d.Servers) != 1 || d.Servers[0] != "https://api.example.com" {
		t.Errorf("%v %+v", err, d)
	}
	more, old := filepath.Join(t.TempDir(), "more.yaml"), describe(t, `{"openapi":"3.0.3","info":{"title":"x","version":"1"},"paths":{}}`)
	says(1, "is OpenAPI 3.0.3", "--har", archive, "--out", more, "--host", "api.example.com", "--merge", old)
	mine := describe(t, `{"openapi":"3.1.0","info":{"title":"x","version":"1"},"paths":{"/v1/pets":{"get":{"operationId":"mine","responses":{"200":{"description":"ok"}}}}}}`)
	says(0, "5 operations, learned from 5 of 9 exchanges", "--har", archive, "--out", more, "--host", "api.example.com", "--merge", mine)
	if d, err := openapi.Load(more); err != nil || d.Operation("mine") == nil || d.Operation("listPets") != nil || len(d.Operations) != 6 {
		t.Errorf("%v %+v", err, d)
	}
	broken := filepath.Join(t.TempDir(), "broken.har")
	if err := os.WriteFile(broken, []byte("{\"log\":\n {\"entries\": [{]}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "openapi.yaml")
	says(1, "broken.har:2:16: this is not JSON", "--har", broken, "--out", fresh)
	says(1, "no such file", "--har", filepath.Join(t.TempDir(), "none.har"), "--out", fresh)
	says(2, "from where?", "--out", fresh)
	says(2, "from where?", "--out", fresh, "--har", archive, "--upstream", "http://127.0.0.1:1")
	says(2, "unexpected argument", "x")
	says(0, "usage: gatehouse learn", "--help")
	for _, address := range []string{"0.0.0.0:0", ":8088", "10.0.0.1:1", "example.com:80", "127.0.0.1"} {
		says(1, "loopback only", "--upstream", "http://127.0.0.1:1", "--listen", address, "--out", fresh)
	}
	for _, upstream := range []string{"127.0.0.1:9000", "ftp://x", "http://u:p@x", "http://x?y", "http://"} {
		says(1, "is no address of an API", "--upstream", upstream, "--out", fresh)
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("a document was written")
	}
}
