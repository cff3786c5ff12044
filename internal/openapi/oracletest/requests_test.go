package oracletest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// descriptions are those of the corpus that are read, with how many request
// bodies they declare a schema for.
var descriptions = []struct {
	file     string
	bodies   int
	mutants  int // at least so many mutations of them are refused
	unjudged int // requests with forms or parameters that are not written here, or with contradictory bodies
	examples int // those that the judge accepts
}{
	{"github.v3.json", 345, 5400, 0, 3477},
	{"stripe.json", 594, 7100, 60, 0},
	{"digitalocean.yaml", 217, 3400, 4, 5961},
	{"svix.json", 114, 1900, 0, 367},
	{"vercel.json", 39, 650, 0, 442},
	{"prometheus-3.1.yaml", 10, 150, 0, 222},
	{"prometheus-3.2.yaml", 10, 150, 0, 222},
}

// contradictory are bodies that their own descriptions leave no value for.
var contradictory = map[string]string{
	"dropletActions_post_byTag application/json": "every value that one branch of its oneOf takes is taken by the other too",
	"uptime_create_check application/json":       "it requires the member method and declares it nowhere",
}

// tally counts by kind.
type tally map[string]int

func (n tally) String() string {
	s := ""
	for _, k := range slices.Sorted(maps.Keys(n)) {
		s += fmt.Sprintf(" %s %d", k, n[k])
	}
	return s
}

// Every operation's body: what is made by its schema is accepted by the judge and
// by us, and every single mutation of it that the judge refuses, or that adds
// what nobody declared, is refused (input.openapi, input.type, input.size,
// input.enum, input.no-extra, input.json-strict).
func TestGeneratedBodiesAreAcceptedAndTheirMutationsRefused(t *testing.T) {
	for _, c := range descriptions {
		t.Run(c.file, func(t *testing.T) {
			if race.Enabled && c.bodies > 200 {
				t.Skip("too slow under the race detector")
			}
			d := read(t, c.file)
			n := tally{}
			for _, op := range d.doc.Operations {
				if op.RequestBody == nil {
					continue
				}
				_, of := d.operation(op)
				content := d.follow(of["requestBody"])["content"]
				for _, m := range op.RequestBody.Content {
					raw := d.media(content, m.Type)["schema"]
					if m.Schema == nil || raw == nil {
						continue
					}
					n["bodies"]++
					d.body(t, n, op.ID()+" "+m.Type, m.Schema, raw)
				}
			}
			t.Logf("figure %s:%v", c.file, n)
			mutants := n["missing required"] + n["wrong type"] + n["unknown member"] + n["out of range"] + n["duplicate key"]
			if mutants < c.mutants || n["accepted by both"] < 2*c.bodies-10 {
				t.Errorf("%d bodies were accepted and %d mutations refused, want %d and %d", n["accepted by both"], mutants, 2*c.bodies-10, c.mutants)
			}
			if n["bodies"] != c.bodies {
				t.Errorf("%d bodies, want %d", n["bodies"], c.bodies)
			}
		})
	}
}

// body judges what is generated for one body.
func (d *description) body(t *testing.T, n tally, name string, s *openapi.Schema, raw any) {
	l := d.judged[openapi.Request]
	judge, plain, err := l.compile(raw)
	if err != nil {
		t.Errorf("%s: the judge: %v", name, err)
		return
	}
	var doc jsonwalk.Doc
	made := false
	for _, all := range []bool{false, true} {
		g := &sampler{defs: l.defs, all: all, deep: 4}
		value, ok := g.valid(judge, plain)
		if !ok {
			continue
		}
		made = true
		body, _ := json.Marshal(value)
		n["accepted by both"]++
		if why, _ := ours(t, s, &doc, body, openapi.Options{}); why != "" {
			n["accepted by both"]--
			if contradictory[name] == "" {
				t.Errorf("%s: the judge accepts, we refuse with %s: %.300s", name, why, body)
			}
			n["contradictory"]++
			continue
		}
		for _, m := range g.mutants(value, plain, 4) {
			why, _ := ours(t, s, &doc, m.body, openapi.Options{})
			if m.kind == "duplicate key" || m.kind == "unknown member" && m.closed || judge.Validate(decode(t, m.body)) != nil {
				n[m.kind]++
				if why == "" {
					n[m.kind+" let in"]++
					t.Errorf("%s: %s is let in: %.300s", name, m.kind, m.body)
				}
			}
		}
	}
	if !made {
		n["contradictory"]++
	}
	if !made && contradictory[name] == "" {
		t.Errorf("%s: no value was made that the judge accepts", name)
	}
}

// valid makes a value that the judge accepts.
func (g *sampler) valid(judge *jsonschema.Schema, plain any) (any, bool) {
	for _, deep := range []int{g.deep, 2, 1} {
		for g.branch = range 6 {
			h := *g
			h.deep = deep
			v := h.sample(plain, 0)
			if judge.Validate(v) == nil {
				*g = h
				return v, true
			}
		}
	}
	return nil, false
}
