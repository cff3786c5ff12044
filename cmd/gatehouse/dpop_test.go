package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/devissuer"
)

// send sends a request with a DPoP proof for it, and returns status, challenge and body.
func (h *selfHouse) send(method, address, body, authorization, proof string) (status int, challenge, answer string) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), method, address, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if proof != "" {
		r.Header.Set("DPoP", proof)
	}
	res, err := h.client.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("WWW-Authenticate"), string(b)
}

// jwt.dpop-mtls: a service gets a token for its key and calls the API
// with proofs of it, and whoever steals the token, a proof or both calls nothing.
func TestAServiceProvesThatItHoldsItsKey(t *testing.T) {
	h := startSelf(t, nil)
	secret := h.add("job", "--dpop", "--grant", "client_credentials", "--scope", "orders:read", "--role", "robot")
	mine, err := devissuer.NewProver()
	if err != nil {
		t.Fatal(err)
	}
	thief, err := devissuer.NewProver()
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"job"}, "client_secret": {secret}}.Encode()
	status, _, body := h.send("POST", h.url+"/token", form, "", mine.Prove(devissuer.Proof{Method: "POST", URL: h.url + "/token"}))
	var token struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
	}
	if err := json.Unmarshal([]byte(body), &token); err != nil || status != 200 || token.Type != "DPoP" {
		t.Fatal(status, body, err)
	}
	orders := h.url + "/v1/orders"
	genuine := devissuer.Proof{Method: "GET", URL: orders, Token: token.Token}
	proof := mine.Prove(genuine)
	elsewhere := genuine
	elsewhere.URL = h.url + "/v1/others"
	for _, c := range []struct{ what, authorization, proof, reason string }{
		{"with a proof", "DPoP " + token.Token, proof, ""},
		{"with that proof again", "DPoP " + token.Token, proof, "jwt.proof_replayed"},
		{"with a fresh one", "DPoP " + token.Token, mine.Prove(genuine), ""},
		{"as a bearer token", "Bearer " + token.Token, "", "jwt.cnf"},
		{"without a proof", "DPoP " + token.Token, "", "jwt.proof_missing"},
		{"with a proof of the thief's", "DPoP " + token.Token, thief.Prove(genuine), "jwt.proof_key"},
		{"with a proof for elsewhere", "DPoP " + token.Token, mine.Prove(elsewhere), "jwt.proof_htu"},
	} {
		status, challenge, body := h.send("GET", orders, "", c.authorization, c.proof)
		switch {
		case c.reason == "" && (status != 200 || body != `["1"]`):
			t.Errorf("%s: %d %s", c.what, status, body)
		case c.reason != "" && (status != 401 || !strings.Contains(body, ":"+c.reason+`"`) || !strings.HasPrefix(challenge, "DPoP error=")):
			t.Errorf("%s: %d %q %s", c.what, status, challenge, body)
		}
	}
}
