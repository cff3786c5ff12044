package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
)

// step is a control of one step, so that the door is tested without the house
// behind it.
type step struct {
	stage gatehouse.Stage
	need  gatehouse.Need
	do    func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error)
	path  string
}

func (s *step) Compile(*gatehouse.Build) ([]gatehouse.Step, error) {
	return []gatehouse.Step{{Stage: s.stage, Need: s.need, Enforce: s.do, Prepare: func(x *gatehouse.Exchange) { x.Lookup.Path = s.path }}}, nil
}

func (s *step) Explain(*gatehouse.Sheet) {}

type operation struct{ method, template string }

func (o operation) ID() string       { return o.method + " " + o.template }
func (o operation) Method() string   { return o.method }
func (o operation) Template() string { return o.template }

var waiver = &gatehouse.Waiver{Because: "a test of the door", Owner: "sre@example.com", Until: time.Now().AddDate(0, 1, 0)}

var headers = engine.Configured{Kind: gatehouse.Kind{Name: "headers"}, Control: &step{stage: gatehouse.Respond,
	do: func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		x.Response.Fields.Set("x-frame-options", "DENY")
		return gatehouse.Pass, nil
	}}}

// recorder keeps what was recorded.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) Record(x *gatehouse.Exchange, t gatehouse.Traffic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf("%s %s %d in=%d out=%d %s", strings.Clone(x.Request.Method), strings.Clone(x.Request.Path), x.Response.Status, t.In, t.Out, t.Aborted))
}

// door is a gateway in front of an upstream, for one test.
type door struct {
	addr   string
	gate   *engine.Gate
	server *proxy.Server
	record *recorder
}

// open starts a door in front of the address upstream. Every path is an endpoint
// under /{a}, /{a}/{b} and /{a}/{b}/{c} for the usual methods.
func open(t testing.TB, upstream string, cfg proxy.Config, tlsConfig *tls.Config, controls ...engine.Configured) *door {
	t.Helper()
	d := &door{record: &recorder{}}
	cfg.Gate = engine.NewGate(policy(t, upstream, controls...))
	if cfg.Record == nil {
		cfg.Record = d.record
	}
	d.gate = cfg.Gate
	s, err := proxy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d.server = s
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(l, tlsConfig) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutting down: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return d
}

func policy(t testing.TB, upstream string, controls ...engine.Configured) *engine.Policy {
	t.Helper()
	controls = append(controls, headers)
	u := &gatehouse.Upstream{Name: "test", Scheme: "http", Address: upstream}
	var es []*gatehouse.Endpoint
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		for _, p := range []string{"/", "/{a}", "/{a}/{b}", "/{a}/{b}/{c}"} {
			plan, err := engine.Compile(&gatehouse.Build{Operation: operation{m, p}, Public: waiver, Caps: gatehouse.AllCaps, Now: time.Now, Kept: gatehouse.NewKept()}, controls)
			if err != nil {
				t.Fatal(err)
			}
			es = append(es, &gatehouse.Endpoint{API: "test", Name: m + " " + p, Method: m, Template: p, Plan: plan, Upstream: u, Declared: true, WebSocket: p == "/{a}" && m == "GET"})
		}
	}
	lost, err := engine.CompileUndeclared(&gatehouse.Build{Caps: gatehouse.AllCaps, Now: time.Now, Kept: gatehouse.NewKept()}, controls[len(controls)-1:],
		&gatehouse.Answer{Status: 404, Reason: "undeclared", Public: "There is nothing here"})
	if err != nil {
		t.Fatal(err)
	}
	e := &gatehouse.Endpoint{Name: "lost", Plan: lost}
	p, err := engine.NewPolicy([]engine.Site{{Hosts: []string{"*"}, Endpoints: es, Undeclared: e}}, e)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// echo answers with what it got.
func echo(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		switch r.URL.Path {
		case "/large":
			n, _ := strconv.Atoi(r.URL.Query().Get("n"))
			w.Header().Set("Content-Length", strconv.Itoa(n))
			_, _ = w.Write(bytes.Repeat([]byte("x"), n))
			return
		case "/chunked":
			for i := range 50 {
				fmt.Fprintf(w, "piece %d\n", i)
				w.(http.Flusher).Flush()
			}
			return
		case "/nothing":
			w.WriteHeader(204)
			return
		case "/close":
			w.Header().Set("Connection", "close")
		case "/hang":
			select {
			case <-r.Context().Done():
			case <-time.After(20 * time.Second):
			}
			return
		}
		w.Header().Set("X-Method", r.Method)
		w.Header().Set("X-Host", r.Host)
		w.Header().Set("X-Uri", r.RequestURI)
		w.Header().Set("X-Length", strconv.FormatInt(r.ContentLength, 10))
		for k, v := range r.Header {
			w.Header()["Got-"+k] = v
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%d %x", len(b), sha256.Sum256(b))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func get(t testing.TB, c *http.Client, req *http.Request) (*http.Response, string) {
	t.Helper()
	r, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("%s %s: reading the body: %v", req.Method, req.URL, err)
	}
	return r, string(b)
}

func request(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var (
	bodyStep  = engine.Configured{Kind: gatehouse.Kind{Name: "schema"}, Control: &step{stage: gatehouse.Validate, need: gatehouse.Body, do: pass}}
	replyStep = engine.Configured{Kind: gatehouse.Kind{Name: "reply"}, Control: &step{stage: gatehouse.Inspect, need: gatehouse.ReplyBody, do: pass}}
)

func pass(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
	return gatehouse.Pass, nil
}

func TestGoodTrafficPassesStreamedAndHeld(t *testing.T) {
	up := echo(t)
	for name, controls := range map[string][]engine.Configured{"streamed": nil, "held": {bodyStep, replyStep}} {
		t.Run(name, func(t *testing.T) {
			d := open(t, up, proxy.Config{}, nil, controls...)
			c := &http.Client{}
			defer c.CloseIdleConnections()
			for _, size := range []int{0, 1, 600, 5000, 40_000, 100_000, 1 << 20} {
				body := bytes.Repeat([]byte("a"), size)
				want := fmt.Sprintf("%d %x", size, sha256.Sum256(body))
				for _, known := range []bool{true, false} {
					var rd io.Reader = bytes.NewReader(body)
					if !known {
						rd = struct{ io.Reader }{rd}
					}
					r, got := get(t, c, request(t, "POST", "http://"+d.addr+"/echo?a=1", rd))
					if r.StatusCode != 200 || got != want {
						t.Errorf("POST %d bytes, length known %v: %d %s", size, known, r.StatusCode, got)
					}
					if r.Header.Get("X-Frame-Options") != "DENY" || r.Header.Get("X-Uri") != "/echo?a=1" {
						t.Errorf("fields %v", r.Header)
					}
				}
			}
			for _, n := range []int{0, 10, 5000, 70_000, 3 << 20} {
				if r, got := get(t, c, request(t, "GET", fmt.Sprintf("http://%s/large?n=%d", d.addr, n), nil)); len(got) != n || r.ContentLength != int64(n) {
					t.Errorf("a reply of %d bytes came as %d, Content-Length %d", n, len(got), r.ContentLength)
				}
			}
			if _, got := get(t, c, request(t, "GET", "http://"+d.addr+"/chunked", nil)); strings.Count(got, "piece") != 50 {
				t.Errorf("a chunked reply came as %q", got)
			}
			if r, got := get(t, c, request(t, "GET", "http://"+d.addr+"/nothing", nil)); r.StatusCode != 204 || got != "" {
				t.Errorf("204 came as %d %q", r.StatusCode, got)
			}
			for range 3 {
				if r, _ := get(t, c, request(t, "GET", "http://"+d.addr+"/close", nil)); r.StatusCode != 200 {
					t.Errorf("after a reply that closes: %d", r.StatusCode)
				}
			}
			r, got := get(t, c, request(t, "HEAD", "http://"+d.addr+"/large?n=5000", nil))
			if r.StatusCode != 200 || got != "" {
				t.Errorf("HEAD came as %d %q", r.StatusCode, got)
			}
			if name == "streamed" && r.ContentLength != 5000 {
				t.Errorf("HEAD lost its Content-Length: %d", r.ContentLength)
			}
		})
	}
}

// raw sends bytes on a fresh connection and returns what came back until the
// server closed or was silent.
func raw(t testing.TB, addr, send string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
	b, _ := io.ReadAll(c)
	return string(b)
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	d := open(t, echo(t), proxy.Config{}, nil)
	got := raw(t, d.addr, "GET /one HTTP/1.1\r\nHost: api.test\r\n\r\nPOST /two HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\nabc"+
		"GET /three HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n")
	var order []string
	br := bufio.NewReader(strings.NewReader(got))
	for {
		r, err := http.ReadResponse(br, nil)
		if err != nil {
			break
		}
		_, _ = io.Copy(io.Discard, r.Body)
		order = append(order, r.Header.Get("X-Uri"))
	}
	if !slices.Equal(order, []string{"/one", "/two", "/three"}) {
		t.Errorf("answers %v in %q", order, got)
	}
}

func TestAClientThatExpects100ContinueGetsIt(t *testing.T) {
	d := open(t, echo(t), proxy.Config{}, nil)
	got := raw(t, d.addr, "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc")
	if !strings.HasPrefix(got, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200") {
		t.Errorf("got %q", got)
	}
}

func TestARefusedBodyIsNotAskedFor(t *testing.T) {
	no := engine.Configured{Kind: gatehouse.Kind{Name: "no"}, Control: &step{stage: gatehouse.Identify, do: func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
		return gatehouse.Deny(&gatehouse.Answer{Status: 403, Reason: "no", Public: "No"}), nil
	}}}
	d := open(t, echo(t), proxy.Config{}, nil, no)
	got := raw(t, d.addr, "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 403 ") || strings.Contains(got, "100 Continue") || !strings.Contains(got, "connection: close\r\n") {
		t.Errorf("got %q", got)
	}
	got = raw(t, d.addr, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if strings.Count(got, "HTTP/1.1 403 ") != 2 {
		t.Errorf("the connection did not go on after a small unread body: %q", got)
	}
}

func TestABodyOverTheLimitIsRefusedWhateverItsFraming(t *testing.T) {
	limit := engine.Configured{Kind: gatehouse.Kind{Name: "size"}, Control: &step{stage: gatehouse.Identify, do: func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		x.Request.BodyLimit = 1000
		return gatehouse.Pass, nil
	}}}
	d := open(t, echo(t), proxy.Config{}, nil, limit)
	for _, n := range []int{1000, 1001, 200_000} {
		for _, known := range []bool{true, false} {
			var rd io.Reader = bytes.NewReader(make([]byte, n))
			if !known {
				rd = struct{ io.Reader }{rd}
			}
			r, _ := get(t, http.DefaultClient, request(t, "POST", "http://"+d.addr+"/x", rd))
			if want := map[bool]int{true: 200, false: 413}[n <= 1000]; r.StatusCode != want {
				t.Errorf("R21 input.payload-limit: %d bytes, length known %v: %d", n, known, r.StatusCode)
			}
		}
	}
}

func TestADeadIdleConnectionCostsNoRequest(t *testing.T) {
	var conns atomic.Int32
	up := listen(t, func(c net.Conn) {
		conns.Add(1)
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
		time.Sleep(20 * time.Millisecond) // and closes without saying so
		_ = c.Close()
	})
	d := open(t, up, proxy.Config{}, nil)
	for i := range 5 {
		for _, m := range []string{"GET", "POST"} {
			r, got := get(t, http.DefaultClient, request(t, m, "http://"+d.addr+"/x", strings.NewReader("")))
			if r.StatusCode != 200 || got != "ok" {
				t.Errorf("%s %d: %d %q", m, i, r.StatusCode, got)
			}
			time.Sleep(40 * time.Millisecond)
		}
	}
	if conns.Load() != 10 {
		t.Errorf("%d connections for 10 requests", conns.Load())
	}
}

// An upstream may close its side and go on reading for long, as Apache does
// (lingering_close): no end of the connection tells that the request came to nothing.
func TestAHalfClosedIdleConnectionCostsNoRequest(t *testing.T) {
	var conns atomic.Int32
	up := listen(t, func(c net.Conn) {
		conns.Add(1)
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	})
	d := open(t, up, proxy.Config{}, nil)
	for i := range 5 {
		began := time.Now()
		if r, got := get(t, http.DefaultClient, request(t, "GET", "http://"+d.addr+"/x", nil)); r.StatusCode != 200 || got != "ok" {
			t.Errorf("%d: %d %q", i, r.StatusCode, got)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%d: noticed after %s", i, took)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if conns.Load() != 5 {
		t.Errorf("%d connections for 5 requests", conns.Load())
	}
}

func TestASlowReplyLeavesTheConnectionGood(t *testing.T) {
	var conns atomic.Int32
	up := listen(t, func(c net.Conn) {
		conns.Add(1)
		for r := bufio.NewReader(c); ; {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			time.Sleep(500 * time.Millisecond)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
			time.Sleep(300 * time.Millisecond)
			_, _ = io.WriteString(c, "ngth: 2\r\n\r\nok")
		}
	})
	d := open(t, up, proxy.Config{}, nil)
	for i := range 3 {
		if r, got := get(t, http.DefaultClient, request(t, "GET", "http://"+d.addr+"/x", nil)); r.StatusCode != 200 || got != "ok" {
			t.Errorf("%d: %d %q", i, r.StatusCode, got)
		}
	}
	if conns.Load() != 1 {
		t.Errorf("%d connections for 3 requests, one after the other", conns.Load())
	}
}

// TestAConnectionToASocketIsUsedAgain sends what must not be sent twice to an
// upstream behind a Unix socket, as our own authorization server is: a connection
// that is open and silent is good for it.
func TestAConnectionToASocketIsUsedAgain(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	var conns atomic.Int32
	up := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }), ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}}
	go func() { _ = up.Serve(l) }()
	t.Cleanup(func() { _ = up.Close() })
	d := open(t, "unix:"+l.Addr().String(), proxy.Config{}, nil)
	for range 5 {
		if r, got := get(t, http.DefaultClient, request(t, "POST", "http://"+d.addr+"/x", strings.NewReader("{}"))); r.StatusCode != 200 || got != "ok" {
			t.Fatalf("%d %q", r.StatusCode, got)
		}
	}
	if conns.Load() != 1 {
		t.Errorf("%d connections for 5 requests", conns.Load())
	}
}

func TestANonIdempotentRequestIsNeverSentTwice(t *testing.T) {
	var posts atomic.Int32
	up := listen(t, func(c net.Conn) {
		defer func() { _ = c.Close() }()
		br := bufio.NewReader(c)
		for {
			r, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			if r.Method == "POST" {
				posts.Add(1)
				return // dies after it has taken the request
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	d := open(t, up, proxy.Config{}, nil)
	get(t, http.DefaultClient, request(t, "GET", "http://"+d.addr+"/x", nil))
	r, _ := get(t, http.DefaultClient, request(t, "POST", "http://"+d.addr+"/x", strings.NewReader("{}")))
	if r.StatusCode != 502 || posts.Load() != 1 {
		t.Errorf("status %d, sent %d times", r.StatusCode, posts.Load())
	}
}

// listen serves every connection with f.
func listen(t testing.TB, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go f(c)
		}
	}()
	return l.Addr().String()
}

func TestAnUpstreamThatAnswersGarbageGives502WithoutInternals(t *testing.T) {
	for name, reply := range map[string]string{
		"not http":      "hello\r\n\r\n",
		"te and cl":     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two lengths":   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
		"bare lf":       "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
		"fold":          "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
		"unasked 101":   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		"closes":        "",
		"cut body held": "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok",
	} {
		t.Run(name, func(t *testing.T) {
			up := listen(t, func(c net.Conn) {
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, reply)
				_ = c.Close()
			})
			d := open(t, up, proxy.Config{}, nil, replyStep)
			r, got := get(t, http.DefaultClient, request(t, "GET", "http://"+d.addr+"/x", nil))
			if r.StatusCode != 502 || r.Header.Get("X-Frame-Options") != "DENY" || strings.Contains(got, "127.0.0.1") {
				t.Errorf("%d %v %s", r.StatusCode, r.Header, got)
			}
		})
	}
}

func TestAnUpstreamThatIsAwayOrSlowGives502And504(t *testing.T) {
	d := open(t, "127.0.0.1:1", proxy.Config{}, nil)
	if r, _ := get(t, http.DefaultClient, request(t, "GET", "http://"+d.addr+"/x", nil)); r.StatusCode != 502 {
		t.Errorf("away: %d", r.StatusCode)
	}
	d = open(t, echo(t), proxy.Config{UpstreamTime: 300 * time.Millisecond}, nil)
	if r, _ := get(t, http.DefaultClient, request(t, "GET", "http://"+d.addr+"/hang", nil)); r.StatusCode != 504 {
		t.Errorf("slow: %d", r.StatusCode)
	}
}

func TestAStreamedAnswerThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	up := listen(t, func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		time.Sleep(50 * time.Millisecond)
		_ = c.Close()
	})
	d := open(t, up, proxy.Config{}, nil)
	r, err := http.Get("http://" + d.addr + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if b, err := io.ReadAll(r.Body); err == nil {
		t.Errorf("the cut answer was whole to the client: %q", b)
	}
}

func TestTheObjectIsLookedUpBeforeAWrite(t *testing.T) {
	var seen []string
	var mu sync.Mutex
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		mu.Unlock()
		fmt.Fprint(w, `{"owner":"bob"}`)
	}))
	defer s.Close()
	look := engine.Configured{Kind: gatehouse.Kind{Name: "object"}, Control: &step{stage: gatehouse.Authorize, need: gatehouse.Object, path: "/orders/1",
		do: func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
			if x.Lookup.Status != 200 || string(x.Lookup.Body) != `{"owner":"bob"}` {
				return gatehouse.Verdict{}, errors.New("no object")
			}
			return gatehouse.Pass, nil
		}}}
	d := open(t, s.Listener.Addr().String(), proxy.Config{}, nil, bodyStep, look)
	req := request(t, "PATCH", "http://"+d.addr+"/orders/1", strings.NewReader("{}"))
	req.Header.Set("Authorization", "Bearer x")
	r, _ := get(t, http.DefaultClient, req)
	if want := []string{"GET /orders/1 Bearer x", "PATCH /orders/1 Bearer x"}; r.StatusCode != 200 || !slices.Equal(seen, want) {
		t.Errorf("authz.object: %d, upstream saw %v", r.StatusCode, seen)
	}
}

func TestTheCapPerAddressHolds(t *testing.T) {
	d := open(t, echo(t), proxy.Config{MaxConnsPerIP: 3}, nil)
	var open []net.Conn
	for range 5 {
		c, err := net.Dial("tcp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		open = append(open, c)
	}
	served := 0
	for _, c := range open {
		_, _ = io.WriteString(c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		if n, _ := c.Read(make([]byte, 1)); n == 1 {
			served++
		}
	}
	if served != 3 {
		t.Errorf("limit.concurrency: %d of 5 connections of one address were served, the cap is 3", served)
	}
}

func TestTheClientsAddressComesFromTheConfiguredSource(t *testing.T) {
	got := make(chan netip.Addr, 1)
	see := engine.Configured{Kind: gatehouse.Kind{Name: "see"}, Control: &step{stage: gatehouse.Identify, do: func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		got <- x.Conn.Client
		return gatehouse.Pass, nil
	}}}
	d := open(t, echo(t), proxy.Config{Client: func(peer netip.Addr, f gatehouse.Fields) (netip.Addr, bool) {
		a, err := netip.ParseAddr(f.Get("x-forwarded-for"))
		if err != nil {
			return peer, false
		}
		return a, true
	}}, nil, see)
	req := request(t, "GET", "http://"+d.addr+"/x", nil)
	req.Header.Set("X-Forwarded-For", "192.0.2.7")
	get(t, http.DefaultClient, req)
	if a := <-got; a != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("R10: client %s", a)
	}
}

func TestAShutdownLetsRequestsEnd(t *testing.T) {
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(300 * time.Millisecond)
		fmt.Fprint(w, "done")
	}))
	defer slow.Close()
	d := open(t, slow.Listener.Addr().String(), proxy.Config{}, nil)
	answered := make(chan string, 1)
	go func() {
		r, err := http.Get("http://" + d.addr + "/x")
		if err != nil {
			answered <- err.Error()
			return
		}
		b, _ := io.ReadAll(r.Body)
		answered <- string(b)
	}()
	idle, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = idle.Close() }()
	time.Sleep(100 * time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := d.server.Shutdown(ctx); err != nil {
		t.Errorf("ops.reload: %v", err)
	}
	if got := <-answered; got != "done" {
		t.Errorf("ops.reload: the request in progress got %q", got)
	}
}
