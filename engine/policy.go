package engine

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// Policy is everything that is decided by: an immutable snapshot of all hosts,
// endpoints and plans. One exchange sees exactly one.
type Policy struct {
	version int64
	sites   map[string]*site
	any     *site
	lost    *gatehouse.Endpoint
	sources []Site
	permits gatehouse.Permit
}

// Site is what is served under some hosts.
type Site struct {
	Hosts []string // canonical host names, in lower case; a name without port is served on every port; "*" takes every host
	// Endpoints holds the declared operations, and with Method "*" the places
	// where other methods of a declared path end up.
	Endpoints []*gatehouse.Endpoint
	// Undeclared is where requests for undeclared paths end up.
	Undeclared *gatehouse.Endpoint
}

type site struct {
	router     router
	undeclared *gatehouse.Endpoint
}

// NewPolicy builds the snapshot. lost is where requests for hosts that are not
// served end up; its plan refuses.
func NewPolicy(sites []Site, lost *gatehouse.Endpoint) (*Policy, error) {
	p := &Policy{sites: map[string]*site{}, lost: lost, sources: sites}
	if lost == nil || lost.Plan == nil {
		return nil, errors.New("engine: building the policy: no place for hosts that are not served")
	}
	var faults []error
	for i := range sites {
		s := &site{undeclared: sites[i].Undeclared}
		if s.undeclared == nil || s.undeclared.Plan == nil {
			return nil, fmt.Errorf("engine: building the policy: no place for undeclared paths of %v", sites[i].Hosts)
		}
		for _, e := range sites[i].Endpoints {
			if e.Plan == nil {
				return nil, fmt.Errorf("engine: building the policy: %s has no plan", e.Name)
			}
			if err := s.router.add(e); err != nil {
				faults = append(faults, err)
			}
			p.permits |= e.Permits
		}
		for _, h := range sites[i].Hosts {
			switch {
			case h == "*" && p.any == nil:
				p.any = s
			case h == "*" || p.sites[h] != nil:
				faults = append(faults, fmt.Errorf("engine: building the policy: host %s is served twice", h))
			default:
				p.sites[h] = s
			}
		}
	}
	return p, errors.Join(faults...)
}

// Find returns the endpoint that takes q and fills q.Params. It never returns
// nil: what nobody declared ends up where it is refused.
func (p *Policy) Find(q *gatehouse.Request) *gatehouse.Endpoint {
	s := p.site(q.Host)
	if s == nil {
		return p.lost
	}
	e, params := s.router.find(q.Method, q.Path, q.Params[:0])
	q.Params = params
	if e == nil {
		return s.undeclared
	}
	return e
}

// site returns what is served under a host, or nil.
func (p *Policy) site(host string) *site {
	s := p.sites[host]
	if s == nil {
		s = p.sites[hostname(host)]
	}
	if s == nil {
		s = p.any
	}
	return s
}

// hostname cuts the port: a name that is served without one is served on every
// port that the listener has.
func hostname(host string) string {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.IndexByte(host[i:], ']') >= 0 {
		return host
	}
	return host[:i]
}

// Version returns the serial number that the gate gave the policy, from 1.
func (p *Policy) Version() int64 { return p.version }

// Sites returns what the policy was built from.
func (p *Policy) Sites() []Site { return p.sources }

// Gate holds the policy in force and swaps it as a whole.
type Gate struct {
	policy atomic.Pointer[Policy]
	serial atomic.Int64
	ids    idSource
}

// NewGate returns a gate with its first policy in force.
func NewGate(p *Policy) *Gate {
	g := &Gate{}
	_, _ = rand.Read(g.ids.key[:]) // crypto/rand.Read never fails: it ends the program
	g.Swap(p)
	return g
}

// Swap puts p in force. Exchanges that have begun end under the policy that
// they began with.
func (g *Gate) Swap(p *Policy) {
	p.version = g.serial.Add(1)
	g.policy.Store(p)
}

// Policy returns the policy in force.
func (g *Gate) Policy() *Policy { return g.policy.Load() }

// Begin starts x: request id, trace context, endpoint. The host has filled Conn
// and the head of Request, and nothing else.
func (g *Gate) Begin(x *gatehouse.Exchange, now time.Time) { g.BeginUnder(g.policy.Load(), x, now) }

// BeginUnder is [Gate.Begin] under the policy that the host has read the request
// by: [Gate.Policy] before, and [Policy.Permits] of it.
func (g *Gate) BeginUnder(p *Policy, x *gatehouse.Exchange, now time.Time) {
	x.At = now
	x.Cursor.Version = p.version
	g.ids.identify(x)
	x.Endpoint = p.Find(&x.Request)
}

// BeginRefused starts an exchange whose request could not be read: it belongs to
// no endpoint, and is refused with a like any other, headers and trail included.
func (g *Gate) BeginRefused(x *gatehouse.Exchange, now time.Time, a *gatehouse.Answer, detail string) {
	p := g.policy.Load()
	x.At = now
	x.Cursor.Version = p.version
	x.Request.TrustedID = ""
	g.ids.identify(x)
	x.Endpoint = p.lost
	Fail(x, "wire", a, detail)
}
