package idp

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// The cases of RFC 9700, RFC 6749, RFC 7636 and RFC 9126 that must be refused,
// where they concern authorizations and codes (R39).

// refused expects that the redirect URI is told an error, and no code.
func (h *house) refused(r *reply, code string) {
	h.Helper()
	if q := r.sent(); q.Get("error") != code || q.Get("code") != "" || q.Get("iss") != h.url || q.Get("state") != "s" {
		h.Errorf("%d %s %s; want the error %s", r.status, r.header.Get("Location"), r.body, code)
	}
}

// stopped expects a page, and that nobody is sent anywhere.
func (h *house) stopped(r *reply) {
	h.Helper()
	if r.status != 400 || r.header.Get("Location") != "" || !strings.Contains(r.header.Get("Content-Type"), "text/html") {
		h.Errorf("%d %v %s", r.status, r.header, r.body)
	}
}

func TestAReplayedCodeEndsWhatItBegan(t *testing.T) {
	h := newHouse(t)
	code := h.code(asking())
	r := h.post("/token", "app", redeeming(code))
	h.want(r, 200, "")
	h.want(h.post("/token", "app", redeeming(code)), 400, "invalid_grant")
	h.want(h.refresh("app", r.text("refresh_token")), 400, "invalid_grant")
	_, claims := h.parts(r.text("access_token"))
	if !h.revoked(claims["grant_id"]) {
		t.Error("the gateways are not told")
	}
	h.want(h.post("/token", "app", redeeming(code)), 400, "invalid_grant")
}

func TestOfTwentyWhoRedeemACodeAtMostOneSucceeds(t *testing.T) {
	h := newHouse(t)
	code := h.code(asking())
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if r := h.post("/token", "app", redeeming(code)); r.status == 200 {
				won.Add(1)
			} else if r.text("error") != "invalid_grant" {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	wg.Wait()
	if won.Load() > 1 {
		t.Errorf("%d succeeded", won.Load())
	}
}

func TestACodeOfAnotherClientIsRefused(t *testing.T) {
	h := newHouse(t)
	h.want(h.post("/token", "web", redeeming(h.code(asking()))), 400, "invalid_grant")
}

func TestACodeOfAConfidentialClientNeedsItsSecret(t *testing.T) {
	h := newHouse(t)
	code := h.code(asking("client_id", "web"))
	h.want(h.post("/token", "web", redeeming(code), func(r *http.Request) { r.Header.Del("Authorization") }), 401, "invalid_client")
	h.want(h.post("/token", "web", redeeming(code)), 200, "")
}

func TestAWrongVerifierIsRefused(t *testing.T) {
	h := newHouse(t)
	h.want(h.post("/token", "app", redeeming(h.code(asking()), "code_verifier", verifier+"x")), 400, "invalid_grant")
}

func TestAMissingVerifierIsRefused(t *testing.T) {
	h := newHouse(t)
	h.want(h.post("/token", "app", redeeming(h.code(asking()), "code_verifier", "")), 400, "invalid_grant")
}

func TestTheChallengeIsNoVerifier(t *testing.T) {
	h := newHouse(t)
	h.want(h.post("/token", "app", redeeming(h.code(asking()), "code_verifier", challenge(verifier))), 400, "invalid_grant")
}

func TestAVerifierOfFewerThan43CharactersIsRefused(t *testing.T) {
	h := newHouse(t)
	short := strings.Repeat("v", 42)
	h.want(h.post("/token", "app", redeeming(h.code(asking("code_challenge", challenge(short))), "code_verifier", short)), 400, "invalid_grant")
}

func TestAnAuthorizationWithoutAChallengeIsRefused(t *testing.T) {
	h := newHouse(t)
	h.refused(h.authorize(asking("code_challenge", "", "code_challenge_method", "")), "invalid_request")
}

func TestAConfidentialClientNeedsAChallengeToo(t *testing.T) {
	h := newHouse(t)
	h.refused(h.authorize(asking("client_id", "web", "code_challenge", "", "code_challenge_method", "")), "invalid_request")
}

func TestThePlainMethodIsRefused(t *testing.T) {
	h := newHouse(t)
	h.refused(h.authorize(asking("code_challenge", verifier, "code_challenge_method", "plain")), "invalid_request")
}

func TestAChallengeWithoutItsMethodIsRefused(t *testing.T) {
	h := newHouse(t)
	h.refused(h.authorize(asking("code_challenge_method", "")), "invalid_request")
}

func TestAChallengeThatIsNoHashIsRefused(t *testing.T) {
	h := newHouse(t)
	h.refused(h.authorize(asking("code_challenge", "short")), "invalid_request")
}

func TestAnotherRedirectURIAtTheTokenEndpointIsRefused(t *testing.T) {
	h := newHouse(t)
	h.want(h.post("/token", "app", redeeming(h.code(asking()), "redirect_uri", callback+"/")), 400, "invalid_grant")
}

func TestAMissingRedirectURIAtTheTokenEndpointIsRefused(t *testing.T) {
	h := newHouse(t)
	h.want(h.post("/token", "app", redeeming(h.code(asking()), "redirect_uri", "")), 400, "invalid_grant")
}

func TestACodeOfAMinuteAgoIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		code := h.code(asking())
		time.Sleep(CodeLife)
		h.want(h.post("/token", "app", redeeming(code)), 400, "invalid_grant")
		_ = h.store.Close()
	})
}

func TestAnUnknownCodeIsRefused(t *testing.T) {
	h := newHouse(t)
	h.want(h.post("/token", "app", redeeming("unknown")), 400, "invalid_grant")
	h.want(h.post("/token", "app", redeeming("x", "code", "")), 400, "invalid_request")
}

func TestACodeBoundToAKeyIsRefusedWithoutIt(t *testing.T) {
	h := newHouse(t)
	code := h.code(asking("dpop_jkt", challenge("some key")))
	h.want(h.post("/token", "app", redeeming(code)), 400, "invalid_request")
}

// TestARedirectURIIsComparedExactly covers R38.
func TestARedirectURIIsComparedExactly(t *testing.T) {
	h := newHouse(t)
	for name, uri := range map[string]string{
		"slash": callback + "/", "case": "https://APP.example.com/callback", "query": callback + "?x=1", "path": callback + "/../evil", "fragment": callback + "#x",
		"user": "https://app.example.com@evil.example/callback", "port": "https://app.example.com:8443/callback", "scheme": "http://app.example.com/callback",
		"suffix": "https://app.example.com.evil.example/callback", "no scheme": "//evil.example", "backslash": `/\evil.example`, "none": "", "script": "javascript:alert(1)",
		"encoded": "https://app.example.com/%63allback", "loopback": "http://127.0.0.1:1/callback",
	} {
		t.Run(name, func(t *testing.T) {
			c := *h
			c.T = t
			c.stopped(c.authorize(asking("redirect_uri", uri)))
		})
	}
}

func TestANativeApplicationChoosesItsPortOnThisMachineOnly(t *testing.T) {
	h := newHouse(t)
	v := asking("client_id", "native", "scope", "openid", "redirect_uri", "http://127.0.0.1:51234/back")
	if r := h.authorize(v); !strings.HasPrefix(r.header.Get("Location"), "http://127.0.0.1:51234/back?") {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, other := range []string{"http://127.0.0.1:51234/other", "http://192.0.2.1:51234/back", "http://localhost:51234/back", "https://127.0.0.1:51234/back"} {
		v.Set("redirect_uri", other)
		h.stopped(h.authorize(v))
	}
}

func TestARepeatedParameterOfAnAuthorizationIsRefused(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"redirect_uri", "client_id", "scope", "code_challenge", "state"} {
		v := asking()
		v.Add(name, v.Get(name))
		h.stopped(h.authorize(v))
	}
}

func TestAnUnknownClientIsSentNowhere(t *testing.T) {
	h := newHouse(t)
	h.stopped(h.authorize(asking("client_id", "nobody")))
	h.stopped(h.authorize(asking("client_id", "")))
	h.stopped(h.authorize(asking("client_id", "job")))
}

func TestTheImplicitGrantDoesNotExist(t *testing.T) {
	h := newHouse(t)
	for _, kind := range []string{"token", "id_token", "id_token token", "code token", "code id_token", "none", ""} {
		if r := h.authorize(asking("response_type", kind)); strings.Contains(r.header.Get("Location"), "_token=") || strings.Contains(r.header.Get("Location"), "code=") || !strings.Contains(r.header.Get("Location"), "error=") {
			t.Errorf("%q: %d %s", kind, r.status, r.header.Get("Location"))
		}
	}
}

func TestAnswersGoIntoTheQueryOnly(t *testing.T) {
	h := newHouse(t)
	for _, mode := range []string{"fragment", "form_post", "json", "query.jwt", "web_message"} {
		if r := h.authorize(asking("response_mode", mode)); strings.Contains(r.header.Get("Location")+r.body, "code=") {
			t.Errorf("%s: %d %s %s", mode, r.status, r.header.Get("Location"), r.body)
		}
	}
}

func TestAScopeThatTheClientMayNotHaveIsRefused(t *testing.T) {
	h := newHouse(t)
	h.refused(h.authorize(asking("scope", "openid orders:write")), "invalid_scope")
	h.refused(h.authorize(asking("scope", "openid admin")), "invalid_scope")
}

func TestAnUnknownResourceIsRefused(t *testing.T) {
	h := newHouse(t)
	h.refused(h.authorize(asking("resource", "https://other.example.com")), "invalid_target")
	h.want(h.credentials("resource", "https://other.example.com"), 400, "invalid_target")
}

func TestRequestObjectsAndForeignRequestURIsAreRefused(t *testing.T) {
	h := newHouse(t)
	h.stopped(h.authorize(asking("request", "eyJhbGciOiJub25lIn0.e30.")))
	h.stopped(h.authorize(asking("request_uri", "https://evil.example/request")))
	h.stopped(h.authorize(url.Values{"client_id": {"app"}, "request_uri": {"http://169.254.169.254/"}}))
}

func TestARefusalOfTheLoginIsToldInItsWord(t *testing.T) {
	h := newHouse(t)
	for _, code := range []Refusal{LoginRequired, ConsentRequired, AccessDenied} {
		h.people.change(func(p *people) { p.refuse = code })
		h.refused(h.authorize(asking("prompt", "none")), string(code))
	}
}

func TestAnUnknownAuthenticationClassIsRefused(t *testing.T) {
	h := newHouse(t)
	h.refused(h.authorize(asking("acr_values", "aal9")), "invalid_request")
	h.refused(h.authorize(asking("acr_values", AAL2)), "access_denied")
}

func TestAProofThatIsTooOldIsRefused(t *testing.T) {
	h := newHouse(t)
	h.people.change(func(p *people) { p.proof.At = time.Now().Add(-time.Hour) })
	h.refused(h.authorize(asking("max_age", "60")), "login_required")
}

func TestAPersonIsNotNamedLikeTheClient(t *testing.T) {
	h := newHouse(t)
	for _, subject := range []string{"app", "", "with space", strings.Repeat("x", 256)} {
		h.people.change(func(p *people) { p.proof.Subject = subject })
		h.refused(h.authorize(asking()), "access_denied")
	}
}

func TestScopesThatWereNotAskedForAreNotGiven(t *testing.T) {
	h := newHouse(t)
	h.people.change(func(p *people) { p.proof.Scopes = []string{"orders:read", "orders:write", "admin"} })
	_, claims := h.parts(h.login().text("access_token"))
	if claims["scope"] != "orders:read" {
		t.Errorf("scope %v", claims["scope"])
	}
}

func TestALoginThatTookTooLongIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.people.change(func(p *people) { p.page = true })
		path := strings.TrimPrefix(h.authorize(asking()).body, "action=")
		time.Sleep(LoginLife)
		h.stopped(h.get(h.browser, h.url+path))
		_ = h.store.Close()
	})
}

func TestALoginThatIsEndedTwiceAtOnceGivesOneCode(t *testing.T) {
	h := newHouse(t)
	h.people.change(func(p *people) { p.page = true })
	path := strings.TrimPrefix(h.authorize(asking()).body, "action=")
	var codes atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if h.get(h.browser, h.url+path).sent().Get("code") != "" {
				codes.Add(1)
			}
		})
	}
	wg.Wait()
	if codes.Load() != 1 {
		t.Errorf("%d codes", codes.Load())
	}
}

// pushed pushes a request of the app and returns its handle.
func (h *house) pushed() string {
	h.Helper()
	r := h.post("/par", "app", asking())
	if r.status != 201 {
		h.Fatalf("%d %s", r.status, r.body)
	}
	return r.text("request_uri")
}

func with(client, handle string, more ...string) url.Values {
	v := url.Values{"client_id": {client}, "request_uri": {handle}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

func TestAPushedRequestIsUsedOnce(t *testing.T) {
	h := newHouse(t)
	handle := h.pushed()
	h.code(with("app", handle))
	h.stopped(h.authorize(with("app", handle)))
}

func TestAPushedRequestOfAnotherClientIsRefused(t *testing.T) {
	h := newHouse(t)
	handle := h.pushed()
	h.stopped(h.authorize(with("web", handle)))
	h.stopped(h.authorize(with("app", handle)))
}

func TestAPushedRequestOfAMinuteAgoIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		handle := h.pushed()
		time.Sleep(CodeLife)
		h.stopped(h.authorize(with("app", handle)))
		_ = h.store.Close()
	})
}

func TestAPushedRequestIsNotChangedOnItsWay(t *testing.T) {
	h := newHouse(t)
	for _, more := range []string{"scope", "redirect_uri", "code_challenge", "prompt"} {
		h.stopped(h.authorize(with("app", h.pushed(), more, asking().Get(more)+"x")))
	}
}

func TestAPushedRequestNeedsItsClient(t *testing.T) {
	h := newHouse(t)
	h.want(h.post("/par", "web", asking(), func(r *http.Request) { r.SetBasicAuth("web", "wrong") }), 401, "invalid_client")
	h.want(h.post("/par", "web", asking(), func(r *http.Request) { r.Header.Del("Authorization") }), 401, "invalid_client")
}

func TestAPushedRequestIsJudgedWhenItIsPushed(t *testing.T) {
	h := newHouse(t)
	h.want(h.post("/par", "app", asking("redirect_uri", "https://evil.example/")), 400, "invalid_request")
	h.want(h.post("/par", "app", asking("scope", "admin")), 400, "invalid_scope")
	h.want(h.post("/par", "app", asking("request_uri", "urn:ietf:params:oauth:request_uri:x")), 400, "invalid_request")
	h.want(h.post("/par", "app", asking("code_challenge_method", "plain")), 400, "invalid_request")
}

func TestRegistrationsThatWouldOpenADoorAreRefused(t *testing.T) {
	code := []string{grantCode}
	for name, c := range map[string]store.Client{
		"no redirect URI": {Grants: code}, "wildcard": {Grants: code, RedirectURIs: []string{"https://*.example.com/cb"}},
		"fragment": {Grants: code, RedirectURIs: []string{callback + "#x"}}, "plain http": {Grants: code, RedirectURIs: []string{"http://app.example.com/cb"}},
		"script": {Grants: code, Native: true, RedirectURIs: []string{"javascript:alert(1)"}}, "user": {Grants: code, RedirectURIs: []string{"https://a@app.example.com/"}},
		"private scheme without a dot": {Grants: code, Native: true, RedirectURIs: []string{"myapp:/cb"}}, "private scheme of no native": {Grants: code, RedirectURIs: []string{"com.example.app:/cb"}},
		"password grant": {Grants: []string{"password"}}, "implicit": {Grants: []string{"implicit"}}, "refresh alone": {Grants: []string{grantRefresh}},
		"public with credentials": {Public: true, Grants: []string{grantCredential}}, "a scope with a space": {Grants: []string{grantCredential}, Scopes: []string{"a b"}},
		"a logout page elsewhere": {Grants: []string{grantCredential}, PostLogoutRedirectURIs: []string{"http://evil.example/"}},
	} {
		c.ID, c.Made = "c", time.Now()
		if err := CheckClient(&c); err == nil {
			t.Errorf("%s is registered", name)
		}
	}
}
