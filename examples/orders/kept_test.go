package orders

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/sdk/identity"
)

// asKnown asks the kept variant as the middleware lets somebody in, whatever the request
// itself says.
func asKnown(t *testing.T, a *API, who, tenant, method, target, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("X-User-Id", "bob") // who the API believes it is
	r.Header.Set("X-Tenant-Id", "acme")
	if who != "" {
		r = r.WithContext(identity.With(r.Context(), identity.Identity{Kind: identity.User, Subject: who, Tenant: tenant}))
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestTheRowsHoldWhateverTheApplicationGetsWrong(t *testing.T) {
	a, err := OpenKept(t.Context(), filepath.Join(t.TempDir(), "kept.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	for _, target := range []string{
		"/v1/orders/ord-2001", "/v1/orders?customer_id=bob", "/v1/orders", "/v1/search?q=ring", "/v1/search?q=%27%20OR%201%3D1%20--", "/v0/orders", "/v1/admin/users", "/v1/internal/export",
		"/v1/search?q=%27%20UNION%20SELECT%20id,tenant_id,email,name,1,password,role,0,id,1,password_hash%20FROM%20users%20--",
	} {
		for who, tenant := range map[string]string{"alice": "acme", "mallory": "globex", "": ""} {
			_, body := asKnown(t, a, who, tenant, http.MethodGet, target, "")
			for _, foreign := range []string{"engagement ring", "back door", "violin", "correct horse", "bob@acme"} {
				if strings.Contains(body, foreign) {
					t.Errorf("%q read %s: %s", who, target, body)
				}
			}
		}
	}
	for _, c := range [][3]string{{"DELETE", "/v1/orders/ord-2001", ""}, {"PATCH", "/v1/orders/ord-2001", `{"note": "mine"}`}, {"PATCH", "/v1/me", `{"name": "Eve"}`}, {"DELETE", "/v1/admin/users/bob", ""}} {
		asKnown(t, a, "alice", "acme", c[0], c[1], c[2])
	}
	if o, _ := a.Order("ord-2001"); o.Note != "do not tell Carol" {
		t.Errorf("Bob's order is %+v", o)
	}
	if u, _ := a.User("bob"); u.Name != "Bob Baker" {
		t.Errorf("Bob is %+v", u)
	}
	if code, body := asKnown(t, a, "bob", "acme", "GET", "/v1/orders/ord-2001", ""); code != 200 || !strings.Contains(body, "engagement ring") {
		t.Errorf("Bob reads his own order: %d %s", code, body)
	}
	if code, body := asKnown(t, a, "bob", "acme", "PATCH", "/v1/orders/ord-2001", `{"note": "mine"}`); code != 200 || !strings.Contains(body, "mine") {
		t.Errorf("Bob changes his own order: %d %s", code, body)
	}
	if code, body := asKnown(t, a, "alice", "acme", "POST", "/v1/orders", `{"item": "tea", "quantity": 1, "customer_id": "bob"}`); code != 201 {
		t.Errorf("Alice places an order: %d %s", code, body)
	}
	if found, err := find(t.Context(), a.raw, "item = 'tea' AND customer_id = 'bob'"); err != nil || len(found) != 0 {
		t.Errorf("an order in Bob's name: %+v %v", found, err)
	}
}
