package openapi

import "slices"

// What a live branch declares and bounds shows only when it is known which
// branches are live, and that is known when the value closes which no other
// branches hang on. Until then the members and elements of such a value are
// remembered, each with what held there.

// entry is a member or element of a value with branches.
type entry struct {
	s        *state // nil where nothing below hangs on branches
	t        *trans // how it was reached
	vals     bitset // which expressions of s hold
	from, to int    // its span, the name included
	next     int    // the entry after it and all below it
	long     bool   // a string or an array that some branch must bound
	text     bool   // this is a string
	array    bool
}

// remember begins the entry of a container, whose place its parent may have made.
func (w *walk) remember(s *state, at int) int {
	if at >= 0 && !s.certain {
		return at
	}
	w.log = append(w.log, entry{})
	return len(w.log) - 1
}

// remembered ends the entry of a container. Where nothing above has a say in its
// branches, it is judged and forgotten.
func (w *walk) remembered(s *state, at int) {
	if at < 0 || w.stop {
		return
	}
	e := &w.log[at]
	e.s, e.vals = s, w.vals
	if !s.certain {
		return
	}
	e.next = len(w.log)
	if !w.settle(at, s.full) {
		w.stop = true
	}
	w.log = w.log[:at]
}

// settle judges an entry of which those goals are live, and all below it.
func (w *walk) settle(at int, goals uint64) bool {
	e := &w.log[at]
	s := e.s
	live := s.counted(goals, &e.vals)
	switch {
	case e.text:
		return live&s.boundText != 0
	case e.long && live&s.boundItems == 0:
		return false
	}
	kept := -1
	for c := at + 1; c < e.next; c = w.log[c].next {
		f := &w.log[c]
		drop := false
		if !e.array {
			switch {
			case w.barred(f.t):
				drop = true
			case w.declaredBy(s, f.t, live):
				if drop, w.foreign = true, true; w.mode != forFilter {
					return false
				}
			}
			if w.mode == forFilter {
				more := f.next < e.next
				end := f.to
				if more {
					end = w.log[f.next].from
				}
				kept = w.cut(f.from, f.to, end, kept, drop, more)
			}
		}
		if f.s != nil && !drop && !w.settle(c, f.demanded(live)) {
			return false
		}
	}
	return true
}

// declaredBy reports a member that no live atom declares, or that one hides.
func (w *walk) declaredBy(s *state, t *trans, live uint64) (drop bool) {
	switch {
	case live&s.closes == 0:
		return false
	case t.hidden&live != 0:
		return w.mode == forFilter || w.o.Undeclared != Allow
	}
	return t.covers&live == 0 && w.o.Undeclared != Allow
}

// demanded returns the goals that live atoms of the parent have in the child.
func (f *entry) demanded(live uint64) (goals uint64) {
	for _, e := range f.t.edges {
		if live>>e.atom&1 == 1 {
			goals |= e.mask
		}
	}
	for _, e := range f.t.held {
		if live>>e.atom&1 == 1 && f.holds(e.mask) {
			goals |= e.mask
		}
	}
	return goals
}

// holds reports whether those goals hold.
func (f *entry) holds(goals uint64) bool {
	for i, o := range f.s.outs {
		if goals>>i&1 == 1 && !f.vals.has(int(o)) {
			return false
		}
	}
	return true
}

// cut notes the span of a member that is dropped, its comma included, and returns
// where the last member ends that is kept. Behind lies the next member's start.
func (w *walk) cut(from, to, behind, kept int, drop, more bool) int {
	switch {
	case !drop:
		return to
	case more:
		w.cuts = append(w.cuts, cutting{from, behind})
	case kept >= 0:
		w.cuts = append(w.cuts, cutting{kept, to})
	default:
		w.cuts = append(w.cuts, cutting{from, to})
	}
	return kept
}

// appendWithout appends src without the cuts, which it sorts.
func appendWithout(dst, src []byte, cuts []cutting) []byte {
	slices.SortFunc(cuts, func(a, b cutting) int { return a.from - b.from })
	at := 0
	for _, c := range cuts {
		if c.from > at {
			dst = append(dst, src[at:c.from]...)
		}
		at = max(at, c.to)
	}
	return append(dst, src[at:]...)
}

// classify remembers what unevaluated* must know of a child.
func (w *walk) classify(base int, t *trans, eval, goals uint64) {
	c := class{eval: eval}
	for _, u := range t.rest {
		if goals&u.mask == u.mask {
			c.pass |= 1 << u.atom
		} else {
			c.fail |= 1 << u.atom
		}
	}
	if c.fail != 0 && !slices.Contains(w.classes[base:], c) {
		w.classes = append(w.classes, c)
	}
}

// finish folds what the atoms found and returns the goals that hold. The classes
// of the value begin at base and are forgotten.
func (w *walk) finish(s *state, live uint64, seen *keySet, null bool, base int) (goals uint64) {
	w.vals = bitset{}
	n := len(s.exprs)
	var eval, rest []uint64
	if len(s.uneval) > 0 {
		if s.inexact && w.records {
			w.stop, w.unsure = true, true
			return 0
		}
		w.evals = slices.Grow(w.evals[:0], 2*n)[:2*n]
		clear(w.evals)
		eval, rest = w.evals[:n], w.evals[n:]
	}
	for i := range s.exprs {
		e := &s.exprs[i]
		if eval != nil {
			w.unevaluated(s, i, live, seen, null, eval, rest, base)
		} else if w.vals.fold(e, live, seen, null) {
			w.vals.set(i)
		}
	}
	w.classes = w.classes[:base]
	for i, o := range s.outs {
		if w.vals.has(int(o)) {
			goals |= 1 << i
		}
	}
	if s.certain && goals != s.full {
		w.stop = true
	}
	return goals
}

// fold returns the value of an expression from those before it.
func (b *bitset) fold(e *expr, live uint64, seen *keySet, null bool) bool {
	switch e.op {
	case exprTrue:
		return true
	case exprAtom:
		return live>>e.i&1 == 1
	case exprKey:
		return seen != nil && seen.has(e.i)
	case exprNull:
		return null
	case exprNot:
		return !b.has(int(e.kids[0]))
	case exprIf:
		if b.has(int(e.kids[0])) {
			return b.has(int(e.kids[1]))
		}
		return b.has(int(e.kids[2]))
	}
	held := 0
	for _, k := range e.kids {
		if b.has(int(k)) {
			held++
		}
	}
	switch e.op {
	case exprAnd, exprUneval:
		return held == len(e.kids)
	case exprOr:
		return held > 0
	case exprOne:
		return held == 1
	}
	return false
}

// unevaluated folds an expression of a state that asks what was evaluated: eval
// holds the atoms of which each expression speaks, rest the unevaluated*.
func (w *walk) unevaluated(s *state, i int, live uint64, seen *keySet, null bool, eval, rest []uint64, base int) {
	e := &s.exprs[i]
	if !w.vals.fold(e, live, seen, null) {
		return
	}
	switch e.op {
	case exprAtom:
		eval[i] = 1 << e.i
	case exprIf:
		branch := e.kids[2]
		if w.vals.has(int(e.kids[0])) {
			branch = e.kids[1]
			eval[i], rest[i] = eval[e.kids[0]], rest[e.kids[0]]
		}
		eval[i] |= eval[branch]
		rest[i] |= rest[branch]
	case exprAnd, exprOr, exprOne, exprUneval:
		for _, k := range e.kids {
			if w.vals.has(int(k)) {
				eval[i] |= eval[k]
				rest[i] |= rest[k]
			}
		}
	}
	if e.op == exprUneval {
		for _, c := range w.classes[base:] {
			if c.fail>>e.i&1 == 1 && c.eval&eval[i] == 0 && c.pass&rest[i] == 0 {
				return
			}
		}
		rest[i] |= 1 << e.i
	}
	w.vals.set(i)
}

// counted returns the atoms that count for goals that are live, of a value where
// those expressions hold: branches that failed and what stands under not do not.
func (s *state) counted(goals uint64, vals *bitset) (live uint64) {
	var counts bitset
	for i, o := range s.outs {
		if goals>>i&1 == 1 {
			counts.set(int(o))
		}
	}
	for i := len(s.exprs) - 1; i >= 0; i-- {
		if !counts.has(i) || !vals.has(i) {
			continue
		}
		switch e := &s.exprs[i]; e.op {
		case exprAtom:
			live |= 1 << e.i
		case exprIf:
			branch := e.kids[2]
			if vals.has(int(e.kids[0])) {
				branch = e.kids[1]
				counts.set(int(e.kids[0]))
			}
			counts.set(int(branch))
		case exprAnd, exprOr, exprOne, exprUneval:
			for _, k := range e.kids {
				if vals.has(int(k)) {
					counts.set(int(k))
				}
			}
		}
	}
	return live
}
