package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/idp"
)

// selfHouse is a gateway with its own authorization server, over TLS.
type selfHouse struct {
	*testing.T
	dir, url string
	g        *gateway
	client   *http.Client
	log      *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *syncBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

const selfConfig = `environment: development
listen: {address: "%s", tls: {cert: demo.crt, key: demo.key, client_certificates: request}}
admin: {address: "%s"}
idp: {issuer: "%s", scopes: [orders:read]%s}
apis:
  orders:
    openapi: orders.openapi.yaml
    upstream: %s
    audience: https://api.example.com/orders
    issuer: self
    relations: relations.fga
    roles: {robot: [listOrders], clerk: [listOrders]}
    no_object: {listOrders: {because: "every caller sees the same list", owner: ops@example.com, until: %s}}
`

const selfOrders = `openapi: 3.1.0
info: {title: Orders, version: "1"}
servers: [{url: "https://%s"}]
paths:
  /v1/orders:
    get:
      operationId: listOrders
      responses:
        "200":
          description: The orders.
          content: {application/json: {schema: {type: array, items: {type: string}}}}
`

func startSelf(t *testing.T, login idp.Authenticator) *selfHouse {
	t.Helper()
	return startSelfWith(t, login, "")
}

// startSelfWith adds keys to the block idp.
func startSelfWith(t *testing.T, login idp.Authenticator, keys string) *selfHouse {
	t.Helper()
	return startSelfOn(t, login, "127.0.0.1", keys, "", nil)
}

// startSelfNamed is startSelfWith under the name of a host, since browsers have
// passkeys for names, and without limits.
func startSelfNamed(t *testing.T, host, keys string) *selfHouse {
	t.Helper()
	return startSelfOn(t, nil, host, keys, often(), nil)
}

// startSelfOn adds top to the configuration, a block store for example. Beside
// another house it has that one's issuer and keys.
func startSelfOn(t *testing.T, login idp.Authenticator, host, keys, top string, beside *selfHouse) *selfHouse {
	t.Helper()
	dir, err := os.MkdirTemp("", "gh") // t.TempDir names the test: too long for a socket in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	h := &selfHouse{T: t, dir: dir, log: &syncBuffer{}}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `["1"]`)
	}))
	t.Cleanup(upstream.Close)
	address := casetest.FreeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	name := host + ":" + port
	h.url = "https://" + name
	issuer := h.url
	if beside != nil {
		issuer = beside.url
		state := filepath.Join(h.dir, "gatehouse-state")
		if err := os.Mkdir(state, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{sealName, peopleKeyName} {
			b, err := os.ReadFile(filepath.Join(beside.g.state, name))
			if err == nil {
				err = os.WriteFile(filepath.Join(state, name), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for file, text := range map[string]string{
		"gatehouse.yaml":      top + fmt.Sprintf(selfConfig, address, casetest.FreeAddress(t), issuer, keys, upstream.URL, time.Now().AddDate(0, 6, 0).Format(time.DateOnly)),
		"orders.openapi.yaml": fmt.Sprintf(selfOrders, name),
		"relations.fga":       "model\n  schema 1.1\ntype user\ntype group\n  relations\n    define member: [user]\ntype order\n  relations\n    define editor: [user, group#member]\n",
	} {
		if err := os.WriteFile(filepath.Join(h.dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := developmentCert(h.dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	f, err := load(filepath.Join(h.dir, "gatehouse.yaml"), config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if h.g, err = startGateway(f, gatewayOptions{Login: login, Log: h.log, Problems: slog.New(slog.NewTextHandler(h.log, nil))}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.g.Close(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(h.log.String())
		}
	})
	h.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: cert.pool}}, Timeout: 10 * time.Second}
	t.Cleanup(h.client.CloseIdleConnections)
	return h
}

// add registers a client by the command, and returns its secret.
func (h *selfHouse) add(args ...string) string {
	h.Helper()
	var out, errs bytes.Buffer
	if code := run(append([]string{"clients", "add", "--config", filepath.Join(h.dir, "gatehouse.yaml"), "--json"}, args...), &out, &errs); code != 0 {
		h.Fatalf("%d %s", code, errs.String())
	}
	var shown struct{ Secret string }
	if err := json.Unmarshal(out.Bytes(), &shown); err != nil {
		h.Fatal(err)
	}
	return shown.Secret
}

func (h *selfHouse) orders(token string) (int, string) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodGet, h.url+"/v1/orders", nil)
	if err != nil {
		h.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := h.client.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func (h *selfHouse) ctx() context.Context {
	return oidc.ClientContext(h.Context(), h.client)
}

// TestAnotherServiceGetsATokenAndCallsTheAPI runs golang.org/x/oauth2 against the
// gateway: token, call, revocation (token.client-credentials, token.revocable).
func TestAnotherServiceGetsATokenAndCallsTheAPI(t *testing.T) {
	h := startSelf(t, nil)
	secret := h.add("job", "--grant", "client_credentials", "--scope", "orders:read", "--role", "robot")
	c := clientcredentials.Config{ClientID: "job", ClientSecret: secret, TokenURL: h.url + "/token", Scopes: []string{"orders:read"}}
	token, err := c.Token(h.ctx())
	if err != nil {
		t.Fatal(err)
	}
	if life := time.Until(token.Expiry); life < 59*time.Minute || life > time.Hour {
		t.Errorf("the token lives %s", life)
	}
	if status, body := h.orders(token.AccessToken); status != 200 || body != `["1"]` {
		t.Fatalf("%d %s", status, body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/revoke", strings.NewReader(url.Values{"token": {token.AccessToken}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("job", secret)
	res, err := h.client.Do(r)
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	_ = res.Body.Close()
	began := time.Now()
	for {
		if status, _ := h.orders(token.AccessToken); status == 401 {
			break
		}
		if time.Since(began) > time.Second {
			t.Fatal("a revoked token is accepted after a second")
		}
	}
	t.Logf("figure revoked token refused after %s", time.Since(began).Round(time.Millisecond))
}

// TestWithoutLoginOnlyClientsGetTokens asks for what is not on.
func TestWithoutLoginOnlyClientsGetTokens(t *testing.T) {
	h := startSelf(t, nil)
	p, err := oidc.NewProvider(h.ctx(), h.url)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := p.Claims(&m); err != nil {
		t.Fatal(err)
	}
	if m["authorization_endpoint"] != nil || fmt.Sprint(m["grant_types_supported"]) != "[client_credentials urn:ietf:params:oauth:grant-type:token-exchange]" || m["code_challenge_methods_supported"] != nil {
		t.Errorf("%v", m)
	}
	res, err := h.client.Get(h.url + "/authorize?client_id=x")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 404 {
		t.Errorf("status %d", res.StatusCode)
	}
}

// somebody proves alice at once.
type somebody struct{}

func (somebody) Authenticate(_ http.ResponseWriter, _ *http.Request, p *idp.Pending) (idp.Progress, idp.Proof, error) {
	return idp.Proven, idp.Proof{Subject: "u-1", Roles: []string{"clerk"}, ACR: idp.AAL1, AMR: []string{"pwd"}, At: time.Now(), Scopes: p.Scopes}, nil
}
func (somebody) Person(context.Context, string) (idp.Person, error) {
	return idp.Person{Roles: []string{"clerk"}}, nil
}
func (somebody) Logout(http.ResponseWriter, *http.Request, string) (string, string, error) {
	return "", "", nil
}
func (somebody) Device(http.ResponseWriter, *http.Request, func(string) (string, error)) {}
func (somebody) Pages() http.Handler                                                     { return nil }

// TestAnAppLogsAPersonInAndCallsTheAPI runs x/oauth2 and coreos/go-oidc against the
// gateway: discovery, PKCE, id_token, userinfo, refresh, reuse.
func TestAnAppLogsAPersonInAndCallsTheAPI(t *testing.T) {
	h := startSelf(t, somebody{})
	const back = "http://127.0.0.1:9/callback"
	h.add("app", "--public", "--grant", "authorization_code", "--grant", "refresh_token", "--redirect", back, "--scope", "openid", "--scope", "orders:read")
	p, err := oidc.NewProvider(h.ctx(), h.url)
	if err != nil {
		t.Fatal(err)
	}
	c := oauth2.Config{ClientID: "app", RedirectURL: back, Endpoint: p.Endpoint(), Scopes: []string{"openid", "orders:read"}}
	verifier := oauth2.GenerateVerifier()
	browser := *h.client
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := browser.Get(c.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier), oidc.Nonce("nonce")))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	to, err := res.Location()
	if err != nil || to.Query().Get("iss") != h.url || to.Query().Get("state") != "state" {
		t.Fatalf("%d %s %v %s", res.StatusCode, res.Header, err, body)
	}
	token, err := c.Exchange(h.ctx(), to.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.Verifier(&oidc.Config{ClientID: "app"}).Verify(h.ctx(), raw)
	if err != nil || id.Nonce != "nonce" || id.Subject != "u-1" {
		t.Fatalf("%+v %v", id, err)
	}
	info, err := p.UserInfo(h.ctx(), oauth2.StaticTokenSource(token))
	if err != nil || info.Subject != "u-1" {
		t.Errorf("%+v %v", info, err)
	}
	if status, body := h.orders(token.AccessToken); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	second, err := c.TokenSource(h.ctx(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil || second.RefreshToken == token.RefreshToken {
		t.Fatalf("%v %v", second, err)
	}
	third, err := c.TokenSource(h.ctx(), &oauth2.Token{RefreshToken: second.RefreshToken}).Token()
	if err != nil {
		t.Fatal(err)
	}
	// The first one again: not the immediate parent of a live token.
	if _, err := c.TokenSource(h.ctx(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token(); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("a spent refresh token: %v", err)
	}
	for _, dead := range []string{token.AccessToken, second.AccessToken, third.AccessToken} {
		if status, _ := h.orders(dead); status != 401 {
			t.Errorf("an access token of a revoked family: %d", status)
		}
	}
	if !strings.Contains(h.log.String(), "token.refresh-reuse") {
		t.Error("nobody was told")
	}
}

// TestAClientLogsAPersonOutThroughTheGateway sends a hint in the query, as clients
// do, and in a form.
func TestAClientLogsAPersonOutThroughTheGateway(t *testing.T) {
	h := startSelf(t, somebody{})
	hint := "eyJhbGciOiJFUzI1NiIsImtpZCI6IngifQ.eyJpc3MiOiJ4In0." + strings.Repeat("A", 86)
	res, err := h.client.Get(h.url + "/logout?id_token_hint=" + hint)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != 200 || !strings.Contains(string(body), "logged out") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res, err = h.client.PostForm(h.url+"/logout", url.Values{"id_token_hint": {hint}}); err != nil {
		t.Fatal(err)
	}
	body, _ = io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != 200 || !strings.Contains(string(body), "logged out") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// TestTheTokenEndpointIsBehindOurOwnLimits asks until it is told to wait
// (limit.preset-auth).
func TestTheTokenEndpointIsBehindOurOwnLimits(t *testing.T) {
	looser := fmt.Sprintf(`, endpoints: {issueToken: {ratelimit: {endpoint: 10/min, waiver: {because: "several services behind one address", owner: ops@example.com, until: %s}}}}`,
		time.Now().AddDate(0, 6, 0).Format(time.DateOnly))
	for keys, most := range map[string]int{"": 5, looser: 10} {
		h := startSelfWith(t, nil, keys)
		secret := h.add("job", "--grant", "client_credentials")
		for n := 1; n <= most+1; n++ {
			res, err := h.client.PostForm(h.url+"/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"job"}, "client_secret": {secret}})
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if want := map[bool]int{true: 200, false: 429}[n <= most]; res.StatusCode != want {
				t.Errorf("request %d of %d: %d", n, most, res.StatusCode)
			}
		}
	}
}

// TestWhatTheAuthorizationServerSaysReachesClients looks at fields that our own
// controls could take away or add.
func TestWhatTheAuthorizationServerSaysReachesClients(t *testing.T) {
	const app = "https://app.example.com"
	h := startSelfWith(t, nil, ", controls: {cors: {origins: ["+app+"]}}")
	h.add("job", "--grant", "client_credentials")
	ask := func(method, path, body string, fields ...string) (*http.Response, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, h.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for i := 0; i+1 < len(fields); i += 2 {
			r.Header.Set(fields[i], fields[i+1])
		}
		res, err := h.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(b)
	}
	if res, _ := ask("GET", "/jwks", ""); res.StatusCode != 200 || !strings.Contains(res.Header.Get("Cache-Control"), "max-age=300") {
		t.Errorf("keys: %d %v", res.StatusCode, res.Header)
	}
	res, body := ask("POST", "/token", "grant_type=client_credentials&client_id=job&client_secret=wrong", "Origin", app)
	if res.StatusCode != 401 || !strings.Contains(body, `"invalid_client"`) || !strings.Contains(res.Header.Get("Cache-Control"), "no-store") || res.Header.Get("Access-Control-Allow-Origin") != app {
		t.Errorf("a wrong secret: %d %v %s", res.StatusCode, res.Header, body)
	}
	if id := res.Header.Get("X-Request-Id"); id == "" || !strings.Contains(body, id) {
		t.Errorf("the error does not name the request %q: %s", id, body)
	}
	if res, _ = ask("OPTIONS", "/token", "", "Origin", app, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type"); res.Header.Get("Access-Control-Allow-Origin") != app {
		t.Errorf("a preflight: %d %v", res.StatusCode, res.Header)
	}
	if res, _ = ask("POST", "/token", "grant_type=client_credentials&client_id=job", "Authorization", "Basic am9iOng="); !strings.HasPrefix(res.Header.Get("Www-Authenticate"), "Basic") {
		t.Errorf("a wrong secret by Basic: %d %v", res.StatusCode, res.Header)
	}
}
