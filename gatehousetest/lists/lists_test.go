package lists

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/policytest"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/sdk/rows"
)

const described = `openapi: 3.0.3
info: {title: Orders, version: "1"}
components:
  schemas:
    Order:
      type: object
      required: [id, customer_id, tenant_id, amount, open]
      properties: {id: {type: string}, customer_id: {type: string}, tenant_id: {type: string}, amount: {type: integer}, open: {type: boolean}, region: {type: string}, label: {type: string}, rank: {type: integer}, tags: {type: array, items: {type: string}}}
paths:
  /v1/orders:
    get: {operationId: listOrders, responses: {"200": {description: ok, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}}}
  /v1/orders/{orderId}:
    get: {operationId: getOrder, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
    patch: {operationId: updateOrder, responses: {"200": {description: ok}}}
`

// orders is what a configuration says of orders, with policies written by hand.
func orders(t testing.TB, policies ...string) policy.Model {
	t.Helper()
	d, err := openapi.Parse("orders.yaml", []byte(described))
	if err != nil {
		t.Fatal(err)
	}
	related, err := relations.ParseModel("relations.fga", "model\n  schema 1.1\ntype user\ntype service\ntype team\n  relations\n    define member: [user, service]\ntype order\n  relations\n    define editor: [user, service, team#member]\n    define viewer: [user] or editor\n")
	if err != nil {
		t.Fatal(err)
	}
	m := policy.Model{API: "orders", Relations: related, Principal: policy.Claims{"region": "optional String", "limit": "optional Long"},
		Objects: map[string]*policy.Object{"order": {ID: "path.orderId", Owner: "response.customer_id", Tenant: "response.tenant_id",
			Table: &policy.Table{Name: "sales.orders", Tenant: "tenant_id", Owner: "customer_id"}}}}
	for _, op := range d.Operations {
		m.Operations = append(m.Operations, op)
	}
	for i, p := range policies {
		m.Sources = append(m.Sources, cedar.Source{Name: "own" + string(rune('a'+i)) + ".cedar", Text: p})
	}
	return m
}

// try runs a file of tests.
func try(t testing.TB, m policy.Model, filter policytest.Filter, text string) *policytest.Result {
	t.Helper()
	p, err := policy.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "orders.test.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := policytest.Read(path, p)
	if err != nil {
		t.Fatal(err)
	}
	return policytest.Run(t.Context(), []*policytest.File{f}, filter)[0]
}

const world = `given:
  users:
    alice: {tenant: acme, region: EU}
    bob: {tenant: acme}
    eve: {tenant: evil, region: EU}
  services: {job: {tenant: acme}}
  order:
    o1: {owner: alice, tenant: acme, region: EU, amount: 3, open: true}
    o2: {owner: bob, tenant: acme, region: US, amount: 5, open: false}
    o3: {owner: bob, tenant: acme, amount: 7, open: true}
    o4: {owner: eve, tenant: evil, region: EU, amount: 3, open: true}
  relations: ["order:o3#editor@team:t#member", "team:t#member@user:alice", "order:o2#editor@service:job"]
  now: 2026-11-20T10:00:00+01:00
expect:
  - alice can list order -> [o1, o3]
  - bob can list order -> [o2, o3]
  - eve can list order -> [o4]
  - job can list order -> []
`

const edited = `@id("edited") permit(principal is User, action in Action::"order.read", resource is Order) when { context.rel.editor };`

func failures(r *policytest.Result) string {
	var b strings.Builder
	for _, c := range r.Failed() {
		b.WriteString(c.Name + "\n" + c.Err.Error() + "\n")
	}
	return b.String()
}

// authz.policy-tests authz.data-layer: a list is that of the policies and that of SQL.
func TestListsGoThroughTheSQLThatApplicationsFilterBy(t *testing.T) {
	r := try(t, orders(t, edited), New(), world)
	if f := failures(r); f != "" || r.Lists() != "lists: 6 through SQL" {
		t.Errorf("%s\n%s", r.Lists(), f)
	}
	// A list that is not as expected is one failure, and no difference.
	r = try(t, orders(t, edited), New(), strings.Replace(world, "-> [o4]", "-> [o1]", 1))
	if f := failures(r); len(r.Failed()) != 1 || !strings.Contains(f, "but the list is [o4]") {
		t.Error(f)
	}
}

func TestAListThatWasNotPutThroughSQLSaysWhy(t *testing.T) {
	nowhere, integer, uuid, twice := orders(t, edited), orders(t, edited), orders(t, edited), orders(t, edited)
	nowhere.Objects["order"].Table = nil
	integer.Objects["order"].Table.Owner = "customer_id integer"
	uuid.Objects["order"].Table.Tenant = "tenant_id uuid"
	twice.Objects["order"].Table.Columns = map[string]string{"region": "Label"}
	unowned := orders(t, edited)
	unowned.Objects["order"].Table.Owner = ""
	for what, c := range map[string]struct {
		model policy.Model
		says  string
	}{
		"no table":              {nowhere, "0 through SQL, 6 not (order: nobody has said where these objects are kept: order; write into gatehouse.yaml"},
		"arithmetic":            {orders(t, edited, `@id("sum") permit(principal, action == Action::"order.list", resource is Order) when { resource.amount * 2 > 99 };`), "0 through SQL, 6 not (order: policy sum at ownb.cedar:1:1: `*`"},
		"a set":                 {orders(t, edited, `@id("tagged") permit(principal, action == Action::"order.list", resource is Order) when { resource has tags && resource.tags.contains("x") };`), "policy tagged at ownb.cedar:1:1: resource.tags is a set"},
		"an owner in no column": {unowned, "resource.owner has no column; write it into objects.order.table.columns"},
		"names as numbers":      {integer, `2 through SQL, 4 not (order: o1: resource.customer_id is "alice", which the column customer_id (integer) cannot hold`},
		"names as UUIDs":        {uuid, `2 through SQL, 4 not (order: o1: resource.tenant is "acme", which the column tenant_id (uuid) cannot hold`},
		"two of one name":       {twice, "the columns label and Label are one in SQLite"},
	} {
		r := try(t, c.model, New(), world)
		if f := failures(r); f != "" || !strings.Contains(r.Lists(), c.says) {
			t.Errorf("%s: %s\n%s", what, r.Lists(), f)
		}
		r = try(t, c.model, New(), world+"coverage: {sql: all}\n")
		if f := failures(r); !strings.Contains(f, "orders.test.yaml:15: alice can list order -> [o1, o3]: the list was not put through SQL: ") || !strings.Contains(f, "take sql: all out of coverage") {
			t.Errorf("%s, where all lists are to go through SQL:\n%s", what, f)
		}
	}
	if f := failures(try(t, orders(t, edited), New(), world+"coverage: {sql: all}\n")); f != "" {
		t.Error(f)
	}
}

// A relation to more objects than a predicate lists is a reason, too.
func TestAListOfTooManyRelationsSaysSo(t *testing.T) {
	var tuples strings.Builder
	for n := range rows.MaxRelated + 1 {
		fmt.Fprintf(&tuples, `"order:x%d#editor@user:alice", `, n)
	}
	r := try(t, orders(t, edited), New(), strings.Replace(world, "relations: [", "relations: ["+tuples.String(), 1))
	if f := failures(r); f != "" || !strings.HasPrefix(r.Lists(), "lists: 5 through SQL, 1 not (order: ") || !strings.Contains(r.Lists(), "[editor]: rows: the caller is related to more objects than a predicate lists") {
		t.Errorf("%s\n%s", r.Lists(), f)
	}
}

// A kind of object that is called by whom it belongs to is in one column with the owner.
func TestPeopleAreListedByTheirOwnNames(t *testing.T) {
	d, err := openapi.Parse("people.yaml", []byte(`openapi: 3.0.3
info: {title: People, version: "1"}
components: {schemas: {Person: {type: object, required: [id, team], properties: {id: {type: string}, team: {type: string}, nick: {type: string}}}}}
paths:
  /v1/people:
    get: {operationId: listPeople, responses: {"200": {description: ok, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Person"}}}}}}}
  /v1/people/{personId}:
    get: {operationId: getPerson, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Person"}}}}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, owner := range []string{"path.personId", "response.id"} {
		m := policy.Model{API: "people", Principal: policy.Claims{"team": "String"}, Objects: map[string]*policy.Object{"person": {ID: "path.personId", Owner: owner, Table: &policy.Table{Name: "people", Owner: "id"}}},
			Sources: []cedar.Source{{Name: "team.cedar", Text: `permit(principal, action == Action::"person.list", resource is Person) when { resource.team == principal.team && (if resource has nick then resource.nick != "ghost" else true) };`}}}
		for _, op := range d.Operations {
			m.Operations = append(m.Operations, op)
		}
		r := try(t, m, New(), `given:
  users: {alice: {team: a}, bob: {team: b}}
  person: {alice: {team: a}, bob: {owner: bob, team: b}, carol: {id: carol, team: a}, dan: {team: a, nick: ghost}}
coverage: {open: {person: [list]}}
expect: ["alice can list person -> [alice, carol]", "bob can list person -> [bob]"]
`)
		if f := failures(r); f != "" || r.Lists() != "lists: 4 through SQL" {
			t.Errorf("%s: %s\n%s", owner, r.Lists(), f)
		}
	}
}

// A column that two attributes are said to stand in holds one of them: whose rows would
// be told by the other is nobody's.
func TestATableThatIsMappedWronglyIsAFailure(t *testing.T) {
	swapped, typed, unknown := orders(t, edited), orders(t, `@id("who") permit(principal, action == Action::"order.list", resource is Order) when { resource.customer_id == principal.id };`), orders(t, edited)
	swapped.Objects["order"].Table = &policy.Table{Name: "orders", Tenant: "customer_id", Owner: "tenant_id"}
	typed.Objects["order"].Table.Owner = "customer_id integer"
	unknown.Objects["order"].Table.Columns = map[string]string{"regoin": "region_code"}
	for what, c := range map[string]struct {
		model policy.Model
		says  string
	}{
		"swapped":   {swapped, `the column customer_id holds resource.customer_id, which is "alice", and resource.tenant, which is "acme"`},
		"two types": {typed, "the column customer_id is text for resource.customer_id and integer for resource.owner; say of both which"},
		"a mistake": {unknown, "table.columns.regoin: policies know no such attribute; write region"},
	} {
		r := try(t, c.model, New(), world)
		if f := failures(r); !strings.Contains(f, "alice can list order -> [o1, o3], in SQL\n") || !strings.Contains(f, c.says) || !strings.Contains(f, "orders.test.yaml:15: ") {
			t.Errorf("%s: %s", what, f)
		}
	}
}

// Names are as the columns have them, also where nobody gave any: generated strangers
// are numbers in a column of numbers.
func TestStrangersFitTheColumns(t *testing.T) {
	m := orders(t)
	m.Objects["order"].Table = &policy.Table{Name: "orders", ID: "number integer", Tenant: "tenant uuid", Owner: "customer integer"}
	r := try(t, m, New(), `given:
  users: {"7": {tenant: 0190a8f2-7b1c-7d3e-8f00-00aa11bb22cc}, "07": {tenant: 0190a8f2-7b1c-7d3e-8f00-00aa11bb22cc}}
  order: {"1": {owner: "7", tenant: 0190a8f2-7b1c-7d3e-8f00-00aa11bb22cc, amount: 1, open: true}}
expect: ["7 can list order -> [1]", "07 can list order -> []"]
`)
	if f := failures(r); f != "" || r.Lists() != "lists: 4 through SQL" {
		t.Errorf("%s\n%s", r.Lists(), f)
	}
}

func TestAPredicateIsShownWithItsParameters(t *testing.T) {
	p, err := policy.Compile(orders(t, edited))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "orders.test.yaml")
	if err := os.WriteFile(path, []byte(world), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := policytest.Read(path, p)
	if err != nil {
		t.Fatal(err)
	}
	l, err := f.World.Listing(policytest.Question{Who: "alice", Action: policy.List, Object: "order"})
	if err != nil {
		t.Fatal(err)
	}
	for d, want := range map[rows.Dialect]string{
		rows.PostgreSQL: `((("orders"."customer_id" = $1::text) OR ("orders"."id" = $2::text)) AND NOT (NOT (("orders"."tenant_id" = $3::text)))) "alice" "o3" "acme"`,
		rows.SQLite:     `((("orders"."customer_id" COLLATE BINARY = ?) OR ("orders"."id" COLLATE BINARY = ?)) AND NOT (NOT (("orders"."tenant_id" COLLATE BINARY = ?)))) "alice" "o3" "acme"`,
	} {
		if text, args, err := Predicate(t.Context(), l, d); err != nil || text+" "+strings.Join(args, " ") != want {
			t.Errorf("%s: %s %s %v", d, text, args, err)
		}
	}
}

// faulty is the predicate with a fault.
func faulty(change func(predicate string, args []any) (string, []any)) policytest.Filter {
	asks := newAsker(rows.SQLite).where
	return filter(func(ctx context.Context, l *policytest.Listing) (string, []any, error) {
		predicate, args, err := asks(ctx, l)
		if err == nil {
			predicate, args = change(predicate, args)
		}
		return predicate, args, err
	})
}

// Whatever sdk/rows could do wrong is found: each fault is planted, and each makes a
// failure of its own that names the row, the policies and both answers.
func TestAFaultInThePredicateIsFound(t *testing.T) {
	m := orders(t, edited, `@id("near") permit(principal, action == Action::"order.list", resource is Order) when { principal has region && resource has region && resource.region == principal.region && resource.amount < 5 };`,
		`@id("closed") forbid(principal is Service, action == Action::"order.list", resource is Order) when { !resource.open };`)
	text := func(old, new string) func(string, []any) (string, []any) {
		return func(p string, args []any) (string, []any) { return strings.ReplaceAll(p, old, new), args }
	}
	for what, change := range map[string]func(string, []any) (string, []any){
		"the wall is away": func(p string, args []any) (string, []any) {
			before, _, cut := strings.Cut(p, " AND NOT (")
			if !cut {
				return p, args
			}
			return before + ")", args[:strings.Count(before, "?")]
		},
		"owner and tenant are swapped": func(p string, args []any) (string, []any) {
			return strings.NewReplacer("customer_id", "tenant_id", "tenant_id", "customer_id").Replace(p), args
		},
		"another's column":    text(`"customer_id"`, `"label"`),
		"a looser comparison": text("COLLATE BINARY", "COLLATE NOCASE"),
		"a boundary":          text(`"amount" < `, `"amount" <= `),
		"no question":         text("IS NOT NULL", "IS NULL"),
		"everything":          func(string, []any) (string, []any) { return "(TRUE)", nil },
		"nothing":             func(string, []any) (string, []any) { return "(FALSE)", nil },
		"an or for an and":    text(" AND ", " OR "),
		"one relation less": func(p string, args []any) (string, []any) {
			return strings.Replace(p, `"orders"."id"`, `"orders"."label"`, 1), args
		},
		"another's name": func(p string, args []any) (string, []any) {
			for i, a := range args {
				if a == "alice" {
					args[i] = "bob"
				}
			}
			return p, args
		},
	} {
		changed := false
		r := try(t, m, faulty(func(p string, args []any) (string, []any) {
			q, args := change(p, args)
			changed = changed || q != p || what == "another's name"
			return q, args
		}), world)
		f := failures(r)
		if !changed {
			t.Errorf("%s: nothing is", what)
		}
		for _, want := range []string{", in SQL\n", "policies and SQL differ: ", " by SQL, and ", " by the policies: ", "\n  policies: [", "\n  SQL:      [", " by WHERE ("} {
			if !strings.Contains(f, want) {
				t.Errorf("%s: no %q in\n%s", what, want, f)
			}
		}
		if !strings.Contains(f, "orders.order.tenant (apis.orders.objects.order.tenant)") && !strings.Contains(f, "orders.order.allow.owner (apis.orders.objects.order.allow.owner)") && !strings.Contains(f, "edited (owna.cedar:1:1)") && !strings.Contains(f, "near (ownb.cedar:1:1)") {
			t.Errorf("%s: no policy is named in\n%s", what, f)
		}
	}
	if f := failures(try(t, m, faulty(func(p string, args []any) (string, []any) { return p, args }), world)); strings.Contains(f, "in SQL") {
		t.Errorf("without a fault:\n%s", f)
	}
	// The strangers that nobody wrote find a missing wall, too.
	open := faulty(func(string, []any) (string, []any) { return "(TRUE)", nil })
	if f := failures(try(t, m, open, "given: {}\n")); !strings.Contains(f, "a stranger of another tenant cannot list order, in SQL\n") || !strings.Contains(f, "a stranger of the same tenant cannot list order, in SQL\n") {
		t.Error(f)
	}
}
