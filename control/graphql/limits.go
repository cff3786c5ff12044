package graphql

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// measure is what a selection amounts to when its fragments are written out.
type measure struct {
	depth         int
	fields        int
	aliases       int
	directives    int
	duplicates    int
	roots         int     // fields of the selection itself
	cost          float64 // of what is selected
	sized         float64 // of it, the cost of the fields that the field above says are lists
	introspection bool    // __schema or __type
	incremental   bool    // @defer or @stream
	reserved      bool    // a response key of ours
	unsliced      bool    // a list without exactly one argument that says how long it is
	cyclic        bool    // a fragment that holds itself
}

// enormous bounds what is added up, so that it neither overflows nor gets lost.
const enormous = 1 << 40

// depthFactor is what a level weighs more than the one above it.
const depthFactor = 1.5

// add adds a part of the same selection.
func (m *measure) add(o *measure) {
	m.depth = max(m.depth, o.depth)
	m.fields = min(m.fields+o.fields, enormous)
	m.aliases = min(m.aliases+o.aliases, enormous)
	m.directives = min(m.directives+o.directives, enormous)
	m.duplicates = min(m.duplicates+o.duplicates, enormous)
	m.roots = min(m.roots+o.roots, enormous)
	m.cost = min(m.cost+o.cost, enormous)
	m.sized = min(m.sized+o.sized, enormous)
	m.introspection = m.introspection || o.introspection
	m.incremental = m.incremental || o.incremental
	m.reserved = m.reserved || o.reserved
	m.unsliced = m.unsliced || o.unsliced
	m.cyclic = m.cyclic || o.cyclic
}

// walk measures one operation, each fragment once.
type walk struct {
	s        *schema
	doc      *ast.QueryDocument
	listSize int64
	number   func(variable string) (int64, bool) // a variable's value; nil where none is known
	dynamic  bool                                // a variable decided on the cost
	open     []*ast.FragmentDefinition           // those that are being measured
	memo     []measured
}

// measured is a fragment's measure in the place of a list of that size.
type measured struct {
	fragment *ast.FragmentDefinition
	size     *listSize
	m        measure
}

// operation measures an operation whose root type is known.
func (w *walk) operation(op *ast.OperationDefinition, root *typ) measure {
	w.open, w.memo = w.open[:0], w.memo[:0]
	m := w.set(op.SelectionSet, root, nil)
	m.directives += len(op.Directives)
	for _, v := range op.VariableDefinitions {
		m.directives += len(v.Directives)
	}
	return m
}

// set measures a selection set on a type, which is nil where the schema knows none.
// size is what the field above says of the lists among its fields.
func (w *walk) set(set ast.SelectionSet, t *typ, size *listSize) (m measure) {
	for i, s := range set {
		var part measure
		switch s := s.(type) {
		case *ast.Field:
			part = w.field(s, t, size)
			if again(set[:i], s.Alias) {
				part.duplicates++
			}
		case *ast.InlineFragment:
			on := t
			if s.TypeCondition != "" {
				on = w.s.types[s.TypeCondition]
			}
			part = w.set(s.SelectionSet, on, size)
			w.direct(&part, s.Directives)
		case *ast.FragmentSpread:
			part = w.spread(s.Name, size)
			w.direct(&part, s.Directives)
		}
		m.add(&part)
	}
	return m
}

// again reports whether a response key stands in the selection already.
func again(set ast.SelectionSet, key string) bool {
	// The last few are enough to look at where there are many: what repeats often is
	// found, and looking at all of them would cost the square.
	for _, s := range set[max(0, len(set)-64):] {
		if f, ok := s.(*ast.Field); ok && f.Alias == key {
			return true
		}
	}
	return false
}

func (w *walk) direct(m *measure, list ast.DirectiveList) {
	m.directives += len(list)
	for _, d := range list {
		m.incremental = m.incremental || d.Name == "defer" || d.Name == "stream"
	}
}

// spread measures a fragment, the first time it is met in the place of such a list.
func (w *walk) spread(name string, size *listSize) measure {
	f := w.doc.Fragments.ForName(name)
	if f == nil {
		return measure{}
	}
	for i := range w.memo {
		if w.memo[i].fragment == f && w.memo[i].size == size {
			return w.memo[i].m
		}
	}
	if slices.Contains(w.open, f) {
		return measure{cyclic: true}
	}
	w.open = append(w.open, f)
	m := w.set(f.SelectionSet, w.s.types[f.TypeCondition], size)
	w.direct(&m, f.Directives)
	w.open = w.open[:len(w.open)-1]
	w.memo = append(w.memo, measured{f, size, m})
	return m
}

// field measures a field and everything below it.
func (w *walk) field(s *ast.Field, t *typ, above *listSize) measure {
	var f *field
	if t != nil {
		f = t.fields[s.Name]
	}
	if f == nil {
		return w.unknown(s)
	}
	n := int64(1)
	size, named := f.size, false
	if size != nil || f.list || f.slices != nil {
		n = w.elements(f, s)
		named = size != nil && len(size.sized) > 0
	}
	var m measure
	if s.SelectionSet != nil {
		below := size
		if !named {
			below = nil
		}
		m = w.set(s.SelectionSet, f.out, below)
	}
	inner := m.cost
	if named {
		// The lists are below: only they are as long as this field says.
		inner = m.cost - m.sized + float64(n)*m.sized
		n = 1
	}
	m.cost = min(f.weight+float64(n)*(f.out.weight+depthFactor*inner), enormous)
	for _, a := range s.Arguments {
		m.cost += f.args[a.Name]
	}
	m.sized = 0
	if above != nil && slices.Contains(above.sized, f.name) {
		m.sized = m.cost
	}
	if size != nil && size.one && w.given(f, s) != 1 {
		m.unsliced = true
	}
	w.own(&m, s)
	return m
}

// unknown measures a field that the schema does not know: the rules refuse it, or it
// is introspection.
func (w *walk) unknown(s *ast.Field) (m measure) {
	var t *typ
	if s.Name == "__schema" || s.Name == "__type" {
		m.introspection = true
	}
	if s.SelectionSet != nil {
		m2 := w.set(s.SelectionSet, t, nil)
		m.add(&m2)
	}
	m.cost = min(1+depthFactor*m.cost, enormous)
	m.sized = 0
	w.own(&m, s)
	return m
}

// own adds what the field itself is.
func (w *walk) own(m *measure, s *ast.Field) {
	m.depth++
	m.roots = 1
	m.fields = min(m.fields+1, enormous)
	if s.Alias != s.Name {
		m.aliases++
	}
	m.introspection = m.introspection || s.Name == "__schema" || s.Name == "__type"
	m.reserved = m.reserved || reservedKey(s.Alias)
	w.direct(m, s.Directives)
}

// given counts the slicing arguments that a field is asked with, defaults included.
func (w *walk) given(f *field, s *ast.Field) (n int) {
	for _, path := range f.size.slicing {
		if v := slicing(f, s, path); v != nil && v.Kind != ast.NullValue {
			n++
		}
	}
	return n
}

// slicing returns the value at the path of a slicing argument, or nil.
func slicing(f *field, s *ast.Field, path []string) *ast.Value {
	var v *ast.Value
	if arg := s.Arguments.ForName(path[0]); arg != nil {
		v = arg.Value
	} else if def := f.def.Arguments.ForName(path[0]); def != nil {
		v = def.DefaultValue
	}
	for _, name := range path[1:] {
		if v == nil || v.Kind != ast.ObjectValue {
			return nil
		}
		v = v.Children.ForName(name)
	}
	return v
}

// elements returns how many elements a list has at most, as far as is said.
func (w *walk) elements(f *field, s *ast.Field) int64 {
	if f.size == nil {
		n, ok := int64(0), false
		for _, name := range f.slices {
			if v, has := w.valueOf(slicing(f, s, []string{name})); has {
				n, ok = max(n, v), true
			}
		}
		switch {
		case ok:
			return n
		case f.list:
			return w.listSize
		}
		return 1
	}
	n := int64(-1)
	for _, path := range f.size.slicing {
		if v, ok := w.valueOf(slicing(f, s, path)); ok {
			n = max(n, v)
		}
	}
	if n < 0 {
		// Nothing says it here: as many as the server gives at most.
		n = max(f.size.assumed, w.listSize)
	}
	return n
}

// valueOf returns the number that a value is, and whether it is one.
func (w *walk) valueOf(v *ast.Value) (int64, bool) {
	if v == nil {
		return 0, false
	}
	switch v.Kind {
	case ast.Variable:
		w.dynamic = true
		if w.number == nil {
			return 0, false
		}
		n, ok := w.number(v.Raw)
		return clamp(n), ok
	case ast.IntValue:
		return clamp(digits(v.Raw)), true
	}
	return 0, false
}

func clamp(n int64) int64 { return min(max(n, 0), enormous) }

// digits reads an integer; one that is too long is enormous, and one below zero 0.
func digits(s string) int64 {
	n := int64(0)
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0
		}
		if n = n*10 + int64(c-'0'); n > enormous {
			return enormous
		}
	}
	return n
}
