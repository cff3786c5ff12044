package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// part is the part of the load that a core can take at which latencies are
// measured.
const part = 0.3

// slowDown lowers the rate of the paced rows to their part of what a server can
// take, which was loaded with all it can: the rate is that of the slowest.
func (s *site) slowDown(m sample) {
	rate := int(part * 1e6 / m.perRequest())
	if s.rate == 0 || rate < s.rate {
		s.rate = rate
	}
}

func (s *site) paceArgs(r *row, d time.Duration) []string {
	return []string{"-addr", r.addr, "-rate", strconv.Itoa(s.rate), "-connections", strconv.Itoa(connections), "-time", d.String()}
}

// message is the request as openloop sends it, again and again.
func (r *row) message() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.load.method, r.load.path, r.addr)
	for name, values := range r.load.header {
		fmt.Fprintf(&b, "%s: %s\r\n", name, values[0])
	}
	return b.String() + "\r\n" + r.load.body
}

// readPaced reads what openloop says.
func readPaced(out string) (sample, error) {
	var said struct{ Requests, P50, P99 int64 }
	if err := json.Unmarshal([]byte(out), &said); err != nil {
		return sample{}, fmt.Errorf("cannot read the output of openloop: %w\n%s", err, out)
	}
	if said.Requests == 0 {
		return sample{}, errors.New("no request was answered")
	}
	return sample{requests: said.Requests, p50: time.Duration(said.P50), p99: time.Duration(said.P99)}, nil
}

func (m sample) median() float64 { return m.p50.Seconds() * 1000 }
func (m sample) tail() float64   { return m.p99.Seconds() * 1000 }

// added returns the milliseconds that a server adds to the latency of the
// upstream alone: the median over the rounds of the differences.
func added(r, base *row) []figure {
	middling := func(of func(sample) float64) float64 {
		var all []float64
		for i := range min(len(r.rounds), len(base.rounds)) {
			all = append(all, of(r.rounds[i])-of(base.rounds[i]))
		}
		return median(all)
	}
	return []figure{
		{name: r.name + ", added latency, p50", value: middling(sample.median), unit: "ms"},
		{name: r.name + ", added latency, p99", value: middling(sample.tail), unit: "ms", bar: r.bar},
	}
}

// latencies prints the rows at a constant rate.
func latencies(w io.Writer, rows []*row, rate int) {
	if rate == 0 {
		return
	}
	fmt.Fprintf(w, "Latency at a constant %d requests/s, counted from when each was due; medians\n\n", rate)
	fmt.Fprintf(w, "%-40s %12s %12s %12s   %s\n", "", "p50 ms", "p99 ms", "us/request", "rounds (p99 ms)")
	for _, r := range rows {
		if r.tool != paced {
			continue
		}
		fmt.Fprintf(w, "%-40s %12.3f %12.3f %12.1f  ", r.name, middle(r.rounds, sample.median), middle(r.rounds, sample.tail), r.median())
		for _, m := range r.rounds {
			fmt.Fprintf(w, " %.2f", m.tail())
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

// starts returns how long Gatehouse took to start with each of the descriptions,
// and its memory.
func starts(rows []*row) (figures []figure, err error) {
	for _, r := range rows {
		if r.set == nil || r.set.operations == 0 {
			continue
		}
		rss, err := r.process.rss()
		if err != nil {
			return nil, err
		}
		figures = append(figures,
			figure{name: r.name + ", start", value: r.process.booted.Seconds(), unit: "s"},
			figure{name: r.name + ", resident memory", value: float64(rss) / (1 << 20), unit: "MB"})
	}
	return figures, nil
}
