package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/store"
)

// printIdentities prints at which providers a person is known.
func (e *entry) printIdentities(ctx context.Context, d *operator.Desk, by operator.By, p operator.Person) error {
	list, err := d.Identities(ctx, by, p.ID)
	if err != nil {
		return err
	}
	if e.json {
		return e.print(append([]operator.Identity{}, list...))
	}
	rows := [][]string{{"ISSUER", "SUBJECT", "CONNECTION", "USED"}}
	for _, l := range list {
		rows = append(rows, []string{l.Issuer, l.Subject, l.Connection, shown(l.Used, "never")})
	}
	return e.table(rows)
}

func (e *entry) listIdentities(args []string) error {
	return e.person(args, nil, func(ctx context.Context, d *operator.Desk, by operator.By, p operator.Person) error {
		return e.printIdentities(ctx, d, by, p)
	})
}

func (e *entry) linkIdentity(args []string) error {
	name := e.flags.String("connection", "", "a connection of idp.people.sso")
	subject := e.flags.String("subject", "", "what the provider calls the person: sub, or the NameID")
	return e.person(args, nil, func(ctx context.Context, d *operator.Desk, by operator.By, p operator.Person) error {
		if e.file.IDP.People == nil || e.file.IDP.People.SSO[*name] == nil {
			return fmt.Errorf("there is no connection %s in %s; write: --connection NAME, one of idp.people.sso", printable(*name), e.config)
		}
		c := e.file.IDP.People.SSO[*name]
		switch {
		case *subject == "":
			return errors.New("as whom does the provider know them? write: --subject SUB")
		case c.Tenant != p.Tenant:
			return fmt.Errorf("%s is of the tenant %q, and the connection %s signs in those of %q; write: another connection", p.Name, p.Tenant, *name, c.Tenant)
		}
		issuer, err := issuerOf(c)
		if err != nil {
			return fmt.Errorf("connection %s: %w", *name, err)
		}
		err = d.Link(ctx, by, p.ID, operator.Identity{Connection: *name, Issuer: issuer, Subject: *subject})
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("%s is linked already, to this person or another one; write first: gatehouse users unlink", printable(*subject))
		}
		if err != nil {
			return said(err)
		}
		return e.printIdentities(ctx, d, by, p)
	})
}

// issuerOf is what the provider of a connection is called in what it says.
func issuerOf(c *config.SSO) (string, error) {
	if c.SAML == nil {
		return c.OIDC.Issuer, nil
	}
	p, err := identityProvider(c.SAML)
	return p.EntityID, err
}

func (e *entry) unlinkIdentity(args []string) error {
	e.reasons()
	issuer := e.flags.String("issuer", "", "of the provider")
	subject := e.flags.String("subject", "", "what the provider calls the person: sub")
	return e.person(args, e.answered, func(ctx context.Context, d *operator.Desk, by operator.By, p operator.Person) error {
		err := d.Unlink(ctx, by, p.ID, operator.Identity{Issuer: *issuer, Subject: *subject})
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%s is not linked to %s of %s; write: gatehouse users identities %s", p.Name, printable(*subject), printable(*issuer), p.Name)
		}
		if err != nil {
			return said(err)
		}
		return e.printIdentities(ctx, d, by, p)
	})
}
