package config

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// undeclared answers requests for paths that no description declares, and
// misdirected those for hosts that are not served (RFC 9110 section 15.5.20).
var (
	undeclared  = gatehouse.Answer{Status: http.StatusNotFound, Reason: "undeclared.path", Public: "There is nothing here"}
	misdirected = gatehouse.Answer{Status: http.StatusMisdirectedRequest, Reason: "undeclared.host", Public: "This host is not served here"}
)

// wrongMethod answers requests for a declared path with a method that it does
// not have (RFC 9110 section 15.5.6).
func wrongMethod(operations []gatehouse.Operation) *gatehouse.Answer {
	var methods []string
	for _, op := range operations {
		methods = append(methods, op.Method())
	}
	slices.Sort(methods)
	return &gatehouse.Answer{
		Status: http.StatusMethodNotAllowed, Reason: "undeclared.method", Public: "This resource does not know the method",
		Fields: gatehouse.Fields{{Name: "allow", Value: strings.Join(slices.Compact(methods), ", ")}},
	}
}

// Policy compiles every endpoint of every API. kept holds what outlives a
// reload, caps what the host is able to bring. The error is an [Errors] with
// everything that the controls refuse.
func (f *File) Policy(kept *gatehouse.Kept, caps gatehouse.Caps) (*engine.Policy, error) {
	c := newCompiler(f, kept, caps)
	return c.policy(f.APIs, c.all())
}

// Policies is what each door serves.
type Policies struct {
	Clients   *engine.Policy
	Operators *engine.Policy // nil where the admin API is off, or served to clients
}

// Policies compiles like [File.Policy], and leaves what is served at an address of its
// own out of what clients reach.
func (f *File) Policies(kept *gatehouse.Kept, caps gatehouse.Caps) (p Policies, err error) {
	c := newCompiler(f, kept, caps)
	endpoints := c.all()
	var clients, apart []*API
	for _, a := range f.APIs {
		if a.apart {
			apart = append(apart, a)
		} else {
			clients = append(clients, a)
		}
	}
	if p.Clients, err = c.policy(clients, endpoints); err != nil || len(apart) == 0 {
		return p, err
	}
	p.Operators, err = c.policy(apart, endpoints)
	return p, err
}

func newCompiler(f *File, kept *gatehouse.Kept, caps gatehouse.Caps) *compiler {
	c := &compiler{File: f, report: newReport(f.Path, f.text), kept: kept, caps: caps}
	c.report.endpoints = true
	return c
}

// all compiles the endpoints of every API.
func (c *compiler) all() map[*API][]*gatehouse.Endpoint {
	endpoints := map[*API][]*gatehouse.Endpoint{}
	for _, a := range c.APIs {
		c.decided(a)
		endpoints[a] = c.api(a)
	}
	return endpoints
}

func (c *compiler) policy(apis []*API, endpoints map[*API][]*gatehouse.Endpoint) (*engine.Policy, error) {
	sites := c.sites(apis, endpoints)
	lost := c.place("", nil, nil, c.global, &misdirected)
	if err := c.err(); err != nil {
		return nil, err
	}
	p, err := engine.NewPolicy(sites, lost)
	if err != nil {
		c.faults(err, fallback{at: gatehouse.Place{File: c.Path, Line: 1, Col: 1}, key: "apis", fix: "descriptions whose paths do not overlap"})
		return nil, c.err()
	}
	return p, nil
}

type compiler struct {
	*File
	*report
	kept *gatehouse.Kept
	caps gatehouse.Caps
}

func (c *compiler) build(api string, op gatehouse.Operation, siblings, all []gatehouse.Operation) *gatehouse.Build {
	return &gatehouse.Build{
		API: api, Operation: op, Siblings: siblings, All: all, Caps: c.caps,
		Now: c.options.Now, Log: c.options.Log, Kept: c.kept, Development: c.Development,
	}
}

// api compiles the endpoints of one API: its operations, and for each path the
// place where other methods end up.
func (c *compiler) api(a *API) []*gatehouse.Endpoint {
	var out []*gatehouse.Endpoint
	d := a.description
	for _, op := range d.operations {
		blocks := a.controls(op.ID())
		b := c.build(a.Name, op, d.byShape[shape(op.Template())], d.operations)
		b.Public, b.Hosts = a.Public[op.ID()], a.Hosts
		plan, err := engine.Compile(b, configured(blocks))
		if err != nil {
			c.refused(err, a, blocks)
			continue
		}
		out = append(out, &gatehouse.Endpoint{
			API: a.Name, Name: op.ID(), Method: op.Method(), Template: op.Template(), Plan: plan,
			Upstream: a.Upstream, Public: b.Public, Place: written(op, a.Place), Declared: true,
			WebSocket: slices.Contains(a.WebSocket, op.ID()), Timeout: a.Timeout, Permits: a.Permits[op.ID()],
			Verbose: c.Development || a.Verbose != nil,
		})
	}
	for _, s := range d.shapes {
		same := d.byShape[s]
		e := c.place(a.Name, same, d.operations, a.blocks, wrongMethod(same))
		e.Template, e.Place = same[0].Template(), a.Place
		for _, op := range same {
			e.Permits |= a.Permits[op.ID()] // nothing is forwarded here, but preflights are answered
		}
		out = append(out, e)
	}
	return out
}

// place compiles where undeclared requests end up.
func (c *compiler) place(api string, siblings, all []gatehouse.Operation, blocks []*block, a *gatehouse.Answer) *gatehouse.Endpoint {
	plan, err := engine.CompileUndeclared(c.build(api, nil, siblings, all), configured(blocks), a)
	if err != nil {
		c.refused(err, &API{Name: api, Place: gatehouse.Place{File: c.Path, Line: 1, Col: 1}}, blocks)
	}
	return &gatehouse.Endpoint{API: api, Name: "undeclared", Method: "*", Plan: plan, Place: gatehouse.Place{File: c.Path}}
}

// sites groups the hosts by what is served under them.
func (c *compiler) sites(apis []*API, endpoints map[*API][]*gatehouse.Endpoint) []engine.Site {
	var hosts []string
	for _, a := range apis {
		hosts = append(hosts, a.Hosts...)
	}
	slices.Sort(hosts)
	var out []engine.Site
	index := map[string]int{}
	for _, h := range slices.Compact(hosts) {
		var served []*API
		var names string
		for _, a := range apis {
			if a.AnyHost != nil || slices.Contains(a.Hosts, h) {
				served, names = append(served, a), names+a.Name+" "
			}
		}
		i, ok := index[names]
		if !ok {
			i = len(out)
			index[names] = i
			out = append(out, c.site(served, endpoints))
		}
		out[i].Hosts = append(out[i].Hosts, h)
	}
	return out
}

// site puts together what the hosts of the same APIs serve. Where one API has
// the hosts for itself, its own controls look at undeclared paths too.
func (c *compiler) site(served []*API, endpoints map[*API][]*gatehouse.Endpoint) engine.Site {
	var s engine.Site
	for _, a := range served {
		s.Endpoints = append(s.Endpoints, endpoints[a]...)
	}
	if len(served) == 1 {
		a := served[0]
		s.Undeclared = c.place(a.Name, nil, a.description.operations, a.blocks, &undeclared)
		return s
	}
	s.Undeclared = c.place("", nil, nil, c.global, &undeclared)
	return s
}

// written returns where the description declares an operation.
func written(op gatehouse.Operation, other gatehouse.Place) gatehouse.Place {
	if o, ok := op.(*openapi.Operation); ok && o.Place.Line > 0 {
		return gatehouse.Place{File: o.Place.File, Line: o.Place.Line, Col: 1}
	}
	return other
}
