package acceptance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/object"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// What the configuration says of objects is decided in three ways, which must be
// one: by the comparisons of control/object, by the Cedar that `gatehouse policy
// show` prints, and, here, by an oracle written from docs/configuration.md.

const agreeing = `openapi: 3.0.3
info: {title: Orders, version: "1"}
components: {schemas: {Order: {type: object, REQUIRED properties: {id: {type: string}, customer_id: {TYPE}, tenant_id: {type: string, nullable: true}}}}}
paths:
  /v1/orders:
    get: {operationId: listOrders, responses: {"200": {description: ok, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}}}
    post: {operationId: createOrder, requestBody: {content: {application/json: {schema: {type: object}}}}, responses: {"201": {description: made}}}
  /v1/orders/{orderId}:
    get: {operationId: getOrder, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
    patch: {operationId: updateOrder, responses: {"200": {description: ok}}}
    put: {operationId: putOrder, responses: {"200": {description: ok}}}
    delete: {operationId: deleteOrder, responses: {"204": {description: gone}}}
`

// agreeingActions are what the operations do, as docs/configuration.md says.
var agreeingActions = map[string]string{"listOrders": "list", "createOrder": "create", "getOrder": "read", "updateOrder": "update", "putOrder": "update", "deleteOrder": "delete"}

// madeModel is a configuration that was made at random.
type madeModel struct {
	tenant   bool
	required bool
	allow    map[string][]string // nil is the default
	roles    map[string][]string
	scopes   map[string]string
	handmade bool // a policy of no effect stands beside, so that the gate asks Cedar
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func some[T any](r *rand.Rand, list ...T) (out []T) {
	for _, v := range list {
		if r.IntN(3) == 0 {
			out = append(out, v)
		}
	}
	return out
}

func madeModelOf(r *rand.Rand) madeModel {
	m := madeModel{tenant: r.IntN(4) > 0, required: r.IntN(2) == 0, handmade: r.IntN(2) == 0, roles: map[string][]string{}}
	actions := []string{"read", "update", "delete", "list", "create"}
	if r.IntN(4) > 0 {
		m.allow = map[string][]string{}
		for _, who := range some(r, "owner", "owner", "role:support", "role:audit") {
			if did := some(r, actions...); len(did) > 0 {
				m.allow[who] = did
			}
		}
	}
	for _, role := range some(r, "support", "admin", "authenticated") {
		if may := some(r, "getOrder", "listOrders", "updateOrder", "putOrder", "deleteOrder", "createOrder", "get*", "*"); len(may) > 0 {
			m.roles[role] = may
		}
	}
	if r.IntN(3) == 0 {
		m.scopes = map[string]string{pick(r, actions...): "orders"}
	}
	return m
}

func (m madeModel) object() *policy.Object {
	o := &policy.Object{ID: "path.orderId", Owner: "response.customer_id", Allow: m.allow, Scopes: m.scopes}
	if m.tenant {
		o.Tenant = "response.tenant_id"
	}
	return o
}

// madeObject is an object as the upstream has it, or as a request makes it: the JSON
// of its owner and tenant, "" where they are not there.
type madeObject struct{ owner, tenant string }

func (o madeObject) json() string {
	members := []string{`"id":"1"`}
	if o.owner != "" {
		members = append(members, `"customer_id":`+o.owner)
	}
	if o.tenant != "" {
		members = append(members, `"tenant_id":`+o.tenant)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// means is the id that a JSON value stands for, and whether it is one.
func means(value string) (string, bool) {
	if value == "" || value == "null" || value == `""` {
		return "", false
	}
	return strings.Trim(value, `"`), true
}

// permits is the oracle: what docs/configuration.md says, read line by line.
func (m madeModel) permits(p *gatehouse.Principal, operation string, o madeObject) bool {
	does := agreeingActions[operation]
	if p.ID == "" {
		return false
	}
	said := func(value, of string) (string, bool) {
		if does == "create" && value == "" {
			return of, of != ""
		}
		return means(value)
	}
	if m.tenant {
		tenant, ok := said(o.tenant, p.Tenant)
		if p.Tenant == "" || !ok || tenant != p.Tenant {
			return false
		}
	}
	// Demanded on top: reading includes listing, updating includes creating.
	for action, scope := range m.scopes {
		if (action == does || action == "read" && does == "list" || action == "update" && does == "create") && !slices.Contains(p.Scopes, scope) {
			return false
		}
	}
	allow := m.allow
	if allow == nil {
		allow = map[string][]string{"owner": {"read", "update"}}
	}
	for who, actions := range allow {
		if !slices.ContainsFunc(actions, func(a string) bool {
			return a == does || a == "read" && does == "list" || a == "update" && does == "create"
		}) {
			continue
		}
		if role, ok := strings.CutPrefix(who, "role:"); ok && slices.Contains(p.Roles, role) {
			return true
		}
		if owner, ok := said(o.owner, p.ID); who == "owner" && ok && owner == p.ID && !p.IsClient() {
			return true
		}
	}
	for role, operations := range m.roles {
		if role != "authenticated" && slices.Contains(p.Roles, role) && slices.Contains(operations, operation) {
			return true
		}
	}
	return false
}

// agreed is one model, compiled in both ways.
type agreed struct {
	policy *policy.Policy
	steps  map[string][]gatehouse.Step
}

func (m madeModel) compile(t *testing.T) agreed {
	t.Helper()
	text := strings.NewReplacer("REQUIRED", map[bool]string{true: "required: [id, customer_id, tenant_id],"}[m.required], "{TYPE}", "{type: [string, integer]}").Replace(agreeing)
	d, err := openapi.Parse("orders.yaml", []byte(strings.Replace(strings.Replace(text, "3.0.3", "3.1.0", 1), "type: string, nullable: true", "type: [string, \"null\"]", 1)))
	if err != nil {
		t.Fatal(err)
	}
	model := policy.Model{API: "orders", Objects: map[string]*policy.Object{"order": m.object()}, Roles: m.roles}
	if m.handmade {
		model.Sources = []cedar.Source{{Name: "none.cedar", Text: `permit(principal, action, resource is Order) when { principal.id == "nobody at all" };`}}
	}
	b := &gatehouse.Build{API: "orders", Now: time.Now, Kept: gatehouse.NewKept(), Caps: gatehouse.AllCaps}
	for _, op := range d.Operations {
		model.Operations = append(model.Operations, op)
		b.All = append(b.All, op)
	}
	out := agreed{steps: map[string][]gatehouse.Step{}}
	if out.policy, err = policy.Compile(model); err != nil {
		t.Fatalf("%+v: %v", m, err)
	}
	c := &object.Config{Objects: model.Objects, Roles: m.roles}
	c.Hold(out.policy)
	for _, op := range b.All {
		b.Operation = op
		steps, err := c.Compile(b)
		if err != nil && strings.Contains(err.Error(), "nobody") {
			continue // nobody may, so that it does not compile
		}
		if err != nil {
			t.Fatalf("%+v: %s: %v", m, op.ID(), err)
		}
		out.steps[op.ID()] = steps
	}
	return out
}

// gate walks the control's steps as the engine does, and reports whether the request
// is let through and its reply let out.
func (a agreed) gate(t *testing.T, p *gatehouse.Principal, operation string, o madeObject) bool {
	t.Helper()
	steps, ok := a.steps[operation]
	if !ok {
		return false
	}
	x := &gatehouse.Exchange{Principal: p, At: time.Now()}
	x.Request.Path, x.Request.Params = "/v1/orders/1", []gatehouse.Param{{Name: "orderId", Value: "1"}}
	x.Lookup.Status, x.Lookup.Body = 200, []byte(o.json())
	x.Response.Status, x.Response.Body = 200, []byte(o.json())
	switch agreeingActions[operation] {
	case "list":
		x.Response.Body = []byte("[" + o.json() + "]")
	case "create":
		x.Request.Body, x.Request.HasBody = []byte(o.json()), true
		x.Response.Status, x.Response.Body = 201, nil
	case "update", "delete":
		x.Request.Body, x.Request.HasBody = []byte("{}"), true
	}
	granted := false
	for _, s := range steps {
		if s.Stage == gatehouse.Inspect && !granted {
			return false
		}
		if s.Prepare != nil {
			s.Prepare(x)
		}
		v, err := s.Enforce(context.Background(), x)
		if err != nil || v.Denied() {
			return false
		}
		granted = granted || v.Granted()
	}
	return granted
}

func (a agreed) cedar(t *testing.T, p *gatehouse.Principal, operation string, o madeObject) bool {
	t.Helper()
	s, err := a.policy.Subject(policy.Caller{Service: p.IsClient(), ID: p.ID, Tenant: p.Tenant, Roles: p.Roles, Scopes: p.Scopes})
	if err != nil {
		t.Fatal(err)
	}
	d := new(jsonwalk.Doc)
	if err := d.Parse([]byte(o.json()), jsonwalk.Limits{}); err != nil {
		t.Fatal(err)
	}
	f := policy.Facts{Subject: s, ID: "1", Doc: d, At: time.Now(), Operation: operation}
	return a.policy.Operation(operation).Decide(&f).Allowed
}

// authz.object: what the configuration says means the same to the gate, to Cedar and
// to whoever reads the documentation.
func TestTheGateCedarAndAnOracleAgreeOnWhatTheConfigurationSays(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 2026))
	asked, allowed, differ := 0, 0, 0
	for range 400 {
		m := madeModelOf(r)
		a := m.compile(t)
		for range 40 {
			p := &gatehouse.Principal{Kind: pick(r, "user", "user", "key", "client"), ID: pick(r, "alice", "alice", "bob", "7"), Tenant: pick(r, "t1", "t1", "t2", ""),
				Roles: some(r, "support", "audit", "admin", "authenticated"), Scopes: some(r, "orders", "orders", "order")}
			o := madeObject{pick(r, `"alice"`, `"alice"`, `"bob"`, `7`, `"7"`, `null`, ``, `""`), pick(r, `"t1"`, `"t1"`, `"t2"`, `null`, ``, `""`)}
			for operation, does := range agreeingActions {
				if m.required && does != "create" {
					// What the description requires is there: control/reply sees to it.
					o = madeObject{pick(r, `"alice"`, `"alice"`, `"bob"`, `7`, `"7"`, `""`), o.tenant}
				}
				want := m.permits(p, operation, o)
				gate, decided := a.gate(t, p, operation, o), a.cedar(t, p, operation, o)
				asked++
				if want {
					allowed++
				}
				if gate != want || decided != want {
					if differ++; differ <= 10 {
						t.Errorf("%s by %s %q of %q with %q, %q on %s: the oracle says %v, the gate %v, Cedar %v\n%s", operation, p.Kind, p.ID, p.Tenant, p.Roles, p.Scopes, o.json(), want, gate, decided, fmt.Sprintf("%+v", m))
					}
				}
			}
		}
	}
	t.Logf("%d questions, %d of them allowed, %d differ", asked, allowed, differ)
	if asked < 10_000 || allowed < 1_000 || differ > 0 {
		t.Errorf("%d questions, %d of them allowed, %d differ: want 10,000 at least, and none", asked, allowed, differ)
	}
}
