package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// TestAClientIsToldOfLogoutsByTheGateway registers a client with an endpoint of its
// own, and logs the person out by the page, and by a command of another process.
func TestAClientIsToldOfLogoutsByTheGateway(t *testing.T) {
	h := startSelfOn(t, nil, "127.0.0.1", withPeople, often(), nil)
	tokens := make(chan string, 8)
	client := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens <- r.PostFormValue("logout_token")
		w.WriteHeader(http.StatusNoContent)
	}))
	defer client.Close()
	h.do(1, "clients", "add", "bad", "--public", "--grant", "authorization_code", "--redirect", appBack, "--backchannel-logout-uri", "http://app.example.com/bye")
	e := trusting(t, []*selfHouse{h}, "--backchannel-logout-uri", client.URL+"/bye")
	p, err := oidc.NewProvider(e.ctx(), e.url)
	if err != nil {
		t.Fatal(err)
	}
	var metadata struct {
		Supported bool `json:"backchannel_logout_supported"`
		Session   bool `json:"backchannel_logout_session_supported"`
	}
	if err := p.Claims(&metadata); err != nil || !metadata.Supported || !metadata.Session {
		t.Errorf("%+v %v", metadata, err)
	}
	for what, do := range map[string]func(){
		"by the page": func() { here := sessionHere(e); e.browser.form("/account/", `value="`+here+`"`, "session", here) },
		"by a command": func() {
			e.command("sessions", "revoke", trusted, "--because", "lost laptop", "--author", "ops@example.com")
		},
	} {
		e.browser = e.signedIn()
		e.grant()
		session := sessionHere(e)
		do()
		began := time.Now()
		var token string
		select {
		case token = <-tokens:
		case <-time.After(6 * time.Second):
			t.Fatalf("%s: the client was not told", what)
		}
		t.Logf("figure a client is told of a logout %s after %s", what, time.Since(began).Round(time.Millisecond))
		id, err := p.Verifier(&oidc.Config{ClientID: "app"}).Verify(e.ctx(), token)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var claims struct {
			SID    string `json:"sid"`
			Events map[string]struct{}
		}
		if err := id.Claims(&claims); err != nil || id.Subject != e.id || claims.SID != map[bool]string{true: session}[what == "by the page"] || len(claims.Events) != 1 {
			t.Errorf("%s: %+v %+v %v", what, id, claims, err)
		}
		if status, body := h.orders(token); status != 401 {
			t.Errorf("a logout token opens the API: %d %s", status, body)
		}
		time.Sleep(2100 * time.Millisecond) // the second of the revocation, rounded up, is over
	}
}
