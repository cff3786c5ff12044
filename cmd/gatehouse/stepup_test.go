package main

import (
	"encoding/base32"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gatehouse-api/gatehouse/internal/totp"
)

var (
	factorKey = regexp.MustCompile(`<code[^>]*>([A-Z2-7 ]{32,})</code>`)
	parameter = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// session.mfa-aal2: the whole way of a step-up (RFC 9470). A password alone is not
// enough for a route; the client reads the challenge, sends the person back with what
// it asks for, and comes back with a token that is.
func TestAPersonStepsUpForARouteThatNeedsTwoFactors(t *testing.T) {
	h := startSelfWith(t, nil, withPeople)
	path := filepath.Join(h.dir, "gatehouse.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "    issuer: self\n", "    issuer: self\n    endpoints: {listOrders: {assurance: {level: aal2, max_age: 10m}}}\n", 1))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.g.reload(); err != nil {
		t.Fatal(err)
	}
	_, password := h.user("alice@example.com", "--role", "clerk")
	h.add("app", "--public", "--first-party", "--grant", "authorization_code", "--grant", "refresh_token", "--redirect", appBack, "--scope", "openid", "--scope", "orders:read")
	secret := h.add("job", "--grant", "client_credentials", "--scope", "orders:read", "--role", "robot")
	p, err := oidc.NewProvider(h.ctx(), h.url)
	if err != nil {
		t.Fatal(err)
	}
	c := oauth2.Config{ClientID: "app", RedirectURL: appBack, Endpoint: p.Endpoint(), Scopes: []string{"openid", "orders:read"}}
	b := h.tab()
	// authorize asks for a token, with what a challenge said, and returns it when the
	// browser comes back from pages that walk fills in.
	authorize := func(ask map[string]string, walk func() string) string {
		t.Helper()
		verifier := oauth2.GenerateVerifier()
		options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
		for k, v := range ask {
			options = append(options, oauth2.SetAuthURLParam(k, v))
		}
		code := ""
		if away := b.get(c.AuthCodeURL("state", options...)); away != nil {
			code = away.Query().Get("code")
		} else {
			code = walk()
		}
		token, err := c.Exchange(h.ctx(), code, oauth2.VerifierOption(verifier))
		if err != nil {
			t.Fatal(err)
		}
		return token.AccessToken
	}
	weak := authorize(nil, func() string {
		return b.send("name", "alice@example.com", "password", password).Query().Get("code")
	})
	status, challenge, body := h.send("GET", h.url+"/v1/orders", "", "Bearer "+weak, "")
	ask := map[string]string{}
	for _, m := range parameter.FindAllStringSubmatch(challenge, -1) {
		ask[m[1]] = m[2]
	}
	if status != 401 || !strings.Contains(body, "assurance.level") || ask["error"] != "insufficient_user_authentication" || ask["acr_values"] != "aal2" || ask["max_age"] != "600" {
		t.Fatalf("%d %q %s", status, challenge, body)
	}
	stepUp := map[string]string{"acr_values": ask["acr_values"], "max_age": ask["max_age"]}
	if b.get(c.AuthCodeURL("state", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()), oauth2.SetAuthURLParam("acr_values", ask["acr_values"]))); !strings.Contains(b.body, "Set up a second factor") {
		t.Fatalf("%d %s", b.status, b.body)
	}
	b.get(h.url + "/account/second-factor")
	key := factorKey.FindStringSubmatch(b.body)
	if key == nil {
		t.Fatalf("%d %s", b.status, b.body)
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(key[1], " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	b.send("code", totp.Code(raw, time.Now().Unix()/30))
	strong := authorize(stepUp, func() string { t.Fatalf("%d %s", b.status, b.body); return "" })
	if status, body := h.orders(strong); status != 200 {
		t.Errorf("after the step-up: %d %s", status, body)
	}
	status, _, body = h.send("POST", h.url+"/token", "grant_type=client_credentials&client_id=job&client_secret="+secret, "", "")
	own := regexp.MustCompile(`"access_token":"([^"]*)"`).FindStringSubmatch(body)
	if own == nil {
		t.Fatal(status, body)
	}
	if status, _, body := h.send("GET", h.url+"/v1/orders", "", "Bearer "+own[1], ""); status != 403 || !strings.Contains(body, "assurance.client") {
		t.Errorf("a client for itself: %d %s", status, body)
	}
}
