package memory

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// onceShards is how many locks the entries are spread over.
const onceShards = 16

// Once remembers keys for a time, up to a fixed number of them. It never forgets
// a key that still counts: when it is full it returns [store.ErrFull]. It
// implements [store.Once].
type Once struct {
	seeds  [2]maphash.Seed
	shards [onceShards]onceShard
	since  time.Time
}

type onceShard struct {
	mu    sync.Mutex
	until map[[2]uint64]time.Time
	sweep time.Time // when expired entries are looked for next
	early time.Time // and when at the earliest, if there is no room
	most  int
}

// NewOnce returns a Once that remembers up to about most keys, 64 bytes each.
func NewOnce(most int) *Once {
	o := &Once{since: time.Now(), seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	for i := range o.shards {
		o.shards[i] = onceShard{until: map[[2]uint64]time.Time{}, most: max(1, most/onceShards)}
	}
	return o
}

// First implements [store.Once]. Keys are kept as 128 bits of seeded hash.
func (o *Once) First(_ context.Context, at time.Time, space, key string, ttl time.Duration) (bool, error) {
	if ttl <= 0 {
		return false, fmt.Errorf("memory: once: a lifetime of %s remembers nothing", ttl)
	}
	var id [2]uint64
	for i, seed := range o.seeds {
		id[i] = maphash.String(seed, space)*0x9e3779b97f4a7c15 ^ maphash.String(seed, key)
	}
	s := &o.shards[id[0]%onceShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if until, ok := s.until[id]; ok && at.Before(until) {
		return false, nil
	}
	if full := len(s.until) >= s.most; !at.Before(s.sweep) || full && !at.Before(s.early) {
		s.forget(at)
		// Not at every call of a flood: a sweep looks at every entry.
		s.sweep, s.early = at.Add(max(ttl/2, time.Second)), at.Add(time.Second)
	}
	if len(s.until) >= s.most {
		return false, fmt.Errorf("memory: once: %w", store.ErrFull)
	}
	s.until[id] = at.Add(ttl)
	return true, nil
}

// Since implements [store.Once]: nothing was seen before it was made.
func (o *Once) Since() time.Time { return o.since }

func (s *onceShard) forget(at time.Time) {
	for id, until := range s.until {
		if !at.Before(until) {
			delete(s.until, id)
		}
	}
}
