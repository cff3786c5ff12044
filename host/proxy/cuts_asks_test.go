package proxy_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// asked is one request of a conversation: what is sent, what the upstream is to do with
// it, and where it was seen.
type asked struct {
	id, kind string
	method   string
	target   string
	head     []byte
	body     []byte // with its framing
	payload  []byte // without
	framed   bool   // there is a body, though it may be empty
	expect   bool   // 100-continue
	waits    bool   // the body is sent when 100 has come
	broken   bool   // the body's framing is
	tunnel   bool   // an upgrade is asked for
	refused  int    // the gateway's own answer; 0 for none
	ends     bool   // the connection is to end after the answer
	pad      int
	acts     []act // what the upstream does at the first sight, at the second ...

	mu    sync.Mutex
	sight []sighting
}

// sighting is one time that the upstream has read the request.
type sighting struct {
	on    *upside
	nth   int // request of the connection, from 0
	whole bool
}

// act is what the upstream does with a request.
type act struct {
	bytes  []byte
	cuts   []cut
	then   ending
	pause  time.Duration // before the ending
	early  bool          // the body is not read
	status int           // that the client gets
	body   []byte        // that the client gets; nil for one of the gateway's own
	cut    bool          // ... of which no more than the beginning, and 502 where replies are held
	dies   bool          // without a byte of a reply
	slow   bool          // until the gateway's patience ends
}

// cut is a piece that is written at once.
type cut struct {
	n     int
	pause time.Duration // after it
}

type ending int

const (
	goesOn   ending = iota
	closes          // at once
	idles           // closes after a pause in which no request has come
	isLeft          // the gateway closes, and sends nothing more
	waitsFor        // as isLeft, but the upstream says nothing until then
)

func (a *asked) sightings() []sighting {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]sighting(nil), a.sight...)
}

// replayable reports whether the request may be sent twice.
func (a *asked) replayable(held bool) bool {
	switch a.method {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return held || !a.framed
	}
	return false
}

// cuts makes pieces of n bytes.
func cuts(r *rand.Rand, n int) (all []cut) {
	most := []int{3, 20, 100, 2000, 1 << 30, 1 << 30, 1 << 30, 1 << 30}[r.IntN(8)] // half of them is not cut at all
	if n > 5000 {
		most = max(most, 2000)
	} else if n > 500 && most < 20 {
		most = 20
	}
	for n > 0 {
		c := cut{n: min(n, 1+r.IntN(most))}
		if r.IntN(10) == 0 {
			c.pause = time.Duration(r.IntN(2000)) * time.Microsecond
		}
		n -= c.n
		all = append(all, c)
	}
	return all
}

// padding is a field's length that has heads end at, before and behind the ends of buffers.
func padding(r *rand.Rand) int {
	switch r.IntN(10) {
	case 0:
		return 3600 + r.IntN(700)
	case 1:
		return r.IntN(9000)
	}
	return r.IntN(60)
}

// chunked frames b in chunks of any size.
func chunked(r *rand.Rand, b []byte) []byte {
	var out bytes.Buffer
	for len(b) > 0 {
		n := min(len(b), 1+r.IntN(1+r.IntN(20_000)))
		size := "%x"
		if r.IntN(3) == 0 {
			size = "%04X"
		}
		fmt.Fprintf(&out, size+"\r\n%s\r\n", n, b[:n])
		b = b[n:]
	}
	out.WriteString("0\r\n\r\n")
	return out.Bytes()
}

// newAsked makes a request up.
func newAsked(r *rand.Rand, id string, sneaky bool) *asked {
	a := &asked{id: id, kind: "plain", pad: padding(r), method: "GET"}
	switch n := r.IntN(100); {
	case n < 10:
		a.method = "HEAD"
	case n < 35:
		a.method = "POST"
	case n < 39:
		a.method = "PUT"
	case n < 43:
		a.method = "DELETE"
	case n < 46:
		a.method = "OPTIONS"
	}
	a.target = fmt.Sprintf("/%s/%s", word(r), id)
	if r.IntN(4) == 0 {
		a.target += "?q=" + word(r)
	}
	fields := a.frame(r)
	if r.IntN(25) == 0 {
		a.kind, a.ends = "connection close", true
		fields += "Connection: close\r\n"
	}
	a.head = fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: localhost\r\nX-Id: %s\r\nX-Pad: %s\r\n%s\r\n", a.method, a.target, id, strings.Repeat("p", a.pad), fields)
	if r.IntN(8) == 0 {
		a.refuse(r, fields)
	}
	a.play(r, sneaky)
	return a
}

func word(r *rand.Rand) string {
	return []string{"a", "orders", "x.y", "~me", "%C3%A9"}[r.IntN(5)]
}

// frame gives the request a body, perhaps, and returns the fields that say so.
func (a *asked) frame(r *rand.Rand) (fields string) {
	most := 3
	if a.method == "POST" || a.method == "PUT" {
		most = 30
	}
	if r.IntN(30) >= most {
		if r.IntN(30) == 0 {
			a.expect = true
			return "Expect: 100-continue\r\n"
		}
		return ""
	}
	a.framed = true
	size := []int{0, 1, 100, 5000, 30_000, 100_000}[r.IntN(6)]
	if size > 1 {
		size = r.IntN(size)
	}
	a.payload = text(a.id, 0, size)[:size]
	if r.IntN(6) == 0 {
		a.expect, a.waits = true, r.IntN(2) == 0
		fields = "Expect: 100-continue\r\n"
	}
	if r.IntN(2) == 0 {
		a.body = a.payload
		return fields + fmt.Sprintf("Content-Length: %d\r\n", size)
	}
	a.body = chunked(r, a.payload)
	if !a.waits && r.IntN(15) == 0 {
		a.broken, a.ends, a.refused = true, true, http.StatusBadRequest
		a.kind = "broken chunks"
		a.body = append(a.body[:len(a.body)-len("0\r\n\r\n")], []string{"5;x=y\r\nhello\r\n0\r\n\r\n", "zz\r\n", "3\r\nabcd\r\n0\r\n\r\n", "1\na\r\n", "0\r\nX-Trailer: a\r\n\r\n"}[r.IntN(5)]...)
	}
	return fields + "Transfer-Encoding: chunked\r\n"
}

// refuse has the head be one that is refused.
func (a *asked) refuse(r *rand.Rand, fields string) {
	type wrong struct {
		kind   string
		status int
		ends   bool
		old    string
		new    string
	}
	line := a.method + " " + a.target
	all := []wrong{
		{"unknown path", 404, false, a.target, "/no/such/thing/" + a.id},
		{"dot segment", 400, false, a.target, "/a/../" + a.id},
		{"encoded dots", 400, false, a.target, "/a/%2e%2E/" + a.id},
		{"double slash", 400, false, a.target, "//" + a.id},
		{"backslash", 400, false, a.target, `/a\` + a.id},
		{"semicolon", 400, false, a.target, "/a;b/" + a.id},
		{"encoded slash", 400, false, a.target, "/a%2fb/" + a.id},
		{"escape", 400, false, a.target, "/a%zz/" + a.id},
		{"nul", 400, false, a.target, "/a%00/" + a.id},
		{"fragment", 400, false, a.target, a.target + "#x"},
		{"duplicate field", 400, false, "X-Id", "Authorization: a\r\nAuthorization: b\r\nX-Id"},
		{"underscore", 400, false, "X-Id", "X_Id: 1\r\nX-Id"},
		{"http/1.0", 505, true, "HTTP/1.1", "HTTP/1.0"},
		{"no host", 400, true, "Host: localhost\r\n", ""},
		{"two hosts", 400, true, "Host: localhost", "Host: localhost\r\nHost: other"},
		{"bare lf", 400, true, "localhost\r\n", "localhost\n"},
		{"obs-fold", 400, true, "X-Id", "X-Fold: a\r\n b\r\nX-Id"},
		{"space before colon", 400, true, "X-Id:", "X-Id :"},
		{"te and cl", 400, true, "X-Id", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\nX-Id"},
		{"expectation", 417, true, "X-Id", "Expect: 200-maybe\r\nX-Id"},
		{"head too large", 431, true, "X-Id", "X-Large: " + strings.Repeat("l", 33<<10) + "\r\nX-Id"},
		{"crlf first", 400, true, line, "\r\n" + line},
		{"not http", 400, true, line, "\x16\x03\x01"},
	}
	if !a.framed && a.method == "GET" {
		all = append(all, wrong{"trace", 405, false, "GET ", "TRACE "}, wrong{"connect", 405, true, "GET ", "CONNECT "})
	}
	if a.method == "HEAD" {
		all = all[:12] // whose method is known, so that the answer has no body
	}
	w := all[r.IntN(len(all))]
	a.head = bytes.Replace(a.head, []byte(w.old), []byte(w.new), 1)
	a.kind, a.refused = w.kind, w.status
	if strings.Contains(fields, "chunked") || a.expect && a.framed || len(a.payload) > 64<<10 {
		w.ends = true // what has not been read, and is not worth the reading
	}
	a.ends = a.ends || w.ends
	a.broken = false
	if w.kind == "trace" {
		a.method = "TRACE"
	}
}
