package acceptance

import (
	"fmt"
	"strings"
	"testing"
)

// The tests in this file are the rows of ASSURANCE.md section 1.1, in its order;
// every one is part of input.canonical. What HTTP/2 cannot say is said over
// HTTP/1.1 only. What net/http repairs before the middleware sees it is not sent
// there.

func TestSection1_1_Method(t *testing.T) {
	h := open(t, options{})
	var list []spelling
	for _, m := range []string{"TRACE", "trace", "Trace", "CONNECT", "connect", "PUT", "DELETE", "POST", "HEAD", "get", "Get", "PROPFIND", "PURGE", "TRACK", "DEBUG", "M-SEARCH", "FOO", "PATCHES"} {
		list = append(list, spelling{ask: ask{method: m, token: h.alice()}, want: []int{405}}, spelling{ask: ask{method: m, target: "/public/x"}, want: []int{405}})
	}
	counted(t, h.refuse(t, list), 36*3)
	n := 0
	for _, c := range h.callers(t) {
		for _, name := range []string{"x-http-method-override", "x-http-method", "x-method-override"} {
			n++
			if g := c.do(ask{token: h.alice(), fields: fields{{Name: name, Value: "DELETE"}}}); g.status != 200 || len(h.up.last().values(name)) > 0 || h.up.last().method != "GET" {
				t.Errorf("%s %s: %d, the upstream saw %+v", c.name(), name, g.status, h.up.last())
			}
		}
	}
	counted(t, n, 9)
}

func TestSection1_1_Target(t *testing.T) {
	h := open(t, options{})
	var list []spelling
	for _, target := range []string{"api.example.com:443", "*", "admin/users", "?x", "http:/admin", "ftp://api.example.com/x", "javascript:x", "/public#x", "/public?q=a#b", "//admin/users", "///", "/public/\xc3\xa9", "/public/\xff", "/public/\x7f", "/%", "/%4", "/%zz", "/a%u0041", "/public/\x01", "/public/<x>", "/public/\"x\"", "/public/{x}", "/public/^", "/public/`", "/public/|"} {
		list = append(list, spelling{ask: ask{target: target, token: h.alice()}})
	}
	for _, target := range []string{"http://other.test/v1/orders/1", "http://api.example.com:8080/v1/orders/1", "http://user@api.example.com/v1/orders/1", "http://api.example.com", "http://api.example.com?x", "http:///v1/orders/1", "/public x", "/public\tx", " /public", "/public/x HTTP/1.1"} {
		list = append(list, spelling{ask: ask{target: target, token: h.alice()}, only: "h1"})
	}
	list = append(list, spelling{ask: ask{target: "/" + strings.Repeat("a", 9000)}, want: []int{414}})
	counted(t, h.refuse(t, list), 26*3+10)
	if g := h.callers(t)[0].do(ask{target: "http://API.example.com./v1/orders/1", token: h.alice()}); g.status != 200 || h.up.last().target != "/v1/orders/1" {
		t.Errorf("an absolute form that agrees with Host: %d %s", g.status, h.up.last().target)
	}
}

func TestSection1_1_Path(t *testing.T) {
	h := open(t, options{})
	list := []string{"/.", "/..", "/./x", "/../x", "/x/.", "/x/..", "/x/./y", "/x/../y", "/%2e", "/%2E%2e/x", "/.%2e/x", "/x/%2e%2e/y", "//x", "/x//y", "/x//", `/x\y`, `/\x`, "/x%5cy", "/x%5Cy", "/x%2fy", "/x%2Fy", "/%2f", "/x%00", "/%00/x", "/x%01", "/x%1f", "/x%7f", "/x%0d%0a", "/x%25", "/%252e", "/x%2561", "/x;y", "/x;", "/;x", "/x%3by", "/x%3By", "/%c0%af", "/%e0%80%af", "/%ed%a0%80", "/%ff", "/%c2%85"}
	counted(t, h.refuse(t, targets(h.alice(), list...)), len(list)*6)
	counted(t, len(list), 41)
}

func TestSection1_1_Query(t *testing.T) {
	h := open(t, options{})
	var list []spelling
	for _, q := range []string{"a=1;b=2", "a;b", "q=%zz", "q=%", "q=%4", "q=%4g", "q=%00", "q=%01", "q=%7f", "q=%ff", "q=%c0%af", "q=%ed%a0%80", "q=%u0041", "q=\"", "q=<", "q=>", `q=\`, "q=a#", "q=\xc3\xa9"} {
		list = append(list, spelling{ask: ask{target: "/x?" + q}}, spelling{ask: ask{target: "/v1/orders?" + q, token: h.alice()}})
	}
	counted(t, h.refuse(t, list), 38*3)
}

func TestSection1_1_Host(t *testing.T) {
	h := open(t, options{})
	var list []spelling
	for _, host := range []string{"-", "api.example.com, api.example.com", "api example.com", "user@api.example.com", "user:pw@api.example.com", "api.example.com:", "api.example.com:x", "api.example.com:0", "api.example.com:65536", ".api.example.com", "api..example.com", "api.example.com..", "api.example.com/", "api.example.com?", "api.example.com\\", "api%2eexample.com", "[::1", "[::1%25lo]", "caf\xc3\xa9.example.com"} {
		list = append(list, spelling{ask: ask{host: host, token: h.alice()}, want: []int{400, 421}})
	}
	for _, host := range []string{"evil.test", "www.api.example.com", "example.com", "127.0.0.1", "[::1]", "localhost", "api.example.com.evil.test"} {
		list = append(list, spelling{ask: ask{host: host, token: h.alice()}, want: []int{421}})
	}
	for _, f := range []string{"Host", "host", "HOST"} {
		list = append(list, spelling{ask: ask{token: h.alice(), fields: fields{{Name: f, Value: hostName}}}, only: "h1"}, spelling{ask: ask{token: h.alice(), fields: fields{{Name: f, Value: "evil.test"}}}, only: "h1 h2"})
	}
	counted(t, h.refuse(t, list), 26*3+3+6)
}

func TestSection1_1_Framing(t *testing.T) {
	h := open(t, options{})
	var list []spelling
	for _, raw := range streams(h.alice()) {
		list = append(list, spelling{ask: ask{raw: raw}, only: "h1", want: []int{400, 505}})
	}
	post := "POST /v1/orders HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer " + h.alice() + "\r\nContent-Type: application/json\r\n"
	for _, tail := range []string{"Transfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n2\r\n{}\r\n0\r\nX-A: b\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-A: b\r\n\r\n", "Trailer: Content-Length\r\nContent-Length: 2\r\n\r\n{}", "Trailer: X-User-Id\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-User-Id: root\r\n\r\n"} {
		list = append(list, spelling{ask: ask{raw: post + tail}, only: "h1"})
	}
	counted(t, h.refuse(t, list), 54)
}

func TestSection1_1_Headers(t *testing.T) {
	h := open(t, options{})
	list := with(h.alice(), fields{{Name: "x_a", Value: "b"}, {Name: "_x", Value: "b"}, {Name: "x_", Value: "b"}, {Name: "Authorization", Value: "Bearer x"}, {Name: "authorization", Value: ""}, {Name: "X_User_Id", Value: "root"}, {Name: "gatehouse_identity", Value: "x"}}...)
	for _, name := range []string{"content-type", "origin", "user-agent", "referer", "range", "date", "x-api-key", "x-request-id", "traceparent", "idempotency-key", "dpop"} {
		list = append(list, spelling{ask: ask{token: h.alice(), fields: fields{{Name: name, Value: "a"}, {Name: name, Value: "b"}}}})
	}
	for _, line := range []string{": b", "X A: b", "X(A): b", "X\x00: b", "X-A : b", "X-A\t: b", "nocolon", "X-A: b\x00", "X-A: b\x01", "X-A: b\x7f", "X-\xc3\xa9: b"} {
		list = append(list, spelling{ask: ask{raw: "GET /v1/orders/1 HTTP/1.1\r\nHost: api.example.com\r\n" + line + "\r\n\r\n"}, only: "h1 middleware"})
	}
	counted(t, h.refuse(t, list), 18*3+22)
	for _, c := range h.callers(t) { // a client's field with the name of one of ours does not arrive
		for _, name := range ours[:4] {
			if g := c.do(ask{token: h.alice(), fields: fields{{Name: name, Value: "forged"}}}); g.status != 200 || strings.Contains(fmt.Sprint(h.up.last().fields), "forged") {
				t.Errorf("%s %s: %d %v", c.name(), name, g.status, h.up.last().fields)
			}
		}
	}
}

func TestSection1_1_HopByHop(t *testing.T) {
	h := open(t, options{})
	var list []spelling
	for _, name := range []string{"x-user-id", "authorization", "host", "content-length", "cookie", "x-forwarded-for", "gatehouse-identity", "accept", "cache-control", "origin", "traceparent", "X-Tenant", "transfer-encoding", "content-type", "via"} {
		list = append(list, spelling{ask: ask{token: h.alice(), fields: fields{{Name: "Connection", Value: name}}}}, spelling{ask: ask{token: h.alice(), fields: fields{{Name: "connection", Value: "keep-alive, " + name}}}})
	}
	for _, up := range []string{"h2c", "websocket", "TLS/1.0", "HTTP/2.0", "h2c, websocket", "websocket, h2c"} {
		list = append(list, spelling{ask: ask{token: h.alice(), fields: fields{{Name: "Upgrade", Value: up}, {Name: "Connection", Value: "Upgrade, HTTP2-Settings"}, {Name: "HTTP2-Settings", Value: "AAMAAABkAAQAAP__"}}}},
			spelling{ask: ask{token: h.alice(), fields: fields{{Name: "Upgrade", Value: up}, {Name: "Connection", Value: "Upgrade"}, {Name: "Sec-WebSocket-Version", Value: "13"}, {Name: "Sec-WebSocket-Key", Value: "dGhlIHNhbXBsZSBub25jZQ=="}}}})
	}
	counted(t, h.refuse(t, list), 42*3)
}

func TestSection1_1_Forwarding(t *testing.T) {
	h := open(t, options{top: "listen: {trusted_proxies: [10.0.0.0/8]}\n"})
	n := 0
	for _, c := range h.callers(t) {
		for _, name := range []string{"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix", "x-forwarded-port", "x-forwarded-user", "x-forwarded-anything", "x-forwarded", "x-real-ip", "x-original-url", "x-original-uri", "x-original-host", "x-original-anything", "x-rewrite-url", "true-client-ip", "client-cert", "client-cert-chain"} {
			n++
			g := c.do(ask{token: h.alice(), fields: fields{{Name: name, Value: "203.0.113.9"}}})
			if d := h.said.of(t, g); g.status != 200 || d.Client != "127.0.0.1" || strings.Contains(fmt.Sprint(h.up.last().fields), "203.0.113.9") {
				t.Errorf("%s %s: %d, client %s, the upstream saw %v", c.name(), name, g.status, d.Client, h.up.last().fields)
			}
		}
	}
	counted(t, n, 54)
	// A trusted peer is read for one hop: what stands further left is hearsay.
	h = open(t, options{top: "listen: {trusted_proxies: [127.0.0.0/8]}\n"})
	n = 0
	for _, c := range h.callers(t) {
		for value, want := range map[string]string{"198.51.100.1": "198.51.100.1", "203.0.113.9, 198.51.100.1": "198.51.100.1", "203.0.113.9,127.0.0.2": "127.0.0.2", "garbage": "127.0.0.1", "198.51.100.1, garbage": "127.0.0.1", "": "127.0.0.1", "::ffff:198.51.100.1": "198.51.100.1", "unknown": "127.0.0.1"} {
			n++
			g := c.do(ask{token: h.alice(), fields: fields{{Name: "x-forwarded-for", Value: value}}})
			if d := h.said.of(t, g); d.Client != want {
				t.Errorf("R37 %s %q: client %s, want %s", c.name(), value, d.Client, want)
			}
		}
	}
	counted(t, n, 24)
}

func TestSection1_1_HTTP2(t *testing.T) {
	h := open(t, options{})
	var list []spelling
	one := func(fs ...fields) {
		for _, f := range fs {
			list = append(list, spelling{ask: ask{token: h.alice(), fields: f}, only: "h2", want: []int{400, 431}})
		}
	}
	for _, name := range []string{"connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "http2-settings"} {
		one(fields{{Name: name, Value: "close"}})
	}
	for _, te := range []string{"gzip", "trailers, gzip", "chunked", "", "identity"} {
		one(fields{{Name: "te", Value: te}})
	}
	for _, v := range []string{"a\rb", "a\nb", "a\r\nb", "a\x00b"} {
		one(fields{{Name: "x-a", Value: v}})
	}
	for _, p := range []string{":method", ":path", ":scheme", ":authority", ":status", ":protocol", ":x"} { // after the others: out of order, and twice
		one(fields{{Name: "x-a", Value: "b"}, {Name: p, Value: "/x"}})
		one(fields{{Name: p, Value: "/x"}})
	}
	one(fields{{Name: "x-a", Value: strings.Repeat("a", 40<<10)}}, make101())
	list = append(list, spelling{ask: ask{target: "-", token: h.alice()}, only: "h2"}, spelling{ask: ask{method: "-", token: h.alice()}, only: "h2"}, spelling{ask: ask{host: "-", token: h.alice()}, only: "h2"})
	counted(t, h.refuse(t, list), 34)
	c := h.callers(t)[1]
	if g := c.do(ask{token: h.alice(), fields: fields{{Name: "te", Value: "trailers"}}}); g.status != 200 || len(h.up.last().values("te")) > 0 {
		t.Errorf("te: trailers: %d %v", g.status, h.up.last().fields)
	}
}

func make101() (f fields) {
	for i := range 101 {
		f = append(f, fields{{Name: fmt.Sprintf("x-%d", i), Value: "a"}}...)
	}
	return f
}

func TestSection1_1_Body(t *testing.T) {
	h := open(t, options{})
	list := post(h.alice(), "application/json", `{"item":"a","item":"a","quantity":1}`, `{"item":"a","quantity":1,"\u0069tem":"b"}`, "\xef\xbb\xbf"+`{"item":"a","quantity":1}`, `{"item":"\ud800","quantity":1}`, `{"item":"\udfff","quantity":1}`,
		`{"item":"a","quantity":1}x`, `{"item":"a","quantity":1}{}`, `{"item":"a","quantity":NaN}`, `{"item":"a","quantity":-Infinity}`, `{"item":"a","quantity":1,"note":`+strings.Repeat("[", 65)+strings.Repeat("]", 65)+`}`, strings.Repeat(`{"a":`, 70)+"1"+strings.Repeat("}", 70))
	for _, ct := range []string{"", "text/plain", "application/xml", "application/json; charset=latin1", "application/octet-stream", "multipart/form-data"} {
		list = append(list, post(h.alice(), ct, `{"item":"a","quantity":1}`)...)
	}
	counted(t, h.refuse(t, list), 17*3)
	// A body where none is declared is refused whether its length is known or not.
	known := ask{token: h.alice(), body: "{}"}
	unknown := ask{raw: "GET /v1/orders/1 HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer " + h.alice() + "\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"}
	counted(t, h.refuse(t, []spelling{{ask: known}, {ask: unknown, only: "h1 middleware"}}), 5)
}

// TestSection1_2_WhatGoLetsThrough is the table of ASSURANCE.md section 1.2: what
// the bare Go proxy was measured to forward, and what is done with it here.
func TestSection1_2_WhatGoLetsThrough(t *testing.T) {
	h := open(t, options{})
	alice := h.alice()
	target := func(list ...string) []spelling { return targets(alice, list...) }
	field := func(fs ...fields) (out []spelling) {
		for _, f := range fs {
			out = append(out, spelling{ask: ask{token: alice, fields: f}})
		}
		return out
	}
	raw := func(head ...string) (out []spelling) {
		for _, s := range head {
			out = append(out, spelling{ask: ask{raw: s}, only: "h1", want: []int{400, 405, 505}})
		}
		return out
	}
	get := "GET /v1/orders/1 HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer " + alice + "\r\n"
	rows := 0
	for _, r := range []struct {
		row  string
		list []spelling
	}{
		{"dangerous paths", target("//admin/x", "///admin/x", "/./admin/x", "/public/../admin/x", "/public/%2e%2e/admin/x", "/public/..%2fadmin/x", "/public/..;/admin/x", "/admin;x=1/x", "/admin%5cx", `/\admin/x`, "/admin%00/x", "/%2561dmin/x")},
		{"decoded paths", append(target("/admin%2Fusers"), spelling{ask: ask{target: "/%61dmin/users"}, want: []int{401}}, spelling{ask: ask{target: "/%61dmin/users", token: alice}, want: []int{403}})},
		{"fragment", target("/public#/../admin")},
		{"CONNECT", []spelling{{ask: ask{method: "CONNECT", target: "evil.test:80"}, only: "h1", want: []int{405}}, {ask: ask{method: "CONNECT"}, want: []int{405}}}},
		{"TRACE", []spelling{{ask: ask{method: "TRACE", token: alice}, want: []int{405}}}},
		{"h2c", field(fields{{Name: "Upgrade", Value: "h2c"}, {Name: "Connection", Value: "Upgrade, HTTP2-Settings"}, {Name: "HTTP2-Settings", Value: "AAMAAABkAAQAAP__"}})},
		{"absolute form", []spelling{{ask: ask{target: "http://b.test/x"}, only: "h1"}}},
		{"underscores", field(fields{{Name: "X_User_Id", Value: "root"}}, fields{{Name: "X_Forwarded_For", Value: "1.2.3.4"}})},
		{"Connection names a field", field(fields{{Name: "Connection", Value: "X-Api-Tenant"}})},
		{"duplicates", field(fields{{Name: "Authorization", Value: "Bearer x"}}, fields{{Name: "Content-Type", Value: "a/b"}, {Name: "Content-Type", Value: "c/d"}})},
		{"queries", target("/x?a=1;b=2", "/x?a=%zz")},
		{"Content-Length with chunked", raw(get + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
		{"obs-fold, bare LF", raw(get+"X-A: b\r\n c\r\n\r\n", strings.ReplaceAll(get, "\r\n", "\n")+"\n")},
		{"chunk extension with bare LF", raw("POST /v1/orders HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer " + alice + "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n")},
		{"what Go refuses too", raw(get+"Transfer-Encoding: chunked, identity\r\n\r\n", get+"Transfer-Encoding: xchunked\r\n\r\n", get+"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", get+"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", get+"Content-Length: +2\r\n\r\nab",
			get+"Content-Length : 2\r\n\r\nab", get+"X-A: b\rc\r\n\r\n", get+"X-A: b\x00\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", get+"Host: api.example.com\r\n\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n")},
		{"HTTP/2 connection fields", []spelling{{ask: ask{token: alice, fields: fields{{Name: "connection", Value: "close"}}}, only: "h2"}, {ask: ask{token: alice, fields: fields{{Name: "te", Value: "other"}}}, only: "h2"}}},
	} {
		t.Run(r.row, func(t *testing.T) {
			rows++
			if n := h.refuse(t, r.list); n == 0 {
				t.Error("nothing was sent")
			}
		})
	}
	counted(t, rows, 16)
	dropped := 0
	for _, c := range h.callers(t) {
		for _, f := range (fields{{Name: "x-user-id", Value: "forged"}, {Name: "x-forwarded-for", Value: "forged"}, {Name: "x-forwarded-host", Value: "forged"}, {Name: "x-forwarded-proto", Value: "forged"}, {Name: "forwarded", Value: "for=forged"},
			{Name: "x-forwarded-prefix", Value: "forged"}, {Name: "x-real-ip", Value: "forged"}, {Name: "x-original-url", Value: "forged"}, {Name: "x-http-method-override", Value: "forged"}, {Name: "trailer", Value: "x-forged"}}) {
			dropped++
			if g := c.do(ask{token: alice, fields: fields{f}}); g.status != 200 && g.status != 400 || g.status == 200 && strings.Contains(fmt.Sprint(h.up.last().fields), "forged") {
				t.Errorf("%s %s: %d, the upstream saw %v", c.name(), f.Name, g.status, h.up.last().fields)
			}
		}
		if g := c.do(ask{target: "/ADMIN/users"}); g.status != 200 || h.up.last().target != "/ADMIN/users" {
			t.Errorf("%s: another path is another path: %d %s", c.name(), g.status, h.up.last().target)
		}
		if g := c.do(ask{host: "api.example.com.", token: alice}); g.status != 200 || h.up.last().values("host")[0] != hostName {
			t.Errorf("%s: a trailing dot: %d %v", c.name(), g.status, h.up.last().values("host"))
		}
	}
	counted(t, dropped, 30)
}
