package record

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/redact"
)

// maxRules bounds how many pairs of control and rule are counted apart. Rules
// are constants of the program and names of the configuration; the bound holds
// should one ever not be.
const maxRules = 2048

// bounds are the upper bounds of the latency histograms in nanoseconds.
var bounds = [...]int64{100e3, 250e3, 500e3, 1e6, 2.5e6, 5e6, 10e6, 25e6, 50e6, 100e6, 250e6, 500e6, 1e9, 2.5e9, 10e9}

// boundNames are the same in seconds, as Prometheus writes them.
var boundNames = [...]string{"0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "10"}

// histogram counts durations. The buckets are not cumulative until written.
type histogram struct {
	buckets [len(bounds) + 1]atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

func (h *histogram) observe(nanos int64) {
	nanos = max(nanos, 0)
	i := 0
	for i < len(bounds) && nanos > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(nanos)
}

// api holds what is measured per API.
type api struct {
	name     string
	gateway  histogram // the gateway's own share
	upstream histogram // waiting for the upstream, when it was asked
	in, out  atomic.Int64
	partial  atomic.Uint64 // replies of which only the beginning was looked at
}

// name identifies an endpoint across reloads.
type name struct{ api, endpoint, method string }

// cell holds the counters of one endpoint and what of it every access line says.
type cell struct {
	name
	api      *api
	template string
	paths    *redact.Template                 // the template, for paths
	labels   []byte                           // of the access line, escaped, with the method
	bare     int                              // how much of labels is without the method
	requests [6][len(decisions)]atomic.Uint64 // by status class and decision
}

// rule identifies one rule of one control.
type rule struct{ control, rule string }

// ruleCounts counts by rule. The map is replaced, never changed: reading it
// needs no lock and no allocation.
type ruleCounts struct {
	mu    sync.Mutex
	byKey atomic.Pointer[map[rule]*atomic.Uint64]
}

func (r *ruleCounts) add(control, name string) {
	if n := (*r.byKey.Load())[rule{control, name}]; n != nil {
		n.Add(1)
		return
	}
	r.insert(rule{strings.Clone(control), strings.Clone(name)}).Add(1)
}

func (r *ruleCounts) insert(key rule) *atomic.Uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := *r.byKey.Load()
	if len(old) >= maxRules {
		key = rule{"other", "other"}
	}
	if n := old[key]; n != nil {
		return n
	}
	grown := make(map[rule]*atomic.Uint64, len(old)+1)
	for k, n := range old {
		grown[k] = n
	}
	n := new(atomic.Uint64)
	grown[key] = n
	r.byKey.Store(&grown)
	return n
}

// counters holds every counter. Labels come from endpoints and rules only.
type counters struct {
	cells sync.Map // *gatehouse.Endpoint -> *cell; several endpoints of different policies may share a cell
	none  *cell    // requests that were refused before there was an endpoint

	registered atomic.Uint64 // how often; what was remembered of cells before does not hold

	mu     sync.Mutex
	byName map[name]*cell
	apis   map[string]*api

	refusals ruleCounts
	would    ruleCounts
	errors   ruleCounts
	suspects ruleCounts
}

func newCounters() *counters {
	m := &counters{byName: map[name]*cell{}, apis: map[string]*api{}}
	for _, r := range []*ruleCounts{&m.refusals, &m.would, &m.errors, &m.suspects} {
		r.byKey.Store(&map[rule]*atomic.Uint64{})
	}
	m.none = m.cellNamed(&gatehouse.Endpoint{})
	m.none.labels, m.none.bare = nil, 0
	return m
}

// cellOf returns the counters of an endpoint.
func (m *counters) cellOf(e *gatehouse.Endpoint) *cell {
	if e == nil {
		return m.none
	}
	if c, ok := m.cells.Load(e); ok {
		return c.(*cell)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.cellNamed(e)
	m.cells.Store(e, c)
	return c
}

// cellNamed returns the cell of an endpoint's name. m.mu is held.
func (m *counters) cellNamed(e *gatehouse.Endpoint) *cell {
	key := name{e.API, e.Name, e.Method}
	if c := m.byName[key]; c != nil && c.template == e.Template {
		return c
	}
	a := m.apis[e.API]
	if a == nil {
		a = &api{name: e.API}
		m.apis[e.API] = a
	}
	c := &cell{name: key, api: a, template: e.Template, paths: redact.NewTemplate(e.Template)}
	c.labels = field(c.labels, `,"api":`, e.API)
	c.labels = field(c.labels, `,"endpoint":`, e.Name)
	c.labels = field(c.labels, `,"template":`, e.Template)
	c.bare = len(c.labels)
	c.labels = field(c.labels, `,"method":`, method(e.Method))
	m.byName[key] = c
	return c
}

// register makes the cells of these endpoints and forgets all others, except
// those that belong to no API: where requests for no host end up.
func (m *counters) register(endpoints []*gatehouse.Endpoint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	current := make(map[name]bool, len(endpoints))
	known := make(map[*gatehouse.Endpoint]bool, len(endpoints))
	for _, e := range endpoints {
		c := m.cellNamed(e)
		current[c.name], known[e] = true, true
		m.cells.Store(e, c)
	}
	m.cells.Range(func(e, _ any) bool {
		if !known[e.(*gatehouse.Endpoint)] {
			m.cells.Delete(e)
		}
		return true
	})
	inUse := map[string]bool{m.none.api.name: true}
	for key := range m.byName {
		if !current[key] && key.api != "" {
			delete(m.byName, key)
			continue
		}
		inUse[key.api] = true
	}
	for a := range m.apis {
		if !inUse[a] {
			delete(m.apis, a)
		}
	}
	m.registered.Add(1)
}

// count counts one exchange.
func (m *counters) count(c *cell, x *gatehouse.Exchange, t *gatehouse.Traffic, o outcome) {
	c.requests[min(max(x.Response.Status/100, 0), 5)][o.decision].Add(1)
	c.api.gateway.observe(t.Took - t.Upstream)
	if t.UpstreamTo != "" || t.Upstream > 0 {
		c.api.upstream.observe(t.Upstream)
	}
	if t.In != 0 {
		c.api.in.Add(t.In)
	}
	if t.Out != 0 {
		c.api.out.Add(t.Out)
	}
	if x.Response.BodyTooLarge {
		c.api.partial.Add(1)
	}
	if o.decision == refused {
		m.refusals.add(x.EndedBy, x.Ended.Rule())
	}
	if !o.would && !o.failed && !o.suspect {
		return
	}
	for i := range x.Trail {
		switch mark := &x.Trail[i]; mark.Said {
		case gatehouse.SaidWould:
			m.would.add(stepOf(x.Endpoint, mark.Step).Control, mark.Rule)
		case gatehouse.SaidError, gatehouse.SaidErrorOpen:
			m.errors.add(stepOf(x.Endpoint, mark.Step).Control, mark.Said.String())
		case gatehouse.SaidSuspect:
			m.suspects.add(stepOf(x.Endpoint, mark.Step).Control, mark.Rule)
		}
	}
}

// snapshot returns the cells and APIs in a stable order.
func (m *counters) snapshot() ([]*cell, []*api) {
	m.mu.Lock()
	defer m.mu.Unlock()
	cells := make([]*cell, 0, len(m.byName))
	for _, c := range m.byName {
		cells = append(cells, c)
	}
	slices.SortFunc(cells, func(a, b *cell) int {
		return strings.Compare(a.name.api+"\x00"+a.endpoint+"\x00"+a.method, b.name.api+"\x00"+b.endpoint+"\x00"+b.method)
	})
	apis := make([]*api, 0, len(m.apis))
	for _, a := range m.apis {
		apis = append(apis, a)
	}
	slices.SortFunc(apis, func(a, b *api) int { return strings.Compare(a.name, b.name) })
	return cells, apis
}
