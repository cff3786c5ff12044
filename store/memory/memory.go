// Package memory keeps state in this process. It forgets at the end of the
// process and knows nothing of other nodes; everything in it has a fixed size or
// refuses, whatever a hostile client sends.
package memory

import "sync"

// stripes are locks that many cells share. They stand on cache lines of their
// own, so that one does not slow down its neighbour.
type stripes [256]struct {
	sync.Mutex
	_ [56]byte
}

// cell is one entry of a sets table: whose it is, and until when it matters.
type cell[S any] struct {
	hash  uint64 // 0 when the cell is free
	until int64  // nanoseconds; afterwards the cell says nothing any more
	state S
}

const ways = 8

// sets is a set-associative table: a key has eight cells it can be in. It has a
// fixed size. A new key takes a free cell, an expired one, or else the one that
// would have expired first: forgetting a live key takes more than eight live
// keys in one set, and which keys share a set is known to nobody outside.
type sets[S any] struct {
	cells []cell[S]
	mask  uint64
	locks stripes
}

func newSets[S any](bits int) *sets[S] {
	return &sets[S]{cells: make([]cell[S], 1<<bits), mask: 1<<(bits-3) - 1}
}

// lock locks the set of h and returns its cells.
func (t *sets[S]) lock(h uint64) ([]cell[S], *sync.Mutex) {
	set := h & t.mask
	mu := &t.locks[set%uint64(len(t.locks))].Mutex
	mu.Lock()
	return t.cells[set*ways : set*ways+ways], mu
}

// find returns the live cell of h among cells, or nil.
func find[S any](cells []cell[S], h uint64, now int64) *cell[S] {
	for i := range cells {
		if cells[i].hash == h && cells[i].until > now {
			return &cells[i]
		}
	}
	return nil
}

// claim returns the live cell of h among cells, or an empty one for it.
func claim[S any](cells []cell[S], h uint64, now int64) *cell[S] {
	if c := find(cells, h, now); c != nil {
		return c
	}
	victim := &cells[0]
	for i := range cells {
		if cells[i].hash == h { // expired: its place, so that it is never there twice
			victim = &cells[i]
			break
		}
		if cells[i].until < victim.until {
			victim = &cells[i]
		}
	}
	*victim = cell[S]{hash: h}
	return victim
}
