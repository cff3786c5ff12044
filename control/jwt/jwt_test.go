package jwt

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

const api = "https://api.example.com/orders"

type operation struct{}

func (operation) ID() string       { return "getOrder" }
func (operation) Method() string   { return "GET" }
func (operation) Template() string { return "/v1/orders/{orderId}" }

func build() *gatehouse.Build {
	kept := gatehouse.NewKept()
	gatehouse.Provide[store.Revocations](kept, memory.NewRevocations())
	gatehouse.Provide[store.Once](kept, memory.NewOnce(1000))
	return &gatehouse.Build{
		API: "orders", Operation: operation{}, Caps: gatehouse.AllCaps, Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Kept: kept,
	}
}

func start(t testing.TB) *devissuer.Issuer {
	t.Helper()
	issuer, stop, err := devissuer.Start(api)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return issuer
}

func config(issuers ...Issuer) *Config {
	c := Kind.New().(*Config)
	c.Issuers, c.Audience = issuers, api
	return c
}

func compile(t testing.TB, c *Config, b *gatehouse.Build) gatehouse.Step {
	t.Helper()
	steps, err := c.Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 1 || steps[0].Stage != gatehouse.Authenticate {
		t.Fatalf("got %d steps", len(steps))
	}
	return steps[0]
}

func exchange(at time.Time, fields ...gatehouse.Field) *gatehouse.Exchange {
	return &gatehouse.Exchange{At: at, Request: gatehouse.Request{Method: "GET", Path: "/v1/orders/1", Fields: fields}}
}

func withToken(at time.Time, token string) *gatehouse.Exchange {
	return exchange(at, gatehouse.Field{Name: "authorization", Value: "Bearer " + token})
}

// said returns the reason of a refusal, or "" when the request went on with a
// principal.
func said(t testing.TB, step gatehouse.Step, x *gatehouse.Exchange) string {
	t.Helper()
	v, err := step.Enforce(context.Background(), x)
	switch {
	case err != nil:
		if x.Principal != nil || v.Passed() {
			t.Error("an error left a principal or a pass")
		}
		return err.Error()
	case v.Denied():
		if x.Principal != nil {
			t.Error("a refusal left a principal")
		}
		if s := v.Answer().Status; s != 401 && s != 400 {
			t.Errorf("status %d", s)
		}
		if scheme, _, _ := strings.Cut(v.Answer().Fields.Get("www-authenticate"), " "); scheme != "Bearer" && scheme != "DPoP" {
			t.Error("no challenge")
		}
		return v.Rule()
	case x.Principal == nil:
		t.Error("passed without a principal")
	}
	return ""
}

func TestAGenuineTokenMakesThePrincipal(t *testing.T) {
	issuer := start(t)
	step := compile(t, config(Issuer{Issuer: issuer.URL}), build())
	x := withToken(time.Now(), issuer.Mint(devissuer.Claims{
		Subject: "alice", Tenant: "t1", Client: "app", Roles: []string{"admin", "user"}, Scopes: []string{"orders:read", "orders:write"},
		Set: map[string]string{"jti": `"j1"`},
	}))
	if got := said(t, step, x); got != "" {
		t.Fatal(got)
	}
	p := x.Principal
	if p.Kind != "user" || p.ID != "alice" || p.Tenant != "t1" || p.Client != "app" || p.Issuer != issuer.URL || p.TokenID != "j1" ||
		p.KeyID != devissuer.KeyID || !p.HasRole("admin") || !p.HasRole("user") || !p.HasScope("orders:read") || p.HasScope("orders") || time.Until(p.Expires) > 5*time.Minute {
		t.Errorf("principal is %+v", p)
	}
}

func TestClaimsAreReadWhereTheConfigurationSays(t *testing.T) {
	issuer := start(t)
	step := compile(t, config(Issuer{Issuer: issuer.URL, TenantClaim: "https://example.com/tenant", RolesClaim: "realm_access.roles", ScopesClaim: "scp", ClientClaim: "azp"}), build())
	x := withToken(time.Now(), issuer.Mint(devissuer.Claims{Subject: "svc", Set: map[string]string{
		"https://example.com/tenant": `"t9"`, "realm_access": `{"roles":["auditor"]}`, "scp": `["a","b"]`, "azp": `"svc"`, "roles": `["admin"]`,
	}}))
	if got := said(t, step, x); got != "" {
		t.Fatal(got)
	}
	p := x.Principal
	if p.Kind != "client" || p.Tenant != "t9" || !p.HasRole("auditor") || p.HasRole("admin") || !p.HasScope("b") {
		t.Errorf("principal is %+v", p)
	}
}

func TestClaimsThatPoliciesReadAreKeptAsTheyStand(t *testing.T) {
	issuer := start(t)
	p, err := policy.Compile(policy.Model{API: "orders", Principal: policy.Claims{"region": "String", "level": "optional Long", "nick": "optional String"}})
	if err != nil {
		t.Fatal(err)
	}
	c := config(Issuer{Issuer: issuer.URL})
	c.Hold(p)
	step := compile(t, c, build())
	x := withToken(time.Now(), issuer.Mint(devissuer.Claims{Set: map[string]string{"region": `"EU"`, "level": "7", "secret": `"x"`}}))
	if got := said(t, step, x); got != "" {
		t.Fatal(got)
	}
	if d := cmp.Diff([]gatehouse.Claim{{Name: "level", JSON: "7"}, {Name: "region", JSON: `"EU"`}}, x.Principal.Claims); d != "" {
		t.Error(d)
	}
	if _, ok := x.Principal.Claim("nick"); ok {
		t.Error("a claim that no token has is there")
	}
	// What somebody else would read as the claim is refused.
	x = withToken(time.Now(), issuer.Mint(devissuer.Claims{Set: map[string]string{"region": `"EU"`, "Region": `"US"`}}))
	if got := said(t, step, x); got == "" {
		t.Error("two spellings of one claim pass")
	}
}

func TestTheFieldIsReadInOneWay(t *testing.T) {
	issuer := start(t)
	step := compile(t, config(Issuer{Issuer: issuer.URL}), build())
	token := issuer.Mint(devissuer.Claims{})
	for value, want := range map[string]string{
		"Bearer " + token:                       "",
		"bearer " + token:                       "",
		"BEARER " + token:                       "",
		"Bearer":                                "jwt.request",
		"Bearer ":                               "jwt.request",
		"Bearer  " + token:                      "jwt.request",
		"Bearer " + token + " ":                 "jwt.request",
		"Bearer " + token + " x":                "jwt.request",
		"Bearer " + token + ", Bearer x":        "jwt.request",
		"Bearer Bearer " + token:                "jwt.request",
		"Bearer\t" + token:                      "jwt.missing",
		"Bearer" + token:                        "jwt.missing",
		token:                                   "jwt.missing",
		"":                                      "jwt.missing",
		"Token " + token:                        "jwt.missing",
		"JWT " + token:                          "jwt.missing",
		"Basic YWxpY2U6c2VjcmV0":                "jwt.basic_refused", // authn.no-basic
		"basic " + token:                        "jwt.basic_refused",
		"Basic":                                 "jwt.basic_refused",
		"Bearer " + strings.Repeat("a", 10_000): "jwt.size",
	} {
		x := exchange(time.Now(), gatehouse.Field{Name: "authorization", Value: value})
		if got := said(t, step, x); got != want {
			t.Errorf("%.40q: %q, want %q", value, got, want)
		}
	}
	good := gatehouse.Field{Name: "authorization", Value: "Bearer " + token}
	if got := said(t, step, exchange(time.Now())); got != "jwt.missing" {
		t.Errorf("no field: %q", got)
	}
	if got := said(t, step, exchange(time.Now(), good, gatehouse.Field{Name: "accept", Value: "*/*"}, good)); got != "jwt.request" {
		t.Errorf("two fields: %q", got)
	}
	for query, want := range map[string]string{
		"access_token=" + token: "jwt.query", "a=1&access_token=x": "jwt.query", "%61ccess%5Ftoken=x": "jwt.query", "ACCESS_TOKEN=x": "jwt.query", "access_token": "jwt.query",
		"a=access_token": "", "access_tokens=x": "", "my_access_token=x": "", "access_toke=xxxxxxxx": "",
	} {
		x := exchange(time.Now(), good)
		x.Request.Query = query
		if got := said(t, step, x); got != want {
			t.Errorf("query %.40q: %q, want %q", query, got, want)
		}
	}
}

func TestMissingTokensAreChallengedWithoutAnErrorCode(t *testing.T) {
	// RFC 6750 section 3.1.
	if missing.Fields.Get("www-authenticate") != "Bearer" || missing.Status != 401 {
		t.Error("challenge of a missing token")
	}
	if badSignature.Fields.Get("www-authenticate") != `Bearer error="invalid_token"` {
		t.Error("challenge of a bad token")
	}
	if badRequest.Fields.Get("www-authenticate") != `Bearer error="invalid_request"` || badRequest.Status != 400 {
		t.Error("challenge of a bad request")
	}
}

func TestSomeoneAlreadyProvenIsLeftAlone(t *testing.T) {
	issuer := start(t)
	step := compile(t, config(Issuer{Issuer: issuer.URL}), build())
	x := exchange(time.Now())
	x.Principal = &gatehouse.Principal{ID: "key-1"}
	if v, err := step.Enforce(context.Background(), x); err != nil || !v.Passed() || x.Principal.ID != "key-1" {
		t.Errorf("got %v, %v", v, err)
	}
}

// authn.every-endpoint: an endpoint gets the step, and a public one none.
func TestAPublicEndpointGetsNoStepAndAllOthersGetIt(t *testing.T) {
	c := config(Issuer{Issuer: "https://login.example.com"})
	compile(t, c, build())
	public := build()
	public.Public = &gatehouse.Waiver{Because: "status", Owner: "sre", Until: time.Now()}
	undeclared := build()
	undeclared.Operation = nil
	for _, b := range []*gatehouse.Build{public, undeclared} {
		if steps, err := c.Compile(b); err != nil || len(steps) != 0 {
			t.Errorf("%s: %d steps, %v", b.Name(), len(steps), err)
		}
	}
	if steps, err := Kind.New().Compile(build()); err != nil || len(steps) != 0 {
		t.Errorf("not configured: %d steps, %v", len(steps), err)
	}
}

// jwt.all-mandatory: R16, what is left out of the configuration is refused
// rather than not checked.
func TestR16_AConfigurationThatLeavesACheckOutDoesNotCompile(t *testing.T) {
	now := time.Now()
	in := &gatehouse.Waiver{Because: "legacy", Owner: "iam", Until: now.Add(48 * time.Hour)}
	out := &gatehouse.Waiver{Because: "legacy", Owner: "iam", Until: now.Add(-48 * time.Hour)}
	ok := Issuer{Issuer: "https://login.example.com"}
	with := func(change func(*Issuer)) *Config {
		i := ok
		change(&i)
		return config(i)
	}
	also := func(change func(*Config)) *Config {
		c := config(ok)
		change(c)
		return c
	}
	for name, c := range map[string]struct {
		config *Config
		key    string // "" when it compiles
	}{
		"genuine":                   {config(ok), ""},
		"no audience":               {also(func(c *Config) { c.Audience = "" }), "audience"},
		"no issuer":                 {also(func(c *Config) { c.Issuers = nil }), "issuers"},
		"issuer without name":       {with(func(i *Issuer) { i.Issuer = "" }), "issuers[0].issuer"},
		"issuer self":               {with(func(i *Issuer) { i.Issuer = "self" }), "issuers[0].issuer"},
		"issuer over http":          {with(func(i *Issuer) { i.Issuer = "http://login.example.com" }), "issuers[0].issuer"},
		"issuer on loopback":        {with(func(i *Issuer) { i.Issuer = "http://127.0.0.1:9" }), ""},
		"issuer with user":          {with(func(i *Issuer) { i.Issuer = "https://a@login.example.com" }), "issuers[0].issuer"},
		"issuer with query":         {with(func(i *Issuer) { i.Issuer = "https://login.example.com?x" }), "issuers[0].issuer"},
		"issuer twice":              {config(ok, ok), "issuers[1].issuer"},
		"keys over http":            {with(func(i *Issuer) { i.JWKS = "http://login.example.com/jwks" }), "issuers[0].jwks"},
		"keys over ftp":             {with(func(i *Issuer) { i.JWKS = "ftp://login.example.com/jwks" }), "issuers[0].jwks"},
		"keys of no file":           {with(func(i *Issuer) { i.JWKS = "file:/nonexistent" }), "issuers[0].jwks"},
		"HS256 (hmac-short)":        {with(func(i *Issuer) { i.Algorithms = []string{"HS256"} }), "issuers[0].algorithms"},
		"hs512":                     {with(func(i *Issuer) { i.Algorithms = []string{"ES256", "hs512"} }), "issuers[0].algorithms"},
		"none":                      {with(func(i *Issuer) { i.Algorithms = []string{"none"} }), "issuers[0].algorithms"},
		"RS512":                     {with(func(i *Issuer) { i.Algorithms = []string{"RS512"} }), "issuers[0].algorithms"},
		"no algorithm":              {with(func(i *Issuer) { i.Algorithms = []string{} }), "issuers[0].algorithms"},
		"PS256 and EdDSA by choice": {with(func(i *Issuer) { i.Algorithms = []string{"PS256", "EdDSA"} }), ""},
		"leeway 31 s":               {also(func(c *Config) { c.Leeway = 31 * time.Second }), "leeway"},
		"leeway 31 s with a waiver": {also(func(c *Config) { c.Leeway, c.LeewayWaiver = 31*time.Second, in }), ""},
		"leeway 61 s":               {also(func(c *Config) { c.Leeway, c.LeewayWaiver = 61*time.Second, in }), "leeway"},
		"leeway below zero":         {also(func(c *Config) { c.Leeway = -1 }), "leeway"},
		"lifetime 16 min":           {also(func(c *Config) { c.Lifetime = 16 * time.Minute }), "lifetime"},
		"lifetime waiver expired":   {also(func(c *Config) { c.Lifetime, c.LifetimeWaiver = 16*time.Minute, out }), "lifetime"},
		"lifetime 60 min, waiver":   {also(func(c *Config) { c.Lifetime, c.LifetimeWaiver = time.Hour, in }), ""},
		"lifetime 61 min, waiver":   {also(func(c *Config) { c.Lifetime, c.LifetimeWaiver = 61*time.Minute, in }), "lifetime"},
		"lifetime zero":             {also(func(c *Config) { c.Lifetime = 0 }), "lifetime"},
		"cache below zero":          {also(func(c *Config) { c.CacheSize = -1 }), "cache_size"},
		"no cache":                  {also(func(c *Config) { c.CacheSize = 0 }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			steps, err := c.config.Compile(build())
			if c.key == "" {
				if err != nil || len(steps) != 1 {
					t.Fatalf("%d steps, %v", len(steps), err)
				}
				return
			}
			var fault *gatehouse.Fault
			if !errors.As(err, &fault) || len(steps) != 0 {
				t.Fatalf("%d steps, %v", len(steps), err)
			}
			if fault.Key != c.key || fault.Says == "" || fault.Fix == "" {
				t.Errorf("fault is %+v", fault)
			}
		})
	}
}

// R16, the other half: each claim deleted in turn.
func TestR16_ATokenThatLacksAClaimIsRefused(t *testing.T) {
	issuer := start(t)
	step := compile(t, config(Issuer{Issuer: issuer.URL}), build())
	for claim, want := range map[string]string{"iss": "jwt.iss", "aud": "jwt.aud", "exp": "jwt.claims", "iat": "jwt.claims", "sub": "jwt.claims"} {
		if got := said(t, step, withToken(time.Now(), issuer.Mint(devissuer.Claims{Set: map[string]string{claim: ""}}))); got != want {
			t.Errorf("without %s: %q, want %q", claim, got, want)
		}
	}
	// nbf may be left out (RFC 7519 section 4.1.5): iat stands in for it.
	if got := said(t, step, withToken(time.Now(), issuer.Mint(devissuer.Claims{Set: map[string]string{"nbf": ""}}))); got != "" {
		t.Errorf("without nbf: %q", got)
	}
}

func TestTimesAreJudgedWithTheLeeway(t *testing.T) {
	issuer := start(t)
	at := time.Unix(1_800_000_000, 500_000_000)
	issuer.Now = func() time.Time { return at }
	step := compile(t, config(Issuer{Issuer: issuer.URL}), build())
	type claims = map[string]string
	for name, c := range map[string]struct {
		set  claims
		want string
	}{
		"genuine":                            {nil, ""},
		"exp 29 s ago":                       {claims{"exp": "1799999971", "iat": "1799999900"}, ""},
		"exp 30 s ago: jwt.exp":              {claims{"exp": "1799999970", "iat": "1799999900"}, "jwt.exp"},
		"exp 31 s ago":                       {claims{"exp": "1799999969", "iat": "1799999900"}, "jwt.exp"},
		"nbf 30 s ahead":                     {claims{"nbf": "1800000030"}, ""},
		"nbf 31 s ahead: jwt.nbf":            {claims{"nbf": "1800000031"}, "jwt.nbf"},
		"iat 30 s ahead":                     {claims{"iat": "1800000030"}, ""},
		"iat 31 s ahead":                     {claims{"iat": "1800000031", "nbf": "1800000000"}, "jwt.iat"},
		"lives 15 min":                       {claims{"exp": "1800000900"}, ""},
		"lives 15 min and 1 s: jwt.lifetime": {claims{"exp": "1800000901"}, "jwt.lifetime"},
		"exp before iat":                     {claims{"exp": "1800000001", "iat": "1800000002", "nbf": "1800000000"}, "jwt.lifetime"},
		"fractions":                          {claims{"exp": "1800000300.75", "iat": "1800000000.25"}, ""},
	} {
		if got := said(t, step, withToken(at, issuer.Mint(devissuer.Claims{Set: c.set}))); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestWithoutKeysNothingIsAccepted(t *testing.T) {
	issuer := start(t)
	token := issuer.Mint(devissuer.Claims{})
	c := config(Issuer{Issuer: issuer.URL, JWKS: "http://127.0.0.1:1/jwks.json"})
	step := compile(t, c, build())
	x := withToken(time.Now(), token)
	v, err := step.Enforce(context.Background(), x)
	if !errors.Is(err, jose.ErrUnavailable) || v.Passed() || x.Principal != nil {
		t.Errorf("got %v, %v: the engine must be told that nothing could be decided", v, err)
	}
}

func TestExplainSpeaksOnlyOfWhatIsConfigured(t *testing.T) {
	var none, some gatehouse.Sheet
	Kind.New().Explain(&none)
	config(Issuer{Issuer: "https://login.example.com", Assurance: map[string][]string{"aal2": {"urn:example:mfa"}}}).Explain(&some)
	if len(none.Facts) != 0 || len(some.Facts) < 10 {
		t.Errorf("%d and %d facts", len(none.Facts), len(some.Facts))
	}
	covered := map[gatehouse.Requirement]bool{}
	for _, f := range some.Facts {
		covered[f.Covers] = true
	}
	for _, r := range Kind.Covers {
		if !covered[r] {
			t.Errorf("nothing is said about %s", r)
		}
	}
}

// A refusal says by how much a token missed its time, at first sight and afterwards:
// the leeway is 30 s, and whoever is beyond it finds out whose clock is wrong.
func TestARefusalSaysHowFarTheClocksAreApart(t *testing.T) {
	issuer, now := start(t), time.Now().Truncate(time.Second)
	step := compile(t, config(Issuer{Issuer: issuer.URL}), build())
	mint := func(nbf, iat, exp int64) string {
		set := map[string]string{}
		for name, s := range map[string]int64{"nbf": nbf, "iat": iat, "exp": exp} {
			set[name] = strconv.FormatInt(now.Unix()+s, 10)
		}
		return issuer.Mint(devissuer.Claims{Subject: "alice", Set: set})
	}
	for token, want := range map[string][2]string{
		mint(-300, -300, -30):  {"jwt.exp", "30 s after its exp"},
		mint(-300, -300, -431): {"jwt.exp", "431 s after its exp"},
		mint(31, 0, 300):       {"jwt.nbf", "31 s before its nbf"},
		mint(0, 90, 300):       {"jwt.iat", "90 s before its iat"},
		mint(30, 30, 300):      {"", ""},
		mint(-300, -300, -29):  {"", ""},
	} {
		x := withToken(now, token)
		v, err := step.Enforce(t.Context(), x)
		if err != nil || v.Denied() != (want[0] != "") || v.Denied() && (v.Rule() != want[0] || v.Detail() != want[1]) {
			t.Errorf("%s %q, %v; want %s %q", v.Rule(), v.Detail(), err, want[0], want[1])
		}
	}
	old := mint(-60, -60, 10)
	if got := said(t, step, withToken(now, old)); got != "" {
		t.Fatal(got)
	}
	if v, err := step.Enforce(t.Context(), withToken(now.Add(50*time.Second), old)); err != nil || v.Detail() != "40 s after its exp" {
		t.Errorf("one that is remembered: %q, %v", v.Detail(), err)
	}
}
