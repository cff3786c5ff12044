package orders

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// caller is who the API believes is asking.
type caller struct {
	ID     string   `json:"sub"`
	Tenant string   `json:"tenant_id"`
	Other  string   `json:"tenant"` // what the gateway calls it
	Roles  []string `json:"roles"`
}

// callerOf believes whatever the request says (API2).
func callerOf(r *http.Request) caller {
	// HOLE: a field that anyone can send says who asks.
	if id := field(r, "X-User-Id"); id != "" {
		return caller{ID: id, Tenant: field(r, "X-Tenant-Id")}
	}
	if c, ok := claims(field(r, "Gatehouse-Identity")); ok {
		return c
	}
	// HOLE: of two Authorization fields the last one counts, whichever the
	// others have looked at.
	if all := r.Header.Values("Authorization"); len(all) > 0 {
		scheme, value, _ := strings.Cut(all[len(all)-1], " ")
		// HOLE: Basic is taken with any password.
		if user, _, ok := r.BasicAuth(); ok && strings.EqualFold(scheme, "Basic") {
			return caller{ID: user, Tenant: "acme"}
		}
		c, _ := claims(value)
		return c
	}
	// HOLE: a token in the URL stands in logs, histories and Referer fields.
	c, _ := claims(r.URL.Query().Get("access_token"))
	return c
}

// claims reads a token's payload. HOLE: nobody looks at the signature, the
// algorithm, the times, the issuer or the audience.
func claims(token string) (c caller, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) < 2 {
		return c, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	ok = err == nil && json.Unmarshal(payload, &c) == nil && c.ID != ""
	if c.Tenant == "" {
		c.Tenant = c.Other
	}
	return c, ok
}

// field returns a request field. HOLE: X_User_Id is taken for X-User-Id, as CGI
// and WSGI do it, so that whoever removes one leaves the other.
func field(r *http.Request, name string) string {
	for k, v := range r.Header {
		if strings.EqualFold(strings.ReplaceAll(k, "_", "-"), name) && len(v) > 0 {
			return v[len(v)-1]
		}
	}
	return ""
}

// clean repairs a path until it names something. HOLE: it repairs what whoever
// looked before may have read otherwise: escapes of escapes, backslashes, path
// parameters, dot segments, empty segments.
func clean(target string) string {
	p, _, _ := strings.Cut(target, "?")
	if u, err := url.Parse(target); err == nil && u.Scheme != "" {
		p = u.EscapedPath()
	}
	for range 3 {
		if d, err := url.PathUnescape(p); err == nil {
			p = d
		}
	}
	segments := strings.Split(strings.ReplaceAll(p, `\`, "/"), "/")
	for i := range segments {
		segments[i], _, _ = strings.Cut(segments[i], ";")
	}
	return path.Clean("/" + strings.Join(segments, "/"))
}
