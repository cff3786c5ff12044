package record

import (
	"bufio"
	"cmp"
	"io"
	"maps"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// MetricsType is the media type of what [Recorder.WriteMetrics] writes.
const MetricsType = "text/plain; version=0.0.4; charset=utf-8"

// WriteMetrics writes all counters in the Prometheus text format, version 0.0.4.
func (r *Recorder) WriteMetrics(w io.Writer) error {
	p := &page{w: bufio.NewWriter(w)}
	cells, apis := r.counters.snapshot()
	p.requests(cells)
	p.rules("gatehouse_refusals_total", "Requests that a control refused.", &r.counters.refusals, "rule")
	p.rules("gatehouse_would_deny_total", "Refusals that shadow mode held back.", &r.counters.would, "rule")
	p.rules("gatehouse_suspicions_total", "Requests that went through and that a control suspects.", &r.counters.suspects, "rule")
	p.rules("gatehouse_step_errors_total", "Steps that could not decide, by what followed.", &r.counters.errors, "outcome")
	p.histogram("gatehouse_gateway_seconds", "Time a request spent in the gateway itself, upstream not included.", apis, func(a *api) *histogram { return &a.gateway })
	p.histogram("gatehouse_upstream_seconds", "Time spent waiting for the upstream.", apis, func(a *api) *histogram { return &a.upstream })
	p.bytes(apis)
	p.head("gatehouse_replies_not_inspected_total", "counter", "Replies over the limit that left by waiver: only their beginning was looked at.")
	for _, a := range apis {
		p.sample("gatehouse_replies_not_inspected_total", float64(a.partial.Load()), "api", a.name)
	}
	if r.live != nil {
		l := r.live()
		p.one("gatehouse_connections", "gauge", "Open client connections.", float64(l.Connections))
		p.one("gatehouse_requests_in_flight", "gauge", "Requests under way.", float64(l.InFlight))
		p.one("gatehouse_store_age_seconds", "gauge", "Time since the store was last read: what is known of blocks and revocations is at most this old.", l.StoreAge.Seconds())
		if l.SigningKeyAge > 0 {
			p.one("gatehouse_signing_key_age_seconds", "gauge", "How long the present key of our own authorization server has signed: 90 days at most.", l.SigningKeyAge.Seconds())
		}
	}
	var lines uint64
	if r.access != nil {
		lines = r.access.dropped.Load()
	}
	p.one("gatehouse_log_dropped_total", "counter", "Access lines dropped because the sink was too slow or failed.", float64(lines))
	p.one("gatehouse_trails_dropped_total", "counter", "Trails of refusals, errors and would-denies that were not stored.", float64(r.trails.dropped.Load()))
	p.one("gatehouse_trails_stored_total", "counter", "Trails that were stored.", float64(r.trails.stored.Load()))
	p.head("gatehouse_build_info", "gauge", "The program's version; always 1.")
	p.sample("gatehouse_build_info", 1, "version", r.version, "go", runtime.Version())
	p.one("process_start_time_seconds", "gauge", "When the process began, in Unix seconds.", float64(r.started.UnixMilli())/1e3)
	p.runtime()
	return p.w.Flush()
}

// page is one answer under way. Write errors stay in w until it is flushed.
type page struct{ w *bufio.Writer }

func (p *page) head(name, kind, help string) {
	p.w.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

// sample writes one value. labels are names and values in turn.
func (p *page) sample(name string, value float64, labels ...string) {
	p.w.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		p.w.WriteByte("{,"[min(i, 1)])
		p.w.WriteString(labels[i] + `="`)
		labelEscapes.WriteString(p.w, labels[i+1])
		p.w.WriteByte('"')
	}
	if len(labels) > 0 {
		p.w.WriteByte('}')
	}
	p.w.WriteString(" " + strconv.FormatFloat(value, 'f', -1, 64) + "\n")
}

// labelEscapes are those of the text format.
var labelEscapes = strings.NewReplacer("\\", `\\`, "\"", `\"`, "\n", `\n`)

func (p *page) one(name, kind, help string, value float64) {
	p.head(name, kind, help)
	p.sample(name, value)
}

func (p *page) requests(cells []*cell) {
	const metric = "gatehouse_requests_total"
	p.head(metric, "counter", "Requests by endpoint, class of the status code and decision.")
	for _, c := range cells {
		for class := range c.requests {
			for d := range c.requests[class] {
				// One series of each endpoint is there from the start.
				if n := c.requests[class][d].Load(); n > 0 || class == 2 && decision(d) == allowed && c.endpoint != "" {
					p.sample(metric, float64(n), "api", c.name.api, "endpoint", c.endpoint, "method", c.method, "status", statusClass(class), "decision", decision(d).String())
				}
			}
		}
	}
}

func statusClass(class int) string {
	if class == 0 {
		return "none"
	}
	return strconv.Itoa(class) + "xx"
}

func (p *page) rules(metric, help string, counts *ruleCounts, second string) {
	p.head(metric, "counter", help)
	byKey := *counts.byKey.Load()
	keys := slices.SortedFunc(maps.Keys(byKey), func(a, b rule) int {
		return cmp.Or(strings.Compare(a.control, b.control), strings.Compare(a.rule, b.rule))
	})
	for _, k := range keys {
		p.sample(metric, float64(byKey[k].Load()), "control", k.control, second, k.rule)
	}
}

func (p *page) histogram(metric, help string, apis []*api, of func(*api) *histogram) {
	p.head(metric, "histogram", help)
	for _, a := range apis {
		h, n := of(a), uint64(0)
		for i := range h.buckets {
			n += h.buckets[i].Load()
			le := "+Inf"
			if i < len(boundNames) {
				le = boundNames[i]
			}
			p.sample(metric+"_bucket", float64(n), "api", a.name, "le", le)
		}
		p.sample(metric+"_sum", float64(h.sum.Load())/1e9, "api", a.name)
		p.sample(metric+"_count", float64(n), "api", a.name)
	}
}

func (p *page) bytes(apis []*api) {
	for _, m := range []struct {
		metric, help string
		of           func(*api) *atomic.Int64
	}{
		{"gatehouse_request_bytes_total", "Body bytes from clients.", func(a *api) *atomic.Int64 { return &a.in }},
		{"gatehouse_response_bytes_total", "Body bytes to clients.", func(a *api) *atomic.Int64 { return &a.out }},
	} {
		p.head(m.metric, "counter", m.help)
		for _, a := range apis {
			p.sample(m.metric, float64(m.of(a).Load()), "api", a.name)
		}
	}
}

// runtimeMetrics are the Go runtime's own figures that are exposed.
var runtimeMetrics = [...]struct{ source, name, kind, help string }{
	{"/sched/goroutines:goroutines", "go_goroutines", "gauge", "Goroutines that exist."},
	{"/sched/gomaxprocs:threads", "go_sched_gomaxprocs_threads", "gauge", "The GOMAXPROCS setting."},
	{"/memory/classes/heap/objects:bytes", "go_memory_heap_objects_bytes", "gauge", "Bytes of live and not yet swept heap objects."},
	{"/memory/classes/total:bytes", "go_memory_total_bytes", "gauge", "Bytes mapped by the Go runtime."},
	{"/gc/cycles/total:gc-cycles", "go_gc_cycles_total", "counter", "Completed garbage collections."},
	{"/gc/heap/allocs:bytes", "go_gc_heap_allocs_bytes_total", "counter", "Bytes allocated since the start."},
	{"/gc/heap/allocs:objects", "go_gc_heap_allocs_objects_total", "counter", "Objects allocated since the start."},
	{"/cpu/classes/gc/total:cpu-seconds", "go_cpu_gc_seconds_total", "counter", "Estimated CPU time of garbage collection."},
	{"/cpu/classes/user:cpu-seconds", "go_cpu_user_seconds_total", "counter", "Estimated CPU time of Go code."},
}

func (p *page) runtime() {
	samples := make([]metrics.Sample, len(runtimeMetrics))
	for i := range samples {
		samples[i].Name = runtimeMetrics[i].source
	}
	metrics.Read(samples)
	for i, s := range samples {
		m := &runtimeMetrics[i]
		switch s.Value.Kind() {
		case metrics.KindUint64:
			p.one(m.name, m.kind, m.help, float64(s.Value.Uint64()))
		case metrics.KindFloat64:
			p.one(m.name, m.kind, m.help, s.Value.Float64())
		}
	}
}
