// Package proxy is the main door: our own listener in front of an upstream.
//
// It defends the data path from its clients: one strict parser, deadlines for
// every phase, caps on connections, refusal before forwarding. One flow of control
// serves a client connection and does the upstream's round trip too, so that a
// request costs no hand-over: on Linux a task of a loop ([loop.Task]), elsewhere and
// where connections are not the kernel's a goroutine. HTTP/2 comes through golang.org/x/net/http2 and
// becomes the same canonical request.
package proxy

//lint:file-ignore SA1019 net/http serves no single connection; see http2.go

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/internal/loop"
	"github.com/gatehouse-api/gatehouse/wire"
)

// Config is what a [Server] needs. Zero durations and counts mean the defaults
// named beside them.
type Config struct {
	Gate   *engine.Gate
	Record gatehouse.Recorder
	Log    *slog.Logger

	// Client says who asks, from the peer and from the fields that only a trusted
	// proxy may send, and whether that proxy was reached over TLS. Nil means the
	// peer.
	Client func(peer netip.Addr, forwarded gatehouse.Fields) (client netip.Addr, secure bool)

	// Local are the upstreams in this program, by the names behind
	// [gatehouse.InProcess] in their addresses.
	Local map[string]http.Handler

	MaxConns      int           // connections in all; 10,000
	MaxConnsPerIP int           // connections per address, IPv6 by /64; 256
	HandshakeTime time.Duration // TLS handshake; 5 s
	HeaderTime    time.Duration // from a head's first byte to its last; 5 s
	IdleTime      time.Duration // between requests; 60 s
	BodyGrace     time.Duration // a body may be slow for so long; 5 s
	MinRate       int64         // then bytes per second of bodies, both ways; 1,024
	UpstreamTime  time.Duration // for endpoints without a timeout of their own; 30 s
	Limits        wire.Limits   // zero means wire.DefaultLimits
}

func (c *Config) defaults() {
	or := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	or(&c.HandshakeTime, 5*time.Second)
	or(&c.HeaderTime, 5*time.Second)
	or(&c.IdleTime, 60*time.Second)
	or(&c.BodyGrace, 5*time.Second)
	or(&c.UpstreamTime, 30*time.Second)
	if c.MaxConns == 0 {
		c.MaxConns = 10_000
	}
	if c.MaxConnsPerIP == 0 {
		c.MaxConnsPerIP = 256
	}
	if c.MinRate == 0 {
		c.MinRate = 1024
	}
	if c.Limits == (wire.Limits{}) {
		c.Limits = wire.DefaultLimits()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Server serves clients on any number of listeners.
type Server struct {
	cfg     Config
	watcher *watcher
	buffers wire.Buffers
	turns   sync.Pool
	h2      *http2.Server
	stop    chan struct{} // closed when the last connection has ended
	ending  atomic.Bool
	loops   *loop.Group    // that serve HTTP/1.1; where there are none, goroutines do
	base    *http.Server   // what the library asks for limits and tells of a shutdown
	work    sync.WaitGroup // the watcher
	halt    sync.Once

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	perIP     map[netip.Addr]int
	served    sync.WaitGroup // connections

	poolMu sync.Mutex
	pools  map[gatehouse.Upstream]*pool
	byRef  atomic.Pointer[map[*gatehouse.Upstream]*pool] // which is not written to

	stats stats
	date  atomic.Pointer[date]
}

// stats are counters for [Server.Stats].
type stats struct{ conns, refused, expired, flying atomic.Int64 }

// Stats is a snapshot of the server's counters.
type Stats struct {
	Open     int   // client connections open now
	InFlight int64 // exchanges in progress now
	Conns    int64 // client connections accepted
	Refused  int64 // client connections over a cap
	Expired  int64 // connections closed because a phase lasted too long
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	open := len(s.conns)
	s.mu.Unlock()
	return Stats{open, s.stats.flying.Load(), s.stats.conns.Load(), s.stats.refused.Load(), s.stats.expired.Load()}
}

// New returns a server. Its watcher runs until [Server.Shutdown].
func New(c Config) (*Server, error) {
	c.defaults()
	s := &Server{cfg: c, watcher: newWatcher(), stop: make(chan struct{}),
		listeners: map[net.Listener]struct{}{}, conns: map[*conn]struct{}{}, perIP: map[netip.Addr]int{},
		pools: map[gatehouse.Upstream]*pool{}}
	s.byRef.Store(&map[*gatehouse.Upstream]*pool{})
	s.turns.New = func() any { return newTurn() }
	if err := s.newHTTP2(); err != nil {
		return nil, err
	}
	var err error
	if s.loops, err = loop.New(runtime.GOMAXPROCS(0)); err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	s.renewDate()
	s.work.Go(func() { s.watcher.run(s.stop, s.sweep) })
	return s, nil
}

// sweep renews the date and closes upstream connections that have been idle too
// long.
func (s *Server) sweep() {
	s.renewDate()
	s.poolMu.Lock()
	defer s.poolMu.Unlock()
	now := time.Duration(s.watcher.now.Load())
	for _, p := range s.pools {
		p.sweep(now, false)
	}
}

// renewDate keeps the Date field of our own answers (RFC 9110 section 6.6.1): a
// text per second instead of one per answer.
func (s *Server) renewDate() {
	now := time.Now().UTC()
	if d := s.date.Load(); d == nil || d.second != now.Unix() {
		s.date.Store(&date{now.Unix(), now.Format(http.TimeFormat)})
	}
}

type date struct {
	second int64
	text   string
}

// Serve accepts clients from l until the server is shut down or l fails. With
// cfg the clients speak TLS. It returns nil after a shutdown.
func (s *Server) Serve(l net.Listener, cfg *tls.Config) error {
	s.mu.Lock()
	if s.ending.Load() { // a shutdown that came first has not seen this listener
		s.mu.Unlock()
		_ = l.Close()
		return nil
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
	}()
	var wait time.Duration
	for {
		nc, err := l.Accept()
		switch {
		case s.ending.Load():
			if err == nil {
				_ = nc.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("proxy: accepting: %w", err)
		case err != nil:
			// Out of descriptors or memory: those who are served go on, new ones wait.
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			s.cfg.Log.Warn("accepting a connection failed", "error", err, "wait", wait)
			time.Sleep(wait)
			continue
		}
		wait = 0
		s.admit(nc, cfg)
	}
}

// admit starts a connection unless a cap is reached.
func (s *Server) admit(nc net.Conn, cfg *tls.Config) {
	peer, ok := peerOf(nc)
	s.mu.Lock()
	key := group(peer.Addr())
	if !ok || s.ending.Load() || len(s.conns) >= s.cfg.MaxConns || s.perIP[key] >= s.cfg.MaxConnsPerIP {
		s.mu.Unlock()
		s.stats.refused.Add(1)
		_ = nc.Close()
		return
	}
	c := &conn{server: s, tcp: nc, peer: peer, group: key, tlsConfig: cfg}
	s.conns[c] = struct{}{}
	s.perIP[key]++
	s.served.Add(1)
	s.mu.Unlock()
	s.stats.conns.Add(1)
	s.watcher.add(&c.watch)
	if cfg != nil {
		go c.greet(nc)
	} else {
		c.begin(nc, nil)
	}
}

// forget is the end of a connection.
func (s *Server) forget(c *conn) {
	s.watcher.remove(&c.watch)
	_ = c.tcp.Close()
	s.mu.Lock()
	delete(s.conns, c)
	if s.perIP[c.group]--; s.perIP[c.group] <= 0 {
		delete(s.perIP, c.group)
	}
	s.mu.Unlock()
	s.served.Done()
}

func peerOf(nc net.Conn) (netip.AddrPort, bool) {
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		p := a.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port()), true
	}
	return netip.AddrPort{}, false
}

// group is what the cap per address counts: an IPv6 host owns its /64.
func group(a netip.Addr) netip.Addr {
	if a.Is6() {
		p, _ := a.WithZone("").Prefix(64)
		return p.Addr()
	}
	return a
}

// Shutdown stops accepting, lets exchanges in progress end and closes the rest.
// When ctx ends first, it closes everything and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.ending.Store(true)
	for l := range s.listeners {
		_ = l.Close()
	}
	for c := range s.conns {
		c.endWhenIdle()
	}
	s.mu.Unlock()
	_ = s.base.Shutdown(ctx) // tells HTTP/2 clients to go away; it has no listener to wait for
	done := make(chan struct{})
	go func() { s.served.Wait(); close(done) }()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
		s.watcher.all.Store(true) // also who waits for an upstream
		s.mu.Lock()
		for c := range s.conns {
			c.cut()
		}
		s.mu.Unlock()
		<-done
	}
	s.halt.Do(func() {
		close(s.stop)
		s.work.Wait()
		s.loops.Close()
	})
	s.poolMu.Lock()
	for _, p := range s.pools {
		p.sweep(0, true)
	}
	s.poolMu.Unlock()
	return err
}

// pool returns the connections to u. Pools outlive reloads: an upstream that is
// configured alike is the same.
func (s *Server) pool(u *gatehouse.Upstream) (*pool, error) {
	if p := (*s.byRef.Load())[u]; p != nil {
		return p, nil
	}
	s.poolMu.Lock()
	defer s.poolMu.Unlock()
	p := s.pools[*u]
	if p == nil {
		var err error
		if p, err = newPool(u, s); err != nil {
			return nil, err
		}
		s.pools[*u] = p
	}
	next := map[*gatehouse.Upstream]*pool{u: p}
	if old := *s.byRef.Load(); len(old) < 4096 { // else they are references of policies long gone
		maps.Copy(next, old)
	}
	s.byRef.Store(&next)
	return p, nil
}
