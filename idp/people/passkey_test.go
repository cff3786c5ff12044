package people

import (
	"crypto/sha256"
	"fmt"
	"html"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/store"
)

// device is an authenticator with one passkey, and the browser's part of what it
// does.
type device struct {
	site          virtualwebauthn.RelyingParty
	authenticator virtualwebauthn.Authenticator
	key           virtualwebauthn.Credential
}

// user is the person as the store has them now.
func (h *house) user(name string) *store.User {
	h.t.Helper()
	u, err := h.facts.Users().ByName(h.t.Context(), name)
	if err != nil {
		h.t.Fatal(err)
	}
	return &u
}

func (h *house) device() *device {
	return &device{
		site:          virtualwebauthn.RelyingParty{ID: "localhost", Name: "Example Bank", Origin: h.server.URL},
		authenticator: virtualwebauthn.NewAuthenticator(), key: freshKey(),
	}
}

// freshKey makes a passkey. The virtual authenticator leaves the zeros at the beginning
// of coordinates out, which RFC 9053 section 7.1.1 forbids: such keys are not used.
func freshKey() virtualwebauthn.Credential {
	for {
		if c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(c.Key.AttestationData()) == 77 {
			return c
		}
	}
}

// options are what the page asks an authenticator for.
func (b *browser) options() string {
	b.h.t.Helper()
	text, found := between(b.body, `data-options="`, `"`)
	if !found {
		b.h.t.Fatalf("the page asks no authenticator: %s", words(b.body))
	}
	return html.UnescapeString(text)
}

// answer is what the device says to the page.
func (d *device) answer(b *browser) string {
	b.h.t.Helper()
	if text := b.options(); strings.Contains(text, `"user"`) {
		o, err := virtualwebauthn.ParseAttestationOptions(text)
		if err != nil {
			b.h.t.Fatal(err)
		}
		d.authenticator.Options.UserHandle = []byte(o.UserID)
		return virtualwebauthn.CreateAttestationResponse(d.site, d.authenticator, d.key, *o)
	}
	o, err := virtualwebauthn.ParseAssertionOptions(b.options())
	if err != nil {
		b.h.t.Fatal(err)
	}
	return virtualwebauthn.CreateAssertionResponse(d.site, d.authenticator, d.key, *o)
}

// use answers the page, whatever it asks for.
func (b *browser) use(path string, d *device, more ...string) *browser {
	b.h.t.Helper()
	return b.post(path, append(more, "answer", d.answer(b))...)
}

// passkey gives the person of the browser, which is signed in, a passkey.
func (b *browser) passkey(name string) *device {
	b.h.t.Helper()
	d := b.h.device()
	b.get(pathFactor).use(pathFactor, d, "name", name)
	return d
}

// someone is a person with a passkey, and the browser in which it was made.
func (h *house) someone(name string) (store.User, *browser, *device) {
	h.t.Helper()
	u, b := h.add(name), h.browser()
	b.signIn(name, secretWord).want(200, "PROVEN")
	d := b.passkey("my phone")
	b.want(200, "Your recovery codes")
	h.ask(idp.Pending{})
	return u, b, d
}

// session.mfa-aal2
func TestAPasskeySignsInAlone(t *testing.T) {
	h := newHouse(t, nil)
	u, _, d := h.someone(alice)
	b := h.browser()
	b.get(authorize)
	if o := b.options(); strings.Contains(o, "allowCredentials") || strings.Contains(o, u.ID) || !strings.Contains(o, `"userVerification":"required"`) {
		t.Errorf("asked for %s", o)
	}
	b.use(authorize, d).want(200, "PROVEN "+u.ID+" aal2")
	if p := h.proof; !slices.Equal(p.AMR, []string{"hwk", "user", "mfa"}) || h.now().Sub(p.At) > time.Minute {
		t.Errorf("proof %+v", p)
	}
	h.ask(idp.Pending{ACR: []string{idp.AAL2}})
	b.get(authorize).want(200, "PROVEN "+u.ID+" aal2")
	h.ask(idp.Pending{Prompt: []string{"login"}})
	b.get(authorize).want(200, "Sign in").use(authorize, d).want(200, "PROVEN")
}

func TestAPasskeyIsTheSecondFactorAfterAPassword(t *testing.T) {
	h := newHouse(t, nil)
	u, _, d := h.someone(alice)
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "Use a passkey")
	if !strings.Contains(b.options(), "allowCredentials") {
		t.Errorf("asked for %s", b.options())
	}
	began := h.now()
	h.later(2 * time.Minute)
	b.use(authorize, d).want(200, "PROVEN "+u.ID+" aal2")
	if p := h.proof; !slices.Equal(p.AMR, []string{"pwd", "hwk", "user", "mfa"}) || p.At.After(began) {
		t.Errorf("proof %+v", p)
	}
}

// oneFactor is a browser whose session is of a password alone, though the account has
// more by now.
func (h *house) oneFactor(u store.User) *browser {
	h.t.Helper()
	s := store.BrowserSession{
		ID: sha256.Sum256([]byte("one factor")), Name: "one factor", User: u.ID, ACR: idp.AAL1, AMR: []string{"pwd"}, At: h.now(), Made: h.now(), Used: h.now(),
		Idle: SessionIdle, Until: h.now().Add(SessionLife),
	}
	if err := h.facts.BrowserSessions().Begin(h.t.Context(), s, store.Hash{}); err != nil {
		h.t.Fatal(err)
	}
	b := h.browser()
	b.client.Jar.SetCookies(mustURL(h.t, h), cookies(cookieSession, "one factor"))
	return b
}

// Who is signed in by one factor and is asked for two gives the second, and stays
// who they are.
func TestAPasskeyStepsUp(t *testing.T) {
	h := newHouse(t, nil)
	u, _, d := h.someone(alice)
	b := h.oneFactor(u)
	b.get(authorize).want(200, "PROVEN "+u.ID+" aal1")
	proven := h.proof.At
	b.get(pathFactor).want(303, "") // one factor changes no second ones
	h.ask(idp.Pending{ACR: []string{idp.AAL2}, Prompt: []string{"none"}})
	b.get(authorize).want(200, "REFUSED login_required")
	h.ask(idp.Pending{ACR: []string{idp.AAL2}})
	h.later(time.Minute)
	b.get(authorize).want(200, "One more step").use(authorize, d).want(200, "PROVEN "+u.ID+" aal2")
	if p := h.proof; !slices.Equal(p.AMR, []string{"pwd", "hwk", "user", "mfa"}) || !p.At.Equal(proven) {
		t.Errorf("proof %+v", p)
	}
	if b.cookie(cookieSession) == "one factor" {
		t.Error("the session stayed the same")
	}
}

func TestASyncedPasskeyIsOfSoftware(t *testing.T) {
	h := newHouse(t, nil)
	u := h.add(alice)
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "PROVEN")
	d := h.device()
	d.authenticator.Options.BackupEligible, d.authenticator.Options.BackupState = true, true
	b.get(pathFactor).use(pathFactor, d, "name", "cloud").want(200, "Your recovery codes")
	h.ask(idp.Pending{})
	for range 3 { // 0 is legal again and again: synced passkeys do not count
		h.later(time.Minute)
		h.browser().get(authorize).use(authorize, d).want(200, "PROVEN "+u.ID+" aal2")
	}
	if p := h.proof; !slices.Equal(p.AMR, []string{"swk", "user", "mfa"}) {
		t.Errorf("methods %v", p.AMR)
	}
}

// session.mfa-aal2: what a passkey cannot be used with, one by one. The verifier's
// own refusals are in package passkey.
func TestWhatIsNoProofByPasskeyIsRefused(t *testing.T) {
	type scene struct {
		h *house
		u store.User
		b *browser // a fresh one, at the sign-in page
		d *device
	}
	refused := "This passkey is not known here"
	for name, c := range map[string]struct {
		do     func(s *scene)
		status int
		says   string
	}{
		"another origin":            {func(s *scene) { s.d.site.Origin = "https://evil.example.com"; s.b.use(authorize, s.d) }, 200, refused},
		"another relying party":     {func(s *scene) { s.d.site.ID = "evil.example.com"; s.b.use(authorize, s.d) }, 200, refused},
		"no user verification":      {func(s *scene) { s.d.authenticator.Options.UserNotVerified = true; s.b.use(authorize, s.d) }, 200, refused},
		"no user presence":          {func(s *scene) { s.d.authenticator.Options.UserNotPresent = true; s.b.use(authorize, s.d) }, 200, refused},
		"a passkey that nobody has": {func(s *scene) { s.d.key.ID = []byte("unknown"); s.b.use(authorize, s.d) }, 200, refused},
		"a key of somebody else": {func(s *scene) {
			s.d.key.Key = freshKey().Key
			s.b.use(authorize, s.d)
		}, 200, refused},
		"the handle of somebody else": {func(s *scene) {
			s.d.authenticator.Options.UserHandle = []byte(s.h.add("mallory@example.com").ID)
			s.b.use(authorize, s.d)
		}, 200, refused},
		"no handle":      {func(s *scene) { s.d.authenticator.Options.UserHandle = nil; s.b.use(authorize, s.d) }, 200, refused},
		"no answer":      {func(s *scene) { s.b.post(authorize, "answer", "") }, 200, refused},
		"half an answer": {func(s *scene) { a := s.d.answer(s.b); s.b.post(authorize, "answer", a[:len(a)/2]) }, 200, refused},
		"a tampered signature": {func(s *scene) {
			a := s.d.answer(s.b)
			at := strings.Index(a, `"signature":"`) + len(`"signature":"`) + 20
			s.b.post(authorize, "answer", a[:at]+map[bool]string{true: "B", false: "A"}[a[at] == 'A']+a[at+1:])
		}, 200, refused},
		"a question that was answered": {func(s *scene) {
			f := s.b.fields("answer")
			f.Set("answer", s.d.answer(s.b))
			s.b.send(authorize, f, s.h.server.URL).want(200, "PROVEN")
			s.h.ask(idp.Pending{Prompt: []string{"login"}})
			f.Set("csrf", s.b.get(authorize).fields("answer").Get("csrf"))
			s.b.send(authorize, f, s.h.server.URL)
		}, 403, "open for too long"},
		"a question that was answered wrongly": {func(s *scene) {
			f := s.b.fields("answer")
			s.b.post(authorize, "answer", "{}").want(200, refused)
			f.Set("answer", s.d.answer(s.b))
			s.b.send(authorize, f, s.h.server.URL)
		}, 403, "open for too long"},
		"a question of five minutes ago": {func(s *scene) { s.h.later(5 * time.Minute); s.b.use(authorize, s.d) }, 403, "open for too long"},
		"the question of another browser": {func(s *scene) {
			other := s.h.browser().get(authorize)
			f := s.b.fields("answer")
			f.Set("ticket", other.fields("answer").Get("ticket"))
			f.Set("answer", s.d.answer(other))
			s.b.send(authorize, f, s.h.server.URL)
		}, 403, "sent from somewhere else"},
		"a question for making one": {func(s *scene) {
			maker := s.h.browser()
			maker.get(authorize).use(authorize, s.d).want(200, "PROVEN")
			s.h.ask(idp.Pending{Prompt: []string{"login"}})
			making := maker.get(pathFactor).fields("answer", "name").Get("ticket")
			maker.get(authorize)
			f := maker.fields("answer")
			f.Set("ticket", making)
			f.Set("answer", s.d.answer(maker))
			s.b = maker.send(authorize, f, s.h.server.URL)
		}, 403, "sent from somewhere else"},
		"a disabled person": {func(s *scene) {
			if err := s.h.people.accounts.Disable(s.h.t.Context(), s.u.ID, "left", "ops@example.com"); err != nil {
				s.h.t.Fatal(err)
			}
			s.b.use(authorize, s.d)
		}, 200, refused},
		"a passkey that was removed": {func(s *scene) {
			if err := s.h.people.accounts.RemoveFactors(s.h.t.Context(), s.u.ID, "ops@example.com"); err != nil {
				s.h.t.Fatal(err)
			}
			s.b.use(authorize, s.d)
		}, 200, refused},
		"somebody else's after my password": {func(s *scene) {
			s.h.withFactor(s.h.add("mallory@example.com"))
			mallory := s.h.browser()
			_, _, theirs := s.h.someone("trudy@example.com")
			mallory.signIn(alice, secretWord).want(200, "Use a passkey")
			s.b = mallory.use(authorize, theirs)
		}, 200, refused},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			u, _, d := h.someone(alice)
			s := &scene{h, u, h.browser().get(authorize), d}
			c.do(s)
			s.b.want(c.status, c.says)
			if s.b.cookie(cookieSession) != "" && !strings.Contains(name, "answered") && !strings.Contains(name, "making") {
				t.Error("somebody is signed in")
			}
			if strings.Contains(s.b.body, "PROVEN") {
				t.Error("somebody was proven")
			}
		})
	}
}

// session.mfa-aal2: two devices with one key are told by the count.
func TestAPasskeyWhoseCountGoesBackIsRefusedAndAnAlert(t *testing.T) {
	h := newHouse(t, nil)
	u, _, d := h.someone(alice)
	for _, c := range []struct {
		count uint32
		good  bool
	}{{5, true}, {5, false}, {4, false}, {0, false}, {6, true}} {
		d.key.Counter = c.count
		h.later(time.Minute)
		before := strings.Count(h.log.String(), "alert=session.passkey-clone")
		b := h.browser().get(authorize).use(authorize, d)
		alerts := strings.Count(h.log.String(), "alert=session.passkey-clone") - before
		if c.good {
			b.want(200, "PROVEN "+u.ID)
		} else {
			b.want(200, "This passkey is not known here")
		}
		if alerts != map[bool]int{true: 0, false: 1}[c.good] {
			t.Errorf("count %d: %d alerts", c.count, alerts)
		}
	}
	if !strings.Contains(h.log.String(), "level=ERROR") || !strings.Contains(h.log.String(), "subject="+u.ID) {
		t.Error(h.log.String())
	}
}

func TestAPasskeyIsMadeByWhomWasProvenAMomentAgo(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b, d := h.browser(), h.device()
	b.get(pathFactor).want(303, "")
	b.signIn(alice, secretWord).want(200, "PROVEN")
	b.get(pathFactor)
	stale, answer := b.fields("answer", "name"), d.answer(b)
	h.later(4 * time.Minute)
	stale.Set("answer", answer)
	h.later(7 * time.Minute) // the proof is older than ten
	b.send(pathFactor, stale, h.server.URL).want(303, "")
	if to := b.header.Get("Location"); to != "/account/sign-in?next=second-factor" {
		t.Errorf("sent to %q", to)
	}
	if f, err := h.people.accounts.Factors(t.Context(), h.user(alice)); err != nil || f.Any() {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestWhatIsNoPasskeyIsNotTaken(t *testing.T) {
	h := newHouse(t, nil)
	_, b, d := h.someone(alice)
	_, other, _ := h.someone("bob@example.com")
	other.get(pathFactor).use(pathFactor, d, "name", "alice's").want(200, "There is such a passkey already.")
	b.get(pathFactor).use(pathFactor, d, "name", "again").want(200, "There is such a passkey already.")
	for name, change := range map[string]func(*device){
		"another origin":        func(d *device) { d.site.Origin = "https://evil.example.com" },
		"another relying party": func(d *device) { d.site.ID = "evil.example.com" },
		"no user verification":  func(d *device) { d.authenticator.Options.UserNotVerified = true },
	} {
		fresh := h.device()
		change(fresh)
		if b.get(pathFactor).use(pathFactor, fresh, "name", "x"); !strings.Contains(b.body, "This passkey was not taken.") {
			t.Errorf("%s: %s", name, words(b.body))
		}
	}
	b.get(pathFactor)
	f, fresh := b.fields("answer", "name"), h.device()
	f.Set("answer", fresh.answer(b))
	b.send(pathFactor, f, h.server.URL).want(303, "")
	f.Set("csrf", b.get(pathFactor).fields().Get("csrf"))
	b.send(pathFactor, f, h.server.URL).want(403, "open for too long") // its question was answered
	alicesForm := b.get(pathFactor).fields("answer", "name")
	alicesForm.Set("csrf", other.get(pathFactor).fields().Get("csrf"))
	alicesForm.Set("answer", h.device().answer(b))
	other.send(pathFactor, alicesForm, h.server.URL).want(403, "sent from somewhere else")
}

func TestPasskeysAreNamedListedAndRemoved(t *testing.T) {
	h := newHouse(t, nil)
	u, b, first := h.someone(alice)
	other := h.browser()
	other.get(authorize).use(authorize, first).want(200, "PROVEN")
	if h.sessions(u) != 2 {
		t.Fatalf("%d sessions", h.sessions(u))
	}
	h.later(3 * time.Second)
	before := h.now()
	second := b.passkey("<b>a</b>  key\n" + strings.Repeat("x", 80))
	b.want(303, "") // there are recovery codes already
	list, err := h.facts.Revocations().List(t.Context(), h.now())
	if err != nil || h.sessions(u) != 1 || !slices.ContainsFunc(list, func(r store.Revocation) bool {
		return r.Subject == u.ID && !r.Before.Before(before.Truncate(time.Second))
	}) {
		t.Errorf("%d sessions are left; revoked are %+v, %v", h.sessions(u), list, err)
	}
	b.get(pathFactor).want(200, "my phone").want(200, "&lt;b&gt;a&lt;/b&gt; key xxx").want(200, "10 are left")
	b.get(pathAccount).want(200, "passkeys: 2")
	h.ask(idp.Pending{})
	other.get(authorize).use(authorize, second).want(200, "PROVEN")
	keys, err := h.facts.Passkeys().List(t.Context(), u.ID)
	if err != nil || len(keys) != 2 || len(keys[1].Name) != longestLabel {
		t.Fatal(keys, err)
	}
	h.later(time.Minute)
	b.get("/account/sign-in?next=second-factor").use("/account/sign-in?next=second-factor", second).want(303, "")
	b.get(pathFactor).post("/account/second-factor/remove", "factor", "0123456789abcdef").want(303, "")
	b.get(pathFactor).post("/account/second-factor/remove", "factor", FactorID(&keys[0])).want(303, "")
	if !h.revoked(u) || h.sessions(u) != 1 {
		t.Errorf("%d sessions are left", h.sessions(u))
	}
	h.later(time.Minute)
	other.get(authorize).use(authorize, first).want(200, "This passkey is not known here")
	other.use(authorize, second).want(200, "PROVEN "+u.ID+" aal2")
	b.get("/account/sign-in?next=second-factor").use("/account/sign-in?next=second-factor", second).want(303, "")
	b.get(pathFactor).post("/account/second-factor/remove", "factor", FactorID(&keys[1])).want(303, "")
	if b.cookie(cookieSession) != "" {
		t.Error("what proved the session is gone, and it goes on")
	}
	if left := h.user(alice); len(left.Recovery) != 0 {
		t.Errorf("%d recovery codes are left of nothing", len(left.Recovery))
	}
	other.signIn(alice, secretWord).want(200, "PROVEN "+u.ID+" aal1")
}

// Whoever lost a passkey has recovery codes, and nobody gets further by one.
func TestARecoveryCodeStandsInForAPasskey(t *testing.T) {
	h := newHouse(t, nil)
	u, b, d := h.someone(alice)
	b.get("/account/sign-in?next=second-factor").use("/account/sign-in?next=second-factor", d).want(303, "")
	b.get(pathFactor).post(pathFactor, "step", "enrol-recovery").want(200, "Your recovery codes")
	code, _ := between(b.body, "<li><code>", "</code>")
	fresh := h.browser()
	fresh.signIn(alice, secretWord).want(200, "one of your recovery codes")
	fresh.post(authorize, "code", "123456").want(200, "not right")
	fresh.post(authorize, "code", code).want(200, "PROVEN "+u.ID+" aal2")
	if p := h.proof; !slices.Equal(p.AMR, []string{"pwd", "otp", "mfa"}) {
		t.Errorf("methods %v", p.AMR)
	}
	h.later(time.Minute)
	h.browser().signIn(alice, secretWord).post(authorize, "code", code).want(200, "used already")
}

func TestAPersonHasSoManyPasskeysAtMost(t *testing.T) {
	h := newHouse(t, nil)
	u, b, _ := h.someone(alice)
	for i := range mostPasskeys - 1 {
		k := store.Passkey{ID: fmt.Appendf(nil, "key %d", i), User: u.ID, PublicKey: []byte{1}, Made: h.now()}
		if err := h.facts.Passkeys().Add(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	if b.get(pathFactor).want(200, "Your passkeys"); strings.Contains(b.body, "Make a passkey") {
		t.Error("one more is offered")
	}
}

// Browsers have passkeys for names only: pages at an address work without.
func TestWithoutANameThereAreNoPasskeys(t *testing.T) {
	h := newHouse(t, nil)
	if _, err := New(Options{Origin: "https://127.0.0.1:8443", Store: h.facts, Key: h.people.options.Key, Counters: h.people.options.Counters, RPID: "localhost"}); err == nil {
		t.Error("passkeys of another site")
	}
	h.people.party = nil
	h.add(alice)
	b := h.browser()
	if b.get(authorize).want(200, "Sign in"); strings.Contains(b.body, "passkey") || strings.Contains(b.body, "<script") {
		t.Error(words(b.body))
	}
	b.signIn(alice, secretWord).want(200, "PROVEN")
	b.get(pathFactor).want(200, "authenticator app")
	b.get(pathAccount)
	b.post(pathFactor, "step", "enrol-passkey", "answer", "{}").want(403, "sent from somewhere else")
}
