package idp

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

const (
	api      = "https://api.example.com/orders"
	callback = "https://app.example.com/callback"
)

// people is an Authenticator for tests: who comes is alice, after one page when
// that is asked for.
type people struct {
	mu     sync.Mutex
	page   bool // show a page first
	refuse error
	proof  Proof
	person Person
	gone   bool
	ended  int
	seen   []Pending
}

func (p *people) Authenticate(w http.ResponseWriter, r *http.Request, pending *Pending) (Progress, Proof, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, *pending)
	if p.refuse != nil {
		return Refused, Proof{}, p.refuse
	}
	if p.page && pending.State["shown"] == "" {
		pending.State["shown"] = "yes"
		_, _ = io.WriteString(w, "action="+pending.Path)
		return Waiting, Proof{}, nil
	}
	proof := p.proof
	if proof.Scopes == nil {
		proof.Scopes = pending.Scopes
	}
	if proof.At.IsZero() {
		proof.At = time.Now()
	}
	return Proven, proof, nil
}

func (p *people) Person(context.Context, string) (Person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return Person{}, ErrNobody
	}
	return p.person, nil
}

func (p *people) Logout(http.ResponseWriter, *http.Request, string) (string, string, error) {
	p.change(func(p *people) { p.ended++ })
	return "u-1", "", nil
}

// Device enters at once what a browser posts.
func (p *people) Device(w http.ResponseWriter, r *http.Request, enter func(string) (string, error)) {
	path, err := enter(r.PostFormValue("user_code"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
}

func (p *people) Pages() http.Handler { return nil }

func (p *people) change(f func(*people)) { p.mu.Lock(); defer p.mu.Unlock(); f(p) }

// kept is the roles of a store that the server or a test of it needs.
type kept interface {
	Store
	Users() store.Users
	Endings() store.Endings
	SigningKeys() store.SigningKeys
	Close() error
}

// house is a running server with its store.
type house struct {
	*testing.T
	server  *Server
	store   kept
	path    string
	people  *people
	url     string
	browser *http.Client // keeps cookies, follows no redirect
	log     *bytes.Buffer
	secrets map[string]string
	mu      *sync.Mutex
	given   []string // every secret that was given away; under mu
}

func newHouse(t *testing.T, change ...func(*Options)) *house {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := sqlite.OpenStore(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return newHouseOn(t, s, path, change...)
}

// newHouseOn is a house on a store that it closes; path is its file, if it has one.
func newHouseOn(t *testing.T, s kept, path string, change ...func(*Options)) *house {
	t.Helper()
	h := &house{T: t, store: s, path: path, log: &bytes.Buffer{}, mu: &sync.Mutex{}, secrets: map[string]string{}}
	t.Cleanup(func() { _ = h.store.Close() })
	seal := make([]byte, 32)
	_, _ = rand.Read(seal)
	keys, err := OpenKeys(t.Context(), h.store.SigningKeys(), seal, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	h.people = &people{proof: Proof{Subject: "u-1", Tenant: "t1", Roles: []string{"clerk"}, ACR: AAL1, AMR: []string{"pwd"}}, person: Person{Tenant: "t1", Roles: []string{"clerk"}}}
	h.url = "https://login.example.com"
	o := Options{Issuer: h.url, Audiences: []string{api}, Scopes: []string{"orders:read", "orders:write"}, Store: h.store, Keys: keys,
		Login: h.people, Log: slog.New(slog.NewTextHandler(h.log, nil))}
	for _, f := range change {
		f(&o)
	}
	if h.server, err = New(o); err != nil {
		t.Fatal(err)
	}
	h.browser = h.newBrowser()
	h.client(store.Client{ID: "app", Name: "The app", Public: true, Grants: []string{grantCode, grantRefresh}, RedirectURIs: []string{callback}, Scopes: []string{"openid", "offline_access", "orders:read"}})
	h.client(store.Client{ID: "web", Grants: []string{grantCode, grantRefresh}, RedirectURIs: []string{callback}, Scopes: []string{"openid", "orders:read"}})
	h.client(store.Client{ID: "native", Public: true, Native: true, Grants: []string{grantCode}, RedirectURIs: []string{"http://127.0.0.1/back"}, Scopes: []string{"openid"}})
	h.client(store.Client{ID: "job", Grants: []string{grantCredential}, Scopes: []string{"orders:read"}, Roles: []string{"robot"}, Tenant: "t1"})
	h.client(store.Client{ID: "tv", Name: "The television", Public: true, FirstParty: true, Grants: []string{grantDevice, grantRefresh}, Scopes: []string{"openid", "orders:read"}})
	h.client(store.Client{ID: "api", ResourceServer: true, Grants: []string{grantCredential}})
	return h
}

// direct calls the server without a network, so that time can be made to pass.
type direct struct{ h *house }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.RequestURI(), r.Body)
	in.Header, in.Host = r.Header, r.URL.Host
	w := httptest.NewRecorder()
	d.h.server.ServeHTTP(w, in)
	return w.Result(), nil
}

func (h *house) newBrowser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.Fatal(err)
	}
	return &http.Client{Transport: direct{h}, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (h *house) client(c store.Client) {
	h.Helper()
	c.Made = time.Now()
	if !c.Public && len(c.JWKS) == 0 && len(c.Certificates) == 0 {
		text, kept := NewSecret(time.Now())
		c.Secrets, h.secrets[c.ID] = []store.ClientSecret{kept}, text
		h.given = append(h.given, text)
	}
	if err := CheckClient(&c); err != nil {
		h.Fatal(err)
	}
	if err := h.store.Clients().Add(h.Context(), c); err != nil {
		h.Fatal(err)
	}
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

func (r *reply) text(name string) string { s, _ := r.json[name].(string); return s }

func (h *house) do(c *http.Client, r *http.Request) *reply {
	h.Helper()
	res, err := c.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.Fatal(err)
	}
	out := &reply{status: res.StatusCode, header: res.Header, body: string(b), json: map[string]any{}}
	_ = json.Unmarshal(b, &out.json)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range []string{"refresh_token", "request_uri", "device_code", "user_code"} {
		if s := out.text(name); s != "" {
			h.given = append(h.given, strings.TrimPrefix(s, "urn:ietf:params:oauth:request_uri:"))
		}
	}
	return out
}

// post calls an endpoint as a client; confidential clients prove themselves.
func (h *house) post(path, client string, form url.Values, change ...func(*http.Request)) *reply {
	h.Helper()
	form.Set("client_id", client)
	r := h.request(path, form.Encode())
	if secret := h.secrets[client]; secret != "" {
		r.SetBasicAuth(client, secret)
	}
	for _, f := range change {
		f(r)
	}
	return h.do(&http.Client{Transport: direct{h}}, r)
}

func (h *house) request(path, body string) *http.Request {
	r, err := http.NewRequestWithContext(h.Context(), http.MethodPost, h.url+path, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func (h *house) get(c *http.Client, target string) *reply {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodGet, target, nil)
	if err != nil {
		h.Fatal(err)
	}
	return h.do(c, r)
}

const verifier = "a-verifier-of-forty-three-characters-or-more-000"

func challenge(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// asking is an authorization request of the app.
func asking(change ...string) url.Values {
	v := url.Values{"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {callback}, "scope": {"openid orders:read"}, "state": {"s"}, "nonce": {"n"},
		"code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}}
	for i := 0; i+1 < len(change); i += 2 {
		if v.Set(change[i], change[i+1]); change[i+1] == "" {
			v.Del(change[i])
		}
	}
	return v
}

func (h *house) authorize(v url.Values) *reply {
	h.Helper()
	return h.get(h.browser, h.url+"/authorize?"+v.Encode())
}

// sent is what the redirect URI was told, or nothing where nobody was sent there.
func (r *reply) sent() url.Values {
	u, err := url.Parse(r.header.Get("Location"))
	if err != nil || !strings.HasPrefix(r.header.Get("Location"), callback+"?") {
		return url.Values{}
	}
	return u.Query()
}

func (h *house) code(v url.Values) string {
	h.Helper()
	r := h.authorize(v)
	code := r.sent().Get("code")
	if code == "" {
		h.Fatalf("no code: %d %s %s", r.status, r.header.Get("Location"), r.body)
	}
	h.given = append(h.given, code)
	return code
}

func redeeming(code string, change ...string) url.Values {
	v := url.Values{"grant_type": {grantCode}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	for i := 0; i+1 < len(change); i += 2 {
		if v.Set(change[i], change[i+1]); change[i+1] == "" {
			v.Del(change[i])
		}
	}
	return v
}

// login goes the whole way and returns the token response.
func (h *house) login(change ...string) *reply {
	h.Helper()
	v := asking(change...)
	r := h.post("/token", v.Get("client_id"), redeeming(h.code(v)))
	if r.status != http.StatusOK {
		h.Fatalf("%d %s", r.status, r.body)
	}
	return r
}

func (h *house) refresh(client, token string) *reply {
	h.Helper()
	return h.post("/token", client, url.Values{"grant_type": {grantRefresh}, "refresh_token": {token}})
}

func (h *house) credentials(change ...string) *reply {
	h.Helper()
	v := url.Values{"grant_type": {grantCredential}, "scope": {"orders:read"}}
	for i := 0; i+1 < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return h.post("/token", "job", v)
}

func (h *house) introspect(token string) *reply {
	h.Helper()
	return h.post("/introspect", "api", url.Values{"token": {token}})
}

func (h *house) want(r *reply, status int, code string) {
	h.Helper()
	if r.status != status || r.text("error") != code {
		h.Errorf("%d %s; want %d %s", r.status, r.body, status, code)
	}
}

// parts returns the header and the claims of a token, without verifying it.
func (h *house) parts(token string) (header, claims map[string]any) {
	h.Helper()
	p := strings.Split(token, ".")
	if len(p) != 3 {
		h.Fatalf("%q is no token", token)
	}
	for i, into := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(p[i])
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			h.Fatal(err)
		}
	}
	return header, claims
}

// base64URL is base64url without padding.
func base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// revoked reports whether the gateways are told that a grant is over.
func (h *house) revoked(grant any) bool {
	h.Helper()
	list, err := h.store.Revocations().List(h.Context(), time.Now())
	if err != nil {
		h.Fatal(err)
	}
	for _, e := range list {
		if e.Kind == store.RevokeGrant && e.Subject == grant && e.Issuer == h.url {
			return true
		}
	}
	return false
}
