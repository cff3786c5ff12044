package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// document is the top level of the file.
type document struct {
	Listen      Listen `yaml:"listen"`
	Admin       Admin  `yaml:"admin"`
	State       string `yaml:"state"`
	Store       Store  `yaml:"store"`
	IDP         IDP    `yaml:"idp"`
	Environment string `yaml:"environment"`
	Log         string `yaml:"log"`
	Controls    raw    `yaml:"controls"`
	APIs        raw    `yaml:"apis"`
}

// Listen is where clients are served.
type Listen struct {
	Address string `yaml:"address"` // "host:port", default 127.0.0.1:8443
	TLS     *TLS   `yaml:"tls"`
	// Plaintext is why clients on other machines are served without TLS, or nil.
	Plaintext           *gatehouse.Waiver `yaml:"plaintext"`
	TrustedProxies      []netip.Prefix    `yaml:"trusted_proxies"`        // whose Forwarded fields are believed
	MaxConnections      int               `yaml:"max_connections"`        // default 10000
	MaxConnectionsPerIP int               `yaml:"max_connections_per_ip"` // default 256
}

// TLS names the files of the server's certificate chain and key, in PEM, and says
// what is asked of clients in the handshake.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// ClientCertificates is "request", "require", or "" where clients are not asked
	// for a certificate (RFC 8705).
	ClientCertificates string `yaml:"client_certificates"`
	// ClientCA is a PEM file of those who vouch for clients' certificates. Without
	// it any certificate is taken.
	ClientCA string `yaml:"client_ca"`
}

// Clients are asked for a certificate of their own, and may do without one or not.
const (
	RequestClientCertificates = "request"
	RequireClientCertificates = "require"
)

// Admin is where the operators are served. It is a loopback address: the admin
// plane is never reached from another machine (R32 of the regressions).
type Admin struct {
	Address string `yaml:"address"` // "host:port", default 127.0.0.1:9901
}

// apiBlock is one entry of apis as it is written.
type apiBlock struct {
	OpenAPI     string            `yaml:"openapi"`
	GraphQL     raw               `yaml:"graphql"`
	Upstream    raw               `yaml:"upstream"`
	Audience    raw               `yaml:"audience"`
	Issuer      raw               `yaml:"issuer"`
	Origins     raw               `yaml:"origins"`
	Hosts       []string          `yaml:"hosts"`
	AnyHost     *gatehouse.Waiver `yaml:"any_host"`
	Verbose     *gatehouse.Waiver `yaml:"verbose_errors"`
	Fallback    *gatehouse.Waiver `yaml:"schema_fallback"`
	States      int               `yaml:"schema_states"`
	Objects     raw               `yaml:"objects"`
	NoObject    raw               `yaml:"no_object"`
	Roles       raw               `yaml:"roles"`
	Policies    string            `yaml:"policies"`
	Relations   string            `yaml:"relations"`
	RelationsAt *RelationsAt      `yaml:"relations_at"`
	AuthZEN     string            `yaml:"authzen"`
	Facts       string            `yaml:"facts"`
	Principal   policy.Claims     `yaml:"principal"`
	TimeZone    string            `yaml:"time_zone"`
	Public      raw               `yaml:"public"`
	Properties  raw               `yaml:"properties"`
	Permit      raw               `yaml:"permit"`
	WebSocket   raw               `yaml:"websocket"`
	Timeout     time.Duration     `yaml:"timeout"`
	Controls    raw               `yaml:"controls"`
	Endpoints   raw               `yaml:"endpoints"`
}

const (
	defaultListen = "127.0.0.1:8443"
	defaultAdmin  = "127.0.0.1:9901"
	defaultState  = "./gatehouse-state"
	maxTimeout    = time.Hour

	// maxSchemaStates bounds what one schema's program may cost in memory: about
	// 2 KB a state.
	maxSchemaStates = 200_000
)

// top decodes the top level and judges what does not depend on any API.
func (r *reader) top(n *yaml.Node) *document {
	d := &document{
		Listen:      Listen{Address: defaultListen, MaxConnections: 10000, MaxConnectionsPerIP: 256},
		Admin:       Admin{Address: defaultAdmin},
		State:       defaultState,
		Environment: "production",
		Log:         "stdout",
	}
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "", "expected a block, found "+found(n), "apis: {orders: {openapi: orders.openapi.yaml, upstream: http://127.0.0.1:9000}}")
		return d
	}
	r.into(n, d, "")
	if d.Environment != "production" && d.Environment != "development" {
		r.at(n, "environment", fmt.Sprintf("unknown environment %q", d.Environment), "environment: production")
	}
	r.secrets(n, "", d.Environment == "development")
	for key, value := range map[string]string{"state": d.State, "log": d.Log} {
		if value == "" {
			r.at(n, key, "nothing is written here", map[string]string{"state": "state: " + defaultState, "log": "log: stdout"}[key])
		}
	}
	r.listen(n, &d.Listen)
	r.store(n, &d.Store)
	if a, ok := r.address(n, "admin.address", d.Admin.Address); ok && !loopback(a.host) {
		r.at(n, "admin.address", "the admin plane listens on loopback only", "address: "+defaultAdmin)
	} else if l, isListen := splitAddress(d.Listen.Address); ok && isListen && meets(a, l) {
		r.at(n, "admin.address", "this is the address that clients are served at", "address: "+defaultAdmin)
	}
	if d.APIs.Node == nil && !r.meant["apis"] {
		r.at(n, "apis", "no APIs", "apis: {orders: {openapi: orders.openapi.yaml, upstream: http://127.0.0.1:9000}}")
	}
	return d
}

func (r *reader) listen(n *yaml.Node, l *Listen) {
	a, ok := r.address(n, "listen.address", l.Address)
	if ok && l.TLS == nil && l.Plaintext == nil && !loopback(a.host) {
		r.at(n, "listen.address", l.Address+" is reached from other machines, and there is no TLS", "tls: {cert: server.pem, key: server.key}; or, behind a proxy that ends TLS, plaintext: "+sampleWaiver)
	}
	if l.TLS != nil && (l.TLS.Cert == "" || l.TLS.Key == "") {
		r.at(n, "listen.tls", "TLS needs a certificate and its key", "tls: {cert: server.pem, key: server.key}")
	}
	if t := l.TLS; t != nil {
		switch t.ClientCertificates {
		case RequestClientCertificates, RequireClientCertificates:
		case "":
			if t.ClientCA != "" {
				r.at(n, "listen.tls.client_ca", "clients are not asked for a certificate", "client_certificates: request")
			}
		default:
			r.at(n, "listen.tls.client_certificates", fmt.Sprintf("expected request or require, found %q", t.ClientCertificates), "client_certificates: request")
		}
	}
	for _, p := range l.TrustedProxies {
		if p.Bits() == 0 {
			r.at(n, "listen.trusted_proxies", p.String()+" trusts everyone to say who they are", "trusted_proxies: [10.0.0.0/8]  (the proxies' own network)")
		}
	}
	if l.MaxConnections < 1 || l.MaxConnections > 1_000_000 {
		r.at(n, "listen.max_connections", "expected 1 to 1000000", "max_connections: 10000")
	}
	if l.MaxConnectionsPerIP < 1 || l.MaxConnectionsPerIP > l.MaxConnections {
		r.at(n, "listen.max_connections_per_ip", "expected 1 to max_connections", "max_connections_per_ip: 256")
	}
}

// at reports a fault of the key, at the nearest place of the file that has it.
func (r *reader) at(top *yaml.Node, key, says, fix string) {
	n := find(top, key)
	r.add(r.place(n.Line, n.Column), key, says, fix)
}

// apis decodes every API's block, in the order of the file.
func (r *reader) apis(n *yaml.Node) []*API {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "apis", "expected a block, found "+found(n), "{orders: {openapi: orders.openapi.yaml, upstream: http://127.0.0.1:9000}}")
		return nil
	}
	var out []*API
	for k, v := range pairs(n) {
		key := join("apis", k.Value)
		if !nameOK(k.Value) {
			r.add(r.place(k.Line, k.Column), "apis", fmt.Sprintf("%q is not a name for an API", k.Value), "orders  (letters, digits, - and _; at most 64)")
			continue
		}
		a := &API{Name: k.Value, Place: r.place(k.Line, k.Column), key: key, node: v}
		if v.Kind != yaml.MappingNode {
			r.wrong(v, key, "expected a block, found "+found(v), "{openapi: orders.openapi.yaml, upstream: http://127.0.0.1:9000}")
			continue
		}
		r.into(v, &a.block, key)
		r.required(a)
		out = append(out, a)
	}
	if len(n.Content) == 0 {
		r.wrong(n, "apis", "no APIs", "{orders: {openapi: orders.openapi.yaml, upstream: http://127.0.0.1:9000}}")
	}
	return out
}

func (r *reader) required(a *API) {
	if a.block.AuthZEN != "" {
		for _, key := range []string{"openapi", "upstream", "graphql", "objects", "policies", "relations"} {
			if k, _ := lookup(a.node, key); k != nil {
				r.apiFault(a, key, "a decision point has its own description, and decides as the API that authzen names", "nothing: remove the key")
			}
		}
	} else if a.block.OpenAPI == "" && a.graphQL("schema") == nil && !r.meant[join(a.key, "openapi")] {
		r.apiFault(a, "openapi", "an API needs its description", "openapi: "+a.Name+".openapi.yaml, or graphql: "+a.Name+".graphql")
	}
	if a.block.AuthZEN == "" && a.block.Upstream.Node == nil && !r.meant[join(a.key, "upstream")] {
		r.apiFault(a, "upstream", "an API needs an upstream", "upstream: http://127.0.0.1:9000")
	}
	r.elsewhereRelated(a)
	if k, _ := lookup(a.node, "schema_states"); k != nil && (a.block.States < 1 || a.block.States > maxSchemaStates) && !r.meant[join(a.key, "schema_states")] {
		r.apiFault(a, "schema_states", fmt.Sprintf("expected 1 to %d states", maxSchemaStates), "schema_states: 20000")
	}
	if k, v := lookup(a.node, "timeout"); k != nil && v.Tag == "!!str" && (a.block.Timeout <= 0 || a.block.Timeout > maxTimeout) {
		r.apiFault(a, "timeout", "expected more than nothing and at most 1h", "timeout: 30s")
	}
	if a.block.Issuer.Node != nil && a.block.Audience.Node == nil && !r.meant[join(a.key, "audience")] {
		r.apiFault(a, "issuer", "tokens of an issuer are accepted, but not for whom: there is no audience", "audience: https://api.example.com/"+a.Name)
	}
}

// apiFault reports a fault inside an API's block: at the key, or at the API's
// name when the key is missing.
func (r *reader) apiFault(a *API, key, says, fix string) {
	at := a.Place
	if n := find(a.node, key); n != a.node {
		at = r.place(n.Line, n.Column)
		r.add(at, join(a.key, key), says, fix)
		return
	}
	r.add(at, a.key, says, fix)
}

func nameOK(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	})
}

// texts reads text or a list of texts.
func (r *reader) texts(n *yaml.Node, key string) []*yaml.Node {
	if n == nil {
		return nil
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	for i, c := range items {
		if c.Kind != yaml.ScalarNode || c.Tag != "!!str" || c.Value == "" {
			r.wrong(c, key, "expected text or a list of texts, found "+emptyOr(c), "text")
			return nil
		}
		if slices.ContainsFunc(items[:i], func(b *yaml.Node) bool { return b.Value == c.Value }) {
			r.wrong(c, key, fmt.Sprintf("%q is here twice", c.Value), "each once")
		}
	}
	if len(items) == 0 {
		r.wrong(n, key, "an empty list", "[text]")
	}
	return items
}
