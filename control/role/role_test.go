package role

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

type operation struct {
	id, method, template string
	tags                 []string
}

func (o operation) ID() string       { return o.id }
func (o operation) Method() string   { return o.method }
func (o operation) Template() string { return o.template }
func (o operation) Tags() []string   { return o.tags }

var (
	getOrder    = operation{"getOrder", "GET", "/v1/orders/{orderId}", []string{"orders"}}
	deleteOrder = operation{"deleteOrder", "DELETE", "/v1/orders/{orderId}", []string{"orders"}}
	getStatus   = operation{"getStatus", "GET", "/v1/status", nil}
	listUsers   = operation{"listUsers", "GET", "/v1/admin/users", []string{"orders"}}
	getMetrics  = operation{"getDebugMetrics", "GET", "/v1/metrics", nil}
	all         = []gatehouse.Operation{getOrder, deleteOrder, getStatus, listUsers, getMetrics}
)

func build(op gatehouse.Operation) *gatehouse.Build {
	return &gatehouse.Build{API: "orders", Operation: op, All: all, Now: time.Now, Kept: gatehouse.NewKept()}
}

var roles = map[string][]string{
	"admin":         {"deleteOrder", "listUsers", "getDebugMetrics"},
	"user":          {"tag:orders"},
	"reader":        {"get*"},
	"authenticated": {"getStatus"},
}

// authz.role, authz.rbac
func TestRolesGrantWhatTheyName(t *testing.T) {
	for _, c := range []struct {
		op   operation
		role string
		want string // rule of the grant, "" for a pass, or the reason of the refusal
	}{
		{getOrder, "user", "role.user"}, {getOrder, "reader", "role.reader"}, {getOrder, "admin", ""}, {getOrder, "", ""},
		{deleteOrder, "admin", "role.admin"}, {deleteOrder, "user", "role.user"}, {deleteOrder, "reader", ""},
		{getStatus, "stranger", "role.authenticated"}, {getStatus, "", "role.authenticated"},
		{listUsers, "admin", "role.admin"},
		// authz.function: tags and wildcards never reach an administrator's function
		{listUsers, "user", "role.admin_required"}, {listUsers, "reader", "role.admin_required"}, {listUsers, "", "role.admin_required"},
		{getMetrics, "reader", "role.admin_required"}, {listUsers, "Admin", "role.admin_required"}, {listUsers, "admin ", "role.admin_required"},
	} {
		steps, err := (&Config{Roles: roles}).Compile(build(c.op))
		if err != nil || len(steps) != 1 || steps[0].Stage != gatehouse.Authorize {
			t.Fatalf("%s: %v, %v", c.op.id, steps, err)
		}
		p := &gatehouse.Principal{ID: "alice"}
		if c.role != "" {
			p.Roles = []string{"nothing", c.role}
		}
		v, err := steps[0].Enforce(context.Background(), &gatehouse.Exchange{Principal: p})
		if err != nil || v.Rule() != c.want || v.Granted() != (c.want != "" && c.want != "role.admin_required") || v.Denied() != (c.want == "role.admin_required") {
			t.Errorf("%s as %q: rule %q, granted %v, denied %v; want %q", c.op.id, c.role, v.Rule(), v.Granted(), v.Denied(), c.want)
		}
	}
}

func TestNobodyHasNoRole(t *testing.T) {
	for _, op := range []operation{getStatus, listUsers} {
		steps, err := (&Config{Roles: roles}).Compile(build(op))
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := steps[0].Enforce(context.Background(), &gatehouse.Exchange{}); v.Granted() {
			t.Errorf("nobody was granted %s by %s", op.id, v.Rule())
		}
	}
}

func TestAdministratorsFunctionsAreRecognised(t *testing.T) {
	for op, want := range map[*operation]bool{
		{"x", "GET", "/v1/admin/users", nil}:                      true,
		{"x", "GET", "/_debug/vars", nil}:                         true,
		{"x", "GET", "/Internal/x", nil}:                          true,
		{"adminListUsers", "GET", "/v1/users", nil}:               true,
		{"listUsersAdmin", "GET", "/v1/users", nil}:               true,
		{"x", "GET", "/v1/users", []string{"Admin API"}}:          true,
		{"x", "GET", "/v1/badminton", nil}:                        false,
		{"internalise", "GET", "/v1/international", nil}:          false,
		{"x", "GET", "/v1/users/{admin}", nil}:                    false,
		{"getAdministrativeArea", "GET", "/v1/areas/{id}", nil}:   false,
		{"x", "GET", "/v1/super-admin", []string{"orders"}}:       true,
		{"x", "POST", "/v1/administrators", []string{"accounts"}}: true,
	} {
		if got := policy.Administrative(op); got != want {
			t.Errorf("%s %s %v is administrative: %v; want %v", op.id, op.template, op.tags, got, want)
		}
	}
}

// authz.function
func TestAnAdministratorsFunctionThatNoRoleNamesDoesNotCompile(t *testing.T) {
	for name, roles := range map[string]map[string][]string{
		"no roles at all": nil, "a tag": {"user": {"tag:orders"}}, "a wildcard": {"user": {"*"}}, "everybody": {"authenticated": {"listUsers"}},
		"everybody besides admin": {"admin": {"listUsers"}, "authenticated": {"listUsers"}},
	} {
		_, err := (&Config{Roles: roles}).Compile(build(listUsers))
		var f *gatehouse.Fault
		if !errors.As(err, &f) || f.Fix != "roles: {admin: [listUsers]}" {
			t.Errorf("%s: %v; want a fault with the line to write", name, err)
		}
	}
}

func TestAnEntryThatReachesNothingNamesTheNearest(t *testing.T) {
	for entry, want := range map[string]string{"getOrders": "getOrder", "DeleteOrder": "deleteOrder", "tag:order": "tag:orders", "listuser": "listUsers", "zzz": "an operationId of the OpenAPI description", "put*": "an operationId of the OpenAPI description"} {
		_, err := (&Config{Roles: map[string][]string{"user": {entry}}}).Compile(build(getOrder))
		var f *gatehouse.Fault
		if !errors.As(err, &f) || f.Fix != want || f.Key != "roles.user[0]" {
			t.Errorf("%s: %v; want %q suggested", entry, err, want)
		}
	}
	for _, roles := range []map[string][]string{{"*": {"getOrder"}}, {"": {"getOrder"}}, {"user": {}}} {
		if _, err := (&Config{Roles: roles}).Compile(build(getOrder)); err == nil {
			t.Errorf("%v compiled", roles)
		}
	}
}

func TestWithoutRolesThereIsNothingToDo(t *testing.T) {
	for _, b := range []*gatehouse.Build{build(getOrder), build(nil)} {
		if steps, err := (&Config{}).Compile(b); err != nil || len(steps) != 0 {
			t.Errorf("%s: %v, %v; want no steps", b.Name(), steps, err)
		}
	}
}

func TestPassingAllocatesNothing(t *testing.T) {
	steps, err := (&Config{Roles: roles}).Compile(build(deleteOrder))
	if err != nil {
		t.Fatal(err)
	}
	x := &gatehouse.Exchange{Principal: &gatehouse.Principal{ID: "a", Roles: []string{"other", "admin"}}}
	granted := 0
	if n := testing.AllocsPerRun(200, func() {
		if v, err := steps[0].Enforce(context.Background(), x); err == nil && v.Granted() && strings.HasPrefix(v.Rule(), "role.") {
			granted++
		}
	}); n != 0 || granted != 201 {
		t.Errorf("%v allocations, %d of 201 granted", n, granted)
	}
}
