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
package loop
