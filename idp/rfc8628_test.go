package idp

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// The cases of RFC 8628 (device authorization) that must be refused.

// begin is a device that asks for codes.
func (h *house) begin(client string, change ...string) *reply {
	h.Helper()
	v := url.Values{"scope": {"openid orders:read"}}
	for i := 0; i+1 < len(change); i += 2 {
		if v.Set(change[i], change[i+1]); change[i+1] == "" {
			v.Del(change[i])
		}
	}
	return h.post(pathDevice, client, v)
}

func (h *house) poll(client, code string, change ...string) *reply {
	h.Helper()
	v := url.Values{"grant_type": {grantDevice}, "device_code": {code}}
	for i := 0; i+1 < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return h.post("/token", client, v)
}

// enter writes a user code in a browser, and returns where that goes on, or "".
func (h *house) enter(b *http.Client, code string) string {
	h.Helper()
	return h.do(b, h.request(DevicePath, url.Values{"user_code": {code}}.Encode())).header.Get("Location")
}

// decide goes the person's way to its end.
func (h *house) decide(code string) *reply {
	h.Helper()
	path := h.enter(h.browser, code)
	if path == "" {
		h.Fatal("the user code was not taken")
	}
	return h.get(h.browser, h.url+path)
}

func TestADeviceIsConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.people.change(func(p *people) {
			p.proof.ACR, p.proof.AMR, p.proof.Session = AAL2, []string{"pwd", "otp", "mfa"}, "browser"
		})
		r := h.begin("tv")
		h.want(r, 200, "")
		code := r.text("user_code")
		if !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(code) || r.json["expires_in"] != 600.0 || r.json["interval"] != 5.0 ||
			r.text("verification_uri") != h.url+"/device" || r.text("verification_uri_complete") != h.url+"/device?user_code="+code || len(r.text("device_code")) != 43 {
			t.Errorf("%s", r.body)
		}
		h.want(h.poll("tv", r.text("device_code")), 400, "authorization_pending")
		if page := h.decide(strings.ToLower(strings.ReplaceAll(code, "-", " "))); page.status != 200 || !strings.Contains(page.body, "has access now") {
			t.Errorf("%d %s", page.status, page.body)
		}
		seen := h.people.seen[len(h.people.seen)-1]
		if seen.UserCode != code || seen.ClientName != "The television" || strings.Join(seen.Prompt, " ") != "consent" || seen.Return != "" || strings.Join(seen.Scopes, " ") != "openid orders:read" {
			t.Errorf("the person is asked %+v", seen)
		}
		time.Sleep(DeviceInterval)
		tokens := h.poll("tv", r.text("device_code"))
		h.want(tokens, 200, "")
		_, claims := h.parts(tokens.text("access_token"))
		_, id := h.parts(tokens.text("id_token"))
		if claims["sub"] != "u-1" || claims["acr"] != AAL2 || claims["client_id"] != "tv" || claims["tenant"] != "t1" || id["acr"] != AAL2 || id["sid"] != nil || len(id["amr"].([]any)) != 3 {
			t.Errorf("%v\n%v", claims, id)
		}
		h.want(h.refresh("tv", tokens.text("refresh_token")), 200, "")
		_ = h.store.Close()
	})
}

func TestADeviceCodeIsUsedOnceAndItsReplayEndsTheFamily(t *testing.T) {
	h := newHouse(t)
	r := h.begin("tv")
	h.decide(r.text("user_code"))
	tokens := h.poll("tv", r.text("device_code"))
	h.want(tokens, 200, "")
	h.want(h.poll("tv", r.text("device_code")), 400, "invalid_grant")
	h.want(h.refresh("tv", tokens.text("refresh_token")), 400, "invalid_grant")
	if _, claims := h.parts(tokens.text("access_token")); !h.revoked(claims["grant_id"]) {
		t.Error("the gateways are not told")
	}
	h.want(h.poll("tv", r.text("device_code")), 400, "invalid_grant")
}

func TestOfFiftyPollsAfterTheDecisionOneGetsTokens(t *testing.T) {
	h := newHouse(t)
	r := h.begin("tv")
	h.decide(r.text("user_code"))
	var won, odd atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			switch p := h.poll("tv", r.text("device_code")); {
			case p.status == 200:
				won.Add(1)
			case p.status != 400 || p.text("error") != "invalid_grant":
				odd.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || odd.Load() > 0 {
		t.Errorf("%d got tokens, %d failed oddly", won.Load(), odd.Load())
	}
}

func TestADeviceThatPollsTooFastIsSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		r := h.begin("tv")
		for i, c := range []struct {
			after time.Duration
			want  string
		}{
			{0, "authorization_pending"}, {4 * time.Second, "slow_down"}, {9 * time.Second, "slow_down"}, {15 * time.Second, "authorization_pending"}, {14 * time.Second, "slow_down"}, {20 * time.Second, "authorization_pending"},
		} {
			time.Sleep(c.after)
			if p := h.poll("tv", r.text("device_code")); p.status != 400 || p.text("error") != c.want {
				t.Errorf("poll %d: %d %s; want %s", i, p.status, p.body, c.want)
			}
		}
		_ = h.store.Close()
	})
}

func TestADeviceThatWasDeniedHearsOfIt(t *testing.T) {
	h := newHouse(t)
	r := h.begin("tv")
	h.people.change(func(p *people) { p.refuse = AccessDenied })
	if page := h.decide(r.text("user_code")); page.status != 200 || !strings.Contains(page.body, "no access") {
		t.Errorf("%d %s", page.status, page.body)
	}
	h.want(h.poll("tv", r.text("device_code")), 400, "access_denied")
	h.people.change(func(p *people) { p.refuse = nil })
	if h.enter(h.browser, r.text("user_code")) != "" {
		t.Error("a code that was decided is taken again")
	}
	h.want(h.poll("tv", r.text("device_code")), 400, "access_denied")
}

func TestADeviceCodeExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		waiting, entered, decided := h.begin("tv"), h.begin("tv"), h.begin("tv")
		path := h.enter(h.browser, entered.text("user_code"))
		time.Sleep(DeviceLife - time.Second)
		h.decide(decided.text("user_code"))
		time.Sleep(time.Second)
		h.want(h.poll("tv", waiting.text("device_code")), 400, "expired_token")
		h.want(h.poll("tv", decided.text("device_code")), 400, "expired_token")
		if h.enter(h.browser, waiting.text("user_code")) != "" {
			t.Error("an expired user code is taken")
		}
		if r := h.get(h.browser, h.url+path); r.status != 400 {
			t.Errorf("a decision after the time: %d %s", r.status, r.body)
		}
		h.want(h.poll("tv", entered.text("device_code")), 400, "expired_token")
		time.Sleep(DeviceLife)
		h.want(h.poll("tv", waiting.text("device_code")), 400, "invalid_grant")
		_ = h.store.Close()
	})
}

func TestADeviceCodeIsTheClientsThatAsked(t *testing.T) {
	h := newHouse(t)
	h.client(store.Client{ID: "radio", Public: true, Grants: []string{grantDevice}, Scopes: []string{"openid", "orders:read"}})
	r := h.begin("tv")
	h.want(h.poll("radio", r.text("device_code")), 400, "invalid_grant")
	h.want(h.poll("tv", r.text("device_code")), 400, "authorization_pending") // another's poll does not count
	h.decide(r.text("user_code"))
	h.want(h.poll("radio", r.text("device_code")), 400, "invalid_grant")
	h.want(h.poll("tv", r.text("device_code")), 400, "invalid_grant") // a code in other hands ends what it began (gap 11)
}

func TestAUserCodeIsUsedOnceByOneBrowser(t *testing.T) {
	h := newHouse(t)
	h.people.change(func(p *people) { p.page = true })
	r := h.begin("tv")
	path := h.enter(h.browser, r.text("user_code"))
	other := h.newBrowser()
	if h.enter(other, r.text("user_code")) != "" || h.enter(h.browser, r.text("user_code")) != "" {
		t.Error("a user code is taken twice")
	}
	if page := h.get(other, h.url+path); page.status != 200 || !strings.Contains(page.body, "no access") {
		t.Errorf("another browser: %d %s", page.status, page.body)
	}
	h.want(h.poll("tv", r.text("device_code")), 400, "access_denied")

	r = h.begin("tv")
	path = h.enter(h.browser, r.text("user_code"))
	h.get(h.browser, h.url+path)
	h.get(h.browser, h.url+path)
	if page := h.get(h.browser, h.url+path); page.status != 400 {
		t.Errorf("a decision that was made is made again: %d %s", page.status, page.body)
	}
	h.want(h.poll("tv", r.text("device_code")), 200, "")
}

func TestUserCodesThatNobodyWaitsUnderAreNotTaken(t *testing.T) {
	h := newHouse(t)
	r := h.begin("tv")
	code := r.text("user_code")
	for _, typed := range []string{"", "BCDF", "BCDF-GHJK-L", "AEIO-UAEI", code + code, "ΒCDF-GHJK", code + "\x00", r.text("device_code"), "BCDF-GHJ1", strings.Repeat("B", 1000)} {
		if h.enter(h.browser, typed) != "" {
			t.Errorf("%q is taken", typed)
		}
	}
	if h.enter(h.browser, " "+strings.ToLower(code[:4])+"_"+code[5:]+".") == "" {
		t.Error("a code as people write it is not taken")
	}
}

func TestDevicesThatMayNotAskAreRefused(t *testing.T) {
	h := newHouse(t)
	h.client(store.Client{ID: "box", Grants: []string{grantDevice}, Scopes: []string{"orders:read"}})
	for name, c := range map[string]struct {
		client, code string
		change       []string
	}{
		"a client without the grant":    {"app", "unauthorized_client", nil},
		"a scope that is not its":       {"tv", "invalid_scope", []string{"scope", "orders:write"}},
		"a scope that does not exist":   {"tv", "invalid_scope", []string{"scope", "admin"}},
		"an API that does not exist":    {"tv", "invalid_target", []string{"resource", "https://evil.example"}},
		"a class that does not exist":   {"tv", "invalid_request", []string{"acr_values", "gold"}},
		"an unknown client":             {"nobody", "invalid_client", nil},
		"a public client with a secret": {"tv", "invalid_client", []string{"client_secret", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := h.begin(c.client, c.change...)
			if r.text("error") != c.code || r.status < 400 || r.status > 401 || r.text("device_code") != "" {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	bare := func(r *http.Request) { r.Header.Del("Authorization") }
	h.want(h.post(pathDevice, "box", url.Values{}, bare), 401, "invalid_client")
	h.want(h.post(pathDevice, "box", url.Values{}, func(r *http.Request) { r.SetBasicAuth("box", "wrong") }), 401, "invalid_client")
	h.want(h.post(pathDevice, "tv", url.Values{}, func(r *http.Request) { r.SetBasicAuth("box", h.secrets["box"]) }), 401, "invalid_client")
	h.want(h.post(pathDevice, "box", url.Values{}), 200, "")
	h.want(h.post(pathDevice, "box", url.Values{"client_secret": {h.secrets["box"]}}, bare), 200, "")
	if r := h.get(h.browser, h.url+pathDevice); r.status != 404 {
		t.Errorf("GET: %d", r.status)
	}
	v := url.Values{"scope": {"openid", "openid"}}
	h.want(h.post(pathDevice, "tv", v), 400, "invalid_request")
}

func TestPollsThatCannotSucceedAreRefused(t *testing.T) {
	h := newHouse(t)
	r := h.begin("tv")
	h.want(h.poll("tv", ""), 400, "invalid_request")
	h.want(h.poll("tv", "unknown"), 400, "invalid_grant")
	h.want(h.poll("tv", r.text("user_code")), 400, "invalid_grant")
	h.want(h.poll("nobody", r.text("device_code")), 401, "invalid_client")
	h.decide(r.text("user_code"))
	h.want(h.poll("tv", r.text("device_code"), "scope", "orders:write"), 400, "invalid_scope")
	h.want(h.poll("tv", r.text("device_code")), 400, "invalid_grant")
}

func TestCodesOfOneGrantAreNoneOfAnother(t *testing.T) {
	h := newHouse(t)
	h.client(store.Client{ID: "both", Public: true, Grants: []string{grantDevice, grantCode}, RedirectURIs: []string{callback}, Scopes: []string{"openid", "orders:read"}})
	code := h.code(asking("client_id", "both"))
	h.want(h.poll("both", code), 400, "invalid_grant")
	h.want(h.post("/token", "both", redeeming(code)), 200, "")
	r := h.begin("both")
	h.decide(r.text("user_code"))
	h.want(h.post("/token", "both", redeeming(r.text("device_code"))), 400, "invalid_grant")
	h.want(h.poll("both", r.text("device_code")), 200, "")
}

func TestNoCodeOfADeviceIsInTheDatabase(t *testing.T) { // token.refresh-serverside
	h := newHouse(t)
	waiting, decided := h.begin("tv"), h.begin("tv")
	h.decide(decided.text("user_code"))
	h.want(h.poll("tv", decided.text("device_code")), 200, "")
	h.want(h.poll("tv", waiting.text("device_code")), 400, "authorization_pending")
	for _, name := range []string{h.path, h.path + "-wal"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{waiting.text("device_code"), waiting.text("user_code"), decided.text("device_code")} {
			if secret == "" || bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s holds %.6s...", name, secret)
			}
		}
	}
	if strings.Contains(h.log.String(), waiting.text("user_code")) {
		t.Error("the log holds a user code")
	}
}

func TestWithoutPeopleNoDeviceIsConnected(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Login = nil })
	if r := h.begin("tv"); r.status != 404 {
		t.Errorf("%d %s", r.status, r.body)
	}
	h.want(h.poll("tv", "x"), 400, "unsupported_grant_type")
}
