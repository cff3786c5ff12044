package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
