package adminapi

import (
	"net/http"

	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/store"
)

func (c *call) tenant() string { return c.r.PathValue("tenantId") }

func (c *call) listTenants() error {
	after, most, err := c.page("tenants", "")
	if err != nil {
		return err
	}
	list, more, err := c.options.Desk.Tenants(c.r.Context(), c.by, after, most)
	if err != nil {
		return err
	}
	out := struct {
		Tenants []operator.Tenant `json:"tenants"`
		Next    string            `json:"next,omitempty"`
	}{Tenants: filled(list)}
	if more {
		out.Next = c.next("tenants", "", list[len(list)-1].ID)
	}
	return answer(c, http.StatusOK, out)
}

func (c *call) getTenant() error {
	t, err := c.options.Desk.Tenant(c.r.Context(), c.by, c.tenant())
	return c.showTenant(http.StatusOK, t, err)
}

func (c *call) showTenant(status int, t operator.Tenant, err error) error {
	if err != nil {
		return err
	}
	c.tag(t.Version())
	return answer(c, status, t)
}

func (c *call) addTenant() error {
	in, err := read[struct {
		ID      string   `json:"id"`
		Name    string   `json:"name"`
		Domains []string `json:"domains"`
	}](c)
	if err != nil {
		return err
	}
	t, err := c.options.Desk.AddTenant(c.r.Context(), c.by, in.ID, in.Name, in.Domains)
	return c.showTenant(http.StatusCreated, t, err)
}

func (c *call) changeTenant() error {
	seen, err := c.seen(true)
	if err != nil {
		return err
	}
	in, err := read[struct {
		Because string             `json:"because"`
		Name    *string            `json:"name"`
		Domains *[]string          `json:"domains"`
		State   *store.TenantState `json:"state"`
	}](c)
	if err != nil {
		return err
	}
	c.by.Because = in.Because
	t, err := c.options.Desk.ChangeTenant(c.r.Context(), c.by, c.tenant(), seen, operator.TenantChange{Name: in.Name, Domains: in.Domains, State: in.State})
	return c.showTenant(http.StatusOK, t, err)
}

func (c *call) removeTenant() error {
	return c.done(c.options.Desk.RemoveTenant(c.r.Context(), c.by, c.tenant()))
}

func (c *call) listRoles() error {
	list, err := c.options.Desk.AllRoles(c.r.Context(), c.by)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, struct {
		Roles []operator.Role `json:"roles"`
	}{filled(list)})
}

func (c *call) listKeys() error {
	list, err := c.options.Desk.SigningKeys(c.r.Context(), c.by)
	return c.showKeys(http.StatusOK, list, err)
}

func (c *call) showKeys(status int, list []operator.Key, err error) error {
	if err != nil {
		return err
	}
	return answer(c, status, struct {
		Keys []operator.Key `json:"keys"`
	}{filled(list)})
}

func (c *call) rotateKeys() error {
	in, err := read[struct {
		Because   string `json:"because"`
		Emergency bool   `json:"emergency"`
	}](c)
	if err != nil {
		return err
	}
	c.by.Because = in.Because
	list, err := c.options.Desk.RotateKeys(c.r.Context(), c.by, in.Emergency)
	return c.showKeys(http.StatusCreated, list, err)
}
