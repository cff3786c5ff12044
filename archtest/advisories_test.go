package archtest

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// repaired is the first version of a module in which a known hole is closed.
var repaired = []struct{ module, version, advisory string }{
	{"github.com/go-jose/go-jose/v4", "v4.1.4", "CVE-2026-34986"},
	{"github.com/russellhaering/gosaml2", "v0.11.0", "GHSA-pcgw-qcv5-h8ch, GHSA-hwqm-qvj9-4jr2; before them CVE-2023-26483"},
	{"github.com/russellhaering/goxmldsig", "v1.6.0", "CVE-2026-33487"},
}

// TestNoModuleFallsBehindAnAdvisory keeps a downgrade from opening what was closed.
func TestNoModuleFallsBehindAnAdvisory(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range repaired {
		m := regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(r.module) + ` (v\S+)`).FindSubmatch(mod)
		if m == nil {
			t.Errorf("%s is not in go.mod: take it out of the list", r.module)
			continue
		}
		if have := string(m[1]); older(have, r.version) {
			t.Errorf("%s %s has %s, which %s closes", r.module, have, r.advisory, r.version)
		}
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{{"v1.5.9", "v1.6.0", true}, {"v1.6.0", "v1.6.0", false}, {"v1.10.0", "v1.6.0", false}, {"v0.11.0", "v1.0.0", true}, {"v1.6.0-rc.1", "v1.6.0", true}} {
		if older(c.a, c.b) != c.want {
			t.Errorf("older(%s, %s) is not %v", c.a, c.b, c.want)
		}
	}
}

// older compares two versions; a pre-release is older than its release.
func older(a, b string) bool {
	a, pre, _ := strings.Cut(strings.TrimPrefix(a, "v"), "-")
	as, bs := strings.Split(a, "."), strings.Split(strings.TrimPrefix(b, "v"), ".")
	for i := range min(len(as), len(bs)) {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return x < y
		}
	}
	return pre != ""
}
