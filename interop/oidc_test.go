package interop

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

// oidcPeople is a connection to an OpenID provider, and what is mapped from it.
const oidcPeople = `, sso: {acme: {title: Acme Inc, tenant: t1, domains: [acme.example], provision: true, roles: {claim: groups, map: {clerks: [clerk]}},
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
			provider := "http://" + freeAddress(t)
			g := start(t, settings{
				people: fmt.Sprintf(oidcPeople, provider, c.alg, c.auth, c.userinfo),
				files:  map[string]string{"acme.secret": "a-secret-of-the-provider-and-us"},
			})
			a := g.application()
			g.play("oidc-provider.mjs", map[string]string{
				"flow": "enterprise", "provider": provider, "alg": c.alg, "client_auth": c.auth, "userinfo": c.userinfo,
				"client_secret": "a-secret-of-the-provider-and-us", "redirect_uri": g.url + "/account/sso/acme/callback", "goodbye_uri": g.url + "/account/signed-out",
			}, answers{"sign-in": func(how string) string {
				var more []oauth2.AuthCodeOption
				if how == "fresh" {
					more = append(more, oauth2.SetAuthURLParam("prompt", "login"))
				}
				return a.signInAt(more...)
			}})
		})
	}
}

// signInAt signs somebody in at the provider, and returns what the token says of
// them, or the status of the page that refuses, as JSON.
func (a *application) signInAt(more ...oauth2.AuthCodeOption) string {
	a.Helper()
	back, err := a.browser.Open(a.Context(), atProvider(a.T, a.leave("ann@acme.example", more...), a.url))
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

// atProvider follows the redirects of a provider, in a browser without cookies, until
// one leads home.
func atProvider(t *testing.T, where, home string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	back := ""
	c := http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if back = r.URL.String(); strings.HasPrefix(back, home) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	res, err := c.Get(where)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if !strings.HasPrefix(back, home) {
		t.Fatalf("the provider answers %s at %s", res.Status, res.Request.URL)
	}
	return back
}
