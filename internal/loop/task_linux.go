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
	next  func() (Wish, bool) // continues the task to its next wish
	yield func(Wish) bool     // the task's own: hands over to who has called next
	state atomic.Int32
	out   output
	turn  uint64 // of the loop, in which the task is continued
	away  bool   // it is continued by a goroutine that has no loop

	hand   func() Wish // is called in place of next; nil for none
	inHand bool        // it is being called
	gather []byte      // what is written goes here, if it is not nil

	held  bool          // whoever has to wait waits where it is
	woken chan struct{} // made by the first Hold; has one place
}

// leave is the wish to leave the loop, for something that may block.
const leave = Resume + 1

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
	t.next, _ = iter.Pull(func(yield func(Wish) bool) {
		t.yield = yield
		body(t)
	})
	return t
}

// Leave sees to it that whatever blocks the task until its next wait for a socket does
// not block the loop. It costs a microsecond.
func (t *Task) Leave() {
	switch {
	case t.away:
	case t.inHand: // the loop leaves
		t.away = true
		t.loop.relieve(t.turn)
	default:
		t.yield(leave)
	}
}

// Rest hands the task over to hand, which is called whenever the task would be continued,
// until it returns [Resume]: then Rest returns. hand is called by the loop itself, where it
// is, and so without what it costs to switch to the task's stack and back. It must not wait:
// a Read of the task's sockets returns [ErrAgain] where there is nothing to be read, and what
// is to be written is given to Put and wished for.
func (t *Task) Rest(hand func() Wish) {
	t.hand = hand
	t.yield(Again) // what came before is no event
}

// Put has b written to s, a socket of the task, when a hand wishes to [Write] or to [Ask]. b
// must not change until Sent reports true or Flush returns.
func (t *Task) Put(s *Socket, b []byte) { t.out = output{socket: s, left: b} }

// Gather has what a hand writes to sockets of the task until Gathered appended to b, which
// has room: TLS, say, writes what is then to be put.
func (t *Task) Gather(b []byte) { t.gather = b }

// Gathered returns what has been written since Gather.
func (t *Task) Gathered() []byte {
	b := t.gather
	t.gather = nil
	return b
}

// Sent reports whether all that was put is written.
func (t *Task) Sent() bool { return t.out.err == nil && len(t.out.left) == 0 }

// Flush writes what is left of what was put. It is not for hands: it waits.
func (t *Task) Flush() error { return t.out.socket.flush(t) }

// step continues the task, or its hand, to the next wish. It reports false at the task's end.
func (t *Task) step() (Wish, bool) {
	if t.hand != nil {
		t.inHand = true
		w := t.hand()
		t.inHand, t.gather = false, nil
		if w != Resume {
			return w, true
		}
		t.hand = nil
	}
	return t.next()
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
func (t *Task) pause(w Wish) {
	if t.inHand && !t.held { // a hand that has to wait all the same, say for a last word of TLS
		t.Hold()
		defer func() {
			t.Release()
			t.state.Store(nudged) // what came meanwhile has woken nobody else
		}()
	}
	switch {
	case !t.held:
		t.yield(w)
	case w == Wait:
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
func (t *Task) host(w Wish) {
	for {
		switch w {
		case Again:
			t.state.Store(waiting)
			t.loop.post(t)
			return
		case Write:
			runtime.Gosched() // others that are ready come to their own writes first
			t.out.write()
		case Ask:
			t.out.write()
			if t.out.unanswered() && t.settle() {
				return
			}
		case Wait:
			if t.settle() {
				return
			}
		}
		t.away = true
		var alive bool
		if w, alive = t.step(); !alive {
			return
		}
	}
}
