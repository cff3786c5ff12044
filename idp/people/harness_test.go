package people

import (
	"bytes"
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"log/slog"
	"mime/quotedprintable"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/internal/totp"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

const (
	alice      = "alice@example.com"
	secretWord = "seven zebras paint fences"
	otherWord  = "nine giraffes juggle anvils"
)

// house is the pages on a server of their own, with a clock that a test moves and
// an authorization server that says who was proven.
type house struct {
	entered int // user codes that were taken
	t       *testing.T
	people  *People
	facts   *sqlite.Store
	server  *httptest.Server
	mails   string
	log     *bytes.Buffer

	mu      sync.Mutex
	skew    time.Duration
	pending idp.Pending
	proof   idp.Proof
	address string
}

func newHouse(t *testing.T, change func(*Options)) *house {
	t.Helper()
	dir := t.TempDir()
	h := &house{t: t, mails: filepath.Join(dir, "mail"), log: &bytes.Buffer{}, address: "192.0.2.1"}
	var err error
	if h.facts, err = sqlite.OpenStore(t.Context(), filepath.Join(dir, "state", sqlite.StoreName), sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	key, err := OpenKey(filepath.Join(dir, "state", "people.key"))
	if err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewUnstartedServer(http.HandlerFunc(h.serve))
	h.server.StartTLS()
	h.server.URL = strings.Replace(h.server.URL, "127.0.0.1", "localhost", 1) // passkeys are for names
	o := Options{
		Origin: h.server.URL, Product: "Example Bank", Store: h.facts, Key: key, Counters: memory.NewCounters(time.Now()), Register: true,
		Mail: Folder{Path: h.mails, From: "login@example.com"}, Now: h.now, Log: slog.New(slog.NewTextHandler(h.log, nil)),
		Address: func(*http.Request) string { h.mu.Lock(); defer h.mu.Unlock(); return h.address },
	}
	if change != nil {
		change(&o)
	}
	if h.people, err = New(o); err != nil {
		t.Fatal(err)
	}
	h.ask(idp.Pending{})
	t.Cleanup(func() {
		h.server.Close()
		h.people.Close()
		if err := h.facts.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.skew)
}

func (h *house) later(d time.Duration) { h.mu.Lock(); defer h.mu.Unlock(); h.skew += d }

func (h *house) from(address string) { h.mu.Lock(); defer h.mu.Unlock(); h.address = address }

// ask begins another authorization.
func (h *house) ask(p idp.Pending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p.ID, p.Path, p.Client, p.ClientName, p.Return, p.State = "a1", "/authorize/a1", "app", "The App", "https://app.example.com/cb", map[string]string{}
	if p.MaxAge == 0 {
		p.MaxAge = -1
	}
	if p.Scopes == nil {
		p.Scopes, p.FirstParty = []string{"openid"}, true
	}
	h.pending, h.proof = p, idp.Proof{}
}

// enter stands in for the server that user codes are entered at.
func (h *house) enter(code string) (string, error) {
	if code = idp.UserCode(code); code != "BCDF-GHJK" {
		return "", idp.ErrUserCode
	}
	h.entered++
	h.ask(idp.Pending{UserCode: code, Prompt: []string{"consent"}, FirstParty: true})
	return authorize, nil
}

func (h *house) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, idp.PagesPath) {
		h.people.Pages().ServeHTTP(w, r)
		return
	}
	if r.URL.Path == idp.DevicePath {
		h.people.Device(w, r, h.enter)
		return
	}
	if r.URL.Path == "/logout" {
		if _, _, err := h.people.Logout(w, r, ""); err != nil {
			h.t.Error(err)
		}
		return
	}
	p := h.pending
	progress, proof, err := h.people.Authenticate(w, r, &p)
	switch progress {
	case idp.Proven:
		h.proof = proof
		fmt.Fprintf(w, "PROVEN %s %s %v", proof.Subject, proof.ACR, proof.Scopes)
	case idp.Refused:
		fmt.Fprintf(w, "REFUSED %v", err)
	}
}

func (h *house) add(name string) store.User {
	h.t.Helper()
	u, err := h.people.accounts.Add(h.t.Context(), name, "t1", []string{"user"}, secretWord)
	if err != nil {
		h.t.Fatal(err)
	}
	return u
}

// withFactor gives the person a second factor.
func (h *house) withFactor(u store.User) (secret []byte, recovery []string) {
	h.t.Helper()
	secret = totp.NewSecret()
	codes, hashes := newRecovery()
	sealed := h.people.options.Key.lock(purposeSecret, u.ID, secret)
	if err := h.people.accounts.setApp(context.Background(), u.ID, sealed, 0, hashes, store.Hash{}); err != nil {
		h.t.Fatal(err)
	}
	return secret, codes
}

func (h *house) code(secret []byte) string { return totp.Code(secret, h.now().Unix()/30) }

// browser is somebody who follows no redirects by themselves.
type browser struct {
	h      *house
	client *http.Client
	answer
}

// answer is the last page.
type answer struct {
	status int
	header http.Header
	body   string
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	c := *h.server.Client()
	c.Transport.(*http.Transport).TLSClientConfig.ServerName = "example.com" // whom the certificate is for
	c.Jar, c.CheckRedirect = jar, func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{h: h, client: &c}
}

func (b *browser) do(r *http.Request) *browser {
	b.h.t.Helper()
	resp, err := b.client.Do(r)
	if err != nil {
		b.h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	b.answer = answer{resp.StatusCode, resp.Header, string(body)}
	return b
}

func (b *browser) get(path string) *browser {
	b.h.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.h.server.URL+path, nil)
	if err != nil {
		b.h.t.Fatal(err)
	}
	return b.do(r)
}

var hidden = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)

// fields are the hidden fields of the page's first form that asks for those named,
// or of the first one.
func (b *browser) fields(named ...string) url.Values {
	f := url.Values{}
	forms := strings.SplitAfter(b.body, "</form>")
	fits := max(0, slices.IndexFunc(forms, func(form string) bool {
		return !slices.ContainsFunc(named, func(n string) bool { return !strings.Contains(form, ` name="`+n+`"`) })
	}))
	for _, m := range hidden.FindAllStringSubmatch(forms[fits], -1) {
		f.Set(m[1], m[2])
	}
	return f
}

// post sends the form of the last page that asks for these: name, value, ...
func (b *browser) post(path string, more ...string) *browser {
	b.h.t.Helper()
	var names []string
	for i := 0; i < len(more); i += 2 {
		names = append(names, more[i])
	}
	f := b.fields(names...)
	for i := 0; i < len(more); i += 2 {
		f.Set(more[i], more[i+1])
	}
	return b.send(path, f, b.h.server.URL)
}

func (b *browser) send(path string, f url.Values, origin string) *browser {
	b.h.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.h.server.URL+path, strings.NewReader(f.Encode()))
	if err != nil {
		b.h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	return b.do(r)
}

const authorize = "/authorize/a1"

// signIn goes through the password step of an authorization.
func (b *browser) signIn(name, password string) *browser {
	b.h.t.Helper()
	return b.get(authorize).post(authorize, "name", name, "password", password)
}

func (b *browser) cookie(name string) string {
	u, err := url.Parse(b.h.server.URL)
	if err != nil {
		b.h.t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (b *browser) want(status int, text string) *browser {
	b.h.t.Helper()
	if b.status != status || !strings.Contains(b.body, text) {
		b.h.t.Errorf("%d with %q; want %d with %q", b.status, words(b.body), status, text)
	}
	return b
}

var tag = regexp.MustCompile(`<style>.*?</style>|<script>.*?</script>|<[^>]*>`)

func words(body string) string {
	return strings.Join(strings.Fields(tag.ReplaceAllString(strings.ReplaceAll(body, "\n", " "), " ")), " ")
}

// mail waits for the n-th mail.
func (h *house) mail(n int) string {
	h.t.Helper()
	for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(5 * time.Millisecond) {
		list, err := filepath.Glob(filepath.Join(h.mails, "*.eml"))
		if err != nil {
			h.t.Fatal(err)
		}
		if len(list) < n {
			continue
		}
		b, err := os.ReadFile(list[n-1])
		if err != nil || len(b) == 0 {
			continue
		}
		_, body, _ := strings.Cut(string(b), "\r\n\r\n")
		text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(body)))
		if err != nil {
			h.t.Fatal(err)
		}
		return string(text)
	}
	h.t.Fatalf("there is no mail number %d", n)
	return ""
}

func (h *house) link(mail string) string {
	h.t.Helper()
	_, rest, found := strings.Cut(mail, h.server.URL)
	if !found {
		h.t.Fatalf("no link in %q", mail)
	}
	path, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(path)
}

func (h *house) mailCount() int {
	h.t.Helper()
	list, err := filepath.Glob(filepath.Join(h.mails, "*.eml"))
	if err != nil {
		h.t.Fatal(err)
	}
	return len(list)
}

func mustURL(t *testing.T, h *house) *url.URL {
	t.Helper()
	u, err := url.Parse(h.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func fromText(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
