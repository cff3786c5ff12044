//go:build linux && (amd64 || arm64 || riscv64 || loong64)

package loop

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// loops returns a group that is closed when the test's tasks have ended.
func loops(t testing.TB, n int) *Group {
	t.Helper()
	g, err := New(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// served begins a task on one end of a TCP connection and returns the other. The test
// waits for the task.
func served(t testing.TB, g *Group, body func(*Task, *Socket)) *net.TCPConn {
	t.Helper()
	ours, theirs := tcp(t)
	s, ok := g.Adopt(ours, nil)
	if !ok {
		t.Fatal("not adopted")
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = theirs.Close()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("the task does not end")
		}
	})
	s.Go(func(task *Task) {
		defer close(done)
		defer s.Close() //nolint:errcheck // the test is over with it
		body(task, s)
	})
	_ = theirs.SetDeadline(time.Now().Add(10 * time.Second))
	return theirs
}

// tcp returns both ends of a connection.
func tcp(t testing.TB) (ours, theirs *net.TCPConn) {
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
	return c.(*net.TCPConn), peer.(*net.TCPConn)
}

// echo says back what it hears.
func echo(_ *Task, s *Socket) {
	b := make([]byte, 1000)
	for {
		n, err := s.Read(b)
		if err != nil {
			return
		}
		if _, err := s.Write(b[:n]); err != nil {
			return
		}
	}
}

// ask sends a word and returns how long the same word took to come back.
func ask(t *testing.T, c net.Conn) time.Duration {
	t.Helper()
	began := time.Now()
	var b [4]byte
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Error(err)
	} else if _, err := io.ReadFull(c, b[:]); err != nil || string(b[:]) != "ping" {
		t.Errorf("%q, %v", b, err)
	}
	return time.Since(began)
}

// Every peer gets its own bytes back, in order, however they come and go.
func TestManyTasksAreServedAtOnce(t *testing.T) {
	const peers, size = 100, 200_000
	g := loops(t, 3)
	var all sync.WaitGroup
	for i := range peers {
		c := served(t, g, echo)
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			sent, got := sha256.New(), sha256.New()
			var both sync.WaitGroup
			both.Go(func() {
				for left := size; left > 0; {
					b := make([]byte, min(left, 1+random.IntN(30_000)))
					for i := range b {
						b[i] = byte(random.Uint32())
					}
					sent.Write(b)
					if _, err := c.Write(b); err != nil {
						t.Errorf("peer %d: %v", i, err)
						return
					}
					left -= len(b)
				}
			})
			if n, err := io.CopyN(got, c, size); err != nil {
				t.Errorf("peer %d: after %d bytes: %v", i, n, err)
			}
			both.Wait()
			if !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
				t.Errorf("peer %d got other bytes than it sent", i)
			}
		})
	}
	all.Wait()
}

// A task that blocks without a word holds up its loop for some 20 ms, one that leaves
// first for no time.
func TestATaskThatBlocksHoldsUpNobodyForLong(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		g := loops(t, 1)
		let := make(chan struct{})
		var blocked atomic.Int32
		var stuck []*net.TCPConn
		for range 5 {
			stuck = append(stuck, served(t, g, func(task *Task, s *Socket) {
				b := make([]byte, 4)
				_, _ = io.ReadFull(s, b)
				if leaves {
					task.Leave()
				}
				blocked.Add(1)
				<-let
				_, _ = s.Write(b)
				echo(task, s)
			}))
		}
		other := served(t, g, echo)
		ask(t, other)
		for _, c := range stuck {
			if _, err := c.Write([]byte("ping")); err != nil {
				t.Fatal(err)
			}
		}
		took := ask(t, other)
		for blocked.Load() < 5 {
			time.Sleep(time.Millisecond)
		}
		t.Logf("figure: beside five tasks that block an answer took %v (leaving: %t)", took, leaves)
		if most := 2 * time.Second; took > most {
			t.Errorf("leaving: %t: %v; want less than %v", leaves, took, most)
		}
		close(let)
		for _, c := range stuck {
			b := make([]byte, 4)
			if _, err := io.ReadFull(c, b); err != nil || string(b) != "ping" {
				t.Errorf("leaving: %t: %q, %v", leaves, b, err)
			}
			ask(t, c) // and the loop has it back
		}
	}
}

// A task that never has to wait, since its peer is faster than it, does not keep the loop.
func TestATaskThatNeverWaitsLeavesTheLoopToOthers(t *testing.T) {
	g := loops(t, 1)
	other := served(t, g, echo)
	ask(t, other)
	var answered atomic.Bool
	served(t, g, func(_ *Task, s *Socket) {
		for began := time.Now(); !answered.Load() && time.Since(began) < 5*time.Second; {
			_, _ = s.Write(nil) // there is always room for it
		}
	})
	took := time.Hour
	for range 5 {
		took = min(took, ask(t, other))
	}
	answered.Store(true)
	t.Logf("figure: beside a task that never waits the fastest of five answers took %v", took)
	if took > 20*time.Millisecond {
		t.Errorf("%v; want less than 20 ms", took)
	}
}

// Whatever a task waits for ends with its deadline, and goes on when that is taken back.
func TestADeadlineEndsAWait(t *testing.T) {
	g := loops(t, 1)
	what := make(chan error, 3)
	var socket atomic.Pointer[Socket]
	c := served(t, g, func(task *Task, s *Socket) {
		socket.Store(s)
		b := make([]byte, 8)
		_, err := s.Read(b)
		what <- err
		_ = s.SetDeadline(time.Now().Add(20 * time.Millisecond))
		_, err = s.Write(make([]byte, 64<<20)) // the peer does not read
		what <- err
		_ = s.SetDeadline(time.Time{})
		n, err := s.Read(b)
		if string(b[:n]) != "more" {
			err = errors.Join(err, errors.New("the peer's bytes were lost"))
		}
		what <- err
	})
	for socket.Load() == nil {
		time.Sleep(time.Millisecond)
	}
	_ = socket.Load().SetDeadline(time.Unix(1, 0)) // by another goroutine, as a watcher does
	if err := <-what; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading: %v", err)
	}
	if err := <-what; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing: %v", err)
	}
	if _, err := c.Write([]byte("more")); err != nil {
		t.Fatal(err)
	}
	if err := <-what; err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A question for which the kernel has no room goes out in pieces, and its answer comes.
func TestALongQuestionIsAskedWhole(t *testing.T) {
	question := bytes.Repeat([]byte("0123456789abcdef"), 1<<19) // 8 MiB: more than any buffer
	got := make(chan string, 1)
	c := served(t, loops(t, 1), func(_ *Task, s *Socket) {
		s.Ask(question)
		b := make([]byte, 16)
		n, err := s.Read(b)
		if err != nil {
			n = copy(b, "error")
		}
		got <- string(b[:n])
	})
	time.Sleep(50 * time.Millisecond)
	heard := make([]byte, len(question))
	if _, err := io.ReadFull(c, heard); err != nil || !bytes.Equal(heard, question) {
		t.Errorf("the question came otherwise: %v", err)
	}
	_, _ = io.WriteString(c, "yes")
	if s := <-got; s != "yes" {
		t.Errorf("%q", s)
	}
}

// What the peer did before a question is seen with its answer: an end, a reset, bytes.
func TestWhatCameBeforeAQuestionIsNotLost(t *testing.T) {
	for name, peer := range map[string]struct {
		does func(*net.TCPConn)
		want func(string, error) bool
	}{
		"end":   {func(c *net.TCPConn) { _ = c.CloseWrite() }, func(s string, err error) bool { return s == "" && err == io.EOF }},
		"bytes": {func(c *net.TCPConn) { _, _ = c.Write([]byte("early")) }, func(s string, err error) bool { return s == "early" && err == nil }},
		"reset": {func(c *net.TCPConn) { _, _ = c.SetLinger(0), c.Close() }, func(s string, err error) bool {
			return s == "" && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE))
		}},
	} {
		go1, got := make(chan struct{}), make(chan bool, 1)
		c := served(t, loops(t, 1), func(task *Task, s *Socket) {
			task.Leave()
			<-go1
			if s.Quiet() {
				t.Errorf("%s: quiet", name)
			}
			s.Ask([]byte("question"))
			b := make([]byte, 16)
			n, err := s.Read(b)
			got <- peer.want(string(b[:n]), err)
			if !peer.want(string(b[:n]), err) {
				t.Errorf("%s: %q, %v", name, b[:n], err)
			}
		})
		peer.does(c)
		time.Sleep(20 * time.Millisecond)
		close(go1)
		select {
		case <-got:
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: the task waits on", name)
		}
	}
}

// A detached socket is any goroutine's, in both directions at once.
func TestADetachedSocketIsAnOrdinaryConnection(t *testing.T) {
	c := served(t, loops(t, 1), func(task *Task, s *Socket) {
		b := make([]byte, 2)
		_, _ = io.ReadFull(s, b)
		task.Leave()
		if err := s.Detach(); err != nil {
			t.Error(err)
			return
		}
		r, w := io.Pipe()
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(w, s); _ = w.Close() })
		both.Go(func() { _, _ = io.Copy(s, r); _ = s.CloseWrite() })
		both.Wait()
	})
	_, _ = c.Write([]byte("go"))
	for range 100 {
		ask(t, c)
	}
	_ = c.CloseWrite()
	if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// Where no descriptor is left, what was to be detached is closed, and once only.
func TestASocketThatCannotBeDetachedIsClosed(t *testing.T) {
	done := make(chan struct{})
	c := served(t, loops(t, 1), func(task *Task, s *Socket) {
		defer close(done)
		task.Leave()
		free, err := syscall.Dup(0) // the lowest number that is free
		var old syscall.Rlimit
		if err != nil || syscall.Close(free) != nil || syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old) != nil {
			t.Errorf("preparing: %v", err)
			return
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(free), Max: old.Max}); err != nil {
			t.Error(err)
			return
		}
		err = s.Detach()
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)
		if err == nil {
			t.Error("there was a descriptor left")
			return
		}
		for range 3 { // what nobody refers to any more is closed
			runtime.GC()
			time.Sleep(10 * time.Millisecond)
		}
		r, w, err := os.Pipe() // which has the number of the socket now
		if err != nil {
			t.Error(err)
			return
		}
		_ = s.Close()
		if _, err := s.Write([]byte("astray")); err == nil {
			t.Error("a closed socket is written to")
		}
		_, err = w.WriteString("here")
		b := make([]byte, 10)
		if n, err2 := r.Read(b); err != nil || string(b[:n]) != "here" {
			t.Errorf("another's descriptor: %q, %v, %v", b[:n], err, err2)
		}
		_, _ = r.Close(), w.Close()
	})
	<-done
	if n, err := c.Read(make([]byte, 10)); err != io.EOF {
		t.Errorf("%d, %v; want the end", n, err)
	}
}

// Descriptors are used again at once; nobody gets the events or the bytes of another.
func TestDescriptorsThatAreUsedAgainAreNotConfused(t *testing.T) {
	g := loops(t, 2)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 200 {
				ours, theirs := tcp(t)
				s, ok := g.Adopt(ours, nil)
				if !ok {
					t.Error("not adopted")
					return
				}
				done := make(chan struct{})
				s.Go(func(task *Task) {
					defer close(done)
					defer s.Close() //nolint:errcheck // the test is over with it
					if i%3 == 0 {
						task.Leave()
					}
					echo(task, s)
				})
				_ = theirs.SetDeadline(time.Now().Add(10 * time.Second))
				ask(t, theirs)
				if i%2 == 0 {
					_ = theirs.SetLinger(0)
				}
				_ = theirs.Close()
				<-done
			}
		})
	}
	all.Wait()
}

func BenchmarkRoundTrip(b *testing.B) {
	c := served(b, loops(b, 1), echo)
	_ = c.SetDeadline(time.Time{})
	buf := make([]byte, 4)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = c.Write(buf)
		_, _ = io.ReadFull(c, buf)
	}
}
