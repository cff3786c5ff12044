package memory

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// unit is the resolution of a token bucket's cell. A cell counts 2^31 of them
// ahead and as many back: 2.4 days.
const unit = 100 * time.Microsecond

// buckets is a lock-free set-associative table of token buckets. A cell is one
// word: a fingerprint of the key above, and below it the time, in units, at
// which the bucket is full again (GCRA's theoretical arrival time). One word is
// changed by one compare-and-swap, so that no update is lost. Zero is free.
type buckets struct {
	cells []atomic.Uint64
	mask  uint64
	swept atomic.Int64 // sets swept so far, of an endless row
}

func newBuckets(bits int) buckets {
	return buckets{cells: make([]atomic.Uint64, 1<<bits), mask: 1<<(bits-3) - 1}
}

// bucketLimit is a limit in units.
type bucketLimit struct{ interval, full int32 }

func inUnits(l *store.Limit) bucketLimit {
	// Up, never down: a bucket may refill too slowly, not too fast.
	t := int32((l.Interval() + unit - 1) / unit)
	return bucketLimit{t, t * int32(l.Burst)}
}

// standing describes a bucket that is owed debt units of time.
func (b bucketLimit) standing(debt int32, refused bool) store.Standing {
	s := store.Standing{Refused: refused, Remaining: int((b.full - debt) / b.interval), Reset: time.Duration(debt) * unit}
	if over := debt + b.interval - b.full; over > 0 {
		s.Retry = time.Duration(over) * unit
	}
	return s
}

func (t *buckets) layer(h uint64, l *store.Limit, now int64, do intent) store.Standing {
	var (
		set   = t.cells[(h&t.mask)*ways:][:ways:ways]
		print = max(1, h>>32) // 0 marks a free cell
		tick  = uint32(now / int64(unit))
		limit = inUnits(l)
	)
	for {
		i, old, debt := probe(set, print, tick)
		switch {
		case do == refund && (old>>32 != print || debt == 0):
			return limit.standing(0, false)
		case do == refund:
			if set[i].CompareAndSwap(old, print<<32|uint64(tick+uint32(max(0, debt-limit.interval)))) {
				return limit.standing(max(0, debt-limit.interval), false)
			}
			continue
		case debt+limit.interval > limit.full:
			return limit.standing(debt, true)
		case do == ask:
			return store.Standing{}
		case do == look:
			return limit.standing(debt, false)
		}
		mine := print<<32 | uint64(tick+uint32(debt+limit.interval))
		if !set[i].CompareAndSwap(old, mine) {
			continue
		}
		if old>>32 != print && t.twice(set, i, print, mine) {
			continue
		}
		return limit.standing(debt+limit.interval, false)
	}
}

// probe returns the cell of a key, what it holds, and how far its time lies
// ahead; or the cell to take for a new key: a free one, an expired one, or the
// one that is next to expire.
func probe(set []atomic.Uint64, print uint64, tick uint32) (at int, old uint64, debt int32) {
	var least int32
	for i := range set {
		v := set[i].Load()
		ahead := max(0, int32(uint32(v)-tick))
		if v>>32 == print {
			return i, v, ahead
		}
		if v == 0 {
			ahead = -1
		}
		if i == 0 || ahead < least {
			at, old, least = i, v, ahead
		}
	}
	return at, old, 0
}

// twice resolves two requests of one new key that took a cell each: whoever
// sees the other's gives its own back and starts again. It reports whether the
// caller has to.
func (t *buckets) twice(set []atomic.Uint64, mineAt int, print, mine uint64) bool {
	for i := range set {
		if i != mineAt && set[i].Load()>>32 == print {
			// Should a third request have charged the cell meanwhile, both stay: the
			// lower one is found from now on, and the other one expires.
			return set[mineAt].CompareAndSwap(mine, 0)
		}
	}
	return false
}

// sweepEvery is how often one set is looked through. It brings the whole table
// round in under an hour, well before a cell's time could wrap.
const sweepEvery = 100 * time.Millisecond

// sweep frees the expired cells of the sets that are due.
func (t *buckets) sweep(now int64) {
	due, done := now/int64(sweepEvery), t.swept.Load()
	if due <= done || !t.swept.CompareAndSwap(done, due) {
		return
	}
	tick := uint32(now / int64(unit))
	for n := min(due-done, int64(t.mask)+1); n > 0; n-- {
		set := t.cells[(uint64(due-n)&t.mask)*ways:][:ways]
		for i := range set {
			if v := set[i].Load(); v != 0 && int32(uint32(v)-tick) <= 0 {
				set[i].CompareAndSwap(v, 0)
			}
		}
	}
}

// shared holds the buckets that count all requests together. There is one for
// each limit of the configuration, in nanoseconds, since 10,000 units a second
// come closer together than a cell of the table can tell.
type shared struct {
	mu    sync.Mutex
	cells atomic.Pointer[[]*sharedCell]
}

type sharedCell struct {
	space string
	debt  atomic.Int64
}

// find returns the cell of what is counted, or nil. There are few.
func (s *shared) find(space string) *atomic.Int64 {
	all := s.cells.Load()
	if all == nil {
		return nil
	}
	for _, c := range *all {
		if c.space == space {
			return &c.debt
		}
	}
	return nil
}

func (s *shared) cell(space string) *atomic.Int64 {
	if found := s.find(space); found != nil {
		return found
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.find(space); found != nil {
		return found
	}
	made := &sharedCell{space: space}
	next := []*sharedCell{made}
	if all := s.cells.Load(); all != nil {
		next = append(next, *all...)
	}
	s.cells.Store(&next)
	return &made.debt
}

func (s *shared) layer(l *store.Limit, now int64, do intent) store.Standing {
	var (
		cell     = s.cell(l.Space)
		interval = int64(l.Interval())
		full     = interval * int64(l.Burst)
	)
	for {
		old := cell.Load()
		debt := max(0, old-now)
		after := debt
		switch do {
		case charge:
			after += interval
		case refund:
			after = max(0, debt-interval)
		}
		refused := do != refund && debt+interval > full
		if refused {
			after = debt
		}
		if do == ask {
			return store.Standing{Refused: refused}
		}
		if refused || do == look || cell.CompareAndSwap(old, now+after) {
			return store.Standing{
				Refused:   refused,
				Remaining: int(max(0, full-after) / interval),
				Reset:     time.Duration(after),
				Retry:     time.Duration(max(0, after+interval-full)),
			}
		}
	}
}
