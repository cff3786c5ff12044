package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/config"
)

// TestAnAPIThatSpeaksGraphQLNeedsNoDescription loads one by its schema alone, in the
// short form and as a block.
func TestAnAPIThatSpeaksGraphQLNeedsNoDescription(t *testing.T) {
	for text, want := range map[string][]string{
		"graphql: shop.graphql": {"postGraphQL POST /graphql"},
		"graphql: {schema: shop.graphql, path: /api/query, get: true}":            {"getGraphQL GET /api/query", "postGraphQL POST /api/query"},
		"controls: {graphql: {schema: shop.graphql, path: /q}}":                   {"postGraphQL POST /q"},
		"graphql: shop.graphql\n    endpoints: {postGraphQL: {size: {body: 10}}}": {"postGraphQL POST /graphql"},
		"graphql: shop.graphql\n    openapi: orders.openapi.yaml":                 {"getOrder GET /v1/orders/{orderId}"},
		"graphql: shop.graphql\n    objects: {Order: {owner: response.owner}}":    {"postGraphQL POST /graphql"},
	} {
		f, err := config.Load(graphQLFile(t, text), kinds(), options())
		if err != nil {
			t.Errorf("%s:\n%v", text, err)
			continue
		}
		var got []string
		policy, err := f.Policy(gatehouse.NewKept(), gatehouse.AllCaps)
		if err != nil {
			t.Errorf("%s:\n%v", text, err)
			continue
		}
		for _, e := range policy.Sites()[0].Endpoints {
			if e.Declared {
				got = append(got, e.Name+" "+e.Method+" "+e.Template)
			}
		}
		slices.Sort(got)
		if len(want) > 1 || len(got) == 1 {
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s:\n%s", text, d)
			}
		} else if !slices.Contains(got, want[0]) {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestTheFilesThatControlsReadAreWatched has a reload follow a schema, and what is in
// a folder.
func TestTheFilesThatControlsReadAreWatched(t *testing.T) {
	path := graphQLFile(t, "graphql: {schema: shop.graphql, documents: documents}")
	dir := filepath.Dir(path)
	f, err := config.Load(path, kinds(), options())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(dir, "documents"), filepath.Join(dir, "documents/a.graphql"), path, filepath.Join(dir, "shop.graphql")}
	slices.Sort(want)
	if d := cmp.Diff(want, f.Files()); d != "" {
		t.Error(d)
	}
}

// graphQLFile writes a configuration whose API holds the text.
func graphQLFile(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	orders, err := os.ReadFile("testdata/orders.openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "documents"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"orders.openapi.yaml": string(orders), "shop.graphql": "type Query { a: Int }", "documents/a.graphql": "{ a }",
		"gatehouse.yaml": "apis:\n  shop:\n    upstream: http://127.0.0.1:9000\n    audience: https://api.example.com/shop\n    issuer: https://login.example.com\n    " + text + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "gatehouse.yaml")
}
