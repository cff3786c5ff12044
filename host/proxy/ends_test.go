package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
)

// deny refuses every request before its body is looked at.
var deny = engine.Configured{Kind: gatehouse.Kind{Name: "no"}, Control: &step{stage: gatehouse.Identify, do: func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
	return gatehouse.Deny(&gatehouse.Answer{Status: 403, Reason: "no", Public: "No"}), nil
}}}

// secure returns what a server with a certificate of its own needs.
func secure(t *testing.T) *tls.Config {
	t.Helper()
	cert, key := pair(t, t.TempDir(), "localhost")
	c, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS12}
}

// A client that is still sending when it is refused has the answer reach it, over TLS as
// without: what it sends is read for a while, so that no reset overtakes the answer.
func TestARefusalReachesAClientThatIsStillSendingOverTLS(t *testing.T) {
	d := open(t, echo(t), proxy.Config{}, secure(t), deny)
	c, err := tls.Dial("tcp", d.addr, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is the test's
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = fmt.Fprintf(c, "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n")
	for range 20 {
		if _, err := io.WriteString(c, strings.Repeat("x", 5000)); err != nil {
			t.Fatalf("sending: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	b, err := io.ReadAll(c)
	if !strings.HasPrefix(string(b), "HTTP/1.1 403 ") || err != nil {
		t.Errorf("%.60q, %v", b, err)
	}
}

// What goes wrong in the program while one client is served ends that client's connection
// and no other, is logged with where it was, and leaves nothing behind.
func TestAPanicEndsOneConnection(t *testing.T) {
	var logged bytes.Buffer
	d := open(t, echo(t), proxy.Config{Log: slog.New(slog.NewTextHandler(&logged, nil)), Client: func(peer netip.Addr, f gatehouse.Fields) (netip.Addr, bool) {
		if f.Has("x-forwarded-for") {
			panic("a bug of ours")
		}
		return peer, false
	}}, nil)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		return c
	}
	good := dial()
	served := func() {
		t.Helper()
		_, _ = io.WriteString(good, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
		if r, err := http.ReadResponse(bufio.NewReader(good), nil); err != nil || r.StatusCode != 200 {
			t.Fatalf("%v, %v", r, err)
		}
	}
	served()
	for range 3 {
		bad := dial()
		_, _ = io.WriteString(bad, "GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
		if b, err := io.ReadAll(bad); err != nil || len(b) > 0 {
			t.Errorf("%q, %v; want the end", b, err)
		}
		served()
	}
	for range 100 { // the peer sees the end before the server has forgotten
		if d.server.Stats().Open == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if s := d.server.Stats(); s.Open != 1 || s.InFlight != 0 {
		t.Errorf("%+v; want one connection and nothing in flight", s)
	}
	if text := logged.String(); strings.Count(text, "a bug of ours") < 3 || !strings.Contains(text, "ends_test.go") {
		t.Errorf("the log says %q", text)
	}
}
