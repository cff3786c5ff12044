package people

import (
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/store"
)

// limits are how often something may be tried. They hold beside the gateway's own.
type limits struct{ address, account, factor, mail, mailAddress, journey, device *store.Limit }

func newLimits() limits {
	window := func(space string, n int, per time.Duration) *store.Limit {
		return (&store.Limit{Space: "people/" + space, Algorithm: store.SlidingWindow, N: n, Per: per}).Ready()
	}
	return limits{
		address: window("address", 5, time.Minute), account: window("account", 5, time.Minute),
		factor: window("factor", 5, 15*time.Minute), device: window("device", idp.DeviceTries, idp.DeviceLife),
		mail: window("mail", 3, time.Hour), mailAddress: window("mail-address", 5, time.Minute),
		journey: window("journey", 20, time.Minute),
	}
}

// slowDown is an error that says how long to wait.
type slowDown time.Duration

// Error says that there were too many tries.
func (s slowDown) Error() string {
	return fmt.Sprintf("people: too many tries, wait %s", time.Duration(s))
}

// take charges one try to every layer, or returns a [slowDown].
func (v *visit) take(layers ...store.Charge) error {
	var charges store.Charges
	for _, l := range layers {
		if l.Key != "" { // the address, where it is not counted here
			charges.Add(l.Limit, l.Key)
		}
	}
	if charges.Len() == 0 {
		return nil
	}
	taken, err := v.p.options.Counters.Take(v.r.Context(), v.at, charges)
	if err != nil {
		return fmt.Errorf("people: counting tries: %w", err)
	}
	if taken.OK {
		return nil
	}
	var wait time.Duration
	for _, l := range taken.Layers[:charges.Len()] {
		wait = max(wait, l.Retry)
	}
	return slowDown(wait)
}

// waits is how long an account waits after so many failures in a row: not at all,
// then a minute, two, four, up to [LongestWait].
func waits(failures int) time.Duration {
	if failures < FreeFailures {
		return 0
	}
	return min(time.Minute<<min(failures-FreeFailures, 10), LongestWait)
}
