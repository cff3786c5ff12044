package people

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/store"
)

// errNotAdmitted says that a provider proved somebody who has no account here. What
// it wraps is for the log: people are told one thing, so that a provider learns
// nothing about accounts that are not its own.
var errNotAdmitted = errors.New("people: proven by the provider, and nobody here")

// admit returns who the provider's subject is here, with the roles that follow from
// what it says now. Nobody is found by an e-mail address.
func (a *Accounts) admit(ctx context.Context, all *sso.Connections, c *sso.Connection, i *sso.Identity) (store.User, error) {
	switch admitted, err := store.Admits(ctx, a.Store.Tenants(), c.Tenant); {
	case err != nil:
		return store.User{}, fmt.Errorf("people: %w", err)
	case !admitted:
		return store.User{}, fmt.Errorf("%w: the tenant %q is disabled", errNotAdmitted, c.Tenant)
	}
	link, err := a.Store.Identities().Use(ctx, a.Now(), c.Tenant, i.Issuer, i.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return a.provision(ctx, all, c, i)
	}
	if err != nil {
		return store.User{}, fmt.Errorf("people: %w", err)
	}
	u, err := a.Store.Users().User(ctx, link.User)
	switch {
	case err != nil:
		return store.User{}, fmt.Errorf("people: %w", err)
	case u.State != store.UserActive:
		return store.User{}, fmt.Errorf("%w: %s is %s", errNotAdmitted, u.ID, u.State)
	case u.Tenant != c.Tenant:
		return store.User{}, fmt.Errorf("%w: %s is of the tenant %q, and the connection %s of %q", errNotAdmitted, u.ID, u.Tenant, c.Name, c.Tenant)
	}
	return a.remap(ctx, c, i, u)
}

// remap gives the person the roles that the provider's words lead to, and no others.
// With a role that is lost everything ends that was granted with it.
func (a *Accounts) remap(ctx context.Context, c *sso.Connection, i *sso.Identity, u store.User) (store.User, error) {
	roles, mapped := c.RolesOf(i)
	had := slices.Sorted(slices.Values(u.Roles))
	if !mapped || slices.Equal(roles, had) {
		return u, nil
	}
	u, err := a.edit(ctx, u.ID, func(u *store.User) error { u.Roles = roles; return nil })
	if err != nil {
		return u, err
	}
	lost := slices.ContainsFunc(had, func(role string) bool { return !slices.Contains(roles, role) })
	if !lost {
		return u, nil
	}
	_, err = a.SignOut(ctx, u.ID, "the provider took roles away", "connection "+c.Name, store.Hash{})
	return u, err
}

// provision makes a person whom the provider signs in for the first time. They have
// no password, and an address that the provider vouches for, of a domain that is not
// another connection's.
func (a *Accounts) provision(ctx context.Context, all *sso.Connections, c *sso.Connection, i *sso.Identity) (store.User, error) {
	if !c.Provision {
		return store.User{}, fmt.Errorf("%w: nobody is linked to this subject, and the connection %s makes nobody", errNotAdmitted, c.Name)
	}
	if !i.EmailVerified {
		return store.User{}, fmt.Errorf("%w: the provider does not say that the e-mail address is verified", errNotAdmitted)
	}
	name, err := Canonical(i.Email)
	if err != nil {
		return store.User{}, fmt.Errorf("%w: the provider's e-mail address: %w", errNotAdmitted, err)
	}
	_, domain, _ := strings.Cut(name, "@")
	if other := all.ByAddress(name); len(c.Domains) > 0 && !slices.Contains(c.Domains, domain) || other != nil && other.Name != c.Name {
		return store.User{}, fmt.Errorf("%w: the connection %s does not speak for the domain %s", errNotAdmitted, c.Name, domain)
	}
	roles, _ := c.RolesOf(i)
	now := a.Now()
	u := store.User{ID: newID(), Name: name, Tenant: c.Tenant, Roles: roles, State: store.UserActive, Made: now, Edited: now}
	err = a.Store.Identities().Provision(ctx, u, store.Identity{
		Tenant: c.Tenant, Issuer: i.Issuer, Subject: i.Subject, User: u.ID, Connection: c.Name, Made: now, Used: now,
	})
	switch {
	case errors.Is(err, store.ErrExists):
		return store.User{}, fmt.Errorf("%w: somebody else has the e-mail address already, and is not linked to this subject", errNotAdmitted)
	case err != nil:
		return store.User{}, fmt.Errorf("people: %w", err)
	}
	return u, nil
}

// Link says that a subject of a connection's provider is a person of its tenant.
// It returns what [store.Identities.Link] does.
func (a *Accounts) Link(ctx context.Context, u *store.User, connection, issuer, subject string) error {
	err := a.Store.Identities().Link(ctx, store.Identity{
		Tenant: u.Tenant, Issuer: issuer, Subject: subject, User: u.ID, Connection: connection, Made: a.Now(),
	})
	if err != nil {
		return fmt.Errorf("people: %w", err)
	}
	return nil
}

// Unlink forgets that a subject is a person, and ends their sessions and tokens. It
// returns [store.ErrNotFound] for a subject who is not theirs.
func (a *Accounts) Unlink(ctx context.Context, u *store.User, issuer, subject, because, author string) error {
	list, err := a.Store.Identities().List(ctx, u.ID)
	if err != nil {
		return fmt.Errorf("people: %w", err)
	}
	at := slices.IndexFunc(list, func(i store.Identity) bool { return i.Issuer == issuer && i.Subject == subject })
	if at < 0 {
		return store.ErrNotFound
	}
	if err := a.Store.Identities().Unlink(ctx, list[at].Tenant, issuer, subject); err != nil {
		return fmt.Errorf("people: %w", err)
	}
	_, err = a.SignOut(ctx, u.ID, because, author, store.Hash{})
	return err
}
