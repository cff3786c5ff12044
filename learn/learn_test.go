package learn_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/contenttype"
	"github.com/gatehouse-api/gatehouse/control/reply"
	"github.com/gatehouse-api/gatehouse/control/schema"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/learn"
	"github.com/gatehouse-api/gatehouse/wire"
)

// learned describes exchanges and reads the description as a gateway does.
func learned(t testing.TB, exchanges []learn.Exchange) (text string, api *gate) {
	t.Helper()
	l, err := learn.New()
	if err != nil {
		t.Fatal(err)
	}
	for i := range exchanges {
		l.Observe(&exchanges[i])
	}
	d, err := l.Describe(learn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return string(d.YAML), opened(t, d.YAML)
}

// gate is what the controls of bodies and parameters make of a description.
type gate struct {
	doc *openapi.Document
	in  map[string][]gatehouse.Step
	out map[string][]gatehouse.Step
}

func opened(t testing.TB, text []byte) *gate {
	t.Helper()
	doc, err := openapi.Parse("learned.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, f := range doc.Findings {
		t.Errorf("a finding: %s\n%s", f, text)
	}
	g := &gate{doc: doc, in: map[string][]gatehouse.Step{}, out: map[string][]gatehouse.Step{}}
	for _, op := range doc.Operations {
		b := &gatehouse.Build{Operation: op, Now: time.Now}
		for _, k := range []gatehouse.Kind{contenttype.Kind, schema.Kind, reply.Kind} {
			c := k.New()
			steps, err := c.Compile(b)
			if err != nil {
				t.Fatalf("%s: %v", op.ID(), err)
			}
			if k.Name == "reply" {
				g.out[op.ID()] = append(g.out[op.ID()], steps...)
			} else {
				g.in[op.ID()] = append(g.in[op.ID()], steps...)
			}
		}
	}
	return g
}

// match finds the operation of a path, literals before parameters.
func (g *gate) match(method, path string) (found *openapi.Operation, params []gatehouse.Param) {
	best := ""
	for _, op := range g.doc.Operations {
		want, got := strings.Split(op.Template(), "/"), strings.Split(path, "/")
		if op.Method() != method || len(want) != len(got) {
			continue
		}
		var list []gatehouse.Param
		rank, ok := "", true
		for i, w := range want {
			switch v := wire.SegmentDecode(got[i]); {
			case strings.HasPrefix(w, "{"):
				list, rank, ok = append(list, gatehouse.Param{Name: strings.Trim(w, "{}"), Value: v}), rank+"1", ok && v != ""
			default:
				rank, ok = rank+"2", ok && w == v
			}
		}
		if ok && rank > best {
			found, params, best = op, list, rank
		}
	}
	return found, params
}

// refuses returns the rule by which a request, or its reply, is refused or cut.
func (g *gate) refuses(t testing.TB, x *learn.Exchange) string {
	t.Helper()
	e := &gatehouse.Exchange{}
	if err := wire.CanonicalTarget(&e.Request, []byte(x.Target)); err != nil {
		return "wire"
	}
	op, params := g.match(x.Method, e.Request.Path)
	if op == nil {
		return "router"
	}
	e.Request.Method, e.Request.Params, e.Request.Fields = x.Method, params, append(e.Request.Fields, x.Fields...)
	if len(x.Body.Bytes) > 0 {
		e.Request.HasBody, e.Request.Body = true, x.Body.Bytes
		if e.Request.Fields.Get("content-type") == "" {
			e.Request.Fields.Add("content-type", x.Body.Type)
		}
	}
	e.Response.Status = x.Status
	if x.Reply.Type != "" {
		e.Response.Fields.Add("content-type", x.Reply.Type)
		e.Response.Body = append([]byte(nil), x.Reply.Bytes...)
	}
	for _, s := range append(g.in[op.ID()][:len(g.in[op.ID()]):len(g.in[op.ID()])], g.out[op.ID()]...) {
		v, err := s.Enforce(context.Background(), e)
		if err != nil {
			t.Fatal(err)
		}
		if v.Denied() || strings.HasPrefix(v.Rule(), "reply.") {
			return fmt.Sprintf("%s (%s) at %s", v.Rule(), v.Detail(), op.ID())
		}
	}
	return ""
}

func get(target string, reply string) learn.Exchange {
	return learn.Exchange{Method: "GET", Target: target, Status: 200, Reply: learn.Body{Type: "application/json", Bytes: []byte(reply)}}
}

func post(target, body, reply string) learn.Exchange {
	x := get(target, reply)
	x.Method, x.Status, x.Body = "POST", 201, learn.Body{Type: "application/json; charset=utf-8", Bytes: []byte(body)}
	return x
}

func times(n int, make func(i int) learn.Exchange) (list []learn.Exchange) {
	for i := range n {
		list = append(list, make(i))
	}
	return list
}

// ops.learn: the whole of a small document, as it is written.
func TestADescriptionIsWrittenFromTraffic(t *testing.T) {
	var list []learn.Exchange
	for i := range 40 {
		state := []string{"open", "shipped"}[i%2]
		x := post("/v1/orders", fmt.Sprintf(`{"item":"book %d","quantity":%d,"price":%d.5,"gift":%t,"status":"%s"}`, i, i%7+1, i, i%2 == 0, state), fmt.Sprintf(`{"id":"ord-%d","at":"2026-03-14T09:26:%02dZ","note":null}`, i, i))
		x.Fields.Add("authorization", "Bearer abc.def.ghi")
		list = append(list, x)
		y := get(fmt.Sprintf("/v1/orders/ord-%d", i), fmt.Sprintf(`{"id":"ord-%d","tags":["a","b"]}`, i))
		y.Fields.Add("authorization", "Bearer abc.def.ghi")
		list = append(list, y)
	}
	list = append(list, learn.Exchange{Method: "GET", Target: "/v1/orders/none", Status: 404, Reply: learn.Body{Type: "application/json", Bytes: []byte(`{"error":"no order none"}`)}})
	text, api := learned(t, list)
	t.Log(text)
	for _, want := range []string{"/v1/orders/{orderId}:", "operationId: createOrder", "operationId: getOrder"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	for i := range list {
		if rule := api.refuses(t, &list[i]); rule != "" && list[i].Status < 400 {
			t.Errorf("%s %s: %s", list[i].Method, list[i].Target, rule)
		}
	}
}
