package proxy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
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
	"github.com/gatehouse-api/gatehouse/internal/aside"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// However a conversation is cut into pieces, on both sides, and whatever the upstream
// does: every request is answered once and in order with what its own reply was, reaches
// the upstream as often as it may, and is recorded once. Nothing is left afterwards.
//
// CUT_SEED=n has one conversation, alone and with its seed, in every setting.
func TestHoweverTheBytesAreCut(t *testing.T) {
	lasts := 1500 * time.Millisecond
	if race.Enabled || testing.Short() {
		lasts = 700 * time.Millisecond
	}
	only, err := strconv.ParseUint(os.Getenv("CUT_SEED"), 10, 64)
	alone := err == nil
	for _, s := range []setting{
		{name: "streamed", asides: true},
		{name: "held", held: true, sneaky: true},
		{name: "streamed by one loop", sneaky: true, procs: 1},
		{name: "held, to https", held: true, secure: true, sneaky: true, reloads: true},
		{name: "with look-ups", held: true, sneaky: true, looks: true, asides: true},
		{name: "shut down, to https", sneaky: true, secure: true, ends: true},
	} {
		files, goroutines := descriptors(t), runtime.NumGoroutine()
		t.Run(s.name, func(t *testing.T) {
			if s.procs > 0 {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(s.procs))
			}
			w := newWorld(t, s)
			if alone {
				w.converse(only)
			} else {
				w.crowd(lasts)
			}
			w.account()
		})
		nothingLeft(t, files, goroutines)
	}
}

// setting is how a world differs from others.
type setting struct {
	name    string
	held    bool // bodies are held, both ways
	secure  bool // the upstream speaks TLS
	sneaky  bool // the upstream closes idle connections, and without an answer
	reloads bool // the policy is swapped all the time
	asides  bool // steps say that they may block
	looks   bool // the object is looked up before each request
	ends    bool // there is a shutdown in the midst of it
	procs   int
}

// world is a gateway with clients and an upstream, all of which know what is to happen.
type world struct {
	setting
	origin
	t     *testing.T
	gate  *door
	began time.Time
	doors []entrance

	peers  sync.Map // of addresses to *talk
	ledger ledger

	ending atomic.Bool
	failed atomic.Int64
}

// entrance is one of the gateway's listeners.
type entrance struct {
	name, addr string
	tls        bool
}

// hidden is a listener whose connections are not the kernel's as far as the gateway can
// see, so that goroutines serve them.
type hidden struct{ net.Listener }

func (h hidden) Accept() (net.Conn, error) {
	c, err := h.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return struct {
		net.Conn
		writeCloser
	}{c, c.(*net.TCPConn)}, nil
}

type writeCloser interface{ CloseWrite() error }

func newWorld(t *testing.T, s setting) *world {
	w := &world{setting: s, t: t, began: time.Now()}
	cert, key := pair(t, t.TempDir(), "localhost")
	pem, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{pem}, MinVersion: tls.VersionTLS12}
	up := listen(t, func(nc net.Conn) {
		if s.secure {
			nc = tls.Server(nc, cfg)
		}
		w.serve(nc)
	})
	var controls []engine.Configured
	if s.held {
		controls = append(controls, bodyStep, replyStep)
	}
	if s.asides {
		controls = append(controls, away(gatehouse.Identify, 0, 2), away(gatehouse.Inspect, gatehouse.Reply, 3), away(gatehouse.Respond, 0, 5))
	}
	if s.looks {
		controls = append(controls, engine.Configured{Kind: gatehouse.Kind{Name: "object"}, Control: &step{stage: gatehouse.Authorize, need: gatehouse.Object, path: lookup, do: pass}})
	}
	w.ledger.lines = map[string][]line{}
	w.gate = open(t, up, proxy.Config{MaxConnsPerIP: 5000, UpstreamTime: patience, Record: &w.ledger}, nil, controls...)
	swap := func() {
		p := policy(t, up, controls...)
		for _, e := range p.Sites()[0].Endpoints {
			if s.secure {
				e.Upstream = &gatehouse.Upstream{Name: "tls", Scheme: "https", Address: up, CAFile: cert}
			}
		}
		w.gate.gate.Swap(p)
	}
	swap()
	if s.reloads {
		w.every(50*time.Millisecond, swap)
	}
	w.doors = []entrance{{"loop", w.gate.addr, false}, {"loop", w.gate.addr, false}, {"loop, TLS", w.listen(cfg, false), true}, {"goroutine", w.listen(nil, true), false}, {"goroutine, TLS", w.listen(cfg, true), true}}
	return w
}

// away has one of n requests leave its loop for nothing.
func away(stage gatehouse.Stage, need gatehouse.Need, n int) engine.Configured {
	return engine.Configured{Kind: gatehouse.Kind{Name: "away" + strconv.Itoa(n)}, Control: &step{stage: stage, need: need,
		do: func(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
			if len(x.Request.Path)%n == 0 {
				aside.Step(ctx)
			}
			return gatehouse.Pass, nil
		}}}
}

// every calls f now and then, until the test ends.
func (w *world) every(d time.Duration, f func()) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(d):
				f()
			}
		}
	}()
	w.t.Cleanup(func() { close(stop); <-done })
}

// listen opens another door to the same gateway.
func (w *world) listen(cfg *tls.Config, goroutines bool) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	address := l.Addr().String()
	if goroutines {
		l = hidden{l}
	}
	served := make(chan error, 1)
	go func() { served <- w.gate.server.Serve(l, cfg) }()
	w.t.Cleanup(func() {
		_ = w.gate.server.Shutdown(context.Background())
		if err := <-served; err != nil {
			w.t.Error(err)
		}
	})
	return address
}

func (w *world) door(name string) entrance {
	return w.doors[slices.IndexFunc(w.doors, func(e entrance) bool { return e.name == name })]
}

// crowd has conversations for a while, many at once: those of the same seeds first.
func (w *world) crowd(lasts time.Duration) {
	var all sync.WaitGroup
	var next atomic.Uint64
	ends := w.began.Add(lasts)
	if w.ends {
		all.Go(func() {
			time.Sleep(lasts / 2)
			w.ending.Store(true)
			if err := w.gate.server.Shutdown(w.t.Context()); err != nil {
				w.t.Error(err)
			}
		})
	}
	for range 40 {
		all.Go(func() {
			for time.Now().Before(ends) && w.failed.Load() == 0 && !w.ending.Load() {
				seed := next.Add(1)
				if seed > 400 {
					seed = rand.Uint64() >> 1
				}
				w.converse(seed)
			}
		})
	}
	all.Wait()
}

func (w *world) converse(seed uint64) { w.newTalk(seed).run() }

// fail reports a failure with all that went over the connections that had to do with it,
// once: what follows is mostly of the same kind.
func (w *world) fail(a *asked, u *upside, format string, args ...any) {
	w.t.Helper()
	if w.failed.Add(1) > 2 {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, format, args...)
	told := map[*protocol]bool{}
	tell := func(name string, p *protocol) {
		if !told[p] {
			told[p] = true
			fmt.Fprintf(&b, "\n%s:\n%s", name, p)
		}
	}
	w.peers.Range(func(peer, v any) bool {
		c := v.(*talk)
		for _, g := range c.groups {
			if a != nil && (a == c.tunnel || slices.Contains(g, a)) && !told[c.protocol] {
				fmt.Fprintf(&b, "\nCUT_SEED=%d, %s, door %q, half %v, goes %d", c.seed, w.name, c.door, c.half, c.goes)
				c.list(&b)
				tell("the client, from "+peer.(string), c.protocol)
			}
		}
		return true
	})
	if a != nil {
		for _, s := range a.sightings() {
			tell(s.on.name, s.on.protocol)
		}
	}
	if u != nil {
		tell(u.name, u.protocol)
	}
	w.t.Error(b.String())
}

// list writes what is asked for.
func (c *talk) list(b *strings.Builder) {
	for i, g := range c.groups {
		for _, a := range g {
			fmt.Fprintf(b, "\n  group %d: %s %s (%s), body %d, refused %d, ends %v, waits %v", i, a.id, a.method, a.kind, len(a.payload), a.refused, a.ends, a.waits)
			for _, s := range a.sightings() {
				fmt.Fprintf(b, "; seen on %s as its request %d, whole %v", s.on.name, s.nth, s.whole)
			}
		}
	}
}
