package oracletest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/schema"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// routed returns a policy with every operation of a description and no controls.
func (d *description) routed(t testing.TB) *engine.Policy {
	t.Helper()
	plan := &gatehouse.Plan{}
	var list []*gatehouse.Endpoint
	for _, op := range d.doc.Operations {
		list = append(list, &gatehouse.Endpoint{Name: op.ID(), Method: op.Method(), Template: op.Template(), Plan: plan})
	}
	p, err := engine.NewPolicy([]engine.Site{{Hosts: []string{"api.test"}, Endpoints: list, Undeclared: &gatehouse.Endpoint{Name: "undeclared", Plan: plan}}},
		&gatehouse.Endpoint{Name: "lost", Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// parameters returns the plain data of an operation's parameters.
func (d *description) parameters(op *openapi.Operation) (out []object) {
	item, of := d.operation(op)
	for _, list := range []any{of["parameters"], item["parameters"]} {
		l, _ := list.([]any)
		for _, p := range l {
			p := d.follow(p)
			if !slices.ContainsFunc(out, func(q object) bool { return q["name"] == p["name"] && q["in"] == p["in"] }) {
				out = append(out, p)
			}
		}
	}
	return out
}

// unwritten are operations whose required parameters have no style that
// [written] knows: members that are objects themselves.
var unwritten = map[string]bool{"GetBillingCreditBalanceSummary": true}

// asked is a request that was made from a description.
type asked struct {
	path, query string
	fields      gatehouse.Fields
	body        []byte
	mediaType   string
}

// written writes a parameter's value as its style has it. ok is false for
// styles that this test does not write.
func written(p *openapi.Parameter, v any) (pairs []string, ok bool) {
	name := url.QueryEscape(p.Name)
	one := func(v any) string {
		if s, ok := v.(string); ok {
			return url.QueryEscape(s)
		}
		b, _ := json.Marshal(v)
		return url.QueryEscape(string(b))
	}
	if p.JSON {
		b, _ := json.Marshal(v)
		return []string{name + "=" + url.QueryEscape(string(b))}, true
	}
	switch v := v.(type) {
	case []any:
		var parts []string
		for _, e := range v {
			if _, nested := e.(object); nested {
				return nil, false
			}
			parts = append(parts, one(e))
		}
		if p.Style == "deepObject" {
			for i, e := range parts {
				pairs = append(pairs, fmt.Sprintf("%s%%5B%d%%5D=%s", name, i, e))
			}
			return pairs, true
		}
		if p.Explode && p.Style == "form" {
			for _, e := range parts {
				pairs = append(pairs, name+"="+e)
			}
			return pairs, true
		}
		return []string{name + "=" + strings.Join(parts, ",")}, len(parts) > 0
	case object:
		for k, e := range v {
			switch e.(type) {
			case object, []any:
				return nil, false
			}
			if p.Style == "deepObject" {
				pairs = append(pairs, name+url.QueryEscape("["+k+"]")+"="+one(e))
			} else {
				pairs = append(pairs, url.QueryEscape(k)+"="+one(e))
			}
		}
		return pairs, p.Style == "deepObject" || p.Explode
	}
	return []string{name + "=" + one(v)}, true
}

// ask makes a request for an operation: required parameters, or all of them.
func (d *description) ask(t *testing.T, op *openapi.Operation, all bool, n tally) (a asked) {
	l := d.judged[openapi.Request]
	raw := d.parameters(op)
	a.path = op.Template()
	var query []string
	for _, p := range op.Parameters {
		i := slices.IndexFunc(raw, func(q object) bool {
			return q["in"] == p.In && (q["name"] == p.Name || p.In == "header" && strings.EqualFold(q["name"].(string), p.Name))
		})
		var value any = "value"
		if i >= 0 && p.Schema != nil {
			s := raw[i]["schema"]
			if c, ok := raw[i]["content"].(object); ok {
				for _, m := range c {
					s = m.(object)["schema"]
				}
			}
			judge, plain, err := l.compile(s)
			if err != nil {
				t.Fatal(err)
			}
			g := &sampler{defs: l.defs, all: true, deep: 1}
			v, ok := g.valid(judge, plain)
			if !ok {
				t.Errorf("%s: no value for %s", op.ID(), p.Name)
			}
			value = v
		}
		if p.In != "path" && !p.Required && !all {
			continue
		}
		switch p.In {
		case "path":
			pairs, _ := written(p, value)
			_, v, _ := strings.Cut(strings.Join(pairs, ""), "=")
			a.path = strings.ReplaceAll(a.path, "{"+p.Name+"}", strings.ReplaceAll(v, "+", "%20"))
		case "query":
			pairs, ok := written(p, value)
			if !ok {
				n["parameters of no style we write"]++
				continue
			}
			query = append(query, pairs...)
		case "header":
			a.fields = append(a.fields, gatehouse.Field{Name: p.Name, Value: fmt.Sprint(value)})
		}
	}
	a.query = strings.Join(query, "&")
	if op.RequestBody == nil || len(op.RequestBody.Content) == 0 {
		return a
	}
	m := &op.RequestBody.Content[0]
	for i := range op.RequestBody.Content {
		if openapi.IsJSON(op.RequestBody.Content[i].Type) {
			m = &op.RequestBody.Content[i]
		}
	}
	a.mediaType, a.body = m.Type, []byte("x")
	form := m.Type == "application/x-www-form-urlencoded"
	if strings.HasPrefix(m.Type, "multipart/") {
		a.body = []byte(nestedForm)
	}
	if m.Schema == nil || !form && !openapi.IsJSON(m.Type) {
		return a
	}
	_, of := d.operation(op)
	judge, plain, err := l.compile(d.media(d.follow(of["requestBody"])["content"], m.Type)["schema"])
	if err != nil {
		t.Fatal(err)
	}
	for _, all := range []bool{all && !form, !all && !form} {
		g := &sampler{defs: l.defs, all: all, filled: form, deep: 3}
		v, ok := g.valid(judge, plain)
		if !ok {
			continue
		}
		a.body, _ = json.Marshal(v)
		if form {
			a.body = asForm(m, v, n)
		}
		if len(a.body) == 0 && !op.RequestBody.Required {
			a.body = nil
		}
		break
	}
	return a
}

// asForm writes a form of scalars and of lists of them. What is nested deeper is
// left out and counted.
func asForm(t *openapi.MediaType, v any, n tally) []byte {
	m, _ := v.(object)
	var pairs []string
	for k, e := range m {
		q := &openapi.Parameter{Name: k, Style: "form", Explode: true}
		if of := t.EncodingOf(k); of != nil && of.Style != "" {
			q.Style, q.Explode = of.Style, of.Explode
		}
		p, ok := written(q, e)
		if _, nested := e.(object); nested || !ok {
			n["forms with nested members"]++
			return []byte(nestedForm)
		}
		pairs = append(pairs, p...)
	}
	return []byte(strings.Join(pairs, "&"))
}

// nestedForm stands for a form that is not written here.
const nestedForm = "nested"

// judged sends a request through the steps of the schema control.
func judged(t *testing.T, steps []gatehouse.Step, p *engine.Policy, method string, a asked) (endpoint, refused string) {
	x := &gatehouse.Exchange{At: time.Now()}
	q := &x.Request
	q.Method, q.Host, q.Path, q.Query, q.Fields = method, "api.test", a.path, a.query, slices.Clone(a.fields)
	if a.body != nil {
		q.Body, q.HasBody = a.body, true
		q.Fields = append(q.Fields, gatehouse.Field{Name: "content-type", Value: a.mediaType})
	}
	e := p.Find(q)
	for _, s := range steps {
		v, err := s.Enforce(context.Background(), x)
		if err != nil {
			t.Fatal(err)
		}
		if v.Denied() {
			return e.Name, v.Rule() + " " + v.Detail()
		}
	}
	return e.Name, ""
}

// Every operation's path, filled with sample values, leads to that operation and
// to no other (input.positive); what is made by the description comes in, and
// single mutations of its parameters do not (input.openapi, input.no-extra).
func TestEveryOperationIsReachedByItsOwnRequestOnly(t *testing.T) {
	for _, c := range descriptions {
		t.Run(c.file, func(t *testing.T) {
			if race.Enabled && c.bodies > 200 {
				t.Skip("too slow under the race detector")
			}
			d := read(t, c.file)
			p := d.routed(t)
			n := tally{}
			for _, op := range d.doc.Operations {
				n["operations"]++
				d.reached(t, op, p, n)
			}
			t.Logf("figure %s:%v", c.file, n)
			if n["not judged"] != c.unjudged {
				t.Errorf("%d requests were not judged, want %d", n["not judged"], c.unjudged)
			}
			if n["routed"] != 2*n["operations"] {
				t.Errorf("%d of %d requests led to their operations", n["routed"], 2*n["operations"])
			}
		})
	}
}

func (d *description) reached(t *testing.T, op *openapi.Operation, p *engine.Policy, n tally) {
	config := schema.Kind.New()
	steps, err := config.Compile(&gatehouse.Build{Operation: op, Now: time.Now})
	if err != nil {
		t.Fatalf("%s: %v", op.ID(), err)
	}
	for _, all := range []bool{false, true} {
		a := d.ask(t, op, all, n)
		where, why := judged(t, steps, p, op.Method(), a)
		if where == op.ID() {
			n["routed"]++
		} else {
			t.Errorf("%s: %s %s leads to %s", op.ID(), op.Method(), a.path, where)
		}
		for _, path := range []string{a.path + "/x_gatehouse/x_gatehouse/x_gatehouse/x_gatehouse", "/x_gatehouse" + a.path} {
			if where, _ := judged(t, nil, p, op.Method(), asked{path: path}); where == "undeclared" {
				n["unknown paths refused"]++
			} else if where == op.ID() {
				t.Errorf("%s: %s leads there too", op.ID(), path)
			}
		}
		if where, _ := judged(t, nil, p, "PURGE", asked{path: a.path}); where != "undeclared" {
			t.Errorf("%s: PURGE leads to %s", op.ID(), where)
		}
		if string(a.body) == nestedForm || contradictory[op.ID()+" "+a.mediaType] != "" || unwritten[op.ID()] {
			n["not judged"]++
			continue
		}
		if why != "" {
			n["refused"]++
			t.Errorf("%s: %s?%s %.200s is refused: %s", op.ID(), a.path, a.query, a.body, why)
			continue
		}
		n["let in"]++
		d.disturbed(t, op, p, steps, a, n)
	}
}

// disturbed mutates the parameters of a valid request.
func (d *description) disturbed(t *testing.T, op *openapi.Operation, p *engine.Policy, steps []gatehouse.Step, a asked, n tally) {
	refused := func(kind string, b asked) {
		if _, why := judged(t, steps, p, op.Method(), b); why == "" {
			t.Errorf("%s: %s is let in: %s?%s", op.ID(), kind, b.path, b.query)
			return
		}
		n[kind]++
	}
	with := func(pairs ...string) asked {
		b := a
		b.query = strings.Trim(a.query+"&"+strings.Join(pairs, "&"), "&")
		return b
	}
	refused("unknown parameter", with("x_gatehouse_unknown=1"))
	for _, q := range op.Parameters {
		if q.In != "query" {
			continue
		}
		name := url.QueryEscape(q.Name)
		has := slices.ContainsFunc(strings.Split(a.query, "&"), func(s string) bool { return strings.HasPrefix(s, name+"=") })
		scalar := q.Schema != nil && q.Schema.Types()&(openapi.TypeArray|openapi.TypeObject) == 0 && !q.JSON
		if has && scalar {
			refused("parameter twice", with(name+"=1"))
			rest := slices.DeleteFunc(strings.Split(a.query, "&"), func(s string) bool { return strings.HasPrefix(s, name+"=") })
			b := a
			b.query = strings.Join(rest, "&")
			if q.Required {
				refused("missing parameter", b)
			}
			if q.Schema.Types()&openapi.TypeString == 0 {
				b.query = strings.Trim(b.query+"&"+name+"=x_gatehouse", "&")
				refused("parameter of the wrong type", b)
			}
		}
	}
}
