package acceptance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
	"github.com/gatehouse-api/gatehouse/wire/wiretest"
)

// recording is an upstream that keeps every byte it got, per connection, and
// answers every request that Go's own parser reads out of them.
type recording struct {
	addr string
	l    net.Listener
	mu   sync.Mutex
	raw  []*bytes.Buffer
	seen int
	busy int // requests that have begun and were not answered
	work sync.WaitGroup
}

func newRecording(t testing.TB) *recording {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{addr: l.Addr().String(), l: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.work.Go(func() { r.serve(c) })
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return r
}

// lockedBuffer writes what is read into a buffer that the test looks at.
type lockedBuffer struct {
	r *recording
	b *bytes.Buffer
}

func (l lockedBuffer) Write(p []byte) (int, error) {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	return l.b.Write(p)
}

func (r *recording) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	b := &bytes.Buffer{}
	r.mu.Lock()
	r.raw = append(r.raw, b)
	r.mu.Unlock()
	br := bufio.NewReader(io.TeeReader(c, lockedBuffer{r, b}))
	for {
		if _, err := br.Peek(1); err != nil {
			return
		}
		r.begun(1)
		q, err := http.ReadRequest(br)
		if err != nil {
			r.begun(-1)
			return
		}
		body, err := io.ReadAll(q.Body)
		r.begun(-1)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.seen++
		n := r.seen
		r.mu.Unlock()
		answer := fmt.Sprintf("%s %s %x", q.Method, q.RequestURI, sha256.Sum256(body))
		if q.Method == "HEAD" {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX-Upstream: %d\r\nX-Saw: %s\r\n\r\n", n, answer)
			continue
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX-Upstream: %d\r\nX-Saw: %s\r\nContent-Length: 2\r\n\r\nok", n, answer)
	}
}

func (r *recording) begun(n int) {
	r.mu.Lock()
	r.busy += n
	r.mu.Unlock()
}

// settle waits until what an earlier case has left behind was read to its end: the
// gateway cuts off a streamed body that turns out to be bad, and the client knows
// of it before the upstream does.
func (r *recording) settle() {
	const longest, quiet = time.Second, time.Millisecond
	was := -1
	for began := time.Now(); time.Since(began) < longest; time.Sleep(quiet) {
		r.mu.Lock()
		now, busy := len(r.raw), r.busy
		for _, b := range r.raw {
			now += b.Len()
		}
		r.mu.Unlock()
		if busy == 0 && now == was {
			return
		}
		was = now
	}
}

func (r *recording) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

// decided keeps what the gateway decided on.
type decided struct {
	mu   sync.Mutex
	list []string
}

func (d *decided) Record(x *gatehouse.Exchange, _ gatehouse.Traffic) {
	if x.EndedBy != "" {
		return
	}
	uri := x.Request.Path
	if x.Request.Query != "" {
		uri += "?" + x.Request.Query
	}
	d.mu.Lock()
	d.list = append(d.list, fmt.Sprintf("%s %s %x", x.Request.Method, uri, sha256.Sum256(x.Request.Body)))
	d.mu.Unlock()
}

// holding is a control that needs the whole body.
type holding struct{}

func (holding) Compile(*gatehouse.Build) ([]gatehouse.Step, error) {
	return []gatehouse.Step{{Stage: gatehouse.Validate, Need: gatehouse.Body, Enforce: pass}}, nil
}
func (holding) Explain(*gatehouse.Sheet) {}

func pass(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
	return gatehouse.Pass, nil
}

type anything struct{}

func (anything) ID() string       { return "anything" }
func (anything) Method() string   { return "*" }
func (anything) Template() string { return "/" }

// lane is one gateway with an upstream of its own.
type lane struct {
	up      *recording
	decided *decided
	addr    string
}

// catchAll starts a gateway that forwards whatever its parser takes.
func catchAll(t testing.TB, held bool) *lane {
	t.Helper()
	l := &lane{up: newRecording(t), decided: &decided{}}
	var controls []engine.Configured
	if held {
		controls = append(controls, engine.Configured{Kind: gatehouse.Kind{Name: "holding"}, Control: holding{}})
	}
	waiver := &gatehouse.Waiver{Because: "hostile input is let through to see what leaves", Owner: "test@example.com", Until: time.Now().AddDate(0, 1, 0)}
	plan, err := engine.Compile(&gatehouse.Build{Operation: anything{}, Public: waiver, Caps: gatehouse.AllCaps, Now: time.Now, Kept: gatehouse.NewKept()}, controls)
	if err != nil {
		t.Fatal(err)
	}
	e := &gatehouse.Endpoint{Name: "anything", Plan: plan, Declared: true, Upstream: &gatehouse.Upstream{Scheme: "http", Address: l.up.addr}}
	refusing, err := engine.CompileUndeclared(&gatehouse.Build{Caps: gatehouse.AllCaps, Now: time.Now, Kept: gatehouse.NewKept()}, nil,
		&gatehouse.Answer{Status: 421, Reason: "lost", Public: "Lost"})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := engine.NewPolicy([]engine.Site{{Hosts: []string{"*"}, Undeclared: e}}, &gatehouse.Endpoint{Name: "lost", Plan: refusing})
	if err != nil {
		t.Fatal(err)
	}
	l.addr = casetest.ServeProxy(t, proxy.Config{Gate: engine.NewGate(policy), Record: l.decided,
		HandshakeTime: 300 * time.Millisecond, HeaderTime: 300 * time.Millisecond, BodyGrace: 300 * time.Millisecond, IdleTime: 300 * time.Millisecond, UpstreamTime: 2 * time.Second})
	return l
}

const canary = "GET /canary HTTP/1.1\r\nHost: canary.test\r\nConnection: close\r\n\r\n"

// try sends one case and returns what is wrong.
func (l *lane) try(input []byte, held bool) error {
	l.up.settle()
	l.up.mu.Lock()
	for _, b := range l.up.raw {
		b.Reset()
	}
	before := l.up.seen
	l.up.mu.Unlock()
	l.decided.mu.Lock()
	l.decided.list = nil
	l.decided.mu.Unlock()

	c, err := net.Dial("tcp", l.addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(8 * time.Second))
	_, _ = c.Write(input)
	_, _ = c.Write([]byte(canary))
	reply, err := io.ReadAll(c)
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("hang: the connection was still open after 8 s")
	}
	return l.judge(reply, before, held)
}

// judge checks the conditions of the corpus.
func (l *lane) judge(reply []byte, before int, held bool) error {
	l.up.mu.Lock()
	var streams [][]byte
	for _, b := range l.up.raw {
		streams = append(streams, bytes.Clone(b.Bytes()))
	}
	seen := l.up.seen - before
	l.up.mu.Unlock()
	var requests []wiretest.Request
	for _, s := range streams {
		rs, err := wiretest.CheckRequestStream(s)
		if err != nil && !errors.Is(err, wiretest.ErrCut) {
			return fmt.Errorf("the upstream got bytes that are not strict HTTP: %w: %q", err, s)
		}
		requests = append(requests, rs...)
	}
	if len(requests) != seen {
		return fmt.Errorf("the strict grammar reads %d requests where the upstream saw %d", len(requests), seen)
	}
	l.decided.mu.Lock()
	list := l.decided.list
	l.decided.mu.Unlock()
	answers, last, refused := 0, before, false
	rest := bytes.NewBuffer(reply)
	br := bufio.NewReader(rest)
	for {
		r, err := http.ReadResponse(br, &http.Request{Method: methodAt(list, answers)})
		if err != nil {
			break
		}
		_, _ = io.Copy(io.Discard, r.Body)
		n := r.Header.Get("X-Upstream")
		if n == "" {
			if r.StatusCode >= 400 && r.Close {
				refused = true
			}
			continue
		}
		if refused {
			return fmt.Errorf("an answer of the upstream came after a refusal that closes")
		}
		var k int
		_, _ = fmt.Sscan(n, &k)
		if k != last+1 {
			return fmt.Errorf("answer %d of the upstream came after answer %d", k, last)
		}
		last = k
		if answers >= len(list) {
			return fmt.Errorf("an answer came to a request that the gateway did not decide on")
		}
		if saw := r.Header.Get("X-Saw"); held && saw != list[answers] {
			return fmt.Errorf("the gateway decided on %q, the upstream saw %q", list[answers], saw)
		}
		answers++
	}
	if answers != seen {
		return fmt.Errorf("the upstream saw %d requests, the client got %d answers from it: %q", seen, answers, reply)
	}
	return nil
}

func methodAt(list []string, i int) string {
	if i < len(list) {
		m, _, _ := strings.Cut(list[i], " ")
		return m
	}
	return "GET"
}

// hostile is one line of the corpus.
type hostile struct {
	ID    string `json:"id"`
	Bytes string `json:"bytes_base64"`
}

func corpus(t *testing.T, name string, want int) (out []hostile) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "shared", "corpora", "http1", name))
	if err != nil {
		t.Skipf("the corpus is not here: %v", err)
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var h hostile
		if err := json.Unmarshal(s.Bytes(), &h); err != nil {
			t.Fatal(err)
		}
		out = append(out, h)
	}
	if len(out) != want {
		t.Fatalf("%s holds %d cases, the table says %d", name, len(out), want)
	}
	return out
}

func TestR31NoHostileInputIsReadDifferentlyByUsAndTheUpstream(t *testing.T) {
	const lanes = 16
	for _, c := range []struct {
		name string
		n    int
	}{{"garden.jsonl", 59}, {"llhttp.jsonl", 191}, {"smuggler.jsonl", 2724}} {
		for _, held := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/held=%v", c.name, held), func(t *testing.T) {
				cases := corpus(t, c.name, c.n)
				work := make(chan hostile)
				var wg sync.WaitGroup
				var mu sync.Mutex
				ran, desyncs := 0, 0
				for range lanes {
					l := catchAll(t, held)
					wg.Go(func() {
						for h := range work {
							b, err := base64.StdEncoding.DecodeString(h.Bytes)
							if err == nil {
								err = l.try(b, held)
							}
							mu.Lock()
							ran++
							if err != nil {
								desyncs++
								t.Errorf("input.canonical R31 %s: %v", h.ID, err)
							}
							mu.Unlock()
						}
					})
				}
				for _, h := range cases {
					work <- h
				}
				close(work)
				wg.Wait()
				if ran != c.n {
					t.Errorf("%d of %d cases ran", ran, c.n)
				}
				t.Logf("figure desyncs %d/0 of %d", desyncs, ran)
			})
		}
	}
}

func TestPlainTrafficPassesTheCatchAll(t *testing.T) {
	for _, held := range []bool{false, true} {
		l := catchAll(t, held)
		for name, in := range map[string]string{
			"GET":       "GET /a?b=c HTTP/1.1\r\nHost: a.test\r\n\r\n",
			"POST":      "POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc",
			"chunked":   "POST /a HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
			"pipelined": "GET /a HTTP/1.1\r\nHost: a.test\r\n\r\nGET /b HTTP/1.1\r\nHost: a.test\r\n\r\n",
		} {
			before := l.up.count()
			if err := l.try([]byte(in), held); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			want := 2 + strings.Count(name, "pipelined")
			if got := l.up.count() - before; got != want {
				t.Errorf("%s: the upstream saw %d requests, want %d with the canary", name, got, want)
			}
		}
	}
}
