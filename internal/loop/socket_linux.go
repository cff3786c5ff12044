//go:build amd64 || arm64 || riscv64 || loong64

package loop

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Socket is a connection that belongs to a loop. Only the task that has it may read,
// write and close it; deadlines may be set by all.
type Socket struct {
	fd            int
	loop          *Loop
	mark          uint32 // tells the events of this socket from those of an earlier one with its descriptor
	local, remote net.Addr

	task     atomic.Pointer[Task]
	readable atomic.Bool // perhaps
	writable atomic.Bool // perhaps
	ended    atomic.Bool // there is an end to be read behind what else there is, or an error
	reading  deadline
	writing  deadline
	question []byte // to be sent by the next Read

	mu     sync.Mutex
	closed bool
	plain  atomic.Pointer[ordinary] // what it is after Detach
}

// ordinary is a connection that Go's poller looks after.
type ordinary interface {
	net.Conn
	CloseWrite() error
}

// Adopt takes a connection of the kernel's to the loop of t, or to the next if t is nil.
// It reports false, and leaves c as it is, when c is none or there is no room. The socket
// that it returns is t's.
func (g *Group) Adopt(c net.Conn, t *Task) (*Socket, bool) {
	if g == nil {
		return nil, false
	}
	d, ok := c.(syscall.Conn)
	if !ok {
		return nil, false
	}
	raw, err := d.SyscallConn()
	if err != nil {
		return nil, false
	}
	fd := -1
	err = raw.Control(func(old uintptr) {
		// A descriptor of its own, which Go's poller does not know.
		if n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0); errno == 0 {
			fd = int(n)
		}
	})
	if err != nil || fd < 0 {
		return nil, false
	}
	s := &Socket{fd: fd, mark: g.marks.Add(1), local: c.LocalAddr(), remote: c.RemoteAddr()}
	if t != nil {
		s.loop = t.loop
		s.task.Store(t)
	} else {
		s.loop = g.loops[int(g.next.Add(1)%uint32(len(g.loops)))]
	}
	s.readable.Store(true)
	s.writable.Store(true)
	if !g.socks.set(fd, s) {
		_ = syscall.Close(fd)
		return nil, false
	}
	if err := s.loop.watch(fd, s.mark); err != nil {
		g.socks.set(fd, nil)
		_ = syscall.Close(fd)
		return nil, false
	}
	_ = c.Close()
	return s, true
}

// Go begins a task on the socket's loop, which has the socket.
func (s *Socket) Go(body func(*Task)) {
	t := newTask(s.loop, body)
	s.task.Store(t)
	s.loop.post(t)
}

// Have gives the socket to t, which is of the same loop, or to nobody.
func (s *Socket) Have(t *Task) { s.task.Store(t) }

// Index says which loop the task is of, from zero.
func (t *Task) Index() int { return t.loop.index }

// arrived takes note of events and returns whoever may wait for them.
func (s *Socket) arrived(events uint32) *Task {
	const end = syscall.EPOLLRDHUP | syscall.EPOLLHUP | syscall.EPOLLERR
	if events&end != 0 {
		s.ended.Store(true)
	}
	if events&(syscall.EPOLLIN|end) != 0 {
		s.readable.Store(true)
	}
	if events&(syscall.EPOLLOUT|end) != 0 && !s.writable.Load() {
		s.writable.Store(true)
	}
	return s.task.Load()
}

// Read implements [net.Conn].
func (s *Socket) Read(b []byte) (int, error) {
	if c := s.plain.Load(); c != nil {
		return (*c).Read(b)
	}
	if len(b) == 0 {
		return 0, nil
	}
	if q := s.question; q != nil {
		s.question = nil
		if err := s.send(s.task.Load(), q, Ask); err != nil {
			return 0, err
		}
	}
	for {
		if !s.readable.Load() && !s.reading.past.Load() && s.task.Load().inHand {
			return 0, ErrAgain
		}
		if err := s.await(&s.readable, &s.reading); err != nil {
			return 0, err
		}
		s.readable.Store(false) // before the read: what comes after it is another event
		n, errno := call(syscall.SYS_RECVFROM, s.fd, b)
		switch errno {
		case 0:
			if n == 0 {
				s.readable.Store(true) // the end stays
				return 0, io.EOF
			}
			if n == len(b) || s.ended.Load() {
				s.readable.Store(true)
			}
			return n, nil
		case syscall.EAGAIN:
		case syscall.EINTR:
			s.readable.Store(true)
		default:
			s.readable.Store(true)
			return 0, &net.OpError{Op: "read", Net: "socket", Err: errno}
		}
	}
}

// Write implements [net.Conn].
func (s *Socket) Write(b []byte) (int, error) {
	if c := s.plain.Load(); c != nil {
		return (*c).Write(b)
	}
	t := s.task.Load()
	if t == nil { // a last word of TLS
		o := output{socket: s, left: b}
		o.write()
		if o.err == nil && len(o.left) > 0 {
			o.err = os.ErrDeadlineExceeded
		}
		return o.n, o.err
	}
	if t.gather != nil {
		t.gather = append(t.gather, b...)
		return len(b), nil
	}
	if err := s.send(t, b, Write); err != nil {
		return t.out.n, err
	}
	return len(b), nil
}

// Ask has b sent by the next Read, which then waits for the answer. b must not change
// until then.
func (s *Socket) Ask(b []byte) { s.question = b }

// send writes b, as far as there is room at once together with the other writes of the
// loop's round.
func (s *Socket) send(t *Task, b []byte, w Wish) error {
	if s.writing.past.Load() {
		return os.ErrDeadlineExceeded
	}
	t.Put(s, b)
	t.pause(w)
	return s.flush(t)
}

// flush writes what is left of what was put.
func (s *Socket) flush(t *Task) error {
	for {
		if t.out.err != nil || len(t.out.left) == 0 {
			err := t.out.err
			t.out.left, t.out.err = nil, nil
			return err
		}
		if err := s.await(&s.writable, &s.writing); err != nil {
			t.out.left = nil
			return err
		}
		t.out.write()
	}
}

// await waits until ready is true, but not longer than d.
func (s *Socket) await(ready *atomic.Bool, d *deadline) error {
	for {
		if d.past.Load() {
			return os.ErrDeadlineExceeded
		}
		if ready.Load() {
			return nil
		}
		s.task.Load().pause(Wait)
	}
}

// output is what a task has to write.
type output struct {
	socket *Socket
	left   []byte
	n      int
	err    error
}

// unanswered reports whether all is written and nothing is there to be read.
func (o *output) unanswered() bool {
	return o.err == nil && len(o.left) == 0 && !o.socket.readable.Load()
}

// write writes all there is room for.
func (o *output) write() {
	for len(o.left) > 0 {
		n, errno := call(syscall.SYS_SENDTO, o.socket.fd, o.left)
		switch errno {
		case 0:
			if o.n += n; n == len(o.left) {
				o.left = nil // nobody's memory is kept
				return
			}
			o.left = o.left[n:]
		case syscall.EAGAIN:
			if !o.socket.writable.Swap(false) {
				return
			}
			// Once more: what became free before the flag was taken down is no event.
		case syscall.EINTR:
		default:
			o.err = &net.OpError{Op: "write", Net: "socket", Err: errno}
			return
		}
	}
}

// Detach makes an ordinary connection of the socket, which any goroutine may use. When it
// fails, the socket is closed.
func (s *Socket) Detach() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loop.group.socks.set(s.fd, nil)
	s.loop.forget(s.fd)
	f := os.NewFile(uintptr(s.fd), "socket") // owns the descriptor from here on
	c, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		s.closed, s.fd = true, -1
		return err
	}
	o := c.(ordinary)
	s.plain.Store(&o)
	return errors.Join(o.SetReadDeadline(s.reading.stop()), o.SetWriteDeadline(s.writing.stop()))
}

// Quiet reports whether the peer has said nothing that is unread, and has not closed its
// side, as far as the loop knows by the events that began its round.
func (s *Socket) Quiet() bool {
	switch {
	case s.ended.Load():
		return false
	case !s.readable.Load():
		return true
	}
	var one [1]byte
	_, _, err := syscall.Recvfrom(s.fd, one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return err == syscall.EAGAIN //nolint:errorlint // an errno
}

// Close implements [net.Conn].
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.closed = true
	if c := s.plain.Load(); c != nil {
		return (*c).Close()
	}
	s.reading.stop()
	s.writing.stop()
	s.loop.group.socks.set(s.fd, nil)
	fd := s.fd
	s.fd = -1 // the number is soon another's
	return os.NewSyscallError("close", syscall.Close(fd))
}

// CloseWrite says to the peer that nothing more will come.
func (s *Socket) CloseWrite() error {
	if c := s.plain.Load(); c != nil {
		return (*c).CloseWrite()
	}
	return os.NewSyscallError("shutdown", syscall.Shutdown(s.fd, syscall.SHUT_WR))
}

// LocalAddr implements [net.Conn].
func (s *Socket) LocalAddr() net.Addr { return s.local }

// RemoteAddr implements [net.Conn].
func (s *Socket) RemoteAddr() net.Addr { return s.remote }

// call is recvfrom(2) or sendto(2) on a descriptor that does not block, with a buffer that
// is not empty, without telling Go's scheduler. They are 2 % of a request cheaper than
// read(2) and write(2), which ask first whether somebody watches the file.
func call(number uintptr, fd int, b []byte) (int, syscall.Errno) {
	const flags = syscall.MSG_DONTWAIT | syscall.MSG_NOSIGNAL
	n, _, errno := syscall.RawSyscall6(number, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0) //nolint:gosec // the buffer is in use until the call returns
	return int(n), errno
}
