// Package loop serves many connections from few goroutines.
//
// A connection that is served by a goroutine of its own wakes it through the
// runtime's poller for every message: a lock, a queue and the scheduler twice, a
// read that finds nothing before each wait, and writes that come one by one. Here
// one loop for each processor asks the kernel which of its sockets are ready
// (epoll(7)), continues all of their tasks, and then does all their writes, one
// after another: the first wakes the peer, the others find it awake.
//
// A [Task] is a coroutine: it reads and writes its sockets as if it were alone, and
// where it has to wait its loop continues another. Nothing but sockets is waited for
// so. What may block in another way is done after [Task.Leave], on a goroutine; the
// loop has the task back at its next wait for a socket. Between [Task.Hold] and
// [Task.Release] it has not: code that is not ours runs then, and may have goroutines
// of its own that use the task's sockets. A task that blocks all the
// same keeps its goroutine, and another takes the loop over: within 20 ms of a loop that
// has been busy, within 120 ms of one that was at rest.
//
// A task that does the same over and over may leave that to a function of its own, its hand
// ([Task.Rest]), which the loop calls where it is. It saves the switches between stacks, and
// the stack of a task that rests stays small and is not touched.
package loop

import "net"

// Wish is what a task, or its hand, hands over for.
type Wish uint8

// The wishes of a hand. Between two of its calls events may come for any socket of the task.
const (
	Wait   Wish = iota // for one of the task's sockets
	Again              // to be called again when the others that are ready have been
	Write              // what was put, and then be called again
	Ask                // write what was put, and then wait
	Resume             // the task
)

// ErrAgain says to a hand that there is nothing to be read yet.
var ErrAgain net.Error = again{}

type again struct{}

func (again) Error() string { return "loop: nothing is there yet" }

// Timeout implements [net.Error].
func (again) Timeout() bool { return false }

// Temporary implements [net.Error]: crypto/tls reads on after an error that is.
func (again) Temporary() bool { return true }
