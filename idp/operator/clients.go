package operator

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/store"
)

// Client is what operators see of an OAuth client.
type Client struct {
	ID                string    `json:"id"`
	Name              string    `json:"name,omitempty"`
	Public            bool      `json:"public"`
	Native            bool      `json:"native,omitempty"`
	DPoP              bool      `json:"dpop,omitempty"`
	FirstParty        bool      `json:"first_party,omitempty"`
	ResourceServer    bool      `json:"resource_server,omitempty"`
	Grants            []string  `json:"grants"`
	Redirects         []string  `json:"redirect_uris,omitempty"`
	Goodbyes          []string  `json:"post_logout_redirect_uris,omitempty"`
	BackchannelLogout string    `json:"backchannel_logout_uri,omitempty"`
	CertificateBound  bool      `json:"certificate_bound,omitempty"`
	Scopes            []string  `json:"scopes,omitempty"`
	Roles             []string  `json:"roles,omitempty"`
	Tenant            string    `json:"tenant,omitempty"`
	Secrets           []string  `json:"secret_ids,omitempty"` // names of them
	Keys              bool      `json:"keys,omitempty"`       // it proves itself by keys in place of secrets
	Certificates      bool      `json:"certificates,omitempty"`
	Made              time.Time `json:"made"`
}

func clientOf(c *store.Client) Client {
	out := Client{
		ID: c.ID, Name: c.Name, Public: c.Public, Native: c.Native, DPoP: c.DPoP, FirstParty: c.FirstParty, ResourceServer: c.ResourceServer,
		Grants: slices.Clone(c.Grants), Redirects: c.RedirectURIs, Goodbyes: c.PostLogoutRedirectURIs, Scopes: c.Scopes, Roles: c.Roles, Tenant: c.Tenant,
		Keys: len(c.JWKS) > 0, Certificates: len(c.Certificates) > 0, BackchannelLogout: c.BackchannelLogoutURI, CertificateBound: c.CertificateBound, Made: kept(c.Made),
	}
	if out.Grants == nil {
		out.Grants = []string{}
	}
	for i := range c.Secrets {
		out.Secrets = append(out.Secrets, c.Secrets[i].ID)
	}
	return out
}

// Version returns the client's version.
func (c *Client) Version() Version { return versionOf(c) }

// Clients lists clients whose ids come after the given one, and reports whether there
// are more. They are the operator's alone, like all that is done with them.
func (d *Desk) Clients(ctx context.Context, by By, after string, most int) (list []Client, more bool, err error) {
	if err := by.everywhere(); err != nil {
		return nil, false, err
	}
	found, err := d.Store.Clients().List(ctx)
	if err != nil {
		return nil, false, err
	}
	first, there := slices.BinarySearchFunc(found, after, func(c store.Client, id string) int { return strings.Compare(c.ID, id) })
	if there {
		first++
	}
	for i := range found[first:] {
		if len(list) == most {
			return list, true, nil
		}
		list = append(list, clientOf(&found[first+i]))
	}
	return list, false, nil
}

// Client returns one.
func (d *Desk) Client(ctx context.Context, by By, id string) (Client, error) {
	if err := by.everywhere(); err != nil {
		return Client{}, err
	}
	c, err := d.Store.Clients().Client(ctx, id)
	if err != nil {
		return Client{}, err
	}
	return clientOf(&c), nil
}

// AddClient registers a client, and returns the secret of one that has any: nobody
// can be shown it again.
func (d *Desk) AddClient(ctx context.Context, by By, c store.Client) (added Client, secret string, err error) {
	if err := by.everywhere(); err != nil {
		return added, "", err
	}
	c.Made = d.Now().UTC()
	if !c.Public && len(c.JWKS) == 0 && len(c.Certificates) == 0 {
		var kept store.ClientSecret
		secret, kept = idp.NewSecret(c.Made)
		c.Secrets = []store.ClientSecret{kept}
	}
	if err := d.checkClient(ctx, &by, &c, nil); err != nil {
		return added, "", err
	}
	if err := d.Store.Clients().Add(ctx, c); err != nil {
		return added, "", err
	}
	added = clientOf(&c)
	d.record(ctx, &by, "clients.add", c.ID, nil, added)
	return added, secret, nil
}

func (d *Desk) checkClient(ctx context.Context, by *By, c *store.Client, held []string) error {
	if err := idp.CheckClient(c); err != nil {
		return err
	}
	if strings.HasPrefix(c.BackchannelLogoutURI, "http:") && !d.Development {
		return invalid("a client is told of logouts over https (http is for this machine in development only); write: https://app.example.com/backchannel-logout")
	}
	if err := d.checkTenant(ctx, c.Tenant); err != nil {
		return err
	}
	return d.checkRoles(by, c.Roles, held)
}

// ClientChange is what to change of a client; nil stays.
type ClientChange struct {
	Name      *string
	Grants    *[]string
	Redirects *[]string
	Goodbyes  *[]string
	Scopes    *[]string
	Roles     *[]string
	Tenant    *string
}

// ChangeClient changes a client that still is as in the version. What tokens it has
// hold until they expire or are revoked.
func (d *Desk) ChangeClient(ctx context.Context, by By, id string, seen Version, c ClientChange) (Client, error) {
	if err := by.everywhere(); err != nil {
		return Client{}, err
	}
	// The checks ask the store, which must not be asked inside of a change.
	was, err := d.Store.Clients().Client(ctx, id)
	if err != nil {
		return Client{}, err
	}
	before, after := clientOf(&was), was
	if err := seen.still(before.Version()); err != nil {
		return Client{}, err
	}
	c.apply(&after)
	if err := d.checkClient(ctx, &by, &after, was.Roles); err != nil {
		return Client{}, err
	}
	err = d.Store.Clients().Change(ctx, id, func(now *store.Client) error {
		if now := clientOf(now); now.Version() != before.Version() {
			return ErrStale
		}
		c.apply(now)
		after = *now
		return nil
	})
	if err != nil {
		return Client{}, err
	}
	changed := clientOf(&after)
	d.record(ctx, &by, "clients.change", id, before, changed)
	return changed, nil
}

func (c *ClientChange) apply(to *store.Client) {
	for _, t := range [...]struct{ from, to *string }{{c.Name, &to.Name}, {c.Tenant, &to.Tenant}} {
		if t.from != nil {
			*t.to = *t.from
		}
	}
	for _, l := range [...]struct{ from, to *[]string }{{c.Grants, &to.Grants}, {c.Redirects, &to.RedirectURIs}, {c.Goodbyes, &to.PostLogoutRedirectURIs}, {c.Scopes, &to.Scopes}, {c.Roles, &to.Roles}} {
		if l.from != nil {
			*l.to = *l.from
		}
	}
}

// RotateClient gives a client a new secret. The old one holds for the overlap.
func (d *Desk) RotateClient(ctx context.Context, by By, id string, overlap time.Duration) (rotated Client, secret string, err error) {
	if err := by.everywhere(); err != nil {
		return rotated, "", err
	}
	var before Client
	err = d.Store.Clients().Change(ctx, id, func(c *store.Client) (err error) {
		before = clientOf(c)
		secret, err = idp.RotateSecret(c, d.Now().UTC(), overlap)
		rotated = clientOf(c)
		return err
	})
	if err != nil {
		return Client{}, "", err
	}
	d.record(ctx, &by, "clients.rotate", id, before, rotated)
	return rotated, secret, nil
}

// Reprove changes by what a client proves itself in place of secrets: how sets other
// keys or certificates.
func (d *Desk) Reprove(ctx context.Context, by By, id string, how func(*store.Client) error) error {
	if err := by.everywhere(); err != nil {
		return err
	}
	var before, after Client
	err := d.Store.Clients().Change(ctx, id, func(c *store.Client) error {
		before = clientOf(c)
		err := how(c)
		after = clientOf(c)
		return err
	})
	if err != nil {
		return err
	}
	d.record(ctx, &by, "clients.reprove", id, before, after)
	return nil
}

// RemoveClient ends a client. What tokens it has hold until they expire or are
// revoked.
func (d *Desk) RemoveClient(ctx context.Context, by By, id string) error {
	before, err := d.Client(ctx, by, id)
	if err != nil {
		return err
	}
	if err := d.Store.Clients().Remove(ctx, id); err != nil {
		return err
	}
	d.record(ctx, &by, "clients.remove", id, before, nil)
	return nil
}
