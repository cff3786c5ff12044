package object

import (
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	for _, name := range slices.Sorted(maps.Keys(c.Objects)) {
		o := c.Objects[name]
		explain(s, name, o)
	}
	if c.Learn == suggest {
		s.Fact("authz.object", "where there is an id and no rule for owners, replies are observed for rules to suggest and thefts to suspect; it enforces nothing")
	}
	for _, role := range slices.Sorted(maps.Keys(c.Roles)) {
		named := slices.DeleteFunc(slices.Clone(c.Roles[role]), func(e string) bool { return strings.HasPrefix(e, "tag:") || strings.HasSuffix(e, "*") })
		if role != "authenticated" && len(named) > 0 {
			s.Fact("authz.object", "%s reaches the objects of others inside the tenant by %s", role, strings.Join(named, ", "))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.NoObject)) {
		s.Fact("authz.object", "%s has no object behind its id: %s", id, c.NoObject[id])
	}
}

// explain says what holds for one object.
func explain(s *gatehouse.Sheet, name string, o *policy.Object) {
	if o.Owner == "owners" {
		s.Fact("authz.object", "%s: its owner, in the gateway's own map, must be the caller; an object that is not there is nobody's", name)
	} else if o.Owner != "" {
		s.Fact("authz.object", "%s: its owner, %s, must be the caller", name, o.Owner)
	}
	if o.Tenant != "" {
		s.Fact("authz.object", "%s: its tenant, %s, must be the caller's, whatever role the caller has", name, o.Tenant)
	}
	switch {
	case !strings.HasPrefix(o.Owner, "response.") && !strings.HasPrefix(o.Tenant, "response."):
	case o.Before == "owners":
		s.Fact("authz.object-response", "%s: owner and tenant are compared in the reply before a byte of it leaves; writes are compared with the gateway's map before they go on", name)
	default:
		s.Fact("authz.object-response", "%s: owner and tenant are compared in the reply before a byte of it leaves; writes are compared with the object's present state before they go on", name)
	}
	if o.Create != nil && o.Create.Learn != "" {
		s.Fact("authz.object", "%s: whose it is when it is made by %s is recorded before the reply leaves", name, o.Create.Operation)
	}
	if o.Learn == suggest {
		s.Fact("authz.object", "%s: who is given it is observed, for rules to suggest and thefts to suspect; it enforces nothing", name)
	}
	for _, action := range slices.Sorted(maps.Keys(o.Scopes)) {
		s.Fact("authz.object", "%s: to %s it takes the scope %s, too", name, action, o.Scopes[action])
	}
	for _, action := range slices.Sorted(maps.Keys(o.Inject)) {
		for _, param := range slices.Sorted(maps.Keys(o.Inject[action])) {
			s.Fact("authz.object", "%s: to %s, the upstream's %s is the caller's %s, whatever the caller sent", name, action, param, o.Inject[action][param])
		}
	}
	if f := o.Fields; f != nil {
		for _, role := range slices.Sorted(maps.Keys(f.Read.Hide)) {
			s.Fact("authz.property", "%s: %s does not see %s", name, role, strings.Join(f.Read.Hide[role], ", "))
		}
		for _, role := range slices.Sorted(maps.Keys(f.Write)) {
			s.Fact("authz.property", "%s: only %s sets %s", name, role, strings.Join(f.Write[role], ", "))
		}
	}
	if o.OnDeny.Status(policy.Read) == 404 {
		s.Fact("authz.existence", "%s: a refusal looks like a miss", name)
	}
}
