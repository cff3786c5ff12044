package host

import (
	"context"
	"errors"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/internal/events"
)

// CutShort is why an exchange was aborted whose reply had an item that must not
// leave.
const CutShort = "an item of the reply was not fit to leave"

// Sequence reports whether a reply is a sequence that can be taken apart: by its
// media type, and not encoded.
func Sequence(r *gatehouse.Response) bool {
	return !r.Fields.Encoded() && events.Of(r.Fields.Get("content-type")) != events.None
}

// Items takes a reply that is a sequence apart and lets out what the engine lets
// out, item by item. Its memory is used again.
type Items struct {
	reader events.Reader
	item   gatehouse.Item
	out    []byte
}

// Begin makes s ready for the reply of x, and drops the fields of it that speak of
// all its bytes.
func (s *Items) Begin(x *gatehouse.Exchange) {
	limit := int(x.Response.ItemLimit)
	if limit <= 0 {
		limit = defaultItemLimit
	}
	s.reader.Reset(events.Of(x.Response.Fields.Get("content-type")), limit)
	x.Response.Changed()
	x.Response.Fields.Del("accept-ranges")
	x.Response.Fields.Del("content-range")
}

// Take takes the next piece of the reply and returns what may leave now, which
// lives until the next call, and whether the reply may go on.
func (s *Items) Take(ctx context.Context, x *gatehouse.Exchange, piece []byte) (out []byte, ok bool) {
	s.reader.Feed(piece)
	s.out = s.out[:0]
	for {
		e, err := s.reader.Next()
		if e == nil || !s.let(ctx, x, e) {
			return s.out, s.fine(x, err) && e == nil
		}
	}
}

// End returns what may leave once the reply is over, and whether all was well.
func (s *Items) End(ctx context.Context, x *gatehouse.Exchange) (out []byte, ok bool) {
	s.out = s.out[:0]
	e, err := s.reader.Last()
	ok = s.fine(x, err) && (e == nil || s.let(ctx, x, e))
	return s.out, ok
}

// let lets one item out, or not, and reports whether others may follow.
func (s *Items) let(ctx context.Context, x *gatehouse.Exchange, e *events.Event) bool {
	if !e.Blank() {
		s.item = gatehouse.Item{Data: e.Data, Name: e.Name, ID: e.ID}
		if !engine.Item(ctx, x, &s.item) {
			return false
		}
		if s.item.Dropped {
			return true
		}
		e.Data = s.item.Data
	}
	s.out = s.reader.Append(s.out, e)
	return true
}

// fine ends the exchange when the sequence cannot be taken apart.
func (s *Items) fine(x *gatehouse.Exchange, err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, events.ErrTooLarge):
		engine.Cut(x, "proxy", &ItemTooLarge, "an item of the reply is over the limit")
	default:
		engine.Cut(x, "proxy", &ItemMalformed, "the reply is not a well-formed sequence")
	}
	return false
}
