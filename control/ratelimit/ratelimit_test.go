package ratelimit

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

type operation struct{ id, method, template string }

func (o operation) ID() string       { return o.id }
func (o operation) Method() string   { return o.method }
func (o operation) Template() string { return o.template }

var (
	getOrder  = operation{"getOrder", "GET", "/v1/orders/{orderId}"}
	login     = operation{"login", "POST", "/v1/login"}
	forgot    = operation{"requestPasswordReset", "POST", "/v1/password-reset"}
	ours      = &gatehouse.Waiver{Because: "status page", Owner: "sre@example.com", Until: start.AddDate(0, 1, 0)}
	alice     = &gatehouse.Principal{Kind: "user", ID: "alice", Issuer: "https://login.example.com"}
	billing   = &gatehouse.Principal{Kind: "client", ID: "billing", Issuer: "https://login.example.com"}
	addressV4 = netip.MustParseAddr("192.0.2.1")
)

func build(op gatehouse.Operation, public *gatehouse.Waiver) *gatehouse.Build {
	b := &gatehouse.Build{API: "orders", Operation: op, Public: public, Caps: gatehouse.AllCaps, Now: func() time.Time { return start }, Kept: gatehouse.NewKept()}
	gatehouse.Provide[store.Counters](b.Kept, memory.NewCounters(start))
	return b
}

func fresh() *Config { return Kind.New().(*Config) }

func compiled(t *testing.T, c *Config, b *gatehouse.Build) []gatehouse.Step {
	t.Helper()
	steps, err := c.Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// walk runs the steps the way the engine does: by stage, and to Respond when one
// denies. prove is called at Authenticate.
func walk(t *testing.T, steps []gatehouse.Step, x *gatehouse.Exchange, prove func()) {
	t.Helper()
	for stage := gatehouse.Connect; stage <= gatehouse.Respond; stage++ {
		if stage == gatehouse.Authenticate && x.Ended.Passed() {
			prove()
		}
		for _, s := range steps {
			if s.Stage != stage || stage != gatehouse.Respond && !x.Ended.Passed() {
				continue
			}
			v, err := s.Enforce(context.Background(), x)
			if err != nil {
				t.Fatal(err)
			}
			if !v.Passed() {
				x.Ended, x.EndedBy = v, "ratelimit"
				x.Response = gatehouse.Response{Status: v.Answer().Status, Own: true}
			}
		}
	}
}

// refused makes x end with a refusal at the stage.
func refused(x *gatehouse.Exchange, stage gatehouse.Stage) {
	x.Endpoint = &gatehouse.Endpoint{Plan: &gatehouse.Plan{Steps: []gatehouse.Step{{Control: "jwt", Stage: stage}}}}
	x.Trail = append(x.Trail, gatehouse.Mark{Said: gatehouse.SaidDeny})
	x.Ended, x.EndedBy = unauthenticated, "jwt"
}

func TestOnlyFailedAuthenticationIsChargedAsSuch(t *testing.T) {
	steps := compiled(t, fresh(), build(getOrder, nil))
	for range 50 {
		x := &gatehouse.Exchange{At: start, Ended: gatehouse.Pass}
		x.Conn.Client = addressV4
		refused(x, gatehouse.Identify) // a foreign origin, a closed version
		walk(t, steps, x, func() {})
	}
	if x := ask(t, steps, start, addressV4, alice); !x.Ended.Passed() {
		t.Errorf("limit.ip: refusals before authentication shut out a caller with a token: %s", x.Ended.Rule())
	}
}

func ask(t *testing.T, steps []gatehouse.Step, at time.Time, addr netip.Addr, p *gatehouse.Principal) *gatehouse.Exchange {
	t.Helper()
	x := &gatehouse.Exchange{At: at, Ended: gatehouse.Pass}
	x.Conn.Client = addr
	x.Response.Status = 200
	walk(t, steps, x, func() { x.Principal = p })
	return x
}

var unauthenticated = gatehouse.Deny(&gatehouse.Answer{Status: 401, Reason: "jwt.signature"})

func TestRatesAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]Rate{
		"100/min": {100, time.Minute}, "10000/s": {10_000, time.Second}, "3/h": {3, time.Hour}, "10,000/s": {10_000, time.Second}, " 5 / min ": {5, time.Minute},
	} {
		var r Rate
		if err := r.UnmarshalText([]byte(text)); err != nil || r != want {
			t.Errorf("%q: %v, %v; want %v", text, r, err, want)
		}
		var again Rate
		if err := again.UnmarshalText([]byte(r.String())); err != nil || again != r {
			t.Errorf("%v printed as %q reads as %v, %v", r, r.String(), again, err)
		}
	}
	for _, text := range []string{"", "100", "100/", "/min", "0/s", "-1/s", "1.5/s", "100/day", "min/100", "9999999999999999999999/s"} {
		if err := new(Rate).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as a rate", text)
		}
	}
}

func TestOperationsAreClassified(t *testing.T) {
	for _, c := range []struct {
		slug string
		op   operation
		want class
	}{
		{"limit.preset-auth", login, authentication},
		{"limit.preset-auth", operation{"POST /oauth/token", "POST", "/oauth/token"}, authentication},
		{"limit.preset-auth", operation{"signIn", "POST", "/session"}, authentication},
		{"limit.preset-auth", operation{"verifyMFA", "POST", "/v1/verify"}, authentication},
		{"limit.preset-auth", operation{"checkOTPCode", "PUT", "/v1/check"}, authentication},
		{"limit.preset-auth", operation{"x", "POST", "/v1/log-in"}, authentication},
		{"limit.preset-reset", forgot, reset},
		{"limit.preset-reset", operation{"forgot", "POST", "/forgot"}, reset},
		{"limit.preset-reset", operation{"recoverAccount", "POST", "/v1/accounts/recover"}, reset},
		{"limit.preset-write", operation{"resetCounter", "POST", "/v1/counters/{id}/reset"}, write},
		{"limit.preset-search", operation{"searchOrders", "GET", "/v1/orders/search"}, search},
		{"limit.preset-search", operation{"searchOrders", "POST", "/v1/orders/_search"}, search},
		{"limit.preset-read", getOrder, read},
		{"limit.preset-read", operation{"getToken", "GET", "/v1/token/{token}"}, read},
		{"limit.preset-write", operation{"createOrder", "POST", "/v1/orders"}, write},
		{"limit.preset-write", operation{"createTokenizer", "POST", "/v1/tokenizers"}, write},
		{"limit.preset-write", operation{"deleteOrder", "DELETE", "/v1/orders/{login}"}, write},
	} {
		t.Run(c.slug+" "+c.op.id, func(t *testing.T) {
			if got := classify(c.op); got.name != c.want.name {
				t.Errorf("%v is %s; want %s", c.op, got.name, c.want.name)
			}
		})
	}
}

// admitted counts how many of n requests at one instant pass.
func admitted(t *testing.T, steps []gatehouse.Step, n int, p *gatehouse.Principal) (int, *gatehouse.Exchange) {
	t.Helper()
	ok := 0
	var last *gatehouse.Exchange
	for range n {
		if last = ask(t, steps, start, addressV4, p); last.Ended.Passed() {
			ok++
		}
	}
	return ok, last
}

// An endpoint with a narrow limit does not use up the wide one of another.
func TestLimitsOfDifferentRatesCountApart(t *testing.T) { // limit.ip, limit.global
	b := build(getOrder, ours)
	narrow, wide := fresh(), fresh()
	wide.IP, wide.Global, wide.Endpoint, wide.Burst, wide.Waiver = Rate{60_000, time.Minute}, Rate{100_000, time.Second}, Rate{60_000, time.Minute}, 100, ours
	narrow.Global = Rate{5, time.Second}
	first, second := compiled(t, narrow, b), compiled(t, wide, b)
	if n, _ := admitted(t, first, 20, nil); n != 10 {
		t.Errorf("the narrow endpoint admitted %d; want 10", n)
	}
	if n, _ := admitted(t, second, 50, nil); n != 50 {
		t.Errorf("after it the wide one admitted %d; want 50", n)
	}
}

// limit.logged: the verdict names the rule, which goes to the trail and the event.
func TestEachLayerBinds(t *testing.T) {
	for _, c := range []struct {
		slug   string
		op     operation
		public *gatehouse.Waiver
		p      *gatehouse.Principal
		tune   func(*Config)
		want   int
		layer  string
	}{
		{"limit.user", getOrder, nil, alice, func(*Config) {}, 10, "user"},
		{"limit.key", getOrder, nil, billing, func(c *Config) { c.Key, c.Burst = Rate{500, time.Minute}, 9 }, 9, "key"},
		{"limit.ip", getOrder, ours, nil, func(*Config) {}, 10, "ip"},
		{"limit.global", getOrder, nil, alice, func(c *Config) { c.Global, c.Burst = Rate{20, time.Second}, 3; c.Endpoint = Rate{900, time.Minute} }, 3, "global"},
		{"limit.endpoint", getOrder, nil, alice, func(c *Config) { c.Endpoint = Rate{5, time.Minute} }, 5, "endpoint"},
		{"limit.sliding-window", getOrder, nil, alice, func(c *Config) {
			c.Algorithm = Algorithm(store.SlidingWindow)
		}, 100, "user"},
		{"limit.token-bucket", getOrder, nil, alice, func(c *Config) { c.Burst = 4 }, 4, "user"},
		{"limit.preset-auth", login, ours, nil, func(*Config) {}, 5, ""},
	} {
		t.Run(c.slug, func(t *testing.T) {
			cfg := fresh()
			c.tune(cfg)
			got, x := admitted(t, compiled(t, cfg, build(c.op, c.public)), c.want+3, c.p)
			if got != c.want || x.Response.Status != 429 || x.Ended.Rule() != "ratelimit.exceeded" {
				t.Errorf("admitted %d, then %d %s; want %d, then 429", got, x.Response.Status, x.Ended.Rule(), c.want)
			}
			if c.layer != "global" && x.Quota.Layer != c.layer {
				t.Errorf("the tightest layer is %q; want %q", x.Quota.Layer, c.layer)
			}
			if x.Response.Fields.Get("retry-after") == "" {
				t.Error("a refusal without Retry-After")
			}
		})
	}
}

// limit.headers
func TestAnswersCarryTheTightestLayerOnly(t *testing.T) {
	steps := compiled(t, fresh(), build(getOrder, nil))
	x := ask(t, steps, start, addressV4, alice)
	want(t, x, map[string]string{
		"x-ratelimit-limit": "100", "x-ratelimit-remaining": "9", "x-ratelimit-reset": "1795262401",
		"ratelimit-policy": `"user";q=100;w=60`, "ratelimit": `"user";r=9;t=1`, "retry-after": "",
	})
	_, x = admitted(t, steps, 10, alice)
	want(t, x, map[string]string{
		"x-ratelimit-limit": "100", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795262401",
		"ratelimit-policy": `"user";q=100;w=60`, "ratelimit": `"user";r=0;t=1`, "retry-after": "1",
	})
}

func want(t *testing.T, x *gatehouse.Exchange, fields map[string]string) {
	t.Helper()
	for name, value := range fields {
		if got := x.Response.Fields.Get(name); got != value {
			t.Errorf("%s: %q; want %q", name, got, value)
		}
	}
}

func TestAuthenticationRoutesNeverShowTheAddressLayer(t *testing.T) {
	steps := compiled(t, fresh(), build(login, ours))
	for i := range 7 {
		x := ask(t, steps, start, addressV4, nil)
		for _, f := range x.Response.Fields {
			if f.Name != "retry-after" {
				t.Errorf("request %d shows %s: %s", i+1, f.Name, f.Value)
			}
		}
	}
}

// limit.preset-reset
func TestAPasswordResetIsLimitedSilently(t *testing.T) {
	c := fresh()
	c.Account = "email"
	b := build(forgot, ours)
	steps := compiled(t, c, b)
	for i := range 6 {
		x := &gatehouse.Exchange{At: start, Ended: gatehouse.Pass}
		x.Response.Status = 202
		// limit.preset-reset is per account, whatever the address and the spelling (R43)
		x.Conn.Client = netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		x.Request.Body = []byte([]string{`{"email":"a@example.com"}`, `{"email":" A@Example.com "}`, `{"email":"\u0061@example.com"}`}[i%3])
		walk(t, steps, x, func() {})
		if x.Response.Status != 202 || len(x.Response.Fields) != 0 {
			t.Errorf("request %d is answered %d with %v; want the same answer always", i+1, x.Response.Status, x.Response.Fields)
		}
		if limited := !x.Ended.Passed(); limited != (i >= 3) || limited && x.Ended.Rule() != "ratelimit.reset" {
			t.Errorf("request %d: limited %v by %q; want three an hour", i+1, limited, x.Ended.Rule())
		}
	}
}

func TestTheAccountIsLimitedAcrossAddresses(t *testing.T) { // limit.preset-auth
	c := fresh()
	c.Account = "user"
	steps := compiled(t, c, build(login, ours))
	for i := range 8 {
		x := &gatehouse.Exchange{At: start, Ended: gatehouse.Pass}
		x.Conn.Client = netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		x.Request.Body = []byte(`{"user":"alice","password":"guess"}`)
		walk(t, steps, x, func() {})
		if x.Ended.Passed() != (i < 5) {
			t.Errorf("guess %d from a new address: passed %v; want 5 guesses a minute", i+1, x.Ended.Passed())
		}
	}
}

func TestAnAddressThatKeepsFailingIsRefusedBeforeAnythingIsVerified(t *testing.T) {
	steps := compiled(t, fresh(), build(getOrder, nil))
	verified := 0
	var x *gatehouse.Exchange
	for range 50 {
		x = &gatehouse.Exchange{At: start, Ended: gatehouse.Pass}
		x.Conn.Client = addressV4
		walk(t, steps, x, func() { verified++; refused(x, gatehouse.Authenticate) })
	}
	if verified != 10 || x.Ended.Rule() != "ratelimit.failures" || x.Response.Status != 429 {
		t.Errorf("verified %d tokens, then %s; want 10, then ratelimit.failures", verified, x.Ended.Rule())
	}
	want(t, x, map[string]string{"retry-after": "2", "x-ratelimit-limit": "30", "ratelimit-policy": `"ip";q=30;w=60`})
	if x := ask(t, steps, start, netip.MustParseAddr("192.0.2.2"), alice); !x.Ended.Passed() {
		t.Error("another address pays for it")
	}
	if x := ask(t, steps, start.Add(2*time.Second), addressV4, alice); !x.Ended.Passed() {
		t.Error("waiting as told does not help")
	}
}

func TestASuccessfulCallerCostsItsAddressNothing(t *testing.T) {
	b := build(getOrder, nil)
	steps := compiled(t, fresh(), b)
	for i := range 200 {
		p := &gatehouse.Principal{Kind: "user", ID: strings.Repeat("u", i+1), Issuer: "i"}
		if x := ask(t, steps, start, addressV4, p); !x.Ended.Passed() {
			t.Fatalf("user %d behind one address was refused by %s", i+1, x.Quota.Layer)
		}
	}
}

func TestUndeclaredRequestsAreLimitedByAddress(t *testing.T) {
	steps := compiled(t, fresh(), build(nil, nil))
	if got, x := admitted(t, steps, 12, nil); got != 10 || x.Quota.Layer != "ip" {
		t.Errorf("admitted %d, layer %q; want 10 of the address", got, x.Quota.Layer)
	}
}

func TestR37_OneClientHasOneAddressHoweverItIsWritten(t *testing.T) {
	key := func(s string) string {
		x := &gatehouse.Exchange{}
		x.Conn.Client = netip.MustParseAddr(s)
		return addressKey(x)
	}
	for _, same := range [][2]string{{"192.0.2.1", "::ffff:192.0.2.1"}, {"2001:db8:0:1::1", "2001:db8:0:1:ffff::2"}} {
		if key(same[0]) != key(same[1]) {
			t.Errorf("%s and %s are counted apart", same[0], same[1])
		}
	}
	for _, apart := range [][2]string{{"192.0.2.1", "192.0.2.2"}, {"2001:db8:0:1::1", "2001:db8:0:2::1"}, {"192.0.2.1", "::192.0.2.1"}} {
		if key(apart[0]) == key(apart[1]) {
			t.Errorf("%s and %s are counted together", apart[0], apart[1])
		}
	}
}

func TestPrincipalsAreToldApartByKindIssuerAndID(t *testing.T) {
	steps := compiled(t, fresh(), build(getOrder, nil))
	for _, p := range []*gatehouse.Principal{{Kind: "user", Issuer: "a", ID: "bc"}, {Kind: "user", Issuer: "ab", ID: "c"}, {Kind: "user", Issuer: "", ID: "abc"}, {Kind: "user", Issuer: "1:a", ID: "bc"}} {
		if x := ask(t, steps, start, addressV4, p); x.Quota.Remaining != 9 {
			t.Errorf("%s of %s has %d left; want a bucket of its own", p.ID, p.Issuer, x.Quota.Remaining)
		}
	}
}

// limit.all-five
func TestARefusalBurnsNothing(t *testing.T) {
	c := fresh()
	c.Endpoint = Rate{5, time.Minute}
	b := build(getOrder, nil)
	admitted(t, compiled(t, c, b), 50, alice)
	other := operation{"listOrders", "GET", "/v1/orders"}
	b.Operation = other
	if x := ask(t, compiled(t, fresh(), b), start, addressV4, alice); x.Quota.Remaining != 4 {
		t.Errorf("%d left of the user's ten; want 4, five spent before and one now", x.Quota.Remaining)
	}
}
