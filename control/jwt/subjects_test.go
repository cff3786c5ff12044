package jwt

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

// jwt.iss: the bob of one issuer is not the bob of another, whatever either calls him.
func TestSubjectsOfTwoIssuersAreTwoCallers(t *testing.T) {
	home, partner := offline(t, "https://login.example.com"), offline(t, "https://partner.example.org")
	theirs := atFile(t, partner)
	theirs.SubjectPrefix = "partner|"
	revocations := memory.NewRevocations()
	b := build()
	gatehouse.Provide[store.Revocations](b.Kept, revocations)
	step := compile(t, config(atFile(t, home), theirs), b)
	for _, c := range []struct {
		issuer   *devissuer.Issuer
		sub, id  string
		want     string
		isClient bool
	}{
		{home, "bob", "bob", "", false}, {partner, "bob", "partner|bob", "", false}, {partner, "partner|bob", "partner|partner|bob", "", false},
		{home, "partner|bob", "", "jwt.claims", false}, {partner, "app", "partner|app", "", true},
	} {
		claims := devissuer.Claims{Subject: c.sub}
		if c.isClient {
			claims.Client = c.sub
		}
		x := withToken(time.Now(), c.issuer.Mint(claims))
		got := said(t, step, x)
		if got != c.want || got == "" && (x.Principal.ID != c.id || (x.Principal.Kind == "client") != c.isClient) {
			t.Errorf("%s of %s: %q %+v", c.sub, c.issuer.URL, got, x.Principal)
		}
	}
	// A revocation names the subject as its issuer does.
	if err := revocations.Revoke(t.Context(), store.Revocation{Kind: store.RevokeSubject, Issuer: partner.URL, Subject: "bob", Before: time.Now(), At: time.Now(), Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if got := said(t, step, withToken(time.Now(), partner.Mint(devissuer.Claims{Subject: "bob"}))); got != "jwt.revoked" {
		t.Errorf("a revoked subject: %q", got)
	}
	if got := said(t, step, withToken(time.Now(), home.Mint(devissuer.Claims{Subject: "bob"}))); got != "" {
		t.Errorf("the other issuer's: %q", got)
	}
}

func TestIssuersWhoseSubjectsCollideAreRefusedAtLoad(t *testing.T) {
	one, two, three := Issuer{Issuer: "https://a.example"}, Issuer{Issuer: "https://b.example"}, Issuer{Issuer: "https://c.example"}
	prefixed := func(i Issuer, p string) Issuer { i.SubjectPrefix = p; return i }
	for name, c := range map[string]struct {
		issuers []Issuer
		want    string
	}{
		"two without a prefix":    {[]Issuer{one, two}, "own the same objects"},
		"two of three":            {[]Issuer{one, prefixed(two, "b|"), three}, "own the same objects"},
		"one prefix for two":      {[]Issuer{prefixed(one, "a|"), prefixed(two, "a|")}, "another issuer's prefix begins with it"},
		"a prefix of a prefix":    {[]Issuer{prefixed(one, "a"), prefixed(two, "ab")}, "another issuer's prefix begins with it"},
		"a prefix that is a line": {[]Issuer{prefixed(one, "a\n")}, "printable"},
	} {
		if _, err := config(c.issuers...).Compile(build()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	over := config(one, two)
	over.SharedSubjects = &gatehouse.Waiver{Until: time.Now().AddDate(0, 0, -2)}
	if _, err := over.Compile(build()); err == nil {
		t.Error("a waiver that is over")
	}
}
