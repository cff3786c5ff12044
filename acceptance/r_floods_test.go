package acceptance

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/gatehouse-api/gatehouse/host/proxy"
)

func TestR29_FloodsOfFramesEndTheConnectionAndNobodyElse(t *testing.T) {
	h := open(t, options{})
	goroutines := runtime.NumGoroutine()
	for name, send := range map[string]func(c *h2Caller, head []byte, i int) error{
		"rapid reset": func(c *h2Caller, head []byte, i int) error {
			id := uint32(2*i + 1)
			if err := c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: head, EndStream: true, EndHeaders: true}); err != nil {
				return err
			}
			return c.fr.WriteRSTStream(id, http2.ErrCodeCancel)
		},
		"made to reset": func(c *h2Caller, head []byte, i int) error { // the server resets: window updates of nothing
			id := uint32(2*i + 1)
			if err := c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: head, EndHeaders: true}); err != nil {
				return err
			}
			return c.fr.WriteRawFrame(http2.FrameWindowUpdate, 0, id, make([]byte, 4))
		},
		"ping":     func(c *h2Caller, _ []byte, _ int) error { return c.fr.WritePing(false, [8]byte{}) },
		"settings": func(c *h2Caller, _ []byte, _ int) error { return c.fr.WriteSettings() },
		"continuation": func(c *h2Caller, head []byte, i int) error {
			if i == 0 {
				return c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head})
			}
			return c.fr.WriteContinuation(1, false, nil)
		},
		"empty data": func(c *h2Caller, head []byte, i int) error {
			if i == 0 {
				return c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head, EndHeaders: true})
			}
			return c.fr.WriteData(1, false, nil)
		},
		"priority": func(c *h2Caller, _ []byte, i int) error {
			return c.fr.WritePriority(uint32(2*i+1), http2.PriorityParam{StreamDep: 0})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := &h2Caller{addr: h.secure, sni: hostName}
			if err := c.dial(); err != nil {
				t.Fatal(err)
			}
			defer c.close()
			_ = c.conn.SetDeadline(time.Now().Add(8 * time.Second))
			head := append([]byte(nil), c.head(ask{target: "/public/x"})...)
			ended := make(chan struct{})
			go func() { _, _ = io.Copy(io.Discard, c.conn); close(ended) }()
			for i := range 30_000 {
				if send(c, head, i) != nil {
					break
				}
			}
			select {
			case <-ended:
			case <-time.After(4 * time.Second):
				t.Error("the connection is still open after 30,000 frames")
			}
			b := &h2Caller{addr: h.secure, sni: hostName}
			defer b.close()
			if g := b.do(ask{token: h.alice()}); g.status != 200 {
				t.Errorf("a bystander got %d %v", g.status, g.err)
			}
		})
	}
	for range 100 {
		if runtime.NumGoroutine() < goroutines+50 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", goroutines, runtime.NumGoroutine())
}

func TestR29_OversizeHeaderListsAreRefused(t *testing.T) {
	h := open(t, options{})
	var many, long, bomb []spelling
	fs := make(fields, 0, 5000)
	for i := range 5000 {
		fs = append(fs, fields{{Name: fmt.Sprintf("x-%d", i), Value: "a"}}...)
	}
	want := []int{431, 400}
	many = append(many, spelling{ask: ask{token: h.alice(), fields: fs}, want: want}, spelling{ask: ask{token: h.alice(), fields: fs[:101]}, want: want})
	long = append(long, spelling{ask: ask{token: h.alice(), fields: fields{{Name: "x-a", Value: strings.Repeat("a", 100<<10)}}}, want: want})
	one := strings.Repeat("b", 3000)
	repeated := make(fields, 500) // each is one byte in HPACK after the first
	for i := range repeated {
		repeated[i].Name, repeated[i].Value = "x-b", one
	}
	bomb = []spelling{{ask: ask{token: h.alice(), fields: repeated}, want: want}}
	counted(t, h.refuse(t, append(append(many, long...), bomb...)), 12)
}

// TestR30_SlowClientsAreShed has every kind of slow client wait for its end, with
// the limits at a tenth; the bars of the default limits are in
// TestSlowClientsAreShedAndABystanderSeesNothing.
func TestR30_SlowClientsAreShedInEveryPhase(t *testing.T) {
	const limit = 500 * time.Millisecond
	h := open(t, options{tune: func(c *proxy.Config) {
		c.HandshakeTime, c.HeaderTime, c.BodyGrace, c.IdleTime = limit, limit, limit, limit
	}})
	over := func(proto string) func() (net.Conn, error) {
		return func() (net.Conn, error) {
			if proto == "" {
				return net.Dial("tcp", h.plain)
			}
			return tls.Dial("tcp", h.secure, &tls.Config{ServerName: hostName, InsecureSkipVerify: true, NextProtos: []string{proto}})
		}
	}
	raw := func() (net.Conn, error) { return net.Dial("tcp", h.secure) }
	head := ask{token: h.alice()}.bytes()
	post := "POST /v1/orders HTTP/1.1\r\nHost: " + hostName + "\r\nAuthorization: Bearer " + h.alice() + "\r\nContent-Type: application/json\r\n"
	settings := http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	var wg sync.WaitGroup
	for _, k := range []struct {
		name, begin, drip string
		dial              func() (net.Conn, error)
	}{
		{"R30 TLS handshake, nothing", "", "", raw},
		{"R30 TLS handshake, byte by byte", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00", raw},
		{"R30 nothing at all", "", "", over("")},
		{"R30 head, byte by byte", "GET /v1/orders/1 HTTP/1.1\r\nHost: " + hostName + "\r\nX: ", "a", over("")},
		{"R30 head over TLS", "GET /v1/orders/1 HTTP/1.1\r\nHost: " + hostName + "\r\nX: ", "a", over("http/1.1")},
		{"R30 request line", "GET /", "a", over("")},
		{"R30 body, byte by byte", post + "Content-Length: 100000\r\n\r\n{", " ", over("")},
		{"R30 body, nothing", post + "Content-Length: 100000\r\n\r\n", "", over("")},
		{"R30 chunks", post + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", over("")},
		{"R30 chunk size", post + "Transfer-Encoding: chunked\r\n\r\n", "0", over("")},
		{"R30 body over TLS", post + "Content-Length: 100000\r\n\r\n{", " ", over("http/1.1")},
		{"R30 idle after a request", head, "", over("")},
		{"R30 HTTP/2 preface, nothing", "", "", over("h2")},
		{"R30 HTTP/2 preface", "PRI * ", "", over("h2")},
		{"R30 HTTP/2 idle", settings, "", over("h2")},
		{"R30 HTTP/2 head without an end", settings + h2Head(ask{token: h.alice()}, 0), "", over("h2")},
		{"R30 HTTP/2 body, nothing", settings + h2Head(ask{method: "POST", target: "/v1/orders", token: h.alice(), fields: fields{{Name: "content-type", Value: "application/json"}}}, 4), "", over("h2")},
		{"R30 HTTP/2 body, byte by byte", settings + h2Head(ask{method: "POST", target: "/v1/orders", token: h.alice(), fields: fields{{Name: "content-type", Value: "application/json"}}}, 4), "\x00\x00\x01\x00\x00\x00\x00\x00\x01 ", over("h2")},
	} {
		wg.Go(func() {
			conn, err := k.dial()
			if err != nil {
				t.Errorf("%s: %v", k.name, err)
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, k.begin)
			began := time.Now()
			ended := make(chan struct{})
			go func() { _, _ = io.Copy(io.Discard, conn); close(ended) }()
			for time.Since(began) < 8*time.Second {
				select {
				case <-ended:
					return
				case <-time.After(100 * time.Millisecond):
					_, _ = io.WriteString(conn, k.drip)
				}
			}
			t.Errorf("%s: still open after 8 s with limits of %v", k.name, limit)
		})
	}
	wg.Wait()
	for range 100 {
		if h.server.Stats().Open == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d connections are still held", h.server.Stats().Open)
}

// h2Head is a HEADERS frame of stream 1 as it stands on the wire.
func h2Head(a ask, flags byte) string {
	var c h2Caller
	c.encoder()
	b := c.head(a)
	return string([]byte{byte(len(b) >> 16), byte(len(b) >> 8), byte(len(b)), 1, flags, 0, 0, 0, 1}) + string(b)
}
