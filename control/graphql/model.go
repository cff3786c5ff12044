package graphql

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// modelled returns what policies are told of the types that have a rule. What is wrong
// with a rule is reported where it is compiled.
func (s *schema) modelled(c *Config) (list []policy.GraphType) {
	for _, name := range slices.Sorted(maps.Keys(c.Objects)) {
		o, t := c.Objects[name], s.types[name]
		if o == nil || t == nil || t.def.Kind != ast.Object {
			continue
		}
		g := policy.GraphType{Name: name, Object: &policy.Object{Owner: o.Owner, Tenant: o.Tenant, Allow: o.Allow, Create: o.Create, Table: o.Table}}
		placed := map[string]bool{}
		for _, at := range [...]struct {
			name, from, key string
			typ             policy.Type
		}{{"owner", o.Owner, ownerKey, policy.TypeUser}, {"tenant", o.Tenant, tenantKey, policy.TypeString}} {
			path := strings.Split(strings.TrimPrefix(at.from, "response."), ".")
			if at.from == "" || !t.leads(path, s) {
				continue
			}
			placed[at.name] = true
			g.Attributes = append(g.Attributes, policy.Attribute{Name: at.name, Type: at.typ, Required: t.always(path), From: "response." + strings.Join(path, "."),
				At: strings.Join(append([]string{at.key + name}, path[1:]...), ".")})
		}
		for i, field := range slices.Sorted(maps.Keys(t.fields)) {
			if placed[field] || strings.HasPrefix(field, "__") {
				continue
			}
			a := t.fields[field].attribute(true)
			if a.Type == policy.TypeNone {
				g.Unmapped = append(g.Unmapped, field)
				continue
			}
			a.At = attributeKey(t, i)
			g.Attributes = append(g.Attributes, a)
		}
		list = append(list, g)
	}
	return list
}

// always reports whether a path never ends in null.
func (t *typ) always(path []string) bool {
	for _, name := range path {
		f := t.fields[name]
		if !f.def.Type.NonNull {
			return false
		}
		t = f.out
	}
	return true
}

// attribute is a field as policies know it: a value, a list of such, or an object of
// such. What needs arguments has no type.
func (f *field) attribute(deep bool) policy.Attribute {
	a := policy.Attribute{Name: f.name, From: "response." + f.name, Required: f.def.Type.NonNull}
	if slices.ContainsFunc(f.def.Arguments, func(a *ast.ArgumentDefinition) bool { return a.Type.NonNull && a.DefaultValue == nil }) {
		return a
	}
	list := f.def.Type.Elem != nil
	if list && f.def.Type.Elem.Elem != nil {
		return a
	}
	switch {
	case f.out.def.Kind == ast.Enum, f.out.name == "String", f.out.name == "ID":
		a.Type = policy.TypeString
		if list {
			a.Type = policy.TypeStrings
		}
	case f.out.name == "Int":
		a.Type = policy.TypeLong
		if list {
			a.Type = policy.TypeLongs
		}
	case f.out.name == "Boolean" && !list:
		a.Type = policy.TypeBool
	case f.out.def.Kind == ast.Object && !list && deep:
		for _, name := range slices.Sorted(maps.Keys(f.out.fields)) {
			m := f.out.fields[name].attribute(false)
			if m.Type == policy.TypeNone || strings.HasPrefix(name, "__") {
				continue
			}
			m.From = fmt.Sprintf("%s.%s", a.From, name)
			a.Members = append(a.Members, m)
		}
		if len(a.Members) > 0 {
			a.Type = policy.TypeRecord
		}
	}
	return a
}
