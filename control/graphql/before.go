package graphql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/store"
)

// What the trail has for those who pass.
var (
	byFields = gatehouse.Grant("graphql.fields")
	looked   = gatehouse.PassBy("graphql.looked")
	verified = gatehouse.PassBy("graphql.verified")
)

// errNoState is returned when whose an object is could not be found out.
var errNoState = errors.New("graphql: the object's present state could not be read")

// maxTouched bounds the objects that one request may change.
const maxTouched = 50

// touch is a field of an operation that does something to objects, with the value of
// the argument that names them.
type touch struct {
	act   act
	value *ast.Value // nil where the argument is left out
	field *ast.Field
}

// touched is one object that a request does something to.
type touched struct {
	rule   *rule
	action action
	id     string
}

// touches collects what a selection does to objects before anything comes back of
// them: reading what has a rule of its own is left to that.
type touches struct {
	s    *schema
	doc  *ast.QueryDocument
	seen []*ast.FragmentDefinition
	list []touch
}

func (t *touches) of(set ast.SelectionSet, on *typ) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if f := on.fields[s.Name]; f != nil {
				t.field(s, f)
				t.of(s.SelectionSet, f.out)
			}
		case *ast.InlineFragment:
			to := on
			if s.TypeCondition != "" {
				to = t.s.types[s.TypeCondition]
			}
			t.of(s.SelectionSet, to)
		case *ast.FragmentSpread:
			if f := t.doc.Fragments.ForName(s.Name); f != nil && !slices.Contains(t.seen, f) {
				t.seen = append(t.seen, f)
				t.of(f.SelectionSet, t.s.types[f.TypeCondition])
			}
		}
	}
}

func (t *touches) field(s *ast.Field, f *field) {
	for _, a := range f.acts {
		one := touch{act: a, field: s}
		if a.path != nil {
			if arg := s.Arguments.ForName(a.path[0]); arg != nil {
				one.value = arg.Value
			} else if def := f.def.Arguments.ForName(a.path[0]); def != nil {
				one.value = def.DefaultValue
			}
		}
		if a.action != read || !f.out.guarded() {
			t.list = append(t.list, one)
		}
	}
}

// ids calls f for every id that a value holds at a path, and reports whether there was
// none that could not be read.
func (o *asking) ids(d *jsonwalk.Doc, v *ast.Value, path []string, f func(id string)) bool {
	if v == nil {
		return false
	}
	switch v.Kind {
	case ast.Variable:
		if o.variables != jsonwalk.Missing {
			if n := d.Member(o.variables, v.Raw); n != jsonwalk.Missing {
				return idsIn(d, n, path, f)
			}
		}
		def := o.op.def.VariableDefinitions.ForName(v.Raw)
		return def != nil && def.DefaultValue != nil && o.ids(d, def.DefaultValue, path, f)
	case ast.ListValue:
		for _, c := range v.Children {
			if !o.ids(d, c.Value, path, f) {
				return false
			}
		}
		return true
	case ast.ObjectValue:
		return len(path) > 0 && o.ids(d, v.Children.ForName(path[0]), path[1:], f)
	case ast.StringValue, ast.BlockValue, ast.IntValue, ast.EnumValue:
		f(v.Raw)
		return len(path) == 0
	}
	return false
}

// idsIn is ids for what stands in the variables.
func idsIn(d *jsonwalk.Doc, n int, path []string, f func(id string)) bool {
	switch d.Kind(n) {
	case jsonwalk.Array:
		for c, end := n+1, d.Next(n); c < end; c = d.Next(c) {
			if !idsIn(d, c, path, f) {
				return false
			}
		}
		return true
	case jsonwalk.Object:
		if len(path) == 0 {
			return false
		}
		m := d.Member(n, path[0])
		return m != jsonwalk.Missing && idsIn(d, m, path[1:], f)
	case jsonwalk.String:
		f(string(d.Text(n)))
		return len(path) == 0
	case jsonwalk.Number:
		i, ok := integer(d, n)
		f(fmt.Sprint(i))
		return ok && len(path) == 0
	}
	return false
}

// before judges what a request does to objects as far as the upstream need not be
// asked, and notes which it must be asked for.
func (k *check) before(ctx context.Context, x *gatehouse.Exchange, a *asked) (*refusal, error) {
	a.touched = a.touched[:0]
	ask := k.asker(ctx, x)
	for i := range a.list {
		one := &a.list[i]
		for j := range one.op.touches {
			t := &one.op.touches[j]
			r := t.act.rule
			ownOnes, others := r.stands(x.Principal, t.act.action)
			if !ownOnes && !others && (r.acts[t.act.action] == nil || !r.admits(x.Principal)) {
				return refuse(notAllowed, t.field.Name), nil
			}
			if t.act.action >= update && r.spoofed(one, a.doc, t.field, x.Principal, others) {
				return refuse(ownerSpoofed, t.field.Name), nil
			}
			if t.act.path == nil {
				if found, why := r.creates(ask, k.schema, one, a.doc, t.field, x.Principal); found != own {
					return refuse(notAllowed, said(t.field.Name, why)), nil
				}
				continue
			}
			add := func(id string) { a.touched = append(a.touched, touched{r, t.act.action, id}) }
			if !one.ids(a.doc, t.value, t.act.path[1:], add) {
				return refuse(unnamed, t.field.Name), nil
			}
		}
	}
	if len(a.touched) > maxTouched {
		return refuse(tooManyObjects, ""), nil
	}
	for i := range a.touched {
		if !a.touched[i].rule.mapped {
			continue
		}
		if why, err := k.mapped(ctx, ask, &a.touched[i], x.Principal); why != nil || err != nil {
			return why, err
		}
	}
	return nil, nil
}

// mapped compares an object with the caller by our own map of owners. What is not in
// it belongs to nobody who asks.
func (k *check) mapped(ctx context.Context, ask *asker, t *touched, who *gatehouse.Principal) (*refusal, error) {
	o, err := k.owners.Owner(ctx, t.rule.kind, t.id)
	if errors.Is(err, store.ErrNotFound) {
		return t.rule.refused(""), nil
	}
	if err != nil {
		return nil, fmt.Errorf("graphql: whose an object is: %w", err)
	}
	if t.rule.acts[t.action] != nil {
		if found, why := t.rule.decideMapped(ask, o, t.id, who, t.action); found != own {
			return t.rule.refused(why), nil
		}
		return nil, nil
	}
	_, others := t.rule.stands(who, t.action)
	if t.rule.tenant != nil && o.Tenant != who.Tenant || !others && o.Owner != who.ID {
		return t.rule.refused(""), nil
	}
	return nil, nil
}

// refused is the refusal of somebody else's object.
func (r *rule) refused(why string) *refusal {
	if r.hide {
		return refuse(notFound, said(r.of.name, why))
	}
	return refuse(foreign, said(r.of.name, why))
}

// spoofed reports whether the arguments of a field name somebody else as owner or
// tenant. A role may name any owner inside the tenant.
func (r *rule) spoofed(o *asking, d *jsonwalk.Doc, s *ast.Field, who *gatehouse.Principal, others bool) bool {
	names := func(path []string, id string) bool {
		if len(path) != 1 {
			return false
		}
		return slices.ContainsFunc(s.Arguments, func(a *ast.Argument) bool { return o.names(d, a.Name, a.Value, path[0], id) })
	}
	return names(r.tenant, who.Tenant) || !others && names(r.owner, who.ID)
}

// names reports whether a value called name, or a member of it at any depth, is
// called what and is not the id.
func (o *asking) names(d *jsonwalk.Doc, name string, v *ast.Value, what, id string) bool {
	switch v.Kind {
	case ast.Variable:
		if o.variables != jsonwalk.Missing {
			if n := d.Member(o.variables, v.Raw); n != jsonwalk.Missing {
				return namesIn(d, name, n, what, id)
			}
		}
		def := o.op.def.VariableDefinitions.ForName(v.Raw)
		return def != nil && def.DefaultValue != nil && o.names(d, name, def.DefaultValue, what, id)
	case ast.ListValue, ast.ObjectValue:
		return slices.ContainsFunc(v.Children, func(c *ast.ChildValue) bool {
			if v.Kind == ast.ListValue {
				return o.names(d, name, c.Value, what, id)
			}
			return o.names(d, c.Name, c.Value, what, id)
		})
	}
	return name == what && (v.Raw != id || v.Kind == ast.NullValue)
}

func namesIn(d *jsonwalk.Doc, name string, n int, what, id string) bool {
	if kind := d.Kind(n); kind == jsonwalk.Array || kind == jsonwalk.Object {
		for c, end := n+1, d.Next(n); c < end; c = d.Next(c) {
			called := name
			if kind == jsonwalk.Object {
				called = string(d.Name(c))
			}
			if namesIn(d, called, c, what, id) {
				return true
			}
		}
		return false
	}
	return name == what && (string(d.Text(n)) != id || d.Kind(n) == jsonwalk.Null)
}

// ask says how the upstream is asked for what the request does something to: all of it
// by one query.
func (k *check) ask(x *gatehouse.Exchange) {
	a := borrow(x)
	var vars, fields, values strings.Builder
	for i, t := range a.touched {
		if t.rule.mapped {
			continue
		}
		arg := t.rule.lookup.def.Arguments.ForName(t.rule.argument)
		fmt.Fprintf(&vars, "$i%d:%s ", i, arg.Type)
		fmt.Fprintf(&fields, "o%d:%s(%s:$i%d){%s} ", i, t.rule.lookup.name, t.rule.argument, i, t.rule.of.inject)
		if values.Len() > 0 {
			values.WriteByte(',')
		}
		fmt.Fprintf(&values, `"i%d":`, i)
		if arg.Type.Name() == "Int" {
			values.WriteString(t.id)
		} else {
			values.Write(appendQuoted(nil, t.id))
		}
	}
	if vars.Len() == 0 {
		return
	}
	b := append(x.Lookup.Send[:0], `{"query":`...)
	b = appendQuoted(b, "query "+lookupName+"("+strings.TrimSpace(vars.String())+"){"+strings.TrimSpace(fields.String())+"}")
	b = append(append(b, `,"operationName":"`+lookupName+`","variables":{`...), values.String()...)
	x.Lookup.Send = append(b, "}}"...)
	x.Lookup.Path = x.Request.Path
	x.Request.Forward.Set("accept-encoding", "identity")
}

// lookupName is the name of the operation that asks for the state of objects.
const lookupName = "GatehouseLookup"

// looked compares the objects' present state with the caller before the request goes
// on.
func (k *check) looked(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	a := borrow(x)
	if !slices.ContainsFunc(a.touched, func(t touched) bool { return !t.rule.mapped }) {
		return gatehouse.Pass, nil
	}
	if x.Lookup.Status != 200 {
		return gatehouse.Verdict{}, errNoState
	}
	d, err := jsonwalk.Of(&x.Lookup.Parsed, x.Lookup.Body, limits)
	if err != nil || d.Kind(0) != jsonwalk.Object {
		return gatehouse.Verdict{}, errNoState
	}
	data := d.Member(0, "data")
	if data == jsonwalk.Missing || d.Kind(data) != jsonwalk.Object {
		return gatehouse.Verdict{}, errNoState
	}
	ask := k.asker(ctx, x)
	for i, t := range a.touched {
		if t.rule.mapped {
			continue
		}
		n := d.Member(data, fmt.Sprint("o", i))
		if n == jsonwalk.Missing {
			return gatehouse.Verdict{}, errNoState
		}
		if d.Kind(n) == jsonwalk.Null {
			return gatehouse.Deny(notFound).Because(t.rule.of.name), nil
		}
		if d.Kind(n) != jsonwalk.Object {
			return gatehouse.Verdict{}, errNoState
		}
		found, says := t.rule.decide(ask, d, n, x.Principal, t.action)
		switch found {
		case own:
		case foreignObject:
			why := t.rule.refused(says)
			return gatehouse.Deny(why.answer).Because(why.because), nil
		default:
			return gatehouse.Verdict{}, errNoState
		}
	}
	return looked, nil
}
