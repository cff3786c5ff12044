package relations

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"

	"github.com/gatehouse-api/gatehouse/internal/aside"
)

// Change is what a store says that is new.
type Change struct {
	Revision    int64 // of the tuples, after it
	Whole       bool  // Add is every tuple there is; without it, those that are new
	Add, Remove []Tuple
}

// Index holds the newest tuples of a store in memory, and the snapshots before them
// for as long as a request may need them. Changes are given to it by [Index.Apply].
// It is safe for concurrent use.
type Index struct {
	symbols *symbols
	mu      sync.Mutex
	edits   int64
	recent  []*Snapshot // the newest last
	changed chan struct{}
}

// remembered is how many snapshots before the newest can be asked for.
const remembered = 64

// NewIndex returns an index that knows nothing yet: questions are errors until the
// first change.
func NewIndex() *Index {
	return &Index{symbols: &symbols{of: map[string]symbol{}, names: []string{""}}, changed: make(chan struct{})}
}

// Apply makes a new snapshot of the change. Adding what is there, and removing what is
// not, changes nothing. After an error the index knows nothing, until a change that is
// whole.
func (x *Index) Apply(c Change) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	var s *Snapshot
	var err error
	switch {
	case c.Whole:
		s, err = x.whole(c.Add)
	case len(x.recent) == 0:
		err = ErrRevision
	default:
		s, err = x.apply(x.recent[len(x.recent)-1], c.Add, c.Remove)
	}
	if err != nil {
		x.recent = nil // what is known no longer is what there is
		return fmt.Errorf("relations: taking in a change: %w", err)
	}
	s.revision = c.Revision
	if n := len(x.recent); n > 0 && x.recent[n-1].revision > c.Revision {
		x.recent = nil // the store was put back to an older state
	}
	if len(x.recent) > remembered {
		copy(x.recent, x.recent[1:])
		x.recent = x.recent[:remembered]
	}
	x.recent = append(x.recent, s)
	close(x.changed)
	x.changed = make(chan struct{})
	return nil
}

// apply returns a snapshot that is like the one before but for some tuples.
func (x *Index) apply(before *Snapshot, add, remove []Tuple) (*Snapshot, error) {
	x.edits++
	e := edit(before, x.edits)
	for _, t := range remove {
		if err := e.remove(t); err != nil {
			return nil, err
		}
	}
	for _, t := range add {
		if err := e.add(t); err != nil {
			return nil, err
		}
	}
	if int(e.s.count) > 4*e.s.tuples+4096 { // more than half of the objects have no tuple any more
		return x.whole(e.s.all())
	}
	return e.s, nil
}

// with returns a snapshot with some more tuples, which nobody else sees.
func (x *Index) with(s *Snapshot, tuples []Tuple) (*Snapshot, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.apply(s, tuples, nil)
}

// At returns the snapshot of one revision, or the newest for 0. It waits for one that
// is to come until ctx ends. The error wraps [ErrRevision].
func (x *Index) At(ctx context.Context, revision int64) (*Snapshot, error) {
	for {
		x.mu.Lock()
		s, later, changed := x.at(revision), len(x.recent) == 0 || x.recent[len(x.recent)-1].revision < revision, x.changed
		x.mu.Unlock()
		switch {
		case s != nil:
			return s, nil
		case !later:
			return nil, fmt.Errorf("%w: %d is too long ago", ErrRevision, revision)
		case revision == 0:
			return nil, fmt.Errorf("%w: no tuples were read yet", ErrRevision)
		}
		aside.Step(ctx)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %d is not here yet: %w", ErrRevision, revision, ctx.Err())
		case <-changed:
		}
	}
}

// at returns the snapshot of a revision, or the newest for 0, or nil. Several may have
// one revision; the last of them is meant.
func (x *Index) at(revision int64) *Snapshot {
	for i := len(x.recent) - 1; i >= 0; i-- {
		if revision == 0 || x.recent[i].revision == revision {
			return x.recent[i]
		}
	}
	return nil
}

func (x *Index) empty() *Snapshot {
	return &Snapshot{seed: maphash.MakeSeed(), shards: make([]*shard, shardCount), symbols: x.symbols}
}

// IDs returns the ids of the objects of a type that newest tuples speak of, in no
// order, and none of an index that knows nothing.
func (x *Index) IDs(kind string) (ids []string) {
	n, known := x.symbols.known(kind)
	s, err := x.At(context.Background(), 0)
	if err != nil || !known {
		return nil
	}
	for e := range s.count {
		if o := s.node(e); o.kind == n && o.id != Everybody && len(o.to)+len(o.from) > 0 {
			ids = append(ids, o.id)
		}
	}
	return ids
}
