package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/store"
)

const clientsUsage = `usage: gatehouse clients add ID [--name TEXT] [--grant TYPE]... [--redirect URL]... [--scope SCOPE]...   a client; its secret is shown once
               [--post-logout-redirect URL]... [--public | --jwks FILE | --certificate FILE|KIND:VALUE] [--native] [--dpop] [--certificate-bound] [--first-party] [--resource-server] [--role ROLE]... [--tenant ID]
       gatehouse clients list                                                                           who is registered
       gatehouse clients rotate ID [--overlap 48h]                                                      a new secret; the old one holds for the overlap, 0 ends it now
       gatehouse clients keys ID --jwks FILE                                                            the public keys of a client that proves itself by them, in place of those before
       gatehouse clients certificates ID --certificate FILE|KIND:VALUE...                               the certificates of a client that proves itself by them, in place of those before
       gatehouse clients remove ID                                                                      its tokens hold until they expire: gatehouse tokens revoke
Grant types are authorization_code, refresh_token and client_credentials.
`

// runClients registers OAuth clients.
func runClients(args []string, stdout, stderr io.Writer) int {
	return runVerb("clients", clientsUsage, args, stdout, stderr, map[string]func(*entry, []string) error{
		"add": (*entry).addClient, "list": (*entry).listClients, "rotate": (*entry).rotateClient, "keys": (*entry).replaceKeys, "certificates": (*entry).replaceCertificates, "remove": (*entry).removeClient,
	})
}

// texts is a flag that may be given several times.
type texts []string

func (t *texts) String() string { return strings.Join(*t, ",") }

func (t *texts) Set(s string) error { *t = append(*t, s); return nil }

// shownClient is a client as it is printed. The secret is there when it was made
// just now.
type shownClient struct {
	ID        string    `json:"id"`
	Name      string    `json:"name,omitempty"`
	Public    bool      `json:"public"`
	Grants    []string  `json:"grants"`
	Redirects []string  `json:"redirect_uris,omitempty"`
	Goodbyes  []string  `json:"post_logout_redirect_uris,omitempty"`
	Scopes    []string  `json:"scopes,omitempty"`
	Secret    string    `json:"secret,omitempty"`
	Secrets   []string  `json:"secret_ids,omitempty"`
	Made      time.Time `json:"made"`
}

func clientOf(c *store.Client, secret string) shownClient {
	out := shownClient{ID: c.ID, Name: c.Name, Public: c.Public, Grants: c.Grants, Redirects: c.RedirectURIs, Goodbyes: c.PostLogoutRedirectURIs, Scopes: c.Scopes, Secret: secret, Made: c.Made}
	for i := range c.Secrets {
		out.Secrets = append(out.Secrets, c.Secrets[i].ID)
	}
	return out
}

func (e *entry) addClient(args []string) error {
	now := time.Now().UTC()
	c := store.Client{Made: now}
	e.flags.StringVar(&c.Name, "name", "", "for people")
	e.flags.Var((*texts)(&c.Grants), "grant", "a grant type; may be repeated")
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
	if c.Certificates, err = certificateEntries(certificates); err != nil {
		return err
	}
	if c.JWKS, err = readJWKS(*jwks); err != nil {
		return err
	}
	secret := ""
	if !c.Public && len(c.JWKS) == 0 && len(c.Certificates) == 0 {
		var kept store.ClientSecret
		secret, kept = idp.NewSecret(now)
		c.Secrets = []store.ClientSecret{kept}
	}
	if err := idp.CheckClient(&c); err != nil {
		return saidPlainly(err)
	}
	return e.with(func(ctx context.Context, f facts) error {
		if strings.HasPrefix(c.BackchannelLogoutURI, "http:") && (e.file == nil || !e.file.Development) {
			return errors.New("a client is told of logouts over https (http is for this machine in development only); write: --backchannel-logout-uri https://app.example.com/backchannel-logout")
		}
		if err := f.Clients().Add(ctx, c); err != nil {
			if errors.Is(err, store.ErrExists) {
				return fmt.Errorf("there is a client %s already", c.ID)
			}
			return saidPlainly(err)
		}
		return e.showSecret(&c, secret, "registered")
	})
}

// showSecret prints a client with the secret that nobody can be shown again.
func (e *entry) showSecret(c *store.Client, secret, done string) error {
	if e.json {
		return e.print(clientOf(c, secret))
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
	return e.with(func(ctx context.Context, f facts) error {
		list, err := f.Clients().List(ctx)
		if err != nil {
			return err
		}
		if e.json {
			all := make([]shownClient, len(list))
			for i := range list {
				all[i] = clientOf(&list[i], "")
			}
			return e.print(all)
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		for i := range list {
			c := &list[i]
			kind := provenBy(c)
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.ID, kind, strings.Join(c.Grants, " "), printable(strings.Join(c.Scopes, " ")), printable(c.Name))
		}
		return w.Flush()
	})
}

func (e *entry) rotateClient(args []string) error {
	overlap := e.flags.Duration("overlap", idp.Overlap, "how long the old secret holds: 24h to 72h, or 0")
	id, err := e.one(args)
	if err != nil {
		return err
	}
	return e.with(func(ctx context.Context, f facts) error {
		var secret string
		var now store.Client
		err := f.Clients().Change(ctx, id, func(c *store.Client) (err error) {
			secret, err = idp.RotateSecret(c, time.Now().UTC(), *overlap)
			now = *c
			return err
		})
		if err != nil {
			return noClient(err, id)
		}
		return e.showSecret(&now, secret, fmt.Sprintf("given a new secret; the old one holds for %s", *overlap))
	})
}

func (e *entry) removeClient(args []string) error {
	id, err := e.one(args)
	if err != nil {
		return err
	}
	return e.with(func(ctx context.Context, f facts) error {
		if err := f.Clients().Remove(ctx, id); err != nil {
			return noClient(err, id)
		}
		_, err := fmt.Fprintf(e.stdout, "%s is removed\n", printable(id))
		return err
	})
}

// provenBy says in a word how a client proves itself.
func provenBy(c *store.Client) string {
	switch {
	case c.Public:
		return "public"
	case len(c.JWKS) > 0:
		return "keys"
	case len(c.Certificates) > 0:
		return "certificate"
	}
	return "secret"
}

func noClient(err error, id string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no client %s; write: gatehouse clients list", printable(id))
	}
	return saidPlainly(err)
}

// saidPlainly leaves out where in the program an entry was found to be wrong.
func saidPlainly(err error) error {
	if !errors.Is(err, store.ErrInvalid) {
		return err
	}
	_, says, _ := strings.Cut(err.Error(), store.ErrInvalid.Error()+": ")
	return errors.New(says)
}
