package proxy_test

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
)

// seam is a door of one loop, before an upstream that answers as the path says:
// /wait/300/id waits for 300 ms (for which /wait/300 has no time), /big/5000/id is answered
// with 5000 bytes, /drip/3 in pieces, /bye closes behind the answer, and whatever else is
// answered with its path.
type seam struct {
	*door
	t     *testing.T
	tls   bool
	asked atomic.Int64 // requests that have come to the upstream
	conns atomic.Int64
}

// seams runs a test without and with TLS, at the same time.
func seams(t *testing.T, cfg proxy.Config, f func(*testing.T, *seam), controls ...engine.Configured) {
	files, goroutines := descriptors(t), runtime.NumGoroutine()
	t.Run("seams", func(t *testing.T) {
		for _, name := range []string{"plain", "TLS"} {
			t.Run(name, func(t *testing.T) {
				s := openSeam(t, cfg, name == "TLS", controls...) // one after the other
				t.Parallel()
				f(t, s)
			})
		}
	})
	nothingLeft(t, files, goroutines)
}

func openSeam(t *testing.T, cfg proxy.Config, secured bool, controls ...engine.Configured) *seam {
	s := &seam{t: t, tls: secured}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // the server has one loop, and the test what it had
	var certificate *tls.Config
	if secured {
		certificate = secure(t)
	}
	up := listen(t, s.upstream)
	s.door = open(t, up, cfg, certificate)
	p := policy(t, up, controls...)
	for _, e := range p.Sites()[0].Endpoints {
		if e.Template == "/" {
			e.Upstream = nil // so that asking for it is a bug
		}
		if e.Template == "/{a}/{b}" {
			e.Timeout = 600 * time.Millisecond
		}
	}
	s.gate.Swap(p)
	return s
}

func (s *seam) upstream(c net.Conn) {
	s.conns.Add(1)
	defer c.Close() //nolint:errcheck // it is over
	for br := bufio.NewReader(c); ; {
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		s.asked.Add(1)
		body := r.URL.Path
		if strings.HasPrefix(body, "/upload") {
			time.Sleep(300 * time.Millisecond) // until no more goes into the connection
		}
		sum := sha256.New()
		if n, err := io.Copy(sum, r.Body); err != nil {
			return
		} else if strings.HasPrefix(body, "/upload") {
			body += fmt.Sprintf(" %d %x", n, sum.Sum(nil))
		}
		if p := strings.Split(body, "/"); len(p) > 2 {
			n, _ := strconv.Atoi(p[2])
			switch p[1] {
			case "wait":
				time.Sleep(time.Duration(n) * time.Millisecond)
			case "big":
				body += strings.Repeat(".", n-len(body))
			case "drip":
				if !drip(c, body, n) {
					return
				}
				continue
			}
		}
		if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
			return
		}
		if body == "/bye" {
			time.Sleep(20 * time.Millisecond)
			return
		}
	}
}

// drip answers with body and n pieces more, each 250 ms after the one before.
func drip(c net.Conn, body string, n int) bool {
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	for range n {
		_, _ = fmt.Fprintf(c, "%x\r\n%s\r\n", len(body), body)
		time.Sleep(250 * time.Millisecond)
	}
	_, err := io.WriteString(c, "0\r\n\r\n")
	return err == nil
}

// caller is a client of the seam's.
type caller struct {
	net.Conn
	t  *testing.T
	br *bufio.Reader
}

func (s *seam) call() *caller {
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(15 * time.Second))
	if s.tls {
		nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is the test's
	}
	return &caller{nc, s.t, bufio.NewReader(nc)}
}

const getHead = "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"

// ask sends requests, in one piece.
func (c *caller) ask(paths ...string) {
	c.t.Helper()
	var b strings.Builder
	for _, p := range paths {
		fmt.Fprintf(&b, getHead, p)
	}
	c.say(b.String())
}

func (c *caller) say(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Errorf("sending: %v", err)
	}
}

// hear reads an answer and compares it: the status, and the beginning of the body. It
// reports whether the connection goes on.
func (c *caller) hear(status int, body string) bool {
	c.t.Helper()
	r, err := http.ReadResponse(c.br, nil)
	if err != nil {
		c.t.Errorf("%s: no answer: %v", body, err)
		return false
	}
	b, err := io.ReadAll(r.Body)
	whole := true
	if p := strings.Split(body, "/"); len(p) > 3 && p[1] == "big" {
		whole = p[2] == strconv.Itoa(len(b))
	}
	if r.StatusCode != status || err != nil || status == 200 && !(whole && strings.HasPrefix(string(b), body)) {
		c.t.Errorf("%s: %d, %d bytes %.80q, %v; want %d", body, r.StatusCode, len(b), b, err, status)
		return false
	}
	return !r.Close
}

// served asks and hears.
func (c *caller) served(path string) {
	c.t.Helper()
	c.ask(path)
	if !c.hear(200, path) {
		c.t.Errorf("%s: the connection does not go on", path)
	}
}

// ends waits for the end of the connection, before which nothing may come, and compares
// how long that took.
func (c *caller) ends(least, most time.Duration) {
	c.t.Helper()
	began := time.Now()
	b, err := io.ReadAll(c.br)
	if took := time.Since(began); len(b) > 0 || err != nil || took < least || took > most {
		c.t.Errorf("%.80q, %v after %v; want the end after %v to %v", b, err, took, least, most)
	}
}

// rests waits until nothing is in progress and open connections are left, and compares
// what was recorded: an answer is there before its record.
func (s *seam) rests(open int, records ...string) {
	s.t.Helper()
	recorded := func() int {
		s.record.mu.Lock()
		defer s.record.mu.Unlock()
		return len(s.record.lines)
	}
	for i := 0; s.server.Stats().Open != open || s.server.Stats().InFlight != 0 || i < 100 && recorded() < len(records); i++ {
		if i == 250 {
			s.t.Errorf("%+v; want %d open", s.server.Stats(), open)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	if got := fmt.Sprintf("%q", s.record.lines); records != nil && got != fmt.Sprintf("%q", records) {
		s.t.Errorf("recorded %s\nwant     %q", got, records)
	}
}

// A head has its own time, which begins with its first byte: also behind a request that
// was served, and where its first bytes came with that.
func TestHalfAHeadBehindAnAnswerIsWaitedForAsLongAsAHead(t *testing.T) {
	seams(t, proxy.Config{HeaderTime: 600 * time.Millisecond, IdleTime: 20 * time.Second}, func(t *testing.T, s *seam) {
		for _, gap := range []time.Duration{-1, 0, 450 * time.Millisecond} {
			c := s.call()
			if gap < 0 {
				c.say(fmt.Sprintf(getHead, "/a") + "GET /b HTT")
				c.hear(200, "/a")
			} else {
				c.served("/a")
				time.Sleep(gap)
				c.say("GET /b HTT")
			}
			c.ends(450*time.Millisecond, 2500*time.Millisecond)
		}
		c := s.call() // whose pieces come in time
		for range 3 {
			c.say("GET /c HTTP/1.1\r\nHo")
			time.Sleep(150 * time.Millisecond)
			c.say("st: localhost\r\n\r\n")
			c.hear(200, "/c")
		}
		s.rests(1, "GET /a 200 in=0 out=2 ", "GET /a 200 in=0 out=2 ", "GET /a 200 in=0 out=2 ", "GET /c 200 in=0 out=2 ", "GET /c 200 in=0 out=2 ", "GET /c 200 in=0 out=2 ")
		if got := s.server.Stats().Expired; got != 3 {
			t.Errorf("%d phases are counted as having lasted too long; want 3", got)
		}
	})
}

// A client that has been served may be silent for the idle time, and one that has not for
// the handshake's.
func TestAClientThatHasBeenServedMayBeSilentForAWhile(t *testing.T) {
	seams(t, proxy.Config{HandshakeTime: 1500 * time.Millisecond, HeaderTime: 5 * time.Second, IdleTime: 800 * time.Millisecond}, func(_ *testing.T, s *seam) {
		if !s.tls {
			s.call().ends(1300*time.Millisecond, 3*time.Second)
		}
		c := s.call()
		for range 4 {
			c.served("/a")
			time.Sleep(300 * time.Millisecond)
		}
		c.ask("/wait/1200/a") // is not silence
		c.hear(200, "/wait/1200/a")
		c.ends(600*time.Millisecond, 2500*time.Millisecond)
		s.rests(0)
	})
}

// An upstream that does not answer in time is given up, with its connection: what it says
// later is nobody's answer. The client goes on.
func TestALateReplyIsNobodysAnswer(t *testing.T) {
	seams(t, proxy.Config{UpstreamTime: 800 * time.Millisecond}, func(_ *testing.T, s *seam) {
		c, other := s.call(), s.call()
		c.served("/a")
		for i := range 2 {
			began := time.Now()
			c.ask("/wait/1200/late")
			c.hear(504, "")
			if took := time.Since(began); took < 650*time.Millisecond || took > 1200*time.Millisecond {
				s.t.Errorf("504 after %v", took)
			}
			for range 10 {
				other.served("/o" + strconv.Itoa(i))
				c.served("/c" + strconv.Itoa(i))
				time.Sleep(50 * time.Millisecond)
			}
		}
		if n := s.asked.Load(); n != 1+2+40 {
			s.t.Errorf("the upstream has seen %d requests", n)
		}
		s.rests(2)
	})
}

// A client that has gone while the upstream is asked leaves nothing, and disturbs nobody.
func TestAClientMayGoWhileTheUpstreamIsAsked(t *testing.T) {
	seams(t, proxy.Config{}, func(_ *testing.T, s *seam) {
		other := s.call()
		for i := range 10 {
			c := s.call()
			c.served("/a")
			c.ask("/wait/100/x", "/b")
			time.Sleep(20 * time.Millisecond)
			nc := c.Conn
			if tc, ok := nc.(*tls.Conn); ok {
				nc = tc.NetConn()
			}
			if i%2 == 0 {
				_ = nc.(*net.TCPConn).SetLinger(0)
			}
			_ = nc.Close()
			for range 5 {
				other.served("/o" + strconv.Itoa(i))
				time.Sleep(20 * time.Millisecond)
			}
		}
		s.rests(1)
		s.record.mu.Lock()
		defer s.record.mu.Unlock()
		if n := len(s.record.lines); n < 10+10+50 || n > 10+20+50 {
			s.t.Errorf("%d requests are recorded", n)
		}
	})
}
