package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// rbac has n roles: each may do one action on one type of resource. Who asks has
// one of them, the last.
func rbac(n int) (scenario, error) {
	ours, err := rbacCedar(n)
	if err != nil {
		return scenario{}, err
	}
	opa, err := rbacOPA(n)
	if err != nil {
		return scenario{}, err
	}
	casbin, err := rbacCasbin(n)
	return scenario{fmt.Sprintf("RBAC, %d roles", n), []engine{{"Gatehouse", ours}, {"OPA", opa}, {"Casbin", casbin}}}, err
}

func rbacCedar(n int) (func(bool) (bool, error), error) {
	var schema, policies strings.Builder
	schema.WriteString("entity Role;\nentity User in [Role];\n")
	for i := range n {
		fmt.Fprintf(&schema, "entity T%d;\naction \"a%d\" appliesTo { principal: [User], resource: [T%d] };\n", i, i, i)
		fmt.Fprintf(&policies, "permit(principal in Role::\"r%d\", action == Action::\"a%d\", resource is T%d);\n", i, i, i)
	}
	set, err := cedar.New(cedar.Source{Name: "rbac.cedarschema", Text: schema.String()}, cedar.Source{Name: "rbac.cedar", Text: policies.String()})
	if err != nil {
		return nil, err
	}
	last := cedar.String(fmt.Sprint(n - 1))
	alice, eve := cedar.NewEntityUID("User", "alice"), cedar.NewEntityUID("User", "eve")
	facts := cedar.EntityMap{alice: {UID: alice, Parents: cedar.NewEntityUIDSet(cedar.NewEntityUID("Role", "r"+last))}, eve: {UID: eve}}
	q := cedar.Request{Principal: alice, Action: cedar.NewEntityUID("Action", "a"+last), Resource: cedar.NewEntityUID(cedar.EntityType("T"+last), "1")}
	rules := set.Rules(q.Action, q.Resource.Type)
	return func(allowed bool) (bool, error) {
		q.Principal = alice
		if !allowed {
			q.Principal = eve
		}
		d := rules.Decide(q, facts)
		return d.Allowed, d.Err()
	}, nil
}

// rbacOPA has roles and grants as data, as OPA's own documentation has them.
func rbacOPA(n int) (func(bool) (bool, error), error) {
	grants := map[string]any{}
	for i := range n {
		grants[fmt.Sprint("r", i)] = []any{map[string]any{"action": fmt.Sprint("a", i), "type": fmt.Sprint("T", i)}}
	}
	users := map[string]any{"alice": []any{fmt.Sprint("r", n-1)}}
	input := map[string]any{"user": "alice", "action": fmt.Sprint("a", n-1), "type": fmt.Sprint("T", n-1)}
	return askOPA(`package authz
default allow := false
allow if {
	some role in data.users[input.user]
	some grant in data.grants[role]
	grant.action == input.action
	grant.type == input.type
}`, map[string]any{"grants": grants, "users": users}, input, "user", "eve")
}

// askOPA prepares a query, and two inputs that are parsed already: one that is
// allowed, and one with one member changed that is denied.
func askOPA(module string, data, input map[string]any, member, denies string) (func(bool) (bool, error), error) {
	ctx := context.Background()
	query, err := rego.New(rego.Query("data.authz.allow"), rego.Module("authz.rego", module), rego.Store(inmem.NewFromObject(data))).PrepareForEval(ctx)
	if err != nil {
		return nil, err
	}
	yes, err := ast.InterfaceToValue(input)
	if err != nil {
		return nil, err
	}
	input[member] = denies
	no, err := ast.InterfaceToValue(input)
	if err != nil {
		return nil, err
	}
	return func(allowed bool) (bool, error) {
		in := yes
		if !allowed {
			in = no
		}
		rs, err := query.Eval(ctx, rego.EvalParsedInput(in))
		return err == nil && rs.Allowed(), err
	}, nil
}

func rbacCasbin(n int) (func(bool) (bool, error), error) {
	m, err := model.NewModelFromString(`
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
`)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	for i := range n {
		if _, err := e.AddPolicy(fmt.Sprint("r", i), fmt.Sprint("T", i), fmt.Sprint("a", i)); err != nil {
			return nil, err
		}
	}
	if _, err := e.AddGroupingPolicy("alice", fmt.Sprint("r", n-1)); err != nil {
		return nil, err
	}
	obj, act := fmt.Sprint("T", n-1), fmt.Sprint("a", n-1)
	return func(allowed bool) (bool, error) {
		if !allowed {
			return e.Enforce("eve", obj, act)
		}
		return e.Enforce("alice", obj, act)
	}, nil
}
