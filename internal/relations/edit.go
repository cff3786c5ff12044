package relations

import "slices"

// editing makes a snapshot out of another. It copies what it changes, once.
type editing struct {
	s    *Snapshot
	made int64
}

func edit(before *Snapshot, made int64) *editing {
	s := *before
	s.shards, s.pages = slices.Clone(s.shards), slices.Clone(s.pages)
	return &editing{&s, made}
}

// own returns a node that may be changed.
func (e *editing) own(n entity) *node {
	p := e.s.pages[n/pageSize]
	if p.made != e.made {
		c := *p
		c.made = e.made
		p = &c
		e.s.pages[n/pageSize] = p
	}
	x := p.nodes[n%pageSize]
	if x.made != e.made {
		c := *x
		c.made, c.to, c.from = e.made, slices.Clone(x.to), slices.Clone(x.from)
		x = &c
		p.nodes[n%pageSize] = x
	}
	return x
}

// number returns the number of an object and gives it one.
func (e *editing) number(kind symbol, id string) (entity, error) {
	if n, ok, err := e.s.find(kind, id); ok || err != nil {
		return n, err
	}
	if e.s.count >= nothing {
		return 0, ErrTooMany
	}
	n := e.s.count
	if n%pageSize == 0 {
		e.s.pages = append(e.s.pages, &page{made: e.made})
	}
	p := e.s.pages[n/pageSize]
	if p.made != e.made {
		c := *p
		c.made = e.made
		p = &c
		e.s.pages[n/pageSize] = p
	}
	p.nodes[n%pageSize] = &node{made: e.made, id: id, kind: kind}
	e.s.count++
	e.enter(e.s.hash(kind, id), n)
	return n, nil
}

// enter puts a number into the table of names.
func (e *editing) enter(h uint64, n entity) {
	t := e.s.shards[h%shardCount]
	switch {
	case t == nil:
		t = &shard{made: e.made, slots: make([]uint32, 4)}
	case t.made != e.made:
		t = &shard{made: e.made, used: t.used, slots: slices.Clone(t.slots)}
	}
	e.s.shards[h%shardCount] = t
	if t.used++; t.used*4 > len(t.slots)*3 {
		old := t.slots
		t.slots = make([]uint32, 2*len(old))
		for _, o := range old {
			if o != 0 {
				x := e.s.node(entity(o - 1))
				t.put(e.s.hash(x.kind, x.id), o)
			}
		}
	}
	t.put(h, uint32(n)+1)
}

func (t *shard) put(h uint64, v uint32) {
	mask := uint64(len(t.slots) - 1)
	i := h / shardCount & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = v
}

// numbered is a tuple of numbers.
type numbered struct {
	object, subject    entity
	relation, subjects symbol
}

func (e *editing) numbered(t Tuple) (n numbered, err error) {
	kind, err := e.s.symbols.number(t.Type)
	if err != nil {
		return n, err
	}
	who, err := e.s.symbols.number(t.SubjectType)
	if err != nil {
		return n, err
	}
	if n.relation, err = e.s.symbols.number(t.Relation); err != nil {
		return n, err
	}
	if n.subjects, err = e.s.symbols.number(t.SubjectRelation); err != nil {
		return n, err
	}
	if n.object, err = e.number(kind, t.ID); err != nil {
		return n, err
	}
	n.subject, err = e.number(who, t.SubjectID)
	return n, err
}

func (n numbered) forward() forward   { return forwardOf(n.relation, n.subjects, n.subject) }
func (n numbered) backward() backward { return backwardOf(n.subjects, n.relation, n.object) }

func (e *editing) add(t Tuple) error {
	n, err := e.numbered(t)
	if err != nil {
		return err
	}
	at, found := slices.BinarySearch(e.s.node(n.object).to, n.forward())
	if found {
		return nil
	}
	o := e.own(n.object)
	o.to = slices.Insert(o.to, at, n.forward())
	s := e.own(n.subject)
	at, _ = slices.BinarySearch(s.from, n.backward())
	s.from = slices.Insert(s.from, at, n.backward())
	e.s.tuples++
	return nil
}

func (e *editing) remove(t Tuple) error {
	n, err := e.numbered(t)
	if err != nil {
		return err
	}
	at, found := slices.BinarySearch(e.s.node(n.object).to, n.forward())
	if !found {
		return nil
	}
	o := e.own(n.object)
	o.to = slices.Delete(o.to, at, at+1)
	s := e.own(n.subject)
	if at, found = slices.BinarySearch(s.from, n.backward()); found {
		s.from = slices.Delete(s.from, at, at+1)
	}
	e.s.tuples--
	return nil
}

// whole returns a snapshot of these tuples. Their numbers stand in two long rows, of
// which each node has its part: a million tuples are two allocations, and not two
// million.
func (x *Index) whole(tuples []Tuple) (*Snapshot, error) {
	x.edits++
	e := edit(x.empty(), x.edits)
	all := make([]numbered, 0, len(tuples))
	for _, t := range tuples {
		n, err := e.numbered(t)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	to, from := make([]uint32, e.s.count+1), make([]uint32, e.s.count+1)
	for _, n := range all {
		to[n.object+1]++
		from[n.subject+1]++
	}
	for i := range e.s.count {
		to[i+1] += to[i]
		from[i+1] += from[i]
	}
	forwards, backwards := make([]forward, len(all)), make([]backward, len(all))
	nextTo, nextFrom := slices.Clone(to), slices.Clone(from)
	for _, n := range all {
		forwards[nextTo[n.object]] = n.forward()
		backwards[nextFrom[n.subject]] = n.backward()
		nextTo[n.object]++
		nextFrom[n.subject]++
	}
	for i := range e.s.count {
		n := e.s.node(i)
		n.to, n.from = part(forwards, to[i], to[i+1]), part(backwards, from[i], from[i+1])
		e.s.tuples += len(n.to)
	}
	return e.s, nil
}

// part sorts a part of a row, without what is there twice. It cannot grow into the
// next part.
func part[T forward | backward](row []T, first, last uint32) []T {
	p := row[first:last:last]
	slices.Sort(p)
	return slices.Clip(slices.Compact(p))
}
