package config

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/internal/secret"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// SSO is one tenant's connection to its own identity provider.
type SSO struct {
	Title   string   `yaml:"title"`   // that people read; default is the connection's name
	Tenant  string   `yaml:"tenant"`  // of everybody whom it signs in
	Domains []string `yaml:"domains"` // of e-mail addresses that lead here, and with which people are made
	// Listed shows it to everybody who signs in; default is true where there are no
	// domains to find it by.
	Listed    *bool         `yaml:"listed"`
	Provision bool          `yaml:"provision"` // people who are not there yet are made
	Session   time.Duration `yaml:"session"`   // at most, and by default, 8 hours
	SignOut   bool          `yaml:"sign_out"`  // who signs out here signs out at the provider, too
	// Assurance is aal1, or aal2 where ACR or AMR say by what the provider vouches
	// for two factors.
	Assurance string    `yaml:"assurance"`
	ACR       []string  `yaml:"acr"`
	AMR       []string  `yaml:"amr"`
	Roles     *SSORoles `yaml:"roles"` // without it operators give roles, and the provider has no say
	OIDC      *SSOOIDC  `yaml:"oidc"`  // an OpenID provider
	SAML      *SSOSAML  `yaml:"saml"`  // or a SAML identity provider
}

// SSORoles say which roles follow from what a provider says.
type SSORoles struct {
	Claim string              `yaml:"claim"`
	Map   map[string][]string `yaml:"map"` // from values of the claim to roles
}

// SSOOIDC is an OpenID provider, and the client that we are of it.
type SSOOIDC struct {
	Issuer       string      `yaml:"issuer"`
	ClientID     string      `yaml:"client_id"`
	ClientSecret secret.Text `yaml:"client_secret"`
	// ClientAuth is how the secret is sent: client_secret_basic (the default) or
	// client_secret_post.
	ClientAuth string   `yaml:"client_auth"`
	Algorithm  string   `yaml:"alg"`      // that signs id_tokens: RS256 (the default), ES256, PS256 or EdDSA
	Scopes     []string `yaml:"scopes"`   // beside openid; default is email
	Userinfo   bool     `yaml:"userinfo"` // ask the userinfo endpoint for more claims
}

// longestSession is the most that a session of a provider lasts.
const longestSession = 8 * time.Hour

const (
	sampleSSO    = "acme: {tenant: acme, domains: [acme.example], oidc: {issuer: https://login.acme.example, client_id: gatehouse, client_secret: file:acme.secret}}"
	sampleVouch  = "{assurance: aal2, amr: [mfa]}  (or acr: what the provider calls two factors)"
	sampleMapped = "roles: {claim: groups, map: {eng-admins: [admin]}}"
)

var (
	ssoName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
	ssoDomain = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$`)
)

// sso judges every connection.
func (r *reader) sso(n *yaml.Node, d *document, judge func(issuer, name string, s *SSOSAML) error) {
	all := d.IDP.People.SSO
	domains, issuers := map[string]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c, key := all[name], "idp.people.sso."+name
		if c == nil {
			continue
		}
		if !ssoName.MatchString(name) {
			r.at(n, key, fmt.Sprintf("%q is no name of a connection: it stands in URLs, in lower-case letters, digits and hyphens, 40 at most", name), sampleSSO)
		}
		r.connection(n, key, c, d.Environment)
		if c.SAML != nil {
			r.saml(n, key+".saml", name, d.IDP.Issuer, c.SAML, judge)
		}
		for _, domain := range c.Domains {
			if other := domains[domain]; other != "" {
				r.at(n, key+".domains", fmt.Sprintf("%s leads to %s already", domain, other), "each domain in one connection")
			}
			domains[domain] = name
		}
		if c.OIDC == nil || c.OIDC.Issuer == "" {
			continue
		}
		id := c.Tenant + " " + c.OIDC.Issuer // within a tenant a subject of an issuer is one person
		if other := issuers[id]; other != "" {
			r.at(n, key+".oidc.issuer", "the same tenant has this issuer as "+other+" already", "one connection for both, or another tenant")
		}
		issuers[id] = name
	}
}

func (r *reader) connection(n *yaml.Node, key string, c *SSO, environment string) {
	statement := len(c.ACR)+len(c.AMR) > 0
	switch {
	case c.Session > longestSession:
		r.at(n, key+".session", fmt.Sprintf("a session of a provider lasts 8 hours at most, not %s", c.Session), "session: 8h, or nothing")
	case c.Assurance != "" && c.Assurance != "aal1" && c.Assurance != "aal2":
		r.at(n, key+".assurance", fmt.Sprintf("%q is neither aal1 nor aal2", c.Assurance), sampleVouch)
	case c.Assurance == "aal2" && !statement:
		r.at(n, key+".assurance", "nothing says by what the provider vouches for two factors", sampleVouch)
	case c.Assurance != "aal2" && statement:
		r.at(n, key, "acr and amr are what aal2 is believed by, and the connection vouches for aal1", sampleVouch)
	case slices.Contains(c.ACR, "") || slices.Contains(c.AMR, ""):
		r.at(n, key, "an empty acr or amr is what a provider says that says nothing", sampleVouch)
	}
	for _, domain := range c.Domains {
		if !ssoDomain.MatchString(domain) {
			r.at(n, key+".domains", fmt.Sprintf("%q is no domain of e-mail addresses, in lower case", domain), "domains: [acme.example]")
		}
	}
	if c.SignOut && c.SAML != nil {
		r.at(n, key+".sign_out", "people are not signed out at a SAML identity provider", "nothing: remove the key")
	}
	if c.Listed != nil && !*c.Listed && len(c.Domains) == 0 {
		r.at(n, key+".listed", "nobody finds a connection that is not listed and has no domains", "domains: [acme.example]")
	}
	r.ssoRoles(n, key+".roles", c.Roles)
	switch {
	case c.OIDC == nil && c.SAML == nil:
		r.at(n, key, "a connection needs the provider that it leads to", sampleSSO)
	case c.OIDC != nil && c.SAML != nil:
		r.at(n, key, "a connection leads to one provider, by oidc or by saml", sampleSSO)
	case c.OIDC != nil:
		r.oidc(n, key+".oidc", c.OIDC, environment)
	case c.Provision && c.SAML.Attributes.Email == "":
		r.at(n, key+".saml", "people are made with an e-mail address, and nothing says in which attribute it is", sampleSAML)
	case len(c.AMR) > 0:
		r.at(n, key+".amr", "a SAML identity provider names no methods", "acr: [\"https://refeds.org/profile/mfa\"]  (what it calls two factors)")
	}
}

func (r *reader) ssoRoles(n *yaml.Node, key string, roles *SSORoles) {
	if roles == nil {
		return
	}
	if roles.Claim == "" || len(roles.Map) == 0 {
		r.at(n, key, "roles follow from a claim, by a map of its values", sampleMapped)
	}
	for _, list := range roles.Map {
		for _, role := range list {
			if role == "" || role == "authenticated" || role == "*" || strings.ContainsFunc(role, func(c rune) bool { return c <= ' ' || c > '~' }) {
				r.at(n, key+".map", fmt.Sprintf("%q is no role that a provider may give", role), sampleMapped)
			}
		}
	}
}

// mappedRoles refuses roles that no policy knows: a typing error would be a role that
// opens nothing, or not what was meant.
func (f *File) mappedRoles(r *reader, n *yaml.Node) {
	if f.IDP.People == nil {
		return
	}
	var known []string
	for _, role := range f.Roles() {
		known = append(known, role.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(f.IDP.People.SSO)) {
		c := f.IDP.People.SSO[name]
		if c == nil || c.Roles == nil {
			continue
		}
		for _, value := range slices.Sorted(maps.Keys(c.Roles.Map)) {
			for _, role := range c.Roles.Map[value] {
				if slices.Contains(known, role) {
					continue
				}
				fix := words.Nearest(role, known)
				if fix == "" {
					fix = "a role of a policy, or in idp.roles: [" + role + "]"
				}
				r.at(n, "idp.people.sso."+name+".roles.map."+value, fmt.Sprintf("no policy knows a role %q", role), fix)
			}
		}
	}
}

// oidc judges an OpenID provider.
func (r *reader) oidc(n *yaml.Node, key string, o *SSOOIDC, environment string) {
	u, err := url.Parse(o.Issuer)
	if err != nil {
		u = &url.URL{}
	}
	local := u.Scheme == "http" && loopback(u.Hostname())
	switch {
	case r.meant[key+".issuer"]:
	case u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.String() != o.Issuer:
		r.at(n, key+".issuer", fmt.Sprintf("%q is no issuer: a URL without query and fragment, as the provider writes it in its metadata", o.Issuer), "issuer: https://login.acme.example")
	case u.Scheme != "https" && !local:
		r.at(n, key+".issuer", "a provider is reached over https", "issuer: https://login.acme.example")
	case local && environment != "development":
		r.at(n, key+".issuer", "http is for a provider on this machine, in development", "issuer: https://login.acme.example")
	}
	switch {
	case o.ClientID == "" && !r.meant[key+".client_id"]:
		r.at(n, key, "the provider knows us by a client ID", sampleSSO)
	case o.ClientSecret.IsZero() && !r.told(key+".client_secret"):
		r.at(n, key, "we prove ourselves to the provider by a secret", "client_secret: file:acme.secret")
	case o.ClientAuth != "" && o.ClientAuth != "client_secret_basic" && o.ClientAuth != "client_secret_post":
		r.at(n, key+".client_auth", fmt.Sprintf("%q is no way to send a client secret", o.ClientAuth), "client_auth: client_secret_post, or nothing for client_secret_basic")
	case o.Algorithm != "" && !jose.Supported(o.Algorithm):
		r.at(n, key+".alg", fmt.Sprintf("%q signs no id_token here: whoever verifies an HMAC could forge it, and none proves nothing", o.Algorithm), "alg: RS256, or ES256, PS256, EdDSA")
	}
	for _, s := range o.Scopes {
		if !scope(s) {
			r.at(n, key+".scopes", fmt.Sprintf("%q is no scope", s), "scopes: [email, profile]")
		}
	}
}

// scope reports whether s may be one (RFC 6749 section 3.3).
func scope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' || c == ',' })
}

// told reports whether something is said about a key already: that it is misspelt,
// or cannot be read.
func (r *reader) told(key string) bool {
	return r.meant[key] || slices.ContainsFunc(r.list, func(e *Error) bool { return e.Key == key })
}
