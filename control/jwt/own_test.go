package jwt

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

const ownURL = "https://login.example.com"

// ownServer stands for our own authorization server.
type ownServer struct {
	*testing.T
	signer *jose.Signer
	set    *jose.Set
}

func newOwn(t *testing.T) *ownServer {
	t.Helper()
	o := &ownServer{T: t}
	o.rotate()
	return o
}

// rotate drops the present key for another one.
func (o *ownServer) rotate() {
	o.Helper()
	var err error
	if o.signer, err = jose.GenerateSigner(); err == nil {
		o.set, err = jose.ParseSet(o.signer.JWKS())
	}
	if err != nil {
		o.Fatal(err)
	}
}

func (o *ownServer) build() *gatehouse.Build {
	b := build()
	gatehouse.Provide(b.Kept, Own{Issuer: ownURL, Source: jose.Live(func() *jose.Set { return o.set })})
	return b
}

func (o *ownServer) token(typ, sub string, life time.Duration) string {
	o.Helper()
	now := time.Now().Unix()
	text, err := o.signer.Sign(typ, fmt.Appendf(nil, `{"iss":%q,"aud":%q,"sub":%q,"client_id":"job","tenant":"t1","roles":["robot"],"scope":"orders:read","jti":"j","grant_id":"g","iat":%d,"nbf":%d,"exp":%d}`,
		ownURL, api, sub, now, now, now+int64(life/time.Second)))
	if err != nil {
		o.Fatal(err)
	}
	return text
}

func TestTokensOfOurOwnServerAreReadAsItWritesThem(t *testing.T) {
	o := newOwn(t)
	step := compile(t, config(Issuer{Issuer: "self"}), o.build())
	x := withToken(time.Now(), o.token("at+jwt", "u-1", 15*time.Minute))
	if got := said(t, step, x); got != "" {
		t.Fatal(got)
	}
	p := x.Principal
	if p.Issuer != ownURL || p.Kind != "user" || p.Tenant != "t1" || len(p.Roles) != 1 || p.Client != "job" {
		t.Errorf("%+v", p)
	}
	if got := said(t, step, withToken(time.Now(), o.token("JWT", "u-1", 5*time.Minute))); got != "jwt.typ" {
		t.Errorf("an id_token: %q", got)
	}
}

func TestAnHourIsForClientsOfOurOwnServerOnly(t *testing.T) { // token.client-credentials, jwt.lifetime
	o := newOwn(t)
	step := compile(t, config(Issuer{Issuer: "self"}), o.build())
	for _, c := range []struct {
		sub  string
		life time.Duration
		want string
	}{{"job", time.Hour, ""}, {"job", time.Hour + time.Second, "jwt.lifetime"}, {"u-1", time.Hour, "jwt.lifetime"}, {"u-1", 15 * time.Minute, ""}} {
		if got := said(t, step, withToken(time.Now(), o.token("at+jwt", c.sub, c.life))); got != c.want {
			t.Errorf("%s for %s: %q; want %q", c.sub, c.life, got, c.want)
		}
	}
}

func TestADroppedKeyIsDroppedAtOnce(t *testing.T) { // token.key-rotation
	o := newOwn(t)
	step := compile(t, config(Issuer{Issuer: "self"}), o.build())
	token := o.token("at+jwt", "u-1", time.Minute)
	for range 2 {
		if got := said(t, step, withToken(time.Now(), token)); got != "" {
			t.Fatal(got)
		}
	}
	o.rotate()
	if got := said(t, step, withToken(time.Now(), token)); got != "jwt.kid_unknown" {
		t.Errorf("%q", got)
	}
	if got := said(t, step, withToken(time.Now(), o.token("at+jwt", "u-1", time.Minute))); got != "" {
		t.Errorf("the new key: %q", got)
	}
}

func TestOurOwnServerMustBeThere(t *testing.T) {
	_, err := config(Issuer{Issuer: "self"}).Compile(build())
	if fault, ok := errors.AsType[*gatehouse.Fault](err); !ok || fault.Key != "issuers[0].issuer" {
		t.Errorf("%v", err)
	}
	if _, err := config(Issuer{Issuer: "self", JWKS: "https://evil.example/jwks"}).Compile(newOwn(t).build()); err == nil {
		t.Error("its keys may come from elsewhere")
	}
}
