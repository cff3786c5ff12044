package idp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/store"
)

// receiver is a client's endpoint for logouts.
type receiver struct {
	mu      sync.Mutex
	answers []int // by turns; afterwards 200. 0 breaks the connection off
	got     []*http.Request
	tokens  []string
}

func (c *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got, c.tokens = append(c.got, r), append(c.tokens, r.PostFormValue("logout_token"))
	status := 200
	if len(c.answers) > 0 {
		status, c.answers = c.answers[0], c.answers[1:]
	}
	if status == http.StatusFound {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "ok")
}

// RoundTrip calls it without a network, so that time can be made to pass.
func (c *receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	broken := len(c.answers) > 0 && c.answers[0] == 0
	if broken {
		c.answers, c.tokens = c.answers[1:], append(c.tokens, "")
	}
	c.mu.Unlock()
	if broken {
		return nil, errors.New("connection reset")
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Result(), nil
}

func (c *receiver) told() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.tokens...)
}

// wait waits until it was told so often, for at most five seconds.
func (c *receiver) wait(t *testing.T, n int) []string {
	t.Helper()
	for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(time.Millisecond) {
		if told := c.told(); len(told) >= n {
			return told
		}
	}
	t.Fatalf("told %d times; want %d", len(c.told()), n)
	return nil
}

// telling is a house with a client that is told of logouts at that place.
func telling(t *testing.T, c *http.Client, uri string) *house {
	t.Helper()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h := newHouse(t, func(o *Options) { o.Backchannel = c })
	h.client(store.Client{ID: "told", Public: true, Grants: []string{grantCode, grantRefresh}, RedirectURIs: []string{callback}, Scopes: []string{"openid"}, BackchannelLogoutURI: uri})
	return h
}

// run runs the server until the function that it returns is called.
func (h *house) run() (stop func()) {
	ctx, cancel := context.WithCancel(h.Context())
	var work sync.WaitGroup
	work.Go(func() { h.server.Run(ctx) })
	return func() { cancel(); work.Wait() }
}

// judged verifies a logout token as section 2.6 says, and returns its claims.
func (h *house) judged(token string) map[string]any {
	h.Helper()
	t, err := jose.Parse(token)
	if err != nil {
		h.Fatal(err)
	}
	keys, _, err := jose.Live(h.server.options.Keys.Set).Find(h.Context(), time.Now(), t.Algorithm, t.KeyID)
	if err != nil || len(keys) != 1 || t.Verify(keys[0]) != nil || t.Algorithm != jose.ES256 || t.Type != logoutType {
		h.Errorf("%v, %d keys, %s, %s", err, len(keys), t.Algorithm, t.Type)
	}
	_, claims := h.parts(token)
	events, _ := claims["events"].(map[string]any)
	event, ok := events[logoutEvent].(map[string]any)
	iat, _ := claims["iat"].(float64)
	exp, _ := claims["exp"].(float64)
	if claims["iss"] != h.url || claims["aud"] != "told" || !ok || len(event) != 0 || claims["jti"] == nil || claims["nonce"] != nil ||
		exp-iat != 120 || time.Since(time.Unix(int64(iat), 0)).Abs() > 5*time.Second {
		h.Errorf("%v", claims)
	}
	return claims
}

// OpenID Connect Back-Channel Logout 1.0: a client with an endpoint of its own, over
// TLS, is told of the session, and of the person when all ends.
func TestClientsAreToldOfALogout(t *testing.T) {
	c := &receiver{}
	s := httptest.NewTLSServer(c)
	defer s.Close()
	h := telling(t, s.Client(), s.URL+"/logout")
	defer h.run()()
	h.signedIn("s-1")
	h.login("client_id", "told", "scope", "openid")
	h.login() // of another client, which is not to be told
	began := time.Now()
	h.endSession("s-1")
	claims := h.judged(c.wait(t, 1)[0])
	t.Logf("figure a client is told of a logout after %s", time.Since(began).Round(time.Millisecond))
	if claims["sub"] != "u-1" || claims["sid"] != "s-1" {
		t.Errorf("%v", claims)
	}
	if r := c.got[0]; r.Method != http.MethodPost || r.URL.Path != "/logout" || r.URL.RawQuery != "" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
	h.signedIn("s-2")
	h.login("client_id", "told", "scope", "openid")
	if _, err := h.store.Endings().EndSubject(t.Context(), "u-1", store.Hash{}, store.Ending{Issuer: h.url, Because: "x", Author: "y", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	claims = h.judged(c.wait(t, 2)[1])
	if _, named := claims["sid"]; claims["sub"] != "u-1" || named {
		t.Errorf("everywhere: %v", claims)
	}
	if one, two := h.judged(c.told()[0])["jti"], claims["jti"]; one == two {
		t.Error("two tokens of one name")
	}
}

// A logout that nobody could be told of is kept, and told when a server runs again.
func TestALogoutIsToldAfterACrash(t *testing.T) {
	c := &receiver{}
	h := telling(t, &http.Client{Transport: c}, "https://told.example.com/logout")
	h.signedIn("s-1")
	h.login("client_id", "told", "scope", "openid")
	h.endSession("s-1") // by a process in which no server runs
	if len(c.told()) != 0 {
		t.Fatal("told by nobody")
	}
	stop := h.run()
	c.wait(t, 1)
	stop()
	stop = h.run()
	defer stop()
	time.Sleep(50 * time.Millisecond)
	if n := len(c.told()); n != 1 {
		t.Errorf("told %d times", n)
	}
}

func TestAClientThatFailsIsToldAgainEverMoreSlowlyAndGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &receiver{answers: []int{500, 400, 302, 0, 200, 503, 503, 503, 503, 503, 503, 503, 503, 503, 503, 503}}
		h := telling(t, &http.Client{Transport: c}, "https://told.example.com/logout")
		h.signedIn("s-1")
		h.login("client_id", "told", "scope", "openid")
		h.endSession("s-1")
		for n, after := range []time.Duration{0, 10 * time.Second, 30 * time.Second, 90 * time.Second, 270 * time.Second} {
			if after > 0 {
				time.Sleep(after - time.Second)
				if h.server.tellDue(t.Context()); len(c.told()) != n {
					t.Fatalf("told %d times, too early", len(c.told()))
				}
				time.Sleep(time.Second)
			}
			if h.server.tellDue(t.Context()); len(c.told()) != n+1 {
				t.Fatalf("told %d times; want %d", len(c.told()), n+1)
			}
		}
		time.Sleep(24 * time.Hour)
		if h.server.tellDue(t.Context()); len(c.told()) != 5 {
			t.Error("told again although it answered 200")
		}
		h.signedIn("s-2")
		h.login("client_id", "told", "scope", "openid")
		h.endSession("s-2")
		for range 20 {
			h.server.tellDue(t.Context())
			time.Sleep(time.Hour)
		}
		if n := len(c.told()); n != 5+logoutTries || !strings.Contains(h.log.String(), "level=ERROR") {
			t.Errorf("told %d times and nobody hears of it", n-5)
		}
		if strings.Contains(h.log.String(), "eyJ") {
			t.Error("a token is in the log")
		}
		_ = h.store.Close()
	})
}

func TestAClientThatIsGoneIsToldOfNothing(t *testing.T) {
	c := &receiver{}
	h := telling(t, &http.Client{Transport: c}, "https://told.example.com/logout")
	h.signedIn("s-1")
	h.login("client_id", "told", "scope", "openid")
	h.endSession("s-1")
	if err := h.store.Clients().Remove(t.Context(), "told"); err != nil {
		t.Fatal(err)
	}
	h.server.tellDue(t.Context())
	if l, err := h.store.Logouts().Claim(t.Context(), time.Now().Add(24*time.Hour), h.url, 10); err != nil || len(l) != 0 || len(c.told()) != 0 {
		t.Errorf("%v %v, told %d times", l, err, len(c.told()))
	}
}

// A logout token is good for nothing else (section 2.4, RFC 8725 section 3.11).
func TestALogoutTokenIsNoOtherToken(t *testing.T) {
	h := newHouse(t)
	h.client(store.Client{ID: "site", Public: true, Grants: []string{grantCode}, RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{bye}, Scopes: []string{"openid"}})
	token, err := h.server.logoutToken(t.Context(), &store.Logout{Client: "site", Subject: "u-1", Session: "s-1"})
	if err != nil {
		t.Fatal(err)
	}
	if r := h.introspect(token); r.json["active"] != false {
		t.Errorf("introspection: %s", r.body)
	}
	h.want(h.bearer("/userinfo", token), 401, "invalid_token")
	if r := h.leave("id_token_hint", token, "post_logout_redirect_uri", bye); r.header.Get("Location") != "" {
		t.Errorf("as a hint: %v", r.header)
	}
	h.want(h.refresh("app", token), 400, "invalid_grant")
}

func (h *house) bearer(path, token string) *reply {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodGet, h.url+path, nil)
	if err != nil {
		h.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return h.do(&http.Client{Transport: direct{h}}, r)
}

func TestTheMetadataSaysThatClientsAreTold(t *testing.T) {
	with, without := telling(t, &http.Client{}, "https://told.example.com/logout"), newHouse(t)
	for h, want := range map[*house]any{with: true, without: nil} {
		m := h.get(h.browser, h.url+pathOIDC)
		if m.json["backchannel_logout_supported"] != want || m.json["backchannel_logout_session_supported"] != want {
			t.Errorf("%s; want %v", m.body, want)
		}
	}
}

func TestPlacesThatNobodyShouldBeToldAtAreRefused(t *testing.T) {
	c := store.Client{ID: "c", Public: true, Grants: []string{grantCode}, RedirectURIs: []string{callback}, Made: time.Now()}
	for _, bad := range []string{"http://app.example.com/x", "ftp://app.example.com", "//app.example.com", "/x", "https://a@app.example.com/x", "https://app.example.com/x#f", "https://", "app.example:x", "https://app.example.com/ x"} {
		if c.BackchannelLogoutURI = bad; CheckClient(&c) == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	for _, good := range []string{"https://app.example.com/x?tenant=1", "http://127.0.0.1:8080/x", "http://localhost/x"} {
		if c.BackchannelLogoutURI = good; CheckClient(&c) != nil {
			t.Errorf("%s: %v", good, CheckClient(&c))
		}
	}
	job := store.Client{ID: "j", Grants: []string{grantCredential}, BackchannelLogoutURI: "https://app.example.com/x", Made: time.Now()}
	if CheckClient(&job) == nil {
		t.Error("a client that nobody signs in to is told of logouts")
	}
}
