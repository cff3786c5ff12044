package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

func TestABundleSaysWhatThePolicySays(t *testing.T) {
	m := model(t, cedar.Source{Name: "open.cedar", Text: `@id("small") permit(principal, action == Action::"order.list", resource is Order) when { resource.quantity < 3 };`})
	m.Objects["order"].Table = &policy.Table{Name: "orders", Owner: "customer_id integer", Columns: map[string]string{"region": "region_code"}}
	p := compile(t, m)
	text, err := p.Bundle().Text()
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	ids := func(s *cedar.Set) (out []string) {
		for _, p := range s.Policies() {
			out = append(out, p.ID+" "+p.Text)
		}
		return out
	}
	if diff := cmp.Diff(ids(p.Set()), ids(b.Set())); diff != "" {
		t.Error(diff)
	}
	o := b.Objects["order"]
	want := &bundle.Table{Name: "orders", ID: "id", Owner: "customer_id integer", Columns: map[string]string{"region": "region_code"}}
	if diff := cmp.Diff(want, o.Table); diff != "" {
		t.Error(diff)
	}
	if o.Type != "Order" || len(o.Operations["list"]) != 1 || o.Operations["list"][0] != "listOrders" || b.Location().String() != p.Zone.String() {
		t.Errorf("%+v %s", o, b.Location())
	}
	if again, err := b.Text(); err != nil || string(again) != string(text) {
		t.Error("a bundle that was read is written otherwise", err)
	}
	for what, c := range map[string]struct{ old, new, says string }{
		"another format":      {`"format": 1`, `"format": 2`, "gatehouse policy export"},
		"a word too many":     {`"format": 1`, `"format": 1, "extra": 1`, "unknown field"},
		"something behind":    {"\n}\n", "\n}\n{}", "something behind"},
		"a policy of no use":  {"resource.quantity", "resource.quantty", "has no attribute quantty"},
		"no such zone":        {`"time_zone": "` + p.Zone.String(), `"time_zone": "Europe/Atlantis`, "Atlantis"},
		"the machine's zone":  {`"time_zone": "` + p.Zone.String(), `"time_zone": "Local`, "Local"},
		"nothing of the kind": {string(text), `[]`, "reading"},
	} {
		changed := strings.Replace(string(text), c.old, c.new, 1)
		if changed == string(text) {
			t.Errorf("%s: nothing was changed", what)
		}
		if _, err := bundle.Read([]byte(changed)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
