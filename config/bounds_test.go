package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/config"
)

// input.pagination, input.size: what the description leaves without a bound is
// told, in queries, in bodies and in uploads, with what to write.
func TestWhatHasNoBoundIsTold(t *testing.T) {
	const text = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /v1/things:
    get:
      operationId: list
      parameters:
        - {name: limit, in: query, schema: {type: integer}}
        - {name: per_page, in: query, schema: {type: integer, maximum: 50}}
        - {name: offset, in: query, schema: {type: integer, minimum: 10}}
        - {name: size, in: query, schema: {type: integer}}
        - {name: q, in: query, schema: {type: string, maxLength: 5}}
      responses: {"200": {description: ok}}
    post:
      operationId: search
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties:
                size: {type: integer}
                page: {type: object, properties: {limit: {type: integer}, first: {type: integer, enum: [10, 20]}}}
                ids: {type: array, items: {type: integer}}
          multipart/form-data:
            schema: {type: object, properties: {a: {type: string, format: binary, maxLength: 5}, b: {type: string, format: binary, maxLength: 5}, c: {type: array, maxItems: 2, items: {type: string, format: binary, maxLength: 5}}}}
            encoding: {a: {contentType: image/png}}
      responses: {"200": {description: ok, content: {application/json: {schema: {type: object, properties: {limit: {type: integer}}}}}}}
`
	path := put(t, strings.ReplaceAll(house, "orders.openapi.yaml", "things.openapi.yaml"))
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "things.openapi.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := config.Load(path, kinds(), options())
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Policy(gatehouse.NewKept(), gatehouse.AllCaps)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, x := range f.Lint(p) {
		before, after, _ := strings.Cut(x.Error.Says, ": ")
		if x.Covers == "input.pagination" || x.Covers == "input.size" || x.Covers == "input.content-type" {
			found[before] = after
		}
	}
	for says, names := range map[string]string{
		"3 page sizes without a maximum in the description (schema.pagination_max holds)": "list limit, list size, search body.page.limit",
		"1 offsets without a maximum in the description (schema.offset_max holds)":        "list offset",
		"1 arrays without a greatest length in the description (schema.max_items holds)":  "search body.ids",
		"2 files of any type": "search b, search c",
	} {
		if found[says] != names {
			t.Errorf("%s: %q, want %q", says, found[says], names)
		}
		delete(found, says)
	}
	if len(found) > 0 {
		t.Errorf("more is told: %q", found)
	}
}
