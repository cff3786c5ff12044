package proxy

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/loop"
	"github.com/gatehouse-api/gatehouse/wire"
)

// tunnelIdle is how long an upgraded connection may be silent on both sides.
const tunnelIdle = 5 * time.Minute

// upgrade answers 101 and copies bytes both ways until one side ends.
func (s *Server) upgrade(t *turn, d downstream) bool {
	c, ok := d.(*conn)
	if !ok {
		return false
	}
	if err := d.start(t, wire.None, 0); err != nil || d.write(t, t.out) != nil {
		return false
	}
	u := t.up
	t.up = nil
	defer func() { _ = u.Close() }()
	if t.task != nil {
		t.task.Leave()
		if c.tcp.(*loop.Socket).Detach() != nil || u.socket != nil && u.socket.Detach() != nil {
			return false
		}
	}
	// What each side has already sent behind its head goes first.
	if _, err := u.Write(c.reader.Take()); err != nil {
		return false
	}
	if _, err := c.net.Write(u.reader.Take()); err != nil {
		return false
	}
	t.sent = s.copyBoth(t, c, u.Conn)
	return false
}

// copyBoth returns how many bytes went to the client.
func (s *Server) copyBoth(t *turn, c *conn, up net.Conn) (n int64) {
	s.watcher.phase(t.watch, c.net, tunnelIdle)
	var both sync.WaitGroup
	both.Go(func() {
		c.bodySize = s.copyOne(t, up, c.net)
		_ = up.SetDeadline(longAgo)
	})
	n = s.copyOne(t, c.net, up)
	_ = c.net.SetDeadline(longAgo)
	both.Wait()
	s.watcher.rest(t.watch)
	return n
}

func (s *Server) copyOne(t *turn, to io.Writer, from io.Reader) (n int64) {
	b := make([]byte, 16<<10)
	for {
		k, err := from.Read(b)
		if k > 0 {
			s.watcher.extend(t.watch, tunnelIdle)
			if _, err := to.Write(b[:k]); err != nil {
				return n
			}
			n += int64(k)
		}
		if err != nil {
			return n
		}
	}
}
