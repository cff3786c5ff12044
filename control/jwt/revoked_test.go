package jwt

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

const login = "https://login.example.com"

// revocable returns a build and the revocations that it knows.
func revocable(t testing.TB) (*gatehouse.Build, store.Revocations) {
	t.Helper()
	b := build()
	r, err := gatehouse.Require[store.Revocations](b.Kept)
	if err != nil {
		t.Fatal(err)
	}
	return b, r
}

// token.revocable: a revocation is seen at the very next request, for a token
// that was seen before and for one that was not.
func TestARevokedTokenIsRefusedAlthoughRemembered(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	for what, c := range map[string]struct {
		r    store.Revocation
		want bool
	}{
		"the token":                          {store.Revocation{Kind: store.RevokeToken, Issuer: login, Subject: "j1"}, true},
		"the token of any issuer":            {store.Revocation{Kind: store.RevokeToken, Subject: "j1"}, true},
		"another token":                      {store.Revocation{Kind: store.RevokeToken, Issuer: login, Subject: "j2"}, false},
		"a namesake of another issuer":       {store.Revocation{Kind: store.RevokeToken, Issuer: "https://other.example.com", Subject: "j1"}, false},
		"the grant":                          {store.Revocation{Kind: store.RevokeGrant, Issuer: login, Subject: "g1"}, true},
		"the grant of any issuer":            {store.Revocation{Kind: store.RevokeGrant, Subject: "g1"}, true},
		"another grant":                      {store.Revocation{Kind: store.RevokeGrant, Subject: "j1"}, false},
		"the subject, later":                 {store.Revocation{Kind: store.RevokeSubject, Issuer: login, Subject: "alice", Before: at.Add(time.Hour)}, true},
		"the subject, in the same second":    {store.Revocation{Kind: store.RevokeSubject, Issuer: login, Subject: "alice", Before: at.Add(time.Millisecond)}, true},
		"the subject, before the issue":      {store.Revocation{Kind: store.RevokeSubject, Issuer: login, Subject: "alice", Before: at.Add(-time.Millisecond)}, false},
		"another subject":                    {store.Revocation{Kind: store.RevokeSubject, Issuer: login, Subject: "bob", Before: at}, false},
		"a namesake subject elsewhere":       {store.Revocation{Kind: store.RevokeSubject, Issuer: "https://other.example.com", Subject: "alice", Before: at}, false},
		"a subject that is called as a jti":  {store.Revocation{Kind: store.RevokeSubject, Issuer: login, Subject: "j1", Before: at}, false},
		"a token that is called as the user": {store.Revocation{Kind: store.RevokeToken, Issuer: login, Subject: "alice"}, false},
	} {
		issuer := offline(t, login)
		issuer.Now = func() time.Time { return at }
		b, list := revocable(t)
		step := compile(t, config(atFile(t, issuer)), b)
		mint := func() string {
			return issuer.Mint(devissuer.Claims{Subject: "alice", Set: map[string]string{"jti": `"j1"`, "grant_id": `"g1"`}})
		}
		seen := mint()
		for range 2 {
			if got := said(t, step, withToken(at, seen)); got != "" {
				t.Fatal(got)
			}
		}
		c.r.At, c.r.Until = at, at.Add(store.TokenLife)
		if err := list.Revoke(t.Context(), c.r); err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{true: "jwt.revoked"}[c.want]
		for name, token := range map[string]string{"remembered": seen, "on first sight": mint()} {
			if got := said(t, step, withToken(at, token)); got != want {
				t.Errorf("%s revoked, the token %s: %q; want %q", what, name, got, want)
			}
		}
	}
}

// token.revocable: after a revocation a person logs in anew.
func TestATokenThatWasIssuedAfterwardsHolds(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	issuer := offline(t, login)
	b, list := revocable(t)
	step := compile(t, config(atFile(t, issuer)), b)
	if err := list.Revoke(t.Context(), store.Revocation{Kind: store.RevokeSubject, Issuer: login, Subject: "alice", Before: at, At: at, Until: at.Add(store.TokenLife)}); err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]string{-time.Minute: "jwt.revoked", 0: "jwt.revoked", time.Second: "", time.Minute: ""} {
		issuer.Now = func() time.Time { return at.Add(after) }
		if got := said(t, step, withToken(at.Add(time.Minute), issuer.Mint(devissuer.Claims{Subject: "alice"}))); got != want {
			t.Errorf("issued %s after the revocation: %q; want %q", after, got, want)
		}
	}
}

func TestAGrantThatIsNoTextIsRefused(t *testing.T) {
	issuer := offline(t, login)
	step := compile(t, config(atFile(t, issuer)), build())
	for _, set := range []map[string]string{{"grant_id": "1"}, {"grant_id": `""`}, {"grant_id": `["g1"]`}, {"Grant_Id": `"g1"`}} {
		if got := said(t, step, withToken(time.Now(), issuer.Mint(devissuer.Claims{Set: set}))); got != "jwt.claims" {
			t.Errorf("%v: %q", set, got)
		}
	}
}

// An entry outlives every token that it could be about.
func TestRevocationsLiveLongerThanAnyToken(t *testing.T) {
	if longest := mostLifetime + 2*mostLeeway; store.TokenLife < longest {
		t.Errorf("store.TokenLife is %s; a token may be accepted for %s", store.TokenLife, longest)
	}
}

// cut is a store that can be cut off.
type cut struct {
	store.Revocations
	checked time.Time
	err     error
}

func (c *cut) Checked() time.Time { return c.checked }

func (c *cut) Watch(changed func([]store.Revocation)) (func(), error) {
	if c.err != nil {
		return nil, c.err
	}
	return c.Revocations.Watch(changed)
}

// token.revocable: what is not known is not accepted.
func TestWithoutKnowledgeOfRevocationsNoTokenIsAccepted(t *testing.T) {
	issuer, at := offline(t, login), time.Now()
	c := &cut{Revocations: memory.NewRevocations(), checked: at}
	b := build()
	b.Kept = gatehouse.NewKept()
	gatehouse.Provide[store.Revocations](b.Kept, c)
	gatehouse.Provide[store.Once](b.Kept, memory.NewOnce(10))
	step := compile(t, config(atFile(t, issuer)), b)
	token := issuer.Mint(devissuer.Claims{})
	for age, want := range map[time.Duration]bool{-time.Second: true, 0: true, staleAfter: true, staleAfter + time.Second: false, time.Hour: false} {
		c.checked = at.Add(-age)
		v, err := step.Enforce(context.Background(), withToken(at, token))
		if v.Passed() != want || errors.Is(err, errStale) == want {
			t.Errorf("last read %s ago: passed %v, %v; want %v", age, v.Passed(), err, want)
		}
	}
	c.err = errors.New("the disk is gone")
	b.Kept = gatehouse.NewKept()
	gatehouse.Provide[store.Revocations](b.Kept, c)
	if _, err := config(atFile(t, issuer)).Compile(b); !errors.Is(err, c.err) {
		t.Errorf("a store that cannot be read at the start: %v", err)
	}
	b.Kept = gatehouse.NewKept()
	if _, err := config(atFile(t, issuer)).Compile(b); !errors.Is(err, gatehouse.ErrNotProvided) {
		t.Errorf("without a store: %v; want ErrNotProvided", err)
	}
}

func TestARememberedTokenAmongManyRevokedCostsNoAllocation(t *testing.T) {
	issuer, now := offline(t, login), time.Now()
	b, list := revocable(t)
	step := compile(t, config(atFile(t, issuer)), b)
	for i := range 300 {
		for _, r := range []store.Revocation{{Kind: store.RevokeToken}, {Kind: store.RevokeGrant}, {Kind: store.RevokeSubject, Issuer: login, Before: now}} {
			r.Subject, r.At, r.Until = fmt.Sprint("x", i), now, now.Add(store.TokenLife)
			if err := list.Revoke(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	x := withToken(now, issuer.Mint(devissuer.Claims{Subject: "alice", Set: map[string]string{"jti": `"j1"`, "grant_id": `"g1"`}}))
	if n := testing.AllocsPerRun(100, func() {
		x.Principal = nil
		if v, err := step.Enforce(context.Background(), x); err != nil || !v.Passed() {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if err := list.Revoke(t.Context(), store.Revocation{Kind: store.RevokeToken, Subject: "j1", At: now, Until: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		x.Principal = nil
		if v, err := step.Enforce(context.Background(), x); err != nil || v.Rule() != "jwt.revoked" {
			t.Fatal("accepted")
		}
	}); n != 0 {
		t.Errorf("a refusal: %v allocations", n)
	}
}
