package rows

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/sdk/identity"
)

const ordersAPI = `openapi: 3.0.3
info: {title: Orders, version: "1"}
components:
  schemas:
    Order:
      type: object
      required: [id, customer_id, tenant_id, amount, open]
      properties: {id: {type: string}, customer_id: {type: string}, tenant_id: {type: string}, amount: {type: integer}, open: {type: boolean}, region: {type: string}, tags: {type: array, items: {type: string}}, address: {type: object, required: [city], properties: {city: {type: string}}}}
paths:
  /v1/orders:
    get: {operationId: listOrders, responses: {"200": {description: ok, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}}}
  /v1/orders/{orderId}:
    get: {operationId: getOrder, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
    patch: {operationId: updateOrder, responses: {"200": {description: ok}}}
    delete: {operationId: deleteOrder, responses: {"204": {description: gone}}}
`

// ordersModel is what a configuration says of orders.
func ordersModel(t testing.TB, policies ...string) policy.Model {
	t.Helper()
	d, err := openapi.Parse("orders.yaml", []byte(ordersAPI))
	if err != nil {
		t.Fatal(err)
	}
	related, err := relations.ParseModel("relations.fga", "model\n  schema 1.1\ntype user\ntype order\n  relations\n    define editor: [user]\n    define viewer: [user]\n")
	if err != nil {
		t.Fatal(err)
	}
	m := policy.Model{API: "orders", Principal: policy.Claims{"region": "optional String", "limit": "optional Long"}, Relations: related,
		Objects: map[string]*policy.Object{"order": {ID: "path.orderId", Owner: "response.customer_id", Tenant: "response.tenant_id",
			Table: &policy.Table{Name: "orders", Tenant: "tenant_id", Owner: "customer_id"}}}}
	for _, op := range d.Operations {
		m.Operations = append(m.Operations, op)
	}
	for i, p := range policies {
		m.Sources = append(m.Sources, cedar.Source{Name: fmt.Sprintf("%d.cedar", i), Text: p})
	}
	return m
}

func bundleOf(t testing.TB, m policy.Model) []byte {
	t.Helper()
	p, err := policy.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.Bundle().Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func opened(t testing.TB, d Dialect, m policy.Model, options ...OpenOption) *Policy {
	t.Helper()
	p, err := Open(bundleOf(t, m), d, options...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func predicateOf(t *testing.T, p *Policy, ctx context.Context, action string, options ...WhereOption) string {
	t.Helper()
	predicate, args, err := p.Where(ctx, "order", action, options...)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s %q", predicate, args)
}

func TestAPredicateHoldsNoValueAndCountsFromWhereItIsTold(t *testing.T) {
	ctx := alice(t.Context())
	for _, c := range []struct {
		d       Dialect
		options []WhereOption
		want    string
	}{
		{PostgreSQL, nil, `((("orders"."customer_id" = $1::text)) AND NOT (NOT (("orders"."tenant_id" = $2::text)))) ["alice" "acme"]`},
		{PostgreSQL, []WhereOption{From(3), As("o")}, `((("o"."customer_id" = $3::text)) AND NOT (NOT (("o"."tenant_id" = $4::text)))) ["alice" "acme"]`},
		{SQLite, []WhereOption{From(3)}, `((("orders"."customer_id" COLLATE BINARY = ?)) AND NOT (NOT (("orders"."tenant_id" COLLATE BINARY = ?)))) ["alice" "acme"]`},
	} {
		if got := predicateOf(t, opened(t, c.d, ordersModel(t)), ctx, "list", c.options...); got != c.want {
			t.Errorf("%s\n%s", got, c.want)
		}
	}
	p := opened(t, PostgreSQL, ordersModel(t))
	hostile := identity.With(t.Context(), identity.Identity{Kind: identity.User, Subject: "' OR 1=1 --", Tenant: `") OR TRUE; DROP TABLE orders`})
	predicate, args, err := p.Where(hostile, "order", "list")
	if err != nil || strings.Contains(predicate, "OR") || len(args) != 2 || args[0] != "' OR 1=1 --" {
		t.Error(predicate, args, err)
	}
}

func TestNobodyGetsNoPredicateAndTheSystemGetsEveryRow(t *testing.T) {
	p := opened(t, PostgreSQL, ordersModel(t))
	if predicate, _, err := p.Where(t.Context(), "order", "list"); !errors.Is(err, ErrNoIdentity) || predicate != "" {
		t.Error(predicate, err)
	}
	if predicate, _, err := p.Where(AsSystem(alice(t.Context()), ""), "order", "list"); !errors.Is(err, ErrNoReason) || predicate != "" {
		t.Error(predicate, err)
	}
	if got := predicateOf(t, p, AsSystem(t.Context(), "nightly export"), "list"); got != "(TRUE) []" {
		t.Error(got)
	}
	if got := predicateOf(t, p, alice(t.Context()), "delete"); got != "(FALSE) []" { // nobody has allowed it
		t.Error(got)
	}
}

// AUTHORIZATION.md section 5(a): equal ids of different types are different callers.
func TestAServiceDoesNotGetTheRowsOfAUserOfItsName(t *testing.T) {
	p := opened(t, PostgreSQL, ordersModel(t, `@id("mine") permit(principal, action == Action::"order.list", resource is Order) when { resource.owner == principal };`,
		`@id("others") permit(principal, action == Action::"order.delete", resource is Order) when { resource.owner != principal };`))
	service := identity.With(t.Context(), identity.Identity{Kind: identity.Client, Subject: "alice", Tenant: "acme"})
	if got := predicateOf(t, p, service, "list"); got != "(FALSE) []" {
		t.Error(got)
	}
	if got := predicateOf(t, p, service, "delete"); got != `((TRUE) AND NOT (NOT (("orders"."tenant_id" = $1::text)))) ["acme"]` {
		t.Error(got)
	}
	if got := predicateOf(t, p, identity.With(t.Context(), identity.Identity{Kind: identity.Key, Subject: "alice", Tenant: "acme"}), "list"); !strings.Contains(got, `"customer_id" = $1::text`) {
		t.Error(got)
	}
}

func TestWhatSQLCannotSayIsAnErrorThatNamesThePolicy(t *testing.T) {
	for what, c := range map[string]struct{ when, says string }{
		"arithmetic":       {`resource.amount * 2 > 5`, "`*`"},
		"like":             {`resource.customer_id like "a*"`, "`like`"},
		"a set":            {`resource has tags && resource.tags.contains("x")`, "is a set, which is no column"},
		"a record":         {`resource has address && resource.address.city == "Bonn"`, "looks into an attribute"},
		"an overflow":      {`principal has limit && principal.limit * 9223372036854775807 > 5 && resource.open`, "cannot be evaluated"},
		"an address":       {`context.ip.isLoopback() && resource.open`, "ip"},
		"a missing claim":  {`resource has region && principal has region && resource.region == principal.region && context.rel.editor`, "rows.WithRelations"},
		"a NUL":            {`resource.customer_id == "a\0b"`, "NUL"},
		"no column at all": {`resource.tenant_id == "x" && resource has tags && resource.tags == ["x"]`, "cannot be compared"},
	} {
		m := ordersModel(t, `@id("mine") permit(principal, action == Action::"order.list", resource is Order) when { `+c.when+` };`)
		p := opened(t, PostgreSQL, m)
		ctx := identity.With(t.Context(), identity.Identity{Kind: identity.User, Subject: "alice", Tenant: "acme", Claims: map[string]string{"limit": "7", "region": `"EU"`}})
		predicate, args, err := p.Where(ctx, "order", "list")
		if !errors.Is(err, ErrNotSQL) || predicate != "" || args != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q %v", what, predicate, err)
		}
		if err != nil && what != "an address" && !strings.Contains(err.Error(), "policy mine at 0.cedar:1:1") {
			t.Errorf("%s: the error does not name the policy: %v", what, err)
		}
	}
}

// AUTHORIZATION.md section 5(a): NULL OR TRUE. The strict validator lets no such policy
// load; what it would let through is refused once more.
func TestAnAttributeThatMayBeMissingIsNotComparedUnasked(t *testing.T) {
	unsafe := `permit(principal, action == Action::"order.list", resource is Order) when { resource.region == "EU" || resource.open };`
	m := ordersModel(t)
	text := strings.Replace(string(bundleOf(t, m)), `"policies": [`, `"policies": [{"name": "unsafe.cedar", "text": `+strings.ReplaceAll(fmt.Sprintf("%q", unsafe), `\\`, `\`)+`},`, 1)
	if _, err := Open([]byte(text), PostgreSQL); err == nil || !strings.Contains(err.Error(), "region") {
		t.Errorf("a bundle with an unsafe policy opens: %v", err)
	}
	region := cedar.Attribute{Name: "region", Type: cedar.Type{Kind: cedar.KindString}}
	compare := cedar.Compare{Op: cedar.Equal, Left: region, Right: cedar.Literal{Value: cedar.String("EU")}}
	has := cedar.Has{Attribute: region}
	for what, c := range map[string]struct {
		x    cedar.Expr
		safe bool
	}{
		"alone":                  {compare, false},
		"or true":                {cedar.Or{compare, cedar.Literal{Value: cedar.Boolean(true)}}, false},
		"behind its question":    {cedar.And{has, compare}, true},
		"in an or behind it":     {cedar.And{has, cedar.Or{compare, cedar.Not{X: compare}}}, true},
		"asked on one side only": {cedar.And{cedar.Or{has, cedar.Relation{Name: "editor"}}, compare}, false},
		"asked on both sides":    {cedar.And{cedar.Or{has, cedar.And{has, cedar.Relation{Name: "editor"}}}, compare}, true},
		"asked elsewhere":        {cedar.Or{cedar.And{has, compare}, compare}, false},
		"asked the other way":    {cedar.And{cedar.Not{X: has}, compare}, false},
		"one of":                 {cedar.OneOf{X: region, Values: []cedar.Literal{{Value: cedar.String("EU")}}}, false},
	} {
		if err := guarded(c.x, nil); (err == nil) != c.safe {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// related are relations from a map.
type related map[string][]string

func (r related) List(_ context.Context, who identity.Identity, names []string, kind string, most int) ([][]string, error) {
	if who.Subject != "alice" || kind != "order" || most != MaxRelated {
		return nil, fmt.Errorf("asked for %s's %s, %d at most", who.Subject, kind, most)
	}
	var out [][]string
	for _, name := range names {
		out = append(out, r[name])
	}
	return out, nil
}

func TestRelationsAreACompleteListOfAtMostAThousand(t *testing.T) {
	m := ordersModel(t, `permit(principal is User, action == Action::"order.list", resource is Order) when { context.rel.editor == true && !context.rel.viewer };`)
	m.Objects["order"].Allow = map[string][]string{}
	ctx := alice(t.Context())
	ids := make([]string, MaxRelated)
	for i := range ids {
		ids[i] = fmt.Sprint("o", i)
	}
	for what, c := range map[string]struct {
		lists related
		want  string
	}{
		"some":  {related{"editor": {"o1", `o"2`}, "viewer": {"o1"}}, `(((("orders"."id" = ANY ($1::text[])) AND NOT (("orders"."id" = $2::text)))) AND NOT (NOT (("orders"."tenant_id" = $3::text)))) ["{\"o1\",\"o\\\"2\"}" "o1" "acme"]`},
		"none":  {related{}, `(((FALSE AND NOT (FALSE))) AND NOT (NOT (("orders"."tenant_id" = $1::text)))) ["acme"]`},
		"many":  {related{"editor": ids}, `= ANY ($1::text[])`},
		"more":  {related{"editor": append(slices.Clone(ids), "one more")}, ErrTooMany.Error()},
		"a NUL": {related{"editor": {"a\x00b"}}, "NUL"},
	} {
		got := predicateOf(t, opened(t, PostgreSQL, m, WithRelations(c.lists)), ctx, "list")
		if !strings.Contains(got, c.want) {
			t.Errorf("%s:\n%s\n%s", what, got, c.want)
		}
	}
	if _, _, err := opened(t, SQLite, m, WithRelations(related{"editor": append(ids, "one more")})).Where(ctx, "order", "list"); !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
}

func TestTheClockTheOperationAndTheAddressAreTheContext(t *testing.T) {
	m := ordersModel(t, `permit(principal, action in Action::"order.read", resource is Order) when { context.local.hour >= 9 && context.local.hour < 17 && context.operation == "listOrders" };`,
		`forbid(principal, action in Action::"order.read", resource is Order) when { context.ip.isInRange(ip("10.0.0.0/8")) };`)
	m.Objects["order"].Allow = map[string][]string{}
	m.Zone = time.FixedZone("", 0)
	var err error
	if m.Zone, err = time.LoadLocation("Europe/Berlin"); err != nil {
		t.Fatal(err)
	}
	var now time.Time
	p := opened(t, PostgreSQL, m, WithClock(func() time.Time { return now }))
	ctx, outside, inside := alice(t.Context()), Address(netip.MustParseAddr("192.0.2.1")), Address(netip.MustParseAddr("10.1.2.3"))
	ask := func(at, action string, options ...WhereOption) string {
		if now, err = time.Parse(time.RFC3339, at); err != nil {
			t.Fatal(err)
		}
		got := predicateOf(t, p, ctx, action, options...)
		return map[bool]string{true: "open", false: got}[got == `((TRUE) AND NOT (NOT (("orders"."tenant_id" = $1::text)))) ["acme"]`]
	}
	for _, c := range []struct{ got, want string }{
		{ask("2026-11-20T08:30:00Z", "list", outside), "open"}, // 9:30 in Berlin; one operation lists
		{ask("2026-11-20T07:30:00Z", "list", outside), "(FALSE) []"},
		{ask("2026-07-20T07:30:00Z", "list", outside), "open"}, // summer time
		{ask("2026-11-20T08:30:00Z", "read", outside), "(FALSE) []"},
		{ask("2026-11-20T08:30:00Z", "read", outside, Operation("listOrders")), "open"},
		{ask("2026-11-20T08:30:00Z", "list", inside), "(FALSE) []"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

func TestColumnsAreWhereTheTableSays(t *testing.T) {
	m := ordersModel(t, `permit(principal, action == Action::"order.list", resource is Order) when { resource.customer_id == "x" || resource.amount < 3 || resource == Order::"7" || resource == Order::"o7" };`)
	m.Objects["order"].Table = &policy.Table{Name: `my"orders`, ID: "number integer", Tenant: "tenant uuid", Owner: "customer integer", Columns: map[string]string{"amount": "cents", "customer_id": "who"}}
	ctx := identity.With(t.Context(), identity.Identity{Kind: identity.User, Subject: "42", Tenant: "0190a8f2-7b1c-7d3e-8f00-00aa11bb22cc"})
	want := `((("my""orders"."customer" = $1::bigint) OR (("my""orders"."who" = $2::text) OR ("my""orders"."cents" < $3::bigint) OR ("my""orders"."number" = $4::bigint) OR FALSE)) AND NOT (NOT (("my""orders"."tenant" = $5::uuid)))) ['*' "x" '\x03' '\a' "0190a8f2-7b1c-7d3e-8f00-00aa11bb22cc"]`
	if got := predicateOf(t, opened(t, PostgreSQL, m), ctx, "list"); got != want {
		t.Errorf("%s\n%s", got, want)
	}
	// No such column holds these: a leading zero, another case, a word.
	odd := identity.With(t.Context(), identity.Identity{Kind: identity.User, Subject: "042", Tenant: "0190A8F2-7B1C-7D3E-8F00-00AA11BB22CC"})
	if got := predicateOf(t, opened(t, PostgreSQL, ordersModelWith(t, m.Objects["order"].Table)), odd, "list"); got != "((FALSE) AND NOT (NOT (FALSE))) []" {
		t.Error(got)
	}
}

func ordersModelWith(t testing.TB, table *policy.Table) policy.Model {
	m := ordersModel(t)
	m.Objects["order"].Table = table
	return m
}

func TestABundleThatCannotBeAskedIsRefusedWithTheLineToWrite(t *testing.T) {
	for what, c := range map[string]struct {
		table *policy.Table
		says  string
	}{
		"a mistyped attribute": {&policy.Table{Name: "orders", Columns: map[string]string{"amout": "cents"}}, "policies know no such attribute; write amount"},
		"an unknown attribute": {&policy.Table{Name: "orders", Columns: map[string]string{"colour": "cents"}}, "policies know no such attribute; they know"},
		"an unknown type":      {&policy.Table{Name: "orders", Owner: "customer_id serial"}, "customer_id text|integer|boolean|uuid"},
		"a type that is wrong": {&policy.Table{Name: "orders", Columns: map[string]string{"amount": "amount text"}}, "a Long cannot be kept in a column of text"},
		"no name":              {&policy.Table{}, "table.name"},
		"a boolean id":         {&policy.Table{Name: "orders", ID: "id boolean"}, "table.id"},
	} {
		if _, err := Open(bundleOf(t, ordersModelWith(t, c.table)), PostgreSQL); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	p := opened(t, PostgreSQL, ordersModelWith(t, nil))
	for _, c := range []struct{ object, action, says string }{
		{"order", "list", "objects: {order: {table: {name: orders"}, {"invoice", "list", "it knows order"}, {"order", "steal", "known are create, delete, list, read, update"},
	} {
		if _, _, err := p.Where(alice(t.Context()), c.object, c.action); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %v", c.action, c.object, err)
		}
	}
	if _, _, err := p.Where(alice(t.Context()), "order", "list"); !errors.Is(err, ErrNoTable) {
		t.Error(err)
	}
	if _, err := Open(bundleOf(t, ordersModel(t)), Dialect(9)); err == nil {
		t.Error("a dialect that nobody knows is taken")
	}
	if _, _, err := opened(t, PostgreSQL, ordersModel(t)).Where(alice(t.Context()), "order", "list", From(0)); err == nil {
		t.Error("a placeholder of number 0 is written")
	}
	p = opened(t, PostgreSQL, ordersModelWith(t, &policy.Table{Name: "orders", Tenant: "tenant_id"}))
	if _, _, err := p.Where(alice(t.Context()), "order", "list"); err == nil || !strings.Contains(err.Error(), "objects.order.table") {
		t.Error("nobody has said where the owner is:", err)
	}
}

var update = flag.Bool("update", false, "write testdata/orders.bundle.json anew")

// The examples are of the bundle that the model of these tests compiles to.
func TestTheBundleOfTheExamplesIsFresh(t *testing.T) {
	const path = "testdata/orders.bundle.json"
	want := bundleOf(t, ordersModel(t))
	if *update {
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, want) {
		t.Errorf("%s is stale (%v); write it anew: go test ./sdk/rows -run Fresh -update", path, err)
	}
}

// BenchmarkWhere is what one query of an application costs: the owner's rows inside the
// tenant, and a policy with two attributes.
func BenchmarkWhere(b *testing.B) {
	for name, policies := range map[string][]string{"owner": nil, "two": {`permit(principal is User, action == Action::"order.list", resource is Order) when { principal has region && resource has region && resource.region == principal.region && resource.open };`}} {
		p := opened(b, PostgreSQL, ordersModel(b, policies...))
		ctx := identity.With(b.Context(), identity.Identity{Kind: identity.User, Subject: "alice", Tenant: "acme", Roles: []string{"user"}, Claims: map[string]string{"region": `"EU"`}})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := p.Where(ctx, "order", "list"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Where and the gateway's own decision are asked for the same callers and rows: whatever
// builds principal, context and policies, both build alike.
func TestWhereSelectsTheRowsThatTheGatewayWouldLetThrough(t *testing.T) {
	m := ordersModel(t, `permit(principal, action in Action::"order.read", resource is Order) when { principal has region && resource has region && resource.region == principal.region && context.local.weekday < 6 };`,
		`forbid(principal is User, action == Action::"order.list", resource is Order) when { resource.amount > 5 && !(principal has limit && resource.amount < principal.limit) };`,
		`permit(principal, action == Action::"order.list", resource is Order) when { principal.roles.contains("clerk") && context.operation == "listOrders" && resource.open };`,
		`permit(principal is User, action == Action::"order.list", resource is Order) when { context.rel.editor && !context.rel.viewer };`)
	authorization, err := policy.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	db, at := openSQLite(t), time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	lists := related{"editor": {"o0", "o3", "o7", "o9"}, "viewer": {"o3"}}
	p := opened(t, SQLite, m, WithRelations(anybody{lists}))
	if _, err := db.Exec(`CREATE TABLE orders (id text PRIMARY KEY, tenant_id text NOT NULL, customer_id text NOT NULL, amount integer NOT NULL, open integer NOT NULL, region text) STRICT`); err != nil {
		t.Fatal(err)
	}
	docs := make([]string, 48)
	for n := range docs {
		id, tenant, owner, amount, open := fmt.Sprint("o", n), []string{"acme", "evil"}[n%5/4], []string{"alice", "bob", "job"}[n%3], n%9, n%2 == 0
		region := []string{`"EU"`, `"US"`, "null"}[n/3%3]
		docs[n] = fmt.Sprintf(`{"id":%q,"tenant_id":%q,"customer_id":%q,"amount":%d,"open":%v,"region":%s}`, id, tenant, owner, amount, open, region)
		column := sql.NullString{String: strings.Trim(region, `"`), Valid: region != "null"}
		if _, err := db.Exec("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", id, tenant, owner, amount, open, column); err != nil {
			t.Fatal(err)
		}
	}
	asked, allowed := 0, 0
	for n := range 48 {
		who := identity.Identity{Kind: []string{identity.User, identity.Client, identity.Key}[n%3], Subject: []string{"alice", "bob", "job", "eve"}[n/3%4], Tenant: []string{"acme", "evil"}[n%2], Claims: map[string]string{}}
		if n%4 > 1 {
			who.Roles = []string{"clerk"}
		}
		if n%5 > 1 {
			who.Claims["region"] = `"EU"`
		}
		if n%7 > 3 {
			who.Claims["limit"] = "8"
		}
		p.now = func() time.Time { return at.AddDate(0, 0, n%7) }
		predicate, args, err := p.Where(identity.With(t.Context(), who), "order", "list")
		if err != nil {
			t.Fatal(err)
		}
		got := selected(t, db, "SELECT CAST(substr(id, 2) AS integer) FROM orders WHERE "+predicate+" ORDER BY 1", args)
		subject, err := authorization.Subject(policy.Caller{Service: who.Kind == identity.Client, ID: who.Subject, Tenant: who.Tenant, Roles: who.Roles, Claim: who.Claim})
		if err != nil {
			t.Fatal(err)
		}
		var want []int
		for i, text := range docs {
			var d jsonwalk.Doc
			if err := d.Parse([]byte(text), jsonwalk.Limits{}); err != nil {
				t.Fatal(err)
			}
			id := fmt.Sprint("o", i)
			f := &policy.Facts{Subject: subject, ID: id, Doc: &d, At: p.now(), Operation: "listOrders", Related: func(r string) (bool, error) { return slices.Contains(lists[r], id), nil }}
			asked++
			if decision := authorization.Template("order", policy.List).Decide(f); decision.Allowed {
				want = append(want, i)
				allowed++
			} else if decision.Err() != nil {
				t.Fatal(decision.Err())
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %v, the gateway %v\n%s %q", who, got, want, predicate, args)
		}
	}
	if asked != 48*48 || allowed < 100 {
		t.Errorf("%d asked, %d allowed", asked, allowed)
	}
}

// anybody is related as alice is.
type anybody struct{ related }

func (a anybody) List(ctx context.Context, who identity.Identity, names []string, kind string, most int) ([][]string, error) {
	who.Subject = "alice"
	return a.related.List(ctx, who, names, kind, most)
}
