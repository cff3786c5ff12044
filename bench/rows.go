package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
)

// The rows that others are compared with.
const (
	nginxGet  = "nginx plain GET"
	nginxPost = "nginx plain POST"
	nginxTLS  = "nginx TLS GET"
	nginxH2   = "nginx HTTP/2 GET"
	goGet     = "Go ReverseProxy GET"
	fullGet   = "gatehouse, all controls, GET"
	fullMany  = "gatehouse, all controls, 2,000 tokens"
	fullPost  = "gatehouse, all controls, POST"
	fewGet    = "gatehouse, 10 endpoints, GET"
	manyGet   = "gatehouse, 10,000 endpoints, GET"
	manyUsers = 2000
	alone     = "upstream alone"
)

// rows returns what is measured, in the order of the table. All but the plain
// ones of Gatehouse have all controls, unless their name says otherwise.
func (s *site) rows(o options, stderr io.Writer) ([]*row, error) {
	nginx := func(s *site, listen string) (*process, error) {
		return s.startNginx(measuredCore, "plain", listen, plainProxy(s.upstream))
	}
	nginxOverTLS := func(s *site, listen string) (*process, error) {
		return s.startNginx(measuredCore, "tls", listen, tlsProxy(s.upstream))
	}
	one, rotating, post := s.getLoad(), s.manyLoad(), s.postLoad()
	all := []*row{
		{name: nginxGet, server: "nginx", boot: nginx, load: one},
		{name: goGet, server: "reverseproxy", boot: startReverseProxy, load: one, base: nginxGet},
		{name: "gatehouse, plain, GET", set: &plain, load: one, base: nginxGet},
		{name: "gatehouse, JWT and limits, GET", set: &limited, load: one, base: nginxGet},
		{name: fullGet, set: &full, load: one, base: nginxGet, bar: 1.6},
		{name: fullMany, set: &full, load: rotating, base: nginxGet, bar: 1.8},
		{name: nginxPost, server: "nginx", boot: nginx, load: post},
		{name: fullPost, set: &full, load: post, base: nginxPost, bar: 2.2},

		{name: nginxTLS, server: "nginx-tls", boot: nginxOverTLS, scheme: "https", load: one},
		{name: "gatehouse TLS, plain, GET", set: &plainTLS, scheme: "https", load: one, base: nginxTLS, bar: 1.3},
		{name: "gatehouse TLS, every control, GET", set: &fullTLS, scheme: "https", load: one, base: nginxTLS},
		{name: nginxH2, server: "nginx-tls", boot: nginxOverTLS, tool: http2, scheme: "https", load: one},
		{name: "gatehouse HTTP/2, plain, GET", set: &plainTLS, tool: http2, scheme: "https", load: one, base: nginxH2, bar: 4},
		{name: "gatehouse HTTP/2, every control, GET", set: &fullTLS, tool: http2, scheme: "https", load: one, base: nginxH2, bar: 4},

		{name: fewGet, set: &few, load: one},
		{name: manyGet, set: &many, load: one, base: fewGet, bar: 1.1},

		{name: alone, server: upstreamName, tool: paced, load: one},
		{name: "nginx plain, 30 % load", server: "nginx", boot: nginx, tool: paced, load: one, base: alone},
		{name: "gatehouse, 30 % load", set: &full, tool: paced, load: one, base: alone, bar: 1},
	}
	for _, r := range all {
		if r.set != nil {
			r.server = r.set.name
			r.boot = func(s *site, listen string) (*process, error) {
				return s.startGatehouse(*r.set, s.programs["gatehouse"], listen)
			}
		}
	}
	if o.quick && o.only == "" && o.hold == "" {
		all = slices.DeleteFunc(all, func(r *row) bool { return r.set != nil && r.set.operations > 0 })
	}
	some, err := matching(all, o)
	if err != nil {
		return nil, err
	}
	if some, err = s.able(some, stderr); err == nil && o.beside != "" {
		some = beside(some, o.beside)
	}
	return some, err
}

// able leaves out the rows whose tool is not here and cannot be installed.
func (s *site) able(rows []*row, stderr io.Writer) ([]*row, error) {
	if !slices.ContainsFunc(rows, func(r *row) bool { return r.tool == http2 }) {
		return rows, nil
	}
	err := install(s.ctx, stderr, "h2load")
	if err == nil {
		return rows, nil
	}
	fmt.Fprintf(stderr, "left out: what is measured over HTTP/2: %v\n", err)
	rows = slices.DeleteFunc(rows, func(r *row) bool { return r.tool == http2 })
	if len(rows) == 0 {
		return nil, fmt.Errorf("nothing is left to measure: %w", err)
	}
	return rows, nil
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
