package idp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-api/gatehouse/store"
)

// The cases of RFC 9700, RFC 6749, RFC 7009, RFC 7662 and RFC 9449 that must be
// refused, where they concern tokens and clients (R39).

func TestTheTokenEndpointTakesFormsOnly(t *testing.T) {
	h := newHouse(t)
	if r := h.get(h.browser, h.url+"/token"); r.status != 404 {
		t.Errorf("GET: %d", r.status)
	}
	r := h.request("/token?grant_type=client_credentials", "client_id=job")
	h.want(h.do(h.browser, r), 400, "invalid_request")
	r = h.request("/token", `{"grant_type":"client_credentials"}`)
	r.Header.Set("Content-Type", "application/json")
	h.want(h.do(h.browser, r), 400, "invalid_request")
	h.want(h.do(h.browser, h.request("/token", "%zz")), 400, "invalid_request")
	h.want(h.do(h.browser, h.request("/token", "a="+strings.Repeat("x", mostForm))), 400, "invalid_request")
}

func TestARepeatedParameterAtTheTokenEndpointIsRefused(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"grant_type", "scope", "client_id"} {
		v := url.Values{"grant_type": {grantCredential}, "scope": {"orders:read"}, "client_id": {"job"}}
		v.Add(name, v.Get(name))
		r := h.request("/token", v.Encode())
		r.SetBasicAuth("job", h.secrets["job"])
		h.want(h.do(h.browser, r), 400, "invalid_request")
	}
}

func TestAClientProvesItselfInOneWay(t *testing.T) {
	h := newHouse(t)
	h.want(h.credentials("client_secret", h.secrets["job"]), 400, "invalid_request")
	v := url.Values{"grant_type": {grantCredential}, "client_id": {"job"}, "client_secret": {h.secrets["job"]}}
	h.want(h.do(h.browser, h.request("/token", v.Encode())), 200, "")
}

// TestTheCredentialsOfBasicAreFormEncoded: RFC 6749 section 2.3.1, as openid-client
// and oauth4webapi do it: they encode "-" and "_", too.
func TestTheCredentialsOfBasicAreFormEncoded(t *testing.T) {
	h := newHouse(t)
	h.client(store.Client{ID: "job-2.a", Grants: []string{grantCredential}, Scopes: []string{"orders:read"}})
	ask := func(id, secret string) *reply {
		r := h.request("/token", "grant_type=client_credentials&scope=orders%3Aread")
		r.SetBasicAuth(id, secret)
		return h.do(h.browser, r)
	}
	secret := h.secrets["job-2.a"]
	h.want(ask("job-2.a", secret), 200, "")
	h.want(ask("job%2D2%2ea", strings.ReplaceAll(secret, "_", "%5F")), 200, "")
	h.want(ask("job%252D2.a", secret), 401, "invalid_client")
	h.want(ask("job%3A2.a", secret), 400, "invalid_request")
	h.want(ask("job%", secret), 400, "invalid_request")
}

func TestAWrongSecretIsRefusedAndTheSchemeIsSaid(t *testing.T) {
	h := newHouse(t)
	r := h.post("/token", "job", url.Values{"grant_type": {grantCredential}}, func(r *http.Request) { r.SetBasicAuth("job", "wrong") })
	h.want(r, 401, "invalid_client")
	if !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("%v", r.header)
	}
}

func TestASecretOfAnotherClientIsRefused(t *testing.T) {
	h := newHouse(t)
	h.want(h.post("/token", "job", url.Values{"grant_type": {grantCredential}}, func(r *http.Request) { r.SetBasicAuth("job", h.secrets["web"]) }), 401, "invalid_client")
}

func TestAnUnknownClientAndAWrongSecretLookAlike(t *testing.T) {
	h := newHouse(t)
	ask := func(client string) *reply {
		return h.post("/token", client, url.Values{"grant_type": {grantCredential}}, func(r *http.Request) {
			r.SetBasicAuth(client, "wrong")
			r.Header.Set("X-Request-Id", "1")
		})
	}
	if one, two := ask("job"), ask("nobody"); one.status != two.status || one.text("error") != two.text("error") {
		t.Errorf("%d %s\n%d %s", one.status, one.body, two.status, two.body)
	}
}

func TestTwoNamesOfOneClientAreRefused(t *testing.T) {
	h := newHouse(t)
	h.want(h.post("/token", "web", url.Values{"grant_type": {grantCredential}}, func(r *http.Request) { r.SetBasicAuth("job", h.secrets["job"]) }), 401, "invalid_client")
}

func TestNobodyIsNoClient(t *testing.T) {
	h := newHouse(t)
	h.want(h.do(h.browser, h.request("/token", "grant_type=client_credentials")), 401, "invalid_client")
}

func TestAPublicClientGetsNoTokenForItself(t *testing.T) {
	h := newHouse(t)
	h.want(h.post("/token", "app", url.Values{"grant_type": {grantCredential}}), 400, "unauthorized_client")
}

func TestGrantsThatDoNotExistAreRefused(t *testing.T) {
	h := newHouse(t)
	for _, kind := range []string{"password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "device_code", "token-exchange", ""} {
		h.want(h.post("/token", "web", url.Values{"grant_type": {kind}, "username": {"a"}, "password": {"b"}, "assertion": {"x"}}), 400, "unsupported_grant_type")
	}
}

func TestAClientIsGivenNoScopeThatItMayNotHave(t *testing.T) {
	h := newHouse(t)
	h.want(h.credentials("scope", "orders:read orders:write"), 400, "invalid_scope")
	h.want(h.credentials("scope", "admin"), 400, "invalid_scope")
	h.want(h.credentials("scope", "openid"), 400, "invalid_scope")
}

func TestAClientWithoutTheGrantTypeIsRefused(t *testing.T) {
	h := newHouse(t)
	h.want(h.post("/token", "web", url.Values{"grant_type": {grantCredential}}), 400, "unauthorized_client")
	h.want(h.refresh("job", h.login().text("refresh_token")), 400, "unauthorized_client")
}

func TestARefreshTokenOfAnotherClientIsRefusedAndStaysGood(t *testing.T) {
	h := newHouse(t)
	token := h.login().text("refresh_token")
	h.want(h.refresh("web", token), 400, "invalid_grant")
	h.want(h.refresh("app", token), 200, "")
}

func TestARevokedRefreshTokenIsRefused(t *testing.T) {
	h := newHouse(t)
	r := h.login()
	h.want(h.post("/revoke", "app", url.Values{"token": {r.text("refresh_token")}}), 200, "")
	h.want(h.refresh("app", r.text("refresh_token")), 400, "invalid_grant")
	if got := h.introspect(r.text("access_token")); got.json["active"] != false {
		t.Errorf("%s", got.body)
	}
}

func TestARefreshAsksForNoMoreThanWasGranted(t *testing.T) {
	h := newHouse(t)
	token := h.login("scope", "orders:read").text("refresh_token")
	h.want(h.post("/token", "app", url.Values{"grant_type": {grantRefresh}, "refresh_token": {token}, "scope": {"orders:read openid"}}), 400, "invalid_scope")
	h.want(h.post("/token", "app", url.Values{"grant_type": {grantRefresh}, "refresh_token": {token}, "scope": {"orders:write"}}), 400, "invalid_scope")
}

func TestARoleThatWasTakenAwayIsNotInTheNextToken(t *testing.T) { // R40
	h := newHouse(t)
	r := h.login()
	h.people.change(func(p *people) { p.person = Person{Tenant: "t1", Roles: []string{"guest"}} })
	r = h.refresh("app", r.text("refresh_token"))
	if _, claims := h.parts(r.text("access_token")); len(claims["roles"].([]any)) != 1 || claims["roles"].([]any)[0] != "guest" || claims["acr"] != AAL1 {
		t.Errorf("%v", claims)
	}
	h.people.change(func(p *people) { p.gone = true })
	h.want(h.refresh("app", r.text("refresh_token")), 400, "invalid_grant")
	h.people.change(func(p *people) { p.gone = false })
	h.want(h.refresh("app", r.text("refresh_token")), 400, "invalid_grant")
}

func TestARefreshTokenIsNoAccessToken(t *testing.T) {
	h := newHouse(t)
	r := h.login()
	for _, token := range []string{r.text("refresh_token"), r.text("id_token"), "x", ""} {
		if got := h.userinfo(token); got.status != 401 && got.status != 403 {
			t.Errorf("%.10s: %d %s", token, got.status, got.body)
		}
	}
	if got := h.userinfo(r.text("access_token")); got.status != 200 || got.text("sub") != "u-1" || len(got.json) > 1 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func (h *house) userinfo(token string, change ...func(*http.Request)) *reply {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodGet, h.url+"/userinfo", nil)
	if err != nil {
		h.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for _, f := range change {
		f(r)
	}
	return h.do(h.browser, r)
}

func TestATokenForAClientIsNoPersonsToken(t *testing.T) {
	h := newHouse(t)
	if r := h.userinfo(h.credentials().text("access_token")); r.status == 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestAnExpiredAccessTokenIsNotActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		token := h.login().text("access_token")
		time.Sleep(AccessLife + leeway + time.Second)
		if r := h.introspect(token); r.json["active"] != false || len(r.json) != 1 {
			t.Errorf("%s", r.body)
		}
		if r := h.userinfo(token); r.status != 401 || r.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%d %v", r.status, r.header)
		}
		_ = h.store.Close()
	})
}

func TestARevokedAccessTokenEndsItsGrant(t *testing.T) { // token.revocable
	h := newHouse(t)
	r := h.login()
	h.want(h.post("/revoke", "app", url.Values{"token": {r.text("access_token")}}), 200, "")
	if got := h.userinfo(r.text("access_token")); got.status != 401 {
		t.Errorf("%d %s", got.status, got.body)
	}
	h.want(h.refresh("app", r.text("refresh_token")), 400, "invalid_grant")
}

func TestATokenOfAnotherClientIsNotRevoked(t *testing.T) {
	h := newHouse(t)
	r := h.login()
	for _, token := range []string{r.text("access_token"), r.text("refresh_token")} {
		if got := h.post("/revoke", "web", url.Values{"token": {token}}); got.status == 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	h.want(h.refresh("app", r.text("refresh_token")), 200, "")
}

func TestRevokingWhatIsNoTokenIsNoError(t *testing.T) { // RFC 7009 section 2.2
	h := newHouse(t)
	h.want(h.post("/revoke", "app", url.Values{"token": {"x"}}), 200, "")
	h.want(h.post("/revoke", "app", url.Values{}), 400, "invalid_request")
	h.want(h.post("/revoke", "web", url.Values{"token": {"x"}}, func(r *http.Request) { r.Header.Del("Authorization") }), 401, "invalid_client")
}

func TestATokenThatIsNotOursIsNotActive(t *testing.T) {
	h, other := newHouse(t), newHouse(t)
	token := other.credentials().text("access_token")
	parts := strings.Split(h.credentials().text("access_token"), ".")
	for _, forged := range []string{token, "x", "a.b.c", "eyJhbGciOiJub25lIn0." + parts[1] + ".", parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86)} {
		if r := h.introspect(forged); r.status != 200 || r.json["active"] != false {
			t.Errorf("%.20s: %d %s", forged, r.status, r.body)
		}
	}
}

func TestAClientThatIsGoneHasNoActiveToken(t *testing.T) {
	h := newHouse(t)
	token := h.credentials().text("access_token")
	if err := h.store.Clients().Remove(t.Context(), "job"); err != nil {
		t.Fatal(err)
	}
	if r := h.introspect(token); r.json["active"] != false {
		t.Errorf("%s", r.body)
	}
	h.want(h.credentials(), 401, "invalid_client")
}

// prover makes DPoP proofs.
type prover struct {
	*testing.T
	key *ecdsa.PrivateKey
}

func newProver(t *testing.T) *prover {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &prover{t, key}
}

// proof makes one for POST /token, changed.
func (p *prover) proof(h *house, change map[string]any) func(*http.Request) {
	p.Helper()
	claims := map[string]any{"htm": "POST", "htu": h.url + "/token", "iat": time.Now().Unix(), "jti": random(p.Context())}
	typ := "dpop+jwt"
	for k, v := range change {
		switch {
		case k == "typ":
			typ, _ = v.(string)
		case v == nil:
			delete(claims, k)
		default:
			claims[k] = v
		}
	}
	o := (&gojose.SignerOptions{EmbedJWK: true}).WithType(gojose.ContentType(typ))
	s, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.ES256, Key: p.key}, o)
	if err != nil {
		p.Fatal(err)
	}
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		p.Fatal(err)
	}
	return func(r *http.Request) { r.Header.Add("DPoP", text) }
}

func TestATokenIsBoundToTheKeyOfTheProof(t *testing.T) {
	h, p := newHouse(t), newProver(t)
	r := h.post("/token", "job", url.Values{"grant_type": {grantCredential}}, p.proof(h, nil))
	h.want(r, 200, "")
	_, claims := h.parts(r.text("access_token"))
	if r.text("token_type") != "DPoP" || claims["cnf"] == nil {
		t.Errorf("%s %v", r.body, claims)
	}
}

func TestProofsOfPossessionThatDoNotHoldAreRefused(t *testing.T) {
	h, p := newHouse(t), newProver(t)
	for name, change := range map[string]map[string]any{
		"another URL": {"htu": "https://evil.example/token"}, "another path": {"htu": h.url + "/par"}, "another method": {"htm": "GET"}, "no method": {"htm": nil},
		"too old": {"iat": time.Now().Add(-5 * time.Minute).Unix()}, "from the future": {"iat": time.Now().Add(5 * time.Minute).Unix()}, "no time": {"iat": nil},
		"no name": {"jti": nil}, "another type": {"typ": "JWT"}, "expired": {"exp": time.Now().Add(-time.Hour).Unix()},
	} {
		if r := h.post("/token", "job", url.Values{"grant_type": {grantCredential}}, p.proof(h, change)); r.status != 400 || r.text("error") != "invalid_dpop_proof" && change["iat"] == nil && name != "no time" {
			t.Errorf("%s: %d %s", name, r.status, r.body) // of a proof's age the library says unauthorized_client
		}
	}
	junk := func(r *http.Request) { r.Header.Set("DPoP", "eyJhbGciOiJub25lIiwidHlwIjoiZHBvcCtqd3QifQ.e30.") }
	if r := h.post("/token", "job", url.Values{"grant_type": {grantCredential}}, junk); r.status < 400 {
		t.Errorf("an unsigned proof: %d %s", r.status, r.body)
	}
}

func TestAProofIsUsedOnce(t *testing.T) {
	h, p := newHouse(t), newProver(t)
	proof := p.proof(h, nil)
	h.want(h.post("/token", "job", url.Values{"grant_type": {grantCredential}}, proof), 200, "")
	h.want(h.post("/token", "job", url.Values{"grant_type": {grantCredential}}, proof), 400, "invalid_dpop_proof")
}

func TestTwoProofsAreRefused(t *testing.T) {
	h, p := newHouse(t), newProver(t)
	h.want(h.post("/token", "job", url.Values{"grant_type": {grantCredential}}, p.proof(h, nil), p.proof(h, nil)), 400, "invalid_request")
}

func TestARefreshTokenBoundToAKeyNeedsThatKey(t *testing.T) {
	h, p := newHouse(t), newProver(t)
	r := h.post("/token", "app", redeeming(h.code(asking())), p.proof(h, nil))
	h.want(r, 200, "")
	v := url.Values{"grant_type": {grantRefresh}, "refresh_token": {r.text("refresh_token")}}
	if got := h.post("/token", "app", v); got.status < 400 {
		t.Errorf("without a proof: %d %s", got.status, got.body)
	}
	if got := h.post("/token", "app", v, newProver(t).proof(h, nil)); got.status < 400 {
		t.Errorf("with another key: %d %s", got.status, got.body)
	}
	h.want(h.post("/token", "app", v, p.proof(h, nil)), 200, "")
}

func TestWithoutLoginNothingOfItExists(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Login = nil })
	h.want(h.credentials(), 200, "")
	for _, path := range []string{"/authorize", "/authorize/x", "/par", "/userinfo", PagesPath} {
		if r := h.get(h.browser, h.url+path); r.status != 404 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	for _, kind := range []string{grantCode, grantRefresh} {
		h.want(h.post("/token", "app", url.Values{"grant_type": {kind}, "code": {"x"}, "refresh_token": {"x"}}), 400, "unsupported_grant_type")
	}
}

func TestIssuersThatNobodyShouldHaveAreRefused(t *testing.T) {
	for _, bad := range []string{"", "login.example.com", "http://login.example.com", "https://login.example.com/", "https://login.example.com/x", "https://login.example.com?x", "https://a@login.example.com", "https://login.example.com#", "ftp://login.example.com"} {
		if checkIssuer(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, good := range []string{"https://login.example.com", "https://login.example.com:8443", "http://127.0.0.1:8080", "http://localhost:8080"} {
		if err := checkIssuer(good); err != nil {
			t.Error(err)
		}
	}
}
