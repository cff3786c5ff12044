package proxy

import (
	"net"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/internal/loop"
	"github.com/gatehouse-api/gatehouse/wire"
)

// An ordinary exchange waits for nothing but the next request and the reply: the request is
// there as a whole, a connection to the upstream is idle, the reply comes whole and the
// answer finds room. Such exchanges are served by the connection's hand ([loop.Task.Rest])
// without a switch to the connection's task. Where one turns out not to be ordinary, the
// task goes on with it from there.

// stage is how far the hand has come with an exchange.
type stage uint8

const (
	resting   stage = iota // there is none
	deciding               // the engine wants what takes a task to bring, or is done
	asking                 // the request has been put to the upstream
	answering              // the answer has been put to the client
	leaving                // the server shuts down
	over                   // the connection is to be closed
)

// goOn takes over the exchange that the hand has begun, and reports whether the connection
// may be used again.
func (c *conn) goOn() bool {
	switch c.stage {
	case leaving:
		c.leave()
		return false
	case over:
		return false
	}
	s, t, done := c.server, c.turn, c.stage == answering
	c.turn, c.stage = nil, resting
	defer s.putTurn(t)
	if done {
		return c.answered(t, c.task.Flush())
	}
	s.proceed(c.ctx, t, c, c.want)
	return c.finish(t)
}

// answered is the end of an exchange whose answer was put to the client and written, if err
// is nil. It reports whether the connection may be used again.
func (c *conn) answered(t *turn, err error) bool {
	s := c.server
	if err = c.wrote(err); err == nil {
		t.sent = t.size
	}
	ok := t.delivered(err)
	s.freeUpstream(t)
	s.recordTurn(t, c.bodySize)
	return ok && c.reader.Release()
}

// serveByHand is the connection's hand.
func (c *conn) serveByHand() (w loop.Wish) {
	defer func() {
		if p := recover(); p != nil {
			c.dropPanicked(p)
			w = loop.Resume
		}
	}()
	switch c.stage {
	case resting:
	case asking:
		return c.hear()
	case answering:
		if !c.task.Sent() {
			return loop.Resume
		}
		t := c.turn
		if !c.answered(t, nil) {
			c.giveUp()
			return loop.Resume
		}
		c.server.putTurn(t)
		c.turn, c.stage = nil, resting
		if !c.waits(c.server.cfg.IdleTime) {
			c.stage = leaving
			return loop.Resume
		}
	default:
		return loop.Resume
	}
	if c.reader.Buffered() > 0 {
		return loop.Resume // pipelined
	}
	if err := c.reader.Await(); err == loop.ErrAgain { //nolint:errorlint // as it is
		return loop.Wait
	} else if err != nil || c.reader.Head() != nil {
		return loop.Resume
	}
	return c.serve()
}

// serve begins an exchange whose head is there.
func (c *conn) serve() loop.Wish {
	s := c.server
	if !c.idle.Swap(false) {
		c.stage = leaving
		return loop.Resume
	}
	if !s.watcher.rest(&c.watch) {
		s.stats.expired.Add(1)
		c.stage = over
		return loop.Resume
	}
	c.turn = s.turns.Get().(*turn)
	if !c.open(c.turn, nil) {
		c.giveUp()
		return loop.Resume
	}
	c.stage = deciding
	s.takeOff(c.turn, c)
	return c.proceed()
}

// proceed walks the exchange on.
func (c *conn) proceed() loop.Wish {
	s, t := c.server, c.turn
	for {
		switch c.want = engine.Advance(c.ctx, &t.x); {
		case c.want == engine.WantReply && !t.bodyDone && !t.x.Request.BodyTooLarge && c.holdsBody():
			s.bringBody(t, c) // nobody wanted it, but it is there
		case c.want == engine.WantReply:
			if s.askIdle(t, c) {
				c.stage = asking
				return loop.Ask
			}
			return loop.Resume
		case c.want == engine.WantBody && c.holdsBody():
			s.bringBody(t, c)
		case c.want == engine.WantReplyBody && s.view(t):
		case c.want == engine.Done:
			if s.ready(t, c) {
				s.land(t)
				c.stage = answering
				return loop.Write
			}
			return loop.Resume
		default:
			return loop.Resume
		}
	}
}

// holdsBody reports whether the whole body of the request has been read already.
func (c *conn) holdsBody() bool {
	return c.continued && c.message.Framing == wire.Length && int64(c.reader.Buffered()) >= c.message.Length
}

// hear goes on with the upstream's reply.
func (c *conn) hear() loop.Wish {
	t := c.turn
	if !c.task.Sent() {
		return loop.Resume
	}
	if err := c.server.receive(t); err == loop.ErrAgain { //nolint:errorlint // as it is
		return loop.Wait
	} else if err != nil {
		t.failure = err
		return loop.Resume
	}
	t.asked = false
	at := time.Since(t.x.At)
	t.waited += at - t.began
	c.server.replied(t)
	engine.Brought(&t.x, gatehouse.Reply)
	engine.Clock(&t.x, at)
	c.stage = deciding
	return c.proceed()
}

// giveUp ends the exchange without an answer, and the connection.
func (c *conn) giveUp() {
	s, t := c.server, c.turn
	c.turn, c.stage = nil, over
	s.putTurn(t)
}

// dropPanicked ends the connection. The exchange's memory is used by nobody any more.
func (c *conn) dropPanicked(p any) {
	s, t := c.server, c.turn
	c.panicked(p)
	c.turn, c.stage = nil, over
	if t == nil {
		return
	}
	s.land(t)
	s.dropUpstream(t)
	if t.held != nil {
		_ = t.held.Close()
	}
}

// askIdle puts the request to an idle connection, if that is all there is to do.
func (s *Server) askIdle(t *turn, d downstream) bool {
	x := &t.x
	if !t.bodyDone || x.Request.BodyTooLarge || len(x.Request.Body) > largest {
		return false
	}
	p, err := s.pool(x.Endpoint.Upstream)
	if err != nil || p.local != nil {
		return false
	}
	u := p.takeIdle(t.task, !x.Request.Idempotent())
	if u == nil {
		return false
	}
	t.pool, t.up, t.began = p, u, x.Cursor.After
	if t.began == 0 {
		t.began = time.Since(x.At)
	}
	if _, err := s.compose(t, d); err != nil || u.socket == nil || u.reader.Buffered() > 0 {
		s.dropUpstream(t)
		return false
	}
	s.watcher.begin(t.watch, u.Conn, s.patience(x))
	if !t.put(u.Conn, u.socket) {
		s.watcher.rest(t.watch)
		s.dropUpstream(t)
		return false
	}
	t.asked, t.timed = true, true
	return true
}

// put leaves what is composed to the loop: to c, which is socket or TLS on it.
func (t *turn) put(c net.Conn, socket *loop.Socket) bool {
	if c == net.Conn(socket) {
		t.task.Put(socket, t.out)
		return true
	}
	if t.sealed == nil {
		t.sealed = make([]byte, 0, 4<<10)
	}
	t.task.Gather(t.sealed[:0])
	_, err := c.Write(t.out)
	t.sealed = t.task.Gathered()
	t.task.Put(socket, t.sealed)
	return err == nil
}

// ready puts the answer to the client, if it is one that goes out in one piece on a
// connection that may be used again.
func (s *Server) ready(t *turn, c *conn) bool {
	x := &t.x
	if t.unread && !t.tunnel && x.EndedBy == "" && !x.Ended.Denied() && !x.Response.Own && !x.Response.BodyTooLarge && !engine.Items(x) {
		s.view(t) // nobody wanted it, but it is there
	}
	if t.aborted != "" || t.tunnel || t.unread || t.up != nil || c.closing || !t.bodyDone || len(x.Response.Body) > largest {
		return false
	}
	s.stamp(t)
	if _, err := s.begin(t, c); err != nil {
		return false
	}
	s.watcher.begin(&c.watch, c.net, s.writeTime(len(t.out)))
	return t.put(c.net, c.socket)
}
