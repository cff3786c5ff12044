package acceptance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// files is an API of files by name, whose names look like paths, beside what
// must not be reached by such a name.
const files = `openapi: 3.0.3
info: {title: Files, version: "1"}
servers: [{url: https://api.example.com}]
paths:
  /files/{name}:
    parameters: [{name: name, in: path, required: true, schema: {type: string, maxLength: 40}}]
    get: {operationId: getFile, responses: {"200": {$ref: "#/components/responses/Any"}}}
    put: {operationId: putFile, requestBody: {content: {application/json: {schema: {type: object, additionalProperties: true}}}}, responses: {"200": {$ref: "#/components/responses/Any"}}}
  /files/{name}/secret:
    parameters: [{name: name, in: path, required: true, schema: {type: string}}]
    get: {operationId: getSecret, responses: {"200": {$ref: "#/components/responses/Any"}}}
  /notes/{name}:
    parameters: [{name: name, in: path, required: true, schema: {type: string}}]
    get: {operationId: getNote, responses: {"200": {$ref: "#/components/responses/Any"}}}
  /v1/orders/{name}:
    parameters: [{name: name, in: path, required: true, schema: {type: string}}]
    get: {operationId: getOrder, responses: {"200": {$ref: "#/components/responses/Any"}}}
  /admin/users:
    get: {operationId: listUsers, responses: {"200": {$ref: "#/components/responses/Any"}}}
components:
  responses:
    Any: {description: ok, content: {application/json: {schema: {type: object, additionalProperties: true}}}}
`

const filesAPI = `issuer: ${ISSUER}
audience: https://api.example.com/orders
hosts: [api.example.com]
origins: [https://app.example.com]
roles: {admin: [listUsers], authenticated: [getFile, putFile, getSecret, getNote, getOrder]}
no_object: {getFile: ` + waived + `, putFile: ` + waived + `, getSecret: ` + waived + `, getNote: ` + waived + `, getOrder: ` + waived + `}
controls:
  ` + wide + `
  identity: {plain: {x-user-id: sub}}
`

// permitAll permits everything on the operations, by waiver.
func permitAll(operations ...string) string {
	var b strings.Builder
	b.WriteString("permit:\n")
	for _, op := range operations {
		b.WriteString("  " + op + ": " + strings.Replace(waived, "{because", "{what: [encoded_slash, encoded_percent, semicolon, underscore], because", 1) + "\n")
	}
	return b.String()
}

// event is what is recorded of a request beside the decision: why it was
// refused, and the first parameter's value.
type event struct{ detail, value string }

// events keeps them by request id.
type events struct {
	mu sync.Mutex
	by map[string]event
}

// Record implements [gatehouse.Recorder].
func (s *events) Record(x *gatehouse.Exchange, _ gatehouse.Traffic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := event{detail: strings.Clone(x.Ended.Detail())}
	if len(x.Request.Params) > 0 {
		e.value = strings.Clone(x.Request.Params[0].Value)
	}
	if s.by == nil {
		s.by = map[string]event{}
	}
	s.by[strings.Clone(x.ID)] = e
}

// of returns the event behind an answer, which may be recorded a moment after it.
func (s *events) of(t *testing.T, g got) event {
	t.Helper()
	for range 5000 {
		s.mu.Lock()
		e, ok := s.by[g.fields.Get("X-Request-Id")]
		s.mu.Unlock()
		if ok {
			return e
		}
		time.Sleep(200 * time.Microsecond)
	}
	t.Errorf("no event was recorded for %d %v", g.status, g.fields)
	return event{}
}

// barred sends what the wire's rules must refuse with this line in the event and
// nowhere else.
func (h *house) barred(t *testing.T, c caller, s *events, a ask, line string) {
	t.Helper()
	before := h.up.count()
	g := c.do(a)
	if g.status != 400 || h.up.count() != before || h.said.of(t, g).EndedBy != "wire" {
		t.Errorf("%s %s: %d %s", c.name(), a.target, g.status, g.body)
	}
	if e := s.of(t, g); e.detail != line || strings.Contains(g.body, "permit") {
		t.Errorf("%s %s: the event says %q, the answer %s", c.name(), a.target, e.detail, g.body)
	}
}

// permitted is what getFile permits: a name as it is sent, as it leaves, and as
// it is understood.
var permitted = []struct{ sent, left, value, what string }{
	{"src%2fmain.go", "src%2Fmain.go", "src/main.go", "encoded_slash"},
	{"a%2Fb%2Fc", "a%2Fb%2Fc", "a/b/c", "encoded_slash"},
	{"100%25", "100%25", "100%", "encoded_percent"},
	{"5%25%20off", "5%25%20off", "5% off", "encoded_percent"},
	{"a;v=1", "a;v=1", "a;v=1", "semicolon"},
	{"a%3bv", "a%3Bv", "a;v", "semicolon"},
}

func TestPermit_NothingIsTakenByDefaultAndTheEventNamesTheLine(t *testing.T) {
	var said events
	h := open(t, options{api: filesAPI, description: files, record: &said})
	n := 0
	for _, c := range h.callers(t) {
		for _, p := range permitted {
			n++
			h.barred(t, c, &said, ask{target: "/files/" + p.sent, token: h.alice()}, "permit: {<operationId>: {what: ["+p.what+"], because: ..., owner: ..., until: ...}}")
		}
		legacy := ask{target: "/files/a", token: h.alice(), fields: fields{{Name: "x_legacy", Value: "1"}}}
		h.barred(t, c, &said, legacy, "permit: {<operationId>: {what: [underscore], because: ..., owner: ..., until: ...}}")
		h.barred(t, c, &said, ask{target: "/files/..%2fa", token: h.alice()}, "")
		n++
	}
	counted(t, n, 21)
}

func TestPermit_OneEndpointTakesItByteForByteAndNoOtherDoes(t *testing.T) {
	var said events
	h := open(t, options{api: filesAPI + permitAll("getFile"), description: files, record: &said})
	n := 0
	for _, c := range h.callers(t) {
		for _, p := range permitted {
			n++
			g := c.do(ask{target: "/files/" + p.sent + "?", token: h.alice()})
			d, a := h.said.of(t, g), h.up.last()
			if g.status != 200 || d.Endpoint != "getFile" || d.Path != "/files/"+p.left || a.target != d.Path || said.of(t, g).value != p.value {
				t.Errorf("%s %s: %d %s, decided on %+v (%q), the upstream saw %s", c.name(), p.sent, g.status, g.body, d, said.of(t, g).value, a.target)
			}
			for target, line := range map[string]string{
				"/notes/" + p.sent:               "permit: {getNote: {what: [" + p.what + "], because: ..., owner: ..., until: ...}}",
				"/files/" + p.sent + "/secret":   "permit: {getSecret: {what: [" + p.what + "], because: ..., owner: ..., until: ...}}",
				"/nothing/" + p.sent + "/at/all": "no operation takes this path and method",
			} {
				h.barred(t, c, &said, ask{target: target, token: h.alice()}, line)
			}
			if g := c.do(ask{target: "/files/" + p.sent}); g.status != 401 {
				t.Errorf("%s %s: nobody got %d", c.name(), p.sent, g.status)
			}
			h.refused(t, c, spelling{ask: ask{method: "PUT", target: "/files/" + p.sent, token: h.alice(), body: "{}", fields: fields{{Name: "content-type", Value: "application/json"}}}})
		}
		g := c.do(ask{target: "/files/a", token: h.alice(), fields: fields{{Name: "x_legacy", Value: "1"}}})
		if a := h.up.last(); g.status != 200 || !slices.Equal(a.values("x_legacy"), []string{"1"}) {
			t.Errorf("%s: x_legacy: %d, the upstream saw %v", c.name(), g.status, a.fields)
		}
		h.refused(t, c, spelling{ask: ask{target: "/notes/a", token: h.alice(), fields: fields{{Name: "x_legacy", Value: "1"}}}})
		if g := c.do(ask{target: "/files/" + strings.Repeat("a%2F", 20) + "b", token: h.alice()}); g.status != 400 || h.said.of(t, g).EndedBy != "schema" {
			t.Errorf("%s: the schema did not see the decoded name: %d", c.name(), g.status)
		}
	}
	counted(t, n, 18)
}

func TestPermit_DotSegmentsDoubleEncodingsAndTwinsAreRefusedAllTheSame(t *testing.T) {
	h := open(t, options{api: filesAPI + permitAll("getFile", "getNote", "getOrder"), description: files})
	names := []string{"..%2fadmin", "%2e%2e%2fadmin%2fusers", "a%2f..%2f..%2fadmin%2fusers", ".%2fa", "a%2f.", "a%2f%2e%2e", "..;", "..;x%2fadmin", "%2e%2e%3b%2fadmin", "..", "%2e%2e", "a;b%2f..", "a%2f..;b",
		"%252fadmin", "a%252fb", "%252e%252e", "%252e%252e%252fadmin", "a%2500", "%2561dmin", "%25%36%31", "a%2525", "%25252f", "a%253bb", "%25u002f", "a%255cb",
		"%2fadmin", "a%2f", "a%2f%2fb", "a%2f/b", ";a", "%3b", "a%2f;b", "a%2fb%00", "a%5cb", "a%2f%5cb", `a\b`, "a%2fb%0a", "a%c0%afb", "a%2fsecret", "a%2Fsecret", "a%2fsecret;x", "a;x%2fsecret", "a%3b%2fsecret"}
	var list []string
	for _, name := range names {
		list = append(list, "/files/"+name)
	}
	counted(t, h.refuse(t, targets(h.alice(), list...)), 2*3*len(names))
	var twins []spelling
	for _, name := range []string{"x_forwarded_for", "x-forwarded_for", "content_length", "transfer_encoding", "user_agent", "x_api_key", "gatehouse_identity", "x_request_id", "x_original_url", "x_http_method_override", "content_type", "x_real_ip"} {
		twins = append(twins, with(h.alice(), gatehouse.Field{Name: name, Value: "1"})...)
	}
	twins = append(twins, spelling{ask: ask{token: h.alice(), fields: fields{{Name: "x-legacy", Value: "1"}, {Name: "x_legacy", Value: "2"}}}})
	counted(t, h.refuse(t, twins), 39)
	for _, c := range h.callers(t) {
		h.refused(t, c, spelling{ask: ask{token: h.alice(), fields: fields{{Name: "x_user_id", Value: "root"}, {Name: "x_user-id", Value: "root"}}}})
		g := c.do(ask{token: h.alice(), fields: fields{{Name: "x_user_id", Value: "root"}}})
		if a := h.up.last(); g.status != 200 || !slices.Equal(a.values("x-user-id"), []string{"alice"}) || strings.Contains(fmt.Sprint(a.fields), "root") {
			t.Errorf("%s: %d, the upstream saw %v", c.name(), g.status, a.fields)
		}
	}
}

func TestPermit_APreflightOfAPermittedSpellingIsAnswered(t *testing.T) {
	h := open(t, options{api: filesAPI + permitAll("getFile"), description: files})
	for _, c := range h.callers(t) {
		preflight := fields{{Name: "origin", Value: "https://app.example.com"}, {Name: "access-control-request-method", Value: "GET"}, {Name: "access-control-request-headers", Value: "authorization"}}
		before := h.up.count()
		if g := c.do(ask{method: "OPTIONS", target: "/files/a%2fb", fields: preflight}); g.status != 204 || g.fields.Get("Access-Control-Allow-Origin") != "https://app.example.com" || h.up.count() != before {
			t.Errorf("%s: %d %v", c.name(), g.status, g.fields)
		}
		if g := c.do(ask{method: "OPTIONS", target: "/notes/a%2fb", fields: preflight}); g.status != 400 {
			t.Errorf("%s: an endpoint that permits nothing answered %d", c.name(), g.status)
		}
	}
}

// TestR1_PermitsOnOne: everything is permitted on public places that take every
// path of up to three segments, beside a protected path. The spellings of it that
// some reader resolves never leave.
func TestR1_PermitsElsewhereOpenNoWayToAProtectedPath(t *testing.T) {
	h := open(t, options{api: ordinary + permitAll("anyOne", "anyTwo", "anyThree")})
	list := slices.DeleteFunc(hiddenAdmins(), func(s string) bool { return !strings.HasPrefix(s, "/") })
	counted(t, h.refuse(t, targets(h.alice(), list...)), 3*2*len(list))
	r := rand.New(rand.NewPCG(11, 2026))
	pieces := []string{"/", "/", "/", "admin", "admin", "users", "users", "public", "..", ".", "%2e", "%2F", "%2f", "%5c", ";", ";x", "%3b", "%25", "%252f", "%61dmin", "x", "%00", "%C0%AF", "..;", "%3f", "%2561", "u"}
	reached, needed := 0, 0
	cs := h.callers(t)
	for i := range 9000 {
		var b strings.Builder
		b.WriteByte('/')
		for range 1 + r.IntN(7) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		before := h.up.count()
		cs[i%len(cs)].do(ask{target: b.String()})
		if h.up.count() == before {
			continue
		}
		reached++
		left := h.up.last().target
		if strings.ContainsAny(left, ";") || strings.Contains(left, "%2F") || strings.Contains(left, "%25") || strings.Contains(left, "%3B") {
			needed++
		}
		for _, p := range readings(left) {
			if strings.TrimSuffix(p, "/") == "/admin/users" {
				t.Fatalf("%s reached the upstream as %s, which can be read as %s", b.String(), left, p)
			}
		}
	}
	if reached < 500 || needed < 200 {
		t.Errorf("only %d reached, %d of them by a permit: the test has lost its teeth", reached, needed)
	}
	t.Logf("figure protected path read from what permits let leave 0/0 of %d", needed)
}
