//go:build amd64 || arm64 || riscv64 || loong64

package loop

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// batch is how many events are taken from the kernel at once, and rounds how many of writes
// come before it is asked for events again: whose peer is fast would else keep the loop.
const (
	batch  = 64
	rounds = 8
)

// Group is the loops of a program.
type Group struct {
	loops []*Loop
	next  atomic.Uint32 // the loop of the next connection, modulo their number
	marks atomic.Uint32 // given to sockets
	socks table
	work  sync.WaitGroup
	stop  chan struct{}
}

// Loop is one of them. Its fields belong to the goroutine that runs it, if nothing
// else is said.
type Loop struct {
	group *Group
	index int

	epoll int
	file  *os.File        // epoll, as a descriptor that Go's poller knows
	sleep syscall.RawConn // of file
	poll  func(uintptr) bool
	bell  int // an eventfd that is written to when posted fills

	got     int
	events  [batch]syscall.EpollEvent
	run     []*Task // to be continued, from at on
	at      int
	writes  []wanted // whose output is to be written
	written []wanted // whose output has been, and who have not been told from told on
	told    int

	// turn is even, and odd while a task is continued: who makes it even has the loop.
	turn atomic.Uint64
	last uint64 // the turn when relieve looked last; relieve's own

	mu     sync.Mutex
	posted []*Task // by others
	ended  bool
}

// wanted is a task that has something to write, and what it wants afterwards.
type wanted struct {
	task *Task
	wish Wish // Write, or Ask
}

// New returns a group of n loops, which run until Close.
func New(n int) (*Group, error) {
	g := &Group{stop: make(chan struct{})}
	for i := range n {
		l, err := newLoop(g, i)
		if err != nil {
			g.Close()
			return nil, fmt.Errorf("loop: %w", err)
		}
		g.loops = append(g.loops, l)
		g.work.Go(l.serve)
	}
	g.work.Go(g.guard)
	return g, nil
}

// Len returns how many loops there are.
func (g *Group) Len() int { return len(g.loops) }

func newLoop(g *Group, index int) (*Loop, error) {
	l := &Loop{group: g, index: index}
	var err error
	if l.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(l.epoll, true); err != nil { // or Go's poller will not have it
		_ = syscall.Close(l.epoll)
		return nil, os.NewSyscallError("fcntl", err)
	}
	l.file = os.NewFile(uintptr(l.epoll), "epoll")
	if l.sleep, err = l.file.SyscallConn(); err != nil {
		_ = l.file.Close()
		return nil, err
	}
	fd, _, errno := syscall.Syscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		_ = l.file.Close()
		return nil, os.NewSyscallError("eventfd2", errno)
	}
	l.bell = int(fd)
	if err := l.watch(l.bell, 0); err != nil {
		_ = l.file.Close()
		_ = syscall.Close(l.bell)
		return nil, err
	}
	l.poll = func(uintptr) bool { return l.look() != 0 }
	return l, nil
}

// watch has the kernel tell of fd whenever something changes.
func (l *Loop) watch(fd int, mark uint32) error {
	const all = syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | edge
	e := syscall.EpollEvent{Events: all, Fd: int32(fd), Pad: int32(mark)}
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &e))
}

// forget has the kernel tell of fd no more.
func (l *Loop) forget(fd int) { _ = syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_DEL, fd, nil) }

const edge = 1 << 31 // EPOLLET, which package syscall has with a sign

// Close ends the loops, whose tasks must have ended.
func (g *Group) Close() {
	close(g.stop)
	for _, l := range g.loops {
		l.mu.Lock()
		l.ended = true
		l.mu.Unlock()
		l.ring()
	}
	g.work.Wait()
	for _, l := range g.loops {
		_ = l.file.Close()
		_ = syscall.Close(l.bell)
	}
}

// How often turns that do not end are looked for: while there are turns, and else.
const (
	patience = 10 * time.Millisecond
	rest     = 100 * time.Millisecond
)

// guard relieves loops that are held up until the group is closed.
func (g *Group) guard() {
	t := time.NewTimer(rest)
	defer t.Stop()
	for {
		select {
		case <-g.stop:
			return
		case <-t.C:
		}
		if g.relieve() {
			t.Reset(patience)
		} else {
			t.Reset(rest)
		}
	}
}

// relieve has other goroutines go on with the loops that are still in the turn of the last
// look, and reports whether there was or is any turn since.
func (g *Group) relieve() (active bool) {
	for _, l := range g.loops {
		turn := l.turn.Load()
		if turn == l.last && turn%2 == 1 {
			l.relieve(turn)
		}
		active = active || turn != l.last || turn%2 == 1
		l.last = turn
	}
	return active
}

// relieve has another goroutine go on with the loop, if turn has not ended.
func (l *Loop) relieve(turn uint64) {
	if l.turn.CompareAndSwap(turn, turn+1) {
		l.group.work.Go(l.serve)
	}
}

// serve runs the loop until it ends or another goroutine has taken it over.
func (l *Loop) serve() {
	for round := 0; ; {
		for l.at < len(l.run) {
			t := l.run[l.at]
			l.at++
			if t.claim() && !l.resume(t) {
				return
			}
		}
		clear(l.run)
		l.run, l.at = l.run[:0], 0
		for l.told < len(l.written) {
			w := l.written[l.told]
			l.told++
			if !l.tell(w) {
				return
			}
		}
		if len(l.writes) > 0 {
			l.write()
		}
		busy := len(l.run) > 0 || l.told < len(l.written)
		if round++; busy && round < rounds {
			continue
		}
		round = 0
		runtime.Gosched() // whoever has no loop
		if l.look() == 0 && !busy {
			if err := l.sleep.Read(l.poll); err != nil {
				return
			}
		}
		if !l.sort() {
			return
		}
	}
}

// resume continues a running task, and reports whether the loop is still this goroutine's
// afterwards.
func (l *Loop) resume(t *Task) bool {
	t.away = false
	t.turn = l.turn.Add(1)
	w, alive := t.step()
	if !l.turn.CompareAndSwap(t.turn, t.turn+1) {
		if alive {
			t.host(w)
		}
		return false
	}
	switch {
	case !alive:
	case w == leave:
		go t.host(w)
	case w == Wait:
		if !t.settle() {
			l.again(t)
		}
	case w == Again:
		l.again(t)
	default:
		l.writes = append(l.writes, wanted{t, w})
	}
	return true
}

// again has a running task continued.
func (l *Loop) again(t *Task) {
	t.state.Store(waiting)
	l.run = append(l.run, t)
}

// write does the writes that tasks have left to the loop.
func (l *Loop) write() {
	for _, w := range l.writes {
		w.task.out.write()
	}
	clear(l.written)
	l.writes, l.written, l.told = l.written[:0], l.writes, 0
}

// tell goes on with a task whose output has been written, as far as there was room. It
// reports whether the loop is still this goroutine's afterwards.
func (l *Loop) tell(w wanted) bool {
	switch t := w.task; {
	case w.wish == Write:
		return l.resume(t)
	case !t.out.unanswered() || !t.settle():
		l.again(t)
	}
	return true
}

// look takes what events there are, without waiting.
func (l *Loop) look() int {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events)), batch, 0, 0, 0) //nolint:gosec // the events are the loop's
		switch errno {
		case 0:
			l.got = int(n)
			return l.got
		case syscall.EINTR:
		default:
			l.got = 0
			return 0
		}
	}
}

// sort tells sockets of their events, and which tasks are to go on. It reports false
// when the loop is to end.
func (l *Loop) sort() bool {
	for i := range l.events[:l.got] {
		e := &l.events[i]
		if e.Fd == int32(l.bell) {
			if !l.collect() {
				return false
			}
			continue
		}
		s := l.group.socks.at(int(e.Fd))
		if s == nil || s.mark != uint32(e.Pad) {
			continue // closed since
		}
		if t := s.arrived(e.Events); t != nil {
			l.run = append(l.run, t)
		}
	}
	return true
}

// collect takes the tasks that others have posted.
func (l *Loop) collect() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run = append(l.run, l.posted...)
	clear(l.posted)
	l.posted = l.posted[:0]
	return !l.ended
}

// post has a task look again, from any goroutine.
func (l *Loop) post(t *Task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.posted = append(l.posted, t)
	if len(l.posted) == 1 && !l.ended {
		l.ring()
	}
}

// ring wakes the loop. The bell's number is not read: every write to it is an event.
func (l *Loop) ring() {
	one := [8]byte{1}
	_, _ = syscall.Write(l.bell, one[:])
}
