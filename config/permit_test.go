package config_test

import (
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

func TestAPermitHoldsOnItsEndpointAndIsAWaiver(t *testing.T) {
	f, p := compiled(t, house+`    permit:
      getOrder: {what: [encoded_slash, underscore], because: "numbers with a slash", owner: sre@example.com, until: 2027-06-30}
`)
	const want = gatehouse.EncodedSlash | gatehouse.Underscore
	if p.Permits() != want {
		t.Errorf("input.canonical: the policy permits %q", p.Permits())
	}
	for _, c := range []struct {
		method, path string
		permits      gatehouse.Permit
	}{{"GET", "/v1/orders/17", want}, {"OPTIONS", "/v1/orders/17", want}, {"DELETE", "/v1/orders/17", 0}, {"GET", "/v1/orders", 0}, {"GET", "/v1/nothing", 0}} {
		if e := find(t, p, "api.example.com", c.method, c.path); e.Permits != c.permits {
			t.Errorf("input.canonical %s %s: %s permits %q", c.method, c.path, e.Name, e.Permits)
		}
	}
	for _, w := range f.Waivers() {
		if w.Key == "apis.orders.permit.getOrder" && w.Waiver.Owner == "sre@example.com" && w.Waiver.Place.Line > 1 {
			return
		}
	}
	t.Errorf("the permit is not among the waivers: %+v", f.Waivers())
}
