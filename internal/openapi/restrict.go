package openapi

import (
	"cmp"
	"math"
	"slices"
	"unsafe"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// Which members a caller may not send or see does not hang on what a value is
// valid by: every schema that speaks of the value has a say, those of branches
// that fail too. So it is found before anything is judged.

// section is the goals of one object: the schemas that speak of it and of which,
// or below which, some rule stands.
type section struct{ node, from, to int }

// restrict finds the members that are out of the caller's reach and reports
// whether to go on. A request with one is refused; from a reply they are cut.
func (r *run) restrict(s *Schema) bool {
	r.goals, r.sections = r.goals[:0], r.sections[:0]
	if !s.guarded {
		return true
	}
	r.budget *= 2
	r.goal(0, s)
	return r.visit(0, 0)
}

// goal adds a schema to those that speak of one value.
func (r *run) goal(from int, s *Schema) {
	if s != nil && s.guarded && !slices.Contains(r.goals[from:], s) {
		r.goals = append(r.goals, s)
	}
}

// spread adds what a schema applies in place, as [flattener.applied] does.
func (r *run) spread(from int, p *inPlace) {
	for _, s := range [...]*Schema{p.ref, p.not, p.ifs, p.then, p.els} {
		r.goal(from, s)
	}
	for _, list := range [...][]*Schema{p.allOf, p.anyOf, p.oneOf} {
		for _, s := range list {
			r.goal(from, s)
		}
	}
	for i := range p.dependent {
		r.goal(from, p.dependent[i].schema)
	}
}

// visit goes through node i, of which the goals behind that index speak.
func (r *run) visit(i, from int) bool {
	for k := from; k < len(r.goals); k++ {
		if p := r.goals[k].inPlace; p != nil {
			r.spread(from, p)
		}
	}
	if r.steps += len(r.goals) - from; r.steps > r.budget {
		r.over, r.at, r.keyword = true, i, "budget"
		return false
	}
	switch s := (section{i, from, len(r.goals)}); r.d.Kind(i) {
	case jsonwalk.Object:
		r.sections = append(r.sections, s)
		return r.visitMembers(s)
	case jsonwalk.Array:
		return r.visitElements(s)
	}
	return true
}

func (r *run) visitMembers(s section) bool {
	for c, end := s.node+1, r.d.Next(s.node); c < end; c = r.d.Next(c) {
		base := len(r.goals)
		var by *Schema
		for _, g := range r.goals[s.from:s.to] {
			r.said = g.object.speaking(r.said[:0], r.d.Name(c))
			for _, k := range r.said {
				if k.denies(r.o.Direction, r.o.Roles) {
					by = k
				}
				r.goal(base, k)
			}
		}
		switch {
		case by != nil && r.lenient:
			r.marks[c] |= cut
		case by != nil:
			r.now = by.ruled()
			if r.fail(c, RolesKeyword) {
				return false
			}
		}
		if len(r.goals) > base && !r.visit(c, base) {
			return false
		}
	}
	return true
}

func (r *run) visitElements(s section) bool {
	for k, c, end := 0, s.node+1, r.d.Next(s.node); c < end; k, c = k+1, r.d.Next(c) {
		base := len(r.goals)
		for g := s.from; g < s.to; g++ {
			a := r.goals[g].array
			if a == nil {
				continue
			}
			item := a.items
			if k < len(a.prefix) {
				item = a.prefix[k]
			}
			r.goal(base, item)
			r.goal(base, a.contains)
			r.goal(base, a.rest)
		}
		if len(r.goals) > base && !r.visit(c, base) {
			return false
		}
	}
	return true
}

// speaking appends the schemas that an object's schema has for a member.
func (o *object) speaking(list []*Schema, name []byte) []*Schema {
	if o == nil {
		return list
	}
	covered := false
	if p := o.find(name); p != nil && p.schema != nil {
		list, covered = append(list, p.schema), true
	}
	for k := range o.patterns {
		if o.patterns[k].pattern.match(name) {
			list, covered = append(list, o.patterns[k].schema), true
		}
	}
	if !covered && o.additional != nil {
		list = append(list, o.additional)
	}
	if o.rest != nil {
		list = append(list, o.rest)
	}
	return list
}

// unreached reports whether the caller may not send, or see, a member of that name
// in object i.
func (r *run) unreached(i int, name string) bool {
	at, ok := slices.BinarySearchFunc(r.sections, i, func(s section, i int) int { return cmp.Compare(s.node, i) })
	if !ok {
		return false
	}
	s := r.sections[at]
	for _, g := range r.goals[s.from:s.to] {
		r.said = g.object.speaking(r.said[:0], unsafe.Slice(unsafe.StringData(name), len(name)))
		for _, k := range r.said {
			if k.denies(r.o.Direction, r.o.Roles) {
				return true
			}
		}
	}
	return false
}

// excuse reports whether a missing member of object i is excused, and notes that
// it would be.
func (r *run) excuse(i int, name string) bool {
	if len(r.sections) == 0 || !r.unreached(i, name) {
		return false
	}
	r.missed = true
	return r.excusing
}

// lacks reports whether object i lacks some of the members that it must have, of
// which that many are missing.
func (r *run) lacks(i int, o *object, missing int) bool {
	for k := range o.props {
		if len(r.sections) == 0 {
			break
		}
		p := &o.props[k]
		if p.asked(r.o.Direction) && r.d.Member(i, p.name) == jsonwalk.Missing && r.excuse(i, p.name) {
			missing--
		}
	}
	return missing > 0
}

// asked reports a member that must be there in that direction.
func (p *property) asked(d Direction) bool {
	return p.required && (p.schema == nil || d == Request && !p.schema.readOnly || d == Reply && !p.schema.writeOnly)
}

// barred reports a member that is out of the caller's reach.
func (w *walk) barred(t *trans) bool { return t.roles != nil && !met(t.roles.sets, w.o.Roles) }

// excused returns the declared members that an object has, and those that need
// not be there.
func (w *walk) excused(m *members) *keySet {
	w.had = m.seen
	for _, k := range m.s.ruled {
		if !m.seen.has(int(k)) && w.barred(&m.s.byKey[k]) {
			if w.missed = true; w.excusing {
				w.had.add(int(k))
			}
		}
	}
	return &w.had
}

// run judges the document and reports whether it is valid. Where that is unsure,
// the tape must be asked. Who may not send a member need not: a document that is
// not valid without such members is judged once more as if they were there. They
// are not so from the beginning, since branches are often told apart by what they
// require.
func (p *program) run(w *walk, body []byte, lim *jsonwalk.Limits, o *Options, picks *Picks) bool {
	w.mode, w.strict, w.shared, w.excusing = p.mode, p.strict, p.shared, false
	// One by one: what was written in small pieces is slow to copy in large ones.
	w.o.Undeclared, w.o.Roles, w.o.MaxString, w.o.MaxItems, w.o.MaxPage, w.o.MaxOffset = o.Undeclared, o.Roles, o.MaxString, o.MaxItems, o.MaxPage, o.MaxOffset
	w.records = o.Undeclared != Allow || p.mode == forFilter || o.MaxString > 0 || o.MaxItems > 0
	if w.longest = o.MaxString; w.longest <= 0 {
		w.longest = math.MaxInt
	}
	ok := p.pass(w, body, lim, picks)
	if ok || w.unsure || !w.missed {
		return ok
	}
	w.excusing = true
	return p.pass(w, body, lim, picks)
}

// holds judges the document likewise.
func (r *run) holds(s *Schema) bool {
	ok := r.once(s)
	if ok || r.over || !r.missed {
		return ok
	}
	r.clean()
	r.excusing = true
	return r.once(s)
}

func (r *run) once(s *Schema) bool {
	if !r.lenient {
		return r.restrict(s) && r.apply(0, s) && r.sweep()
	}
	r.restrict(s)
	r.apply(0, s)
	r.sweep()
	return r.keyword == ""
}
