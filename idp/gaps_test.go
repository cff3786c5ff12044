package idp

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/pgtest"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/postgres"
)

// TestGap1OfFiftyRefreshesThreeSucceedAndOneLineGoesOn covers
// token.refresh-rotation and token.refresh-reuse: rotation is one step of the store,
// and what comes back after the grace ends the family.
func TestGap1OfFiftyRefreshesThreeSucceedAndOneLineGoesOn(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); fiftyRefreshes(newHouse(t)) })
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		s, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.Start(t).Database(t)}, postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		fiftyRefreshes(newHouseOn(t, s, ""))
	})
}

func fiftyRefreshes(h *house) {
	r := h.login()
	first := r.text("refresh_token")
	var mu sync.Mutex
	var next []string
	var other atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			r := h.refresh("app", first)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case r.status == 200:
				next = append(next, r.text("refresh_token"))
			case r.status != 400 || r.text("error") != "invalid_grant":
				other.Add(1)
			}
		})
	}
	wg.Wait()
	if len(next) < 1 || len(next) > store.MaxSiblings || other.Load() > 0 {
		h.Fatalf("%d succeeded, %d failed oddly", len(next), other.Load())
	}
	var alive []*reply
	for _, token := range next {
		if r := h.refresh("app", token); r.status == 200 {
			alive = append(alive, r)
		}
	}
	if len(alive) != 1 {
		h.Fatalf("%d lines go on", len(alive))
	}
	h.Logf("figure of 50 refreshes at once %d succeed, %d line goes on", len(next), len(alive))
	_, claims := h.parts(r.text("access_token"))
	if h.revoked(claims["grant_id"]) {
		h.Error("the family ended inside the grace")
	}
	time.Sleep(Grace + 100*time.Millisecond)
	h.want(h.refresh("app", first), 400, "invalid_grant")
	h.want(h.refresh("app", alive[0].text("refresh_token")), 400, "invalid_grant")
	if !h.revoked(claims["grant_id"]) || !strings.Contains(h.log.String(), "token.refresh-reuse") {
		h.Error("the gateways are not told of the reuse, or nobody is")
	}
}

// TestGap2NoSecretIsInTheDatabase looks for every code, token, handle and client
// secret that was given away (token.refresh-serverside).
func TestGap2NoSecretIsInTheDatabase(t *testing.T) {
	h := newHouse(t)
	r := h.login()
	for range 3 {
		r = h.refresh("app", r.text("refresh_token"))
		h.want(r, 200, "")
	}
	h.want(h.post("/par", "app", asking()), 201, "")
	pushed := h.post("/par", "app", asking()).text("request_uri")
	h.people.change(func(p *people) { p.page = true })
	page := h.get(h.browser, h.url+"/authorize?"+url.Values{"client_id": {"app"}, "request_uri": {pushed}}.Encode())
	path := strings.TrimPrefix(page.body, "action=/authorize/")
	if path == page.body {
		t.Fatal(page.status, page.body)
	}
	h.given = append(h.given, path)
	u, _ := url.Parse(h.url)
	for _, c := range h.browser.Jar.Cookies(u) {
		h.given = append(h.given, c.Value)
	}
	if len(h.given) < 10 {
		t.Fatalf("only %d secrets", len(h.given))
	}
	for _, name := range []string{h.path, h.path + "-wal"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range h.given {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s holds the secret %.12s...", filepath.Base(name), secret)
			}
		}
	}
	if strings.Contains(h.log.String(), r.text("refresh_token")) {
		t.Error("the log holds a token")
	}
}

func TestGap3WhatIsOffByDefaultIsOn(t *testing.T) { // token.refresh-rotation
	h := newHouse(t)
	r := h.login()
	if next := h.refresh("app", r.text("refresh_token")); next.text("refresh_token") == r.text("refresh_token") || next.text("refresh_token") == "" {
		t.Errorf("the refresh token was not rotated: %s", next.body)
	}
	if got := h.do(h.browser, h.request("/register", "{}")); got.status != 404 {
		t.Errorf("registration: %d", got.status)
	}
	c, err := h.store.Clients().Client(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	if err := verifySecret(t.Context(), storedSecrets(c.Secrets), storedSecrets(c.Secrets)); err == nil {
		t.Error("what is stored is accepted as the secret")
	}
}

func TestGap3RefreshTokensAreOldAfterSevenDays(t *testing.T) { // token.refresh-7d
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		r := h.login()
		time.Sleep(RefreshIdle - time.Minute)
		r = h.refresh("app", r.text("refresh_token"))
		h.want(r, 200, "")
		time.Sleep(RefreshIdle)
		h.want(h.refresh("app", r.text("refresh_token")), 400, "invalid_grant")
		_ = h.store.Close()
	})
}

func TestGap4AskingAboutASpentTokenRevokesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		first := h.login().text("refresh_token")
		second := h.refresh("app", first).text("refresh_token")
		time.Sleep(time.Minute)
		if r := h.introspect(first); r.json["active"] != false {
			t.Errorf("%s", r.body)
		}
		h.want(h.post("/revoke", "app", url.Values{"token": {first}}), 200, "")
		h.want(h.refresh("app", second), 200, "")
		h.want(h.refresh("app", first), 400, "invalid_grant")
		_ = h.store.Close()
	})
}

func TestGap5OnlyResourceServersAskWhatATokenIs(t *testing.T) {
	h := newHouse(t)
	access := h.login().text("access_token")
	h.want(h.post("/introspect", "app", url.Values{"token": {access}}), 401, "invalid_client")
	h.want(h.post("/introspect", "job", url.Values{"token": {"x"}}), 401, "invalid_client")
	if r := h.introspect(access); r.json["active"] != true {
		t.Errorf("%s", r.body)
	}
	if m := h.get(h.browser, h.url+pathOIDC); strings.Contains(m.body, `introspection_endpoint_auth_methods_supported":["none`) || !strings.Contains(m.body, "introspection_endpoint_auth_methods_supported") {
		t.Errorf("%s", m.body)
	}
}

func TestGap6NoAccessTokenIsWithoutAnAudience(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Audiences = []string{api, "https://api.example.com/stock"} })
	h.want(h.credentials(), 400, "invalid_target")
	_, claims := h.parts(h.credentials("resource", "https://api.example.com/stock").text("access_token"))
	if claims["aud"] != "https://api.example.com/stock" {
		t.Errorf("aud %v", claims["aud"])
	}
	if _, claims = h.parts(h.login().text("access_token")); claims["aud"] != h.url {
		t.Errorf("aud %v", claims["aud"])
	}
	if _, claims = h.parts(h.login("resource", api).text("access_token")); claims["aud"] != api {
		t.Errorf("aud %v", claims["aud"])
	}
}

func TestGap7ALoginBelongsToTheBrowserThatBeganIt(t *testing.T) {
	h := newHouse(t)
	h.people.change(func(p *people) { p.page = true })
	page := h.authorize(asking())
	path := strings.TrimPrefix(page.body, "action=")
	cookie := page.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie %q has no %s", cookie, part)
		}
	}
	if r := h.get(h.newBrowser(), h.url+path); r.sent().Get("error") != "access_denied" {
		t.Errorf("another browser: %d %s", r.status, r.header.Get("Location"))
	}
	if r := h.get(h.browser, h.url+path); r.sent().Get("code") != "" {
		t.Error("a login that failed goes on")
	}
	path = strings.TrimPrefix(h.authorize(asking()).body, "action=")
	if r := h.get(h.browser, h.url+path); r.sent().Get("code") == "" {
		t.Errorf("this browser: %d %s", r.status, r.body)
	}
	if r := h.get(h.browser, h.url+path); r.status != 400 || r.sent().Get("code") != "" {
		t.Errorf("a login that has ended: %d %s", r.status, r.header.Get("Location"))
	}
}

func TestGap8AFamilyEndsAfterThirtyDays(t *testing.T) { // token.refresh-7d
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		r := h.login()
		for range 5 {
			time.Sleep(6 * 24 * time.Hour)
			if r = h.refresh("app", r.text("refresh_token")); r.status != 200 {
				break
			}
		}
		h.want(r, 400, "invalid_grant")
		_ = h.store.Close()
	})
}

func TestGap9TheKeyThatSignsIsTheFirstUntilItsSuccessorMay(t *testing.T) { // token.key-rotation
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		keys := h.server.options.Keys
		kid := func() string {
			header, _ := h.parts(h.credentials().text("access_token"))
			return header["kid"].(string)
		}
		before := kid()
		next, err := keys.Rotate(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		if kid() != before || !bytes.Contains(keys.JWKS(), []byte(next.ID)) {
			t.Error("the new key signs at once, or is not published")
		}
		time.Sleep(KeyAhead)
		if err := keys.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if kid() != next.ID || !bytes.Contains(keys.JWKS(), []byte(before)) {
			t.Error("the new key does not sign, or the old one does not verify")
		}
		_ = h.store.Close()
	})
}

func TestGap10TheMetadataIsWhereRFC8414LooksForIt(t *testing.T) {
	h := newHouse(t)
	one, two := h.get(h.browser, h.url+pathOIDC), h.get(h.browser, h.url+pathOAuth)
	if one.status != 200 || one.body != two.body || one.text("issuer") != h.url || one.json["authorization_response_iss_parameter_supported"] != true {
		t.Errorf("%s\n%s", one.body, two.body)
	}
	for _, off := range []string{"registration_endpoint", "implicit", "plain", "fragment", "HS256", `"id_token_signing_alg_values_supported":["RS256`} {
		if strings.Contains(one.body, off) {
			t.Errorf("the metadata offers %s", off)
		}
	}
	if c := h.get(h.browser, h.url+pathJWKS).header.Get("Cache-Control"); c != "max-age=300" {
		t.Errorf("the key set may be kept: %s", c)
	}
}

func TestGap11AnyErrorInTheExchangeEndsTheGrant(t *testing.T) {
	h := newHouse(t)
	code := h.code(asking())
	h.want(h.post("/token", "app", redeeming(code, "code_verifier", strings.Repeat("x", 43))), 400, "invalid_grant")
	h.want(h.post("/token", "app", redeeming(code)), 400, "invalid_grant")
}

func TestGap12TheCauseIsInTheLogAndTheClientGetsItsName(t *testing.T) {
	h := newHouse(t)
	r := h.post("/token", "app", redeeming("x"), func(r *http.Request) { r.Header.Set("X-Request-Id", "01REQUEST") })
	if r.text("error_description") != "invalid grant (request 01REQUEST)" {
		t.Errorf("%s", r.body)
	}
	if !strings.Contains(h.log.String(), "request=01REQUEST") || !strings.Contains(h.log.String(), "not found") {
		t.Errorf("%s", h.log)
	}
}

func TestReuseRevokesTheFamilyAndIsTold(t *testing.T) { // token.refresh-reuse, R39
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		r := h.login()
		_, claims := h.parts(r.text("access_token"))
		other := h.login().text("refresh_token")
		second := h.refresh("app", r.text("refresh_token")).text("refresh_token")
		time.Sleep(Grace / 2)
		h.want(h.refresh("app", r.text("refresh_token")), 200, "")
		time.Sleep(Grace)
		h.want(h.refresh("app", r.text("refresh_token")), 400, "invalid_grant")
		h.want(h.refresh("app", second), 400, "invalid_grant")
		h.want(h.refresh("app", other), 200, "")
		if !h.revoked(claims["grant_id"]) || !strings.Contains(h.log.String(), "token.refresh-reuse") {
			t.Error("the gateways are not told, or nobody is")
		}
		if got := h.introspect(r.text("access_token")); got.json["active"] != false {
			t.Errorf("%s", got.body)
		}
		_ = h.store.Close()
	})
}

func TestEverythingOfAPersonEndsAtOnce(t *testing.T) { // R40
	h := newHouse(t)
	r := h.login()
	why := store.Ending{Issuer: h.url, Because: "password changed", Author: "account page", At: time.Now()}
	if _, err := h.store.Endings().EndSubject(t.Context(), "u-1", store.Hash{}, why); err != nil {
		t.Fatal(err)
	}
	h.want(h.refresh("app", r.text("refresh_token")), 400, "invalid_grant")
	list, err := h.store.Revocations().List(t.Context(), time.Now())
	if err != nil || len(list) != 1 || list[0].Kind != store.RevokeSubject || list[0].Subject != "u-1" || list[0].Issuer != h.url || list[0].Before.Before(time.Now().Truncate(time.Second)) {
		t.Errorf("%+v %v", list, err)
	}
}

func TestOldGrantsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		v := asking("client_id", "native", "scope", "openid", "redirect_uri", "http://127.0.0.1:1/back")
		h.authorize(v)
		n, err := h.store.RefreshTokens().Forget(t.Context(), time.Now(), 1)
		if n != 0 || err != nil {
			t.Fatal(n, err)
		}
		time.Sleep(27 * time.Hour)
		h.server.forget(t.Context())
		if n, err = h.store.RefreshTokens().Forget(t.Context(), time.Now(), 1); n != 0 || err != nil {
			t.Errorf("a grant that ended a day ago is there: %d, %v", n, err)
		}
		_ = h.store.Close()
	})
}

func TestSecretsOfClientsRotateWithTwoThatHold(t *testing.T) { // token.client-secret-rotation
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	first, kept := NewSecret(now)
	c := store.Client{ID: "c", Secrets: []store.ClientSecret{kept}, Grants: []string{grantCredential}, Made: now}
	if len(first) != len("gtc_")+12+1+32+6 || first[len(first)-6:] != checksum(first[:len(first)-6]) {
		t.Errorf("the secret %q", first)
	}
	for i := range 3 {
		if _, err := RotateSecret(&c, now.Add(time.Duration(i)*time.Hour), Overlap); err != nil || len(c.Secrets) != 2 || !c.Secrets[0].Until.IsZero() {
			t.Fatalf("%+v %v", c.Secrets, err)
		}
	}
	if c.Secrets[1].Until != now.Add(2*time.Hour).Add(Overlap) || c.Secrets[1].Hash == kept.Hash {
		t.Errorf("%+v", c.Secrets)
	}
	end := c.Secrets[0].Made.Add(Overlap / 2)
	c.Secrets = c.Secrets[:1]
	c.Secrets[0].Until = end
	if _, err := RotateSecret(&c, now.Add(3*time.Hour), MostOverlap); err != nil || c.Secrets[1].Until != end {
		t.Errorf("the old secret lives on beyond its end: %+v %v", c.Secrets, err)
	}
	if _, err := RotateSecret(&c, now, 0); err != nil || len(c.Secrets) != 1 {
		t.Errorf("in an emergency: %+v %v", c.Secrets, err)
	}
	for _, d := range []time.Duration{time.Hour, 73 * time.Hour} {
		if _, err := RotateSecret(&c, now, d); err == nil {
			t.Errorf("an overlap of %s is taken", d)
		}
	}
	if _, err := RotateSecret(&store.Client{Public: true}, now, Overlap); err == nil {
		t.Error("a public client has a secret")
	}
}

func TestBothSecretsHoldDuringTheOverlapAndNotAfter(t *testing.T) { // token.client-secret-rotation
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		old, fresh := h.secrets["job"], ""
		if err := h.store.Clients().Change(t.Context(), "job", func(c *store.Client) (err error) {
			fresh, err = RotateSecret(c, time.Now(), LeastOverlap)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for i, want := range []int{200, 401} {
			h.secrets["job"] = old
			if r := h.credentials(); r.status != want {
				t.Errorf("the old secret after "+strconv.Itoa(i)+" overlaps: %d", r.status)
			}
			h.secrets["job"] = fresh
			h.want(h.credentials(), 200, "")
			time.Sleep(LeastOverlap)
		}
		_ = h.store.Close()
	})
}
