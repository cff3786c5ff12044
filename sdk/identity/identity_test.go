package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/jose"
)

var start = time.Unix(1_790_000_000, 0)

// gate signs statements as a gateway does.
type gate struct {
	t      *testing.T
	signer *jose.Signer
}

func newGate(t *testing.T) *gate {
	t.Helper()
	s, err := jose.GenerateSigner()
	if err != nil {
		t.Fatal(err)
	}
	return &gate{t, s}
}

// claims of a good statement, with changes; a nil value takes the claim away.
func claims(changes map[string]any) []byte {
	c := map[string]any{
		"iat": start.Unix(), "exp": start.Unix() + 60, "iss": "gatehouse", "aud": "orders", "sub": "alice", "sub_iss": "https://login.example.com",
		"sub_kind": "user", "tenant": "acme", "client_id": "shop", "scope": "orders:read orders:write", "roles": []string{"user", "support"},
		"claims": map[string]any{"region": "EU", "level": 7},
	}
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return b
}

func (g *gate) sign(changes map[string]any) string {
	g.t.Helper()
	s, err := g.signer.Sign(typ, claims(changes))
	if err != nil {
		g.t.Fatal(err)
	}
	return s
}

// keys writes the public keys of gateways into a file.
func keys(t *testing.T, path string, gates ...*gate) string {
	t.Helper()
	var all struct {
		Keys []json.RawMessage `json:"keys"`
	}
	for _, g := range gates {
		var one struct {
			Keys []json.RawMessage `json:"keys"`
		}
		if err := json.Unmarshal(g.signer.JWKS(), &one); err != nil {
			t.Fatal(err)
		}
		all.Keys = append(all.Keys, one.Keys...)
	}
	b, err := json.Marshal(all)
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func verifier(t *testing.T, source string) *Verifier {
	t.Helper()
	v, err := New(Config{Keys: source, Audience: "orders", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	v.now = func() time.Time { return start }
	return v
}

func fromFile(t *testing.T, gates ...*gate) *Verifier {
	t.Helper()
	return verifier(t, "file:"+keys(t, filepath.Join(t.TempDir(), "jwks.json"), gates...))
}

// ask sends a request with these statements through the middleware.
func ask(v *Verifier, statements ...string) (*http.Response, *Identity) {
	var seen *Identity
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/v1/orders", nil)
	r.Header["Gatehouse-Identity"] = statements
	v.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		i, ok := From(r.Context())
		if ok {
			seen = &i
		}
	})).ServeHTTP(w, r)
	return w.Result(), seen
}

func TestTheHandlerLearnsWhoAsks(t *testing.T) {
	g := newGate(t)
	v := fromFile(t, g)
	for range 2 { // verified, and from the cache
		response, i := ask(v, g.sign(nil))
		if response.StatusCode != 200 || i == nil {
			t.Fatal(response.StatusCode, i)
		}
		want := `{user alice https://login.example.com acme shop [user support] [orders:read orders:write] map[level:7 region:"EU"] ` + start.Add(time.Minute).String() + "}"
		if got := fmt.Sprint(*i); got != want {
			t.Errorf("%s\n%s", got, want)
		}
		if region, ok := i.Claim("region"); !ok || region != `"EU"` {
			t.Error("the claim is", region)
		}
		if _, ok := i.Claim("sub"); ok {
			t.Error("a claim of the statement's own is taken for the token's")
		}
		if !i.HasRole("support") || i.HasRole("admin") || !i.HasScope("orders:read") || i.HasScope("orders") {
			t.Error("roles or scopes are read wrongly")
		}
	}
}

// authn.internal-too: what does not come from the gateway is not believed.
func TestWithoutAGoodStatementTheHandlerIsNotReached(t *testing.T) {
	g, stranger := newGate(t), newGate(t)
	v := fromFile(t, g)
	other, err := g.signer.Sign("at+jwt", claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	good := g.sign(nil)
	half := strings.Split(good, ".")
	for what, statements := range map[string][]string{
		"none":                    {},
		"empty":                   {""},
		"two":                     {good, good},
		"text":                    {"alice"},
		"another's signature":     {stranger.sign(nil)},
		"another kind of token":   {other},
		"claims of another":       {half[0] + "." + strings.Split(g.sign(map[string]any{"sub": "bob"}), ".")[1] + "." + half[2]},
		"no signature":            {half[0] + "." + half[1] + "."},
		"alg none":                {"eyJhbGciOiJub25lIn0." + half[1] + "."},
		"for another application": {g.sign(map[string]any{"aud": "payments"})},
		"for several":             {g.sign(map[string]any{"aud": []string{"orders", "payments"}})},
		"for nobody":              {g.sign(map[string]any{"aud": nil})},
		"from another issuer":     {g.sign(map[string]any{"iss": "https://login.example.com"})},
		"expired":                 {g.sign(map[string]any{"iat": start.Unix() - 60, "exp": start.Unix()})},
		"without an end":          {g.sign(map[string]any{"exp": nil})},
		"without a beginning":     {g.sign(map[string]any{"iat": nil})},
		"from the future":         {g.sign(map[string]any{"iat": start.Unix() + 31, "exp": start.Unix() + 91})},
		"for a year":              {g.sign(map[string]any{"exp": start.Unix() + 31_536_000})},
		"about nobody":            {g.sign(map[string]any{"sub": ""})},
		"of no kind":              {g.sign(map[string]any{"sub_kind": "root"})},
		"roles as a text":         {g.sign(map[string]any{"roles": "admin"})},
		"a subject as a number":   {g.sign(map[string]any{"sub": 7})},
		"claims as a list":        {g.sign(map[string]any{"claims": []string{"region"}})},
		"too long":                {g.sign(map[string]any{"tenant": strings.Repeat("x", jose.MaxToken)})},
	} {
		response, i := ask(v, statements...)
		var problem struct {
			Type   string `json:"type"`
			Status int    `json:"status"`
		}
		if err := json.NewDecoder(response.Body).Decode(&problem); err != nil || problem.Status != 401 || !strings.HasPrefix(problem.Type, "urn:gatehouse:problem:identity.") {
			t.Errorf("%s: %v %v", what, problem, err)
		}
		if response.StatusCode != 401 || i != nil || response.Header.Get("Content-Type") != "application/problem+json" || response.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %v %v", what, response.StatusCode, response.Header, i)
		}
	}
	if response, _ := ask(v, good); response.StatusCode != 200 {
		t.Error("the good one is refused too")
	}
}

func TestTheLogSaysWhatTheCallerIsNotTold(t *testing.T) {
	g := newGate(t)
	v := fromFile(t, g)
	var log strings.Builder
	v.log = slog.New(slog.NewTextHandler(&log, nil))
	response, _ := ask(v, g.sign(map[string]any{"aud": "payments"}))
	if !strings.Contains(log.String(), `it is for \"payments\", and this is \"orders\" (Config.Audience)`) {
		t.Error(log.String())
	}
	var body strings.Builder
	if err := response.Write(&body); err != nil || strings.Contains(body.String(), "payments") {
		t.Error(body.String(), err)
	}
}

func TestAStatementFromTheCacheExpiresToo(t *testing.T) {
	g := newGate(t)
	v, now := fromFile(t, g), start
	v.now = func() time.Time { return now }
	s := g.sign(nil)
	if response, _ := ask(v, s); response.StatusCode != 200 {
		t.Fatal(response.StatusCode)
	}
	now = start.Add(59 * time.Second)
	if response, _ := ask(v, s); response.StatusCode != 200 {
		t.Error("refused before its end")
	}
	now = start.Add(time.Minute)
	if response, _ := ask(v, s); response.StatusCode != 401 {
		t.Error("accepted after its end")
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	c := newCache(8)
	for n := range 1000 {
		c.put(fmt.Sprint(n), entry{})
		if len(c.young)+len(c.older) > 8 {
			t.Fatalf("%d entries", len(c.young)+len(c.older))
		}
		if _, ok := c.get(fmt.Sprint(n)); !ok {
			t.Fatal("what was put last is not there")
		}
	}
	if _, ok := c.get("0"); ok {
		t.Error("the first is still there")
	}
}

func TestKeysOfAFileAreReadAgain(t *testing.T) {
	old, next := newGate(t), newGate(t)
	path := keys(t, filepath.Join(t.TempDir(), "jwks.json"), old)
	v, now := verifier(t, "file:"+path), start
	v.now = func() time.Time { return now }
	status := func(g *gate) int { r, _ := ask(v, g.sign(nil)); return r.StatusCode }
	sees := func(o, n int) {
		t.Helper()
		if now = now.Add(lookAgain); status(old) != o || status(next) != n {
			t.Errorf("old %d, next %d", status(old), status(next))
		}
	}
	sees(200, 401)
	keys(t, path, old, next)
	sees(200, 200)
	keys(t, path, next)
	sees(401, 200) // out of the cache, too
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	sees(401, 200)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	sees(401, 200)
}

func TestKeysOfAURLAreFetchedWhenANewOneIsNamed(t *testing.T) {
	old, next := newGate(t), newGate(t)
	var served atomic.Pointer[gate]
	served.Store(old)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(served.Load().signer.JWKS()) }))
	defer server.Close()
	v := verifier(t, server.URL)
	if response, _ := ask(v, old.sign(nil)); response.StatusCode != 200 {
		t.Fatal(response.StatusCode)
	}
	served.Store(next)
	if response, _ := ask(v, next.sign(nil)); response.StatusCode != 200 {
		t.Error("the new key is not found:", response.StatusCode)
	}
	if response, _ := ask(v, old.sign(nil)); response.StatusCode != 401 {
		t.Error("the old key is still believed:", response.StatusCode)
	}
}

func TestWithoutKeysNobodyCanTell(t *testing.T) {
	g := newGate(t)
	v := verifier(t, "http://127.0.0.1:1/jwks.json") // nobody listens on port 1
	response, i := ask(v, g.sign(nil))
	if response.StatusCode != 503 || i != nil || response.Header.Get("Retry-After") == "" {
		t.Error(response.StatusCode, i)
	}
	if _, err := v.Verify(t.Context(), g.sign(nil)); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	if _, err := v.Verify(t.Context(), ""); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
}

func TestAConfigurationThatIsWrongIsRefusedWithTheLineToWrite(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"keys":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		c    Config
		says string
	}{
		"no audience":      {Config{Keys: "https://example.com/jwks"}, `the name of this API under apis in gatehouse.yaml`},
		"no keys":          {Config{Audience: "orders"}, "/.well-known/jwks.json on the gateway's admin listener"},
		"keys in clear":    {Config{Audience: "orders", Keys: "http://gateway.example.com/jwks"}, "not https"},
		"no such file":     {Config{Audience: "orders", Keys: "file:/nowhere/jwks.json"}, "no such file"},
		"a file of no key": {Config{Audience: "orders", Keys: "file:" + bad}, "no usable key"},
	} {
		if _, err := New(c.c); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAnIdentityIsACopy(t *testing.T) {
	roles := []string{"user"}
	ctx := With(context.Background(), Identity{Subject: "alice", Roles: roles})
	roles[0] = "admin"
	one, _ := From(ctx)
	if one.Roles[0] != "user" {
		t.Error("the context shares the caller's list")
	}
	one.Roles[0] = "admin"
	if two, _ := From(ctx); two.Roles[0] != "user" {
		t.Error("one reader's change is seen by the next")
	}
	if _, ok := From(With(ctx, Identity{})); ok {
		t.Error("an identity without a subject is one")
	}
	if _, ok := From(context.Background()); ok {
		t.Error("an empty context has an identity")
	}
}
