package proxy_test

import (
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
