package acceptance

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// framed is one way of sending a body.
type framed struct {
	name string
	over caller
	make func(token, body string) ask
}

// chunks writes a body as chunks of n bytes.
func chunks(body string, n int) string {
	var b strings.Builder
	for piece := range slices.Chunk([]byte(body), n) {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
	}
	return b.String() + "0\r\n\r\n"
}

// framings are all the ways in which a body can come.
func (h *house) framings(t testing.TB) (out []framed) {
	t.Helper()
	plain := func(extra string, write func(string) string) func(token, body string) ask {
		return func(token, body string) ask {
			framing, sent := fmt.Sprintf("Content-Length: %d", len(body)), body
			if write != nil {
				framing, sent = "Transfer-Encoding: chunked", write(body)
			}
			return ask{raw: "POST /v1/orders HTTP/1.1\r\nHost: " + hostName + "\r\nAuthorization: Bearer " + token + "\r\nContent-Type: application/json\r\n" + extra + framing + "\r\n\r\n" + sent}
		}
	}
	pieces := func(n int) func(string) string { return func(s string) string { return chunks(s, max(n, len(s)/500)) } }
	for _, door := range []struct{ name, addr string }{{"h1", h.plain}, {"middleware", h.inside}} {
		for name, make := range map[string]func(token, body string) ask{
			"length": plain("", nil), "length, expect": plain("Expect: 100-continue\r\n", nil), "one chunk": plain("", pieces(1<<30)), "small chunks": plain("", pieces(7)),
			"bytes": plain("", pieces(1)), "chunks, expect": plain("Expect: 100-continue\r\n", pieces(1<<30)),
		} {
			out = append(out, framed{door.name + " " + name, &plainCaller{addr: door.addr, is: door.name}, make})
		}
	}
	streamed := func(fs fields, length bool) func(token, body string) ask {
		return func(token, body string) ask {
			a := ask{method: "POST", target: "/v1/orders", token: token, body: body, fields: append(fields{{Name: "content-type", Value: "application/json"}}, fs...)}
			if length {
				a.fields = append(a.fields, fields{{Name: "content-length", Value: fmt.Sprint(len(body))}}...)
			}
			return a
		}
	}
	h2 := func(change func(*h2Caller)) *h2Caller {
		c := &h2Caller{addr: h.secure, sni: hostName}
		change(c)
		return c
	}
	out = append(out,
		framed{"h2", h2(func(*h2Caller) {}), streamed(nil, false)},
		framed{"h2 length", h2(func(*h2Caller) {}), streamed(nil, true)},
		framed{"h2 small frames", h2(func(c *h2Caller) { c.piece = 700 }), streamed(nil, false)},
		framed{"h2 padded", h2(func(c *h2Caller) { c.padded = true }), streamed(nil, true)},
		framed{"h2 empty last frame", h2(func(c *h2Caller) { c.late = true }), streamed(nil, false)},
		framed{"h2 expect", h2(func(*h2Caller) {}), streamed(fields{{Name: "expect", Value: "100-continue"}}, false)})
	t.Cleanup(func() {
		for _, f := range out {
			f.over.close()
		}
	})
	return out
}

// newOrder is a valid body of n bytes.
func newOrder(n int) string {
	const head, tail = `{"item":"book","quantity":1,"note":"`, `"}`
	return head + strings.Repeat("a", n-len(head)-len(tail)) + tail
}

func TestR21_TheVerdictOnABodyDoesNotDependOnItsFraming(t *testing.T) {
	h := open(t, options{})
	fs := h.framings(t)
	n := 0
	for _, c := range []struct {
		name, body string
		want       int
	}{
		{"good", newOrder(100), 200}, {"exactly the limit", newOrder(1 << 20), 200}, {"one byte over", newOrder(1<<20 + 1), 413}, {"far over", newOrder(3 << 20), 413},
		{"undeclared member", `{"item":"a","quantity":1,"admin":true}`, 400}, {"missing member", `{"item":"a"}`, 400}, {"duplicate", `{"item":"a","item":"b","quantity":1}`, 400}, {"not JSON", "item=a&quantity=1", 400},
		{"a wrong type", `{"item":1,"quantity":1}`, 400}, {"trailing data", `{"item":"a","quantity":1}{}`, 400}, {"another owner", `{"item":"a","quantity":1,"customer_id":"bob"}`, 400},
	} {
		for _, f := range fs {
			n++
			before := h.up.count()
			g := f.over.do(f.make(h.alice(), c.body))
			// A client that is still sending may lose the answer with the connection.
			if g.err != nil && c.name == "far over" {
				g.status = c.want
			}
			if g.status != c.want && !(c.name == "another owner" && g.status == 403) {
				t.Errorf("%s, %s: %d %v %.200s, want %d", c.name, f.name, g.status, g.err, g.body, c.want)
			}
			if reached := h.up.count() - before; (reached == 1) != (c.want == 200) {
				t.Errorf("%s, %s: %d requests reached the upstream", c.name, f.name, reached)
			} else if reached == 1 && h.up.last().body != c.body {
				t.Errorf("%s, %s: the upstream got %d other bytes", c.name, f.name, len(h.up.last().body))
			}
		}
	}
	counted(t, n, 11*18)
	// Trailers of requests are not taken, and never become fields.
	list := []spelling{{ask: ask{raw: "POST /v1/orders HTTP/1.1\r\nHost: " + hostName + "\r\nAuthorization: Bearer " + h.alice() + "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
		strings.TrimSuffix(chunks(newOrder(100), 1000), "\r\n") + "X-User-Id: root\r\n\r\n"}, only: "h1"}}
	counted(t, h.refuse(t, list), 1)
	c := &h2Caller{addr: h.secure, sni: hostName, trailing: true}
	defer c.close()
	g := c.do(ask{method: "POST", target: "/v1/orders", token: h.alice(), fields: fields{{Name: "content-type", Value: "application/json"}}, body: newOrder(100)})
	if a := h.up.last(); g.status == 200 && slices.Contains(a.values("x-user-id"), "root") {
		t.Errorf("a trailer became a field: %v", a.fields)
	}
}

// post makes spellings of bodies.
func post(token, contentType string, bodies ...string) (out []spelling) {
	for _, b := range bodies {
		a := ask{method: "POST", target: "/v1/orders", token: token, body: b}
		if contentType != "" {
			a.fields = fields{{Name: "content-type", Value: contentType}}
		}
		out = append(out, spelling{ask: a, want: []int{400, 413, 415}})
	}
	return out
}

func TestR22_BodiesThatTwoParsersReadDifferentlyAreRefused(t *testing.T) {
	h := open(t, options{})
	wide := func(s string, big bool) string {
		var b bytes.Buffer
		for _, c := range []byte(s) {
			if big {
				b.Write([]byte{0, c})
			} else {
				b.Write([]byte{c, 0})
			}
		}
		return b.String()
	}
	good := `{"item":"a","quantity":1}`
	list := post(h.alice(), "application/json",
		`{"item":"a","item":"b","quantity":1}`, `{"quantity":1,"item":"a","\u0069tem":"b"}`, `{"item":"a","Item":"b","quantity":1}`, `{"item":"a","quantity":1,"quantity":2}`, `{"item":"a","ITEM":"b","quantity":1}`,
		"\xef\xbb\xbf"+good, wide(good, false), wide(good, true), "\xff\xfe"+wide(good, false), "\xfe\xff"+wide(good, true), "+ADw-"+good,
		`{"item":"a","quantity":NaN}`, `{"item":"a","quantity":Infinity}`, `{"item":"a","quantity":-Infinity}`, `{"item":"a","quantity":01}`, `{"item":"a","quantity":+1}`, `{"item":"a","quantity":0x1}`, `{"item":"a","quantity":1e400}`, `{"item":"a","quantity":.1}`, `{"item":"a","quantity":1.}`, `{"item":"a","quantity":1`+strings.Repeat("0", 5000)+`}`,
		strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000), `{"item":"a","quantity":1,"note":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`,
		good+good, good+" x", good+"\x00", good+",", "["+good+"]", `{"item":"a","quantity":1,}`, `{"item":"a" "quantity":1}`, `{item:"a",quantity:1}`, `{'item':'a','quantity':1}`, good+"//x", "/*x*/"+good, `{"item":"a","quantity":1/**/}`,
		`{"item":"\ud800","quantity":1}`, `{"item":"\udc00\ud800","quantity":1}`, "{\"item\":\"\xff\",\"quantity\":1}", "{\"item\":\"\xc0\xaf\",\"quantity\":1}", "{\"item\":\"a\nb\",\"quantity\":1}", "{\"item\":\"\x00\",\"quantity\":1}", `{"item":"\x41","quantity":1}`, `{"item":"\u00","quantity":1}`,
		"null", "1", `"x"`, "{", "{}", `{"item":"a","quantity":"1"}`, `{"item":"a","quantity":1,"__proto__":{"x":1}}`, `{"item":"a","quantity":1,"":1}`, "\x0b"+good, "\xc2\xa0"+good, ")]}',\n"+good, "<item>a</item>", "item=a&quantity=1")
	for _, ct := range []string{"", "text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json;charset=utf-16", "application/json; charset=ibm500", "application/json, text/plain", "application/jsonx", "application/json;charset=utf-8;charset=utf-7", "json", "*/*", "application/vnd.api+json", "application/octet-stream", `application/json; x="`} {
		list = append(list, post(h.alice(), ct, good)...)
	}
	counted(t, len(list), 73)
	counted(t, h.refuse(t, list), 3*73)
	for _, c := range h.callers(t) {
		for _, body := range []string{good, " {\t\"quantity\" : 1.0 ,\r\n\"item\":\"\\u0061\" } ", `{"item":"😀","quantity":1}`, `{"item":"\ud83d\ude00","quantity":1e2}`} {
			s := post(h.alice(), "application/json", body)[0]
			if g := c.do(s.ask); g.status != 200 || h.up.last().body != body {
				t.Errorf("%s: %q got %d %s, the upstream saw %q", c.name(), body, g.status, g.body, h.up.last().body)
			}
		}
	}
}

func TestR23_DecompressionBombsAreNotOpened(t *testing.T) {
	h := open(t, options{})
	// 300 MiB in 300 KiB: one MiB of zeros, written 300 times over.
	var zipped, deflated bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	fw, err := flate.NewWriter(&deflated, 9)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = zw.Write(make([]byte, 1<<20))
	_, _ = fw.Write(make([]byte, 1<<20))
	_, _ = zw.Close(), fw.Flush()
	member, block := bytes.Clone(zipped.Bytes()), bytes.Clone(deflated.Bytes())
	for range 299 {
		zipped.Write(member)
		deflated.Write(block)
	}
	if err := fw.Close(); err != nil {
		t.Fatal(err)
	}
	var list []spelling
	for _, encoding := range []string{"gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "compress", "gzip, gzip", "identity, gzip", "gzip, identity", "unknown", "", ","} {
		for _, body := range []string{zipped.String(), deflated.String()} {
			for _, s := range post(h.alice(), "application/json", body) {
				s.ask.fields = append(s.ask.fields, fields{{Name: "content-encoding", Value: encoding}}...)
				s.want = []int{415, 400, 413}
				list = append(list, s)
			}
		}
	}
	list = append(list, post(h.alice(), "application/json", zipped.String(), deflated.String())...)
	list = append(list, post(h.alice(), "application/gzip", zipped.String())...)
	list = append(list, spelling{ask: ask{method: "POST", target: "/v1/orders", token: h.alice(), fields: fields{{Name: "content-type", Value: "application/json"}, {Name: "transfer-encoding", Value: "gzip, chunked"}}, body: "0\r\n\r\n"}, only: "h1"})
	counted(t, h.refuse(t, list), 29*3+1)
	// Replies: we ask for none, and look into none.
	h.up.reply(func(c io.Writer, _ *arrival) bool {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", zipped.Len())
		_, err := c.Write(zipped.Bytes())
		return err == nil
	})
	for _, c := range h.callers(t) {
		if g := c.do(ask{token: h.alice()}); g.status != 502 {
			t.Errorf("%s: a compressed reply that nobody asked for: %d", c.name(), g.status)
		}
	}
}

// endless writes until it fails or until far more was written than anybody may
// read, and counts.
func endless(w io.Writer, count *atomic.Int64, piece string) {
	for count.Load() < 256<<20 {
		n, err := io.WriteString(w, piece)
		count.Add(int64(n))
		if err != nil {
			return
		}
	}
}

func TestR24_WhatOthersSendIsReadUpToALimit(t *testing.T) {
	big := strings.Repeat("a", 64<<10)
	for name, serve := range map[string]func(w http.ResponseWriter, r *http.Request, url string, n *atomic.Int64){
		"endless keys": func(w http.ResponseWriter, r *http.Request, url string, n *atomic.Int64) {
			if strings.HasPrefix(r.URL.Path, "/.well-known/") {
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, url, url+"/jwks")
				return
			}
			endless(w, n, `{"keys":[{"kty":"`+big)
		},
		"endless metadata": func(w http.ResponseWriter, _ *http.Request, _ string, n *atomic.Int64) {
			endless(w, n, `{"issuer":"`+big)
		},
		"endless error": func(w http.ResponseWriter, _ *http.Request, _ string, n *atomic.Int64) {
			w.WriteHeader(500)
			endless(w, n, big)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int64
			var s *httptest.Server
			s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(w, r, s.URL, &n) }))
			defer s.Close()
			h := open(t, options{issuer: s.URL})
			for _, c := range h.callers(t) {
				began := time.Now()
				if g := c.do(ask{token: h.alice()}); g.status != 401 && g.status != 503 || time.Since(began) > 8*time.Second {
					t.Errorf("%s: %d after %v", c.name(), g.status, time.Since(began))
				}
			}
			if n.Load() > 32<<20 || h.up.count() > 0 {
				t.Errorf("%d bytes were read, %d requests went on", n.Load(), h.up.count())
			}
		})
	}
	h := open(t, options{})
	var sent atomic.Int64
	for name, c := range map[string]struct {
		ask  ask
		head string
		body string
	}{
		"error body":   {ask{token: h.alice()}, "HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n", "10000\r\n" + big + "\r\n"},
		"held body":    {ask{token: h.alice()}, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "10000\r\n" + big + "\r\n"},
		"until close":  {ask{token: h.alice()}, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", big},
		"fields":       {ask{target: "/public/x"}, "HTTP/1.1 200 OK\r\n", "X-A: b\r\n"},
		"one field":    {ask{target: "/public/x"}, "HTTP/1.1 200 OK\r\nX-A: ", big},
		"interim":      {ask{target: "/public/x"}, "", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"},
		"trailers":     {ask{token: h.alice()}, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-A: b\r\n"},
		"chunk size":   {ask{token: h.alice()}, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "0000000000000000"},
		"of a look-up": {ask{method: "PATCH", token: h.alice(), fields: fields{{Name: "content-type", Value: "application/json"}}, body: `{"quantity":2}`}, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "10000\r\n" + big + "\r\n"},
	} {
		sent.Store(0)
		h.up.reply(func(w io.Writer, _ *arrival) bool {
			_, _ = io.WriteString(w, c.head)
			endless(w, &sent, c.body)
			return false
		})
		for _, over := range h.callers(t)[:2] {
			began := time.Now()
			g := over.do(c.ask)
			if g.status < 500 || g.status > 504 || len(g.body) > 1000 || time.Since(began) > 8*time.Second {
				t.Errorf("%s, %s: %d %v with %d bytes after %v", name, over.name(), g.status, g.err, len(g.body), time.Since(began))
			}
		}
		if sent.Load() > 64<<20 {
			t.Errorf("%s: %d bytes were read", name, sent.Load())
		}
	}
}
