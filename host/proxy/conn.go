package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host"
	"github.com/gatehouse-api/gatehouse/internal/loop"
	"github.com/gatehouse-api/gatehouse/wire"
)

// conn is one client connection over HTTP/1.1.
type conn struct {
	server    *Server
	task      *loop.Task // that serves it; nil for a goroutine
	ctx       context.Context
	tcp       net.Conn // as accepted
	net       net.Conn // with TLS, if any
	tlsConfig *tls.Config
	tls       *tls.ConnectionState
	shown     *gatehouse.Certificate // by the client in the handshake, or nil
	peer      netip.AddrPort
	group     netip.Addr
	reader    *wire.Reader
	watch     watch
	idle      atomic.Bool // between requests: a shutdown may take it away, and close the connection

	socket *loop.Socket     // net or what is below it, where a loop has it
	hand   func() loop.Wish // that serves what is ordinary; nil where there is no loop
	stage  stage            // of the hand
	turn   *turn            // that the hand has begun
	want   engine.Want      // of turn, while deciding

	message   wire.Message // of the request in progress
	continued bool         // 100 (Continue) was sent, or was not asked for
	closing   bool         // the connection ends after this answer
	bodySize  int64
	bodyStart time.Duration // when the body was first waited for, in the watcher's time
}

const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
	drainBytes  = 64 << 10
)

var continueLine = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// run serves the connection to its end. A panic ends this connection and no other.
func (c *conn) run() {
	s := c.server
	defer s.forget(c)
	defer func() {
		if p := recover(); p != nil {
			c.panicked(p)
		}
	}()
	c.reader = wire.NewReader(c.net)
	c.reader.Buffers = &s.buffers
	c.reader.MaxHead = s.cfg.Limits.Head
	wait := s.cfg.HandshakeTime // a client that has connected has something to say
	for ; c.waits(wait); wait = s.cfg.IdleTime {
		if c.hand != nil && c.reader.Buffered() == 0 {
			c.task.Rest(c.hand)
			if c.stage != resting {
				if !c.goOn() {
					return
				}
				continue
			}
		}
		if err := c.reader.Await(); err != nil {
			c.late()
			return
		}
		if !c.idle.Swap(false) {
			break // a shutdown was faster
		}
		if !s.watcher.phase(&c.watch, c.net, s.cfg.HeaderTime) {
			return
		}
		if !c.exchange() {
			return
		}
	}
	c.leave()
}

func (c *conn) panicked(p any) {
	c.server.cfg.Log.Error("serving a connection panicked", "peer", c.peer, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
}

// leave closes a connection in a shutdown: the last answer is on its way, and the client may
// have asked on.
func (c *conn) leave() {
	_ = c.net.SetReadDeadline(time.Time{}) // which said that the shutdown has come
	c.linger()
}

// waits begins the wait for the next request, and reports false if there will be none.
func (c *conn) waits(d time.Duration) bool {
	s := c.server
	c.idle.Store(true)
	s.watcher.begin(&c.watch, c.net, d)
	return !s.ending.Load() || c.reader.Buffered() > 0
}

// late counts a connection whose phase lasted too long.
func (c *conn) late() {
	if !c.server.watcher.rest(&c.watch) {
		c.server.stats.expired.Add(1)
	}
}

// exchange serves one request whose first byte is there, and reports whether
// the connection may be used again.
func (c *conn) exchange() bool {
	s := c.server
	t := s.turns.Get().(*turn)
	defer s.putTurn(t)
	headErr := c.reader.Head()
	refusal := refusalIn(headErr)
	if headErr != nil && refusal == nil {
		c.late()
		return false
	}
	if !s.watcher.rest(&c.watch) {
		s.stats.expired.Add(1)
		return false
	}
	if !c.open(t, refusal) {
		return false
	}
	s.drive(c.ctx, t, c)
	return c.finish(t)
}

// open begins the exchange of the head that is there, or of what was refused of it. It
// reports false when there is nothing to be answered.
func (c *conn) open(t *turn, refusal *wire.Refusal) bool {
	s, x := c.server, &t.x
	now := s.watcher.clock()
	t.watch, t.task = &c.watch, c.task
	c.closing, c.bodySize, c.bodyStart = false, 0, 0
	x.Conn.Peer, x.Conn.TLS, x.Conn.Certificate = c.peer, c.tls, c.shown
	x.Request.Scheme = "http"
	if c.tls != nil {
		x.Request.Scheme = "https"
	}
	policy := s.cfg.Gate.Policy()
	limits := s.limits(policy)
	if refusal == nil {
		if err := c.reader.ParseRequest(&x.Request, &c.message, &limits); err != nil {
			if refusal = refusalIn(err); refusal == nil {
				return false
			}
		}
	} else {
		c.message = wire.Message{Close: true, Forwarded: c.message.Forwarded[:0]}
	}
	s.identify(t, &c.message)
	c.continued = !c.message.Expect
	switch {
	case refusal != nil:
		c.closing = refusal.Close
		s.cfg.Gate.BeginRefused(x, now, refusal.Answer, permitLine(refusal, &c.message))
	default:
		s.cfg.Gate.BeginUnder(policy, x, now)
		s.admitted(x, policy, c.message.Needs)
	}
	c.closing = c.closing || c.message.Close || s.ending.Load()
	return true
}

// refusalIn returns the broken rule in err, or nil.
func refusalIn(err error) *wire.Refusal {
	if err == nil {
		return nil
	}
	var r *wire.Refusal // on the heap, so not before it is needed
	_ = errors.As(err, &r)
	return r
}

// finish answers, takes note and clears the way for the next request.
func (c *conn) finish(t *turn) bool {
	s := c.server
	if t.tunnel {
		s.answer(c.ctx, t, c)
		s.recordTurn(t, c.bodySize)
		return false
	}
	unread := c.message.Framing != wire.None && !t.bodyDone
	// A client that waits for 100 (Continue) may send its body or not. A long
	// body, or one of unknown length, is not worth the reading.
	if unread && (!c.continued || c.message.Framing != wire.Length || c.message.Length-c.bodySize > drainBytes) {
		c.closing = true
	}
	ok := s.answer(c.ctx, t, c)
	s.recordTurn(t, c.bodySize)
	if !ok {
		return false
	}
	if unread && !c.closing {
		s.watcher.phase(&c.watch, c.net, s.cfg.BodyGrace)
		ended, err := c.reader.Body().Discard(drainBytes)
		if !s.watcher.rest(&c.watch) || err != nil || !ended {
			c.closing = true
		}
	}
	if c.closing {
		c.linger()
		return false
	}
	return c.reader.Release()
}

// linger closes in two steps, so that an answer is not lost by the reset that a
// close with unread bytes causes.
func (c *conn) linger() {
	type closeWriter interface{ CloseWrite() error }
	if w, ok := c.net.(closeWriter); !ok || w.CloseWrite() != nil {
		return
	}
	c.server.watcher.phase(&c.watch, c.net, lingerTime)
	_, _ = io.CopyN(io.Discard, c.net, lingerBytes)
	c.server.watcher.rest(&c.watch)
}

// next implements downstream.
func (c *conn) next() ([]byte, error) {
	s := c.server
	if !c.continued {
		c.continued = true
		if _, err := c.net.Write(continueLine); err != nil {
			return nil, errClient
		}
	}
	// Also when bytes are there already: they may be no more than half a line.
	s.watcher.phase(&c.watch, c.net, c.bodyTime())
	b, err := c.reader.Body().Next()
	c.bodySize += int64(len(b))
	if !s.watcher.rest(&c.watch) {
		s.stats.expired.Add(1)
		c.closing = true
		return nil, errSlow
	}
	if err != nil && err != io.EOF {
		c.closing = true
		var r *wire.Refusal
		if !errors.As(err, &r) {
			err = errClient
		}
	}
	return b, err
}

// trailers implements downstream.
func (c *conn) trailers() gatehouse.Fields { return c.reader.Body().Trailers() }

// framing implements downstream.
func (c *conn) framing() (wire.Framing, int64) { return c.message.Framing, c.message.Length }

// start implements downstream.
func (c *conn) start(t *turn, f wire.Framing, n int64) error {
	var err error
	t.out, err = wire.AppendResponseHead(t.out[:0], &t.x.Response, f, n, c.closing)
	return err
}

// write implements downstream.
func (c *conn) write(t *turn, b []byte) error {
	s := c.server
	s.watcher.begin(&c.watch, c.net, s.writeTime(len(b)))
	_, err := c.net.Write(b)
	return c.wrote(err)
}

// wrote ends the phase of a write that ended with err.
func (c *conn) wrote(err error) error {
	if s := c.server; !s.watcher.rest(&c.watch) {
		if !c.watch.over {
			s.stats.expired.Add(1)
		}
		return errSlow
	}
	return err
}

// chunked implements downstream.
func (c *conn) chunked() bool { return true }

// end implements downstream.
func (c *conn) end(*turn, gatehouse.Fields) error { return nil }

// bodyTime is how long the next bytes of the body may take: the grace and what
// the bytes so far may take at the minimum rate, less the time already gone. So a
// client that sends a byte now and then is shed as one that sends nothing.
func (c *conn) bodyTime() time.Duration {
	now := time.Duration(c.server.watcher.now.Load())
	if c.bodyStart == 0 {
		c.bodyStart = now
	}
	cfg := &c.server.cfg
	return max(cfg.BodyGrace+time.Duration(c.bodySize*int64(time.Second)/cfg.MinRate)-(now-c.bodyStart), 0)
}

// writeTime is how long the client may take to read n bytes. The client's and
// our own socket buffers have room, so it is asked for a higher rate.
func (s *Server) writeTime(n int) time.Duration {
	return s.cfg.BodyGrace + time.Duration(int64(n)*int64(time.Second)/(4*s.cfg.MinRate))
}

// identify says who asks.
func (s *Server) identify(t *turn, m *wire.Message) {
	x := &t.x
	x.Conn.Client, x.Conn.Secure = x.Conn.Peer.Addr(), x.Conn.TLS != nil
	if s.cfg.Client != nil {
		client, secure := s.cfg.Client(x.Conn.Client, m.Forwarded)
		x.Conn.Client, x.Conn.Secure = client, x.Conn.Secure || secure
	}
}

var misdirected = gatehouse.Answer{Status: 421, Reason: "proxy.misdirected", Public: "This host is not the one that the TLS handshake named"}

// limits bounds a head; what some endpoint of the policy permits is taken until
// the endpoint is known.
func (s *Server) limits(p *engine.Policy) wire.Limits {
	l := s.cfg.Limits
	l.Permit = p.Permits()
	return l
}

// permitLine is, for the event, the line of the configuration that would permit
// what was refused, or "".
func permitLine(r *wire.Refusal, m *wire.Message) string {
	if r.Permit == 0 {
		return ""
	}
	return engine.PermitLine(m.Needs)
}

// admitted refuses what the endpoint does not permit and what only the door can see.
func (s *Server) admitted(x *gatehouse.Exchange, p *engine.Policy, needs gatehouse.Permit) {
	q := &x.Request
	if needs != 0 {
		if missing, why := p.Missing(x, needs); missing != 0 {
			engine.Fail(x, "wire", wire.Unpermitted(missing).Answer, why)
			return
		}
	}
	if x.Conn.TLS != nil && x.Conn.TLS.ServerName != "" && !sameHost(x.Conn.TLS.ServerName, q.Host) {
		engine.Fail(x, "proxy", &misdirected, "server name and host differ")
		return
	}
	if q.Upgrade && x.Endpoint.Declared && !x.Endpoint.WebSocket {
		engine.Fail(x, "proxy", &host.NoUpgrade, "")
	}
}

// sameHost compares the TLS server name with a canonical host, port aside.
func sameHost(sni, host string) bool {
	n := len(sni)
	for n > 0 && sni[n-1] == '.' {
		n--
	}
	if len(host) < n || (len(host) > n && host[n] != ':') {
		return false
	}
	for i := range n {
		c := sni[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != host[i] {
			return false
		}
	}
	return true
}
