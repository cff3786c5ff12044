package idp

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// oidcc/EnsurePostRequestSucceeds: an authorization request may come by POST (OpenID
// Connect Core 1.0 section 3.1.2.1).
func TestAnAuthorizationRequestByPostGoesOnByGet(t *testing.T) {
	h := newHouse(t)
	r := h.do(h.browser, h.request("/authorize", asking().Encode()))
	to, found := strings.CutPrefix(r.header.Get("Location"), "/authorize?")
	sent, err := url.ParseQuery(to)
	if r.status != 303 || !found || err != nil || sent.Encode() != asking().Encode() {
		t.Fatalf("%d %s", r.status, r.header.Get("Location"))
	}
	if code := h.authorize(sent).sent().Get("code"); code == "" {
		t.Error("no code")
	}
}

func TestAuthorizationRequestsByPostThatCannotBeReadAreRefused(t *testing.T) {
	h := newHouse(t)
	twice := asking()
	twice.Add("scope", "openid")
	for name, change := range map[string]func(*http.Request){
		"JSON":                     func(r *http.Request) { r.Header.Set("Content-Type", "application/json") },
		"no type":                  func(r *http.Request) { r.Header.Del("Content-Type") },
		"parameters in two places": func(r *http.Request) { r.URL.RawQuery = "client_id=app" },
	} {
		r := h.request("/authorize", asking().Encode())
		change(r)
		if got := h.do(h.browser, r); got.status != 400 || got.header.Get("Location") != "" {
			t.Errorf("%s: %d %s", name, got.status, got.header.Get("Location"))
		}
	}
	for name, v := range map[string]url.Values{"a parameter twice": twice, "a request object": asking("request", "x"), "another response mode": asking("response_mode", "form_post")} {
		if got := h.do(h.browser, h.request("/authorize", v.Encode())); got.status != 400 || got.header.Get("Location") != "" {
			t.Errorf("%s: %d %s", name, got.status, got.header.Get("Location"))
		}
	}
}

// oidcc/UserInfoPostHeader
func TestUserinfoIsAskedByPost(t *testing.T) {
	h := newHouse(t)
	token := h.login().text("access_token")
	r := h.request("/userinfo", "")
	r.Header.Set("Authorization", "Bearer "+token)
	h.want(h.do(h.browser, r), 200, "")
	r = h.request("/userinfo", url.Values{"access_token": {token}}.Encode()) // in the body it would be logged by whoever logs bodies
	h.want(h.do(h.browser, r), 401, "invalid_token")
}
