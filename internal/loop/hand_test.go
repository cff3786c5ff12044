//go:build linux && (amd64 || arm64 || riscv64 || loong64)

package loop

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// echoing is a task whose hand says back what it hears, and whose flow goes on where the
// hand cannot.
type echoing struct {
	t     *Task
	s     *Socket
	b     [4096]byte
	put   bool
	err   error        // that ended the hand's reading
	hands atomic.Int64 // how often the hand has been called
	tasks atomic.Int64 // how often the task has gone on
	then  func(*echoing)
}

func (e *echoing) run(t *Task, s *Socket) {
	e.t, e.s = t, s
	for e.err == nil {
		t.Rest(e.hand)
		e.tasks.Add(1)
		if e.put {
			e.put = false
			if e.err = t.Flush(); e.err != nil {
				return
			}
		}
	}
}

func (e *echoing) hand() Wish {
	e.hands.Add(1)
	if e.put && !e.t.Sent() {
		return Resume
	}
	e.put = false
	n, err := e.s.Read(e.b[:])
	if errors.Is(err, ErrAgain) {
		return Wait
	}
	if e.err = err; err != nil {
		return Resume
	}
	if e.then != nil {
		e.then(e)
	}
	e.t.Put(e.s, e.b[:n])
	e.put = true
	return Write
}

// Every peer of a hand gets its own bytes back, in order, and the task is needed only where
// there is no room or an end.
func TestAHandServesInPlaceOfItsTask(t *testing.T) {
	const peers, size = 40, 300_000
	g := loops(t, 3)
	var all sync.WaitGroup
	for i := range peers {
		e := &echoing{}
		c := served(t, g, e.run)
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			want, got := sha256.New(), sha256.New()
			var writer sync.WaitGroup
			writer.Go(func() {
				for left := size; left > 0; {
					b := bytes.Repeat([]byte{byte(r.Uint32())}, min(left, 1+r.IntN(9000)))
					want.Write(b)
					if _, err := c.Write(b); err != nil {
						t.Error(err)
						return
					}
					left -= len(b)
				}
				_ = c.CloseWrite()
			})
			n, err := io.Copy(got, c)
			writer.Wait()
			if err != nil || n != size || !bytes.Equal(want.Sum(nil), got.Sum(nil)) {
				t.Errorf("peer %d: %d bytes, %v; want the %d that it sent", i, n, err, size)
			}
			if e.hands.Load() == 0 {
				t.Errorf("peer %d: its hand was not called", i)
			}
		})
	}
	all.Wait()
}

func TestATaskThatRestsIsNotTroubledByItsHandsWork(t *testing.T) {
	e := &echoing{}
	c := served(t, loops(t, 1), e.run)
	for range 100 {
		ask(t, c)
	}
	if e.hands.Load() < 100 || e.tasks.Load() != 0 {
		t.Errorf("%d calls of the hand, %d of the task", e.hands.Load(), e.tasks.Load())
	}
}

// What a hand has put and the kernel had no room for is left to the task.
func TestWhatAHandHasPutIsFlushedByItsTask(t *testing.T) {
	answer := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	var flushed atomic.Bool
	c := served(t, loops(t, 1), func(task *Task, s *Socket) {
		put := false
		task.Rest(func() Wish {
			if put {
				return Resume
			}
			if _, err := s.Read(make([]byte, 10)); errors.Is(err, ErrAgain) {
				return Wait
			}
			put = true
			task.Put(s, answer)
			return Write
		})
		if task.Sent() {
			t.Error("16 MiB were taken at once")
		}
		if err := task.Flush(); err != nil {
			t.Error(err)
		}
		flushed.Store(true)
		echo(task, s)
	})
	if _, err := c.Write([]byte("go")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	got := make([]byte, len(answer))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, answer) {
		t.Errorf("%v; want the answer whole", err)
	}
	ask(t, c)
	if !flushed.Load() {
		t.Error("not flushed")
	}
}

// A hand that blocks, with or without a word, does not hold up the others of its loop.
func TestAHandThatBlocksHoldsUpNobodyForLong(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		g := loops(t, 1)
		let := make(chan struct{})
		var blocked atomic.Int32
		e := &echoing{then: func(e *echoing) {
			if leaves {
				e.t.Leave()
				e.t.Leave() // once more does nothing
			}
			blocked.Add(1)
			<-let
		}}
		stuck, other := served(t, g, e.run), served(t, g, echo)
		ask(t, other)
		if _, err := stuck.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		for blocked.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		for range 10 {
			if took := ask(t, other); took > 2*time.Second {
				t.Errorf("leaving %t: %v", leaves, took)
			}
		}
		close(let)
		b := make([]byte, 4)
		if _, err := io.ReadFull(stuck, b); err != nil || string(b) != "ping" {
			t.Errorf("leaving %t: %q, %v", leaves, b, err)
		}
		ask(t, stuck)
		ask(t, other)
	}
}

// A hand that waits where it should not does so without the loop, and misses nothing.
func TestAHandThatWaitsAllTheSameLosesNothing(t *testing.T) {
	e := &echoing{then: func(e *echoing) {
		if _, err := e.s.Write([]byte("<")); err != nil {
			t.Error(err)
		}
	}}
	c := served(t, loops(t, 1), e.run)
	for range 200 {
		if _, err := c.Write([]byte("word")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 5)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "<word" {
			t.Fatalf("%q, %v", b, err)
		}
	}
}

func TestADeadlineCallsTheHand(t *testing.T) {
	e := &echoing{}
	c := served(t, loops(t, 1), func(task *Task, s *Socket) {
		_ = s.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		e.run(task, s)
		if !errors.Is(e.err, os.ErrDeadlineExceeded) {
			t.Errorf("%v; want the deadline", e.err)
		}
	})
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("%d, %v; want the end", n, err)
	}
}

// A hand asks another socket and waits for its answer, whatever comes from the first.
func TestAHandAsksAndWaitsForTheAnswer(t *testing.T) {
	g := loops(t, 1)
	ours, upstream := tcp(t)
	go func() {
		b := make([]byte, 4)
		for {
			if _, err := io.ReadFull(upstream, b); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
			_, _ = upstream.Write([]byte("pong"))
		}
	}()
	defer upstream.Close() //nolint:errcheck // the test is over with it
	c := served(t, g, func(task *Task, s *Socket) {
		up, ok := g.Adopt(ours, task)
		if !ok {
			t.Error("not adopted")
			return
		}
		defer up.Close() //nolint:errcheck // the test is over with it
		var b [4]byte
		asked, told := false, false
		task.Rest(func() Wish {
			switch {
			case !task.Sent():
				return Resume
			case asked:
				n, err := up.Read(b[:])
				if errors.Is(err, ErrAgain) {
					return Wait
				}
				if err != nil || n != 4 {
					t.Errorf("%d, %v", n, err)
				}
				asked, told = false, true
				task.Put(s, b[:])
				return Write
			case told:
				told = false
			}
			if n, err := s.Read(b[:]); errors.Is(err, ErrAgain) {
				return Wait
			} else if err != nil || n != 4 {
				return Resume
			}
			task.Put(up, b[:])
			asked = true
			return Ask
		})
	})
	for range 50 {
		b := make([]byte, 4)
		_, _ = c.Write([]byte("ping"))
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "pong" {
			t.Fatalf("%q, %v", b, err)
		}
	}
	_ = c.CloseWrite()
}
