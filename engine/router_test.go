package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
)

func policy(t testing.TB, endpoints ...*gatehouse.Endpoint) *engine.Policy {
	t.Helper()
	plan := &gatehouse.Plan{}
	for _, e := range endpoints {
		e.Plan, e.Name = plan, e.Method+" "+e.Template
	}
	p, err := engine.NewPolicy([]engine.Site{{Hosts: []string{"api.test"}, Endpoints: endpoints, Undeclared: &gatehouse.Endpoint{Name: "undeclared", Plan: plan}}},
		&gatehouse.Endpoint{Name: "lost", Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func on(method, template string) *gatehouse.Endpoint {
	return &gatehouse.Endpoint{Method: method, Template: template}
}

func TestARequestFindsItsOperationAndNoOther(t *testing.T) {
	p := policy(t, on("GET", "/"), on("GET", "/v1/orders"), on("GET", "/v1/orders/{id}"), on("GET", "/v1/orders/latest"),
		on("GET", "/v1/orders/{id}/lines/{line}"), on("GET", "/v1/{kind}/latest/x"), on("*", "/v1/orders/{id}"),
		on("GET", "/files/{name}.json"), on("GET", "/files/{name}"), on("GET", "/cmp/{a}...{b}"),
		on("DELETE", "/att/{attestation}"), on("GET", "/att/{digest}"), on("POST", "/v1/orders/{id}:cancel"))
	for _, c := range []struct{ method, path, want, params string }{
		{"GET", "/", "GET /", ""},
		{"GET", "/v1/orders", "GET /v1/orders", ""},
		{"GET", "/v1/orders/", "undeclared", ""},
		{"GET", "/v1/orders/17", "GET /v1/orders/{id}", "id=17"},
		{"GET", "/v1/orders/latest", "GET /v1/orders/latest", ""},
		{"GET", "/v1/orders/latest/lines/3", "GET /v1/orders/{id}/lines/{line}", "id=latest line=3"},
		{"GET", "/v1/orders/latest/x", "GET /v1/{kind}/latest/x", "kind=orders"},
		{"GET", "/v1/orders/a%20b", "GET /v1/orders/{id}", "id=a b"},
		{"PUT", "/v1/orders/17", "* /v1/orders/{id}", ""},
		{"PUT", "/v1/orders", "undeclared", ""},
		{"GET", "/v1/ORDERS", "undeclared", ""},
		{"GET", "/files/a.json", "GET /files/{name}.json", "name=a"},
		{"GET", "/files/a.txt", "GET /files/{name}", "name=a.txt"},
		{"GET", "/files/.json", "GET /files/{name}", "name=.json"},
		{"GET", "/cmp/main...dev", "GET /cmp/{a}...{b}", "a=main b=dev"},
		{"GET", "/cmp/...dev", "undeclared", ""},
		{"GET", "/cmp/main...", "undeclared", ""},
		{"DELETE", "/att/1", "DELETE /att/{attestation}", "attestation=1"},
		{"GET", "/att/1", "GET /att/{digest}", "digest=1"},
		{"POST", "/v1/orders/17%3Acancel", "POST /v1/orders/{id}:cancel", "id=17"},
		{"GET", "/v1/orders/17%3Acancel", "undeclared", ""},
		{"POST", "/v1/orders/17:cancel", "POST /v1/orders/{id}:cancel", "id=17"},
	} {
		q := &gatehouse.Request{Method: c.method, Host: "api.test", Path: c.path}
		e := p.Find(q)
		var params []string
		for _, v := range q.Params {
			params = append(params, v.Name+"="+v.Value)
		}
		if e.Name != c.want || strings.Join(params, " ") != c.params {
			t.Errorf("%s %s: got %s %v, want %s %s", c.method, c.path, e.Name, params, c.want, c.params)
		}
	}
	if e := p.Find(&gatehouse.Request{Method: "GET", Host: "other.test", Path: "/"}); e.Name != "lost" {
		t.Errorf("a host that is not served reached %s", e.Name)
	}
}

func TestTwoTemplatesForTheSameRequestsAreRefused(t *testing.T) {
	e, plan := on("GET", "/a/{x}"), &gatehouse.Plan{}
	f := on("GET", "/a/{y}")
	e.Plan, f.Plan = plan, plan
	lost := &gatehouse.Endpoint{Plan: plan}
	if _, err := engine.NewPolicy([]engine.Site{{Hosts: []string{"h"}, Endpoints: []*gatehouse.Endpoint{e, f}, Undeclared: lost}}, lost); err == nil {
		t.Fatal("no error")
	}
}

func TestARequestSeesExactlyOnePolicy(t *testing.T) {
	p, q := policy(t, on("GET", "/old")), policy(t, on("GET", "/new"))
	g := engine.NewGate(p)
	x := &gatehouse.Exchange{}
	x.Request = gatehouse.Request{Method: "GET", Host: "api.test", Path: "/old"}
	g.Begin(x, time.Now())
	g.Swap(q)
	if x.Endpoint.Name != "GET /old" || x.Cursor.Version != p.Version() || q.Version() <= p.Version() {
		t.Errorf("ops.reload: %s, version %d of %d and %d", x.Endpoint.Name, x.Cursor.Version, p.Version(), q.Version())
	}
}

func TestRequestIDsDifferAndTheCallersTraceGoesOn(t *testing.T) {
	g := engine.NewGate(policy(t, on("GET", "/")))
	seen := map[string]bool{}
	for range 10000 {
		x := &gatehouse.Exchange{}
		x.Request.Host, x.Request.Path, x.Request.Method = "api.test", "/", "GET"
		g.Begin(x, time.Now())
		if len(x.ID) != 26 || seen[x.ID] || seen[x.Trace.SpanID] {
			t.Fatalf("log.correlation: id %q, span %q", x.ID, x.Trace.SpanID)
		}
		seen[x.ID], seen[x.Trace.SpanID] = true, true
	}
	for parent, kept := range map[string]bool{
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": true,
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01": false,
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01": false,
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": false,
	} {
		x := &gatehouse.Exchange{}
		x.Request.Fields = gatehouse.Fields{{Name: "traceparent", Value: parent}}
		g.Begin(x, time.Now())
		if got := x.Trace.TraceID == "4bf92f3577b34da6a3ce929d0e0e4736"; got != kept {
			t.Errorf("log.correlation: traceparent %s: kept=%v", parent, got)
		}
		if sent := x.Request.Forward.Get("traceparent"); !strings.HasPrefix(sent, "00-"+x.Trace.TraceID+"-"+x.Trace.SpanID) {
			t.Errorf("log.correlation: sent upstream %q", sent)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	var es []*gatehouse.Endpoint
	for i := range 10000 {
		es = append(es, on("GET", fmt.Sprintf("/v1/kind%d/{id}/part%d", i/10, i)))
	}
	p := policy(b, es...)
	for name, path := range map[string]string{"hit": "/v1/kind500/17/part5000", "miss": "/v1/kind500/17/part9"} {
		b.Run(name, func(b *testing.B) {
			q := &gatehouse.Request{Method: "GET", Host: "api.test", Path: path, Params: make([]gatehouse.Param, 0, 4)}
			b.ReportAllocs()
			for b.Loop() {
				p.Find(q)
			}
		})
	}
}
