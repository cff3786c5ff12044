package graphql

import (
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// coerce judges the variables of a request: a JSON object at a node of the document,
// or [jsonwalk.Missing]. It returns the name of one that is not of its type (GraphQL
// section 6.1.2), and whether all are.
func (s *schema) coerce(d *jsonwalk.Doc, node int, vars []variable) (string, bool) {
	if node != jsonwalk.Missing && d.Kind(node) == jsonwalk.Null {
		node = jsonwalk.Missing
	}
	declared := 0
	for i := range vars {
		v := &vars[i]
		n := jsonwalk.Missing
		if node != jsonwalk.Missing {
			n = d.Member(node, v.name)
		}
		switch {
		case n != jsonwalk.Missing:
			declared++
			if !s.is(d, n, v.typ) {
				return v.name, false
			}
		case v.typ.NonNull && !v.defaults:
			return v.name, false
		}
	}
	if node != jsonwalk.Missing && d.Count(node) != declared {
		return "", false // some are not declared
	}
	return "", true
}

// is reports whether a value is one of an input type. Nothing is converted that the
// specification lets a server convert by its own taste: text is no number, and the
// names of enumerations are exact.
func (s *schema) is(d *jsonwalk.Doc, n int, t *ast.Type) bool {
	if d.Kind(n) == jsonwalk.Null {
		return !t.NonNull
	}
	if t.Elem != nil {
		if d.Kind(n) != jsonwalk.Array {
			return s.is(d, n, t.Elem) // a list of one
		}
		for c, end := n+1, d.Next(n); c < end; c = d.Next(c) {
			if !s.is(d, c, t.Elem) {
				return false
			}
		}
		return true
	}
	of := s.types[t.NamedType]
	if of == nil {
		return false
	}
	switch of.def.Kind {
	case ast.Enum:
		return d.Kind(n) == jsonwalk.String && of.def.EnumValues.ForName(string(d.Text(n))) != nil
	case ast.InputObject:
		return s.isObject(d, n, of)
	case ast.Scalar:
		return isScalar(d, n, of.name)
	}
	return false
}

func (s *schema) isObject(d *jsonwalk.Doc, n int, of *typ) bool {
	if d.Kind(n) != jsonwalk.Object {
		return false
	}
	given := 0
	for c, end := n+1, d.Next(n); c < end; c = d.Next(c) {
		f := of.fields[string(d.Name(c))]
		if f == nil || !s.is(d, c, f.def.Type) {
			return false
		}
		if given++; of.oneOf && d.Kind(c) == jsonwalk.Null {
			return false
		}
	}
	if of.oneOf {
		return given == 1
	}
	for _, def := range of.def.Fields {
		if def.Type.NonNull && def.DefaultValue == nil && d.Member(n, def.Name) == jsonwalk.Missing {
			return false
		}
	}
	return true
}

// isScalar judges the scalars of GraphQL section 3.5. Others may be anything.
func isScalar(d *jsonwalk.Doc, n int, name string) bool {
	k := d.Kind(n)
	switch name {
	case "Int":
		i, ok := integer(d, n)
		return ok && i >= -1<<31 && i < 1<<31
	case "Float":
		return k == jsonwalk.Number
	case "String":
		return k == jsonwalk.String
	case "Boolean":
		return k == jsonwalk.True || k == jsonwalk.False
	case "ID":
		_, ok := integer(d, n)
		return ok || k == jsonwalk.String
	}
	return true
}

// integer returns the integer that a value is, and whether it is one that every
// program reads alike: without point and exponent, exact in a double (RFC 8259
// section 6), and not -0.
func integer(d *jsonwalk.Doc, n int) (int64, bool) {
	raw := d.Raw(n)
	if d.Kind(n) != jsonwalk.Number || len(raw) > 17 {
		return 0, false
	}
	i, err := strconv.ParseInt(string(raw), 10, 64)
	return i, err == nil && i < 1<<53 && i > -1<<53 && (i != 0 || raw[0] != '-')
}

// numberOf returns the value of a variable that is a number, given or by default.
func numberOf(d *jsonwalk.Doc, node int, vars []variable, name string) (int64, bool) {
	n := jsonwalk.Missing
	if node != jsonwalk.Missing && d.Kind(node) == jsonwalk.Object {
		n = d.Member(node, name)
	}
	if n != jsonwalk.Missing {
		return integer(d, n)
	}
	for i := range vars {
		if vars[i].name == name && vars[i].number >= 0 {
			return vars[i].number, true
		}
	}
	return 0, false
}
