package main

import (
	"testing"
	"time"
)

func TestTheRateIsThatOfTheSlowest(t *testing.T) {
	s := &site{}
	for _, us := range []int64{5, 15, 10} {
		s.slowDown(sample{requests: 1000, cpu: 1000 * 1000 * time.Duration(us)})
	}
	if s.rate != 20_000 { // 30 % of 1,000,000 / 15
		t.Errorf("%d requests a second", s.rate)
	}
}

func TestAddedLatencyIsTheDifferenceWithinARound(t *testing.T) {
	ms := func(p50, p99 time.Duration) sample {
		return sample{p50: p50 * time.Millisecond, p99: p99 * time.Millisecond}
	}
	base := &row{rounds: []sample{ms(1, 10), ms(1, 50), ms(1, 10)}}
	r := &row{name: "r", bar: 1, rounds: []sample{ms(2, 12), ms(3, 53), ms(4, 14)}}
	got := added(r, base)
	if len(got) != 2 || got[0].value != 2 || got[0].bar != 0 || got[1].value != 3 || got[1].met() {
		t.Errorf("%+v", got)
	}
}
