package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/control/all"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// library is what a widespread library's request filter lets through, each row
// measured (VALIDATION.md section 3.3), and what ours says of it.
var library = []struct {
	name, request, body, want string
}{
	{"two documents in one body (input.json-strict)", "POST /u", `{"role":"user"}{"role":"admin"}`, "400 schema.json"},
	{"text behind the document (input.json-strict)", "POST /u", `{"role":"user"} trailing`, "400 schema.json"},
	{"one member twice, an admin first (input.json-strict)", "POST /u", `{"role":"admin","role":"user"}`, "400 schema.json"},
	{"one member twice, an admin last (input.json-strict)", "POST /u", `{"role":"user","role":"admin"}`, "400 schema.json"},
	{"one member twice, once in escapes (input.json-strict)", "POST /u", `{"role":"user","ro\u006ce":"admin"}`, "400 schema.json"},
	{"an exponent that panics elsewhere (input.json-strict)", "POST /u", `{"role":"user","n":1e99999999}`, "400 schema.json"},
	{"an exponent that panics elsewhere, negative (input.json-strict)", "POST /u", `{"role":"user","n":-1e-99999999}`, "400 schema.json"},
	{"a readOnly member (authz.property)", "POST /u", `{"role":"user","id":"1"}`, "400 schema.body"},
	{"an undeclared member (input.no-extra)", "POST /u", `{"role":"user","isAdmin":true}`, "400 schema.undeclared"},
	{"a declared member in other case (input.json-strict)", "POST /u", `{"role":"user","ROLE":"admin"}`, "400 schema.undeclared"},
	{"a parameter twice (input.no-extra)", "GET /u?limit=5&limit=999", "", "400 schema.duplicate"},
	{"a parameter twice, once in escapes (input.no-extra)", "GET /u?limit=5&l%69mit=999", "", "400 schema.duplicate"},
	{"a semicolon in the query (input.no-extra)", "GET /u?limit=5;limit=999", "", "400 wire.query_ambiguous"},
	{"a parameter in other case (input.no-extra)", "GET /u?LIMIT=999", "", "400 schema.undeclared"},
	{"an unknown parameter (input.no-extra)", "GET /u?unknown=1", "", "400 schema.undeclared"},
	{"a charset that hides the members (input.content-type)", "POST /u\nContent-Type: application/json; charset=utf-16", `{"role":"user"}`, "415 contenttype.charset"},
	{"UTF-7 (input.content-type)", "POST /u\nContent-Type: application/json; charset=utf-7", `{"role":"user"}`, "415 contenttype.charset"},
	{"no content type (input.content-type)", "POST /u\nContent-Type:", `{"role":"user"}`, "415 contenttype.missing"},
	{"another content type (input.content-type)", "POST /u\nContent-Type: text/plain", `{"role":"user"}`, "415 contenttype.undeclared"},
	{"a content type that only looks like one (input.content-type)", "POST /u\nContent-Type: text/plain; x=application/json", `{"role":"user"}`, "415 contenttype.malformed"},
}

// honest are requests next to those above which must come in.
var honest = [][2]string{
	{"POST /u", `{"role":"user"}`},
	{"POST /u", `{"role":"user","n":5}`},
	{"POST /u\nContent-Type: application/JSON", `{"role":"user"}`},
	{"POST /u\nContent-Type: application/json; charset=utf-8", `{"role":"user"}`},
	{"GET /u?limit=5"},
}

const libraryAPI = `openapi: %s
info: {title: Users, version: "1"}
servers: [{url: https://api.example.com}]
paths:
  /u:
    get:
      operationId: list
      parameters: [{name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}]
      responses: {"200": {description: ok, content: {application/json: {schema: {type: object, properties: {id: {type: string}}}}}}}
    post:
      operationId: create
      requestBody:
        required: true
        content:
          application/json:
            schema: {type: object, required: [role], properties: {id: {type: string, readOnly: true}, role: {type: string, enum: [user]}, n: {type: number, minimum: 0, maximum: 10}}}
      responses: {"200": {description: ok, content: {application/json: {schema: {type: object, properties: {id: {type: string}}}}}}}
`

// caseFile writes one row as a case for the runner.
func caseFile(version, name, request, body, want string, reached bool) string {
	line, fields, _ := strings.Cut(request, "\n")
	method, target, _ := strings.Cut(line, " ")
	head := method + " " + target + " HTTP/1.1\nHost: api.example.com\n"
	switch {
	case fields == "Content-Type:": // none at all
	case fields != "":
		head += fields + "\n"
	case body != "":
		head += "Content-Type: application/json\n"
	}
	return fmt.Sprintf("%s\n-- config.yaml --\nroles: {user: [list, create]}\n-- openapi.yaml --\n"+libraryAPI+
		"-- principal --\n{id: alice, tenant: t1, roles: [user]}\n-- upstream --\nHTTP/1.1 200 OK\nContent-Type: application/json\n\n{\"id\":\"1\"}\n-- request --\n%s\n%s\n-- want --\n%s reached=%v\n",
		name, version, head, body, want, reached)
}

// Every row of VALIDATION.md section 3.3 is refused through the whole gateway,
// under OpenAPI 3.0 and 3.1, and what stands next to it comes in.
func TestWhatAWidespreadLibraryLetsThroughIsRefused(t *testing.T) {
	refused := 0
	for _, version := range []string{"3.0.3", "3.1.0"} {
		dir := t.TempDir()
		write := func(name, text string) {
			if err := os.WriteFile(filepath.Join(dir, name+".txtar"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, row := range library {
			write(strings.ReplaceAll(row.name, " ", "_"), caseFile(version, row.name, row.request, row.body, row.want, false))
			refused++
		}
		for i, h := range honest {
			write(fmt.Sprintf("honest_%d", i), caseFile(version, "an honest request", h[0], h[1], "200 -", true))
		}
		t.Run(version, func(t *testing.T) {
			if n := casetest.RunFolder(t, dir, all.Kinds...); n != len(library)+len(honest) {
				t.Errorf("%d cases ran, want %d", n, len(library)+len(honest))
			}
		})
	}
	t.Logf("figure rows of kin-openapi's gaps refused %d/%d", refused, 2*len(library))
}

// branching is a schema whose branches recurse into the same member: libraries
// take two tries for each level of the instance (VALIDATION.md section 3.4).
const branching = `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/a":{"post":{"operationId":"a","requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Tree"}}}},"responses":{"200":{"description":"ok"}}}}},
"components":{"schemas":{"Tree":{"anyOf":[{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/components/schemas/Tree"}}},{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/components/schemas/Tree"}}},{"type":"null"}]}}}}`

// input.size, VALIDATION.md section 3.4: a body of a hundred bytes costs no more
// than its length.
func TestBranchesThatRecurseCostNoMoreThanTheirLength(t *testing.T) {
	d, err := openapi.Parse("branching.json", []byte(branching))
	if err != nil {
		t.Fatal(err)
	}
	s := d.Operation("a").RequestBody.Content[0].Schema
	for leaf, valid := range map[string]bool{"null": true, "1": false} {
		for _, depth := range []int{8, 14, 20, 60} {
			body := []byte(strings.Repeat(`{"a":`, depth) + leaf + strings.Repeat("}", depth))
			best := time.Hour
			for range 20 {
				began := time.Now()
				accepted := s.Accepts(body, jsonwalk.Limits{}, openapi.Options{})
				if !accepted { // what a refusal costs includes its reason
					var doc jsonwalk.Doc
					if err := doc.Parse(body, jsonwalk.Limits{}); err != nil {
						t.Fatal(err)
					}
					s.Validate(&doc, openapi.Options{})
				}
				best = min(best, time.Since(began))
				if accepted != valid {
					t.Fatalf("depth %d ending in %s: %v", depth, leaf, accepted)
				}
			}
			t.Logf("figure anyOf of depth %d ending in %s %d/1000 us", depth, leaf, best.Microseconds())
			if best > time.Millisecond && !race.Enabled {
				t.Errorf("depth %d: %v", depth, best)
			}
		}
	}
}
