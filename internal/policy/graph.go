package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// Graph is what the GraphQL schema of an API says of authorization.
type Graph struct {
	File      string   // of the schema
	Operation string   // by which it is spoken, or "" where that is not known
	Demands   []Demand // of types and fields, in the order of their names
	// Asked holds, by field, the names that are decided on where it is selected: its
	// own, its type's, that of what it returns, and those of the interfaces that they
	// are of.
	Asked map[string][]string
	Types []GraphType // that have a rule under objects
	// Policies holds the names of @policy that the configuration declares: for callers
	// with one of the entries, "role:NAME" or "scope:NAME".
	Policies map[string][]string
}

// Demand is what the schema demands of who selects one type or field: @authenticated,
// @requiresScopes and @policy.
type Demand struct {
	Field         string // "Order.total", or a type's name: "Order"
	Place         string // "shop.graphql:12:3"
	Authenticated bool
	Scopes        [][]string // one of the lists, whole
	Policies      [][]string // likewise
}

// Authorizer is a control whose own files say something of authorization. The
// configuration asks it before it compiles the API's policy. The error holds what is
// wrong with the files.
type Authorizer interface{ Authorize(*Model) error }

const fieldType cedar.EntityType = "Field"

const (
	selectAction = "select"
	policyPrefix = "policy." // of the actions that names of @policy are
)

// names returns every name of @policy, declared or demanded, sorted.
func (g *Graph) names() []string {
	all := slices.Collect(maps.Keys(g.Policies))
	for _, d := range g.Demands {
		for _, list := range d.Policies {
			all = append(all, list...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// place is where the schema first names a policy.
func (g *Graph) place(name string) string {
	for _, d := range g.Demands {
		if slices.ContainsFunc(d.Policies, func(list []string) bool { return slices.Contains(list, name) }) {
			return d.Place
		}
	}
	return g.File
}

// fields returns the names of all types and fields that are decided on, sorted.
func (g *Graph) fields() []string {
	known := map[string]bool{}
	for field, asked := range g.Asked {
		known[field] = true
		for _, name := range asked {
			known[name] = true
		}
	}
	return slices.Sorted(maps.Keys(known))
}

// graphSchema writes what policies can speak of beside objects and operations.
func (p *Policy) graphSchema(b *strings.Builder) {
	if p.graph == nil {
		return
	}
	fmt.Fprintf(b, "\n// %s: types and fields, as Field::\"Order.total\"; and names of @policy\nentity %s;\n", printed(p.graph.File), fieldType)
	action(b, selectAction, "", fieldType, nil, "policies: Set<String>")
	for _, name := range p.graph.names() {
		action(b, policyPrefix+name, "", apiType, nil)
	}
}

// graphed writes what the GraphQL schema demands. A demand forbids, so that no permit
// of others goes around it.
func (g *generator) graphed() {
	if g.graph == nil {
		return
	}
	fmt.Fprintf(&g.b, "\n// %s\n", printed(g.graph.File))
	selecting := "action == Action::" + quote(selectAction)
	g.write(statement{id: "fields", key: "graphql", reason: "every caller may select what nothing forbids, where the operation is granted", principal: "principal",
		actions: selecting, resource: "resource is " + string(fieldType)})
	for _, name := range slices.Sorted(maps.Keys(g.graph.Policies)) {
		g.declared(name, g.graph.Policies[name])
	}
	for i := range g.graph.Demands {
		d := &g.graph.Demands[i]
		demand := func(directive, unless string) {
			g.write(statement{id: "fields." + d.Field + "." + directive, key: "graphql.schema, at " + d.Place, reason: d.Place + " demands @" + directive + " for " + d.Field, forbid: true,
				principal: "principal", actions: selecting, resource: "resource == " + string(fieldType) + "::" + quote(d.Field), unless: unless})
		}
		if d.Authenticated {
			demand("authenticated", `principal.id != ""`)
		}
		if d.Scopes != nil {
			demand("requiresScopes", anyOf("principal.scopes", d.Scopes))
		}
		if d.Policies != nil {
			demand("policy", anyOf("context.policies", d.Policies))
		}
	}
}

// declared writes for whom a name of @policy holds, as the configuration says.
func (g *generator) declared(name string, entries []string) {
	for _, of := range [...]string{"role", "scope"} {
		var list []string
		for _, entry := range entries {
			if is, ok := strings.CutPrefix(entry, of+":"); ok && is != "" {
				list = append(list, quote(is))
			}
		}
		if len(list) == 0 {
			continue
		}
		g.write(statement{id: "policies." + name + "." + of, key: "graphql.policies." + name, reason: "the caller has a " + of + " for which the policy " + name + " holds", principal: "principal",
			actions: "action == Action::" + quote(policyPrefix+name), resource: "resource is " + string(apiType), when: "principal." + of + "s.containsAny([" + strings.Join(list, ", ") + "])"})
	}
}

// anyOf writes that a set holds all of one of the lists.
func anyOf(set string, lists [][]string) string {
	var b strings.Builder
	for i, list := range lists {
		if i > 0 {
			b.WriteString(" || ")
		}
		b.WriteString(set + ".containsAll([")
		for j, s := range list {
			if j > 0 {
				b.WriteString(", ")
			}
			b.WriteString(quote(s))
		}
		b.WriteString("])")
	}
	return b.String()
}

// graphKnown refuses policies that speak of fields that the schema does not have, and
// names of @policy for which nothing says when they hold.
func (p *Policy) graphKnown() (errs []error) {
	if p.graph == nil {
		return nil
	}
	fields := p.graph.fields()
	spoken := map[string]bool{}
	for _, r := range p.set.Policies() {
		if p.origins[r.ID] != "" {
			continue
		}
		for _, uid := range r.Entities() {
			name := string(uid.ID)
			if uid.Type == fieldType && !slices.Contains(fields, name) {
				fix := "a type or a field of " + p.graph.File + ", as Query.order"
				if near := words.Nearest(name, fields); near != "" {
					fix = string(fieldType) + "::" + quote(near)
				}
				errs = append(errs, &Fault{"policies", fmt.Sprintf("the policy %s at %s speaks of the field %q, and %s has no such", r.ID, r.Place(), name, p.graph.File), fix})
			}
			if of, ok := strings.CutPrefix(name, policyPrefix); ok && uid.Type == actionType && r.Permit {
				spoken[of] = true
			}
		}
	}
	for _, name := range p.graph.names() {
		if _, declared := p.graph.Policies[name]; !declared && !spoken[name] {
			errs = append(errs, &Fault{"graphql.policies", fmt.Sprintf("%s: @policy names %q, which policies does not declare", p.graph.place(name), name),
				fmt.Sprintf("policies: {%s: [\"role:NAME\"]} under graphql; or, in a file of the API's policies: permit(principal, action == Action::%s, resource);", name, quote(policyPrefix+name))})
		}
	}
	return errs
}

// graphTemplates makes the templates of fields and of names of @policy.
func (p *Policy) graphTemplates() {
	if p.graph == nil {
		return
	}
	p.anyField = p.template(selectAction, fieldType, nil)
	p.fields = map[string]*Template{}
	all := p.anyField.rules
	for _, r := range all.Policies() {
		if uid, ok := r.Resource(); ok && p.fields[string(uid.ID)] == nil {
			p.fields[string(uid.ID)] = p.about(all.About(uid))
		}
	}
	// What no policy names is decided on by those that name none.
	p.anyField = p.about(all.About(cedar.NewEntityUID(fieldType, "")))
	p.named = map[string]*Template{}
	for _, name := range p.graph.names() {
		p.named[name] = p.template(policyPrefix+name, apiType, nil)
	}
}

// about is the template of one field.
func (p *Policy) about(rules *cedar.Rules) *Template {
	t := p.ruled(selectAction, fieldType, rules, nil)
	t.holds = t.scene.Needs("policies")
	return t
}

// Fields returns the names of the types and fields of the API's GraphQL schema,
// sorted; none where it has no such schema.
func (p *Policy) Fields() []string {
	if p.graph == nil {
		return nil
	}
	return p.graph.fields()
}

// Restricted returns the types and fields of which the schema demands more than to be
// somebody, sorted.
func (p *Policy) Restricted() (names []string) {
	if p.graph == nil {
		return nil
	}
	for _, d := range p.graph.Demands {
		if d.Scopes != nil || d.Policies != nil {
			names = append(names, d.Field)
		}
	}
	return names
}

// Speaks returns the operation by which GraphQL is spoken, or "".
func (p *Policy) Speaks() string {
	if p.graph == nil {
		return ""
	}
	return p.graph.Operation
}

// Asked returns the names that are decided on where a field is selected.
func (p *Policy) Asked(field string) []string {
	if p.graph == nil {
		return nil
	}
	if asked := p.graph.Asked[field]; asked != nil {
		return asked
	}
	return []string{field}
}

// Field returns what has to be known for a decision on who selects a type or a field
// of the GraphQL schema, or nil where the API has no such schema.
func (p *Policy) Field(name string) *Template {
	if t := p.fields[name]; t != nil {
		return t
	}
	return p.anyField
}

// Demanded returns the names of @policy that the schema demands for a type or a
// field, each once.
func (p *Policy) Demanded(field string) (names []string) {
	if p.graph == nil {
		return nil
	}
	i, found := slices.BinarySearchFunc(p.graph.Demands, field, func(d Demand, name string) int { return strings.Compare(d.Field, name) })
	if !found {
		return nil
	}
	for _, list := range p.graph.Demands[i].Policies {
		names = append(names, list...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Named returns what has to be known to say whether a name of @policy holds for a
// caller, or nil where there is no such name.
func (p *Policy) Named(name string) *Template { return p.named[name] }

// Select decides whether a caller may select one type or field: which names of @policy
// hold is decided first, as the schema demands them. Each decision is told to said,
// where that is not nil. What cannot be decided denies.
func (p *Policy) Select(field string, f *Facts, said func(cedar.Decision)) cedar.Decision {
	tell := func(d cedar.Decision) cedar.Decision {
		if said != nil {
			said(d)
		}
		return d
	}
	t := p.Field(field)
	if t == nil {
		return cedar.Decision{}
	}
	f.Holds = f.Holds[:0]
	if t.holds {
		for _, name := range p.Demanded(field) {
			f.ID = ""
			d := tell(p.named[name].Decide(f))
			if d.Err() != nil {
				return d
			}
			if d.Allowed {
				f.Holds = append(f.Holds, name)
			}
		}
	}
	f.ID = field
	return tell(t.Decide(f))
}

// Selects reports whether hand-written policies speak for who selects a type or a
// field, or for a name of @policy that it demands. Where none does, comparing the
// caller's roles and scopes gives the same decision.
func (p *Policy) Selects(field string) bool {
	t := p.Field(field)
	if t == nil {
		return false
	}
	return t.Spoken || slices.ContainsFunc(p.Demanded(field), func(name string) bool { return p.named[name].Spoken })
}

// ByHand reports whether a policy that was written by hand permits what was decided.
func (p *Policy) ByHand(d cedar.Decision) bool {
	return d.Allowed && slices.ContainsFunc(d.Deciding(), func(r *cedar.Policy) bool { return r.Permit && p.origins[r.ID] == "" })
}
