package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	gojose "github.com/go-jose/go-jose/v4"
)

type operation struct{}

func (operation) ID() string       { return "getOrder" }
func (operation) Method() string   { return "GET" }
func (operation) Template() string { return "/v1/orders/{orderId}" }

func build(t testing.TB) (*gatehouse.Build, *jose.Signer) {
	t.Helper()
	key, err := jose.GenerateSigner()
	if err != nil {
		t.Fatal(err)
	}
	b := &gatehouse.Build{API: "orders", Operation: operation{}, Caps: gatehouse.AllCaps, Now: time.Now, Log: slog.New(slog.DiscardHandler), Kept: gatehouse.NewKept()}
	gatehouse.Provide[jose.IdentityKey](b.Kept, key)
	return b, key
}

func config(change func(*Config)) *Config {
	c := Kind.New().(*Config)
	if change != nil {
		change(c)
	}
	return c
}

func compile(t testing.TB, c *Config, b *gatehouse.Build) gatehouse.Step {
	t.Helper()
	steps, err := c.Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 1 || steps[0].Stage != gatehouse.Forward {
		t.Fatalf("%d steps", len(steps))
	}
	return steps[0]
}

func alice() *gatehouse.Principal {
	return &gatehouse.Principal{Kind: "user", ID: "alice", Issuer: "https://login.example.com", Tenant: "t1", Client: "app", Roles: []string{"user", "support"}, Scopes: []string{"a", "b"}}
}

func enforce(t testing.TB, step gatehouse.Step, x *gatehouse.Exchange) gatehouse.Verdict {
	t.Helper()
	v, err := step.Enforce(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// statement verifies the field with the key that upstreams are given, by an
// independent implementation.
func statement(t *testing.T, token string, jwks []byte) map[string]json.RawMessage {
	t.Helper()
	o, err := gojose.ParseSignedCompact(token, []gojose.SignatureAlgorithm{gojose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var set gojose.JSONWebKeySet
	if err := json.Unmarshal(jwks, &set); err != nil {
		t.Fatal(err)
	}
	payload, err := o.Verify(set.Key(o.Signatures[0].Header.KeyID)[0])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]json.RawMessage
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	return claims
}

// authn.internal-too: what is behind the gateway can verify the caller by itself.
func TestTheUpstreamIsToldWhoAsks(t *testing.T) {
	b, key := build(t)
	step := compile(t, config(nil), b)
	at := time.Unix(1_800_000_000, 0)
	x := &gatehouse.Exchange{At: at, Principal: alice()}
	x.Principal.ID = "al\"i\\ce\n\u2028é"
	if !enforce(t, step, x).Passed() {
		t.Fatal("refused")
	}
	if len(x.Request.Forward) != 1 || x.Request.Forward[0].Name != "gatehouse-identity" {
		t.Fatalf("forwards %v", x.Request.Forward)
	}
	claims := statement(t, x.Request.Forward[0].Value, key.JWKS())
	for name, want := range map[string]string{
		"iss": `"gatehouse"`, "aud": `"orders"`, "tenant": `"t1"`, "client_id": `"app"`, "roles": `["user","support"]`, "scope": `"a b"`,
		"iat": "1800000000", "exp": "1800000060", "sub_iss": `"https://login.example.com"`, "sub_kind": `"user"`,
	} {
		if string(claims[name]) != want {
			t.Errorf("%s is %s, want %s", name, claims[name], want)
		}
	}
	var sub string
	if err := json.Unmarshal(claims["sub"], &sub); err != nil || sub != x.Principal.ID {
		t.Errorf("sub is %s", claims["sub"])
	}
	if len(claims) != 11 {
		t.Errorf("%d claims", len(claims))
	}
}

func TestAStatementIsSentForHalfItsLife(t *testing.T) {
	b, _ := build(t)
	step := compile(t, config(nil), b)
	at, p := time.Unix(1_800_000_000, 0), alice()
	sent := func(after time.Duration) string {
		x := &gatehouse.Exchange{At: at.Add(after), Principal: p}
		enforce(t, step, x)
		return x.Request.Forward.Get("gatehouse-identity")
	}
	first := sent(0)
	if sent(29*time.Second) != first {
		t.Error("signed again within 30 s")
	}
	second := sent(30 * time.Second)
	if second == first {
		t.Error("sent for 30 s and more")
	}
	if sent(-time.Second) == second {
		t.Error("a statement from the future is sent when the clock was set back")
	}
}

// R19: the principal is shared, a statement for one upstream is not.
func TestR19_AStatementIsNeverSentToAnotherUpstream(t *testing.T) {
	b, key := build(t)
	one := compile(t, config(nil), b)
	other := *b
	other.API = "invoices"
	two := compile(t, config(nil), &other)
	issuer := compile(t, config(func(c *Config) { c.Issuer = "gatehouse-2" }), b)
	p := alice()
	for range 2 {
		for _, c := range []struct {
			step     gatehouse.Step
			aud, iss string
		}{{one, `"orders"`, `"gatehouse"`}, {two, `"invoices"`, `"gatehouse"`}, {issuer, `"orders"`, `"gatehouse-2"`}} {
			x := &gatehouse.Exchange{At: time.Now(), Principal: p}
			enforce(t, c.step, x)
			claims := statement(t, x.Request.Forward[0].Value, key.JWKS())
			if string(claims["aud"]) != c.aud || string(claims["iss"]) != c.iss {
				t.Errorf("aud %s, iss %s", claims["aud"], claims["iss"])
			}
		}
	}
}

// R11, R12: every spelling of every field that could be written is dropped,
// whether there is a principal or not.
func TestR12_SpoofedIdentityFieldsAreDropped(t *testing.T) {
	b, _ := build(t)
	public := *b
	public.Public = &gatehouse.Waiver{Because: "status", Owner: "sre", Until: time.Now()}
	c := config(func(c *Config) { c.Plain = map[string]string{"x-user-id": "sub", "x-tenant": "tenant"} })
	noTenant := alice()
	noTenant.Tenant = ""
	for name, x := range map[string]struct {
		build     *gatehouse.Build
		principal *gatehouse.Principal
		written   int
	}{"public": {&public, nil, 0}, "nobody": {b, nil, 0}, "alice": {b, alice(), 3}, "without tenant": {b, noTenant, 2}} {
		e := &gatehouse.Exchange{At: time.Now(), Principal: x.principal}
		spoofed := []string{"gatehouse-identity", "gatehouse_identity", "x-user-id", "x_user_id", "x-user_id", "x_user-id", "X_User_Id", "x-tenant", "x_tenant"}
		for _, s := range append(spoofed, "x-other", "x_other", "gatehouse_identity2", "accept") {
			e.Request.Fields.Add(s, "admin")
		}
		enforce(t, compile(t, c, x.build), e)
		dropped := map[string]bool{}
		for _, d := range e.Request.Drop {
			dropped[d] = true
		}
		for _, s := range spoofed {
			if !dropped[s] {
				t.Errorf("%s: %s survives", name, s)
			}
		}
		if len(dropped) != len(spoofed) {
			t.Errorf("%s: drops %v", name, e.Request.Drop)
		}
		if len(e.Request.Forward) != x.written {
			t.Errorf("%s: writes %v", name, e.Request.Forward)
		}
	}
}

func TestPlainFieldsCanBeReadInOneWayOnly(t *testing.T) {
	b, _ := build(t)
	step := compile(t, config(func(c *Config) {
		c.Plain = map[string]string{"x-sub": "sub", "x-tenant": "tenant", "x-roles": "roles", "x-scopes": "scopes", "x-client": "client"}
	}), b)
	x := &gatehouse.Exchange{At: time.Now(), Principal: alice()}
	enforce(t, step, x)
	for name, want := range map[string]string{"x-sub": "alice", "x-tenant": "t1", "x-roles": "user,support", "x-scopes": "a b", "x-client": "app"} {
		if got := x.Request.Forward.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, bad := range []string{"a,b", "a b", "a\r\nx: y", "a\x00", "é", "a\x7f", "a\t"} {
		for what, p := range map[string]*gatehouse.Principal{
			"sub": {ID: bad}, "tenant": {ID: "a", Tenant: bad}, "client": {ID: "a", Client: bad}, "roles": {ID: "a", Roles: []string{"x", bad}}, "scopes": {ID: "a", Scopes: []string{bad}},
		} {
			v := enforce(t, step, &gatehouse.Exchange{At: time.Now(), Principal: p})
			if v.Passed() || v.Rule() != "identity.unwritable" {
				t.Errorf("%s %q passes", what, bad)
			}
		}
	}
	many := alice()
	many.Roles = strings.Split(strings.Repeat("r,", 40), ",")
	if enforce(t, step, &gatehouse.Exchange{At: time.Now(), Principal: many}).Passed() {
		t.Error("41 roles pass")
	}
}

// RFC 7239 section 6: an IPv6 address stands in brackets and quotes.
func TestTheClientsAddressIsWrittenAsANode(t *testing.T) {
	b, _ := build(t)
	for address, want := range map[string]string{"192.0.2.7": `for=192.0.2.7;host="api.example.com:8443";proto=https`, "2001:db8::1": `for="[2001:db8::1]";host="api.example.com:8443";proto=https`,
		"fe80::1%eth0": `for="[fe80::1]";host="api.example.com:8443";proto=https`} {
		x := &gatehouse.Exchange{At: time.Now(), Principal: alice()}
		x.Request.Host, x.Conn.Client, x.Conn.Secure = "api.example.com:8443", netip.MustParseAddr(address), true
		enforce(t, compile(t, config(func(c *Config) { c.Client = "forwarded" }), b), x)
		if got := x.Request.Forward.Get("forwarded"); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
	if _, err := config(func(c *Config) { c.Client = "x-real-ip" }).Compile(b); err == nil {
		t.Error("an unknown field is taken")
	}
}

func TestAFreshStatementCostsNoAllocation(t *testing.T) {
	b, _ := build(t)
	step := compile(t, config(func(c *Config) {
		c.Plain = map[string]string{"x-roles": "roles", "x-sub": "sub"}
		c.Certificate, c.Client = true, "forwarded"
	}), b)
	x := &gatehouse.Exchange{At: time.Now(), Principal: alice()}
	x.Request.Host = "api.example.com"
	x.Conn = gatehouse.Conn{Client: netip.MustParseAddr("2001:db8::1"), Certificate: &gatehouse.Certificate{Field: ":AA==:"}}
	x.Request.Fields.Add("x_roles", "admin")
	p, at, conn := x.Principal, x.At, x.Conn
	n := testing.AllocsPerRun(100, func() {
		fields := x.Request.Fields
		x.Request.Fields = nil
		x.Reset()
		x.Request.Fields, x.Principal, x.At, x.Conn, x.Request.Host = fields, p, at, conn, "api.example.com"
		if v, err := step.Enforce(context.Background(), x); err != nil || !v.Passed() {
			t.Fatal("refused")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkIdentity(b *testing.B) {
	built, _ := build(b)
	step := compile(b, config(nil), built)
	x := &gatehouse.Exchange{At: time.Now(), Principal: alice()}
	for b.Loop() {
		x.Request.Forward, x.Request.Drop = x.Request.Forward[:0], x.Request.Drop[:0]
		_, _ = step.Enforce(context.Background(), x)
	}
}

func TestTheKeyMayComeFromAFile(t *testing.T) {
	b, _ := build(t)
	other, err := jose.GenerateSigner()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := other.PEM()
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c := config(func(c *Config) { c.Audience = "https://orders.internal" })
	if err := c.Key.UnmarshalText([]byte("file:" + path)); err != nil {
		t.Fatal(err)
	}
	x := &gatehouse.Exchange{At: time.Now(), Principal: alice()}
	enforce(t, compile(t, c, b), x)
	if claims := statement(t, x.Request.Forward[0].Value, other.JWKS()); string(claims["aud"]) != `"https://orders.internal"` {
		t.Errorf("aud %s", claims["aud"])
	}
	if strings.Contains(fmt.Sprintf("%+v %#v", c, c), "PRIVATE") {
		t.Error("the key prints")
	}
}

func TestAConfigurationThatCannotHoldIsRefused(t *testing.T) {
	t.Setenv("GATEHOUSE_TEST_KEY", "not a key")
	for name, c := range map[string]struct {
		change func(*Config)
		key    string
	}{
		"no header":         {func(c *Config) { c.Header = "" }, "header"},
		"upper case":        {func(c *Config) { c.Header = "X-Identity" }, "header"},
		"underscore":        {func(c *Config) { c.Header = "x_identity" }, "header"},
		"authorization":     {func(c *Config) { c.Header = "authorization" }, "header"},
		"host":              {func(c *Config) { c.Plain = map[string]string{"host": "sub"} }, "plain.host"},
		"x-forwarded-user":  {func(c *Config) { c.Plain = map[string]string{"x-forwarded-for": "sub"} }, "plain.x-forwarded-for"},
		"the same twice":    {func(c *Config) { c.Plain = map[string]string{"gatehouse-identity": "sub"} }, "plain.gatehouse-identity"},
		"unknown part":      {func(c *Config) { c.Plain = map[string]string{"x-user": "password"} }, "plain.x-user"},
		"no issuer":         {func(c *Config) { c.Issuer = "" }, "issuer"},
		"env in production": {func(c *Config) { _ = c.Key.UnmarshalText([]byte("env:GATEHOUSE_TEST_KEY")) }, "key"},
	} {
		b, _ := build(t)
		_, err := config(c.change).Compile(b)
		var fault *gatehouse.Fault
		if !errors.As(err, &fault) || fault.Key != c.key || fault.Fix == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	b, _ := build(t)
	b.Kept = gatehouse.NewKept()
	if _, err := config(nil).Compile(b); err == nil {
		t.Error("compiles without a key")
	}
	b.Development = true
	if _, err := config(func(c *Config) { _ = c.Key.UnmarshalText([]byte("env:GATEHOUSE_TEST_KEY")) }).Compile(b); err == nil || strings.Contains(err.Error(), "not a key") {
		t.Errorf("a key that is none: %v", err)
	}
	b.Operation = nil
	if steps, err := config(nil).Compile(b); err != nil || len(steps) != 0 {
		t.Errorf("undeclared: %d steps, %v", len(steps), err)
	}
}

func TestClaimsOfTheTokenStandUnderANameOfTheirOwn(t *testing.T) {
	b, key := build(t)
	x := &gatehouse.Exchange{At: time.Unix(1_800_000_000, 0), Principal: alice()}
	x.Principal.Claims = []gatehouse.Claim{{Name: "region", JSON: `"EU"`}, {Name: `odd "name`, JSON: `[1, 2]`}, {Name: "sub", JSON: `"mallory"`}}
	if !enforce(t, compile(t, config(nil), b), x).Passed() {
		t.Fatal("refused")
	}
	claims := statement(t, x.Request.Forward[0].Value, key.JWKS())
	if got := string(claims["claims"]); got != `{"region":"EU","odd \"name":[1, 2],"sub":"mallory"}` {
		t.Error(got)
	}
	if string(claims["sub"]) != `"alice"` {
		t.Errorf("sub is %s", claims["sub"])
	}
}

func TestExplainNamesEveryField(t *testing.T) {
	var s gatehouse.Sheet
	config(func(c *Config) { c.Plain = map[string]string{"x-user-id": "sub"} }).Explain(&s)
	all := fmt.Sprint(s.Facts)
	if !strings.Contains(all, "gatehouse-identity") || !strings.Contains(all, "x-user-id") {
		t.Error(all)
	}
}
