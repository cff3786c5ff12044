package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// row is one line of the table: a server under one load.
type row struct {
	name    string
	server  string // what serves: rows of the same server share its process
	boot    func(s *site, listen string) (*process, error)
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
}

// perRequest returns CPU microseconds per request.
func (s sample) perRequest() float64 {
	return float64(s.cpu.Nanoseconds()) / 1000 / float64(max(s.requests, 1))
}

// The rows that others are compared with.
const (
	nginxGet  = "nginx plain GET"
	nginxPost = "nginx plain POST"
	goGet     = "Go ReverseProxy GET"
	fullGet   = "gatehouse, all controls, GET"
	fullMany  = "gatehouse, all controls, 2,000 tokens"
	fullPost  = "gatehouse, all controls, POST"
	manyUsers = 2000
)

// rows returns what is measured, in the order of the table.
func (s *site) rows(o options) ([]*row, error) {
	nginx := func(s *site, listen string) (*process, error) {
		return s.startNginx(measuredCore, "plain", listen, plainProxy(s.upstream))
	}
	gatehouse := func(set setup) func(*site, string) (*process, error) {
		return func(s *site, listen string) (*process, error) {
			return s.startGatehouse(set, s.programs["gatehouse"], listen)
		}
	}
	one, many, post := s.getLoad(), s.manyLoad(), s.postLoad()
	all := []*row{
		{name: nginxGet, server: "nginx", boot: nginx, load: one},
		{name: goGet, server: "reverseproxy", boot: startReverseProxy, load: one, base: nginxGet},
		{name: "gatehouse, plain, GET", server: "plain", boot: gatehouse(plain), load: one, base: nginxGet},
		{name: "gatehouse, JWT and limits, GET", server: "limited", boot: gatehouse(limited), load: one, base: nginxGet},
		{name: fullGet, server: "full", boot: gatehouse(full), load: one, base: nginxGet, bar: 1.6},
		{name: fullMany, server: "full", boot: gatehouse(full), load: many, base: nginxGet, bar: 1.8},
		{name: nginxPost, server: "nginx", boot: nginx, load: post},
		{name: fullPost, server: "full", boot: gatehouse(full), load: post, base: nginxPost, bar: 2.2},
	}
	some, err := matching(all, o)
	if err == nil && o.beside != "" {
		some = beside(some, o.beside)
	}
	return some, err
}

// matching returns the rows that are asked for and what they are compared with.
func matching(all []*row, o options) (some []*row, err error) {
	pattern := o.only
	if o.hold != "" {
		pattern = "^" + regexp.QuoteMeta(o.hold) + "$"
	}
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	need := map[string]bool{}
	for _, r := range all {
		if wanted.MatchString(r.name) {
			need[r.name], need[r.base] = true, true
		}
	}
	for _, r := range all {
		if need[r.name] {
			some = append(some, r)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("no row matches %q", pattern)
	}
	return some, nil
}

// beside adds, behind each row of Gatehouse, the same of another build.
func beside(rows []*row, program string) (out []*row) {
	sets := map[string]setup{plain.name: plain, limited.name: limited, full.name: full}
	for _, r := range rows {
		out = append(out, r)
		set, ours := sets[r.server]
		if !ours {
			continue
		}
		other := *r
		other.name, other.server, other.base, other.bar = "  the other build", "other "+r.server, r.name, 0
		set.name = "other-" + set.name
		other.boot = func(s *site, listen string) (*process, error) { return s.startGatehouse(set, program, listen) }
		out = append(out, &other)
	}
	return out
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
