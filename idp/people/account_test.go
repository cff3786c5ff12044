package people

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/store"
)

// revoked reports whether the data path refuses what the person was issued up to now.
func (h *house) revoked(u store.User) bool {
	h.t.Helper()
	list, err := h.facts.Revocations().List(h.t.Context(), h.now())
	if err != nil {
		h.t.Fatal(err)
	}
	return slices.ContainsFunc(list, func(r store.Revocation) bool {
		return r.Kind == store.RevokeSubject && r.Subject == u.ID && r.Issuer == h.server.URL && !r.Before.Before(h.now().Truncate(time.Second))
	})
}

func (h *house) sessions(u store.User) int {
	h.t.Helper()
	list, err := h.facts.BrowserSessions().List(h.t.Context(), h.now(), u.ID, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	return len(list)
}

// R40: what takes trust away ends sessions and tokens at once.
func TestWhatTakesTrustAwayRevokesAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(h *house, u store.User, b *browser)
		left int // sessions
	}{
		"signing out everywhere": {func(_ *house, _ store.User, b *browser) {
			b.get("/account/").post("/account/sessions", "session", "all").want(303, "")
		}, 0},
		"another password": {func(_ *house, _ store.User, b *browser) {
			b.get("/account/password").post("/account/password", "password", secretWord, "new", otherWord).want(303, "")
		}, 1},
		"another second factor": {func(h *house, _ store.User, b *browser) { h.enrol(b) }, 1},
		"being disabled": {func(h *house, u store.User, _ *browser) {
			if err := h.people.accounts.Disable(h.t.Context(), u.ID, "left", "ops@example.com"); err != nil {
				h.t.Error(err)
			}
		}, 0},
		"other roles": {func(h *house, u store.User, _ *browser) {
			if _, err := h.people.accounts.Change(h.t.Context(), u.ID, "moved", "ops@example.com", func(u *store.User) error { u.Roles = []string{"auditor"}; return nil }); err != nil {
				h.t.Error(err)
			}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			u := h.add(alice)
			other, b := h.browser(), h.browser()
			other.signIn(alice, secretWord).want(200, "PROVEN")
			b.signIn(alice, secretWord).want(200, "PROVEN")
			if h.revoked(u) || h.sessions(u) != 2 {
				t.Fatalf("revoked too early, or %d sessions", h.sessions(u))
			}
			before := b.cookie(cookieSession)
			c.do(h, u, b)
			if !h.revoked(u) || h.sessions(u) != c.left {
				t.Errorf("revoked %v, %d sessions are left; want %d", h.revoked(u), h.sessions(u), c.left)
			}
			thief := h.browser()
			origin, _ := url.Parse(h.server.URL)
			thief.client.Jar.SetCookies(origin, cookies(cookieSession, before))
			thief.get(authorize).want(200, "Sign in")
		})
	}
}

// granted puts a grant of the session into the store that a browser was proven in
// last, and returns its id.
func (h *house) granted(client string) string {
	h.t.Helper()
	id := rand.Text()
	g := store.Grant{ID: id, Subject: h.proof.Subject, Client: client, Session: h.proof.Session, Code: store.Hash([]byte(rand.Text() + "123456")), Made: h.now(), Until: h.now().Add(time.Hour)}
	if err := h.facts.Grants().Add(h.t.Context(), g); err != nil {
		h.t.Fatal(err)
	}
	return id
}

func (h *house) holds(grant string) bool {
	h.t.Helper()
	g, err := h.facts.Grants().Grant(h.t.Context(), grant)
	granted, err2 := h.facts.Revocations().Holds(h.t.Context(), h.now(), store.Issued{Issuer: h.server.URL, Grant: grant})
	if err != nil || err2 != nil || g.Revoked.IsZero() != granted {
		h.t.Fatal(g, granted, err, err2)
	}
	return granted
}

// token.revoke-events: signing out ends what was granted in that browser, and nothing
// of other browsers.
func TestSigningOutEndsWhatWasGrantedInThatBrowser(t *testing.T) {
	for name, leave := range map[string]func(b, other *browser){
		"signing out":             func(b, _ *browser) { b.get("/logout") },
		"on the page of sessions": func(b, _ *browser) { b.endSession(true) },
		"from another browser":    func(_, other *browser) { other.endSession(false) },
		"when somebody else signs in here": func(b, _ *browser) {
			b.h.ask(idp.Pending{Prompt: []string{"login"}})
			b.signIn("bob@example.com", secretWord)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			u := h.add(alice)
			h.add("bob@example.com")
			b, other := h.browser(), h.browser()
			b.signIn(alice, secretWord).want(200, "PROVEN")
			here := h.granted("app")
			h.ask(idp.Pending{Prompt: []string{"login"}})
			b.signIn(alice, secretWord).want(200, "PROVEN") // under a new cookie, and still the same session
			again, session := h.granted("shop"), h.proof.Session
			other.signIn(alice, secretWord).want(200, "PROVEN")
			there := h.granted("app")
			if h.proof.Session == session || h.sessions(u) != 2 {
				t.Fatalf("%q and %q of %d sessions", session, h.proof.Session, h.sessions(u))
			}
			leave(b, other)
			if h.holds(here) || h.holds(again) || !h.holds(there) || h.revoked(u) || h.sessions(u) != 1 {
				t.Errorf("holds here %v and %v, there %v; %d sessions", h.holds(here), h.holds(again), h.holds(there), h.sessions(u))
			}
			h.ask(idp.Pending{})
			other.get(authorize).want(200, "PROVEN "+u.ID)
		})
	}
}

var namedSession = regexp.MustCompile(`name="session" value="([A-Z2-7]{26})"`)

// endSession ends this browser's session or the other one on the account's page.
func (b *browser) endSession(here bool) {
	b.h.t.Helper()
	b.get("/account/")
	all := namedSession.FindAllStringSubmatch(b.body, -1)
	own, err := b.h.facts.BrowserSessions().Use(b.h.t.Context(), b.h.now(), sha256.Sum256([]byte(b.cookie(cookieSession))))
	if err != nil || len(all) != 2 {
		b.h.t.Fatal(all, err)
	}
	for _, m := range all {
		if (m[1] == own.Name) == here {
			b.post("/account/sessions", "session", m[1]).want(303, "")
			return
		}
	}
}

// A consent that is taken back ends the tokens of that client, and of no other.
func TestAConsentThatIsTakenBackEndsTheClientsTokens(t *testing.T) {
	h := newHouse(t, nil)
	u := h.add(alice)
	b := h.browser()
	h.ask(idp.Pending{Scopes: []string{"orders:read"}})
	b.signIn(alice, secretWord).post(authorize, "decision", "allow").want(200, "PROVEN")
	mine, others := h.granted("app"), h.granted("shop")
	b.get("/account/").post("/account/consents", "client", "app").want(303, "")
	if h.holds(mine) || !h.holds(others) || h.revoked(u) {
		t.Errorf("app %v, shop %v", h.holds(mine), h.holds(others))
	}
}

var shownSecret = regexp.MustCompile(`<code>([A-Z2-7 ]+)</code>`)

// enrol sets a second factor up in a browser that is signed in.
func (h *house) enrol(b *browser) (secret []byte, recovery []string) {
	h.t.Helper()
	b.get("/account/second-factor").want(200, "authenticator app")
	m := shownSecret.FindStringSubmatch(b.body)
	if m == nil {
		h.t.Fatal("no secret is shown")
	}
	secret = fromText(h.t, m[1])
	b.post("/account/second-factor", "code", "000000").want(200, "not right")
	b.post("/account/second-factor", "code", h.code(secret)).want(200, "Your recovery codes")
	for _, m := range regexp.MustCompile(`<code>([a-z2-7-]+)</code>`).FindAllStringSubmatch(b.body, -1) {
		recovery = append(recovery, m[1])
	}
	return secret, recovery
}

// R44: the second factor is asked for on every way.
func TestASecondFactorIsSetUpUsedAndRemoved(t *testing.T) {
	h := newHouse(t, nil)
	u := h.add(alice)
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "PROVEN")
	secret, recovery := h.enrol(b)
	if len(recovery) != 10 {
		t.Fatalf("recovery codes %q", recovery)
	}
	kept, err := h.facts.Users().User(t.Context(), u.ID)
	if err != nil || len(kept.TOTP) == 0 || strings.Contains(string(kept.TOTP), string(secret)) || strings.Contains(hex.EncodeToString(kept.TOTP), hex.EncodeToString(secret)) {
		t.Errorf("the secret lies open in the store: %v", err)
	}
	h.ask(idp.Pending{})
	b.get(authorize).want(200, "PROVEN "+u.ID+" aal2")
	fresh := h.browser()
	fresh.signIn(alice, secretWord).want(200, "Six digits").post(authorize, "code", h.code(secret)).want(200, "used already") // it set the factor up
	fresh.post(authorize, "code", recovery[0]).want(200, "aal2")
	h.later(11 * time.Minute)
	fresh.get("/account/second-factor").want(303, "") // proven too long ago
	if to := fresh.header.Get("Location"); to != "/account/sign-in?next=second-factor" {
		t.Errorf("sent to %q", to)
	}
	fresh.get("/account/sign-in?next=second-factor").post("/account/sign-in?next=second-factor", "name", alice, "password", secretWord).want(200, "Six digits")
	fresh.post("/account/sign-in?next=second-factor", "code", h.code(secret)).want(303, "")
	if to := fresh.header.Get("Location"); to != "/account/second-factor" {
		t.Errorf("sent to %q", to)
	}
	fresh.get("/account/second-factor").want(200, "Remove the app").post("/account/second-factor/remove", "factor", "app").want(303, "")
	h.ask(idp.Pending{})
	fresh.get(authorize).want(200, "PROVEN "+u.ID+" aal1")
	b.get(authorize).want(200, "Sign in") // whoever was elsewhere is out
}

// R38: no page sends a browser where its query says.
func TestSigningInLeadsNowhereElse(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	for _, next := range []string{"https://evil.example.com", "//evil.example.com", `/\evil.example.com`, "second-factor/../..//evil.example.com", "second-factor&next=//evil.example.com"} {
		b := h.browser()
		path := "/account/sign-in?next=" + next
		b.get(path).post(path, "name", alice, "password", secretWord).want(303, "")
		if to := b.header.Get("Location"); to != "/account/" {
			t.Errorf("%s leads to %q", next, to)
		}
		h.later(time.Minute)
	}
}

// R45: what belongs to somebody else is not touched by naming it.
func TestNobodyEndsAnotherPersonsSession(t *testing.T) {
	h := newHouse(t, nil)
	u, m := h.add(alice), h.add("mallory@example.com")
	a, b := h.browser(), h.browser()
	a.signIn(alice, secretWord).want(200, "PROVEN")
	b.signIn("mallory@example.com", secretWord).want(200, "PROVEN")
	list, err := h.facts.BrowserSessions().List(t.Context(), h.now(), u.ID, 10)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	b.get("/account/").post("/account/sessions", "session", list[0].Name).want(303, "")
	if h.sessions(u) != 1 || h.revoked(u) || h.revoked(m) {
		t.Error("a session of somebody else was ended")
	}
	for _, bad := range []string{"", "zz", strings.Repeat("00", 33)} {
		if b.get("/account/").post("/account/sessions", "session", bad); b.status == 500 {
			t.Errorf("%q: %d", bad, b.status)
		}
	}
	b.get("/account/").post("/account/consents", "client", "app").want(303, "")
}

func TestAPasswordIsChangedOnlyByWhoKnowsIt(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	b.get("/account/password").want(303, "")
	b.signIn(alice, secretWord).want(200, "PROVEN")
	b.get("/account/password").post("/account/password", "password", otherWord, "new", otherWord).want(200, "not right")
	b.post("/account/password", "password", secretWord, "new", "short").want(200, "too short")
	b.post("/account/password", "password", secretWord, "new", "passwordpassword").want(200, "too common")
	b.post("/account/password", "password", secretWord, "new", "alice@example.com").want(200, "too common")
	b.post("/account/password", "password", secretWord, "new", otherWord).want(303, "")
	b.get("/account/password").post("/account/password", "password", otherWord, "new", otherWord).want(429, "too many tries")
	h.browser().signIn(alice, secretWord).want(200, "do not fit")
	h.browser().signIn(alice, otherWord).want(200, "PROVEN")
}

// limit.preset-reset, R44: a forgotten password is set by mail, once, and nobody is
// signed in by it.
func TestAForgottenPasswordIsSetByMail(t *testing.T) {
	h := newHouse(t, nil)
	u := h.add(alice)
	h.withFactor(u)
	b := h.browser()
	b.get("/account/forgot").post("/account/forgot", "name", "ALICE@example.com").want(200, "a mail is on its way")
	link := h.link(h.mail(1))
	b.get(link).want(200, "New password").post("/account/reset", "new", "tooshort").want(200, "too short")
	b.post("/account/reset", "new", otherWord).want(200, "Your password is set")
	if b.cookie(cookieSession) != "" || !h.revoked(u) {
		t.Error("signed in by a link, or nothing was revoked")
	}
	b.get(link).want(400, "used already")
	h.browser().signIn(alice, otherWord).want(200, "Six digits") // the second factor is still asked for
	t.Run("a link is not good for long", func(t *testing.T) {
		b.get("/account/forgot").post("/account/forgot", "name", alice).want(200, "a mail is on its way")
		link := h.link(h.mail(2))
		h.later(31 * time.Minute)
		b.get(link).want(400, "too old")
	})
	t.Run("a link is nobody else's", func(t *testing.T) {
		for _, bad := range []string{"", "x", strings.Repeat("A", 200), h.people.options.Key.issue(purposeJoin, "", ticket{User: u.ID, Until: h.now().Add(time.Hour)})} {
			b.get("/account/reset?ticket="+bad).want(400, "This link")
		}
	})
	t.Run("three an hour, and nobody is told", func(t *testing.T) {
		h.later(2 * time.Hour)
		for range 5 {
			b.get("/account/forgot").post("/account/forgot", "name", alice).want(200, "a mail is on its way")
			h.later(20 * time.Second)
		}
		h.mail(5) // two of before and three
		time.Sleep(50 * time.Millisecond)
		if n := h.mailCount(); n != 5 {
			t.Errorf("%d mails", n)
		}
	})
}

func TestAnAccountIsMadeByMailOnly(t *testing.T) {
	h := newHouse(t, nil)
	b := h.browser()
	b.get("/account/register").post("/account/register", "name", "carol@example.com").want(200, "a mail is on its way")
	if list, err := h.facts.Directory().List(t.Context(), store.UserQuery{Most: 10}); err != nil || len(list) != 0 {
		t.Errorf("there is somebody before the mail was answered: %+v, %v", list, err)
	}
	link := h.link(h.mail(1))
	b.get(link).want(200, "New password").post("/account/join", "new", "carolcarolcarolcarol").want(200, "too common")
	b.post("/account/join", "new", otherWord).want(200, "Your password is set")
	b.get(link).post("/account/join", "new", secretWord).want(400, "used already")
	b.signIn("carol@example.com", otherWord).want(200, "PROVEN")
	if len(h.proof.Roles) != 0 || h.proof.Tenant != "" {
		t.Errorf("who registered has %v of %q", h.proof.Roles, h.proof.Tenant)
	}
	b.get("/account/register").post("/account/register", "name", "Carol@Example.com").want(200, "a mail is on its way")
	if m := h.mail(2); !strings.Contains(m, "There is one already") || strings.Contains(m, "ticket=") {
		t.Error(m)
	}
}

func TestWhoIsDisabledIsNobody(t *testing.T) {
	h := newHouse(t, nil)
	u := h.add(alice)
	if p, err := h.people.Person(t.Context(), u.ID); err != nil || p.Tenant != "t1" || len(p.Roles) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	if err := h.people.accounts.Disable(t.Context(), u.ID, "left", "ops@example.com"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{u.ID, "u_nobody", ""} {
		if _, err := h.people.Person(t.Context(), id); err != idp.ErrNobody {
			t.Errorf("%q: %v", id, err)
		}
	}
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "do not fit")
	if err := h.people.send(t.Context(), letter{name: alice}); err != nil || h.mailCount() != 0 {
		t.Errorf("who is disabled got a mail, or %v", err)
	}
	if _, err := h.people.accounts.Change(t.Context(), u.ID, "back", "ops@example.com", func(u *store.User) error { u.State = store.UserActive; return nil }); err != nil {
		t.Fatal(err)
	}
	b.signIn(alice, secretWord).want(200, "PROVEN")
}
