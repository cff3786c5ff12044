package config

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// Role is a role that the configuration knows, and what it lets its holders do.
type Role struct {
	Name string
	May  []string // "orders: listOrders", in the order of the configuration
}

// Roles returns every role that a policy of the configuration names, and those of
// idp.roles, in the order of their names.
func (f *File) Roles() []Role {
	byName := map[string]*Role{}
	name := func(role string) *Role {
		if byName[role] == nil {
			byName[role] = &Role{Name: role}
		}
		return byName[role]
	}
	for _, a := range f.APIs {
		for _, b := range a.everyBlock() {
			_, granted := lookup(b.node, "roles")
			for k, v := range pairs(granted) {
				r := name(k.Value)
				for _, entry := range v.Content {
					if may := a.Name + ": " + entry.Value; !slices.Contains(r.May, may) {
						r.May = append(r.May, may)
					}
				}
			}
			if b.kind.Name == "object" || b.kind.Name == "graphql" {
				allowed(a, b.node, name)
			}
		}
		for _, r := range a.description.document.Roles {
			name(r.Name) // its members are in the description
		}
	}
	for _, r := range f.IDP.Roles {
		name(r)
	}
	delete(byName, openapi.Authenticated) // everybody has it
	var list []Role
	for _, r := range byName {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b Role) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// allowed finds the roles that the rules for objects name.
func allowed(a *API, block *yaml.Node, name func(string) *Role) {
	_, objects := lookup(block, "objects")
	for object, rules := range pairs(objects) {
		_, allow := lookup(rules, "allow")
		for who, what := range pairs(allow) {
			role, ok := strings.CutPrefix(who.Value, "role:")
			if !ok {
				continue
			}
			r := name(role)
			for _, action := range what.Content {
				if may := a.Name + ": " + action.Value + " any " + object.Value; !slices.Contains(r.May, may) {
					r.May = append(r.May, may)
				}
			}
		}
	}
}

// everyBlock returns the blocks of the API and those that replace them on single
// endpoints.
func (a *API) everyBlock() []*block {
	list := slices.Clone(a.blocks)
	for _, id := range a.description.ids {
		for _, kind := range slices.Sorted(maps.Keys(a.overrides[id])) {
			list = append(list, a.overrides[id][kind])
		}
	}
	return list
}
