package graphql

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/gatehouse-api/gatehouse"
)

// operations notes what fields do to the objects of a rule: as it is configured, and
// by the schema.
func (s *schema) operations(c *Config, o *Object, r *rule, key string) error {
	var errs []error
	if c := o.Create; c != nil && c.Operation != "" {
		if f, _ := s.fieldNamed(c.Operation); f != nil {
			f.acts = append(f.acts, act{r, create, nil})
		} else {
			errs = append(errs, &gatehouse.Fault{Key: key + ".create.operation", Says: fmt.Sprintf("the schema has no field %s", c.Operation), Fix: "Mutation.makeOrder"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Operations)) {
		a := action(slices.Index(actionNames[:], name))
		k := key + ".operations." + name
		if a >= actions {
			errs = append(errs, &gatehouse.Fault{Key: k, Says: "there is no such action", Fix: "read, update, delete or create"})
			continue
		}
		for _, entry := range o.Operations[name] {
			f, path := s.fieldNamed(entry)
			ids := s.idsOf(f)
			switch {
			case f == nil:
				errs = append(errs, &gatehouse.Fault{Key: k, Says: fmt.Sprintf("the schema has no field %s", entry), Fix: "Mutation.updateOrder, or Mutation.updateOrder(input.id)"})
			case a == create:
				f.acts = append(f.acts, act{r, create, nil})
			case path != nil && !leadsTo(s, f, path):
				errs = append(errs, &gatehouse.Fault{Key: k, Says: entry + " names no argument", Fix: "Type.field(argument)"})
			case path != nil:
				f.acts = append(f.acts, act{r, a, path})
			case len(ids) == 0:
				errs = append(errs, &gatehouse.Fault{Key: k, Says: entry + " has no argument that looks like an id", Fix: entry + "(argument)"})
			default:
				for _, path := range ids {
					f.acts = append(f.acts, act{r, a, path})
				}
			}
		}
	}
	argument := strings.TrimPrefix(o.ID, "args.")
	if s.ast.Mutation != nil {
		s.derive(c, r, s.types[s.ast.Mutation.Name])
	}
	return errors.Join(append(errs, s.lookupOf(o, r, key, argument))...)
}

// derive has mutations that return an object, and name one, change it; and those that
// name none make it. What a waiver speaks of names no object.
func (s *schema) derive(c *Config, r *rule, m *typ) {
	for _, f := range m.fields {
		at := m.name + "." + f.name
		if len(f.acts) > 0 || !returns(f.out, r.of) || c.NoObject[at] != nil {
			continue
		}
		ids := slices.DeleteFunc(s.idsOf(f), func(path []string) bool { return c.NoObject[at+"("+strings.Join(path, ".")+")"] != nil })
		name := strings.ToLower(f.name)
		switch {
		case len(ids) == 0:
			f.acts = append(f.acts, act{r, create, nil})
		case len(ids) > 1: // which of them names the object must be said
		case strings.HasPrefix(name, "delete") || strings.HasPrefix(name, "remove"):
			f.acts = append(f.acts, act{r, remove, ids[0]})
		default:
			f.acts = append(f.acts, act{r, update, ids[0]})
		}
	}
}

// returns reports whether a type is the other, or a payload that has it as a field.
func returns(t, of *typ) bool {
	if t == of {
		return true
	}
	if t.abstract || !t.composite || t.rule != nil {
		return false
	}
	for _, f := range t.fields {
		if f.out == of {
			return true
		}
	}
	return false
}

// lookupOf finds the field by which one object is read, where something needs it.
func (s *schema) lookupOf(o *Object, r *rule, key, argument string) error {
	if r.mapped {
		return nil
	}
	query := s.types[s.ast.Query.Name]
	var found []*field
	for _, name := range slices.Sorted(maps.Keys(query.fields)) {
		f := query.fields[name]
		if o.Lookup != "" && strings.TrimPrefix(o.Lookup, query.name+".") != name || f.out != r.of || f.list {
			continue
		}
		required := slices.DeleteFunc(slices.Clone(f.def.Arguments), func(a *ast.ArgumentDefinition) bool {
			return a.Name != argument && (argument != "" || !idLike(a.Name, a.Type)) && !(a.Type.NonNull && a.DefaultValue == nil)
		})
		if len(required) == 1 && required[0].Type.NamedType != "" {
			found = append(found, f)
			r.lookup, r.argument = f, required[0].Name
		}
	}
	needed := false
	for _, t := range s.types {
		for _, f := range t.fields {
			needed = needed || slices.ContainsFunc(f.acts, func(a act) bool { return a.rule == r && a.path != nil })
		}
	}
	switch {
	case o.Lookup != "" && len(found) == 0:
		return &gatehouse.Fault{Key: key + ".lookup", Says: fmt.Sprintf("%s is no field of the query type that returns one %s and takes its id alone", o.Lookup, r.of.name), Fix: "lookup: order"}
	case needed && len(found) != 1:
		return &gatehouse.Fault{Key: key + ".lookup", Says: fmt.Sprintf("what changes a %s must know its owner before, and %d fields of the query type read one by its id", r.of.name, len(found)), Fix: "lookup: the one to ask, or before: owners"}
	}
	return nil
}

// fieldNamed returns the field that "Type.field" or "Type.field(argument.member)"
// names, or nil, and the path of the argument.
func (s *schema) fieldNamed(text string) (*field, []string) {
	var path []string
	name, rest, ok := strings.Cut(text, "(")
	if ok {
		path = strings.Split(strings.TrimSuffix(rest, ")"), ".")
	}
	of, name, _ := strings.Cut(name, ".")
	t := s.types[of]
	if t == nil || !t.composite {
		return nil, nil
	}
	return t.fields[name], path
}

// leadsTo reports whether a field has an argument at the path.
func leadsTo(s *schema, f *field, path []string) bool {
	arg := f.def.Arguments.ForName(path[0])
	if arg == nil {
		return false
	}
	t := s.types[arg.Type.Name()]
	for _, name := range path[1:] {
		m := t.fields[name]
		if t.def.Kind != ast.InputObject || m == nil {
			return false
		}
		t = m.out
	}
	return true
}

// idsOf returns the paths of the arguments of a field that name objects.
func (s *schema) idsOf(f *field) (paths [][]string) {
	if f == nil {
		return nil
	}
	for _, a := range f.def.Arguments {
		paths = append(paths, s.idsIn([]string{a.Name}, a.Type)...)
	}
	return paths
}

// inputDepth is how deep ids are looked for in input objects.
const inputDepth = 5

func (s *schema) idsIn(path []string, t *ast.Type) (paths [][]string) {
	of := s.types[t.Name()]
	if of.def.Kind != ast.InputObject {
		if idLike(path[len(path)-1], t) {
			paths = append(paths, path)
		}
		return paths
	}
	if len(path) >= inputDepth {
		return nil
	}
	for _, m := range of.def.Fields {
		paths = append(paths, s.idsIn(append(slices.Clone(path), m.Name), m.Type)...)
	}
	return paths
}

// idLike reports whether an argument names an object: by its type, or by its name
// where it is text or a number.
func idLike(name string, t *ast.Type) bool {
	switch t.Name() {
	case "ID", "_Any":
		return true
	case "Boolean", "Float":
		return false
	}
	for _, end := range [...]string{"Id", "ID", "Ids", "IDs", "_id", "_ids", "Uuid", "UUID", "_uuid"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return slices.Contains([]string{"id", "ids", "uuid", "uuids", "representations"}, name)
}

// covered refuses a field that names objects by their ids and for which nothing says
// whose they are: the place where broken object level authorization lives.
func (s *schema) covered(c *Config, b *gatehouse.Build) error {
	var errs []error
	waived := map[string]bool{}
	for _, entry := range slices.Sorted(maps.Keys(c.NoObject)) {
		f, path := s.fieldNamed(entry)
		if w := c.NoObject[entry]; f == nil || path != nil && !leadsTo(s, f, path) {
			errs = append(errs, &gatehouse.Fault{Key: "no_object." + entry, Says: "the schema has no such field", Fix: "Query.field, or Query.field(argument)"})
		} else if w == nil || w.Expired(b.Now()) {
			errs = append(errs, &gatehouse.Fault{Key: "no_object." + entry, Says: "the waiver has ended", Fix: "an object for this field, or a new date"})
		}
		waived[entry] = true
	}
	for _, name := range slices.Sorted(maps.Keys(s.types)) {
		t := s.types[name]
		if !t.composite || strings.HasPrefix(name, "__") {
			continue
		}
		for _, def := range t.def.Fields {
			f := t.fields[def.Name]
			if strings.HasPrefix(f.name, "__") || waived[name+"."+f.name] {
				continue
			}
			for _, path := range s.idsOf(f) {
				at := strings.Join(path, ".")
				if waived[name+"."+f.name+"("+at+")"] || s.answers(f, path) {
					continue
				}
				errs = append(errs, &gatehouse.Fault{
					Key:  "objects",
					Says: fmt.Sprintf("%s.%s names an object by %s, and nothing says whose it is", name, f.name, at),
					Fix:  fmt.Sprintf("objects: {%s: {owner: response.FIELD}}, objects.TYPE.operations: {update: [\"%s.%s(%s)\"]}, or no_object: {%s.%s: {because: why, owner: who@example.com, until: 2027-06-30}}", f.out.name, name, f.name, at, name, f.name),
				})
			}
		}
	}
	return errors.Join(errs...)
}

// answers reports whether something says whose the object is that an argument names:
// a rule before, or, for what only reads, the rule of everything that may come back.
func (s *schema) answers(f *field, path []string) bool {
	if slices.ContainsFunc(f.acts, func(a act) bool { return slices.Equal(a.path, path) }) {
		return true
	}
	return (s.ast.Mutation == nil || f.of.name != s.ast.Mutation.Name) && f.out.guarded()
}
