package openapi

import (
	"hash/maphash"
	"slices"
	"unsafe"
)

// members is an object that is being read.
type members struct {
	s       *state
	live    uint64
	seen    keySet
	count   int
	entry   int
	depth   int
	classes int // of the walk, where the object's begin
	names   int // likewise
	last    int // the declared name that came last, or the number of them
	kept    int // where the last member ends that is not cut, or -1
	here    *pick
	sub     *pick // of the member at hand
}

// object judges an object.
func (w *walk) object(s *state, depth, at int) uint64 {
	from := w.Pos
	var m members // set one by one: a literal is made beside it and copied
	m.s, m.live, m.entry, m.depth, m.last, m.kept = s, s.all, noEntry, depth, len(s.keys), -1
	m.classes, m.names, m.here = len(w.classes), len(w.names), w.here
	w.here = nil
	if s.types&TypeObject == 0 {
		m.live = s.taking(TypeObject)
	}
	if depth > w.Limits.Depth || w.lost(s, m.live) {
		w.stop = true
		return 0
	}
	if w.records && !s.definite && !s.trivial {
		m.entry = w.remember(s, at)
	}
	w.Pos++
	w.Space()
	if w.Pos < len(w.Src) && w.Src[w.Pos] == '}' {
		w.Pos++
	} else {
		for w.expected(&m) && w.member(&m) {
		}
		if w.stop {
			return 0
		}
	}
	if n := len(w.names) - m.names; n > fewNames {
		slices.Sort(w.names[m.names:])
		for i := m.names + 1; i < len(w.names); i++ {
			w.stop = w.stop || w.names[i] == w.names[i-1]
		}
	}
	w.names = w.names[:m.names]
	if s.easy && m.live&s.conj == s.conj && m.seen.holds(&s.needed) && !w.stop {
		return s.full
	}
	return w.closeObject(&m, from)
}

// closeObject judges what only shows when all members are there.
func (w *walk) closeObject(m *members, from int) uint64 {
	s, had := m.s, &m.seen
	if s.ruled != nil {
		had = w.excused(m)
	}
	if w.stop || s.certain && !had.holds(&s.needed) {
		w.stop = true
		return 0
	}
	if !s.definite || s.counts || s.checks != 0 {
		for i, n := range s.atoms {
			if m.live>>i&1 == 1 && (!had.holds(&s.required[i]) || n.object != nil && !n.object.counted(s, m, had)) {
				m.live &^= 1 << i
			}
		}
		w.whole(s, &m.live, from)
	}
	if w.lost(s, m.live) {
		return 0
	}
	if s.definite {
		return s.full
	}
	goals := w.finish(s, m.live, &m.seen, false, m.classes)
	w.remembered(s, m.entry)
	return goals
}

// counted judges the number of members and how they depend on one another.
func (o *object) counted(s *state, m *members, had *keySet) bool {
	if m.count < o.min || o.max >= 0 && m.count > o.max {
		return false
	}
	for _, d := range o.dependent {
		if !m.seen.has(s.find([]byte(d.name))) {
			continue
		}
		for _, need := range d.needs {
			if !had.has(s.find([]byte(need))) {
				return false
			}
		}
	}
	return true
}

// whole judges enum and const of an array or object, which begins at from.
func (w *walk) whole(s *state, live *uint64, from int) {
	if s.checks == 0 || s.composite && !w.reread(from) {
		return
	}
	for i, n := range s.atoms {
		if n.enum == nil && n.konst == nil || *live>>i&1 == 0 {
			continue
		}
		if !s.composite || n.enum != nil && !n.enum.hold(&w.again, 0) || n.konst != nil && !n.konst.hold(&w.again, 0) {
			*live &^= 1 << i
		}
	}
}

// fewNames is how many undeclared names are compared one by one.
const fewNames = 24

// member judges the next member and reports whether there is another.
func (w *walk) member(m *members) (more bool) {
	start, s := w.Pos, m.s
	t, ok := w.name(m)
	if !ok {
		w.stop = true
		return false
	}
	if m.count++; m.count > w.Limits.Keys {
		w.stop = true
		return false
	}
	if w.Pos < len(w.Src) && w.Src[w.Pos] <= ' ' {
		w.Space()
	}
	if w.Pos >= len(w.Src) || w.Src[w.Pos] != ':' {
		w.stop = true
		return false
	}
	w.Pos++
	if w.Pos < len(w.Src) && w.Src[w.Pos] <= ' ' {
		w.Space()
	}
	drop := false
	if s.definite && w.records && (s.closes != 0 && t.covers == 0 || t.wary) {
		if drop = w.undeclared(s, t); w.stop {
			return false
		}
	}
	at := noEntry
	if m.entry >= 0 {
		at = len(w.log)
		w.log = append(w.log, entry{t: t, from: start})
	}
	if m.here != nil {
		w.aim(m.sub)
	}
	from := w.Pos
	goals := w.value(t.to, m.depth, at)
	if w.stop {
		return false
	}
	if m.sub != nil && m.sub.leaf >= 0 {
		w.picked = append(w.picked, picked{m.sub.leaf, from, w.Pos})
	}
	if goals != t.to.full || t.rest != nil {
		w.demand(m, t, goals)
	}
	if at >= 0 {
		w.log[at].next, w.log[at].to = len(w.log), w.Pos
	}
	return w.separate(m, start, drop)
}

// demand clears the atoms whose demands the child does not meet.
func (w *walk) demand(m *members, t *trans, goals uint64) {
	for _, e := range t.edges {
		if goals&e.mask != e.mask {
			m.live &^= 1 << e.atom
		}
	}
	if t.rest != nil {
		w.classify(m.classes, t, t.eval, goals)
	}
}

// separate reads the comma behind a member, or the end of the object.
func (w *walk) separate(m *members, start int, drop bool) (more bool) {
	end := w.Pos
	if end < len(w.Src) && w.Src[end] <= ' ' {
		w.Space()
	}
	if w.Pos >= len(w.Src) {
		w.stop = true
		return false
	}
	c := w.Src[w.Pos]
	w.Pos++
	if more = c == ','; more {
		if w.Pos < len(w.Src) && w.Src[w.Pos] <= ' ' {
			w.Space()
		}
	} else if c != '}' {
		w.stop = true
	}
	if w.mode == forFilter && m.entry < 0 {
		m.kept = w.cut(start, end, w.Pos, m.kept, drop, more)
	}
	return more && !w.stop
}

// undeclared judges a member that nothing declares and reports whether to cut it.
func (w *walk) undeclared(s *state, t *trans) (drop bool) {
	switch {
	case w.barred(t):
		return true
	case t.hidden == 0 && (s.closes == 0 || t.covers != 0):
		return false
	}
	if w.o.Undeclared == Allow && (w.mode != forFilter || t.hidden == 0) {
		return false
	}
	w.stop, w.foreign = w.mode != forFilter, true
	return true
}

// name reads a member's name and returns where it leads. It refuses one that came
// before.
func (w *walk) name(m *members) (*trans, bool) {
	s := m.s
	g := &w.guess[uint8(s.id*31+uint32(m.last))]
	key := int(*g)
	if key < len(s.quoted) && len(w.Src)-w.Pos > len(s.quoted[key]) && string(w.Src[w.Pos:w.Pos+len(s.quoted[key])]) == s.quoted[key] {
		if s.names != nil {
			w.named(m, w.Src[w.Pos+1:w.Pos+len(s.quoted[key])-1])
		}
		w.Pos += len(s.quoted[key])
		return w.known(m, key)
	}
	if w.Pos >= len(w.Src) || w.Src[w.Pos] != '"' {
		return nil, false
	}
	from, to, escaped, ok := w.String()
	if !ok {
		return nil, false
	}
	name := w.Src[from:to]
	if escaped {
		name = w.Text(name)
	}
	if s.names != nil {
		w.named(m, name)
	}
	if key = s.find(name); key >= 0 {
		*g = uint8(key)
		return w.known(m, key)
	}
	return w.unknown(m, name)
}

// known notes a declared name.
func (w *walk) known(m *members, key int) (*trans, bool) {
	if m.seen.has(key) {
		return nil, false
	}
	m.seen.add(key)
	m.last = key
	if m.here != nil {
		m.sub = m.here.member(m.s.keys[key])
	}
	t := &m.s.byKey[key]
	if t.wary {
		w.beware(m.s, t)
	}
	m.live &^= t.bad
	return t, !w.lost(m.s, m.live)
}

// unknown notes a name that is not declared.
func (w *walk) unknown(m *members, name []byte) (*trans, bool) {
	h := maphash.Bytes(w.seed, name)
	if len(w.names)-m.names < fewNames && slices.Contains(w.names[m.names:], h) {
		return nil, false
	}
	w.names = append(w.names, h)
	if m.here != nil {
		m.sub = m.here.member(unsafe.String(unsafe.SliceData(name), len(name)))
	}
	s := m.s
	t := &s.byMask[0]
	if !s.trivial {
		t = &s.byMask[s.matched(name)]
	}
	if odd(unsafe.String(unsafe.SliceData(name), len(name))) {
		w.suspect(s, t)
	}
	if t.wary {
		w.beware(s, t)
	}
	m.live &^= t.bad
	if w.mode == forRequest && w.strict {
		w.disguised(m, name)
	}
	return t, !w.lost(s, m.live)
}

// beware refuses a member with an odd name, and one that is out of the caller's
// reach.
func (w *walk) beware(s *state, t *trans) {
	if t.odd {
		w.suspect(s, t)
	}
	if w.mode != forFilter && w.barred(t) {
		w.stop, w.unsure = true, false
	}
}

// disguised refuses names that a program behind us may take for a declared one,
// or for something of its language (VALIDATION.md section 6).
func (w *walk) disguised(m *members, name []byte) {
	text := unsafe.String(unsafe.SliceData(name), len(name))
	for i, n := range m.s.atoms {
		if o := n.object; o != nil && !o.plainName(text) {
			m.live &^= 1 << i
		}
	}
}

// suspect refuses a member with an odd name unless it is declared in any case.
// Where that hangs on branches, the tape decides.
func (w *walk) suspect(s *state, t *trans) {
	if w.mode == forRequest && w.strict && t.covers&s.conj == 0 {
		w.stop, w.unsure = true, t.covers != 0 || t.rest != nil
	}
}

// named judges a name by propertyNames.
func (w *walk) named(m *members, name []byte) {
	t := m.s.names
	live := t.to.all
	for i, n := range t.to.atoms {
		if n.types&TypeString == 0 || t.to.checks>>i&1 == 1 && !n.holdsText(name) {
			live &^= 1 << i
		}
	}
	goals := w.finish(t.to, live, nil, false, len(w.classes))
	for _, e := range t.edges {
		if goals&e.mask != e.mask {
			m.live &^= 1 << e.atom
		}
	}
}
