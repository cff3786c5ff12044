package proxy_test

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
)

// An answer that a client does not take is given up in time, whole or piece by piece, and
// the others of the loop are served meanwhile.
func TestAnAnswerThatNobodyReadsIsGivenUp(t *testing.T) {
	seams(t, proxy.Config{BodyGrace: 300 * time.Millisecond, MinRate: 1 << 30}, func(t *testing.T, s *seam) {
		other := s.call()
		deaf := s.call()
		deaf.ask("/big/30000000/x")
		for _, at := range []int{1, 100} { // whose answers are small, and many
			small := s.call()
			small.narrow()
			go func() {
				for {
					if _, err := io.WriteString(small, strings.Repeat(fmt.Sprintf(getHead, "/big/2000/y"), at)); err != nil {
						return
					}
					time.Sleep(300 * time.Microsecond)
				}
			}()
		}
		began := time.Now()
		for s.server.Stats().Expired < 3 && time.Since(began) < 10*time.Second {
			at := time.Now()
			other.served("/o")
			if took := time.Since(at); took > time.Second {
				t.Errorf("another client waited for %v", took)
			}
		}
		if s.server.Stats().Expired < 3 {
			t.Errorf("%+v; want three clients that read too slowly", s.server.Stats())
		}
		s.rests(1)
		s.record.mu.Lock()
		defer s.record.mu.Unlock()
		slow := 0
		for _, l := range s.record.lines {
			if strings.HasSuffix(l, "the client reads too slowly") {
				slow++
			}
		}
		if slow != 3 {
			t.Errorf("%d answers are recorded as read too slowly; want 3", slow)
		}
	})
}

// Answers that are not taken at once are whole and in order all the same: many small ones,
// and large ones that are written in one piece.
func TestAnswersThatAreReadSlowlyComeInOrder(t *testing.T) {
	seams(t, proxy.Config{}, func(_ *testing.T, s *seam) {
		c := s.call()
		const n, large = 4000, "/big/4000000/x"
		go func() {
			_, _ = fmt.Fprintf(c, getHead+getHead, large, large)
			for i := range n {
				if _, err := fmt.Fprintf(c, getHead, "/big/3000/"+strconv.Itoa(i)); err != nil {
					return
				}
			}
		}()
		time.Sleep(700 * time.Millisecond)
		c.hear(200, large)
		time.Sleep(200 * time.Millisecond)
		c.hear(200, large)
		for i := range n {
			if !c.hear(200, "/big/3000/"+strconv.Itoa(i)) {
				return
			}
		}
		s.rests(1)
	}, replyStep)
}

// narrow has the client's side of the connection hold little.
func (c *caller) narrow() {
	c.t.Helper()
	nc := c.Conn
	if tc, ok := nc.(*tls.Conn); ok {
		nc = tc.NetConn()
	}
	if err := nc.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		c.t.Fatal(err)
	}
}

// Answers to a client that asks one thing after another and reads nothing go as far as there
// is room, and the rest when there is room again.
func TestAnAnswerThatFindsNoRoomIsSentLater(t *testing.T) {
	seams(t, proxy.Config{}, func(t *testing.T, s *seam) {
		c := s.call()
		c.narrow()
		sent := 0
		for full := false; !full; sent++ {
			before, began := s.asked.Load(), time.Now()
			c.ask("/big/3400/" + strconv.Itoa(sent))
			for s.asked.Load() == before && !full { // else it stands behind an answer that has no room
				full = time.Since(began) > 500*time.Millisecond
				time.Sleep(20 * time.Microsecond)
			}
			if sent == 20_000 {
				t.Fatal("there is always room")
			}
		}
		for i := range sent {
			if !c.hear(200, "/big/3400/"+strconv.Itoa(i)) {
				return
			}
		}
		c.served("/after")
		s.rests(1)
	})
}

// A body that the upstream does not take at once reaches it whole, held or streamed.
func TestABodyThatIsReadSlowlyReachesTheUpstreamWhole(t *testing.T) {
	body := make([]byte, 1<<20) // the limit
	for i := range body {
		body[i] = byte(i * i >> 7)
	}
	want := fmt.Sprintf("/upload %d %x", len(body), sha256.Sum256(body))
	for name, controls := range map[string][]engine.Configured{"streamed": nil, "held": {bodyStep}} {
		t.Run(name, func(t *testing.T) {
			seams(t, proxy.Config{}, func(_ *testing.T, s *seam) {
				c := s.call()
				for range 2 {
					c.served("/a")
					c.say(fmt.Sprintf("POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
					c.hear(200, want)
				}
				s.rests(1)
			}, controls...)
		})
	}
}
