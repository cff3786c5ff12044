//go:build linux

// Command openloop asks an HTTP/1.1 server at a constant rate and says how long
// the answers took.
//
// Each request has a time at which it is to be sent, whatever has become of those
// before it, and its latency is counted from that time: a server that stops for
// 10 ms makes every request wait that fell due meanwhile, and each of them counts.
// A load that waits for an answer before it asks again would count one.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

func main() {
	var p pace
	addr := flag.String("addr", "", "who is asked: address and port")
	flag.IntVar(&p.rate, "rate", 1000, "requests per second")
	flag.IntVar(&p.connections, "connections", 64, "keep-alive connections")
	flag.DurationVar(&p.lasts, "time", time.Second, "how long")
	flag.Parse()
	if err := run(*addr, p, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "openloop:", err)
		os.Exit(1)
	}
}

// pace is what is asked for.
type pace struct {
	rate, connections int
	lasts             time.Duration
}

// due returns when the nth request, from 0, is to be sent, in nanoseconds.
func (p pace) due(n int) int64 { return int64(n) * int64(time.Second) / int64(p.rate) }

// total returns how many requests are sent.
func (p pace) total() int { return int(p.lasts.Seconds() * float64(p.rate)) }

// Result is what is printed, as JSON; times are in nanoseconds.
type Result struct {
	Requests int   `json:"requests"`
	P50      int64 `json:"p50"`
	P99      int64 `json:"p99"`
	Max      int64 `json:"max"`
}

// run reads the request from in and writes the [Result] to out.
func run(addr string, p pace, in io.Reader, out io.Writer) error {
	request, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	latencies, err := ask(addr, p, request)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(summary(latencies))
}

// summary sorts the latencies and counts.
func summary(latencies []int64) Result {
	if len(latencies) == 0 {
		return Result{}
	}
	slices.Sort(latencies)
	return Result{len(latencies), percentile(latencies, 50), percentile(latencies, 99), latencies[len(latencies)-1]}
}

// percentile returns the smallest value that at least p percent do not exceed;
// sorted is not empty.
func percentile(sorted []int64, p int) int64 { return sorted[(len(sorted)*p+99)/100-1] }
