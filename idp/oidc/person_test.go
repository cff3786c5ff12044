package oidc_test

import (
	"encoding/base32"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/idp/oidc"
	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/internal/totp"
	"github.com/gatehouse-api/gatehouse/store"
)

const nobodyHere = "there is no account for you here"

// subject is what the provider calls alice.
func (w *world) subject() string {
	w.t.Helper()
	u, err := w.provider.facts.Users().ByName(w.t.Context(), alice)
	if err != nil {
		w.t.Fatal(err)
	}
	return u.ID
}

// link adds a person of ours and links them to the provider's alice.
func (w *world) link(name, tenant string, roles ...string) store.User {
	w.t.Helper()
	u, err := w.house.accounts().Add(w.t.Context(), name, tenant, roles, "")
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.house.accounts().Link(w.t.Context(), &u, "acme", acme, w.subject()); err != nil {
		w.t.Fatal(err)
	}
	return u
}

// TestAPersonIsMadeOnlyOfWhatTheProviderVouchesFor covers session.sso-oidc.
func TestAPersonIsMadeOnlyOfWhatTheProviderVouchesFor(t *testing.T) {
	for name, c := range map[string]struct {
		claims func(map[string]any)
		reason string
	}{
		"email_verified is false":                            {func(m map[string]any) { m["email_verified"] = false }, "verified"},
		"email_verified is missing":                          {func(m map[string]any) { delete(m, "email_verified") }, "verified"},
		"email_verified is a text":                           {func(m map[string]any) { m["email_verified"] = "true" }, "verified"},
		"Email_Verified is true":                             {func(m map[string]any) { delete(m, "email_verified"); m["Email_Verified"] = true }, "verified"},
		"there is no address":                                {func(m map[string]any) { delete(m, "email") }, "not an e-mail address"},
		"the address is none":                                {func(m map[string]any) { m["email"] = "alice" }, "not an e-mail address"},
		"the address has two domains":                        {func(m map[string]any) { m["email"] = "alice@acme.example@evil.example" }, "not an e-mail address"},
		"the domain is another":                              {func(m map[string]any) { m["email"] = "alice@other.example" }, "does not speak for"},
		"the domain is below ours":                           {func(m map[string]any) { m["email"] = "alice@sub.acme.example" }, "does not speak for"},
		"the address is of the domain of another connection": {func(m map[string]any) { m["email"] = "bob@beta.example" }, "does not speak for"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{others: func(w *world) []sso.Connection {
				return []sso.Connection{{Name: "beta", Domains: []string{"beta.example"}, Protocol: w.rp}}
			}})
			w.claims = c.claims
			b := w.browser()
			if claims := b.signIn(); claims != nil {
				t.Errorf("a token was issued: %v", claims)
			}
			b.refused(403, nobodyHere, c.reason)
			if all := w.everybody(); len(all) != 0 {
				t.Errorf("somebody was made: %+v", all)
			}
		})
	}
	t.Run("a connection without domains does not speak for another's", func(t *testing.T) {
		w := newWorld(t, options{
			connection: func(c *sso.Connection) { c.Domains = nil },
			others: func(w *world) []sso.Connection {
				return []sso.Connection{{Name: "beta", Domains: []string{"acme.example"}, Protocol: w.rp}}
			}})
		b := w.browser()
		b.signIn()
		b.refused(403, nobodyHere, "does not speak for")
	})
}

// TestNobodyIsLinkedByAnEMailAddress: an account that is there already is not taken
// over by whoever has its address at a provider.
func TestNobodyIsLinkedByAnEMailAddress(t *testing.T) {
	for _, tenant := range []string{"acme", "", "beta"} {
		t.Run("of the tenant "+tenant, func(t *testing.T) {
			w := newWorld(t, options{})
			was, err := w.house.accounts().Add(t.Context(), alice, tenant, []string{"admin"}, "nine giraffes juggle anvils")
			if err != nil {
				t.Fatal(err)
			}
			b := w.browser()
			if claims := b.signIn(); claims != nil {
				t.Errorf("a token was issued: %v", claims)
			}
			b.refused(403, nobodyHere, "somebody else has the e-mail address already")
			if is := w.everybody(); len(is) != 1 || strings.Join(is[0].Roles, " ") != "admin" || is[0].Password != was.Password {
				t.Errorf("the account was changed: %+v", is)
			}
			if links, err := w.house.facts.Identities().List(t.Context(), was.ID); err != nil || len(links) != 0 {
				t.Errorf("it was linked: %+v, %v", links, err)
			}
		})
	}
}

func TestAConnectionThatMakesNobodySignsInWhoIsLinked(t *testing.T) {
	w := newWorld(t, options{connection: func(c *sso.Connection) { c.Provision = false }})
	w.claims = func(m map[string]any) { delete(m, "email"); delete(m, "email_verified") }
	b := w.browser()
	b.signIn()
	b.refused(403, nobodyHere, "makes nobody")
	u := w.link("a.smith@example.com", "acme")
	if claims := w.browser().signIn(); claims["sub"] != u.ID || sorted(claims["roles"]) != "user" {
		t.Errorf("%v\n%s", claims, w.house.log)
	}
}

// TestAPersonOfAnotherTenantIsNeverSignedIn: not by a link that somebody made, and
// not by a subject that another tenant's provider says.
func TestAPersonOfAnotherTenantIsNeverSignedIn(t *testing.T) {
	t.Run("the link is another tenant's", func(t *testing.T) {
		w := newWorld(t, options{connection: func(c *sso.Connection) { c.Provision = false }})
		w.link("bob@beta.example", "beta") // of the same issuer and the same subject
		b := w.browser()
		b.signIn()
		b.refused(403, nobodyHere, "nobody is linked")
	})
	t.Run("the person has moved to another tenant", func(t *testing.T) {
		w := newWorld(t, options{})
		u := w.link("bob@acme.example", "acme")
		if _, err := w.house.facts.Users().Change(t.Context(), u.ID, func(u *store.User) error { u.Tenant = "beta"; return nil }); err != nil {
			t.Fatal(err)
		}
		b := w.browser()
		b.signIn()
		b.refused(403, nobodyHere, `of the tenant \"beta\"`)
	})
}

func TestWhoIsDisabledStaysOut(t *testing.T) {
	w := newWorld(t, options{})
	claims := w.browser().signIn()
	if err := w.house.accounts().Disable(t.Context(), claims["sub"].(string), "left", "test"); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	if claims := b.signIn(); claims != nil {
		t.Errorf("a token was issued: %v", claims)
	}
	b.refused(403, nobodyHere, "disabled")
}

func TestWhoseTenantIsDisabledStaysOut(t *testing.T) {
	w := newWorld(t, options{})
	w.browser().signIn()
	if err := w.house.facts.Tenants().Add(t.Context(), store.Tenant{ID: "acme", State: store.TenantDisabled, Made: time.Now()}); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	if claims := b.signIn(); claims != nil {
		t.Errorf("a token was issued: %v", claims)
	}
	b.refused(403, nobodyHere, "is disabled")
}

// TestNobodyMakesAnAccountBesideTheirOrganisation: it would keep out who is proven
// by the provider.
func TestNobodyMakesAnAccountBesideTheirOrganisation(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser()
	b.get(ours+"/account/register").submit(`name="name"`, "name", alice)
	if b.status != 200 || !strings.Contains(b.body, "a mail is on its way") {
		t.Fatalf("%d %s", b.status, words(b.body))
	}
	if mail := w.mail(); !strings.Contains(mail, "your organisation signs you in") || strings.Contains(mail, "ticket=3D") {
		t.Errorf("the mail says %s", mail)
	}
}

// mail waits for the first mail that our server sends.
func (w *world) mail() string {
	w.t.Helper()
	for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(5 * time.Millisecond) {
		names, err := filepath.Glob(filepath.Join(w.house.dir, "mail", "*.eml"))
		if err != nil {
			w.t.Fatal(err)
		}
		if len(names) == 0 {
			continue
		}
		if text, err := os.ReadFile(names[0]); err == nil && len(text) > 0 {
			return string(text)
		}
	}
	w.t.Fatal("no mail was sent")
	return ""
}

// TestRolesFollowFromTheProviderAtEverySignIn: those that are mapped, and no others.
func TestRolesFollowFromTheProviderAtEverySignIn(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser() // whom the provider asks for the password once
	for _, c := range []struct {
		groups any
		want   string
	}{
		{[]string{"eng", "staff"}, "user"},
		{[]string{"eng", "eng-admins"}, "admin user"}, // gained
		{[]string{"admin", "user"}, ""},               // groups that are called like roles are none
		{[]string{"eng-admins"}, "admin"},
		{nil, ""},
		{"eng", "user"},
		{map[string]any{"eng": true}, ""},
	} {
		w.set(func() {
			w.claims = func(m map[string]any) { m["groups"], m["roles"], m["role"] = c.groups, []string{"admin"}, "admin" }
		})
		b.arrive(b.prove(b.get(ours + "/account/sign-in").away()))
		if claims := b.token(); claims == nil || sorted(claims["roles"]) != c.want {
			t.Errorf("%v gives %v, want %q", c.groups, claims["roles"], c.want)
		}
	}
}

// TestWithARoleThatIsTakenAwayEverythingEndsThatWasGranted covers
// token.revoke-events for people whom a provider signs in.
func TestWithARoleThatIsTakenAwayEverythingEndsThatWasGranted(t *testing.T) {
	w := newWorld(t, options{})
	w.claims = func(m map[string]any) { m["groups"] = []string{"eng-admins"} }
	first, second := w.browser(), w.browser()
	claims := first.signIn()
	if first.get(ours + "/account/"); first.status != 200 {
		t.Fatal("not signed in")
	}
	w.set(func() { w.claims = func(m map[string]any) { m["groups"] = []string{"eng"} } })
	began := time.Now()
	after := second.signIn()
	if sorted(after["roles"]) != "user" {
		t.Errorf("%v", after)
	}
	if first.get(ours + "/account/"); first.status != 303 {
		t.Error("the session with the role goes on")
	}
	list, err := w.house.facts.Revocations().List(t.Context(), time.Now())
	if err != nil || len(list) != 1 || list[0].Subject != claims["sub"] {
		t.Fatalf("%+v, %v", list, err)
	}
	if iat := int64(after["iat"].(float64)); iat <= list[0].Before.Unix() || began.Unix() > iat {
		t.Errorf("the new token is of %d, and what is not after %d is revoked", iat, list[0].Before.Unix())
	}
}

func TestWithoutAMappingOperatorsGiveRoles(t *testing.T) {
	w := newWorld(t, options{connection: func(c *sso.Connection) { c.Roles = nil }})
	w.claims = func(m map[string]any) { m["roles"] = []string{"admin"} }
	u := w.link("bob@acme.example", "acme", "clerk")
	if claims := w.browser().signIn(); claims["sub"] != u.ID || sorted(claims["roles"]) != "clerk" {
		t.Errorf("%v", claims)
	}
}

// TestWhoHasNoPasswordGetsNoneByMail: it would be a way around the provider, and go
// on after it.
func TestWhoHasNoPasswordGetsNoneByMail(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser()
	claims := b.signIn()
	b.get(ours + "/account/")
	if strings.Contains(b.body, "/account/password") {
		t.Error("the page offers to change a password that is not there")
	}
	if b.get(ours + "/account/password"); b.status != 303 {
		t.Errorf("the page for it: %d", b.status)
	}
	stranger := w.browser()
	stranger.get(ours+"/account/forgot").submit(`name="name"`, "name", alice)
	if stranger.status != 200 || !strings.Contains(stranger.body, "a mail is on its way") {
		t.Fatalf("%d %s", stranger.status, words(stranger.body))
	}
	other, err := w.house.accounts().Add(t.Context(), "bob@example.com", "", nil, "") // made by an operator, linked to nobody
	if err != nil {
		t.Fatal(err)
	}
	stranger.get(ours+"/account/forgot").submit(`name="name"`, "name", other.Name)
	if mail := w.mail(); !strings.Contains(mail, other.Name) {
		t.Errorf("the first mail is %s", mail)
	}
	u, err := w.house.facts.Users().User(t.Context(), claims["sub"].(string))
	if err != nil || u.Password != "" {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestAnIdentityThatIsUnlinkedIsOut(t *testing.T) {
	w := newWorld(t, options{connection: func(c *sso.Connection) { c.Provision = false }})
	u := w.link("bob@acme.example", "acme")
	b := w.browser()
	if b.signIn()["sub"] != u.ID {
		t.Fatal(w.house.log)
	}
	if err := w.house.accounts().Unlink(t.Context(), &u, acme, w.subject(), "left", "test"); err != nil {
		t.Fatal(err)
	}
	if b.get(ours + "/account/"); b.status != 303 {
		t.Error("the session goes on")
	}
	b.signIn()
	b.refused(403, nobodyHere, "nobody is linked")
}

// TestASessionOfAProviderEndsWhenItMust covers session.max-8h in the store.
func TestASessionOfAProviderEndsWhenItMust(t *testing.T) {
	for name, c := range map[string]struct {
		connection func(*sso.Connection)
		claims     func(map[string]any)
		want       time.Duration
	}{
		"after 8 hours": {nil, nil, 8 * time.Hour},
		"8 hours, however long ago the proof was":    {nil, func(m map[string]any) { m["auth_time"] = seconds(-7 * time.Hour) }, 8 * time.Hour},
		"after what is configured":                   {func(c *sso.Connection) { c.Session = time.Hour }, nil, time.Hour},
		"when the provider says":                     {nil, func(m map[string]any) { m["session_expiry"] = seconds(20 * time.Minute) }, 20 * time.Minute},
		"8 hours, whatever longer the provider says": {nil, func(m map[string]any) { m["session_expiry"] = seconds(90 * time.Hour) }, 8 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{connection: c.connection})
			w.claims = c.claims
			claims := w.browser().signIn()
			list, err := w.house.facts.BrowserSessions().List(t.Context(), time.Now(), "", 10)
			if err != nil || len(list) != 1 || list[0].User != claims["sub"] || list[0].Connection != "acme" || len(list[0].Upstream) == 0 {
				t.Fatalf("%+v, %v", list, err)
			}
			if life := list[0].Until.Sub(list[0].Made); life > c.want || life < c.want-2*time.Second {
				t.Errorf("it lasts %s, want %s", life, c.want)
			}
		})
	}
	t.Run("not at all, where the provider's is over", func(t *testing.T) {
		w := newWorld(t, options{})
		w.claims = func(m map[string]any) { m["session_expiry"] = seconds(-time.Second) }
		b := w.browser()
		b.signIn()
		b.refused(403, notBelieved, "session is over")
	})
}

func TestTheClassIsWhatTheConnectionMayVouchFor(t *testing.T) {
	two := func(m map[string]any) { m["acr"], m["amr"] = "urn:two", []string{"pwd", "mfa"} }
	for name, c := range map[string]struct {
		assurance sso.Assurance
		claims    func(map[string]any)
		acr       string
	}{
		"nothing is configured, whatever the provider says": {sso.Assurance{}, func(m map[string]any) { m["acr"], m["amr"] = "aal2", []string{"mfa"} }, "aal1"},
		"the acr is the one":   {sso.Assurance{ACR: []string{"urn:two"}}, two, "aal2"},
		"the acr is not there": {sso.Assurance{ACR: []string{"urn:two"}}, nil, "aal1"},
		"the method is one":    {sso.Assurance{AMR: []string{"mfa"}}, two, "aal2"},
		"the method is none":   {sso.Assurance{AMR: []string{"hwk"}}, two, "aal1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{connection: func(o *sso.Connection) { o.Assurance = c.assurance }})
			w.claims = c.claims
			if claims := w.browser().signIn(); claims["acr"] != c.acr {
				t.Errorf("acr is %v, want %s", claims["acr"], c.acr)
			}
		})
	}
}

// TestAClientThatAsksForTwoFactorsGetsThemFromTheProvider is step-up (RFC 9470): the
// provider is asked once more, and not again and again.
func TestAClientThatAsksForTwoFactorsGetsThemFromTheProvider(t *testing.T) {
	vouch := options{
		connection: func(c *sso.Connection) { c.Assurance = sso.Assurance{ACR: []string{"urn:two"}} },
		rp:         func(o *oidc.Options) { o.ACR = []string{"aal1"} }, // a name that our own server knows
	}
	t.Run("it vouches when it is asked anew", func(t *testing.T) {
		w := newWorld(t, vouch)
		b := w.browser()
		if b.signIn()["acr"] != "aal1" {
			t.Fatal("it vouched before")
		}
		w.set(func() { w.claims = func(m map[string]any) { m["acr"] = "urn:two" } })
		where := b.begin("acr_values", "aal2").provider()
		if param(t, where, "prompt") != "login" || param(t, where, "acr_values") != "aal1" {
			t.Errorf("the provider is asked %s", where)
		}
		if claims := b.arrive(b.prove(where)); claims["acr"] != "aal2" {
			t.Errorf("%v\n%s", claims, w.house.log)
		}
	})
	t.Run("it does not vouch", func(t *testing.T) {
		w := newWorld(t, vouch)
		b := w.browser()
		b.signIn()
		if claims := b.arrive(b.prove(b.begin("acr_values", "aal2").provider())); claims != nil || !strings.Contains(b.body, "<h1>Set up a second factor</h1>") {
			t.Errorf("%v, %d %s", claims, b.status, words(b.body))
		}
	})
}

// TestAClientThatAsksForANewProofGetsOneOfTheProvider: prompt=login and max_age are
// passed on, and a provider that did not ask the person is not believed.
func TestAClientThatAsksForANewProofGetsOneOfTheProvider(t *testing.T) {
	for _, asked := range [][]string{{"prompt", "login"}, {"max_age", "60"}} {
		t.Run(asked[0], func(t *testing.T) {
			w := newWorld(t, options{})
			b := w.browser()
			b.signIn()
			where := b.begin(asked...)
			if asked[0] == "max_age" { // what was proven a moment ago is new enough
				return
			}
			away := where.away()
			if param(t, away, "prompt") != "login" || param(t, away, "max_age") == "" {
				t.Errorf("the provider is asked %s", away)
			}
			if claims := b.arrive(b.prove(away)); claims == nil {
				t.Error(w.house.log)
			}
		})
	}
	for name, change := range map[string]func(map[string]any){
		"auth_time is before the login": func(m map[string]any) { m["auth_time"] = seconds(-time.Hour) },
		"auth_time is missing":          func(m map[string]any) { delete(m, "auth_time") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			w.claims = change
			b := w.browser()
			b.signIn("prompt", "login")
			b.refused(403, notBelieved, "and did not")
		})
	}
}

// TestAnAddressLeadsToTheProviderOfItsDomain: to all of them alike, whether or not
// there is such an account.
func TestAnAddressLeadsToTheProviderOfItsDomain(t *testing.T) {
	w := newWorld(t, options{connection: func(c *sso.Connection) { c.Listed = false }})
	w.browser().arrive(func() string {
		b := w.browser()
		return b.prove(b.begin().submit(`id="organisation"`, "name", alice).provider())
	}())
	var pages []string
	for _, name := range []string{alice, "nobody@acme.example", "Nobody@ACME.example "} {
		b := w.browser()
		b.begin().submit(`id="organisation"`, "name", name)
		away := b.provider()
		if !strings.HasPrefix(away, acme+"/authorize?") || param(t, away, "login_hint") != strings.ToLower(strings.TrimSpace(name)) {
			t.Errorf("%s leads to %s", name, away)
		}
		page := words(b.body)
		pages = append(pages, page)
	}
	if pages[0] != pages[1] || pages[1] != pages[2] {
		t.Errorf("the pages differ: %q", pages)
	}
	b := w.browser()
	if b.begin(); strings.Contains(b.body, "Continue with") {
		t.Error("a connection that is not listed is shown")
	}
	b.submit(`id="organisation"`, "name", "alice@elsewhere.example")
	if b.status != 200 || !strings.Contains(b.body, "We know no organisation") {
		t.Errorf("%d %s", b.status, words(b.body))
	}
	b.begin().submit(`id="organisation"`, "connection", "nobody")
	if b.status != 404 {
		t.Errorf("a connection that is not there: %d %s", b.status, words(b.body))
	}
}

func TestTheAccountPageSignsInAtTheProvider(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser()
	back := b.prove(b.get(ours + "/account/sign-in").away())
	b.get(back)
	if to := b.header.Get("Location"); b.status != 303 || to != "/account/" {
		t.Fatalf("%d to %q", b.status, to)
	}
	if b.get(ours + "/account/"); b.status != 200 || !strings.Contains(b.body, alice) {
		t.Errorf("%d %s", b.status, words(b.body))
	}
}

// TestWhoConnectsADeviceSignsInAtTheProvider: the code that the device shows is in
// the form when they are back.
func TestWhoConnectsADeviceSignsInAtTheProvider(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser()
	b.get(b.prove(b.get(ours + "/device?user_code=BCDF-GHJK").away()))
	to := b.header.Get("Location")
	if b.status != 303 || !strings.HasPrefix(to, "/device?user_code=") {
		t.Fatalf("%d to %q: %s", b.status, to, words(b.body))
	}
	if b.get(ours + to); b.status != 200 || !strings.Contains(b.body, "BCDF") {
		t.Errorf("%d %s", b.status, words(b.body))
	}
}

// TestAnotherSessionIsBegunAtEverySignIn: an id that was planted is worth nothing.
func TestAnotherSessionIsBegunAtEverySignIn(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser()
	b.signIn()
	u := ours + "/"
	r, err := http.NewRequest(http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := b.client.Jar.Cookies(r.URL)
	b.arrive(b.prove(b.get(ours + "/account/sign-in").away()))
	for _, c := range b.client.Jar.Cookies(r.URL) {
		for _, was := range before {
			if c.Name == "__Host-gh_session" && was.Name == c.Name && was.Value == c.Value {
				t.Error("the session is the same")
			}
		}
	}
	if list, err := w.house.facts.BrowserSessions().List(t.Context(), time.Now(), "", 10); err != nil || len(list) != 1 {
		t.Errorf("%d sessions, %v; want the new one", len(list), err)
	}
}

var secretShown = regexp.MustCompile(`<p><code>([A-Z2-7 ]+)</code></p>`)

// TestASecondFactorOfOursIsAddedToTheProvidersProof: the session stays the
// provider's, and ends when it would.
func TestASecondFactorOfOursIsAddedToTheProvidersProof(t *testing.T) {
	w := newWorld(t, options{connection: func(c *sso.Connection) { c.Session = time.Hour }})
	w.claims = func(m map[string]any) { m["amr"] = []string{"pwd"} }
	b := w.browser()
	b.signIn()
	before, err := w.house.facts.BrowserSessions().List(t.Context(), time.Now(), "", 10)
	if err != nil || len(before) != 1 {
		t.Fatal(before, err)
	}
	b.get(ours + "/account/second-factor")
	m := secretShown.FindStringSubmatch(b.body)
	if m == nil {
		t.Fatalf("%d %s", b.status, words(b.body))
	}
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(m[1], " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	b.submit(`name="code"`, "code", totp.Code(secret, time.Now().Unix()/30))
	after, err := w.house.facts.BrowserSessions().List(t.Context(), time.Now(), "", 10)
	if err != nil || len(after) != 1 {
		t.Fatal(after, err, words(b.body))
	}
	was, is := &before[0], &after[0]
	if is.ACR != "aal2" || is.Connection != "acme" || !is.Until.Equal(was.Until) || !is.At.Equal(was.At) || len(is.Upstream) == 0 || strings.Join(is.AMR, " ") != "pwd otp mfa" {
		t.Errorf("%+v", is)
	}
}
