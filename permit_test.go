package gatehouse_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

func TestEveryPermitIsReadAsItIsWritten(t *testing.T) {
	var all gatehouse.Permit
	for _, name := range gatehouse.PermitNames() {
		p, ok := gatehouse.ParsePermit(name)
		if !ok || p == 0 || all&p != 0 || p.String() != name {
			t.Errorf("%s is %d, %q", name, p, p)
		}
		all |= p
	}
	if got := all.String(); got != strings.Join(gatehouse.PermitNames(), ", ") {
		t.Errorf("all are %q", got)
	}
	if p, ok := gatehouse.ParsePermit("slash"); ok || p != 0 || p.String() != "" {
		t.Errorf("slash is %d", p)
	}
}
