package cors

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

const maxAge = time.Hour // cors.max-age

// policy is what one path allows, in the form in which it is sent.
type policy struct {
	origins     []string
	any         bool
	credentials bool
	methods     []string // allowed on this path, as sent in a preflight
	headers     []string // allowed, in lower case
	expose      string
	allowed     []*gatehouse.Preset // by origin: what its pages may do with an answer
	asked       []*gatehouse.Preset // by origin: the same in a preflight
	preflight   *gatehouse.Answer   // 204, without the fields of one origin
}

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if err := c.check(b); err != nil {
		return nil, err
	}
	p := &policy{origins: c.Origins, any: slices.Contains(c.Origins, "*"), credentials: c.Credentials, expose: strings.Join(c.Expose, ", ")}
	for _, op := range b.Siblings {
		p.methods = append(p.methods, op.Method())
	}
	slices.Sort(p.methods)
	p.methods = slices.Compact(p.methods)
	for _, h := range c.Headers {
		p.headers = append(p.headers, strings.ToLower(h))
	}
	p.preflight = &gatehouse.Answer{Status: 204, Reason: "cors.preflight", Fields: gatehouse.Fields{
		{Name: "access-control-allow-methods", Value: strings.Join(p.methods, ", ")},
		{Name: "access-control-allow-headers", Value: strings.Join(p.headers, ", ")},
		{Name: "access-control-max-age", Value: fmt.Sprint(int64(c.MaxAge / time.Second))},
	}}
	for _, o := range c.Origins {
		p.admit(o)
	}
	steps := []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Identify, Enforce: p.judge}}
	if len(c.Origins) > 0 {
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Respond, Enforce: p.allow})
	} else {
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Respond, Enforce: silence})
	}
	return steps, nil
}

// admit makes the fields that one origin gets.
func (p *policy) admit(origin string) {
	list := []gatehouse.Field{{Name: "access-control-allow-origin", Value: origin}}
	if p.credentials {
		list = append(list, gatehouse.Field{Name: "access-control-allow-credentials", Value: "true"})
	}
	p.asked = append(p.asked, gatehouse.NewPreset(list...))
	if p.expose != "" {
		list = append(list, gatehouse.Field{Name: "access-control-expose-headers", Value: p.expose})
	}
	p.allowed = append(p.allowed, gatehouse.NewPreset(list...))
}

func (c *Config) check(b *gatehouse.Build) error {
	var errs []error
	for i, o := range c.Origins {
		if f := c.checkOrigin(b, o); f != nil {
			f.Key = fmt.Sprintf("origins[%d]", i)
			errs = append(errs, f)
		}
	}
	for i, h := range append(slices.Clone(c.Headers), c.Expose...) {
		if !isToken(h) {
			errs = append(errs, &gatehouse.Fault{Key: fmt.Sprintf("headers[%d]", i), Says: fmt.Sprintf("%q is no field name; name each one (cors.headers)", h), Fix: "headers: [Authorization, Content-Type]"})
		}
	}
	if c.MaxAge < 0 || c.MaxAge > maxAge {
		errs = append(errs, &gatehouse.Fault{Key: "max_age", Says: fmt.Sprintf("%s is longer than an hour (cors.max-age)", c.MaxAge), Fix: "max_age: 1h"})
	}
	return errors.Join(errs...)
}

// checkOrigin returns what is wrong with one origin, or nil.
func (c *Config) checkOrigin(b *gatehouse.Build, o string) *gatehouse.Fault {
	const waiver = "waiver: {because: why, owner: who@example.com, until: 2027-06-30}"
	fault := func(says, fix string) *gatehouse.Fault {
		return &gatehouse.Fault{Says: fmt.Sprintf("origin %q %s", o, says), Fix: fix}
	}
	if o == "*" {
		switch {
		case len(c.Origins) > 1:
			return fault("stands beside others", "either * or the list")
		case c.Credentials:
			return fault("cannot go with credentials (cors.no-wildcard)", "credentials: false, or the exact origins")
		// Undeclared requests have no data: there the operations of the path speak.
		case b.Public == nil && b.Operation != nil:
			return fault("is for public endpoints, and this one authenticates (cors.no-wildcard)", "the exact origins: [https://app.example.com]")
		case !b.Waived(c.Waiver):
			return fault("lets every site in (cors.no-wildcard)", waiver+", or the exact origins")
		}
		return nil
	}
	if strings.Contains(o, "*") || strings.ContainsAny(o, "^$()[]|\\") {
		return fault("is a pattern; origins are exact (cors.exact)", "every origin by its own name")
	}
	if o == "null" {
		return fault("is what sandboxed pages of any site send (cors.exact)", "remove it")
	}
	u, err := url.Parse(o)
	if err != nil || u.Host == "" || u.Hostname() == "" || strings.HasPrefix(u.Host, ".") || u.Scheme != "https" && u.Scheme != "http" || !isHost(strings.ToLower(u.Host)) {
		return fault("is no origin: scheme and host (RFC 6454 section 6.2)", "https://app.example.com")
	}
	exact := strings.ToLower(u.Scheme + "://" + u.Host)
	exact = strings.TrimSuffix(exact, map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
	if o != exact {
		return fault("is not written as browsers send it (cors.exact)", exact)
	}
	local := slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())
	switch {
	case b.Waived(c.Waiver):
	case local && !b.Development:
		return fault("is every program on the user's machine", "environment: development, or add "+waiver)
	case !local && u.Scheme == "http":
		return fault("is in plain text: whoever is on the network speaks for it", "https://"+u.Host+", or add "+waiver)
	}
	return nil
}

// isHost reports whether s holds nothing that a browser would not put into the
// host of an origin.
func isHost(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-.:[]_", r))
	})
}

func isToken(s string) bool {
	return s != "" && s != "*" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}
