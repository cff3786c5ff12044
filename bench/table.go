package main

import (
	"fmt"
	"io"
	"slices"
)

// median returns the median round's CPU microseconds per request.
func (r *row) median() float64 {
	return middle(r.rounds, sample.perRequest)
}

// median returns the middle value, or 0 of none.
func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	n := len(all)
	return (all[n/2] + all[(n-1)/2]) / 2
}

func middle(samples []sample, of func(sample) float64) float64 {
	var all []float64
	for _, m := range samples {
		all = append(all, of(m))
	}
	return median(all)
}

// ratio returns the median of the rounds' ratios to the base: both were
// measured seconds apart, so noise that lasts falls on both.
func (r *row) ratio(base *row) float64 {
	var all []float64
	for i := range min(len(r.rounds), len(base.rounds)) {
		all = append(all, r.rounds[i].perRequest()/base.rounds[i].perRequest())
	}
	return median(all)
}

func find(rows []*row, name string) *row {
	if i := slices.IndexFunc(rows, func(r *row) bool { return r.name == name }); i >= 0 {
		return rows[i]
	}
	return nil
}

// table prints every row. The ratio is the median over the rounds, with the
// lowest and the highest behind it.
func table(w io.Writer, rows []*row, o options) {
	if !slices.ContainsFunc(rows, func(r *row) bool { return r.tool != paced }) {
		return
	}
	fmt.Fprintf(w, "\nCPU of the measured process, one core, %d keep-alive connections; %d rounds of %s, medians\n\n", connections, o.rounds, o.each)
	fmt.Fprintf(w, "%-40s %12s %12s %10s   %s\n", "", "us/request", "requests/s", "ratio", "rounds (us/request)")
	for _, r := range rows {
		if r.tool == paced {
			continue
		}
		ratio := "1.00"
		if base := find(rows, r.base); base != nil {
			ratio = fmt.Sprintf("%.2f", r.ratio(base))
		}
		fmt.Fprintf(w, "%-40s %12.1f %12.0f %10s  ", r.name, r.median(), middle(r.rounds, func(m sample) float64 { return m.perSec }), ratio)
		for _, m := range r.rounds {
			fmt.Fprintf(w, " %.1f", m.perRequest())
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

// figure is one number with its bar. The bar is the most allowed, or the least
// where atLeast says so; 0 is none.
type figure struct {
	name    string
	value   float64
	unit    string
	bar     float64
	atLeast bool
}

func (f figure) met() bool {
	switch {
	case f.bar == 0:
		return true
	case f.atLeast:
		return f.value >= f.bar
	}
	return f.value <= f.bar
}

// judge prints the figures and reports whether all bars are met.
func judge(w io.Writer, rows []*row, memory []figure) bool {
	var figures []figure
	for _, r := range rows {
		base := find(rows, r.base)
		switch {
		case base == nil:
		case r.tool == paced:
			figures = append(figures, added(r, base)...)
		default:
			figures = append(figures, figure{name: r.name + " / " + base.name, value: r.ratio(base), unit: "x", bar: r.bar})
		}
	}
	if reverse, ours := find(rows, goGet), find(rows, fullGet); reverse != nil && ours != nil {
		figures = append(figures, figure{name: goGet + " / " + fullGet, value: reverse.ratio(ours), unit: "x", bar: 3, atLeast: true})
	}
	all := true
	for _, f := range append(figures, memory...) {
		all = all && f.met()
		fmt.Fprintf(w, "figure %-76s %8.2f %s%s\n", f.name, f.value, f.unit, f.verdict())
	}
	return all
}

func (f figure) verdict() string {
	if f.bar == 0 {
		return ""
	}
	sign, word := "<=", "met"
	if f.atLeast {
		sign = ">="
	}
	if !f.met() {
		word = "MISSED"
	}
	return fmt.Sprintf("  (bar %s %g: %s)", sign, f.bar, word)
}
