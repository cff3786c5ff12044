package object

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// told reports whether it can be known whose an object is that stands inside a reply:
// by what it says itself, by the map of owners or by relations.
func told(o *policy.Object) bool {
	return strings.HasPrefix(o.Owner, "response.") || strings.HasPrefix(o.Tenant, "response.") || o.Owner == "owners" || o.Tenant == "owners" || o.Owner == "relations"
}

// reading is the rule by which an object is seen, wherever it stands. A role that
// names the operation sees what it brings.
func (c *Config) reading(b *gatehouse.Build, name string) (*rule, error) {
	o := c.Objects[name]
	r := &rule{kind: b.API + "/" + name, action: policy.Read, hide: o.OnDeny.Status(policy.Read) == 404}
	for to, text := range map[*field]string{&r.owner: o.Owner, &r.tenant: o.Tenant} {
		to.kept = text == "owners"
		rest, ok := strings.CutPrefix(text, "response.")
		if !ok {
			continue
		}
		p, err := jsonwalk.CompilePath(rest)
		if err != nil {
			return nil, fmt.Errorf("object: %w", err)
		}
		to.path = p
	}
	r.allowed = c.allowed(o, b.Operation, policy.Read)
	r.policy, r.operation, r.act = c.policy, b.Operation.ID(), c.speaking(name, policy.Read)
	if err := errors.Join(r.relate(b, name), r.identified(o, b, "objects."+name)); err != nil {
		return nil, err
	}
	if r.inMap() {
		return r, r.mapped(b)
	}
	return r, nil
}

// readers are the roles that reach every object of a kind by the operations that read
// one, and so wherever it stands.
func (c *Config) readers(o *policy.Object, b *gatehouse.Build) (roles []string) {
	param, inPath := strings.CutPrefix(o.ID, "path.")
	if len(c.Roles) == 0 || !inPath {
		return nil
	}
	bases := policy.Bases(o, b.All, param)
	reads := slices.DeleteFunc(slices.Clone(b.All), func(op gatehouse.Operation) bool { return o.ActionIn(op, param, bases) != policy.Read })
	for role, entries := range c.Roles {
		if role != "authenticated" && len(reads) > 0 && !slices.ContainsFunc(reads, func(op gatehouse.Operation) bool { return !slices.Contains(entries, op.ID()) }) {
			roles = append(roles, role)
		}
	}
	return roles
}

// schemaOf returns the schema of an object: what the operation that reads it gives.
func schemaOf(o *policy.Object, b *gatehouse.Build) *openapi.Schema {
	param, ok := strings.CutPrefix(o.ID, "path.")
	if !ok {
		return nil
	}
	for _, base := range policy.Bases(o, b.All, param) {
		op, found := policy.Reader(o, b.All, base)
		if !found {
			continue
		}
		if described, ok := op.(*openapi.Operation); ok {
			if res := described.Response(200); res != nil {
				if s := res.JSON("application/json"); s != nil && s.Target().Types()&openapi.TypeObject != 0 {
					return s.Target()
				}
			}
		}
	}
	return nil
}
