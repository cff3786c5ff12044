package main

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/record"
	"github.com/gatehouse-api/gatehouse/wire"
)

// repeated is a connection on which the same message comes again and again.
type repeated struct {
	message []byte
	at      int
}

// Read implements [io.Reader].
func (r *repeated) Read(b []byte) (int, error) {
	n := copy(b, r.message[r.at:])
	r.at = (r.at + n) % len(r.message)
	return n, nil
}

// walker does all of a request's work but for the system calls.
type walker struct {
	gate     *engine.Gate
	recorder *record.Recorder
	limits   wire.Limits
	messages [2]*repeated // the client's and the upstream's
	client   *wire.Reader
	upstream *wire.Reader
	message  wire.Message
	reply    wire.Message
	x        gatehouse.Exchange
	out      []byte
	status   int
}

func newWalker(gate *engine.Gate, recorder *record.Recorder, l load) *walker {
	reply := fmt.Sprintf("HTTP/1.1 %d OK\r\nserver: nginx\r\ndate: Sat, 21 Nov 2026 20:00:00 GMT\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: keep-alive\r\n\r\n%s", l.status, len(l.want), l.want)
	w := &walker{gate: gate, recorder: recorder, limits: wire.DefaultLimits(), status: l.status,
		messages: [2]*repeated{{message: l.bytes()}, {message: []byte(reply)}}}
	w.client, w.upstream = wire.NewReader(w.messages[0]), wire.NewReader(w.messages[1])
	w.x.Reset()
	return w
}

// walk serves one request that begins now.
func (w *walker) walk(tb testing.TB, now time.Time) {
	x := &w.x
	must(tb, w.client.Head())
	must(tb, w.client.ParseRequest(&x.Request, &w.message, &w.limits))
	x.Request.Scheme, x.Conn.Peer = "http", netip.MustParseAddrPort("127.0.0.1:40000")
	x.Conn.Client = x.Conn.Peer.Addr()
	w.gate.Begin(x, now)
	for want := engine.Advance(tb.Context(), x); want != engine.Done; want = engine.Advance(tb.Context(), x) {
		w.bring(tb, want)
	}
	var err error
	w.out, err = wire.AppendResponseHead(w.out[:0], &x.Response, wire.Length, int64(len(x.Response.Body)), false)
	must(tb, err)
	w.out = append(w.out, x.Response.Body...)
	if x.Response.Status != w.status {
		tb.Fatalf("%d by %s: %s %+v", x.Response.Status, x.EndedBy, x.Response.Body, x.Quota)
	}
	w.recorder.Record(x, gatehouse.Traffic{Took: int64(time.Since(x.At)), Upstream: 1000, Out: int64(len(x.Response.Body)), UpstreamTo: "127.0.0.1:9000"})
	x.Reset()
	if !w.upstream.Release() || !w.client.Release() {
		tb.Fatal("a message was not read to its end")
	}
}

// bring does what a door does.
func (w *walker) bring(tb testing.TB, want engine.Want) {
	x := &w.x
	var err error
	switch want {
	case engine.WantBody:
		x.Request.Body, _, err = w.client.Body().ReadAll(x.Request.Body[:0], 1<<20)
		engine.Brought(x, gatehouse.Body)
	case engine.WantReply:
		w.out, err = wire.AppendRequestHead(w.out[:0], &x.Request, x.Endpoint.Upstream, w.message.Framing, w.message.Length)
		must(tb, err)
		must(tb, w.upstream.Head())
		err = w.upstream.ParseResponse(&x.Response, &w.reply, x.Request.Method)
		engine.Brought(x, gatehouse.Reply)
	case engine.WantReplyBody:
		x.Response.Body, _, err = w.upstream.Body().ReadAll(x.Response.Body[:0], 1<<20)
		engine.Brought(x, gatehouse.ReplyBody)
	default:
		tb.Fatalf("the engine wants %d", want)
	}
	must(tb, err)
}

func must(tb testing.TB, err error) {
	if err != nil {
		tb.Helper()
		tb.Fatal(err)
	}
}

// bytes is the request as a client sends it.
func (l load) bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", l.method, l.path)
	for name, values := range l.header {
		fmt.Fprintf(&b, "%s: %s\r\n", name, values[0])
	}
	if l.body != "" {
		fmt.Fprintf(&b, "content-length: %d\r\n", len(l.body))
	}
	_, _ = io.WriteString(&b, "\r\n"+l.body)
	return b.Bytes()
}

// BenchmarkCallersInTurn is BenchmarkWithoutTheNetwork with a caller of another token
// each time: what is kept of one has left the nearest caches when its turn comes.
func BenchmarkCallersInTurn(b *testing.B) {
	s := newTestSite(b)
	gate, recorder := assemble(b, s)
	now := time.Now()
	var ws []*walker
	for i := range manyUsers {
		who := customer(i)
		ws = append(ws, newWalker(gate, recorder, load{method: "GET", path: "/v1/orders/" + who, header: s.header(who), status: 200, want: order(who)}))
	}
	for i := range manyUsers { // each token is verified once
		ws[i%connections].serve(b, now, ws[i])
	}
	for i := 0; b.Loop(); i++ {
		now = now.Add(100 * time.Microsecond)
		ws[i%connections].serve(b, now, ws[i%manyUsers])
	}
}

// serve is walk with the messages of another walker.
func (w *walker) serve(tb testing.TB, now time.Time, of *walker) {
	w.client.Reset(of.messages[0])
	w.upstream.Reset(of.messages[1])
	w.walk(tb, now)
}

// BenchmarkWithoutTheNetwork is what all controls together cost, with the
// parser, the serialiser and the record, and without a system call: what a
// profile should be taken of. Over many connections each one's memory has left
// the nearest cache when its turn comes.
func BenchmarkWithoutTheNetwork(b *testing.B) {
	s := newTestSite(b)
	gate, recorder := assemble(b, s)
	now := time.Now()
	for _, c := range []struct {
		name string
		load load
	}{{"GET", s.getLoad()}, {"POST", s.postLoad()}} {
		for _, n := range []int{1, connections} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				var ws []*walker
				for range n {
					ws = append(ws, newWalker(gate, recorder, c.load))
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					// A bucket of the store refills every 100 us at most: the clock of the
					// exchanges goes faster than the benchmark.
					now = now.Add(100 * time.Microsecond)
					ws[i%n].walk(b, now)
				}
			})
		}
	}
}
