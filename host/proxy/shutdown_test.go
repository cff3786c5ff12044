package proxy_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/host/proxy"
)

// A program that is told to end while it starts must not wait for a listener
// that nobody closes any more.
func TestServingAfterAShutdownEndsAtOnce(t *testing.T) {
	s, err := proxy.New(proxy.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l, nil) }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it waits for clients")
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("the listener is still open")
	}
}

// A shutdown whose time is over waits for no upstream.
func TestAShutdownIsNotHeldUpByAnUpstreamThatDoesNotAnswer(t *testing.T) {
	asked := make(chan struct{}, 10)
	up := listen(t, func(c net.Conn) {
		defer c.Close() //nolint:errcheck // it is over
		_, _ = c.Read(make([]byte, 4096))
		asked <- struct{}{}
		_, _ = c.Read(make([]byte, 4096)) // until it is closed
	})
	for _, method := range []string{"GET", "POST"} {
		d := open(t, up, proxy.Config{}, nil)
		c, err := net.Dial("tcp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // it is over
		_, _ = io.WriteString(c, method+" /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
		<-asked
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		began := time.Now()
		err = d.server.Shutdown(ctx)
		cancel()
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 5*time.Second {
			t.Errorf("%s: %v after %v", method, err, took)
		}
	}
}
