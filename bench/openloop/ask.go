//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// asker is one thread that sends what is due and reads what comes: it shares its
// core with the upstream, and must neither sleep too long nor spin.
type asker struct {
	pace
	request   []byte
	epoll     int
	timer     int
	wakes     int64 // what the timer is set to, or -1
	began     time.Time
	all       []*connection
	free      []*connection // in the order in which they became free
	sent      int
	latencies []int64
}

// connection has one request in flight at most.
type connection struct {
	fd     int
	due    int64 // of the request in flight
	busy   bool
	have   int
	answer [16 << 10]byte
}

// ask sends the request at the pace and returns the latency of each.
func ask(addr string, p pace, request []byte) ([]int64, error) {
	a := &asker{pace: p, request: request, epoll: -1, timer: -1, wakes: -1, latencies: make([]int64, 0, p.total())}
	defer a.close()
	if err := a.open(addr); err != nil {
		return nil, err
	}
	a.began = time.Now()
	for len(a.latencies) < p.total() {
		if err := a.turn(); err != nil {
			return nil, err
		}
	}
	return a.latencies, nil
}

func (a *asker) open(addr string) (err error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	if a.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return os.NewSyscallError("timerfd_create", errno)
	}
	a.timer = int(fd)
	// Edge by edge the timer need not be read.
	if err := a.watch(a.timer, syscall.EPOLLIN|edge, -1); err != nil {
		return err
	}
	for i := range a.connections {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		c := &connection{fd: fd}
		a.all, a.free = append(a.all, c), append(a.free, c)
		if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
			return os.NewSyscallError("connect", err)
		}
		if err := errors.Join(syscall.SetNonblock(fd, true), syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)); err != nil {
			return err
		}
		if err := a.watch(fd, syscall.EPOLLIN, i); err != nil {
			return err
		}
	}
	return nil
}

const (
	clockMonotonic = 1       // CLOCK_MONOTONIC of time.h
	edge           = 1 << 31 // EPOLLET, which package syscall has as a negative number
)

func (a *asker) watch(fd int, events uint32, mark int) error {
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(a.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: events, Fd: int32(mark)}))
}

func (a *asker) close() {
	for _, c := range a.all {
		_ = syscall.Close(c.fd)
	}
	for _, fd := range []int{a.timer, a.epoll} {
		if fd >= 0 {
			_ = syscall.Close(fd)
		}
	}
}

func (a *asker) now() int64 { return int64(time.Since(a.began)) }

// turn sends what is due, waits until something comes or falls due, and reads.
func (a *asker) turn() error {
	for a.sent < a.total() && len(a.free) > 0 {
		now, due := a.now(), a.due(a.sent)
		if due > now {
			if err := a.wake(due, now); err != nil {
				return err
			}
			break
		}
		if err := a.send(due); err != nil {
			return err
		}
	}
	var events [64]syscall.EpollEvent
	n, err := syscall.EpollWait(a.epoll, events[:], -1)
	if err != nil && !errors.Is(err, syscall.EINTR) {
		return os.NewSyscallError("epoll_wait", err)
	}
	for _, e := range events[:max(n, 0)] {
		if e.Fd < 0 {
			a.wakes = -1
			continue
		}
		if err := a.read(a.all[e.Fd]); err != nil {
			return err
		}
	}
	return nil
}

// wake sets the timer to when the next request is due.
func (a *asker) wake(due, now int64) error {
	if a.wakes == due {
		return nil
	}
	a.wakes = due
	spec := [2]syscall.Timespec{{}, syscall.NsecToTimespec(due - now)}
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_TIMERFD_SETTIME, uintptr(a.timer), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0); errno != 0 { //nolint:gosec // the kernel reads it at once
		return os.NewSyscallError("timerfd_settime", errno)
	}
	return nil
}

// send sends the request that was due then, whenever that was.
func (a *asker) send(due int64) error {
	c := a.free[0]
	a.free = append(a.free[:0], a.free[1:]...)
	c.due, c.busy, c.have = due, true, 0
	a.sent++
	if n, err := syscall.Write(c.fd, a.request); err != nil || n < len(a.request) {
		return fmt.Errorf("sending %d bytes: %d were sent: %w", len(a.request), n, err)
	}
	return nil
}

// read takes what has come; a whole answer frees the connection.
func (a *asker) read(c *connection) error {
	n, err := syscall.Read(c.fd, c.answer[c.have:])
	switch {
	case errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR):
		return nil
	case err != nil:
		return os.NewSyscallError("read", err)
	case n == 0:
		return fmt.Errorf("the server closed a connection, or its answer has more than %d bytes", len(c.answer))
	case !c.busy:
		return fmt.Errorf("the server says what nobody asked: %q", c.answer[:n])
	}
	c.have += n
	size, err := length(c.answer[:c.have])
	if err == nil && size > 0 && size < c.have {
		err = fmt.Errorf("the server says what nobody asked: %q", c.answer[size:c.have])
	}
	if err != nil || size != c.have {
		return err
	}
	a.latencies = append(a.latencies, a.now()-c.due)
	c.busy = false
	a.free = append(a.free, c)
	return nil
}

// length returns how long the answer is that b begins with, or 0 when its head is
// not whole yet. What is not 2xx is an error.
func length(b []byte) (int, error) {
	head, _, whole := bytes.Cut(b, []byte("\r\n\r\n"))
	if !whole {
		return 0, nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 2")) {
		return 0, fmt.Errorf("the answer is %q", b)
	}
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(": "))
		if bytes.EqualFold(name, []byte("content-length")) {
			n, err := strconv.Atoi(string(value))
			return len(head) + 4 + n, err
		}
	}
	return 0, fmt.Errorf("the answer has no Content-Length: %q", head)
}
