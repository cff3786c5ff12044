package object

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

const differing = `openapi: 3.0.3
info: {title: Orders, version: "1"}
paths:
  /v1/orders:
    get: {operationId: listOrders, tags: [orders], responses: {"200": {description: ok, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}}}
  /v1/orders/{orderId}:
    get: {operationId: getOrder, tags: [orders], responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
    patch: {operationId: updateOrder, tags: [orders], responses: {"200": {description: ok}}}
    delete: {operationId: deleteOrder, responses: {"204": {description: gone}}}
components: {schemas: {Order: {type: object, required: [id, customer_id, tenant_id], properties: {id: {type: string}, customer_id: {type: string}, tenant_id: {type: string}}}}}
`

// drawn is a random configuration.
type drawn struct {
	*Config
	object *policy.Object
}

func draw(r *rand.Rand) drawn {
	some := func(of ...string) (list []string) {
		for _, s := range of {
			if r.IntN(3) == 0 {
				list = append(list, s)
			}
		}
		return list
	}
	actions := []string{"read", "update", "delete", "list"}
	o := &policy.Object{ID: "path.orderId", Owner: "response.customer_id", Allow: map[string][]string{}}
	if r.IntN(2) == 0 {
		o.Tenant = "response.tenant_id"
	}
	for _, who := range []string{"owner", "role:a", "role:b"} {
		if list := some(actions...); list != nil {
			o.Allow[who] = list
		}
	}
	if r.IntN(4) == 0 {
		o.Allow = nil
	}
	if r.IntN(3) == 0 {
		o.Scopes = map[string]string{actions[r.IntN(4)]: "s"}
	}
	roles := map[string][]string{}
	for _, role := range []string{"b", "c", "authenticated"} {
		if list := some("getOrder", "updateOrder", "deleteOrder", "listOrders", "tag:orders", "get*"); list != nil {
			roles[role] = list
		}
	}
	return drawn{&Config{Objects: map[string]*policy.Object{"order": o}, Roles: roles}, o}
}

// oracle is written from the documentation alone.
func (c drawn) oracle(op, action string, p *gatehouse.Principal, owner, tenant string) bool {
	if c.object.Tenant != "" && (tenant == "" || tenant != p.Tenant) {
		return false
	}
	for name, s := range c.object.Scopes {
		if (name == action || name == "read" && action == "list") && !slices.Contains(p.Scopes, s) {
			return false
		}
	}
	allow := c.object.Allow
	if allow == nil {
		allow = map[string][]string{"owner": {"read", "update"}}
	}
	for who, may := range allow {
		if !slices.Contains(may, action) && (action != "list" || !slices.Contains(may, "read")) {
			continue
		}
		if who == "owner" && owner != "" && owner == p.ID || who != "owner" && slices.Contains(p.Roles, who[len("role:"):]) {
			return true
		}
	}
	for role, ops := range c.Roles {
		if role != "authenticated" && slices.Contains(ops, op) && slices.Contains(p.Roles, role) {
			return true
		}
	}
	return false
}

// Property: the comparisons of this control, Cedar's policies for the same
// configuration and an oracle that knows neither come to the same, and none of both
// allows what the oracle denies, whatever the object looks like.
func TestComparisonsPoliciesAndOracleDecideAlike(t *testing.T) { // authz.object authz.rbac
	d, err := openapi.Parse("orders.yaml", []byte(differing))
	if err != nil {
		t.Fatal(err)
	}
	var all []gatehouse.Operation
	var known []policy.Operation
	for _, op := range d.Operations {
		all, known = append(all, op), append(known, op)
	}
	r := rand.New(rand.NewPCG(5, 11))
	ids, tenants := []string{"alice", "bob", "7", "Alice"}, []string{"t1", "t2", ""}
	texts := []string{`"alice"`, `"bob"`, `"7"`, `7`, `"\u0061lice"`, `null`, `true`, `["alice"]`, `{}`, ``}
	plain := map[string]string{`"alice"`: "alice", `"bob"`: "bob", `"7"`: "7", `7`: "7", `"\u0061lice"`: "alice"}
	ops := map[string]string{"getOrder": "read", "updateOrder": "update", "deleteOrder": "delete", "listOrders": "list"}
	compared, permitted := 0, 0
	for range 700 {
		c := draw(r)
		p, err := policy.Compile(policy.Model{API: "orders", Objects: c.Objects, Roles: c.Roles, Operations: known})
		if err != nil {
			t.Fatal(err)
		}
		for a := policy.Read; a <= policy.Create; a++ {
			p.Template("order", a).Spoken = true // as if somebody had written a policy
		}
		bySet := &Config{Objects: c.Objects, Roles: c.Roles, policy: p}
		for op, action := range ops {
			b := &gatehouse.Build{API: "orders", Operation: d.Operation(op), All: all, Now: time.Now, Kept: gatehouse.NewKept()}
			here, err := c.Compile(b)
			if err != nil {
				t.Fatal(err)
			}
			there, err := bySet.Compile(b)
			if err != nil {
				t.Fatal(err)
			}
			for range 6 {
				caller := &gatehouse.Principal{Kind: "user", ID: ids[r.IntN(len(ids))], Tenant: tenants[r.IntN(len(tenants))]}
				for _, role := range []string{"a", "b", "c"} {
					if r.IntN(3) == 0 {
						caller.Roles = append(caller.Roles, role)
					}
				}
				if r.IntN(2) == 0 {
					caller.Scopes = []string{"s"}
				}
				owner, tenant := texts[r.IntN(len(texts))], texts[r.IntN(len(texts))]
				if r.IntN(3) > 0 {
					tenant = `"t1"`
					plain[tenant] = "t1"
				}
				body := `{"id":"1"`
				if owner != "" {
					body += `,"customer_id":` + owner
				}
				if tenant != "" {
					body += `,"tenant_id":` + tenant
				}
				body += "}"
				want := c.oracle(op, action, caller, plain[owner], plain[tenant])
				got, policies := passes(t, here, op, caller, body), passes(t, there, op, caller, body)
				whole := plain[owner] != "" && plain[tenant] != ""
				if got && !want || policies && !want || whole && (got != want || policies != want) {
					t.Fatalf("%s of %s by %+v: comparisons %v, policies %v, oracle %v\n%+v\nroles %v", op, body, caller, got, policies, want, c.object, c.Roles)
				}
				if compared++; want {
					permitted++
				}
			}
		}
	}
	if compared < 10_000 || permitted < 1000 {
		t.Errorf("%d decisions, of which %d are permitted", compared, permitted)
	}
	t.Logf("%d decisions, of which %d are permitted: the same", compared, permitted)
}

// passes walks the steps of an operation on one object.
func passes(t *testing.T, steps []gatehouse.Step, op string, p *gatehouse.Principal, object string) bool {
	t.Helper()
	k := call{op: op, p: p, state: object, reply: object}
	if op == "listOrders" {
		k.path, k.reply = "/v1/orders", "["+object+"]"
	}
	x := exchange(k)
	granted := false
	for _, s := range steps {
		if s.Need == gatehouse.Object {
			s.Prepare(x)
		}
		v, err := s.Enforce(context.Background(), x)
		if err != nil || !v.Passed() {
			return false
		}
		granted = granted || v.Granted()
	}
	return granted
}
