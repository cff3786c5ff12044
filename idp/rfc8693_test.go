package idp

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/store"
)

// The cases of RFC 8693 (token exchange) that must be refused.

const stock = "https://api.example.com/stock"

// newExchange is a house with a client that may exchange tokens for one of two APIs.
func newExchange(t *testing.T, change ...func(*Options)) *house {
	h := newHouse(t, append([]func(*Options){func(o *Options) { o.Audiences = []string{api, stock} }}, change...)...)
	h.client(store.Client{ID: "shop", Grants: []string{grantExchange, grantRefresh, grantCode}, RedirectURIs: []string{callback}, ExchangeAudiences: []string{stock}, Scopes: []string{"openid", "offline_access", "orders:read"}})
	return h
}

// exchange asks for a token in place of another, changed.
func (h *house) exchange(token string, change ...string) *reply {
	h.Helper()
	return h.exchangeAs("shop", token, nil, change...)
}

func (h *house) exchangeAs(client, token string, with []func(*http.Request), change ...string) *reply {
	h.Helper()
	v := url.Values{"grant_type": {grantExchange}, "subject_token": {token}, "subject_token_type": {tokenTypeAccess}, "audience": {stock}}
	for i := 0; i+1 < len(change); i += 2 {
		if v.Set(change[i], change[i+1]); change[i+1] == "" {
			v.Del(change[i])
		}
	}
	return h.post("/token", client, v, with...)
}

func (h *house) access() string { h.Helper(); return h.login("resource", api).text("access_token") }

func TestATokenIsExchangedForAnotherAPI(t *testing.T) {
	h := newExchange(t)
	h.people.change(func(p *people) { p.person.Roles = []string{"guest"} })
	old := h.access()
	_, was := h.parts(old)
	r := h.exchange(old)
	h.want(r, 200, "")
	header, claims := h.parts(r.text("access_token"))
	act, _ := claims["act"].(map[string]any)
	if header["typ"] != "at+jwt" || claims["aud"] != stock || claims["sub"] != "u-1" || claims["client_id"] != "shop" || claims["scope"] != "orders:read" ||
		claims["grant_id"] != was["grant_id"] || claims["jti"] == was["jti"] || claims["tenant"] != "t1" || claims["acr"] != AAL1 || len(act) != 1 || act["sub"] != "shop" {
		t.Errorf("%v", claims)
	}
	if roles, _ := claims["roles"].([]any); len(roles) != 1 || roles[0] != "guest" {
		t.Errorf("roles %v are not those that the person has now", claims["roles"])
	}
	if r.text("refresh_token") != "" || r.text("id_token") != "" || r.text("issued_token_type") != tokenTypeAccess || r.text("token_type") != "Bearer" {
		t.Errorf("%s", r.body)
	}
	if r := h.introspect(r.text("access_token")); r.json["active"] != true || r.json["act"] == nil {
		t.Errorf("%s", r.body)
	}
	for name, change := range map[string][]string{
		"by resource": {"audience", "", "resource", stock}, "by both": {"resource", stock}, "by the one that there is": {"audience", ""}, "with its scope": {"scope", "orders:read"}, "with its type": {"requested_token_type", tokenTypeAccess},
	} {
		if r := h.exchange(old, change...); r.status != 200 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

func TestAClientsOwnTokenIsExchanged(t *testing.T) {
	h := newExchange(t)
	r := h.exchange(h.credentials("resource", api).text("access_token"))
	h.want(r, 200, "")
	if _, claims := h.parts(r.text("access_token")); claims["sub"] != "job" || claims["client_id"] != "shop" || claims["tenant"] != "t1" {
		t.Errorf("%v", claims)
	}
}

func TestExchangesThatAreNotPermittedAreRefused(t *testing.T) {
	h := newExchange(t)
	h.client(store.Client{ID: "both", Grants: []string{grantExchange}, ExchangeAudiences: []string{api, stock}, Scopes: []string{"orders:write"}})
	tokens := h.login("resource", api)
	old := tokens.text("access_token")
	for name, c := range map[string]struct {
		client, token, code string
		change              []string
	}{
		"a wider scope":                        {"shop", old, "invalid_scope", []string{"scope", "orders:read orders:write"}},
		"a scope that the token has not":       {"both", old, "invalid_scope", []string{"scope", "orders:write"}},
		"the scope openid":                     {"shop", old, "invalid_scope", []string{"scope", "openid"}},
		"the scope offline_access":             {"shop", old, "invalid_scope", []string{"scope", "offline_access"}},
		"an audience that is not its":          {"shop", old, "invalid_target", []string{"audience", api}},
		"an audience that nobody has":          {"shop", old, "invalid_target", []string{"audience", "https://evil.example"}},
		"a resource that is not its":           {"shop", old, "invalid_target", []string{"audience", "", "resource", api}},
		"a resource that nobody has":           {"shop", old, "invalid_target", []string{"audience", "", "resource", "https://evil.example"}},
		"two audiences":                        {"both", old, "invalid_target", []string{"resource", api}},
		"none of two audiences":                {"both", old, "invalid_target", []string{"audience", ""}},
		"the server itself":                    {"shop", old, "invalid_target", []string{"audience", h.url}},
		"an id_token":                          {"shop", tokens.text("id_token"), "invalid_request", nil},
		"a refresh token":                      {"shop", tokens.text("refresh_token"), "invalid_request", nil},
		"no token":                             {"shop", "", "invalid_request", []string{"subject_token", ""}},
		"noise":                                {"shop", "noise", "invalid_request", nil},
		"a token that was altered":             {"shop", old[:len(old)-4] + "AAAA", "invalid_request", nil},
		"a refresh token's type":               {"shop", old, "invalid_request", []string{"subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}},
		"an id_token's type":                   {"shop", tokens.text("id_token"), "invalid_request", []string{"subject_token_type", "urn:ietf:params:oauth:token-type:id_token"}},
		"a JWT's type":                         {"shop", old, "invalid_request", []string{"subject_token_type", "urn:ietf:params:oauth:token-type:jwt"}},
		"no type":                              {"shop", old, "invalid_request", []string{"subject_token_type", ""}},
		"for a refresh token":                  {"shop", old, "invalid_request", []string{"requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}},
		"for an id_token":                      {"shop", old, "invalid_request", []string{"requested_token_type", "urn:ietf:params:oauth:token-type:id_token"}},
		"with an actor token":                  {"shop", old, "invalid_request", []string{"actor_token", old, "actor_token_type", tokenTypeAccess}},
		"by a client that may not":             {"job", old, "unauthorized_client", nil},
		"by a public client":                   {"app", old, "unauthorized_client", nil},
		"by nobody":                            {"nobody", old, "invalid_client", nil},
		"by a client without its secret":       {"shop", old, "invalid_client", []string{"client_secret", ""}},
		"a token that was given in two copies": {"shop", old + " " + old, "invalid_request", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var with []func(*http.Request)
			if c.code == "invalid_client" {
				with = append(with, func(r *http.Request) { r.Header.Del("Authorization") })
			}
			r := h.exchangeAs(c.client, c.token, with, c.change...)
			if r.text("error") != c.code || r.text("access_token") != "" || r.status < 400 || r.status > 401 {
				t.Errorf("%d %s; want %s", r.status, r.body, c.code)
			}
		})
	}
	h.want(h.exchange(old), 200, "")
}

// forge signs claims with the server's own key, as nobody outside can.
func (h *house) forge(typ string, claims map[string]any) string {
	h.Helper()
	key := h.server.options.Keys.set.Load().library.Keys[0]
	with, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.ES256, Key: key.Key}, (&gojose.SignerOptions{}).WithType(gojose.ContentType(typ)).WithHeader("kid", key.KeyID))
	if err != nil {
		h.Fatal(err)
	}
	text, err := jwt.Signed(with).Claims(claims).Serialize()
	if err != nil {
		h.Fatal(err)
	}
	return text
}

func TestTokensThatAreNotTheServersAccessTokensAreNotExchanged(t *testing.T) {
	h := newExchange(t)
	_, good := h.parts(h.access())
	foreign, err := jose.GenerateSigner()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := foreign.Sign("at+jwt", []byte(`{"iss":"`+h.url+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change map[string]any) map[string]any {
		out := map[string]any{}
		for k, v := range good {
			if n, ok := v.(float64); ok {
				v = int64(n) // dates have no exponent
			}
			out[k] = v
		}
		for k, v := range change {
			if out[k] = v; v == nil {
				delete(out, k)
			}
		}
		return out
	}
	deep := map[string]any{"sub": "d"}
	for range mostActors - 1 {
		deep = map[string]any{"sub": "d", "act": deep}
	}
	for name, token := range map[string]string{
		"another issuer's key":      stranger,
		"another issuer":            h.forge("at+jwt", with(map[string]any{"iss": "https://other.example"})),
		"another type":              h.forge("JWT", with(nil)),
		"a logout token":            h.forge("logout+jwt", with(nil)),
		"no grant":                  h.forge("at+jwt", with(map[string]any{"grant_id": nil})),
		"an unknown grant":          h.forge("at+jwt", with(map[string]any{"grant_id": "x"})),
		"a grant of another person": h.forge("at+jwt", with(map[string]any{"sub": "u-2"})),
		"an unknown client's grant": h.forge("at+jwt", with(map[string]any{"grant_id": ownPrefix + "nobody~1", "sub": "nobody"})),
		"no expiry":                 h.forge("at+jwt", with(map[string]any{"exp": nil})),
		"expired":                   h.forge("at+jwt", with(map[string]any{"exp": time.Now().Unix()})),
		"bound in an unknown way":   h.forge("at+jwt", with(map[string]any{"cnf": map[string]any{"x": "y"}})),
		"bound to a name":           h.forge("at+jwt", with(map[string]any{"cnf": "x"})),
		"through too many hands":    h.forge("at+jwt", with(map[string]any{"act": deep})),
		"through an unnamed hand":   h.forge("at+jwt", with(map[string]any{"act": map[string]any{}})),
	} {
		t.Run(name, func(t *testing.T) {
			if r := h.exchange(token); r.status != 400 || r.text("error") != "invalid_request" {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	h.want(h.exchange(h.forge("at+jwt", with(nil))), 200, "")
}

func TestTheHandsThatATokenWentThroughStandInIt(t *testing.T) {
	h := newExchange(t)
	h.client(store.Client{ID: "depot", Grants: []string{grantExchange}, ExchangeAudiences: []string{api}, Scopes: []string{"orders:read"}})
	token := h.access()
	for i := range mostActors {
		client, audience := "shop", stock
		if i%2 == 1 {
			client, audience = "depot", api
		}
		r := h.exchangeAs(client, token, nil, "audience", audience)
		h.want(r, 200, "")
		token = r.text("access_token")
	}
	_, claims := h.parts(token)
	var hands []string
	for act, _ := claims["act"].(map[string]any); act != nil; act, _ = act["act"].(map[string]any) {
		hands = append(hands, act["sub"].(string))
	}
	if got := strings.Join(hands, " "); got != "depot shop depot shop" {
		t.Errorf("hands %s", got)
	}
	h.want(h.exchange(token), 400, "invalid_request")
}

func TestAnExchangedTokenNeverOutlivesTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newExchange(t)
		old := h.access()
		_, was := h.parts(old)
		time.Sleep(AccessLife - 30*time.Second)
		r := h.exchange(old)
		h.want(r, 200, "")
		if _, claims := h.parts(r.text("access_token")); claims["exp"] != was["exp"] || r.json["expires_in"] != float64(30) {
			t.Errorf("exp %v; want %v; %v", claims["exp"], was["exp"], r.json["expires_in"])
		}
		// An hour of a client's own is no hour for whoever exchanges it.
		r = h.exchange(h.credentials("resource", api).text("access_token"))
		if r.json["expires_in"] != float64(seconds(AccessLife)) {
			t.Errorf("%s", r.body)
		}
		time.Sleep(30 * time.Second)
		h.want(h.exchange(old), 400, "invalid_request")
		_ = h.store.Close()
	})
}

func TestWhatWasRevokedIsNotExchanged(t *testing.T) {
	for name, end := range map[string]func(h *house, claims map[string]any){
		"the token": func(h *house, claims map[string]any) {
			h.revoke(store.Revocation{Kind: store.RevokeToken, Issuer: h.url, Subject: claims["jti"].(string)})
		},
		"the grant, by an operator": func(h *house, claims map[string]any) {
			h.revoke(store.Revocation{Kind: store.RevokeGrant, Issuer: h.url, Subject: claims["grant_id"].(string)})
		},
		"everything of the person, by an operator": func(h *house, _ map[string]any) {
			h.revoke(store.Revocation{Kind: store.RevokeSubject, Issuer: h.url, Subject: "u-1", Before: time.Now().Add(time.Second)})
		},
		"everything of the person": func(h *house, _ map[string]any) {
			if _, err := h.store.Endings().EndSubject(h.Context(), "u-1", store.Hash{}, store.Ending{Issuer: h.url, Because: "test", Author: "test", At: time.Now()}); err != nil {
				h.Fatal(err)
			}
		},
		"the person": func(h *house, _ map[string]any) { h.people.change(func(p *people) { p.gone = true }) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newExchange(t)
			old := h.access()
			_, claims := h.parts(old)
			end(h, claims)
			h.want(h.exchange(old), 400, "invalid_request")
		})
	}
	h := newExchange(t)
	old := h.credentials("resource", api).text("access_token")
	if err := h.store.Clients().Remove(t.Context(), "job"); err != nil {
		t.Fatal(err)
	}
	h.want(h.exchange(old), 400, "invalid_request")
}

func (h *house) revoke(r store.Revocation) {
	h.Helper()
	r.At, r.Until = time.Now(), time.Now().Add(time.Hour)
	if err := h.store.Revocations().Revoke(h.Context(), r); err != nil {
		h.Fatal(err)
	}
}

func TestRevokingTheFirstTokenEndsTheExchangedOne(t *testing.T) {
	h := newExchange(t)
	tokens := h.login("resource", api)
	fresh := h.exchange(tokens.text("access_token")).text("access_token")
	h.want(h.post("/revoke", "app", url.Values{"token": {tokens.text("refresh_token")}}), 200, "")
	if r := h.introspect(fresh); r.json["active"] != false {
		t.Errorf("%s", r.body)
	}
	if _, claims := h.parts(fresh); !h.revoked(claims["grant_id"]) {
		t.Error("the gateways are not told")
	}
}

func TestAClientThatExchangedRevokesItsOwnTokenOnly(t *testing.T) {
	h := newExchange(t)
	tokens := h.login("resource", api)
	fresh := h.exchange(tokens.text("access_token")).text("access_token")
	_, claims := h.parts(fresh)
	h.want(h.post("/revoke", "shop", url.Values{"token": {fresh}}), 200, "")
	if h.revoked(claims["grant_id"]) {
		t.Fatal("the whole grant was revoked")
	}
	holds, err := h.store.Revocations().Holds(t.Context(), time.Now(), store.Issued{Issuer: h.url, Token: claims["jti"].(string)})
	if holds || err != nil {
		t.Errorf("the token holds: %v", err)
	}
	h.want(h.exchange(fresh), 400, "invalid_request")
	h.want(h.refresh("app", tokens.text("refresh_token")), 200, "")
}

func TestABoundTokenIsExchangedByWhoHasItsKeyOnly(t *testing.T) {
	h := newExchange(t, asking8705(ShownCertificates))
	p, thief := newProver(t), newProver(t)
	bound := h.post("/token", "job", url.Values{"grant_type": {grantCredential}, "resource": {api}, "scope": {"orders:read"}}, p.proof(h, nil)).text("access_token")
	h.want(h.exchange(bound), 400, "invalid_request")
	h.want(h.exchangeAs("shop", bound, []func(*http.Request){thief.proof(h, nil)}), 400, "invalid_request")
	r := h.exchangeAs("shop", bound, []func(*http.Request){p.proof(h, nil)})
	h.want(r, 200, "")
	_, was := h.parts(bound)
	if _, claims := h.parts(r.text("access_token")); claims["cnf"].(map[string]any)["jkt"] != was["cnf"].(map[string]any)["jkt"] || r.text("token_type") != "DPoP" {
		t.Errorf("%v", claims)
	}
	mine, other := certificate(t, "bank"), certificate(t, "eve")
	h.client(store.Client{ID: "plant", CertificateBound: true, Grants: []string{grantCredential}, Scopes: []string{"orders:read"}})
	bound = h.post("/token", "plant", url.Values{"grant_type": {grantCredential}, "resource": {api}}, onConnectionOf(mine)).text("access_token")
	h.want(h.exchange(bound), 400, "invalid_request")
	h.want(h.exchangeAs("shop", bound, []func(*http.Request){onConnectionOf(other)}), 400, "invalid_request")
	r = h.exchangeAs("shop", bound, []func(*http.Request){onConnectionOf(mine)})
	h.want(r, 200, "")
	if _, claims := h.parts(r.text("access_token")); claims["cnf"] == nil {
		t.Errorf("%v", claims)
	}
}

func TestAnExchangedTokenOpensNoUserinfo(t *testing.T) {
	h := newExchange(t)
	fresh := h.exchange(h.access()).text("access_token")
	r := h.request("/userinfo", "")
	r.Header.Set("Authorization", "Bearer "+fresh)
	if got := h.do(h.browser, r); got.status < 401 || got.text("sub") != "" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestClientsThatCannotExchangeAreNotRegistered(t *testing.T) {
	text, kept := NewSecret(time.Now())
	for name, c := range map[string]store.Client{
		"public":            {Public: true, Grants: []string{grantExchange}, ExchangeAudiences: []string{api}},
		"without audiences": {Grants: []string{grantExchange}, Secrets: []store.ClientSecret{kept}},
		"without the grant": {Grants: []string{grantCredential}, ExchangeAudiences: []string{api}, Secrets: []store.ClientSecret{kept}},
		"by the short name": {Grants: []string{"token-exchange"}, ExchangeAudiences: []string{api}, Secrets: []store.ClientSecret{kept}},
	} {
		c.ID, c.Made = "c", time.Now()
		if CheckClient(&c) == nil {
			t.Errorf("%s: registered, %.4s", name, text)
		}
	}
	if GrantType("token-exchange") != grantExchange || GrantType(grantCode) != grantCode {
		t.Error("the short name is no name")
	}
}
