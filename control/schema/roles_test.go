package schema_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/schema"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const ruled = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /a:
    post:
      operationId: a
      parameters:
        - {name: filter, in: query, style: deepObject, schema: {type: object, properties: {item: {type: string}, margin: {type: string, x-gatehouse-roles: {write: [admin]}}}}}
      requestBody:
        content:
          application/json: {schema: {type: object, properties: {item: {type: string}, discount: {type: integer, x-gatehouse-roles: {write: [admin, sales]}}, total: {type: integer, x-gatehouse-roles: {write: []}}}}}
      responses: {"200": {description: ok}}
`

// authz.property: who may send a member may, costs no memory and is told.
func TestMembersAreTakenByTheCallersRoles(t *testing.T) {
	d, err := openapi.Parse("t.yaml", []byte(ruled))
	if err != nil {
		t.Fatal(err)
	}
	c := schema.Kind.New().(*schema.Config)
	b := &gatehouse.Build{Operation: d.Operation("a"), Now: time.Now}
	list, err := c.Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	judge := func(x *gatehouse.Exchange) string {
		for _, s := range list {
			if v, err := s.Enforce(context.Background(), x); err != nil || v.Denied() {
				return v.Rule()
			}
		}
		return ""
	}
	sales := &gatehouse.Principal{ID: "a", Roles: []string{"sales"}}
	for _, k := range []struct {
		p           *gatehouse.Principal
		query, body string
		want        string
	}{
		{sales, "", `{"item":"x","discount":1}`, ""},
		{sales, "filter[item]=x", `{"discount":1}`, ""},
		{sales, "filter[margin]=x", `{"discount":1}`, "schema.role_property"},
		{sales, "", `{"total":1}`, "schema.role_property"},
		{&gatehouse.Principal{ID: "b", Roles: []string{"Sales", "sale"}}, "", `{"discount":1}`, "schema.role_property"},
		{nil, "", `{"discount":1}`, "schema.role_property"},
		{nil, "", `{"item":"x"}`, ""},
	} {
		x := &gatehouse.Exchange{Principal: k.p}
		x.Request.HasBody, x.Request.Query, x.Request.Body = true, k.query, []byte(k.body)
		x.Request.Fields = gatehouse.Fields{{Name: "content-type", Value: "application/json"}}
		if got := judge(x); got != k.want {
			t.Errorf("%+v %s %s: %q, want %q", k.p, k.query, k.body, got, k.want)
		}
		if n := testing.AllocsPerRun(100, func() { judge(x) }); k.want == "" && n != 0 && !race.Enabled {
			t.Errorf("%s: %v allocations", k.body, n)
		}
	}
	sheet := gatehouse.Sheet{Build: b}
	c.Explain(&sheet)
	for _, says := range [...]string{"discount may be sent by admin or sales only", "total may be sent by nobody"} {
		if !slices.ContainsFunc(sheet.Facts, func(f gatehouse.Fact) bool { return f.Says == says && f.Covers == "authz.property" }) {
			t.Errorf("nothing says %q: %v", says, sheet.Facts)
		}
	}
}
