package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// Self is what an issuer is called that is our own authorization server.
const Self = "self"

// ownAPI is the name under which our own authorization server is served.
const ownAPI = "idp"

// IDP is our own authorization server. Its zero value is none.
type IDP struct {
	Issuer string   `yaml:"issuer"` // public URL: scheme and host
	Scopes []string `yaml:"scopes"` // that clients may be given
	Roles  []string `yaml:"roles"`  // that people and clients may be given, beside those that the policies name
	// PrivateNetworks are those in which clients may be told of logouts, beside the
	// public internet. In development any address is called.
	PrivateNetworks []netip.Prefix `yaml:"private_networks"`
	// Controls and Endpoints are blocks of controls, as of an API.
	Controls  raw        `yaml:"controls"`
	Endpoints raw        `yaml:"endpoints"`
	Admin     *Operators `yaml:"admin"`  // the admin API; none without the block
	People    *People    `yaml:"people"` // who may be proven, and how; without it clients get tokens for themselves only
}

// OwnAudiences returns the audiences of the APIs that accept the tokens of our own
// authorization server.
func (f *File) OwnAudiences() (out []string) {
	for _, a := range f.APIs {
		if slices.Contains(a.Issuers, Self) && !slices.Contains(out, a.Audience) {
			out = append(out, a.Audience)
		}
	}
	return out
}

const sampleIDP = "idp: {issuer: https://login.example.com}"

// OwnUpstream and OperatorsUpstream are the names, behind [gatehouse.InProcess], of our
// own authorization server and of its admin API.
const (
	OwnUpstream       = ownAPI
	OperatorsUpstream = operatorsAPI
)

// idp judges the block of our own server before the APIs are read. It reports
// whether APIs may have it as their issuer.
func (r *reader) idp(n *yaml.Node, d *document, o Options) bool {
	k, _ := lookup(n, ownAPI)
	if k == nil {
		return false
	}
	u, err := url.Parse(d.IDP.Issuer)
	switch {
	case r.meant["idp.issuer"]:
	case len(o.Own) == 0:
		r.at(n, ownAPI, "this program has no authorization server", "nothing: remove the block")
	case err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.String() != d.IDP.Issuer:
		r.at(n, "idp.issuer", fmt.Sprintf("%q is no issuer: a URL of scheme and host, without a path", d.IDP.Issuer), "issuer: https://login.example.com")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		r.at(n, "idp.issuer", "an issuer is reached over https (http is for loopback addresses only)", "issuer: https://login.example.com")
	}
	for _, p := range d.IDP.PrivateNetworks {
		for _, never := range []string{"127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10"} {
			if p.Overlaps(netip.MustParsePrefix(never)) {
				r.at(n, "idp.private_networks", fmt.Sprintf("%s has addresses in it that no client may choose: this machine, or its link", p), "private_networks: [10.0.0.0/8]  (the networks of the applications)")
				break
			}
		}
	}
	r.people(n, d, o.SAML)
	r.operators(n, d)
	for _, s := range d.IDP.Scopes {
		if !scope(s) {
			r.at(n, "idp.scopes", fmt.Sprintf("%q is no scope: printable ASCII without spaces, commas, quotes and backslashes", s), "scopes: [orders:read]")
		}
	}
	for _, role := range d.IDP.Roles {
		if role == "" || strings.ContainsFunc(role, func(c rune) bool { return c <= ' ' || c > '~' }) {
			r.at(n, "idp.roles", fmt.Sprintf("%q is no role: printable ASCII without spaces", role), "roles: [auditor]")
		}
	}
	return true
}

// own adds our own authorization server as one more API: its controls are the
// general ones, in front of endpoints that are public by their nature.
func (f *File) own(r *reader, n *yaml.Node, d *document) {
	k, _ := lookup(n, ownAPI)
	u, err := url.Parse(d.IDP.Issuer)
	if k == nil || len(r.list) > 0 || err != nil {
		return
	}
	f.IDP = d.IDP
	for _, a := range f.APIs {
		if a.Name == ownAPI {
			r.add(a.Place, a.key, "our own authorization server has this name", "another name for the API")
			return
		}
	}
	if len(f.OwnAudiences()) == 0 {
		r.at(n, ownAPI, "no API accepts the tokens of our own authorization server", "issuer: self, in a block of apis")
		return
	}
	a := &API{
		Name: ownAPI, Place: r.place(k.Line, k.Column), key: ownAPI, node: &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: k.Line, Column: k.Column},
		Upstream: &gatehouse.Upstream{Name: ownAPI, Scheme: "http", Address: gatehouse.InProcess + OwnUpstream, Host: u.Host},
		Public:   map[string]*gatehouse.Waiver{}, Permits: map[string]gatehouse.Permit{},
		block: apiBlock{OpenAPI: "the authorization server", Controls: d.IDP.Controls, Endpoints: d.IDP.Endpoints},
	}
	doc, err := openapi.Parse(ownAPI+".openapi.yaml", f.options.Own)
	if err != nil {
		r.faults(err, fallback{at: a.Place, key: ownAPI, fix: "a program whose own description can be read"})
		return
	}
	a.description = describeDocument(doc)
	for _, id := range a.description.ids {
		a.Public[id] = &gatehouse.Waiver{Because: "people and clients prove themselves to the authorization server itself", Owner: "gatehouse", Until: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), Place: a.Place}
	}
	a.blocks = r.blocks(a, d.Controls.Node, f.kinds)
	for _, b := range a.blocks {
		if b.kind.Name == "identity" {
			// It binds tokens to certificates, and shows people where they signed in.
			b.extend(a.Place, "certificate", "!!bool", "true")
			b.extend(a.Place, "client", "!!str", "forwarded")
		}
		r.decode(b)
	}
	r.endpoints(a, f.kinds)
	r.exceptions(a, f.kinds)
	if h, ok := canonicalHost(u.Host, &d.Listen); ok {
		_, port, _ := net.SplitHostPort(d.Listen.Address)
		a.serve(h, port, &d.Listen)
	}
	f.APIs = append(f.APIs, a)
	f.operatorsOwn(r, n, d)
	f.mappedRoles(r, n)
}

// exceptions are what the pages and the protocol need that no API should have. They
// are waived like any other exception, so that check and audit show them.
func (r *reader) exceptions(a *API, kinds []gatehouse.Kind) {
	until := r.now.AddDate(1, 0, 0).Format(time.DateOnly)
	// The one token that a standard puts into a URL (OpenID Connect RP-Initiated
	// Logout 1.0 section 2).
	r.exception(a, kinds, "logout", "urlsecret", fmt.Sprintf(
		`{allow: [id_token_hint], waiver: {because: "clients send the id_token to log out; it is of no use anywhere else", owner: gatehouse, until: %s}}`, until))
	// A SAML response is posted from the page of an identity provider, whose Origin is
	// null where the page says no-referrer (SAML 2.0 Bindings section 3.5).
	r.exception(a, kinds, "signInAnswer", "cors", fmt.Sprintf(
		`{off: {because: "identity providers have browsers post their answers here; they are bound to the browser and signed", owner: gatehouse, until: %s}}`, until))
	// Clients of other origins send people here by a form (OpenID Connect Core 1.0
	// section 3.1.2.1). It changes nothing: the answer sends the browser to the same by GET.
	r.exception(a, kinds, "authorizeByPost", "cors", fmt.Sprintf(
		`{off: {because: "other sites begin authorizations by a form, which changes nothing", owner: gatehouse, until: %s}}`, until))
	if i := slices.IndexFunc(a.blocks, func(b *block) bool { return b.kind.Name == "ratelimit" }); i >= 0 {
		b := *a.blocks[i]
		b.extend(a.Place, "token_endpoint", "!!bool", "true")
		r.decode(&b)
		a.except("issueToken", &b)
	}
	for _, o := range a.description.byID {
		if strings.HasPrefix(o.Template(), "/authorize") || o.Template() == "/device" || strings.HasPrefix(o.Template(), "/device/") || strings.HasPrefix(o.Template(), "/account/") || o.Template() == "/logout" {
			// Under no-referrer a form's Origin would be null.
			r.exception(a, kinds, o.ID(), "headers", fmt.Sprintf(
				`{referrer_policy: same-origin, pages: {because: "the pages name their style and where their forms go", owner: gatehouse, until: %s}}`, until))
		}
	}
}

// extend adds a key to a block that does not have it. What is written stands.
func (b *block) extend(at gatehouse.Place, key, tag, value string) {
	if old, _ := lookup(b.node, key); old != nil || b.node != nil && b.node.Kind != yaml.MappingNode {
		return
	}
	grown := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: at.Line, Column: at.Col}
	if b.node == nil {
		b.place = at
	} else {
		grown.Line, grown.Column = b.node.Line, b.node.Column
		grown.Content = slices.Clone(b.node.Content)
	}
	name := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key, Line: at.Line, Column: at.Col}
	grown.Content = append(grown.Content, name, &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value, Line: at.Line, Column: at.Col})
	b.node = grown
}

// exception replaces one control on one of our own server's endpoints.
func (r *reader) exception(a *API, kinds []gatehouse.Kind, operation, control, text string) {
	i := slices.IndexFunc(kinds, func(k gatehouse.Kind) bool { return k.Name == control })
	if i < 0 || a.description.byID[operation] == nil {
		return
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) != 1 {
		r.add(a.Place, a.key, "the exception for "+operation+" cannot be read", "a program whose own configuration can be read")
		return
	}
	b := &block{kind: &kinds[i], key: join(ownAPI, control), node: doc.Content[0], place: a.Place}
	r.decode(b)
	a.except(operation, b)
}

// except has one operation judged by a block of its own. What is written stands.
func (a *API) except(operation string, b *block) {
	if a.overrides[operation] == nil {
		a.overrides[operation] = map[string]*block{}
	}
	if a.overrides[operation][b.kind.Name] == nil {
		a.overrides[operation][b.kind.Name] = b
	}
}
