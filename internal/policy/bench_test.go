package policy_test

import (
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// BenchmarkDecide is one decision with its facts, the object's entity built anew.
func BenchmarkDecide(b *testing.B) {
	p := compile(b, model(b, cedar.Source{Name: "eu.cedar", Text: `permit(principal is User, action in Action::"order.read", resource is Order)
when { principal.region == "EU" && resource has region && resource.region == "EU" };`}))
	s, err := p.Subject(policy.Caller{ID: "bob", Tenant: "acme", Claim: claims(`"EU"`)})
	if err != nil {
		b.Fatal(err)
	}
	t, f := p.Template("order", policy.Read), policy.Facts{Subject: s, ID: "o1", Doc: doc(b, aliceOrder), At: time.Unix(1_800_000_000, 0), Operation: "getOrder"}
	b.ReportAllocs()
	for b.Loop() {
		if !t.Decide(&f).Allowed {
			b.Fatal("denied")
		}
	}
}

// BenchmarkCompile is what a load costs for each API.
func BenchmarkCompile(b *testing.B) {
	m := model(b)
	b.ReportAllocs()
	for b.Loop() {
		compile(b, m)
	}
}
