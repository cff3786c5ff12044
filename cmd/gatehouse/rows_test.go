package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/sdk/identity"
	"github.com/gatehouse-api/gatehouse/sdk/rows"
)

const filteredConfig = `listen: {address: %q}
admin: {address: %q}
environment: development
state: state
apis:
  orders:
    openapi: orders.openapi.yaml
    upstream: %s
    audience: https://api.example.com/orders
    issuer: %s
    policies: policies/
    principal: {region: optional String}
    roles: {user: ["list*"]}
    objects:
      order:
        id: path.orderId
        owner: response.customer_id
        tenant: response.tenant_id
        operations: {read: [getOrder], list: [listOrders]}
        table: {name: orders, tenant: tenant_id, owner: customer_id}
`

const filteredOrders = `openapi: 3.1.0
info: {title: Orders, version: "1"}
servers: [{url: "http://%s"}]
components:
  schemas:
    Order:
      type: object
      required: [id, customer_id, tenant_id]
      properties: {id: {type: string, maxLength: 36}, customer_id: {type: string, maxLength: 36}, tenant_id: {type: string, maxLength: 36}, region: {type: [string, "null"], maxLength: 8}}
paths:
  /v1/orders:
    get: {operationId: listOrders, responses: {"200": {description: ok, content: {application/json: {schema: {type: array, maxItems: 100, items: {$ref: "#/components/schemas/Order"}}}}}}}
  /v1/orders/{orderId}:
    parameters: [{name: orderId, in: path, required: true, schema: {type: string, maxLength: 36}}]
    get: {operationId: getOrder, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
`

// listing is an application that lists what its database has, filtered or not.
func listing(t *testing.T, policy *rows.Policy) http.Handler {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "orders.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, s := range []string{`CREATE TABLE orders (id text PRIMARY KEY, customer_id text NOT NULL, tenant_id text NOT NULL, region text) STRICT`,
		`INSERT INTO orders VALUES ('o1', 'alice', 'acme', NULL), ('o2', 'bob', 'acme', 'EU'), ('o3', 'bob', 'acme', 'US'), ('o4', 'alice', 'evil', 'EU'), ('o5', 'alice', 'acme', 'US')`} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := policy.Verify(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		predicate, args, err := policy.Where(r.Context(), "order", "list")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		found, err := db.QueryContext(r.Context(), "SELECT id, customer_id, tenant_id, region FROM orders WHERE "+predicate+" ORDER BY id", args...)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer found.Close()
		list := []map[string]*string{}
		for found.Next() {
			var id, customer, tenant, region *string
			if err := found.Scan(&id, &customer, &tenant, &region); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			list = append(list, map[string]*string{"id": id, "customer_id": customer, "tenant_id": tenant, "region": region})
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list)
	})
}

// authz.data-layer, authz.abac: one configuration decides at the gate and in the
// application's SQL, by the caller that the gateway has proven, the claims of the token
// included.
func TestTheApplicationsRowsAreFilteredByTheGatewaysPolicies(t *testing.T) {
	dir, err := os.MkdirTemp("", "gh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	issuer, stop, err := devissuer.Start("https://api.example.com/orders")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	b := &behind{T: t, dir: dir, address: casetest.FreeAddress(t), admin: casetest.FreeAddress(t), issuer: issuer}
	server := httptest.NewUnstartedServer(nil)
	if err := os.Mkdir(filepath.Join(dir, "policies"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"gatehouse.yaml":      fmt.Sprintf(filteredConfig, b.address, b.admin, "http://"+server.Listener.Addr().String(), issuer.URL),
		"orders.openapi.yaml": fmt.Sprintf(filteredOrders, b.address),
		"policies/region.cedar": `@id("own-region") permit(principal, action in Action::"order.read", resource is Order)
when { principal has region && resource has region && resource.region == principal.region };`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "orders.bundle.json")
	var out, errs bytes.Buffer
	if code := run([]string{"policy", "export", "orders", "-o", path, "--config", filepath.Join(dir, "gatehouse.yaml")}, &out, &errs); code != 0 {
		t.Fatalf("%d %s", code, errs.String())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := rows.Open(text, rows.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	who, err := identity.New(identity.Config{Keys: "http://" + b.admin + "/.well-known/jwks.json", Audience: "orders", Log: slog.New(slog.NewTextHandler(&b.refused, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(who.Close)
	server.Config.Handler = who.Middleware(listing(t, policy))
	server.Start()
	t.Cleanup(server.Close)
	b.start()
	t.Cleanup(b.stop)
	for _, c := range []struct {
		subject, tenant, region string
		want                    string
	}{
		{"alice", "acme", ``, "[o1 o5]"},
		{"alice", "acme", `"EU"`, "[o1 o2 o5]"},
		{"bob", "acme", `"US"`, "[o2 o3 o5]"},
		{"eve", "acme", ``, "[]"},
		{"eve", "acme", `"EU"`, "[o2]"},
		{"alice", "evil", `"EU"`, "[o4]"},
		{"eve", "other", `"EU"`, "[]"},
	} {
		claims := devissuer.Claims{Subject: c.subject, Tenant: c.tenant, Roles: []string{"user"}}
		if c.region != "" {
			claims.Set = map[string]string{"region": c.region}
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.address+"/v1/orders", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+issuer.Mint(claims))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		var list []struct{ ID string }
		_ = json.Unmarshal(body, &list)
		ids := []string{}
		for _, o := range list {
			ids = append(ids, o.ID)
		}
		if res.StatusCode != 200 || fmt.Sprint(ids) != c.want {
			t.Errorf("%s of %s, region %s: %d %s, want %s\n%s", c.subject, c.tenant, c.region, res.StatusCode, body, c.want, b.refused.String())
		}
	}
}
