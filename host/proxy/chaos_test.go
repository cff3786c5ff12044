package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/host/proxy"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// Among hundreds of clients of which many break every custom, before an upstream that does
// so too, every answer belongs to its request, whoever behaves is served in time, and
// nothing is left afterwards: no descriptor, no goroutine, no deadline.
func TestWhoBehavesIsServedAmongThoseWhoDoNot(t *testing.T) {
	clients, lasts := 300, 2*time.Second
	if race.Enabled {
		clients = 80
	}
	for name, upstreamTLS := range map[string]bool{"http": false, "https": true} {
		files, goroutines := descriptors(t), runtime.NumGoroutine()
		t.Run(name, func(t *testing.T) {
			c := newChaos(t, upstreamTLS)
			var all sync.WaitGroup
			ends := time.Now().Add(lasts)
			for i := range clients {
				all.Go(func() {
					r := rand.New(rand.NewPCG(uint64(i), 7))
					for n := 0; time.Now().Before(ends); n++ {
						c.session(r, fmt.Sprintf("%d-%d", i, n), ends)
						time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
					}
				})
			}
			all.Wait()
			took := c.took
			slices.Sort(took)
			t.Logf("figure: %d exchanges, of which one half took less than %v, 99 in 100 less than %v, all less than %v",
				len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
			if took[len(took)-1] > 4*time.Second {
				t.Error("somebody who behaves had to wait for longer than 4 s")
			}
			for i := 0; c.door.server.Stats().Open+c.door.server.Watches() > 0; i++ {
				if i == 500 {
					t.Fatalf("%+v, %d deadlines are left", c.door.server.Stats(), c.door.server.Watches())
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
		nothingLeft(t, files, goroutines)
	}
}

// A shutdown lets every answer that has begun come to its end, whatever goes on.
func TestAShutdownAmidTrafficCutsNoAnswer(t *testing.T) {
	files, goroutines := descriptors(t), runtime.NumGoroutine()
	t.Run("shutdown", func(t *testing.T) {
		for range 5 {
			c := newChaos(t, false)
			var all sync.WaitGroup
			var done, cut atomic.Int64
			for range 50 {
				all.Go(func() {
					conn, br := c.dial(false)
					defer func() { _ = conn.Close() }()
					for {
						_, _ = io.WriteString(conn, "POST /ok/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody")
						r, err := http.ReadResponse(br, nil)
						if err != nil { // the connection was idle when it was closed
							if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(err.Error(), "reset") {
								t.Error(err)
							}
							return
						}
						if _, err := io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != 200 {
							cut.Add(1)
						}
						done.Add(1)
						if r.Close {
							return
						}
					}
				})
			}
			time.Sleep(100 * time.Millisecond)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if err := c.door.server.Shutdown(ctx); err != nil {
				t.Error(err)
			}
			cancel()
			all.Wait()
			if asked := c.asked.Load(); cut.Load() > 0 || asked != done.Load() {
				t.Errorf("%d answers were cut; of %d requests that the upstream saw %d were answered", cut.Load(), asked, done.Load())
			}
		}
	})
	nothingLeft(t, files, goroutines)
}

// descriptors returns how many descriptors this process has, those of Go's poller included,
// or none where the system does not say.
func descriptors(t *testing.T) int {
	t.Helper()
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err != nil || l.Close() != nil {
		t.Fatal(err)
	}
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(d)
}

// nothingLeft compares with what there was before.
func nothingLeft(t *testing.T, files, goroutines int) {
	t.Helper()
	for i := 0; descriptors(t) > files || runtime.NumGoroutine() > goroutines; i++ {
		if i == 250 {
			b := make([]byte, 1<<20)
			t.Fatalf("%d descriptors of %d, %d goroutines of %d\n%s", descriptors(t), files, runtime.NumGoroutine(), goroutines, b[:runtime.Stack(b, true)])
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// chaos is a door with and without TLS before an upstream that misbehaves as it is asked to.
type chaos struct {
	t      *testing.T
	door   *door
	secure string       // the address with TLS
	asked  atomic.Int64 // requests that the upstream has read

	mu   sync.Mutex
	took []time.Duration // of exchanges that must succeed
}

func newChaos(t *testing.T, upstreamTLS bool) *chaos {
	c := &chaos{t: t}
	cert, key := pair(t, t.TempDir(), "localhost")
	pem, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{pem}, MinVersion: tls.VersionTLS12}
	up := listen(t, func(nc net.Conn) {
		if upstreamTLS {
			nc = tls.Server(nc, cfg)
		}
		c.upstream(nc)
	})
	c.door = open(t, up, proxy.Config{MaxConnsPerIP: 5000, IdleTime: 5 * time.Second}, nil)
	if upstreamTLS {
		p := policy(t, up)
		for _, e := range p.Sites()[0].Endpoints {
			e.Upstream = &gatehouse.Upstream{Name: "tls", Scheme: "https", Address: up, CAFile: cert}
		}
		c.door.gate.Swap(p)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.secure = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- c.door.server.Serve(l, cfg) }()
	t.Cleanup(func() {
		_ = c.door.server.Shutdown(context.Background())
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return c
}

// text is the body of the n-th piece of an answer: nobody else's.
func text(id string, n, size int) []byte {
	return bytes.Repeat([]byte(id+"/"+strconv.Itoa(n)+" "), size/(len(id)+2)+1)
}

// upstream answers as the path says: /what/id.
func (c *chaos) upstream(nc net.Conn) {
	defer func() { _ = nc.Close() }()
	br := bufio.NewReader(nc)
	for {
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		c.asked.Add(1)
		if r.Header.Get("Upgrade") != "" {
			_, _ = io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello")
			_, _ = io.Copy(struct{ io.Writer }{nc}, struct{ io.Reader }{br}) // not by splice(2), whose pipes are kept
			return
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, r.Body); err != nil {
			return
		}
		what, id, _ := strings.Cut(r.URL.Path[1:], "/")
		answer := fmt.Sprintf("%s %x", id, sum.Sum(nil))
		switch what {
		case "late":
			time.Sleep(30 * time.Millisecond)
		case "reset":
			if tc, ok := nc.(*net.TCPConn); ok {
				_ = tc.SetLinger(0)
			}
			return
		case "half":
			_, _ = fmt.Fprintf(nc, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 2*len(answer), answer)
			return
		case "stream":
			_, _ = io.WriteString(nc, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for n := range 20 {
				b := text(id, n, 20_000)
				if _, err := fmt.Fprintf(nc, "%x\r\n%s\r\n", len(b), b); err != nil {
					return
				}
			}
			_, _ = io.WriteString(nc, "0\r\n\r\n")
			continue
		}
		_, _ = fmt.Fprintf(nc, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
		if what == "drop" { // without a word
			return
		}
	}
}

func (c *chaos) dial(secure bool) (net.Conn, *bufio.Reader) {
	address := c.door.addr
	if secure {
		address = c.secure
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		c.t.Error(err)
		return nil, nil
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is the test's
	}
	return conn, bufio.NewReader(conn)
}

// session is what one client does on one connection.
func (c *chaos) session(r *rand.Rand, id string, ends time.Time) {
	conn, br := c.dial(r.IntN(3) == 0)
	if conn == nil {
		return
	}
	defer func() { _ = conn.Close() }()
	switch r.IntN(10) {
	case 0: // goes at any point
		send := fmt.Sprintf("POST /late/%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n%0100d", id, 1)
		_, _ = io.WriteString(conn, send[:1+r.IntN(len(send))])
		time.Sleep(time.Duration(r.IntN(40)) * time.Millisecond)
		if tc, ok := conn.(*net.TCPConn); ok && r.IntN(2) == 0 {
			_ = tc.SetLinger(0)
		}
	case 1: // a flood, unread
		if tc, ok := conn.(*tls.Conn); ok {
			defer tc.NetConn().Close() //nolint:errcheck // before TLS wants a last word
		}
		_ = conn.SetDeadline(time.Now().Add(100 * time.Millisecond))
		flood := []byte(strings.Repeat("GET /nowhere/to/be/found HTTP/1.1\r\nHost: localhost\r\n\r\n", 500))
		for {
			if _, err := conn.Write(flood); err != nil {
				return
			}
		}
	case 2: // reads a long answer slowly, and goes
		_, _ = fmt.Fprintf(conn, "GET /stream/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", id)
		for range r.IntN(20) {
			if _, err := conn.Read(make([]byte, 5000)); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	case 3: // waits
		time.Sleep(min(time.Duration(r.IntN(300))*time.Millisecond, time.Until(ends)))
	case 4:
		c.tunnel(r, conn, br)
	case 5: // has no more to say
		if tc, ok := conn.(*net.TCPConn); ok {
			c.begin(conn, "GET", "late", id, nil)
			_ = tc.CloseWrite()
			c.answer(br, "late", id, nil, time.Now())
		}
	default:
		for n := range 1 + r.IntN(10) {
			if !c.exchange(r, conn, br, fmt.Sprintf("%s-%d", id, n)) {
				return
			}
		}
	}
}

// tunnel upgrades and has its words echoed.
func (c *chaos) tunnel(r *rand.Rand, conn net.Conn, br *bufio.Reader) {
	_, _ = fmt.Fprintf(conn, strings.Replace(handshake, "Host: a", "Host: localhost", 1)+"early", "socket", "websocket")
	res, err := http.ReadResponse(br, nil)
	b := make([]byte, 10)
	if err == nil && res.StatusCode == 101 {
		_, err = io.ReadFull(br, b)
	}
	if err != nil || string(b) != "helloearly" {
		c.t.Errorf("tunnel: %v %v %q", res, err, b)
	}
	for n := range r.IntN(20) {
		word := text("tunnel", n, 1+r.IntN(5000))
		got := make([]byte, len(word))
		_, _ = conn.Write(word)
		if _, err := io.ReadFull(br, got); err != nil || !bytes.Equal(got, word) {
			c.t.Errorf("tunnel: %v", err)
			return
		}
	}
}

// exchange asks for something, or for several things at once, and reports whether the
// connection is still good.
func (c *chaos) exchange(r *rand.Rand, conn net.Conn, br *bufio.Reader, id string) bool {
	var body []byte
	method := "GET"
	if r.IntN(3) == 0 {
		method, body = "POST", text(id, 0, r.IntN(50_000))
	}
	began := time.Now()
	switch what := []string{"ok", "ok", "ok", "late", "stream", "drop", "reset", "half", "several", "expect"}[r.IntN(10)]; what {
	case "several":
		for i := range 5 {
			c.begin(conn, "GET", "ok", id+strconv.Itoa(i), nil)
		}
		for i := range 5 {
			if !c.answer(br, "ok", id+strconv.Itoa(i), nil, began) {
				return false
			}
		}
		return true
	case "expect":
		body = text(id, 0, 5000)
		_, _ = fmt.Fprintf(conn, "POST /ok/%s HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", id, len(body))
		if line, err := br.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			c.t.Errorf("%q, %v", line, err)
			return false
		}
		_, _ = br.ReadString('\n')
		_, _ = conn.Write(body)
		return c.answer(br, "ok", id, body, began)
	default:
		c.begin(conn, method, what, id, body)
		return c.answer(br, what, id, body, began)
	}
}

func (c *chaos) begin(conn net.Conn, method, what, id string, body []byte) {
	_, _ = fmt.Fprintf(conn, "%s /%s/%s HTTP/1.1\r\nHost: localhost\r\n", method, what, id)
	if method == "POST" {
		_, _ = fmt.Fprintf(conn, "Content-Length: %d\r\n", len(body))
	}
	_, _ = io.WriteString(conn, "\r\n")
	_, _ = conn.Write(body)
}

// answer reads an answer and judges it.
func (c *chaos) answer(br *bufio.Reader, what, id string, body []byte, began time.Time) bool {
	r, err := http.ReadResponse(br, nil)
	if err != nil {
		c.t.Errorf("%s/%s: no answer after %v: %v", what, id, time.Since(began), err)
		return false
	}
	got, err := io.ReadAll(r.Body)
	want := []byte(fmt.Sprintf("%s %x", id, sha256.Sum256(body)))
	switch what {
	case "stream":
		want = want[:0]
		for n := range 20 {
			want = append(want, text(id, n, 20_000)...)
		}
	case "half":
		if err == nil || !bytes.Equal(got, want) {
			c.t.Errorf("%s/%s: %v, %.100q", what, id, err, got)
		}
		return false
	}
	// What must not be sent twice fails where the upstream closes an idle connection as it
	// is taken: 502, as for an upstream that breaks off.
	status := 200
	if what == "reset" {
		status, want = 502, got
	}
	if r.StatusCode != status && (r.StatusCode != 502 || body == nil) || err != nil || r.StatusCode == 200 && !bytes.Equal(got, want) {
		c.t.Errorf("%s/%s: %d, %v, %d bytes: %.100q", what, id, r.StatusCode, err, len(got), got)
		return false
	}
	c.mu.Lock()
	c.took = append(c.took, time.Since(began))
	c.mu.Unlock()
	return !r.Close
}
