package interop

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/gatehouse-api/gatehouse/casetest"
)

// oidcPeople is a connection to an OpenID provider, and what is mapped from it.
const oidcPeople = `, sso: {acme: {title: Acme Inc, tenant: t1, domains: [acme.example], provision: true, sign_out: true, roles: {claim: groups, map: {clerks: [clerk]}},
    oidc: {issuer: "%s", client_id: gatehouse, client_secret: file:acme.secret, scopes: [email, groups], alg: %s, client_auth: %s, userinfo: %s}}}`

// TestOidcProviderSignsPeopleIn has npm oidc-provider, which is certified, sign people
// in: session.sso-oidc.
func TestOidcProviderSignsPeopleIn(t *testing.T) {
	needsNode(t)
	for _, c := range []struct{ name, alg, auth, userinfo string }{
		{"claims in the id_token", "RS256", "client_secret_basic", "false"},
		{"claims of userinfo", "ES256", "client_secret_post", "true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			provider := "http://" + casetest.FreeAddress(t)
			g := start(t, settings{
				people: fmt.Sprintf(oidcPeople, provider, c.alg, c.auth, c.userinfo),
				files:  map[string]string{"acme.secret": "a-secret-of-the-provider-and-us"},
			})
			a := &organisation{application: g.application()}
			g.play("oidc-provider.mjs", map[string]string{
				"flow": "enterprise", "provider": provider, "alg": c.alg, "client_auth": c.auth, "userinfo": c.userinfo,
				"client_secret": "a-secret-of-the-provider-and-us", "redirect_uri": g.url + "/account/sso/acme/callback",
				"signed_out_uri": g.url + "/account/sso/acme/signed-out", "goodbye_uri": goodbye,
			}, answers{
				"sign-in": func(how string) string {
					var more []oauth2.AuthCodeOption
					if how == "fresh" {
						more = append(more, oauth2.SetAuthURLParam("prompt", "login"))
					}
					return a.signInAt(more...)
				},
				"sign-out": func(string) string { return a.signOut() },
			})
		})
	}
}

// organisation is an application whose people sign in at a provider of their own.
type organisation struct {
	*application
	provider *http.Client // the browser there
	hint     string       // the last id_token of ours
}

// signInAt signs somebody in at the provider, in a new browser, and returns what the
// token says of them, or the status of the page that refuses, as JSON.
func (a *organisation) signInAt(more ...oauth2.AuthCodeOption) string {
	a.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.Fatal(err)
	}
	a.provider = &http.Client{Jar: jar}
	back, err := a.browser.Open(a.Context(), a.follow(a.leave("ann@acme.example", more...), nil))
	if err == nil && back == nil && strings.Contains(a.browser.Body, `name="decision"`) {
		back, err = a.browser.Send(a.Context(), url.Values{"decision": {"allow"}})
	}
	if err != nil {
		a.Fatal(err)
	}
	if back == nil {
		if !strings.Contains(a.browser.Body, ">Request ") {
			a.Errorf("the page does not say the request's ID:\n%s", a.browser.Body)
		}
		return fmt.Sprintf(`{"status": %d}`, a.browser.Status)
	}
	token := a.exchange(back.Query().Get("code"))
	a.hint, _ = token.Extra("id_token").(string)
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token.AccessToken, ".")[1])
	if err != nil {
		a.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		a.Fatal(err)
	}
	want := http.StatusOK
	if claims["roles"] == nil {
		want = http.StatusForbidden
	}
	if status := a.call(token); status != want {
		a.Errorf("the API answers %d to %v, want %d", status, claims, want)
	}
	return string(text)
}

// signOut signs out at ours, goes to the provider, confirms what it asks, and comes
// back. It returns where the browser ends.
func (a *organisation) signOut() string {
	a.Helper()
	away, err := a.browser.Open(a.Context(), a.url+"/logout?"+url.Values{"id_token_hint": {a.hint}, "post_logout_redirect_uri": {goodbye}}.Encode())
	if err != nil || away == nil {
		a.Fatalf("nothing leads to the provider: %v, status %d", err, a.browser.Status)
	}
	res, err := a.provider.Get(away.String())
	if err != nil {
		a.Fatal(err)
	}
	page, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	asks, field := logoutForm.FindSubmatch(page), xsrf.FindSubmatch(page)
	if err != nil || asks == nil || field == nil {
		a.Fatalf("the provider answers %s, %v:\n%s", res.Status, err, page)
	}
	end, err := a.browser.Open(a.Context(), a.follow(string(asks[1]), url.Values{"xsrf": {string(field[1])}, "logout": {"yes"}}))
	if err != nil || end == nil {
		a.Fatalf("nothing leads on: %v, status %d", err, a.browser.Status)
	}
	return end.String()
}

var (
	logoutForm = regexp.MustCompile(`action="(http[^"]*)"`)
	xsrf       = regexp.MustCompile(`name="xsrf" value="([^"]*)"`)
)

// follow follows the redirects of the provider until one leads home.
func (a *organisation) follow(where string, form url.Values) string {
	a.Helper()
	back := ""
	a.provider.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if back = r.URL.String(); strings.HasPrefix(back, a.url) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	ask := a.provider.Get
	if form != nil {
		ask = func(where string) (*http.Response, error) { return a.provider.PostForm(where, form) }
	}
	res, err := ask(where)
	if err != nil {
		a.Fatal(err)
	}
	_ = res.Body.Close()
	if !strings.HasPrefix(back, a.url) {
		a.Fatalf("the provider answers %s at %s", res.Status, res.Request.URL)
	}
	return back
}
