package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The load over HTTP/2 has as many requests in flight as that over HTTP/1.1, on
// fewer connections.
const (
	h2Connections = 8
	h2Streams     = connections / h2Connections
)

func (s *site) h2loadArgs(r *row, d time.Duration) []string {
	args := []string{"-t", "1", "-c", strconv.Itoa(h2Connections), "-m", strconv.Itoa(h2Streams), "-D", strconv.Itoa(seconds(d))}
	for name, values := range r.load.header {
		args = append(args, "-H", name+": "+values[0])
	}
	return append(args, r.url())
}

var (
	h2Rate     = regexp.MustCompile(`(?m)^finished in .*?, ([0-9.]+) req/s`)
	h2Requests = regexp.MustCompile(`(?m)^requests: .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	h2Protocol = regexp.MustCompile(`(?m)^Application protocol: (\S+)`)
	h2Status   = regexp.MustCompile(`(?m)^status codes: .*$`)
)

// readH2load reads how many requests were answered and how many a second. One
// wrong answer spoils the run, and so does a protocol that is not HTTP/2.
func readH2load(out string) (sample, error) {
	n, rate, protocol := h2Requests.FindStringSubmatch(out), h2Rate.FindStringSubmatch(out), h2Protocol.FindStringSubmatch(out)
	if n == nil || rate == nil || protocol == nil {
		return sample{}, errors.New("cannot read the output of h2load:\n" + out)
	}
	if protocol[1] != "h2" {
		return sample{}, errors.New("h2load spoke " + protocol[1])
	}
	if n[1] != n[2] || n[3] != "0" || n[4] != "0" || n[5] != "0" {
		return sample{}, fmt.Errorf("h2load says: %s; %s", strings.TrimSpace(n[0]), h2Status.FindString(out))
	}
	requests, err := strconv.ParseInt(n[1], 10, 64)
	perSec, err2 := strconv.ParseFloat(rate[1], 64)
	if requests == 0 {
		err = errors.Join(err, errors.New("no request was answered"))
	}
	return sample{requests: requests, perSec: perSec}, errors.Join(err, err2)
}
