package middleware_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/middleware"
)

type step struct {
	stage gatehouse.Stage
	need  gatehouse.Need
	do    func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error)
}

func (s *step) Compile(*gatehouse.Build) ([]gatehouse.Step, error) {
	return []gatehouse.Step{{Stage: s.stage, Need: s.need, Enforce: s.do, Prepare: func(x *gatehouse.Exchange) { x.Lookup.Path = "/orders/1" }}}, nil
}
func (s *step) Explain(*gatehouse.Sheet) {}

type operation struct{}

func (operation) ID() string       { return "op" }
func (operation) Method() string   { return "*" }
func (operation) Template() string { return "/" }

func pass(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
	return gatehouse.Pass, nil
}

func at(name string, s gatehouse.Stage, n gatehouse.Need, do func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error)) engine.Configured {
	return engine.Configured{Kind: gatehouse.Kind{Name: name}, Control: &step{s, n, do}}
}

// serve wraps next with the controls and serves it.
func serve(t *testing.T, next http.HandlerFunc, cfg middleware.Config, controls ...engine.Configured) string {
	t.Helper()
	waiver := &gatehouse.Waiver{Because: "a test of the door", Owner: "test@example.com", Until: time.Now().AddDate(0, 1, 0)}
	plan, err := engine.Compile(&gatehouse.Build{Operation: operation{}, Public: waiver, Caps: gatehouse.AllCaps, Now: time.Now, Kept: gatehouse.NewKept()}, controls)
	if err != nil {
		t.Fatal(err)
	}
	e := &gatehouse.Endpoint{Name: "op", Plan: plan, Declared: true}
	p, err := engine.NewPolicy([]engine.Site{{Hosts: []string{"*"}, Undeclared: e}}, e)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Gate = engine.NewGate(p)
	s := httptest.NewServer(middleware.Wrap(cfg, next))
	t.Cleanup(s.Close)
	return s.URL
}

func do(t *testing.T, method, url string, body io.Reader, fields ...string) (*http.Response, string) {
	t.Helper()
	q, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		q.Header.Set(fields[i], fields[i+1])
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(b)
}

func echo(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("X-Uri", r.RequestURI)
	w.Header().Set("X-Path", r.URL.Path)
	fmt.Fprintf(w, "%d %x", len(b), sha256.Sum256(b))
}

func TestGoodTrafficPassesTheMiddleware(t *testing.T) {
	for name, controls := range map[string][]engine.Configured{
		"streamed": nil,
		"held":     {at("schema", gatehouse.Validate, gatehouse.Body, pass), at("reply", gatehouse.Inspect, gatehouse.ReplyBody, pass)},
	} {
		url := serve(t, echo, middleware.Config{}, controls...)
		for _, size := range []int{0, 1, 5000, 1 << 20} {
			body := bytes.Repeat([]byte("a"), size)
			r, got := do(t, "POST", url+"/a%20b?x=1", bytes.NewReader(body))
			if want := fmt.Sprintf("%d %x", size, sha256.Sum256(body)); r.StatusCode != 200 || got != want {
				t.Errorf("ops.hosts %s, %d bytes: %d %s", name, size, r.StatusCode, got)
			}
			if r.Header.Get("X-Uri") != "/a%20b?x=1" || r.Header.Get("X-Path") != "/a b" {
				t.Errorf("ops.hosts %s: %v", name, r.Header)
			}
		}
	}
}

func TestTheHandlerSeesTheCanonicalRequestOnly(t *testing.T) {
	seen := make(chan *http.Request, 1)
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r }, middleware.Config{},
		at("identity", gatehouse.Forward, gatehouse.Head, func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
			x.Request.Forward.Add("x-user-id", "alice")
			return gatehouse.Pass, nil
		}))
	do(t, "GET", url+"/%61dmin", nil, "X-User-Id", "root", "X-HTTP-Method-Override", "DELETE", "X-Original-Url", "/admin", "X-Forwarded-For", "10.0.0.1")
	r := <-seen
	if v := r.Header.Values("X-User-Id"); len(v) != 1 || v[0] != "alice" {
		t.Errorf("R12: X-User-Id is %v", v)
	}
	if r.URL.Path != "/admin" || r.RequestURI != "/admin" || r.Method != "GET" {
		t.Errorf("R1: %s %s %s", r.Method, r.URL.Path, r.RequestURI)
	}
	for _, n := range []string{"X-Http-Method-Override", "X-Original-Url", "X-Forwarded-For"} {
		if r.Header.Get(n) != "" {
			t.Errorf("R10: %s survived", n)
		}
	}
}

func TestARefusedReplyNeverLeaves(t *testing.T) {
	secret := strings.Repeat("secret ", 1000)
	deny := func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
		return gatehouse.Deny(&gatehouse.Answer{Status: 502, Reason: "leak.blocked", Public: "No"}), nil
	}
	for name, need := range map[string]gatehouse.Need{"at the head": gatehouse.Reply, "at the body": gatehouse.ReplyBody} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Secret", "secret")
			for range 10 {
				_, _ = io.WriteString(w, secret)
				w.(http.Flusher).Flush()
			}
		}, middleware.Config{}, at("leak", gatehouse.Inspect, need, deny))
		r, got := do(t, "GET", url+"/", nil)
		if r.StatusCode != 502 || strings.Contains(got, "secret") || r.Header.Get("X-Secret") != "" {
			t.Errorf("output.validate %s: %d %.80s", name, r.StatusCode, got)
		}
	}
}

func TestABodyOverTheLimitIsRefusedByTheMiddleware(t *testing.T) {
	limit := at("size", gatehouse.Identify, gatehouse.Head, func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		x.Request.BodyLimit = 1000
		return gatehouse.Pass, nil
	})
	url := serve(t, echo, middleware.Config{}, limit)
	for n, want := range map[int]int{1000: 200, 1001: 413, 100_000: 413} {
		for _, known := range []bool{true, false} {
			var rd io.Reader = bytes.NewReader(make([]byte, n))
			if !known {
				rd = struct{ io.Reader }{rd}
			}
			if r, _ := do(t, "POST", url+"/", rd); r.StatusCode != want {
				t.Errorf("R21 %d bytes, length known %v: %d, want %d", n, known, r.StatusCode, want)
			}
		}
	}
}

func TestTheObjectIsLookedUpInTheHandler(t *testing.T) {
	var methods []string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		methods = append(methods, r.Method)
		_, _ = io.WriteString(w, `{"owner":"bob"}`)
	}, middleware.Config{}, at("object", gatehouse.Authorize, gatehouse.Object, func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		if x.Lookup.Status != 200 || string(x.Lookup.Body) != `{"owner":"bob"}` {
			t.Errorf("authz.object: looked up %d %s", x.Lookup.Status, x.Lookup.Body)
		}
		return gatehouse.Pass, nil
	}))
	do(t, "PATCH", url+"/orders/1", strings.NewReader("{}"))
	if fmt.Sprint(methods) != "[GET PATCH]" {
		t.Errorf("authz.object: the handler saw %v", methods)
	}
}

func TestTheMiddlewareAsksWhoTheClientIs(t *testing.T) {
	got := make(chan netip.Addr, 1)
	url := serve(t, echo, middleware.Config{Client: func(netip.Addr, gatehouse.Fields) (netip.Addr, bool) {
		return netip.MustParseAddr("192.0.2.7"), true
	}}, at("see", gatehouse.Identify, gatehouse.Head, func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		got <- x.Conn.Client
		if !x.Conn.Secure {
			t.Error("R10: the connection is not secure")
		}
		return gatehouse.Pass, nil
	}))
	do(t, "GET", url+"/", nil)
	if a := <-got; a != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("R10: client %s", a)
	}
}
