package operator

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// Tenant is what operators see of a tenant.
type Tenant struct {
	ID      string            `json:"id"`
	Name    string            `json:"name,omitempty"`
	State   store.TenantState `json:"state"`
	Domains []string          `json:"domains,omitempty"`
	Made    time.Time         `json:"made"`
}

func tenantOf(t *store.Tenant) Tenant {
	return Tenant{ID: t.ID, Name: t.Name, State: t.State, Domains: t.Domains, Made: kept(t.Made)}
}

// Version returns the tenant's version.
func (t *Tenant) Version() Version { return versionOf(t) }

// Tenants lists tenants within reach whose ids come after the given one, and reports
// whether there are more.
func (d *Desk) Tenants(ctx context.Context, by By, after string, most int) (list []Tenant, more bool, err error) {
	if !by.Reach.all {
		t, err := d.Tenant(ctx, by, by.Reach.tenant)
		if errors.Is(err, store.ErrNotFound) || after >= t.ID {
			return nil, false, nil
		}
		return []Tenant{t}, false, err
	}
	most = min(most, pageMost)
	found, err := d.Store.Tenants().List(ctx, after, most+1)
	for i := range found[:min(len(found), most)] {
		list = append(list, tenantOf(&found[i]))
	}
	return list, len(found) > most, err
}

// Tenant returns one.
func (d *Desk) Tenant(ctx context.Context, by By, id string) (Tenant, error) {
	if err := by.reached(id); err != nil {
		return Tenant{}, err
	}
	t, err := d.Store.Tenants().Tenant(ctx, id)
	if err != nil {
		return Tenant{}, err
	}
	return tenantOf(&t), nil
}

// AddTenant registers one.
func (d *Desk) AddTenant(ctx context.Context, by By, id, name string, domains []string) (Tenant, error) {
	if err := by.everywhere(); err != nil {
		return Tenant{}, err
	}
	now := d.Now()
	t := store.Tenant{ID: id, Name: name, State: store.TenantActive, Domains: domains, Made: now, Edited: now}
	if err := d.Store.Tenants().Add(ctx, t); err != nil {
		return Tenant{}, err
	}
	added := tenantOf(&t)
	d.record(ctx, &by, "tenants.add", id, nil, added)
	return added, nil
}

// TenantChange is what to change of a tenant; nil stays.
type TenantChange struct {
	Name    *string
	Domains *[]string
	State   *store.TenantState
}

// ChangeTenant changes a tenant that still is as in the version. Of one that is
// disabled nobody gets in from then on, and every session and token of its people and
// clients ends before it returns. When it fails halfway it can be called again.
func (d *Desk) ChangeTenant(ctx context.Context, by By, id string, seen Version, c TenantChange) (Tenant, error) {
	if err := by.reached(id); err != nil {
		return Tenant{}, err
	}
	if err := by.everywhere(); err != nil {
		return Tenant{}, err
	}
	disables := c.State != nil && *c.State == store.TenantDisabled
	if err := by.reasoned(); err != nil && disables {
		return Tenant{}, err
	}
	if disables && d.Accounts == nil {
		return Tenant{}, errNoPeople // whose tokens could not be revoked
	}
	var before Tenant
	t, err := d.Store.Tenants().Change(ctx, id, func(t *store.Tenant) error {
		before = tenantOf(t)
		if c.Name != nil {
			t.Name = *c.Name
		}
		if c.Domains != nil {
			t.Domains = *c.Domains
		}
		if c.State != nil {
			t.State = *c.State
		}
		t.Edited = d.Now()
		return seen.still(before.Version())
	})
	if err != nil {
		return Tenant{}, err
	}
	after := tenantOf(&t)
	d.record(ctx, &by, "tenants.change", id, before, after)
	if disables {
		err = d.endTenant(ctx, &by, id)
	}
	return after, err
}

// endTenant ends what the people and clients of a tenant have.
func (d *Desk) endTenant(ctx context.Context, by *By, id string) error {
	because := "the tenant was disabled: " + by.Because
	for after := ""; ; {
		some, err := d.Store.Directory().List(ctx, store.UserQuery{Tenant: id, After: after, Most: pageMost})
		if err != nil {
			return err
		}
		for i := range some {
			if _, err := d.Accounts.SignOut(ctx, some[i].ID, because, by.Name, store.Hash{}); err != nil {
				return err
			}
			after = some[i].Name
		}
		if len(some) < pageMost {
			break
		}
	}
	clients, err := d.Store.Clients().List(ctx)
	for i := range clients {
		if err == nil && clients[i].Tenant == id { // the subject of its own tokens is its id
			_, err = d.Accounts.SignOut(ctx, clients[i].ID, because, by.Name, store.Hash{})
		}
	}
	return err
}

// RemoveTenant forgets a tenant that has neither people nor clients.
func (d *Desk) RemoveTenant(ctx context.Context, by By, id string) error {
	before, err := d.Tenant(ctx, by, id)
	if err != nil {
		return err
	}
	if err := by.everywhere(); err != nil {
		return err
	}
	left, err := d.Store.Directory().List(ctx, store.UserQuery{Tenant: id, Most: 1})
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return invalid("the tenant has people: disable it, or move or remove them")
	}
	clients, err := d.Store.Clients().List(ctx)
	if err != nil {
		return err
	}
	for i := range clients {
		if clients[i].Tenant == id {
			return invalid("the tenant has clients: disable it, or remove them")
		}
	}
	if err := d.Store.Tenants().Remove(ctx, id); err != nil {
		return err
	}
	d.record(ctx, &by, "tenants.remove", id, before, nil)
	return nil
}
