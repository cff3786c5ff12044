package proxy

import (
	"testing"
	"time"
)

// A program that is stopped for longer than a phase may last does not shed, when it goes on,
// the clients whose phase has only just begun; nobody's phase becomes endless by that.
func TestAStopOfTheProgramShedsNobody(t *testing.T) {
	w := newWatcher()
	var h watch
	w.add(&h)
	w.look()
	w.begin(&h, nil, 5*time.Second)
	w.start = w.start.Add(-time.Minute) // the clock goes on without a look
	w.look()
	if !w.rest(&h) {
		t.Fatal("a phase that began with the stop is overdue")
	}
	w.begin(&h, nil, 300*time.Millisecond)
	for range 30 {
		w.start = w.start.Add(-tick)
		w.look()
		if h.until.Load() == overdue {
			return
		}
	}
	t.Error("a phase of 300 ms lasts for 3 s")
}
