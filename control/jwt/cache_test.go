package jwt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/store"
)

// atFile returns the configuration of an issuer whose keys are in a file.
func atFile(t testing.TB, issuer *devissuer.Issuer) Issuer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(path, issuer.JWKS(), 0o600); err != nil {
		t.Fatal(err)
	}
	return Issuer{Issuer: issuer.URL, JWKS: "file:" + path}
}

func offline(t testing.TB, url string) *devissuer.Issuer {
	t.Helper()
	issuer, err := devissuer.New(url, api)
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

func TestARememberedTokenCostsNoAllocation(t *testing.T) {
	for name, conf := range map[string]func(testing.TB) (*devissuer.Issuer, Issuer){
		"keys of a file": func(t testing.TB) (*devissuer.Issuer, Issuer) {
			i := offline(t, "https://login.example.com")
			return i, atFile(t, i)
		},
		"keys of an issuer": func(t testing.TB) (*devissuer.Issuer, Issuer) { i := start(t); return i, Issuer{Issuer: i.URL} },
	} {
		t.Run(name, func(t *testing.T) {
			issuer, c := conf(t)
			step := compile(t, config(c), build())
			x := withToken(time.Now(), issuer.Mint(devissuer.Claims{Roles: []string{"user"}, Scopes: []string{"a"}}))
			if got := said(t, step, x); got != "" {
				t.Fatal(got)
			}
			first := x.Principal
			n := testing.AllocsPerRun(100, func() {
				x.Principal = nil
				if v, err := step.Enforce(context.Background(), x); err != nil || !v.Passed() {
					t.Fatal("refused")
				}
			})
			if n != 0 {
				t.Errorf("%v allocations a request", n)
			}
			if x.Principal != first {
				t.Error("the principal was made anew")
			}
		})
	}
}

func TestARefusalOfTheFieldCostsNoAllocation(t *testing.T) {
	issuer := offline(t, "https://login.example.com")
	step := compile(t, config(atFile(t, issuer)), build())
	for _, x := range []*gatehouse.Exchange{exchange(time.Now()), exchange(time.Now(), gatehouse.Field{Name: "authorization", Value: "Basic x"})} {
		if n := testing.AllocsPerRun(100, func() { _, _ = step.Enforce(context.Background(), x) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func BenchmarkRememberedToken(b *testing.B) {
	issuer := offline(b, "https://login.example.com")
	step := compile(b, config(atFile(b, issuer)), build())
	x := withToken(time.Now(), issuer.Mint(devissuer.Claims{Roles: []string{"user"}, Scopes: []string{"orders:read"}, Tenant: "t1", Client: "app"}))
	for b.Loop() {
		x.Principal = nil
		if v, err := step.Enforce(context.Background(), x); err != nil || !v.Passed() {
			b.Fatal("refused")
		}
	}
}

// BenchmarkRememberedTokenAmongRevoked is the same where 100,000 others of each
// kind are revoked.
func BenchmarkRememberedTokenAmongRevoked(b *testing.B) {
	issuer := offline(b, login)
	of := build()
	step := compile(b, config(atFile(b, issuer)), of)
	x := withToken(time.Now(), issuer.Mint(devissuer.Claims{Subject: "alice", Set: map[string]string{"jti": `"j1"`, "grant_id": `"g1"`}}))
	r, err := watched(of)
	if err != nil {
		b.Fatal(err)
	}
	var all []store.Revocation
	for i := range 100_000 {
		for _, k := range []store.RevocationKind{store.RevokeToken, store.RevokeGrant, store.RevokeSubject} {
			all = append(all, store.Revocation{Kind: k, Issuer: login, Subject: fmt.Sprint("other-", i)})
		}
	}
	began := time.Now()
	r.now.Store(arrange(all))
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/snapshot")
	for b.Loop() {
		x.Principal = nil
		if v, err := step.Enforce(context.Background(), x); err != nil || !v.Passed() {
			b.Fatal("refused")
		}
	}
}

func BenchmarkTokenOnFirstSight(b *testing.B) {
	issuer := offline(b, "https://login.example.com")
	c := config(atFile(b, issuer))
	c.CacheSize = 0
	step := compile(b, c, build())
	x := withToken(time.Now(), issuer.Mint(devissuer.Claims{Roles: []string{"user"}, Scopes: []string{"orders:read"}, Tenant: "t1", Client: "app"}))
	b.ReportAllocs()
	for b.Loop() {
		x.Principal = nil
		if v, err := step.Enforce(context.Background(), x); err != nil || !v.Passed() {
			b.Fatal("refused")
		}
	}
}

// BenchmarkTokenOfAStranger is what an attacker's tokens cost.
func BenchmarkTokenOfAStranger(b *testing.B) {
	issuer := offline(b, "https://login.example.com")
	step := compile(b, config(atFile(b, issuer)), build())
	x := withToken(time.Now(), issuer.Mint(devissuer.Claims{Header: map[string]string{"kid": `"other"`}}))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = step.Enforce(context.Background(), x)
	}
}

// cache-expired: time goes on for a remembered token too.
func TestARememberedTokenExpiresWithoutBeingVerifiedAgain(t *testing.T) {
	issuer := offline(t, "https://login.example.com")
	at := time.Unix(1_800_000_000, 0)
	issuer.Now = func() time.Time { return at }
	step := compile(t, config(atFile(t, issuer)), build())
	token := issuer.Mint(devissuer.Claims{Set: map[string]string{"exp": "1800000020"}})
	for after, want := range map[time.Duration]string{0: "", 19 * time.Second: "", 49 * time.Second: "", 50 * time.Second: "jwt.exp", time.Hour: "jwt.exp"} {
		if got := said(t, step, withToken(at.Add(after), token)); got != want {
			t.Errorf("after %s: %q, want %q", after, got, want)
		}
	}
	// The clock set back does not revive nbf.
	if got := said(t, step, withToken(at.Add(-31*time.Second), token)); got != "jwt.nbf" {
		t.Errorf("before nbf: %q", got)
	}
}

func TestAnEntryLivesAMinuteAndNotLongerThanTheToken(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	issuer := offline(t, "https://login.example.com")
	issuer.Now = func() time.Time { return now }
	b := build()
	step := compile(t, config(atFile(t, issuer)), b)
	token := issuer.Mint(devissuer.Claims{})
	principal := func(after time.Duration) *gatehouse.Principal {
		x := withToken(now.Add(after), token)
		if got := said(t, step, x); got != "" {
			t.Fatalf("after %s: %s", after, got)
		}
		return x.Principal
	}
	first := principal(0)
	if principal(59*time.Second) != first {
		t.Error("forgotten within the minute")
	}
	if principal(60*time.Second) == first {
		t.Error("remembered for more than a minute")
	}
}

// keysOf answers with the keys of whoever is the issuer at the time.
type keysOf struct {
	issuer atomic.Pointer[devissuer.Issuer]
}

func (k *keysOf) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(k.issuer.Load().JWKS())), Request: r}, nil
}

// key-removed: what was verified with keys that were replaced is verified again.
func TestARememberedTokenEndsWithTheKeysItWasVerifiedWith(t *testing.T) {
	const url = "https://login.example.com"
	issuer, keys, b := offline(t, url), &keysOf{}, build()
	keys.issuer.Store(issuer)
	gatehouse.Provide[http.RoundTripper](b.Kept, keys)
	step := compile(t, config(Issuer{Issuer: url, JWKS: url + "/jwks.json"}), b)
	at := time.Unix(1_800_000_000, 0)
	token := issuer.Mint(devissuer.Claims{Set: map[string]string{"iat": "1800000000", "nbf": "1800000000", "exp": "1800000900"}})
	if got := said(t, step, withToken(at, token)); got != "" {
		t.Fatal(got)
	}
	keys.issuer.Store(offline(t, url))
	later := at.Add(8 * time.Minute) // verified anew, and the refresh begins in the background
	if got := said(t, step, withToken(later, token)); got != "" && got != "jwt.signature" {
		t.Fatal(got) // the refresh may have been the faster
	}
	deadline := time.Now().Add(5 * time.Second)
	for said(t, step, withToken(later.Add(time.Second), token)) != "jwt.signature" {
		if time.Now().After(deadline) {
			t.Fatal("still accepted after the key was removed")
		}
		time.Sleep(time.Millisecond)
	}
}

// cnf-missing, jwt.dpop-mtls: a bound token is not a bearer token.
func TestABoundTokenNeedsItsCertificate(t *testing.T) {
	issuer := offline(t, "https://login.example.com")
	step := compile(t, config(atFile(t, issuer)), build())
	sum := sha256.Sum256([]byte("certificate of alice"))
	thumb := base64.RawURLEncoding.EncodeToString(sum[:])
	token := issuer.Mint(devissuer.Claims{Set: map[string]string{"cnf": `{"x5t#S256":"` + thumb + `"}`}})
	over := func(certificates ...string) *gatehouse.Exchange {
		x := withToken(time.Now(), token)
		x.Conn.TLS = &tls.ConnectionState{}
		if len(certificates) > 0 {
			x.Conn.Certificate = &gatehouse.Certificate{Thumbprint: sha256.Sum256([]byte(certificates[0]))}
		}
		return x
	}
	for range 2 { // verified, then remembered
		for name, c := range map[string]struct {
			x    *gatehouse.Exchange
			want string
		}{
			"the right one": {over("certificate of alice"), ""}, "no TLS": {withToken(time.Now(), token), "jwt.cnf"}, "none": {over(), "jwt.cnf"},
			"another": {over("certificate of bob"), "jwt.cnf"}, "another first": {over("certificate of bob", "certificate of alice"), "jwt.cnf"},
		} {
			if got := said(t, step, c.x); got != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
	}
	for _, cnf := range []string{`{"jkt":"` + thumb + `A"}`, `{"x5t#S256":"` + thumb + `","jkt":"x"}`, `{"x5t#S256":"` + thumb + `","x5u":"` + thumb + `"}`, `{"jwk":{}}`, `{}`, `[]`, `null`, `{"x5t#S256":"AAAA"}`, `{"x5t#S256":1}`} {
		if got := said(t, step, withToken(time.Now(), issuer.Mint(devissuer.Claims{Set: map[string]string{"cnf": cnf}}))); got != "jwt.claims" {
			t.Errorf("cnf %s: %q", cnf, got)
		}
	}
}

// R18: every prefix, every suffix and every bit flip of a token.
func TestR18_ATruncatedOrChangedTokenIsRefused(t *testing.T) {
	issuer := offline(t, "https://login.example.com")
	step := compile(t, config(atFile(t, issuer)), build())
	token := issuer.Mint(devissuer.Claims{})
	try := func(what, changed string) {
		if got := said(t, step, withToken(time.Now(), changed)); got == "" {
			t.Errorf("%s was accepted", what)
		}
	}
	genuine := func() {
		if got := said(t, step, withToken(time.Now(), token)); got != "" {
			t.Fatal(got)
		}
	}
	genuine()
	for i := range token {
		try(fmt.Sprintf("prefix of %d", i), token[:i])
		if i > 0 {
			try(fmt.Sprintf("suffix from %d", i), token[i:])
		}
		for bit := range 8 {
			b := []byte(token)
			b[i] ^= 1 << bit
			try(fmt.Sprintf("byte %d bit %d", i, bit), string(b))
		}
	}
	for _, extra := range []string{"A", "==", ".", " ", "\n", "\x00"} {
		try("suffix added", token+extra)
		try("prefix added", extra+token)
	}
	genuine()
}

// R19: what is shared must depend on everything that it was made from.
func TestR19_VerifiedTokensAreNotSharedAcrossConfigurations(t *testing.T) {
	one, two := start(t), start(t)
	b := build()
	conf := config(Issuer{Issuer: one.URL}, Issuer{Issuer: two.URL})
	conf.SharedSubjects = &gatehouse.Waiver{Because: "a test", Owner: "test@example.com", Until: time.Now().AddDate(0, 1, 0)}
	both := compile(t, conf, b)
	token := one.Mint(devissuer.Claims{Tenant: "t1"})
	first := withToken(time.Now(), token)
	if got := said(t, both, first); got != "" {
		t.Fatal(got)
	}
	again := withToken(time.Now(), token)
	if got := said(t, compile(t, conf, b), again); got != "" || again.Principal != first.Principal {
		t.Errorf("a reload of the same configuration verified again: %q", got)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		api    string
		want   string
	}{
		"another audience":  {func(c *Config) { c.Audience = "https://api.example.com/other" }, "", "jwt.aud"},
		"issuer removed":    {func(c *Config) { c.Issuers = c.Issuers[1:] }, "", "jwt.iss"},
		"another algorithm": {func(c *Config) { c.Issuers[0].Algorithms = []string{"RS256"} }, "", "jwt.alg"},
		"another type":      {func(c *Config) { c.Issuers[0].Type = "x+jwt" }, "", "jwt.typ"},
		"a shorter life":    {func(c *Config) { c.Lifetime = time.Minute }, "", "jwt.lifetime"},
		"another API":       {func(*Config) {}, "invoices", ""},
		"another tenant":    {func(c *Config) { c.Issuers[0].TenantClaim = "org" }, "", ""},
	} {
		changed := *conf
		changed.Issuers = append([]Issuer(nil), conf.Issuers...)
		c.change(&changed)
		b.API = "orders" + c.api
		x := withToken(time.Now(), token)
		got := said(t, compile(t, &changed, b), x)
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if x.Principal == first.Principal {
			t.Errorf("%s: shares the principal", name)
		}
		if name == "another tenant" && x.Principal.Tenant != "" {
			t.Errorf("%s: tenant %q", name, x.Principal.Tenant)
		}
	}
}

func TestR19_NamesOfSharedThingsCannotRunTogether(t *testing.T) {
	seen := map[string][]string{}
	for _, parts := range [][]string{{"a", "bc"}, {"ab", "c"}, {"abc"}, {"abc", ""}, {"", "abc"}, {"a", "b", "c"}, {"1:a,"}, {"1:a", ""}, {"a,1:b"}, {}, {""}} {
		name := composite(parts...)
		if other, ok := seen[name]; ok {
			t.Errorf("%q and %q are both %q", parts, other, name)
		}
		seen[name] = parts
	}
}

func FuzzR19_NamesOfSharedThings(f *testing.F) {
	f.Add("a", "bc", "ab", "c")
	f.Add("1:a", "", "1", ":a")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		if (a != c || b != d) && composite(a, b) == composite(c, d) {
			t.Errorf("%q %q and %q %q", a, b, c, d)
		}
	})
}

// R19: two users in parallel never share a result. Run with -race.
func TestR19_CallersInParallelAreNeverMixed(t *testing.T) {
	issuer := start(t)
	c := config(Issuer{Issuer: issuer.URL})
	c.CacheSize = 8 // so that they fight for places
	step := compile(t, c, build())
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for n := range 60 {
				name := fmt.Sprintf("user-%d-%d", g, n%20)
				x := withToken(time.Now(), issuer.Mint(devissuer.Claims{Subject: name}))
				for range 2 {
					x.Principal = nil
					if v, err := step.Enforce(context.Background(), x); err != nil || !v.Passed() || x.Principal.ID != name {
						t.Errorf("%s: %v %v", name, v, err)
						return
					}
				}
			}
		})
	}
	group.Wait()
	if n := issuer.Fetches.Load(); n != 1 {
		t.Errorf("%d fetches of the keys", n)
	}
}

// cache-poison: a positive verdict is for the whole token.
func TestR19_TheSameClaimsUnderAnotherSignatureAreNotRemembered(t *testing.T) {
	issuer, stranger := offline(t, "https://login.example.com"), offline(t, "https://login.example.com")
	step := compile(t, config(atFile(t, issuer)), build())
	claims := devissuer.Claims{Payload: fmt.Appendf(nil, `{"iss":%q,"aud":%q,"sub":"alice","iat":%d,"exp":%d}`, issuer.URL, api, time.Now().Unix(), time.Now().Unix()+60)}
	token := issuer.Mint(claims)
	if got := said(t, step, withToken(time.Now(), token)); got != "" {
		t.Fatal(got)
	}
	if got := said(t, step, withToken(time.Now(), stranger.Mint(claims))); got != "jwt.signature" {
		t.Errorf("another signature: %q", got)
	}
	claims.Header = map[string]string{"kid": `"other"`}
	if got := said(t, step, withToken(time.Now(), issuer.Mint(claims))); got != "jwt.kid_unknown" {
		t.Errorf("another header: %q", got)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	for size, want := range map[int]int{0: 0, 1: 4, 4: 4, 5: 8, 100: 128, 65536: 65536} {
		if got := len(newCache(size).slots); got != want {
			t.Errorf("%d: %d places, want %d", size, got, want)
		}
	}
	c := newCache(16)
	now := time.Now()
	for n := range 1000 {
		c.put(&entry{token: fmt.Sprint(n), until: now.Add(time.Minute)})
		if e := c.get(fmt.Sprint(n), now); e == nil || e.token != fmt.Sprint(n) {
			t.Fatal("the newest is not there")
		}
	}
	kept := 0
	for n := range 1000 {
		if c.get(fmt.Sprint(n), now) != nil {
			kept++
		}
	}
	if kept == 0 || kept > 16 {
		t.Errorf("%d entries", kept)
	}
}

func TestTheRememberedTokenIsACopy(t *testing.T) {
	issuer := offline(t, "https://login.example.com")
	step := compile(t, config(atFile(t, issuer)), build())
	buffer := []byte("Bearer " + issuer.Mint(devissuer.Claims{Tenant: "t1"}))
	x := exchange(time.Now(), gatehouse.Field{Name: "authorization", Value: (&gatehouse.Exchange{}).Append(func([]byte) []byte { return buffer })})
	if got := said(t, step, x); got != "" {
		t.Fatal(got)
	}
	token := string(buffer)
	p := x.Principal
	for i := range buffer {
		buffer[i] = 'x'
	}
	if p.ID != "alice" || p.Tenant != "t1" || p.Issuer != issuer.URL || p.KeyID != devissuer.KeyID {
		t.Errorf("the principal changed with the buffer: %+v", p)
	}
	x = exchange(time.Now(), gatehouse.Field{Name: "authorization", Value: strings.Clone(token)})
	if got := said(t, step, x); got != "" || x.Principal != p {
		t.Errorf("not remembered: %q", got)
	}
}
