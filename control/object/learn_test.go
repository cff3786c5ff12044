package object

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/learned"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const watchedDescription = `openapi: 3.1.0
info: {title: Orders, version: "1"}
components:
  schemas:
    Order: {type: object, properties: {id: {type: string}, customer_id: {type: string}, paid: {type: boolean}, lines: {type: array, items: {type: object}}, tenant: {type: object, properties: {id: {type: string}}}}}
  responses:
    Order: {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
paths:
  /users/{userId}/orders:
    get:
      operationId: listOrders
      parameters: [{name: customer, in: query, schema: {type: string}}, {name: limit, in: query, schema: {type: integer}}]
      responses: {"200": {description: ok, content: {application/json: {schema: {type: object, properties: {items: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}}}}
    post: {operationId: createOrder, responses: {"201": {$ref: "#/components/responses/Order"}}}
  /users/{userId}/orders/{orderId}:
    get: {operationId: getOrder, responses: {"200": {$ref: "#/components/responses/Order"}}}
    delete: {operationId: deleteOrder, responses: {"204": {description: gone}}}
  /users/{userId}/orders/{orderId}/pdf:
    get: {operationId: getPDF, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
  /tiles/{z}/{x}.png:
    get: {operationId: getTile, responses: {"200": {description: ok}}}
  /status:
    get: {operationId: getStatus, responses: {"200": {description: ok}}}
`

// watch compiles a configuration for every operation, and returns the steps that
// observe.
func watching(t testing.TB, c *Config) (map[string][]gatehouse.Step, *learned.Ledger) {
	t.Helper()
	d, err := openapi.Parse("orders.yaml", []byte(watchedDescription))
	if err != nil {
		t.Fatal(err)
	}
	b := gatehouse.Build{API: "orders", Now: func() time.Time { return time.Unix(1_800_000_000, 0) }, Kept: gatehouse.NewKept()}
	for _, op := range d.Operations {
		b.All = append(b.All, op)
	}
	out := map[string][]gatehouse.Step{}
	for _, op := range b.All {
		one := b
		one.Operation = op
		steps, err := c.Compile(&one)
		if err != nil {
			t.Fatalf("%s: %v", op.ID(), err)
		}
		for _, s := range steps {
			if s.Stage == gatehouse.Respond {
				out[op.ID()] = append(out[op.ID()], s)
			}
		}
	}
	ledger, err := gatehouse.Keep(b.Kept, "", learned.New)
	if err != nil {
		t.Fatal(err)
	}
	return out, ledger
}

// unowned is a configuration in which nothing has an owner.
func unowned(learn string) *Config {
	w := &gatehouse.Waiver{Because: "a test has no owners", Owner: "test@example.com", Until: time.Unix(1_800_000_000, 0).AddDate(0, 1, 0)}
	c := &Config{Learn: learn, NoObject: map[string]*gatehouse.Waiver{}}
	for _, id := range []string{"listOrders", "createOrder", "getOrder", "deleteOrder", "getPDF", "getTile"} {
		c.NoObject[id] = w
	}
	return c
}

// given is an exchange that ended with a reply that was held.
func given(p *gatehouse.Principal, user, order string, status int, reply string) *gatehouse.Exchange {
	x := &gatehouse.Exchange{Principal: p, At: time.Unix(1_800_000_000, 0)}
	x.Request.Method, x.Request.Path = "GET", "/users/"+user+"/orders/"+order
	x.Request.Params = []gatehouse.Param{{Name: "userId", Value: user}, {Name: "orderId", Value: order}}
	x.Response.Status, x.Response.Body = status, []byte(reply)
	x.Response.Fields = gatehouse.Fields{{Name: "content-type", Value: "application/json"}}
	x.Cursor.Have = gatehouse.ReplyBody
	return x
}

func see(t testing.TB, steps []gatehouse.Step, x *gatehouse.Exchange) (rules []string) {
	t.Helper()
	for _, s := range steps {
		v, err := s.Enforce(context.Background(), x)
		if err != nil || !v.Passed() || v.Granted() {
			t.Fatal("what only watches decides", v, err)
		}
		rules = append(rules, v.Rule())
	}
	return rules
}

func TestNobodyLearnsUnlessItIsAskedFor(t *testing.T) {
	if steps, ledger := watching(t, unowned("")); len(steps) != 0 || len(ledger.Report().Kinds) != 0 {
		t.Errorf("%v are observed", steps)
	}
	steps, ledger := watching(t, unowned("suggest"))
	var got []string
	for _, k := range ledger.Report().Kinds {
		for _, o := range k.Operations {
			got = append(got, fmt.Sprintf("%s %s %s", k.Base, o.Action, o.Operation))
		}
	}
	want := []string{
		"/tiles/{z} read getTile",
		"/users/{userId} update createOrder", "/users/{userId} delete deleteOrder", "/users/{userId} read getOrder", "/users/{userId} read getPDF", "/users/{userId} read listOrders",
		"/users/{userId}/orders/{orderId} create createOrder", "/users/{userId}/orders/{orderId} delete deleteOrder", "/users/{userId}/orders/{orderId} read getOrder",
		"/users/{userId}/orders/{orderId} read getPDF", "/users/{userId}/orders/{orderId} list listOrders"}
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("observed are\n%s", strings.Join(got, "\n"))
	}
	if steps["getStatus"] != nil || len(steps["getTile"]) > 1 {
		t.Error("what names no object is observed")
	}
}

// An object with a rule is observed where it asks for it, one without an owner by the
// control's key as well.
func TestAnObjectAsksForLearningItself(t *testing.T) {
	for name, c := range map[string]struct {
		object policy.Object
		learn  string
		want   bool
	}{
		"owned":                  {policy.Object{Owner: "response.customer_id"}, "suggest", false},
		"owned, and asks":        {policy.Object{Owner: "response.customer_id", Learn: "suggest"}, "", true},
		"of a tenant":            {policy.Object{Tenant: "response.tenant.id"}, "", false},
		"of a tenant, and asked": {policy.Object{Tenant: "response.tenant.id"}, "suggest", true},
	} {
		o := c.object
		o.ID = "path.orderId"
		config := unowned(c.learn)
		config.Objects = map[string]*policy.Object{"order": &o}
		for _, id := range []string{"getOrder", "deleteOrder", "getPDF"} {
			delete(config.NoObject, id)
		}
		steps, ledger := watching(t, config)
		observed := false
		for _, k := range ledger.Report().Kinds {
			observed = observed || k.Object == "order"
		}
		if observed != c.want || observed != (len(steps["getOrder"]) > 0) {
			t.Errorf("%s: %v", name, ledger.Report())
		}
	}
}

func TestThereIsNoOtherWayToLearn(t *testing.T) {
	query := &policy.Object{ID: "query.order", Owner: "response.customer_id", Learn: "suggest"}
	for says, c := range map[string]*Config{
		"learn: what is learned only suggests":               {Learn: "enforce"},
		"objects.order.learn: what is learned only suggests": config(&policy.Object{ID: "path.orderId", Owner: "response.customer_id", Learn: "yes"}),
		"only objects that a path names are learned of":      {Objects: map[string]*policy.Object{"order": query}},
	} {
		if says != "only objects that a path names are learned of" {
			_, err := c.Compile(build(t, "getStatus"))
			if f, ok := errors.AsType[*gatehouse.Fault](err); !ok || !strings.Contains(f.Error(), says) || f.Fix == "" {
				t.Errorf("%v; want %s", err, says)
			}
			continue
		}
		if err := c.learnable(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %s", err, says)
		}
	}
}

// What counts is a success that reached the caller, and of its reply what others had
// held and read.
func TestOnlyWhatACallerWasGivenTeaches(t *testing.T) {
	steps, ledger := watching(t, unowned("suggest"))
	body := `{"id":"7","customer_id":"alice","tenant":{"id":"t1"}}`
	for _, change := range []func(*gatehouse.Exchange){
		func(x *gatehouse.Exchange) { x.Principal = nil },
		func(x *gatehouse.Exchange) { x.EndedBy = "leak" },
		func(x *gatehouse.Exchange) { x.Response.Own = true },
		func(x *gatehouse.Exchange) { x.Response.Status = 404 },
		func(x *gatehouse.Exchange) { x.Response.Status = 206 },
	} {
		x := given(alice, "u", "7", 200, body)
		change(x)
		see(t, steps["getOrder"], x)
	}
	for _, k := range ledger.Report().Kinds {
		if k.Objects != 0 || k.Callers != 0 {
			t.Errorf("something was learned: %+v", k)
		}
	}
	known := func(change func(*gatehouse.Exchange)) bool {
		steps, ledger := watching(t, unowned("suggest"))
		x := given(alice, "u", "7", 200, body)
		change(x)
		see(t, steps["getOrder"], x)
		rules := see(t, steps["deleteOrder"], given(bob, "u", "7", 204, ""))
		_ = ledger
		return slices.Contains(rules, "object.foreign_suspected")
	}
	for name, c := range map[string]struct {
		change func(*gatehouse.Exchange)
		want   bool
	}{
		"held":      {func(*gatehouse.Exchange) {}, true},
		"streamed":  {func(x *gatehouse.Exchange) { x.Cursor.Have = gatehouse.Reply }, false},
		"cut short": {func(x *gatehouse.Exchange) { x.Response.BodyTooLarge = true }, false},
		"encoded":   {func(x *gatehouse.Exchange) { x.Response.Fields.Set("content-encoding", "br") }, false},
		"not JSON":  {func(x *gatehouse.Exchange) { x.Response.Body = []byte("<order/>") }, false},
		"others'":   {func(x *gatehouse.Exchange) { x.Response.Body = []byte(`{"customer_id":"carol"}`) }, false},
		"a client":  {func(x *gatehouse.Exchange) { x.Principal = &gatehouse.Principal{ID: "alice", Kind: "client"} }, false},
	} {
		if got := known(c.change); got != c.want {
			t.Errorf("%s: known is %v", name, got)
		}
	}
}

// What a caller makes is its own, whatever the reply says beside the id.
func TestACreationIsEvidence(t *testing.T) {
	steps, _ := watching(t, unowned("suggest"))
	x := given(alice, "u", "", 201, `{"id":"9"}`)
	see(t, steps["createOrder"], x)
	if rules := see(t, steps["deleteOrder"], given(alice, "u", "9", 204, "")); slices.Contains(rules, "object.foreign_suspected") {
		t.Error("an owner is suspected")
	}
	see(t, steps["createOrder"], x)
	if rules := see(t, steps["deleteOrder"], given(bob, "u", "9", 204, "")); !slices.Contains(rules, "object.foreign_suspected") {
		t.Errorf("a stranger is not: %v", rules)
	}
	if rules := see(t, steps["deleteOrder"], given(alice, "u", "9", 204, "")); slices.Contains(rules, "object.foreign_suspected") {
		t.Error("an id that is used again is still the first one's")
	}
}

func TestEveryElementOfAListIsLookedAt(t *testing.T) {
	steps, ledger := watching(t, unowned("suggest"))
	for i := range 6 {
		p := &gatehouse.Principal{ID: fmt.Sprintf("p%d", i), Tenant: fmt.Sprintf("t%d", i%2)}
		var items []string
		for j := range 5 {
			items = append(items, fmt.Sprintf(`{"id":"o%d-%d","customer_id":"%s","tenant":{"id":"%s"}}`, i, j, p.ID, p.Tenant))
		}
		x := given(p, p.ID, "", 200, `{"items":[`+strings.Join(items, ",")+`]}`)
		x.Request.Query = "limit=5&customer=" + p.ID
		for range 4 {
			see(t, steps["listOrders"], x)
		}
		for j, item := range items {
			see(t, steps["getOrder"], given(p, p.ID, fmt.Sprintf("o%d-%d", i, j), 200, item))
		}
	}
	for _, k := range ledger.Report().Kinds {
		if k.Base != "/users/{userId}/orders/{orderId}" {
			continue
		}
		var owners, queries []string
		for _, f := range k.Owners {
			owners = append(owners, fmt.Sprintf("%s %d/%d %v", f.Place, f.Held, f.Of, f.Lists))
		}
		for _, f := range k.Queries {
			queries = append(queries, fmt.Sprintf("%s %s %d/%d", f.Place, f.Value, f.Held, f.Of))
		}
		slices.Sort(owners)
		if !slices.Equal(owners, []string{"path.userId 30/30 []", "response.customer_id 30/30 []"}) || !slices.Equal(queries, []string{"query.customer id 24/24"}) || k.Tenants[0].Place != "response.tenant.id" {
			t.Errorf("%q %q %+v", owners, queries, k.Tenants)
		}
	}
}

func TestWatchingAllocatesNothing(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	steps, _ := watching(t, unowned("suggest"))
	item := `{"id":"7","customer_id":"alice","tenant":{"id":"t1"}}`
	list := given(alice, "alice", "", 200, `{"items":[`+item+`,`+item+`]}`)
	list.Request.Query = "customer=alice"
	for op, x := range map[string]*gatehouse.Exchange{
		"getOrder": given(alice, "alice", "7", 200, item), "deleteOrder": given(alice, "alice", "7", 204, ""), "createOrder": given(alice, "alice", "", 201, item), "listOrders": list,
	} {
		if n := testing.AllocsPerRun(200, func() {
			for i := range steps[op] {
				if v, err := steps[op][i].Enforce(context.Background(), x); err != nil || !v.Passed() {
					t.Fatal(v.Rule(), err)
				}
			}
			if x.Response.Parsed != nil {
				x.Response.Parsed.Reset()
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", op, n)
		}
	}
}
