package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/internal/learned"
)

// thingsDescription has two kinds of objects whose ids are called alike, and one below
// its owner.
const thingsDescription = `openapi: 3.1.0
info: {title: Things, version: "1"}
components:
  schemas:
    Thing: {type: object, required: [id, owner_id, tenant_id], properties: {id: {type: string}, owner_id: {type: string}, tenant_id: {type: string}}}
  parameters:
    id: {name: id, in: path, required: true, schema: {type: string, maxLength: 36}}
    user: {name: userId, in: path, required: true, schema: {type: string, maxLength: 36}}
  responses:
    Thing: {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}
    Things: {description: ok, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Thing"}}}}}
    Names: {description: ok, content: {application/json: {schema: {type: array, items: {type: object, properties: {id: {type: string}}}}}}}
paths:
  /boxes:
    get: {operationId: listBoxes, responses: {"200": {$ref: "#/components/responses/Names"}}}
  /boxes/{id}:
    parameters: [{$ref: "#/components/parameters/id"}]
    get: {operationId: getBox, responses: {"200": {$ref: "#/components/responses/Thing"}}}
    patch: {operationId: updateBox, requestBody: {content: {application/json: {schema: {type: object}}}}, responses: {"200": {$ref: "#/components/responses/Thing"}}}
    delete: {operationId: deleteBox, responses: {"204": {description: gone}}}
  /cups:
    get: {operationId: listCups, responses: {"200": {$ref: "#/components/responses/Things"}}}
  /cups/{id}:
    parameters: [{$ref: "#/components/parameters/id"}]
    get: {operationId: getCup, responses: {"200": {$ref: "#/components/responses/Thing"}}}
  /users/{userId}/hats:
    parameters: [{$ref: "#/components/parameters/user"}]
    get: {operationId: listHats, responses: {"200": {$ref: "#/components/responses/Things"}}}
  /users/{userId}/hats/{hatId}:
    parameters: [{$ref: "#/components/parameters/user"}, {name: hatId, in: path, required: true, schema: {type: string, maxLength: 36}}]
    get: {operationId: getHat, responses: {"200": {$ref: "#/components/responses/Thing"}}}
`

const thingsConfig = `environment: development
state: state
apis:
  things:
    openapi: things.openapi.yaml
    upstream: http://127.0.0.1:9000
    issuer: https://login.example.com
    audience: https://things.example.com
    roles: {authenticated: [listBoxes, listCups]}
`

// learnedThings is what could be learned of them.
func learnedThings() learned.Report {
	fit := func(place, value, operation string) learned.Fit {
		return learned.Fit{Place: place, Value: value, Operation: operation, Held: 40, Of: 40, Objects: 20, Callers: 5}
	}
	seen := func(action, operation string, roles ...string) learned.Seen {
		return learned.Seen{Operation: operation, Action: action, Waived: action != "list" || operation == "listHats", Roles: roles, Requests: 40}
	}
	box := fit("response.owner_id", "id", "getBox")
	box.Lists, box.Deletes = []string{"listBoxes"}, true
	box.Exceptions = []learned.Exception{{Role: "help desk", Actions: []string{"read", "update"}, Replies: 31, Callers: 2}}
	echo := fit("response.id", "id", "getBox")
	return learned.Report{Kinds: []learned.Findings{
		{API: "things", ID: "path.id", Base: "/boxes/{id}", Shared: true, Owners: []learned.Fit{echo, box},
			Operations: []learned.Seen{seen("read", "getBox", "staff"), seen("update", "updateBox"), seen("delete", "deleteBox"), seen("list", "listBoxes")}},
		{API: "things", ID: "path.id", Base: "/cups/{id}", Shared: true, Tenants: []learned.Fit{fit("response.tenant_id", "tenant", "getCup")},
			Operations: []learned.Seen{seen("read", "getCup"), seen("list", "listCups")}},
		{API: "things", ID: "path.hatId", Base: "/users/{userId}/hats/{hatId}", Owners: []learned.Fit{fit("path.userId", "id", "getHat")},
			Operations: []learned.Seen{seen("read", "getHat"), seen("list", "listHats")}},
		{API: "elsewhere", ID: "path.id", Base: "/x/{id}"},
	}}
}

// authz.object: whatever is suggested loads when it is pasted, names that are used
// twice, lists without owners and owners in the path included.
func TestEverySuggestionLoadsWhenItIsPasted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gatehouse.yaml")
	until := time.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	waivers := "    no_object:\n"
	for _, id := range []string{"getBox", "updateBox", "deleteBox", "getCup", "listHats", "getHat"} {
		waivers += "      " + id + `: {because: "nobody has said yet whose", owner: "a: b@example.com", until: ` + until + "}\n"
	}
	write("things.openapi.yaml", thingsDescription)
	write("gatehouse.yaml", thingsConfig+waivers)
	f, err := load(path, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := suggestion(learnedThings(), f)
	for _, want := range []string{
		"      box:\n", "owner: response.owner_id\n", "operations:\n          read: [getBox]\n          update: [updateBox]\n          delete: [deleteBox]\n          list: []\n",
		"owner: [read, update, delete]", `"role:help desk": [read, update]`, "the member id was the caller's sub: 20 objects of 5 callers as well, and may be meant instead",
		"# roles.staff names getBox: whoever has the role reaches what is others' all the same.", "      cup:\n", "tenant: response.tenant_id\n", "owner: path.userId\n", "# The caller writes the path", "    no_object: {}\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	var pasted struct {
		APIs map[string]map[string]yaml.Node `yaml:"apis"`
	}
	if err := yaml.Unmarshal([]byte(text), &pasted); err != nil || len(pasted.APIs) != 1 {
		t.Fatalf("%v\n%s", err, text)
	}
	block, err := yaml.Marshal(pasted.APIs["things"])
	if err != nil {
		t.Fatal(err)
	}
	indented := "    " + strings.TrimSuffix(strings.ReplaceAll(string(block), "\n", "\n    "), "    ")
	write("gatehouse.yaml", thingsConfig+indented)
	var out, errs bytes.Buffer
	if code := run([]string{"check", "--config", path}, &out, &errs); code != 0 {
		t.Errorf("pasted, it does not load: %s%s\n%s", out.String(), errs.String(), indented)
	}
	if code := run([]string{"owners", "suggest", "--config", path}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "no gateway is running") {
		t.Errorf("without a gateway: %d, %s", code, errs.String())
	}
}
