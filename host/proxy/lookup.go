package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host"
	"github.com/gatehouse-api/gatehouse/wire"
)

// bringObject asks the upstream for the object's present state, with the
// caller's own request fields, on a connection of its own.
func (s *Server) bringObject(ctx context.Context, t *turn) {
	x := &t.x
	defer engine.Brought(x, gatehouse.Object)
	look := s.turns.Get().(*turn)
	defer s.putTurn(look)
	look.watch, look.task = t.watch, t.task
	y := &look.x
	y.Endpoint, y.Conn, y.At = x.Endpoint, x.Conn, x.At
	q := &y.Request
	q.Method, q.Scheme, q.Host, q.Path, q.Major = http.MethodGet, x.Request.Scheme, x.Request.Host, x.Lookup.Path, 1
	q.Query = x.Lookup.Query
	if len(x.Lookup.Send) > 0 {
		q.Method, q.HasBody = http.MethodPost, true
		q.Body = append(q.Body, x.Lookup.Send...)
		q.Fields = append(q.Fields, gatehouse.Field{Name: "content-type", Value: "application/json"})
	}
	for _, f := range x.Request.Fields {
		if !host.OfTheWrite(f.Name) {
			q.Fields = append(q.Fields, f)
		}
	}
	q.Forward = append(q.Forward, x.Request.Forward...)
	q.Drop = append(q.Drop, x.Request.Drop...)
	look.bodyDone = true
	err := s.roundTrip(ctx, look, nobody{})
	t.waited += look.waited
	if err == nil && look.unread {
		s.bringReplyBody(look)
		if look.x.Ended.Denied() {
			err = errors.New("proxy: the object's state could not be read")
		}
	} else if err == nil {
		s.releaseUpstream(look)
	}
	if err != nil {
		s.dropUpstream(look)
		x.Lookup.Status = 0
		return
	}
	x.Lookup.Status = y.Response.Status
	x.Lookup.ETag = x.Text(y.Response.Fields.Get("etag"))
	x.Lookup.Body = append(x.Lookup.Body[:0], y.Response.Body...)
	s.freeUpstream(look)
}

// nobody is the client's side of a look-up: there is none.
type nobody struct{}

func (nobody) framing() (wire.Framing, int64)         { return wire.None, 0 }
func (nobody) next() ([]byte, error)                  { return nil, io.EOF }
func (nobody) trailers() gatehouse.Fields             { return nil }
func (nobody) start(*turn, wire.Framing, int64) error { return nil }
func (nobody) write(*turn, []byte) error              { return nil }
func (nobody) chunked() bool                          { return false }
func (nobody) end(*turn, gatehouse.Fields) error      { return nil }
