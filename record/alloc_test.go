//go:build !race

// The race detector lets sync.Pool forget, so allocations are counted without it.

package record

import (
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

func TestRecordingDoesNotAllocate(t *testing.T) {
	out := &sink{}
	r := New(Config{Log: discard{out}, Trails: &memoryTrails{}})
	defer closed(t, r)
	e := ordersEndpoint()
	r.Register([]*gatehouse.Endpoint{e})
	for name, x := range map[string]*gatehouse.Exchange{"passing": passing(e), "refused": exchange(e)} {
		for range 2 * ringSize { // until every slot has its memory
			r.Record(x, traffic)
		}
		time.Sleep(3 * storeEvery) // the store's writer allocates
		if n := testing.AllocsPerRun(2000, func() { r.Record(x, traffic) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
