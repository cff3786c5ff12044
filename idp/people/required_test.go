package people

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/store"
)

func everybodyNeedsTwo(o *Options) { o.RequireSecondFactor = []string{everybody} }

// session.mfa-aal2: where everybody must have a second factor nobody is anybody
// before it is set up, and it is set up on the way.
func TestWhoMustHaveASecondFactorSetsOneUpFirst(t *testing.T) {
	h := newHouse(t, everybodyNeedsTwo)
	u := h.add(alice)
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "To go on to <strong>The App</strong> you need a second factor")
	for _, path := range []string{pathAccount, pathPassword} {
		if b.get(path).want(303, ""); b.header.Get("Location") != pathSignIn {
			t.Errorf("%s leads to %q", path, b.header.Get("Location"))
		}
	}
	for _, path := range []string{"/account/sessions", "/account/consents", "/account/second-factor/remove"} {
		f := b.get(pathFactor).fields("code")
		b.send(path, f, h.server.URL).want(303, "")
	}
	h.ask(idp.Pending{Prompt: []string{"none"}})
	b.get(authorize).want(200, "REFUSED login_required")
	h.ask(idp.Pending{})
	b.get(authorize).want(200, "authenticator app") // half way in, it goes on where it was
	b.post(authorize, "code", "000000").want(200, "not right")
	key, _ := between(b.body, "<p><code>", "</code>")
	b.post(authorize, "code", h.code(fromText(t, key))).want(200, "Your recovery codes").want(200, `href="`+authorize+`"`)
	b.get(authorize).want(200, "PROVEN "+u.ID+" aal2")
	b.get(pathAccount).want(200, "You are signed in as")
	h.later(time.Minute)
	b.get(pathFactor).post("/account/second-factor/remove", "factor", App).want(200, "Set up another one before you remove this one")
	if f, err := h.people.accounts.Factors(t.Context(), h.user(alice)); err != nil || !f.App {
		t.Errorf("%+v, %v", f, err)
	}
	t.Run("by a passkey, at the account", func(t *testing.T) {
		h.add("bob@example.com")
		b, d := h.browser(), h.device()
		b.get(pathSignIn).post(pathSignIn, "name", "bob@example.com", "password", secretWord).want(200, "With a second factor")
		b.use(pathSignIn, d, "name", "phone").want(200, "Your recovery codes").want(200, `href="/account/"`)
		b.get(pathAccount).want(200, "passkeys: 1")
		h.ask(idp.Pending{Prompt: []string{"login"}})
		h.later(time.Minute)
		b.get(authorize).use(authorize, d).want(200, " aal2")
	})
	t.Run("not long after the password", func(t *testing.T) {
		h.add("carol@example.com")
		h.ask(idp.Pending{})
		h.later(time.Minute)
		b := h.browser()
		b.signIn("carol@example.com", secretWord).want(200, "authenticator app")
		key, _ := between(b.body, "<p><code>", "</code>")
		h.later(11 * time.Minute)
		b.post(authorize, "code", h.code(fromText(t, key))).want(200, "too long ago")
		b.get(authorize).want(200, "Sign in")
	})
}

// A second factor that is set up under an old session is no proof for a client that
// wants a new one.
func TestSettingASecondFactorUpIsNoNewProof(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "PROVEN")
	h.ask(idp.Pending{Prompt: []string{"login"}})
	b.get(pathFactor)
	key, _ := between(b.body, "<p><code>", "</code>")
	b.post(authorize, "code", h.code(fromText(t, key))).want(200, "Your recovery codes")
	b.get(authorize).want(200, "Sign in")
}

func TestRolesCanNeedASecondFactor(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.RequireSecondFactor = []string{"admin"} })
	u := h.add(alice)
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "PROVEN "+u.ID+" aal1")
	if p, err := h.people.Person(t.Context(), u.ID); err != nil || p.ACR != "" {
		t.Errorf("%+v, %v", p, err)
	}
	promote := func(u *store.User) error { u.Roles = []string{"user", "admin"}; return nil }
	if _, err := h.people.accounts.Change(t.Context(), u.ID, "promoted", "ops@example.com", promote); err != nil {
		t.Fatal(err)
	}
	if p, err := h.people.Person(t.Context(), u.ID); err != nil || p.ACR != idp.AAL2 {
		t.Errorf("%+v, %v", p, err)
	}
	h.later(time.Minute)
	h.ask(idp.Pending{})
	b.signIn(alice, secretWord).want(200, "you need a second factor")
	old := h.oneFactor(u) // a session of before the rule
	old.get(pathAccount).want(303, "")
	old.get(authorize).want(200, "authenticator app")
	h.withFactor(u)
	old = h.oneFactor(u)
	old.get(authorize).want(200, "One more step")
}

// session.password-policy: 8 characters do where nobody signs in by a password alone.
func TestPasswordsAreShorterWhereEverybodyHasASecondFactor(t *testing.T) {
	for _, c := range []struct {
		required []string
		password string
		taken    bool
	}{
		{nil, "kx7#pQ2!mw", false}, {[]string{"admin"}, "kx7#pQ2!mw", false}, {[]string{everybody}, "kx7#pQ2!mw", true},
		{[]string{everybody}, "kx7#pQ2!", true}, {[]string{everybody}, "kx7#pQ2", false}, {[]string{everybody}, "password", false},
	} {
		h := newHouse(t, func(o *Options) { o.RequireSecondFactor = c.required })
		if _, err := h.people.accounts.Add(t.Context(), alice, "", []string{"admin"}, c.password); (err == nil) != c.taken {
			t.Errorf("%v: %q: %v", c.required, c.password, err)
		}
		b := h.browser()
		b.get("/account/register").post("/account/register", "name", "carol@example.com").want(200, "a mail is on its way")
		least := map[bool]string{true: "At least 8 characters", false: "At least 15 characters"}[len(c.required) == 1 && c.required[0] == everybody]
		b.get(h.link(h.mail(1))).want(200, least)
		b.post("/account/join", "new", "short").want(200, "too short: "+strings.ToLower(least))
	}
}

func TestWhoIsHalfInIsSignedOut(t *testing.T) {
	h := newHouse(t, everybodyNeedsTwo)
	u := h.add(alice)
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "you need a second factor")
	b.get("/logout")
	if h.sessions(u) != 0 || b.cookie(cookieSession) != "" {
		t.Errorf("%d sessions are left", h.sessions(u))
	}
}
