package operator

import (
	"context"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// Identity is what operators see of how another provider knows a person.
type Identity struct {
	Issuer     string    `json:"issuer"`
	Subject    string    `json:"subject"`
	Connection string    `json:"connection"`
	Made       time.Time `json:"made,omitzero"`
	Used       time.Time `json:"used,omitzero"`
}

// Identities lists at which providers a person is known.
func (d *Desk) Identities(ctx context.Context, by By, id string) (list []Identity, err error) {
	if _, err := d.user(ctx, &by, id); err != nil {
		return nil, err
	}
	links, err := d.Accounts.Store.Identities().List(ctx, id)
	for _, l := range links {
		list = append(list, Identity{Issuer: l.Issuer, Subject: l.Subject, Connection: l.Connection, Made: l.Made, Used: l.Used})
	}
	return list, err
}

// Link says that a provider's subject is this person.
func (d *Desk) Link(ctx context.Context, by By, id string, i Identity) error {
	return d.linked(ctx, &by, id, "users.link", nil, i, func(u *store.User) error {
		return d.Accounts.Link(ctx, u, i.Connection, i.Issuer, i.Subject)
	})
}

// Unlink says that a provider's subject is this person no more. Sessions and tokens
// end at once.
func (d *Desk) Unlink(ctx context.Context, by By, id string, i Identity) error {
	if err := by.reasoned(); err != nil {
		return err
	}
	return d.linked(ctx, &by, id, "users.unlink", i, nil, func(u *store.User) error {
		return d.Accounts.Unlink(ctx, u, i.Issuer, i.Subject, by.Because, by.Name)
	})
}

func (d *Desk) linked(ctx context.Context, by *By, id, action string, before, after any, do func(*store.User) error) error {
	if d.Accounts == nil {
		return errNoPeople
	}
	u, err := d.touched(ctx, by, id)
	if err != nil {
		return err
	}
	if err := do(&u); err != nil {
		return err
	}
	d.record(ctx, by, action, id, before, after)
	return nil
}
