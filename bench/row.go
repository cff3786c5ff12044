package main

import (
	"fmt"
	"strings"
	"time"
)

// row is one line of the table: a server under one load.
type row struct {
	name    string
	server  string // what serves: rows of the same server share its process
	boot    func(s *site, listen string) (*process, error)
	set     *setup // of Gatehouse
	tool    tool
	scheme  string // https, or "" for http
	load    load
	base    string // the row it is compared with
	bar     float64
	process *process
	addr    string
	rounds  []sample
}

// sample is one round of one row.
type sample struct {
	requests int64
	cpu      time.Duration // of the server
	perSec   float64
	p50, p99 time.Duration // of the rows at a constant rate
}

// tool is what loads a row.
type tool int

const (
	http1 tool = iota // wrk
	http2             // h2load
	paced             // openloop, at a constant rate
)

// perRequest returns CPU microseconds per request.
func (s sample) perRequest() float64 {
	return float64(s.cpu.Nanoseconds()) / 1000 / float64(max(s.requests, 1))
}

// beside adds, behind each row of Gatehouse, the same of another build.
func beside(rows []*row, program string) (out []*row) {
	for _, r := range rows {
		out = append(out, r)
		if r.set == nil {
			continue
		}
		other, set := *r, *r.set
		other.name, other.server, other.base, other.bar = "  the other build", "other "+r.server, r.name, 0
		set.name = "other-" + set.name
		other.boot = func(s *site, listen string) (*process, error) { return s.startGatehouse(set, program, listen) }
		out = append(out, &other)
	}
	return out
}

func (r *row) tls() bool { return r.scheme == "https" }

// url returns what is asked for.
func (r *row) url() string {
	scheme := "http"
	if r.scheme != "" {
		scheme = r.scheme
	}
	return scheme + "://" + r.addr + r.load.path
}

func startReverseProxy(s *site, listen string) (*process, error) {
	return start(s.ctx, measuredCore, "reverseproxy", listen, []string{"GOMAXPROCS=1"}, s.programs["reverseproxy"], "-listen", listen, "-upstream", s.upstream)
}

// start boots the row's server, unless another row did.
func (r *row) start(s *site) (err error) {
	if p, ok := s.servers[r.server]; ok {
		r.process, r.addr = p.process, p.addr
		return nil
	}
	if r.addr, err = freeAddr(); err != nil {
		return err
	}
	if r.process, err = r.boot(s, r.addr); err != nil {
		return fmt.Errorf("%s: %w", strings.SplitN(r.name, ",", 2)[0], err)
	}
	s.servers[r.server] = r
	s.running = append(s.running, r.process)
	return nil
}
