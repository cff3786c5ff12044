package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
)

// graphed writes the configuration of an API that speaks GraphQL, and returns its path.
func graphed(t *testing.T, files map[string]string) string {
	t.Helper()
	all := map[string]string{
		"gatehouse.yaml": `environment: development
apis:
  shop:
    graphql: {schema: shop.graphql, policies: {auditor: ["role:auditor"]}}
    upstream: http://127.0.0.1:9000
    audience: https://api.example.com/shop
    issuer: https://login.example.com
    policies: policies/
    principal: {plan: optional String}
    roles: {user: [postGraphQL]}
`,
		"shop.graphql": `type Query {
  orders: [Order!]!
  audit: String @policy(policies: [["auditor", "premium"]])
}
type Order {
  id: ID!
  total: Int @requiresScopes(scopes: [["money"]])
}
`,
		"policies/plan.cedar": `@id("premium") @reason("premium is paid for")
permit(principal is User, action == Action::"policy.premium", resource) when { principal has plan && principal.plan == "premium" };
`,
		"policies/shop.test.yaml": `given:
  users:
    alice: {scopes: [money], roles: [user]}
    bob: {roles: [auditor], plan: premium}
    carl: {roles: [auditor]}
expect:
  - alice can postGraphQL
  - alice can select Order.total
  - alice cannot select Query.audit
  - bob cannot select Order.total
  - bob can select Query.audit
  - carl cannot select Query.audit
coverage: {policies: all}
`,
	}
	for name, text := range files {
		all[name] = text
	}
	dir := t.TempDir()
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

// TestFieldsOfGraphQLAreShownTriedAndExplained covers graphql.fields and authz.abac.
func TestFieldsOfGraphQLAreShownTriedAndExplained(t *testing.T) {
	path := graphed(t, nil)
	for _, c := range []struct {
		args string
		code int
		says []string
	}{
		{"show Order.total", 0, []string{"shop.graphql:7:3 demands @requiresScopes for Order.total", `principal.scopes.containsAll(["money"])`}},
		{"show Query.audit", 0, []string{`@id("premium")`, `@id("shop.policies.auditor.role")`}},
		{"show --schema", 0, []string{"entity Field;", `action "policy.premium"`, "policies: Set<String>"}},
		{"show Order.totl", 1, []string{"write: gatehouse policy show Order.total"}},
		{"test", 0, []string{"shop.test.yaml: 6 cases, 2 cases generated, 0 failed; 6 of 6 policies decided"}},
		{"why alice select Order.total", 0, []string{"alice may select Order.total", "because of shop.fields"}},
		{"why bob select Order.total", 0, []string{"bob may not select Order.total", "because of shop.fields.Order.total.requiresScopes (apis.shop.graphql.schema, at shop.graphql:7:3)", "must not hold any more"}},
		{"why carl select Query.audit", 0, []string{`@policy "auditor" of Query.audit holds, by shop.policies.auditor.role`, `@policy "premium" of Query.audit does not hold`}},
		{"why alice select Order.totl", 1, []string{"there is no field Order.totl; write: Order.total"}},
		{"why alise select Order.total", 1, []string{"there is no user alise; write: alice"}},
	} {
		out, errs, code := askPolicy(t, append(strings.Fields(c.args), "--config", path)...)
		if code != c.code {
			t.Errorf("%s: exit code %d", c.args, code)
		}
		for _, want := range c.says {
			if !strings.Contains(out+errs, want) {
				t.Errorf("%s: no %s in\n%s%s", c.args, want, out, errs)
			}
		}
	}
}

// TestWhatIsWrongWithTestsOfFieldsIsSaid covers graphql.fields: a field that is not
// there, and a policy that is wider than the schema's author meant.
func TestWhatIsWrongWithTestsOfFieldsIsSaid(t *testing.T) {
	for _, c := range []struct{ file, text, says string }{
		{"policies/shop.test.yaml", "given: {users: {alice: {}}}\nexpect: [alice can select Order.totl]\n", "there is no field Order.totl\n  fix: alice can select Order.total"},
		{"policies/shop.test.yaml", "given: {users: {alice: {}}}\nexpect: [alice can select Order.total]\n", "alice cannot select Order.total: shop.fields.Order.total.requiresScopes"},
		{"policies/plan.cedar", `permit(principal, action == Action::"policy.premium", resource); permit(principal, action == Action::"policy.auditor", resource);`, "coverage: {open: {Query.audit: [select]}}"},
		{"policies/plan.cedar", `forbid(principal, action == Action::"select", resource == Field::"Order.totl");`, `Field::"Order.total"`},
		{"shop.graphql", `type Query { a: Int @policy(policies: [["premum"]]) }`, `did you mean Action::"policy.premum"?`},
	} {
		path := graphed(t, map[string]string{c.file: c.text})
		if out, errs, code := askPolicy(t, "test", "--config", path); code != 1 || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s\n%d: %s%s", c.text, code, out, errs)
		}
	}
}

// owning is an API with objects of GraphQL, on which policies and relations decide.
func owning(t *testing.T, files map[string]string) string {
	t.Helper()
	all := map[string]string{
		"gatehouse.yaml": `environment: development
apis:
  shop:
    graphql: shop.graphql
    upstream: http://127.0.0.1:9000
    audience: https://api.example.com/shop
    issuer: https://login.example.com
    policies: policies/
    relations: shop.fga
    roles: {user: [postGraphQL]}
    objects:
      Order:
        owner: response.customer.id
        tenant: response.tenant
        allow: {owner: [read, update], "relation:editor": [read, update]}
        table: {name: orders, tenant: tenant_id, owner: customer_id}
`,
		"shop.graphql": `type Query { order(id: ID!): Order orders: [Order!]! }
type Mutation { note(id: ID!, text: String!): Order }
type Order { id: ID! region: String total: Int customer: Customer! tenant: ID! weight: Float lines(first: Int!): [String!] }
type Customer { id: ID! name: String }
`,
		"shop.fga":            "model\n  schema 1.1\ntype user\ntype order\n  relations\n    define editor: [user]\n",
		"policies/plan.cedar": "@id(\"eu\") permit(principal is User, action in Action::\"order.read\", resource is Order) when { resource has region && resource.region == \"EU\" };\n",
		"policies/shop.test.yaml": `given:
  users:
    alice: {tenant: acme, roles: [user]}
    bob: {tenant: acme}
    carol: {tenant: acme}
    eve: {tenant: evil}
  Order:
    o1: {owner: alice, tenant: acme, region: US}
    o2: {customer: {id: bob}, owner: bob, tenant: acme, region: EU}
  relations: ["order:o1#editor@user:carol"]
expect:
  - alice can read, update Order o1
  - alice can read Order o2
  - alice cannot update Order o2
  - bob cannot read Order o1
  - carol can update Order o1
  - eve cannot read Order o2
  - alice can list Order -> [o1, o2]
  - bob can create Order
  - alice can postGraphQL
  - bob can select Order.total
coverage: {policies: all, foreign_owner: all}
`,
	}
	for name, text := range files {
		all[name] = text
	}
	return graphed(t, all)
}

// TestObjectsOfGraphQLAreTriedExplainedAndExported covers authz.object, authz.abac and
// authz.rebac: the model that decides at the gate is the one that is shown, tried,
// explained and given to applications.
func TestObjectsOfGraphQLAreTriedExplainedAndExported(t *testing.T) {
	path := owning(t, nil)
	file := filepath.Join(t.TempDir(), "policy.json")
	for _, c := range []struct {
		args string
		code int
		says []string
	}{
		{"show Order", 0, []string{`@id("shop.Order.allow.owner")`, `action in [Action::"order.read", Action::"order.update"], resource is Order`, `@id("shop.Order.tenant")`, `@id("eu")`, "context.rel.editor == true"}},
		{"show --schema", 0, []string{"entity Order = {", "owner: User, // response.customer.id", "// Cedar has no type for the member \"lines\".", "// Cedar has no type for the member \"weight\".", `action "order.update" in ["order"]`}},
		{"test", 0, []string{"cases generated, 0 failed"}},
		{"why carol update Order/o1", 0, []string{"carol may update Order/o1", "because of shop.Order.allow.relation.editor (apis.shop.objects.Order.allow.relation:editor)", "order:o1#editor -> user:carol", `resource.owner = User::"alice"  from the reply, at customer.id`}},
		{"why bob read Order/o1", 0, []string{"bob may not read Order/o1", "no policy permits it"}},
		{"why bob read Order/o3", 1, []string{"there is no Order o3; write: o1"}},
		{"export shop -o " + file, 0, []string{"the policy of shop"}},
	} {
		out, errs, code := askPolicy(t, append(strings.Fields(c.args), "--config", path)...)
		if code != c.code {
			t.Errorf("%s: exit code %d", c.args, code)
		}
		for _, want := range c.says {
			if !strings.Contains(out+errs, want) {
				t.Errorf("%s: no %s in\n%s%s", c.args, want, out, errs)
			}
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	if o := b.Objects["order"]; o == nil || o.Type != "Order" || o.Table.Name != "orders" || o.Operations["read"][0] != "postGraphQL" {
		t.Errorf("the bundle has %+v", b.Objects)
	}
}

// TestRulesForObjectsOfGraphQLThatCannotDecideDoNotLoad covers authz.object: each with
// the line to write instead.
func TestRulesForObjectsOfGraphQLThatCannotDecideDoNotLoad(t *testing.T) {
	config := func(from, to string) map[string]string {
		path := owning(t, nil)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{"gatehouse.yaml": strings.Replace(string(text), from, to, 1)}
	}
	for _, c := range []struct {
		files map[string]string
		says  []string
	}{
		{config(`"relation:editor"`, `"relation:edtor"`), []string{"gatehouse.yaml:15:", "apis.shop.objects.Order.allow.relation:edtor", "defines no edtor of Order", "under type order"}},
		{map[string]string{"policies/plan.cedar": `permit(principal, action == Action::"order.read", resource is Order) when { resource.weight > 3 };`}, []string{"plan.cedar:1:", "weight"}},
		{map[string]string{"policies/plan.cedar": `permit(principal, action == Action::"Order.read", resource is Order);`}, []string{`did you mean Action::"order.read"`}},
		{map[string]string{"policies/shop.test.yaml": "given: {users: {alice: {}}, Ordr: {}}\nexpect: []\n"}, []string{`there is no object "Ordr"`, "fix: Order"}},
		{map[string]string{"policies/shop.test.yaml": "given: {users: {alice: {}}, Order: {o1: {regoin: EU}}}\nexpect: []\n"}, []string{"policies know no regoin of an Order; write: region"}},
		{map[string]string{"policies/plan.cedar": `permit(principal, action, resource is Order);`}, []string{"a stranger of the same tenant cannot read Order, but may"}},
	} {
		if out, errs, code := askPolicy(t, "test", "--config", owning(t, c.files)); code != 1 {
			t.Errorf("%v: exit code %d: %s", c.files, code, out)
		} else {
			for _, want := range c.says {
				if !strings.Contains(out+errs, want) {
					t.Errorf("no %s in\n%s%s", want, out, errs)
				}
			}
		}
	}
}
