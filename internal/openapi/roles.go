package openapi

import (
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// RolesKeyword says which roles may send and see the member of an object whose
// value a schema describes: {read: [admin, support], write: [admin]}, or one list
// for both. What is left out is not restricted; an empty list is nobody.
const RolesKeyword = "x-gatehouse-roles"

// Authenticated is the role that every authenticated caller has.
const Authenticated = "authenticated"

// maxRoles is how many roles the rules of one description may name.
const maxRoles = 64

// Role is a role that rules of a description name, and where the first one does;
// the zero Place for rules that are written elsewhere.
type Role struct {
	Name  string
	Place Place
}

// Roles are those that the rules of a description name. They are bits of
// [Options].Roles, by their index.
type Roles []Role

// Held returns the bits of the roles that a caller has. It does not allocate.
func (r Roles) Held(names []string, authenticated bool) (bits uint64) {
	for i := range r {
		if slices.Contains(names, r[i].Name) || authenticated && r[i].Name == Authenticated {
			bits |= 1 << i
		}
	}
	return bits
}

// access says which roles may send and see the values of a schema: a set of
// roles, where it is limited.
type access struct {
	roles  [2]uint64 // by direction
	limits [2]bool
}

// needs are, by direction, the sets of roles of each of which a caller must have
// one: a value may be of several schemas that say so.
type needs [2][]uint64

func (n *needs) add(d Direction, roles uint64) {
	if !slices.Contains(n[d], roles) {
		n[d] = append(n[d], roles)
	}
}

// met reports whether roles are enough.
func met(needs []uint64, roles uint64) bool {
	for _, n := range needs {
		if n&roles == 0 {
			return false
		}
	}
	return true
}

// denies reports whether a member with this schema is out of a caller's reach.
func (s *Schema) denies(d Direction, roles uint64) bool {
	return s.needs != nil && !met(s.needs[d], roles)
}

// access reads the keyword.
func (l *loader) access(v at) (*access, error) {
	a := &access{}
	set := func(d Direction, list at) (err error) {
		a.limits[d] = true
		a.roles[d], err = l.roleSet(list)
		return err
	}
	switch {
	case v.is(jsonwalk.Array):
		if err := set(Request, v); err != nil {
			return nil, err
		}
		return a, set(Reply, v)
	case v.is(jsonwalk.Object) && v.doc.Count(v.n) > 0:
		return a, v.each(func(name string, list at) error {
			switch name {
			case "read":
				return set(Reply, list)
			case "write":
				return set(Request, list)
			}
			return list.fault("%s has read and write, not %s", RolesKeyword, name)
		})
	}
	return nil, v.fault("%s is a list of roles, or {read: [role], write: [role]}", RolesKeyword)
}

// roleSet reads a list of roles.
func (l *loader) roleSet(v at) (bits uint64, err error) {
	if err := v.want(jsonwalk.Array, "a list of roles"); err != nil {
		return 0, err
	}
	err = v.each(func(_ string, e at) error {
		bit, says := l.role(e.text(), e.place())
		switch {
		case says != "":
			return e.fault("%s", says)
		case bits&bit != 0:
			return e.fault("the role %s is here twice", e.text())
		}
		bits |= bit
		return nil
	})
	return bits, err
}

// role returns the bit of a role, or why it has none.
func (l *loader) role(name string, place Place) (bit uint64, says string) {
	if name == "" || name == "*" {
		return 0, "a role has a name; every authenticated caller is " + Authenticated
	}
	list := l.shared.roles
	i := slices.IndexFunc(list, func(r Role) bool { return r.Name == name })
	if i < 0 {
		if i = len(list); i == maxRoles {
			return 0, "more than 64 roles in the rules for members"
		}
		l.shared.roles = append(list, Role{l.intern(name), place})
	}
	return 1 << i, ""
}

// misspelt refuses members of a description that were meant to be the keyword,
// and the keyword where nobody reads it: a rule must not be believed in and
// ignored.
func misspelt(name string, v at, what string) error {
	switch {
	case name == RolesKeyword && what != "":
		return v.fault("%s does not stand on %s; it stands on the schema of an object's member", RolesKeyword, what)
	case name != RolesKeyword && strings.HasPrefix(strings.ToLower(name), "x-gatehouse-role"):
		return v.fault("%s is written %s", name, RolesKeyword)
	}
	return nil
}

// unruled refuses the keyword among the members of what is no schema.
func unruled(a at, what string) error {
	return a.each(func(name string, v at) error { return misspelt(name, v, what) })
}

// restrict finds out, once all schemas are filled, what the rules of a schema's
// values and of those below it come to.
func (l *loader) restrict() {
	done := map[*Schema]bool{}
	if !slices.ContainsFunc(l.compiled, func(s *Schema) bool { return s.access != nil }) && len(l.rules) == 0 {
		return
	}
	for _, s := range l.schemas {
		s.gatherNeeds(done)
	}
	for more := true; more; {
		more = false
		for s := range done {
			if s.guarded {
				continue
			}
			for _, k := range s.parts() {
				s.guarded = s.guarded || k.guarded
			}
			more = more || s.guarded
		}
	}
}

// placed refuses rules where nothing is a member.
func (l *loader) placed() error {
	for _, s := range l.compiled {
		for _, k := range s.elements() {
			if k.needs != nil {
				return &Error{k.ruled().Place(), RolesKeyword + " here would hold for elements of an array, or for names; put it on the member that holds the array"}
			}
		}
	}
	return nil
}

// gatherNeeds notes the needs of a schema and of all that it applies in place,
// whatever becomes of it there: a caller who can make a branch fail must not get
// around its rules.
func (s *Schema) gatherNeeds(done map[*Schema]bool) *needs {
	if done[s] {
		return s.needs
	}
	done[s] = true
	var n needs
	if a := s.access; a != nil {
		for d := range a.roles {
			if a.limits[d] {
				n.add(Direction(d), a.roles[d])
			}
		}
	}
	for _, k := range s.applies() {
		if of := k.gatherNeeds(done); of != nil {
			for d := range of {
				for _, roles := range of[d] {
					n.add(Direction(d), roles)
				}
			}
		}
	}
	if len(n[Request])+len(n[Reply]) > 0 {
		s.needs, s.guarded = &n, true
	}
	if r := s.inPlace; s.access != nil && r != nil && r.ref != nil {
		// The rule stands beside a reference: the member is what that says.
		s.readOnly, s.writeOnly = s.readOnly || r.ref.readOnly, s.writeOnly || r.ref.writeOnly
	}
	return s.needs
}

// ruled returns the schema, of this one and those that it applies in place, that
// has the rule.
func (s *Schema) ruled() *Schema {
	if s.access != nil {
		return s
	}
	for _, k := range s.applies() {
		if k.needs != nil {
			return k.ruled()
		}
	}
	return s
}

// applies returns the schemas that one applies in place.
func (s *Schema) applies() (list []*Schema) {
	p := s.inPlace
	if p == nil {
		return nil
	}
	for _, k := range [...]*Schema{p.ref, p.not, p.ifs, p.then, p.els} {
		if k != nil {
			list = append(list, k)
		}
	}
	list = slices.Concat(list, p.allOf, p.anyOf, p.oneOf)
	for _, d := range p.dependent {
		list = append(list, d.schema)
	}
	return list
}

// elements returns the schemas of what no rule can hold for: elements of arrays,
// and names.
func (s *Schema) elements() (list []*Schema) {
	if r := s.array; r != nil {
		list = slices.Clone(r.prefix)
		for _, k := range [...]*Schema{r.items, r.contains, r.rest} {
			if k != nil {
				list = append(list, k)
			}
		}
	}
	if s.object != nil && s.object.names != nil {
		list = append(list, s.object.names)
	}
	return list
}

// parts returns all schemas that one applies, in place or below.
func (s *Schema) parts() []*Schema {
	list := append(s.applies(), s.elements()...)
	if o := s.object; o != nil {
		for _, p := range o.props {
			if p.schema != nil {
				list = append(list, p.schema)
			}
		}
		for _, p := range o.patterns {
			list = append(list, p.schema)
		}
		for _, k := range [...]*Schema{o.additional, o.rest} {
			if k != nil {
				list = append(list, k)
			}
		}
	}
	return list
}

// wholes refuses rules where nothing is a member: on a parameter, or on a whole
// body.
func (l *loader) wholes(d *Document) error {
	says := func(s *Schema, what string) error {
		if s == nil || s.needs == nil {
			return nil
		}
		return &Error{s.ruled().Place(), RolesKeyword + " here would hold for " + what + ", which no rule for members can; a role's operations are in roles of the API"}
	}
	for _, op := range d.Operations {
		op.Roles = l.shared.roles
		for _, p := range op.Parameters {
			if err := says(p.Schema, "a parameter of "+op.id); err != nil {
				return err
			}
		}
		content := []MediaType(nil)
		if op.RequestBody != nil {
			content = append(content, op.RequestBody.Content...)
		}
		for _, r := range op.Responses {
			content = append(content, r.Content...)
		}
		for _, m := range content {
			for _, s := range [...]*Schema{m.Schema, m.Item} {
				if err := says(s, "a whole body of "+op.id); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Restriction is a member that not everybody may send, or see.
type Restriction struct {
	Member string   // "internal_note", "lines[].cost", "prices.*.cost"
	Roles  []string // who may; empty is nobody
	needs  uint64
}

// Restricted returns the members, of a value of the schema and of those below it,
// that not everybody may send (Request) or see (Reply).
func (s *Schema) Restricted(d Direction) []Restriction {
	r := restricted{d: d, seen: map[*Schema]bool{}}
	r.look(s, "")
	return r.list
}

// Denied reports whether any of the restrictions holds for a caller's roles.
func Denied(list []Restriction, roles uint64) bool {
	return slices.ContainsFunc(list, func(r Restriction) bool { return r.needs&roles == 0 })
}

type restricted struct {
	d    Direction
	seen map[*Schema]bool
	list []Restriction
}

func (r *restricted) look(s *Schema, at string) {
	if !s.guarded || r.seen[s] {
		return
	}
	r.seen[s] = true
	for _, k := range s.applies() {
		r.look(k, at)
	}
	for _, k := range s.elements() {
		r.look(k, at+"[]")
	}
	o := s.object
	if o == nil {
		return
	}
	for _, p := range o.props {
		r.member(p.schema, at, p.name)
	}
	for _, p := range o.patterns {
		r.member(p.schema, at, "*")
	}
	r.member(o.additional, at, "*")
	r.member(o.rest, at, "*")
}

func (r *restricted) member(s *Schema, at, name string) {
	if s == nil || !s.guarded {
		return
	}
	if at != "" {
		name = at + "." + name
	}
	if s.needs != nil {
		for _, bits := range s.needs[r.d] {
			m := Restriction{Member: name, needs: bits}
			for i, role := range s.shared.roles {
				if bits>>i&1 == 1 {
					m.Roles = append(m.Roles, role.Name)
				}
			}
			r.list = append(r.list, m)
		}
	}
	r.look(s, name)
}
