package openapi

import (
	"math/bits"
	"slices"
	"strings"
)

// link finds out where every member and element leads.
func (a *assembler) link(s *state) error {
	if s.trivial {
		s.byMask = []trans{{to: s}}
		s.rest.to = s
		return nil
	}
	var err error
	s.byKey = make([]trans, len(s.keys))
	for i, k := range s.keys {
		if s.byKey[i], err = a.member(s, k, true, s.matched([]byte(k))); err != nil {
			return err
		}
	}
	for i := range s.byKey {
		if s.byKey[i].roles != nil {
			s.ruled = append(s.ruled, uint16(i))
		}
	}
	s.easy = s.definite && s.checks == 0 && !s.counts && s.ruled == nil
	s.byMask = make([]trans, 1<<len(s.patterns))
	for m := range s.byMask {
		if s.byMask[m], err = a.member(s, "", false, m); err != nil {
			return err
		}
	}
	if err = a.naming(s); err != nil {
		return err
	}
	a.expect(s)
	return a.elements(s)
}

// linker gathers what the atoms of a state demand of one child.
type linker struct {
	*assembler
	s     *state
	t     trans
	wants []want
}

type want struct {
	kind   uint8
	atom   int
	schema *Schema
}

const (
	wantEdge = iota
	wantRest
	wantHeld
)

func (l *linker) want(kind uint8, atom int, s *Schema) {
	l.wants = append(l.wants, want{kind, atom, s})
}

// trans ends the gathering.
func (l *linker) trans() (trans, error) {
	sure := l.sure()
	certain := len(l.wants) > 0 && l.s.certain
	var goals []*Schema
	for _, w := range l.wants {
		l.rule(w.schema)
		if l.idle(w, sure) {
			continue
		}
		certain = certain && sure[w.schema]
		goals = append(goals, w.schema)
	}
	to, err := l.state(goals, certain && len(goals) > 0)
	if err != nil {
		return trans{}, err
	}
	l.t.to = to
	l.t.wary = l.t.odd || l.t.hidden != 0 || l.t.roles != nil
	for _, w := range l.wants {
		for i, g := range to.goals {
			if g != w.schema {
				continue
			}
			switch w.kind {
			case wantEdge:
				l.t.edges = put(l.t.edges, w.atom, 1<<i)
			case wantRest:
				l.t.rest = put(l.t.rest, w.atom, 1<<i)
			case wantHeld:
				l.t.held = put(l.t.held, w.atom, 1<<i)
			}
		}
	}
	return l.t, nil
}

// rule notes the roles that a schema wants for the member.
func (l *linker) rule(s *Schema) {
	if s.needs == nil {
		return
	}
	for _, roles := range s.needs[l.mode.direction()] {
		if l.t.roles == nil {
			l.t.roles = &needed{}
		}
		if !slices.Contains(l.t.roles.sets, roles) {
			l.t.roles.sets = append(l.t.roles.sets, roles)
		}
	}
}

// sure returns the goals that no valid document fails.
func (l *linker) sure() map[*Schema]bool {
	sure := map[*Schema]bool{}
	for _, w := range l.wants {
		if w.kind == wantEdge && l.s.conj>>w.atom&1 == 1 {
			sure[w.schema] = true
		}
	}
	return sure
}

// idle reports a goal that asks nothing, or nothing that a sure one does not.
func (l *linker) idle(w want, sure map[*Schema]bool) bool {
	if w.kind != wantEdge || !asksNothing(w.schema) {
		return false
	}
	if !l.strict {
		return true
	}
	for s := range sure {
		if !asksNothing(s) && !s.orNull {
			return true
		}
	}
	return false
}

func put(list []edge, atom int, mask uint64) []edge {
	for i := range list {
		if list[i].atom == atom {
			list[i].mask |= mask
			return list
		}
	}
	return append(list, edge{atom, mask})
}

// member returns where a declared name, or one that matches a set of patterns,
// leads.
func (a *assembler) member(s *state, name string, declared bool, matched int) (trans, error) {
	l := linker{assembler: a, s: s}
	l.t.odd = odd(name)
	for i, n := range s.atoms {
		if n.object != nil {
			l.object(i, n.object, name, declared, matched)
		}
	}
	for u, r := range s.uneval {
		if r.members != nil {
			l.want(wantRest, u, r.members)
		}
	}
	return l.trans()
}

func (l *linker) object(i int, o *object, name string, declared bool, matched int) {
	bit, covered := uint64(1)<<i, false
	plain := !declared || !l.strict || l.mode != forRequest || o.plainName(name)
	if declared {
		if p := o.find([]byte(name)); p != nil && p.schema != nil {
			covered = true
			switch {
			case !l.wrongWay(p.schema):
			case l.mode == forRequest:
				l.t.bad |= bit
			default:
				l.t.hidden |= bit
			}
			l.want(wantEdge, i, p.schema)
		}
	}
	for m := uint(matched); m != 0; m &= m - 1 {
		if p := &l.s.patterns[bits.TrailingZeros(m)]; p.atom == i {
			if !covered && !plain {
				l.t.bad |= bit
			}
			covered = true
			l.want(wantEdge, i, p.schema)
		}
	}
	if covered {
		l.t.covers |= bit
		l.t.eval |= bit
		return
	}
	switch add := o.additional; {
	case add == nil:
		if !plain {
			l.t.bad |= bit
		}
	case add.never:
		// A reply is cut where nothing else depends on the member.
		if l.s.lenient&bit == 0 {
			l.t.bad |= bit
		}
	default:
		if !plain {
			l.t.bad |= bit
		}
		l.want(wantEdge, i, add)
		l.t.eval |= bit
		if !o.open || !o.closes {
			l.t.covers |= bit
		}
	}
}

// plainName reports a name that is not to be taken for a declared one, nor for
// something of a programming language.
func (o *object) plainName(name string) bool {
	if odd(name) {
		return false
	}
	for k := range o.props {
		if p := o.props[k].name; len(p) <= len(name) && p != name && strings.EqualFold(p, name) {
			return false
		}
	}
	return true
}

// odd reports a name that means something to a programming language behind us.
func odd(name string) bool { return name == "__proto__" || name == "constructor" }

// naming links propertyNames.
func (a *assembler) naming(s *state) error {
	l := linker{assembler: a, s: s}
	for i, n := range s.atoms {
		if n.object != nil && n.object.names != nil {
			l.want(wantEdge, i, n.object.names)
		}
	}
	if l.wants == nil {
		return nil
	}
	// What a name is judged by is folded like any branch.
	var goals []*Schema
	for _, w := range l.wants {
		goals = append(goals, w.schema)
	}
	to, err := a.state(goals, false)
	if err != nil {
		return err
	}
	t := trans{to: to}
	for _, w := range l.wants {
		for i, g := range to.goals {
			if g == w.schema {
				t.edges = put(t.edges, w.atom, 1<<i)
			}
		}
	}
	s.names = &t
	return nil
}

// elements links the elements of arrays.
func (a *assembler) elements(s *state) error {
	most := 0
	for _, n := range s.atoms {
		if n.array != nil {
			most = max(most, len(n.array.prefix))
		}
	}
	for p := 0; p <= most; p++ {
		t, err := a.element(s, p)
		if err != nil {
			return err
		}
		if p < most {
			s.prefix = append(s.prefix, t)
		} else {
			s.rest = t
		}
	}
	return nil
}

func (a *assembler) element(s *state, p int) (trans, error) {
	l := linker{assembler: a, s: s}
	for i, n := range s.atoms {
		r := n.array
		if r == nil {
			continue
		}
		item := r.items
		if p < len(r.prefix) {
			item = r.prefix[p]
		}
		if item != nil {
			l.want(wantEdge, i, item)
			l.t.eval |= 1 << i
		}
		if r.contains != nil {
			l.want(wantHeld, i, r.contains)
		}
	}
	for u, r := range s.uneval {
		if r.items != nil {
			l.want(wantRest, u, r.items)
		}
	}
	return l.trans()
}
