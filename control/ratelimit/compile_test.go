package ratelimit

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
)

func TestLooserThanRequiredNeedsAWaiver(t *testing.T) {
	for slug, loosen := range map[string]func(*Config){
		"limit.global":      func(c *Config) { c.Global = Rate{10_001, time.Second} },
		"limit.key":         func(c *Config) { c.Key = Rate{17, time.Second} },
		"limit.user":        func(c *Config) { c.User = Rate{101, time.Minute} },
		"limit.ip":          func(c *Config) { c.IP = Rate{1800, time.Hour} },
		"limit.preset-read": func(c *Config) { c.Endpoint = Rate{1001, time.Minute} },
		"limit.token-bucket": func(c *Config) {
			c.Burst = 11
		},
	} {
		c := fresh()
		loosen(c)
		_, err := c.Compile(build(getOrder, nil))
		var f *gatehouse.Fault
		if !errors.As(err, &f) || !strings.Contains(f.Says, slug) || !strings.Contains(f.Fix, "waiver:") {
			t.Errorf("%s: %v; want a fault that names the slug and the waiver", slug, err)
		}
		c.Waiver = ours
		if _, err := c.Compile(build(getOrder, nil)); err != nil {
			t.Errorf("%s with a waiver: %v", slug, err)
		}
		c.Waiver = &gatehouse.Waiver{Because: "b", Owner: "o", Until: start.AddDate(0, 0, -2)}
		if _, err := c.Compile(build(getOrder, nil)); err == nil {
			t.Errorf("%s: an expired waiver still loosens", slug)
		}
	}
	c := fresh()
	c.User, c.Global, c.IP = Rate{50, time.Minute}, Rate{100, time.Second}, Rate{10, time.Minute}
	if _, err := c.Compile(build(getOrder, nil)); err != nil {
		t.Errorf("tighter rates: %v", err)
	}
}

func TestWithoutAStoreItDoesNotCompile(t *testing.T) {
	b := build(getOrder, nil)
	b.Kept = gatehouse.NewKept()
	if _, err := fresh().Compile(b); !errors.Is(err, gatehouse.ErrNotProvided) {
		t.Errorf("%v; want ErrNotProvided", err)
	}
}

type broken struct{ store.Counters }

var errBroken = errors.New("store away")

func (broken) Take(context.Context, time.Time, store.Charges) (store.Taken, error) {
	return store.Taken{OK: true}, errBroken
}

func (broken) Peek(context.Context, time.Time, store.Charge) (store.Standing, error) {
	return store.Standing{}, errBroken
}

func TestAnErrorOfTheStoreIsAnErrorOfTheStep(t *testing.T) {
	b := build(getOrder, nil)
	gatehouse.Provide[store.Counters](b.Kept, broken{})
	x := &gatehouse.Exchange{At: start}
	refused(x, gatehouse.Authenticate)
	x.Conn.Client = addressV4
	n := 0
	for _, s := range compiled(t, fresh(), b) {
		if s.Stage == gatehouse.Limit {
			x.Principal = alice
		} else {
			x.Principal = nil
		}
		if _, err := s.Enforce(context.Background(), x); errors.Is(err, errBroken) {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d steps reported the store; want 3", n)
	}
}

func TestAClientWithoutAnAddressIsAnError(t *testing.T) {
	for _, s := range compiled(t, fresh(), build(getOrder, ours)) {
		if s.Stage != gatehouse.Limit {
			continue
		}
		if _, err := s.Enforce(context.Background(), &gatehouse.Exchange{At: start}); !errors.Is(err, errNoAddress) {
			t.Errorf("%v; want errNoAddress", err)
		}
	}
}

func TestPassingAllocatesNothing(t *testing.T) {
	steps := compiled(t, fresh(), build(getOrder, nil))
	x := &gatehouse.Exchange{}
	at, passed := start, 0
	if n := testing.AllocsPerRun(500, func() {
		x.Reset()
		at = at.Add(2 * time.Second)
		x.At, x.Conn.Client, x.Principal = at, addressV4, alice
		ok := true
		for _, s := range steps {
			v, err := s.Enforce(context.Background(), x)
			ok = ok && err == nil && v.Passed()
		}
		if ok {
			passed++
		}
	}); n != 0 || passed != 501 {
		t.Errorf("%v allocations, %d of 501 passed", n, passed)
	}
}

func BenchmarkPass(b *testing.B) {
	c := fresh()
	c.User, c.Endpoint, c.Burst, c.Waiver = Rate{10_000, time.Second}, Rate{60_000, time.Second}, 1000, ours
	steps, err := c.Compile(build(getOrder, nil))
	if err != nil {
		b.Fatal(err)
	}
	x := &gatehouse.Exchange{}
	at := start
	b.ReportAllocs()
	for b.Loop() {
		x.Reset()
		at = at.Add(time.Millisecond)
		x.At, x.Conn.Client, x.Principal = at, addressV4, alice
		for _, s := range steps {
			if v, _ := s.Enforce(b.Context(), x); !v.Passed() {
				b.Fatal(v.Rule())
			}
		}
	}
}
