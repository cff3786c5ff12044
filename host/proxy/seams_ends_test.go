package proxy_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/host/proxy"
)

// Each endpoint has its own patience with the upstream, and a reply that comes has it anew
// with each piece. What a phase was given is nothing to the next one, however long the
// client and the connection to the upstream are idle then.
func TestEachPhaseHasItsOwnTime(t *testing.T) {
	seams(t, proxy.Config{UpstreamTime: 1500 * time.Millisecond}, func(t *testing.T, s *seam) {
		c := s.call()
		for range 2 {
			c.served("/wait/1000/x")
			began := time.Now()
			c.ask("/wait/1000")
			c.hear(504, "")
			if took := time.Since(began); took < 450*time.Millisecond || took > 990*time.Millisecond {
				t.Errorf("504 after %v", took)
			}
		}
		before := s.conns.Load()
		c.served("/drip/3") // its last piece comes after 750 ms
		c.served("/a/b")
		time.Sleep(1800 * time.Millisecond) // longer than any patience
		c.served("/a/b")
		c.served("/drip/3")
		if n := s.conns.Load() - before; n > 1 {
			t.Errorf("%d connections were made to the upstream; want one, that is used again", n)
		}
		s.rests(1)
	})
}

// Requests that come one after another, by however many connections, take one connection
// to the upstream.
func TestOneAfterAnotherTakesOneConnection(t *testing.T) {
	seams(t, proxy.Config{}, func(t *testing.T, s *seam) {
		var all []*caller
		for range 20 {
			all = append(all, s.call())
		}
		for range 5 {
			for i, c := range all {
				if i%3 == 0 {
					c.say("POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")
					c.hear(200, "/p")
				} else {
					c.served("/g")
				}
				for s.server.Stats().InFlight > 0 { // it is put back behind the answer
					time.Sleep(time.Millisecond)
				}
			}
		}
		if n := s.conns.Load(); n > 3 {
			t.Errorf("%d connections to the upstream", n)
		}
		s.rests(20)
	})
}

// A connection that the upstream has closed while it was idle is not used for what must not
// be sent twice, though all of that is there; and nothing is sent twice without need.
func TestWhatIsHeldIsNotSentToADeadConnection(t *testing.T) {
	seams(t, proxy.Config{}, func(t *testing.T, s *seam) {
		c := s.call()
		for range 5 {
			for _, method := range []string{"GET", "POST"} {
				c.say(method + " /bye HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")
				c.hear(200, "/bye")
				time.Sleep(60 * time.Millisecond)
			}
		}
		if asked, conns := s.asked.Load(), s.conns.Load(); asked != 10 || conns != 10 {
			t.Errorf("the upstream has seen %d requests on %d connections; want 10 on 10", asked, conns)
		}
		s.rests(1)
	}, bodyStep)
}

// Who asks for much at once, and reads it, is not served at the cost of the others.
func TestAFloodOfPipelinedRequestsHoldsNobodyUp(t *testing.T) {
	seams(t, proxy.Config{}, func(t *testing.T, s *seam) {
		stop := s.busy(3)
		c := s.call()
		const n = 6000
		go func() {
			_, _ = io.WriteString(c, strings.Repeat("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n", n))
		}()
		for range n {
			if !c.hear(200, "/x") {
				break
			}
		}
		if served, longest := stop(); served < 20 || longest > 500*time.Millisecond {
			t.Errorf("%d answers to others, of which one was waited for for %v", served, longest)
		}
		if asked := s.asked.Load(); asked < n {
			t.Errorf("the upstream has seen %d requests", asked)
		}
		s.rests(4)
	})
}

// A shutdown answers what is in progress, and then closes; what waits is closed at once.
func TestAShutdownAnswersWhatIsInProgress(t *testing.T) {
	seams(t, proxy.Config{HeaderTime: time.Second}, func(t *testing.T, s *seam) {
		idle, busy, piped, half, body := s.call(), s.call(), s.call(), s.call(), s.call()
		for _, c := range []*caller{idle, busy, piped, half, body} {
			c.served("/a")
		}
		busy.ask("/wait/600/busy")
		piped.ask("/wait/600/piped", "/b", "/c")
		half.say("GET /half HTT")
		body.say("POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\na")
		time.Sleep(100 * time.Millisecond)
		ended := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			ended <- s.server.Shutdown(ctx)
		}()
		idle.ends(0, 300*time.Millisecond)
		half.say("P/1.1\r\nHost: localhost\r\n\r\n")
		body.say("b")
		for path, c := range map[string]*caller{"/wait/600/busy": busy, "/wait/600/piped": piped, "/half": half, "/body": body} {
			if c.hear(200, path) && c == half { // the others' heads came before the shutdown
				t.Errorf("%s: the answer does not say that the connection ends", path)
			}
			// What was sent behind it is answered, or not read.
			if b, err := io.ReadAll(c.br); len(b) > 0 && (c != piped || !strings.HasPrefix(string(b), "HTTP/1.1 200")) || err != nil && !errors.Is(err, io.EOF) {
				t.Errorf("%s: %q, %v", path, b, err)
			}
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if n := s.asked.Load(); n < 5+4 || n > 5+6 {
			t.Errorf("the upstream has seen %d requests", n)
		}
		s.rests(0)
	})
}

// A shutdown that may not last ends what is in progress, but for an upstream that is waited
// for.
func TestAShutdownThatMayNotLastCutsWhatIsInProgress(t *testing.T) {
	seams(t, proxy.Config{}, func(t *testing.T, s *seam) {
		var all []*caller
		for i := range 4 {
			c := s.call()
			c.served("/a")
			switch i {
			case 0:
				c.ask("/wait/1500/x")
			case 1:
				c.say("GET /half HTT")
			case 2:
				c.say("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\na")
			case 3:
				c.ask("/big/50000000/" + strconv.Itoa(i))
			}
			all = append(all, c)
		}
		time.Sleep(200 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := s.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		s.rests(0)
		for i, c := range all {
			if b, _ := io.ReadAll(c.br); len(b) > 50_000_000 { // a small answer may have come after all
				t.Errorf("%d: %d bytes", i, len(b))
			}
		}
	})
}
