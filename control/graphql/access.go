package graphql

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/gatehouse-api/gatehouse"
)

// need is what is demanded of who asks for something: by the schema, and by policies.
type need struct {
	what          string // "Order.total"
	place         string // of the schema: "shop.graphql:12:3"
	authenticated bool
	scopes        [][]string // one of the lists, whole
	policies      [][]*named // likewise
	bare          bool       // the schema demands nothing
	asked         bool       // policies written by hand decide
}

// named is a policy that the schema names and the configuration declares: it holds
// for callers of whom one entry is true.
type named struct {
	name          string
	roles, scopes []string
}

func (p *named) holds(who *gatehouse.Principal) bool {
	return slices.ContainsFunc(p.roles, who.HasRole) || slices.ContainsFunc(p.scopes, who.HasScope)
}

// met reports whether a caller, nil for nobody, meets the need.
func (n *need) met(who *gatehouse.Principal) bool {
	if who == nil || who.ID == "" {
		return false
	}
	return (n.scopes == nil || slices.ContainsFunc(n.scopes, func(all []string) bool {
		return !slices.ContainsFunc(all, func(s string) bool { return !who.HasScope(s) })
	})) && (n.policies == nil || slices.ContainsFunc(n.policies, func(all []*named) bool {
		return !slices.ContainsFunc(all, func(p *named) bool { return !p.holds(who) })
	}))
}

// sayings is who says something of types and fields, beside the schema.
type sayings struct {
	named func(name string) *named // what a name of @policy means; nil is nothing
	asked func(what string) bool   // policies written by hand speak of it
}

// accessible reads what the directives of the schema demand: @authenticated,
// @requiresScopes and @policy, as Apollo Federation has them. Of lists of lists, one
// of the outer ones must be met in whole. What an interface demands is demanded of
// what implements it.
func (s *schema) accessible(file string, says sayings) error {
	var errs []error
	own := func(list ast.DirectiveList, what string, p *ast.Position) []*need {
		n, err := needOf(list, what, says.named)
		if err != nil {
			errs = append(errs, at(file, p, err))
		}
		asked := says.asked(what)
		if n == nil {
			if !asked {
				return nil
			}
			n = &need{what: what, bare: true}
		}
		if n.asked, n.place = asked, file; p != nil {
			n.place = fmt.Sprintf("%s:%d:%d", file, p.Line, p.Column)
		}
		return []*need{n}
	}
	for _, name := range slices.Sorted(maps.Keys(s.types)) {
		t := s.types[name]
		t.needs = own(t.def.Directives, name, t.def.Position)
		for _, def := range t.def.Fields {
			t.fields[def.Name].needs = own(def.Directives, name+"."+def.Name, def.Position)
		}
	}
	inherited := map[*typ]bool{}
	for _, t := range s.types {
		s.inherit(t, inherited)
	}
	return errors.Join(errs...)
}

// inherit adds what the interfaces of a type demand.
func (s *schema) inherit(t *typ, done map[*typ]bool) {
	if done[t] {
		return
	}
	done[t] = true
	for _, name := range t.def.Interfaces {
		i := s.types[name]
		if i == nil {
			continue
		}
		s.inherit(i, done)
		t.needs = union(t.needs, i.needs)
		for n, f := range i.fields {
			if own := t.fields[n]; own != nil {
				own.needs = union(own.needs, f.needs)
			}
		}
	}
}

func union(a, b []*need) []*need {
	out := slices.Clone(a)
	for _, n := range b {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func needOf(list ast.DirectiveList, what string, meant func(string) *named) (*need, error) {
	n := &need{what: what, authenticated: directive(list, "authenticated") != nil}
	scopes, err := alternatives(list, "requiresScopes", "scopes")
	if err != nil {
		return nil, err
	}
	n.scopes = scopes
	names, err := alternatives(list, "policy", "policies")
	if err != nil {
		return nil, err
	}
	for _, all := range names {
		var list []*named
		for _, name := range all {
			p := meant(name)
			if p == nil {
				return nil, fmt.Errorf("@policy names %q, which policies does not declare", name)
			}
			list = append(list, p)
		}
		n.policies = append(n.policies, list)
	}
	if !n.authenticated && n.scopes == nil && n.policies == nil {
		return nil, nil
	}
	return n, nil
}

// alternatives reads the list of lists that a directive holds, or nil without it.
func alternatives(list ast.DirectiveList, name, argument string) ([][]string, error) {
	d := directive(list, name)
	if d == nil {
		return nil, nil
	}
	says := fmt.Errorf("@%s needs %s: [[\"a\", \"b\"], [\"c\"]]: one of the inner lists must be met in whole", name, argument)
	arg := d.Arguments.ForName(argument)
	if arg == nil || arg.Value.Kind != ast.ListValue || len(arg.Value.Children) == 0 {
		return nil, says
	}
	var out [][]string
	for _, inner := range arg.Value.Children {
		if inner.Value.Kind != ast.ListValue || len(inner.Value.Children) == 0 {
			return nil, says
		}
		var all []string
		for _, c := range inner.Value.Children {
			if c.Value.Kind != ast.StringValue && c.Value.Kind != ast.BlockValue || c.Value.Raw == "" {
				return nil, says
			}
			all = append(all, c.Value.Raw)
		}
		out = append(out, all)
	}
	return out, nil
}

// declared returns the policies of the configuration.
func (c *Config) declared() (map[string]*named, error) {
	out := map[string]*named{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
		p := &named{name: name}
		for _, entry := range c.Policies[name] {
			if role, ok := strings.CutPrefix(entry, "role:"); ok && role != "" {
				p.roles = append(p.roles, role)
			} else if scope, ok := strings.CutPrefix(entry, "scope:"); ok && scope != "" {
				p.scopes = append(p.scopes, scope)
			} else {
				errs = append(errs, &gatehouse.Fault{Key: "policies." + name, Says: fmt.Sprintf("%q is nobody", entry), Fix: "role:NAME or scope:NAME"})
			}
		}
		out[name] = p
	}
	return out, errors.Join(errs...)
}

// demands collects what the schema demands for everything that a selection names.
type demands struct {
	s     *schema
	doc   *ast.QueryDocument
	seen  []*ast.FragmentDefinition
	needs []*need
}

func (d *demands) of(set ast.SelectionSet, t *typ) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			d.field(s, t)
		case *ast.InlineFragment:
			on := t
			if s.TypeCondition != "" {
				on = d.s.types[s.TypeCondition]
			}
			d.of(s.SelectionSet, on)
		case *ast.FragmentSpread:
			f := d.doc.Fragments.ForName(s.Name)
			if f != nil && !slices.Contains(d.seen, f) {
				d.seen = append(d.seen, f)
				d.of(f.SelectionSet, d.s.types[f.TypeCondition])
			}
		}
	}
}

// field adds what one field demands: its type's, its own, and that of what it
// returns. Where a value may be of several types, each may be the one.
func (d *demands) field(s *ast.Field, t *typ) {
	if t == nil {
		return
	}
	d.add(t.needs)
	f := t.fields[s.Name]
	if f == nil {
		return
	}
	d.add(f.needs)
	if t.abstract {
		for _, p := range t.possible {
			if own := p.fields[s.Name]; own != nil {
				d.add(p.needs)
				d.add(own.needs)
			}
		}
	}
	d.add(f.out.needs)
	if f.out.abstract {
		for _, p := range f.out.possible {
			d.add(p.needs)
		}
	}
	d.of(s.SelectionSet, f.out)
}

func (d *demands) add(list []*need) {
	for _, n := range list {
		if !slices.Contains(d.needs, n) {
			d.needs = append(d.needs, n)
		}
	}
}

// open returns the fields of the root that are selected and of which neither the schema
// nor a rule for objects says who may ask for them.
func (d *demands) open(set ast.SelectionSet, root *typ) (names []string) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			f := root.fields[s.Name]
			if f == nil || !demanded(root.needs) && !demanded(f.needs) && len(f.acts) == 0 && !f.out.guarded() {
				names = append(names, root.name+"."+s.Name)
			}
		case *ast.InlineFragment:
			names = append(names, d.open(s.SelectionSet, root)...)
		case *ast.FragmentSpread:
			if f := d.doc.Fragments.ForName(s.Name); f != nil {
				names = append(names, d.open(f.SelectionSet, root)...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// demanded reports whether the schema demands something.
func demanded(list []*need) bool {
	return slices.ContainsFunc(list, func(n *need) bool { return !n.bare })
}

// authorize judges who asks for what, before the upstream is asked.
func (k *check) authorize(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	a := borrow(x)
	if len(a.list) == 0 {
		return gatehouse.Verdict{}, errNotJudged
	}
	grants := true
	for i := range a.list {
		op := a.list[i].op
		for _, n := range op.needs {
			if !n.met(x.Principal) {
				return gatehouse.Deny(notAllowed).Because(n.what), nil
			}
		}
		ok, why := k.selects(x, op)
		if why != nil {
			return gatehouse.Deny(notAllowed).Because(why.because), nil
		}
		grants = grants && ok
	}
	if k.acts {
		why, err := k.before(ctx, x, a)
		if err != nil {
			return gatehouse.Verdict{}, err
		}
		if why != nil {
			return gatehouse.Deny(why.answer).Because(why.because), nil
		}
	}
	if grants {
		return byFields, nil
	}
	return gatehouse.Pass, nil
}
