package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/object"
	"github.com/gatehouse-api/gatehouse/control/reply"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const ownedDescription = `openapi: 3.0.3
info: {title: Orders, version: "1"}
paths:
  /v1/orders:
    get: {operationId: listOrders, responses: {"200": {description: ok, content: {application/json: {schema: {type: object, properties: {items: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}}}}}
  /v1/orders/{orderId}:
    get: {operationId: getOrder, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
components: {schemas: {Order: {type: object, required: [id, customer_id, tenant_id], properties: {id: {type: string}, customer_id: {type: string}, tenant_id: {type: string}, item: {type: string, maxLength: 100}, quantity: {type: integer, minimum: 1, maximum: 1000}, note: {type: string, maxLength: 500}}}}}
`

// ownedLimit is what looking whose the elements of a 64 kB list are may cost on top
// of validating and filtering it.
const ownedLimit = 150 * time.Microsecond

// authz.object-response: the ownership gate on a 64 kB list costs at most 150 us over
// validation alone, in one run, and no memory.
func TestTheOwnershipGateOnALongListIsCheap(t *testing.T) {
	d, err := openapi.Parse("orders.yaml", []byte(ownedDescription))
	if err != nil {
		t.Fatal(err)
	}
	b := &gatehouse.Build{API: "orders", Operation: d.Operation("listOrders"), Now: time.Now, Kept: gatehouse.NewKept()}
	for _, op := range d.Operations {
		b.All = append(b.All, op)
	}
	inspecting := func(c gatehouse.Control) []gatehouse.Step {
		steps, err := c.Compile(b)
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(steps, func(s gatehouse.Step) bool { return s.Stage != gatehouse.Inspect })
	}
	validation := inspecting(reply.Kind.New())
	gate := inspecting(&object.Config{Objects: map[string]*policy.Object{"order": {ID: "path.orderId", Owner: "response.customer_id", Tenant: "response.tenant_id"}}})
	var body bytes.Buffer
	body.WriteString(`{"items":[`)
	for i := 0; body.Len() < 64<<10; i++ {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"id":"ord-%d","customer_id":"alice","tenant_id":"t1","item":"a book of %d pages","quantity":%d,"note":"left at the door, as always"}`, i, i, i%1000+1)
	}
	body.WriteString(`]}`)
	x := &gatehouse.Exchange{Principal: &gatehouse.Principal{Kind: "user", ID: "alice", Tenant: "t1"}}
	x.Request.Method, x.Response.Status = "GET", 200
	x.Response.Fields = gatehouse.Fields{{Name: "content-type", Value: "application/json"}}
	once := func(steps []gatehouse.Step) {
		x.Response.Body = append(x.Response.Body[:0], body.Bytes()...)
		for _, s := range steps {
			if v, err := s.Enforce(context.Background(), x); err != nil || !v.Passed() {
				t.Fatalf("%s: %s %v", s.Control, v.Rule(), err)
			}
		}
		if x.Response.Parsed != nil {
			x.Response.Parsed.Reset()
		}
	}
	both := slices.Concat(gate, validation)
	least := func(steps []gatehouse.Step, best time.Duration) time.Duration {
		began := time.Now()
		for range 20 {
			once(steps)
		}
		return min(best, time.Since(began)/20)
	}
	alone, owned := time.Hour, time.Hour
	for range 50 { // in turns: what else the machine does, it does to both
		alone, owned = least(validation, alone), least(both, owned)
	}
	t.Logf("a list of %d bytes: validated in %s, with the ownership gate in %s: %s/%s", body.Len(), alone, owned, owned-alone, ownedLimit)
	if race.Enabled {
		return
	}
	if owned-alone > ownedLimit {
		t.Errorf("the gate costs %s over validation alone; want at most %s", owned-alone, ownedLimit)
	}
	if n := testing.AllocsPerRun(20, func() { once(both) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
