package idp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-api/gatehouse/store"
)

func TestCodesThatMustBeRefused(t *testing.T) { tryAll(t, negativeCodes()) }

func negativeCodes() []negative {
	redeemed := func(change ...string) func(h *house) {
		return func(h *house) {
			h.Helper()
			h.none(h.post("/token", "app", redeeming(h.code(asking()), change...)), 400, "invalid_grant")
		}
	}
	again := func(after time.Duration) func(h *house) {
		return func(h *house) {
			code := h.code(asking())
			r := h.post("/token", "app", redeeming(code))
			h.want(r, 200, "")
			time.Sleep(after)
			h.none(h.post("/token", "app", redeeming(code)), 400, "invalid_grant")
			h.inactive(r.text("access_token"))
			h.none(h.refresh("app", r.text("refresh_token")), 400, "invalid_grant")
		}
	}
	return []negative{
		{"one that is used again at once", "oidcc-codereuse", again(0)},
		{"one that is used again after a second", "fapi2-security-profile-final-attempt-reuse-authorization-code-after-one-second", again(time.Second)},
		{"one that is used again after half a minute", "oidcc-codereuse-30seconds", again(30 * time.Second)},
		{"one that has expired", "fapi2-security-profile-final-ensure-token-endpoint-fails-with-expired-auth-code", func(h *house) {
			code := h.code(asking())
			time.Sleep(CodeLife + time.Second)
			h.none(h.post("/token", "app", redeeming(code)), 400, "invalid_grant")
		}},
		{"one of another client", "fapi2spfinal.FAPI2SPFinalEnsureAuthorizationCodeIsBoundToClient", func(h *house) {
			h.none(h.post("/token", "web", redeeming(h.code(asking()))), 400, "invalid_grant")
		}},
		{"without the verifier", "fapi2spfinal.FAPI2SPFinalPAREnsurePKCECodeVerifierRequired", redeemed("code_verifier", "")},
		{"with another verifier", "fapi2spfinal.FAPI2SPFinalPARIncorrectPKCECodeVerifierRejected", redeemed("code_verifier", strings.Repeat("y", 43))},
		{"with a verifier that is too short", "RFC 7636 section 4.1", redeemed("code_verifier", verifier[:42])},
		{"with a verifier that is too long", "RFC 7636 section 4.1", redeemed("code_verifier", strings.Repeat("x", 129))},
		{"with the verifier in another case", "RFC 7636 section 4.6", redeemed("code_verifier", strings.ToUpper(verifier))},
		{"without the redirect_uri", "RFC 6749 section 4.1.3", redeemed("redirect_uri", "")},
		{"with another redirect_uri", "RFC 6749 section 4.1.3", redeemed("redirect_uri", callback+"/")},
		{"with a resource that was not granted", "RFC 8707 section 2.2", func(h *house) {
			h.none(h.post("/token", "app", redeeming(h.code(asking()), "resource", "https://evil.example")), 400, "invalid_target")
		}},
		{"cut off", "RFC 6749 section 10.10", func(h *house) {
			code := h.code(asking())
			h.none(h.post("/token", "app", redeeming(code[:len(code)-1])), 400, "invalid_grant")
		}},
		{"a refresh token in its place", "RFC 6749 section 4.1.3", func(h *house) {
			h.none(h.post("/token", "app", redeeming(h.login().text("refresh_token"))), 400, "invalid_grant")
		}},
		{"of a client that may have no codes any more", "RFC 6749 section 5.2", func(h *house) {
			code := h.code(asking())
			h.changed("app", func(c *store.Client) { c.Grants = []string{"refresh_token"} })
			h.none(h.post("/token", "app", redeeming(code)), 400, "unauthorized_client")
		}},
		{"bound to the key of another proof", "fapi2-security-profile-final-ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt", func(h *house) {
			p := newProver(h.T)
			code := h.code(asking("dpop_jkt", p.thumb()))
			h.none(h.post("/token", "app", redeeming(code), newProver(h.T).proof(h, nil)), 400, "invalid_dpop_proof")
		}},
		{"bound to the key of a proof that is not there", "fapi2spfinal.FAPI2SPFinalEnsureTokenEndpointFailsWithMismatchedDpopJkt", func(h *house) {
			r := h.post("/token", "app", redeeming(h.code(asking("dpop_jkt", newProver(h.T).thumb()))))
			if r.status != 400 || r.text("access_token") != "" {
				h.Errorf("%d %s", r.status, r.body)
			}
		}},
	}
}

// changed changes a registered client, as a command does, and waits until the server
// reads it again.
func (h *house) changed(id string, change func(*store.Client)) {
	h.Helper()
	if err := h.store.Clients().Change(h.Context(), id, func(c *store.Client) error { change(c); return nil }); err != nil {
		h.Fatal(err)
	}
	time.Sleep(2 * time.Second)
}

// thumb is the RFC 7638 thumbprint of the key.
func (p *prover) thumb() string {
	p.Helper()
	sum, err := (&gojose.JSONWebKey{Key: p.key.Public()}).Thumbprint(5) // crypto.SHA256
	if err != nil {
		p.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

func TestTokenRequestsThatMustBeRefused(t *testing.T) { tryAll(t, negativeTokenRequests()) }

func negativeTokenRequests() []negative {
	kind := func(kind string) func(h *house) {
		return func(h *house) {
			h.Helper()
			h.none(h.post("/token", "app", url.Values{"grant_type": {kind}, "username": {"alice"}, "password": {"x"}, "assertion": {"e30.e30.x"}}), 400, "unsupported_grant_type")
		}
	}
	own := func(status int, code string, change ...string) func(h *house) {
		return func(h *house) { h.Helper(); h.none(h.credentials(change...), status, code) }
	}
	return []negative{
		{"without a grant_type", "RFC 6749 section 5.2", func(h *house) {
			h.none(h.post("/token", "app", url.Values{"code": {"x"}}), 400, "unsupported_grant_type")
		}},
		{"with a password", "RFC 9700 section 2.4", kind("password")},
		{"with the implicit grant", "RFC 9700 section 2.1.2", kind("implicit")},
		{"with a grant_type in another case", "RFC 6749 section 4.1.3", kind("Authorization_Code")},
		{"with an assertion as a grant", "RFC 7523 section 2.1", kind("urn:ietf:params:oauth:grant-type:jwt-bearer")},
		{"by GET", "RFC 6749 section 3.2", func(h *house) {
			if r := h.get(h.browser, h.url+"/token?grant_type=client_credentials"); r.status != 404 {
				h.Errorf("%d %s", r.status, r.body)
			}
		}},
		{"with a secret in the query", "RFC 6749 section 2.3.1", func(h *house) {
			r := h.request("/token?client_secret="+h.secrets["job"], url.Values{"grant_type": {grantCredential}, "client_id": {"job"}}.Encode())
			h.none(h.do(h.browser, r), 400, "invalid_request")
		}},
		{"of a confidential client without its secret", "RFC 6749 section 3.2.1", func(h *house) {
			h.none(h.do(h.browser, h.request("/token", url.Values{"grant_type": {grantCredential}, "client_id": {"job"}}.Encode())), 401, "invalid_client")
		}},
		{"with an empty secret", "RFC 6749 section 2.3.1", func(h *house) {
			h.none(h.do(h.browser, h.request("/token", url.Values{"grant_type": {grantCredential}, "client_id": {"job"}, "client_secret": {""}}.Encode())), 401, "invalid_client")
		}},
		{"with a secret whose overlap is over", "RFC 6749 section 2.3.1", func(h *house) {
			h.changed("job", func(c *store.Client) {
				if _, err := RotateSecret(c, time.Now(), LeastOverlap); err != nil {
					h.Error(err)
				}
			})
			h.want(h.credentials(), 200, "")
			time.Sleep(LeastOverlap)
			h.none(h.credentials(), 401, "invalid_client")
		}},
		{"with another scheme of authentication", "RFC 6749 section 2.3", func(h *house) {
			r := h.request("/token", url.Values{"grant_type": {grantCredential}, "client_id": {"job"}}.Encode())
			r.Header.Set("Authorization", "Bearer "+h.secrets["job"])
			h.none(h.do(h.browser, r), 400, "invalid_request")
		}},
		{"of a client that is gone", "RFC 6749 section 5.2", func(h *house) {
			if err := h.store.Clients().Remove(h.Context(), "job"); err != nil {
				h.Fatal(err)
			}
			h.none(h.credentials(), 401, "invalid_client")
		}},
		{"for a client's own scope that it may not have", "RFC 6749 section 5.2", own(400, "invalid_scope", "scope", "orders:write")},
		{"for a client's own resource that is foreign", "RFC 8707 section 2", own(400, "invalid_target", "resource", "https://evil.example")},
		{"of a public client for itself", "RFC 6749 section 4.4", func(h *house) {
			h.none(h.post("/token", "app", url.Values{"grant_type": {grantCredential}}), 400, "unauthorized_client")
		}},
		{"of a client for itself, for a refresh token", "RFC 6749 section 4.4.3", func(h *house) {
			if r := h.credentials(); r.status != 200 || r.text("refresh_token") != "" || r.text("id_token") != "" {
				h.Errorf("%d %s", r.status, r.body)
			}
		}},
	}
}

func TestRefreshesThatMustBeRefused(t *testing.T) { tryAll(t, negativeRefreshes()) }

func negativeRefreshes() []negative {
	instead := func(of func(h *house) string) func(h *house) {
		return func(h *house) { h.Helper(); h.none(h.refresh("app", of(h)), 400, "invalid_grant") }
	}
	asked := func(code string, name, value string) func(h *house) {
		return func(h *house) {
			h.Helper()
			v := url.Values{"grant_type": {grantRefresh}, "refresh_token": {h.login().text("refresh_token")}, name: {value}}
			h.none(h.post("/token", "app", v), 400, code)
		}
	}
	return []negative{
		{"without a token", "RFC 6749 section 6", func(h *house) {
			h.none(h.post("/token", "app", url.Values{"grant_type": {grantRefresh}}), 400, "invalid_request")
		}},
		{"with a token that nobody issued", "RFC 6749 section 10.10", instead(func(h *house) string { return refreshToken() })},
		{"with an access token", "RFC 6749 section 6", instead(func(h *house) string { return h.login().text("access_token") })},
		{"with an id_token", "RFC 6749 section 6", instead(func(h *house) string { return h.login().text("id_token") })},
		{"with a code", "RFC 6749 section 6", instead(func(h *house) string { return h.code(asking()) })},
		{"with a token that was revoked", "RFC 7009 section 2", instead(func(h *house) string {
			token := h.login().text("refresh_token")
			h.want(h.post("/revoke", "app", url.Values{"token": {token}}), 200, "")
			return token
		})},
		{"with a token that was not used for a week", "RFC 9700 section 4.14.2", instead(func(h *house) string {
			token := h.login("scope", "openid offline_access").text("refresh_token")
			time.Sleep(RefreshIdle + time.Second)
			return token
		})},
		{"with a token of a line of a month", "RFC 9700 section 4.14.2", instead(func(h *house) string {
			token := h.login("scope", "openid offline_access").text("refresh_token")
			for range 6 {
				time.Sleep(5*24*time.Hour - time.Second)
				token = h.refresh("app", token).text("refresh_token")
			}
			time.Sleep(time.Minute)
			return token
		})},
		{"with a spent token, later", "RFC 9700 section 4.14.2", instead(func(h *house) string {
			token := h.login().text("refresh_token")
			h.want(h.refresh("app", token), 200, "")
			time.Sleep(Grace + time.Second)
			return token
		})},
		{"with a token of another client", "fapi2-security-profile-final-refresh-token", func(h *house) {
			h.none(h.refresh("web", h.login().text("refresh_token")), 400, "invalid_grant")
		}},
		{"of a confidential client without its secret", "fapi2-security-profile-final-refresh-token", func(h *house) {
			token := h.login("client_id", "web").text("refresh_token")
			h.none(h.do(h.browser, h.request("/token", url.Values{"grant_type": {grantRefresh}, "refresh_token": {token}, "client_id": {"web"}}.Encode())), 401, "invalid_client")
		}},
		{"for a scope that was not granted", "RFC 6749 section 6", asked("invalid_scope", "scope", "openid orders:read offline_access")},
		{"for a resource that was not granted", "RFC 8707 section 2.2", asked("invalid_target", "resource", "https://evil.example")},
		{"of a person who is gone", "RFC 9700 section 4.14.2", instead(func(h *house) string {
			token := h.login().text("refresh_token")
			h.people.change(func(p *people) { p.gone = true })
			return token
		})},
		{"of a client that may not refresh any more", "RFC 6749 section 5.2", func(h *house) {
			token := h.login().text("refresh_token")
			h.changed("app", func(c *store.Client) { c.Grants = []string{grantCode} })
			h.none(h.refresh("app", token), 400, "unauthorized_client")
		}},
		{"bound to a key, without a proof", "RFC 9449 section 5", func(h *house) {
			token := h.post("/token", "app", redeeming(h.code(asking())), newProver(h.T).proof(h, nil)).text("refresh_token")
			if r := h.refresh("app", token); r.status != 400 || r.text("access_token") != "" {
				h.Errorf("%d %s", r.status, r.body)
			}
		}},
		{"bound to a key, with a proof of another", "RFC 9449 section 5", func(h *house) {
			token := h.post("/token", "app", redeeming(h.code(asking())), newProver(h.T).proof(h, nil)).text("refresh_token")
			v := url.Values{"grant_type": {grantRefresh}, "refresh_token": {token}}
			if r := h.post("/token", "app", v, newProver(h.T).proof(h, nil)); r.status != 400 || r.text("access_token") != "" {
				h.Errorf("%d %s", r.status, r.body)
			}
		}},
	}
}

func TestProofsThatMustBeRefused(t *testing.T) { tryAll(t, negativeProofs()) }

// negativeProofs is fapi2spfinal.FAPI2SPFinalDpopNegativeTests and RFC 9449 section
// 4.3, one fault a case.
func negativeProofs() []negative {
	const module = "fapi2spfinal.FAPI2SPFinalDpopNegativeTests, RFC 9449 section 4.3"
	try := func(h *house, change func(*http.Request)) {
		h.Helper()
		r := h.post("/token", "job", url.Values{"grant_type": {grantCredential}}, change)
		// The library calls a proof that is too old an unauthorized client.
		if r.text("access_token") != "" || r.status != 400 || !slices.Contains([]string{"invalid_dpop_proof", "invalid_request", "unauthorized_client"}, r.text("error")) {
			h.Errorf("%d %s", r.status, r.body)
		}
	}
	wrong := func(change map[string]any) func(h *house) {
		return func(h *house) { h.Helper(); try(h, newProver(h.T).proof(h, change)) }
	}
	at := func(d time.Duration) func(h *house) {
		return func(h *house) {
			h.Helper()
			try(h, newProver(h.T).proof(h, map[string]any{"iat": time.Now().Add(d).Unix()}))
		}
	}
	// signed is a proof by a key and algorithm, with a header of its own.
	signed := func(alg gojose.SignatureAlgorithm, key func() any, header map[gojose.HeaderKey]any) func(h *house) {
		return func(h *house) {
			h.Helper()
			o := (&gojose.SignerOptions{}).WithType("dpop+jwt")
			for k, v := range header {
				o = o.WithHeader(k, v)
			}
			s, err := gojose.NewSigner(gojose.SigningKey{Algorithm: alg, Key: key()}, o)
			if err != nil {
				h.Fatal(err)
			}
			text, err := jwt.Signed(s).Claims(map[string]any{"htm": "POST", "htu": h.url + "/token", "iat": time.Now().Unix(), "jti": random(h.Context())}).Serialize()
			if err != nil {
				h.Fatal(err)
			}
			try(h, func(r *http.Request) { r.Header.Set("DPoP", text) })
		}
	}
	curve := func(c elliptic.Curve) func() any {
		return func() any {
			key, err := ecdsa.GenerateKey(c, rand.Reader)
			if err != nil {
				panic(err)
			}
			return key
		}
	}
	return []negative{
		{"of another host", module, wrong(map[string]any{"htu": "https://evil.example/token"})},
		{"of another endpoint", module, wrong(map[string]any{"htu": "https://login.example.com/par"})},
		{"over plain http", module, wrong(map[string]any{"htu": "http://login.example.com/token"})},
		{"without htu", module, wrong(map[string]any{"htu": nil})},
		{"of another method", module, wrong(map[string]any{"htm": "GET"})},
		{"of the method in another case", module, wrong(map[string]any{"htm": "post"})},
		{"without htm", module, wrong(map[string]any{"htm": nil})},
		{"from two minutes ago", module, at(-2 * time.Minute)},
		{"from two minutes ahead", module, at(2 * time.Minute)},
		{"without iat", module, wrong(map[string]any{"iat": nil})},
		{"without jti", module, wrong(map[string]any{"jti": nil})},
		{"that has expired", "fapi2spfinal.FAPI2SPFinalCheckDpopProofNbfExp", wrong(map[string]any{"exp": 1})},
		{"that begins later", "fapi2spfinal.FAPI2SPFinalCheckDpopProofNbfExp", func(h *house) {
			try(h, newProver(h.T).proof(h, map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}))
		}},
		{"of type JWT", module, wrong(map[string]any{"typ": "JWT"})},
		{"of type at+jwt", module, wrong(map[string]any{"typ": "at+jwt"})},
		{"that is used again", module, func(h *house) {
			p := newProver(h.T).proof(h, nil)
			h.want(h.post("/token", "job", url.Values{"grant_type": {grantCredential}}, p), 200, "")
			try(h, p)
		}},
		{"beside another", module, func(h *house) {
			p := newProver(h.T)
			try(h, func(r *http.Request) { p.proof(h, nil)(r); p.proof(h, nil)(r) })
		}},
		{"that nobody signed", module, func(h *house) {
			try(h, func(r *http.Request) {
				r.Header.Set("DPoP", "eyJhbGciOiJub25lIiwidHlwIjoiZHBvcCtqd3QifQ."+base64.RawURLEncoding.EncodeToString([]byte(`{"htm":"POST"}`))+".")
			})
		}},
		{"that was changed after it was signed", module, func(h *house) {
			try(h, func(r *http.Request) {
				newProver(h.T).proof(h, nil)(r)
				p := strings.Split(r.Header.Get("DPoP"), ".")
				p[1] = base64.RawURLEncoding.EncodeToString([]byte(`{"htm":"POST","htu":"` + h.url + `/token","iat":1,"jti":"x"}`))
				r.Header.Set("DPoP", strings.Join(p, "."))
			})
		}},
		{"by a shared secret", module, signed(gojose.HS256, func() any { return []byte(strings.Repeat("k", 32)) }, map[gojose.HeaderKey]any{"jwk": map[string]any{"kty": "oct", "k": "a2traw"}})},
		{"by another algorithm", module, func(h *house) { signed(gojose.ES384, curve(elliptic.P384()), map[gojose.HeaderKey]any{})(h) }},
		{"without the key", module, signed(gojose.ES256, curve(elliptic.P256()), nil)},
		{"with another key in its header", module, func(h *house) {
			signed(gojose.ES256, curve(elliptic.P256()), map[gojose.HeaderKey]any{"jwk": gojose.JSONWebKey{Key: newProver(h.T).key.Public()}})(h)
		}},
		{"with the private key in its header", module, func(h *house) {
			key := newProver(h.T).key
			signed(gojose.ES256, func() any { return key }, map[gojose.HeaderKey]any{"jwk": gojose.JSONWebKey{Key: key}})(h)
		}},
		{"that is missing where the client must prove itself by a key", "fapi2spfinal.FAPI2SPFinalEnsureHolderOfKeyRequired", func(h *house) {
			h.changed("job", func(c *store.Client) { c.DPoP = true })
			if r := h.credentials(); r.status != 400 || r.text("access_token") != "" {
				h.Errorf("%d %s", r.status, r.body)
			}
		}},
	}
}
