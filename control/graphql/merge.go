package graphql

import (
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// shape is what a reply holds at one level: the members of objects, by response key.
type shape struct {
	types   []*typ // of the fields whose values these objects are
	guarded bool   // some of these objects have a rule
	makes   bool   // something new is held here, or below
	members []member
}

// member is one response key.
type member struct {
	key      string
	of       *shape  // nil for leaves
	nullable bool    // an object that may be missing
	inList   bool    // it stands in a list
	makes    []*rule // whose new objects it holds
}

// mergeBudget bounds the fields that are looked at while selections are merged.
const mergeBudget = 20_000

// merger finds out what the reply to an operation looks like, and whether fields with
// one response key agree (GraphQL section 5.3.2). The rule of the library compares
// every field with every other; here every field is compared with the first of its
// key, and selections that are merged once are not merged again.
type merger struct {
	s      *schema
	doc    *ast.QueryDocument
	ids    map[*ast.Selection]int
	memo   map[string]*shape
	budget int
}

// selected is a selection set and the type that it stands on.
type selected struct {
	set ast.SelectionSet
	on  *typ
}

// entry is a field under a response key.
type entry struct {
	field *ast.Field
	info  *field
	on    *typ
}

// Two fields with one response key do not agree, or it would cost too much to find out.
const (
	conflict = "two fields with one response key are not the same"
	tangled  = "the fragments are too tangled to be merged"
	unknown  = "a field or a type that the schema does not have"
)

// operation returns the shape of the reply's data, or what is wrong.
func (m *merger) operation(op *ast.OperationDefinition, root *typ) (*shape, string) {
	m.ids, m.memo, m.budget = map[*ast.Selection]int{}, map[string]*shape{}, mergeBudget
	return m.merge([]selected{{op.SelectionSet, root}}, []*typ{root}, true)
}

// merge merges selections on the objects of one place. With names, fields that may
// be of one object must be the same field with the same arguments; their types must
// agree in any case.
func (m *merger) merge(list []selected, types []*typ, names bool) (*shape, string) {
	key := m.key(list, names)
	if s := m.memo[key]; s != nil {
		return s, ""
	}
	s := &shape{types: types}
	m.memo[key] = s
	var keys []string
	fields := map[string][]entry{}
	var seen []string
	for _, l := range list {
		if why := m.collect(l, fields, &keys, &seen); why != "" {
			return nil, why
		}
	}
	for _, k := range keys {
		entries := fields[k]
		if why := m.agree(entries, names); why != "" {
			return nil, why
		}
		first := entries[0]
		mem := member{key: strings.Clone(k), nullable: first.info != nil && !first.info.list && !first.info.def.Type.NonNull}
		for _, e := range entries {
			if e.info != nil {
				mem.makes = append(mem.makes, e.info.makes...)
			}
		}
		if first.info != nil && first.info.out.composite {
			var why string
			if mem.of, why = m.below(entries, names); why != "" {
				return nil, why
			}
		}
		s.members = append(s.members, mem)
	}
	return s, ""
}

// below merges what is selected below the fields of one key.
func (m *merger) below(entries []entry, names bool) (*shape, string) {
	var types []*typ
	all := make([]selected, 0, len(entries))
	for _, e := range entries {
		all = append(all, selected{e.field.SelectionSet, e.info.out})
		if !slices.Contains(types, e.info.out) {
			types = append(types, e.info.out)
		}
	}
	parents, abstract := parentsOf(entries)
	if !names || abstract || len(parents) == 1 {
		return m.merge(all, types, names)
	}
	// Fields of different objects never meet: only within one kind must names agree.
	for _, p := range parents {
		var own []selected
		for _, e := range entries {
			if e.on == p {
				own = append(own, selected{e.field.SelectionSet, e.info.out})
			}
		}
		if _, why := m.merge(own, types, true); why != "" {
			return nil, why
		}
	}
	return m.merge(all, types, false)
}

func parentsOf(entries []entry) (parents []*typ, abstract bool) {
	for _, e := range entries {
		abstract = abstract || e.on.abstract
		if !slices.Contains(parents, e.on) {
			parents = append(parents, e.on)
		}
	}
	return parents, abstract
}

// key names a list of selections, whatever their order.
func (m *merger) key(list []selected, names bool) string {
	var ids []int
	for _, l := range list {
		if len(l.set) == 0 {
			continue
		}
		id, ok := m.ids[&l.set[0]]
		if !ok {
			id = len(m.ids) + 1
			m.ids[&l.set[0]] = id
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	b := []byte{'~'}
	if names {
		b[0] = '='
	}
	for _, id := range slices.Compact(ids) {
		b = append(strconv.AppendInt(b, int64(id), 36), ',')
	}
	return string(b)
}

// collect sorts fields by response key, fragments written out once.
func (m *merger) collect(l selected, into map[string][]entry, keys, seen *[]string) string {
	if l.on == nil {
		return unknown
	}
	for _, s := range l.set {
		if m.budget--; m.budget < 0 {
			return tangled
		}
		var why string
		switch s := s.(type) {
		case *ast.Field:
			info := l.on.fields[s.Name]
			if info == nil && !strings.HasPrefix(s.Name, "__") {
				return unknown
			}
			if into[s.Alias] == nil {
				*keys = append(*keys, s.Alias)
			}
			into[s.Alias] = append(into[s.Alias], entry{s, info, l.on})
		case *ast.InlineFragment:
			on := l.on
			if s.TypeCondition != "" {
				on = m.s.types[s.TypeCondition]
			}
			why = m.collect(selected{s.SelectionSet, on}, into, keys, seen)
		case *ast.FragmentSpread:
			f := m.doc.Fragments.ForName(s.Name)
			if f == nil {
				return unknown
			}
			if slices.Contains(*seen, s.Name) {
				continue
			}
			*seen = append(*seen, s.Name)
			why = m.collect(selected{f.SelectionSet, m.s.types[f.TypeCondition]}, into, keys, seen)
		}
		if why != "" {
			return why
		}
	}
	return ""
}

// agree compares the fields of one key, each with one other.
func (m *merger) agree(entries []entry, names bool) string {
	first := entries[0]
	_, abstract := parentsOf(entries)
	of := map[*typ]entry{}
	for _, e := range entries {
		if m.budget--; m.budget < 0 {
			return tangled
		}
		if !sameShape(first.info, e.info) {
			return conflict
		}
		if !names {
			continue
		}
		other := first
		if !abstract {
			var ok bool
			if other, ok = of[e.on]; !ok {
				of[e.on] = e
				continue
			}
		}
		if other.field.Name != e.field.Name || !sameArguments(other.field.Arguments, e.field.Arguments) {
			return conflict
		}
	}
	return ""
}

// sameShape is SameResponseShape of GraphQL section 5.3.2 for two fields themselves.
// nil is __typename, or introspection.
func sameShape(a, b *field) bool {
	if a == nil || b == nil {
		return a == b || a == nil && leafOf(b) || b == nil && leafOf(a)
	}
	x, y := a.def.Type, b.def.Type
	for {
		if x.NonNull != y.NonNull || (x.Elem == nil) != (y.Elem == nil) {
			return false
		}
		if x.Elem == nil {
			break
		}
		x, y = x.Elem, y.Elem
	}
	if a.out.composite && b.out.composite {
		return true
	}
	return a.out == b.out
}

// leafOf reports a field whose value is what __typename's is.
func leafOf(f *field) bool {
	return f.out.name == "String" && f.def.Type.NonNull && f.def.Type.Elem == nil
}

func sameArguments(a, b ast.ArgumentList) bool {
	if len(a) != len(b) {
		return false
	}
	for _, one := range a {
		other := b.ForName(one.Name)
		if other == nil || one.Value.String() != other.Value.String() || one.Value.Kind != other.Value.Kind {
			return false
		}
	}
	return true
}
