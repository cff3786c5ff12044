package graphql

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/gatehouse-api/gatehouse"
	callers "github.com/gatehouse-api/gatehouse/control/internal/asked"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// Hold implements [policy.Holder].
func (c *Config) Hold(p *policy.Policy) { c.policy = p }

// Authorize implements [policy.Authorizer]: to the model of the API it adds what the
// schema demands.
func (c *Config) Authorize(m *policy.Model) error {
	if c.Schema == "" {
		return nil
	}
	file := filepath.Base(string(c.Schema))
	s, err := loadSchema(c.Schema)
	if err != nil {
		return err
	}
	everything := sayings{named: func(name string) *named { return &named{name: name} }, asked: func(string) bool { return true }}
	if err := s.accessible(file, everything); err != nil {
		return err
	}
	m.Graph = &policy.Graph{File: file, Types: s.modelled(c), Policies: c.Policies, Asked: map[string][]string{}}
	for name, t := range s.types {
		if strings.HasPrefix(name, "__") {
			continue
		}
		m.Graph.Demands = append(m.Graph.Demands, demandsOf(t.needs, name)...)
		if !t.composite {
			continue
		}
		for field, f := range t.fields {
			if strings.HasPrefix(field, "__") {
				continue
			}
			what := name + "." + field
			m.Graph.Demands = append(m.Graph.Demands, demandsOf(f.needs, what)...)
			d := demands{s: s}
			d.field(&ast.Field{Name: field}, t)
			for _, n := range d.needs {
				m.Graph.Asked[what] = append(m.Graph.Asked[what], n.what)
			}
		}
	}
	for _, op := range m.Operations {
		if m.Graph.Operation == "" && op.Method() == "POST" && (len(c.Operations) == 0 && op.Template() == c.Path || slices.Contains(c.Operations, op.ID())) {
			m.Graph.Operation = op.ID()
		}
	}
	slices.SortFunc(m.Graph.Demands, func(a, b policy.Demand) int { return strings.Compare(a.Field, b.Field) })
	return nil
}

// demandsOf returns what the schema itself demands under a name.
func demandsOf(needs []*need, what string) []policy.Demand {
	i := slices.IndexFunc(needs, func(n *need) bool { return n.what == what && !n.bare })
	if i < 0 {
		return nil
	}
	n := needs[i]
	d := policy.Demand{Field: what, Place: n.place, Authenticated: n.authenticated, Scopes: n.scopes}
	for _, all := range n.policies {
		var names []string
		for _, p := range all {
			names = append(names, p.name)
		}
		d.Policies = append(d.Policies, names)
	}
	return []policy.Demand{d}
}

// sayings returns what the configuration and the API's policies say beside the schema.
func (c *Config) sayings(b *gatehouse.Build) (sayings, error) {
	declared, err := c.declared()
	says := sayings{named: func(name string) *named { return declared[name] }, asked: func(string) bool { return false }}
	if c.policy == nil {
		return says, err
	}
	says.named = func(name string) *named {
		if p := declared[name]; p != nil {
			return p
		}
		if c.policy.Named(name) == nil {
			return nil
		}
		return &named{name: name} // policies say for whom it holds
	}
	says.asked = func(what string) bool {
		// Where nobody has to be anybody, only what a policy names is asked about.
		return c.policy.Selects(what) && (b.Public == nil || c.policy.Field(what) != c.policy.Field("") || len(c.policy.Demanded(what)) > 0)
	}
	return says, err
}

// facts begins to ask the policies for the caller of an exchange.
func (k *check) facts(x *gatehouse.Exchange) (*policy.Facts, error) {
	p := x.Principal
	if p == nil || p.ID == "" {
		return nil, errNobody
	}
	s, err := callers.Subject(k.policy, p)
	if err != nil {
		return nil, err
	}
	return &policy.Facts{Subject: s, Path: &x.Request, At: x.At, Address: x.Conn.Client, Operation: k.operation}, nil
}

// errNobody is why policies have nobody to decide about.
var errNobody = errors.New("graphql: nobody is known to ask")

// selects asks the policies about what an operation selects, where some were written
// by hand for it. It reports whether every field of the root is granted, by the schema,
// a rule for objects or such a policy.
func (k *check) selects(x *gatehouse.Exchange, op *operation) (granted bool, why *refusal) {
	if len(op.asks) == 0 {
		return len(op.open) == 0, nil
	}
	f, err := k.facts(x)
	if err != nil {
		return false, refuse(notAllowed, err.Error())
	}
	byHand := 0
	for _, n := range op.asks {
		d := k.policy.Select(n.what, f, nil)
		switch err := d.Err(); {
		case err != nil:
			return false, refuse(notAllowed, n.what+": "+err.Error())
		case !d.Allowed:
			return false, refuse(notAllowed, n.what+": "+callers.Why(d))
		}
		if slices.Contains(op.open, n.what) && k.policy.ByHand(d) {
			byHand++
		}
	}
	return byHand == len(op.open), nil
}
