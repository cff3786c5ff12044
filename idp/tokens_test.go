package idp

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

func TestACodeBecomesTokensOfTheStandardForm(t *testing.T) { // token.code-pkce, token.access-15m, token.claims-minimal, token.alg-asymmetric
	h := newHouse(t)
	r := h.login()
	header, claims := h.parts(r.text("access_token"))
	if header["typ"] != "at+jwt" || header["alg"] != "ES256" || header["kid"] == "" {
		t.Errorf("header %v", header)
	}
	exp, iat := claims["exp"].(float64), claims["iat"].(float64)
	if exp-iat != AccessLife.Seconds() || claims["nbf"] != iat {
		t.Errorf("claims %v", claims)
	}
	for name, want := range map[string]any{"iss": h.url, "sub": "u-1", "aud": api, "client_id": "app", "scope": "openid orders:read", "tenant": "t1", "acr": AAL1} {
		if claims[name] != want {
			t.Errorf("%s is %v; want %v", name, claims[name], want)
		}
	}
	for _, name := range []string{"jti", "grant_id", "auth_time", "roles"} {
		if claims[name] == nil {
			t.Errorf("no %s", name)
		}
		delete(claims, name)
	}
	for _, name := range []string{"iss", "sub", "aud", "client_id", "scope", "tenant", "acr", "exp", "iat", "nbf"} {
		delete(claims, name)
	}
	if len(claims) > 0 {
		t.Errorf("claims nobody needs: %v", claims)
	}
	if n := len(r.text("access_token")); n > 1500 {
		t.Errorf("the token has %d bytes", n)
	}
	if !strings.HasPrefix(r.text("refresh_token"), "gtr_") || r.header.Get("Cache-Control") == "" || !strings.Contains(r.header.Get("Cache-Control"), "no-store") {
		t.Errorf("%s %v", r.body, r.header)
	}
	_, id := h.parts(r.text("id_token"))
	if id["aud"] != "app" || id["nonce"] != "n" || id["exp"].(float64)-id["iat"].(float64) != IDTokenLife.Seconds() {
		t.Errorf("id_token %v", id)
	}
}

func TestAClientGetsATokenForItselfForAnHourAndNoRefreshToken(t *testing.T) { // token.client-credentials
	h := newHouse(t)
	r := h.credentials()
	if r.status != http.StatusOK || r.text("refresh_token") != "" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	_, claims := h.parts(r.text("access_token"))
	if claims["exp"].(float64)-claims["iat"].(float64) != 3600 || claims["sub"] != "job" || claims["client_id"] != "job" || claims["tenant"] != "t1" {
		t.Errorf("%v", claims)
	}
	if got := h.introspect(r.text("access_token")); got.json["active"] != true || got.text("client_id") != "job" {
		t.Errorf("%s", got.body)
	}
	h.post("/revoke", "job", url.Values{"token": {r.text("access_token")}})
	if got := h.introspect(r.text("access_token")); got.json["active"] != false || !h.revoked(claims["grant_id"]) {
		t.Errorf("after it was revoked: %s", got.body)
	}
}

func TestWhoSignsInRightAfterARevocationGetsATokenThatHolds(t *testing.T) { // token.revoke-events
	h := newHouse(t)
	old := h.login()
	why := store.Ending{Issuer: h.url, Because: "the password was changed", Author: "u-1", At: time.Now()}
	if _, err := h.store.Endings().EndSubject(t.Context(), "u-1", store.Hash{}, why); err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]bool{old.text("access_token"): false, h.login().text("access_token"): true} {
		_, claims := h.parts(token)
		issued := store.Issued{Issuer: h.url, Subject: "u-1", At: time.Unix(int64(claims["iat"].(float64)), 0)}
		if holds, err := h.store.Revocations().Holds(t.Context(), time.Now(), issued); err != nil || holds != want {
			t.Errorf("a token of %v holds: %v, %v; want %v", issued.At, holds, err, want)
		}
	}
}
