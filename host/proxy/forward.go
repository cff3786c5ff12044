package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host"
	"github.com/gatehouse-api/gatehouse/internal/loop"
	"github.com/gatehouse-api/gatehouse/wire"
)

// errStale says that an idle connection had been closed by the upstream before
// it took a byte of the request: the one case in which a request is sent again.
var errStale = errors.New("proxy: the idle connection was closed")

// bringReply forwards the request and reads the reply's head.
func (s *Server) bringReply(ctx context.Context, t *turn, d downstream) {
	x := &t.x
	defer engine.Brought(x, gatehouse.Reply)
	if x.Request.BodyTooLarge { // nobody refused it, but only its beginning is here
		engine.Fail(x, "proxy", &host.BodyTooLarge, "")
		return
	}
	if err := s.roundTrip(ctx, t, d); err != nil {
		s.failUpstream(t, err)
		return
	}
	s.replied(t)
}

// replied takes note of what kind of reply has come.
func (s *Server) replied(t *turn) {
	x := &t.x
	if t.reply.Upgrade {
		t.tunnel = true
		t.unread = false
		// An upgraded connection has no reply body to look at.
		engine.Brought(x, gatehouse.ReplyBody)
	}
	if !t.unread && !t.tunnel {
		s.releaseUpstream(t)
	}
}

// roundTrip sends the request, a second time at the most: only when an idle
// connection turns out to be dead, and only what may be sent twice (RFC 9110
// section 9.2.2).
func (s *Server) roundTrip(ctx context.Context, t *turn, d downstream) error {
	x := &t.x
	p, err := s.pool(x.Endpoint.Upstream)
	if err != nil {
		return err
	}
	t.pool = p
	replayable := x.Request.Idempotent() && t.bodyDone
	for attempt := 0; ; attempt++ {
		if t.asked {
			err = s.hear(t)
		} else {
			t.began = time.Since(x.At)
			if t.up, err = p.get(ctx, t.task, attempt > 0, !replayable); err != nil {
				return err
			}
			err = s.ask(ctx, t, d)
		}
		t.waited += time.Since(x.At) - t.began
		if err == nil {
			return nil
		}
		retry := attempt == 0 && t.up.reused && replayable && errors.Is(err, errStale)
		s.dropUpstream(t)
		if !retry {
			return err
		}
	}
}

// hear goes on where the connection's hand has put the request to the upstream.
func (s *Server) hear(t *turn) error {
	t.asked = false
	if t.failure != nil {
		return t.failure
	}
	if err := t.task.Flush(); err != nil {
		t.timed = false
		if !s.watcher.rest(t.watch) {
			return errTimeout
		}
		return stale(t, err)
	}
	return s.receive(t)
}

// ask sends the request and reads the reply's head. When ctx ends before, as it
// does for a reset HTTP/2 stream, the upstream's connection is given up.
func (s *Server) ask(ctx context.Context, t *turn, d downstream) error {
	if ctx.Done() != nil {
		if ctx.Err() != nil {
			return &bodyError{errClient}
		}
		up := t.up
		stop := context.AfterFunc(ctx, func() { _ = up.SetDeadline(longAgo) })
		defer func() {
			if !stop() {
				t.reply.Close = true // the deadline has come or is about to
			}
		}()
	}
	var err error
	if t.up.local != nil {
		err = s.call(ctx, t, d)
	} else {
		err = s.send(t, d)
	}
	if err != nil {
		return err
	}
	return s.receive(t)
}

// send writes the request: in one piece when the body is there, else as it comes. A
// piece that is whole is left to the next Read, where the connection can do that.
func (s *Server) send(t *turn, d downstream) error {
	x := &t.x
	f, err := s.compose(t, d)
	if err != nil {
		return err
	}
	if t.bodyDone && len(x.Request.Body) <= largest && t.up.socket != nil && t.up.socket == t.up.Conn && t.up.reader.Buffered() == 0 {
		t.up.socket.Ask(t.out)
		return nil
	}
	if err := s.toUpstream(t, t.out); err != nil {
		return stale(t, err)
	}
	if t.bodyDone {
		if len(x.Request.Body) > largest {
			if err := s.toUpstream(t, x.Request.Body); err != nil {
				return stale(t, err)
			}
		}
		return nil
	}
	return s.stream(t, d, f)
}

// compose writes the request's head into t.out, and its body if it is there and not large.
// It returns how the body is framed.
func (s *Server) compose(t *turn, d downstream) (f wire.Framing, err error) {
	x := &t.x
	f, n := d.framing()
	if t.bodyDone {
		if f, n = wire.None, 0; x.Request.HasBody {
			f, n = wire.Length, int64(len(x.Request.Body))
		}
	}
	if t.out, err = wire.AppendRequestHead(t.out[:0], &x.Request, x.Endpoint.Upstream, f, n); err != nil {
		return f, err
	}
	if t.bodyDone && len(x.Request.Body) <= largest {
		t.out = append(t.out, x.Request.Body...)
	}
	return f, nil
}

// stream forwards a body that no control needed whole, as it comes. The head has
// been sent, so what fails from here on ends the connection to the upstream.
func (s *Server) stream(t *turn, d downstream, f wire.Framing) error {
	limit, n := host.BodyLimit(&t.x), int64(0)
	for {
		b, err := d.next()
		if n += int64(len(b)); n > limit {
			t.x.Request.BodyTooLarge = true
			return errTooLarge
		}
		if len(b) > 0 {
			t.out = t.out[:0]
			if f == wire.Chunked {
				t.out = wire.AppendChunk(t.out, b)
			} else {
				t.out = append(t.out, b...)
			}
			if err := s.toUpstream(t, t.out); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return &bodyError{err}
		}
	}
	t.bodyDone = true
	if f != wire.Chunked {
		return nil
	}
	var err error
	if t.out, err = wire.AppendLastChunk(t.out[:0], d.trailers()); err != nil {
		return err
	}
	return s.toUpstream(t, t.out)
}

var errTooLarge = errors.New("proxy: the request body is over its limit")

// bodyError says that it is the client's body that failed, not the upstream.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

func (s *Server) toUpstream(t *turn, b []byte) error {
	s.watcher.begin(t.watch, t.up.Conn, s.patience(&t.x))
	_, err := t.up.Write(b)
	if !s.watcher.rest(t.watch) {
		return errTimeout
	}
	return err
}

var errTimeout = errors.New("proxy: the upstream is too slow")

// receive reads the reply's head, past interim replies.
func (s *Server) receive(t *turn) error {
	x, r := &t.x, t.up.reader
	for ; t.interim < 16; t.interim++ {
		err := s.replyHead(t)
		if err == loop.ErrAgain { //nolint:errorlint // as it is
			return err
		}
		if err != nil {
			return stale(t, err)
		}
		if err := r.ParseResponse(&x.Response, &t.reply, x.Request.Method); err != nil {
			return err
		}
		switch {
		case x.Response.Status == http.StatusSwitchingProtocols:
			if !x.Request.Upgrade || !t.reply.Upgrade {
				return errors.New("proxy: the upstream switched protocols unasked")
			}
			return nil
		case x.Response.Status >= 200:
			t.unread = t.reply.Framing != wire.None
			x.Response.Sequence = x.Endpoint.Plan.Items && t.unread && host.Sequence(&x.Response)
			return nil
		}
		r.Release()
	}
	return errors.New("proxy: too many interim replies")
}

// replyHead reads until the reply's head is there. For a hand it may have to be called again.
func (s *Server) replyHead(t *turn) error {
	if !t.timed {
		s.watcher.begin(t.watch, t.up.Conn, s.patience(&t.x))
		t.timed = true
	}
	err := t.up.reader.Head()
	if err == loop.ErrAgain { //nolint:errorlint // as it is
		return err
	}
	t.timed = false
	if !s.watcher.rest(t.watch) {
		return errTimeout
	}
	return err
}

// stale tells a dead idle connection from an upstream that failed at the request.
func stale(t *turn, err error) error {
	var reply *wire.ReplyError
	if t.up.reused && t.up.reader.Buffered() == 0 && !errors.As(err, &reply) && !errors.Is(err, errTimeout) {
		return errStale
	}
	return err
}

// failUpstream ends an exchange that got no reply.
func (s *Server) failUpstream(t *turn, err error) {
	x := &t.x
	s.dropUpstream(t)
	var body *bodyError
	var timeout net.Error
	switch {
	case errors.As(err, &body):
		failBody(t, body.err)
	case errors.Is(err, errTooLarge):
		engine.Fail(x, "proxy", &host.BodyTooLarge, "")
	case errors.Is(err, errReplyTooBig):
		engine.Fail(x, "proxy", &host.ReplyTooLarge, err.Error())
	case errors.Is(err, errTimeout), errors.As(err, &timeout) && timeout.Timeout():
		engine.Fail(x, "proxy", &timedOut, err.Error())
	default:
		var reply *wire.ReplyError
		if errors.As(err, &reply) {
			engine.Fail(x, "proxy", &malformed, err.Error())
			return
		}
		engine.Fail(x, "proxy", &unreachable, err.Error())
	}
}

// releaseUpstream gives a connection back whose reply was read to its end.
func (s *Server) releaseUpstream(t *turn) {
	u := t.up
	t.up = nil
	if u == nil {
		return
	}
	// Also one that will not be used again is kept until the reply's views have died.
	t.held, t.heldDead = u, t.reply.Close || t.reply.Framing == wire.UntilClose
}

// freeUpstream lets go of the connection whose buffer the reply's fields are in.
func (s *Server) freeUpstream(t *turn) {
	u := t.held
	if u == nil {
		return
	}
	t.held = nil
	if t.heldDead || !u.reader.Release() {
		_ = u.Close()
		return
	}
	t.pool.put(u, t.task, time.Duration(s.watcher.now.Load()))
}

// dropUpstream closes a connection that cannot be used again.
func (s *Server) dropUpstream(t *turn) {
	if t.up != nil {
		_ = t.up.Close()
		t.up = nil
	}
	t.unread = false
}
