package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"testing"

	scriptless "github.com/gatehouse-api/gatehouse/internal/tab"
)

// visiting is a browser at the demo's web site.
type visiting struct {
	*testing.T
	*http.Client
}

func visitorOf(t *testing.T) visiting {
	t.Helper()
	jar := must(cookiejar.New(nil))
	return visiting{t, &http.Client{Jar: jar, Timeout: patience, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Scheme == "http" {
			return nil
		}
		return http.ErrUseLastResponse
	}}}
}

// page loads one, and returns where it leads that is not the site.
func (v visiting) page(target string) (body, away string) {
	v.Helper()
	res := must(v.Get(target))
	defer res.Body.Close()
	return string(must(io.ReadAll(res.Body))), res.Header.Get("Location")
}

// TestTheDemosWebSiteSignsPeopleInAndCallsTheAPI goes the way of a visitor with a
// browser: sign in, consent, call, refresh, sign out.
func TestTheDemosWebSiteSignsPeopleInAndCallsTheAPI(t *testing.T) {
	s, v := startStage(t), visitorOf(t)
	if page, _ := v.page(s.app + "/"); !strings.Contains(page, "Sign in") {
		t.Fatal(page)
	}
	_, away := v.page(s.app + "/sign-in")
	login := must(scriptless.New(s.through(""), s.client.issuer))
	back, err := login.Authorize(t.Context(), away, "alice@acme.example", s.password)
	if err != nil {
		t.Fatal(err)
	}
	if page, _ := v.page(back.String()); !strings.Contains(page, `&#34;sub&#34;: &#34;alice&#34;`) {
		t.Fatal(page)
	}
	for what, want := range map[string]string{"orders": "?limit=3: 200", "me": "/v1/me: 200", "bob": "/v1/orders/ord-2001: 403", "users": "/v1/admin/users: 403"} {
		if page, _ := v.page(s.app + "/call?what=" + what); !strings.Contains(page, want) {
			t.Errorf("%s: there is no %q in\n%s", what, want, page)
		}
	}
	if page, _ := v.page(s.app + "/refresh"); strings.Contains(page, "alert") || !strings.Contains(page, "alice") {
		t.Error(page)
	}
	_, away = v.page(s.app + "/sign-out")
	if to, err := login.Open(t.Context(), away); err != nil || to == nil || to.String() != s.app+"/" {
		t.Errorf("signing out leads to %v %v", to, err)
	}
	if page, _ := v.page(s.app + "/call?what=me"); !strings.Contains(page, "/v1/me: 401") {
		t.Error(page)
	}
}

// TestTheDemosWebSiteTakesNoLoginThatItDidNotBegin sends it another's response
// (RFC 9700 section 4.7), and a host that is not its own.
func TestTheDemosWebSiteTakesNoLoginThatItDidNotBegin(t *testing.T) {
	s, v := startStage(t), visitorOf(t)
	_, away := v.page(s.app + "/sign-in")
	login := must(scriptless.New(s.through(""), s.client.issuer))
	back, err := login.Authorize(t.Context(), away, "alice@acme.example", s.password)
	if err != nil {
		t.Fatal(err)
	}
	if page, _ := visitorOf(t).page(back.String()); !strings.Contains(page, "not the sign-in that was begun here") {
		t.Error(page)
	}
	r := must(http.NewRequest(http.MethodGet, s.app+"/", nil))
	r.Host = "rebound.example"
	res := must(v.Do(r))
	defer res.Body.Close()
	if res.StatusCode != 404 {
		t.Errorf("another host: %d", res.StatusCode)
	}
}

// TestTheDemoOffersTokensThatOpenTheAPI reads them as curl's line does, and renews them.
func TestTheDemoOffersTokensThatOpenTheAPI(t *testing.T) {
	s := startStage(t)
	refresh, err := s.offer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, id := range hosts() {
			info := must(os.Stat(s.tokenFile(id)))
			if info.Mode().Perm() != 0o600 {
				t.Errorf("everybody may read %s", s.tokenFile(id))
			}
			token := strings.TrimSpace(string(must(os.ReadFile(s.tokenFile(id)))))
			if r := must(s.client.get(t.Context(), s.client.issuer+"/v1/me", token)); r.status != 200 || !strings.Contains(r.body, id) {
				t.Errorf("%s: %d %s", id, r.status, r.body)
			}
		}
		if err := refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnotherDemoInTheSameFolderHasAnotherPassword starts two, one after the other.
func TestAnotherDemoInTheSameFolderHasAnotherPassword(t *testing.T) {
	dir := t.TempDir()
	first := must(newStage(dir, "127.0.0.1:0"))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := must(newStage(dir, "127.0.0.1:0"))
	t.Cleanup(func() { _ = second.Close() })
	alice, _ := known("alice")
	if _, err := second.signIn(t.Context(), alice, alice.scopes); err != nil {
		t.Fatal(err)
	}
	second.password = first.password
	if _, err := second.signIn(t.Context(), alice, alice.scopes); err == nil {
		t.Error("the first demo's password is taken")
	}
}
