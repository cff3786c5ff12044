package headers

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

func build() *gatehouse.Build {
	return &gatehouse.Build{API: "orders", Now: func() time.Time { return time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC) }, Kept: gatehouse.NewKept()}
}

func step(t *testing.T) gatehouse.Step {
	t.Helper()
	steps, err := Kind.New().Compile(build())
	if err != nil || len(steps) != 1 || steps[0].Stage != gatehouse.Respond {
		t.Fatalf("%v, %v; want one step at respond", steps, err)
	}
	return steps[0]
}

// headers.security, tls.hsts
func TestR52_EveryResponseClassCarriesTheSecurityFields(t *testing.T) {
	s := step(t)
	for name, r := range map[string]gatehouse.Response{
		"200 of the upstream": {Status: 200, Fields: gatehouse.Fields{
			{Name: "x-frame-options", Value: "ALLOWALL"}, {Name: "content-type", Value: "application/json"}, {Name: "x-frame-options", Value: "SAMEORIGIN"},
			{Name: "strict-transport-security", Value: "max-age=0"}, {Name: "x-request-id", Value: "upstream's"}, {Name: "content-security-policy", Value: "default-src *"}}},
		"403 of ours":         {Status: 403, Own: true},
		"500 of the upstream": {Status: 500},
		"redirect":            {Status: 302},
		"preflight":           {Status: 204, Own: true},
		"upgrade":             {Status: 101},
	} {
		for _, secure := range []bool{true, false} {
			x := &gatehouse.Exchange{ID: "01REQUEST", Response: r}
			x.Response.Fields = append(gatehouse.Fields(nil), r.Fields...)
			x.Conn.Secure = secure
			if v, err := s.Enforce(context.Background(), x); err != nil || !v.Passed() {
				t.Fatal(v, err)
			}
			want := map[string]string{
				"x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer",
				"content-security-policy": "default-src 'none'; frame-ancestors 'none'", "x-request-id": "01REQUEST",
				"strict-transport-security": "max-age=63072000; includeSubDomains",
			}
			if !secure {
				want["strict-transport-security"] = ""
			}
			for f, value := range want {
				if got := x.Response.Fields.Get(f); got != value || x.Response.Fields.Count(f) > 1 {
					t.Errorf("%s, secure %v: %s: %q (%d times); want %q once", name, secure, f, got, x.Response.Fields.Count(f), value)
				}
			}
			if x.Response.Fields.Get("permissions-policy") == "" {
				t.Errorf("%s: no Permissions-Policy", name)
			}
		}
	}
}

func TestValuesCanOnlyBeTightened(t *testing.T) {
	waiver := &gatehouse.Waiver{Because: "docs page", Owner: "docs@example.com", Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	for name, c := range map[string]struct {
		set func(*Config)
		key string // of the fault; "" when it is accepted
	}{
		"HSTS under a year":        {func(c *Config) { c.HSTS = 364 * 24 * time.Hour }, "hsts"},
		"HSTS of a year":           {func(c *Config) { c.HSTS = 365 * 24 * time.Hour }, ""},
		"CSP that frames":          {func(c *Config) { c.CSP = "default-src 'none'" }, "content_security_policy"},
		"CSP that loads":           {func(c *Config) { c.CSP = "default-src 'self'; frame-ancestors 'none'" }, "content_security_policy"},
		"CSP with a third":         {func(c *Config) { c.CSP = "default-src 'none'; script-src *; frame-ancestors 'none'" }, "content_security_policy"},
		"CSP that loads, waived":   {func(c *Config) { c.CSP, c.Waiver = "default-src 'self'; frame-ancestors 'none'", waiver }, ""},
		"CSP that frames, waived":  {func(c *Config) { c.CSP, c.Waiver = "default-src 'none'", waiver }, "content_security_policy"},
		"CSP with a line break":    {func(c *Config) { c.CSP = "default-src 'none'; frame-ancestors 'none'\r\nx: y" }, "content_security_policy"},
		"referrer to anybody":      {func(c *Config) { c.ReferrerPolicy = "unsafe-url" }, "referrer_policy"},
		"referrer to this site":    {func(c *Config) { c.ReferrerPolicy = "same-origin" }, ""},
		"a permission granted":     {func(c *Config) { c.PermissionsPolicy = "camera=(), geolocation=*" }, "permissions_policy"},
		"fewer permissions denied": {func(c *Config) { c.PermissionsPolicy = "camera=()" }, ""},
	} {
		cfg := Kind.New().(*Config)
		c.set(cfg)
		_, err := cfg.Compile(build())
		var f *gatehouse.Fault
		if errors.As(err, &f); (err != nil) != (c.key != "") || f != nil && f.Key != c.key {
			t.Errorf("%s: %v; want a fault at %q", name, err, c.key)
		}
	}
}

func TestWritingAllocatesNothing(t *testing.T) {
	s := step(t)
	x := &gatehouse.Exchange{}
	written := 0
	if n := testing.AllocsPerRun(200, func() {
		x.Reset()
		x.ID, x.Conn.Secure = "01REQUEST", true
		s.Enforce(context.Background(), x)
		written += len(x.Response.Fields)
	}); n != 0 || written != 201*7 {
		t.Errorf("%v allocations, %d fields written; want 0 and 7 each", n, written)
	}
}

// The policy that an upstream writes on its pages stays only where
// an operator waived it, and only where it is strict.
func TestAPagesOwnPolicyStaysWhereItIsStrict(t *testing.T) {
	const own = "default-src 'none'; style-src 'sha256-x'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	waiver := &gatehouse.Waiver{Because: "pages", Owner: "ops@example.com", Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	for csp, strict := range map[string]bool{
		own: true,
		"":  false,
		"default-src 'self'; frame-ancestors 'none'":                                           false,
		"default-src 'none'; form-action 'self'":                                               false,
		"default-src 'none'; script-src 'self'; frame-ancestors 'none'":                        false,
		"default-src 'none'; script-src 'sha256-x'; frame-ancestors 'none'":                    true,
		"default-src 'none'; script-src 'sha256-x' 'sha256-y'; frame-ancestors 'none'":         true,
		"default-src 'none'; script-src 'sha256-x' https://cdn; frame-ancestors 'none'":        false,
		"default-src 'none'; script-src 'sha256-x' 'strict-dynamic'; frame-ancestors 'none'":   false,
		"default-src 'none'; script-src; frame-ancestors 'none'":                               false,
		"default-src 'none'; script-src-elem 'sha256-x'; frame-ancestors 'none'":               false,
		"default-src 'none'; script-src 'sha256-x'; frame-ancestors 'none'; script-src-attr *": false,
		"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'":                false,
		"default-src 'none'; frame-ancestors 'none', default-src *; frame-ancestors *":         false,
		"report-uri x; default-src 'none'; frame-ancestors 'none'":                             false,
		"default-src 'none'; style-src 'sha256-x'; frame-ancestors 'none'; img-src data:":      true,
	} {
		for name, pages := range map[string]*gatehouse.Waiver{"waived": waiver, "not waived": nil} {
			cfg := Kind.New().(*Config)
			cfg.Pages = pages
			steps, err := cfg.Compile(build())
			if err != nil {
				t.Fatal(err)
			}
			x := &gatehouse.Exchange{}
			if csp != "" {
				x.Response.Fields.Set("content-security-policy", csp)
			}
			if _, err := steps[0].Enforce(t.Context(), x); err != nil {
				t.Fatal(err)
			}
			want := cfg.CSP
			if pages != nil && strict {
				want = csp
			}
			if got := x.Response.Fields.Get("content-security-policy"); got != want {
				t.Errorf("%s, %q: %q", name, csp, got)
			}
		}
	}
}
