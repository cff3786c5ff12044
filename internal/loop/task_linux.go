//go:build amd64 || arm64 || riscv64 || loong64

package loop

import (
	"iter"
	"runtime"
	"sync/atomic"
)

// Task is one flow of control on a loop.
type Task struct {
	loop  *Loop
	next  func() (wish, bool) // continues the task to its next wish
	yield func(wish) bool     // the task's own: hands over to who has called next
	state atomic.Int32
	out   output
	away  bool // it is continued by a goroutine that has no loop

	held  bool          // whoever has to wait waits where it is
	woken chan struct{} // made by the first Hold; has one place
}

// wish is why a task hands over.
type wish uint8

const (
	toWait  wish = iota // for one of its sockets
	toWrite             // out, and then go on
	toAsk               // write out, and then wait
	toLeave             // the loop, for something that may block
)

// The states of a task.
const (
	waiting int32 = iota
	running       // or about to write
	nudged        // running, and something has come that it may wait for next
	held          // until Release
)

// newTask returns a task that is begun by its first continuation.
func newTask(l *Loop, body func(*Task)) *Task {
	t := &Task{loop: l}
	t.next, _ = iter.Pull(func(yield func(wish) bool) {
		t.yield = yield
		body(t)
	})
	return t
}

// Leave sees to it that whatever blocks the task until its next wait for a socket does
// not block the loop. It costs a microsecond.
func (t *Task) Leave() {
	if !t.away {
		t.yield(toLeave)
	}
}

// Hold leaves the loop until Release: meanwhile the task's sockets may be used by any
// goroutine, one at a time, for which they wait as other connections do. Whoever calls
// code that may have goroutines of its own holds the task.
func (t *Task) Hold() {
	t.Leave()
	if t.woken == nil {
		t.woken = make(chan struct{}, 1)
	}
	t.held = true
	t.state.Store(held)
}

// Release ends what Hold began, when no other goroutine uses a socket of the task any more.
func (t *Task) Release() {
	t.held = false
	t.state.Store(running)
}

// pause hands over with a wish, or does and waits for itself what is wished.
func (t *Task) pause(w wish) {
	switch {
	case !t.held:
		t.yield(w)
	case w == toWait:
		<-t.woken
	default:
		t.out.write()
	}
}

// claim makes a waiting task a running one. A running or a held one is told to look again.
func (t *Task) claim() bool {
	for {
		if t.state.CompareAndSwap(waiting, running) {
			return true
		}
		if t.state.CompareAndSwap(running, nudged) {
			return false
		}
		switch t.state.Load() {
		case nudged:
			return false
		case held:
			select {
			case t.woken <- struct{}{}:
			default:
			}
			return false
		}
	}
}

// settle makes a running task a waiting one, and reports false if it is to go on.
func (t *Task) settle() bool {
	if t.state.CompareAndSwap(running, waiting) {
		return true
	}
	t.state.Store(running)
	return false
}

// host continues a task of which this goroutine is no loop until it waits or ends.
func (t *Task) host(w wish) {
	for {
		switch w {
		case toWrite:
			runtime.Gosched() // others that are ready come to their own writes first
			t.out.write()
		case toAsk:
			t.out.write()
			if t.out.unanswered() && t.settle() {
				return
			}
		case toWait:
			if t.settle() {
				return
			}
		}
		t.away = true
		var alive bool
		if w, alive = t.next(); !alive {
			return
		}
	}
}
