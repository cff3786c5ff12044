package reply_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/reply"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const ruled = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /a:
    get:
      operationId: a
      responses:
        "200": {description: ok, content: {application/json: {schema: {type: object, properties: {id: {type: string}, cost: {type: integer, x-gatehouse-roles: {read: [admin, buyer]}}, key: {type: string, x-gatehouse-roles: []}}}}}}
`

// output.filter authz.property: what is cut hangs on the caller, costs no memory,
// and is told.
func TestMembersAreCutByTheCallersRoles(t *testing.T) {
	d, err := openapi.Parse("t.yaml", []byte(ruled))
	if err != nil {
		t.Fatal(err)
	}
	c := reply.Kind.New().(*reply.Config)
	b := &gatehouse.Build{Operation: d.Operation("a"), Now: time.Now}
	list, err := c.Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"id":"1","cost":7,"key":"k"}`)
	for _, p := range []*gatehouse.Principal{{ID: "a", Roles: []string{"user", "buyer"}}, {ID: "b"}, nil} {
		want := `{"id":"1"}`
		if p != nil && p.ID == "a" {
			want = `{"id":"1","cost":7}`
		}
		x := answer(200, "application/json", "")
		x.Principal = p
		if n := testing.AllocsPerRun(100, func() {
			x.Response.Body = append(x.Response.Body[:0], body...)
			if rule := run(t, list, x); rule != "" {
				t.Fatal(rule)
			}
			x.Response.Parsed.Reset()
		}); n != 0 && !race.Enabled {
			t.Errorf("%v allocations", n)
		}
		if string(x.Response.Body) != want {
			t.Errorf("%+v: %s", p, x.Response.Body)
		}
	}
	sheet := gatehouse.Sheet{Build: b}
	c.Explain(&sheet)
	for _, says := range [...]string{"cost is cut for everybody but admin and buyer", "key is cut for everybody"} {
		if !slices.ContainsFunc(sheet.Facts, func(f gatehouse.Fact) bool { return f.Says == says && f.Covers == "output.filter" }) {
			t.Errorf("nothing says %q: %v", says, sheet.Facts)
		}
	}
}
