package oracletest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// route is a request of one sort.
type route struct{ method, path string }

// sought returns what is asked for: every operation, and what is not declared,
// by its sort.
func sought(doc *openapi.Document) map[string][]route {
	sorts := map[string][]route{}
	for _, op := range doc.Operations {
		path := op.Template()
		for _, v := range op.Parameters {
			path = strings.ReplaceAll(path, "{"+v.Name+"}", "value")
		}
		last := path[:strings.LastIndexByte(path, '/')+1]
		add := func(sort, method, path string) { sorts[sort] = append(sorts[sort], route{method, path}) }
		add("hit", op.Method(), path)
		add("405", "PURGE", path)
		add("404, one segment more", op.Method(), path+"/x-not-there")
		add("404, another last segment", op.Method(), last+"x/not-there")
		add("404, another first segment", op.Method(), "/x-not-there"+path)
		if i := strings.Index(path[1:], "/value/"); i > 0 {
			add("404, another segment in the middle", op.Method(), path[:i+1]+"/value/x-not-there"+path[i+7:])
		}
	}
	return sorts
}

// timed returns what each search takes, the shortest of some tries.
func timed(p *engine.Policy, list []route) []float64 {
	q := &gatehouse.Request{Host: "api.test", Params: make([]gatehouse.Param, 0, 16)}
	out := make([]float64, len(list))
	for i, r := range list {
		q.Method, q.Path = r.method, r.path
		least := time.Hour
		for range 5 {
			began := time.Now()
			for range 60 {
				p.Find(q)
			}
			least = min(least, time.Since(began))
		}
		out[i] = float64(least.Nanoseconds()) / 60
	}
	slices.Sort(out)
	return out
}

// mean of the upper part of sorted values.
func mean(sorted []float64, from float64) float64 {
	sum, part := 0.0, sorted[int(from*float64(len(sorted))):]
	for _, v := range part {
		sum += v
	}
	return sum / float64(len(part))
}

// What is not declared costs no more than the dearest tenth of what is, over all
// paths of GitHub's description: a scanner gets no work out of the router
// (VALIDATION.md section 11 e).
func TestWhatIsNotFoundCostsNoMoreThanWhatIs(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector measures itself")
	}
	d := read(t, "github.v3.json")
	p := d.routed(t)
	sorts := sought(d.doc)
	dearest := map[string][]float64{}
	average := map[string][]float64{}
	const rounds = 7
	for range rounds {
		for sort, list := range sorts {
			took := timed(p, list)
			dearest[sort] = append(dearest[sort], mean(took, 0.9))
			average[sort] = append(average[sort], mean(took, 0))
		}
	}
	median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
	hit := median(dearest["hit"])
	t.Logf("figure route of %d operations: %.0f/500 ns on average, the dearest tenth %.0f", len(sorts["hit"]), median(average["hit"]), hit)
	if avg := median(average["hit"]); avg > 2*500 { // machines differ
		t.Errorf("a match takes %.0f ns", avg)
	}
	for sort, list := range sorts {
		if sort == "hit" {
			continue
		}
		tenth := median(dearest[sort])
		t.Logf("figure %s, of %d: %.0f/%.0f ns on average, the dearest tenth %.0f", sort, len(list), median(average[sort]), hit, tenth)
		if len(list) < 800 || tenth > 1.15*hit {
			t.Errorf("%s: the dearest tenth takes %.0f ns, of what is found %.0f", sort, tenth, hit)
		}
	}
	q := &gatehouse.Request{Host: "api.test", Params: make([]gatehouse.Param, 0, 16)}
	if n := testing.AllocsPerRun(3, func() {
		for _, list := range sorts {
			for _, r := range list {
				q.Method, q.Path = r.method, r.path
				p.Find(q)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
