package memory

import (
	"context"
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// Counters keeps limits in three tables of fixed size: token buckets in one
// word each, sliding windows in twenty slots, and windows of up to ten units as
// an exact log. It implements [store.Counters].
//
// A request that several limits bind looks at all of them first and charges
// then. Should another request have taken the last unit in between, what was
// charged is given back: at worst a concurrent request is refused that would
// have passed, and never the other way round.
type Counters struct {
	epoch   time.Time
	latest  atomic.Int64 // the latest time that was given, since the epoch
	seed    maphash.Seed
	buckets buckets
	shared  shared
	windows *sets[window]
	logs    *sets[ledger]
}

// NewCounters returns counters that begin at the time now. They take 2 MiB for
// token buckets at once, and up to 12 MiB for windows when those are used.
func NewCounters(now time.Time) *Counters { return newCounters(now, 18, 16, 16) }

func newCounters(now time.Time, bucketBits, windowBits, logBits int) *Counters {
	return &Counters{
		epoch:   now,
		seed:    maphash.MakeSeed(),
		buckets: newBuckets(bucketBits),
		windows: newSets[window](windowBits),
		logs:    newSets[ledger](logBits),
	}
}

// Take implements [store.Counters]. Its error is always nil.
func (c *Counters) Take(_ context.Context, at time.Time, charges store.Charges) (store.Taken, error) {
	now := c.since(at)
	c.buckets.sweep(now)
	h, last := c.hashes(&charges), charges.Len()-1
	t := store.Taken{OK: true}
	if !c.admits(now, &charges, &h, last) {
		c.peek(now, &charges, &h, last+1, &t)
	}
	// The last layer first: it needs no look before, since nothing is charged yet.
	for i := last; t.OK && i >= 0; i-- {
		t.Layers[i] = c.layer(charges.At(i), h[i], now, charge)
		if !t.Layers[i].Refused {
			continue
		}
		t.OK = false
		for j := i + 1; j <= last; j++ {
			c.layer(charges.At(j), h[j], now, refund)
		}
		if i == last {
			c.peek(now, &charges, &h, last, &t)
		}
	}
	return t, nil
}

// admits reports whether each of the first n layers has a unit left.
func (c *Counters) admits(now int64, charges *store.Charges, h *hashes, n int) bool {
	for i := range n {
		if c.layer(charges.At(i), h[i], now, ask).Refused {
			return false
		}
	}
	return true
}

// Peek implements [store.Counters]. Its error is always nil.
func (c *Counters) Peek(_ context.Context, at time.Time, charge store.Charge) (store.Standing, error) {
	return c.layer(charge, c.hash(charge), c.since(at), look), nil
}

// peek says where the first n layers stand.
func (c *Counters) peek(now int64, charges *store.Charges, h *hashes, n int, t *store.Taken) {
	for i := range n {
		t.Layers[i] = c.layer(charges.At(i), h[i], now, look)
		t.OK = t.OK && !t.Layers[i].Refused
	}
}

// since returns the nanoseconds since the epoch, and never less than before: a
// request whose goroutine was held up brings an old time, and measured by that
// what others have charged meanwhile would look like a debt.
func (c *Counters) since(at time.Time) int64 {
	now := int64(at.Sub(c.epoch))
	for {
		latest := c.latest.Load()
		if now <= latest {
			return latest
		}
		if c.latest.CompareAndSwap(latest, now) {
			return now
		}
	}
}

// intent is what is to be done to one layer.
type intent uint8

const (
	ask    intent = iota // charge nothing, and say only whether there is a unit
	look                 // charge nothing
	charge               // charge one unit if there is one
	refund               // give one unit back
)

func (c *Counters) layer(ch store.Charge, h uint64, now int64, do intent) store.Standing {
	l := ch.Limit
	switch {
	case counted(ch):
		return c.shared.layer(l, now, do)
	case l.Algorithm == store.TokenBucket:
		return c.buckets.layer(h, l, now, do)
	case l.N <= exact:
		return logLayer(c.logs, h, l, now, do)
	}
	return windowLayer(c.windows, h, l, now, do)
}

// counted reports whether a charge is to a bucket that counts all requests.
func counted(ch store.Charge) bool { return ch.Limit.Algorithm == store.TokenBucket && ch.Key == "" }

// hashes hold the hash of each charge that has a key.
type hashes [store.MaxLayers]uint64

func (c *Counters) hashes(charges *store.Charges) (h hashes) {
	key, hashed := "", uint64(0)
	for i := range charges.Len() {
		ch := charges.At(i)
		if counted(ch) {
			continue
		}
		if hashed == 0 || ch.Key != key { // layers of one caller follow one another
			key, hashed = ch.Key, maphash.String(c.seed, ch.Key)
		}
		h[i] = mix(ch.Limit.Print(), hashed)
	}
	return h
}

// hash returns the hash of one charge.
func (c *Counters) hash(ch store.Charge) uint64 {
	return mix(ch.Limit.Print(), maphash.String(c.seed, ch.Key))
}

// mix makes one hash of what is counted and of the key. The parts are hashed
// apart, so that ("a", "bc") and ("ab", "c") are not the same, and the key with a
// seed of this process, so that no client can choose who shares its cell.
func mix(print, key uint64) uint64 {
	h := print*0x9e3779b97f4a7c15 ^ key
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return max(1, h^h>>32)
}
