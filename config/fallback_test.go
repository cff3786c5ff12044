package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/config"
)

// input.openapi: what permits a library to judge schemas is a waiver, and `check`
// lists it and says what the library does not know.
func TestSchemaFallbackIsAWaiverThatCheckLists(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	description, err := os.ReadFile("testdata/dynamic.openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write("dynamic.openapi.yaml", string(description))
	write("gatehouse.yaml", `apis:
  trees:
    openapi: dynamic.openapi.yaml
    upstream: http://127.0.0.1:9000
    issuer: https://login.example.com
    audience: https://api.example.com/trees
    schema_fallback: {because: "trees are recursive", owner: sre@example.com, until: 2027-01-01}
    schema_states: 500
`)
	f, err := config.Load(filepath.Join(dir, "gatehouse.yaml"), kinds(), options())
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Policy(gatehouse.NewKept(), gatehouse.AllCaps)
	if err != nil {
		t.Fatal(err)
	}
	if w := f.Waivers(); len(w) != 1 || !strings.HasSuffix(w[0].Key, "schema_fallback") {
		t.Errorf("waivers %+v", w)
	}
	said := ""
	for _, found := range f.Lint(p) {
		said += found.Says + "\n"
	}
	if !strings.Contains(said, "$dynamicRef is not supported; a library judges it") {
		t.Errorf("findings:\n%s", said)
	}
}
