package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// Resolution is how far an engine's idea of a time may be off.
const Resolution = time.Millisecond

func bucket(space string, n int, per time.Duration, burst int) *store.Limit {
	return (&store.Limit{Space: space, Algorithm: store.TokenBucket, N: n, Per: per, Burst: burst}).Ready()
}

func sliding(space string, n int, per time.Duration) *store.Limit {
	return (&store.Limit{Space: space, Algorithm: store.SlidingWindow, N: n, Per: per}).Ready()
}

// limits are one of each kind: a shared bucket, a bucket, a window, a log.
func limits() map[string]store.Charge {
	return map[string]store.Charge{
		"shared bucket": {Limit: bucket("global", 10_000, time.Second, 100)},
		"bucket":        {Limit: bucket("user", 100, time.Minute, 10), Key: "alice"},
		"window":        {Limit: sliding("search", 60, time.Minute), Key: "alice"},
		"exact window":  {Limit: sliding("login", 5, time.Minute), Key: "192.0.2.1"},
		"hourly window": {Limit: sliding("reset", 3, time.Hour), Key: "192.0.2.1"},
	}
}

// Counters tests what open opens. The clock of the engine must follow the times
// it is called with.
func Counters(t *testing.T, open func(t *testing.T, now time.Time) store.Counters) {
	for name, ch := range limits() {
		t.Run(name, func(t *testing.T) {
			t.Run("admits its capacity at once, then what its rate allows", func(t *testing.T) { testCapacity(t, open(t, start), ch) })
			t.Run("retry is when the next unit is there, reset when all are", func(t *testing.T) { testRetry(t, open(t, start), ch) })
			t.Run("never admits more than the exact reference", func(t *testing.T) { testReference(t, open(t, start), ch) })
			t.Run("peeking charges nothing", func(t *testing.T) { testPeek(t, open(t, start), ch) })
			t.Run("concurrent requests share it exactly", func(t *testing.T) { testConcurrent(t, open(t, start), ch) })
		})
	}
	t.Run("limit.all-five: layers are taken together or not at all", func(t *testing.T) { testTogether(t, open(t, start)) })
	t.Run("a refused request burns nothing, however many come at once", func(t *testing.T) { testBurnsNothing(t, open(t, start)) })
	t.Run("keys and spaces do not run into each other", func(t *testing.T) { testKeys(t, open(t, start)) })
	t.Run("a clock that steps back admits nothing more", func(t *testing.T) { testClockBack(t, open(t, start)) })
}

func take(t *testing.T, c store.Counters, at time.Time, list ...store.Charge) store.Taken {
	t.Helper()
	var charges store.Charges
	for _, ch := range list {
		charges.Add(ch.Limit, ch.Key)
	}
	got, err := c.Take(t.Context(), at, charges)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func testCapacity(t *testing.T, c store.Counters, ch store.Charge) {
	n := ch.Limit.Capacity()
	for i := range n {
		got := take(t, c, start, ch)
		if !got.OK || got.Layers[0].Remaining != n-i-1 {
			t.Fatalf("take %d of %d: ok %v, remaining %d; want remaining %d", i+1, n, got.OK, got.Layers[0].Remaining, n-i-1)
		}
	}
	got := take(t, c, start, ch)
	if s := got.Layers[0]; got.OK || !s.Refused || s.Remaining != 0 || s.Retry <= 0 {
		t.Fatalf("take %d of %d: %+v; want a refusal", n+1, n, got)
	}
	// limit.sliding-window: the allowance comes back as time goes by, and there is
	// no instant at which all of it is renewed early.
	admitted := 0
	for at := start; at.Before(start.Add(ch.Limit.Per - Resolution)); at = at.Add(ch.Limit.Per / 200) {
		if take(t, c, at, ch).OK {
			admitted++
		}
	}
	want := 0
	if ch.Limit.Algorithm == store.TokenBucket {
		want = int((ch.Limit.Per-Resolution)/ch.Limit.Interval()) + 1
	}
	if admitted > want {
		t.Errorf("%d more within the same window; want at most %d", admitted, want)
	}
}

func testRetry(t *testing.T, c store.Counters, ch store.Charge) {
	r := rand.New(rand.NewPCG(1, 2))
	at := start
	for range 300 {
		got := take(t, c, at, ch)
		s := got.Layers[0]
		if got.OK {
			at = at.Add(time.Duration(r.Int64N(int64(ch.Limit.Interval() / 2))))
			continue
		}
		if s.Retry > ch.Limit.Per*21/20 || s.Reset < s.Retry-Resolution {
			t.Fatalf("retry after %s, reset after %s, for %s", s.Retry, s.Reset, ch.Limit.Per)
		}
		at = at.Add(s.Retry + Resolution)
		if !take(t, c, at, ch).OK {
			t.Fatalf("refused after waiting %s as told", s.Retry)
		}
	}
	at = at.Add(take(t, c, at, ch).Layers[0].Reset + ch.Limit.Interval() + Resolution)
	if s := take(t, c, at, ch).Layers[0]; s.Remaining != ch.Limit.Capacity()-1 {
		t.Errorf("after the reset %d units were left; want %d", s.Remaining, ch.Limit.Capacity()-1)
	}
}

// testReference drives the engine with random arrivals and compares it with an
// exact account of everything that was admitted.
func testReference(t *testing.T, c store.Counters, ch store.Charge) {
	l := ch.Limit
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 7))
		at := start.Add(time.Duration(seed) * 3 * l.Per)
		from := at
		var times []time.Duration
		refusedWrongly := 0
		for at.Before(from.Add(2 * l.Per)) {
			gap := l.Interval() * time.Duration(r.IntN(4)) / 3
			if r.IntN(40) == 0 {
				gap = l.Per / time.Duration(2+r.IntN(6))
			}
			at = at.Add(gap)
			now := at.Sub(from)
			if take(t, c, at, ch).OK {
				times = append(times, now)
			} else if most := allowance(l, times, now, l.Per/15+Resolution); most >= 1 {
				refusedWrongly++
			}
			if len(times) > 4*l.N {
				t.Fatalf("admitted %d in two windows of %d", len(times), l.N)
			}
		}
		if refusedWrongly > 0 {
			t.Errorf("seed %d: %d refusals although even a slow reference had a unit", seed, refusedWrongly)
		}
		checkNeverTooMany(t, l, times)
	}
}

// allowance returns the units an exact reference has left at now; slack makes
// its time pass later.
func allowance(l *store.Limit, times []time.Duration, now, slack time.Duration) float64 {
	if l.Algorithm == store.SlidingWindow {
		n := l.N
		for i := len(times) - 1; i >= 0 && times[i] > now-l.Per-slack; i-- {
			n--
		}
		return float64(n)
	}
	level, last := float64(l.Burst), time.Duration(0)
	refill := func(to time.Duration) {
		// A bucket may refill up to 1 % too slowly, for rounding up.
		level = min(float64(l.Burst), level+0.99*float64(to-last)/float64(l.Interval()))
		last = to
	}
	for _, at := range times {
		refill(at)
		level = max(0, level-1)
	}
	refill(now)
	return level - float64(Resolution)/float64(l.Interval())
}

func checkNeverTooMany(t *testing.T, l *store.Limit, times []time.Duration) {
	t.Helper()
	for i := range times {
		for j := i; j < len(times); j++ {
			span := times[j] - times[i]
			most := l.N
			if l.Algorithm == store.TokenBucket {
				most = l.Burst + int((span+Resolution)*time.Duration(l.N)/l.Per)
			} else if span >= l.Per {
				break
			}
			if n := j - i + 1; n > most {
				t.Fatalf("admitted %d within %s; the reference admits %d", n, span, most)
			}
		}
	}
}

func testPeek(t *testing.T, c store.Counters, ch store.Charge) {
	for range 3 {
		got, err := c.Peek(t.Context(), start, ch)
		if err != nil || got.Refused || got.Remaining != ch.Limit.Capacity() {
			t.Fatalf("peek: %+v, %v; want %d remaining", got, err, ch.Limit.Capacity())
		}
	}
	for range ch.Limit.Capacity() {
		take(t, c, start, ch)
	}
	if got, err := c.Peek(t.Context(), start, ch); err != nil || !got.Refused || got.Retry <= 0 {
		t.Errorf("peek at a spent limit: %+v, %v; want a refusal with a time", got, err)
	}
}

func testConcurrent(t *testing.T, c store.Counters, ch store.Charge) {
	var admitted atomic.Int64
	n := ch.Limit.Capacity()
	together(8, func(int) {
		for range n {
			if take(t, c, start, ch).OK {
				admitted.Add(1)
			}
		}
	})
	if admitted.Load() != int64(n) {
		t.Errorf("8 workers were admitted %d times; want %d", admitted.Load(), n)
	}
}

func testTogether(t *testing.T, c store.Counters) {
	layers := []store.Charge{
		{Limit: bucket("global", 10_000, time.Second, 1000)},
		{Limit: bucket("user", 100, time.Minute, 10), Key: "u"},
		{Limit: bucket("key", 100, time.Minute, 8), Key: "k"},
		{Limit: sliding("write", 50, time.Minute), Key: "u"},
		{Limit: sliding("login", 3, time.Minute), Key: "u"},
	}
	for i := range 10 {
		got := take(t, c, start, layers...)
		if want := i < 3; got.OK != want {
			t.Fatalf("take %d: %v; want %v", i+1, got.OK, want)
		}
		if i < 3 {
			continue
		}
		for j, want := range []int{997, 7, 5, 47, 0} {
			if s := got.Layers[j]; s.Remaining != want || s.Refused != (j == 4) {
				t.Errorf("layer %d after a refusal: %+v; want %d remaining", j, s, want)
			}
		}
	}
}

func testBurnsNothing(t *testing.T, c store.Counters) {
	wide := store.Charge{Limit: sliding("wide", 500, time.Minute), Key: "w"}
	bkt := store.Charge{Limit: bucket("bucket", 500, time.Minute, 500), Key: "b"}
	all := store.Charge{Limit: bucket("all", 500, time.Minute, 500)}
	exact := store.Charge{Limit: sliding("log", 10, time.Minute), Key: "l"}
	narrow := store.Charge{Limit: sliding("narrow", 5, time.Minute), Key: "n"}
	var admitted atomic.Int64
	together(16, func(int) {
		for range 20 {
			if take(t, c, start, wide, bkt, all, exact, narrow).OK {
				admitted.Add(1)
			}
		}
	})
	n := int(admitted.Load())
	// Refunds may make a request lose that would have won, but never two win.
	if n > 5 || n == 0 {
		t.Errorf("admitted %d; want between 1 and 5", n)
	}
	for _, ch := range []store.Charge{wide, bkt, all, exact} {
		if got := take(t, c, start, ch).Layers[0].Remaining; got != ch.Limit.Capacity()-n-1 {
			t.Errorf("%s: %d units left after %d admissions and one more; want %d", ch.Limit.Space, got, n, ch.Limit.Capacity()-n-1)
		}
	}
}

func testKeys(t *testing.T, c store.Counters) {
	for _, l := range []func(space string) *store.Limit{
		func(s string) *store.Limit { return sliding(s, 1, time.Minute) },
		func(s string) *store.Limit { return sliding(s, 11, time.Minute) },
		func(s string) *store.Limit { return bucket(s, 60, time.Minute, 1) },
	} {
		seen := map[string]bool{}
		for _, k := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"abc", "x"}, {"a", "b"}, {"b", "a"}} {
			limit := l(k[0])
			got := take(t, c, start, store.Charge{Limit: limit, Key: k[1]})
			if !got.OK || got.Layers[0].Remaining != limit.Capacity()-1 {
				t.Errorf("%q: %+v; want a limit of its own", k, got.Layers[0])
			}
			seen[fmt.Sprint(k)] = true
		}
		if len(seen) != 5 {
			t.Fatalf("%d keys", len(seen))
		}
	}
}

func testClockBack(t *testing.T, c store.Counters) {
	for name, ch := range limits() {
		for range ch.Limit.Capacity() {
			take(t, c, start.Add(time.Second), ch)
		}
		for _, back := range []time.Duration{time.Millisecond, time.Second} {
			if got := take(t, c, start.Add(time.Second-back), ch); got.OK {
				t.Errorf("%s: admitted once more after the clock went back by %s", name, back)
			}
		}
	}
}
