package object

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/race"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

var errAway = errors.New("the store is away")

// ailing is a map of owners of which some verbs fail.
type ailing struct {
	store.Owners
	reads, claims, forgets bool
}

func (a ailing) Owner(ctx context.Context, kind, id string) (store.Owner, error) {
	if a.reads {
		return store.Owner{}, errAway
	}
	return a.Owners.Owner(ctx, kind, id)
}

func (a ailing) Claim(ctx context.Context, o store.Owner) error {
	if a.claims {
		return errAway
	}
	return a.Owners.Claim(ctx, o)
}

func (a ailing) Forget(ctx context.Context, kind, id string) error {
	if a.forgets {
		return errAway
	}
	return a.Owners.Forget(ctx, kind, id)
}

// kept is an object whose owners are in the map.
func kept() *policy.Object {
	return &policy.Object{ID: "path.orderId", Owner: "owners", Create: &policy.Creation{Operation: "createOrder", Learn: "response.id"}, Allow: map[string][]string{"owner": {"read", "update", "delete"}}}
}

// outcomeOf walks an operation with a map of owners, and says what came of it.
func outcomeOf(t *testing.T, owners store.Owners, o *policy.Object, k call) string {
	t.Helper()
	b := build(t, k.op)
	gatehouse.Provide(b.Kept, owners)
	steps, err := (&Config{Objects: map[string]*policy.Object{"order": o}}).Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	x := exchange(k)
	for _, s := range steps {
		if v, err := s.Enforce(t.Context(), x); err != nil {
			return err.Error()
		} else if !v.Passed() {
			return v.Rule()
		}
	}
	return ""
}

// authz.object: a map of owners that cannot be asked, or written to, closes; what it
// does not know is nobody's, and what is somebody's is not claimed.
func TestAMapOfOwnersThatFailsCloses(t *testing.T) {
	m := memory.NewOwners(10)
	for id, owner := range map[string]string{"1": "alice", "2": "bob"} {
		if err := m.Claim(t.Context(), store.Owner{Kind: "orders/order", ID: id, Owner: owner, Tenant: "t1"}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		owners store.Owners
		call   call
		want   string
	}{
		"the owner reads":                   {m, call{op: "getOrder", p: alice}, ""},
		"the owner, and the map is away":    {ailing{Owners: m, reads: true}, call{op: "getOrder", p: alice}, "the store is away"},
		"the owner changes":                 {m, call{op: "updateOrder", p: alice, body: `{"a":1}`}, ""},
		"a change, and the map is away":     {ailing{Owners: m, reads: true}, call{op: "updateOrder", p: alice, body: `{"a":1}`}, "the store is away"},
		"another":                           {m, call{op: "updateOrder", p: bob, body: `{"a":1}`}, "object.foreign"},
		"made and recorded":                 {m, call{op: "createOrder", p: alice, body: `{}`, status: 201, reply: `{"id":"3"}`}, ""},
		"made again, the same one":          {m, call{op: "createOrder", p: alice, body: `{}`, status: 201, reply: `{"id":"3"}`}, ""},
		"made, and not recorded":            {ailing{Owners: m, claims: true}, call{op: "createOrder", p: alice, body: `{}`, status: 201, reply: `{"id":"4"}`}, "could not be recorded"},
		"made, somebody else's":             {m, call{op: "createOrder", p: alice, body: `{}`, status: 201, reply: `{"id":"2"}`}, "object.unverifiable"},
		"made, and nothing says what":       {m, call{op: "createOrder", p: alice, body: `{}`, status: 201, reply: `{"order":"5"}`}, "object.unverifiable"},
		"made, and the reply is no JSON":    {m, call{op: "createOrder", p: alice, body: `{}`, status: 201, reply: `made`}, "object.unverifiable"},
		"made, and its id is empty":         {m, call{op: "createOrder", p: alice, body: `{}`, status: 201, reply: `{"id":""}`}, "object.unverifiable"},
		"not made":                          {m, call{op: "createOrder", p: alice, body: `{}`, status: 422, reply: `{"error":"no"}`}, ""},
		"one's own list":                    {m, call{op: "listOrders", p: alice, reply: `{"items":[{"id":"1"}]}`}, ""},
		"a list with another's":             {m, call{op: "listOrders", p: alice, reply: `{"items":[{"id":"1"},{"id":"2"}]}`}, "object.foreign"},
		"a list with what nobody owns":      {m, call{op: "listOrders", p: alice, reply: `{"items":[{"id":"9"}]}`}, "object.foreign"},
		"a list whose elements have no id":  {m, call{op: "listOrders", p: alice, reply: `{"items":[{"no":"1"}]}`}, "object.unverifiable"},
		"a list, and the map is away":       {ailing{Owners: m, reads: true}, call{op: "listOrders", p: alice, reply: `{"items":[{"id":"1"}]}`}, "the store is away"},
		"deleted, and the owner is not":     {ailing{Owners: m, forgets: true}, call{op: "deleteOrder", p: alice, status: 204}, "the store is away"},
		"not deleted: the upstream refuses": {m, call{op: "deleteOrder", p: alice, status: 409}, ""},
	} {
		// The map is one for all, in whatever order: nothing here takes order 1 away.
		if got := outcomeOf(t, c.owners, kept(), c.call); got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if o, err := m.Owner(t.Context(), "orders/order", "3"); err != nil || o.Owner != "alice" || o.Tenant != "t1" || o.Author != "gateway" {
		t.Errorf("order 3: %+v %v", o, err)
	}
	if got := outcomeOf(t, m, kept(), call{op: "deleteOrder", p: alice, status: 204}); got != "" {
		t.Error(got)
	}
	if _, err := m.Owner(t.Context(), "orders/order", "1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the entry outlives its order: %v", err)
	}
}

// What the map knows is asked for without allocating.
func TestTheMapIsAskedWithoutAllocating(t *testing.T) {
	m := memory.NewOwners(10)
	if err := m.Claim(t.Context(), store.Owner{Kind: "orders/order", ID: "1", Owner: "alice"}); err != nil {
		t.Fatal(err)
	}
	b := build(t, "updateOrder")
	gatehouse.Provide[store.Owners](b.Kept, m)
	steps, err := (&Config{Objects: map[string]*policy.Object{"order": kept()}}).Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	x := exchange(call{op: "updateOrder", p: alice})
	if n := testing.AllocsPerRun(100, func() {
		for _, s := range steps {
			if v, err := s.Enforce(t.Context(), x); err != nil || !v.Passed() {
				t.Fatal(v.Rule(), err)
			}
		}
	}); n != 0 && !race.Enabled {
		t.Errorf("%v allocations", n)
	}
}

func TestAnIDHasOneSpelling(t *testing.T) { // authz.object
	for _, c := range []struct {
		form      form
		id        string
		ok, other bool
	}{
		{opaque, "ord-1", true, false}, {opaque, "", false, false}, {opaque, "..", false, false}, {opaque, ".", false, false}, {opaque, "a/b", true, false},
		{opaque, strings.Repeat("x", longestID+1), false, false},
		{integer, "0", true, false}, {integer, "7", true, false}, {integer, "-7", true, false}, {integer, "07", false, false}, {integer, "+7", false, false},
		{integer, "7.0", false, false}, {integer, "7e0", false, false}, {integer, "-0", false, false}, {integer, "-", false, false}, {integer, " 7", false, false}, {integer, "٧", false, false},
		{uuid, "aaaaaaaa-0000-4000-8000-00000000000f", true, false}, {uuid, "AAAAAAAA-0000-4000-8000-00000000000f", true, true},
		{uuid, "{aaaaaaaa-0000-4000-8000-00000000000f}", false, false}, {uuid, "aaaaaaaa00004000800000000000000f", false, false},
		{uuid, "urn:uuid:aaaaaaaa-0000-4000-8000-00000000000f", false, false}, {uuid, "gaaaaaaa-0000-4000-8000-00000000000f", false, false},
	} {
		if ok, other := c.form.judge(c.id); ok != c.ok || other != c.other {
			t.Errorf("%d %q: %v %v", c.form, c.id, ok, other)
		}
	}
}

// authz.object-response: what would have to be compared and is never JSON does not
// compile, nor does an id that nobody checks, wherever it is declared.
func TestWhatCannotBeReadOrIsNotCheckedDoesNotCompile(t *testing.T) {
	const head = "openapi: 3.0.3\ninfo: {title: t, version: \"1\"}\npaths:\n  /v1/orders/{orderId}:\n    get: {operationId: getOrder, responses: {\"200\": {description: ok, content: {application/json: {schema: {type: object, properties: {customer_id: {type: string}}}}}}}}\n"
	for name, c := range map[string]struct{ more, want string }{
		"text": {"  /v1/orders:\n    get: {operationId: op, responses: {\"200\": {description: ok, content: {text/csv: {schema: {type: string}}}}}}\n", "in which no owner can be found"},
		"an id in the query": {"  /v1/lines:\n    get: {operationId: op, parameters: [{name: order_id, in: query, schema: {type: string}}], responses: {\"200\": {description: ok}}}\n",
			"names an object in query.order_id"},
		"ids in the query": {"  /v1/lines:\n    get: {operationId: op, parameters: [{name: ids, in: query, schema: {type: array, items: {type: string}}}], responses: {\"200\": {description: ok}}}\n",
			"names an object in query.ids"},
		"an id in a header": {"  /v1/lines:\n    get: {operationId: op, parameters: [{name: X-Order-Id, in: header, schema: {type: string}}], responses: {\"200\": {description: ok}}}\n",
			"names an object in header.x-order-id"},
		"ids in a body": {"  /v1/lines:\n    post: {operationId: op, requestBody: {content: {application/json: {schema: {type: object, properties: {moves: {type: array, items: {type: object, properties: {orderID: {type: string}}}}}}}}}, responses: {\"200\": {description: ok}}}\n",
			"names an object in body.moves[*].orderID"},
		"nothing of the kind": {"  /v1/lines:\n    get: {operationId: op, parameters: [{name: order, in: query, schema: {type: string}}], responses: {\"200\": {description: ok}}}\n", ""},
	} {
		d, err := openapi.Parse("t.yaml", []byte(head+c.more))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b := &gatehouse.Build{API: "t", Operation: d.Operation("op"), Now: time.Now, Kept: gatehouse.NewKept()}
		for _, op := range d.Operations {
			b.All = append(b.All, op)
		}
		config := &Config{Objects: map[string]*policy.Object{"order": {ID: "path.orderId", Owner: "response.customer_id", List: &policy.Listing{Each: "response.items[*]"}}}}
		_, err = config.Compile(b)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		// Whoever answers for it may leave it open.
		config.NoObject = map[string]*gatehouse.Waiver{"op": {Because: "b", Owner: "o", Until: time.Now().AddDate(0, 1, 0)}}
		if _, err := config.Compile(b); c.want != "" && name != "text" && err != nil {
			t.Errorf("%s, waived: %v", name, err)
		}
	}
}
