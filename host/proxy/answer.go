package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host"
	"github.com/gatehouse-api/gatehouse/wire"
)

// answer sends the response and reports whether the connection is still good.
func (s *Server) answer(ctx context.Context, t *turn, d downstream) bool {
	x := &t.x
	defer s.freeUpstream(t)
	if t.aborted != "" {
		s.dropUpstream(t)
		return false
	}
	if x.Ended.Denied() || x.EndedBy != "" {
		s.dropUpstream(t) // its reply, if there is one, is not sent
		t.tunnel = false
	}
	if t.tunnel || t.unread {
		return s.last(ctx, t, d)
	}
	s.stamp(t)
	return t.delivered(s.whole(t, d))
}

// stamp dates an answer of our own.
func (s *Server) stamp(t *turn) {
	if r := &t.x.Response; r.Own && !r.Fields.Has("date") {
		r.Fields.Add("date", s.date.Load().text)
	}
}

// last sends what may outlive the proof that the caller was let in by, and ends it when
// that holds no more.
func (s *Server) last(ctx context.Context, t *turn, d downstream) (ok bool) {
	t.watch.holder.Store(t.x.Principal)
	switch {
	case t.tunnel:
		ok = s.upgrade(t, d)
	case engine.Items(&t.x):
		ok = t.delivered(s.items(ctx, t, d))
	default:
		ok = t.delivered(s.pass(t, d))
	}
	t.watch.holder.Store(nil)
	if t.watch.over {
		t.watch.over, t.aborted = false, host.Forfeited
	}
	return ok
}

// delivered takes note of how an answer ended, and reports whether the connection is
// still good.
func (t *turn) delivered(err error) bool {
	switch {
	case err == nil:
	case errors.Is(err, errSlow):
		t.aborted = "the client reads too slowly"
		return false
	default:
		if !t.cut {
			t.aborted = "the answer was cut short"
		}
		return false
	}
	return !t.cut
}

// whole sends an answer that is held: in one write if it is small.
func (s *Server) whole(t *turn, d downstream) error {
	body, err := s.begin(t, d)
	if err != nil {
		return s.unsafe(t, d, err)
	}
	if err := d.write(t, t.out); err != nil {
		return err
	}
	if len(body) > 0 {
		if err := d.write(t, body); err != nil {
			return err
		}
	}
	t.sent = t.size
	return d.end(t, nil)
}

// begin begins an answer that is held, and returns what of it is not in t.out.
func (s *Server) begin(t *turn, d downstream) ([]byte, error) {
	x := &t.x
	body, f, n := x.Response.Body, wire.Length, int64(len(x.Response.Body))
	switch {
	case x.Response.Status == http.StatusNoContent || x.Response.Status == http.StatusNotModified:
		f, body = wire.None, nil
	case x.Request.Method == http.MethodHead:
		body = nil
		// What GET would have been cut down to is not known here.
		if n = t.reply.Length; x.Response.Own || x.Endpoint.Plan.ReplyBody || n < 0 {
			f = wire.None
		}
	}
	if err := d.start(t, f, n); err != nil {
		return nil, err
	}
	t.size = int64(len(body))
	if len(body) <= largest {
		t.out = append(t.out, body...)
		body = nil
	}
	return body, nil
}

// unsafe answers instead of a reply whose fields must not go on the wire.
func (s *Server) unsafe(t *turn, d downstream, err error) error {
	if !errors.Is(err, wire.ErrUnsafe) || t.x.Response.Own {
		return err
	}
	r := &t.x.Response
	r.Status, r.Own, r.Body = malformed.Status, true, r.Body[:0]
	r.Fields = r.Fields[:0]
	t.aborted = "a field of the reply must not go on the wire"
	return s.whole(t, d)
}

// pass sends a reply as it comes, in pieces that are framed like the reply.
func (s *Server) pass(t *turn, d downstream) error {
	x := &t.x
	f, n := t.reply.Framing, t.reply.Length
	if f != wire.Length {
		f, n = wire.Chunked, 0
	}
	if err := d.start(t, f, n); err != nil {
		return s.unsafe(t, d, err)
	}
	if head := x.Response.Body; len(head) > 0 { // what was held of a reply that is too large
		if t.sent = int64(len(head)); f == wire.Chunked && d.chunked() {
			t.out = wire.AppendChunk(t.out, head)
		} else {
			t.out = append(t.out, head...)
		}
		if err := s.flush(t, d); err != nil {
			return err
		}
	}
	body := t.up.reader.Body()
	for {
		// A head with bytes of the body behind it goes out with them, in one
		// write; one without is not held back for bytes that may be long in coming.
		if len(t.out) > 0 && t.up.reader.Buffered() == 0 {
			if err := d.write(t, t.out); err != nil {
				s.dropUpstream(t)
				return err
			}
			t.out = t.out[:0]
		}
		s.watcher.phase(t.watch, t.up.Conn, s.patience(x))
		b, err := body.Next()
		slow := !s.watcher.rest(t.watch)
		if slow || (err != nil && err != io.EOF) {
			return s.cutShort(t, "the upstream broke off")
		}
		t.sent += int64(len(b))
		if f == wire.Chunked && d.chunked() {
			t.out = wire.AppendChunk(t.out, b)
		} else {
			t.out = append(t.out, b...)
		}
		if err == io.EOF {
			break
		}
		if err := d.write(t, t.out); err != nil {
			s.dropUpstream(t)
			return err
		}
		t.out = t.out[:0]
	}
	trailers := body.Trailers()
	if f == wire.Chunked && d.chunked() {
		var err error
		if t.out, err = wire.AppendLastChunk(t.out, trailers); err != nil {
			return err
		}
	}
	t.unread = false
	if len(t.out) > 0 {
		if err := d.write(t, t.out); err != nil {
			s.dropUpstream(t)
			return err
		}
	}
	if err := d.end(t, trailers); err != nil {
		return err
	}
	s.releaseUpstream(t)
	return nil
}
