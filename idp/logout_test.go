package idp

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

const bye = "https://app.example.com/bye"

// leaving is a house with a client that may send browsers to bye, and the id_token
// of a person who is logged in.
func leaving(t *testing.T) (*house, string) {
	h := newHouse(t)
	h.client(store.Client{ID: "site", Public: true, Grants: []string{grantCode}, RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{bye}, Scopes: []string{"openid"}})
	return h, h.login("client_id", "site", "scope", "openid").text("id_token")
}

func (h *house) leave(params ...string) *reply {
	h.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		v.Add(params[i], params[i+1])
	}
	return h.get(h.browser, h.url+"/logout?"+v.Encode())
}

func (h *house) ended() int {
	h.people.mu.Lock()
	defer h.people.mu.Unlock()
	return h.people.ended
}

func TestAClientLogsAPersonOutAndTheBrowserComesBack(t *testing.T) {
	h, hint := leaving(t)
	r := h.leave("id_token_hint", hint, "post_logout_redirect_uri", bye, "state", "x y", "client_id", "site")
	if r.status != http.StatusSeeOther || r.header.Get("Location") != bye+"?state=x+y" || h.ended() != 1 {
		t.Errorf("%d %v %d", r.status, r.header, h.ended())
	}
}

func TestAnExpiredHintLogsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, hint := leaving(t)
		time.Sleep(24 * time.Hour)
		if r := h.leave("id_token_hint", hint, "post_logout_redirect_uri", bye); r.header.Get("Location") != bye || h.ended() != 1 {
			t.Errorf("%d %v %d", r.status, r.header, h.ended())
		}
		_ = h.store.Close()
	})
}

func TestWithoutAHintThePersonIsAsked(t *testing.T) {
	h, _ := leaving(t)
	r := h.leave("post_logout_redirect_uri", bye, "client_id", "site")
	if r.status != 200 || !strings.Contains(r.body, "<form") || h.ended() != 0 {
		t.Errorf("%d %s %d", r.status, r.body, h.ended())
	}
	if r = h.do(h.browser, h.request("/logout", "confirm=yes")); r.status != 200 || h.ended() != 1 {
		t.Errorf("%d %s %d", r.status, r.body, h.ended())
	}
}

// TestABrowserIsSentNowhereElse covers R38.
func TestABrowserIsSentNowhereElse(t *testing.T) {
	h, hint := leaving(t)
	access := h.login().text("access_token")
	other := h.login("scope", "openid").text("id_token")
	for name, params := range map[string][]string{
		"another URI": {"id_token_hint", hint, "post_logout_redirect_uri", bye + "/"}, "evil": {"id_token_hint", hint, "post_logout_redirect_uri", "//evil.example"},
		"another client's hint": {"id_token_hint", other, "post_logout_redirect_uri", bye}, "an access token": {"id_token_hint", access, "post_logout_redirect_uri", bye},
		"a forged hint": {"id_token_hint", hint[:len(hint)-8] + "AAAAAAAA", "post_logout_redirect_uri", bye}, "no token": {"id_token_hint", "x", "post_logout_redirect_uri", bye},
		"a hint of another": {"id_token_hint", hint, "client_id", "app", "post_logout_redirect_uri", bye},
	} {
		before := h.ended()
		if r := h.leave(params...); r.header.Get("Location") != "" || r.status != 200 || h.ended() != before+1 {
			t.Errorf("%s: %d %v; the session must end all the same", name, r.status, r.header)
		}
	}
	if r := h.leave("id_token_hint", hint, "id_token_hint", other); r.status != 400 {
		t.Errorf("twice: %d", r.status)
	}
}
