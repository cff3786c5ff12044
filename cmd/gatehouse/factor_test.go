package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"html"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"golang.org/x/oauth2"

	"github.com/gatehouse-api/gatehouse/config"
)

var passkeyForm = regexp.MustCompile(`(<form method="post" action="[^"]*") data-options="([^"]*)" hidden`)

// enrolPasskey has a device make a passkey on the page of second factors.
func (e *trust) enrolPasskey() {
	e.Helper()
	e.browser.get(e.url + "/account/second-factor")
	m := passkeyForm.FindStringSubmatchIndex(e.browser.body)
	if m == nil {
		e.Fatalf("%d %s", e.browser.status, e.browser.body)
	}
	body := e.browser.body
	o, err := virtualwebauthn.ParseAttestationOptions(html.UnescapeString(body[m[4]:m[5]]))
	if err != nil {
		e.Fatal(err)
	}
	key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	for len(key.Key.AttestationData()) != 77 { // it leaves leading zeros of coordinates out, against RFC 9053 section 7.1.1
		key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	device := virtualwebauthn.NewAuthenticator()
	device.Options.UserHandle = []byte(o.UserID)
	site := virtualwebauthn.RelyingParty{ID: "localhost", Name: "Example Bank", Origin: e.url}
	e.browser.body = body[m[2]:m[3]] + body[m[1]:] // what the script shows
	e.browser.send("answer", virtualwebauthn.CreateAttestationResponse(site, device, key, *o), "name", "my phone")
	if !strings.Contains(e.browser.body, "Your recovery codes") {
		e.Fatalf("%d %s", e.browser.status, e.browser.body)
	}
}

// saysProven is what a JWT that was just received says of how the person was proven.
func saysProven(t *testing.T, token string) (acr string, amr []string, at int64) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %q", token)
	}
	var claims struct {
		ACR  string   `json:"acr"`
		AMR  []string `json:"amr"`
		Time int64    `json:"auth_time"`
	}
	if err := json.Unmarshal(must(base64.RawURLEncoding.DecodeString(parts[1])), &claims); err != nil {
		t.Fatal(err)
	}
	return claims.ACR, claims.AMR, claims.Time
}

// session.mfa-aal2: what was proven, and when, goes on with a refresh and through a
// device's grant; neither is a new proof.
func TestTokensOfARefreshAndOfADeviceSayWhatWasProven(t *testing.T) {
	e := trusting(t, []*selfHouse{startSelfNamed(t, "127.0.0.1", withPeople)}, "--grant", "device_code")
	e.enrol()
	e.grant()
	var began int64
	same := func(what string, token *oauth2.Token) {
		t.Helper()
		id, _ := token.Extra("id_token").(string)
		acr, amr, at := saysProven(t, id)
		if began == 0 {
			began = at
		}
		if acr != "aal2" || !slices.Equal(amr, []string{"pwd", "otp", "mfa"}) || at == 0 || at != began {
			t.Errorf("the id_token of %s: %s %v %d; the first said %d", what, acr, amr, at, began)
		}
		if acr, _, at := saysProven(t, token.AccessToken); acr != "aal2" || at != began {
			t.Errorf("the access token of %s: %s %d; the first id_token said %d", what, acr, at, began)
		}
	}
	same("a code", e.token)
	refreshed, err := e.refresh(e.token.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	same("a refresh", refreshed)
	device, err := e.app.DeviceAuth(e.ctx())
	if err != nil {
		t.Fatal(err)
	}
	e.browser.get(device.VerificationURI)
	if e.browser.send("user_code", device.UserCode); !strings.Contains(e.browser.body, device.UserCode) {
		t.Fatalf("%d %s", e.browser.status, e.browser.body)
	}
	e.browser.send("decision", "allow")
	token, err := e.app.DeviceAccessToken(e.ctx(), device)
	if err != nil {
		t.Fatal(err, e.browser.body)
	}
	same("a device", token)
	if status, body := e.orders(token.AccessToken); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

// session.mfa-aal2: once everybody needs two factors, a grant that began with one ends
// at its next refresh, and one that began with two goes on.
func TestAGrantOfOneFactorEndsWhenTwoAreRequired(t *testing.T) {
	for name, two := range map[string]bool{"one factor": false, "two factors": true} {
		t.Run(name, func(t *testing.T) {
			e := trusting(t, []*selfHouse{startSelfNamed(t, "127.0.0.1", withPeople)})
			if two {
				e.enrol()
			}
			e.grant()
			second, err := e.refresh(e.token.RefreshToken)
			if err != nil {
				t.Fatal(err)
			}
			e.again("people: {", "people: {require_second_factor: true, ")
			_, err = e.refresh(second.RefreshToken)
			if two && err != nil || !two && (err == nil || !strings.Contains(err.Error(), "invalid_grant")) {
				t.Errorf("the refresh token: %v", err)
			}
			status := 0
			for began := time.Now(); time.Since(began) < time.Second && status != 401; {
				if status, _ = e.orders(second.AccessToken); two {
					break
				}
			}
			if status != map[bool]int{true: 200, false: 401}[two] {
				t.Errorf("the access token: %d", status)
			}
		})
	}
}

// again ends the gateway and starts it with a change of its configuration.
func (h *selfHouse) again(old, changed string) {
	h.Helper()
	path := filepath.Join(h.dir, "gatehouse.yaml")
	text := string(must(os.ReadFile(path)))
	if !strings.Contains(text, old) {
		h.Fatalf("no %s in %s", old, text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	h.client.CloseIdleConnections()
	err := h.g.Close(ctx)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(text, old, changed, 1)), 0o600)
	}
	if err != nil {
		h.Fatal(err)
	}
	f, err := load(path, config.Options{})
	if err != nil {
		h.Fatal(err)
	}
	if h.g, err = startGateway(f, gatewayOptions{Log: h.log, Problems: slog.New(slog.NewTextHandler(h.log, nil))}); err != nil {
		h.Fatal(err)
	}
}

// Operators see whoever's second factors, and take one of them away.
func TestSecondFactorsAreListedAndRemovedOneByOne(t *testing.T) {
	e := trusting(t, []*selfHouse{startSelfNamed(t, "localhost", withPeople)})
	type factor struct{ ID, Kind, Name string }
	list := func() (found []factor) {
		t.Helper()
		out, _ := e.do(0, "users", "second-factors", trusted, "--json")
		if err := json.Unmarshal([]byte(out), &found); err != nil {
			t.Fatal(err, out)
		}
		return found
	}
	if found := list(); len(found) != 0 {
		t.Errorf("%v", found)
	}
	e.enrolPasskey()
	e.enrol()
	found := list()
	i := slices.IndexFunc(found, func(f factor) bool { return f.ID != "app" })
	if len(found) != 2 || i < 0 || found[i].Name != "my phone" || !slices.ContainsFunc(found, func(f factor) bool { return f.ID == "app" }) {
		t.Fatalf("%v", found)
	}
	if out, _ := e.do(0, "users", "second-factors", trusted); !strings.Contains(out, found[i].ID) || !strings.Contains(out, "recovery codes left: 10") {
		t.Error(out)
	}
	e.grant()
	e.do(1, "users", "second-factors", "nobody@example.com")
	remove := []string{"users", "remove-second-factor", trusted, "--author", "ops@example.com", "--id"}
	if _, errs := e.do(1, append(remove, "0123456789abcdef")...); !strings.Contains(errs, "gatehouse users second-factors "+trusted) {
		t.Error(errs)
	}
	if status, _ := e.orders(e.token.AccessToken); status != 200 {
		t.Errorf("removing nothing revoked something: %d", status)
	}
	if out, _ := e.do(0, append(remove, found[i].ID)...); !strings.Contains(out, "one second factor less") {
		t.Error(out)
	}
	e.ended(&takesTrustAway{because: "the second factor was changed", by: "ops@example.com"})
	if left := list(); len(left) != 1 || left[0].ID != "app" {
		t.Errorf("%v", left)
	}
	e.do(0, append(remove, "app")...)
	if out, _ := e.do(0, "users", "second-factors", trusted); !strings.Contains(out, "recovery codes left: 0") {
		t.Error(out)
	}
	e.signedIn() // by the password alone again
}
