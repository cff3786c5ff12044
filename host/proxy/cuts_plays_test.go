package proxy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// patience is the upstream's time in these tests.
const patience = time.Second

// play makes up what the upstream does. Where sneaky, it also closes idle connections,
// and connections without an answer.
func (a *asked) play(r *rand.Rand, sneaky bool) {
	n := r.IntN(1000)
	if a.broken {
		n = 999
	}
	for _, p := range plays {
		if n -= p.weight; n >= 0 {
			continue
		}
		if p.sneaky && !sneaky || p.bodied && (a.method == "HEAD") || p.name == "early" && len(a.payload) == 0 {
			break
		}
		a.kind += ", " + p.name
		p.make(a, r)
		return
	}
	a.kind += ", length"
	a.acts = []act{a.length(r)}
}

type playing struct {
	name   string
	weight int // of 1000; what is left is an ordinary reply
	sneaky bool
	bodied bool // not for HEAD
	make   func(*asked, *rand.Rand)
}

// one makes a play of one act, an ordinary reply and what is special about it.
func one(f func(*asked, *rand.Rand, *act)) func(*asked, *rand.Rand) {
	return func(a *asked, r *rand.Rand) {
		x := a.length(r)
		f(a, r, &x)
		a.acts = []act{x}
	}
}

// says replaces the reply.
func (x *act) says(r *rand.Rand, raw string) {
	x.bytes = []byte(raw)
	x.cuts = cuts(r, len(raw))
}

// fails has the gateway answer itself.
func (x *act) fails(r *rand.Rand, raw string, then ending) {
	x.says(r, raw)
	x.status, x.body, x.then = 502, nil, then
}

var plays = []playing{
	{"large", 50, false, false, one(func(a *asked, r *rand.Rand, x *act) { a.reply(r, x, 200, "", 100_000, "length") })},
	{"chunked", 120, false, false, one(func(a *asked, r *rand.Rand, x *act) {
		a.reply(r, x, 200, "", []int{0, 10, 3000, 60_000}[r.IntN(4)], "chunked")
	})},
	{"until close", 30, false, true, one(func(a *asked, r *rand.Rand, x *act) {
		a.reply(r, x, 200, "", []int{0, 10, 3000, 60_000}[r.IntN(4)], "until")
		x.then = closes
	})},
	{"204", 40, false, false, one(func(a *asked, r *rand.Rand, x *act) { a.reply(r, x, 204, "", 0, "none") })},
	{"304", 40, false, false, one(func(a *asked, r *rand.Rand, x *act) { a.reply(r, x, 304, "", 0, "none") })},
	{"interim", 60, false, false, one(func(a *asked, r *rand.Rand, x *act) {
		before := strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", 1+r.IntN(3))
		x.says(r, before+string(x.bytes))
	})},
	{"interim without end", 8, false, false, one(func(_ *asked, r *rand.Rand, x *act) {
		x.fails(r, strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20), isLeft)
	})},
	{"connection close", 50, false, false, one(func(a *asked, r *rand.Rand, x *act) {
		a.reply(r, x, 200, "Connection: close\r\n", r.IntN(3000), "length")
		x.then = []ending{closes, isLeft}[r.IntN(2)]
	})},
	{"http/1.0", 15, false, false, one(func(a *asked, r *rand.Rand, x *act) {
		x.says(r, strings.Replace(string(x.bytes), "HTTP/1.1", "HTTP/1.0", 1))
		x.then = isLeft
	})},
	{"closes behind", 30, true, false, one(func(_ *asked, _ *rand.Rand, x *act) { x.then = closes })},
	{"closes when idle", 40, true, false, one(func(_ *asked, r *rand.Rand, x *act) {
		x.then, x.pause = idles, time.Duration(r.IntN(20_000))*time.Microsecond
	})},
	{"closes unanswered", 40, true, false, func(a *asked, r *rand.Rand) {
		dies := act{then: closes, dies: true, status: 502}
		a.acts = []act{dies, a.length(r)}
		if r.IntN(4) == 0 {
			a.acts[1] = dies
		}
	}},
	{"cut in the head", 20, false, false, one(func(_ *asked, r *rand.Rand, x *act) {
		x.fails(r, string(x.bytes[:1+r.IntN(20)]), closes)
	})},
	{"cut in the body", 30, false, true, one(func(a *asked, r *rand.Rand, x *act) {
		n := 1 + r.IntN([]int{100, 3000, 90_000}[r.IntN(3)])
		a.reply(r, x, 200, "", n, "length")
		x.bytes = x.bytes[:len(x.bytes)-1-r.IntN(n)]
		x.cuts, x.then, x.cut = cuts(r, len(x.bytes)), closes, true
	})},
	{"cut in the chunks", 20, false, true, one(func(a *asked, r *rand.Rand, x *act) {
		a.reply(r, x, 200, "", 1+r.IntN(5000), "chunked")
		x.bytes = x.bytes[:len(x.bytes)-1-r.IntN(10)]
		x.cuts, x.then, x.cut = cuts(r, len(x.bytes)), closes, true
	})},
	{"garbage", 20, false, false, one(func(_ *asked, r *rand.Rand, x *act) {
		x.fails(r, []string{
			"hello\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
			"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
			"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
		}[r.IntN(7)], isLeft)
	})},
	{"bytes beyond", 30, false, false, one(func(a *asked, r *rand.Rand, x *act) {
		status, kind := 200, "length"
		if r.IntN(3) == 0 {
			status, kind = 204, "none"
		}
		for x.bytes = nil; x.bytes == nil || len(x.bytes) > 2000; { // else the bytes beyond may come later
			a.reply(r, x, status, "", r.IntN(500), kind)
		}
		x.bytes = append(x.bytes, "HTTP/1.1 200 OK\r\nX-Reply: nobody\r\nContent-Length: 4\r\n\r\nevil"[r.IntN(50):]...)
		x.cuts, x.then = []cut{{n: len(x.bytes)}}, isLeft
	})},
	{"slow", 40, false, false, one(func(a *asked, r *rand.Rand, x *act) {
		a.reply(r, x, 200, "", 1+r.IntN(300), []string{"length", "chunked"}[r.IntN(2)])
		x.cuts = nil
		for n := len(x.bytes); n > 0; {
			c := cut{n: min(n, len(x.bytes)/8+1+r.IntN(200)), pause: time.Duration(r.IntN(50)) * time.Millisecond}
			n -= c.n
			x.cuts = append(x.cuts, c)
		}
	})},
	{"never", 5, false, false, one(func(_ *asked, r *rand.Rand, x *act) {
		x.fails(r, "HTTP/1.1 200 OK\r\nX-Half: head\r\n"[:r.IntN(30)], waitsFor)
		x.status, x.slow = 504, true
	})},
	{"never all of it", 3, false, true, one(func(a *asked, r *rand.Rand, x *act) {
		a.reply(r, x, 200, "", 1000+r.IntN(10_000), "length")
		x.bytes = x.bytes[:len(x.bytes)-1-r.IntN(500)]
		x.cuts, x.then, x.cut, x.slow = cuts(r, len(x.bytes)), waitsFor, true, true
	})},
	{"early", 15, false, false, one(func(a *asked, r *rand.Rand, x *act) {
		a.reply(r, x, 413, "Connection: close\r\n", 30, "length")
		x.early, x.then, x.pause = true, closes, time.Duration(r.IntN(3))*time.Millisecond
	})},
}

// length is an ordinary reply.
func (a *asked) length(r *rand.Rand) (x act) {
	size := []int{0, 64, 64, 64, 900, 5000}[r.IntN(6)]
	a.reply(r, &x, []int{200, 200, 200, 201, 404, 500}[r.IntN(6)], "", size, "length")
	return x
}

// reply writes a reply with size bytes of body and says what the client gets.
func (a *asked) reply(r *rand.Rand, x *act, status int, fields string, size int, framing string) {
	body := text(a.id, 1, size)[:size]
	head := fmt.Sprintf("HTTP/1.1 %d Said\r\nX-Reply: %s\r\nX-Pad: %s\r\n%s", status, a.id, strings.Repeat("p", padding(r)), fields)
	var framed []byte
	switch framing {
	case "length":
		head += fmt.Sprintf("Content-Length: %d\r\n", size)
		framed = body
	case "chunked":
		head += "Transfer-Encoding: chunked\r\n"
		framed = chunked(r, body)
	case "until":
		framed = body
	case "none":
		body = nil
	}
	if a.method == "HEAD" {
		body, framed = nil, nil
	}
	x.bytes = append([]byte(head+"\r\n"), framed...)
	x.cuts = cuts(r, len(x.bytes))
	x.status, x.body = status, append([]byte{}, body...)
}
