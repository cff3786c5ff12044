package record

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse"
)

// violating is an exchange with violations of two steps, one of them in shadow.
func violating() *gatehouse.Exchange {
	x := exchange(ordersEndpoint())
	x.Violations = []gatehouse.Violation{
		{Step: 2, In: "query", Name: "limit", Keyword: "maximum", Place: "orders.yaml:12: #/paths/~1v1~1orders/get/parameters/0/schema/maximum"},
		{Step: 3, In: "body", Pointer: "/AKIAIOSFODNN7EXAMPLE", Keyword: "undeclared", Place: "orders.yaml:31: #/components/schemas/Order"},
		{Step: 3, In: "body", Pointer: "/lines/1", Keyword: "required", Member: "sku", Place: strings.Repeat("p", 2000)},
		{Step: 3, In: "body", Keyword: "json"},
	}
	return x
}

func TestATrailSaysWhatTheDescriptionDemands(t *testing.T) {
	r := New(Config{})
	r.Record(violating(), traffic)
	found, err := r.Find(context.Background(), "01KAKQ2W3E4R5T6Y7U8I9OPASD")
	if err != nil {
		t.Fatal(err)
	}
	want := []TrailViolation{
		{In: "body", Pointer: "/[redacted]", Keyword: "undeclared", Place: "orders.yaml:31: #/components/schemas/Order"},
		{In: "body", Pointer: "/lines/1", Keyword: "required", Member: "sku", Place: strings.Repeat("p", maxPlace)},
		{In: "body", Keyword: "json"},
	}
	if diff := cmp.Diff(want, found.Steps[3].Violations); diff != "" {
		t.Errorf("log.redacted: %s", diff)
	}
	if v := found.Steps[2].Violations; len(v) != 1 || v[0].Name != "limit" {
		t.Errorf("a shadowed step found %+v", v)
	}
	var out strings.Builder
	if err := PrintTrail(&out, found); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Not as described", "query limit: maximum", "orders.yaml:12: #/paths", "body #/lines/1: required sku", "the control object itself"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("ops.explain: %q is not in\n%s", line, out.String())
		}
	}
	b, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	var again Trail
	if err := json.Unmarshal(b, &again); err != nil || !cmp.Equal(&again, found) {
		t.Errorf("the stored trail is another: %v %s", err, cmp.Diff(&again, found))
	}
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestATrailWithoutViolationsSaysNothingOfThem(t *testing.T) {
	r := New(Config{})
	r.Record(exchange(ordersEndpoint()), traffic)
	found, err := r.Find(context.Background(), "01KAKQ2W3E4R5T6Y7U8I9OPASD")
	if err != nil {
		t.Fatal(err)
	}
	// The slot is used again: nothing of an exchange before is left in it.
	var out strings.Builder
	if err := PrintTrail(&out, found); err != nil || strings.Contains(out.String(), "Not as described") {
		t.Errorf("%v\n%s", err, out.String())
	}
	s := new(slot)
	b := newBuffers()
	s.fill(b, violating(), &traffic, outcome{})
	s.fill(b, exchange(ordersEndpoint()), &traffic, outcome{})
	for _, step := range s.steps() {
		if len(step.Violations) > 0 {
			t.Errorf("%+v are another's", step.Violations)
		}
	}
}
