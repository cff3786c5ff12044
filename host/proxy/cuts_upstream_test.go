package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// protocol is what went over one connection, for who has to understand a failure.
type protocol struct {
	mu    sync.Mutex
	began time.Time
	lines []string
	way   string // of the last piece, and how many pieces of it stand in one line
	run   int
}

func (p *protocol) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lines) > 400 {
		p.lines = append(p.lines[:0], p.lines[200:]...)
	}
	p.run = 0
	p.lines = append(p.lines, fmt.Sprintf("%9.3f ms  ", float64(time.Since(p.began).Microseconds())/1000)+fmt.Sprintf(format, args...))
}

// piece takes note of bytes. Pieces that follow one another are in one line.
func (p *protocol) piece(way string, b []byte) {
	p.mu.Lock()
	again := p.way == way && p.run > 0 && p.run < 100
	if again {
		p.run++
		p.lines[len(p.lines)-1] += " | " + shown(b, 40)
	}
	p.mu.Unlock()
	if again {
		return
	}
	p.note("%s %s", way, shown(b, 150))
	p.mu.Lock()
	p.way, p.run = way, 1
	p.mu.Unlock()
}

func (p *protocol) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// shown is a piece of what went over a connection, with no more than most bytes of its
// beginning and a few of its end.
func shown(b []byte, most int) string {
	if len(b) > most+20 {
		return fmt.Sprintf("%q ...%d... %q", b[:most], len(b), b[len(b)-10:])
	}
	return fmt.Sprintf("%q", b)
}

// noted is a connection whose bytes are taken note of.
type noted struct {
	net.Conn
	*protocol
}

func (n *noted) Read(b []byte) (int, error) {
	k, err := n.Conn.Read(b)
	if err != nil {
		n.note("<- %s, %v", shown(b[:k], 150), err)
	} else {
		n.piece("<-", b[:k])
	}
	return k, err
}

func (n *noted) Write(b []byte) (int, error) {
	n.piece("->", b)
	k, err := n.Conn.Write(b)
	if err != nil {
		n.note("   %v after %d bytes", err, k)
	}
	return k, err
}

// upside is one connection as the upstream sees it.
type upside struct {
	noted
	name string
	w    *world
}

// origin is the upstream: it does with every request what that request's acts say.
type origin struct {
	conns atomic.Int64
	asks  sync.Map // of id to *asked
}

// serve is one connection of the upstream.
func (w *world) serve(nc net.Conn) {
	u := &upside{noted: noted{nc, &protocol{began: w.began}}, name: fmt.Sprintf("upstream connection %d", w.conns.Add(1)), w: w}
	defer nc.Close() //nolint:errcheck // it is over
	br := bufio.NewReader(u)
	for nth := 0; u.one(br, nth); nth++ {
	}
	u.note("closed")
}

// one answers one request, and reports whether the connection goes on.
func (u *upside) one(br *bufio.Reader, nth int) bool {
	if _, err := br.Peek(1); err != nil {
		return false
	}
	_ = u.SetReadDeadline(time.Time{})
	r, err := http.ReadRequest(br)
	if err != nil {
		if err != io.ErrUnexpectedEOF && !strings.Contains(err.Error(), "reset") {
			u.w.fail(nil, u, "what is no request came to the upstream: %v", err)
		}
		return false
	}
	if r.URL.Path == lookup {
		return u.looked(r.Header.Get("X-Id"))
	}
	id := r.Header.Get("X-Id")
	known, ok := u.w.asks.Load(id)
	if !ok {
		u.w.fail(nil, u, "a request came that nobody has sent: %s %s", r.Method, r.RequestURI)
		return false
	}
	a := known.(*asked)
	return u.answer(a, br, r, nth)
}

// lookup is where the object is.
const lookup = "/the/object"

// looked answers a look-up, in one of many ways, and reports whether the connection goes on.
func (u *upside) looked(id string) bool {
	h := fnv.New32()
	_, _ = io.WriteString(h, id)
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
	way := h.Sum32() % 16
	reply := []string{1: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 2: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		3: "HTTP/1.1 200 OK\r\n\r\n{}", 4: "", 5: ok[:20], 6: "HTTP/1.1 103 Early Hints\r\n\r\n" + ok, 7: ok[:len(ok)-1], 8: "HTTP/1.1 204 No Content\r\n\r\n", 15: ""}[way]
	if way > 8 || way == 0 {
		reply = ok
	}
	_, _ = io.WriteString(u, reply)
	return way != 3 && way != 4 && way != 5 && way != 7
}

// answer takes note of a request and does what is to be done with it.
func (u *upside) answer(a *asked, br *bufio.Reader, r *http.Request, nth int) bool {
	if r.Method != a.method || r.RequestURI != a.target || len(r.Header.Values("X-Id")) != 1 || len(r.Header.Get("X-Pad")) != a.pad || r.Host != "localhost" {
		u.w.fail(a, u, "%s came as %s %s, %v", a.id, r.Method, r.RequestURI, r.Header)
	}
	a.mu.Lock()
	n := len(a.sight)
	a.sight = append(a.sight, sighting{on: u, nth: nth})
	a.mu.Unlock()
	if a.tunnel {
		u.echo(br)
		return false
	}
	x := &a.acts[min(n, len(a.acts)-1)]
	if !x.early {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return false // the sighting is not whole
		}
		if !bytes.Equal(b, a.payload) || a.broken {
			u.w.fail(a, u, "the body of %s came as %s; %d bytes were sent", a.id, shown(b, 150), len(a.payload))
		}
		if br.Buffered() > 0 {
			u.w.fail(a, u, "more came before %s was answered", a.id)
		}
		a.mu.Lock()
		a.sight[n].whole = true
		a.mu.Unlock()
	}
	left := x.bytes
	for _, c := range x.cuts {
		if _, err := u.Write(left[:c.n]); err != nil && x.then == goesOn {
			return false
		}
		left = left[c.n:]
		time.Sleep(c.pause)
	}
	switch x.then {
	case goesOn:
		return true
	case idles:
		_ = u.SetReadDeadline(time.Now().Add(x.pause))
		return true
	case isLeft, waitsFor:
		return u.left(a, br)
	}
	time.Sleep(x.pause)
	return false
}

// left sees to it that nothing more comes but the end.
func (u *upside) left(a *asked, br *bufio.Reader) bool {
	_ = u.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err := br.ReadByte()
	if timeout, ok := err.(net.Error); err == nil || ok && timeout.Timeout() {
		u.w.fail(a, u, "the connection on which %s was answered as it was cannot be used again, and is (%v)", a.id, err)
	}
	return false
}
