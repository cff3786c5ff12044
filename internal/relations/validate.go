package relations

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gatehouse-api/gatehouse/internal/words"
)

// validate judges what the grammar cannot: that names exist, that a relation can ever
// be held, and that none is defined by itself alone.
func (m *Model) validate() *Error {
	if len(m.kinds) == 0 {
		return m.src.fault(place{1, 1}, "write: type user", "the model has no type")
	}
	for i, k := range m.kinds {
		for _, o := range m.kinds[:i] {
			if o.name == k.name {
				return m.src.fault(k.at, "put the relations of both into one", "the type %q is there twice", k.name)
			}
		}
	}
	for _, k := range m.kinds {
		for i, d := range k.relations {
			for _, o := range k.relations[:i] {
				if o.name == d.name {
					return m.src.fault(d.at, "join both with or", "the relation %q of %q is defined twice", d.name, k.name)
				}
			}
			if e := m.validateRule(k, d); e != nil {
				return e
			}
		}
	}
	return m.validateWays()
}

// validateWays judges where definitions lead.
func (m *Model) validateWays() *Error {
	can := m.holdable()
	for _, k := range m.kinds {
		left := map[string]bool{}
		for _, d := range k.relations {
			if m.loops(k, d, map[string]bool{}, left) {
				return m.src.fault(d.at, "give one of them a list of types, or take one out", "the relation %q of %q is defined by itself through other relations", d.name, k.name)
			}
			if !can[held{k.name, d.name}] || !m.finds(k, d, d.rule, sought{}) {
				return m.src.fault(d.at, "give it, or what it is made of, a list of types", "nobody can hold the relation %q of %q: it leads to no list of types", d.name, k.name)
			}
		}
	}
	return nil
}

// near is a fix that names what may have been meant.
func near(name string, known []string, otherwise string) string {
	if n := words.Nearest(name, known); n != "" {
		return fmt.Sprintf("is %q meant?", n)
	}
	return otherwise
}

func (m *Model) validateRule(k *kind, d *definition) (first *Error) {
	lists := 0
	d.rule.walk(func(r *rule) {
		var e *Error
		switch r.form {
		case direct:
			switch lists++; {
			case lists > 1:
				e = m.src.fault(r.at, "put the types into one list, or the second list into a relation of its own", "the relation %q has two lists of types", d.name)
			case r != d.rule.leftmost():
				e = m.src.fault(r.at, "write the list first, or into a relation of its own", "a list of types stands behind something else in the relation %q", d.name)
			default:
				e = m.validateTypes(r)
			}
		case computed:
			switch {
			case r.name == d.name:
				e = m.src.fault(r.at, "take it out", "the relation %q is defined by itself", d.name)
			case k.relation(r.name) == nil:
				e = m.src.fault(r.at, near(r.name, m.Relations(k.name), "define it: define "+r.name+": ..."), "the type %q has no relation %q", k.name, r.name)
			}
		case fromOther:
			e = m.validateFrom(k, r)
		}
		if first == nil {
			first = e
		}
	})
	return first
}

func (m *Model) validateTypes(r *rule) *Error {
	for _, t := range r.types {
		other := m.kind(t.kind)
		switch {
		case other == nil:
			return m.src.fault(t.at, near(t.kind, m.Types(), "define it: type "+t.kind), "there is no type %q", t.kind)
		case t.relation != "" && other.relation(t.relation) == nil:
			return m.src.fault(t.at, near(t.relation, m.Relations(t.kind), "define it there: define "+t.relation+": ..."), "the type %q has no relation %q", t.kind, t.relation)
		}
	}
	return nil
}

// validateFrom judges `name from from`: that leads by tuples to objects of which at
// least one type has the relation.
func (m *Model) validateFrom(k *kind, r *rule) *Error {
	through := k.relation(r.from)
	if through == nil {
		return m.src.fault(r.at, near(r.from, m.Relations(k.name), "define it: define "+r.from+": [TYPE]"), "the type %q has no relation %q", k.name, r.from)
	}
	if through.rule.form != direct {
		return m.src.fault(r.at, "define "+r.from+" as a list of types and nothing else", "%q after from is not held by tuples alone", r.from)
	}
	found := false
	for _, t := range through.rule.types {
		if t.relation != "" || t.everybody {
			return m.src.fault(t.at, "write the type alone: "+t.kind, "%q stands after a from: %s cannot lead on to an object", r.from, t)
		}
		if other := m.kind(t.kind); other != nil && other.relation(r.name) != nil {
			found = true
		}
	}
	if !found {
		return m.src.fault(r.at, "define it there: define "+r.name+": ...", "no type that %q leads to has a relation %q", r.from, r.name)
	}
	return nil
}

// leftmost is what an expression begins with.
func (r *rule) leftmost() *rule {
	for len(r.parts) > 0 {
		r = r.parts[0]
	}
	return r
}

// held is a relation of a type.
type held struct{ kind, relation string }

// loops reports whether computed relations alone lead from d back to one of the way
// there. Those that were left again lead nowhere back.
func (m *Model) loops(k *kind, d *definition, way, left map[string]bool) (found bool) {
	if way[d.name] || left[d.name] {
		return way[d.name]
	}
	way[d.name] = true
	d.rule.walk(func(r *rule) {
		found = found || r.form == computed && m.loops(k, k.relation(r.name), way, left)
	})
	way[d.name], left[d.name] = false, true
	return found
}

// holdable returns the relations that somebody can hold by some tuples.
func (m *Model) holdable() map[held]bool {
	can := map[held]bool{}
	for grown := true; grown; {
		grown = false
		for _, k := range m.kinds {
			for _, d := range k.relations {
				if key := (held{k.name, d.name}); !can[key] && m.enters(k, d.rule, can) {
					can[key], grown = true, true
				}
			}
		}
	}
	return can
}

// enters reports whether somebody can come by the rule, given what can be held.
func (m *Model) enters(k *kind, r *rule, can map[held]bool) bool {
	part := func(p *rule) bool { return m.enters(k, p, can) }
	switch r.form {
	case direct:
		return slices.ContainsFunc(r.types, func(t restricted) bool { return t.relation == "" || can[held{t.kind, t.relation}] })
	case computed:
		return can[held{k.name, r.name}]
	case fromOther:
		return slices.ContainsFunc(k.relation(r.from).rule.types, func(t restricted) bool { return can[held{t.kind, r.name}] })
	case union:
		return slices.ContainsFunc(r.parts, part)
	case exclusion:
		return part(r.parts[0])
	}
	return !slices.ContainsFunc(r.parts, func(p *rule) bool { return !part(p) })
}

// sought is which relations a search has come by, by their types, and whether a list
// with a type was found there.
type sought map[string]map[string]bool

// finds reports whether OpenFGA finds a list of types behind a relation. Its search
// goes by no relation twice, whichever way it came there first, so that it misses some
// that there are: what it takes for unreachable is refused here too.
func (m *Model) finds(k *kind, d *definition, r *rule, before sought) bool {
	seen := maps.Clone(before) // the maps in it are shared by all ways, as there
	if seen[k.name] == nil {
		seen[k.name] = map[string]bool{}
	}
	seen[k.name][d.name] = false
	part := func(p *rule) bool { return m.finds(k, d, p, before) }
	switch r.form {
	case direct:
		for _, t := range r.types {
			if t.relation == "" {
				seen[k.name][d.name] = true
				return true
			}
			if _, was := seen[t.kind][t.relation]; !was && m.behind(t.kind, t.relation, seen) {
				return true
			}
		}
		return false
	case computed:
		if has, was := seen[k.name][r.name]; was {
			return has
		}
		return m.behind(k.name, r.name, seen)
	case fromOther:
		return slices.ContainsFunc(k.relation(r.from).rule.types, func(t restricted) bool {
			has, was := seen[t.kind][r.name]
			return has || !was && m.behind(t.kind, r.name, seen)
		})
	case union:
		return slices.ContainsFunc(r.parts, part)
	}
	return !slices.ContainsFunc(r.parts, func(p *rule) bool { return !part(p) })
}

// behind goes on with another relation, where its type has it.
func (m *Model) behind(kind, relation string, seen sought) bool {
	k := m.kind(kind)
	d := k.relation(relation)
	return d != nil && m.finds(k, d, d.rule, seen)
}
