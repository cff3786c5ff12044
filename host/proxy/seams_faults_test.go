package proxy_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
	"github.com/gatehouse-api/gatehouse/internal/aside"
)

// at is a control of one step that does something to requests whose path begins with path.
func at(stage gatehouse.Stage, need gatehouse.Need, path string, do func(context.Context, *gatehouse.Exchange)) engine.Configured {
	return engine.Configured{Kind: gatehouse.Kind{Name: "at" + strings.ReplaceAll(path, "/", "") + strconv.Itoa(int(stage))}, Control: &step{stage: stage, need: need,
		do: func(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
			if strings.HasPrefix(x.Request.Path, path) {
				do(ctx, x)
			}
			return gatehouse.Pass, nil
		}}}
}

// panicky panics as it records some requests, and records the others.
type panicky struct{ recorder }

func (p *panicky) Record(x *gatehouse.Exchange, t gatehouse.Traffic) {
	if strings.HasPrefix(x.Request.Path, "/record") {
		panic("the recorder's bug")
	}
	p.recorder.Record(x, t)
}

// sleepy takes its time to record some requests.
type sleepy struct{ recorder }

func (p *sleepy) Record(x *gatehouse.Exchange, t gatehouse.Traffic) {
	if strings.HasPrefix(x.Request.Path, "/muterecord") {
		time.Sleep(900 * time.Millisecond)
	}
	p.recorder.Record(x, t)
}

// busy has n clients ask all the time until the function that it returns is called, which
// returns how many answers there were and the longest that one was waited for.
func (s *seam) busy(n int) (stop func() (int, time.Duration)) {
	var all sync.WaitGroup
	var mu sync.Mutex
	served, longest := 0, time.Duration(0)
	ended := make(chan struct{})
	for i := range n {
		c := s.call()
		c.served("/first")
		all.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				began := time.Now()
				c.say(fmt.Sprintf("POST /busy/%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx", i)) // is not sent twice
				c.hear(200, fmt.Sprintf("/busy/%d", i))
				mu.Lock()
				served, longest = served+1, max(longest, time.Since(began))
				mu.Unlock()
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	return func() (int, time.Duration) {
		close(ended)
		all.Wait()
		return served, longest
	}
}

// What panics in a step is a refusal, in the recorder or in the door the end of that
// connection: never of another of the same loop, whatever they are at. Nothing stays
// in flight, and no connection to the upstream is used again that has a reply left on it.
func TestAPanicIsTheAffairOfOneConnection(t *testing.T) {
	bug := func(context.Context, *gatehouse.Exchange) { panic("a control's bug") }
	slow := func(context.Context, *gatehouse.Exchange) { time.Sleep(150 * time.Millisecond); panic("after long") }
	away := func(ctx context.Context, _ *gatehouse.Exchange) { aside.Step(ctx); panic("elsewhere") }
	var logged syncBuffer
	record := &panicky{}
	seams(t, proxy.Config{Record: record, Log: slog.New(slog.NewTextHandler(&logged, nil))}, func(t *testing.T, s *seam) {
		stop := s.busy(5)
		for range 5 {
			for _, path := range []string{"/before", "/slow", "/aside", "/reply/7000/x", "/body", "/respond"} {
				c := s.call()
				c.served("/a")
				c.ask(path, "/b")
				if path == "/respond" {
					c.hear(503, "")
				} else if !c.hear(503, "") {
					t.Errorf("%s: the connection does not go on", path)
				}
				c.hear(200, "/b")
				_ = c.Close()
			}
			c := s.call()
			c.served("/a")
			c.ask("/record", "/b")
			c.hear(200, "/record")
			if b, _ := io.ReadAll(c.br); len(b) > 0 {
				t.Errorf("after the panic came %q", b)
			}
			c = s.call() // there is no upstream for it
			c.served("/a")
			c.ask("/")
			if b, _ := io.ReadAll(c.br); len(b) > 0 {
				t.Errorf("after the panic came %q", b)
			}
		}
		if n, _ := stop(); n < 50 {
			t.Errorf("%d answers to others", n)
		}
		s.rests(5)
	}, at(gatehouse.Identify, 0, "/before", bug), at(gatehouse.Identify, 0, "/slow", slow), at(gatehouse.Identify, 0, "/aside", away), at(gatehouse.Inspect, gatehouse.Reply, "/reply", bug), at(gatehouse.Inspect, gatehouse.ReplyBody, "/body", bug),
		at(gatehouse.Respond, 0, "/respond", bug))
	if n := strings.Count(logged.String(), "panic=\"the recorder's bug\""); n != 10 {
		t.Errorf("the recorder's panic is logged %d times; want 10", n)
	}
}

// A step that says that it may block has others wait for nothing, and one that does not
// say so for as long as it takes to see that the loop is held up. It makes no difference
// to its own exchange where in it that is, nor that it is longer than any phase may last.
func TestAStepThatBlocksHoldsNobodyElseUp(t *testing.T) {
	const long, short = 900 * time.Millisecond, 500 * time.Millisecond
	say := func(ctx context.Context, _ *gatehouse.Exchange) { aside.Step(ctx); time.Sleep(long) }
	mute := func(context.Context, *gatehouse.Exchange) { time.Sleep(long) }
	seams(t, proxy.Config{Record: &sleepy{}, HeaderTime: short, UpstreamTime: short, BodyGrace: short, MinRate: 1 << 20}, func(t *testing.T, s *seam) {
		for _, prefix := range []string{"/say", "/mute"} {
			stop := s.busy(5)
			var all sync.WaitGroup
			for _, path := range []string{"before", "reply", "body", "respond"} {
				c := s.call()
				c.served("/a")
				all.Go(func() {
					path := prefix + path + "/4000/x"
					began := time.Now()
					c.ask(path, "/b")
					c.hear(200, path)
					if took := time.Since(began); took < long {
						t.Errorf("%s: answered after %v", path, took)
					}
					c.hear(200, "/b")
					c.served("/c")
				})
				if prefix == "/mute" {
					all.Wait()
				}
			}
			all.Wait()
			if n, longest := stop(); n < 50 || longest > long-150*time.Millisecond {
				t.Errorf("%s: %d answers to others, of which one was waited for for %v", prefix, n, longest)
			}
		}
		c := s.call()
		c.served("/a")
		stop := s.busy(5)
		c.ask("/muterecord", "/b", "/saytwice")
		c.hear(200, "/muterecord")
		c.hear(200, "/b")
		c.hear(200, "/saytwice")
		if n, longest := stop(); n < 50 || longest > long-150*time.Millisecond {
			t.Errorf("%d answers to others, of which one was waited for for %v", n, longest)
		}
		s.rests(24)
	}, at(gatehouse.Identify, 0, "/saytwice", say), at(gatehouse.Inspect, gatehouse.ReplyBody, "/saytwice", say), at(gatehouse.Identify, 0, "/saybefore", say), at(gatehouse.Inspect, gatehouse.Reply, "/sayreply", say), at(gatehouse.Inspect, gatehouse.ReplyBody, "/saybody", say), at(gatehouse.Respond, 0, "/sayrespond", say),
		at(gatehouse.Identify, 0, "/mutebefore", mute), at(gatehouse.Inspect, gatehouse.Reply, "/mutereply", mute), at(gatehouse.Inspect, gatehouse.ReplyBody, "/mutebody", mute), at(gatehouse.Respond, 0, "/muterespond", mute))
}

// A policy that comes between a request and its reply is that of the next request.
func TestAReloadBetweenRequestAndReply(t *testing.T) {
	seams(t, proxy.Config{}, func(t *testing.T, s *seam) {
		c := s.call()
		c.served("/a")
		for i := range 3 {
			c.ask("/wait/200/"+fmt.Sprint(i), "/b")
			time.Sleep(100 * time.Millisecond)
			s.gate.Swap(policy(t, listen(t, s.upstream), deny))
			c.hear(200, "/wait/200/"+fmt.Sprint(i))
			c.hear(403, "")
			s.gate.Swap(policy(t, listen(t, s.upstream)))
			c.served("/c")
		}
		if n := s.asked.Load(); n != 7 {
			t.Errorf("the upstream has seen %d requests; want 7", n)
		}
		s.rests(1)
	})
}
