package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// What a subject keeps of one decision changes none of the next: a caller who is kept
// is answered as one who is new each time, whatever object, moment and address.
func TestWhatASubjectKeepsChangesNoDecision(t *testing.T) { // authz.abac authz.object
	for name, source := range map[string]string{
		"hours":     `@id("late") forbid(principal, action, resource is Order) when { context.local.hour >= 20 && resource.quantity > 1 };`,
		"closed":    `@id("closed") forbid(principal, action, resource is Order) when { context.local.hour >= 20 };`,
		"address":   `@id("inside") forbid(principal, action, resource is Order) unless { context.ip.isInRange(ip("10.0.0.0/8")) };`,
		"now":       `@id("since") forbid(principal, action, resource is Order) unless { context.now > datetime("2026-11-20T12:00:00Z") };`,
		"operation": `@id("pdf") forbid(principal, action, resource is Order) when { context.operation == "getOrderPdf" && resource has region };`,
		"an object": `@id("one") forbid(principal, action, resource == Order::"o2");`,
		"members":   `@id("eu") permit(principal is User, action == Action::"order.read", resource is Order) when { resource has region && resource.region == "EU" && resource has address && resource.address.city == "Bonn" };`,
		"overflows": `@id("sum") forbid(principal, action, resource is Order) when { resource.quantity * 9223372036854775807 > 5 };`,
		"as whole":  `@id("same") forbid(principal, action, resource is Order) when { context == context && resource.quantity > 1 };`,
	} {
		p := compile(t, model(t, cedar.Source{Name: "p.cedar", Text: source}))
		r := rand.New(rand.NewPCG(5, 3))
		callers := []policy.Caller{{ID: "alice", Tenant: "acme"}, {ID: "bob", Tenant: "acme", Roles: []string{"support"}}, {ID: "alice", Tenant: "evil"}, {Service: true, ID: "alice", Tenant: "acme"}}
		kept := map[string]*policy.Subject{}
		one := func(list ...string) string { return list[r.IntN(len(list))] }
		allowed, foreseen, n := 0, 0, 3000
		for range n {
			c := callers[r.IntN(len(callers))]
			c.Claim = claims(`"EU"`)
			fresh, err := p.Subject(c)
			if err != nil {
				t.Fatal(err)
			}
			if kept[fmt.Sprint(c.Service, c.ID, c.Tenant)] == nil {
				kept[fmt.Sprint(c.Service, c.ID, c.Tenant)] = fresh
			}
			old := kept[fmt.Sprint(c.Service, c.ID, c.Tenant)]
			d := doc(t, fmt.Sprintf(`{"id":"o1","customer_id":%s,"tenant_id":%s,"quantity":%s%s%s}`, one(`"alice"`, `"bob"`, `7`, `null`), one(`"acme"`, `"acme"`, `"evil"`, `true`),
				one("1", "2", "1.5", `"1"`), one("", `,"region":"EU"`, `,"region":"US"`, `,"region":null`), one("", `,"address":{"city":"Bonn"}`, `,"address":{"city":"Rome","zip":"1"}`)))
			f := policy.Facts{ID: one("o1", "o2"), Doc: d, At: time.Date(2026, 11, 20, 10+r.IntN(3)*5, 0, r.IntN(2), 0, time.UTC), Address: netip.MustParseAddr(one("10.0.0.1", "192.0.2.1", "::ffff:10.0.0.1")), Operation: one("getOrder", "getOrderPdf"),
				Related: func(relation string) (bool, error) { return relation == "editor", nil }}
			unseen := f
			unseen.Doc = nil
			tm := p.Template("order", policy.Action(1+r.IntN(int(policy.Create))))
			got, want := said(tm, f, old), said(tm, f, fresh)
			if got != want {
				t.Fatalf("%s: %s of %s by %+v: %s; a new caller: %s", name, tm.Name, d.Raw(0), c, got, want)
			}
			if early := denies(tm, unseen, old); early != denies(tm, unseen, fresh) || early && strings.HasPrefix(want, "true") {
				t.Fatalf("%s: %s by %+v is denied early: %v; decided: %s", name, tm.Name, c, early, want)
			} else if early {
				foreseen++
			}
			if strings.HasPrefix(want, "true") {
				allowed++
			}
		}
		if name != "overflows" && allowed < 20 || name == "closed" && foreseen < 500 || name != "closed" && foreseen == n {
			t.Errorf("%s: of %d decisions %d allow, %d are foreseen", name, n, allowed, foreseen)
		}
	}
}

func said(t *policy.Template, f policy.Facts, s *policy.Subject) string {
	f.Subject = s
	d := t.Decide(&f)
	out := fmt.Sprint(d.Allowed, d.Err())
	for _, p := range d.Deciding() {
		out += " " + p.ID
	}
	return out
}

func denies(t *policy.Template, f policy.Facts, s *policy.Subject) bool {
	f.Subject = s
	return t.Denies(&f)
}

// An object that is like the one before, and an hour like the one before, cost what the
// library costs: 10 allocations.
func TestADecisionLikeTheOneBeforeAllocatesWhatTheLibraryDoes(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	p := compile(t, model(t, cedar.Source{Name: "p.cedar", Text: `forbid(principal, action, resource is Order) when { context.local.hour >= 20 };`}))
	s, err := p.Subject(policy.Caller{ID: "alice", Tenant: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	f, tm := policy.Facts{Subject: s, ID: "o1", Doc: doc(t, aliceOrder), At: time.Unix(1_800_000_000, 0)}, p.Template("order", policy.Read)
	if n := testing.AllocsPerRun(200, func() {
		if !tm.Decide(&f).Allowed {
			t.Fatal("denied")
		}
	}); n > 10 {
		t.Errorf("%v allocations", n)
	}
	f.Doc = nil
	if n := testing.AllocsPerRun(200, func() { tm.Denies(&f) }); n > 0 {
		t.Errorf("to foresee takes %v allocations", n)
	}
}
