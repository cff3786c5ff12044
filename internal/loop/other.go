//go:build !linux || !(amd64 || arm64 || riscv64 || loong64)

package loop

import "net"

// Group is the loops of a program. There are none but on Linux, on processors whose system calls are numbered one by one.
type Group struct{}

// New returns nil: connections are served by goroutines.
func New(int) (*Group, error) { return nil, nil }

// Len returns zero.
func (g *Group) Len() int { return 0 }

// Close does nothing.
func (g *Group) Close() {}

// Adopt takes nothing.
func (g *Group) Adopt(net.Conn, *Task) (*Socket, bool) { return nil, false }

// Task is one flow of control on a loop. There is none.
type Task struct{}

// Leave does nothing.
func (t *Task) Leave() {}

// Rest does nothing.
func (t *Task) Rest(func() Wish) {}

// Put does nothing.
func (t *Task) Put(*Socket, []byte) {}

// Gather does nothing.
func (t *Task) Gather([]byte) {}

// Gathered returns nil.
func (t *Task) Gathered() []byte { return nil }

// Sent reports true.
func (t *Task) Sent() bool { return true }

// Flush does nothing.
func (t *Task) Flush() error { return nil }

// Hold does nothing.
func (t *Task) Hold() {}

// Release does nothing.
func (t *Task) Release() {}

// Index returns zero.
func (t *Task) Index() int { return 0 }

// Socket is a connection that belongs to a loop. There is none.
type Socket struct{ net.Conn }

// Go does nothing.
func (s *Socket) Go(func(*Task)) {}

// Have does nothing.
func (s *Socket) Have(*Task) {}

// Ask does nothing.
func (s *Socket) Ask([]byte) {}

// Quiet returns false.
func (s *Socket) Quiet() bool { return false }

// Detach returns nil.
func (s *Socket) Detach() error { return nil }

// CloseWrite does nothing.
func (s *Socket) CloseWrite() error { return nil }
