package role

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// grants is who may call one operation.
type grants struct {
	roles []grant
	admin bool // nobody else may, whatever other controls say
}

type grant struct {
	role    string
	verdict gatehouse.Verdict
}

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if b.Operation == nil {
		return nil, nil
	}
	if err := c.check(b); err != nil {
		return nil, err
	}
	if b.Public != nil {
		return nil, nil // its waiver says why nobody has to be anybody
	}
	g := &grants{admin: policy.Administrative(b.Operation)}
	for _, role := range slices.Sorted(maps.Keys(c.Roles)) {
		if slices.ContainsFunc(c.Roles[role], func(entry string) bool { return reaches(entry, b.Operation, g.admin) }) {
			g.roles = append(g.roles, grant{role, gatehouse.Grant("role." + role)})
		}
	}
	if g.admin {
		if err := named(b.Operation, g.roles); err != nil {
			return nil, err
		}
	}
	if len(g.roles) == 0 {
		return nil, nil
	}
	return []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Authorize, Enforce: g.enforce}}, nil
}

// named returns an error for an administrative operation that no role of its
// own reaches (authz.function).
func named(op gatehouse.Operation, roles []grant) error {
	fix := "roles: {admin: [" + op.ID() + "]}"
	if len(roles) == 0 {
		return &gatehouse.Fault{Key: "roles", Says: op.ID() + " looks like an administrator's function, and no role names it (authz.function)", Fix: fix}
	}
	if slices.ContainsFunc(roles, func(g grant) bool { return g.role == everybody }) {
		return &gatehouse.Fault{Key: "roles." + everybody, Says: op.ID() + " looks like an administrator's function, and every caller may call it (authz.function)", Fix: fix}
	}
	return nil
}

// reaches reports whether an entry of a role reaches the operation, of which is
// known whether it looks like an administrator's.
func reaches(entry string, op gatehouse.Operation, admin bool) bool {
	return entry == op.ID() || !admin && policy.Matches(entry, op)
}

// check refuses entries that reach nothing: they are mistakes, and somebody
// believes in them.
func (c *Config) check(b *gatehouse.Build) error {
	if len(c.Roles) == 0 {
		return nil
	}
	// Sets, since this is done for each of all operations.
	named := make(map[string]bool, 2*len(b.All))
	for _, o := range b.All {
		named[o.ID()] = true
		for _, tag := range policy.Tags(o) {
			named["tag:"+tag] = true
		}
	}
	var errs []error
	for _, role := range slices.Sorted(maps.Keys(c.Roles)) {
		key := "roles." + role
		switch {
		case role == "" || role == "*":
			errs = append(errs, &gatehouse.Fault{Key: key, Says: "a role needs a name", Fix: everybody + ": [...] for every authenticated caller"})
		case len(c.Roles[role]) == 0:
			errs = append(errs, &gatehouse.Fault{Key: key, Says: "the role may do nothing", Fix: role + ": [" + b.Operation.ID() + "], or remove it"})
		}
		for i, entry := range c.Roles[role] {
			if named[entry] || slices.ContainsFunc(b.All, func(o gatehouse.Operation) bool { return policy.Matches(entry, o) }) {
				continue
			}
			fix := cmp.Or(words.Nearest(entry, slices.Sorted(maps.Keys(named))), "an operationId of the OpenAPI description")
			errs = append(errs, &gatehouse.Fault{Key: fmt.Sprintf("%s[%d]", key, i), Says: fmt.Sprintf("%q reaches no operation", entry), Fix: fix})
		}
	}
	return errors.Join(errs...)
}
