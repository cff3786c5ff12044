package acceptance

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/control/all"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/middleware"
	"github.com/gatehouse-api/gatehouse/host/proxy"
	"github.com/gatehouse-api/gatehouse/internal/clientip"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
)

const (
	hostName = "api.example.com"
	audience = "https://api.example.com/orders"
)

// everyPath describes the API of most tests: orders that belong to somebody, an
// administrator's function, and public places that take every other path of up
// to three segments, so that what slips past a rule reaches the upstream.
const everyPath = `openapi: 3.0.3
info: {title: Everything, version: "1"}
servers: [{url: https://api.example.com}]
paths:
  /v1/orders:
    get: {operationId: listOrders, parameters: [{name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}, {name: q, in: query, schema: {type: string, maxLength: 4000}}], responses: {"200": {$ref: "#/components/responses/Orders"}}}
    post:
      operationId: createOrder
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/NewOrder"}}}}
      responses: {"200": {$ref: "#/components/responses/Order"}, "201": {$ref: "#/components/responses/Order"}}
  /v1/orders/{orderId}:
    parameters: [{name: orderId, in: path, required: true, schema: {type: string, maxLength: 64}}]
    get: {operationId: getOrder, responses: {"200": {$ref: "#/components/responses/Order"}}}
    patch:
      operationId: updateOrder
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Change"}}}}
      responses: {"200": {$ref: "#/components/responses/Order"}}
  /admin/users:
    get: {operationId: listUsers, parameters: [{name: x, in: query, schema: {type: string, maxLength: 4000}}], responses: {"200": {$ref: "#/components/responses/Any"}}}
  /{a}: {parameters: [{name: a, in: path, required: true, schema: {type: string}}], get: {operationId: anyOne, parameters: [{name: q, in: query, schema: {type: string}}], responses: {"200": {$ref: "#/components/responses/Any"}}}}
  /{a}/{b}: {parameters: [{name: a, in: path, required: true, schema: {type: string}}, {name: b, in: path, required: true, schema: {type: string}}], get: {operationId: anyTwo, responses: {"200": {$ref: "#/components/responses/Any"}}}}
  /{a}/{b}/{c}: {parameters: [{name: a, in: path, required: true, schema: {type: string}}, {name: b, in: path, required: true, schema: {type: string}}, {name: c, in: path, required: true, schema: {type: string}}], get: {operationId: anyThree, responses: {"200": {$ref: "#/components/responses/Any"}}}}
components:
  responses:
    Any: {description: ok, content: {application/json: {schema: {type: object, additionalProperties: true}}}}
    Orders: {description: ok, content: {application/json: {schema: {type: object, properties: {items: {type: array, maxItems: 100, items: {$ref: "#/components/schemas/Order"}}}}}}}
    Order: {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
  schemas:
    Order: {type: object, properties: {id: {type: string}, customer_id: {type: string}, tenant_id: {type: string}, item: {type: string, maxLength: 100}, quantity: {type: integer}, note: {type: string, maxLength: 5000}}}
    NewOrder: {type: object, additionalProperties: false, required: [item, quantity], properties: {item: {type: string, maxLength: 100}, quantity: {type: integer, minimum: 1, maximum: 1000}, note: {type: string, maxLength: 5000000}}}
    Change: {type: object, additionalProperties: false, minProperties: 1, properties: {quantity: {type: integer, minimum: 1, maximum: 1000}, note: {type: string, maxLength: 500}}}
`

// waived is a waiver as it is written in a configuration.
const waived = `{because: "hostile requests are let through to see what leaves", owner: test@example.com, until: ${UNTIL}}`

// wide is the ratelimit control with limits that no test meets.
const wide = `ratelimit: {global: 1000000/s, key: 1000000/s, user: 1000000/s, ip: 1000000/s, endpoint: 60000/s, burst: 1000000, waiver: ` + waived + `}`

// ordinary is the configuration of most tests. Its limits are wide, since one
// address sends thousands of requests.
const ordinary = `issuer: ${ISSUER}
audience: https://api.example.com/orders
hosts: [api.example.com]
roles: {admin: [listUsers]}
objects: {order: {id: path.orderId, owner: response.customer_id, tenant: response.tenant_id, allow: {owner: [read, update]}}}
no_object: {anyOne: ` + waived + `, anyTwo: ` + waived + `, anyThree: ` + waived + `}
public: {anyOne: ` + waived + `, anyTwo: ` + waived + `, anyThree: ` + waived + `}
controls:
  ` + wide + `
  identity: {plain: {x-user-id: sub, x-tenant: tenant, x-roles: roles}}
`

// house is the whole gateway: the configuration as an operator writes it, every
// control of the catalogue, and the doors in front of one recording upstream.
type house struct {
	plain  string // the proxy, HTTP/1.1 without TLS
	secure string // the proxy, TLS with HTTP/2 and HTTP/1.1
	inside string // the middleware, HTTP/1.1
	up     *origin
	issuer *devissuer.Issuer
	said   *decisions
	server *proxy.Server
	gate   *engine.Gate
	dir    string
}

// options is what a test may have otherwise. The zero value is ordinary.
type options struct {
	api, top, description string
	issuer                string // URL of another issuer
	kept                  func(*gatehouse.Kept)
	kinds                 []gatehouse.Kind // further ones
	tune                  func(*proxy.Config)
	record                gatehouse.Recorder // further one
}

// open starts a house. Its upstream's bytes are judged when the test ends.
func open(t testing.TB, o options) *house {
	t.Helper()
	h := &house{up: newOrigin(t), said: &decisions{also: o.record}, dir: t.TempDir()}
	var stop func()
	var err error
	if h.issuer, stop, err = devissuer.Start(audience); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	f, policy, err := h.load(t, o)
	if err != nil {
		t.Fatalf("the house's configuration:\n%v", err)
	}
	h.gate = engine.NewGate(policy)
	trust, err := clientip.New[gatehouse.Fields](f.Listen.TrustedProxies, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := proxy.Config{Gate: h.gate, Record: h.said, Client: trust.Client, MaxConnsPerIP: 2000}
	if o.tune != nil {
		o.tune(&c)
	}
	if h.server, err = proxy.New(c); err != nil {
		t.Fatal(err)
	}
	cert, err := proxy.LoadCertificate(selfSigned(t, h.dir))
	if err != nil {
		t.Fatal(err)
	}
	h.plain, h.secure = h.listen(t, nil), h.listen(t, cert.Config())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = h.server.Shutdown(ctx)
	})
	s := httptest.NewServer(middleware.Wrap(middleware.Config{Gate: h.gate, Record: h.said, Client: trust.Client}, h.up))
	t.Cleanup(s.Close)
	h.inside = s.Listener.Addr().String()
	return h
}

// load writes the configuration and reads it as `gatehouse serve` does.
func (h *house) load(t testing.TB, o options) (*config.File, *engine.Policy, error) {
	t.Helper()
	if o.api == "" {
		o.api = ordinary
	}
	if o.description == "" {
		o.description = everyPath
	}
	if o.issuer == "" {
		o.issuer = h.issuer.URL
	}
	var b strings.Builder
	fill := strings.NewReplacer("${ISSUER}", o.issuer, "${UPSTREAM}", h.up.addr, "${UNTIL}", time.Now().AddDate(0, 1, 0).Format(time.DateOnly))
	if !strings.Contains(o.top, "environment:") {
		b.WriteString("environment: development\n")
	}
	fmt.Fprintf(&b, "state: %s\n%s", h.dir, fill.Replace(o.top))
	if !strings.Contains(o.top, "controls:") {
		b.WriteString(fill.Replace("controls: {" + wide + "}\n"))
	}
	b.WriteString("apis:\n  orders:\n    openapi: api.yaml\n")
	if !strings.Contains(o.api, "upstream:") {
		fmt.Fprintf(&b, "    upstream: http://%s\n", h.up.addr)
	}
	api := fill.Replace(o.api)
	for l := range strings.Lines(api) {
		b.WriteString("    " + l)
	}
	path := filepath.Join(h.dir, "gatehouse.yaml")
	for name, text := range map[string]string{path: b.String(), filepath.Join(h.dir, "api.yaml"): o.description} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := config.Load(path, append(all.Kinds[:len(all.Kinds):len(all.Kinds)], o.kinds...), config.Options{})
	if err != nil {
		return nil, nil, err
	}
	kept := casetest.Kept(t)
	if o.kept != nil {
		o.kept(kept)
	}
	p, err := f.Policy(kept, gatehouse.AllCaps)
	return f, p, err
}

func (h *house) listen(t testing.TB, c *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = h.server.Serve(l, c) }()
	return l.Addr().String()
}

// alice is a customer without roles, whose order number 1 is; root holds every
// role that the configuration knows.
func (h *house) alice() string {
	return h.issuer.Mint(devissuer.Claims{Subject: "alice", Tenant: "t1"})
}

func (h *house) root() string {
	return h.issuer.Mint(devissuer.Claims{Subject: "root", Tenant: "t1", Roles: []string{"admin"}})
}

// decision is what the gateway decided on and how.
type decision struct {
	ID, Method, Path, Query, Host, Endpoint, EndedBy, Rule, Subject, Client string
	Status                                                                  int
}

// decisions records them.
type decisions struct {
	also gatehouse.Recorder
	mu   sync.Mutex
	list []decision
}

func (d *decisions) Record(x *gatehouse.Exchange, tr gatehouse.Traffic) {
	q := &x.Request
	e := decision{ID: strings.Clone(x.ID), Method: strings.Clone(q.Method), Path: strings.Clone(q.Path), Query: strings.Clone(q.Query), Host: strings.Clone(q.Host),
		Endpoint: x.Endpoint.Name, EndedBy: x.EndedBy, Rule: strings.Clone(x.Ended.Rule()), Status: x.Response.Status, Client: x.Conn.Client.String()}
	if x.Principal != nil {
		e.Subject = strings.Clone(x.Principal.ID)
	}
	d.mu.Lock()
	d.list = append(d.list, e)
	d.mu.Unlock()
	if d.also != nil {
		d.also.Record(x, tr)
	}
}

// of returns the decision behind an answer, which may be recorded a moment after
// it; the zero decision when no control ever saw the request.
func (d *decisions) of(t testing.TB, g got) decision {
	t.Helper()
	id := g.fields.Get("X-Request-Id")
	for range 5000 {
		if id == "" {
			break
		}
		if e, ok := d.find(id); ok {
			return e
		}
		time.Sleep(200 * time.Microsecond)
	}
	if id != "" {
		t.Errorf("the decision on %s was not recorded", id)
	}
	return decision{}
}

func (d *decisions) find(id string) (decision, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range slices.Backward(d.list) {
		if e.ID == id {
			return e, true
		}
	}
	return decision{}, false
}

// asked reports whether a request for the path was ever decided on.
func (d *decisions) asked(path string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.list, func(e decision) bool { return e.Path == path })
}
