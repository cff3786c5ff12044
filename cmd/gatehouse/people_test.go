package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gatehouse-api/gatehouse/config"
)

const withPeople = `, people: {product: Example Bank, register: true, mail: {folder: mail, from: login@example.com}}`

// do runs a command on the house's configuration.
func (h *selfHouse) do(want int, args ...string) (stdout, stderr string) {
	h.Helper()
	var out, errs bytes.Buffer
	if code := run(append(args, "--config", filepath.Join(h.dir, "gatehouse.yaml")), &out, &errs); code != want {
		h.Fatalf("%v: %d; want %d\n%s%s", args, code, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// user adds a person by the command, and returns the id and the password.
func (h *selfHouse) user(name string, args ...string) (id, password string) {
	h.Helper()
	out, _ := h.do(0, append([]string{"users", "add", name, "--json"}, args...)...)
	var u struct{ ID, Password string }
	if err := json.Unmarshal([]byte(out), &u); err != nil {
		h.Fatal(err)
	}
	return u.ID, u.Password
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)

// tab is a browser of the house without anything that runs scripts.
type tab struct {
	h      *selfHouse
	client http.Client
	at     *url.URL // of the last page
	status int
	body   string
}

func (h *selfHouse) tab() *tab {
	h.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.Fatal(err)
	}
	b := &tab{h: h, client: *h.client}
	b.client.Jar = jar
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), h.url) {
			return nil
		}
		return http.ErrUseLastResponse // to the client, where nobody listens
	}
	return b
}

// open loads a page, or sends its form with more fields, and returns where the
// browser is sent that is not ours.
func (b *tab) open(r *http.Request) *url.URL {
	b.h.Helper()
	res, err := b.client.Do(r)
	if err != nil {
		b.h.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.h.Fatal(err)
	}
	b.at, b.status, b.body = res.Request.URL, res.StatusCode, string(body)
	away, err := res.Location()
	if err != nil {
		return nil
	}
	return away
}

func (b *tab) get(where string) *url.URL {
	b.h.Helper()
	r, err := http.NewRequest(http.MethodGet, where, nil)
	if err != nil {
		b.h.Fatal(err)
	}
	return b.open(r)
}

func (b *tab) send(fields ...string) *url.URL {
	b.h.Helper()
	f := url.Values{}
	form, _, _ := strings.Cut(b.body, "</form>")
	for _, m := range hiddenField.FindAllStringSubmatch(form, -1) {
		f.Set(m[1], m[2])
	}
	for i := 0; i < len(fields); i += 2 {
		f.Set(fields[i], fields[i+1])
	}
	action := regexp.MustCompile(`<form method="post" action="([^"]*)">`).FindStringSubmatch(b.body)
	if action == nil {
		b.h.Fatalf("no form at %s: %d %s", b.at, b.status, b.body)
	}
	r, err := http.NewRequest(http.MethodPost, b.h.url+action[1], strings.NewReader(f.Encode()))
	if err != nil {
		b.h.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.h.url)
	return b.open(r)
}

const appBack = "http://127.0.0.1:9/callback"

// TestAPersonLogsInThroughTheGateway is the whole way: a person added by the
// command, the pages behind the gateway's own controls, consent, token, API, and
// the end of it when the person is disabled. token.code-pkce, R40.
func TestAPersonLogsInThroughTheGateway(t *testing.T) {
	h := startSelfWith(t, nil, withPeople)
	h.do(0, "tenants", "add", "t1")
	id, password := h.user("alice@example.com", "--role", "clerk", "--tenant", "t1")
	h.add("app", "--public", "--name", "The App", "--grant", "authorization_code", "--grant", "refresh_token", "--redirect", appBack, "--scope", "openid", "--scope", "orders:read")
	p, err := oidc.NewProvider(h.ctx(), h.url)
	if err != nil {
		t.Fatal(err)
	}
	c := oauth2.Config{ClientID: "app", RedirectURL: appBack, Endpoint: p.Endpoint(), Scopes: []string{"openid", "orders:read"}}
	verifier := oauth2.GenerateVerifier()
	b := h.tab()
	b.get(c.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier), oidc.Nonce("nonce")))
	if b.status != 200 || !strings.Contains(b.body, "to go on to <strong>The App</strong>") {
		t.Fatalf("%d %s", b.status, b.body)
	}
	b.send("name", "alice@example.com", "password", "wrong")
	if b.status != 200 || !strings.Contains(b.body, "do not fit") {
		t.Fatalf("%d %s", b.status, b.body)
	}
	b.send("name", "alice@example.com", "password", password)
	if b.status != 200 || !strings.Contains(b.body, "orders:read") {
		t.Fatalf("%d %s", b.status, b.body)
	}
	away := b.send("decision", "allow")
	if away == nil || away.Query().Get("state") != "state" {
		t.Fatalf("%v %d %s", away, b.status, b.body)
	}
	token, err := c.Exchange(h.ctx(), away.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if status, body := h.orders(token.AccessToken); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if out, _ := h.do(0, "sessions", "list"); !strings.Contains(out, id) {
		t.Errorf("sessions:\n%s", out)
	}
	h.do(0, "users", "disable", "Alice@example.com", "--because", "left", "--author", "ops@example.com")
	began := time.Now()
	for status := 200; status != 401; {
		if status, _ = h.orders(token.AccessToken); time.Since(began) > time.Second {
			t.Fatal("a token of somebody who was disabled is accepted after a second")
		}
	}
	t.Logf("figure token of a disabled person refused after %s", time.Since(began).Round(time.Millisecond))
	if _, err := c.TokenSource(h.ctx(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token(); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("a refresh token of somebody who was disabled: %v", err)
	}
	if strings.Contains(h.log.String(), password) || strings.Contains(h.log.String(), token.RefreshToken) {
		t.Error("a secret is in the log")
	}
}

// TestThePagesOfTheAccountAreServed goes through the gateway to every page that
// belongs to no authorization.
func TestThePagesOfTheAccountAreServed(t *testing.T) {
	h := startSelfWith(t, nil, withPeople)
	b := h.tab()
	for path, want := range map[string]string{
		"/account/sign-in?next=second-factor": "Sign in", "/account/forgot": "Forgot your password?", "/account/password": "Sign in",
	} {
		if b.get(h.url + path); b.status != 200 || !strings.Contains(b.body, "<h1>"+want) {
			t.Errorf("%s: %d %s", path, b.status, b.body)
		}
	}
	if b.get(h.url + "/account/sign-in?next=elsewhere"); b.status != 400 {
		t.Errorf("an unknown way on: %d", b.status)
	}
	if b.get(h.url + "/account/reset?ticket=AAAA"); b.status != 400 {
		t.Errorf("a link that is none: %d", b.status)
	}
}

// TestAnAccountIsMadeThroughTheGateway makes one by mail.
func TestAnAccountIsMadeThroughTheGateway(t *testing.T) {
	h := startSelfWith(t, nil, withPeople)
	b := h.tab()
	b.get(h.url + "/account/register")
	if b.send("name", "carol@example.com"); b.status != 200 {
		t.Fatalf("%d %s", b.status, b.body)
	}
	link := ""
	for began := time.Now(); link == "" && time.Since(began) < 5*time.Second; time.Sleep(10 * time.Millisecond) {
		for _, name := range must(filepath.Glob(filepath.Join(h.dir, "mail", "*.eml"))) {
			text := strings.ReplaceAll(string(must(os.ReadFile(name))), "=\r\n", "")
			if m := regexp.MustCompile(`https://\S+`).FindString(strings.ReplaceAll(text, "=3D", "=")); m != "" {
				link = m
			}
		}
	}
	if b.get(link); b.status != 200 {
		t.Fatalf("%s: %d %s", link, b.status, b.body)
	}
	if b.send("new", "nine giraffes juggle anvils"); b.status != 200 || !strings.Contains(b.body, "Your password is set") {
		t.Fatalf("%d %s", b.status, b.body)
	}
	b.get(h.url + "/account/sign-in")
	if b.send("name", "carol@example.com", "password", "nine giraffes juggle anvils"); b.status != 200 || !strings.Contains(b.body, "Your account") {
		t.Errorf("%d %s", b.status, b.body)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestPeopleAreKeptByCommands calls every verb.
func TestPeopleAreKeptByCommands(t *testing.T) {
	h := startSelfWith(t, nil, withPeople)
	id, password := h.user("Alice@Example.com")
	if len(password) < 20 || !strings.HasPrefix(id, "u_") {
		t.Errorf("%s %q", id, password)
	}
	h.do(1, "users", "add", "alice@example.com")
	h.do(1, "users", "add", "alice")
	h.do(2, "users", "add")
	h.do(2, "users", "frobnicate", "alice@example.com")
	h.do(1, "users", "remove", "alice@example.com")
	h.do(1, "users", "disable", "alice@example.com")
	h.do(1, "users", "disable", "bob@example.com", "--because", "left", "--author", "ops@example.com")
	h.do(0, "users", "disable", "alice@example.com", "--because", "left", "--author", "ops@example.com")
	if out, _ := h.do(0, "users", "list"); !strings.Contains(out, "alice@example.com") || !strings.Contains(out, "disabled") || strings.Contains(out, "argon2") {
		t.Error(out)
	}
	h.do(0, "users", "enable", "alice@example.com")
	h.do(0, "users", "roles", "alice@example.com", "--role", "clerk", "--role", "robot", "--because", "moved", "--author", "ops@example.com")
	if _, errs := h.do(1, "users", "roles", "alice@example.com", "--role", "clrek", "--because", "moved", "--author", "ops@example.com"); !strings.Contains(errs, `is "clerk" meant?`) {
		t.Error(errs)
	}
	if out, _ := h.do(0, "users", "list", "--json"); !strings.Contains(out, `"robot"`) || !strings.Contains(out, `"active"`) {
		t.Error(out)
	}
	out, _ := h.do(0, "users", "reset-password", "alice@example.com", "--author", "ops@example.com", "--json")
	if !strings.Contains(out, `"password"`) || strings.Contains(out, password) {
		t.Error(out)
	}
	h.do(0, "users", "remove-second-factor", "alice@example.com", "--author", "ops@example.com")
	h.do(0, "sessions", "revoke", "alice@example.com", "--because", "lost laptop", "--author", "ops@example.com")
	h.do(0, "sessions", "list", "alice@example.com", "--json")
	if _, errs := h.do(1, "sessions", "revoke", "alice@example.com", "--session", "NONE", "--because", "lost laptop", "--author", "ops@example.com"); !strings.Contains(errs, "has no session NONE") {
		t.Error(errs)
	}
	h.do(2, "sessions", "end")
	if out, _ := h.do(0, "tokens", "list"); !strings.Contains(out, id) {
		t.Errorf("nothing was revoked:\n%s", out)
	}
}

// session.password-policy
func TestBlockedPasswordsAreReadWhereAPasswordIsChecked(t *testing.T) {
	leaked := filepath.Join(t.TempDir(), "leaked.txt")
	if err := os.WriteFile(leaked, []byte("seven zebras paint fences\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := startSelfWith(t, nil, strings.Replace(withPeople, "register", "blocked_passwords: "+leaked+", register", 1))
	h.user("alice@example.com")
	if err := os.Remove(leaked); err != nil {
		t.Fatal(err)
	}
	h.do(0, "users", "list")
	h.do(0, "users", "disable", "alice@example.com", "--because", "left", "--author", "ops@example.com")
	h.do(0, "clients", "list")
	for _, args := range [][]string{{"users", "add", "bob@example.com"}, {"users", "reset-password", "alice@example.com", "--author", "ops@example.com"}} {
		if _, errs := h.do(1, args...); !strings.Contains(errs, "blocked passwords: open "+leaked) {
			t.Errorf("%v: %s", args, errs)
		}
	}
	f, err := load(filepath.Join(h.dir, "gatehouse.yaml"), config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.State = t.TempDir() // the other one is in use
	if g, err := startGateway(f, gatewayOptions{}); err == nil || !strings.Contains(err.Error(), "blocked passwords: open "+leaked) {
		t.Errorf("a gateway without its list: %v, %v", g, err)
	}
}
