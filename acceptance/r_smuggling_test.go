package acceptance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// smuggled is what an attacker hides in the body of a request.
const smuggled = "GET /admin/users HTTP/1.1\r\nHost: api.example.com\r\nX-Smuggled: yes\r\n\r\n"

// streams are byte streams whose end of message two readers could see in two
// places. None of them is read at all.
func streams(token string) map[string]string {
	head := "POST /v1/orders HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer " + token + "\r\nContent-Type: application/json\r\n"
	body := newOrder(60)
	chunked := chunks(body, 1000)
	out := map[string]string{
		"CL.TE":                    head + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s", 5+len(smuggled), smuggled),
		"TE.CL":                    head + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunks(smuggled, 1000),
		"TE.TE twice":              head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunked + smuggled,
		"TE.TE list":               head + "Transfer-Encoding: chunked, identity\r\n\r\n" + chunked + smuggled,
		"CL.CL":                    head + fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d\r\n\r\n%s", len(smuggled), smuggled),
		"CL list":                  head + fmt.Sprintf("Content-Length: %d, 0\r\n\r\n%s%s", len(body), body, smuggled),
		"Connection names TE":      head + "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled,
		"Connection names CL":      head + fmt.Sprintf("Connection: Content-Length\r\nContent-Length: %d\r\n\r\n%s", len(smuggled), smuggled),
		"bare LF":                  strings.ReplaceAll(head, "\r\n", "\n") + "\n" + smuggled,
		"LF ends the head":         head + fmt.Sprintf("Content-Length: %d\r\nX: y\n\r\n%s%s", len(body), body, smuggled),
		"obs-fold":                 head + "Transfer-Encoding:\r\n chunked\r\n\r\n" + chunked + smuggled,
		"space before the colon":   head + "Transfer-Encoding : chunked\r\n\r\n" + chunked + smuggled,
		"NUL":                      head + "Transfer-Encoding: chunked\x00\r\n\r\n" + chunked + smuggled,
		"bare CR":                  head + "X: y\rTransfer-Encoding: chunked\r\n\r\n" + chunked + smuggled,
		"a field before the first": "POST /v1/orders HTTP/1.1\r\n Host: x\r\nHost: api.example.com\r\n\r\n" + smuggled,
		"chunk LF":                 head + "Transfer-Encoding: chunked\r\n\r\n5;a\n\r\nhello\r\n0\r\n\r\n" + smuggled,
		"chunk extension":          head + "Transfer-Encoding: chunked\r\n\r\n2;x=\"\r\n\"\r\n{}\r\n0\r\n\r\n" + smuggled,
		"chunk size overflow":      head + "Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n" + smuggled,
		"chunk size with a sign":   head + "Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n" + smuggled,
		"chunk size in hex":        head + "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n" + smuggled,
		"chunk with spaces":        head + "Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n" + smuggled,
		"chunk longer than said":   head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX\r\n0\r\n\r\n" + smuggled,
		"trailer with framing":     head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 100\r\n\r\n" + smuggled,
		"HTTP/1.0 and chunked":     strings.Replace(head, "HTTP/1.1", "HTTP/1.0", 1) + "Transfer-Encoding: chunked\r\n\r\n" + chunked + smuggled,
		"two requests in a target": "GET /public/x HTTP/1.1\r\nHost: api.example.com HTTP/1.1\r\n\r\n" + smuggled,
	}
	for _, te := range []string{"xchunked", "chunkedx", "\x0bchunked", "\tchunked\x0c", "chunked\x00", "\"chunked\"", "chunked;q=1", "identity", "gzip, chunked", "chunked, chunked", "cow", "", ", chunked"} {
		out["TE "+te] = head + "Transfer-Encoding: " + te + "\r\n\r\n" + chunked + smuggled
	}
	for _, cl := range []string{"+5", "-5", "0x5", "5 5", "5,5", "05", "5.0", "1e1", "", "18446744073709551621", "5\x00", "٥"} {
		out["CL "+cl] = head + "Content-Length: " + cl + "\r\n\r\n" + body + smuggled
	}
	return out
}

func TestR31_NoStreamOfBytesHidesARequest(t *testing.T) {
	h := open(t, options{})
	list := streams(h.root())
	for name, raw := range list {
		before := h.up.count()
		c, err := net.Dial("tcp", h.plain)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(c, raw)
		all, err := io.ReadAll(c)
		if err != nil {
			t.Errorf("%s: the connection was not closed: %v", name, err)
		}
		_ = c.Close()
		answers := strings.Count(string(all), "\r\nx-request-id: ")
		if answers != 1 || !(strings.HasPrefix(string(all), "HTTP/1.1 400") || strings.HasPrefix(string(all), "HTTP/1.1 505")) {
			t.Errorf("%s: %d answers: %.300q", name, answers, all)
		}
		if n := h.up.count() - before; n != 0 {
			t.Errorf("%s: %d requests reached the upstream", name, n)
		}
	}
	counted(t, len(list), 50)
}

// TestR31_CL0: a body where none is expected is part of its request, and never
// the beginning of the next one; the upstream counts what the client counts.
func TestR31_TheUpstreamCountsTheRequestsThatTheClientCounts(t *testing.T) {
	h := open(t, options{})
	admin := "GET /admin/users HTTP/1.1\r\nHost: api.example.com\r\nX-Smuggled: yes\r\n\r\n"
	auth := "Authorization: Bearer " + h.alice() + "\r\n"
	n := 0
	for _, first := range []struct {
		head   string
		status int
	}{
		{"GET /public/x HTTP/1.1\r\nHost: api.example.com\r\n", 400},            // CL.0: a body that nobody declared
		{"GET /v1/orders/1 HTTP/1.1\r\nHost: api.example.com\r\n" + auth, 400},  // likewise
		{"GET /nowhere/at/all/here HTTP/1.1\r\nHost: api.example.com\r\n", 404}, // refused before the body is looked at
		{"DELETE /public/x HTTP/1.1\r\nHost: api.example.com\r\n", 405},         // undeclared method
		{"GET /v1/orders/1 HTTP/1.1\r\nHost: api.example.com\r\n", 401},         // nobody
		{"GET /public/../x HTTP/1.1\r\nHost: api.example.com\r\n", 400},         // refused by the wire
		{"GET /public/x HTTP/1.1\r\nHost: api.example.com\r\nx_a: b\r\n", 400},  // likewise
		{"TRACE /public/x HTTP/1.1\r\nHost: api.example.com\r\n", 405},          // likewise
		{"HEAD /public/x HTTP/1.1\r\nHost: api.example.com\r\n", 405},           // no body comes back
		{"OPTIONS /v1/orders HTTP/1.1\r\nHost: api.example.com\r\nOrigin: https://a.test\r\nAccess-Control-Request-Method: GET\r\n", 403},
	} {
		for _, framing := range []string{fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(admin), admin), "Transfer-Encoding: chunked\r\n\r\n" + chunks(admin, 1000), fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n%s", len(admin), admin)} {
			n++
			before := h.up.count()
			c, err := net.Dial("tcp", h.plain)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = io.WriteString(c, first.head+framing+"GET /public/last HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
			br := bufio.NewReader(c)
			method, _, _ := strings.Cut(first.head, " ")
			var statuses []int
			upstream := 0
			for {
				r, err := http.ReadResponse(br, &http.Request{Method: method})
				if err != nil {
					break
				}
				if _, err := io.Copy(io.Discard, r.Body); err != nil {
					break
				}
				if r.StatusCode == 100 {
					continue
				}
				statuses = append(statuses, r.StatusCode)
				if r.StatusCode == 200 {
					upstream++
				}
				method = "GET"
			}
			_ = c.Close()
			if len(statuses) == 0 || statuses[0] != first.status || len(statuses) > 2 {
				t.Errorf("%q: answers %v, want %d first", first.head+framing, statuses, first.status)
			}
			if got := h.up.count() - before; got != upstream {
				t.Errorf("%q: the client counts %d answers of the upstream, the upstream counts %d", first.head, upstream, got)
			}
			for _, a := range h.up.since(before) {
				if strings.Contains(fmt.Sprint(a.fields), "smuggled") || strings.HasPrefix(a.target, "/admin") {
					t.Errorf("%q: the hidden request reached the upstream", first.head)
				}
			}
			if h.said.asked("/admin/users") {
				t.Errorf("%q: the hidden request was taken for one", first.head)
			}
		}
	}
	counted(t, n, 30)
}

func TestR31_HTTP2CannotSmuggleIntoHTTP1(t *testing.T) {
	h := open(t, options{})
	json := fields{{Name: "content-type", Value: "application/json"}}
	var list []spelling
	add := func(fs ...fields) {
		for _, f := range fs {
			list = append(list, spelling{ask: ask{method: "POST", target: "/v1/orders", token: h.alice(), fields: append(json[:1:1], f...), body: newOrder(60)}, only: "h2"})
		}
	}
	for _, name := range []string{"transfer-encoding", "connection", "upgrade", "keep-alive", "proxy-connection", "http2-settings"} {
		add(fields{{Name: name, Value: "chunked"}}, fields{{Name: name, Value: "x"}})
	}
	for _, cl := range []string{"0", "1", "61", "59", "+60", "60, 60", "0x3c", "", "-1", "060"} {
		add(fields{{Name: "content-length", Value: cl}})
	}
	add(fields{{Name: "content-length", Value: "60"}, {Name: "content-length", Value: "60"}}, fields{{Name: "content-length", Value: "60"}, {Name: "content-length", Value: "0"}})
	for _, v := range []string{"a\r\nX-User-Id: root", "a\nb", "a\rb", "a\x00b", "a\r\n\r\n" + smuggled, " a", "a\t", "\x7f"} {
		add(fields{{Name: "x-a", Value: v}}, fields{{Name: "user-agent", Value: v}})
	}
	for _, name := range []string{"x-a: b\r\nx-user-id", "x a", "x-a:", "X-A", "", ":x", "x\r\n", "x\x00", "transfer-encoding: chunked\r\nx", ":status", ":path", ":authority", ":method", "te"} {
		add(fields{{Name: name, Value: "gzip"}})
	}
	for _, target := range []string{"/public/x HTTP/1.1\r\nHost: evil\r\n\r\n", "/public/x y", "/public/\r\nx", "/public/\x00", "", "*", "public", "http://evil.test/", "/public/x\t", "/\xff"} {
		list = append(list, spelling{ask: ask{target: target, token: h.alice()}, only: "h2"})
		if target == "" {
			list[len(list)-1].ask.fields = fields{{Name: ":path", Value: ""}}
		}
	}
	for _, method := range []string{"GET /admin/users HTTP/1.1\r\nX:", "GET ", "G\tT", "get\r\n", "\x00", "GET\x7f"} {
		list = append(list, spelling{ask: ask{method: method, target: "/public/x"}, only: "h2", want: []int{400, 405}})
	}
	for _, host := range []string{"api.example.com\r\nX: y", "api.example.com ", "api.example.com/x", "a@api.example.com", "api.example.com:x"} {
		list = append(list, spelling{ask: ask{host: host, target: "/public/x"}, only: "h2", want: []int{400, 421}})
	}
	counted(t, h.refuse(t, list), 75)
}
