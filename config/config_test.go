package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/engine"
)

// house is the body of one API, to which cases add their lines.
const house = `apis:
  orders:
    openapi: orders.openapi.yaml
    upstream: http://127.0.0.1:9000
    audience: https://api.example.com/orders
    issuer: https://login.example.com
`

// put writes a configuration beside its description and returns its path.
func put(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	description, err := os.ReadFile("testdata/orders.openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"orders.openapi.yaml": description, "gatehouse.yaml": []byte(text)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "gatehouse.yaml")
}

func compiled(t *testing.T, text string) (*config.File, *engine.Policy) {
	t.Helper()
	f, err := config.Load(put(t, text), kinds(), options())
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Policy(gatehouse.NewKept(), gatehouse.AllCaps)
	if err != nil {
		t.Fatal(err)
	}
	return f, p
}

func find(t *testing.T, p *engine.Policy, host, method, path string) *gatehouse.Endpoint {
	t.Helper()
	return p.Find(&gatehouse.Request{Host: host, Method: method, Path: path})
}

func says(e *gatehouse.Endpoint, text string) bool {
	return slices.ContainsFunc(e.Plan.Facts, func(f gatehouse.Fact) bool { return strings.Contains(f.Says, text) })
}

func TestAnOverrideReplacesTheWholeControlOnOneEndpointOnly(t *testing.T) {
	_, p := compiled(t, "controls: {size: {body: 10}}\n"+house+`    controls: {size: {body: 20}}
    endpoints: {createOrder: {size: {body: 30}}}
`)
	for path, want := range map[string]string{"POST /v1/orders": "at most 30 bytes", "GET /v1/orders": "at most 20 bytes"} {
		method, path, _ := strings.Cut(path, " ")
		if e := find(t, p, "api.example.com", method, path); !says(e, want) {
			t.Errorf("%s %s: %v", method, path, e.Plan.Facts)
		}
	}
	if e := find(t, p, "other.example.com", "GET", "/v1/orders"); !says(e, "at most 10 bytes") {
		t.Errorf("an unserved host: %v", e.Plan.Facts)
	}
}

// ops.shadow: the mode belongs to the engine and never reaches the control.
func TestModesAndWaiversAreTakenOutBeforeTheControlIsDecoded(t *testing.T) {
	const waiver = `{because: "measured first", owner: sre@example.com, until: 2027-01-01}`
	f, p := compiled(t, house+`    controls:
      size: {mode: shadow, body: 5}
      role: {on_error: {open: `+waiver+`}}
      cors: {off: `+waiver+`}
`)
	e := find(t, p, "api.example.com", "GET", "/v1/orders")
	modes := map[string]gatehouse.Mode{}
	for _, s := range e.Plan.Steps {
		modes[s.Control] = s.Mode
	}
	if m, ok := modes["size"]; !ok || m != gatehouse.Shadow {
		t.Errorf("size: %v %v", m, ok)
	}
	if _, ok := modes["cors"]; ok {
		t.Error("cors is off and has a step")
	}
	if !e.Plan.Opens["role"] {
		t.Error("role does not open on error")
	}
	if got := len(f.Waivers()); got != 2 {
		t.Errorf("%d waivers, want 2", got)
	}
}

// input.injection: what guesses is in shadow until somebody wants it otherwise.
func TestAKindThatGuessesIsInShadowUntilModeIsWritten(t *testing.T) {
	guessing := kinds()
	i := slices.IndexFunc(guessing, func(k gatehouse.Kind) bool { return k.Name == "size" })
	guessing[i].Mode = gatehouse.Shadow
	for block, want := range map[string]gatehouse.Mode{"": gatehouse.Shadow, "{body: 5}": gatehouse.Shadow, "{mode: enforce}": gatehouse.Enforce, "{mode: shadow}": gatehouse.Shadow} {
		text := house
		if block != "" {
			text += "    controls: {size: " + block + "}\n"
		}
		f, err := config.Load(put(t, text), guessing, options())
		if err != nil {
			t.Fatal(err)
		}
		p, err := f.Policy(gatehouse.NewKept(), gatehouse.AllCaps)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range find(t, p, "api.example.com", "GET", "/v1/orders/1").Plan.Steps {
			if s.Control == "size" && s.Mode != want {
				t.Errorf("%q: %s, want %s", block, s.Mode, want)
			}
			if s.Control == "cors" && s.Mode != gatehouse.Enforce {
				t.Errorf("%q: cors is in %s", block, s.Mode)
			}
		}
	}
}

func TestAStepKnowsWhereItWasConfigured(t *testing.T) {
	_, p := compiled(t, house+`    origins: [https://app.example.com]
    roles: {support: [listOrders]}
    objects: {order: {id: path.orderId, owner: response.customer_id}}
`)
	for _, s := range find(t, p, "api.example.com", "GET", "/v1/orders").Plan.Steps {
		line := map[string]int{"cors": 7, "jwt": 6, "size": 0, "role": 8, "object": 9}
		if want, ok := line[s.Control]; ok && s.Place.Line != want {
			t.Errorf("%s: line %d, want %d", s.Control, s.Place.Line, want)
		}
	}
}

// input.positive: what is not declared is refused where it ends up.
func TestUndeclaredPathsMethodsAndHostsEndUpWhereTheyAreRefused(t *testing.T) {
	_, p := compiled(t, house)
	for request, declared := range map[string]bool{
		"api.example.com GET /v1/orders":          true,
		"api.example.com:8443 GET /v1/orders":     true,
		"[::1]:8443 GET /v1/orders":               true,
		"api.example.com PUT /v1/orders":          false,
		"api.example.com GET /v1/admin":           false,
		"evil.example.com GET /v1/orders":         false,
		"api.example.com.evil.com GET /v1/orders": false,
	} {
		part := strings.Fields(request)
		if e := find(t, p, part[0], part[1], part[2]); e.Declared != declared {
			t.Errorf("%s: declared = %v", request, e.Declared)
		}
	}
}

func TestHostsAreThoseWrittenOrThoseOfAudienceServersAndLoopback(t *testing.T) {
	for extra, want := range map[string]string{
		"": "127.0.0.1 127.0.0.1:8443 [::1] [::1]:8443 api.example.com api.example.com:8443 localhost localhost:8443",
		"    hosts: [API.Example.com., \"10.0.0.1:8443\"]\n":                                            "api.example.com 10.0.0.1:8443",
		"    any_host: {because: \"behind our balancer\", owner: sre@example.com, until: 2027-01-01}\n": "*",
	} {
		f, _ := compiled(t, house+extra)
		if got := strings.Join(f.APIs[0].Hosts, " "); got != want {
			t.Errorf("%q: %s", extra, got)
		}
	}
}

func TestTwoAPIsShareAHostWhenTheirPathsDiffer(t *testing.T) {
	path := put(t, house+strings.NewReplacer("apis:\n", "", "orders:\n", "cats:\n", "orders.openapi", "cats.openapi").Replace(house))
	cats := "openapi: 3.1.0\ninfo: {title: Cats, version: '1'}\npaths:\n  /v1/cats:\n    get: {operationId: listCats, responses: {'200': {description: cats}}}\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "cats.openapi.yaml"), []byte(cats), 0o600); err != nil {
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
	for path, api := range map[string]string{"/v1/cats": "cats", "/v1/orders": "orders"} {
		if e := find(t, p, "localhost:8443", "GET", path); e.API != api || !e.Declared {
			t.Errorf("%s is of %q", path, e.API)
		}
	}
	if got := f.Files(); len(got) != 3 {
		t.Errorf("files: %v", got)
	}
}

func TestUpstreamsAreReadExactly(t *testing.T) {
	for written, want := range map[string]string{
		"http://127.0.0.1:9000":      "http 127.0.0.1:9000 ",
		"https://Orders.Internal./":  "https orders.internal:443 ",
		"http://[::1]:9000/base/v2/": "http [::1]:9000 /base/v2",
		"http://orders:8080":         "http orders:8080 ",
	} {
		f, _ := compiled(t, strings.Replace(house, "http://127.0.0.1:9000", written, 1))
		u := f.APIs[0].Upstream
		if got := fmt.Sprint(u.Scheme, " ", u.Address, " ", u.Prefix); got != want {
			t.Errorf("%s: %s", written, got)
		}
	}
	for _, refused := range []string{"127.0.0.1:9000", "http://", "http://a:b@c", "http://h/#f", "http://h?", "http://0x7f.1", "http://2130706433",
		"http://h:0", "http://h:99999", "http://h/a/../b", "http://h/a%2fb", "ftp://h", "//h", "http://h_:x", "http://[fe80::1%25eth0]", "http://0.0.0.0:9901"} {
		if err := refusal(t, put(t, strings.Replace(house, "http://127.0.0.1:9000", `"`+refused+`"`, 1))); err == nil || !strings.Contains(err.Error(), ":4:15: apis.orders.upstream: ") {
			t.Errorf("%s: %v", refused, err)
		}
	}
}

func TestPathsStartFromTheFolderOfTheFile(t *testing.T) {
	f, _ := compiled(t, "state: state\nlog: access.log\n"+house)
	dir := filepath.Dir(f.Path)
	if f.State != filepath.Join(dir, "state") || f.Log != filepath.Join(dir, "access.log") || f.APIs[0].OpenAPI != filepath.Join(dir, "orders.openapi.yaml") {
		t.Errorf("%s %s %s", f.State, f.Log, f.APIs[0].OpenAPI)
	}
}

// R25: what cannot be read is never taken for an empty configuration.
func TestWhatCannotBeReadIsRefused(t *testing.T) {
	_, err := config.Load(t.TempDir(), kinds(), options())
	if err == nil {
		t.Error("a folder was loaded")
	}
	if _, err := config.Load(filepath.Join(t.TempDir(), "no.yaml"), kinds(), options()); err == nil || !strings.Contains(err.Error(), "write: ") {
		t.Errorf("a missing file: %v", err)
	}
	if err := refusal(t, put(t, "#"+strings.Repeat("x", 4<<20)+"\n"+house)); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("a file over 4 MiB: %v", err)
	}
}

// R16: without issuer or audience nothing loads.
func TestAConfigurationWithoutIssuerOrAudienceDoesNotLoad(t *testing.T) {
	for _, gone := range []string{"    audience: https://api.example.com/orders\n", "    issuer: https://login.example.com\n"} {
		if err := refusal(t, put(t, strings.Replace(house, gone, "", 1))); err == nil {
			t.Errorf("loads without %s", gone)
		}
	}
}

// config.secret-literal
func TestLiteralSecretsAreRefusedAndNeverShown(t *testing.T) {
	for _, secret := range []string{
		"client_secret: hunter2-hunter2", "password: letmein-please", "api_token: Zm9vYmFyYmF6cXV4", "signing_key: 0f1e2d3c4b5a69788796a5b4",
		"note: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "note: sk_live_abcdefgh12345678", "note: AKIAABCDEFGHIJKLMNOP", "note: https://root:hunter2@db.example.com",
	} {
		_, value, _ := strings.Cut(secret, ": ")
		err := refusal(t, put(t, house+"    controls: {size: {"+strings.Replace(secret, ": ", ": \"", 1)+"\"}}\n"))
		if err == nil || !strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), value) {
			t.Errorf("%s: %v", secret, err)
		}
	}
	for _, fine := range []string{"key: path.orderId", "key: 1000/min", "key: \"1,000/min\"", "key: X-API-Key", "token_limit: 5", "keys: [client, user]", "secret: file:/run/secrets/a", "because: \"the key is public\""} {
		err := refusal(t, put(t, house+"    controls: {size: {"+fine+"}}\n"))
		if err == nil || strings.Contains(err.Error(), "a secret is") {
			t.Errorf("%s: %v", fine, err)
		}
	}
	_, p := compiled(t, "environment: development\n"+house+"    endpoints: {getStatus: {jwt: {client_secret: \"env:X\", audience: a, issuers: [{issuer: https://login.example.com}]}}}\n")
	if p == nil {
		t.Error("env: is refused in development")
	}
}

func TestAWaiverHoldsToTheEndOfItsDay(t *testing.T) {
	text := house + `    public: {getStatus: {because: "status page", owner: sre@example.com, until: 2026-11-21}}` + "\n"
	path := put(t, text)
	for at, loads := range map[string]bool{"2026-11-21T23:59:59Z": true, "2026-11-22T00:00:00Z": false} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(path, kinds(), config.Options{Now: func() time.Time { return now }}); (err == nil) != loads {
			t.Errorf("%s: %v", at, err)
		}
	}
}
