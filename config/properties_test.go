package config_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/config"
)

// authz.property: rules for members are written beside the description, and those
// that name a role which nobody is granted anything by are told.
func TestRulesForMembersAreReadAndLinted(t *testing.T) {
	f, err := config.Load(put(t, house+`    roles: {admin: [deleteOrder], support: [getOrder, "list*"]}
    properties:
      Order.quantity: [admin]
      Order.item: {read: [suport], write: []}
      NewOrder.item: {write: [authenticated]}
`), kinds(), options())
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Policy(gatehouse.NewKept(), gatehouse.AllCaps)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, x := range f.Lint(p) {
		if x.Covers == "authz.property" {
			found = append(found, x.Error.Error())
		}
	}
	if len(found) != 1 || !strings.Contains(found[0], "names the role suport") || !strings.Contains(found[0], "write: support") || !strings.Contains(found[0], "gatehouse.yaml:8:") {
		t.Errorf("found %q", found)
	}
}
