package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/loop"
	"github.com/gatehouse-api/gatehouse/wire"
)

const (
	dialTimeout = 5 * time.Second
	maxIdle     = 1024             // idle connections kept per upstream
	maxIdleTime = 30 * time.Second // an idle connection is closed after that
)

// pool holds the idle connections to one upstream.
type pool struct {
	server   *Server
	upstream gatehouse.Upstream
	tls      *tls.Config  // nil for http
	local    http.Handler // nil for one behind a socket

	mu   sync.Mutex
	idle []shelf // of goroutines, and of each loop
	shut bool
}

// shelf is the idle connections that the same may use, the last used on top.
type shelf []*upconn

// upconn is one connection to an upstream.
type upconn struct {
	net.Conn
	reader *wire.Reader
	local  *local        // Conn, where the upstream is in this program
	socket *loop.Socket  // Conn or what is below it, where a loop has it
	reused bool          // it may have been closed by the upstream meanwhile
	since  time.Duration // when it became idle, in the watcher's time
	quiet  func() bool   // reports whether it is open and the upstream has said nothing unasked; nil where nobody knows
}

func newPool(u *gatehouse.Upstream, s *Server) (*pool, error) {
	p := &pool{server: s, upstream: *u, idle: make([]shelf, 1+s.loops.Len())}
	if name, ok := strings.CutPrefix(u.Address, gatehouse.InProcess); ok {
		if p.local = s.cfg.Local[name]; p.local == nil {
			return nil, fmt.Errorf("proxy: upstream %s: nothing in this program is called %q", u.Name, name)
		}
		return p, nil
	}
	if u.Scheme != "https" {
		return p, nil
	}
	host, _, err := net.SplitHostPort(u.Address)
	if err != nil {
		return nil, fmt.Errorf("proxy: upstream %s: %w", u.Name, err)
	}
	p.tls = &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: AEADSuites(), ServerName: host, NextProtos: []string{"http/1.1"}}
	if u.CAFile != "" {
		pem, err := os.ReadFile(u.CAFile)
		if err != nil {
			return nil, fmt.Errorf("proxy: upstream %s: %w", u.Name, err)
		}
		p.tls.RootCAs = x509.NewCertPool()
		if !p.tls.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("proxy: upstream %s: %s holds no certificate", u.Name, u.CAFile)
		}
	}
	return p, nil
}

// shelf returns where the idle connections of t are, or of goroutines.
func (p *pool) shelf(t *loop.Task) *shelf {
	if t == nil || p.local != nil {
		return &p.idle[0]
	}
	return &p.idle[1+t.Index()]
}

// get returns an idle connection or dials one. fresh asks for a dialled one;
// once says that the request must not be sent twice, so that a connection of which nobody
// knows whether the upstream has closed it meanwhile is not used for it.
func (p *pool) get(ctx context.Context, t *loop.Task, fresh, once bool) (*upconn, error) {
	if !fresh {
		if u := p.takeIdle(t, once); u != nil {
			return u, nil
		}
	}
	return p.dial(ctx, t)
}

// takeIdle returns an idle connection, if there is one.
func (p *pool) takeIdle(t *loop.Task, once bool) *upconn {
	for {
		p.mu.Lock()
		idle := p.shelf(t)
		n := len(*idle)
		if n == 0 {
			p.mu.Unlock()
			return nil
		}
		u := (*idle)[n-1]
		(*idle)[n-1] = nil
		*idle = (*idle)[:n-1]
		p.mu.Unlock()
		u.reused = u.local == nil
		if u.socket != nil {
			u.socket.Have(t)
		}
		if !u.reused || u.quiet == nil && !once || u.alive() {
			return u
		}
		_ = u.Close()
	}
}

// dial connects, which blocks.
func (p *pool) dial(ctx context.Context, task *loop.Task) (*upconn, error) {
	if p.local != nil {
		return newLocal(p.local, &p.server.buffers), nil
	}
	if task != nil {
		task.Leave()
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var d net.Dialer
	network, address := "tcp", p.upstream.Address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	base := &seat{c}
	u := &upconn{Conn: base}
	if p.tls != nil {
		t := tls.Client(base, p.tls)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = c.Close()
			return nil, err
		}
		u.Conn = t
	}
	if err := u.settle(p.server.loops, base, c, task); err != nil {
		_ = c.Close()
		return nil, err
	}
	u.reader = wire.NewReader(u.Conn)
	u.reader.Buffers, u.reader.Replies = &p.server.buffers, true
	return u, nil
}

// seat is the place below TLS of a connection that may move to a loop.
type seat struct{ net.Conn }

// errCrowded says that a loop cannot have a connection, for which it needs a descriptor.
// One that Go looks after would hold the loop up whenever it is waited for.
var errCrowded = errors.New("proxy: there is no room for a connection to the upstream")

// settle has a new connection be used by who asked for it: a loop, for its task, or a goroutine.
func (u *upconn) settle(g *loop.Group, base *seat, c net.Conn, task *loop.Task) error {
	if task == nil {
		base.Conn, u.quiet = newSocket(c), silence(c)
	} else if s, ok := g.Adopt(c, task); ok {
		base.Conn, u.socket, u.quiet = s, s, s.Quiet
	} else {
		return errCrowded
	}
	if u.Conn == net.Conn(base) {
		u.Conn = base.Conn
	}
	return nil
}

// silence returns what tells whether a connection that Go looks after is quiet, or nil.
func silence(c net.Conn) func() bool {
	d, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := d.SyscallConn()
	if err != nil {
		return nil
	}
	var one [1]byte
	silent := false
	look := func(fd uintptr) bool {
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		silent = errors.Is(err, syscall.EAGAIN) && n <= 0
		return true
	}
	return func() bool { return raw.Read(look) == nil && silent }
}

// alive reports whether an idle connection is still open and silent. What an upstream says
// unasked, such as a 408 before it closes, is nobody's answer (RFC 9112 section 9.2).
func (u *upconn) alive() bool { return u.reader.Buffered() == 0 && u.quiet != nil && u.quiet() }

// put gives back a connection whose reply was read to its end.
func (p *pool) put(u *upconn, t *loop.Task, now time.Duration) {
	if u.reader.Buffered() > 0 { // an answer to nothing
		_ = u.Close()
		return
	}
	if u.socket != nil {
		u.socket.Have(nil)
	}
	u.since = now
	p.mu.Lock()
	idle := p.shelf(t)
	keep := !p.shut && len(*idle) < maxIdle
	if keep {
		*idle = append(*idle, u)
	}
	p.mu.Unlock()
	if !keep {
		_ = u.Close()
	}
}

// sweep closes connections that have been idle too long. They are at the bottom.
func (p *pool) sweep(now time.Duration, all bool) {
	var old []*upconn
	p.mu.Lock()
	p.shut = p.shut || all
	for i := range p.idle {
		idle := p.idle[i]
		n := 0
		for n < len(idle) && (all || now-idle[n].since > maxIdleTime) {
			n++
		}
		old = append(old, idle[:n]...)
		p.idle[i] = append(idle[:0], idle[n:]...)
	}
	p.mu.Unlock()
	for _, u := range old {
		_ = u.Close()
	}
}
