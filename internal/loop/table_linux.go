//go:build amd64 || arm64 || riscv64 || loong64

package loop

import "sync/atomic"

// table finds sockets by their descriptors. Descriptors are small numbers that are used
// again, so it is no larger than the most there have been at once.
type table [4096]atomic.Pointer[chunk]

type chunk [256]atomic.Pointer[Socket]

// at returns the socket, or nil.
func (t *table) at(fd int) *Socket {
	if c := t.chunk(fd); c != nil {
		return c[fd%len(c)].Load()
	}
	return nil
}

func (t *table) chunk(fd int) *chunk {
	if i := fd / len(chunk{}); uint(i) < uint(len(t)) {
		return t[i].Load()
	}
	return nil
}

// set stores a socket, or nil, and reports whether there is a place for it.
func (t *table) set(fd int, s *Socket) bool {
	i := fd / len(chunk{})
	if i >= len(t) {
		return false
	}
	if t[i].Load() == nil {
		t[i].CompareAndSwap(nil, new(chunk))
	}
	c := t[i].Load()
	c[fd%len(c)].Store(s)
	return true
}
