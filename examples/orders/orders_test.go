package orders

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

func open(t *testing.T) *API {
	t.Helper()
	a, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func bearer(sub string) string {
	return "Bearer e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"`+sub+`","tenant_id":"acme"}`)) + ".x"
}

func ask(t *testing.T, a *API, method, target, body string, fields ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b)
}

func TestTheDescriptionLoads(t *testing.T) {
	d, err := openapi.Parse("orders.openapi.yaml", []byte(Description()))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Operations) != 13 {
		t.Errorf("%d operations, want 13", len(d.Operations))
	}
}

func TestTheListIsPaged(t *testing.T) {
	a := open(t)
	var ids []string
	for cursor := ""; ; {
		_, body := ask(t, a, "GET", "/v1/orders?limit=50&cursor="+cursor, "", "Authorization", bearer("alice"))
		var p page
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Fatal(err)
		}
		for _, o := range p.Items {
			ids = append(ids, o.ID)
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if len(ids) != AlicesOrders {
		t.Errorf("%d orders, want %d", len(ids), AlicesOrders)
	}
}

func TestPathsAreRepairedUntilTheyNameSomething(t *testing.T) {
	for target, want := range map[string]string{
		"/v1/admin/users": "/v1/admin/users", "//v1/admin/users": "/v1/admin/users", "/v1/status/..;/admin/users": "/v1/admin/users",
		"/v1/status/%2e%2e/admin/users": "/v1/admin/users", "/v1/status/..%2fadmin/users": "/v1/admin/users", "/v1/%2561dmin/users?x=1": "/v1/admin/users",
		`/v1\admin\users`: "/v1/admin/users", "https://other.test/v1/status": "/v1/status",
	} {
		if got := clean(target); got != want {
			t.Errorf("%s became %s, want %s", target, got, want)
		}
	}
}

func TestResetBringsEverythingBack(t *testing.T) {
	a := open(t)
	if code, _ := ask(t, a, "DELETE", "/v1/orders/ord-2001", ""); code != http.StatusNoContent {
		t.Fatal(code)
	}
	if _, ok := a.Order("ord-2001"); ok || len(a.Seen()) != 1 {
		t.Fatal("the order is still there, or nothing was seen")
	}
	if err := a.Reset(); err != nil {
		t.Fatal(err)
	}
	if _, ok := a.Order("ord-2001"); !ok || len(a.Seen()) != 0 {
		t.Error("the order did not come back, or what was seen did not go")
	}
}

func TestErrorsTellEverything(t *testing.T) {
	code, body := ask(t, open(t), "GET", "/v1/search?q='", "", "Authorization", bearer("alice"))
	for _, part := range []string{"SELECT", "goroutine", "handle.go"} {
		if code != http.StatusInternalServerError || !strings.Contains(body, part) {
			t.Errorf("%d without %q: %s", code, part, body)
		}
	}
}

func TestANoteOfTenMegabytesIsTaken(t *testing.T) {
	body, err := json.Marshal(map[string]any{"item": "tea", "quantity": 1, "note": string(bytes.Repeat([]byte("a"), 10<<20))})
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := ask(t, open(t), "POST", "/v1/orders", string(body), "Authorization", bearer("alice")); code != http.StatusCreated {
		t.Error(code)
	}
}
