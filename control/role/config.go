// Package role grants operations to roles. It is the second of three levels of
// authorization, and defends from a caller using functions that are meant for
// others, administrators' above all.
//
// Roles only grant. What looks like an administrator's function is granted by
// its own name alone, never by a tag or a wildcard, and refused to everybody
// whose roles do not name it, whatever else would grant it.
package role

import (
	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "role",
	New:    func() gatehouse.Control { return &Config{} },
	Covers: []gatehouse.Requirement{"authz.role", "authz.rbac", "authz.function"},
}

// Config is what an operator writes under "role:".
type Config struct {
	// Roles holds, by role, the operations that it may call: operationIds,
	// "tag:NAME" for the operations with that tag, or the beginning of an
	// operationId with "*" behind it. The role "authenticated" stands for every
	// authenticated caller.
	Roles map[string][]string `yaml:"roles"`
}

// everybody is the role that every authenticated caller has.
const everybody = policy.Everybody

var _ gatehouse.Control = (*Config)(nil)
