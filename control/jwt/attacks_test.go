package jwt

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
)

const corpus = "../../../shared/corpora/jwt/attacks.jsonl"

// attack makes the requests of one line of the corpus.
type attack func(*lab) []try

// try is one request and the step it meets.
type try struct {
	step gatehouse.Step
	x    *gatehouse.Exchange
}

// TestEveryAttackOfTheCorpusIsRefused runs corpora/jwt/attacks.jsonl: R15, R17
// and much else. jwt.signature, jwt.alg-pinned, jwt.iss, jwt.aud, jwt.exp, jwt.nbf.
func TestEveryAttackOfTheCorpusIsRefused(t *testing.T) {
	file, err := os.Open(corpus)
	if err != nil {
		t.Skip("the corpus is missing: " + err.Error())
	}
	defer file.Close()
	l := newLab(t)
	all := map[string]attack{}
	for _, part := range []map[string]attack{algAttacks, sigAttacks, keyAttacks, kidAttacks, headerAttacks, timeAttacks, claimAttacks, typeAttacks, formAttacks} {
		maps.Copy(all, part)
	}
	ids, seen := 0, map[string]bool{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var line struct{ ID, Expect string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		ids, seen[line.ID] = ids+1, true
		t.Run(line.ID, func(t *testing.T) {
			l.genuine(t)
			defer l.genuine(t)
			switch tries, property := all[line.ID], properties[line.ID]; {
			case property != nil:
				property(t, l)
			case tries != nil:
				l.refuse(t, tries(l))
			case elsewhere[line.ID] == "":
				t.Error("nothing is done about this line")
			}
		})
	}
	if ids != 170 || len(seen) != 170 {
		t.Errorf("%d lines, %d ids, want 170", ids, len(seen))
	}
	for id := range all {
		if !seen[id] {
			t.Errorf("%s is not in the corpus", id)
		}
	}
	if n := len(l.strange); n != 0 {
		t.Errorf("connections to %v", l.strange)
	}
}

// elsewhere are the lines that are not this control's to refuse, and why.
var elsewhere = map[string]string{
	"jti-replay":  "single-use tokens are client assertions and DPoP proofs; an access token is used many times. The control accepts neither as an access token (typ-assertion, typ-dpop).",
	"timing-hmac": "there is no HMAC and no secret to compare with: only public-key signatures exist here.",
	"cache-poison": "TestR19_TheSameClaimsUnderAnotherSignatureAreNotRemembered, " +
		"which changes header and signature under remembered claims.",
	"revoked":    "TestARevokedTokenIsRefusedAlthoughRemembered, with the source of revocations provided.",
	"jwks-huge":  "internal/jose: TestR24_AnEndlessAnswerIsCutOffAndTheOldKeysServe and TestASetOfTooManyKeysIsRefused.",
	"kid-log":    "TestNothingOfATokenReachesTheTrail.",
	"sig-oracle": "TestNothingOfATokenReachesTheTrail and TestRefusalsOfTokensLookAlike.",
}

// lab is an issuer with its keys, a second trusted issuer, and a stranger.
type lab struct {
	url, urlB        string
	rsa, rsaB, rsaX  *rsa.PrivateKey // of the issuer, of the other issuer, of a stranger
	ec, ecX          *ecdsa.PrivateKey
	ed               ed25519.PrivateKey
	build            *gatehouse.Build
	step             gatehouse.Step // RS256 and ES256, typ at+jwt
	fetches          int
	strange          []string
	dir              string
	sets             int
	rs, es, rsB      signer
	genuineA, goodES string
}

type signer func(input string) []byte

// RoundTrip is the only way out: it notes who is asked besides the two issuers.
func (l *lab) RoundTrip(r *http.Request) (*http.Response, error) {
	if u := "http://" + r.URL.Host; u != l.url && u != l.urlB {
		l.strange = append(l.strange, r.URL.String())
	}
	return http.DefaultTransport.RoundTrip(r)
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{dir: t.TempDir()}
	for _, k := range []**rsa.PrivateKey{&l.rsa, &l.rsaB, &l.rsaX} {
		*k, _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	l.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	l.ecX, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, l.ed, _ = ed25519.GenerateKey(rand.Reader)
	l.rs, l.rsB, l.es = rs256(l.rsa), rs256(l.rsaB), es256(l.ec)
	serve := func(set string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			l.fetches++
			_, _ = w.Write([]byte(set))
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	l.url = serve(set(rsaJWK(&l.rsa.PublicKey, "rsa", `"alg":"RS256","use":"sig"`), ecJWK(&l.ec.PublicKey, "ec", `"use":"sig","key_ops":["verify"]`)))
	l.urlB = serve(set(rsaJWK(&l.rsaB.PublicKey, "b", `"use":"sig"`)))
	l.build = build()
	gatehouse.Provide[http.RoundTripper](l.build.Kept, l)
	accepts := config(
		Issuer{Issuer: l.url, JWKS: l.url + "/jwks.json", Type: "at+jwt"},
		Issuer{Issuer: l.urlB, JWKS: l.urlB + "/jwks.json", Type: "application/at+jwt"},
	)
	accepts.SharedSubjects = &gatehouse.Waiver{Because: "a test", Owner: "test@example.com", Until: time.Now().AddDate(0, 1, 0)}
	l.step = compile(t, accepts, l.build)
	l.genuineA = l.token(nil, nil, l.rs)
	l.goodES = l.token(change{"alg": `"ES256"`, "kid": `"ec"`}, nil, l.es)
	return l
}

// genuine asserts that what should pass does.
func (l *lab) genuine(t *testing.T) {
	t.Helper()
	for _, token := range []string{l.token(nil, nil, l.rs), l.goodES, l.token(change{"kid": `"b"`}, change{"iss": quote(l.urlB)}, l.rsB)} {
		if got := said(t, l.step, withToken(time.Now(), token)); got != "" {
			t.Fatalf("the genuine token: %s", got)
		}
	}
}

func (l *lab) refuse(t *testing.T, tries []try) {
	t.Helper()
	if len(tries) == 0 {
		t.Error("no request")
	}
	for i, try := range tries {
		step := try.step
		if step.Enforce == nil {
			step = l.step
		}
		began := time.Now()
		if got := said(t, step, try.x); got == "" {
			t.Errorf("request %d was accepted", i)
		} else if !strings.HasPrefix(got, "jwt.") {
			t.Errorf("request %d: %s", i, got)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("request %d took %s", i, took)
		}
	}
}

// change replaces members of a JSON object by JSON text, or removes them by "".
type change map[string]string

func (l *lab) header(c change) []byte {
	return object(change{"alg": `"RS256"`, "typ": `"at+jwt"`, "kid": `"rsa"`}, c)
}

func (l *lab) claims(c change) []byte {
	now := time.Now().Unix()
	return object(change{
		"iss": quote(l.url), "aud": quote(api), "sub": `"alice"`, "scope": `"orders:read"`, "roles": `["user"]`, "tenant_id": `"t1"`,
		"iat": fmt.Sprint(now), "nbf": fmt.Sprint(now), "exp": fmt.Sprint(now + 300),
	}, c)
}

func object(base, c change) []byte {
	all := maps.Clone(base)
	maps.Copy(all, c)
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" {
			parts = append(parts, quote(name)+":"+all[name])
		}
	}
	return []byte("{" + strings.Join(parts, ",") + "}")
}

func (l *lab) token(header, claims change, sign signer) string {
	return compact(l.header(header), l.claims(claims), sign)
}

func compact(header, payload []byte, sign signer) string {
	input := enc(header) + "." + enc(payload)
	return input + "." + enc(sign(input))
}

// tries makes one request of each token.
func tries(tokens ...string) []try {
	var all []try
	for _, token := range tokens {
		all = append(all, try{x: withToken(time.Now(), token)})
	}
	return all
}

// with returns a step for the issuer with these keys beside the genuine EC one,
// and asserts that the set is usable at all.
func (l *lab) with(algorithms []string, keys ...string) gatehouse.Step {
	l.sets++
	path := filepath.Join(l.dir, fmt.Sprintf("%d.json", l.sets))
	if err := os.WriteFile(path, []byte(set(append(keys, ecJWK(&l.ec.PublicKey, "ec", ""))...)), 0o600); err != nil {
		panic(err)
	}
	steps, err := config(Issuer{Issuer: l.url, JWKS: "file:" + path, Type: "at+jwt", Algorithms: algorithms}).Compile(l.build)
	if err != nil {
		panic(err)
	}
	if v, err := steps[0].Enforce(context.Background(), withToken(time.Now(), l.goodES)); !v.Passed() && slices.Contains(algorithms, "ES256") {
		panic(fmt.Sprint(v, err))
	}
	return steps[0]
}

func meeting(step gatehouse.Step, tokens ...string) []try {
	all := tries(tokens...)
	for i := range all {
		all[i].step = step
	}
	return all
}

func enc(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func quote(s string) string {
	q, _ := json.Marshal(s)
	return string(q)
}

func set(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

func rsaJWK(k *rsa.PublicKey, kid, extra string) string {
	return jwk(`"kty":"RSA","n":"`+enc(k.N.Bytes())+`","e":"`+enc(big.NewInt(int64(k.E)).Bytes())+`"`, kid, extra)
}

func ecJWK(k *ecdsa.PublicKey, kid, extra string) string {
	point, err := k.Bytes()
	if err != nil {
		panic(err)
	}
	half := (len(point) + 1) / 2
	return jwk(`"kty":"EC","crv":"`+k.Params().Name+`","x":"`+enc(point[1:half])+`","y":"`+enc(point[half:])+`"`, kid, extra)
}

func okpJWK(k []byte, kid string) string {
	return jwk(`"kty":"OKP","crv":"Ed25519","x":"`+enc(k)+`"`, kid, "")
}

func jwk(body, kid, extra string) string {
	if kid != "" {
		body += `,"kid":` + quote(kid)
	}
	if extra != "" {
		body += "," + extra
	}
	return "{" + body + "}"
}

func rs256(k *rsa.PrivateKey) signer { return rsaWith(k, crypto.SHA256) }

func rsaWith(k *rsa.PrivateKey, h crypto.Hash) signer {
	return func(input string) []byte {
		d := h.New()
		d.Write([]byte(input))
		s, err := rsa.SignPKCS1v15(rand.Reader, k, h, d.Sum(nil))
		if err != nil {
			panic(err)
		}
		return s
	}
}

func ps256(k *rsa.PrivateKey, salt int) signer {
	return func(input string) []byte {
		d := sha256.Sum256([]byte(input))
		s, err := rsa.SignPSS(rand.Reader, k, crypto.SHA256, d[:], &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			panic(err)
		}
		return s
	}
}

func es256(k *ecdsa.PrivateKey) signer {
	return func(input string) []byte { return devissuer.SignES256(k, input) }
}

func hs(key []byte, h crypto.Hash) signer {
	return func(input string) []byte {
		m := hmac.New(h.New, key)
		m.Write([]byte(input))
		return m.Sum(nil)
	}
}

func fixed(b []byte) signer { return func(string) []byte { return b } }

func changed(s signer, f func([]byte) []byte) signer {
	return func(input string) []byte { return f(s(input)) }
}
