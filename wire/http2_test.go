package wire

import (
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

func canonical(h Pseudo, fields gatehouse.Fields) (*gatehouse.Request, *Message, error) {
	var q gatehouse.Request
	var m Message
	l := DefaultLimits()
	_, err := Canonical(&q, &m, nil, h, fields, &l)
	return &q, &m, err
}

func plain2(path string) Pseudo { return Pseudo{"GET", "https", "a.test", path} }

// Row "HTTP/2" of ASSURANCE.md section 1.1.

func TestR31_ConnectionFieldsAreRefusedInHTTP2(t *testing.T) {
	for _, f := range []gatehouse.Field{{Name: "connection", Value: "close"}, {Name: "transfer-encoding", Value: "chunked"}, {Name: "upgrade", Value: "h2c"}, {Name: "keep-alive", Value: "5"},
		{Name: "proxy-connection", Value: "close"}, {Name: "http2-settings", Value: "AAA"}, {Name: "te", Value: "gzip"}, {Name: "te", Value: "trailers, gzip"}} {
		if _, _, err := canonical(plain2("/"), gatehouse.Fields{f}); err != H2ConnectionField {
			t.Errorf("%v: %v", f, err)
		}
	}
	if q, _, err := canonical(plain2("/"), gatehouse.Fields{{Name: "te", Value: "trailers"}}); err != nil || len(q.Fields) != 0 {
		t.Errorf("%v, %v", q.Fields, err)
	}
}

func TestR31_LineEndsInHTTP2ValuesAreRefused(t *testing.T) {
	for _, value := range []string{"a\r\nb: c", "a\nb", "a\rb", "a\x00", " a", "a ", "a\x7f"} {
		if _, _, err := canonical(plain2("/"), gatehouse.Fields{{Name: "x", Value: value}}); err != FieldValue {
			t.Errorf("%q: %v", value, err)
		}
	}
	for _, name := range []string{"", "X", "a b", "a:", ":path", "a\r\nb", "\x00", "a\x00", "caf\xc3\xa9"} {
		if _, _, err := canonical(plain2("/"), gatehouse.Fields{{Name: name, Value: "a"}}); err != H2FieldName {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestR31_ContentLengthInHTTP2IsOnePlainNumber(t *testing.T) {
	for _, f := range []gatehouse.Fields{{{Name: "content-length", Value: "+1"}}, {{Name: "content-length", Value: "1"}, {Name: "content-length", Value: "1"}}} {
		if _, _, err := canonical(plain2("/"), f); err != ContentLength {
			t.Errorf("%v: %v", f, err)
		}
	}
	if q, m, err := canonical(plain2("/"), gatehouse.Fields{{Name: "content-length", Value: "7"}}); err != nil || m.Length != 7 || !q.HasBody || q.Fields.Has("content-length") {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestR9_TheAuthorityMustAgreeWithHost(t *testing.T) {
	host := func(h string) gatehouse.Fields { return gatehouse.Fields{{Name: "host", Value: h}} }
	if _, _, err := canonical(plain2("/"), host("b.test")); err != HostMismatch {
		t.Errorf("%v", err)
	}
	if _, _, err := canonical(plain2("/"), append(host("a.test"), host("a.test")...)); err != DuplicateHost {
		t.Errorf("%v", err)
	}
	if q, _, err := canonical(plain2("/"), host("A.test.:443")); err != nil || q.Host != "a.test" {
		t.Errorf("%q, %v", q.Host, err)
	}
	if q, _, err := canonical(Pseudo{"GET", "https", "", "/"}, host("A.test")); err != nil || q.Host != "a.test" {
		t.Errorf("%q, %v", q.Host, err)
	}
	if _, _, err := canonical(Pseudo{"GET", "https", "", "/"}, nil); err != NoHost {
		t.Errorf("%v", err)
	}
	if _, _, err := canonical(Pseudo{"GET", "https", "u@a", "/"}, nil); err != Host {
		t.Errorf("%v", err)
	}
}

func TestR31_HTTP2TargetsAndMethodsAreJudgedAlike(t *testing.T) {
	for path, want := range map[string]error{"": TargetForm, "*": TargetForm, "http://a.test/": TargetForm, "/a b": RequestLine, "/a\r\n": RequestLine, "/\xff": TargetNonASCII, "/#": TargetFragment,
		"/a//b": PathDoubleSlash, "/%2e%2e": PathDotSegment, "/?a;b": QueryAmbiguous} {
		if _, _, err := canonical(plain2(path), nil); err != want {
			t.Errorf("%q: %v, want %v", path, err, want)
		}
	}
	for method, want := range map[string]error{"": RequestLine, "G T": RequestLine, "TRACE": MethodTrace, "CONNECT": MethodConnect} {
		if _, _, err := canonical(Pseudo{method, "https", "a.test", "/"}, nil); err != want {
			t.Errorf("%q: %v, want %v", method, err, want)
		}
	}
	if _, _, err := canonical(Pseudo{"GET", "ftp", "a.test", "/"}, nil); err != TargetScheme {
		t.Errorf("%v", err)
	}
}

func TestHTTP2ListsOverTheLimitAreRefused(t *testing.T) {
	if _, _, err := canonical(plain2("/"), gatehouse.Fields{{Name: "x", Value: strings.Repeat("a", 32<<10)}}); err != HeadTooLarge {
		t.Errorf("%v", err)
	}
	if _, _, err := canonical(plain2("/"), make101()); err != TooManyFields {
		t.Errorf("%v", err)
	}
}

func make101() (f gatehouse.Fields) {
	for range 101 {
		f.Add("x", "y")
	}
	return f
}

// What a request says does not depend on the version it was said in.
func TestBothVersionsGiveTheSameCanonicalRequest(t *testing.T) {
	cases := []struct {
		path   string
		fields gatehouse.Fields
	}{
		{"/v1/%6frders/caf%c3%a9?x=%20", gatehouse.Fields{{Name: "accept", Value: "*/*"}, {Name: "x-forwarded-for", Value: "1.2.3.4"}, {Name: "gatehouse-user", Value: "root"}}},
		{"/", gatehouse.Fields{{Name: "x_a", Value: "b"}}},
		{"/", gatehouse.Fields{{Name: "authorization", Value: "a"}, {Name: "authorization", Value: "b"}}},
		{"/a%2fb", nil}, {"/a%5cb", nil}, {"/a%25", nil}, {"/a;b", nil}, {`/a\b`, nil}, {"/?%", nil}, {"/a%ff", nil}, {"/a\"", nil},
		{"/", gatehouse.Fields{{Name: "x-http-method-override", Value: "DELETE"}, {Name: "expect", Value: "100-continue"}}},
		{"/", gatehouse.Fields{{Name: "expect", Value: "tea"}}},
		{"/", gatehouse.Fields{{Name: "trailer", Value: "content-length"}}},
	}
	for _, c := range cases {
		raw := "GET " + c.path + " HTTP/1.1\r\nHost: a.test\r\n"
		for _, f := range c.fields {
			raw += f.Name + ": " + f.Value + "\r\n"
		}
		one, err1 := parse(raw + "\r\n")
		two, m, err2 := canonical(plain2(c.path), c.fields)
		if err1 != err2 {
			t.Errorf("%q: %v over HTTP/1.1, %v over HTTP/2", raw, err1, err2)
			continue
		}
		if err1 == nil && (one.Path != two.Path || one.Query != two.Query || one.Host != two.Host || one.Method != two.Method || !sameFields(one.Fields, two.Fields) || !sameFields(one.Forwarded, m.Forwarded)) {
			t.Errorf("%q: %+v and %+v", raw, one, two)
		}
	}
}

func TestCanonicalUsesItsScratchAgain(t *testing.T) {
	var q gatehouse.Request
	var m Message
	var scratch []byte
	l := DefaultLimits()
	fields := gatehouse.Fields{{Name: "accept", Value: "*/*"}, {Name: "authorization", Value: "Bearer x"}}
	allocs := testing.AllocsPerRun(100, func() {
		var err error
		if scratch, err = Canonical(&q, &m, scratch, plain2("/v1/%6frders?a=b"), fields, &l); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 || q.Path != "/v1/orders" {
		t.Errorf("%v allocations, %q", allocs, q.Path)
	}
}
