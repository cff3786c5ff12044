package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/idp/people"
	"github.com/gatehouse-api/gatehouse/store"
)

// shownIdentity is a link to a provider's subject as it is printed.
type shownIdentity struct {
	Issuer     string    `json:"issuer"`
	Subject    string    `json:"subject"`
	Connection string    `json:"connection"`
	Made       time.Time `json:"made"`
	Used       time.Time `json:"used,omitzero"`
}

// printIdentities prints at which providers a person is known.
func (e *entry) printIdentities(ctx context.Context, f facts, u *store.User) error {
	links, err := f.Identities().List(ctx, u.ID)
	if err != nil {
		return err
	}
	list := []shownIdentity{}
	rows := [][]string{{"ISSUER", "SUBJECT", "CONNECTION", "USED"}}
	for _, l := range links {
		list = append(list, shownIdentity{Issuer: l.Issuer, Subject: l.Subject, Connection: l.Connection, Made: l.Made, Used: l.Used})
		used := "never"
		if !l.Used.IsZero() {
			used = l.Used.Format(time.RFC3339)
		}
		rows = append(rows, []string{printable(l.Issuer), printable(l.Subject), l.Connection, used})
	}
	if e.json {
		return e.print(list)
	}
	return e.table(rows)
}

func (e *entry) listIdentities(args []string) error {
	return e.person(args, nil, func(ctx context.Context, f facts, _ *people.Accounts, u store.User) error {
		return e.printIdentities(ctx, f, &u)
	})
}

func (e *entry) linkIdentity(args []string) error {
	name := e.flags.String("connection", "", "a connection of idp.people.sso")
	subject := e.flags.String("subject", "", "what the provider calls the person: sub, or the NameID")
	return e.person(args, nil, func(ctx context.Context, f facts, a *people.Accounts, u store.User) error {
		if e.file.IDP.People == nil || e.file.IDP.People.SSO[*name] == nil {
			return fmt.Errorf("there is no connection %s in %s; write: --connection NAME, one of idp.people.sso", printable(*name), e.config)
		}
		c := e.file.IDP.People.SSO[*name]
		switch {
		case *subject == "":
			return errors.New("as whom does the provider know them? write: --subject SUB")
		case c.Tenant != u.Tenant:
			return fmt.Errorf("%s is of the tenant %q, and the connection %s signs in those of %q; write: another connection", u.Name, u.Tenant, *name, c.Tenant)
		}
		issuer, err := issuerOf(c)
		if err != nil {
			return fmt.Errorf("connection %s: %w", *name, err)
		}
		err = a.Link(ctx, &u, *name, issuer, *subject)
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("%s is linked already, to this person or another one; write first: gatehouse users unlink", printable(*subject))
		}
		if err != nil {
			return err
		}
		return e.printIdentities(ctx, f, &u)
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
	return e.person(args, e.answered, func(ctx context.Context, f facts, a *people.Accounts, u store.User) error {
		err := a.Unlink(ctx, &u, *issuer, *subject, e.because, e.author)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%s is not linked to %s of %s; write: gatehouse users identities %s", u.Name, printable(*subject), printable(*issuer), u.Name)
		}
		if err != nil {
			return err
		}
		return e.printIdentities(ctx, f, &u)
	})
}
