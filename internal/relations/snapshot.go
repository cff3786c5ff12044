package relations

import (
	"hash/maphash"
	"slices"
	"sync"
)

// entity is the number of an object in an [Index], or of everybody of a type.
type entity uint32

// The numbers of what no tuple speaks of.
const (
	nobody  entity = 1<<32 - 1 // a subject
	nothing entity = 1<<32 - 2 // an object
)

// symbol is the number of the name of a type or a relation; 0 is none.
type symbol uint16

// forward is one tuple as its object has it, in the order relation, subject's
// relation, subject. All tuples of one relation stand together, and in them those
// whose subject is an object.
type forward uint64

func forwardOf(relation, subjects symbol, s entity) forward {
	return forward(relation)<<48 | forward(subjects)<<32 | forward(s)
}

func (f forward) subject() (symbol, entity) { return symbol(f >> 32), entity(f) } //nolint:gosec // the halves are what was put in

// backward is the same as its subject has it: subject's relation, relation, object.
type backward uint64

func backwardOf(subjects, relation symbol, o entity) backward {
	return backward(subjects)<<48 | backward(relation)<<32 | backward(o)
}

func (b backward) object() (symbol, entity) { return symbol(b >> 32), entity(b) }

// node is one object: who it is, and its tuples in both directions, sorted.
type node struct {
	made int64 // the edit that may still change it
	id   string
	kind symbol
	to   []forward
	from []backward
}

const (
	pageSize   = 256
	shardCount = 4096
)

// page is some of the nodes, by number.
type page struct {
	made  int64
	nodes [pageSize]*node
}

// shard is a part of the table from names to numbers: open addressing, a power of two
// long, 0 for free and number+1.
type shard struct {
	made  int64
	used  int
	slots []uint32
}

// Snapshot is every tuple at one revision. It is immutable, and shares with other
// snapshots what did not change between them.
type Snapshot struct {
	revision int64
	tuples   int
	seed     maphash.Seed
	shards   []*shard
	pages    []*page
	count    entity
	symbols  *symbols
}

// Revision returns the number of the last change that is in it.
func (s *Snapshot) Revision() int64 { return s.revision }

// Len returns how many tuples there are.
func (s *Snapshot) Len() int { return s.tuples }

func (s *Snapshot) hash(kind symbol, id string) uint64 {
	return maphash.String(s.seed, id) ^ uint64(kind)*0x9e3779b97f4a7c15
}

func (s *Snapshot) node(e entity) *node { return s.pages[e/pageSize].nodes[e%pageSize] }

// find returns the number of an object, and whether it has one.
func (s *Snapshot) find(kind symbol, id string) (entity, bool, error) {
	h := s.hash(kind, id)
	t := s.shards[h%shardCount]
	if t == nil {
		return 0, false, nil
	}
	mask := uint64(len(t.slots) - 1)
	for i := h / shardCount & mask; t.slots[i] != 0; i = (i + 1) & mask {
		e := entity(t.slots[i] - 1)
		if n := s.node(e); n.kind == kind && n.id == id {
			return e, true, nil
		}
	}
	return 0, false, nil
}

func (s *Snapshot) forward(e entity) ([]forward, error) {
	if e >= s.count {
		return nil, nil
	}
	return s.node(e).to, nil
}

func (s *Snapshot) backward(e entity) ([]backward, error) {
	if e >= s.count {
		return nil, nil
	}
	return s.node(e).from, nil
}

func (s *Snapshot) kind(e entity) symbol {
	if e >= s.count {
		return 0
	}
	return s.node(e).kind
}

func (s *Snapshot) id(e entity) string { return s.node(e).id }

// reader is what an answer is read from. Of one answer all reading is of one.
type reader interface {
	find(kind symbol, id string) (entity, bool, error)
	forward(e entity) ([]forward, error)
	backward(e entity) ([]backward, error)
	kind(e entity) symbol
	id(e entity) string
}

// between returns the tuples of one relation whose subjects are objects, and those
// whose subjects are who has a relation to an object.
func between(all []forward, relation symbol) (objects, usersets []forward) {
	first, _ := slices.BinarySearch(all, forwardOf(relation, 0, 0))
	rest := all[first:]
	middle, _ := slices.BinarySearch(rest, forwardOf(relation, 1, 0))
	last := len(rest)
	if relation != 1<<16-1 {
		last, _ = slices.BinarySearch(rest, forwardOf(relation+1, 0, 0))
	}
	return rest[:middle], rest[middle:last]
}

// symbols numbers the names of types and relations. Names are only added, so that a
// number means the same in every snapshot and every model.
type symbols struct {
	mu    sync.RWMutex
	of    map[string]symbol
	names []string
}

// mostSymbols is how many names there may be: those of models, and of tuples that
// models have forgotten.
const mostSymbols = 1<<16 - 2

func (s *symbols) known(name string) (symbol, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, ok := s.of[name]
	return n, ok
}

// number returns the number of a name, "" being 0, and gives it one.
func (s *symbols) number(name string) (symbol, error) {
	if name == "" {
		return 0, nil
	}
	if n, ok := s.known(name); ok {
		return n, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.of[name]; ok {
		return n, nil
	}
	if len(s.names) > mostSymbols {
		return 0, ErrTooMany
	}
	n := symbol(len(s.names)) //nolint:gosec // not more than mostSymbols
	s.of[name] = n
	s.names = append(s.names, name)
	return n, nil
}

func (s *symbols) name(n symbol) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.names[n]
}

// all returns every tuple.
func (s *Snapshot) all() []Tuple {
	out := make([]Tuple, 0, s.tuples)
	for e := range s.count {
		n := s.node(e)
		for _, f := range n.to {
			out = append(out, s.tuple(e, f))
		}
	}
	return out
}

func (s *Snapshot) tuple(e entity, f forward) Tuple {
	n := s.node(e)
	subjects, subject := f.subject()
	who := s.node(subject)
	return Tuple{s.symbols.name(n.kind), n.id, s.symbols.name(symbol(f >> 48)), s.symbols.name(who.kind), who.id, s.symbols.name(subjects)}
}
