package headers

import (
	"context"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

func (f *fields) write(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	r := &x.Response.Fields
	r.SetAll(f.always)
	if f.pages && !strict(r.Get("content-security-policy")) {
		r.SetAll(f.csp)
	}
	if x.Conn.Secure {
		r.SetAll(f.hsts)
	} else {
		r.Del("strict-transport-security") // RFC 6797 section 7.2
	}
	r.Set("x-request-id", x.ID)
	return gatehouse.Pass, nil
}

// strict reports whether a page's own policy allows nothing that it does not name,
// no frames, nothing unsafe, and no script but those whose text it names by a hash.
// Where there are two, browsers hold a page to both.
func strict(csp string) bool {
	return strings.HasPrefix(csp, "default-src 'none'; ") && strings.Contains(csp, "; frame-ancestors 'none'") &&
		!strings.Contains(csp, "unsafe") && hashed(csp) && strings.IndexByte(csp, ',') < 0
}

// hashed reports whether the policy's scripts, if there are any, are all named by the
// hash of their text (CSP 3 section 2.3.1).
func hashed(csp string) bool {
	_, rest, found := strings.Cut(csp, "script-src")
	if !found {
		return true
	}
	sources, others, _ := strings.Cut(rest, ";")
	if !strings.HasPrefix(sources, " '") || strings.Contains(others, "script-src") {
		return false // script-src-elem and script-src-attr, or a second one
	}
	for s := range strings.FieldsSeq(sources) {
		if !strings.HasPrefix(s, "'sha256-") {
			return false
		}
	}
	return true
}
