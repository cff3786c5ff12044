package adminapi

import (
	"net/http"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/store"
)

func (c *call) client() string { return c.r.PathValue("clientId") }

func (c *call) listClients() error {
	after, most, err := c.page("clients", "")
	if err != nil {
		return err
	}
	list, more, err := c.options.Desk.Clients(c.r.Context(), c.by, after, most)
	if err != nil {
		return err
	}
	out := struct {
		Clients []operator.Client `json:"clients"`
		Next    string            `json:"next,omitempty"`
	}{Clients: filled(list)}
	if more {
		out.Next = c.next("clients", "", list[len(list)-1].ID)
	}
	return answer(c, http.StatusOK, out)
}

func (c *call) getClient() error {
	n, err := c.options.Desk.Client(c.r.Context(), c.by, c.client())
	return c.showClient(n, err)
}

func (c *call) showClient(n operator.Client, err error) error {
	if err != nil {
		return err
	}
	c.tag(n.Version())
	return answer(c, http.StatusOK, n)
}

// showSecret is the one time that a secret is shown.
func (c *call) showSecret(n operator.Client, secret string, err error) error {
	if err != nil {
		return err
	}
	c.tag(n.Version())
	return answer(c, http.StatusCreated, struct {
		Client operator.Client `json:"client"`
		Secret string          `json:"secret,omitempty"`
	}{n, secret})
}

func (c *call) addClient() error {
	in, err := read[struct {
		ID             string   `json:"id"`
		Name           string   `json:"name"`
		Public         bool     `json:"public"`
		Native         bool     `json:"native"`
		DPoP           bool     `json:"dpop"`
		FirstParty     bool     `json:"first_party"`
		ResourceServer bool     `json:"resource_server"`
		Grants         []string `json:"grants"`
		Redirects      []string `json:"redirect_uris"`
		Goodbyes       []string `json:"post_logout_redirect_uris"`
		Scopes         []string `json:"scopes"`
		Roles          []string `json:"roles"`
		Tenant         string   `json:"tenant"`
	}](c)
	if err != nil {
		return err
	}
	n, secret, err := c.options.Desk.AddClient(c.r.Context(), c.by, store.Client{
		ID: in.ID, Name: in.Name, Public: in.Public, Native: in.Native, DPoP: in.DPoP, FirstParty: in.FirstParty, ResourceServer: in.ResourceServer,
		Grants: in.Grants, RedirectURIs: in.Redirects, PostLogoutRedirectURIs: in.Goodbyes, Scopes: in.Scopes, Roles: in.Roles, Tenant: in.Tenant,
	})
	return c.showSecret(n, secret, err)
}

func (c *call) changeClient() error {
	seen, err := c.seen(true)
	if err != nil {
		return err
	}
	in, err := read[struct {
		Name      *string   `json:"name"`
		Grants    *[]string `json:"grants"`
		Redirects *[]string `json:"redirect_uris"`
		Goodbyes  *[]string `json:"post_logout_redirect_uris"`
		Scopes    *[]string `json:"scopes"`
		Roles     *[]string `json:"roles"`
		Tenant    *string   `json:"tenant"`
	}](c)
	if err != nil {
		return err
	}
	n, err := c.options.Desk.ChangeClient(c.r.Context(), c.by, c.client(), seen, operator.ClientChange(in))
	return c.showClient(n, err)
}

func (c *call) removeClient() error {
	return c.done(c.options.Desk.RemoveClient(c.r.Context(), c.by, c.client()))
}

func (c *call) rotateSecret() error {
	in, err := read[struct {
		Overlap *int `json:"overlap_hours"`
	}](c)
	if err != nil {
		return err
	}
	overlap := idp.Overlap
	if in.Overlap != nil {
		overlap = time.Duration(*in.Overlap) * time.Hour
	}
	n, secret, err := c.options.Desk.RotateClient(c.r.Context(), c.by, c.client(), overlap)
	return c.showSecret(n, secret, err)
}
