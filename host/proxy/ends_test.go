package proxy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
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
