package idp

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// negative is one request that an authorization server must refuse. Its name says
// what is wrong with it; source is where it is demanded: a section of a standard, or
// a module of the OpenID conformance suite by its test name, or by its class where
// that has several.
type negative struct {
	name, source string
	run          func(h *house)
}

func tryAll(t *testing.T, cases []negative) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // so that a case may wait
				h := newHouse(t)
				c.run(h)
				_ = h.store.Close()
			})
		})
	}
}

// none expects that nobody gets a token.
func (h *house) none(r *reply, status int, code string) {
	h.Helper()
	h.want(r, status, code)
	for _, name := range []string{"access_token", "refresh_token", "id_token", "request_uri"} {
		if r.text(name) != "" {
			h.Errorf("there is a token: %s", r.body)
		}
	}
}

// inactive expects that introspection says so, and nothing else.
func (h *house) inactive(token string) {
	h.Helper()
	if r := h.introspect(token); r.status != 200 || len(r.json) != 1 || r.json["active"] != false {
		h.Errorf("%d %s", r.status, r.body)
	}
}

func TestAuthorizationRequestsThatMustBeRefused(t *testing.T) { tryAll(t, negativeAuthorizations()) }

func negativeAuthorizations() []negative {
	asked := func(code string, change ...string) func(h *house) {
		return func(h *house) { h.Helper(); h.refused(h.authorize(asking(change...)), code) }
	}
	stopped := func(change ...string) func(h *house) {
		return func(h *house) { h.Helper(); h.stopped(h.authorize(asking(change...))) }
	}
	// The errors of types that answer in the fragment are told there.
	inFragment := func(kind string) func(h *house) {
		return func(h *house) {
			h.Helper()
			to, err := url.Parse(h.authorize(asking("response_type", kind)).header.Get("Location"))
			if err != nil || !strings.HasPrefix(to.Fragment, "error=") || strings.Contains(to.String(), "token=") || strings.Contains(to.String(), "code=") {
				h.Errorf("%v %v", to, err)
			}
		}
	}
	twice := func(name string) func(h *house) {
		return func(h *house) {
			v := asking("prompt", "login", "max_age", "60", "response_mode", "query")
			v.Add(name, v.Get(name))
			h.stopped(h.authorize(v))
		}
	}
	return []negative{
		{"prompt none while nobody is signed in", "oidcc-prompt-none-not-logged-in", func(h *house) {
			h.people.change(func(p *people) { p.refuse = LoginRequired })
			h.refused(h.authorize(asking("prompt", "none")), "login_required")
		}},
		{"prompt none while consent is missing", "OpenID Connect Core 1.0 section 3.1.2.6", func(h *house) {
			h.people.change(func(p *people) { p.refuse = ConsentRequired })
			h.refused(h.authorize(asking("prompt", "none")), "consent_required")
		}},
		{"prompt none beside another", "OpenID Connect Core 1.0 section 3.1.2.1", asked("invalid_request", "prompt", "none login")},
		{"a prompt that there is not", "OpenID Connect Core 1.0 section 3.1.2.1", asked("invalid_request", "prompt", "always")},
		{"max_age that is negative", "OpenID Connect Core 1.0 section 3.1.2.1", asked("invalid_request", "max_age", "-1")},
		{"max_age that is no number", "OpenID Connect Core 1.0 section 3.1.2.1", asked("invalid_request", "max_age", "soon")},
		{"max_age that is more than a number holds", "OpenID Connect Core 1.0 section 3.1.2.1", asked("invalid_request", "max_age", "99999999999999999999")},
		{"a proof that is older than max_age", "oidcc-max-age-1", func(h *house) {
			h.people.change(func(p *people) { p.proof.At = time.Now().Add(-time.Minute) })
			h.refused(h.authorize(asking("max_age", "1")), "login_required")
		}},
		{"no response_type", "oidcc-response-type-missing", asked("invalid_request", "response_type", "")},
		{"response_type token", "fapi2-security-profile-final-ensure-response-type-token-fails", inFragment("token")},
		{"response_type code id_token", "fapi2spfinal.FAPI2SPFinalEnsureResponseTypeCodeIdTokenFails", inFragment("code id_token")},
		{"response_mode fragment", "RFC 9700 section 4.3", stopped("response_mode", "fragment")},
		{"response_mode form_post", "OAuth 2.0 Form Post Response Mode section 2", stopped("response_mode", "form_post")},
		{"response_mode query.jwt", "JWT Secured Authorization Response Mode section 2.3", stopped("response_mode", "query.jwt")},
		{"no redirect_uri", "openid.OIDCCEnsureRedirectUriInAuthorizationRequest", stopped("redirect_uri", "")},
		{"a redirect_uri that is not registered", "openid.OIDCCEnsureRegisteredRedirectUri", stopped("redirect_uri", "https://evil.example/callback")},
		{"a query added to the redirect_uri", "openid.OIDCCRedirectUriQueryAdded", stopped("redirect_uri", callback+"?foo=bar")},
		{"another query in the redirect_uri", "openid.OIDCCRedirectUriQueryMismatch", func(h *house) {
			h.client(store.Client{ID: "query", Public: true, Grants: []string{grantCode}, RedirectURIs: []string{callback + "?foo=bar"}, Scopes: []string{"openid"}})
			h.stopped(h.authorize(asking("client_id", "query", "scope", "openid", "redirect_uri", callback+"?foo=baz")))
			h.stopped(h.authorize(asking("client_id", "query", "scope", "openid", "redirect_uri", callback)))
		}},
		{"a redirect_uri with a fragment at registration", "openid.OIDCCRedirectUriRegFrag", func(h *house) {
			c := store.Client{ID: "f", Public: true, Grants: []string{grantCode}, RedirectURIs: []string{callback + "#x"}, Made: time.Now()}
			if CheckClient(&c) == nil {
				h.Error("it is taken")
			}
		}},
		{"another client's redirect_uri", "RFC 9700 section 2.1", stopped("redirect_uri", "http://127.0.0.1/back")},
		{"a request object that nobody signed", "openid.OIDCCUnsignedRequestObjectSupportedCorrectlyOrRejectedAsUnsupported", stopped("request", "eyJhbGciOiJub25lIn0.eyJzY29wZSI6Im9wZW5pZCJ9.")},
		{"a request object that somebody signed", "RFC 9101 section 10.2", stopped("request", "eyJhbGciOiJFUzI1NiJ9.eyJzY29wZSI6Im9wZW5pZCJ9."+challenge("x")+challenge("y"))},
		{"a request_uri that leads elsewhere", "openid.OIDCCRequestUriUnsignedSupportedCorrectlyOrRejectedAsUnsupported", func(h *house) {
			h.stopped(h.authorize(url.Values{"client_id": {"app"}, "request_uri": {"https://evil.example/request.jwt"}}))
		}},
		{"a challenge by another method", "RFC 7636 section 4.3", asked("invalid_request", "code_challenge_method", "S512")},
		{"a challenge that is padded", "RFC 7636 section 4.2", asked("invalid_request", "code_challenge", challenge(verifier)+"=")},
		{"a challenge that is too short", "RFC 7636 section 4.2", asked("invalid_request", "code_challenge", challenge(verifier)[:42])},
		{"an unknown scope beside a known one", "RFC 6749 section 3.3", asked("invalid_scope", "scope", "openid nothing")},
		{"a resource with a fragment", "RFC 8707 section 2", asked("invalid_target", "resource", api+"#x")},
		{"a resource that is no URI", "RFC 8707 section 2", asked("invalid_target", "resource", "orders")},
		{"one resource of two that is foreign", "RFC 8707 section 2", func(h *house) {
			v := asking("resource", api)
			v.Add("resource", "https://evil.example")
			h.refused(h.authorize(v), "invalid_target")
		}},
		{"response_type twice", "RFC 6749 section 3.1", twice("response_type")},
		{"nonce twice", "RFC 6749 section 3.1", twice("nonce")},
		{"prompt twice", "RFC 6749 section 3.1", twice("prompt")},
		{"max_age twice", "RFC 6749 section 3.1", twice("max_age")},
		{"code_challenge_method twice", "RFC 6749 section 3.1", twice("code_challenge_method")},
		{"response_mode twice", "RFC 6749 section 3.1", twice("response_mode")},
		{"parameters in the query and in the body", "RFC 6749 section 3.1", func(h *house) {
			h.stopped(h.do(h.browser, h.request("/authorize?client_id=app", asking().Encode())))
		}},
		{"a client that may have no code", "RFC 6749 section 4.1.2.1", func(h *house) {
			h.stopped(h.authorize(asking("client_id", "job")))
		}},
		{"an answer that does not say whose it is", "RFC 9207 section 2", func(h *house) { // mix-up
			h.people.change(func(p *people) { p.refuse = AccessDenied })
			for _, r := range []*reply{h.authorize(asking()), h.authorize(asking("scope", "nothing"))} {
				if r.sent().Get("iss") != h.url {
					h.Errorf("an error without iss: %s", r.header.Get("Location"))
				}
			}
			h.people.change(func(p *people) { p.refuse = nil })
			if r := h.authorize(asking()); r.sent().Get("iss") != h.url || len(r.sent()["iss"]) != 1 {
				h.Errorf("a code without iss: %s", r.header.Get("Location"))
			}
		}},
		{"a login that goes on in another browser", "RFC 9700 section 4.7", func(h *house) {
			h.people.change(func(p *people) { p.page = true })
			page := h.authorize(asking())
			h.refused(h.get(h.newBrowser(), h.url+page.body[len("action="):]), "access_denied")
		}},
		{"a login that goes on after its time", "RFC 9700 section 4.7", func(h *house) {
			h.people.change(func(p *people) { p.page = true })
			page := h.authorize(asking())
			time.Sleep(LoginLife + time.Second)
			h.stopped(h.get(h.browser, h.url+page.body[len("action="):]))
		}},
		{"a login that nobody began", "RFC 9700 section 4.7", func(h *house) { h.stopped(h.get(h.browser, h.url+"/authorize/"+random(h.Context()))) }},
	}
}

func TestPushedRequestsThatMustBeRefused(t *testing.T) { tryAll(t, negativePushes()) }

func negativePushes() []negative {
	pushed := func(code string, change ...string) func(h *house) {
		return func(h *house) { h.Helper(); h.none(h.post("/par", "app", asking(change...)), 400, code) }
	}
	uri := func(h *house) string {
		h.Helper()
		r := h.post("/par", "app", asking())
		h.want(r, 201, "")
		return r.text("request_uri")
	}
	use := func(h *house, client, uri string) *reply {
		return h.authorize(url.Values{"client_id": {client}, "request_uri": {uri}})
	}
	return []negative{
		{"one that is used again", "fapi2-security-profile-final-par-attempt-reuse-request_uri", func(h *house) {
			u := uri(h)
			if use(h, "app", u).sent().Get("code") == "" {
				h.Error("the first use is refused")
			}
			h.stopped(use(h, "app", u))
		}},
		{"one that has expired", "fapi2-security-profile-final-par-attempt-to-use-expired-request_uri", func(h *house) {
			u := uri(h)
			time.Sleep(CodeLife + time.Second)
			h.stopped(use(h, "app", u))
		}},
		{"one of another client", "fapi2spfinal.FAPI2SPFinalPAREnsureRequestUriIsBoundToClient", func(h *house) { h.stopped(use(h, "native", uri(h))) }},
		{"one that nobody pushed", "RFC 9126 section 4", func(h *house) {
			h.stopped(use(h, "app", "urn:ietf:params:oauth:request_uri:"+random(h.Context())))
		}},
		{"one that is cut off", "RFC 9126 section 7.1", func(h *house) { u := uri(h); h.stopped(use(h, "app", u[:len(u)-1])) }},
		{"by GET", "fapi2-security-profile-final-par-attempt-invalid-http-method", func(h *house) {
			if r := h.get(h.browser, h.url+"/par?"+asking().Encode()); r.status != 404 {
				h.Errorf("%d %s", r.status, r.body)
			}
		}},
		{"with a request_uri in it", "fapi2spfinal.FAPI2SPFinalPARRejectRequestUriInParAuthorizationFormParams", func(h *house) {
			h.none(h.post("/par", "app", asking("request_uri", uri(h))), 400, "invalid_request")
		}},
		{"with a request object in it", "RFC 9126 section 3", pushed("invalid_request", "request", "eyJhbGciOiJub25lIn0.e30.")},
		{"without a challenge", "fapi2-security-profile-final-par-ensure-pkce-required", pushed("invalid_request", "code_challenge", "", "code_challenge_method", "")},
		{"with a plain challenge", "fapi2spfinal.FAPI2SPFinalPAREnsurePlainPKCERejected", pushed("invalid_request", "code_challenge_method", "plain", "code_challenge", verifier)},
		{"without a redirect_uri", "fapi2spfinal.FAPI2SPFinalEnsureRedirectUriInAuthorizationRequest", pushed("invalid_request", "redirect_uri", "")},
		{"with a redirect_uri that is not registered", "fapi2spfinal.FAPI2SPFinalEnsureRegisteredRedirectUri", pushed("invalid_request", "redirect_uri", "https://evil.example")},
		{"with response_type token", "RFC 9126 section 2.1", pushed("invalid_request", "response_type", "token")},
		{"with response_mode fragment", "RFC 9126 section 2.3", pushed("invalid_request", "response_mode", "fragment")},
		{"with prompt none beside another", "RFC 9126 section 2.3", pushed("invalid_request", "prompt", "none login")},
		{"with a scope that the client may not have", "RFC 9126 section 2.3", pushed("invalid_scope", "scope", "openid orders:write")},
		{"with a parameter twice", "RFC 9126 section 2.1", func(h *house) {
			v := asking()
			v.Add("scope", "openid")
			h.none(h.post("/par", "app", v), 400, "invalid_request")
		}},
		{"of a confidential client without its secret", "RFC 9126 section 2", func(h *house) {
			h.none(h.do(h.browser, h.request("/par", asking("client_id", "web").Encode())), 401, "invalid_client")
		}},
		{"of a confidential client with a wrong secret", "RFC 9126 section 2", func(h *house) {
			h.secrets["web"] = h.secrets["job"]
			h.none(h.post("/par", "web", asking("client_id", "web")), 401, "invalid_client")
		}},
		{"of an unknown client", "RFC 9126 section 2", func(h *house) { h.none(h.post("/par", "nobody", asking()), 401, "invalid_client") }},
		{"with a proof of another key than it names", "fapi2-security-profile-final-ensure-mismatched-dpop-jkt-fails", func(h *house) {
			p := newProver(h.T)
			h.none(h.post("/par", "app", asking("dpop_jkt", challenge("another key")), p.proof(h, map[string]any{"htu": h.url + "/par"})), 400, "invalid_dpop_proof")
		}},
		{"pushed, and changed in the query", "RFC 9126 section 4", func(h *house) {
			h.stopped(h.authorize(url.Values{"client_id": {"app"}, "request_uri": {uri(h)}, "scope": {"openid orders:write"}}))
		}},
	}
}

var update = flag.Bool("update", false, "write the list of negative cases")

// TestTheNegativeCasesAreEightyAndListed counts the cases by name, and keeps the list
// of them in the documents.
func TestTheNegativeCasesAreEightyAndListed(t *testing.T) {
	var list strings.Builder
	seen, total := map[string]bool{}, 0
	for _, part := range []struct {
		title, test string
		cases       []negative
	}{
		{"Authorization requests", "TestAuthorizationRequestsThatMustBeRefused", negativeAuthorizations()},
		{"Pushed authorization requests", "TestPushedRequestsThatMustBeRefused", negativePushes()},
		{"Authorization codes", "TestCodesThatMustBeRefused", negativeCodes()},
		{"Token requests", "TestTokenRequestsThatMustBeRefused", negativeTokenRequests()},
		{"Refreshes", "TestRefreshesThatMustBeRefused", negativeRefreshes()},
		{"DPoP proofs", "TestProofsThatMustBeRefused", negativeProofs()},
		{"Tokens at the userinfo endpoint", "TestWrongTokensAtUserinfo", negativeUserinfo()},
		{"Introspection and revocation", "TestQuestionsThatMustBeRefused", negativeQuestions()},
		{"Logouts", "TestLogoutsThatMustNotLeadAnywhere", negativeLogouts()},
	} {
		fmt.Fprintf(&list, "\n## %s\n`go test ./idp -run %s`\n\n", part.title, part.test)
		for _, c := range part.cases {
			if name := part.test + "/" + c.name; seen[name] || c.name == "" || c.source == "" {
				t.Errorf("%q is there twice, or demanded by nobody", name)
			} else {
				seen[name] = true
			}
			fmt.Fprintf(&list, "- %s (%s)\n", c.name, c.source)
			total++
		}
	}
	if total < 80 {
		t.Errorf("%d negative cases; 80 are the least", total)
	}
	t.Logf("figure %d negative cases, each named", total)
	text := fmt.Sprintf("# Negative cases\n\nThe %d requests of this list must be refused by our own authorization server, and each is tried by a test of that name. In parentheses is who demands it: a section of a\n"+
		"standard, or a module of the OpenID conformance suite. Client assertions (RFC 7523), certificates (RFC 8705) and what concerns the login pages have cases of their own in `idp`, beside these.\n"+
		"`go test ./idp -run Negative -update` writes this page.\n%s", total, list.String())
	const page = "../docs/negative-cases.md"
	if *update {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(page); err != nil || string(b) != text {
		t.Errorf("the list is not what is tried; write: go test ./idp -run Negative -update (%v)", err)
	}
}
