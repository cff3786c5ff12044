package idp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-api/gatehouse/store"
)

// counterfeit signs the claims of a token, changed, with a key of its own under the kid of
// ours.
func (h *house) counterfeit(token string, change map[string]any) string {
	h.Helper()
	header, claims := h.parts(token)
	for k, v := range change {
		claims[k] = v
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.Fatal(err)
	}
	kid, _ := header["kid"].(string)
	typ, _ := header["typ"].(string)
	s, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.ES256, Key: gojose.JSONWebKey{Key: key, KeyID: kid}}, (&gojose.SignerOptions{}).WithType(gojose.ContentType(typ)))
	if err != nil {
		h.Fatal(err)
	}
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		h.Fatal(err)
	}
	return text
}

// unsigned is a token with its header's algorithm none and no signature.
func (h *house) unsigned(token string) string {
	h.Helper()
	header, _ := h.parts(token)
	header["alg"] = "none"
	b, err := json.Marshal(header)
	if err != nil {
		h.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b) + "." + strings.Split(token, ".")[1] + "."
}

func TestWrongTokensAtUserinfo(t *testing.T) { tryAll(t, negativeUserinfo()) }

func negativeUserinfo() []negative {
	const demand = "RFC 6750 section 3.1, OpenID Connect Core 1.0 section 5.3.3"
	shown := func(of func(h *house) string) func(h *house) {
		return func(h *house) {
			h.Helper()
			r := h.bearer("/userinfo", of(h))
			if r.status != 401 && r.status != 403 || r.text("sub") != "" {
				h.Errorf("%d %s", r.status, r.body)
			}
		}
	}
	return []negative{
		{"none", demand, func(h *house) {
			if r := h.get(h.browser, h.url+"/userinfo"); r.status != 401 || r.text("sub") != "" {
				h.Errorf("%d %s", r.status, r.body)
			}
		}},
		{"a text that is no token", demand, shown(func(*house) string { return "x" })},
		{"a refresh token", demand, shown(func(h *house) string { return h.login().text("refresh_token") })},
		{"an id_token", demand, shown(func(h *house) string { return h.login().text("id_token") })},
		{"a code", demand, shown(func(h *house) string { return h.code(asking()) })},
		{"a token of a client for itself", demand, shown(func(h *house) string { return h.credentials().text("access_token") })},
		{"a token without the scope openid", demand, shown(func(h *house) string { return h.login("scope", "orders:read").text("access_token") })},
		{"a token that has expired", demand, shown(func(h *house) string {
			token := h.login().text("access_token")
			time.Sleep(AccessLife + time.Minute)
			return token
		})},
		{"a token whose grant was revoked", demand, shown(func(h *house) string {
			r := h.login()
			h.want(h.post("/revoke", "app", url.Values{"token": {r.text("refresh_token")}}), 200, "")
			return r.text("access_token")
		})},
		{"a token of a session that was ended", demand, shown(func(h *house) string {
			h.signedIn("s-1")
			token := h.login().text("access_token")
			h.endSession("s-1")
			return token
		})},
		{"a token that somebody else signed", demand, shown(func(h *house) string { return h.counterfeit(h.login().text("access_token"), nil) })},
		{"a token that nobody signed", demand, shown(func(h *house) string { return h.unsigned(h.login().text("access_token")) })},
		{"a token that was changed", demand, shown(func(h *house) string {
			p := strings.Split(h.login().text("access_token"), ".")
			b, err := base64.RawURLEncoding.DecodeString(p[1])
			if err != nil {
				h.Fatal(err)
			}
			p[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(b), "u-1", "u-2", 1)))
			return strings.Join(p, ".")
		})},
		{"a token in the query", "RFC 9700 section 4.3.2", func(h *house) {
			if r := h.get(h.browser, h.url+"/userinfo?access_token="+h.login().text("access_token")); r.status != 401 || r.text("sub") != "" {
				h.Errorf("%d %s", r.status, r.body)
			}
		}},
		{"a token of Basic", demand, func(h *house) {
			r, err := http.NewRequestWithContext(h.Context(), http.MethodGet, h.url+"/userinfo", nil)
			if err != nil {
				h.Fatal(err)
			}
			r.SetBasicAuth("app", h.login().text("access_token"))
			if got := h.do(h.browser, r); got.status != 401 || got.text("sub") != "" {
				h.Errorf("%d %s", got.status, got.body)
			}
		}},
		{"a token that is bound to a key, as Bearer", "RFC 9449 section 7.2", shown(func(h *house) string {
			return h.post("/token", "app", redeeming(h.code(asking())), newProver(h.T).proof(h, nil)).text("access_token")
		})},
		{"a logout token", "OpenID Connect Back-Channel Logout 1.0 section 2.4", shown(func(h *house) string {
			token, err := h.server.logoutToken(h.Context(), &store.Logout{Client: "app", Subject: "u-1"})
			if err != nil {
				h.Fatal(err)
			}
			return token
		})},
	}
}

func TestQuestionsThatMustBeRefused(t *testing.T) { tryAll(t, negativeQuestions()) }

func negativeQuestions() []negative {
	const ask, end = "RFC 7662 section 2", "RFC 7009 section 2"
	dead := func(of func(h *house) string) func(h *house) {
		return func(h *house) { h.Helper(); h.inactive(of(h)) }
	}
	by := func(client string) func(h *house) {
		return func(h *house) {
			h.Helper()
			r := h.post("/introspect", client, url.Values{"token": {h.login().text("access_token")}})
			if r.status != 401 || r.json["active"] != nil {
				h.Errorf("%d %s", r.status, r.body)
			}
		}
	}
	return []negative{
		{"introspection by nobody", ask, func(h *house) {
			h.want(h.do(h.browser, h.request("/introspect", url.Values{"token": {h.login().text("access_token")}}.Encode())), 401, "invalid_client")
		}},
		{"introspection by a public client", ask, by("app")},
		{"introspection by a client that is no resource server", ask, by("job")},
		{"introspection with a wrong secret", ask, func(h *house) { h.secrets["api"] = "x"; by("api")(h) }},
		{"introspection without a token", ask, func(h *house) { h.want(h.post("/introspect", "api", url.Values{}), 400, "invalid_request") }},
		{"introspection of two tokens", ask, func(h *house) {
			h.want(h.post("/introspect", "api", url.Values{"token": {"a", "b"}}), 400, "invalid_request")
		}},
		{"introspection by GET", ask, func(h *house) {
			if r := h.get(h.browser, h.url+"/introspect?token=x"); r.status != 404 {
				h.Errorf("%d", r.status)
			}
		}},
		{"introspection of a token of somebody else's server", ask, dead(func(h *house) string {
			return h.counterfeit(h.login().text("access_token"), map[string]any{"iss": "https://evil.example"})
		})},
		{"introspection of a token that somebody else signed", ask, dead(func(h *house) string { return h.counterfeit(h.login().text("access_token"), nil) })},
		{"introspection of a token that nobody signed", ask, dead(func(h *house) string { return h.unsigned(h.login().text("access_token")) })},
		{"introspection of an id_token", ask, dead(func(h *house) string { return h.login().text("id_token") })},
		{"introspection of a code", ask, dead(func(h *house) string { return h.code(asking()) })},
		{"introspection of a token that has expired", ask, dead(func(h *house) string {
			token := h.login().text("access_token")
			time.Sleep(AccessLife + time.Minute)
			return token
		})},
		{"introspection of a spent refresh token", ask, dead(func(h *house) string {
			token := h.login().text("refresh_token")
			h.want(h.refresh("app", token), 200, "")
			return token
		})},
		{"introspection of a revoked refresh token", ask, dead(func(h *house) string {
			token := h.login().text("refresh_token")
			h.want(h.post("/revoke", "app", url.Values{"token": {token}}), 200, "")
			return token
		})},
		{"revocation of another client's refresh token", end, func(h *house) {
			token := h.login().text("refresh_token")
			h.post("/revoke", "web", url.Values{"token": {token}})
			h.want(h.refresh("app", token), 200, "")
		}},
		{"revocation of another client's access token", end, func(h *house) {
			r := h.login()
			h.post("/revoke", "job", url.Values{"token": {r.text("access_token")}})
			_, claims := h.parts(r.text("access_token"))
			if h.revoked(claims["grant_id"]) {
				h.Error("it is revoked")
			}
		}},
		{"revocation of a token that somebody else signed", end, func(h *house) {
			r := h.login()
			h.want(h.post("/revoke", "app", url.Values{"token": {h.counterfeit(r.text("access_token"), nil)}}), 200, "")
			h.want(h.refresh("app", r.text("refresh_token")), 200, "")
		}},
		{"revocation with a wrong secret", end, func(h *house) {
			token := h.login("client_id", "web").text("refresh_token")
			secret := h.secrets["web"]
			h.secrets["web"] = h.secrets["job"]
			h.want(h.post("/revoke", "web", url.Values{"token": {token}}), 401, "invalid_client")
			h.secrets["web"] = secret
			h.want(h.refresh("web", token), 200, "")
		}},
		{"revocation without a token", end, func(h *house) { h.want(h.post("/revoke", "app", url.Values{}), 400, "invalid_request") }},
		{"revocation by GET", end, func(h *house) {
			if r := h.get(h.browser, h.url+"/revoke?token=x"); r.status != 404 {
				h.Errorf("%d", r.status)
			}
		}},
	}
}

func TestLogoutsThatMustNotLeadAnywhere(t *testing.T) { tryAll(t, negativeLogouts()) }

// negativeLogouts is OpenID Connect RP-Initiated Logout 1.0: whatever is wrong, nobody
// is sent anywhere, and with any hint at all the session ends.
func negativeLogouts() []negative {
	stays := func(params func(h *house, hint string) []string) func(h *house) {
		return func(h *house) {
			h.Helper()
			h.client(store.Client{ID: "site", Public: true, Grants: []string{grantCode}, RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{bye}, Scopes: []string{"openid"}})
			r := h.leave(params(h, h.login("client_id", "site", "scope", "openid").text("id_token"))...)
			if r.status != 200 || r.header.Get("Location") != "" || h.ended() != 1 {
				h.Errorf("%d %v, %d sessions were ended", r.status, r.header, h.ended())
			}
		}
	}
	asked := func(params ...string) func(h *house) {
		return func(h *house) {
			h.Helper()
			if r := h.leave(params...); r.status != 200 || r.header.Get("Location") != "" || h.ended() != 0 || !strings.Contains(r.body, "<form") {
				h.Errorf("%d %v, %d sessions were ended", r.status, r.header, h.ended())
			}
		}
	}
	hinted := func(change func(h *house, hint string) string) func(h *house) {
		return stays(func(h *house, hint string) []string {
			return []string{"id_token_hint", change(h, hint), "post_logout_redirect_uri", bye, "state", "s"}
		})
	}
	return []negative{
		{"no parameters", "oidcc-rp-initiated-logout-no-params", asked()},
		{"a state and nothing else", "oidcc-rp-initiated-logout-only-state", asked("state", "s")},
		{"no id_token_hint", "oidcc-rp-initiated-logout-no-id-token-hint", asked("post_logout_redirect_uri", bye, "client_id", "site", "state", "s")},
		{"no post_logout_redirect_uri", "oidcc-rp-initiated-logout-no-post-logout-redirect-uri", stays(func(_ *house, hint string) []string { return []string{"id_token_hint", hint, "state", "s"} })},
		{"a post_logout_redirect_uri that is not registered", "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", stays(func(_ *house, hint string) []string {
			return []string{"id_token_hint", hint, "post_logout_redirect_uri", "https://evil.example/bye"}
		})},
		{"a query added to the post_logout_redirect_uri", "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", stays(func(_ *house, hint string) []string {
			return []string{"id_token_hint", hint, "post_logout_redirect_uri", bye + "?foo=bar"}
		})},
		{"a hint that somebody else signed", "OpenID Connect RP-Initiated Logout 1.0 section 2", hinted(func(h *house, hint string) string { return h.counterfeit(hint, map[string]any{"sub": "u-2"}) })},
		{"a hint that is no token", "oidcc-rp-initiated-logout-bad-id-token-hint", hinted(func(*house, string) string { return "bad" })},
		{"a hint that nobody signed", "oidcc-rp-initiated-logout-modified-id-token-hint", hinted(func(h *house, hint string) string { return h.unsigned(hint) })},
		{"a hint of another server", "OpenID Connect RP-Initiated Logout 1.0 section 2", hinted(func(h *house, hint string) string {
			return h.counterfeit(hint, map[string]any{"iss": "https://evil.example"})
		})},
		{"an access token for a hint", "RFC 8725 section 3.11", hinted(func(h *house, _ string) string { return h.login().text("access_token") })},
		{"another client's hint", "OpenID Connect RP-Initiated Logout 1.0 section 3", hinted(func(h *house, _ string) string { return h.login().text("id_token") })},
		{"a client_id that is not the hint's", "OpenID Connect RP-Initiated Logout 1.0 section 2", stays(func(_ *house, hint string) []string {
			return []string{"id_token_hint", hint, "client_id", "app", "post_logout_redirect_uri", bye}
		})},
		{"a hint of a client that is gone", "OpenID Connect RP-Initiated Logout 1.0 section 3", hinted(func(h *house, hint string) string {
			if err := h.store.Clients().Remove(h.Context(), "site"); err != nil {
				h.Error(err)
			}
			time.Sleep(2 * time.Second)
			return hint
		})},
	}
}
