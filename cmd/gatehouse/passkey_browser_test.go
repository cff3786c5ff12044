package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// virtualAuthenticator gives the browser a device that keeps passkeys and verifies
// its user (WebAuthn Level 3 section 11).
func (b *chromium) virtualAuthenticator() string {
	b.Helper()
	var id string
	b.call("POST", "/webauthn/authenticator", map[string]any{
		"protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true, "isUserVerified": true, "isUserConsenting": true,
	}, &id)
	return id
}

// session.mfa-aal2: a real browser makes a passkey on our pages, through the gateway,
// signs in by it without a name or a password, and as a second factor after one; who
// is not verified is told so.
func TestChromiumSignsInByPasskey(t *testing.T) {
	b := startChromium(t)
	device := b.virtualAuthenticator()
	h := startSelfNamed(t, "localhost", withPeople)
	codes := make(chan string, 4)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if code := r.URL.Query().Get("code"); code != "" {
			codes <- code
		}
		fmt.Fprint(w, "<!DOCTYPE html><title>app</title><p>back at the app</p>")
	}))
	t.Cleanup(app.Close)
	id, password := h.user("alice@example.com", "--role", "clerk")
	h.add("app", "--public", "--first-party", "--name", "The App", "--grant", "authorization_code", "--redirect", app.URL+"/callback", "--scope", "openid", "--scope", "orders:read")
	p, err := oidc.NewProvider(h.ctx(), h.url)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := p.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams // one try for each code
	c := oauth2.Config{ClientID: "app", RedirectURL: app.URL + "/callback", Endpoint: endpoint, Scopes: []string{"openid", "orders:read"}}
	verifier := oauth2.GenerateVerifier()
	authorize := func() {
		b.open(c.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("prompt", "login")))
	}
	proven := func(amr ...string) {
		t.Helper()
		b.want("back at the app")
		token, err := c.Exchange(h.ctx(), <-codes, oauth2.VerifierOption(verifier))
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := token.Extra("id_token").(string)
		idToken, err := p.Verifier(&oidc.Config{ClientID: "app"}).Verify(h.ctx(), raw)
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			ACR string   `json:"acr"`
			AMR []string `json:"amr"`
		}
		if err := idToken.Claims(&claims); err != nil || idToken.Subject != id || claims.ACR != "aal2" || !slices.Equal(claims.AMR, amr) {
			t.Errorf("%s was proven by %+v, %v", idToken.Subject, claims, err)
		}
		if status, body := h.orders(token.AccessToken); status != 200 {
			t.Errorf("the API says %d %s", status, body)
		}
	}

	b.open(h.url + "/account/sign-in?next=second-factor")
	b.write("#name", "alice@example.com")
	b.write("#password", password)
	b.click("button")
	b.want("Make a passkey")
	b.shot("passkey-enrol")
	b.write("#label", "My laptop")
	b.click("form[data-options] button")
	b.want("Your recovery codes")
	b.open(h.url + "/account/second-factor")
	b.want("My laptop")
	b.shot("passkey-list")
	b.open(h.url + "/account/")
	b.want("passkeys: 1")
	b.click("button[value=all]")
	b.want("Sign in with a passkey")
	time.Sleep(2 * time.Second) // tokens of the seconds in which trust was taken away are void

	authorize()
	b.want("to go on to The App")
	b.shot("passkey-sign-in")
	b.call("POST", "/webauthn/authenticator/"+device+"/uv", map[string]bool{"isUserVerified": false}, nil)
	b.click("form[data-options] button")
	b.want("The passkey was not used")
	b.call("POST", "/webauthn/authenticator/"+device+"/uv", map[string]bool{"isUserVerified": true}, nil)
	b.click("form[data-options] button")
	proven("hwk", "user", "mfa")

	authorize()
	b.write("#name", "alice@example.com")
	b.write("#password", password)
	b.click("button")
	b.want("Use a passkey")
	b.shot("passkey-second")
	b.click("form[data-options] button")
	proven("pwd", "hwk", "user", "mfa")
	for _, m := range b.complaints() {
		if !strings.Contains(m.Message, "favicon") {
			t.Errorf("the browser says: %s %s", m.Level, m.Message)
		}
	}
}
