package role

import (
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	for _, role := range slices.Sorted(maps.Keys(c.Roles)) {
		s.Fact("authz.rbac", "%s may call %s", role, strings.Join(c.Roles[role], ", "))
	}
	s.Fact("authz.role", "administrators' functions are refused to everybody whose role does not name them")
	s.Fact("authz.function", "an operation that looks like an administrator's function and is named by no role does not compile")
}
