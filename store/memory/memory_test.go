package memory

import (
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/storetest"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestConformance(t *testing.T) {
	t.Run("counters", func(t *testing.T) {
		storetest.Counters(t, func(_ *testing.T, now time.Time) store.Counters { return NewCounters(now) })
	})
	t.Run("once", func(t *testing.T) {
		storetest.Once(t, func(*testing.T) store.Once { return NewOnce(1 << 16) })
	})
	t.Run("blocks", func(t *testing.T) {
		storetest.Blocks(t, func(*testing.T) store.Blocks { return NewBlocks() })
	})
	t.Run("revocations", func(t *testing.T) {
		storetest.Revocations(t, func(*testing.T) store.Revocations { return NewRevocations() })
	})
	t.Run("owners", func(t *testing.T) {
		storetest.Owners(t, func(*testing.T) store.Owners { return NewOwners(100) })
	})
}

// A full map of owners takes nothing new and forgets nothing.
func TestAFullMapOfOwnersTakesNothingNew(t *testing.T) {
	o, of := NewOwners(1), func(id string) store.Owner { return store.Owner{Kind: "a/b", ID: id, Owner: "alice"} }
	if err := o.Claim(t.Context(), of("1")); err != nil {
		t.Fatal(err)
	}
	if err := o.Claim(t.Context(), of("2")); !errors.Is(err, store.ErrFull) {
		t.Errorf("claimed: %v", err)
	}
	if err := o.Set(t.Context(), []store.Owner{of("1"), of("2")}); !errors.Is(err, store.ErrFull) {
		t.Errorf("set: %v", err)
	}
	if _, err := o.Owner(t.Context(), "a/b", "1"); err != nil {
		t.Error(err)
	}
}

func charges(list ...store.Charge) (c store.Charges) {
	for _, ch := range list {
		c.Add(ch.Limit, ch.Key)
	}
	return c
}

var (
	global = (&store.Limit{Space: "global", Algorithm: store.TokenBucket, N: 10_000, Per: time.Second, Burst: 1000}).Ready()
	user   = (&store.Limit{Space: "user", Algorithm: store.TokenBucket, N: 100, Per: time.Minute, Burst: 10}).Ready()
	write  = (&store.Limit{Space: "write", Algorithm: store.SlidingWindow, N: 50, Per: time.Minute}).Ready()
	login  = (&store.Limit{Space: "login", Algorithm: store.SlidingWindow, N: 5, Per: time.Minute}).Ready()
)

func TestTakeAllocatesNothing(t *testing.T) {
	c := NewCounters(start)
	at, list := start, charges(store.Charge{Limit: global}, store.Charge{Limit: user, Key: "u"}, store.Charge{Limit: write, Key: "u"}, store.Charge{Limit: login, Key: "a"})
	ok := 0
	if n := testing.AllocsPerRun(1000, func() {
		at = at.Add(20 * time.Second)
		if got, _ := c.Take(t.Context(), at, list); got.OK {
			ok++
		}
	}); n != 0 {
		t.Errorf("Take allocated %v times", n)
	}
	if ok != 1001 {
		t.Errorf("admitted %d of 1001 slow requests", ok)
	}
}

func TestAddressRotationTakesNoMoreMemoryAndFreesExpiredCellsFirst(t *testing.T) {
	c := newCounters(start, 10, 6, 6)
	at := start
	for i := range 20_000 {
		at = at.Add(10 * time.Millisecond)
		key := strconv.Itoa(i)
		c.Take(t.Context(), at, charges(store.Charge{Limit: user, Key: key}, store.Charge{Limit: write, Key: key}, store.Charge{Limit: login, Key: key}))
	}
	if len(c.buckets.cells) != 1<<10 || len(c.windows.cells) != 1<<6 || len(c.logs.cells) != 1<<6 {
		t.Error("a table grew with the traffic")
	}
	// A key under pressure of its set keeps its place as long as others expire sooner.
	for range 10 {
		c.Take(t.Context(), at, charges(store.Charge{Limit: user, Key: "victim"}))
	}
	for i := range 5_000 {
		c.Take(t.Context(), at, charges(store.Charge{Limit: user, Key: "flood" + strconv.Itoa(i)}))
	}
	if got, _ := c.Take(t.Context(), at, charges(store.Charge{Limit: user, Key: "victim"})); got.OK {
		t.Error("a flood of other keys forgave a spent one")
	}
}

func TestAKeyIsNotShutOutWhenTheCellsTimeWraps(t *testing.T) {
	c := newCounters(start, 6, 6, 6)
	one := charges(store.Charge{Limit: user, Key: "u"})
	for range 10 {
		c.Take(t.Context(), start, one)
	}
	for _, idle := range []time.Duration{59 * time.Hour, 60 * time.Hour, 100 * time.Hour, 119 * time.Hour, 120 * time.Hour, 1000 * time.Hour} {
		got, _ := c.Take(t.Context(), start.Add(idle), one)
		if !got.OK || got.Layers[0].Remaining != 9 {
			t.Errorf("after %s of silence: %+v; want a full bucket", idle, got.Layers[0])
		}
	}
}

func TestSweepFreesWhatIsExpiredAndKeepsWhatIsNot(t *testing.T) {
	c := newCounters(start, 6, 6, 6)
	hour := (&store.Limit{Space: "hour", Algorithm: store.TokenBucket, N: 10, Per: 10 * time.Hour, Burst: 10}).Ready()
	c.Take(t.Context(), start, charges(store.Charge{Limit: user, Key: "short"}))
	for range 10 {
		c.Take(t.Context(), start, charges(store.Charge{Limit: hour, Key: "long"}))
	}
	c.Take(t.Context(), start.Add(30*time.Minute), charges(store.Charge{Limit: global}))
	used := 0
	for i := range c.buckets.cells {
		if c.buckets.cells[i].Load() != 0 {
			used++
		}
	}
	if used != 1 {
		t.Errorf("%d cells in use; want the live one alone", used)
	}
	if got, _ := c.Take(t.Context(), start.Add(30*time.Minute), charges(store.Charge{Limit: hour, Key: "long"})); got.OK {
		t.Error("the sweep forgave a live key")
	}
}

func TestNewKeysTakenAtOnceAreNotForgiven(t *testing.T) {
	// Old cells around the new ones make the racers choose between places.
	c := newCounters(start, 3, 3, 3)
	at := start
	for round := range 2_000 {
		at = at.Add(time.Minute)
		key := strconv.Itoa(round)
		var admitted atomic.Int64
		done := make(chan struct{})
		for w := range 4 {
			go func() {
				for range 5 {
					if got, _ := c.Take(t.Context(), at.Add(-time.Duration(w)*time.Millisecond), charges(store.Charge{Limit: user, Key: key})); got.OK {
						admitted.Add(1)
					}
				}
				done <- struct{}{}
			}()
		}
		for range 4 {
			<-done
		}
		if n := admitted.Load(); n > 10 || n < 9 { // 9 when a late clock charged first
			t.Fatalf("round %d: %d admitted; want 9 or 10", round, n)
		}
	}
}

func TestAFullOnceRefusesAndForgetsNothing(t *testing.T) {
	o := NewOnce(onceShards) // one key each
	// So many that no shard stays empty, whatever the hash's seed: the chance is
	// below 1e-26.
	const keys = 1000
	full := 0
	for i := range keys {
		ok, err := o.First(t.Context(), start, "nonce", strconv.Itoa(i), time.Minute)
		if errors.Is(err, store.ErrFull) && !ok {
			full++
		}
	}
	if full != keys-onceShards {
		t.Errorf("%d of %d refused for lack of room; want %d", full, keys, keys-onceShards)
	}
	for i := range keys {
		if ok, err := o.First(t.Context(), start.Add(59*time.Second), "nonce", strconv.Itoa(i), time.Minute); ok && err == nil {
			t.Fatalf("key %d was first twice or found room", i)
		}
	}
	if ok, err := o.First(t.Context(), start.Add(2*time.Minute), "nonce", "later", time.Minute); !ok || err != nil {
		t.Errorf("after their time: %v, %v; want room again", ok, err)
	}
}

func BenchmarkTake(b *testing.B) {
	for name, list := range map[string]store.Charges{
		"global": charges(store.Charge{Limit: global}),
		"bucket": charges(store.Charge{Limit: user, Key: "u"}),
		"window": charges(store.Charge{Limit: write, Key: "u"}),
		"log":    charges(store.Charge{Limit: login, Key: "u"}),
		"three":  charges(store.Charge{Limit: global}, store.Charge{Limit: user, Key: "u"}, store.Charge{Limit: write, Key: "u"}),
	} {
		b.Run(name, func(b *testing.B) {
			c := NewCounters(start)
			b.ReportAllocs()
			at := start
			for b.Loop() {
				at = at.Add(time.Millisecond)
				c.Take(b.Context(), at, list)
			}
		})
	}
}

func TestARequestThatWasHeldUpIsNotChargedForOthers(t *testing.T) {
	start := time.Now()
	c := NewCounters(start)
	l := (&store.Limit{Space: "global", Algorithm: store.TokenBucket, N: 1000, Per: time.Second, Burst: 10}).Ready()
	var ch store.Charges
	ch.Add(l, "")
	take := func(after time.Duration) bool {
		got, err := c.Take(t.Context(), start.Add(after), ch)
		if err != nil {
			t.Fatal(err)
		}
		return got.OK
	}
	// A request that read its time at 1 ms is decided on after one of 5 s.
	if !take(5*time.Second) || !take(time.Millisecond) {
		t.Error("limit.global: one request in five seconds was too much")
	}
}
