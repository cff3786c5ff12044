package operator

import (
	"context"
	"slices"
	"strings"
)

// Role is a role, what the configuration lets it do, and who has it.
type Role struct {
	Name string   `json:"name"`
	May  []string `json:"may,omitempty"` // "orders: listOrders"
	// People and Clients have the role; People are those within reach.
	People  []string `json:"people,omitempty"`
	Clients []string `json:"clients,omitempty"`
}

// AllRoles returns every role that the configuration knows and every one that
// somebody has, in the order of their names.
func (d *Desk) AllRoles(ctx context.Context, by By) ([]Role, error) {
	held := map[string]*Role{}
	for _, r := range d.Roles {
		held[r.Name] = &Role{Name: r.Name, May: r.May}
	}
	has := func(name string) *Role {
		if held[name] == nil {
			held[name] = &Role{Name: name}
		}
		return held[name]
	}
	for after := ""; ; {
		some, more, err := d.People(ctx, by, "", after, pageMost)
		if err != nil {
			return nil, err
		}
		for i := range some {
			for _, r := range some[i].Roles {
				one := has(r)
				one.People = append(one.People, some[i].Name)
			}
			after = some[i].Name
		}
		if !more {
			break
		}
	}
	if by.Reach.all {
		clients, err := d.Store.Clients().List(ctx)
		if err != nil {
			return nil, err
		}
		for i := range clients {
			for _, r := range clients[i].Roles {
				one := has(r)
				one.Clients = append(one.Clients, clients[i].ID)
			}
		}
	}
	var list []Role
	for _, r := range held {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b Role) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}
