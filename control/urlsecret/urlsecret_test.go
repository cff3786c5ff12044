package urlsecret

import (
	"context"
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

type operation struct{}

func (operation) ID() string       { return "getOrder" }
func (operation) Method() string   { return "GET" }
func (operation) Template() string { return "/v1/orders/{orderId}" }

var now = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

func build() *gatehouse.Build {
	return &gatehouse.Build{API: "orders", Operation: operation{}, Now: func() time.Time { return now }, Kept: gatehouse.NewKept()}
}

func step(t testing.TB, c *Config) gatehouse.Step {
	t.Helper()
	steps, err := c.Compile(build())
	if err != nil || len(steps) != 1 || steps[0].Need != gatehouse.Head {
		t.Fatalf("%v, %v; want one step on the head", steps, err)
	}
	return steps[0]
}

func ask(t testing.TB, s gatehouse.Step, path, query string) string {
	t.Helper()
	x := &gatehouse.Exchange{}
	x.Request.Query = query
	if path != "" {
		x.Request.Params = []gatehouse.Param{{Name: "orderId", Value: path}}
	}
	v, err := s.Enforce(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	return v.Rule()
}

const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"

// input.url-secrets
func TestSecretsInTheURLAreRefused(t *testing.T) {
	s := step(t, &Config{})
	for _, c := range []struct{ path, query, want string }{
		{"", "access_token=abc", "urlsecret.name"},
		{"", "Access-Token=abc", "urlsecret.name"},
		{"", "a=1&password=x", "urlsecret.name"},
		{"", "api%5Fkey=x", "urlsecret.name"},
		{"", "%61pi_key=x", "urlsecret.name"},
		{"", "user[password]=x", ""}, // not a name of ours: the body's schema knows such names
		{"", "secret=x", "urlsecret.name"}, {"", "token=x", "urlsecret.name"}, {"", "client.secret=x", "urlsecret.name"},
		{"", "q=" + jwt, "urlsecret.token"}, {jwt, "", "urlsecret.token"}, {"", "q=Bearer+" + jwt, "urlsecret.token"}, {"", jwt, "urlsecret.token"},
		{"", "key=AKIAIOSFODNN7EXAMPLE", "urlsecret.token"}, {"", "k=sk_live_abcdefghijklmnop", "urlsecret.token"},
		{"", "k=rk_test_abcdefghijklmnop", "urlsecret.token"}, {"", "k=sk-proj-abcdefghij_klmnop", "urlsecret.token"},
		{"", "k=sk-0123456789abcdef0123456789abcdef", "urlsecret.token"}, {"", "k=sk-" + strings.Repeat("aB3", 16), "urlsecret.token"}, {"", "k=sk_" + strings.Repeat("a0", 24) + "&b=1", "urlsecret.token"},
		{"", "k=ghp_abcdefghijklmnopqrstuvwxyz0123456789", "urlsecret.token"}, {"", "k=xoxb-1234567890-abc", "urlsecret.token"},
		{"", "k=ya29.abcdefghijklmnopqrstuv", "urlsecret.token"}, {"", "k=GOCSPX-abcdefghijklmnopqrstuv", "urlsecret.token"}, {"", "k=whsec_abcdefghijklmnopqrstuvwx", "urlsecret.token"},
		{"", "k=SG.abcdefghijklmnopqrstuv.abc", "urlsecret.token"}, {"", "k=shpat_abcdefghijklmnopqrstuvwxyz012345", "urlsecret.token"}, {"", "k=hvs.abcdefghijklmnopqrstuvwxyz", "urlsecret.token"},
		{"", "k=x;ghp_abcdefghijklmnopqrstuvwxyz0123456789", "urlsecret.token"},
		{"", "q=4111111111111111", "urlsecret.card"}, {"4111111111111111", "", "urlsecret.card"}, {"", "q=4111+1111+1111+1111", "urlsecret.card"},
		{"", "q=4111-1111-1111-1111", "urlsecret.card"}, {"", "q=%34111111111111111", "urlsecret.card"}, {"", "q=378282246310005", "urlsecret.card"}, {"", "q=card:5555555555554444.", "urlsecret.card"},
		{"", "q=visa-4111111111111111", "urlsecret.card"}, {"", "q=3782+822463+10005", "urlsecret.card"}, {"", "q=30569309025904", "urlsecret.card"}, {"", "q=6205500000000000004", "urlsecret.card"}, {"", "q=9792030000000000", "urlsecret.card"},
		{"", "q=alice@example.com", "urlsecret.email"}, {"", "q=alice@example.com.", "urlsecret.email"}, {"", "q=alice%40example.com", "urlsecret.email"}, {"alice@example.com", "", "urlsecret.email"},
		{"", "q=Alice+%3Calice%40example.com%3E", "urlsecret.email"}, {"", "alice@example.co.uk=1", "urlsecret.email"},
	} {
		if got := ask(t, s, c.path, c.query); got != c.want {
			t.Errorf("%q ?%s: %q; want %q", c.path, c.query, got, c.want)
		}
	}
}

func TestOrdinaryURLsPass(t *testing.T) {
	s := step(t, &Config{})
	for _, c := range []struct{ path, query string }{
		{"42", ""}, {"018f3c2e-7b1a-7c3d-9e4f-123456789abc", "limit=20&cursor=eyJpZCI6NDJ9"}, {"01J9ZK3N5V8Q7R2T4W6Y8Z0A1B", ""},
		{"", "page_token=CAUQAA&next_token=abc"}, {"", "token="}, {"", "password_changed_since=2026-01-01"},
		{"1732200000000", "since=1732200000&until=1732200000000"}, // times
		{"4111111111111112", ""},                                  // no card: the last digit is wrong
		{"41111111111111111", ""},                                 // no card: 17 digits
		{"x4111111111111111", ""}, {"", "q=4111111111111111x"},    // part of a word
		{"4006381333931", ""}, {"4222222222222", ""}, {"", "q=lodash@4.17.21"}, // EAN-13, as Visa of 13 digits would be; a package
		{"", "q=SG.short&r=hvs.short&s=whsec_"},
		{"", "q=@alice"}, {"", "q=alice@"}, {"", "q=a@b"}, {"", "q=price@5.0"}, {"", "at=52.5200,13.4050"},
		{"", "q=risk-averse+task_force&sort=-created&filter=name~sk_"}, {"", "q=sketch"}, {"", "q=100%25"}, {"", "a&b=&=c"}, {"", "q=eyJ"}, {"", "redirect=https%3A%2F%2Fapp.example.com%2F"},
		{"", "q=2026-11-21+12:00:00"}, {"", "phone=4930123456789"}, {"", "iban=DE89370400440532013000"},
	} {
		if got := ask(t, s, c.path, c.query); got != "" {
			t.Errorf("%q ?%s: refused by %s", c.path, c.query, got)
		}
	}
}

// TestRandomValuesPass gives what applications make of 256 random bits for every sign-in:
// state, nonce and code_challenge (RFC 6749 section 10.12, RFC 7636 section 4.2).
func TestRandomValuesPass(t *testing.T) {
	s := step(t, &Config{})
	for _, value := range []string{"sk-Zl5DhQ7pTKjsX5Pcg9bdh75LsmKh6FtTuU7RUHPk", "sk_G3SbwzhgEJdQN1NIxIixs1LW3gQQr9xZHsSN73Is", "rk_qT5CGtk1-Zu66L2aQvJ--l2NwuV6hTT7LkkU9Vol", "CguTZR5Mu5tjiPBIPRbsxxNu_sk-cgmOCpMSJuNHDVn"} {
		if got := ask(t, s, "", "state="+value); got != "" {
			t.Errorf("%s: refused by %s", value, got)
		}
	}
	random, refused := rand.NewChaCha8([32]byte{1}), 0
	const most, values = 4, 1_000_000 // keys have prefixes of four bytes, too
	var bits [32]byte
	for range values {
		_, _ = random.Read(bits[:])
		if find(base64.RawURLEncoding.EncodeToString(bits[:])) != nil {
			refused++
		}
	}
	t.Logf("figure: %d/%d of %d random values refused", refused, most, values)
	if refused > most {
		t.Errorf("%d of %d random values are refused", refused, values)
	}
}

func TestParametersAreExemptedByNameWithAWaiver(t *testing.T) {
	c := &Config{Allow: []string{"email"}}
	if _, err := c.Compile(build()); err == nil {
		t.Error("an exemption without a waiver compiled")
	}
	c.Waiver = &gatehouse.Waiver{Because: "legacy search", Owner: "web@example.com", Until: now.AddDate(0, 1, 0)}
	s := step(t, c)
	if got := ask(t, s, "", "email=alice@example.com"); got != "" {
		t.Errorf("the exempted parameter: %s", got)
	}
	if got := ask(t, s, "", "email=a&q=alice@example.com"); got != "urlsecret.email" {
		t.Errorf("another parameter: %q; want urlsecret.email", got)
	}
}

func TestTheAnswerRepeatsNothing(t *testing.T) {
	for _, a := range []*gatehouse.Answer{bySecretName, byToken, byCard, byEmail} {
		if a.Status != 400 || len(a.Fields) != 0 || strings.Contains(a.Public, "%") {
			t.Errorf("%+v", a)
		}
	}
}

func TestPassingAllocatesNothing(t *testing.T) {
	s := step(t, &Config{})
	x, passed := &gatehouse.Exchange{}, 0
	if n := testing.AllocsPerRun(200, func() {
		x.Reset()
		x.Request.Query = "limit=20&q=hello%20world&since=1732200000000"
		if v, err := s.Enforce(context.Background(), x); err == nil && v.Passed() {
			passed++
		}
	}); n != 0 || passed != 201 {
		t.Errorf("%v allocations, %d of 201 passed", n, passed)
	}
}

func BenchmarkPass(b *testing.B) {
	s := step(b, &Config{})
	x := &gatehouse.Exchange{}
	b.ReportAllocs()
	for b.Loop() {
		x.Reset()
		x.Request.Query = "limit=20&q=hello%20world&since=1732200000000"
		s.Enforce(b.Context(), x)
	}
}
