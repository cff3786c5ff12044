package proxy

import (
	"io"
	"net"
	"runtime"
	"syscall"
	"unsafe"
)

// descriptor is a connection that the kernel keeps: TCP's, or a Unix socket's.
type descriptor interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// socket is such a connection that is read and written without telling Go's
// scheduler. The descriptor does not block, so a call is over in microseconds;
// announcing each as one that might block costs more than the parser, and makes
// the runtime hand the processor over when the kernel is slow once.
//
// Deadlines, closing and waiting are the runtime's as ever.
type socket struct {
	descriptor
	raw syscall.RawConn
	in  transfer
	out transfer

	onRead, onWrite func(fd uintptr) bool // made once
}

// transfer is one direction's call under way.
type transfer struct {
	buf []byte
	n   int
	err error
}

// newSocket returns c, faster where that can be done.
func newSocket(c net.Conn) net.Conn {
	d, ok := c.(descriptor)
	if !ok {
		return c
	}
	raw, err := d.SyscallConn()
	if err != nil {
		return c
	}
	s := &socket{descriptor: d, raw: raw}
	s.onRead, s.onWrite = s.tryRead, s.tryWrite
	return s
}

// Read implements [net.Conn]. There is one reader at a time.
func (s *socket) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	s.in = transfer{buf: b}
	if err := s.raw.Read(s.onRead); err != nil {
		return 0, err
	}
	n, err := s.in.n, s.in.err
	s.in.buf = nil
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Write implements [net.Conn]. There is one writer at a time.
//
// It first lets the other exchanges that are ready come to their own writes.
// Writes that follow one another find the peer awake; one that comes alone pays
// for waking it, which is dearer than the write.
func (s *socket) Write(b []byte) (int, error) {
	runtime.Gosched()
	s.out = transfer{buf: b}
	if err := s.raw.Write(s.onWrite); err != nil {
		return s.out.n, err
	}
	s.out.buf = nil
	return s.out.n, s.out.err
}

// tryRead reads once, and asks to be called again when there is nothing yet.
func (s *socket) tryRead(fd uintptr) bool {
	t := &s.in
	for {
		n, errno := call(syscall.SYS_READ, fd, t.buf)
		switch errno {
		case 0:
			t.n = n
		case syscall.EAGAIN:
			return false
		case syscall.EINTR:
			continue
		default:
			t.err = &net.OpError{Op: "read", Net: "socket", Err: errno}
		}
		return true
	}
}

// tryWrite writes all there is room for, and asks to be called again for the rest.
func (s *socket) tryWrite(fd uintptr) bool {
	t := &s.out
	for t.n < len(t.buf) {
		n, errno := call(syscall.SYS_WRITE, fd, t.buf[t.n:])
		switch errno {
		case 0:
			t.n += n
		case syscall.EAGAIN:
			return false
		case syscall.EINTR:
		default:
			t.err = &net.OpError{Op: "write", Net: "socket", Err: errno}
			return true
		}
	}
	return true
}

// call is read(2) or write(2) with a buffer that is not empty.
func call(number, fd uintptr, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))) //nolint:gosec // the buffer is in use until the call returns
	return int(n), errno
}
