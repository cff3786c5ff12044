package wire

import "sync"

const (
	smallBuffer = 4 << 10  // what an idle connection holds, in bytes
	largeBuffer = 32 << 10 // what a long head or a long body borrows, in bytes
)

// Buffers lends the large buffers that long heads and bodies need, so that an
// idle connection holds a small one only. The zero value is ready, and one
// Buffers is shared by all connections.
type Buffers struct{ pool sync.Pool }

func (b *Buffers) borrow() []byte {
	if b != nil {
		if p, ok := b.pool.Get().(*[largeBuffer]byte); ok {
			return p[:]
		}
	}
	return make([]byte, largeBuffer)
}

func (b *Buffers) giveBack(buf []byte) {
	if b != nil && len(buf) == largeBuffer {
		b.pool.Put((*[largeBuffer]byte)(buf))
	}
}
