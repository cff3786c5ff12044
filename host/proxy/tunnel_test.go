package proxy_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/host/proxy"
)

const handshake = "GET /%s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// upgrading accepts every handshake, greets, and echoes bytes.
func upgrading(t *testing.T) string {
	return listen(t, func(c net.Conn) {
		defer func() { _ = c.Close() }()
		br := bufio.NewReader(c)
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Connection") == "" {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nno upgrade")
			return
		}
		// The greeting comes in the same segment as the head: it must not be lost.
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello")
		_, _ = io.Copy(c, br)
	})
}

func TestAnUpgradePassesOnlyWhereTheEndpointOptedIn(t *testing.T) {
	d := open(t, upgrading(t), proxy.Config{}, nil)
	c, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	// What the client sends right behind its head belongs to the tunnel too.
	fmt.Fprintf(c, handshake+"early", "socket", "websocket")
	br := bufio.NewReader(c)
	r, err := http.ReadResponse(br, nil)
	if err != nil || r.StatusCode != 101 || r.Header.Get("Sec-Websocket-Accept") == "" || r.Header.Get("X-Frame-Options") != "DENY" {
		t.Fatalf("%v %v", r, err)
	}
	b := make([]byte, 10)
	if _, err := io.ReadFull(br, b); err != nil || string(b) != "helloearly" {
		t.Fatalf("%q %v", b, err)
	}
	for i := range 100 {
		m := fmt.Sprintf("message %03d", i)
		_, _ = io.WriteString(c, m)
		b := make([]byte, len(m))
		if _, err := io.ReadFull(br, b); err != nil || string(b) != m {
			t.Fatalf("%q %v", b, err)
		}
	}
	for name, send := range map[string]string{
		"not opted in": fmt.Sprintf(handshake, "a/b", "websocket"),
		"h2c":          fmt.Sprintf(handshake, "socket", "h2c"),
		"no key":       "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
	} {
		if got := raw(t, d.addr, send); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
			t.Errorf("R13 %s: got %.60q", name, got)
		}
	}
}

func TestAnUpgradeEndsWithEitherSide(t *testing.T) {
	d := open(t, upgrading(t), proxy.Config{}, nil)
	for range 20 {
		c, err := net.Dial("tcp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, handshake, "socket", "websocket")
		_, _ = c.Read(make([]byte, 100))
		_ = c.Close()
	}
	for range 100 {
		if d.server.Stats().Open == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d connections are still open", d.server.Stats().Open)
}

func TestTheUpstreamsCertificateIsVerified(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	defer s.Close()
	dir := t.TempDir()
	ca, key := pair(t, dir, "localhost")
	cert, err := tls.LoadX509KeyPair(ca, key)
	if err != nil {
		t.Fatal(err)
	}
	ours := httptest.NewUnstartedServer(s.Config.Handler)
	ours.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	ours.StartTLS()
	defer ours.Close()
	for name, c := range map[string]struct {
		up   gatehouse.Upstream
		want int
	}{
		"unknown authority": {gatehouse.Upstream{Scheme: "https", Address: s.Listener.Addr().String()}, 502},
		"configured":        {gatehouse.Upstream{Scheme: "https", Address: ours.Listener.Addr().String(), CAFile: ca}, 200},
		"another name":      {gatehouse.Upstream{Scheme: "https", Address: strings.Replace(ours.Listener.Addr().String(), "127.0.0.1", "127.0.0.2", 1), CAFile: ca}, 502},
	} {
		p := policy(t, c.up.Address)
		for _, e := range p.Sites()[0].Endpoints {
			e.Upstream = &c.up
		}
		d := open(t, c.up.Address, proxy.Config{}, nil)
		d.gate.Swap(p)
		if r, _ := get(t, http.DefaultClient, request(t, "GET", "http://"+d.addr+"/x", nil)); r.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, r.StatusCode, c.want)
		}
	}
}

func TestOurOwnAnswersCarryADate(t *testing.T) {
	d := open(t, echo(t), proxy.Config{}, nil)
	got := raw(t, d.addr, "GET /x HTTP/1.0\r\n\r\n")
	if !strings.Contains(got, "\r\ndate: ") {
		t.Errorf("got %q", got)
	}
}
