package main

import (
	"encoding/base32"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gatehouse-api/gatehouse/internal/pgtest"
	"github.com/gatehouse-api/gatehouse/internal/totp"
	"github.com/gatehouse-api/gatehouse/store"
)

// trust is a person who is signed in, with what hangs on it.
type trust struct {
	*selfHouse
	gateways []*selfHouse // of one store; the browser is at the first
	id       string       // of the person
	password string
	browser  *tab
	app      oauth2.Config
	token    *oauth2.Token
	cookie   string // of the session
	factor   []byte // the secret of the second factor, if there is one
	steps    int    // of codes that were used
	out      string // what the last command printed
}

const trusted = "alice@example.com"

func trusting(t *testing.T, gateways []*selfHouse, more ...string) *trust {
	t.Helper()
	e := &trust{selfHouse: gateways[0], gateways: gateways}
	e.id, e.password = e.user(trusted, "--role", "clerk")
	e.add(append([]string{"app", "--public", "--first-party", "--grant", "authorization_code", "--grant", "refresh_token", "--redirect", appBack, "--scope", "openid", "--scope", "orders:read"}, more...)...)
	p, err := oidc.NewProvider(e.ctx(), e.url)
	if err != nil {
		t.Fatal(err)
	}
	e.app = oauth2.Config{ClientID: "app", RedirectURL: appBack, Endpoint: p.Endpoint(), Scopes: []string{"openid", "orders:read"}}
	e.browser = e.signedIn()
	return e
}

// signedIn is a browser in which the person signed in at the account.
func (e *trust) signedIn() *tab {
	e.Helper()
	b := e.tab()
	b.get(e.url + "/account/sign-in")
	if b.send("name", trusted, "password", e.password); !strings.Contains(b.body, "Your account") {
		e.Fatalf("%d %s", b.status, b.body)
	}
	return b
}

// grant lets the app have tokens by the browser's session.
func (e *trust) grant() {
	e.Helper()
	verifier := oauth2.GenerateVerifier()
	away := e.browser.get(e.app.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)))
	if away == nil || away.Query().Get("code") == "" {
		e.Fatalf("%v %d %s", away, e.browser.status, e.browser.body)
	}
	var err error
	if e.token, err = e.app.Exchange(e.ctx(), away.Query().Get("code"), oauth2.VerifierOption(verifier)); err != nil {
		e.Fatal(err)
	}
	at := must(url.Parse(e.url))
	for _, c := range e.browser.client.Jar.Cookies(at) {
		if c.Name == "__Host-gh_session" {
			e.cookie = c.Value
		}
	}
	for _, g := range e.gateways {
		for range 2 { // verified, then remembered
			if status, body := g.orders(e.token.AccessToken); status != 200 {
				e.Fatalf("a token that holds: %d %s", status, body)
			}
		}
	}
}

func (e *trust) refresh(token string) (*oauth2.Token, error) {
	return e.app.TokenSource(e.ctx(), &oauth2.Token{RefreshToken: token}).Token()
}

// code is the next code of the second factor that was not used.
func (e *trust) code() string {
	e.steps++
	return totp.Code(e.factor, time.Now().Unix()/30-2+int64(e.steps))
}

var shownFactor = regexp.MustCompile(`<code>([A-Z2-7 ]+)</code>`)

// enrol sets a second factor up.
func (e *trust) enrol() {
	e.Helper()
	e.browser.get(e.url + "/account/second-factor")
	m := shownFactor.FindStringSubmatch(e.browser.body)
	if m == nil {
		e.Fatalf("%d %s", e.browser.status, e.browser.body)
	}
	e.factor = must(base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(m[1], " ", "")))
	e.browser.only(`name="code"`)
	if e.browser.send("code", e.code()); !strings.Contains(e.browser.body, "Your recovery codes") {
		e.Fatalf("%d %s", e.browser.status, e.browser.body)
	}
}

// command runs a command as a process of its own.
func (e *trust) command(args ...string) {
	e.Helper()
	out, err := command(e.T, append(args, "--config", filepath.Join(e.dir, "gatehouse.yaml"))...).CombinedOutput()
	if e.out = string(out); err != nil {
		e.Fatalf("%v: %v %s", args, err, out)
	}
}

// mailed is the link of the first mail.
func (e *trust) mailed() string {
	e.Helper()
	for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(5 * time.Millisecond) {
		for _, name := range must(filepath.Glob(filepath.Join(e.dir, "mail", "*.eml"))) {
			text := strings.ReplaceAll(strings.ReplaceAll(string(must(os.ReadFile(name))), "=\r\n", ""), "=3D", "=")
			if link := regexp.MustCompile(`https://\S+ticket=\S+`).FindString(text); link != "" {
				return link
			}
		}
	}
	e.Fatal("no mail")
	return ""
}

// form opens a page of the account and sends its form that has this in it.
func (b *tab) form(page, has string, fields ...string) {
	b.h.Helper()
	b.get(b.h.url + page)
	b.only(has)
	b.send(fields...)
}

// only has the form of the page sent that has this in it.
func (b *tab) only(has string) {
	b.h.Helper()
	i := strings.Index(b.body, has)
	if i < 0 {
		b.h.Fatalf("%s has no %s: %d %s", b.at, has, b.status, b.body)
	}
	b.body = b.body[strings.LastIndex(b.body[:i], "<form"):]
}

// takesTrustAway is one event of token.revoke-events.
type takesTrustAway struct {
	before, do  func(e *trust)
	because, by string // in the log; by "" is the person
	familyOnly  bool   // the session stays
}

func eventsThatTakeTrustAway() map[string]takesTrustAway {
	const other = "nine giraffes juggle anvils"
	byOps := func(because string, args ...string) takesTrustAway {
		return takesTrustAway{because: because, by: "ops@example.com", do: func(e *trust) {
			e.command(append(args, "--author", "ops@example.com")...)
		}}
	}
	suspicious := func(e *trust) { // as another room does it, on a connection of its own
		f, err := openFacts(e.Context(), e.g.file, nil)
		if err == nil {
			_, err = f.Endings().EndSubject(e.Context(), e.id, store.Hash{}, store.Ending{Issuer: e.url, Because: "impossible travel", Author: "detect/geo", At: time.Now()})
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			e.Error(err)
		}
	}
	return map[string]takesTrustAway{
		"logging out at a client's request": {because: "signed out", do: func(e *trust) {
			e.browser.get(e.url + "/logout")
			e.browser.send()
		}},
		"signing out on the page of the account": {because: "signed out", do: func(e *trust) {
			here := sessionHere(e)
			e.browser.form("/account/", `value="`+here+`"`, "session", here)
		}},
		"signing out from another browser": {because: "signed out from another browser", before: func(e *trust) { e.browser = e.signedIn() }, do: func(e *trust) {
			there := sessionHere(e)
			e.signedIn().form("/account/", `value="`+there+`"`, "session", there)
		}},
		"signing out everywhere": {because: "signed out everywhere", do: func(e *trust) {
			e.signedIn().form("/account/", `value="all"`, "session", "all")
		}},
		"another password": {because: "the password was changed", do: func(e *trust) {
			e.browser.form("/account/password", `name="new"`, "password", e.password, "new", other)
		}},
		"a password reset by mail": {because: "the password was changed", do: func(e *trust) {
			b := e.tab()
			b.form("/account/forgot", `name="name"`, "name", trusted)
			b.get(e.mailed())
			b.send("new", other)
		}},
		"a second factor":       {because: "the second factor was changed", do: (*trust).enrol},
		"another second factor": {because: "the second factor was changed", before: (*trust).enrol, do: (*trust).enrol},
		"no second factor any more": {because: "the second factor was changed", before: (*trust).enrol, do: func(e *trust) {
			e.browser.form("/account/second-factor", "/account/second-factor/remove")
		}},
		"a passkey": {because: "the second factor was changed", do: (*trust).enrolPasskey},
		"no passkey any more": {because: "the second factor was changed", before: (*trust).enrolPasskey, do: func(e *trust) {
			e.browser.form("/account/second-factor", "/account/second-factor/remove")
		}},
		"other recovery codes": {because: "the recovery codes were changed", before: (*trust).enrol, do: func(e *trust) {
			e.browser.form("/account/second-factor", `value="enrol-recovery"`, "step", "enrol-recovery")
		}},
		"a refresh token that comes back": {because: "a spent refresh token was used again", by: "token.refresh-reuse", familyOnly: true, do: func(e *trust) {
			second, err := e.refresh(e.token.RefreshToken)
			if err == nil {
				_, err = e.refresh(second.RefreshToken)
			}
			if err != nil {
				e.Error(err)
			}
			if _, err = e.refresh(e.token.RefreshToken); err == nil {
				e.Error("a spent token is taken")
			}
		}},
		"something suspicious":              {because: "impossible travel", by: "detect/geo", do: suspicious},
		"being removed":                     byOps("gone", "users", "remove", trusted, "--because", "gone"),
		"being disabled":                    byOps("left", "users", "disable", trusted, "--because", "left"),
		"other roles":                       byOps("moved", "users", "roles", trusted, "--role", "robot", "--because", "moved"),
		"a password set by an operator":     byOps("the password was changed", "users", "reset-password", trusted),
		"a factor removed by an operator":   byOps("the second factor was changed", "users", "remove-second-factor", trusted),
		"all sessions ended by an operator": byOps("lost laptop", "sessions", "revoke", trusted, "--because", "lost laptop"),
		"their tenant disabled": {because: "the tenant was disabled: unpaid", by: "ops@example.com", before: func(e *trust) {
			e.command("tenants", "add", "t1")
			e.command("users", "move", trusted, "--tenant", "t1", "--because", "moved", "--author", "ops@example.com")
			e.browser = e.signedIn()
		}, do: func(e *trust) {
			e.command("tenants", "disable", "t1", "--because", "unpaid", "--author", "ops@example.com")
		}},
		"one session ended by an operator": {because: "lost phone", by: "ops@example.com", do: func(e *trust) {
			e.command("sessions", "revoke", trusted, "--session", sessionHere(e), "--because", "lost phone", "--author", "ops@example.com")
		}},
	}
}

// sessionHere is the name of the session that the app's id_token names.
func sessionHere(e *trust) string {
	e.Helper()
	raw, _ := e.token.Extra("id_token").(string)
	p, err := oidc.NewProvider(e.ctx(), e.url)
	if err != nil {
		e.Fatal(err)
	}
	id, err := p.Verifier(&oidc.Config{ClientID: "app"}).Verify(e.ctx(), raw)
	var claims struct{ SID string }
	if err == nil {
		err = id.Claims(&claims)
	}
	if err != nil || claims.SID == "" {
		e.Fatalf("%v %v", err, claims)
	}
	return claims.SID
}

// token.revoke-events, token.revocable: whatever takes trust away ends the session,
// the refresh token and the access token of the person, on every gateway of the store
// in less than a second, and says why and who.
func TestWhatTakesTrustAwayActsAtOnce(t *testing.T) {
	var server *pgtest.Server
	t.Run("sqlite", func(t *testing.T) { takeTrustAway(t, func(*testing.T) (string, int) { return "", 1 }) })
	t.Run("postgres", func(t *testing.T) {
		server = pgtest.Start(t)
		takeTrustAway(t, func(t *testing.T) (string, int) {
			return fmt.Sprintf("store: {postgres: %q}\n", server.Database(t)), 2
		})
	})
}

func takeTrustAway(t *testing.T, where func(t *testing.T) (top string, gateways int)) {
	var took []time.Duration
	for name, event := range eventsThatTakeTrustAway() {
		t.Run(name, func(t *testing.T) {
			top, n := where(t)
			top += often()
			// Under a name: there are no passkeys for addresses.
			gateways := []*selfHouse{startSelfOn(t, nil, "localhost", withPeople, top, nil)}
			for len(gateways) < n {
				gateways = append(gateways, startSelfOn(t, nil, "localhost", withPeople, top, gateways[0]))
			}
			e := trusting(t, gateways)
			if event.before != nil {
				event.before(e)
			}
			e.grant()
			event.do(e)
			took = append(took, e.ended(&event))
		})
	}
	if len(took) == 0 {
		t.Fatal("nothing was measured")
	}
	slices.Sort(took)
	t.Logf("figure %d events act on every gateway after %s (median), %s (longest)", len(took), took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
}

// often lets a test ask again and again until something acts.
func often() string {
	return fmt.Sprintf(`controls:
  ratelimit: {global: 1000000/s, key: 1000000/s, user: 1000000/s, ip: 1000000/s, endpoint: 60000/s, burst: 1000000, waiver: {because: "asked until it acts", owner: test@example.com, until: %s}}
`, time.Now().AddDate(0, 1, 0).Format(time.DateOnly))
}

// ended wants all of it to be dead, and returns how long the access token lived on.
func (e *trust) ended(event *takesTrustAway) time.Duration {
	e.Helper()
	began := time.Now()
	for _, g := range e.gateways {
		for {
			status, _ := g.orders(e.token.AccessToken)
			if status == 401 {
				break
			}
			if time.Since(began) > time.Second {
				e.Fatalf("the access token is accepted after a second: %d\n%s", status, e.out)
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	took := time.Since(began)
	if _, err := e.refresh(e.token.RefreshToken); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		e.Errorf("the refresh token: %v", err)
	}
	b, at := e.tab(), must(url.Parse(e.url))
	b.client.Jar = must(cookiejar.New(nil))
	b.client.Jar.SetCookies(at, []*http.Cookie{{Name: "__Host-gh_session", Value: e.cookie, Path: "/", Secure: true}})
	if b.get(e.url + "/account/"); strings.Contains(b.body, "Your account") != event.familyOnly {
		e.Errorf("the session: %d %s", b.status, b.body)
	}
	by := event.by
	if by == "" {
		by = e.id
	}
	for _, g := range e.gateways {
		why, who := `because="`+event.because+`"`, "author="+by
		if !strings.Contains(event.because, " ") {
			why = "because=" + event.because
		}
		if strings.Contains(by, " ") {
			who = `author="` + by + `"`
		}
		if line := strings.Join(regexp.MustCompile(`(?m)^.*msg=revoked.*$`).FindAllString(g.log.String(), -1), "\n"); !strings.Contains(line, why+" "+who) {
			e.Errorf("nobody reads why and who (%s %s):\n%s", why, who, line)
		}
	}
	return took
}
