package cors

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

var (
	foreign   = &gatehouse.Answer{Status: 403, Reason: "cors.origin", Public: "This origin may not call the API"}
	badMethod = &gatehouse.Answer{Status: 403, Reason: "cors.method", Public: "This method cannot be called from a browser"}
	badHeader = &gatehouse.Answer{Status: 403, Reason: "cors.header", Public: "A field cannot be sent from a browser"}
	ambiguous = &gatehouse.Answer{Status: 400, Reason: "cors.ambiguous", Public: "Origin must be sent once"}
)

// judge answers preflights and refuses what another site makes a browser send.
func (p *policy) judge(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	f := x.Request.Fields
	origin, ok := one(f, "origin")
	if !ok {
		return gatehouse.Deny(ambiguous), nil
	}
	if origin == "" {
		return gatehouse.Pass, nil // no browser, or the API's own pages
	}
	if x.Request.Method == "OPTIONS" && f.Has("access-control-request-method") {
		return p.preflighted(f, origin), nil
	}
	// A browser does not ask before a simple request (Fetch section 3.2.2) nor
	// before a WebSocket (RFC 6455 section 10.2): what changes something has to be
	// stopped, not just hidden from the script.
	if (!x.Request.Safe() || x.Request.Upgrade) && !p.allows(origin) && !sameOrigin(origin, x) {
		return gatehouse.Deny(foreign), nil
	}
	return gatehouse.Pass, nil
}

func (p *policy) preflighted(f gatehouse.Fields, origin string) gatehouse.Verdict {
	method, ok := one(f, "access-control-request-method")
	switch {
	case !p.allows(origin):
		return gatehouse.Deny(foreign)
	case !ok || !slices.Contains(p.methods, method):
		return gatehouse.Deny(badMethod)
	case !p.allowsHeaders(f):
		return gatehouse.Deny(badHeader)
	}
	return gatehouse.Answering(p.preflight)
}

func (p *policy) allows(origin string) bool { return p.index(origin) >= 0 }

// index returns where an origin stands in the list, or -1.
func (p *policy) index(origin string) int {
	if p.any {
		return 0 // "*" stands alone
	}
	return slices.Index(p.origins, origin)
}

// maxRequested is how long a list of fields may be: browsers send each name
// once, and there are few that are allowed.
const maxRequested = 1024

// allowsHeaders looks at the list where it is, and stops at the first name that
// is not allowed: a long list costs no more than a short one (CVE-2025-47908).
func (p *policy) allowsHeaders(f gatehouse.Fields) bool {
	list, ok := one(f, "access-control-request-headers")
	if !ok || len(list) > maxRequested {
		return false
	}
	for list != "" {
		name, rest, _ := strings.Cut(list, ",")
		name = strings.Trim(name, " \t")
		if !slices.ContainsFunc(p.headers, func(h string) bool { return strings.EqualFold(h, name) }) {
			return false
		}
		list = rest
	}
	return true
}

// sameOrigin reports whether the page came from where the request goes.
func sameOrigin(origin string, x *gatehouse.Exchange) bool {
	scheme, host, ok := strings.Cut(origin, "://")
	secure := x.Conn.Secure || x.Request.Scheme == "https"
	return ok && host == x.Request.Host && (scheme == "https") == secure && (scheme == "https" || scheme == "http")
}

// one returns the value of a field that must not come twice.
func one(f gatehouse.Fields, name string) (value string, ok bool) {
	for i := range f {
		if f[i].Name == name {
			if ok {
				return "", false
			}
			value, ok = f[i].Value, true
		}
	}
	return value, true
}

// allow tells the browser what the page may see. It replaces what the upstream
// said.
func (p *policy) allow(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	f, presets := &x.Response.Fields, p.asked
	if x.Ended.Answer() != p.preflight {
		silence(ctx, x)
		presets = p.allowed
	}
	vary(f)
	origin, ok := one(x.Request.Fields, "origin")
	if !ok || origin == "" {
		return gatehouse.Pass, nil
	}
	if i := p.index(origin); i >= 0 {
		f.SetAll(presets[i])
	}
	return gatehouse.Pass, nil
}

// vary says that the answer depends on the origin, with or without one, or a
// cache would give one site's answer to another (Fetch section 3.2.5).
func vary(f *gatehouse.Fields) {
	for i := range *f {
		if (*f)[i].Name != "vary" {
			continue
		}
		for v := range strings.SplitSeq((*f)[i].Value, ",") {
			if v = strings.Trim(v, " \t"); v == "*" || strings.EqualFold(v, "origin") {
				return
			}
		}
	}
	*f = append(*f, byOrigin)
}

var byOrigin = gatehouse.Written("vary", "Origin")

// silence removes what the upstream allows: there is one place where this is
// decided.
func silence(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	x.Response.Fields.DelIf(func(name string) bool { return strings.HasPrefix(name, "access-control-") })
	return gatehouse.Pass, nil
}
