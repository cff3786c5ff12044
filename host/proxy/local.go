package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse/host"
	"github.com/gatehouse-api/gatehouse/internal/aside"
	"github.com/gatehouse-api/gatehouse/wire"
)

// local is the connection to an upstream in this program: a handler that is called
// where another upstream's connection would be written to. What it is asked has been
// written by the wire's serialiser, and what it answers is read by the wire's reader,
// so that it sees and may say no more than an upstream behind a socket.
type local struct {
	handler http.Handler
	head    []byte // the reply's
	body    []byte // the reply's
	unread  [2][]byte

	dead   atomic.Bool // a deadline has come
	cancel atomic.Pointer[context.CancelFunc]
}

func newLocal(h http.Handler, b *wire.Buffers) *upconn {
	l := &local{handler: h}
	u := &upconn{Conn: l, local: l, reader: wire.NewReader(l)}
	u.reader.Buffers, u.reader.Replies = b, true
	return u
}

// call has the handler answer, on this goroutine. Its context ends with the time that
// the upstream has and with the client's stream. A handler that does not heed its
// context is waited for, and so is a goroutine of the handler's that reads the body.
func (s *Server) call(ctx context.Context, t *turn, d downstream) (err error) {
	l, x := t.up.local, &t.x
	if t.task != nil {
		t.task.Hold()
		defer t.task.Release()
		ctx = aside.With(ctx, func() {}) // no loop is held up, and a goroutine of the handler's may outlive the hold
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	l.begin(&cancel)
	defer l.cancel.Store(nil)
	body := &localBody{server: s, t: t, d: d}
	r, err := body.request(inner)
	if err != nil {
		return err
	}
	w := &localReply{local: l, header: http.Header{}, method: x.Request.Method, most: max(host.ReplyLimit(x), host.DefaultReplyLimit)}
	s.watcher.phase(t.watch, l, s.patience(x))
	err = l.answer(w, r, s.cfg.Log)
	_ = body.Close()
	inTime := s.watcher.rest(t.watch)
	if r.MultipartForm != nil {
		_ = r.MultipartForm.RemoveAll()
	}
	switch {
	case body.failed != nil:
		return body.failed
	case ctx.Err() != nil:
		return &bodyError{errClient}
	case !inTime:
		return errTimeout
	case err != nil:
		return err
	}
	return w.finish(s.date.Load().text)
}

// answer calls the handler and makes an error of its panic.
func (l *local) answer(w *localReply, r *http.Request, log *slog.Logger) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler { //nolint:errorlint // it is this value that says so
				log.Error("a handler panicked", "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			}
			err = errPanicked
		}
	}()
	l.handler.ServeHTTP(w, r)
	return nil
}

var (
	errPanicked    = errors.New("proxy: the handler broke off")
	errReplyTooBig = errors.New("proxy: the reply is over its limit")
)

// localBody is the request's body, as the handler reads it, or a goroutine of its own.
type localBody struct {
	server *Server
	t      *turn
	d      downstream
	mu     sync.Mutex
	left   []byte // of the piece that came last, or of the body that is held
	size   int64
	ended  error // what comes after left
	failed error // why the exchange fails, whatever the handler makes of it
}

// request makes the request that net/http would have read from the wire.
func (b *localBody) request(ctx context.Context) (*http.Request, error) {
	t := b.t
	q := &t.x.Request
	f, n := b.d.framing()
	if t.bodyDone {
		b.left, b.ended = q.Body, io.EOF
		if f, n = wire.None, 0; q.HasBody {
			f, n = wire.Length, int64(len(q.Body))
		}
	}
	var err error
	if t.out, err = wire.AppendRequestHead(t.out[:0], q, t.x.Endpoint.Upstream, f, n); err != nil {
		return nil, err
	}
	r, err := readWritten(ctx, t.out, f, n)
	if err != nil {
		return nil, fmt.Errorf("proxy: reading the request: %w", err)
	}
	if r.ContentLength != 0 {
		r.Body = b
	}
	return r, nil
}

// Read implements [io.Reader]. The limits of the request's body and the client's
// patience are kept here, as they are on the way to other upstreams.
func (b *localBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.left) == 0 {
		if b.ended != nil {
			return 0, b.ended
		}
		b.more()
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

// Close implements [io.Closer]. What is unread is the door's to drain.
func (b *localBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = nil
	if b.ended == nil {
		b.ended = http.ErrBodyReadAfterClose
	}
	return nil
}

// more brings the next piece. The time that the client takes is not the handler's.
func (b *localBody) more() {
	s, t := b.server, b.t
	if !s.watcher.rest(t.watch) {
		b.fail(errTimeout)
		return
	}
	piece, err := b.d.next()
	s.watcher.phase(t.watch, t.up.local, s.patience(&t.x))
	b.size += int64(len(piece))
	switch {
	case b.size > host.BodyLimit(&t.x):
		t.x.Request.BodyTooLarge = true
		b.fail(errTooLarge)
		return
	case err == io.EOF:
		t.bodyDone, b.ended = true, io.EOF
	case err != nil:
		b.fail(&bodyError{err})
		return
	}
	b.left = piece
}

func (b *localBody) fail(err error) { b.failed, b.ended = err, err }

// begin forgets the last reply.
func (l *local) begin(cancel *context.CancelFunc) {
	if cap(l.body) > largest {
		l.body = nil
	}
	l.head, l.body, l.unread = l.head[:0], l.body[:0], [2][]byte{}
	l.cancel.Store(cancel)
	if l.dead.Load() {
		(*cancel)()
	}
}

// Read implements [net.Conn] for the wire's reader.
func (l *local) Read(p []byte) (n int, err error) {
	for i := range l.unread {
		m := copy(p[n:], l.unread[i])
		l.unread[i] = l.unread[i][m:]
		n += m
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Write implements [net.Conn]. Nothing is written to a handler.
func (l *local) Write([]byte) (int, error) { return 0, net.ErrClosed }

// Close implements [net.Conn].
func (l *local) Close() error { return nil }

// SetDeadline implements [net.Conn]: whoever sets one here wants the handler to end now.
// The connection is not used again.
func (l *local) SetDeadline(time.Time) error {
	l.dead.Store(true)
	if c := l.cancel.Load(); c != nil {
		(*c)()
	}
	return nil
}

// SetReadDeadline implements [net.Conn].
func (l *local) SetReadDeadline(t time.Time) error { return l.SetDeadline(t) }

// SetWriteDeadline implements [net.Conn].
func (l *local) SetWriteDeadline(t time.Time) error { return l.SetDeadline(t) }

// LocalAddr implements [net.Conn].
func (l *local) LocalAddr() net.Addr { return localAddr{} }

// RemoteAddr implements [net.Conn].
func (l *local) RemoteAddr() net.Addr { return localAddr{} }

// localAddr is the address of what is reached by a call.
type localAddr struct{}

func (localAddr) Network() string { return "local" }
func (localAddr) String() string  { return "local" }
