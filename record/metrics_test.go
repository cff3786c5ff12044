package record

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/google/go-cmp/cmp"
)

func exposed(t *testing.T, r *Recorder) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteMetrics(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// log.dashboard
func TestMetricsCountRequestsRefusalsAndLatency(t *testing.T) {
	r := New(Config{Version: "1.2.3", Live: func() Live {
		return Live{Connections: 4, InFlight: 2, StoreAge: 1500 * time.Millisecond, SigningKeyAge: 24 * time.Hour}
	}})
	defer closed(t, r)
	e := ordersEndpoint()
	r.Register([]*gatehouse.Endpoint{e})
	r.Record(exchange(e), traffic)
	r.Record(passing(e), traffic)
	r.Record(passing(e), traffic)
	got := exposed(t, r)
	for _, want := range []string{
		`gatehouse_requests_total{api="orders",endpoint="getOrder",method="GET",status="4xx",decision="refused"} 1`,
		`gatehouse_requests_total{api="orders",endpoint="getOrder",method="GET",status="2xx",decision="allowed"} 2`,
		`gatehouse_refusals_total{control="object",rule="object.not_found"} 1`,
		`gatehouse_would_deny_total{control="waf",rule="waf.sqli"} 1`,
		`gatehouse_gateway_seconds_bucket{api="orders",le="0.00025"} 0`,
		`gatehouse_gateway_seconds_bucket{api="orders",le="0.0005"} 3`,
		`gatehouse_gateway_seconds_bucket{api="orders",le="+Inf"} 3`,
		`gatehouse_gateway_seconds_sum{api="orders"} 0.0012`,
		`gatehouse_gateway_seconds_count{api="orders"} 3`,
		`gatehouse_upstream_seconds_sum{api="orders"} 0.0036`,
		`gatehouse_response_bytes_total{api="orders"} 633`,
		`gatehouse_connections 4`,
		`gatehouse_requests_in_flight 2`,
		`gatehouse_store_age_seconds 1.5`,
		`gatehouse_signing_key_age_seconds 86400`,
		`gatehouse_log_dropped_total 0`,
		`gatehouse_trails_dropped_total 0`,
		`gatehouse_build_info{version="1.2.3",go="go`,
		"# TYPE go_goroutines gauge",
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("missing: %s", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestNoClientMakesTheMetricsGrow(t *testing.T) {
	r := New(Config{})
	defer closed(t, r)
	undeclared := &gatehouse.Endpoint{API: "orders", Name: "undeclared"}
	send := func(n int) {
		x := exchange(undeclared)
		x.Request.Method, x.Request.Host, x.Request.Path, x.ID = fmt.Sprint("M", n), fmt.Sprint("h", n), fmt.Sprint("/", n), fmt.Sprint(n)
		x.Principal = &gatehouse.Principal{Kind: "user", ID: fmt.Sprint("u", n), Tenant: fmt.Sprint("t", n)}
		r.Record(x, traffic)
	}
	send(0)
	before := strings.Count(exposed(t, r), "\n")
	for n := range 1000 {
		send(n)
	}
	if after := strings.Count(exposed(t, r), "\n"); after != before {
		t.Errorf("%d lines became %d", before, after)
	}
	for n := range 2 * maxRules { // were a rule ever made from a request
		r.counters.refusals.add("x", fmt.Sprint(n))
	}
	if n := len(*r.counters.refusals.byKey.Load()); n > maxRules+1 {
		t.Errorf("%d rules are counted apart", n)
	}
}

func TestCountersOutliveAReloadAndThoseOfRemovedEndpointsGo(t *testing.T) {
	r := New(Config{})
	defer closed(t, r)
	first, second, gone := ordersEndpoint(), ordersEndpoint(), &gatehouse.Endpoint{API: "old", Name: "x", Method: "GET"}
	r.Register([]*gatehouse.Endpoint{first, gone})
	r.Record(passing(first), traffic)
	r.Record(passing(gone), traffic)
	r.Register([]*gatehouse.Endpoint{second})
	r.Record(passing(second), traffic)
	got := exposed(t, r)
	if !strings.Contains(got, `endpoint="getOrder",method="GET",status="2xx",decision="allowed"} 2`) || strings.Count(got, `endpoint="getOrder"`) != 1 {
		t.Error("the counter did not outlive the reload")
	}
	if strings.Contains(got, `api="old"`) {
		t.Error("a removed endpoint is still exposed")
	}
	known := 0
	r.counters.cells.Range(func(_, _ any) bool { known++; return true })
	if known != 1 {
		t.Errorf("%d endpoints are kept alive", known)
	}
}

func TestLabelsAreEscaped(t *testing.T) {
	r := New(Config{Version: "a\"b\\c\nd"})
	defer closed(t, r)
	if got := exposed(t, r); !strings.Contains(got, `version="a\"b\\c\nd"`) {
		t.Error("a label broke the format")
	}
}

// golden compares got with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// ops.explain ops.shadow
func TestATrailIsPrintedWithRuleAndPlace(t *testing.T) {
	r := New(Config{})
	defer closed(t, r)
	r.Record(exchange(ordersEndpoint()), traffic)
	trail, err := r.Find(t.Context(), exchange(nil).ID)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := PrintTrail(&b, trail); err != nil {
		t.Fatal(err)
	}
	golden(t, "trail.txt", b.String())
}

// ops.explain
func TestAPlanIsPrintedWithItsStepsAndPromises(t *testing.T) {
	var b strings.Builder
	if err := PrintPlan(&b, ordersEndpoint()); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.txt", b.String())
}

// ops.explain
func TestAPlanSaysWhatItsEndpointPermits(t *testing.T) {
	e := ordersEndpoint()
	e.Permits = gatehouse.EncodedSlash | gatehouse.Underscore
	var b strings.Builder
	if err := PrintPlan(&b, e); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "encoded_slash, underscore") {
		t.Errorf("got %s", b.String())
	}
}

// R46: a trail cannot drive the terminal it is shown on.
func TestAPrintedTrailIsInert(t *testing.T) {
	var b strings.Builder
	if err := PrintTrail(&b, &Trail{Method: "A\x1b[2J", Path: "/\r\n\u202e", Subject: "x\ty\"\\", Steps: []TrailStep{{Detail: "\x1b]0;\a", Place: "a\nb"}}}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\r\a\t\u202e") || strings.Count(b.String(), "\n") != 7 || !strings.Contains(b.String(), `x\ty"\\`) {
		t.Errorf("got %q", b.String())
	}
}

func TestAnEndpointIsMatchedByTemplateOrByPath(t *testing.T) {
	endpoint := func(name, method, template string) *gatehouse.Endpoint {
		return &gatehouse.Endpoint{Name: name, Method: method, Template: template, Declared: true}
	}
	all := []*gatehouse.Endpoint{endpoint("get", "GET", "/v1/orders/{id}"), endpoint("mine", "GET", "/v1/orders/mine"), endpoint("put", "PUT", "/v1/orders/{id}"), {Name: "undeclared", Method: "GET", Template: "/x"}}
	for ask, want := range map[string]string{"GET /v1/orders/{id}": "get", "GET /v1/orders/7": "get", "GET /v1/orders/mine": "mine", "PUT /v1/orders/mine": "put", "GET /v1/orders": "", "GET /v1/orders/": "", "GET /x": "", "PATCH /v1/orders/7": ""} {
		method, path, _ := strings.Cut(ask, " ")
		got := ""
		if e := Match(all, method, path); e != nil {
			got = e.Name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", ask, got, want)
		}
	}
}
