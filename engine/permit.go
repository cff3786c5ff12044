package engine

import "github.com/gatehouse-api/gatehouse"

// Permits returns what any endpoint permits: the most that a host may take while
// it does not know the endpoint yet.
func (p *Policy) Permits() gatehouse.Permit { return p.permits }

// Missing returns what of needs must be refused at the endpoint of x, which has
// begun under p, and why, for the event: what the endpoint does not permit; and
// what it permits, where the path would be another endpoint's to a reader who
// resolves it. "/branches/a%2Fprotection" is a branch's name here, and the
// protection of branch "a" to an upstream that decodes before it routes.
func (p *Policy) Missing(x *gatehouse.Exchange, needs gatehouse.Permit) (missing gatehouse.Permit, why string) {
	e := x.Endpoint
	if missing = needs &^ e.Permits; missing != 0 {
		if !e.Declared {
			return missing, "no operation takes this path and method"
		}
		return missing, x.Text("permit: {", e.Name, ": {what: [", (needs | e.Permits).String(), permitEnd)
	}
	if resolves := needs & (gatehouse.EncodedSlash | gatehouse.Semicolon); resolves != 0 && p.ambiguous(x) {
		return resolves, "permitted, but once resolved the path is another operation's"
	}
	return 0, ""
}

const permitEnd = "], because: ..., owner: ..., until: ...}}"

// permitLines holds a line for every set of needs.
var permitLines = func() (lines [16]string) {
	for needs := range lines[1:] {
		lines[needs+1] = "permit: {<operationId>: {what: [" + gatehouse.Permit(needs+1).String() + permitEnd
	}
	return lines
}()

// PermitLine returns the line of an API's configuration that permits what a
// request needs, where its endpoint is not known; "" when it needs nothing.
func PermitLine(needs gatehouse.Permit) string { return permitLines[int(needs)%len(permitLines)] }

// reading is a way in which an upstream may resolve a path before it routes.
type reading struct {
	split bool // takes an encoded slash for a slash
	cut   int  // cuts parameters: from a semicolon to the next slash
}

const (
	cutNot    = iota
	cutBefore // escapes are decoded, so that an encoded slash does not end them
	cutAfter  // it ends them
)

var readings = [...]reading{{split: true}, {cut: cutBefore}, {split: true, cut: cutBefore}, {split: true, cut: cutAfter}}

// ambiguous reports whether one of the readings leads to another endpoint.
func (p *Policy) ambiguous(x *gatehouse.Exchange) bool {
	q := &x.Request
	s := p.site(q.Host)
	if s == nil {
		return true
	}
	for _, r := range readings {
		path := x.Append(func(b []byte) []byte { return r.resolve(b, q.Path) })
		if s.router.leadsAway(q.Method, path, x.Endpoint) {
			return true
		}
	}
	return false
}

// resolve appends the path as r reads it.
func (r reading) resolve(b []byte, path string) []byte {
	inside := false // a segment's parameters
	for i := 0; i < len(path); {
		n := 1
		if path[i] == '%' && i+3 <= len(path) {
			n = 3
		}
		c := path[i : i+n]
		i += n
		switch slash := c == "%2F"; {
		case c == "/", slash && r.cut == cutAfter:
			inside = false
		case r.cut != cutNot && (c == ";" || c == "%3B"):
			inside = true
		}
		switch {
		case inside:
		case c == "%2F" && r.split:
			b = append(b, '/')
		default:
			b = append(b, c...)
		}
	}
	return b
}
