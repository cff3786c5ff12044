package adminapi

import (
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/idp/people"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/password"
	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

const issuer = "https://login.example.com"

// house is the API without the gateway in front of it: what reaches it then is what an
// attacker sends who got behind.
type house struct {
	*testing.T
	server *Server
	signer *jose.Signer
}

func newHouse(t *testing.T) *house {
	t.Helper()
	s, err := sqlite.OpenStore(t.Context(), filepath.Join(t.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	h := &house{T: t}
	if h.signer, err = jose.GenerateSigner(); err != nil {
		t.Fatal(err)
	}
	set, err := jose.ParseSet(h.signer.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	desk := &operator.Desk{
		Store: s, Now: time.Now, Audit: quiet,
		Accounts: &people.Accounts{Store: s, Issuer: issuer, Hasher: password.NewHasher(), Now: time.Now},
	}
	if h.server, err = New(Options{Desk: desk, Issuer: issuer, Identity: set, Seal: make([]byte, 32), Log: quiet}); err != nil {
		t.Fatal(err)
	}
	return h
}

// statement is what the gateway says of an operator, changed.
func (h *house) statement(by *jose.Signer, typ string, change map[string]any) string {
	h.Helper()
	now := time.Now().Unix()
	claims := map[string]any{
		"iat": now, "exp": now + 60, "iss": "gatehouse", "aud": Name, "sub": "ops", "sub_iss": issuer, "client_id": "ops",
		"scope": "admin:users:read", "roles": []string{"gatehouse-admin"},
	}
	maps.Copy(claims, change)
	text, err := json.Marshal(claims)
	if err != nil {
		h.Fatal(err)
	}
	token, err := by.Sign(typ, text)
	if err != nil {
		h.Fatal(err)
	}
	return token
}

func (h *house) get(path string, statements ...string) (int, string) {
	h.Helper()
	r := httptest.NewRequestWithContext(h.Context(), http.MethodGet, path, nil)
	for _, s := range statements {
		r.Header.Add("Gatehouse-Identity", s)
	}
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	b, err := io.ReadAll(w.Body)
	if err != nil {
		h.Fatal(err)
	}
	return w.Code, string(b)
}

// TestNothingIsBelievedForHavingComeThrough sends statements that the gateway did not
// make, or not for this: authn.internal-too.
func TestNothingIsBelievedForHavingComeThrough(t *testing.T) {
	h := newHouse(t)
	const typ = "gatehouse-identity+jwt"
	good := h.statement(h.signer, typ, nil)
	if status, body := h.get("/v1/users", good); status != 200 || body != `{"users":[]}` {
		t.Fatalf("%d %s", status, body)
	}
	other, err := jose.GenerateSigner()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	for what, statements := range map[string][]string{
		"none":                    nil,
		"two":                     {good, good},
		"no token":                {"ops"},
		"a cut signature":         {good[:len(good)-4]},
		"another key":             {h.statement(other, typ, nil)},
		"another kind of token":   {h.statement(h.signer, "at+jwt", nil)},
		"another gateway":         {h.statement(h.signer, typ, map[string]any{"iss": "elsewhere"})},
		"another API":             {h.statement(h.signer, typ, map[string]any{"aud": "orders"})},
		"another issuer":          {h.statement(h.signer, typ, map[string]any{"sub_iss": "https://evil.example"})},
		"nobody":                  {h.statement(h.signer, typ, map[string]any{"sub": ""})},
		"over":                    {h.statement(h.signer, typ, map[string]any{"iat": now - 120, "exp": now - 60})},
		"not yet":                 {h.statement(h.signer, typ, map[string]any{"iat": now + 60, "exp": now + 120})},
		"without an end":          {h.statement(h.signer, typ, map[string]any{"exp": nil})},
		"without the scope":       {h.statement(h.signer, typ, map[string]any{"scope": "admin:users:write admin:users:readx"})},
		"without a role":          {h.statement(h.signer, typ, map[string]any{"roles": []string{"gatehouse-admins"}})},
		"a tenant without a name": {h.statement(h.signer, typ, map[string]any{"roles": []string{"tenant-admin"}})},
	} {
		if status, body := h.get("/v1/users", statements...); status != 403 || strings.Contains(body, "users") {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	tenant := h.statement(h.signer, typ, map[string]any{"roles": []string{"tenant-admin"}, "tenant": "t1", "scope": "admin:clients:read admin:users:read"})
	if status, body := h.get("/v1/clients", tenant); status != 403 {
		t.Errorf("%d %s", status, body)
	}
	if status, body := h.get("/v1/users", tenant); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

// TestTheDescriptionAndTheTableAgree compares what is promised with what is served.
func TestTheDescriptionAndTheTableAgree(t *testing.T) {
	doc, err := openapi.Parse("description.yaml", Description())
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]endpoint{}
	for _, e := range endpoints() {
		served[e.id] = e
	}
	if len(doc.Operations) != len(served) || len(served) < 25 {
		t.Fatalf("%d operations are described, %d served", len(doc.Operations), len(served))
	}
	for _, op := range doc.Operations {
		e := served[op.ID()]
		if e.pattern != op.Method()+" "+op.Template() {
			t.Errorf("%s is described as %s %s and served as %s", op.ID(), op.Method(), op.Template(), e.pattern)
		}
		var scopes []string
		for _, requirement := range op.Security {
			for _, scheme := range requirement {
				scopes = append(scopes, scheme.Scopes...)
			}
		}
		if !slices.Equal(scopes, []string{e.scope}) {
			t.Errorf("%s asks for %v and for %s", op.ID(), scopes, e.scope)
		}
		if write := op.Method() != http.MethodGet; write != strings.HasSuffix(e.scope, ":write") {
			t.Errorf("%s %s by %s", op.Method(), op.Template(), e.scope)
		}
	}
}

// TestEveryChangeOfACursorIsRefused turns every bit of one: R49.
func TestEveryChangeOfACursorIsRefused(t *testing.T) {
	h := newHouse(t)
	ask := func(cursor string, by operator.By) (string, error) {
		c := &call{Server: h.server, r: httptest.NewRequest(http.MethodGet, "/v1/users?cursor="+cursor, nil), by: by}
		return c.after("users", "t1")
	}
	by := operator.By{Name: "ops", Reach: operator.Everywhere()}
	issued := (&call{Server: h.server, by: by}).next("users", "t1", "alice@example.com")
	if position, err := ask(issued, by); err != nil || position != "alice@example.com" {
		t.Fatalf("%q, %v", position, err)
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range issued {
		for _, d := range []byte(digits) {
			if changed := issued[:i] + string(d) + issued[i+1:]; changed != issued {
				if position, err := ask(changed, by); err == nil {
					t.Fatalf("%s goes on after %q", changed, position)
				}
			}
		}
	}
	for what, other := range map[string]operator.By{
		"another caller": {Name: "other", Reach: operator.Everywhere()}, "another reach": {Name: "ops", Reach: operator.Within("t1")},
	} {
		if _, err := ask(issued, other); err == nil {
			t.Errorf("%s uses it", what)
		}
	}
}
