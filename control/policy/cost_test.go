package policy

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const exports = `openapi: 3.0.3
info: {title: Exports, version: "1"}
paths:
  /v1/exports:
    post: {operationId: export, responses: {"200": {description: ok}}}
`

// exported is what the control does for a caller of an operation without an object.
func exported(t testing.TB) func() error {
	t.Helper()
	d, err := openapi.Parse("exports.yaml", []byte(exports))
	if err != nil {
		t.Fatal(err)
	}
	op := d.Operation("export")
	p, err := policy.Compile(policy.Model{API: "exports", Operations: []policy.Operation{op}, Sources: []cedar.Source{{Name: "office.cedar",
		Text: `@id("office") permit(principal is User, action == Action::"export", resource) when { principal.roles.contains("export") && context.local.hour < 20 && context.ip.isInRange(ip("10.0.0.0/8")) };`}}})
	if err != nil {
		t.Fatal(err)
	}
	c := &Config{policy: p}
	steps, err := c.Compile(&gatehouse.Build{API: "exports", Operation: op, All: []gatehouse.Operation{op}, Now: time.Now, Kept: gatehouse.NewKept()})
	if err != nil || len(steps) != 1 {
		t.Fatal(len(steps), err)
	}
	x := &gatehouse.Exchange{At: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), Principal: &gatehouse.Principal{Kind: "user", ID: "alice", Roles: []string{"export"}}}
	x.Conn.Client = netip.MustParseAddr("10.1.2.3")
	return func() error {
		v, err := steps[0].Enforce(context.Background(), x)
		if err == nil && !v.Granted() {
			t.Fatal(v.Rule(), v.Detail())
		}
		return err
	}
}

// The library takes 10 allocations, and what is asked with one.
func TestWhatADecisionByPoliciesAllocates(t *testing.T) { // authz.abac
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	ask := exported(t)
	if n := testing.AllocsPerRun(100, func() {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}); n > 11 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkDecide is a decision on an operation without an object.
func BenchmarkDecide(b *testing.B) {
	ask := exported(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := ask(); err != nil {
			b.Fatal(err)
		}
	}
}
