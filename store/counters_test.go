package store

import (
	"testing"
	"time"
)

func TestLimitsThatNobodyCanKeepAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		limit Limit
		ok    bool
	}{
		"a bucket":              {Limit{Space: "s", Algorithm: TokenBucket, N: 100, Per: time.Minute, Burst: 10}, true},
		"a window":              {Limit{Space: "s", Algorithm: SlidingWindow, N: MaxWindow, Per: time.Hour, Burst: 0}, true},
		"nothing":               {Limit{}, false},
		"no algorithm":          {Limit{Space: "s", Algorithm: 0, N: 1, Per: time.Second, Burst: 1}, false},
		"no units":              {Limit{Space: "s", Algorithm: TokenBucket, N: 0, Per: time.Minute, Burst: 10}, false},
		"no time":               {Limit{Space: "s", Algorithm: TokenBucket, N: 1, Per: 0, Burst: 10}, false},
		"no burst":              {Limit{Space: "s", Algorithm: TokenBucket, N: 1, Per: time.Minute, Burst: 0}, false},
		"a burst without bound": {Limit{Space: "s", Algorithm: TokenBucket, N: 1_000_000_000, Per: time.Second, Burst: MaxBurst + 1}, false},
		"a refill over a day":   {Limit{Space: "s", Algorithm: TokenBucket, N: 1, Per: time.Hour, Burst: 25}, false},
		"a window over a day":   {Limit{Space: "s", Algorithm: SlidingWindow, N: 1, Per: 25 * time.Hour, Burst: 0}, false},
		"a window too wide":     {Limit{Space: "s", Algorithm: SlidingWindow, N: MaxWindow + 1, Per: time.Hour, Burst: 0}, false},
	} {
		if err := c.limit.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v; want accepted %v", name, err, c.ok)
		}
	}
}

func TestIntervalsRoundUp(t *testing.T) {
	for n, want := range map[int]time.Duration{1: time.Second, 3: 333_333_334, 7: 142_857_143, 10_000: 100 * time.Microsecond} {
		if got := (&Limit{N: n, Per: time.Second}).Interval(); got != want {
			t.Errorf("%d a second: %d ns; want %d", n, got, want)
		}
	}
}

func TestABlockEndsAtItsTime(t *testing.T) {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for until, want := range map[time.Time]bool{{}: true, now: false, now.Add(1): true, now.Add(-1): false} {
		if got := (&Block{Until: until}).Live(now); got != want {
			t.Errorf("until %v: live %v; want %v", until, got, want)
		}
	}
}
