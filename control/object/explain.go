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
		if o.Owner != "" {
			s.Fact("authz.object", "%s: its owner, %s, must be the caller", name, o.Owner)
		}
		if o.Tenant != "" {
			s.Fact("authz.object", "%s: its tenant, %s, must be the caller's, whatever role the caller has", name, o.Tenant)
		}
		if strings.HasPrefix(o.Owner+o.Tenant, "response.") {
			s.Fact("authz.object-response", "%s: owner and tenant are compared in the reply before a byte of it leaves; writes are compared with the object's present state before they go on", name)
		}
		if o.OnDeny.Status(policy.None) == 404 {
			s.Fact("authz.existence", "%s: a refusal looks like a miss", name)
		}
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
