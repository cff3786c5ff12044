package openapi

// elements is an array that is being read.
type elements struct {
	s       *state
	live    uint64
	count   int
	entry   int
	depth   int
	classes int // of the walk, where the array's begin
	held    int // likewise: how many elements each atom's contains counts
	here    *pick
}

// array judges an array.
func (w *walk) array(s *state, depth, at int) uint64 {
	from := w.Pos
	var m elements // set one by one: a literal is made beside it and copied
	m.s, m.live, m.entry, m.depth, m.here = s, s.all, noEntry, depth, w.here
	m.classes, m.held = len(w.classes), len(w.held)
	w.here = nil
	if s.types&TypeArray == 0 {
		m.live = s.taking(TypeArray)
	}
	if depth > w.Limits.Depth || w.lost(s, m.live) {
		w.stop = true
		return 0
	}
	if w.records && !s.definite {
		m.entry = w.remember(s, at)
	}
	if s.contains {
		for range s.atoms {
			w.held = append(w.held, 0)
		}
	}
	w.Pos++
	w.Space()
	if w.Pos < len(w.Src) && w.Src[w.Pos] == ']' {
		w.Pos++
	} else {
		for w.alike(&m) && w.element(&m) {
		}
		if w.stop {
			return 0
		}
	}
	w.counted(&m)
	w.held = w.held[:m.held]
	w.whole(s, &m.live, from)
	if s.unique && m.count > 1 && !w.distinct(&m, from) || w.lost(s, m.live) {
		w.stop = true
		return 0
	}
	return w.closeArray(&m)
}

func (w *walk) closeArray(m *elements) uint64 {
	s := m.s
	long := w.o.MaxItems > 0 && m.count > w.o.MaxItems
	if s.definite {
		w.stop = w.stop || long && s.boundItems == 0
		return s.full
	}
	goals := w.finish(s, m.live, nil, false, m.classes)
	if m.entry >= 0 && !w.stop {
		w.log[m.entry].long, w.log[m.entry].array = long, true
		w.remembered(s, m.entry)
	}
	return goals
}

// alike judges elements for as long as they are judged alike, of each of which nothing
// but whether it holds is asked, and they follow one another without white space. It
// reports whether there is another, for [walk.element] to judge.
func (w *walk) alike(m *elements) (more bool) {
	t := &m.s.rest
	if m.s.prefix != nil || m.entry >= 0 || m.here != nil || t.held != nil || t.rest != nil {
		return true
	}
	for w.Pos < len(w.Src) && w.Src[w.Pos] > ' ' {
		m.count++
		goals := w.value(t.to, m.depth, noEntry)
		if goals != t.to.full && !w.stop {
			w.demandItem(m, t, goals)
		}
		if w.stop || w.Pos >= len(w.Src) {
			w.stop = true
			return false
		}
		switch w.Src[w.Pos] {
		case ',':
			w.Pos++
		case ']':
			w.Pos++
			return false
		default:
			return w.another()
		}
	}
	w.Space()
	return true
}

// element judges the next element and reports whether there is another.
func (w *walk) element(m *elements) (more bool) {
	t := &m.s.rest
	if m.count < len(m.s.prefix) {
		t = &m.s.prefix[m.count]
	}
	m.count++
	at := noEntry
	if m.entry >= 0 {
		at = len(w.log)
		w.log = append(w.log, entry{t: t})
	}
	if m.here != nil && m.here.items != nil {
		w.picked = append(w.picked, picked{leaf: pickElement})
		w.here = m.here.items
	}
	goals := w.value(t.to, m.depth, at)
	if w.stop {
		return false
	}
	if at >= 0 {
		if w.log[at].s == nil {
			w.log = w.log[:at]
		} else {
			w.log[at].next = len(w.log)
		}
	}
	if goals != t.to.full || t.held != nil || t.rest != nil {
		if w.demandItem(m, t, goals); w.stop {
			return false
		}
	}
	return w.another()
}

// another reads the comma behind an element, or the end of the array.
func (w *walk) another() (more bool) {
	w.Space()
	if w.Pos >= len(w.Src) || w.Src[w.Pos] != ',' && w.Src[w.Pos] != ']' {
		w.stop = true
		return false
	}
	more = w.Src[w.Pos] == ','
	w.Pos++
	if more {
		w.Space()
	}
	return more
}

// demandItem clears the atoms whose demands the element does not meet, and counts
// it where contains does.
func (w *walk) demandItem(m *elements, t *trans, goals uint64) {
	for _, e := range t.edges {
		if goals&e.mask != e.mask {
			m.live &^= 1 << e.atom
		}
	}
	eval := t.eval
	for _, e := range t.held {
		if goals&e.mask == e.mask {
			w.held[m.held+e.atom]++
			eval |= 1 << e.atom
		}
	}
	if t.rest != nil {
		w.classify(m.classes, t, eval, goals)
	}
	w.lost(m.s, m.live)
}

// counted judges the number of elements, and of those that contains counts.
func (w *walk) counted(m *elements) {
	for i, n := range m.s.atoms {
		r := n.array
		if r == nil {
			continue
		}
		held := 0
		if r.contains != nil {
			held = w.held[m.held+i]
		}
		if m.count < r.min || r.max >= 0 && m.count > r.max || held < r.least || r.most >= 0 && held > r.most {
			m.live &^= 1 << i
		}
	}
}

// distinct judges uniqueItems.
func (w *walk) distinct(m *elements, from int) bool {
	if !w.reread(from) {
		return false
	}
	if w.again.Unique(0) {
		return true
	}
	for i, n := range m.s.atoms {
		if n.array != nil && n.array.unique {
			m.live &^= 1 << i
		}
	}
	return true
}
