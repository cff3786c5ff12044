package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
)

// policied writes a configuration with objects and a folder of policies, and
// returns its path.
func policied(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{
		"gatehouse.yaml": `environment: development
apis:
  orders:
    openapi: orders.openapi.yaml
    upstream: http://127.0.0.1:9000
    audience: https://api.example.com/orders
    issuer: https://login.example.com
    policies: policies/
    relations: relations.fga
    principal: {region: optional String}
    time_zone: Europe/Berlin
    roles: {support: [getOrder, listOrders], user: [getStatus]}
    objects:
      order:
        id: path.orderId
        owner: response.customer_id
        tenant: response.tenant_id
        allow: {owner: [read, update], "relation:editor": [update]}
        on_deny: 404
`,
		"orders.openapi.yaml": `openapi: 3.1.0
info: {title: Orders, version: "1"}
components:
  schemas:
    Order:
      type: object
      required: [id, customer_id, tenant_id]
      properties:
        id: {type: string, maxLength: 36}
        customer_id: {type: string, maxLength: 36}
        tenant_id: {type: string, maxLength: 36}
        region: {type: string, maxLength: 8}
paths:
  /v1/orders:
    get: {operationId: listOrders, responses: {"200": {description: ok, content: {application/json: {schema: {type: array, maxItems: 100, items: {$ref: "#/components/schemas/Order"}}}}}}}
  /v1/orders/{orderId}:
    parameters: [{name: orderId, in: path, required: true, schema: {type: string, maxLength: 36}}]
    get: {operationId: getOrder, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
    put:
      operationId: updateOrder
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
      responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}
  /v1/status:
    get: {operationId: getStatus, responses: {"204": {description: ok}}}
`,
		"relations.fga": "model\n  schema 1.1\ntype user\ntype order\n  relations\n    define editor: [user]\n",
		"policies/eu.cedar": `@id("eu-hours") @reason("EU data in business hours")
permit(principal is User, action in Action::"order.read", resource is Order)
when { principal has region && principal.region == "EU" && resource has region && resource.region == "EU" && context.local.hour >= 9 && context.local.hour < 17 };
`,
	}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "gatehouse.yaml")
}

// askPolicy runs the verb and returns what it wrote and its exit code.
func askPolicy(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = runPolicy(args, &out, &errs)
	return out.String(), errs.String(), code
}

func TestWhatAnObjectsRulesCompileToIsShown(t *testing.T) {
	path := policied(t, nil)
	out, errs, code := askPolicy(t, "show", "order", "--config", path)
	for _, want := range []string{`@id("orders.order.allow.owner")`, `@id("orders.order.tenant")`, "context.rel.editor == true", `@id("eu-hours")`, "eu.cedar"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s%s", want, out, errs)
		}
	}
	if code != 0 || strings.Contains(out, "entity ") || strings.Contains(out, "getStatus") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if out, _, _ := askPolicy(t, "show", "--schema", "--config", path); !strings.Contains(out, "entity Order = {") || !strings.Contains(out, "region?: String, // token.region") {
		t.Errorf("the schema:\n%s", out)
	}
	if _, errs, code := askPolicy(t, "show", "ordre", "--config", path); code != 1 || !strings.Contains(errs, `there is no object "ordre"; one of: order`) {
		t.Errorf("%d: %s", code, errs)
	}
}

func TestAnApplicationEmbedsWhatTheGatewayDecidesBy(t *testing.T) {
	path := policied(t, nil)
	file := filepath.Join(t.TempDir(), "policy.json")
	if out, errs, code := askPolicy(t, "export", "orders", "-o", file, "--config", path); code != 0 || !strings.Contains(out, "the policy of orders") {
		t.Fatalf("%d: %s%s", code, out, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Read(text)
	if err != nil || b.Set().Policy("eu-hours") == nil || b.Zone != "Europe/Berlin" {
		t.Errorf("%v, %+v", err, b)
	}
	if _, errs, code := askPolicy(t, "export", "billing", "-o", file, "--config", path); code != 1 || !strings.Contains(errs, "one of: orders") {
		t.Errorf("%d: %s", code, errs)
	}
	if _, errs, code := askPolicy(t, "export", "--config", path); code != 2 || !strings.Contains(errs, "gatehouse policy export orders -o policy.json") {
		t.Errorf("%d: %s", code, errs)
	}
}

// authz.abac: a policy that does not fit is refused before anything serves it.
func TestCheckNamesTheFaultsOfPolicies(t *testing.T) {
	path := policied(t, map[string]string{"policies/bad.cedar": "// one\n@id(\"bad\")\npermit(principal, action == Action::\"order.raed\", resource is Order);\n"})
	var out, errs bytes.Buffer
	if code := runCheck([]string{"--config", path}, &out, &errs); code != 1 || !strings.Contains(out.String(), "bad.cedar:2:1: apis.orders.policies: policy bad: ") || !strings.Contains(out.String(), "raed") {
		t.Errorf("%d: %s%s", code, out.String(), errs.String())
	}
}
