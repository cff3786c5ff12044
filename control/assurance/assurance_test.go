package assurance

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

type operation struct{}

func (operation) ID() string       { return "createOrder" }
func (operation) Method() string   { return "POST" }
func (operation) Template() string { return "/v1/orders" }

func build() *gatehouse.Build {
	return &gatehouse.Build{API: "orders", Operation: operation{}, Caps: gatehouse.AllCaps, Now: time.Now, Kept: gatehouse.NewKept()}
}

func compile(t testing.TB, c *Config) gatehouse.Step {
	t.Helper()
	steps, err := c.Compile(build())
	if err != nil || len(steps) != 1 || steps[0].Stage != gatehouse.Authorize {
		t.Fatal(steps, err)
	}
	return steps[0]
}

func person(level uint8, ago time.Duration) *gatehouse.Principal {
	return &gatehouse.Principal{Kind: "user", ID: "alice", Assurance: gatehouse.Assurance{Level: level, At: time.Now().Add(-ago), Ask: &[4]string{"", "aal1", "aal2", "aal3"}}}
}

func said(t testing.TB, s gatehouse.Step, p *gatehouse.Principal) (rule, challenge string) {
	t.Helper()
	v, err := s.Enforce(context.Background(), &gatehouse.Exchange{At: time.Now(), Principal: p})
	if err != nil {
		t.Fatal(err)
	}
	if v.Passed() {
		return "", ""
	}
	return v.Rule(), v.Answer().Fields.Get("www-authenticate")
}

// session.mfa-aal2: the arithmetic of levels and ages.
func TestLevelsAndAgesAreCompared(t *testing.T) {
	for _, c := range []struct {
		config Config
		p      *gatehouse.Principal
		want   string
	}{
		{Config{Level: "aal2"}, person(2, time.Hour), ""},
		{Config{Level: "aal2"}, person(3, time.Hour), ""},
		{Config{Level: "aal2"}, person(1, 0), "assurance.level"},
		{Config{Level: "aal3"}, person(2, 0), "assurance.level"},
		{Config{Level: "aal1"}, person(0, 0), "assurance.level"},
		{Config{MaxAge: 15 * time.Minute}, person(0, 14*time.Minute), ""},
		{Config{MaxAge: 15 * time.Minute}, person(0, 16*time.Minute), "assurance.max_age"},
		{Config{MaxAge: 15 * time.Minute}, person(0, -30*time.Second), ""},
		{Config{MaxAge: 15 * time.Minute}, person(0, -2*time.Minute), "assurance.max_age"},
		{Config{Level: "aal2", MaxAge: time.Minute}, person(1, 2*time.Minute), "assurance.level"},
		{Config{Level: "aal2"}, nil, "assurance.nobody"},
		{Config{Level: "aal2"}, &gatehouse.Principal{Kind: "client", ID: "job"}, "assurance.client"},
		{Config{MaxAge: time.Minute}, &gatehouse.Principal{Kind: "key", ID: "k"}, "assurance.client"},
		{Config{Level: "aal2"}, &gatehouse.Principal{Kind: "user", ID: "a"}, "assurance.unknown"},
		{Config{SenderConstrained: "either"}, &gatehouse.Principal{Kind: "client", Bound: gatehouse.BoundToCertificate}, ""},
		{Config{SenderConstrained: "either"}, &gatehouse.Principal{Kind: "client", Bound: gatehouse.BoundToKey}, ""},
		{Config{SenderConstrained: "dpop"}, &gatehouse.Principal{Kind: "client", Bound: gatehouse.BoundToCertificate}, "assurance.sender"},
		{Config{SenderConstrained: "mtls"}, &gatehouse.Principal{Kind: "client", Bound: gatehouse.BoundToKey}, "assurance.sender"},
		{Config{SenderConstrained: "mtls"}, &gatehouse.Principal{Kind: "client", Bound: gatehouse.BoundToKey | gatehouse.BoundToCertificate}, ""},
	} {
		if got, _ := said(t, compile(t, &c.config), c.p); got != c.want {
			t.Errorf("%+v, %+v: %q, want %q", c.config, c.p, got, c.want)
		}
	}
}

// RFC 9470 section 3; RFC 9449 section 7.1: the challenge has the scheme that the
// client speaks.
func TestTheChallengeSaysWhatToAskFor(t *testing.T) {
	s := compile(t, &Config{Level: "aal2", MaxAge: 5 * time.Minute})
	p := person(1, 0)
	if _, got := said(t, s, p); got != `Bearer error="insufficient_user_authentication", error_description="stronger authentication is needed", acr_values="aal2", max_age="300"` {
		t.Error(got)
	}
	p.Bound = gatehouse.BoundToKey
	if _, got := said(t, s, p); !strings.HasPrefix(got, `DPoP error="insufficient_user_authentication"`) {
		t.Error(got)
	}
	if _, got := said(t, compile(t, &Config{MaxAge: time.Hour}), &gatehouse.Principal{Kind: "user", ID: "a"}); got != `Bearer error="insufficient_user_authentication", error_description="more recent authentication is needed", max_age="3600"` {
		t.Error(got)
	}
}

func TestWhatMeansNothingIsRefusedAtLoad(t *testing.T) {
	for key, c := range map[string]Config{
		"level": {Level: "aal4"}, "max_age": {MaxAge: -time.Second}, "max_age ": {MaxAge: 25 * time.Hour}, "max_age  ": {MaxAge: 1500 * time.Millisecond}, "sender_constrained": {SenderConstrained: "tls"},
	} {
		if _, err := c.Compile(build()); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(key)+": ") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if steps, err := Kind.New().Compile(build()); len(steps) != 0 || err != nil {
		t.Errorf("with nothing configured: %v %v", steps, err)
	}
	b := build()
	b.Public = &gatehouse.Waiver{}
	if steps, err := (&Config{Level: "aal2"}).Compile(b); len(steps) != 0 || err != nil {
		t.Errorf("on a public endpoint: %v %v", steps, err)
	}
}

func TestACallerWhoIsStrongEnoughCostsNothing(t *testing.T) {
	s := compile(t, &Config{Level: "aal2", MaxAge: 15 * time.Minute, SenderConstrained: "either"})
	p := person(2, time.Minute)
	p.Bound = gatehouse.BoundToKey
	x := &gatehouse.Exchange{At: time.Now(), Principal: p}
	if n := testing.AllocsPerRun(100, func() {
		if v, err := s.Enforce(context.Background(), x); err != nil || !v.Passed() {
			t.Fatal(v.Rule())
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
