package main

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/idp/oidc"
	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/store"
)

// openSSO makes the connections that the configuration describes. No provider is
// asked anything before the first person comes.
func openSSO(f *config.File, once store.Once, log *slog.Logger) ([]sso.Connection, error) {
	var list []sso.Connection
	for _, name := range slices.Sorted(maps.Keys(f.IDP.People.SSO)) {
		s := f.IDP.People.SSO[name]
		c := sso.Connection{
			Name: name, Title: s.Title, Tenant: s.Tenant, Domains: s.Domains, Listed: len(s.Domains) == 0, Provision: s.Provision,
			Assurance: sso.Assurance{ACR: s.ACR, AMR: s.AMR}, Session: s.Session, SignOut: s.SignOut,
		}
		if s.Listed != nil {
			c.Listed = *s.Listed
		}
		if s.Roles != nil {
			c.Roles = &sso.Roles{Attribute: s.Roles.Claim, Map: s.Roles.Map}
		}
		var err error
		if s.SAML != nil {
			c.Protocol, err = openSAML(f.IDP.Issuer, name, s.SAML, once, log)
		} else {
			c.Protocol, err = openOIDC(name, s, f.IDP.Issuer, log)
		}
		if err != nil {
			return nil, fmt.Errorf("idp.people.sso.%s: %w", name, err)
		}
		list = append(list, c)
	}
	return list, nil
}

func openOIDC(name string, s *config.SSO, issuer string, log *slog.Logger) (sso.Protocol, error) {
	o := oidc.Options{
		Issuer: s.OIDC.Issuer, ClientID: s.OIDC.ClientID, ClientSecret: s.OIDC.ClientSecret, SecretInBody: s.OIDC.ClientAuth == "client_secret_post",
		Algorithm: s.OIDC.Algorithm, Scopes: s.OIDC.Scopes, ACR: s.ACR, Userinfo: s.OIDC.Userinfo,
		RedirectURI: issuer + sso.Path(name, "callback"), SignedOut: issuer + sso.Path(name, "signed-out"), Log: log.With("connection", name),
	}
	if o.Algorithm == "" {
		o.Algorithm = jose.RS256
	}
	if o.Scopes == nil {
		o.Scopes = []string{"email"}
	}
	return oidc.New(o)
}
