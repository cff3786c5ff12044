package proxy

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// watch is the deadline of one connection or stream. Setting a deadline on a
// socket for every phase of every request costs more than parsing it, so phases
// only store a number here and one goroutine looks at all of them.
type watch struct {
	until  atomic.Int64 // in the watcher's time; 0: none; below: the watcher has acted
	target net.Conn     // whom to wake; written before until
	shard  *shard
	index  int

	holder atomic.Pointer[gatehouse.Principal] // whose proof must hold as long as this is open; nil is nobody's
	over   bool                                // it held no more; the owner's own
}

// forfeited reports whether the proof holds no more by which this was opened.
func (h *watch) forfeited(at time.Time) bool {
	p := h.holder.Load()
	return p != nil && p.Proof != nil && !p.Proof.Holds(at)
}

// judged is how many ticks lie between two looks at the proofs of what is open: it ends
// within so long of a revocation that is known here.
const judged = 4

// Why the watcher has acted.
const (
	overdue  = -1 // the phase lasted too long
	expelled = -2 // the caller's proof holds no more
)

// tick is how often deadlines are looked at: all of them may be late by so much.
const tick = 100 * time.Millisecond

type shard struct {
	mu sync.Mutex
	ws []*watch
}

// watcher wakes connections whose phase has lasted too long.
type watcher struct {
	start  time.Time
	now    atomic.Int64              // nanoseconds since start, renewed every tick
	base   atomic.Pointer[time.Time] // the same, as a time
	shards [32]shard
	next   atomic.Uint32
	all    atomic.Bool // every phase is overdue
	ticks  uint        // the watcher's own
}

func newWatcher() *watcher {
	w := &watcher{start: time.Now()}
	w.now.Store(1)
	w.base.Store(&w.start)
	return w
}

// clock returns the time. It reads one clock where [time.Now] reads two: the wall clock is
// asked every tick, and when it has been set, or the machine has slept, the time is the old
// one until then.
func (w *watcher) clock() time.Time {
	base := w.base.Load()
	return base.Add(time.Since(*base))
}

// run looks until stop is closed.
func (w *watcher) run(stop <-chan struct{}, each func()) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			w.look()
			each()
		}
	}
}

func (w *watcher) look() {
	at := time.Now()
	now := int64(at.Sub(w.start))
	// Phases are counted from the last look: one that has begun since, while the program
	// did not run, is given what it does not know of.
	late := now - w.now.Load() - int64(tick)
	w.now.Store(now)
	w.base.Store(&at)
	w.ticks++
	judge, all := w.ticks%judged == 0, w.all.Load()
	for i := range w.shards {
		s := &w.shards[i]
		s.mu.Lock()
		for _, h := range s.ws {
			until := h.until.Load()
			if until <= 0 {
				continue
			}
			why := int64(overdue)
			switch {
			case judge && h.forfeited(at):
				why = expelled
			case all:
			case until > now:
				continue
			case late > int64(2*tick):
				h.until.CompareAndSwap(until, until+late)
				continue
			}
			target := h.target
			if h.until.CompareAndSwap(until, why) && target != nil {
				_ = target.SetDeadline(longAgo)
			}
		}
		s.mu.Unlock()
	}
}

var longAgo = time.Unix(1, 0)

func (w *watcher) add(h *watch) {
	s := &w.shards[w.next.Add(1)%uint32(len(w.shards))]
	s.mu.Lock()
	h.shard, h.index = s, len(s.ws)
	s.ws = append(s.ws, h)
	s.mu.Unlock()
}

func (w *watcher) remove(h *watch) {
	s := h.shard
	s.mu.Lock()
	last := s.ws[len(s.ws)-1]
	s.ws[h.index], last.index = last, h.index
	s.ws[len(s.ws)-1] = nil
	s.ws = s.ws[:len(s.ws)-1]
	s.mu.Unlock()
}

// phase begins a phase in which target may block for d at the most, and reports
// whether the last phase ended in time. When it did not, the connection that
// blocked then is unusable.
func (w *watcher) phase(h *watch, target net.Conn, d time.Duration) bool {
	ok := w.rest(h)
	w.begin(h, target, d)
	return ok
}

// begin is phase where the last phase has been ended by rest.
func (w *watcher) begin(h *watch, target net.Conn, d time.Duration) {
	h.target = target
	h.until.Store(w.now.Load() + int64(d))
}

// extend moves the end of the phase, in nanoseconds from its beginning.
func (w *watcher) extend(h *watch, d time.Duration) {
	for {
		old := h.until.Load()
		if old < 0 || h.until.CompareAndSwap(old, w.now.Load()+int64(d)) {
			return
		}
	}
}

// rest ends the phase and reports whether it ended in time.
func (w *watcher) rest(h *watch) bool {
	ended := h.until.Swap(0)
	h.over = h.over || ended == expelled
	return ended >= 0
}
