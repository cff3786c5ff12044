package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
)

// policied writes a configuration with objects and a folder of policies, and
// returns its path.
func policied(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{
		"gatehouse.yaml": `environment: development
apis:
  orders:
    openapi: orders.openapi.yaml
    upstream: http://127.0.0.1:9000
    audience: https://api.example.com/orders
    issuer: https://login.example.com
    policies: policies/
    relations: relations.fga
    principal: {region: optional String}
    time_zone: Europe/Berlin
    roles: {support: [getOrder, listOrders], user: [getStatus]}
    objects:
      order:
        id: path.orderId
        owner: response.customer_id
        tenant: response.tenant_id
        allow: {owner: [read, update], "relation:editor": [update]}
        on_deny: 404
`,
		"orders.openapi.yaml": `openapi: 3.1.0
info: {title: Orders, version: "1"}
components:
  schemas:
    Order:
      type: object
      required: [id, customer_id, tenant_id]
      properties:
        id: {type: string, maxLength: 36}
        customer_id: {type: string, maxLength: 36}
        tenant_id: {type: string, maxLength: 36}
        region: {type: string, maxLength: 8}
paths:
  /v1/orders:
    get: {operationId: listOrders, responses: {"200": {description: ok, content: {application/json: {schema: {type: array, maxItems: 100, items: {$ref: "#/components/schemas/Order"}}}}}}}
  /v1/orders/{orderId}:
    parameters: [{name: orderId, in: path, required: true, schema: {type: string, maxLength: 36}}]
    get: {operationId: getOrder, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
    put:
      operationId: updateOrder
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
      responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}
  /v1/status:
    get: {operationId: getStatus, responses: {"204": {description: ok}}}
`,
		"relations.fga": "model\n  schema 1.1\ntype user\ntype order\n  relations\n    define editor: [user]\n",
		"policies/eu.cedar": `@id("eu-hours") @reason("EU data in business hours")
permit(principal is User, action in Action::"order.read", resource is Order)
when { principal has region && principal.region == "EU" && resource has region && resource.region == "EU" && context.local.hour >= 9 && context.local.hour < 17 };
`,
	}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "gatehouse.yaml")
}

// askPolicy runs the verb and returns what it wrote and its exit code.
func askPolicy(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = runPolicy(args, &out, &errs)
	return out.String(), errs.String(), code
}

func TestWhatAnObjectsRulesCompileToIsShown(t *testing.T) {
	path := policied(t, nil)
	out, errs, code := askPolicy(t, "show", "order", "--config", path)
	for _, want := range []string{`@id("orders.order.allow.owner")`, `@id("orders.order.tenant")`, "context.rel.editor == true", `@id("eu-hours")`, "eu.cedar"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s%s", want, out, errs)
		}
	}
	if code != 0 || strings.Contains(out, "entity ") || strings.Contains(out, "getStatus") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if out, _, _ := askPolicy(t, "show", "--schema", "--config", path); !strings.Contains(out, "entity Order = {") || !strings.Contains(out, "region?: String, // token.region") {
		t.Errorf("the schema:\n%s", out)
	}
	if _, errs, code := askPolicy(t, "show", "ordre", "--config", path); code != 1 || !strings.Contains(errs, `there is no object "ordre"; write: gatehouse policy show order`) {
		t.Errorf("%d: %s", code, errs)
	}
}

func TestAnApplicationEmbedsWhatTheGatewayDecidesBy(t *testing.T) {
	path := policied(t, nil)
	file := filepath.Join(t.TempDir(), "policy.json")
	if out, errs, code := askPolicy(t, "export", "orders", "-o", file, "--config", path); code != 0 || !strings.Contains(out, "the policy of orders") {
		t.Fatalf("%d: %s%s", code, out, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Read(text)
	if err != nil || b.Set().Policy("eu-hours") == nil || b.Zone != "Europe/Berlin" {
		t.Errorf("%v, %+v", err, b)
	}
	if _, errs, code := askPolicy(t, "export", "billing", "-o", file, "--config", path); code != 1 || !strings.Contains(errs, "one of: orders") {
		t.Errorf("%d: %s", code, errs)
	}
	if _, errs, code := askPolicy(t, "export", "--config", path); code != 2 || !strings.Contains(errs, "gatehouse policy export orders -o policy.json") {
		t.Errorf("%d: %s", code, errs)
	}
}

// authz.abac: a policy that does not fit is refused before anything serves it.
func TestCheckNamesTheFaultsOfPolicies(t *testing.T) {
	path := policied(t, map[string]string{"policies/bad.cedar": "// one\n@id(\"bad\")\npermit(principal, action == Action::\"order.raed\", resource is Order);\n"})
	var out, errs bytes.Buffer
	if code := runCheck([]string{"--config", path}, &out, &errs); code != 1 || !strings.Contains(out.String(), "bad.cedar:3:29: apis.orders.policies: policy bad: ") || !strings.Contains(out.String(), "raed") {
		t.Errorf("%d: %s%s", code, out.String(), errs.String())
	}
}

const orderTests = `given:
  users:
    alice: {tenant: acme}
    bob: {tenant: acme}
    ed: {tenant: acme, region: EU}
    sam: {tenant: acme, roles: [support, user]}
    eve: {tenant: evil, roles: [support], region: EU}
  services: {alice-job: {tenant: acme}}
  order:
    o1: {owner: alice, tenant: acme, region: EU}
    o2: {customer_id: bob, tenant_id: acme}
  relations: ["order:o1#editor@user:bob"]
  now: 2026-11-20T10:00:00+01:00
expect:
  - alice can read, update order o1
  - alice cannot delete order o1
  - bob cannot read order o1
  - bob can update order o1               # by the relation
  - eve cannot read order o1              # a role does not cross tenants
  - ed can read order o1
  - ed cannot update order o1
  - alice-job cannot read order o1        # a client owns nothing
  - alice cannot read order o2
  - alice can list order -> [o1]
  - sam can list order -> [o1, o2]
  - sam can read order o1
  - sam can getStatus
  - eve cannot getStatus
  - alice can create order
coverage: {policies: all, foreign_owner: all}
`

// authz.policy-tests: policies are tried from files by the same binary.
func TestPoliciesAreTriedFromFiles(t *testing.T) {
	path := policied(t, map[string]string{"policies/orders.test.yaml": orderTests})
	out, errs, code := askPolicy(t, "test", "--config", path)
	if code != 0 || !strings.Contains(out, "orders.test.yaml: 15 cases, 10 cases generated, 0 failed; 7 of 7 policies decided") {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"what is not so":               {"bob cannot read order o1", "bob can read order o1", "orders.test.yaml:17: expected: bob can read order o1; but bob cannot read order/o1: no policy permits it"},
		"what may be":                  {"ed cannot update", "ed cannot read", "ed can read order/o1: eu-hours ("},
		"a list with less":             {"-> [o1, o2]", "-> [o1]", "but the list is [o1, o2]"},
		"night":                        {"T10:00:00", "T22:00:00", "expected: ed can read order o1"},
		"a policy that nobody tries":   {"  - eve cannot read order o1", "  #", ""},
		"an object of its owner alone": {"  - alice cannot read order o2\n  - alice can list order -> [o1]\n  - sam can list order -> [o1, o2]\n", "  - sam can list order -> [o1, o2]\n  - bob can read order o2\n", ""},
		"a name that was mistyped":     {"- alice can read,", "- alcie can read,", "orders.test.yaml:15: there is no user alcie\n  fix: alice"},
		"an object that is not there":  {"update order o1\n  - alice cannot delete", "update order o3\n  - alice cannot delete", "orders.test.yaml:15: there is no order o3\n  fix: o1"},
		"an attribute nobody knows":    {"region: EU}\n    o2", "regoin: EU}\n    o2", "policies know no regoin of an Order; write: region"},
		"no sentence":                  {"alice can create order", "alice creates order", "this is no expectation"},
		"a tuple of another model":     {"#editor@", "#owner@", "orders.test.yaml:12:"},
	} {
		text := strings.Replace(orderTests, c.from, c.to, 1)
		path := policied(t, map[string]string{"policies/orders.test.yaml": text})
		out, errs, code := askPolicy(t, "test", "--config", path)
		if text == orderTests || (code != 1) != (c.want == "") || !strings.Contains(out+errs, c.want) {
			t.Errorf("%s: exit code %d:\n%s%s", name, code, out, errs)
		}
	}
}

// authz.abac authz.policy-tests: what nobody wrote is tried too.
func TestStrangersAreTriedOnEveryObject(t *testing.T) {
	path := policied(t, map[string]string{"policies/orders.test.yaml": "given: {}\n", "policies/all.cedar": `@id("oops") permit(principal, action == Action::"order.delete", resource is Order);`})
	out, _, code := askPolicy(t, "test", "--config", path)
	if code != 1 || !strings.Contains(out, "a stranger of the same tenant cannot delete order, but may: oops (") || strings.Contains(out, "another tenant cannot delete order, but") {
		t.Errorf("%d: %s", code, out)
	}
	path = policied(t, map[string]string{"policies/orders.test.yaml": "given: {}\ncoverage: {open: {order: [delete]}}\n", "policies/all.cedar": `@id("oops") permit(principal, action == Action::"order.delete", resource is Order);`})
	if out, errs, code := askPolicy(t, "test", "--config", path); code != 0 {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	if _, errs, code := askPolicy(t, "test", "--config", policied(t, nil)); code != 1 || !strings.Contains(errs, "there are no *.test.yaml in") {
		t.Errorf("%d: %s", code, errs)
	}
}

// keepOrders says in which table orders are kept.
func keepOrders(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	with := strings.Replace(string(text), "        tenant: response.tenant_id\n", "        tenant: response.tenant_id\n        table: {name: orders, tenant: tenant_id, owner: customer_id}\n", 1)
	if err := os.WriteFile(path, []byte(with), 0o600); err != nil {
		t.Fatal(err)
	}
}

// authz.policy-tests authz.data-layer: lists of tests go through the SQL that
// applications filter by, and what does not says so.
func TestListsOfTestsGoThroughSQL(t *testing.T) {
	path := policied(t, map[string]string{"policies/orders.test.yaml": orderTests})
	out, errs, code := askPolicy(t, "test", "-v", "--config", path)
	for _, want := range []string{"; lists: 0 through SQL, 4 not (order: nobody has said where these objects are kept: order; write into gatehouse.yaml: objects: {order: {table: {name: orders,", "ok: alice can list order -> [o1] (not through SQL: nobody has said where", "ok: bob cannot read order o1\n"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%d: no %q in\n%s%s", code, want, out, errs)
		}
	}
	keepOrders(t, path)
	out, errs, code = askPolicy(t, "test", "-v", "--config", path)
	for _, want := range []string{"orders.test.yaml: 15 cases, 10 cases generated, 0 failed; 7 of 7 policies decided; lists: 4 through SQL\n", "ok: alice can list order -> [o1] (policies and SQL)", "ok: a stranger of another tenant cannot list order (policies and SQL)"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%d: no %q in\n%s%s", code, want, out, errs)
		}
	}
	summed := filepath.Join(filepath.Dir(path), "policies", "sum.cedar")
	if err := os.WriteFile(summed, []byte("// one\n@id(\"like\") permit(principal, action == Action::\"order.list\", resource is Order)\nwhen { resource.customer_id like \"x*\" };\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code = askPolicy(t, "test", "--json", "--config", path)
	var files []tried
	if err := json.Unmarshal([]byte(out), &files); err != nil || code != 1 || len(files) != 1 { // the policy decides nowhere
		t.Fatalf("%d: %v\n%s%s", code, err, out, errs)
	}
	listed := 0
	for _, c := range files[0].Cases {
		if c.Lists == "order" {
			listed++
			if !strings.HasPrefix(c.Unfiltered, "policy like at sum.cedar:2:1: `like`") {
				t.Errorf("%+v", c)
			}
		}
	}
	if !strings.HasPrefix(files[0].Lists, "lists: 0 through SQL, 4 not (order: policy like at sum.cedar:2:1: ") || listed != 4 {
		t.Errorf("%d lists: %s", listed, files[0].Lists)
	}
	// A column that holds something else is a failure, with its place.
	text, err := os.ReadFile(path)
	if err == nil {
		err = errors.Join(os.Remove(summed), os.WriteFile(path, []byte(strings.Replace(string(text), "tenant: tenant_id, owner: customer_id}", "tenant: customer_id, owner: tenant_id}", 1)), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, _, code := askPolicy(t, "test", "--config", path); code != 1 || !strings.Contains(out, "orders.test.yaml:24: alice can list order -> [o1]: the list cannot be selected by SQL: order o1: the column customer_id holds") {
		t.Errorf("%d: %s", code, out)
	}
}

// authz.data-layer: the predicate of a list can be seen.
func TestThePredicateOfAListIsShown(t *testing.T) {
	path := policied(t, map[string]string{"policies/orders.test.yaml": orderTests})
	if out, errs, code := askPolicy(t, "why", "ed", "list", "order", "--config", path); code != 0 || !strings.Contains(out, "in SQL this cannot be asked\n  nobody has said where") {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	keepOrders(t, path)
	for question, want := range map[string][]string{
		"ed list order":                     {"ed can list order -> [o1]\n  o1 because of eu-hours (", "  not o2: no policy permits it", "asked at 2026-11-20 10:00 Friday, CET\nin SQL (PostgreSQL)\n  WHERE (((", `"orders"."customer_id" = $1::text`, `  $1 = "ed"`, `  $2 = "EU"`},
		"bob update order --dialect sqlite": {"bob can update order -> [o1, o2]", "in SQL (SQLite)\n  WHERE ((", `"orders"."id" COLLATE BINARY = ?`, "\n  ? = \"o1\"\n"},
		"eve list order":                    {"eve can list order -> []", "  not o1: orders.order.tenant (apis.orders.objects.order.tenant)"},
	} {
		out, errs, code := askPolicy(t, append(append([]string{"why"}, strings.Fields(question)...), "--config", path)...)
		for _, w := range want {
			if code != 0 || !strings.Contains(out, w) {
				t.Errorf("%s: no %q in\n%s%s", question, w, out, errs)
			}
		}
	}
	if _, errs, code := askPolicy(t, "why", "ed", "list", "order", "--dialect", "mysql", "--config", path); code != 2 || !strings.Contains(errs, "--dialect postgresql, or sqlite") {
		t.Errorf("%d: %s", code, errs)
	}
	if _, errs, code := askPolicy(t, "why", "ed", "list", "ordre", "--config", path); code != 1 || !strings.Contains(errs, `there is no object "ordre"; write: order`) {
		t.Errorf("%d: %s", code, errs)
	}
}

func TestADecisionIsExplained(t *testing.T) {
	path := policied(t, map[string]string{"policies/orders.test.yaml": orderTests})
	for question, want := range map[string][]string{
		"ed read order/o1":    {"ed may read order/o1", "because of eu-hours (", "eu.cedar:1:1): EU data in business hours", `resource.region = "EU"  from the reply, at region`, `principal.region = "EU"  from the token's claim region`, "asked at 2026-11-20 10:00 Friday, CET"},
		"bob update order/o1": {"bob may update order/o1", "apis.orders.objects.order.allow.relation:editor", "context.rel.editor = true  from relations: order:o1#editor -> user:bob"},
		"bob read order/o1":   {"bob may not read order/o1", "because no policy permits it", "one of these must hold", "orders.order.allow.owner (apis.orders.objects.order.allow.owner)", `resource.owner = User::"alice"  from the reply, at customer_id`},
		"eve read order/o1":   {"eve may not", "because of orders.order.tenant (apis.orders.objects.order.tenant): the order is another tenant's", "orders.order.tenant must not hold any more"},
		"sam getStatus":       {"sam may getStatus", "apis.orders.roles.user"},
	} {
		out, errs, code := askPolicy(t, append(append([]string{"why"}, strings.Fields(question)...), "--config", path)...)
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: no %q in\n%s%s", question, w, out, errs)
			}
		}
		if code != 0 {
			t.Errorf("%s: exit code %d", question, code)
		}
	}
	if _, errs, code := askPolicy(t, "why", "zoe", "read", "order/o1", "--config", path); code != 1 || !strings.Contains(errs, "there is no user zoe") {
		t.Errorf("%d: %s", code, errs)
	}
	if _, _, code := askPolicy(t, "why", "alice", "eat", "order/o1", "--config", path); code != 2 {
		t.Errorf("an action that is none: exit code %d", code)
	}
}
