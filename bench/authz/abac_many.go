package main

import (
	"fmt"
	"strings"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// abacMany asks for attributes where each of n kinds of documents has a policy of its
// own: its region, and its hours.
func abacMany(n int) (scenario, error) {
	ours, err := abacManyCedar(n)
	if err != nil {
		return scenario{}, err
	}
	kinds := map[string]any{}
	for i := range n {
		kinds[kind(i)] = map[string]any{"region": region(i), "from": 9, "to": 17}
	}
	last := n - 1
	opa, err := askOPA(`package authz
default allow := false
allow if {
	policy := data.kinds[input.resource.kind]
	input.region == policy.region
	input.resource.region == policy.region
	input.hour >= policy.from
	input.hour < policy.to
}`, map[string]any{"kinds": kinds}, map[string]any{"region": region(last), "resource": map[string]any{"kind": kind(last), "region": region(last)}, "hour": 10}, "region", "nowhere")
	if err != nil {
		return scenario{}, err
	}
	theirs, err := abacManyCasbin(n)
	return scenario{fmt.Sprintf("ABAC, %d kinds", n), []engine{{"Gatehouse", ours}, {"OPA", opa}, {"Casbin", theirs}}}, err
}

func kind(i int) string { return fmt.Sprint("Doc", i) }

func region(i int) string { return fmt.Sprint("R", i%7) }

func abacManyCedar(n int) (func(bool) (bool, error), error) {
	var schema, policies, all strings.Builder
	for i := range n {
		fmt.Fprintf(&schema, "entity %s { region: String };\n", kind(i))
		fmt.Fprintf(&policies, `permit(principal is User, action == Action::"read", resource is %s)
when { principal.region == %q && resource.region == %q && context.local.hour >= 9 && context.local.hour < 17 };
`, kind(i), region(i), region(i))
		if i > 0 {
			all.WriteString(", ")
		}
		all.WriteString(kind(i))
	}
	fmt.Fprintf(&schema, "entity User { region: String };\naction \"read\" appliesTo { principal: [User], resource: [%s], context: { local: { hour: Long } } };", &all)
	set, err := cedar.New(cedar.Source{Name: "abac.cedarschema", Text: schema.String()}, cedar.Source{Name: "abac.cedar", Text: policies.String()})
	if err != nil {
		return nil, err
	}
	return askCedar(set, kind(n-1), region(n-1)), nil
}

// askCedar asks whether somebody of the region, or of none, may read a document of a
// kind that is of the region.
func askCedar(set *cedar.Set, kind, region string) func(bool) (bool, error) {
	entity := func(of cedar.EntityType, id cedar.String, region string) cedar.Entity {
		return cedar.Entity{UID: cedar.NewEntityUID(of, id), Attributes: cedar.NewRecord(cedar.RecordMap{"region": cedar.String(region)})}
	}
	doc := entity(cedar.EntityType(kind), "1", region)
	near, far := &pair{entity("User", "alice", region), doc}, &pair{entity("User", "bob", "nowhere"), doc}
	q := cedar.Request{Action: cedar.NewEntityUID("Action", "read"), Resource: doc.UID,
		Context: cedar.NewRecord(cedar.RecordMap{"local": cedar.NewRecord(cedar.RecordMap{"hour": cedar.Long(10)})})}
	rules := set.Rules(q.Action, q.Resource.Type)
	return func(allowed bool) (bool, error) {
		facts := near
		if !allowed {
			facts = far
		}
		q.Principal = facts.principal.UID
		d := rules.Decide(q, facts)
		return d.Allowed, d.Err()
	}
}

// pair are the facts of one request, as the gateway has them: of the two that it is about.
type pair struct{ principal, resource cedar.Entity }

// Entity implements [cedar.Entities].
func (p *pair) Entity(uid cedar.EntityUID) (cedar.Entity, bool, error) {
	switch uid {
	case p.principal.UID:
		return p.principal, true, nil
	case p.resource.UID:
		return p.resource, true, nil
	}
	return cedar.Entity{}, false, nil
}

// abacManyCasbin has a rule in each policy, as Casbin's documentation has them.
func abacManyCasbin(n int) (func(bool) (bool, error), error) {
	m, err := model.NewModelFromString(`
[request_definition]
r = sub, obj, env
[policy_definition]
p = kind, rule
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.obj.Kind == p.kind && eval(p.rule)
`)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	for i := range n {
		rule := fmt.Sprintf(`r.sub.Region == %q && r.obj.Region == %q && r.env.Hour >= 9 && r.env.Hour < 17`, region(i), region(i))
		if _, err := e.AddPolicy(kind(i), rule); err != nil {
			return nil, err
		}
	}
	here, nowhere, now := subject{region(n - 1)}, subject{"nowhere"}, moment{10}
	doc := struct{ Kind, Region string }{kind(n - 1), region(n - 1)}
	return func(allowed bool) (bool, error) {
		if !allowed {
			return e.Enforce(nowhere, doc, now)
		}
		return e.Enforce(here, doc, now)
	}, nil
}
