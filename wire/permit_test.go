package wire

import (
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

const everything = gatehouse.EncodedSlash | gatehouse.EncodedPercent | gatehouse.Semicolon | gatehouse.Underscore

// permitting parses a request where some endpoint permits p.
func permitting(p gatehouse.Permit, request string) (gatehouse.Request, Message, error) {
	l := DefaultLimits()
	l.Permit = p
	r := NewReader(strings.NewReader(request))
	var q gatehouse.Request
	var m Message
	if err := r.Await(); err != nil {
		return q, m, err
	}
	if err := r.Head(); err != nil {
		return q, m, err
	}
	err := r.ParseRequest(&q, &m, &l)
	return q, m, err
}

// The opt-ins of ASSURANCE.md section 1.1, rows "Path" and "Headers" (input.canonical).

func TestPermittedSpellingsStayAsTheyAreAndAreNeeded(t *testing.T) {
	for target, want := range map[string]struct {
		path  string
		needs gatehouse.Permit
	}{
		"/f/a%2fb":         {"/f/a%2Fb", gatehouse.EncodedSlash},
		"/f/a%2Fb%2fc.txt": {"/f/a%2Fb%2Fc.txt", gatehouse.EncodedSlash},
		"/f/%61%2f%62/x":   {"/f/a%2Fb/x", gatehouse.EncodedSlash},
		"/f/100%25":        {"/f/100%25", gatehouse.EncodedPercent},
		"/f/100%25%20off":  {"/f/100%25%20off", gatehouse.EncodedPercent},
		"/f/5%25-a":        {"/f/5%25-a", gatehouse.EncodedPercent},
		"/f/a;v=1":         {"/f/a;v=1", gatehouse.Semicolon},
		"/f/a%3bv=1/":      {"/f/a%3Bv=1/", gatehouse.Semicolon},
		"/f/a;b%2Fc%25":    {"/f/a;b%2Fc%25", gatehouse.EncodedSlash | gatehouse.EncodedPercent | gatehouse.Semicolon},
		"/f/a?b=%2f%25":    {"/f/a", 0},
	} {
		q, m, err := permitting(everything, get(target))
		if err != nil || q.Path != want.path || m.Needs != want.needs {
			t.Errorf("%s: %q needs %q, %v", target, q.Path, m.Needs, err)
		}
		if want.needs == 0 {
			continue
		}
		for _, p := range []gatehouse.Permit{0, everything &^ want.needs} {
			_, m, err := permitting(p, get(target))
			refusal, ok := err.(*Refusal)
			if !ok || refusal.Permit&want.needs == 0 || refusal.Close || m.Needs&refusal.Permit == 0 {
				t.Errorf("%s, %q permitted: %v, needs %q", target, p, err, m.Needs)
			}
			if refusal != Unpermitted(refusal.Permit) {
				t.Errorf("%s: %v is not the refusal of what is not permitted", target, err)
			}
		}
	}
}

func TestR1_NothingPermitsDotSegmentsEmptySegmentsOrDoubleEncoding(t *testing.T) {
	n := 0
	for want, list := range map[*Refusal][]string{
		PathDotSegment: {"/f/..%2fadmin", "/f/%2e%2e%2fadmin", "/f/a%2f..", "/f/a%2F%2e%2E%2Fb", "/f/.%2fa", "/f/a%2f.%2fb", "/f/..;/admin", "/f/..;x=1/admin", "/f/.;/a", "/f/..%3b/admin",
			"/f/a;b%2f../c", "/f/a%2f..;x", "/f/%2e%2e%3bx%2fb", "/../a%2fb", "/a%2fb/.."},
		PathDoubleSlash:    {"/%2fadmin", "/f/%2fa", "/f/a%2f", "/f/a%2f%2fb", "/f/a%2f/b", "/f%2f", "/%2f", "/f/%2F%2F", "/a%2fb//c", "//a%2fb"},
		PathSemicolon:      {"/;/admin", "/f/;x", "/f/%3b", "/f/a%2f;x", "/f/;%2fa"},
		PathDoubleEncoding: {"/f/%252f", "/f/%252e%252e", "/f/%2500", "/f/%2561dmin", "/f/%25%36%31", "/f/%25252f", "/f/a%255cb", "/f/%253b", "/f/%25%32f", "/f/%25u002f", "/f/%25U2215", "/f/a%2fb%252f"},
		PathNUL:            {"/f/a%2fb%00"},
		PathBackslash:      {"/f/a%2fb%5c", `/f/a%2f\b`},
		PathEscape:         {"/f/%25%2", "/f/a%2f%zz"},
	} {
		for _, target := range list {
			n++
			q, m, err := permitting(everything, get(target))
			if err != want || q.Path != "" || m.Needs != 0 {
				t.Errorf("%s: %v, %q needs %q; want %v", target, err, q.Path, m.Needs, want)
			}
			if _, m, err := permitting(0, get(target)); err == nil || m.Needs != 0 {
				t.Errorf("%s, nothing permitted: %v, needs %q, though nothing permits it", target, err, m.Needs)
			}
		}
	}
	if n != 47 {
		t.Errorf("%d targets", n)
	}
}

func TestR11_PermittedUnderscoresAreForwardedAndTwinsRefused(t *testing.T) {
	q, m, err := permitting(everything, head("X_Legacy_Id: 7", "Accept: */*"))
	if err != nil || m.Needs != gatehouse.Underscore || q.Fields.Get("x_legacy_id") != "7" {
		t.Errorf("%v %q %v", q.Fields, m.Needs, err)
	}
	if _, m, err := permitting(0, head("X_Legacy_Id: 7")); err != HeaderUnderscore || m.Needs != gatehouse.Underscore {
		t.Errorf("%v, needs %q", err, m.Needs)
	}
	for _, fields := range [][]string{{"X_Forwarded_For: 1"}, {"Content_Length: 1"}, {"Transfer_Encoding: chunked"}, {"User_Agent: a"}, {"X_Api_Key: a"}, {"Gatehouse_Identity: a"}, {"X_Original_Url: /a"},
		{"Content_Type: a"}, {"X_Request-Id: a"}, {"X_A: 1", "X-A: 2"}, {"X-A: 2", "x_a: 1"}, {"X_A-B: 1", "X-A_B: 2"}, {"X_Ok: 1", "X_Real_Ip: 2"}} {
		for _, p := range []gatehouse.Permit{everything, 0} {
			if _, m, err := permitting(p, head(fields...)); err != HeaderUnderscore || p != 0 && m.Needs != 0 {
				t.Errorf("%q, %q permitted: %v, needs %q", fields, p, err, m.Needs)
			}
		}
	}
}

func TestARequestThatIsRefusedAnywayNeedsNothing(t *testing.T) {
	for _, request := range []string{head("X_A: 1", "Cookie: a", "Cookie: b"), "GET /a%2fb?x;y HTTP/1.1\r\nHost: a.test\r\n\r\n", "TRACE /a%2fb HTTP/1.1\r\nHost: a.test\r\n\r\n"} {
		for _, p := range []gatehouse.Permit{0, everything} {
			if _, m, err := permitting(p, request); err == nil || p != 0 && m.Needs != 0 {
				t.Errorf("%q, %q permitted: %v, needs %q", request, p, err, m.Needs)
			}
		}
	}
}

func TestPermitsHoldOverHTTP2(t *testing.T) {
	l := DefaultLimits()
	for _, p := range []gatehouse.Permit{0, everything} {
		l.Permit = p
		for path, want := range map[string]*Refusal{"/f/a%2fb": PathEncodedSlash, "/f/a%25": PathDoubleEncoding, "/f/a;b": PathSemicolon} {
			var q gatehouse.Request
			var m Message
			_, err := Canonical(&q, &m, nil, Pseudo{"GET", "https", "a.test", path}, gatehouse.Fields{{Name: "x_a", Value: "1"}}, &l)
			switch {
			case p == 0 && err != HeaderUnderscore:
				t.Errorf("%s: %v", path, err)
			case p != 0 && (err != nil || m.Needs != want.Permit|gatehouse.Underscore || !strings.EqualFold(q.Path, path)):
				t.Errorf("%s: %q needs %q, %v", path, q.Path, m.Needs, err)
			}
			if _, err = Canonical(&q, &m, nil, Pseudo{"GET", "https", "a.test", path}, nil, &l); p == 0 && (err != want || m.Needs != want.Permit) {
				t.Errorf("%s: %v needs %q", path, err, m.Needs)
			}
		}
	}
}

func TestNothingIsAllocatedForPermits(t *testing.T) {
	x := newExchange(strings.NewReplacer("/v1/orders/12345", "/v1/orders/1%2F2%25;x", "Accept:", "X_Legacy: 1\r\nAccept:").Replace(typical))
	x.l.Permit = everything
	x.run(t)
	if n := testing.AllocsPerRun(200, func() { x.run(t) }); n != 0 {
		t.Errorf("%v allocations per exchange", n)
	}
}
