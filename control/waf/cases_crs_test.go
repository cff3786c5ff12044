//go:build waf

package waf_test

import (
	"testing"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/control/all"
)

// input.injection
func TestCasesOfTheCoreRuleSet(t *testing.T) {
	if n := casetest.RunFolder(t, "testdata/crs", all.Kinds...); n != 2 {
		t.Errorf("%d cases, want 2", n)
	}
}
