package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/idp/oidc"
	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

const beginAgain = "Please begin again"

// with changes a parameter of a URL; "" takes it away.
func with(t *testing.T, where, name, value string) string {
	t.Helper()
	u, err := url.Parse(where)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	if value == "" {
		q.Del(name)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func param(t *testing.T, where, name string) string {
	t.Helper()
	u, err := url.Parse(where)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}

func TestAWrongStateSignsNobodyIn(t *testing.T) {
	for name, state := range map[string]string{
		"another one": strings.Repeat("A", 43), "none": "", "a short one": "abc", "a long one": strings.Repeat("A", 200),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			b := w.browser()
			back := b.prove(b.begin().away())
			b.get(with(t, back, "state", state))
			b.refused(400, beginAgain, "no sign-in of this browser")
			if n := len(w.net.requests("POST " + acme + "/token")); n != 0 {
				t.Errorf("the code was exchanged %d times", n)
			}
		})
	}
}

func TestTheStateOfAnotherBrowserSignsNobodyIn(t *testing.T) {
	w := newWorld(t, options{})
	attacker, victim := w.browser(), w.browser()
	back := attacker.prove(attacker.begin().away())
	victim.get(back)
	victim.refused(400, beginAgain, "begun in another one")
	victim.begin().away() // has a journey, and its cookie, of its own
	attacker = w.browser()
	victim.get(attacker.prove(attacker.begin().away()))
	victim.refused(400, beginAgain, "begun in another one")
	if n := len(w.net.requests("POST " + acme + "/token")); n != 0 {
		t.Errorf("the code was exchanged %d times", n)
	}
}

func TestAReplayedCallbackSignsNobodyIn(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser()
	back := b.prove(b.begin().away())
	if b.arrive(back) == nil {
		t.Fatal("the first time does not work")
	}
	b.get(back)
	if b.status != 400 || !strings.Contains(b.body, beginAgain) {
		t.Errorf("the second time: %d %s", b.status, words(b.body))
	}
	if n := len(w.net.requests("POST " + acme + "/token")); n != 1 {
		t.Errorf("the code was exchanged %d times", n)
	}
}

func TestOfTheSameAnswerBroughtOftenAtOnceOneCounts(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser()
	back := b.prove(b.begin().away())
	var work sync.WaitGroup
	var signedIn, refused atomic.Int32
	for range 16 {
		work.Go(func() {
			resp, err := b.client.Get(back)
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
			switch resp.StatusCode {
			case http.StatusSeeOther:
				signedIn.Add(1)
			case http.StatusBadRequest:
				refused.Add(1)
			}
		})
	}
	work.Wait()
	if signedIn.Load() != 1 || refused.Load() != 15 || len(w.net.requests("POST "+acme+"/token")) != 1 {
		t.Errorf("%d were signed in, %d refused, the code was exchanged %d times", signedIn.Load(), refused.Load(), len(w.net.requests("POST "+acme+"/token")))
	}
}

func TestAJourneyIsOverAfterOneAnswerWhateverItWas(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser()
	back := b.prove(b.begin().away())
	b.get(with(t, back, "code", "guessed"))
	b.refused(403, notBelieved, "invalid_grant")
	b.get(back)
	b.refused(400, beginAgain, "it was used, is over, or was never")
}

// TestAnAnswerOfAnotherProviderSignsNobodyIn is mix-up (RFC 9207 section 1,
// RFC 9700 section 4.4): the code is not even shown to a token endpoint.
func TestAnAnswerOfAnotherProviderSignsNobodyIn(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(url.Values)
		reason string
	}{
		"iss is another issuer":         {func(q url.Values) { q.Set("iss", "https://login.evil.example") }, "another provider's"},
		"iss differs by a slash":        {func(q url.Values) { q.Set("iss", acme+"/") }, "another provider's"},
		"iss is missing and advertised": {func(q url.Values) { q.Del("iss") }, "this one has none"},
		"an error of another issuer": {func(q url.Values) {
			q.Set("iss", "https://login.evil.example")
			q.Set("error", "access_denied")
			q.Del("code")
		}, "another provider's"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			w.answer = c.answer
			b := w.browser()
			b.get(b.prove(b.begin().away()))
			b.refused(403, notBelieved, c.reason)
			if n := len(w.net.requests("POST " + acme + "/token")); n != 0 {
				t.Errorf("the code was exchanged %d times", n)
			}
		})
	}
	t.Run("iss is not asked of a provider that does not advertise it", func(t *testing.T) {
		w := newWorld(t, options{})
		w.answer = func(q url.Values) { q.Del("iss") }
		w.metadata = func(m map[string]any) { delete(m, "authorization_response_iss_parameter_supported") }
		if w.browser().signIn() == nil {
			t.Error(w.house.log)
		}
	})
}

// TestTheAnswerOfOneConnectionIsNoneOfAnother: each has a redirect URI of its own.
func TestTheAnswerOfOneConnectionIsNoneOfAnother(t *testing.T) {
	w := newWorld(t, options{others: func(w *world) []sso.Connection {
		return []sso.Connection{{Name: "beta", Tenant: "beta", Listed: true, Provision: true, Protocol: w.rp}}
	}})
	b := w.browser()
	b.get(strings.Replace(b.prove(b.begin().away()), "/acme/", "/beta/", 1))
	b.refused(400, beginAgain, "it went to acme")
	b.get(ours + "/account/sso/nobody/callback?state=" + strings.Repeat("A", 43))
	b.refused(404, "There is nothing here", "no such connection")
}

func TestAnErrorOfTheProviderIsAPageOfOurs(t *testing.T) {
	w := newWorld(t, options{})
	w.answer = func(q url.Values) {
		q.Del("code")
		q.Set("error", "access_denied")
		q.Set("error_description", "<script>alert(1)</script> call +1 555 0100")
	}
	b := w.browser()
	b.get(b.prove(b.begin().away()))
	if strings.Contains(b.body, "script") || strings.Contains(b.body, "555") {
		t.Errorf("the provider writes on our page: %s", b.body)
	}
	b.refused(403, "did not sign you in", "access_denied")
}

// TestAnInjectedCodeSignsNobodyIn: the attacker's code, in the answer to the victim's
// own login, is bound to another verifier (RFC 9700 section 4.5).
func TestAnInjectedCodeSignsNobodyIn(t *testing.T) {
	w := newWorld(t, options{})
	w.claims = func(m map[string]any) { delete(m, "nonce") }
	attacker, victim := w.browser(), w.browser()
	stolen := param(t, attacker.prove(attacker.begin().away()), "code")
	victim.get(with(t, victim.prove(victim.begin().away()), "code", stolen))
	victim.refused(403, notBelieved, "invalid_grant")
}

// TestACodeIsWorthNothingWithoutPKCE: the verifier is sent always, and is the one of
// the challenge.
func TestACodeIsWorthNothingWithoutPKCE(t *testing.T) {
	w := newWorld(t, options{})
	seen := 0
	w.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			seen++
			if err := r.ParseForm(); err != nil || len(r.PostForm.Get("code_verifier")) < 43 || r.PostForm.Get("redirect_uri") != callback || r.PostForm.Has("client_secret") {
				t.Errorf("the exchange is %v, %v", r.PostForm, err)
			}
		}
		return false
	}
	if w.browser().signIn() == nil || seen != 1 {
		t.Errorf("exchanged %d times\n%s", seen, w.house.log)
	}
}

// TestNoParameterSendsTheBrowserElsewhere: where it goes was kept when it left.
func TestNoParameterSendsTheBrowserElsewhere(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser()
	back := b.prove(b.begin().away())
	for _, name := range []string{"next", "return_to", "redirect_uri", "target", "RelayState", "post_login_redirect"} {
		back = with(t, back, name, "https://evil.example/")
	}
	b.get(back)
	if to := b.header.Get("Location"); b.status != 303 || !strings.HasPrefix(to, "/authorize/") {
		t.Errorf("%d to %q", b.status, to)
	}
}

func TestAParameterThatIsThereTwiceIsRefused(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser()
	back := b.prove(b.begin().away())
	b.get(back + "&code=another")
	if b.status != 400 || len(w.net.requests("POST "+acme+"/token")) != 0 {
		t.Errorf("%d %s", b.status, words(b.body))
	}
}

// TestAnAnswerByPostIsRefusedWhereOneByRedirectIsExpected: the cookie that binds the
// journey is not one that a form of another site brings along.
func TestAnAnswerByPostIsRefusedWhereOneByRedirectIsExpected(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser()
	back := b.prove(b.begin().away())
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	b.do(http.MethodPost, callback, u.Query())
	b.refused(400, beginAgain, "the answer came by POST")
}

func TestTheCookieOfAJourneyIsBoundToTheHostAndTheBrowser(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser()
	b.begin().submit(`value="acme"`, "connection", "acme")
	for _, c := range b.header.Values("Set-Cookie") {
		if !strings.HasPrefix(c, "__Host-gh_sso=") {
			continue
		}
		for _, want := range []string{"Path=/", "Max-Age=600", "HttpOnly", "Secure", "SameSite=Lax"} {
			if !strings.Contains(c, want) {
				t.Errorf("%s has no %s", c, want)
			}
		}
		return
	}
	t.Errorf("no cookie: %v", b.header)
}

func TestAProviderThatIsDownIsAPageAndNotAHang(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	for name, before := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"it hangs":            hang,
		"it answers 500":      func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true },
		"it answers nonsense": func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write([]byte("<html>")); return true },
		"it redirects": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
			return true
		},
		"it never ends": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(`{"issuer":"` + strings.Repeat("a", 2<<20)))
			return true
		},
		"it is another issuer": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(`{"issuer":"https://login.evil.example"}`))
			return true
		},
		"its token endpoint is not https": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(`{"issuer":"` + acme + `","authorization_endpoint":"` + acme + `/authorize","token_endpoint":"http://login.acme.example/token"}`))
			return true
		},
		"its token endpoint is on this machine": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(`{"issuer":"` + acme + `","authorization_endpoint":"` + acme + `/authorize","token_endpoint":"http://127.0.0.1:9901/token"}`))
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			w.before = before
			b := w.browser()
			b.begin()
			began := time.Now()
			b.submit(`value="acme"`, "connection", "acme")
			if took := time.Since(began); took > 6*time.Second {
				t.Errorf("it took %s", took)
			}
			b.refused(200, "cannot be reached right now", "the provider cannot be reached")
			n := len(w.net.requests("GET " + acme))
			began = time.Now()
			b.begin().submit(`value="acme"`, "connection", "acme") // asked again only after a while
			if took := time.Since(began); took > time.Second || len(w.net.requests("GET "+acme)) != n {
				t.Errorf("the second took %s, %d requests more", took, len(w.net.requests("GET "+acme))-n)
			}
			if len(w.net.requests("GET https://elsewhere.example")) != 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

func TestATokenEndpointThatIsDownIsAPageAndNotAHang(t *testing.T) {
	for name, before := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"it hangs":       func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true },
		"it answers 502": func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(502); return true },
		"it never ends": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(`{"id_token":"` + strings.Repeat("a", 2<<20)))
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			b := w.browser()
			back := b.prove(b.begin().away())
			w.set(func() {
				w.before = func(out http.ResponseWriter, r *http.Request) bool { return r.URL.Path == "/token" && before(out, r) }
			})
			began := time.Now()
			b.get(back)
			if took := time.Since(began); took > 6*time.Second {
				t.Errorf("it took %s", took)
			}
			if b.status != 200 && b.status != 403 || !strings.Contains(b.body, ">Request ") {
				t.Errorf("%d %s", b.status, words(b.body))
			}
			if b.get(ours + "/account/"); b.status != 303 {
				t.Error("somebody is signed in")
			}
		})
	}
}

// TestUserinfoIsBelievedOfTheSameSubOnly: it is not signed, and another's sub is
// another's (OpenID Connect Core 1.0 section 5.3.2).
func TestUserinfoIsBelievedOfTheSameSubOnly(t *testing.T) {
	ask := func(o *oidc.Options) { o.Userinfo = true }
	claims := func(m map[string]any) { delete(m, "email"); delete(m, "email_verified"); delete(m, "groups") }
	say := func(m map[string]any) {
		m["email"], m["email_verified"], m["groups"] = alice, true, []string{"eng-admins"}
	}
	t.Run("the sub is the same", func(t *testing.T) {
		w := newWorld(t, options{rp: ask})
		w.claims, w.userinfo = claims, say
		if c := w.browser().signIn(); sorted(c["roles"]) != "admin" {
			t.Errorf("%v\n%s", c, w.house.log)
		}
	})
	for name, c := range map[string]struct {
		userinfo func(map[string]any)
		reason   string
	}{
		"the sub is another": {func(m map[string]any) { say(m); m["sub"] = "somebody else" }, "about somebody else"},
		"there is no sub":    {func(m map[string]any) { say(m); delete(m, "sub") }, "about somebody else"},
		"the address is verified by one and written by the other": {func(m map[string]any) { m["email_verified"] = true }, "e-mail address"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{rp: ask})
			w.claims, w.userinfo = claims, c.userinfo
			b := w.browser()
			if claims := b.signIn(); claims != nil {
				t.Errorf("a token was issued: %v", claims)
			}
			b.refused(403, "", c.reason)
		})
	}
}

func TestAClientProvesItselfAsConfigured(t *testing.T) {
	for _, inBody := range []bool{false, true} {
		w := newWorld(t, options{rp: func(o *oidc.Options) { o.SecretInBody = inBody }})
		tries := 0
		w.before = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/token" {
				tries++
				_, _, basic := r.BasicAuth()
				if err := r.ParseForm(); err != nil || basic == inBody || r.PostForm.Has("client_secret") != inBody {
					t.Errorf("in the body %v: Basic is %v, the form %v", inBody, basic, r.PostForm)
				}
			}
			return false
		}
		if w.browser().signIn() == nil || tries != 1 {
			t.Errorf("in the body %v: %d tries\n%s", inBody, tries, w.house.log)
		}
	}
}

func TestAProviderThatIsNotReachedSafelyIsRefused(t *testing.T) {
	newWorld(t, options{}) // sets the secret
	for _, issuer := range []string{"http://login.acme.example", "", "acme", "ftp://login.acme.example", "https://u:p@login.acme.example", acme + "?a=b", acme + "#f"} {
		_, err := oidc.New(oidc.Options{Issuer: issuer, ClientID: "gatehouse", ClientSecret: secretText(t, "CLIENT_SECRET"), Algorithm: jose.RS256, RedirectURI: callback})
		if err == nil {
			t.Errorf("%q is taken", issuer)
		}
	}
}
