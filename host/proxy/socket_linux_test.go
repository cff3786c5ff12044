package proxy

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// pair returns both ends of a TCP connection, ours as a socket.
func pair(t *testing.T) (*socket, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test is over with it
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Close(), peer.Close() })
	return newSocket(c).(*socket), peer
}

// HTTP/2 reads and writes one connection at the same time.
func TestAReadDuringAWriteReturnsWhatIsThere(t *testing.T) {
	s, peer := pair(t)
	text := bytes.Repeat([]byte("0123456789abcdef"), 1<<19) // 8 MiB: more than any buffer
	written := make(chan error, 1)
	go func() {
		_, err := s.Write(text)
		written <- err
	}()
	time.Sleep(50 * time.Millisecond)
	if _, err := io.WriteString(peer, "yes"); err != nil {
		t.Fatal(err)
	}
	_ = s.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 16)
	if n, err := s.Read(b); err != nil || string(b[:n]) != "yes" {
		t.Errorf("%q, %v", b[:n], err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, text) {
		t.Errorf("what was written came otherwise: %v", err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}
