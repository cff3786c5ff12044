package engine_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// The clock is read once for what passes between two wants, and for each refusal.
func TestTheClockIsReadOncePerStretchAndForRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(then enforce) enforce {
			return func(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
				time.Sleep(time.Millisecond)
				return then(ctx, x)
			}
		}
		p := compile(t, build(), at("a", gatehouse.Authenticate, prove), at("b", gatehouse.Authorize, slow(grant)), at("c", gatehouse.Authorize, slow(grant)),
			at("d", gatehouse.Inspect, slow(grant)), at("e", gatehouse.Inspect, slow(deny)))
		x := &gatehouse.Exchange{At: time.Now(), Request: gatehouse.Request{Method: "GET", Path: "/"}}
		run(x, p)
		var got []time.Duration
		for _, m := range x.Trail {
			got = append(got, m.After)
		}
		// b and c; what the engine says of the reply, and d; e
		if want := []time.Duration{1e6, 1e6, 2e6, 2e6, 4e6}; !slices.Equal(got, want) {
			t.Errorf("%v; want %v", got, want)
		}
	})
}
