package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	scriptless "github.com/gatehouse-api/gatehouse/internal/tab"
)

// siege is an attack on the authorization server, through the gateway. There is
// none that is wrong on purpose to compare with: so each begins with what is as it
// should be, which must work, and changes one thing.
type siege struct {
	name string
	gain string // what the attacker is after
	who  string // the person it is about; everybody has limits of their own
	play func(*scene) (reply, error)
	// status is that of the last answer, and says a text in it.
	status int
	says   string
	by     string // whose refusal it is
}

// scene is one siege under way: a person with a browser of their own, at an address
// of their own.
type scene struct {
	context.Context
	stage   *stage
	client  oauthClient
	person  person
	browser *scriptless.Tab
}

// errBreach says that an attacker has what they were after.
var errBreach = errors.New("the attack works")

func (t *tour) scene(ctx context.Context, who string, n int) (*scene, error) {
	p, _ := known(who)
	s := &scene{Context: ctx, stage: t.stage, client: *t.stage.client, person: p}
	s.client.http = t.stage.through(fmt.Sprintf("127.0.3.%d", n))
	var err error
	s.browser, err = scriptless.New(s.client.http, s.client.issuer)
	return s, err
}

// code signs the person in by the pages and returns what comes back to the client.
func (s *scene) code() (url.Values, login, error) {
	l, request := s.client.begin(append([]string{"openid", "offline_access"}, s.person.scopes...), nil)
	back, err := s.browser.Authorize(s, request, s.person.email(), s.stage.password)
	if err != nil {
		return nil, l, err
	}
	return back.Query(), l, nil
}

// signedIn is code, and the tokens for it, which must open the API.
func (s *scene) signedIn() (tokens, error) {
	back, l, err := s.code()
	if err != nil {
		return tokens{}, err
	}
	t, err := s.client.redeem(s, back, l)
	if err != nil {
		return tokens{}, err
	}
	return t, s.opens(t.Access)
}

func (s *scene) orders(token string) (reply, error) {
	return s.client.get(s, s.client.issuer+"/v1/orders?limit=1", token)
}

// opens returns an error unless the token opens the API.
func (s *scene) opens(token string) error {
	r, err := s.orders(token)
	if err == nil && r.status != http.StatusOK {
		err = fmt.Errorf("a genuine token: %d %s", r.status, r.body)
	}
	return err
}

// shut returns the API's answer to a token once that is 401, and errBreach when it is
// not within a second.
func (s *scene) shut(token string) (reply, error) {
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		r, err := s.orders(token)
		if err != nil || r.status == http.StatusUnauthorized {
			return r, err
		}
		if time.Since(began) > time.Second {
			return r, fmt.Errorf("%w: the token is taken after a second", errBreach)
		}
	}
}

// redeems asks for tokens with a form, and returns errBreach when it gets them.
func (s *scene) redeems(form url.Values) (reply, error) {
	r, err := s.client.post(s, "/token", form)
	if err == nil && strings.Contains(r.body, "access_token") {
		err = errBreach
	}
	return r, err
}

// asks opens an authorization request with other parameters, and returns errBreach
// when it leads on.
func asks(change url.Values) func(*scene) (reply, error) {
	return func(s *scene) (reply, error) {
		_, right := s.client.begin([]string{"openid", "account"}, nil)
		if away, err := s.browser.Open(s, right); err != nil || away != nil || s.browser.Status != http.StatusOK {
			return reply{}, fmt.Errorf("a genuine request: %v %d %w", away, s.browser.Status, err)
		}
		_, wrong := s.client.begin([]string{"openid", "account"}, change)
		away, err := s.browser.Open(s, wrong)
		if err != nil {
			return reply{}, err
		}
		r := reply{status: s.browser.Status, header: http.Header{}, body: s.browser.Body}
		if away != nil {
			r.body = away.Query().Get("error")
		}
		if r.status == http.StatusOK || away != nil && (away.Query().Has("code") || !strings.HasPrefix(away.String(), s.client.redirect)) {
			err = errBreach
		}
		return r, err
	}
}

func sieges() []siege {
	return []siege{
		{"a code that was redeemed, once more", "a second set of tokens", "nora", codeAgain, 401, "", "family revoked"},
		{"a code without its verifier", "the victim's tokens", "dave", codeWithoutVerifier, 400, "invalid_grant", "PKCE, code spent"},
		{"a refresh token that was used before", "tokens for 30 days", "mia", refreshAgain, 401, "", "family revoked"},
		{"redirect_uri of the attacker", "the code", "frank", asks(url.Values{"redirect_uri": {"https://evil.example/callback"}}), 400, "", "not registered"},
		{"redirect_uri beside the registered one", "the code", "frank", redirectBeside, 400, "", "compared exactly"},
		{"no code_challenge", "a code for any verifier", "frank", asks(url.Values{"code_challenge": nil, "code_challenge_method": nil}), 303, "invalid_request", "PKCE required"},
		{"code_challenge_method=plain", "the verifier", "grace", asks(url.Values{"code_challenge_method": {"plain"}}), 303, "invalid_request", "S256 only"},
		{"a login form for another's browser", "login as the attacker", "heidi", foreignForm, 303, "access_denied", "bound to the browser"},
		{"an id_token instead of an access token", "the API", "ivan", idToken, 401, "", "jwt.typ"},
		{"a token after it was revoked", "15 minutes", "judy", afterRevocation, 401, "", "jwt.revoked"},
		{"a token after its owner signed out", "15 minutes", "kim", afterSignOut, 401, "", "jwt.revoked"},
		{"a stranger asks what a token is", "whose it is", "leo", strangerIntrospects, 401, "invalid_client", "resource servers only"},
		{"one password for ten accounts (spray)", "an account", "sam", spray, 429, "", "ratelimit.exceeded"},
		{"guesses at a client's secret", "a service's tokens", "tom", guessSecret, 429, "", "ratelimit.exceeded"},
	}
}

func codeAgain(s *scene) (reply, error) {
	back, l, err := s.code()
	if err != nil {
		return reply{}, err
	}
	t, err := s.client.redeem(s, back, l)
	if err == nil {
		err = s.opens(t.Access)
	}
	if err != nil {
		return reply{}, err
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {s.client.redirect}, "code_verifier": {l.verifier}}
	if r, err := s.redeems(form); err != nil {
		return r, err
	}
	return s.shut(t.Access)
}

func codeWithoutVerifier(s *scene) (reply, error) {
	back, l, err := s.code()
	if err != nil {
		return reply{}, err
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {s.client.redirect}, "code_verifier": {unguessable()}}
	if r, err := s.redeems(form); err != nil {
		return r, err
	}
	form.Set("code_verifier", l.verifier) // it was the only try
	return s.redeems(form)
}

func refreshAgain(s *scene) (reply, error) {
	first, err := s.signedIn()
	if err != nil {
		return reply{}, err
	}
	second, err := s.client.refresh(s, first.Refresh)
	if err != nil {
		return reply{}, err
	}
	third, err := s.client.refresh(s, second.Refresh)
	if err == nil {
		err = s.opens(third.Access)
	}
	if err != nil {
		return reply{}, err
	}
	if r, err := s.redeems(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.Refresh}}); err != nil {
		return r, err
	}
	return s.shut(third.Access)
}

func redirectBeside(s *scene) (reply, error) {
	return asks(url.Values{"redirect_uri": {s.client.redirect + "/../evil"}})(s)
}

// foreignForm fills the attacker's own login form in the victim's browser.
func foreignForm(s *scene) (reply, error) {
	_, request := s.client.begin([]string{"openid", "account"}, nil)
	if _, err := s.browser.Open(s, request); err != nil {
		return reply{}, err
	}
	victim, err := scriptless.New(s.client.http, s.client.issuer)
	if err != nil {
		return reply{}, err
	}
	victim.URL, victim.Body = s.browser.URL, s.browser.Body
	away, err := victim.Send(s, url.Values{"name": {s.person.email()}, "password": {s.stage.password}})
	if err != nil {
		return reply{}, err
	}
	r := reply{status: victim.Status, header: http.Header{}, body: victim.Body}
	if away != nil {
		r.body = away.Query().Get("error")
	}
	if away != nil && away.Query().Has("code") || strings.Contains(victim.Body, `name="decision"`) {
		err = errBreach
	}
	return r, err
}

func idToken(s *scene) (reply, error) {
	t, err := s.signedIn()
	if err != nil {
		return reply{}, err
	}
	r, err := s.orders(t.ID)
	if err == nil && r.status == http.StatusOK {
		err = errBreach
	}
	return r, err
}

func afterRevocation(s *scene) (reply, error) {
	t, err := s.signedIn()
	if err != nil {
		return reply{}, err
	}
	if r, err := s.client.post(s, "/revoke", url.Values{"token": {t.Refresh}}); err != nil || r.status != http.StatusOK {
		return r, fmt.Errorf("revoking: %d %s %w", r.status, r.body, err)
	}
	return s.shut(t.Access)
}

func afterSignOut(s *scene) (reply, error) {
	t, err := s.signedIn()
	if err != nil {
		return reply{}, err
	}
	back := s.stage.app + "/"
	away, err := s.browser.Open(s, s.client.issuer+"/logout?"+url.Values{"id_token_hint": {t.ID}, "post_logout_redirect_uri": {back}}.Encode())
	if err != nil || away == nil || away.String() != back {
		return reply{}, fmt.Errorf("signing out leads to %v: %w", away, err)
	}
	return s.shut(t.Access)
}

func strangerIntrospects(s *scene) (reply, error) {
	t, err := s.signedIn()
	if err != nil {
		return reply{}, err
	}
	r, err := s.client.post(s, "/introspect", url.Values{"token": {t.Access}})
	if err == nil && strings.Contains(r.body, `"active"`) {
		err = errBreach
	}
	return r, err
}

// spray tries one password on many accounts, from one address.
func spray(s *scene) (last reply, err error) {
	_, request := s.client.begin([]string{"openid", "account"}, nil)
	for _, p := range personas()[:10] {
		if _, err = s.browser.Open(s, request); err != nil {
			return last, err
		}
		if last = (reply{status: s.browser.Status, header: http.Header{}, body: s.browser.Body}); last.status != http.StatusOK {
			return last, nil
		}
		away, err := s.browser.Send(s, url.Values{"name": {p.email()}, "password": {"summer-2026-is-here"}})
		if err != nil {
			return last, err
		}
		last = reply{status: s.browser.Status, header: http.Header{}, body: s.browser.Body}
		if away != nil {
			return last, errBreach
		}
		if last.status == http.StatusTooManyRequests {
			return last, nil
		}
	}
	return last, nil
}

func guessSecret(s *scene) (last reply, err error) {
	for i := 0; i < 10 && last.status != http.StatusTooManyRequests && err == nil; i++ {
		last, err = s.redeems(url.Values{"grant_type": {"client_credentials"}, "client_id": {"billing"}, "client_secret": {fmt.Sprint("guess-", i)}})
	}
	return last, err
}
