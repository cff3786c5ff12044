package jwt

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

const orderURL = "https://api.example.com/v1/orders/1"

// holder is a client that holds a key, and a token that is bound to it.
type holder struct {
	*devissuer.Prover
	token string
}

func newHolder(t testing.TB, issuer *devissuer.Issuer) *holder {
	t.Helper()
	p, err := devissuer.NewProver()
	if err != nil {
		t.Fatal(err)
	}
	return &holder{p, issuer.Mint(devissuer.Claims{Set: map[string]string{"cnf": p.Confirmation()}})}
}

// ask sends a token of the holder's with a proof, over TLS.
func (h *holder) ask(proof string) *gatehouse.Exchange {
	x := exchange(time.Now(), gatehouse.Field{Name: "authorization", Value: "DPoP " + h.token}, gatehouse.Field{Name: "dpop", Value: proof})
	x.Request.Host, x.Conn.Secure = "api.example.com", true
	return x
}

func (h *holder) genuine() devissuer.Proof {
	return devissuer.Proof{Method: "GET", URL: orderURL, Token: h.token}
}

// jwt.dpop-mtls: each thing that a proof says is compared, on first sight of the token
// and for one that is remembered (RFC 9449 section 4.3).
func TestEveryPartOfAProofIsCompared(t *testing.T) {
	issuer := offline(t, "https://login.example.com")
	step := compile(t, config(atFile(t, issuer)), build())
	h, other := newHolder(t, issuer), newHolder(t, issuer)
	now := func(d int64) string { return fmt.Sprint(time.Now().Unix() + d) }
	for name, c := range map[string]struct {
		change func(*devissuer.Proof)
		want   string
	}{
		"genuine":                   {func(*devissuer.Proof) {}, ""},
		"of another method":         {func(p *devissuer.Proof) { p.Method = "POST" }, "jwt.proof_htm"},
		"of a method in lower case": {func(p *devissuer.Proof) { p.Method = "get" }, "jwt.proof_htm"},
		"of another path":           {func(p *devissuer.Proof) { p.URL = "https://api.example.com/v1/orders/2" }, "jwt.proof_htu"},
		"of another host":           {func(p *devissuer.Proof) { p.URL = "https://evil.example/v1/orders/1" }, "jwt.proof_htu"},
		"over http":                 {func(p *devissuer.Proof) { p.URL = "http://api.example.com/v1/orders/1" }, "jwt.proof_htu"},
		"of another token":          {func(p *devissuer.Proof) { p.Token = other.token }, "jwt.proof_ath"},
		"of no token":               {func(p *devissuer.Proof) { p.Token = "" }, "jwt.proof_ath"},
		"made a minute ago":         {func(p *devissuer.Proof) { p.Set = map[string]string{"iat": now(-62)} }, "jwt.proof_iat"},
		"made in a minute":          {func(p *devissuer.Proof) { p.Set = map[string]string{"iat": now(62)} }, "jwt.proof_iat"},
		"a little ahead":            {func(p *devissuer.Proof) { p.Set = map[string]string{"iat": now(58)} }, ""},
		"with another's key":        {func(p *devissuer.Proof) { p.Header = map[string]string{"jwk": other.JWK()} }, "jwt.proof_key"},
		"signed by nobody":          {func(p *devissuer.Proof) { p.Sign = func(string) []byte { return make([]byte, 64) } }, "jwt.proof_signature"},
		"an access token":           {func(p *devissuer.Proof) { p.Header = map[string]string{"typ": `"at+jwt"`} }, "jwt.proof_malformed"},
		"without jti":               {func(p *devissuer.Proof) { p.Set = map[string]string{"jti": ""} }, "jwt.proof_malformed"},
	} {
		for _, round := range []string{"first", "remembered"} {
			p := h.genuine()
			c.change(&p)
			if got := said(t, step, h.ask(h.Prove(p))); got != c.want {
				t.Errorf("%s, %s: %q, want %q", name, round, got, c.want)
			}
		}
	}
	if got := said(t, step, h.ask(other.Prove(h.genuine()))); got != "jwt.proof_key" {
		t.Errorf("a genuine proof of another client: %q", got)
	}
	proof := h.Prove(h.genuine())
	for _, want := range []string{"", "jwt.proof_replayed", "jwt.proof_replayed"} {
		if got := said(t, step, h.ask(proof)); got != want {
			t.Errorf("sent again: %q, want %q", got, want)
		}
	}
}

// jwt.dpop-mtls: the scheme says what kind of token it is, and lies help nobody
// (RFC 9449 section 7.1 and 7.2).
func TestABoundTokenIsNoBearerTokenAndTheOtherWayRound(t *testing.T) {
	issuer := offline(t, "https://login.example.com")
	step := compile(t, config(atFile(t, issuer)), build())
	h := newHolder(t, issuer)
	free := issuer.Mint(devissuer.Claims{})
	field := func(name, value string) gatehouse.Field { return gatehouse.Field{Name: name, Value: value} }
	proof := func() gatehouse.Field { return field("dpop", h.Prove(h.genuine())) }
	freeProof := field("dpop", h.Prove(devissuer.Proof{Method: "GET", URL: orderURL, Token: free}))
	for name, c := range map[string]struct {
		fields []gatehouse.Field
		want   string
		scheme string
	}{
		"bound, as bearer":            {[]gatehouse.Field{field("authorization", "Bearer "+h.token)}, "jwt.cnf", "DPoP error"},
		"bound, as bearer with proof": {[]gatehouse.Field{field("authorization", "Bearer "+h.token), proof()}, "jwt.cnf", "DPoP error"},
		"free, as DPoP":               {[]gatehouse.Field{field("authorization", "DPoP "+free), freeProof}, "jwt.cnf", "DPoP error"},
		"free, with a proof":          {[]gatehouse.Field{field("authorization", "Bearer "+free), freeProof}, "", ""},
		"no proof":                    {[]gatehouse.Field{field("authorization", "DPoP "+h.token)}, "jwt.proof_missing", `DPoP error="invalid_dpop_proof", algs="`},
		"two proofs":                  {[]gatehouse.Field{field("authorization", "DPoP "+h.token), proof(), proof()}, "jwt.proof_missing", "DPoP"},
		"an empty proof":              {[]gatehouse.Field{field("authorization", "DPoP "+h.token), field("dpop", "")}, "jwt.proof_malformed", "DPoP"},
		"garbage, as DPoP":            {[]gatehouse.Field{field("authorization", "DPoP abc"), proof()}, "jwt.malformed", `DPoP error="invalid_token"`},
		"in lower case":               {[]gatehouse.Field{field("authorization", "dpop "+h.token), proof()}, "", ""},
		"nothing":                     {nil, "jwt.missing", "Bearer"},
		"two tokens":                  {[]gatehouse.Field{field("authorization", "DPoP "+h.token), field("authorization", "Bearer "+free), proof()}, "jwt.request", "Bearer"},
	} {
		x := exchange(time.Now(), c.fields...)
		x.Request.Host, x.Conn.Secure = "api.example.com", true
		v, err := step.Enforce(context.Background(), x)
		if err != nil {
			t.Fatal(err)
		}
		if v.Passed() != (c.want == "") || v.Denied() && (v.Rule() != c.want || !strings.HasPrefix(v.Answer().Fields.Get("www-authenticate"), c.scheme)) {
			t.Errorf("%s: %s %v", name, v.Rule(), v.Answer())
		}
	}
	if got := missing.Fields[1].Value; got != `DPoP algs="ES256 EdDSA RS256"` {
		t.Errorf("challenge %s", got)
	}
}

// jwt.dpop-mtls: of many who send one proof at once, one succeeds; another client's
// use of the same jti costs nobody anything.
func TestAProofIsSpentOnce(t *testing.T) {
	issuer := offline(t, "https://login.example.com")
	step := compile(t, config(atFile(t, issuer)), build())
	h, other := newHolder(t, issuer), newHolder(t, issuer)
	same := map[string]string{"jti": `"1"`}
	for _, who := range []*holder{h, other} {
		p := who.genuine()
		p.Set = same
		if got := said(t, step, who.ask(who.Prove(p))); got != "" {
			t.Errorf("the same jti of another client: %q", got)
		}
	}
	proof := h.Prove(h.genuine())
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if v, err := step.Enforce(context.Background(), h.ask(proof)); err == nil && v.Passed() {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	if passed.Load() != 1 {
		t.Errorf("%d of 16 passed", passed.Load())
	}
}

// forgetful is a store that fails, or that was made after the proof.
type forgetful struct {
	store.Once
	err   error
	since time.Time
}

func (f forgetful) First(ctx context.Context, at time.Time, space, key string, ttl time.Duration) (bool, error) {
	if f.err != nil {
		return true, f.err
	}
	return f.Once.First(ctx, at, space, key, ttl)
}

func (f forgetful) Since() time.Time { return f.since }

// jwt.dpop-mtls: when nobody knows whether a proof was used, it was.
func TestWithoutMemoryOfProofsNoneIsAccepted(t *testing.T) {
	issuer := offline(t, "https://login.example.com")
	h := newHolder(t, issuer)
	away := errors.New("the store is away")
	for name, c := range map[string]struct {
		store forgetful
		want  string
	}{
		"away":           {forgetful{Once: memory.NewOnce(10), err: away}, "jwt: remembering a proof: the store is away"},
		"begun after it": {forgetful{Once: memory.NewOnce(10), since: time.Now().Add(3 * time.Second)}, "jwt.proof_iat"},
		"for ever":       {forgetful{Once: memory.NewOnce(10)}, ""},
	} {
		b := build()
		gatehouse.Provide[store.Once](b.Kept, c.store)
		if got := said(t, compile(t, config(atFile(t, issuer)), b), h.ask(h.Prove(h.genuine()))); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	b := build()
	gatehouse.Provide[store.Once](b.Kept, memory.NewOnce(16))
	step := compile(t, config(atFile(t, issuer)), b)
	full := 0
	for range 40 {
		v, err := step.Enforce(context.Background(), h.ask(h.Prove(h.genuine())))
		if errors.Is(err, store.ErrFull) && !v.Passed() {
			full++
		}
	}
	if full < 24 {
		t.Errorf("%d of 40 were refused by a memory for 16", full)
	}
}

// RFC 9449 section 4.3: htu is compared without query and fragment, after
// normalisation by syntax and scheme (RFC 3986 section 6.2.2, 6.2.3).
func TestURLsOfProofsAreCompared(t *testing.T) {
	for _, c := range []struct {
		htu, public, host, path string
		secure, want            bool
	}{
		{"https://api.example.com/a", "", "api.example.com", "/a", true, true},
		{"https://api.example.com/a?b=c#d", "", "api.example.com", "/a", true, true},
		{"https://api.example.com/a#d?b", "", "api.example.com", "/a", true, true},
		{"HTTPS://API.example.COM:443/a", "", "api.example.com", "/a", true, true},
		{"http://api.example.com:80/a", "", "api.example.com", "/a", false, true},
		{"http://api.example.com:443/a", "", "api.example.com", "/a", false, false},
		{"https://api.example.com:8443/a", "", "api.example.com:8443", "/a", true, true},
		{"https://api.example.com/a", "", "api.example.com:8443", "/a", true, false},
		{"https://api.example.com", "", "api.example.com", "/", true, true},
		{"https://api.example.com?x", "", "api.example.com", "/", true, true},
		{"https://api.example.com/", "", "api.example.com", "/a", true, false},
		{"https://api.example.com/a/", "", "api.example.com", "/a", true, false},
		{"https://api.example.com/A", "", "api.example.com", "/a", true, false},
		{"https://api.example.com/%61%7e", "", "api.example.com", "/a~", true, true},
		{"https://api.example.com/%e2%82%ac", "", "api.example.com", "/%E2%82%AC", true, true},
		{"https://api.example.com/a%2fb", "", "api.example.com", "/a%2Fb", true, true},
		{"https://api.example.com/a%2fb", "", "api.example.com", "/a/b", true, false},
		{"https://api.example.com/a/b", "", "api.example.com", "/a%2Fb", true, false},
		{"https://api.example.com/%2561", "", "api.example.com", "/a", true, false},
		{"https://api.example.com/b/../a", "", "api.example.com", "/a", true, false},
		{"https://api.example.com/a%", "", "api.example.com", "/a%", true, true},
		{"https://user@api.example.com/a", "", "api.example.com", "/a", true, false},
		{"https://api.example.com@evil.example/a", "", "api.example.com", "/a", true, false},
		{"//api.example.com/a", "", "api.example.com", "/a", true, false},
		{"/a", "", "api.example.com", "/a", true, false},
		{"", "", "api.example.com", "/a", true, false},
		{"https://[2001:db8::1]:8443/a", "", "[2001:db8::1]:8443", "/a", true, true},
		{"https://[2001:db8::443]/a", "", "[2001:db8::443]", "/a", true, true},
		{"https://public.example/shop/a", "https://public.example/shop", "10.0.0.1", "/a", false, true},
		{"https://public.example/shop/a", "https://Public.example:443/shop/", "10.0.0.1", "/a", false, true},
		{"https://public.example/a", "https://public.example/shop", "10.0.0.1", "/a", false, false},
		{"https://10.0.0.1/a", "https://public.example", "10.0.0.1", "/a", true, false},
	} {
		p, err := parsePublic(c.public)
		if err != nil {
			t.Fatal(err)
		}
		x := &gatehouse.Exchange{Request: gatehouse.Request{Host: c.host, Path: c.path}, Conn: gatehouse.Conn{Secure: c.secure}}
		if got := p.meant(c.htu, x); got != c.want {
			t.Errorf("%q for %s%s (secure %v, public %q): %v", c.htu, c.host, c.path, c.secure, c.public, got)
		}
	}
	for _, bad := range []string{"api.example.com", "ftp://api.example.com", "https://", "https://a?b", "https://u@a", "https://a/%2F", "://"} {
		c := config(Issuer{Issuer: "https://login.example.com"})
		c.PublicURL = bad
		if _, err := c.Compile(build()); err == nil || !strings.Contains(err.Error(), "public_url") {
			t.Errorf("public_url %q: %v", bad, err)
		}
	}
}

// Where every host is served, the host that a client asks for says nothing about whom
// its proof was made for.
func TestWhereEveryHostIsServedOnlyAPublicURLTellsWhatProofsAreFor(t *testing.T) {
	issuer := offline(t, "https://login.example.com")
	h := newHolder(t, issuer)
	b := build()
	b.Hosts = []string{"*"}
	c := config(atFile(t, issuer))
	if got := said(t, compile(t, c, b), h.ask(h.Prove(h.genuine()))); got != "jwt.proof_htu" {
		t.Errorf("%q", got)
	}
	c.PublicURL = "https://api.example.com"
	if got := said(t, compile(t, c, b), h.ask(h.Prove(h.genuine()))); got != "" {
		t.Errorf("with a public URL: %q", got)
	}
}

// jwt.dpop-mtls: a token that is bound to both needs both.
func TestATokenBoundToKeyAndCertificateNeedsBoth(t *testing.T) {
	issuer := offline(t, "https://login.example.com")
	step := compile(t, config(atFile(t, issuer)), build())
	h := newHolder(t, issuer)
	sum := sha256.Sum256([]byte("certificate"))
	thumb := strings.TrimSuffix(strings.TrimPrefix(h.Confirmation(), "{"), "}")
	h.token = issuer.Mint(devissuer.Claims{Set: map[string]string{"cnf": fmt.Sprintf(`{%s,"x5t#S256":%q}`, thumb, base64.RawURLEncoding.EncodeToString(sum[:]))}})
	x := h.ask(h.Prove(h.genuine()))
	if got := said(t, step, x); got != "jwt.cnf" {
		t.Errorf("without the certificate: %q", got)
	}
	x = h.ask(h.Prove(h.genuine()))
	x.Conn.Certificate = &gatehouse.Certificate{Thumbprint: sum}
	if got := said(t, step, x); got != "" {
		t.Errorf("with both: %q", got)
	}
	x = withToken(time.Now(), h.token)
	x.Conn.Certificate = &gatehouse.Certificate{Thumbprint: sum}
	if got := said(t, step, x); got != "jwt.cnf" {
		t.Errorf("with the certificate alone: %q", got)
	}
}

func BenchmarkDPoP(b *testing.B) {
	issuer := offline(b, "https://login.example.com")
	step := compile(b, config(atFile(b, issuer)), build())
	h := newHolder(b, issuer)
	proofs := make([]string, 2000)
	for i := range proofs {
		proofs[i] = h.Prove(h.genuine())
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n%len(proofs) == 0 { // forgets what was spent
			built := build()
			gatehouse.Provide[store.Once](built.Kept, forgetful{Once: memory.NewOnce(1 << 16)})
			step = compile(b, config(atFile(b, issuer)), built)
		}
		if v, err := step.Enforce(context.Background(), h.ask(proofs[n%len(proofs)])); err != nil || !v.Passed() {
			b.Fatal(v.Rule(), err)
		}
		n++
	}
}
