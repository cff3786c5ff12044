package proxy

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/gatehouse-api/gatehouse/host"
	"github.com/gatehouse-api/gatehouse/internal/aside"
	"github.com/gatehouse-api/gatehouse/internal/loop"
)

// greet shakes hands and serves the connection, or has a loop do so.
func (c *conn) greet(nc net.Conn) {
	below := &seat{newSocket(nc)}
	switch proto, ok := c.handshake(below); {
	case !ok:
		c.server.forget(c)
	case proto == "h2":
		defer c.server.forget(c)
		c.serveHTTP2()
	default:
		c.begin(nc, below)
	}
}

// begin has a loop serve the connection, or else a goroutine. below is where TLS has
// nc, or nil.
func (c *conn) begin(nc net.Conn, below *seat) {
	s := c.server
	c.ctx = context.Background()
	socket, ok := s.loops.Adopt(nc, nil)
	if !ok {
		if below == nil {
			c.net = newSocket(nc)
		}
		go c.run()
		return
	}
	s.mu.Lock()
	c.tcp = socket
	s.mu.Unlock()
	c.socket = socket
	if below == nil {
		c.net = socket
	} else {
		below.Conn = socket
	}
	socket.Go(func(t *loop.Task) {
		c.task, c.ctx, c.hand = t, aside.With(c.ctx, t.Leave), c.serveByHand
		c.run()
	})
}

func (c *conn) handshake(below net.Conn) (proto string, ok bool) {
	t := tls.Server(below, c.tlsConfig)
	c.net = t
	c.server.watcher.phase(&c.watch, c.tcp, c.server.cfg.HandshakeTime)
	if err := t.Handshake(); err != nil {
		c.late()
		return "", false
	}
	st := t.ConnectionState()
	c.tls, c.shown = &st, host.Certificate(&st)
	return st.NegotiatedProtocol, c.server.watcher.rest(&c.watch)
}

// endWhenIdle closes a connection that waits for its next request.
func (c *conn) endWhenIdle() {
	if c.idle.CompareAndSwap(true, false) {
		_ = c.tcp.SetReadDeadline(longAgo)
	}
}

// cut ends a connection from outside.
func (c *conn) cut() {
	if _, ok := c.tcp.(*loop.Socket); ok {
		_ = c.tcp.SetDeadline(longAgo) // its task closes it
		return
	}
	_ = c.tcp.Close()
}
