package proxy

import (
	"context"
	"io"

	"github.com/gatehouse-api/gatehouse/host"
	"github.com/gatehouse-api/gatehouse/wire"
)

// items sends a reply that is a sequence: what the engine lets out of every piece
// goes out at once, whatever is still to come. Trailers are not items, and stay.
func (s *Server) items(ctx context.Context, t *turn, d downstream) error {
	x := &t.x
	var items host.Items
	items.Begin(x)
	if err := d.start(t, wire.Chunked, 0); err != nil {
		return s.unsafe(t, d, err)
	}
	body := t.up.reader.Body()
	for ended := false; !ended; {
		// A head with an item behind it goes out with that, in one write; one
		// without is not held back for an item that may be long in coming.
		if t.up.reader.Buffered() == 0 {
			if err := s.flush(t, d); err != nil {
				return err
			}
		}
		s.watcher.phase(t.watch, t.up.Conn, s.patience(x))
		b, err := body.Next()
		if slow := !s.watcher.rest(t.watch); slow || err != nil && err != io.EOF {
			return s.cutShort(t, "the upstream broke off")
		}
		var out []byte
		var ok bool
		if ended = err == io.EOF; ended {
			out, ok = items.End(ctx, x)
		} else {
			out, ok = items.Take(ctx, x, b)
		}
		t.sent += int64(len(out))
		if len(out) > 0 && d.chunked() {
			t.out = wire.AppendChunk(t.out, out)
		} else {
			t.out = append(t.out, out...)
		}
		if ok && ended && d.chunked() {
			if t.out, err = wire.AppendLastChunk(t.out, nil); err != nil {
				return err
			}
		}
		if len(t.out) > 0 {
			if err := s.flush(t, d); err != nil {
				return err
			}
		}
		if !ok {
			return s.cutShort(t, host.CutShort)
		}
	}
	t.unread = false
	if err := d.end(t, nil); err != nil {
		return err
	}
	s.releaseUpstream(t)
	return nil
}

// flush sends what is there.
func (s *Server) flush(t *turn, d downstream) error {
	err := d.write(t, t.out)
	t.out = t.out[:0]
	if err != nil {
		s.dropUpstream(t)
	}
	return err
}

// cutShort ends an answer that has begun and cannot be completed: only an
// unfinished message can tell the client.
func (s *Server) cutShort(t *turn, why string) error {
	s.dropUpstream(t)
	t.cut, t.aborted = true, why
	return errClient
}
