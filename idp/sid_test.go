package idp

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// signedIn puts a browser's session of u-1 into the store, half an hour idle and eight
// hours in all, in which everybody is proven from now on.
func (h *house) signedIn(name string) {
	h.Helper()
	now := time.Now()
	if _, err := h.store.Users().User(h.Context(), "u-1"); err != nil {
		if err := h.store.Users().Add(h.Context(), store.User{ID: "u-1", Name: "u-1@example.com", State: store.UserActive, Made: now, Edited: now}); err != nil {
			h.Fatal(err)
		}
	}
	s := store.BrowserSession{ID: hash(name), Name: name, User: "u-1", ACR: AAL1, At: now, Made: now, Idle: 30 * time.Minute, Until: now.Add(8 * time.Hour)}
	if err := h.store.BrowserSessions().Begin(h.Context(), s, store.Hash{}); err != nil {
		h.Fatal(err)
	}
	h.people.change(func(p *people) { p.proof.Session = name })
}

func (h *house) endSession(name string) {
	h.Helper()
	if _, err := h.store.Endings().EndSession(h.Context(), name, store.Ending{Issuer: h.url, Because: "signed out", Author: "u-1", At: time.Now()}); err != nil {
		h.Fatal(err)
	}
}

func TestTheIDTokenNamesTheSession(t *testing.T) {
	h := newHouse(t)
	if _, claims := h.parts(h.login().text("id_token")); claims["sid"] != nil {
		t.Errorf("a session that there is not: %v", claims["sid"])
	}
	h.signedIn("s-1")
	r := h.login()
	if _, claims := h.parts(r.text("id_token")); claims["sid"] != "s-1" {
		t.Errorf("sid %v", claims["sid"])
	}
	if _, claims := h.parts(r.text("access_token")); claims["sid"] != nil {
		t.Errorf("the access token says more than it must: %v", claims)
	}
	if m := h.get(h.browser, h.url+pathOIDC); !slices.Contains(m.json["claims_supported"].([]any), any("sid")) {
		t.Errorf("%s", m.body)
	}
}

// token.revoke-events: a session that is ended takes its own tokens with it, those of
// offline_access too, and nothing of another session.
func TestALogoutEndsTheTokensOfItsSession(t *testing.T) {
	h := newHouse(t)
	h.signedIn("s-1")
	one, offline := h.login(), h.login("scope", "openid offline_access")
	pending := h.code(asking())
	h.signedIn("s-2")
	two := h.login()
	h.endSession("s-1")
	h.want(h.refresh("app", one.text("refresh_token")), 400, "invalid_grant")
	h.want(h.refresh("app", offline.text("refresh_token")), 400, "invalid_grant")
	h.want(h.post("/token", "app", redeeming(pending)), 400, "invalid_grant")
	h.want(h.refresh("app", two.text("refresh_token")), 200, "")
	for r, want := range map[*reply]bool{one: true, offline: true, two: false} {
		_, claims := h.parts(r.text("access_token"))
		if h.revoked(claims["grant_id"]) != want || h.introspect(r.text("access_token")).json["active"] != !want {
			t.Errorf("revoked %v; want %v", !want, want)
		}
	}
	h.people.change(func(p *people) { p.proof.Session = "s-1" }) // proven just before it ended
	if r := h.authorize(asking()); r.status != 400 || r.header.Get("Location") != "" {
		t.Errorf("a grant of a session that has ended: %d %s", r.status, r.header.Get("Location"))
	}
}

// OpenID Connect Core 1.0 section 11, session.max-8h: refresh tokens end with the
// session, but for those of offline_access.
func TestRefreshTokensEndWithTheSessionUnlessTheyAreForOffline(t *testing.T) {
	for name, c := range map[string]struct {
		every, until time.Duration // between two refreshes, and when the session must be over
	}{
		"idle": {31 * time.Minute, 31 * time.Minute}, "in all": {20 * time.Minute, 8 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				h.signedIn("s-1")
				one, offline := h.login(), h.login("scope", "openid offline_access")
				began := time.Now()
				for time.Since(began) < c.until {
					time.Sleep(c.every)
					if r := h.refresh("app", one.text("refresh_token")); time.Since(began) < c.until {
						h.want(r, 200, "") // and the session is in use
						one = r
					} else {
						h.want(r, 400, "invalid_grant")
					}
				}
				_, claims := h.parts(one.text("access_token"))
				if !h.revoked(claims["grant_id"]) {
					t.Error("the gateways are not told")
				}
				offline = h.refresh("app", offline.text("refresh_token"))
				h.want(offline, 200, "")
				time.Sleep(6 * 24 * time.Hour)
				h.want(h.refresh("app", offline.text("refresh_token")), 200, "")
				_ = h.store.Close()
			})
		})
	}
}

// token.revoke-events: what a person allowed a device a moment ago ends with the rest,
// before the device has heard of it. A browser that is signed out is no device.
func TestADeviceThatWasAllowedGetsNothingAfterTrustWasTakenAway(t *testing.T) {
	for everywhere, status := range map[bool]int{true: 400, false: 200} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			h.signedIn("s-1")
			r := h.begin("tv")
			h.want(h.decide(r.text("user_code")), 200, "")
			if everywhere {
				why := store.Ending{Issuer: h.url, Because: "the password was changed", Author: "u-1", At: time.Now()}
				if _, err := h.store.Endings().EndSubject(t.Context(), "u-1", store.Hash{}, why); err != nil {
					t.Fatal(err)
				}
			} else {
				h.endSession("s-1")
			}
			time.Sleep(DeviceInterval)
			if got := h.poll("tv", r.text("device_code")); got.status != status || (got.text("access_token") != "") != (status == 200) {
				t.Errorf("everywhere %v: %d %s", everywhere, got.status, got.body)
			}
			_ = h.store.Close()
		})
	}
}
