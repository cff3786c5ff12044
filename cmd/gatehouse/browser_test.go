package main

import (
	"bytes"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/internal/totp"
)

// chromium is a browser driven by WebDriver (W3C): what scripts, policies and
// cookies do to the pages is judged by what people use.
type chromium struct {
	*testing.T
	session string
}

func startChromium(t *testing.T) *chromium {
	t.Helper()
	driver, err := exec.LookPath("chromedriver")
	if err != nil {
		t.Skip("there is no chromedriver: apt-get install chromium chromium-driver")
	}
	_, port, _ := strings.Cut(casetest.FreeAddress(t), ":")
	c := exec.CommandContext(t.Context(), driver, "--port="+port)
	c.WaitDelay = 5 * time.Second
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Wait() })
	b := &chromium{T: t, session: "http://127.0.0.1:" + port}
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if res, err := http.Get(b.session + "/status"); err == nil {
			_ = res.Body.Close()
			break
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal("chromedriver does not answer")
		}
	}
	args := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir(), "--window-size=390,844",
	}
	var made struct{ SessionID string }
	b.call("POST", "/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"acceptInsecureCerts": true, "goog:chromeOptions": map[string]any{"args": args}, "goog:loggingPrefs": map[string]string{"browser": "ALL"},
	}}}, &made)
	b.session += "/session/" + made.SessionID
	t.Cleanup(func() {
		r, err := http.NewRequest(http.MethodDelete, b.session, nil)
		if err != nil {
			t.Error(err)
			return
		}
		if res, err := http.DefaultClient.Do(r); err == nil {
			_ = res.Body.Close()
		}
	})
	return b
}

func (b *chromium) call(method, path string, in, out any) {
	b.Helper()
	if err := b.try(method, path, in, out); err != nil {
		b.Fatal(err)
	}
}

// try is call while a page may be on its way.
func (b *chromium) try(method, path string, in, out any) error {
	b.Helper()
	var body io.Reader
	if method == http.MethodPost {
		if in == nil {
			in = map[string]any{}
		}
		body = bytes.NewReader(must(json.Marshal(in)))
	}
	r, err := http.NewRequestWithContext(b.Context(), method, b.session+path, body)
	if err != nil {
		b.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	text := must(io.ReadAll(res.Body))
	var v struct{ Value json.RawMessage }
	if err := json.Unmarshal(text, &v); err != nil || res.StatusCode != 200 {
		return fmt.Errorf("%s %s: %d %.500s", method, path, res.StatusCode, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(v.Value, out)
}

func (b *chromium) open(url string) {
	b.Helper()
	b.call("POST", "/url", map[string]string{"url": url}, nil)
}

func (b *chromium) element(css string) string {
	b.Helper()
	found := map[string]string{}
	b.call("POST", "/element", map[string]string{"using": "css selector", "value": css}, &found)
	for _, id := range found {
		return "/element/" + id
	}
	b.Fatalf("no element %s", css)
	return ""
}

func (b *chromium) write(css, text string) {
	b.Helper()
	b.call("POST", b.element(css)+"/value", map[string]string{"text": text}, nil)
}

func (b *chromium) click(css string) { b.Helper(); b.call("POST", b.element(css)+"/click", nil, nil) }

func (b *chromium) text() (s string) {
	b.Helper()
	found := map[string]string{}
	if err := b.try("POST", "/element", map[string]string{"using": "css selector", "value": "body"}, &found); err != nil {
		return ""
	}
	for _, id := range found {
		_ = b.try("GET", "/element/"+id+"/text", nil, &s) // gone meanwhile: asked again
	}
	return s
}

func (b *chromium) want(text string) {
	b.Helper()
	got := ""
	for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(20 * time.Millisecond) {
		if got = b.text(); strings.Contains(got, text) {
			return
		}
	}
	b.Fatalf("the page says %q; want %q", got, text)
}

// complaints are what the browser says about policies that were broken.
func (b *chromium) complaints() (list []struct{ Level, Message string }) {
	b.Helper()
	b.call("POST", "/se/log", map[string]string{"type": "browser"}, &list)
	return list
}

// shot keeps a picture of the page where GATEHOUSE_TEST_SHOTS says.
func (b *chromium) shot(name string) {
	b.Helper()
	dir := os.Getenv("GATEHOUSE_TEST_SHOTS")
	if dir == "" {
		return
	}
	var text []byte // base64, as JSON has bytes
	b.call("GET", "/screenshot", nil, &text)
	if err := os.WriteFile(dir+"/"+name+".png", text, 0o600); err != nil {
		b.Error(err)
	}
}

// TestChromiumSignsInWithTwoFactors drives a real browser through the gateway:
// password, second factor set up, consent, back to the app with a code, and the
// second factor asked for at the next sign-in.
func TestChromiumSignsInWithTwoFactors(t *testing.T) {
	b := startChromium(t)
	h := startSelfWith(t, nil, withPeople)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "<!DOCTYPE html><title>app</title><p>the app has %s</p>", map[bool]string{true: "a code", false: "no code"}[r.URL.Query().Get("code") != ""])
	}))
	t.Cleanup(app.Close)
	_, password := h.user("alice@example.com", "--role", "clerk")
	h.add("app", "--public", "--name", "The App", "--grant", "authorization_code", "--redirect", app.URL+"/callback", "--scope", "openid", "--scope", "orders:read")
	p, err := oidc.NewProvider(h.ctx(), h.url)
	if err != nil {
		t.Fatal(err)
	}
	c := oauth2.Config{ClientID: "app", RedirectURL: app.URL + "/callback", Endpoint: p.Endpoint(), Scopes: []string{"openid", "orders:read"}}
	authorize := func(prompt string) string {
		return c.AuthCodeURL("state", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()), oauth2.SetAuthURLParam("prompt", prompt))
	}

	b.open(h.url + "/account/sign-in?next=second-factor")
	b.shot("sign-in")
	b.write("#name", "alice@example.com")
	b.write("#password", password)
	b.click("button")
	b.want("Open an authenticator app")
	b.shot("enrol")
	var key string
	b.call("GET", b.element("code")+"/text", nil, &key)
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(key, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	step := time.Now().Unix() / 30
	b.write("#code", totp.Code(secret, step))
	b.click("button")
	b.want("Your recovery codes")
	b.shot("recovery")

	b.open(authorize("login"))
	b.want("to go on to The App")
	b.write("#name", "alice@example.com")
	b.write("#password", password)
	b.click("button")
	b.want("Six digits from your app")
	b.shot("code")
	b.write("#code", totp.Code(secret, step+1)) // the next one: the clock may be a step off
	b.click("button")
	b.want("wants to")
	b.shot("consent")
	b.click("button[value=allow]")
	b.want("the app has a code")
	b.open(authorize("none"))
	b.want("the app has a code") // signed in and consented to
	for _, m := range b.complaints() {
		if !strings.Contains(m.Message, "favicon") {
			t.Errorf("the browser says: %s %s", m.Level, m.Message)
		}
	}
}

// TestChromiumSignsInAtTheDemo is what a visitor of `gatehouse demo` does: from the
// web site to the sign-in, to the consent, and back to a page that calls the API.
func TestChromiumSignsInAtTheDemo(t *testing.T) {
	b, s := startChromium(t), startStage(t)
	b.open(s.app)
	b.click("#sign-in")
	b.want("to go on to Demo shop")
	b.write("#name", "alice@acme.example")
	b.write("#password", s.password)
	b.click("button")
	b.want("place and change orders for you")
	b.click("button[value=allow]")
	b.want(`"sub": "alice"`)
	b.open(s.app + "/call?what=orders")
	b.want("GET /v1/orders?limit=3: 200")
	b.open(s.app + "/call?what=bob")
	b.want("GET /v1/orders/ord-2001: 403")
	b.shot("demo")
	b.open(s.app + "/sign-out")
	b.want("Sign in")
	for _, m := range b.complaints() {
		if !strings.Contains(m.Message, "favicon") {
			t.Errorf("the browser says: %s %s", m.Level, m.Message)
		}
	}
}
