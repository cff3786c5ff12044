package config

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// operatorsAPI is the name under which the admin API is served.
const operatorsAPI = "idp-admin"

const defaultOperators = "127.0.0.1:9902"

// Operators is the admin API of our own authorization server. It is behind the same
// controls as every API, and not among those that clients reach: it has an address of
// its own on this machine, unless a waiver says why it is served to clients.
type Operators struct {
	Address string            `yaml:"address"` // "host:port", loopback; default 127.0.0.1:9902
	Host    string            `yaml:"host"`    // served to clients under this host, in place of an address
	Exposed *gatehouse.Waiver `yaml:"exposed"` // why it is
	Origins []string          `yaml:"origins"` // of pages that may call it
	// TenantRoles are those that administrators of tenants may give and take away.
	TenantRoles []string `yaml:"tenant_roles"`
	Controls    raw      `yaml:"controls"`
	Endpoints   raw      `yaml:"endpoints"`
}

// OwnAPI is an API that the program itself serves.
type OwnAPI struct {
	Description []byte              // OpenAPI
	Roles       map[string][]string // role -> operationIds
}

// OperatorsAudience returns whom tokens for the admin API are meant for, or "" without
// one.
func (f *File) OperatorsAudience() string {
	if f.IDP.Admin == nil {
		return ""
	}
	return f.IDP.Issuer + "/admin"
}

// operators judges the block of the admin API.
func (r *reader) operators(n *yaml.Node, d *document) {
	o := d.IDP.Admin
	if o == nil {
		return
	}
	if slices.Contains(o.TenantRoles, "gatehouse-admin") {
		r.at(n, "idp.admin.tenant_roles", "whoever gives this role reaches every tenant", "tenant_roles: [clerk]")
	}
	if o.Host != "" || o.Exposed != nil {
		h, ok := canonicalHost(o.Host, &d.Listen)
		own, _ := canonicalHost(strings.TrimPrefix(strings.TrimPrefix(d.IDP.Issuer, "https://"), "http://"), &d.Listen)
		switch {
		case o.Host == "":
			r.at(n, "idp.admin.exposed", "nothing says under which host the admin API is served to clients", "host: admin.example.com")
		case o.Exposed == nil:
			r.at(n, "idp.admin.host", "whoever reaches the gateway would reach the admin API, and nothing says why", "exposed: "+sampleWaiver)
		case o.Address != "":
			r.at(n, "idp.admin.address", "the admin API is served at an address of its own or, under a host, to clients", "one of address and host")
		case !ok || h == own:
			r.at(n, "idp.admin.host", fmt.Sprintf("%q is no host of its own: the pages for signing in must not share it", o.Host), "host: admin.example.com")
		}
		return
	}
	if o.Address == "" {
		o.Address = defaultOperators
	}
	a, ok := splitAddress(o.Address)
	if !ok || !loopback(a.host) {
		r.at(n, "idp.admin.address", fmt.Sprintf("%q is no address of this machine alone; the admin API listens on loopback only", o.Address), "address: "+defaultOperators)
		return
	}
	for key, other := range map[string]string{"listen.address": d.Listen.Address, "admin.address": d.Admin.Address} {
		if l, ok := splitAddress(other); ok && meets(a, l) {
			r.at(n, "idp.admin.address", "this is the address of "+key, "address: "+defaultOperators)
		}
	}
}

// operatorsOwn adds the admin API as one more API.
func (f *File) operatorsOwn(r *reader, n *yaml.Node, d *document) {
	o := d.IDP.Admin
	if o == nil || len(r.list) > 0 {
		return
	}
	at := find(n, "idp.admin")
	if f.options.Operators.Description == nil {
		r.at(n, "idp.admin", "this program has no admin API", "nothing: remove the block")
		return
	}
	doc, err := openapi.Parse(operatorsAPI+".openapi.yaml", f.options.Operators.Description)
	place := r.place(at.Line, at.Column)
	if err != nil {
		r.faults(err, fallback{at: place, key: "idp.admin", fix: "a program whose own description can be read"})
		return
	}
	a := &API{
		Name: operatorsAPI, Place: place, key: "idp.admin", Audience: f.OperatorsAudience(), apart: o.Host == "",
		Upstream: &gatehouse.Upstream{Name: operatorsAPI, Scheme: "http", Address: gatehouse.InProcess + OperatorsUpstream, Host: "operators.invalid"},
		Public:   map[string]*gatehouse.Waiver{}, Permits: map[string]gatehouse.Permit{},
		block:       apiBlock{OpenAPI: "the admin API", Controls: o.Controls, Endpoints: o.Endpoints},
		description: describeDocument(doc),
	}
	for _, other := range f.APIs {
		if other.Name == operatorsAPI {
			r.add(other.Place, other.key, "our own admin API has this name", "another name for the API")
			return
		}
	}
	a.node = f.operatorsShort(r, a, o, at)
	a.blocks = r.blocks(a, d.Controls.Node, f.kinds)
	for _, b := range a.blocks {
		r.decode(b)
	}
	r.endpoints(a, f.kinds)
	for _, id := range a.description.ids {
		// Nothing leaves that the description does not declare, not even ours.
		r.exception(a, f.kinds, id, "reply", "{undeclared: reject, on_invalid: refuse}")
		if d.IDP.People != nil {
			r.exception(a, f.kinds, id, "assurance", "{level: aal2, clients: true}")
		}
	}
	f.operatorsHosts(a, d)
	f.APIs = append(f.APIs, a)
}

// operatorsShort is the short forms of the API's block, as if they were written there.
func (f *File) operatorsShort(r *reader, a *API, o *Operators, at *yaml.Node) *yaml.Node {
	until := r.now.AddDate(1, 0, 0).Format(time.DateOnly)
	waiver := map[string]string{"because": "whose it is is judged in the step that reads or changes it", "owner": "gatehouse", "until": until}
	short := map[string]any{"issuer": Self, "audience": a.Audience, "roles": f.options.Operators.Roles}
	noObject := map[string]map[string]string{}
	for _, op := range a.description.operations {
		if strings.Contains(op.Template(), "{") {
			noObject[op.ID()] = waiver
		}
	}
	short["no_object"] = noObject
	if len(o.Origins) > 0 {
		short["origins"] = o.Origins
	}
	node := &yaml.Node{}
	if err := node.Encode(short); err != nil {
		r.add(a.Place, a.key, "the admin API's own configuration cannot be made", "a program whose own configuration can be read")
	}
	moved(node, at)
	return node
}

// moved puts every node where one is that is written, for what is said about it.
func moved(n, at *yaml.Node) {
	n.Line, n.Column = at.Line, at.Column
	for _, c := range n.Content {
		moved(c, at)
	}
}

func (f *File) operatorsHosts(a *API, d *document) {
	if !a.apart {
		if h, ok := canonicalHost(d.IDP.Admin.Host, &d.Listen); ok {
			_, port, _ := net.SplitHostPort(d.Listen.Address)
			a.serve(h, port, &d.Listen)
		}
		return
	}
	l, _ := splitAddress(d.IDP.Admin.Address)
	hosts := map[string]bool{}
	for _, h := range []string{l.host, "localhost", "127.0.0.1", "::1"} {
		if strings.Contains(h, ":") {
			h = "[" + h + "]"
		}
		hosts[h+":"+l.port] = true // a client that leaves the port out means another service
	}
	a.Hosts = slices.Sorted(maps.Keys(hosts))
}
