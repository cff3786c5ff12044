package asked

import (
	"testing"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

const description = `openapi: 3.1.0
info: {title: Status, version: "1"}
paths: {/v1/status: {get: {operationId: getStatus, responses: {"200": {description: ok}}}}}
`

const policies = `@id("people") permit(principal is User, action == Action::"getStatus", resource);
@id("tenant") @reason("of the tenant acme") permit(principal, action == Action::"getStatus", resource) when { principal.tenant == "acme" };
@id("closed") @reason("it is closed to interns") forbid(principal, action == Action::"getStatus", resource) when { principal.roles.contains("intern") };
`

func TestTheTrailNamesWhoDecidedAndWhy(t *testing.T) {
	d, err := openapi.Parse("status.yaml", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	var operations []policy.Operation
	for _, op := range d.Operations {
		operations = append(operations, op)
	}
	p, err := policy.Compile(policy.Model{API: "status", Operations: operations, Sources: []cedar.Source{{Name: "status.cedar", Text: policies}}})
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		who  *gatehouse.Principal
		want string
	}{
		"a person":             {&gatehouse.Principal{Kind: "user", ID: "alice"}, "permitted by people"},
		"a key for a person":   {&gatehouse.Principal{Kind: "key", ID: "alice"}, "permitted by people"},
		"a client":             {&gatehouse.Principal{Kind: "client", ID: "alice"}, "no policy permits it"},
		"a client of acme":     {&gatehouse.Principal{Kind: "client", ID: "job", Tenant: "acme"}, "permitted by tenant (of the tenant acme)"},
		"a person of acme":     {&gatehouse.Principal{Kind: "user", ID: "alice", Tenant: "acme"}, "permitted by people, permitted by tenant (of the tenant acme)"},
		"an intern of acme":    {&gatehouse.Principal{Kind: "user", ID: "eve", Tenant: "acme", Roles: []string{"intern"}}, "forbidden by closed (it is closed to interns)"},
		"a client for interns": {&gatehouse.Principal{Kind: "client", ID: "job", Roles: []string{"intern"}}, "forbidden by closed (it is closed to interns)"},
	} {
		s, err := Subject(p, c.who)
		if err != nil {
			t.Fatal(err)
		}
		if got := Why(p.Operation("getStatus").Decide(&policy.Facts{Subject: s, Operation: "getStatus"})); got != c.want {
			t.Errorf("%s: %q; want %q", what, got, c.want)
		}
	}
}
