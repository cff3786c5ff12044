package main

import (
	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// abac asks for attributes: caller and document of the EU, between nine and five.
func abac() (scenario, error) {
	ours, err := abacCedar()
	if err != nil {
		return scenario{}, err
	}
	opa, err := askOPA(`package authz
default allow := false
allow if {
	input.region == "EU"
	input.resource.region == "EU"
	input.hour >= 9
	input.hour < 17
}`, map[string]any{}, map[string]any{"region": "EU", "resource": map[string]any{"region": "EU"}, "hour": 10}, "region", "US")
	if err != nil {
		return scenario{}, err
	}
	casbin, err := abacCasbin()
	return scenario{"ABAC, EU and hours", []engine{{"Gatehouse", ours}, {"OPA", opa}, {"Casbin", casbin}}}, err
}

func abacCedar() (func(bool) (bool, error), error) {
	set, err := cedar.New(cedar.Source{Name: "abac.cedarschema", Text: `entity User { region: String };
entity Doc { region: String };
action "read" appliesTo { principal: [User], resource: [Doc], context: { local: { hour: Long } } };`},
		cedar.Source{Name: "abac.cedar", Text: `permit(principal is User, action == Action::"read", resource is Doc)
when { principal.region == "EU" && resource.region == "EU" && context.local.hour >= 9 && context.local.hour < 17 };`})
	if err != nil {
		return nil, err
	}
	return askCedar(set, "Doc", "EU"), nil
}

// Subject and document, as Casbin's matchers read them.
type (
	subject  struct{ Region string }
	document struct{ Region string }
	moment   struct{ Hour int }
)

func abacCasbin() (func(bool) (bool, error), error) {
	m, err := model.NewModelFromString(`
[request_definition]
r = sub, obj, env
[policy_definition]
p = sub, obj
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub.Region == "EU" && r.obj.Region == "EU" && r.env.Hour >= 9 && r.env.Hour < 17
`)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	europe, america, doc, now := subject{"EU"}, subject{"US"}, document{"EU"}, moment{10}
	return func(allowed bool) (bool, error) {
		if !allowed {
			return e.Enforce(america, doc, now)
		}
		return e.Enforce(europe, doc, now)
	}, nil
}
