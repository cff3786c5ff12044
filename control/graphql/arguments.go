package graphql

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// arguments returns, as JSON, the values that the arguments of a field give to a name:
// an argument of that name, or a member of an input object. What is left out has the
// value that the schema gives it.
func (o *asking) arguments(s *schema, d *jsonwalk.Doc, f *ast.Field, name string) (values [][]byte) {
	for _, def := range f.Definition.Arguments {
		v := def.DefaultValue
		if a := f.Arguments.ForName(def.Name); a != nil {
			v = a.Value
		}
		raw, ok := o.json(nil, d, v)
		if !ok {
			raw, ok = o.json(nil, d, def.DefaultValue)
		}
		switch of := s.types[def.Type.Name()]; {
		case !ok:
		case def.Name == name:
			values = append(values, raw)
		case of.def.Kind == ast.InputObject:
			values = append(values, o.members(of, raw, name)...)
		}
	}
	return values
}

// members is arguments for an input object, or a list of such.
func (o *asking) members(of *typ, raw []byte, name string) (values [][]byte) {
	m := of.fields[name]
	in := new(jsonwalk.Doc)
	if m == nil || in.Parse(raw, limits) != nil {
		return nil
	}
	each := []int{0}
	if in.Kind(0) == jsonwalk.Array {
		each = each[:0]
		for c, end := 1, in.Next(0); c < end; c = in.Next(c) {
			each = append(each, c)
		}
	}
	for _, n := range each {
		if in.Kind(n) != jsonwalk.Object {
			continue
		}
		if at := in.Member(n, name); at != jsonwalk.Missing {
			values = append(values, slices.Clone(in.Raw(at)))
		} else if text, ok := o.json(nil, in, m.def.DefaultValue); ok {
			values = append(values, text)
		}
	}
	return values
}

// json appends a value as JSON; false is no value, or a variable without one.
func (o *asking) json(b []byte, d *jsonwalk.Doc, v *ast.Value) ([]byte, bool) {
	if v == nil {
		return b, false
	}
	switch v.Kind {
	case ast.Variable:
		if o.variables != jsonwalk.Missing {
			if n := d.Member(o.variables, v.Raw); n != jsonwalk.Missing {
				return append(b, d.Raw(n)...), true
			}
		}
		def := o.op.def.VariableDefinitions.ForName(v.Raw)
		if def == nil {
			return b, false
		}
		return o.json(b, d, def.DefaultValue)
	case ast.ListValue, ast.ObjectValue:
		return o.block(b, d, v), true
	case ast.StringValue, ast.BlockValue, ast.EnumValue:
		return appendQuoted(b, v.Raw), true
	}
	return append(b, v.Raw...), true
}

// block is json of a list or an input object. A variable without a value is null in a
// list, and no member of an input object (GraphQL sections 3.10 and 3.11).
func (o *asking) block(b []byte, d *jsonwalk.Doc, v *ast.Value) []byte {
	open, end := byte('['), byte(']')
	if v.Kind == ast.ObjectValue {
		open, end = '{', '}'
	}
	b = append(b, open)
	for _, c := range v.Children {
		value, ok := o.json(nil, d, c.Value)
		switch {
		case !ok && v.Kind == ast.ObjectValue:
			continue
		case !ok:
			value = []byte("null")
		}
		if b[len(b)-1] != open {
			b = append(b, ',')
		}
		if v.Kind == ast.ObjectValue {
			b = append(append(append(b, '"'), c.Name...), `":`...)
		}
		b = append(b, value...)
	}
	return append(b, end)
}
