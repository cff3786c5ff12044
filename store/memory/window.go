package memory

import (
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// slots is how many counts a sliding window keeps: the present, incomplete one,
// and nineteen that together are no shorter than the window.
const slots = 20

// window is a sliding window. A unit counts until its whole slot has left the
// window: two weighted halves, the usual way, let nearly twice the limit through
// within one window after a burst at the end of the last.
type window struct {
	newest int64 // index of the newest slot, counted from the epoch
	counts [slots]uint32
}

// slotOf returns the length of a slot, rounded up.
func slotOf(l *store.Limit) int64 { return (int64(l.Per) + slots - 2) / (slots - 1) }

// forward brings the window to slot index now. Time never runs backwards: a
// request that was overtaken counts where the other one stands.
func (w *window) forward(now int64) {
	if now-w.newest >= slots {
		*w = window{newest: now}
		return
	}
	for w.newest < now {
		w.newest++
		w.counts[w.newest%slots] = 0
	}
}

func (w *window) sum() int {
	n := 0
	for _, c := range w.counts {
		n += int(c)
	}
	return n
}

// emptyAt returns the index of the slot in which every unit has left. There is one.
func (w *window) emptyAt() int64 {
	i := w.newest
	for w.counts[i%slots] == 0 {
		i--
	}
	return i + slots
}

// freeAt returns the index of the slot in which at least n units have left.
func (w *window) freeAt(n int) int64 {
	i := w.newest - slots + 1
	for ; n > 0 && i <= w.newest; i++ {
		if i >= 0 {
			n -= int(w.counts[i%slots])
		}
	}
	return i - 1 + slots
}

func windowLayer(t *sets[window], h uint64, l *store.Limit, now int64, do intent) store.Standing {
	cells, mu := t.lock(h)
	defer mu.Unlock()
	slot := slotOf(l)
	c := find(cells, h, now)
	if c == nil && do != charge {
		return store.Standing{Remaining: l.N}
	}
	if c == nil {
		c = claim(cells, h, now)
	}
	w := &c.state
	w.forward(now / slot)
	sum := w.sum()
	refused := do != refund && sum >= l.N
	switch {
	case do == ask:
		return store.Standing{Refused: refused}
	case do == refund && w.counts[w.newest%slots] > 0:
		w.counts[w.newest%slots]--
		sum--
	case do == charge && !refused:
		w.counts[w.newest%slots]++
		sum++
		c.until = max(c.until, (w.newest+slots)*slot)
	}
	s := store.Standing{Refused: refused, Remaining: max(0, l.N-sum)}
	if sum > 0 {
		s.Reset = time.Duration(max(0, w.emptyAt()*slot-now))
	}
	if over := sum + 1 - l.N; over > 0 {
		s.Retry = time.Duration(max(0, w.freeAt(over)*slot-now))
	}
	return s
}

// exact is the largest limit that is kept as a log.
const exact = 10

// ledger is the times of the last units, the oldest first.
type ledger struct {
	n  int
	at [exact]int64
}

// forget drops what is no longer after the time since.
func (g *ledger) forget(since int64) {
	old := 0
	for old < g.n && g.at[old] <= since {
		old++
	}
	copy(g.at[:], g.at[old:g.n])
	g.n -= old
}

func logLayer(t *sets[ledger], h uint64, l *store.Limit, now int64, do intent) store.Standing {
	cells, mu := t.lock(h)
	defer mu.Unlock()
	c := find(cells, h, now)
	if c == nil && do != charge {
		return store.Standing{Remaining: l.N}
	}
	if c == nil {
		c = claim(cells, h, now)
	}
	g, per := &c.state, int64(l.Per)
	if g.n > 0 {
		now = max(now, g.at[g.n-1]) // overtaken requests count where the other one stands
	}
	g.forget(now - per)
	refused := do != refund && g.n >= l.N
	switch {
	case do == ask:
		return store.Standing{Refused: refused}
	case do == refund && g.n > 0:
		g.n--
	case do == charge && !refused:
		g.at[g.n] = now
		g.n++
		c.until = max(c.until, now+per)
	}
	s := store.Standing{Refused: refused, Remaining: max(0, l.N-g.n)}
	if g.n > 0 {
		s.Reset = time.Duration(g.at[g.n-1] + per - now)
	}
	if over := g.n + 1 - l.N; over > 0 {
		s.Retry = time.Duration(g.at[over-1] + per - now)
	}
	return s
}
