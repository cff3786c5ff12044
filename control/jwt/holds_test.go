package jwt

import (
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

// token.revocable: what an open exchange is asked again: expiry, revocation, the key
// that signed, and whether anybody knows.
func TestAProofHoldsUntilItsTokenDoesNot(t *testing.T) {
	issuer, other := offline(t, login), offline(t, login)
	set := func(i *devissuer.Issuer) *jose.Set {
		s, err := jose.ParseSet(i.JWKS())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := set(issuer)
	present := first
	c := &cut{Revocations: memory.NewRevocations(), checked: time.Now()}
	b := build()
	gatehouse.Provide[store.Revocations](b.Kept, c)
	gatehouse.Provide(b.Kept, Own{Issuer: login, Source: jose.Live(func() *jose.Set { return present })})
	step := compile(t, config(Issuer{Issuer: self}), b)
	x := withToken(time.Now(), issuer.Mint(devissuer.Claims{Set: map[string]string{"jti": `"j"`}}))
	if got := said(t, step, x); got != "" {
		t.Fatal(got)
	}
	proof, at := x.Principal.Proof, time.Now()
	want := func(what string, at time.Time, want bool) {
		t.Helper()
		if got := proof.Holds(at); got != want {
			t.Errorf("%s: holds %v", what, got)
		}
	}
	want("fresh", at, true)
	present = set(issuer) // read again: an equal key is the same key
	want("after the keys were read again", at, true)
	present = set(other)
	want("after the key was dropped", at, false)
	present = nil
	want("without keys", at, false)
	present = set(issuer)
	c.checked = at.Add(-staleAfter - time.Second)
	want("while nobody knows what was revoked", at, false)
	c.checked = at.Add(time.Hour)
	want("within the leeway of its end", x.Principal.Expires.Add(defaultLeeway-time.Second), true)
	want("after its end", x.Principal.Expires.Add(defaultLeeway), false)
	if err := c.Revoke(t.Context(), store.Revocation{Kind: store.RevokeToken, Subject: "j", At: at, Until: at.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	want("after it was revoked", at, false)
	present = first
	if n := testing.AllocsPerRun(100, func() { proof.Holds(at) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
