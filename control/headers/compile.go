package headers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// minHSTS is a year (tls.hsts).
const minHSTS = 365 * 24 * time.Hour

var referrerPolicies = []string{"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}

// fields is what is written, made once.
type fields struct {
	always *gatehouse.Preset
	csp    *gatehouse.Preset
	pages  bool // the upstream's own policy may stay
	hsts   *gatehouse.Preset
}

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if err := errors.Join(c.checkHSTS(), c.checkCSP(b), c.checkPolicies()); err != nil {
		return nil, err
	}
	always := []gatehouse.Field{
		{Name: "x-content-type-options", Value: "nosniff"},
		{Name: "x-frame-options", Value: "DENY"},
		{Name: "referrer-policy", Value: c.ReferrerPolicy},
		{Name: "permissions-policy", Value: c.PermissionsPolicy},
	}
	csp := gatehouse.Field{Name: "content-security-policy", Value: c.CSP}
	hsts := fmt.Sprintf("max-age=%d; includeSubDomains", c.HSTS/time.Second)
	if c.Preload {
		hsts += "; preload"
	}
	f := &fields{pages: b.Waived(c.Pages), csp: gatehouse.NewPreset(csp), hsts: gatehouse.NewPreset(gatehouse.Field{Name: "strict-transport-security", Value: hsts})}
	if !f.pages {
		always = append(always, csp)
	}
	f.always = gatehouse.NewPreset(always...)
	return []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Respond, Enforce: f.write}}, nil
}

func (c *Config) checkHSTS() error {
	if c.HSTS < minHSTS {
		return &gatehouse.Fault{Key: "hsts", Says: fmt.Sprintf("%s is less than a year (tls.hsts)", c.HSTS), Fix: "hsts: 730d"}
	}
	return nil
}

func (c *Config) checkCSP(b *gatehouse.Build) error {
	var none, framed bool
	for d := range strings.SplitSeq(c.CSP, ";") {
		switch strings.Join(strings.Fields(d), " ") {
		case "default-src 'none'":
			none = true
		case "frame-ancestors 'none'":
			framed = true
		}
	}
	directives := strings.Count(strings.Trim(c.CSP, "; "), ";") + 1
	switch {
	case !isFieldValue(c.CSP) || !framed:
		return &gatehouse.Fault{Key: "content_security_policy", Says: "answers could be framed (headers.security)", Fix: "content_security_policy: \"default-src 'none'; frame-ancestors 'none'\""}
	case (!none || directives > 2) && !b.Waived(c.Waiver):
		return &gatehouse.Fault{Key: "content_security_policy", Says: "it lets a browser load something from an API's answer",
			Fix: "content_security_policy: \"default-src 'none'; frame-ancestors 'none'\", or add waiver: {because: why, owner: who@example.com, until: 2027-06-30}"}
	}
	return nil
}

func (c *Config) checkPolicies() error {
	var errs []error
	if !slices.Contains(referrerPolicies, c.ReferrerPolicy) {
		errs = append(errs, &gatehouse.Fault{Key: "referrer_policy", Says: fmt.Sprintf("%q sends paths to other sites or is unknown", c.ReferrerPolicy), Fix: "referrer_policy: no-referrer"})
	}
	for p := range strings.SplitSeq(c.PermissionsPolicy, ",") {
		if !strings.HasSuffix(strings.TrimSpace(p), "=()") || !isFieldValue(p) {
			errs = append(errs, &gatehouse.Fault{Key: "permissions_policy", Says: fmt.Sprintf("%q grants a permission", p), Fix: "permissions_policy: \"camera=(), microphone=()\""})
		}
	}
	return errors.Join(errs...)
}

func isFieldValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
