package openapi

import (
	"strings"
	"unsafe"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// inPlace applies the schemas that judge the same value.
func (r *run) inPlace(i int, p *inPlace) bool {
	if p.ref != nil && !r.apply(i, p.ref) {
		return false
	}
	for _, s := range p.allOf {
		if !r.apply(i, s) {
			return false
		}
	}
	if p.anyOf != nil && !r.choice(i, p.anyOf, "anyOf") {
		return false
	}
	if p.oneOf != nil && !r.choice(i, p.oneOf, "oneOf") {
		return false
	}
	if p.not != nil && !r.not(i, p.not) && r.fail(i, "not") {
		return false
	}
	if p.ifs != nil {
		branch := p.els
		if r.try(i, p.ifs) {
			branch = p.then
		}
		if r.over || branch != nil && !r.apply(i, branch) {
			return false
		}
	}
	if r.d.Kind(i) != jsonwalk.Object {
		return true
	}
	for _, dep := range p.dependent {
		if r.d.Member(i, dep.name) != jsonwalk.Missing && !r.apply(i, dep.schema) {
			return false
		}
	}
	return true
}

// choice applies every branch, since all that hold declare members.
func (r *run) choice(i int, branches []*Schema, keyword string) bool {
	held := 0
	for _, s := range branches {
		if r.try(i, s) {
			if held++; held > 1 && keyword == "oneOf" && !r.lenient {
				break
			}
		}
		if r.over {
			return false
		}
	}
	if held == 1 || held > 1 && keyword == "anyOf" {
		return true
	}
	if r.fail(i, keyword) {
		return false
	}
	if held > 0 || r.gather != nil {
		return true
	}
	// A reply that fits no branch: what any branch declares stays.
	for _, s := range branches {
		r.apply(i, s)
	}
	return true
}

// not reports whether the schema does not hold. Nothing it declares counts.
func (r *run) not(i int, s *Schema) bool {
	from := len(r.trail)
	r.trying++
	holds := r.apply(i, s)
	r.undo(from)
	r.trying--
	return !holds && !r.over
}

func (r *run) array(i int, a *array, base uint32) bool {
	d := r.d
	if a.bounded {
		r.mark(i, bounded)
	}
	n := d.Count(i)
	if n < a.min && r.fail(i, "minItems") || a.max >= 0 && n > a.max && r.fail(i, "maxItems") {
		return false
	}
	if a.prefix != nil || a.items != nil {
		for k, c, end := 0, i+1, d.Next(i); c < end; k, c = k+1, d.Next(c) {
			s := a.items
			if k < len(a.prefix) {
				s = a.prefix[k]
			}
			if s == nil {
				break
			}
			if !r.apply(c, s) {
				return false
			}
			r.evaluated(c)
			r.element(c)
		}
	}
	if a.contains != nil && !r.contains(i, a) {
		return false
	}
	if a.unique && !d.Unique(i) && r.fail(i, "uniqueItems") {
		return false
	}
	if a.rest != nil {
		for c, end := i+1, d.Next(i); c < end; c = d.Next(c) {
			if r.seen[c] > base {
				continue
			}
			if !r.apply(c, a.rest) {
				return false
			}
			r.evaluated(c)
			r.element(c)
		}
	}
	return true
}

// element marks an element as declared, in case another schema shuts its array.
func (r *run) element(c int) {
	if r.lenient {
		r.mark(c, declared)
	}
}

func (r *run) contains(i int, a *array) bool {
	held := 0
	for c, end := i+1, r.d.Next(i); c < end; c = r.d.Next(c) {
		if r.try(c, a.contains) {
			r.evaluated(c)
			held++
		}
		if r.over {
			return false
		}
	}
	if held < a.least && r.fail(i, "contains") || a.most >= 0 && held > a.most && r.fail(i, "maxContains") {
		return false
	}
	return true
}

func (r *run) object(i int, o *object, base uint32) bool {
	d := r.d
	if o.closes {
		r.mark(i, closed)
		if g := r.gather; g != nil && len(g.closed) < mostClosed {
			g.closed[i] = r.now
		}
	}
	n := d.Count(i)
	if n < o.min && r.fail(i, "minProperties") || o.max >= 0 && n > o.max && r.fail(i, "maxProperties") {
		return false
	}
	demanded := 0
	for c, end := i+1, d.Next(i); c < end; c = d.Next(c) {
		p := o.find(d.Name(c))
		if p != nil && p.required && (p.schema == nil || r.o.Direction == Request && !p.schema.readOnly || r.o.Direction == Reply && !p.schema.writeOnly) {
			demanded++
		}
		if !r.member(c, o, p) {
			return false
		}
	}
	if least := o.demanded[r.o.Direction]; demanded < least && r.lacks(i, o, least-demanded) && r.fail(i, "required") {
		return false
	}
	for _, dep := range o.dependent {
		if d.Member(i, dep.name) == jsonwalk.Missing {
			continue
		}
		for _, need := range dep.needs {
			if d.Member(i, need) == jsonwalk.Missing && !r.excuse(i, need) && r.fail(i, "dependentRequired") {
				return false
			}
		}
	}
	return o.rest == nil || r.rest(i, o, base)
}

// rest applies unevaluatedProperties.
func (r *run) rest(i int, o *object, base uint32) bool {
	for c, end := i+1, r.d.Next(i); c < end; c = r.d.Next(c) {
		if r.seen[c] > base {
			continue
		}
		if !r.apply(c, o.rest) {
			return false
		}
		r.evaluated(c)
		r.mark(c, declared)
	}
	return true
}

// member judges member c of an object whose schema has property p for it, or
// nil.
func (r *run) member(c int, o *object, p *property) bool {
	name := r.d.Name(c)
	if o.names != nil && !r.named(c, name, o.names) && r.fail(c, "propertyNames") {
		return false
	}
	covered := p != nil && p.schema != nil
	if covered {
		if p.schema.readOnly && r.o.Direction == Request && r.fail(c, "readOnly") {
			return false
		}
		if p.schema.writeOnly && r.o.Direction == Reply {
			r.mark(c, hidden)
		}
		if !r.apply(c, p.schema) {
			return false
		}
	}
	for k := range o.patterns {
		if o.patterns[k].pattern.match(name) {
			if !covered && !r.plain(c, o, name) {
				return false
			}
			covered = true
			if !r.apply(c, o.patterns[k].schema) {
				return false
			}
		}
	}
	switch {
	case covered:
		r.mark(c, declared)
		r.evaluated(c)
		return true
	case o.additional == nil:
		return r.plain(c, o, name)
	}
	if o.additional.never {
		return r.unknown(c)
	}
	if !r.plain(c, o, name) || !r.apply(c, o.additional) {
		return false
	}
	r.evaluated(c)
	// Beside declared members, additionalProperties: true is what authors write
	// without meaning it; alone, it is a free-form object.
	if !o.open || !o.closes {
		r.mark(c, declared)
	}
	return true
}

// unknown judges a member that additionalProperties: false forbids: a reply is
// cut, everything else is refused.
func (r *run) unknown(c int) bool {
	if r.lenient && r.trying == 0 {
		return true
	}
	return !r.fail(c, "additionalProperties")
}

// plain refuses names that a program behind us may take for a declared one, or
// for something of its language, in requests (VALIDATION.md section 6).
func (r *run) plain(c int, o *object, name []byte) bool {
	if r.o.Direction != Request || !r.strict {
		return true
	}
	if string(name) == "__proto__" || string(name) == "constructor" {
		keyword := "propertyNames"
		if o.closes && o.additional == nil && r.o.Undeclared == Reject {
			keyword = "undeclared"
		}
		return !r.fail(c, keyword)
	}
	text := unsafe.String(unsafe.SliceData(name), len(name))
	for k := range o.props {
		if len(o.props[k].name) <= len(name) && strings.EqualFold(text, o.props[k].name) && text != o.props[k].name {
			return !r.fail(c, "undeclared")
		}
	}
	return true
}

// named judges a name by a schema, as a string.
func (r *run) named(c int, name []byte, s *Schema) bool {
	r.name.Begin()
	r.name.Scalar(jsonwalk.String, name)
	q := s.begin(&r.name, Options{Undeclared: Allow})
	q.beyond = r.beyond
	ok := q.apply(0, s)
	s.shared.runs.Put(q)
	return ok
}
