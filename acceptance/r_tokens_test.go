package acceptance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/devissuer"
)

type claims = devissuer.Claims

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// tokens makes spellings of tokens that must be refused.
func tokens(list ...string) (out []spelling) {
	for _, s := range list {
		out = append(out, spelling{ask: ask{token: s}, want: []int{401, 400, 431}})
	}
	return out
}

// publicTexts are what everybody may know of an issuer.
func publicTexts(t testing.TB, i *devissuer.Issuer) [][]byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&i.Key().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	point, err := i.Key().PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	digest := sha256.Sum256(der)
	return [][]byte{der, text, []byte(strings.TrimSpace(string(text))), i.JWKS(), point, point[1:33], []byte(devissuer.KeyID), []byte(i.URL), []byte(i.Audience), digest[:], {}}
}

func TestR15_TheAlgorithmComesFromTheKeyAndNotFromTheToken(t *testing.T) {
	h := open(t, options{})
	var list []string
	header := func(set map[string]string, sign func(string) []byte) {
		list = append(list, h.issuer.Mint(claims{Tenant: "t1", Header: set, Sign: sign}))
	}
	nothing := func(string) []byte { return nil }
	for _, alg := range []string{"none", "nOnE", "NONE", "None", " none", "", "null", "HS256", "HS384", "hs256", "RS256", "RS512", "PS256", "ES384", "ES512", "es256", "EdDSA", "dir", "A256GCM"} {
		header(map[string]string{"alg": quoted(alg)}, nil)
		header(map[string]string{"alg": quoted(alg)}, nothing)
	}
	for _, key := range publicTexts(t, h.issuer) { // the public key as an HMAC secret
		for _, alg := range []string{`"HS256"`, `"ES256"`} {
			header(map[string]string{"alg": alg}, func(in string) []byte {
				m := hmac.New(sha256.New, key)
				m.Write([]byte(in))
				return m.Sum(nil)
			})
		}
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign := func(in string) []byte { return devissuer.SignES256(other, in) }
	point, err := other.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk := fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, b64(point[1:33]), b64(point[33:]))
	for name, value := range map[string]string{"jwk": jwk, "jku": `"https://attacker.test/jwks"`, "x5u": `"https://attacker.test/x"`, "x5c": `["AA"]`, "x5t": `"AA"`, "crit": `["b64"]`, "b64": "false", "zip": `"DEF"`, "cty": `"JWT"`, "enc": `"A256GCM"`} {
		header(map[string]string{name: value}, foreign)
	}
	for _, kid := range []string{`"another"`, `""`, `"../../dev/null"`, `"' OR 1=1"`, `null`, `1`, `["development-only"]`, "", `"development-only "`} {
		header(map[string]string{"kid": kid}, foreign)
	}
	n := elliptic.P256().Params().N
	for _, rs := range [][2]*big.Int{{big.NewInt(0), big.NewInt(0)}, {big.NewInt(0), big.NewInt(1)}, {big.NewInt(1), big.NewInt(0)}, {big.NewInt(1), big.NewInt(1)}, {n, n}, {n, big.NewInt(1)}, {new(big.Int).Sub(n, big.NewInt(1)), n}} {
		header(nil, func(string) []byte {
			return append(rs[0].FillBytes(make([]byte, 32)), rs[1].FillBytes(make([]byte, 32))...)
		})
	}
	for _, size := range []int{0, 1, 32, 63, 65, 128} {
		header(nil, func(string) []byte { return make([]byte, size) })
	}
	header(nil, func(in string) []byte { // DER instead of r||s
		digest := sha256.Sum256([]byte(in))
		der, _ := ecdsa.SignASN1(rand.Reader, h.issuer.Key(), digest[:])
		return der
	})
	header(nil, foreign)
	counted(t, h.refuse(t, tokens(list...)), 3*94)
}

func quoted(s string) string {
	if s == "null" {
		return s
	}
	b, _ := json.Marshal(s)
	return string(b)
}

func TestR16_NoCheckIsLeftOutBecauseItsOptionIsUnset(t *testing.T) {
	h := open(t, options{})
	var list []string
	for _, claim := range []string{"iss", "aud", "sub", "iat", "exp"} {
		for _, value := range []string{"", "null", `""`, "[]", "{}", "true", "-1", `"x"`, "1e400"} {
			list = append(list, h.issuer.Mint(claims{Tenant: "t1", Set: map[string]string{claim: value}}))
		}
	}
	list = append(list, h.issuer.Mint(claims{Payload: []byte("{}")}), h.issuer.Mint(claims{Payload: []byte("null")}), h.issuer.Mint(claims{Payload: []byte("[]")}), h.issuer.Mint(claims{Payload: []byte("")}))
	spellings := tokens(list...)
	// A subject is any text: "x" is somebody else, who may not read Alice's order.
	for i := range spellings {
		spellings[i].want = append(spellings[i].want, 403)
	}
	h.refuseAll(t, spellings)
	counted(t, len(list), 49)
	for name, drop := range map[string]string{"issuer": "issuer: ${ISSUER}\n", "audience": "audience: https://api.example.com/orders\n"} {
		if _, _, err := h.load(t, options{api: strings.Replace(ordinary, drop, "", 1)}); err == nil {
			t.Errorf("a configuration without %s loads", name)
		}
	}
}

// refuseAll is refuse where a refusal may have read what the upstream says: the
// owner of an object is known from its reply.
func (h *house) refuseAll(t *testing.T, list []spelling) {
	t.Helper()
	for _, c := range h.callers(t) {
		for _, s := range list {
			if g := c.do(s.ask); g.err != nil || g.status < 400 || g.status >= 500 || strings.Contains(g.body, "alice") {
				t.Errorf("%s: %.300q got %d %v %s", c.name(), s.ask.bytes(), g.status, g.err, g.body)
			}
		}
	}
}

func TestR17_HostileTokensCostNothing(t *testing.T) {
	h := open(t, options{})
	small := func(payload string) string { return h.issuer.Mint(claims{Payload: []byte(payload)}) }
	list := []string{
		strings.Repeat(".", 1<<20), strings.Repeat(".", 20_000), strings.Repeat("a.", 10_000), "..", "...", ".", "a", "a.b", "a.b.c", "a.b.c.d", strings.Repeat("A", 30_000),
		b64([]byte(`{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2c":1000000,"p2s":"AA"}`)) + ".AA.AA.AA.AA",
		b64([]byte(`{"alg":"dir","enc":"A256GCM","zip":"DEF"}`)) + "..AA.AA.AA",
		b64([]byte(`{"alg":"RSA-OAEP","enc":"A256GCM"}`)) + ".AA.AA.AA.AA",
		small(strings.Repeat("[", 5000)), small(`{"a":` + strings.Repeat(`{"a":`, 3000)), small(strings.Repeat(" ", 9000)), small(`{"iss":"` + strings.Repeat("a", 9000) + `"}`),
		h.issuer.Mint(claims{RawHeader: []byte(strings.Repeat("[", 5000))}), h.issuer.Mint(claims{RawHeader: []byte(`{"alg":"ES256","kid":"` + strings.Repeat("k", 9000) + `"}`)}),
	}
	began := time.Now()
	n := h.refuse(t, tokens(list...))
	counted(t, n, 3*len(list))
	if took := time.Since(began) / time.Duration(n); took > 20*time.Millisecond {
		t.Errorf("a hostile token cost %v", took)
	}
	if f := h.issuer.Fetches.Load(); f > 3 {
		t.Errorf("hostile tokens caused %d fetches of keys", f)
	}
}

func TestR18_NoPrefixSuffixOrFlippedBitOfATokenIsAccepted(t *testing.T) {
	h := open(t, options{})
	token := h.alice()
	var list []string
	for i := range len(token) {
		list = append(list, token[:i])
		if i > 0 {
			list = append(list, token[i:])
		}
		for bit := range 8 {
			b := []byte(token)
			b[i] ^= 1 << bit
			list = append(list, string(b))
		}
	}
	for _, s := range []string{"A", ".", "=", "==", "a.b", token, "-", "%00"} {
		list = append(list, token+s, s+token)
	}
	cs := h.callers(t)
	if g := cs[0].do(ask{token: token}); g.status != 200 {
		t.Fatalf("the token itself got %d", g.status)
	}
	before := h.up.count()
	var wg sync.WaitGroup
	for i, c := range cs {
		wg.Go(func() {
			for k, s := range list {
				if k%len(cs) != i && k%len(token) > 40 { // every caller sees the edges, one each of the rest
					continue
				}
				if g := c.do(ask{token: s}); g.status == 200 || g.status >= 500 || g.err != nil && c.name() == "h1" && !strings.ContainsAny(s, "\r\n") {
					t.Errorf("%s %q: %d %v", c.name(), s, g.status, g.err)
				}
			}
		})
	}
	wg.Wait()
	if n := h.up.count() - before; n != 0 {
		t.Errorf("%d changed tokens reached the upstream", n)
	}
	if len(list) < 10*300 {
		t.Errorf("%d spellings", len(list))
	}
	t.Logf("figure changed tokens accepted 0/0 of %d", len(list))
}

// TestR19_ asks as many people at once whose names run into each other: nobody
// is ever taken for somebody else.
func TestR19_WhatIsRememberedOfOneCallerIsNeverUsedForAnother(t *testing.T) {
	h := open(t, options{})
	h.up.reply(func(c io.Writer, a *arrival) bool { return jsonReply(c, `{"you":`+quoted(said(a))+`}`) })
	api := h.issuer
	type person struct{ sub, tenant, token string }
	var people []person
	for _, p := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"abc", ""}, {"a", "b"}, {"alice", "t1"}, {"alice", "t2"}, {"alice:t1", "x"}, {"root", "t1"}} {
		people = append(people, person{p[0], p[1], api.Mint(claims{Subject: p[0], Tenant: p[1], Roles: []string{"admin"}})})
	}
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			c := caller(&plainCaller{addr: h.plain, is: "h1"})
			if k%2 == 1 {
				c = &h2Caller{addr: h.secure, sni: hostName}
			}
			defer c.close()
			for i := range 300 {
				p := people[(i*7+k)%len(people)]
				token := p.token
				if i%3 == 0 { // not remembered yet
					token = api.Mint(claims{Subject: p.sub, Tenant: p.tenant, Roles: []string{"admin"}})
				}
				g := c.do(ask{target: "/admin/users", token: token})
				if want := `{"you":` + quoted(p.sub+"|"+p.tenant+"|"+p.sub+"|"+p.tenant) + `}`; g.status != 200 || g.body != want {
					t.Errorf("%s %s of %q: %d %v %s", c.name(), p.sub, p.tenant, g.status, g.err, g.body)
					return
				}
			}
		})
	}
	wg.Wait()
}

// said is who the upstream was told is asking: in plain fields and signed.
func said(a *arrival) string {
	one := func(name string) string { return strings.Join(a.values(name), ",") }
	var signed struct{ Sub, Tenant string }
	if parts := strings.Split(one("gatehouse-identity"), "."); len(parts) == 3 {
		b, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(b, &signed)
	}
	return one("x-user-id") + "|" + one("x-tenant") + "|" + signed.Sub + "|" + signed.Tenant
}

func TestR20_OneCallerNeverGetsTheAnswerOfAnother(t *testing.T) {
	h := open(t, options{})
	bob := h.issuer.Mint(claims{Subject: "bob", Tenant: "t1"})
	for _, c := range h.callers(t) {
		for range 5 {
			g := c.do(ask{token: h.alice()})
			if g.status != 200 || g.body != order || g.fields.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: Alice got %d %s, Cache-Control %q", c.name(), g.status, g.body, g.fields.Get("Cache-Control"))
			}
			for _, token := range []string{bob, ""} {
				if g := c.do(ask{token: token}); g.status != 403 && g.status != 401 || strings.Contains(g.body, "alice") || g.fields.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: somebody else got %d %s %v", c.name(), g.status, g.body, g.fields)
				}
			}
		}
	}
	// What would poison a pooled connection to the upstream never gets there.
	list := []spelling{
		{ask: ask{method: "CONNECT", target: "evil.test:443"}, want: []int{405}, only: "h1"},
		{ask: ask{method: "CONNECT", target: "/v1/orders/1", token: h.alice()}, want: []int{405}},
		{ask: ask{token: h.alice(), fields: fields{{Name: "Upgrade", Value: "h2c"}, {Name: "Connection", Value: "Upgrade"}}}},
		{ask: ask{token: h.alice(), fields: fields{{Name: "Upgrade", Value: "websocket"}, {Name: "Connection", Value: "Upgrade"}, {Name: "Sec-WebSocket-Version", Value: "13"}, {Name: "Sec-WebSocket-Key", Value: "dGhlIHNhbXBsZSBub25jZQ=="}}}},
	}
	counted(t, h.refuse(t, list), 10)
	// An upstream that switches protocols unasked is not believed.
	h.up.reply(func(c io.Writer, _ *arrival) bool {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
		return false
	})
	for _, c := range h.callers(t)[:2] {
		if g := c.do(ask{target: "/public/x"}); g.status != 502 || strings.Contains(g.body, "poison") {
			t.Errorf("%s: an upgrade that nobody asked for: %d %s", c.name(), g.status, g.body)
		}
	}
}

func TestR27_NothingPublicIsACredential(t *testing.T) {
	h := open(t, options{})
	if g := h.callers(t)[0].do(ask{token: h.alice()}); g.status != 200 {
		t.Fatal(g.status)
	}
	statement := h.up.last().values("gatehouse-identity")[0] // what the upstream is told is no token
	list := []string{statement, h.up.last().values("x-request-id")[0], "orders", "alice", "t1", hostName}
	for _, p := range publicTexts(t, h.issuer) {
		digest := sha256.Sum256(p)
		list = append(list, b64(p), base64.StdEncoding.EncodeToString(p), fmt.Sprintf("%x", digest), b64(digest[:]), "t1"+fmt.Sprintf("%x", digest), b64([]byte(`{"alg":"none"}`))+"."+b64([]byte(`{"sub":"alice"}`))+"."+b64(p))
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	list = append(list, b64(x509.MarshalPKCS1PublicKey(&key.PublicKey)))
	spellings := tokens(list...)
	for _, scheme := range []string{"Basic ", "Digest ", "Negotiate ", "ApiKey ", "Token ", "DPoP ", "GNAP ", ""} {
		spellings = append(spellings, spelling{ask: ask{fields: fields{{Name: "authorization", Value: scheme + h.alice()}}}, want: []int{401, 400}})
	}
	for _, f := range []string{"x-api-key", "cookie", "x-client-cert", "x-ssl-client-cert", "x-forwarded-client-cert", "ssl-client-verify", "x-auth-token", "x-access-token", "proxy-authorization", "dpop"} {
		spellings = append(spellings, spelling{ask: ask{fields: fields{{Name: f, Value: h.alice()}}}, want: []int{401, 400}})
	}
	for _, q := range []string{"access_token", "token", "api_key", "jwt"} {
		spellings = append(spellings, spelling{ask: ask{target: "/v1/orders?" + q + "=" + h.alice()}, want: []int{401, 400}})
	}
	counted(t, h.refuse(t, spellings), 3*95)
	if r, err := http.Get(h.issuer.URL + "/jwks.json"); err != nil || r.StatusCode != 200 {
		t.Errorf("the keys are public, and that is all: %v", err)
	}
}
