package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// graphed is the model of a GraphQL schema with three demands.
func graphed(hand string) policy.Model {
	m := policy.Model{API: "shop", Graph: &policy.Graph{
		File: "shop.graphql",
		Demands: []policy.Demand{
			{Field: "Order.total", Place: "shop.graphql:7:3", Scopes: [][]string{{"a", "b"}, {"c"}}},
			{Field: "Query.audit", Place: "shop.graphql:3:3", Policies: [][]string{{"auditor", "premium"}}},
			{Field: "Query.me", Place: "shop.graphql:2:3", Authenticated: true},
		},
		Policies: map[string][]string{"auditor": {"role:auditor", "scope:audit"}},
		Asked:    map[string][]string{"Order.total": {"Order.total", "Order"}, "Query.audit": {"Query.audit"}, "Query.me": {"Query.me"}, "Query.orders": {"Query.orders"}},
	}}
	if hand != "" {
		m.Sources = []cedar.Source{{Name: "rules.cedar", Text: hand}}
	}
	return m
}

const premium = `@id("premium") permit(principal is User, action == Action::"policy.premium", resource) when { principal.tenant == "acme" };`

// TestDemandsOfASchemaArePolicies covers graphql.fields and authz.abac: what the schema
// demands is shown as Cedar with its place, decides so, and no permit goes around it.
func TestDemandsOfASchemaArePolicies(t *testing.T) {
	p, err := policy.Compile(graphed(premium + ` @id("all") permit(principal, action, resource is Field);`))
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"Order.total": `@id("shop.fields.Order.total.requiresScopes") @reason("shop.graphql:7:3 demands @requiresScopes for Order.total")
forbid(principal, action == Action::"select", resource == Field::"Order.total")
  unless { principal.scopes.containsAll(["a", "b"]) || principal.scopes.containsAll(["c"]) };`,
		"Query.audit": `unless { context.policies.containsAll(["auditor", "premium"]) };`,
		"Query.me":    `unless { principal.id != "" };`,
	} {
		if shown := p.Shown(field, false); !strings.Contains(shown, want) {
			t.Errorf("%s is shown as\n%s", field, shown)
		}
	}
	if shown := p.Shown("Query.audit", false); !strings.Contains(shown, `@id("premium")`) || !strings.Contains(shown, `when { principal.roles.containsAny(["auditor"]) }`) || strings.Contains(shown, "Order.total") {
		t.Errorf("Query.audit is shown as\n%s", shown)
	}
	for _, c := range []struct {
		who   policy.Caller
		field string
		want  bool
	}{
		{policy.Caller{ID: "a", Scopes: []string{"a", "b"}}, "Order.total", true},
		{policy.Caller{ID: "a", Scopes: []string{"c"}}, "Order.total", true},
		{policy.Caller{ID: "a", Scopes: []string{"a"}}, "Order.total", false},
		{policy.Caller{ID: "a", Tenant: "acme", Roles: []string{"auditor"}}, "Query.audit", true},
		{policy.Caller{ID: "a", Tenant: "acme", Scopes: []string{"audit"}}, "Query.audit", true},
		{policy.Caller{ID: "a", Tenant: "acme"}, "Query.audit", false},
		{policy.Caller{ID: "a", Roles: []string{"auditor"}}, "Query.audit", false},
		{policy.Caller{ID: "a", Tenant: "acme", Roles: []string{"auditor"}, Service: true}, "Query.audit", false},
		{policy.Caller{}, "Query.me", false},
		{policy.Caller{ID: "a"}, "Query.me", true},
		{policy.Caller{ID: "a"}, "Query.orders", true},
	} {
		s, err := p.Subject(c.who)
		if err != nil {
			t.Fatal(err)
		}
		if d := p.Select(c.field, &policy.Facts{Subject: s, At: time.Now()}, nil); d.Allowed != c.want || d.Err() != nil {
			t.Errorf("%+v selects %s: %v, %v", c.who, c.field, d.Allowed, d.Err())
		}
	}
}

// TestAPolicyOfAFieldThatIsNotThereDoesNotCompile covers authz.abac: what is written
// down and would never speak is refused, with what was probably meant.
func TestAPolicyOfAFieldThatIsNotThereDoesNotCompile(t *testing.T) {
	for _, c := range []struct{ hand, says, fix string }{
		{premium + ` forbid(principal, action == Action::"select", resource == Field::"Order.totl");`, `the field "Order.totl"`, `Field::"Order.total"`},
		{premium + ` forbid(principal, action == Action::"select", resource) when { resource == Field::"Qery.me" };`, `the field "Qery.me"`, `Field::"Query.me"`},
		{premium + ` forbid(principal, action == Action::"select", resource) when { [Field::"Order.totl"].contains(resource) };`, `the field "Order.totl"`, `Field::"Order.total"`},
		{"", `shop.graphql:3:3: @policy names "premium", which policies does not declare`, `permit(principal, action == Action::"policy.premium", resource);`},
		{`permit(principal, action, resource);`, `@policy names "premium"`, "policies: {premium:"},
		{`forbid(principal, action == Action::"policy.premium", resource);`, `@policy names "premium"`, "policies: {premium:"},
		{`permit(principal, action == Action::"policy.premum", resource);`, `policy.premum`, `policy.premium`},
		{premium + ` permit(principal, action == Action::"select", resource) when { resource.total > 3 };`, "total", ""},
	} {
		_, err := policy.Compile(graphed(c.hand))
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.fix) {
			t.Errorf("%s: %v", c.hand, err)
		}
	}
	m := graphed(premium)
	m.Operations = operations(t)
	m.Graph.Policies["x"] = []string{"role:x"}
	m.Objects = map[string]*policy.Object{"policy": {ID: "path.orderId", Owner: "response.customer_id"}}
	m.Graph.Policies["read"] = []string{"role:x"}
	if _, err := policy.Compile(m); err == nil || !strings.Contains(err.Error(), "called in policies as the policy read is") {
		t.Errorf("an object called as a policy: %v", err)
	}
}
