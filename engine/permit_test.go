package engine_test

import (
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
)

const everything = gatehouse.EncodedSlash | gatehouse.EncodedPercent | gatehouse.Semicolon | gatehouse.Underscore

// declared is an endpoint that permits something.
func declared(method, template string, p gatehouse.Permit) *gatehouse.Endpoint {
	e := on(method, template)
	e.Permits, e.Declared = p, true
	return e
}

// branches is an API in which a branch's name may look like another operation.
func branches(t testing.TB) *engine.Policy {
	return policy(t, declared("GET", "/branches/{branch}", everything), declared("GET", "/branches/{branch}/protection", 0), declared("PUT", "/branches/{branch}/lock", 0),
		declared("GET", "/tags/{tag}", gatehouse.EncodedSlash), declared("GET", "/admin/users", 0), declared("GET", "/{any}/users", everything), on("*", "/branches/{branch}"))
}

func TestAnEndpointTakesWhatItPermitsAndNothingElse(t *testing.T) {
	p := branches(t)
	if p.Permits() != everything || policy(t, on("GET", "/")).Permits() != 0 {
		t.Errorf("input.canonical: the policy permits %q", p.Permits())
	}
	g := engine.NewGate(p)
	const slash, percent, semicolon, underscore = gatehouse.EncodedSlash, gatehouse.EncodedPercent, gatehouse.Semicolon, gatehouse.Underscore
	for _, c := range []struct {
		method, path   string
		needs, missing gatehouse.Permit
		why            string
	}{
		{"GET", "/branches/feature%2Fx", slash, 0, ""},
		{"GET", "/branches/100%25", percent | underscore, 0, ""},
		{"GET", "/branches/a;b", semicolon, 0, ""},
		{"GET", "/branches/a%2Fprotection", slash, slash, "permitted, but once resolved the path is another operation's"},
		{"GET", "/branches/a%2Fprotection;x", slash | semicolon, slash | semicolon, "permitted, but once resolved the path is another operation's"},
		{"GET", "/branches/a;b%2Fprotection", slash | semicolon, slash | semicolon, "permitted, but once resolved the path is another operation's"},
		{"GET", "/branches/a%2Flock", slash, slash, "permitted, but once resolved the path is another operation's"},
		{"GET", "/branches/a%2Fother", slash, 0, ""},
		{"GET", "/admin;x/users", semicolon, semicolon, "permitted, but once resolved the path is another operation's"},
		{"GET", "/admin%3Bx%2Fy/users", slash | semicolon, slash | semicolon, "permitted, but once resolved the path is another operation's"},
		{"GET", "/other;x/users", semicolon, 0, ""},
		{"GET", "/tags/v1%2F2", slash, 0, ""},
		{"GET", "/tags/v1%2F2%25", slash | percent, percent, "permit: {GET /tags/{tag}: {what: [encoded_slash, encoded_percent], because: ..., owner: ..., until: ...}}"},
		{"GET", "/tags/v1", underscore, underscore, "permit: {GET /tags/{tag}: {what: [encoded_slash, underscore], because: ..., owner: ..., until: ...}}"},
		{"GET", "/branches/a;b/protection", semicolon, semicolon, "permit: {GET /branches/{branch}/protection: {what: [semicolon], because: ..., owner: ..., until: ...}}"},
		{"PUT", "/branches/a%2Fb", slash, slash, "no operation takes this path and method"},
		{"GET", "/nothing%2Fhere", slash, slash, "no operation takes this path and method"},
	} {
		x := &gatehouse.Exchange{}
		x.Request = gatehouse.Request{Method: c.method, Host: "api.test", Path: c.path}
		g.BeginUnder(p, x, time.Now())
		if missing, why := p.Missing(x, c.needs); missing != c.missing || why != c.why {
			t.Errorf("input.canonical %s %s at %s: %q missing, %s; want %q", c.method, c.path, x.Endpoint.Name, missing, why, c.missing)
		}
	}
}

func TestTheParameterOfAPermittedPathIsDecodedOnce(t *testing.T) {
	p := branches(t)
	for path, want := range map[string]string{"/branches/feature%2Fx": "feature/x", "/branches/100%25": "100%", "/branches/a;b%3Bc": "a;b;c"} {
		q := &gatehouse.Request{Method: "GET", Host: "api.test", Path: path}
		if p.Find(q); len(q.Params) != 1 || q.Params[0].Value != want || q.Path != path {
			t.Errorf("input.canonical %s: %v", path, q.Params)
		}
	}
}

func TestTheLineThatPermitsNamesWhatIsNeeded(t *testing.T) {
	if l := engine.PermitLine(gatehouse.EncodedSlash | gatehouse.Underscore); l != "permit: {<operationId>: {what: [encoded_slash, underscore], because: ..., owner: ..., until: ...}}" {
		t.Errorf("ops.explain: %s", l)
	}
	if l := engine.PermitLine(0); l != "" {
		t.Errorf("ops.explain: nothing is needed, and the line is %s", l)
	}
}

func TestPermitsAllocateNothing(t *testing.T) {
	p := policy(t, declared("GET", "/branches/{branch}", everything), declared("GET", "/tags/{tag}", 0))
	x := &gatehouse.Exchange{}
	for _, path := range []string{"/branches/feature;x", "/tags/a;b"} {
		n := testing.AllocsPerRun(200, func() {
			x.Reset()
			x.Request.Method, x.Request.Host, x.Request.Path = "GET", "api.test", path
			x.Endpoint = p.Find(&x.Request)
			p.Missing(x, gatehouse.Semicolon)
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
}
