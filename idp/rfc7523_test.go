package idp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-api/gatehouse/store"
)

// The cases of RFC 7523 (private_key_jwt) that must be refused; the names of modules
// of the OpenID conformance suite stand where a module asks for the same.

// signer is a client that proves itself by a key.
type signer struct {
	*house
	id  string
	key crypto.Signer
	alg gojose.SignatureAlgorithm
}

// newSigner registers a client that may do what job does.
func newSigner(h *house) *signer {
	h.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.Fatal(err)
	}
	s := &signer{house: h, id: "bank", key: key, alg: gojose.ES256}
	h.client(store.Client{ID: s.id, Grants: []string{grantCredential, grantCode, grantRefresh}, RedirectURIs: []string{callback},
		Scopes: []string{"openid", "orders:read"}, JWKS: publicJWKS(h, key.Public(), "k1", "ES256")})
	return s
}

func publicJWKS(h *house, key crypto.PublicKey, kid, alg string) []byte {
	h.Helper()
	b, err := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{Key: key, KeyID: kid, Algorithm: alg, Use: "sig"}}})
	if err != nil {
		h.Fatal(err)
	}
	return b
}

// claims is what a good assertion says, changed. A nil takes a claim out.
func (s *signer) claims(change map[string]any) map[string]any {
	now := time.Now().Unix()
	out := map[string]any{"iss": s.id, "sub": s.id, "aud": s.url, "exp": now + 60, "iat": now, "jti": random(s.Context())}
	for k, v := range change {
		if out[k] = v; v == nil {
			delete(out, k)
		}
	}
	return out
}

// assertion signs one; header parameters that begin with "h." are in change, too.
func (s *signer) assertion(change map[string]any) string {
	s.Helper()
	o := (&gojose.SignerOptions{}).WithHeader("kid", "k1")
	claims := s.claims(nil)
	for k, v := range change {
		name, header := strings.CutPrefix(k, "h.")
		switch {
		case header:
			o = o.WithHeader(gojose.HeaderKey(name), v)
		case v == nil:
			delete(claims, k)
		default:
			claims[k] = v
		}
	}
	with, err := gojose.NewSigner(gojose.SigningKey{Algorithm: s.alg, Key: s.key}, o)
	if err != nil {
		s.Fatal(err)
	}
	text, err := jwt.Signed(with).Claims(claims).Serialize()
	if err != nil {
		s.Fatal(err)
	}
	return text
}

// ask asks for a token with an assertion, changed.
func (s *signer) ask(assertion string, change ...string) *reply {
	s.Helper()
	v := url.Values{"grant_type": {grantCredential}, "scope": {"orders:read"}, formAssertionType: {assertionJWT}, formAssertion: {assertion}}
	for i := 0; i+1 < len(change); i += 2 {
		if v.Set(change[i], change[i+1]); change[i+1] == "" {
			v.Del(change[i])
		}
	}
	return s.do(&http.Client{Transport: direct{s.house}}, s.request("/token", v.Encode()))
}

func TestAClientProvesItselfByAKey(t *testing.T) {
	s := newSigner(newHouse(t))
	for name, r := range map[string]*reply{
		"the issuer": s.ask(s.assertion(nil)), "the token endpoint": s.ask(s.assertion(map[string]any{"aud": s.url + "/token"})),
		"with client_id": s.ask(s.assertion(nil), "client_id", s.id), "for five minutes": s.ask(s.assertion(map[string]any{"exp": time.Now().Add(AssertionLife).Unix()})),
		"without iat": s.ask(s.assertion(map[string]any{"iat": nil})), "the type of the draft": s.ask(s.assertion(map[string]any{"h.typ": "client-authentication+jwt"})),
		// fapi2spfinal/PAREnsureJWTClientAssertionWithIatNbf8SecondsInTheFutureIsAccepted
		"eight seconds ahead": s.ask(s.assertion(map[string]any{"iat": time.Now().Unix() + 8, "nbf": time.Now().Unix() + 8})),
	} {
		if r.status != 200 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	r := s.ask(s.assertion(nil))
	if _, claims := s.parts(r.text("access_token")); claims["client_id"] != s.id {
		t.Errorf("%v", claims)
	}
}

func TestAssertionsThatDoNotHoldAreRefused(t *testing.T) {
	h := newHouse(t)
	s := newSigner(h)
	now := time.Now().Unix()
	for name, change := range map[string]map[string]any{
		"fapi2spfinal/EnsureClientAssertionWithExpIs5MinutesInPastFails":                  {"exp": now - 300},
		"fapi2spfinal/EnsureClientAssertionWithNoSubFails":                                {"sub": nil},
		"fapi2spfinal/EnsureClientAssertionWithWrongAudFails":                             {"aud": "https://other.example"},
		"fapi2spfinal/PAREndpointAsArrayAudienceFails":                                    {"aud": []string{s.url + "/par"}},
		"fapi2spfinal/PAREndpointAsAudienceFails":                                         {"aud": s.url + "/par"},
		"fapi2spfinal/PAREnsureJWTClientAssertionWithIatNbfOver60SecondsInTheFutureFails": {"iat": now + 61, "nbf": now + 61},
		"an audience in a list":                                                           {"aud": []string{s.url}},
		"an audience in a list of two":                                                    {"aud": []string{s.url, "https://other.example"}},
		"no audience":                                                                     {"aud": nil},
		"the issuer with a slash":                                                         {"aud": s.url + "/"},
		"the audience of an API":                                                          {"aud": api},
		"no expiry":                                                                       {"exp": nil},
		"an expiry far in the future":                                                     {"exp": now + 3600},
		"an expiry six and a half minutes":                                                {"exp": now + 390},
		"an expiry as text":                                                               {"exp": "soon"},
		"not valid yet":                                                                   {"nbf": now + 61},
		"issued in the future":                                                            {"iat": now + 61},
		"no issuer":                                                                       {"iss": nil},
		"another issuer":                                                                  {"iss": "job"},
		"another subject":                                                                 {"sub": "job"},
		"about another client":                                                            {"iss": "job", "sub": "job"},
		"about an unknown client":                                                         {"iss": "nobody", "sub": "nobody"},
		"about a public client":                                                           {"iss": "app", "sub": "app"},
		"no jti":                                                                          {"jti": nil},
		"an empty jti":                                                                    {"jti": ""},
		"a long jti":                                                                      {"jti": strings.Repeat("x", mostJTI+1)},
		"an access token's type":                                                          {"h.typ": "at+jwt"},
		"a DPoP proof's type":                                                             {"h.typ": "dpop+jwt"},
		"an unknown key":                                                                  {"h.kid": "k2"},
		"a key from elsewhere":                                                            {"h.jku": "https://evil.example/jwks"},
		"an unknown critical parameter":                                                   {"h.crit": []string{"x"}, "h.x": 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.ask(s.assertion(change))
			if r.status != 401 || r.text("error") != "invalid_client" || r.text("access_token") != "" {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	h.want(s.ask(s.assertion(nil)), 200, "")
}

func TestAnAssertionIsUsedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		s := newSigner(h)
		a := s.assertion(map[string]any{"exp": time.Now().Add(AssertionLife).Unix()})
		h.want(s.ask(a), 200, "")
		h.want(s.ask(a), 401, "invalid_client")
		time.Sleep(AssertionLife + leeway - time.Second)
		h.want(s.ask(a), 401, "invalid_client")
		time.Sleep(2 * time.Second) // expired, too
		h.want(s.ask(a), 401, "invalid_client")
		_ = h.store.Close()
	})
}

func TestOfFiftyUsesOfOneAssertionOneSucceeds(t *testing.T) {
	h := newHouse(t)
	s := newSigner(h)
	a := s.assertion(nil)
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if s.ask(a).status == 200 {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 50", won.Load())
	}
}

func TestAnAssertionThatDoesNotVerifySpendsNoName(t *testing.T) {
	h := newHouse(t)
	s := newSigner(h)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	thief := *s
	thief.key = other
	h.want(s.ask(thief.assertion(map[string]any{"jti": "one"})), 401, "invalid_client")
	h.want(s.ask(s.assertion(map[string]any{"jti": "one"})), 200, "")
}

func TestTheAlgorithmOfAnAssertionIsTheKeys(t *testing.T) {
	h := newHouse(t)
	s := newSigner(h)
	claims, err := json.Marshal(s.claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	h.want(s.ask(base64URL([]byte(`{"alg":"none","kid":"k1"}`))+"."+base64URL(claims)+"."), 401, "invalid_client")
	h.want(s.ask(base64URL([]byte(`{"alg":"none","kid":"k1"}`))+"."+base64URL(claims)+".AA"), 401, "invalid_client")

	mac := *s // HMAC with the public key as the secret
	with, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.HS256, Key: publicJWKS(h, s.key.Public(), "k1", "ES256")}, (&gojose.SignerOptions{}).WithHeader("kid", "k1"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(with).Claims(mac.claims(nil)).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	h.want(s.ask(text), 401, "invalid_client")

	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other := *s // fapi2spfinal/EnsureSignedClientAssertionWithRS256Fails: an algorithm that is not this key's
	other.key, other.alg = private, gojose.EdDSA
	h.want(s.ask(other.assertion(nil)), 401, "invalid_client")
}

func TestAClientWithAKeyProvesItselfInNoOtherWay(t *testing.T) {
	h := newHouse(t)
	s := newSigner(h)
	// fapi2spfinal/EnsureClientAssertionInTokenEndpoint, fapi2spfinal/EnsureClientIdInTokenEndpoint
	h.want(s.ask("", formAssertion, "", formAssertionType, "", "client_id", s.id), 401, "invalid_client")
	h.want(s.ask("", formAssertion, "", formAssertionType, "", "client_id", s.id, "client_secret", "x"), 401, "invalid_client")
	h.want(s.ask(s.assertion(nil), formAssertionType, "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), 401, "invalid_client")
	h.want(s.ask(s.assertion(nil), formAssertionType, ""), 401, "invalid_client")
	h.want(s.ask(""), 401, "invalid_client")
	h.want(s.ask(s.assertion(nil), "client_id", "job"), 401, "invalid_client")
}

func TestTwoProofsOfAClientAtOnceAreRefused(t *testing.T) {
	h := newHouse(t)
	s := newSigner(h)
	h.want(s.ask(s.assertion(nil), "client_secret", "x"), 400, "invalid_request")
	v := url.Values{"grant_type": {grantCredential}, formAssertionType: {assertionJWT}, formAssertion: {s.assertion(nil)}}
	r := s.request("/token", v.Encode())
	r.SetBasicAuth("job", h.secrets["job"])
	h.want(h.do(h.browser, r), 400, "invalid_request")
}

func TestKeysProveAClientAtEveryEndpoint(t *testing.T) {
	h := newHouse(t)
	s := newSigner(h)
	prove := func(v url.Values) string {
		v.Set(formAssertionType, assertionJWT)
		v.Set(formAssertion, s.assertion(nil))
		return v.Encode()
	}
	pushed := asking("client_id", s.id)
	r := h.do(h.browser, h.request("/par", prove(pushed)))
	h.want(r, 201, "")
	sent := h.authorize(url.Values{"client_id": {s.id}, "request_uri": {r.text("request_uri")}}).sent()
	r = h.do(h.browser, h.request("/token", prove(redeeming(sent.Get("code")))))
	h.want(r, 200, "")
	refreshed := h.do(h.browser, h.request("/token", prove(url.Values{"grant_type": {grantRefresh}, "refresh_token": {r.text("refresh_token")}})))
	h.want(refreshed, 200, "")
	h.want(h.do(h.browser, h.request("/revoke", prove(url.Values{"token": {refreshed.text("refresh_token")}}))), 200, "")
	h.want(h.do(h.browser, h.request("/token", prove(url.Values{"grant_type": {grantRefresh}, "refresh_token": {refreshed.text("refresh_token")}}))), 400, "invalid_grant")
	h.want(h.do(h.browser, h.request("/introspect", prove(url.Values{"token": {"x"}}))), 401, "invalid_client")
}

func TestKeysOfAClientAreReplaced(t *testing.T) {
	h := newHouse(t)
	s := newSigner(h)
	old := *s
	fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.key = fresh
	if err := h.store.Clients().Change(t.Context(), s.id, func(c *store.Client) error { return ReplaceKeys(c, publicJWKS(h, fresh.Public(), "k1", "")) }); err != nil {
		t.Fatal(err)
	}
	h.want(s.ask(s.assertion(nil)), 200, "")
	h.want(s.ask(old.assertion(nil)), 401, "invalid_client")
}

func TestKeySetsThatProveNothingAreNotRegistered(t *testing.T) {
	h := newHouse(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{Key: key, KeyID: "k1"}}})
	if err != nil {
		t.Fatal(err)
	}
	good := publicJWKS(h, key.Public(), "k1", "ES256")
	for name, jwks := range map[string][]byte{
		"private": private, "a secret": []byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`), "none": []byte(`{"keys":[]}`), "no set": []byte(`[]`), "no JSON": []byte(`x`),
		"for encryption": publicJWKS(h, key.Public(), "k1", "ECDH-ES"), "large": append(good, make([]byte, mostJWKS)...),
	} {
		c := store.Client{ID: "c", Grants: []string{grantCredential}, JWKS: jwks, Made: time.Now()}
		if CheckClient(&c) == nil {
			t.Errorf("%s: registered", name)
		}
	}
	text, kept := NewSecret(time.Now())
	for name, c := range map[string]store.Client{
		"keys and a secret": {ID: "c", Grants: []string{grantCredential}, JWKS: good, Secrets: []store.ClientSecret{kept}, Made: time.Now()},
		"public with keys":  {ID: "c", Public: true, Grants: []string{grantCode}, RedirectURIs: []string{callback}, JWKS: good, Made: time.Now()},
	} {
		if CheckClient(&c) == nil {
			t.Errorf("%s: registered, %.4s", name, text)
		}
	}
	c := store.Client{ID: "c", JWKS: good}
	if _, err := RotateSecret(&c, time.Now(), Overlap); err == nil {
		t.Error("a client with keys was given a secret")
	}
}
