package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/store"
)

const clientsUsage = `usage: gatehouse clients add ID [--name TEXT] [--grant TYPE]... [--redirect URL]... [--scope SCOPE]...   a client; its secret is shown once
               [--post-logout-redirect URL]... [--public | --jwks FILE | --certificate FILE|KIND:VALUE] [--native] [--dpop] [--certificate-bound] [--first-party] [--resource-server] [--role ROLE]... [--tenant ID]
       gatehouse clients show ID                                                                        all that is known of a client
       gatehouse clients change ID [--name TEXT] [--grant TYPE]... [--redirect URL]... [--post-logout-redirect URL]... [--scope SCOPE]... [--role ROLE]... [--tenant ID]
                                                                                                        what is given replaces what there was; its tokens hold until they expire
       gatehouse clients list                                                                           who is registered
       gatehouse clients rotate ID [--overlap 48h]                                                      a new secret; the old one holds for the overlap, 0 ends it now
       gatehouse clients keys ID --jwks FILE                                                            the public keys of a client that proves itself by them, in place of those before
       gatehouse clients certificates ID --certificate FILE|KIND:VALUE...                               the certificates of a client that proves itself by them, in place of those before
       gatehouse clients remove ID                                                                      its tokens hold until they expire: gatehouse tokens revoke
Grant types are authorization_code, refresh_token, client_credentials, device_code and token-exchange; the last needs --exchange-audience URL for every API that tokens are exchanged for.
`

// runClients registers OAuth clients.
func runClients(args []string, stdout, stderr io.Writer) int {
	return runVerb("clients", clientsUsage, args, stdout, stderr, map[string]func(*entry, []string) error{
		"add": (*entry).addClient, "list": (*entry).listClients, "show": (*entry).showClient, "change": (*entry).changeClient, "rotate": (*entry).rotateClient, "keys": (*entry).replaceKeys, "certificates": (*entry).replaceCertificates, "remove": (*entry).removeClient,
	})
}

// texts is a flag that may be given several times.
type texts []string

func (t *texts) String() string { return strings.Join(*t, ",") }

func (t *texts) Set(s string) error { *t = append(*t, s); return nil }

// shownClient is a client as it is printed. The secret is there when it was made
// just now.
type shownClient struct {
	operator.Client
	Secret string `json:"secret,omitempty"`
}

func (e *entry) addClient(args []string) error {
	c := store.Client{}
	e.flags.StringVar(&c.Name, "name", "", "for people")
	e.flags.Var((*texts)(&c.Grants), "grant", "a grant type; may be repeated")
	e.flags.Var((*texts)(&c.ExchangeAudiences), "exchange-audience", "an API for which it may exchange tokens; may be repeated")
	e.flags.Var((*texts)(&c.RedirectURIs), "redirect", "a redirect URI, compared exactly; may be repeated")
	e.flags.Var((*texts)(&c.PostLogoutRedirectURIs), "post-logout-redirect", "where people may be sent after they logged out, compared exactly; may be repeated")
	e.flags.StringVar(&c.BackchannelLogoutURI, "backchannel-logout-uri", "", "where it is told of logouts: https, or this machine in development")
	e.flags.Var((*texts)(&c.Scopes), "scope", "a scope that it may ask for; may be repeated")
	e.flags.Var((*texts)(&c.Roles), "role", "a role in its own tokens; may be repeated")
	e.flags.StringVar(&c.Tenant, "tenant", "", "the tenant in its own tokens")
	e.flags.BoolVar(&c.Public, "public", false, "it cannot keep a secret: an app in a browser or on a phone")
	e.flags.BoolVar(&c.Native, "native", false, "it receives its code on this machine, on any port")
	e.flags.BoolVar(&c.DPoP, "dpop", false, "every token must be bound to a key of the client")
	e.flags.BoolVar(&c.FirstParty, "first-party", false, "it is the operator's own: nobody is asked for consent")
	e.flags.BoolVar(&c.ResourceServer, "resource-server", false, "it may ask what a token is")
	jwks := e.flags.String("jwks", "", "a file with its public keys, by which it proves itself in place of a secret")
	var certificates texts
	e.flags.Var(&certificates, "certificate", certificateFlag)
	e.flags.BoolVar(&c.CertificateBound, "certificate-bound", false, "every token must be bound to the certificate of its connection")
	id, err := e.one(args)
	if err != nil {
		return err
	}
	c.ID = id
	for i := range c.Grants {
		c.Grants[i] = idp.GrantType(c.Grants[i])
	}
	if c.Certificates, err = certificateEntries(certificates); err != nil {
		return err
	}
	if c.JWKS, err = readJWKS(*jwks); err != nil {
		return err
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		added, secret, err := d.AddClient(ctx, by, c)
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("there is a client %s already", c.ID)
		}
		if err != nil {
			return said(err)
		}
		return e.showSecret(added, secret, "registered")
	})
}

// showSecret prints a client with the secret that nobody can be shown again.
func (e *entry) showSecret(c operator.Client, secret, done string) error {
	if e.json {
		return e.print(shownClient{c, secret})
	}
	_, err := fmt.Fprintf(e.stdout, "%s is %s\n", c.ID, done)
	if err == nil && secret != "" {
		_, err = fmt.Fprintf(e.stdout, "secret: %s\nIt is not shown again.\n", secret)
	}
	return err
}

func (e *entry) listClients(args []string) error {
	if err := e.none(args); err != nil {
		return err
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		list, err := whole(func(after string) ([]operator.Client, bool, error) { return d.Clients(ctx, by, after, atOnce) },
			func(x *operator.Client) string { return x.ID })
		if err != nil {
			return err
		}
		if e.json {
			return e.print(list)
		}
		rows := [][]string{{"ID", "PROVEN BY", "GRANTS", "SCOPES", "ROLES", "TENANT", "NAME"}}
		for i := range list {
			c := &list[i]
			rows = append(rows, []string{c.ID, provenBy(c), strings.Join(c.Grants, " "), strings.Join(c.Scopes, " "), strings.Join(c.Roles, " "), c.Tenant, c.Name})
		}
		return e.table(rows)
	})
}

func (e *entry) rotateClient(args []string) error {
	overlap := e.flags.Duration("overlap", idp.Overlap, "how long the old secret holds: 24h to 72h, or 0")
	id, err := e.one(args)
	if err != nil {
		return err
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		now, secret, err := d.RotateClient(ctx, by, id, *overlap)
		if err != nil {
			return missing(err, "no client "+printable(id), "clients")
		}
		return e.showSecret(now, secret, fmt.Sprintf("given a new secret; the old one holds for %s", *overlap))
	})
}

func (e *entry) removeClient(args []string) error {
	id, err := e.one(args)
	if err != nil {
		return err
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		if err := d.RemoveClient(ctx, by, id); err != nil {
			return missing(err, "no client "+printable(id), "clients")
		}
		_, err := fmt.Fprintf(e.stdout, "%s is removed\n", printable(id))
		return err
	})
}

// provenBy says in a word how a client proves itself.
func provenBy(c *operator.Client) string {
	switch {
	case c.Public:
		return "public"
	case c.Keys:
		return "keys"
	case c.Certificates:
		return "certificate"
	}
	return "secret"
}
