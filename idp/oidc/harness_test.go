package oidc_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/idp/oidc"
	"github.com/gatehouse-api/gatehouse/idp/people"
	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	passwords "github.com/gatehouse-api/gatehouse/internal/password"
	"github.com/gatehouse-api/gatehouse/internal/secret"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

const (
	ours     = "https://login.example.com"
	acme     = "https://login.acme.example"
	api      = "https://api.example.com/orders"
	app      = "https://app.example.com/callback"
	alice    = "alice@acme.example"
	password = "seven zebras paint fences"
	callback = ours + "/account/sso/acme/callback"

	signedOut = ours + "/account/sso/acme/signed-out"
	goodbye   = "https://app.example.com/goodbye"
)

// internet is every host that there is, by its name. A host without a handler is
// down.
type internet struct {
	mu    sync.Mutex
	hosts map[string]http.Handler
	seen  []string // method and URL of every request
}

func (n *internet) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	h := n.hosts[r.URL.Host]
	n.seen = append(n.seen, r.Method+" "+r.URL.String())
	n.mu.Unlock()
	if h == nil {
		return nil, fmt.Errorf("%s is down", r.URL.Host)
	}
	body := r.Body
	if body == nil {
		body = http.NoBody
	}
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.RequestURI(), body)
	in.Header, in.Host = r.Header.Clone(), r.URL.Host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

func (n *internet) put(name string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[name] = h
}

func (n *internet) requests(prefix string) (list []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.seen {
		if strings.HasPrefix(s, prefix) {
			list = append(list, s)
		}
	}
	return list
}

// server is one of our own authorization servers, with its people.
type server struct {
	t      *testing.T
	issuer string
	facts  *sqlite.Store
	people *people.People
	idp    *idp.Server
	log    *lockedBuffer
	dir    string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newServer(t *testing.T, issuer string, connections []sso.Connection) *server {
	t.Helper()
	s := &server{t: t, issuer: issuer, log: &lockedBuffer{}}
	dir := t.TempDir()
	s.dir = dir
	var err error
	if s.facts, err = sqlite.OpenStore(t.Context(), filepath.Join(dir, "store.db"), sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.facts.Close() })
	key, err := people.OpenKey(filepath.Join(dir, "people.key"))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	if s.people, err = people.New(people.Options{
		Origin: issuer, Store: s.facts, Key: key, Counters: memory.NewCounters(time.Now()), Connections: connections, Log: log,
		Mail: people.Folder{Path: filepath.Join(dir, "mail"), From: "login@example.com"}, Register: true,
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.people.Close)
	seal := make([]byte, 32)
	_, _ = rand.Read(seal)
	keys, err := idp.OpenKeys(t.Context(), s.facts.SigningKeys(), seal, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if s.idp, err = idp.New(idp.Options{Issuer: issuer, Audiences: []string{api}, Store: s.facts, Keys: keys, Login: s.people, Log: log}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) client(c store.Client) {
	s.t.Helper()
	c.Grants, c.Scopes, c.FirstParty, c.Made = []string{"authorization_code", "refresh_token"}, []string{"openid"}, true, time.Now()
	if err := s.facts.Clients().Add(s.t.Context(), c); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) accounts() *people.Accounts {
	return &people.Accounts{Store: s.facts, Issuer: s.issuer, Hasher: passwords.NewHasher(), Now: time.Now}
}

// world is an organisation with a provider, which is one of our own servers and says
// more about people than those do, and our server, which the organisation is
// connected with.
type world struct {
	t        *testing.T
	net      *internet
	provider *server
	house    *server
	signer   *jose.Signer
	rp       *oidc.Provider

	mu       sync.Mutex
	claims   func(map[string]any)                          // changes what an id_token says
	sign     func(claims map[string]any) string            // in place of the signer
	metadata func(map[string]any)                          // changes the provider's metadata
	answer   func(url.Values)                              // changes what the browser is sent back with
	token    func(map[string]any)                          // changes the token endpoint's answer
	userinfo func(map[string]any)                          // changes userinfo
	before   func(http.ResponseWriter, *http.Request) bool // answers in place of the provider
	original map[string]string                             // the provider's own id_tokens, by those that were signed anew
}

// options are what differs between worlds.
type options struct {
	connection func(*sso.Connection)
	rp         func(*oidc.Options)
	others     func(w *world) []sso.Connection
}

func newWorld(t *testing.T, o options) *world {
	t.Helper()
	w := &world{t: t, net: &internet{hosts: map[string]http.Handler{}}}
	w.provider = newServer(t, acme, nil)
	text, kept := idp.NewSecret(time.Now())
	w.provider.client(store.Client{ID: "gatehouse", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{signedOut}, Secrets: []store.ClientSecret{kept}})
	if _, err := w.provider.accounts().Add(t.Context(), alice, "", nil, password); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.signer, err = jose.GenerateSigner(); err != nil {
		t.Fatal(err)
	}
	w.net.put("login.acme.example", http.HandlerFunc(w.serveProvider))

	t.Setenv("CLIENT_SECRET", text)
	ro := oidc.Options{
		Issuer: acme, ClientID: "gatehouse", ClientSecret: secretText(t, "CLIENT_SECRET"), Algorithm: jose.ES256,
		RedirectURI: callback, SignedOut: signedOut, Transport: w.net, Log: slog.New(slog.DiscardHandler),
	}
	if o.rp != nil {
		o.rp(&ro)
	}
	if w.rp, err = oidc.New(ro); err != nil {
		t.Fatal(err)
	}
	c := sso.Connection{
		Name: "acme", Title: "Acme", Tenant: "acme", Domains: []string{"acme.example"}, Listed: true, Provision: true,
		Roles: &sso.Roles{Attribute: "groups", Map: map[string][]string{"eng": {"user"}, "eng-admins": {"admin"}}}, Protocol: w.rp,
	}
	if o.connection != nil {
		o.connection(&c)
	}
	list := []sso.Connection{c}
	if o.others != nil {
		list = append(list, o.others(w)...)
	}
	w.house = newServer(t, ours, list)
	w.house.client(store.Client{ID: "app", Public: true, RedirectURIs: []string{app}, PostLogoutRedirectURIs: []string{goodbye}})
	w.net.put("login.example.com", w.house.idp)
	return w
}

func secretText(t *testing.T, name string) (s secret.Text) {
	t.Helper()
	if err := s.UnmarshalText([]byte("env:" + name)); err != nil {
		t.Fatal(err)
	}
	return s
}

// set changes one of the hooks while the world is running.
func (w *world) set(f func()) { w.mu.Lock(); defer w.mu.Unlock(); f() }

// serveProvider is the provider: our own server, whose tokens are signed anew with
// what an organisation's provider says beside, or with what a test wants.
func (w *world) serveProvider(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	before, answer := w.before, w.answer
	w.mu.Unlock()
	if before != nil && before(out, r) {
		return
	}
	if r.URL.Path == "/logout" { // it knows its own id_tokens, and not those that were signed anew
		q := r.URL.Query()
		w.mu.Lock()
		q.Set("id_token_hint", w.original[q.Get("id_token_hint")])
		w.mu.Unlock()
		r.URL.RawQuery = q.Encode()
	}
	rec := httptest.NewRecorder()
	w.provider.idp.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	w.mu.Lock()
	switch {
	case r.URL.Path == "/jwks":
		body = w.signer.JWKS()
	case r.URL.Path == "/.well-known/openid-configuration":
		body = edit(w.t, body, func(m map[string]any) {
			if w.metadata != nil {
				w.metadata(m)
			}
		})
	case r.URL.Path == "/token" && rec.Code == http.StatusOK:
		body = edit(w.t, body, w.resign)
	case r.URL.Path == "/userinfo" && rec.Code == http.StatusOK:
		body = edit(w.t, body, func(m map[string]any) {
			if w.userinfo != nil {
				w.userinfo(m)
			}
		})
	}
	w.mu.Unlock()
	for name, values := range rec.Header() {
		out.Header()[name] = values
	}
	if to := rec.Header().Get("Location"); answer != nil && strings.HasPrefix(to, callback) {
		u, _ := url.Parse(to)
		q := u.Query()
		answer(q)
		u.RawQuery = q.Encode()
		out.Header().Set("Location", u.String())
	}
	out.WriteHeader(rec.Code)
	_, _ = out.Write(body)
}

// resign replaces the id_token of a token response.
func (w *world) resign(m map[string]any) {
	claims := map[string]any{}
	raw, _ := m["id_token"].(string)
	part, err := base64.RawURLEncoding.DecodeString(strings.Split(raw+"..", ".")[1])
	if err == nil {
		err = json.Unmarshal(part, &claims)
	}
	if err != nil {
		w.t.Errorf("the provider's id_token: %v", err)
	}
	claims["email"], claims["email_verified"], claims["groups"] = alice, true, []string{"eng", "staff"}
	if w.claims != nil {
		w.claims(claims)
	}
	sign := w.sign
	if sign == nil {
		sign = func(c map[string]any) string {
			text, err := w.signer.Sign("JWT", object(w.t, c))
			if err != nil {
				w.t.Error(err)
			}
			return text
		}
	}
	signed := sign(claims)
	if w.original == nil {
		w.original = map[string]string{}
	}
	w.original[signed], m["id_token"] = raw, signed
	if w.token != nil {
		w.token(m)
	}
}

func edit(t *testing.T, body []byte, change func(map[string]any)) []byte {
	t.Helper()
	m := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Errorf("%q: %v", body, err)
	}
	change(m)
	return object(t, m)
}

func object(t *testing.T, m map[string]any) []byte {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Error(err)
	}
	return b
}

// browser is somebody who follows no redirect by themselves.
type browser struct {
	w      *world
	client *http.Client
	status int
	header http.Header
	body   string
	url    string
	proof  string // PKCE verifier of the application
	hint   string // the id_token that the application got
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w: w, client: &http.Client{Transport: w.net, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (b *browser) do(method, where string, form url.Values) *browser {
	b.w.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, where, body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	b.status, b.header, b.body, b.url = resp.StatusCode, resp.Header, string(text), where
	return b
}

func (b *browser) get(where string) *browser {
	b.w.t.Helper()
	return b.do(http.MethodGet, where, nil)
}

var (
	formText  = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)">(.*?)</form>`)
	inputText = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)
	linkText  = regexp.MustCompile(`<a href="([^"]*)">Go on</a>`)
)

// submit sends the first form of the page whose text has a mark, with more fields.
func (b *browser) submit(mark string, more ...string) *browser {
	b.w.t.Helper()
	for _, m := range formText.FindAllStringSubmatch(b.body, -1) {
		if !strings.Contains(m[2], mark) {
			continue
		}
		f := url.Values{}
		for _, i := range inputText.FindAllStringSubmatch(m[2], -1) {
			f.Set(i[1], html.UnescapeString(i[2]))
		}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		at, _ := url.Parse(b.url)
		to, err := at.Parse(html.UnescapeString(m[1]))
		if err != nil {
			b.w.t.Fatal(err)
		}
		return b.do(http.MethodPost, to.String(), f)
	}
	b.w.t.Fatalf("no form with %q on the page %d %s: %s", mark, b.status, b.url, words(b.body))
	return b
}

// begin asks our server for a code, as an application does.
func (b *browser) begin(more ...string) *browser {
	b.w.t.Helper()
	b.proof = oauth2.GenerateVerifier()
	q := url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {app}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(b.proof)}, "code_challenge_method": {"S256"}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return b.get(ours + "/authorize?" + q.Encode())
}

// away presses the button of the connection and returns where the page leads.
func (b *browser) away() string {
	b.w.t.Helper()
	return b.submit(`value="acme"`, "connection", "acme").provider()
}

// provider is where the page leads that leads to a provider.
func (b *browser) provider() string {
	b.w.t.Helper()
	m := linkText.FindStringSubmatch(b.body)
	if b.status != http.StatusOK || m == nil {
		b.w.t.Fatalf("no way to the provider: %d %s", b.status, words(b.body))
	}
	return html.UnescapeString(m[1])
}

// prove signs in at the provider and returns where the browser is sent: our callback.
func (b *browser) prove(where string) string {
	b.w.t.Helper()
	b.get(where)
	if b.status == http.StatusOK {
		b.submit(`value="password"`, "name", alice, "password", password)
	}
	to := b.header.Get("Location")
	if b.status != http.StatusSeeOther || !strings.HasPrefix(to, callback) {
		b.w.t.Fatalf("the provider did not send the browser back: %d to %q: %s", b.status, to, words(b.body))
	}
	return to
}

// arrive takes the way back and goes on to the application, and returns what tokens
// say.
func (b *browser) arrive(where string) map[string]any {
	b.w.t.Helper()
	for b.get(where); b.status == http.StatusSeeOther; b.get(where) {
		at, _ := url.Parse(b.url)
		to, err := at.Parse(b.header.Get("Location"))
		if err != nil {
			b.w.t.Fatal(err)
		}
		if where = to.String(); strings.HasPrefix(where, app) {
			return b.exchange(to.Query())
		}
	}
	return nil
}

func (b *browser) exchange(q url.Values) map[string]any {
	b.w.t.Helper()
	if q.Get("code") == "" {
		b.w.t.Fatalf("the application was sent %v", q)
	}
	b.do(http.MethodPost, ours+"/token", url.Values{"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {app},
		"client_id": {"app"}, "code_verifier": {b.proof}})
	var token struct {
		Access string `json:"access_token"`
		ID     string `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(b.body), &token); err != nil || b.status != http.StatusOK {
		b.w.t.Fatalf("%d %s: %v", b.status, b.body, err)
	}
	b.hint = token.ID
	part, err := base64.RawURLEncoding.DecodeString(strings.Split(token.Access, ".")[1])
	claims := map[string]any{}
	if err == nil {
		err = json.Unmarshal(part, &claims)
	}
	if err != nil {
		b.w.t.Fatal(err)
	}
	return claims
}

// token asks for a token in the session that there is.
func (b *browser) token() map[string]any {
	b.w.t.Helper()
	b.begin()
	u, err := url.Parse(b.header.Get("Location"))
	if err != nil || b.status != http.StatusSeeOther {
		b.w.t.Fatalf("not signed in: %d %s", b.status, words(b.body))
	}
	return b.exchange(u.Query())
}

// signIn goes the whole way.
func (b *browser) signIn(more ...string) map[string]any {
	b.w.t.Helper()
	return b.arrive(b.prove(b.begin(more...).away()))
}

// refused expects a page of an error with the request's ID, nobody signed in, and a
// reason in the log.
func (b *browser) refused(status int, page, reason string) {
	b.w.t.Helper()
	if b.status != status || !strings.Contains(b.body, page) || !strings.Contains(b.body, ">Request ") {
		b.w.t.Errorf("%d %q; want %d with %q and the request's ID", b.status, words(b.body), status, page)
	}
	if log := b.w.house.log.String(); !strings.Contains(log, reason) {
		b.w.t.Errorf("the log does not say %q:\n%s", reason, log)
	}
	if b.get(ours + "/account/"); b.status != http.StatusSeeOther {
		b.w.t.Errorf("somebody is signed in: %d", b.status)
	}
}

// everybody returns who there is at our server.
func (w *world) everybody() []store.User {
	w.t.Helper()
	list, err := w.house.facts.Directory().List(w.t.Context(), store.UserQuery{Most: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

var tags = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`)

func words(body string) string {
	return strings.Join(strings.Fields(tags.ReplaceAllString(body, " ")), " ")
}

func sorted(v any) string {
	var out []string
	list, _ := v.([]any)
	for _, one := range list {
		out = append(out, fmt.Sprint(one))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
