package jwt

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
)

// session.mfa-aal2: how strongly and when a person was proven is read by what the
// configuration says of the issuer, and by nothing else.
func TestLevelsAreReadAsConfigured(t *testing.T) {
	issuer := offline(t, "https://login.example.com")
	mapped := atFile(t, issuer)
	mapped.Assurance = map[string][]string{"aal2": {"urn:mfa", "urn:passkey"}, "aal3": {"urn:hsm"}}
	of := func(i Issuer, set map[string]string) gatehouse.Assurance {
		x := withToken(time.Now(), issuer.Mint(devissuer.Claims{Set: set}))
		if got := said(t, compile(t, config(i), build()), x); got != "" {
			t.Fatalf("%v: %s", set, got)
		}
		return x.Principal.Assurance
	}
	for acr, want := range map[string]uint8{`"urn:mfa"`: 2, `"urn:passkey"`: 2, `"urn:hsm"`: 3, `"aal2"`: 0, `"URN:MFA"`: 0, `2`: 0, `["urn:mfa"]`: 0, ``: 0, `"0"`: 0} {
		if a := of(mapped, map[string]string{"acr": acr, "auth_time": "1700000000"}); a.Level != want || a.At.Unix() != 1700000000 || a.Ask == nil {
			t.Errorf("acr %s: %+v", acr, a)
		}
	}
	if a := of(mapped, nil); *a.Ask != [4]string{"", "urn:mfa", "urn:mfa", "urn:hsm"} {
		t.Errorf("asks for %q", *a.Ask)
	}
	for _, at := range []string{`"2026-01-01"`, `-1`, `0`, `1e9`, `null`, ``} {
		if a := of(mapped, map[string]string{"auth_time": at}); !a.At.IsZero() {
			t.Errorf("auth_time %s: %s", at, a.At)
		}
	}
	if a := of(atFile(t, issuer), map[string]string{"acr": `"aal2"`}); a.Level != 0 || a.Ask != nil {
		t.Errorf("an issuer of whom nothing is said: %+v", a)
	}
	if ownLevels.ask != [4]string{"", "aal1", "aal2", "aal3"} || ownLevels.of["aal2"] != 2 {
		t.Errorf("our own: %+v", ownLevels)
	}
}

func TestLevelsThatMeanNothingAreRefusedAtLoad(t *testing.T) {
	for name, a := range map[string]map[string][]string{
		"an unknown level": {"aal4": {"a"}}, "no value": {"aal2": {}}, "an empty value": {"aal2": {""}}, "a space": {"aal2": {"a b"}}, "a quote": {"aal2": {`a"b`}},
		"twice": {"aal2": {"a", "a"}}, "of two levels": {"aal1": {"a"}, "aal2": {"a"}}, "a line": {"aal2": {"a\r\nb"}},
	} {
		i := Issuer{Issuer: "https://login.example.com", Assurance: a}
		if _, err := config(i).Compile(build()); err == nil || !strings.Contains(err.Error(), "issuers[0].assurance.") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := config(Issuer{Issuer: "self", Assurance: map[string][]string{"aal2": {"aal2"}}}).Compile(build()); err == nil {
		t.Error("our own issuer's levels can be written")
	}
}
