package proxy

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host"
	"github.com/gatehouse-api/gatehouse/internal/loop"
	"github.com/gatehouse-api/gatehouse/wire"
)

// turn is the memory of one exchange: pooled, so that an idle connection has none.
type turn struct {
	x      gatehouse.Exchange
	out    []byte // what is being sent, to either side
	sealed []byte // the same as TLS has it
	body   []byte // memory for the reply's body, while viewed
	list   []byte // the field section of an HTTP/2 request
	reply  wire.Message
	passage
}

// passage is what a turn holds of one exchange, and forgets with it.
type passage struct {
	watch    *watch
	task     *loop.Task // that the exchange is part of; nil for a goroutine
	pool     *pool
	up       *upconn
	held     *upconn // read to its end; the reply's fields are views into its buffer
	heldDead bool    // held must not be used again
	unread   bool    // the reply's body has not been read to its end
	bodyDone bool    // the request's body has been read to its end
	viewed   bool    // the reply's body is where it was read, in held's buffer
	tunnel   bool    // the connection was upgraded
	cut      bool    // the answer cannot be completed: close without an end
	flying   bool    // it is counted as in progress
	asked    bool    // the hand has put the request to the upstream
	timed    bool    // the wait for the reply's head has begun
	interim  int     // replies before the reply
	failure  error   // of the wait for it

	began   time.Duration // to ask the upstream
	size    int64         // of the answer's body
	sent    int64         // body bytes to the client
	waited  time.Duration // for the upstream
	aborted string
}

func newTurn() *turn {
	t := &turn{out: make([]byte, 0, 4<<10)}
	t.x.Reset()
	return t
}

// largest is the most memory that a turn takes back into the pool, per buffer.
const largest = 64 << 10

func (s *Server) putTurn(t *turn) {
	s.land(t)
	s.dropUpstream(t)
	s.freeUpstream(t)
	x := &t.x
	if t.viewed {
		x.Response.Body, t.body = t.body, nil // another exchange must not write into the connection's memory
	}
	if cap(t.out) > largest || cap(t.sealed) > 2*largest || cap(x.Request.Body) > largest || cap(x.Response.Body) > largest || cap(x.Lookup.Body) > largest {
		return
	}
	x.Reset()
	t.out, t.list = t.out[:0], t.list[:0]
	t.reply = wire.Message{Forwarded: t.reply.Forwarded[:0]}
	t.passage = passage{}
	s.turns.Put(t)
}

// downstream is the client's side of one exchange: an HTTP/1.1 connection or an
// HTTP/2 stream.
type downstream interface {
	// framing says whether there is a request body, and its length if known.
	framing() (wire.Framing, int64)
	// next returns the next piece of the request body, io.EOF at its end.
	next() ([]byte, error)
	// trailers returns the request's trailers after io.EOF.
	trailers() gatehouse.Fields
	// start begins the answer: into t.out, or right away.
	start(t *turn, f wire.Framing, n int64) error
	// write sends bytes of the answer.
	write(t *turn, b []byte) error
	// chunked reports whether the answer's body is framed by us.
	chunked() bool
	// end ends the answer.
	end(t *turn, trailers gatehouse.Fields) error
}

var (
	errSlow   = errors.New("proxy: the peer is too slow")
	errClient = errors.New("proxy: the client has gone")
)

// What a client may see of a failure on the way.
var (
	tooSlow     = gatehouse.Answer{Status: 408, Reason: "proxy.body_too_slow", Public: "The request body came too slowly"}
	unreachable = gatehouse.Answer{Status: 502, Reason: "proxy.upstream_unreachable", Public: "The service is unavailable"}
	malformed   = gatehouse.Answer{Status: 502, Reason: "proxy.upstream_malformed", Public: "The service is unavailable"}
	timedOut    = gatehouse.Answer{Status: 504, Reason: "proxy.upstream_timeout", Public: "The service did not answer in time"}
)

// drive walks the exchange to its answer.
func (s *Server) drive(ctx context.Context, t *turn, d downstream) {
	s.takeOff(t, d)
	s.proceed(ctx, t, d, engine.Advance(ctx, &t.x))
}

// takeOff counts the exchange as one in progress, until land.
func (s *Server) takeOff(t *turn, d downstream) {
	s.stats.flying.Add(1)
	t.flying = true
	if f, _ := d.framing(); f == wire.None {
		t.bodyDone = true
		engine.Brought(&t.x, gatehouse.Body)
	}
}

func (s *Server) land(t *turn) {
	if t.flying {
		t.flying = false
		s.stats.flying.Add(-1)
	}
}

// proceed is drive from where the engine wants something.
func (s *Server) proceed(ctx context.Context, t *turn, d downstream, want engine.Want) {
	defer s.land(t)
	for ; ; want = engine.Advance(ctx, &t.x) {
		switch want {
		case engine.WantBody:
			s.bringBody(t, d)
		case engine.WantObject:
			s.bringObject(ctx, t)
		case engine.WantReply:
			s.bringReply(ctx, t, d)
		case engine.WantReplyBody:
			s.bringReplyBody(t)
		default:
			return
		}
	}
}

// bringBody reads the whole request body, up to its limit.
func (s *Server) bringBody(t *turn, d downstream) {
	x := &t.x
	defer engine.Brought(x, gatehouse.Body)
	limit := host.BodyLimit(x)
	body := x.Request.Body[:0]
	for !t.bodyDone {
		b, err := d.next()
		if int64(len(body)+len(b)) > limit {
			x.Request.BodyTooLarge = true
			b = b[:limit-int64(len(body))]
		}
		body = append(body, b...)
		if err == io.EOF {
			t.bodyDone = true
		} else if err != nil {
			failBody(t, err)
			break
		}
		if x.Request.BodyTooLarge {
			break
		}
	}
	x.Request.Body = body
}

// failBody ends an exchange whose request body cannot be had.
func failBody(t *turn, err error) {
	a, r := &host.ClientGone, (*wire.Refusal)(nil)
	switch {
	case errors.As(err, &r):
		a = r.Answer
	case errors.Is(err, errSlow):
		a = &tooSlow
	default:
		t.aborted = "client gone"
	}
	engine.Fail(&t.x, "wire", a, "")
}

// bringReplyBody reads the whole reply body, up to its limit.
func (s *Server) bringReplyBody(t *turn) {
	if s.view(t) {
		return
	}
	x := &t.x
	defer engine.Brought(x, gatehouse.ReplyBody)
	s.watcher.begin(t.watch, t.up.Conn, s.patience(x))
	body, large, err := t.up.reader.Body().ReadAll(x.Response.Body[:0], host.ReplyLimit(x))
	ok := s.watcher.rest(t.watch)
	x.Response.Body = body
	switch {
	case !ok:
		s.dropUpstream(t)
		engine.Fail(x, "proxy", &timedOut, "the reply's body came too slowly")
	case err != nil:
		s.dropUpstream(t)
		engine.Fail(x, "proxy", &malformed, err.Error())
	case large && host.Partial(x):
		x.Response.BodyTooLarge = true // the rest stays unread, until the beginning is sent
	case large:
		s.dropUpstream(t)
		x.Response.BodyTooLarge = true
		engine.Fail(x, "proxy", &host.ReplyTooLarge, "the reply's body is over the limit")
	default:
		t.unread = false
		s.releaseUpstream(t)
	}
}

// view brings the reply's body where it was read, if it is there.
func (s *Server) view(t *turn) bool {
	x := &t.x
	if t.unread {
		body, ok := t.up.reader.Body().View(host.ReplyLimit(x))
		if !ok {
			return false
		}
		t.body, t.viewed, x.Response.Body = x.Response.Body, true, body
		t.unread = false
		s.releaseUpstream(t)
	}
	at := x.Cursor.After
	engine.Brought(x, gatehouse.ReplyBody)
	engine.Clock(x, at) // nothing was waited for
	return true
}

// patience is how long the upstream may take.
func (s *Server) patience(x *gatehouse.Exchange) time.Duration {
	if x.Endpoint.Timeout > 0 {
		return x.Endpoint.Timeout
	}
	return s.cfg.UpstreamTime
}

func (s *Server) recordTurn(t *turn, in int64) {
	if s.cfg.Record == nil {
		return
	}
	x := &t.x
	tr := gatehouse.Traffic{Took: int64(time.Since(x.At)), Upstream: int64(t.waited), In: in, Out: t.sent, Aborted: t.aborted}
	if t.pool != nil {
		tr.UpstreamTo = t.pool.upstream.Address
	}
	s.cfg.Record.Record(x, tr)
}
