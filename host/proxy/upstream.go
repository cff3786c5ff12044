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
	"github.com/gatehouse-api/gatehouse/wire"
)

const (
	dialTimeout = 5 * time.Second
	maxIdle     = 1024             // idle connections kept per upstream
	maxIdleTime = 30 * time.Second // an idle connection is closed after that
)

// pool holds the idle connections to one upstream, the last used on top.
type pool struct {
	upstream gatehouse.Upstream
	tls      *tls.Config  // nil for http
	local    http.Handler // nil for one behind a socket

	mu   sync.Mutex
	idle []*upconn
	shut bool
}

// upconn is one connection to an upstream.
type upconn struct {
	net.Conn
	reader *wire.Reader
	local  *local        // Conn, where the upstream is in this program
	asker  asker         // Conn, where it can send and wait in one call
	reused bool          // it may have been closed by the upstream meanwhile
	since  time.Duration // when it became idle, in the watcher's time

	raw  syscall.RawConn
	look func(fd uintptr) bool
	seen error // what look found
}

// asker is a connection that sends b with its next Read: see [socket.ask].
type asker interface{ ask(b []byte) }

func newPool(u *gatehouse.Upstream, local map[string]http.Handler) (*pool, error) {
	p := &pool{upstream: *u}
	if name, ok := strings.CutPrefix(u.Address, gatehouse.InProcess); ok {
		if p.local = local[name]; p.local == nil {
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

// get returns an idle connection or dials one. fresh asks for a dialled one;
// once says that the request must not be sent twice, so that a connection that the
// upstream has closed meanwhile is not used for it.
func (p *pool) get(ctx context.Context, b *wire.Buffers, fresh, once bool) (*upconn, error) {
	for !fresh {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			break
		}
		u := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		u.reused = u.local == nil
		if !u.reused || !once || u.alive() {
			return u, nil
		}
		_ = u.Close()
	}
	return p.dial(ctx, b)
}

func (p *pool) dial(ctx context.Context, b *wire.Buffers) (*upconn, error) {
	if p.local != nil {
		return newLocal(p.local, b), nil
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
	u := &upconn{Conn: newSocket(c)}
	if d, ok := c.(syscall.Conn); ok {
		if u.raw, err = d.SyscallConn(); err != nil {
			_ = c.Close()
			return nil, err
		}
		var one [1]byte
		u.look = func(fd uintptr) bool {
			n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			u.seen = errBusy
			if errors.Is(err, syscall.EAGAIN) && n <= 0 {
				u.seen = nil
			}
			return true
		}
	}
	if p.tls != nil {
		t := tls.Client(u.Conn, p.tls)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = c.Close()
			return nil, err
		}
		u.Conn = t
	}
	u.asker, _ = u.Conn.(asker)
	u.reader = wire.NewReader(u.Conn)
	u.reader.Buffers, u.reader.Replies = b, true
	return u, nil
}

// errBusy says that an idle connection has bytes or an end to read: an upstream
// that speaks unasked is not to be trusted with the next request.
var errBusy = errors.New("the idle connection is not silent")

// alive reports whether an idle connection is still open and silent.
func (u *upconn) alive() bool {
	if u.raw == nil || u.reader.Buffered() > 0 {
		return false
	}
	return u.raw.Read(u.look) == nil && u.seen == nil
}

// put gives back a connection whose reply was read to its end.
func (p *pool) put(u *upconn, now time.Duration) {
	if u.reader.Buffered() > 0 { // an answer to nothing
		_ = u.Close()
		return
	}
	u.since = now
	p.mu.Lock()
	keep := !p.shut && len(p.idle) < maxIdle
	if keep {
		p.idle = append(p.idle, u)
	}
	p.mu.Unlock()
	if !keep {
		_ = u.Close()
	}
}

// sweep closes connections that have been idle too long. They are at the bottom.
func (p *pool) sweep(now time.Duration, all bool) {
	p.mu.Lock()
	p.shut = p.shut || all
	n := 0
	for n < len(p.idle) && (all || now-p.idle[n].since > maxIdleTime) {
		n++
	}
	old := append([]*upconn(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	p.mu.Unlock()
	for _, u := range old {
		_ = u.Close()
	}
}
