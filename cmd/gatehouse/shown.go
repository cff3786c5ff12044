package main

import (
	"context"
	"errors"
	"flag"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/idp/operator"
)

// showUser prints all that is known of a person.
func (e *entry) showUser(args []string) error {
	return e.person(args, nil, func(_ context.Context, _ *operator.Desk, _ operator.By, p operator.Person) error {
		if e.json {
			return e.print(p)
		}
		return e.table([][]string{
			{"NAME", p.Name}, {"ID", p.ID}, {"STATE", string(p.State)}, {"TENANT", dash(p.Tenant)}, {"ROLES", dash(strings.Join(p.Roles, " "))},
			{"SECOND FACTOR", yes(p.SecondFactor)}, {"MADE", p.Made.Format(time.RFC3339)},
		})
	})
}

func yes(b bool) string { return map[bool]string{true: "yes", false: "no"}[b] }

// moveUser gives a person to another tenant.
func (e *entry) moveUser(args []string) error {
	e.reasons()
	tenant := e.flags.String("tenant", "", "whose person it is from now on; left out, nobody's")
	return e.changePerson(args, e.answered, &operator.PersonChange{Tenant: tenant}, func() string { return "is moved" })
}

// showClient prints all that is known of a client.
func (e *entry) showClient(args []string) error {
	id, err := e.one(args)
	if err != nil {
		return err
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		c, err := d.Client(ctx, by, id)
		if err != nil {
			return missing(err, "no client "+printable(id), "clients")
		}
		return e.printClient(&c)
	})
}

func (e *entry) printClient(c *operator.Client) error {
	if e.json {
		return e.print(c)
	}
	all := func(list []string) string { return dash(strings.Join(list, " ")) }
	return e.table([][]string{
		{"ID", c.ID}, {"NAME", dash(c.Name)}, {"PROVEN BY", provenBy(c)}, {"SECRETS", all(c.Secrets)}, {"GRANTS", all(c.Grants)}, {"SCOPES", all(c.Scopes)},
		{"ROLES", all(c.Roles)}, {"TENANT", dash(c.Tenant)}, {"REDIRECTS", all(c.Redirects)}, {"AFTER LOGOUT", all(c.Goodbyes)},
		{"TOLD OF LOGOUTS", dash(c.BackchannelLogout)}, {"NATIVE", yes(c.Native)}, {"DPOP", yes(c.DPoP)}, {"BOUND TO CERTIFICATE", yes(c.CertificateBound)},
		{"FIRST PARTY", yes(c.FirstParty)}, {"RESOURCE SERVER", yes(c.ResourceServer)}, {"MADE", c.Made.Format(time.RFC3339)},
	})
}

// changeClient changes what the flags name, and leaves the rest.
func (e *entry) changeClient(args []string) error {
	var name, tenant string
	var grants, redirects, goodbyes, scopes, roles []string
	e.flags.StringVar(&name, "name", "", "for people")
	e.flags.StringVar(&tenant, "tenant", "", "the tenant in its own tokens; empty for none")
	e.flags.Var((*texts)(&grants), "grant", "a grant type; may be repeated")
	e.flags.Var((*texts)(&redirects), "redirect", "a redirect URI, compared exactly; may be repeated")
	e.flags.Var((*texts)(&goodbyes), "post-logout-redirect", "where people may be sent after they logged out; may be repeated")
	e.flags.Var((*texts)(&scopes), "scope", "a scope that it may ask for; may be repeated")
	e.flags.Var((*texts)(&roles), "role", "a role in its own tokens; may be repeated")
	id, err := e.one(args)
	if err != nil {
		return err
	}
	var c operator.ClientChange
	e.flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "name":
			c.Name = &name
		case "tenant":
			c.Tenant = &tenant
		case "grant":
			c.Grants = &grants
		case "redirect":
			c.Redirects = &redirects
		case "post-logout-redirect":
			c.Goodbyes = &goodbyes
		case "scope":
			c.Scopes = &scopes
		case "role":
			c.Roles = &roles
		}
	})
	if c == (operator.ClientChange{}) {
		return errors.New("nothing is to be changed; write: --scope orders:read")
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		now, err := d.ChangeClient(ctx, by, id, "", c)
		if err != nil {
			return missing(err, "no client "+printable(id), "clients")
		}
		return e.printClient(&now)
	})
}
