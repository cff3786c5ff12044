package object

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const officeHours = `@id("office") forbid(principal, action in [Action::"order.read", Action::"order.list"], resource is Order) unless { context.local.hour < 20 };`

// read is what the control does for a read of an order, or of a list of them, that
// hand-written policies decide: refused before the upstream is asked where no order can
// be allowed, and judged by what the upstream answers.
func read(t testing.TB, op, reply string) func(p *gatehouse.Principal) (rule string) {
	t.Helper()
	d, err := openapi.Parse("orders.yaml", []byte(differing))
	if err != nil {
		t.Fatal(err)
	}
	c := &Config{Objects: map[string]*policy.Object{"order": order()}, Roles: map[string][]string{"support": {"getOrder", "listOrders"}}}
	b := &gatehouse.Build{API: "orders", Operation: d.Operation(op), Now: time.Now, Kept: gatehouse.NewKept()}
	m := policy.Model{API: "orders", Objects: c.Objects, Roles: c.Roles, Sources: []cedar.Source{{Name: "office.cedar", Text: officeHours}}}
	for _, op := range d.Operations {
		b.All, m.Operations = append(b.All, op), append(m.Operations, op)
	}
	p, err := policy.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	c.Hold(p)
	steps, err := c.Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	x := exchange(call{op: op, path: "/v1/orders", reply: reply})
	x.At = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	return func(p *gatehouse.Principal) string {
		x.Principal = p
		x.Request.Drop, x.Request.Forward = x.Request.Drop[:0], x.Request.Forward[:0]
		for _, s := range steps {
			if v, err := s.Enforce(context.Background(), x); err != nil || !v.Passed() {
				return v.Rule()
			}
		}
		x.Response.Parsed.Reset()
		return ""
	}
}

// A decision by policies allocates what the library does, 10 for each object, and what
// one request is asked with. What is made of the caller, of the hour and of an object
// like the one before is kept.
func TestWhatADecisionByPoliciesAllocates(t *testing.T) { // authz.abac
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	const library, request = 10, 1
	for op, reply := range map[string]string{"getOrder": aliceOrder, "listOrders": "[" + aliceOrder + strings.Repeat(","+aliceOrder, 9) + "]"} {
		ask, p := read(t, op, reply), &gatehouse.Principal{ID: "alice", Tenant: "t1"}
		objects := strings.Count(reply, "customer_id")
		n := testing.AllocsPerRun(100, func() {
			if rule := ask(p); rule != "" {
				t.Fatal(op, rule)
			}
		})
		if most := float64(library*objects + 2*request); n > most {
			t.Errorf("%s of %d objects allocates %v times, want %v at most", op, objects, n, most)
		}
	}
}

// BenchmarkRead is a read of one order, and of a list of ten, that policies decide.
func BenchmarkRead(b *testing.B) {
	for op, reply := range map[string]string{"getOrder": aliceOrder, "listOrders": "[" + aliceOrder + strings.Repeat(","+aliceOrder, 9) + "]"} {
		b.Run(op, func(b *testing.B) {
			ask, p := read(b, op, reply), &gatehouse.Principal{ID: "alice", Tenant: "t1"}
			b.ReportAllocs()
			for b.Loop() {
				if rule := ask(p); rule != "" {
					b.Fatal(rule)
				}
			}
		})
	}
}
