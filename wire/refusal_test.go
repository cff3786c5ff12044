package wire

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

// The tests are in the order of ASSURANCE.md section 1.1, whose rows they name;
// R numbers are those of REGRESSIONS.md. All are part of input.canonical.

// Row "Method".

func TestTraceIsRefused(t *testing.T) {
	refuses(t, MethodTrace, "TRACE / HTTP/1.1\r\nHost: a.test\r\n\r\n")
	refuses(t, MethodTrace, "trace / HTTP/1.1\r\nHost: a.test\r\n\r\n")
}

func TestConnectIsRefused(t *testing.T) {
	refuses(t, MethodConnect, "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n")
	refuses(t, MethodConnect, "connect / HTTP/1.1\r\nHost: a.test\r\n\r\n")
}

func TestMethodOverridesAreDropped(t *testing.T) {
	got := takes(t, head("X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "Accept: */*"))
	if len(got.Fields) != 1 {
		t.Errorf("%v", got.Fields)
	}
}

func TestAMalformedRequestLineIsRefused(t *testing.T) {
	for _, line := range []string{"GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET /", "GET\t/ HTTP/1.1", "G(T / HTTP/1.1", "GET / a HTTP/1.1", "GET /\x00 HTTP/1.1",
		"GET /\x7f HTTP/1.1", "GET / http/1.1", "GET / HTTP/1.1.1", "GET / HTTP/11", "GET /a\rb HTTP/1.1", "GET / HTTP/1.1\r", strings.Repeat("G", 33) + " / HTTP/1.1", " GET / HTTP/1.1"} {
		refuses(t, RequestLine, line+"\r\nHost: a.test\r\n\r\n")
	}
	refuses(t, RequestLine, "\r\n"+get("/"))
	refuses(t, RequestLine, "\x16\x03\x01\x02\x00\x01\x00\x01") // a TLS ClientHello is answered at once
}

func TestOtherVersionsAreRefused(t *testing.T) {
	for _, version := range []string{"HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0"} {
		refuses(t, Version, "GET / "+version+"\r\nHost: a.test\r\n\r\n")
	}
	refuses(t, Version, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
}

// Row "Target".

func TestR9_AnAbsoluteFormThatDiffersFromHostIsRefused(t *testing.T) {
	refuses(t, HostMismatch, get("http://b.test/x"))
	refuses(t, HostMismatch, get("http://a.test:8080/x"))
	refuses(t, Host, get("http://user@a.test/x"))
	refuses(t, Host, get("http:///x"))
	if got := takes(t, get("HTTP://A.test.:80/x?y")); got.Path != "/x" || got.Query != "y" || got.Host != "a.test" {
		t.Errorf("%+v", got)
	}
}

func TestAnAbsoluteFormWithAnotherSchemeIsRefused(t *testing.T) {
	for scheme, want := range map[string]error{"https": TargetScheme, "http": nil, "": nil} {
		r := NewReader(strings.NewReader(get("http://a.test/x")))
		q, m, l := gatehouse.Request{Scheme: scheme}, Message{}, DefaultLimits()
		if err := r.Head(); err != nil {
			t.Fatal(err)
		}
		if err := r.ParseRequest(&q, &m, &l); err != want {
			t.Errorf("%q: %v", scheme, err)
		}
	}
}

func TestOtherTargetFormsAreRefused(t *testing.T) {
	for _, target := range []string{"a.test:443", "*", "admin", "ftp://a.test/", "http://a.test", "http://a.test?x", "javascript:x", "?x"} {
		refuses(t, TargetForm, get(target))
	}
}

func TestR7_AFragmentIsRefused(t *testing.T) {
	refuses(t, TargetFragment, get("/public#/../admin"))
	refuses(t, TargetFragment, get("/public?a#b"))
}

func TestTargetsOutsideASCIIAreRefused(t *testing.T) {
	refuses(t, TargetNonASCII, get("/caf\xc3\xa9"))
	refuses(t, TargetNonASCII, get("/?q=caf\xe9"))
}

func TestALongTargetIsRefused(t *testing.T) {
	refuses(t, TargetTooLong, get("/"+strings.Repeat("a", 8<<10)))
	takes(t, get("/"+strings.Repeat("a", 8<<10-1)))
}

// Row "Path": see path_test.go. Row "Query".

func TestR8_AQueryThatCanBeReadInTwoWaysIsRefused(t *testing.T) {
	for _, query := range []string{"a=1;b=2", "a=%zz", "a=%", "a=%4", "a=%00", "a=%1f", "a=%7f", "a=%ff", "a=%c0%af", "a=%ed%a0%80", "a=\"", "a=<b>", `a=\`, "%u0041"} {
		refuses(t, QueryAmbiguous, get("/?"+query))
	}
	for _, query := range []string{"a=1&b=2", "filter[name]=x", "a=%41%0a+b", "a=caf%C3%A9", "a", "&&", "a=b=c", "a=/?:@!$'()*,{}|^`"} {
		if got := takes(t, get("/?"+query)); got.Query != query || got.Path != "/" {
			t.Errorf("%q: %+v", query, got)
		}
	}
}

// Row "Host".

func TestAMissingHostIsRefused(t *testing.T) { refuses(t, NoHost, "GET / HTTP/1.1\r\nX: y\r\n\r\n") }

func TestR14_ADuplicateHostIsRefused(t *testing.T) {
	refuses(t, DuplicateHost, "GET / HTTP/1.1\r\nHost: a.test\r\nhost: a.test\r\n\r\n")
}

func TestAMalformedHostIsRefused(t *testing.T) {
	for _, host := range []string{"", "a b", "user@a.test", "a.test:", "a.test:0", "a.test:080", "a.test:65536", "a.test:http", "a.test:80:80", "a..test", ".test", "..", ".",
		"a.test/x", "a%2etest", "a,b", "[::1", "[::1]x", "[::1%25eth0]", "[1.2.3.4]", "[::g]", "::1", "caf\xc3\xa9.test", "a\\b", strings.Repeat("a", 64) + ".test", strings.Repeat("a.", 127) + "a"} {
		refuses(t, Host, "GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
	}
}

func TestR9_EverySpellingOfAHostIsOneHost(t *testing.T) {
	for given, want := range map[string]string{"A.Test": "a.test", "a.test.": "a.test", "a.test:80": "a.test", "a.test:443": "a.test", "A.TEST.:443": "a.test", "a.test.:8443": "a.test:8443",
		"127.0.0.1": "127.0.0.1", "[::1]": "[::1]", "[0:0:0:0:0:0:0:1]:443": "[::1]", "[2001:DB8::A]:81": "[2001:db8::a]:81", "my_service": "my_service", "localhost:9000": "localhost:9000"} {
		if got := takes(t, "GET / HTTP/1.1\r\nHost:   "+given+" \r\n\r\n"); got.Host != want {
			t.Errorf("%q: %q, want %q", given, got.Host, want)
		}
	}
}

// Row "Framing".

func TestR31_TransferEncodingWithContentLengthIsRefused(t *testing.T) {
	refuses(t, TEAndCL, head("Content-Length: 3", "Transfer-Encoding: chunked"))
	refuses(t, TEAndCL, head("Transfer-Encoding: chunked", "Content-Length: 3"))
	refuses(t, TEAndCL, head("Content-Length: 0", "Transfer-Encoding: identity"))
}

func TestR31_AnyTransferEncodingButOneChunkedIsRefused(t *testing.T) {
	for _, te := range []string{"identity", "gzip", "gzip, chunked", "chunked, identity", "chunked, chunked", "xchunked", "chunkedx", "", "chunked;q=1", "\"chunked\"", "\x0bchunked"} {
		raw := head("Transfer-Encoding: "+te) + "0\r\n\r\n"
		if strings.Contains(te, "\x0b") {
			refuses(t, FieldValue, raw)
			continue
		}
		refuses(t, TransferEncoding, raw)
	}
	refuses(t, TransferEncoding, head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"))
	refuses(t, TransferEncoding, head("Transfer-Encoding: chunked", "Transfer-Encoding: identity"))
}

func TestR31_ContentLengthIsOnePlainNumber(t *testing.T) {
	for _, n := range []string{"", "+2", "-1", "0x2", "2,2", "2, 2", "2 2", "02", "1e1", "2.", "1_0", "\xb2", "9999999999999999", "18446744073709551617"} {
		refuses(t, ContentLength, head("Content-Length: "+n)+"ab")
	}
	refuses(t, ContentLength, head("Content-Length: 2", "Content-Length: 2")+"ab")
	refuses(t, ContentLength, head("Content-Length: 2", "Content-Length: 3")+"abc")
}

func TestR31_ObsFoldIsRefused(t *testing.T) {
	refuses(t, ObsFold, head("X-A: b", " c"))
	refuses(t, ObsFold, head("X-A: b", "\tc: d"))
	refuses(t, ObsFold, "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n")
	refuses(t, ObsFold, head("X-A:", " b"))
}

func TestR31_ABareLFIsRefusedWithoutWaiting(t *testing.T) {
	for _, raw := range []string{"GET / HTTP/1.1\nHost: a.test\n\n", "GET / HTTP/1.1\r\nHost: a.test\n\r\n", "GET / HTTP/1.1\r\nHost: a.test\r\n\n", "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\nY: b\r\n\r\n"} {
		refuses(t, BareLF, raw)
		r := NewReader(io.MultiReader(strings.NewReader(raw), never{t}))
		if err := r.Head(); err != BareLF {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

// never fails the test when it is read: what is there already was enough.
type never struct{ t *testing.T }

func (n never) Read([]byte) (int, error) {
	n.t.Error("read on after a bare LF")
	return 0, io.EOF
}

func TestR31_ABareCRIsRefused(t *testing.T) {
	refuses(t, BareCR, head("X-A: b\rc"))
	refuses(t, BareCR, head("X-A: b\r"))
	refuses(t, BareCR, head("X-A\r: b"))
	refuses(t, BareCR, head("X-A: b\rTransfer-Encoding: chunked"))
}

func TestControlCharactersInValuesAreRefused(t *testing.T) {
	for c := range 0x20 {
		if c != '\t' && c != '\r' && c != '\n' {
			refuses(t, FieldValue, head(fmt.Sprintf("X-A: b%cc", c)))
		}
	}
	refuses(t, FieldValue, head("X-A: b\x7f"))
	takes(t, head("X-A: b\tc \xff\xfe"))
}

func TestR31_SpaceBeforeTheColonIsRefused(t *testing.T) {
	refuses(t, SpaceBeforeColon, head("Transfer-Encoding : chunked"))
	refuses(t, SpaceBeforeColon, head("Content-Length\t: 5"))
}

func TestAMalformedFieldNameIsRefused(t *testing.T) {
	for _, line := range []string{": b", "X(A): b", "X A: b", "nocolon", "X\x00A: b", "caf\xc3\xa9: b", "X\x0b: b", "\"a\": b", "a/b: c"} {
		refuses(t, FieldName, head(line))
	}
}

func TestALongHeadIsRefused(t *testing.T) {
	refuses(t, HeadTooLarge, head("X-A: "+strings.Repeat("a", 32<<10)))
	refuses(t, HeadTooLarge, "GET /"+strings.Repeat("a", 40<<10))
	exact := head("X-A: " + strings.Repeat("a", 32<<10-len(head("X-A: "))))
	if len(exact) != 32<<10 {
		t.Fatal(len(exact))
	}
	takes(t, exact)
	refuses(t, HeadTooLarge, strings.Replace(exact, "X-A", "X-AA", 1))
}

func TestTheHeadLimitCanBeMoved(t *testing.T) {
	l := DefaultLimits()
	for most, size := range map[int]int{512: 512, 100 << 10: 90 << 10} {
		r := NewReader(strings.NewReader(head("X-A: "+strings.Repeat("a", size-60)) + get("/")))
		r.MaxHead = most
		for range 2 {
			if _, err := one(r, &l); err != nil {
				t.Errorf("%d: %v", most, err)
			}
		}
		r = NewReader(strings.NewReader(head("X-A: " + strings.Repeat("a", most))))
		r.MaxHead = most
		if err := r.Head(); err != HeadTooLarge {
			t.Errorf("%d: %v", most, err)
		}
	}
}

func TestTooManyFieldsAreRefused(t *testing.T) {
	refuses(t, TooManyFields, head(strings.Split(strings.Repeat("X-A: b\n", 100), "\n")[:100]...))
	takes(t, head(strings.Split(strings.Repeat("X-A: b\n", 99), "\n")[:99]...))
}

// Row "Headers".

func TestR11_AnUnderscoreInAFieldNameIsRefused(t *testing.T) {
	for _, name := range []string{"X_User_Id", "X_Forwarded_For", "Content_Length", "transfer_encoding", "_a", "a_"} {
		refuses(t, HeaderUnderscore, head(name+": root"))
	}
}

func TestR11_UnderscoresCanBeTakenButNotInTwinsOfFieldsThatMeanSomething(t *testing.T) {
	l := DefaultLimits()
	l.Permit = gatehouse.Underscore
	for name, want := range map[string]error{"my_field": nil, "x_forwarded_for": HeaderUnderscore, "CONTENT_LENGTH": HeaderUnderscore, "gatehouse_user": HeaderUnderscore,
		"x-original_url": HeaderUnderscore, "authoriza_tion": nil, "user_agent": HeaderUnderscore} {
		if _, err := one(NewReader(strings.NewReader(head(name+": 1"))), &l); err != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestR14_ADuplicateSingletonIsRefused(t *testing.T) {
	for _, name := range []string{"Authorization", "Content-Type", "Cookie", "Origin", "User-Agent", "Referer", "Range", "If-Range", "If-Modified-Since", "If-Unmodified-Since", "From", "Date",
		"Max-Forwards", "Content-Range", "Content-Location", "Content-Encoding", "Access-Control-Request-Method", "Access-Control-Request-Headers", "X-API-Key", "X-CSRF-Token", "Traceparent",
		"X-Request-ID", "Idempotency-Key", "DPoP", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-WebSocket-Key", "Sec-WebSocket-Version"} {
		refuses(t, DuplicateField, head(name+": a", "X: y", strings.ToUpper(name)+": a"))
	}
	if got := takes(t, head("Accept: a", "Accept: b", "X-Role: user", "X-Role: admin")); len(got.Fields) != 4 {
		t.Errorf("%v", got.Fields)
	}
}

func TestR12_FieldsThatOnlyTheGatewaySaysAreDropped(t *testing.T) {
	if got := takes(t, head("Gatehouse-User: root", "GATEHOUSE-Tenant: x")); len(got.Fields) != 0 || len(got.Forwarded) != 0 {
		t.Errorf("%v", got.Fields)
	}
}

// Row "Hop by hop".

func TestR13_ConnectionThatNamesAnEndToEndFieldIsRefused(t *testing.T) {
	for _, option := range []string{"X-User-Id", "x-forwarded-for", "Authorization", "close, Cookie", "Host", "Transfer-Encoding", "content-length", "Content-Type", "Forwarded", "Gatehouse-User",
		"keep-alive,X-API-Tenant", "Origin", "Accept", "via", "Trailer", "bad option", "Expect"} {
		refuses(t, ConnectionOption, head("connection: "+option, "X-User-Id: 1"))
	}
	refuses(t, ConnectionOption, head("Connection: close", "Connection: X-User-Id"))
	refuses(t, ConnectionOption, head("Connection: a, b, c, d, e, f, g, h, i"))
}

func TestHopByHopFieldsAreRemoved(t *testing.T) {
	got := takes(t, head("Connection: keep-alive, Private ,, te", "Keep-Alive: timeout=5", "Private: 1", "Proxy-Authorization: x", "Proxy-Connection: close", "TE: trailers", "HTTP2-Settings: AAA", "Stays: 1"))
	if len(got.Fields) != 1 || got.Fields[0].Name != "stays" || got.Close {
		t.Errorf("%+v", got)
	}
}

const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

func TestAnUpgradeThatIsNoWebSocketHandshakeIsRefused(t *testing.T) {
	version := "Sec-WebSocket-Version: 13"
	for _, lines := range [][]string{
		{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAA"},
		{"Upgrade: websocket", key, version},
		{"Connection: upgrade", "Upgrade: websocket", version},
		{"Connection: upgrade", "Upgrade: websocket", key},
		{"Connection: upgrade", "Upgrade: websocket", key, "Sec-WebSocket-Version: 12"},
		{"Connection: upgrade", "Upgrade: websocket, h2c", key, version},
		{"Connection: upgrade", "Upgrade: websocket", "Upgrade: websocket", key, version},
		{"Connection: upgrade", "Upgrade: TLS/1.0"},
		{"Connection: upgrade", "Upgrade: "},
		{"Connection: upgrade", "Upgrade: websocket", version, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="},
		{"Connection: upgrade", "Upgrade: websocket", version, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"},
		{"Connection: upgrade", "Upgrade: websocket", version, key, "Content-Length: 1"},
	} {
		refuses(t, Upgrade, head(lines...))
	}
	refuses(t, Upgrade, "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"+key+"\r\n"+version+"\r\n\r\n")
	if got := takes(t, head("Connection: keep-alive, Upgrade", "Upgrade: WebSocket", key, version)); !got.Upgrade || got.Fields.Has("upgrade") || !got.Fields.Has("sec-websocket-key") {
		t.Errorf("%+v", got)
	}
}

func TestOnlyTheExpectation100ContinueIsKnown(t *testing.T) {
	refuses(t, Expect, head("Expect: 200-ok"))
	refuses(t, Expect, head("Expect: 100-continue, x"))
	refuses(t, Expect, head("Expect: 100-continue", "Expect: 100-continue"))
	if got := takes(t, head("Expect: 100-Continue")); !got.Expect || got.Fields.Has("expect") {
		t.Errorf("%+v", got)
	}
}

// Row "Forwarding".

func TestR10_ForwardedFieldsAreKeptApart(t *testing.T) {
	lines := []string{"Forwarded: for=1.2.3.4", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Uri: /admin", "X-Forwarded-Prefix: /x", "x-forwarded-host: b", "X-Real-IP: 1.2.3.4", "True-Client-IP: 1.2.3.4", "CF-Connecting-IP: 1"}
	got := takes(t, head(append(lines, "X-Original-URL: /admin", "X-Original-Host: b", "X-Rewrite-URL: /admin", "Client-Cert: :AA==:", "client-cert-chain: :AA==:")...))
	if len(got.Fields) != 0 || len(got.Forwarded) != len(lines) || got.Forwarded[1].Value != "1.2.3.4" {
		t.Errorf("%v, %v", got.Fields, got.Forwarded)
	}
}

// Beyond the table.

func TestEveryRefusalHasItsOwnReason(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range []*Refusal{RequestLine, StatusLine, Version, BareLF, BareCR, ObsFold, SpaceBeforeColon, FieldName, FieldValue, HeadTooLarge, TooManyFields, TEAndCL, TransferEncoding, ContentLength,
		ChunkSize, ChunkExtension, ChunkEnd, Trailer, TrailerField, TrailerTooLarge, ConnectionOption, Upgrade, Expect, MethodTrace, MethodConnect, NoHost, DuplicateHost, Host, HostMismatch, DuplicateField,
		HeaderUnderscore, TargetForm, TargetTooLong, TargetFragment, TargetNonASCII, TargetScheme, PathDotSegment, PathDoubleSlash, PathBackslash, PathSemicolon, PathNUL, PathControl, PathCharacter,
		PathEscape, PathEncodedSlash, PathDoubleEncoding, PathUTF8, QueryAmbiguous, H2ConnectionField, H2FieldName} {
		if a := r.Answer; !strings.HasPrefix(a.Reason, "wire.") || seen[a.Reason] || a.Status < 400 || !strings.HasSuffix(a.Public, ".") {
			t.Errorf("%+v", a)
		}
		seen[r.Answer.Reason] = true
	}
}

func TestTheConnectionSurvivesARefusalThatLeavesTheFramingSound(t *testing.T) {
	r := NewReader(strings.NewReader("POST /a//b HTTP/1.1\r\nHost: a.test\r\nX_A: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get("/next")))
	var q gatehouse.Request
	var m Message
	l := DefaultLimits()
	if err := r.Head(); err != nil {
		t.Fatal(err)
	}
	if err := r.ParseRequest(&q, &m, &l); err != HeaderUnderscore || HeaderUnderscore.Close {
		t.Fatalf("%v", err)
	}
	if ended, err := r.Body().Discard(100); !ended || err != nil || !r.Release() {
		t.Fatalf("%v, %v", ended, err)
	}
	if got, err := one(r, &l); err != nil || got.Path != "/next" {
		t.Errorf("%+v, %v", got, err)
	}
}
