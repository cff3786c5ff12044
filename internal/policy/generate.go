package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// generator writes the policies that a configuration stands for. Each has an id
// that begins with the API's name, and a reason.
type generator struct {
	*Policy
	model  Model
	b      strings.Builder
	faults []error
}

func (g *generator) all() string {
	for _, name := range g.names {
		t := g.objects[name]
		fmt.Fprintf(&g.b, "// objects.%s\n", printed(name))
		g.allowed(t)
		g.granted(t)
		g.walled(t)
		g.demanded(t)
		g.b.WriteString("\n")
	}
	g.functions()
	g.graphed()
	return g.b.String()
}

// statement is one generated policy.
type statement struct {
	id, key, reason string
	forbid          bool
	actions         string // the scope of the action
	principal       string // "principal", "principal is User"
	resource        string
	when, unless    string
}

func (g *generator) write(s statement) {
	s.id = g.API + "." + s.id
	g.origins[s.id] = s.key
	effect := "permit"
	if s.forbid {
		effect = "forbid"
	}
	fmt.Fprintf(&g.b, "@id(%s) @reason(%s)\n%s(%s, %s, %s)", quote(s.id), quote(s.reason), effect, s.principal, s.actions, s.resource)
	if s.when != "" {
		fmt.Fprintf(&g.b, "\n  when { %s }", s.when)
	}
	if s.unless != "" {
		fmt.Fprintf(&g.b, "\n  unless { %s }", s.unless)
	}
	g.b.WriteString(";\n")
}

// in is the scope of actions, each with those that it implies: actions that are
// implied are in the group of the one that implies them.
func in(names ...string) string {
	for i, n := range names {
		names[i] = "Action::" + quote(n)
	}
	if len(names) == 1 {
		return "action in " + names[0]
	}
	return "action in [" + strings.Join(names, ", ") + "]"
}

func (t *objectType) in(actions []string) string {
	names := make([]string, len(actions))
	for i, a := range actions {
		names[i] = t.called + "." + a
	}
	return in(names...)
}

func (t *objectType) resource() string { return "resource is " + string(t.typ) }

// defaultAllow is what is allowed where nothing is said: reading and updating
// what is one's own.
func defaultAllow() map[string][]string {
	return map[string][]string{"owner": {"read", "update"}}
}

// allowed writes what allow says.
func (g *generator) allowed(t *objectType) {
	allow, key := t.object.Allow, "objects."+t.name+".allow."
	if allow == nil {
		allow = defaultAllow()
	}
	for _, who := range slices.Sorted(maps.Keys(allow)) {
		actions := slices.DeleteFunc(slices.Clone(allow[who]), func(a string) bool { return ActionOf(a) == None })
		if len(actions) == 0 {
			continue // the control reports it
		}
		s := statement{id: t.name + ".allow." + strings.Replace(who, ":", ".", 1), key: key + who, principal: "principal", actions: t.in(actions), resource: t.resource()}
		role, isRole := strings.CutPrefix(who, "role:")
		relation, isRelation := strings.CutPrefix(who, "relation:")
		switch {
		case who == "owner" && t.ownerBy == ownerAttribute:
			s.principal, s.reason, s.when = "principal is User", "the "+t.name+" is the caller's own", "resource.owner == principal"
			if !t.attribute(ownerName).Required {
				s.when = "resource has owner && " + s.when
			}
		case who == "owner" && t.ownerBy == ownerRelation:
			isRelation, relation = true, ownerName
		case isRole && role != "":
			s.reason, s.when = "the caller has the role "+role, "principal.roles.contains("+quote(role)+")"
		}
		if isRelation {
			if !slices.Contains(t.relations, relation) {
				g.faults = append(g.faults, &Fault{key + who, fmt.Sprintf("the relations' model defines no %s of %s", relation, t.name), "define " + relation + ": [user]  (in the file of relations, under type " + t.called + ")"})
				continue
			}
			s.principal, s.reason, s.when = "principal is User", "the caller is "+relation+" of the "+t.name, "context.rel"+member(relation)+" == true"
		}
		if s.when != "" {
			g.write(s)
		}
	}
}

// member writes the access to an attribute.
func member(name string) string {
	if identifier(name) {
		return "." + name
	}
	return "[" + quote(name) + "]"
}

// granted writes what roles reach of others' objects: by an operation's own name
// only, and never by the role that everybody has.
func (g *generator) granted(t *objectType) {
	for _, role := range slices.Sorted(maps.Keys(g.model.Roles)) {
		if role == Everybody {
			continue
		}
		for a := Read; a <= Create; a++ {
			var named []string
			for _, id := range t.operations[a] {
				if slices.Contains(g.model.Roles[role], id) {
					named = append(named, id)
				}
			}
			if len(named) == 0 {
				continue
			}
			s := statement{id: t.name + ".roles." + role + "." + a.String(), key: "roles." + role, principal: "principal",
				reason:  "the role " + role + " reaches every " + t.name + " of the tenant by " + strings.Join(named, ", "),
				actions: "action == Action::" + quote(t.action(a)), resource: t.resource(), when: "principal.roles.contains(" + quote(role) + ")"}
			if len(named) < len(t.operations[a]) {
				for i, id := range named {
					named[i] = quote(id)
				}
				s.when += " && [" + strings.Join(named, ", ") + "].contains(context.operation)"
			}
			g.write(s)
		}
	}
}

// walled writes the wall around the tenant, which nothing crosses.
func (g *generator) walled(t *objectType) {
	a := t.attribute(tenantName)
	if a == nil || t.object.Tenant == "" {
		return
	}
	inside := `principal.tenant != "" && resource.tenant == principal.tenant`
	if !a.Required {
		inside = "resource has tenant && " + inside
	}
	g.write(statement{id: t.name + ".tenant", key: "objects." + t.name + ".tenant", reason: "the " + t.name + " is another tenant's", forbid: true,
		principal: "principal", actions: "action", resource: t.resource(), unless: inside})
}

// demanded writes the scopes that actions demand on top of any allowance.
func (g *generator) demanded(t *objectType) {
	for _, name := range slices.Sorted(maps.Keys(t.object.Scopes)) {
		scope := t.object.Scopes[name]
		if ActionOf(name) == None || scope == "" {
			continue // the control reports it
		}
		g.write(statement{id: t.name + ".scopes." + name, key: "objects." + t.name + ".scopes." + name, reason: "the token lacks the scope " + scope, forbid: true,
			principal: "principal", actions: t.in([]string{name}), resource: t.resource(), unless: "principal.scopes.contains(" + quote(scope) + ")"})
	}
}

// functions writes what roles may do where there is no object.
func (g *generator) functions() {
	if len(g.rest) == 0 {
		return
	}
	g.b.WriteString("// roles, where there is no object\n")
	for _, role := range slices.Sorted(maps.Keys(g.model.Roles)) {
		var named []string
		for _, op := range g.model.Operations {
			if slices.Contains(g.rest, op.ID()) && slices.ContainsFunc(g.model.Roles[role], func(e string) bool { return Reaches(e, op) }) {
				named = append(named, op.ID())
			}
		}
		if len(named) == 0 {
			continue
		}
		s := statement{id: "roles." + role, key: "roles." + role, principal: "principal", reason: "the caller has the role " + role,
			actions: in(named...), resource: "resource is " + string(apiType), when: "principal.roles.contains(" + quote(role) + ")"}
		if role == Everybody {
			s.reason, s.when = "every authenticated caller may", ""
		}
		g.write(s)
	}
}

// printed keeps a name on the line of its comment.
func printed(s string) string { return strings.Map(printable, s) }
