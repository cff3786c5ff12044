package acceptance

import (
	"path/filepath"
	"testing"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/control/all"
)

// TestHostsAgree runs every control's cases through every door with the whole
// catalogue (ops.hosts): the case says what must come, so no door may differ.
func TestHostsAgree(t *testing.T) {
	folders, err := filepath.Glob("../control/*/testdata")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, f := range folders {
		t.Run(filepath.Base(filepath.Dir(f)), func(t *testing.T) {
			cases += casetest.RunFolder(t, f, all.Kinds...)
		})
	}
	if len(folders) != len(all.Kinds) || cases < 3*len(all.Kinds) {
		t.Errorf("%d cases in %d folders for %d controls", cases, len(folders), len(all.Kinds))
	}
	t.Logf("figure cases %d, each through 2 doors", cases)
}
