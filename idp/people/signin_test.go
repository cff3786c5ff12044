package people

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/store"
)

func TestAPersonSignsInByPasswordAndIsProven(t *testing.T) {
	h := newHouse(t, nil)
	u := h.add(alice)
	b := h.browser()
	b.get(authorize).want(200, "to go on to <strong>The App</strong>")
	b.post(authorize, "name", " Alice@Example.COM ", "password", secretWord).want(200, "PROVEN "+u.ID+" aal1")
	p := h.proof
	if p.Subject == alice || p.Tenant != "t1" || len(p.Roles) != 1 || len(p.AMR) != 1 || p.Session == "" || strings.Contains(b.cookie(cookieSession), p.Session) || time.Since(p.At) > time.Minute {
		t.Errorf("proof %+v", p)
	}
	h.ask(idp.Pending{})
	b.get(authorize).want(200, "PROVEN "+u.ID) // the session goes on
	h.ask(idp.Pending{Prompt: []string{"login"}})
	b.get(authorize).want(200, "Sign in").post(authorize, "name", alice, "password", secretWord).want(200, "PROVEN")
	h.later(5 * time.Minute)
	h.ask(idp.Pending{MaxAge: time.Minute})
	b.get(authorize).want(200, "Sign in")
	h.ask(idp.Pending{MaxAge: 10 * time.Minute})
	b.get(authorize).want(200, "PROVEN")
}

func TestWithoutAPageNobodyIsAsked(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	none := []string{"none"}
	h.ask(idp.Pending{Prompt: none})
	b.get(authorize).want(200, "REFUSED login_required")
	h.ask(idp.Pending{})
	b.signIn(alice, secretWord).want(200, "PROVEN")
	h.ask(idp.Pending{Prompt: none})
	b.get(authorize).want(200, "PROVEN")
	h.ask(idp.Pending{Prompt: none, Scopes: []string{"orders"}})
	b.get(authorize).want(200, "REFUSED consent_required")
	h.ask(idp.Pending{Prompt: none, ACR: []string{idp.AAL2}})
	b.get(authorize).want(200, "REFUSED login_required")
}

// TestASessionIsNewAtEveryProof is session fixation: what was planted in a browser,
// or seen before, is worth nothing afterwards.
func TestASessionIsNewAtEveryProof(t *testing.T) {
	h := newHouse(t, nil)
	u := h.add(alice)
	secret, _ := h.withFactor(u)
	b := h.browser()
	origin, err := url.Parse(h.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	planted := &http.Cookie{Name: cookieSession, Value: "planted", Path: "/", Secure: true}
	b.client.Jar.SetCookies(origin, []*http.Cookie{planted})
	b.signIn(alice, secretWord).want(200, "Six digits")
	if got := b.cookie(cookieSession); got != "planted" {
		t.Errorf("half proven, and the session is %q", got)
	}
	b.post(authorize, "code", h.code(secret)).want(200, "PROVEN "+u.ID+" aal2")
	first := b.cookie(cookieSession)
	if first == "planted" || len(first) < 43 {
		t.Fatalf("the session is %q", first)
	}
	h.later(time.Minute)
	h.ask(idp.Pending{Prompt: []string{"login"}})
	b.signIn(alice, secretWord).want(200, "Six digits").post(authorize, "code", h.code(secret)).want(200, "PROVEN")
	if b.cookie(cookieSession) == first {
		t.Error("the session stayed the same")
	}
	thief := h.browser()
	thief.client.Jar.SetCookies(origin, []*http.Cookie{{Name: cookieSession, Value: first, Path: "/", Secure: true}})
	h.ask(idp.Pending{})
	thief.get(authorize).want(200, "Sign in")
}

func TestCookiesAreForThisHostAndNoScript(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	var list []string
	list = append(list, b.get(authorize).header.Values("Set-Cookie")...)
	list = append(list, b.post(authorize, "name", alice, "password", secretWord).header.Values("Set-Cookie")...)
	if len(list) != 3 {
		t.Fatalf("%d cookies: %q", len(list), list)
	}
	for _, c := range list {
		if !strings.HasPrefix(c, "__Host-") || !strings.Contains(c, "; Path=/;") || !strings.Contains(c, "; HttpOnly; Secure; SameSite=Lax") || strings.Contains(c, "Domain") {
			t.Errorf("cookie %q", c)
		}
	}
}

// session.max-8h
func TestASessionEnds(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "PROVEN")
	for range 18 { // used every 25 minutes, for seven and a half hours
		h.later(25 * time.Minute)
		h.ask(idp.Pending{})
		b.get(authorize).want(200, "PROVEN")
	}
	h.later(25 * time.Minute)
	h.ask(idp.Pending{})
	b.get(authorize).want(200, "PROVEN")
	h.later(10 * time.Minute) // eight hours and five minutes
	b.get(authorize).want(200, "Sign in")
	idle := h.browser()
	idle.signIn(alice, secretWord).want(200, "PROVEN")
	h.later(31 * time.Minute)
	h.ask(idp.Pending{})
	idle.get(authorize).want(200, "Sign in")
}

// R44: the second factor is asked for on every way.
func TestTheSecondFactor(t *testing.T) {
	h := newHouse(t, nil)
	u := h.add(alice)
	secret, recovery := h.withFactor(u)
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "Six digits")
	b.post(authorize, "code", "000000").want(200, "not right")
	used := h.code(secret)
	b.post(authorize, "code", used).want(200, "PROVEN "+u.ID+" aal2")
	if p := h.proof; len(p.AMR) != 3 || p.AMR[2] != "mfa" {
		t.Errorf("methods %v", p.AMR)
	}
	t.Run("a code works once", func(t *testing.T) {
		h.browser().signIn(alice, secretWord).post(authorize, "code", used).want(200, "used already")
	})
	t.Run("a recovery code works once", func(t *testing.T) {
		h.later(time.Hour)
		h.browser().signIn(alice, secretWord).post(authorize, "code", strings.ToUpper(recovery[3])).want(200, "PROVEN "+u.ID+" aal2")
		h.browser().signIn(alice, secretWord).post(authorize, "code", recovery[3]).want(200, "used already")
		if now, err := h.facts.Users().User(t.Context(), u.ID); err != nil || len(now.Recovery) != 9 {
			t.Errorf("%d recovery codes are left, %v", len(now.Recovery), err)
		}
	})
	t.Run("guesses are limited, whoever makes them", func(t *testing.T) {
		h.later(time.Hour)
		for range 5 {
			h.browser().signIn(alice, secretWord).post(authorize, "code", "000000").want(200, "not right")
			h.later(20 * time.Second)
		}
		h.browser().signIn(alice, secretWord).post(authorize, "code", h.code(secret)).want(429, "too many tries")
	})
	t.Run("without the password there is no second step", func(t *testing.T) {
		h.later(time.Hour)
		first := h.browser().signIn(alice, secretWord)
		other := h.browser()
		other.get(authorize)
		f := other.fields()
		f.Set("step", "code")
		f.Set("code", h.code(secret))
		f.Set("ticket", first.fields().Get("ticket")) // of another browser
		other.send(authorize, f, h.server.URL).want(403, "sent from somewhere else")
		h.later(6 * time.Minute)
		first.post(authorize, "code", h.code(secret)).want(403, "open for too long")
	})
}

func TestAClientThatAsksForTwoFactorsGetsThem(t *testing.T) {
	h := newHouse(t, nil)
	u := h.add(alice)
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "PROVEN "+u.ID+" aal1")
	h.ask(idp.Pending{ACR: []string{idp.AAL2}})
	b.get(authorize).want(200, "Set up a second factor")
	b.get("/account/second-factor").want(200, "authenticator app")
	// Who has a session of one factor, while the account has two by now, proves the second.
	secret, _ := h.withFactor(u)
	h.ask(idp.Pending{})
	b.signIn(alice, secretWord) // sessions of before are gone
	h.later(time.Minute)
	b.post(authorize, "code", h.code(secret)).want(200, "aal2")
	h.ask(idp.Pending{ACR: []string{idp.AAL2}})
	b.get(authorize).want(200, "PROVEN "+u.ID+" aal2")
}

func TestAFormFromElsewhereIsRefused(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	good := b.get(authorize).fields()
	good.Set("name", alice)
	good.Set("password", secretWord)
	with := func(change func(url.Values)) url.Values {
		f := url.Values{}
		for k, v := range good {
			f[k] = append([]string(nil), v...)
		}
		change(f)
		return f
	}
	same := func(url.Values) {}
	for name, c := range map[string]struct {
		form   url.Values
		origin string
		status int
	}{
		"another origin":          {with(same), "https://evil.example.com", 403},
		"a longer origin":         {with(same), h.server.URL + ".evil.example.com", 403},
		"an opaque origin":        {with(same), "null", 403},
		"no origin at all":        {with(same), "", 403},
		"no token":                {with(func(f url.Values) { f.Del("csrf") }), h.server.URL, 403},
		"another browser's token": {with(func(f url.Values) { f.Set("csrf", h.browser().get(authorize).fields().Get("csrf")) }), h.server.URL, 403},
		"a field twice":           {with(func(f url.Values) { f.Add("name", "bob@example.com") }), h.server.URL, 400},
		"an unknown step":         {with(func(f url.Values) { f.Set("step", "proven") }), h.server.URL, 400},
		"too much":                {with(func(f url.Values) { f.Set("password", strings.Repeat("x", formBytes)) }), h.server.URL, 400},
	} {
		if b.send(authorize, c.form, c.origin); b.status != c.status {
			t.Errorf("%s: %d %s; want %d", name, b.status, words(b.body), c.status)
		}
		h.later(time.Minute)
	}
	b.send(authorize, good, h.server.URL).want(200, "PROVEN")
	b.send(authorize, good, h.server.URL).want(403, "sent from somewhere else") // the token was the one of before
	if !strings.Contains(h.browser().get(authorize).header.Get("Content-Security-Policy"), "form-action 'self' https://app.example.com") {
		t.Error("form-action does not name where the browser goes in the end")
	}
}

func TestPagesRunOneScriptOfOursAndAreNotFramed(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	for _, path := range []string{authorize, "/account/sign-in", "/account/forgot", "/account/register", "/account/reset?ticket=x"} {
		b.get(path)
		csp := b.header.Get("Content-Security-Policy")
		inside, found := between(b.body, "<script>", "</script>")
		sum := sha256.Sum256([]byte(inside))
		if policy, _ := between(csp, "script-src '", "'"); policy != "" != found || found && policy != "sha256-"+base64.StdEncoding.EncodeToString(sum[:]) {
			t.Errorf("%s: the policy lets %q in", path, policy)
		}
		if found != strings.Contains(b.body, "data-options=") {
			t.Errorf("%s: a script %v, and what it is for", path, found)
		}
		if !strings.HasPrefix(csp, "default-src 'none'; ") || !strings.Contains(csp, "; style-src 'sha256-") && !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") ||
			strings.Count(b.body, "<script") > 1 || strings.Contains(b.body, "javascript:") || b.header.Get("Cache-Control") != "no-store" || b.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s\n%v", path, csp, b.header)
		}
		for _, must := range []string{`<html lang="en">`, `<meta name="viewport"`, "<h1>"} {
			if !strings.Contains(b.body, must) {
				t.Errorf("%s lacks %s", path, must)
			}
		}
		for _, id := range []string{"name", "password"} {
			if strings.Contains(b.body, `<input id="`+id+`"`) && !strings.Contains(b.body, `<label for="`+id+`"`) {
				t.Errorf("%s: %s has no label", path, id)
			}
		}
	}
}

func between(s, after, before string) (string, bool) {
	_, rest, found := strings.Cut(s, after)
	inside, _, closed := strings.Cut(rest, before)
	return inside, found && closed
}

func TestWhatOthersWroteIsOnlyText(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	h.pending.ClientName, h.pending.LoginHint = `<script>alert(1)</script>`, `"><img src=x>`
	b := h.browser().get(authorize)
	if strings.Contains(b.body, "<script>alert") || strings.Contains(b.body, "<img") {
		t.Error(b.body)
	}
}

func TestConsentIsRememberedAndAskedForWhatIsNew(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.ScopeTexts = map[string]string{"orders": "see your orders"} })
	u := h.add(alice)
	b := h.browser()
	h.ask(idp.Pending{Scopes: []string{"openid", "orders"}})
	b.signIn(alice, secretWord).want(200, "see your orders")
	if h.proof.Subject != "" {
		t.Fatal("proven before consent")
	}
	b.post(authorize, "decision", "allow").want(200, "PROVEN "+u.ID+" aal1 [openid orders]")
	h.ask(idp.Pending{Scopes: []string{"openid", "orders"}})
	b.get(authorize).want(200, "PROVEN")
	h.ask(idp.Pending{Scopes: []string{"openid", "orders", "payments"}})
	if b.get(authorize).want(200, "payments"); strings.Contains(b.body, "see your orders") {
		t.Error("asked again for what was allowed")
	}
	b.post(authorize, "decision", "deny").want(200, "REFUSED access_denied")
	h.ask(idp.Pending{Scopes: []string{"openid", "orders"}, Prompt: []string{"consent"}})
	b.get(authorize).want(200, "see your orders").post(authorize, "decision", "allow").want(200, "PROVEN")
	b.get("/account/").want(200, "app: openid, orders")
	csrf := b.fields().Get("csrf")
	b.send("/account/consents", url.Values{"csrf": {csrf}, "client": {"app"}}, h.server.URL).want(303, "")
	h.ask(idp.Pending{Scopes: []string{"openid"}})
	b.get(authorize).want(200, "Do you allow this?")
	if got, err := h.facts.Consents().Granted(t.Context(), u.ID, "app"); err != nil || len(got) != 0 {
		t.Errorf("still granted: %v, %v", got, err)
	}
}

func TestTheSessionsAreInTheStoreAsHashesOnly(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "PROVEN")
	list, err := h.facts.BrowserSessions().List(t.Context(), h.now(), "", 10)
	if err != nil || len(list) != 1 || list[0].ID == (store.Hash{}) || strings.Contains(b.cookie(cookieSession), string(list[0].ID[:])) {
		t.Errorf("%+v, %v", list, err)
	}
	if out := h.log.String(); strings.Contains(out, secretWord) || strings.Contains(out, b.cookie(cookieSession)) || strings.Contains(out, alice) {
		t.Errorf("the log says too much: %s", out)
	}
}
