package oidc_test

import (
	"strings"
	"testing"
)

// TestAPersonOfAnOrganisationSignsInAtItsProvider covers session.sso-oidc.
func TestAPersonOfAnOrganisationSignsInAtItsProvider(t *testing.T) {
	w := newWorld(t, options{})
	b := w.browser()
	claims := b.signIn()
	all := w.everybody()
	if len(all) != 1 || all[0].Name != alice || all[0].Tenant != "acme" || all[0].Password != "" {
		t.Fatalf("provisioned: %+v\n%s", all, w.house.log)
	}
	if claims["sub"] != all[0].ID || claims["tenant"] != "acme" || sorted(claims["roles"]) != "user" || claims["acr"] != "aal1" {
		t.Errorf("the token says %v", claims)
	}
	if again := w.browser().signIn(); again["sub"] != claims["sub"] || len(w.everybody()) != 1 {
		t.Errorf("the second time it is %v", again)
	}
	for _, r := range w.net.requests("GET " + acme + "/authorize?") {
		for _, want := range []string{"code_challenge=", "code_challenge_method=S256", "nonce=", "state=", "scope=openid"} {
			if !strings.Contains(r, want) {
				t.Errorf("%s has no %s", r, want)
			}
		}
	}
}
