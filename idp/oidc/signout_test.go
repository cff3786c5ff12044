package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/idp/sso"
)

func signingOut() options {
	return options{connection: func(c *sso.Connection) { c.SignOut = true }}
}

// out reports whether the browser is signed in nowhere.
func (b *browser) out() bool {
	b.w.t.Helper()
	for _, where := range []string{ours, acme} {
		if b.get(where + "/account/"); b.status != http.StatusSeeOther {
			return false
		}
	}
	return true
}

// TestWhoSignsOutForAnApplicationSignsOutAtTheProviderToo is RP-initiated logout
// twice: at ours, and at the provider by the id_token that was kept.
func TestWhoSignsOutForAnApplicationSignsOutAtTheProviderToo(t *testing.T) {
	w := newWorld(t, signingOut())
	b := w.browser()
	b.signIn()
	b.get(ours + "/logout?" + url.Values{"id_token_hint": {b.hint}, "post_logout_redirect_uri": {goodbye}, "state": {"s1"}}.Encode())
	away := b.header.Get("Location")
	if b.status != 303 || !strings.HasPrefix(away, acme+"/logout?") || param(t, away, "post_logout_redirect_uri") != signedOut || param(t, away, "client_id") != "gatehouse" {
		t.Fatalf("%d to %q", b.status, away)
	}
	if b.get(ours + "/account/"); b.status != 303 {
		t.Error("our own session waits for the provider")
	}
	b.get(away)
	back := b.header.Get("Location")
	if b.status != 303 || !strings.HasPrefix(back, signedOut+"?state=") {
		t.Fatalf("the provider: %d to %q: %s", b.status, back, words(b.body))
	}
	b.get(back)
	if to := b.header.Get("Location"); b.status != 303 || to != goodbye+"?state=s1" {
		t.Errorf("in the end: %d to %q", b.status, to)
	}
	if b.get(back); b.status != 200 || !strings.Contains(b.body, "You are signed out") {
		t.Errorf("a second time: %d to %q", b.status, b.header.Get("Location"))
	}
	if !b.out() {
		t.Error("somebody is signed in")
	}
}

func TestWhoSignsOutOnOurPagesSignsOutAtTheProviderToo(t *testing.T) {
	for name, leave := range map[string]func(*browser) string{
		"the account's page": func(b *browser) string {
			return b.get(ours+"/account/").submit("Sign out<", "session", "all").provider()
		},
		"a logout that nobody asked for": func(b *browser) string {
			b.get(ours+"/logout").submit("confirm", "confirm", "yes")
			return b.provider()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, signingOut())
			b := w.browser()
			b.signIn()
			b.get(leave(b))
			back := b.header.Get("Location")
			if b.status != 303 || !strings.HasPrefix(back, signedOut+"?state=") {
				t.Fatalf("the provider: %d to %q: %s", b.status, back, words(b.body))
			}
			if b.get(back); b.status != 200 || !strings.Contains(b.body, "You are signed out") {
				t.Errorf("%d %s", b.status, words(b.body))
			}
			if !b.out() {
				t.Error("somebody is signed in")
			}
		})
	}
}

// TestOurSessionEndsWhateverTheProviderDoes also covers connections that do not sign
// people out there.
func TestOurSessionEndsWhateverTheProviderDoes(t *testing.T) {
	for name, c := range map[string]struct {
		o        options
		metadata func(map[string]any)
	}{
		"it is not asked":        {options{}, nil},
		"it has no place for it": {signingOut(), func(m map[string]any) { delete(m, "end_session_endpoint") }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.o)
			w.metadata = c.metadata
			b := w.browser()
			b.signIn()
			b.get(ours + "/logout?" + url.Values{"id_token_hint": {b.hint}, "post_logout_redirect_uri": {goodbye}}.Encode())
			if to := b.header.Get("Location"); b.status != 303 || to != goodbye {
				t.Errorf("%d to %q", b.status, to)
			}
			if b.get(ours + "/account/"); b.status != 303 {
				t.Error("somebody is signed in")
			}
		})
	}
}

// TestSigningOutLeadsToNoOpenAddress: what was not kept leads nowhere.
func TestSigningOutLeadsToNoOpenAddress(t *testing.T) {
	w := newWorld(t, signingOut())
	b := w.browser()
	for _, query := range []string{"", "?state=", "?state=" + strings.Repeat("A", 43), "?state=x&next=https://evil.example&post_logout_redirect_uri=https://evil.example"} {
		if b.get(signedOut + query); b.status != 200 || b.header.Get("Location") != "" || strings.Contains(b.body, "evil") {
			t.Errorf("%s: %d to %q: %s", query, b.status, b.header.Get("Location"), words(b.body))
		}
	}
}
