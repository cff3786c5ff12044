package middleware

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// look is how often the proof is asked by which a streamed reply was let out.
const look = 400 * time.Millisecond

// lease ends a streamed reply when its caller's proof holds no more: next's context
// ends, and what it writes is not sent. A handler that heeds neither goes on by itself.
type lease struct {
	proof  gatehouse.Proof
	cancel context.CancelFunc
	over   atomic.Bool

	mu    sync.Mutex
	timer *time.Timer // nil before the reply is streamed, and in the end
	ended bool
}

// begin is called when the reply is going to be streamed.
func (l *lease) begin() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = time.AfterFunc(look, l.ask)
}

func (l *lease) ask() {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ended:
	case l.proof.Holds(time.Now()):
		l.timer.Reset(look)
	default:
		l.over.Store(true)
		l.cancel()
	}
}

// end is called when next has returned. It reports whether the proof held no more.
func (l *lease) end() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.timer != nil {
		l.timer.Stop()
	}
	l.cancel()
	return l.over.Load()
}
