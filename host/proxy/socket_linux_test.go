package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
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

// A question for which the kernel has no room goes out in pieces, and its answer comes.
func TestALongQuestionIsAskedWhole(t *testing.T) {
	s, peer := pair(t)
	question := bytes.Repeat([]byte("0123456789abcdef"), 1<<19) // 8 MiB: more than any buffer
	go func() {
		time.Sleep(50 * time.Millisecond)
		got := make([]byte, len(question))
		_, err := io.ReadFull(peer, got)
		answer := "yes"
		if err != nil || !bytes.Equal(got, question) {
			answer = "no"
		}
		_, _ = io.WriteString(peer, answer)
	}()
	s.ask(question)
	b := make([]byte, 16)
	if n, err := s.Read(b); err != nil || string(b[:n]) != "yes" {
		t.Errorf("%q, %v", b[:n], err)
	}
}

func TestAQuestionToWhoHasGoneIsAnError(t *testing.T) {
	s, peer := pair(t)
	_ = peer.(*net.TCPConn).SetLinger(0) // with a reset
	_ = peer.Close()
	time.Sleep(20 * time.Millisecond)
	for _, size := range []int{1, 8 << 20} {
		s.ask(make([]byte, size))
		if n, err := s.Read(make([]byte, 16)); n != 0 || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			t.Errorf("%d bytes: %d, %v", size, n, err)
		}
	}
}

// What has closed its side before the question is noticed by the first Read after the
// wait, and nothing is asked twice.
func TestAWaitThatEndsIsFollowedByALook(t *testing.T) {
	s, peer := pair(t)
	_ = peer.(*net.TCPConn).CloseWrite()
	time.Sleep(20 * time.Millisecond)
	s.ask([]byte("question"))
	_ = s.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := s.Read(make([]byte, 16)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d, %v", n, err)
	}
	_ = s.SetReadDeadline(time.Time{})
	if n, err := s.Read(make([]byte, 16)); n != 0 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
	_ = s.CloseWrite()
	if got, err := io.ReadAll(peer); err != nil || string(got) != "question" {
		t.Errorf("the peer got %q, %v", got, err)
	}
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
