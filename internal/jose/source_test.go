package jose

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// issuerOf is an issuer without a network: what it answers and how often it was asked.
type issuerOf struct {
	mu    sync.Mutex
	kids  []string
	err   error
	delay time.Duration
	life  time.Duration
	asked int
}

func (i *issuerOf) fetch(ctx context.Context) (*Set, time.Duration, error) {
	i.mu.Lock()
	i.asked++
	kids, err, delay, life := i.kids, i.err, i.delay, i.life
	i.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	if err != nil {
		return nil, 0, err
	}
	set := &Set{}
	for _, kid := range kids {
		set.keys = append(set.keys, &Key{ID: kid, ecdsa: testKey(kid)})
	}
	copy(set.sum[:], fmt.Sprint(kids))
	if life == 0 {
		life = Fresh
	}
	return set, life, nil
}

func (i *issuerOf) now(kids ...string) { i.mu.Lock(); i.kids, i.err = kids, nil; i.mu.Unlock() }
func (i *issuerOf) down()              { i.mu.Lock(); i.err = errors.New("down"); i.mu.Unlock() }

func source(i *issuerOf) *Source { return &Source{fetch: i.fetch, log: discard} }

// knows reports whether the source finds a key now, and fails on an error other
// than the key being unknown.
func knows(t *testing.T, s *Source, kid string) bool {
	t.Helper()
	keys, _, err := s.Find(t.Context(), time.Now(), ES256, kid)
	if err != nil && !errors.Is(err, ErrKeyUnknown) {
		t.Fatalf("%s: %v", kid, err)
	}
	return len(keys) == 1
}

func after(d time.Duration) { time.Sleep(d); synctest.Wait() }

// jwt.jwks: the numbers of the key source.
func TestKeysAreFreshForTenMinutesAndRefreshedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuerOf{kids: []string{"a"}}
		s := source(i)
		if !knows(t, s, "a") || i.asked != 1 {
			t.Fatal("the first request")
		}
		set := s.Current(t.Context(), time.Now())
		after(8*time.Minute - time.Second)
		if !knows(t, s, "a") || i.asked != 1 {
			t.Errorf("before 80 %%: asked %d times", i.asked)
		}
		i.delay = time.Second
		after(time.Second)
		began := time.Now()
		if !knows(t, s, "a") || time.Since(began) != 0 {
			t.Error("the background refresh made a request wait")
		}
		after(2 * time.Second)
		if i.asked != 2 {
			t.Errorf("asked %d times", i.asked)
		}
		if s.Current(t.Context(), time.Now()) != set {
			t.Error("the same keys are another set: all remembered tokens would be verified again")
		}
	})
}

func TestARemovedKeyIsGoneAfterTenMinutesAndNeverMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuerOf{kids: []string{"a", "b"}}
		s := source(i)
		if !knows(t, s, "a") || !knows(t, s, "b") {
			t.Fatal("the first request")
		}
		i.now("b", "c")
		after(10 * time.Minute) // nobody asked at 80 %: this request waits for the answer
		if knows(t, s, "a") {
			t.Error("the removed key is still there")
		}
		if !knows(t, s, "b") || !knows(t, s, "c") {
			t.Error("the keys that are listed are not there")
		}
	})
}

func TestAnIssuerThatIsDownIsServedStaleForADayAndAskedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuerOf{kids: []string{"a"}}
		s := source(i)
		knows(t, s, "a")
		i.down()
		i.delay = WaitFetch + time.Second
		after(11 * time.Minute)
		began := time.Now()
		if !knows(t, s, "a") {
			t.Error("not served stale")
		}
		if waited := time.Since(began); waited != WaitRequest {
			t.Errorf("the first request waited %s", waited)
		}
		after(WaitFetch)
		began, asked := time.Now(), i.asked
		for range 240 { // 20 minutes, a request each 5 s
			if !knows(t, s, "a") {
				t.Fatal("not served stale")
			}
			after(5 * time.Second)
		}
		if n := i.asked - asked; n > 41 {
			t.Errorf("asked %d times in 20 min", n)
		}
		if time.Since(began) != 20*time.Minute {
			t.Error("requests waited for an issuer that is known to be down")
		}
		time.Sleep(24 * time.Hour)
		if keys, _, err := s.Find(t.Context(), time.Now(), ES256, "a"); !errors.Is(err, ErrUnavailable) || keys != nil {
			t.Errorf("after a day: %v", err)
		}
		i.now("a")
		i.delay = 0
		after(FirstWait + WaitFetch)
		if !knows(t, s, "a") {
			t.Error("not back")
		}
		s.Close()
	})
}

func TestWithoutAFirstSetNothingIsFoundAndTheIssuerIsAskedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuerOf{err: errors.New("down")}
		s := source(i)
		for range 60 {
			if _, _, err := s.Find(t.Context(), time.Now(), ES256, "a"); !errors.Is(err, ErrUnavailable) {
				t.Fatal(err)
			}
			after(time.Second)
		}
		if i.asked != 6 {
			t.Errorf("asked %d times in a minute", i.asked)
		}
	})
}

// Envoy crashed when two tokens met a failing JWKS (CVE-2025-64527).
func TestManyWhoMeetAFailingIssuerAtOnceAreAllToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuerOf{err: errors.New("down"), delay: time.Second}
		s := source(i)
		var group sync.WaitGroup
		for n := range 200 {
			group.Go(func() {
				if keys, set, err := s.Find(t.Context(), time.Now(), ES256, fmt.Sprint(n%3)); keys != nil || set != nil || !errors.Is(err, ErrUnavailable) {
					t.Errorf("%v %v %v", keys, set, err)
				}
			})
		}
		group.Wait()
		if i.asked != 1 {
			t.Errorf("asked %d times", i.asked)
		}
	})
}

func TestAnUnknownKidMakesOneFetchInHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuerOf{kids: []string{"a"}}
		s := source(i)
		knows(t, s, "a")
		for n := range 10_000 { // over 60 s
			if knows(t, s, fmt.Sprint("random-", n)) {
				t.Fatal("an unknown key was found")
			}
			time.Sleep(6 * time.Millisecond)
		}
		if i.asked > 3 {
			t.Errorf("%d fetches a minute", i.asked)
		}
		after(UnknownWait)
		i.now("a", "new")
		if !knows(t, s, "new") {
			t.Error("a rotation is not visible after one fetch")
		}
	})
}

func TestAllWhoWaitShareOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuerOf{kids: []string{"a"}, delay: time.Second}
		s := source(i)
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if !knows(t, s, "a") {
					t.Error("not found")
				}
			})
		}
		group.Wait()
		i.now("a", "b")
		for range 100 {
			group.Go(func() {
				if !knows(t, s, "b") {
					t.Error("not found")
				}
			})
		}
		group.Wait()
		if i.asked != 2 {
			t.Errorf("%d fetches", i.asked)
		}
	})
}

func TestARequestWaitsTwoSecondsAndNotLongerThanItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuerOf{kids: []string{"a"}, delay: 4 * time.Second}
		s := source(i)
		began := time.Now()
		if _, _, err := s.Find(t.Context(), began, ES256, "a"); !errors.Is(err, ErrUnavailable) || time.Since(began) != WaitRequest {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if _, _, err := s.Find(ctx, began, ES256, "a"); !errors.Is(err, ErrUnavailable) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		s.Close()
		if !knows(t, s, "a") || i.asked != 1 {
			t.Error("the fetch that nobody waited for was lost")
		}
	})
}

func TestTheKeysOfAFileHaveNoAge(t *testing.T) {
	set := &Set{keys: []*Key{{ID: "a", ecdsa: testKey("a")}}}
	s := Fixed(set)
	if !knows(t, s, "a") || knows(t, s, "b") || s.Current(t.Context(), time.Now().Add(1000*time.Hour)) != set {
		t.Error("a fixed set")
	}
}

func TestTheWayWithoutAFetchCostsNoAllocation(t *testing.T) {
	i := &issuerOf{kids: []string{"a"}}
	s := source(i)
	now := time.Now()
	s.Current(t.Context(), now)
	if n := testing.AllocsPerRun(100, func() { s.Current(context.Background(), now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAShorterMaxAgeIsHonouredAndALongerOneIsNot(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": Fresh, "max-age=360": 6 * time.Minute, "public, MAX-AGE=\"360\"": 6 * time.Minute, "max-age=0": FreshLeast, "max-age=86400": Fresh,
		"max-age=x": FreshLeast, "max-age=-1": FreshLeast, "max-age=99999999999999999999": FreshLeast, "no-store": Fresh, "s-maxage=1": Fresh,
	} {
		if got := life(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}
