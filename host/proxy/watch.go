package proxy

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// watch is the deadline of one connection or stream. Setting a deadline on a
// socket for every phase of every request costs more than parsing it, so phases
// only store a number here and one goroutine looks at all of them.
type watch struct {
	until  atomic.Int64 // in the watcher's time; 0: none; claimed: the watcher has acted
	target net.Conn     // whom to wake; written before until
	shard  *shard
	index  int
}

const claimed = -1

// tick is how often deadlines are looked at: all of them may be late by so much.
const tick = 100 * time.Millisecond

type shard struct {
	mu sync.Mutex
	ws []*watch
}

// watcher wakes connections whose phase has lasted too long.
type watcher struct {
	start  time.Time
	now    atomic.Int64 // nanoseconds since start, renewed every tick
	shards [32]shard
	next   atomic.Uint32
}

func newWatcher() *watcher {
	w := &watcher{start: time.Now()}
	w.now.Store(1)
	return w
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
	now := int64(time.Since(w.start))
	w.now.Store(now)
	for i := range w.shards {
		s := &w.shards[i]
		s.mu.Lock()
		for _, h := range s.ws {
			until := h.until.Load()
			if until <= 0 || until > now {
				continue
			}
			target := h.target
			if h.until.CompareAndSwap(until, claimed) && target != nil {
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
	ok := h.until.Swap(0) != claimed
	h.target = target
	h.until.Store(w.now.Load() + int64(d))
	return ok
}

// extend moves the end of the phase, in nanoseconds from its beginning.
func (w *watcher) extend(h *watch, d time.Duration) {
	for {
		old := h.until.Load()
		if old == claimed || h.until.CompareAndSwap(old, w.now.Load()+int64(d)) {
			return
		}
	}
}

// rest ends the phase and reports whether it ended in time.
func (w *watcher) rest(h *watch) bool { return h.until.Swap(0) != claimed }
