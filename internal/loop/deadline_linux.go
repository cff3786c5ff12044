//go:build amd64 || arm64 || riscv64 || loong64

package loop

import (
	"net"
	"sync/atomic"
	"time"
)

// deadline is that of one direction.
type deadline struct {
	past  atomic.Bool
	at    time.Time   // zero for none; as timer, behind the socket's mu
	timer *time.Timer // if at is to come
}

// SetDeadline implements [net.Conn].
func (s *Socket) SetDeadline(at time.Time) error { return s.limit(at, &s.reading, &s.writing) }

// SetReadDeadline implements [net.Conn].
func (s *Socket) SetReadDeadline(at time.Time) error { return s.limit(at, &s.reading) }

// SetWriteDeadline implements [net.Conn].
func (s *Socket) SetWriteDeadline(at time.Time) error { return s.limit(at, &s.writing) }

func (s *Socket) limit(at time.Time, ds ...*deadline) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	for _, d := range ds {
		if c := s.plain.Load(); c != nil {
			if d == &s.reading {
				_ = (*c).SetReadDeadline(at)
			} else {
				_ = (*c).SetWriteDeadline(at)
			}
			continue
		}
		d.stop()
		d.at = at
		d.past.Store(false)
		switch left := time.Until(at); {
		case at.IsZero():
		case left > 0:
			var timer *time.Timer
			timer = time.AfterFunc(left, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				if d.timer == timer { // else it has been stopped too late
					s.expire(d)
				}
			})
			d.timer = timer
		default:
			s.expire(d)
		}
	}
	return nil
}

// stop ends the timer and returns when it would have come.
func (d *deadline) stop() time.Time {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	return d.at
}

func (s *Socket) expire(d *deadline) {
	d.past.Store(true)
	if t := s.task.Load(); t != nil {
		t.loop.post(t)
	}
}
