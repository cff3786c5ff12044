package jwt

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/jose"
)

const ways = 4 // places where one token may stand

// cache remembers verified tokens. It is a table of fixed size without locks:
// each place holds an immutable entry or none, and a reader compares the whole
// token, so the worst a race or a collision can do is to forget. Only tokens
// that were accepted come in, so strangers cannot fill it.
type cache struct {
	seed  maphash.Seed
	mask  uint64
	slots []atomic.Pointer[entry]
}

// entry is one verified token. All that a request looks at is one piece of memory: of
// thousands of callers, each has left the near caches when its turn comes.
type entry struct {
	token  string
	until  time.Time
	set    *jose.Set // the keys it was verified with
	claims claims
}

// newCache returns a cache of at least size entries; 0 remembers nothing.
func newCache(size int) *cache {
	c := &cache{seed: maphash.MakeSeed()}
	if size == 0 {
		return c
	}
	sets := uint64(1) << bits.Len(uint(max(size, ways)-1)/ways)
	c.mask = sets - 1
	c.slots = make([]atomic.Pointer[entry], sets*ways)
	return c
}

// places returns where the token may stand. The hash is keyed, so nobody can
// choose tokens that fall together.
func (c *cache) places(token string) []atomic.Pointer[entry] {
	if len(c.slots) == 0 {
		return nil
	}
	at := (maphash.String(c.seed, token) & c.mask) * ways
	return c.slots[at : at+ways]
}

// get returns the entry of exactly this token, or nil.
func (c *cache) get(token string, now time.Time) *entry {
	places := c.places(token)
	for i := range places {
		if e := places[i].Load(); e != nil && e.token == token && now.Before(e.until) {
			return e
		}
	}
	return nil
}

// put remembers e in the place of itself, of nothing, or of the entry that ends
// first.
func (c *cache) put(e *entry) {
	places := c.places(e.token)
	if places == nil {
		return
	}
	best, until := 0, time.Time{}
	for i := range places {
		old := places[i].Load()
		if old == nil || old.token == e.token {
			best = i
			break
		}
		if i == 0 || old.until.Before(until) {
			best, until = i, old.until
		}
	}
	places[best].Store(e)
}
