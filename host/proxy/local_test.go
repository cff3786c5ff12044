package proxy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
)

// inProcess opens a door in front of a handler of this program.
func inProcess(t testing.TB, cfg proxy.Config, h http.HandlerFunc, controls ...engine.Configured) *door {
	t.Helper()
	cfg.Local = map[string]http.Handler{"own": h}
	return open(t, gatehouse.InProcess+"own", cfg, nil, controls...)
}

func TestAHandlerIsAskedWhatTheWireWouldHaveCarried(t *testing.T) {
	type asked struct {
		Method, URI, Host, Path, Query, Body string
		Length                               int64
		Header                               http.Header
	}
	note := func(to chan<- asked) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			r.Header.Del("Traceparent") // another one for every request, as is the next
			r.Header.Del("X-Request-Id")
			to <- asked{r.Method, r.RequestURI, r.Host, r.URL.Path, r.URL.RawQuery, string(b), r.ContentLength, r.Header.Clone()}
		}
	}
	forward := engine.Configured{Kind: gatehouse.Kind{Name: "forward"}, Control: &step{stage: gatehouse.Authorize, do: func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		x.Request.Drop = append(x.Request.Drop, "authorization")
		x.Request.Forward.Set("gatehouse-identity", "proven")
		return gatehouse.Pass, nil
	}}}
	called, dialled := make(chan asked, 1), make(chan asked, 1)
	up := &http.Server{ReadHeaderTimeout: time.Second, Handler: note(dialled)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = up.Serve(l) }()
	t.Cleanup(func() { _ = up.Close() })
	var seen []string
	for to, d := range map[chan asked]*door{called: inProcess(t, proxy.Config{}, note(called), forward), dialled: open(t, l.Addr().String(), proxy.Config{}, nil, forward)} {
		req := request(t, "POST", "http://"+d.addr+"/a%2Cb/c?x=%20y&x=2", strings.NewReader("grant=1"))
		req.Host = "login.example.com"
		req.Header.Set("Authorization", "Bearer secret")
		req.Header.Set("Gatehouse-Identity", "forged")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header["X-Twice"] = []string{"1", "2"}
		if r, got := get(t, http.DefaultClient, req); r.StatusCode != 200 || r.Header.Get("Date") == "" {
			t.Errorf("%d %q %v", r.StatusCode, got, r.Header)
		}
		a := <-to
		if a.Header.Get("Gatehouse-Identity") != "proven" || a.Header.Get("Authorization") != "" || a.Body != "grant=1" {
			t.Errorf("%+v", a)
		}
		seen = append(seen, fmt.Sprintf("%+v", a))
	}
	if seen[0] != seen[1] {
		t.Errorf("by a call and by the wire:\n%s\n%s", seen[0], seen[1])
	}
}

func TestAHandlersReplyIsReadLikeOneFromTheWire(t *testing.T) {
	d := inProcess(t, proxy.Config{}, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		switch r.URL.Path {
		case "/cookies":
			h["Set-Cookie"] = []string{"b=1; Path=/", "a=2; Path=/"}
			w.WriteHeader(303)
			w.WriteHeader(200) // the first one counts
			h.Set("X-Late", "1")
		case "/pieces":
			for i := range 50 {
				_, _ = fmt.Fprintf(w, "piece %d\n", i)
				w.(http.Flusher).Flush()
			}
		case "/nothing":
			w.WriteHeader(204)
			if _, err := w.Write([]byte("x")); err != http.ErrBodyNotAllowed {
				t.Error(err)
			}
		case "/unchanged":
			h.Set("ETag", `"1"`)
			w.WriteHeader(304)
		case "/early":
			w.WriteHeader(103)
			_, _ = io.WriteString(w, "ok")
		case "/split":
			h.Set("X-Name", "a\r\nSet-Cookie: stolen=1")
		case "/control":
			h.Set("X-Name", "a\x00b")
		case "/both":
			h.Set("Transfer-Encoding", "chunked")
		case "/short":
			h.Set("Content-Length", "10")
			_, _ = io.WriteString(w, "only")
		case "/switch":
			w.WriteHeader(101)
		case "/status":
			w.WriteHeader(7)
		case "/huge":
			for range 100 {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
			t.Error("the reply has no end")
		case "/gone":
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, "hello")
		}
	})
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	pieces := new(strings.Builder)
	for i := range 50 {
		_, _ = fmt.Fprintf(pieces, "piece %d\n", i)
	}
	for range 2 { // also on a used connection
		for _, v := range []struct {
			method, path string
			status       int
			length       int64
			body         string
		}{
			{"GET", "/x", 200, 5, "hello"}, {"HEAD", "/x", 200, 5, ""}, {"GET", "/cookies", 303, 0, ""}, {"GET", "/pieces", 200, int64(pieces.Len()), pieces.String()},
			{"GET", "/nothing", 204, 0, ""}, {"GET", "/unchanged", 304, 0, ""}, {"GET", "/early", 200, 2, "ok"},
		} {
			r, got := get(t, c, request(t, v.method, "http://"+d.addr+v.path, nil))
			if r.StatusCode != v.status || got != v.body || r.ContentLength != v.length || r.Header.Get("X-Late") != "" {
				t.Errorf("%s %s: %d %d %q %v", v.method, v.path, r.StatusCode, r.ContentLength, got, r.Header)
			}
			if v.path == "/cookies" && !slices.Equal(r.Header["Set-Cookie"], []string{"b=1; Path=/", "a=2; Path=/"}) {
				t.Errorf("%v", r.Header)
			}
		}
		for _, path := range []string{"/split", "/control", "/both", "/switch", "/status", "/huge", "/gone"} {
			if r, got := get(t, c, request(t, "POST", "http://"+d.addr+path, nil)); r.StatusCode != 502 || r.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s: %d %q %v", path, r.StatusCode, got, r.Header)
			}
		}
	}
	if r, err := c.Do(request(t, "GET", "http://"+d.addr+"/short", nil)); err == nil {
		if b, err := io.ReadAll(r.Body); err == nil && r.StatusCode == 200 {
			t.Errorf("a reply without its end was taken for whole: %q", b)
		}
		_ = r.Body.Close()
	}
}

func TestAHandlersPanicIsItsOwn(t *testing.T) {
	var log syncBuffer
	d := inProcess(t, proxy.Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/x" {
			panic("out of luck")
		}
	})
	if r, got := get(t, http.DefaultClient, request(t, "POST", "http://"+d.addr+"/x?token=secret", nil)); r.StatusCode != 502 || strings.Contains(got, "luck") {
		t.Errorf("%d %q", r.StatusCode, got)
	}
	if r, _ := get(t, http.DefaultClient, request(t, "POST", "http://"+d.addr+"/y", nil)); r.StatusCode != 200 {
		t.Errorf("%d", r.StatusCode)
	}
	if got := log.String(); !strings.Contains(got, "out of luck") || !strings.Contains(got, "local_test.go") || strings.Contains(got, "secret") {
		t.Errorf("%s", got)
	}
}

// syncBuffer is a buffer that a server's log is written to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestAHandlerReadsABodyAsItComesAndNoMoreThanTheLimit(t *testing.T) {
	small := engine.Configured{Kind: gatehouse.Kind{Name: "size"}, Control: &step{stage: gatehouse.Identify, do: func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		x.Request.BodyLimit = 100 << 10
		return gatehouse.Pass, nil
	}}}
	d := inProcess(t, proxy.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ignored" {
			return
		}
		n, err := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprintf(w, "%d %v %d", n, err, r.ContentLength)
	}, small)
	for _, v := range []struct {
		n      int
		known  bool
		status int
		want   string
	}{{90 << 10, true, 200, "92160 <nil> 92160"}, {90 << 10, false, 200, "92160 <nil> -1"}, {200 << 10, true, 413, ""}, {200 << 10, false, 413, ""}} {
		var body io.Reader = bytes.NewReader(make([]byte, v.n))
		if !v.known {
			body = io.MultiReader(body)
		}
		r, got := get(t, http.DefaultClient, request(t, "POST", "http://"+d.addr+"/x", body))
		if r.StatusCode != v.status || v.want != "" && got != v.want {
			t.Errorf("%+v: %d %q", v, r.StatusCode, got)
		}
	}
	for range 2 { // what nobody read is not the next request
		if r, got := get(t, http.DefaultClient, request(t, "POST", "http://"+d.addr+"/ignored", strings.NewReader(strings.Repeat("GET / HTTP/1.1\r\n\r\n", 100)))); r.StatusCode != 200 || got != "" {
			t.Errorf("%d %q", r.StatusCode, got)
		}
	}
}

func TestAHandlersContextEndsWithItsTime(t *testing.T) {
	ended := make(chan error, 1)
	d := inProcess(t, proxy.Config{UpstreamTime: 200 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/slow" {
			return
		}
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
		ended <- r.Context().Err()
	})
	for range 2 {
		if r, _ := get(t, http.DefaultClient, request(t, "POST", "http://"+d.addr+"/slow", nil)); r.StatusCode != 504 {
			t.Errorf("%d", r.StatusCode)
		}
		if err := <-ended; err != context.Canceled {
			t.Errorf("%v", err)
		}
		if r, _ := get(t, http.DefaultClient, request(t, "POST", "http://"+d.addr+"/quick", nil)); r.StatusCode != 200 {
			t.Errorf("%d", r.StatusCode)
		}
	}
}

func TestAHandlersContextEndsWithTheStreamThatAsked(t *testing.T) {
	began, ended := make(chan bool, 1), make(chan error, 1)
	cfg := proxy.Config{Local: map[string]http.Handler{"own": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/slow" {
			_, _ = io.Copy(w, r.Body)
			return
		}
		began <- true
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
		ended <- r.Context().Err()
	})}}
	d, _, client := openTLS(t, gatehouse.InProcess+"own", cfg)
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true}}
	req := request(t, "POST", "https://"+d.addr+"/x", strings.NewReader("over HTTP/2"))
	req.Host = "api.test"
	if r, got := get(t, c, req); r.StatusCode != 200 || got != "over HTTP/2" || r.ProtoMajor != 2 {
		t.Errorf("%d %q", r.StatusCode, got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { <-began; cancel() }()
	req = request(t, "GET", "https://"+d.addr+"/slow", nil).WithContext(ctx)
	req.Host = "api.test"
	switch r, err := c.Do(req); {
	case err == nil:
		_ = r.Body.Close()
		t.Fatalf("%d", r.StatusCode)
	case ctx.Err() == nil: // it never came to the handler
		t.Fatal(err)
	}
	if err := <-ended; err != context.Canceled {
		t.Errorf("%v", err)
	}
}

func TestAnUpstreamThatIsNotInTheProgramIsUnreachable(t *testing.T) {
	d := open(t, gatehouse.InProcess+"nobody", proxy.Config{}, nil)
	if r, _ := get(t, http.DefaultClient, request(t, "GET", "http://"+d.addr+"/x", nil)); r.StatusCode != 502 {
		t.Errorf("%d", r.StatusCode)
	}
}

// A handler's own goroutines read the body where the handler does not, and more of it
// may be long in coming.
func TestAHandlersGoroutinesReadTheBodyToo(t *testing.T) {
	target, err := url.Parse("http://" + echo(t))
	if err != nil {
		t.Fatal(err)
	}
	sum := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%d %x", len(b), sha256.Sum256(b))
		if err != nil {
			t.Error(err)
		}
	})
	for name, h := range map[string]http.Handler{"proxy": httputil.NewSingleHostReverseProxy(target), "goroutine": http.TimeoutHandler(sum, time.Minute, "late")} {
		d := inProcess(t, proxy.Config{}, h.ServeHTTP)
		for range 20 {
			r, w := io.Pipe()
			body := bytes.Repeat([]byte("0123456789"), 10_000)
			go func() {
				for piece := range slices.Chunk(body, 30_000) {
					_, _ = w.Write(piece)
					time.Sleep(5 * time.Millisecond)
				}
				_ = w.Close()
			}()
			if r, got := get(t, http.DefaultClient, request(t, "POST", "http://"+d.addr+"/echo", r)); r.StatusCode != 200 || got != fmt.Sprintf("%d %x", len(body), sha256.Sum256(body)) {
				t.Errorf("%s: %d %.80q", name, r.StatusCode, got)
			}
		}
	}
}

// A handler that has waited for its body may wait for something else: nobody is held up.
func TestAHandlerThatHasReadABodyHoldsUpNobody(t *testing.T) {
	blocked, goOn := make(chan struct{}), make(chan struct{})
	d := inProcess(t, proxy.Config{}, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			_, _ = io.Copy(io.Discard, r.Body)
			blocked <- struct{}{}
			<-goOn
		}
	})
	fastest := time.Hour
	for range 5 {
		var others []net.Conn // one for each loop and more
		for range 2 * runtime.GOMAXPROCS(0) {
			c, err := net.Dial("tcp", d.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			others = append(others, c)
		}
		r, w := io.Pipe()
		answered := make(chan error, 1)
		go func() {
			res, err := http.Post("http://"+d.addr+"/x", "text/plain", r)
			if err == nil {
				err = res.Body.Close()
			}
			answered <- err
		}()
		_, _ = io.WriteString(w, "some")
		time.Sleep(20 * time.Millisecond)
		_, _ = io.WriteString(w, "more")
		_ = w.Close()
		<-blocked
		began := time.Now()
		for _, c := range others {
			_, _ = io.WriteString(c, "GET /y HTTP/1.1\r\nHost: a\r\n\r\n")
			if n, err := c.Read(make([]byte, 1000)); err != nil {
				t.Errorf("%d, %v", n, err)
			}
		}
		fastest = min(fastest, time.Since(began))
		goOn <- struct{}{}
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	t.Logf("figure: %v for an answer on every loop beside a handler that blocks", fastest)
	if fastest > 9*time.Millisecond { // a loop that is held up is taken over after 10 ms
		t.Errorf("%v; want less than 9 ms", fastest)
	}
}

// A handler that gives up while a goroutine of its own still waits for the body has its
// answer go out all the same.
func TestAHandlerThatGivesUpOnABodyIsAnsweredFor(t *testing.T) {
	d := inProcess(t, proxy.Config{}, http.TimeoutHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}), 20*time.Millisecond, "late").ServeHTTP)
	for range 5 {
		r, w := io.Pipe()
		go func() {
			_, _ = io.WriteString(w, "some")
			time.Sleep(60 * time.Millisecond)
			_, _ = io.WriteString(w, "more")
			_ = w.Close()
		}()
		if r, got := get(t, http.DefaultClient, request(t, "POST", "http://"+d.addr+"/x", r)); r.StatusCode != 503 || got != "late" {
			t.Errorf("%d %q", r.StatusCode, got)
		}
	}
}
