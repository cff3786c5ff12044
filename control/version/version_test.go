package version

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

type operation string

func (o operation) ID() string       { return "getOrder" }
func (o operation) Method() string   { return "GET" }
func (o operation) Template() string { return string(o) }

var now = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

func build(op gatehouse.Operation) *gatehouse.Build {
	return &gatehouse.Build{API: "orders", Operation: op, Now: func() time.Time { return now }, Kept: gatehouse.NewKept()}
}

func date(s string) (d Date) {
	if s != "" {
		d.Time, _ = time.Parse(time.DateOnly, s)
	}
	return d
}

const guide = "https://docs.example.com/v3"

func config() *Config {
	return &Config{Versions: map[string]Version{
		"v1": {State: closed, Deprecated: date("2025-01-01"), Sunset: date("2026-01-01"), Link: guide},
		"v2": {State: deprecated, Deprecated: date("2026-11-01"), Sunset: date("2027-05-01"), Link: guide},
		"v3": {State: current},
	}}
}

// ask sends a request and returns the exchange.
func ask(t *testing.T, op gatehouse.Operation, path string) *gatehouse.Exchange {
	t.Helper()
	steps, err := config().Compile(build(op))
	if err != nil {
		t.Fatal(err)
	}
	x := &gatehouse.Exchange{Ended: gatehouse.Pass}
	x.Request.Path = path
	for _, s := range steps {
		if s.Stage == gatehouse.Identify || s.Stage == gatehouse.Respond {
			v, err := s.Enforce(context.Background(), x)
			if err != nil {
				t.Fatal(err)
			}
			if !v.Passed() {
				x.Ended = v
				x.Response.Status = v.Answer().Status
			}
		}
	}
	return x
}

// version.deprecation, version.sunset, version.hard-sunset, version.strategies
func TestEveryAnswerSaysHowLongItsVersionLives(t *testing.T) {
	link := `<` + guide + `>; rel="deprecation"; type="text/html", <` + guide + `>; rel="sunset"; type="text/html"`
	for _, c := range []struct {
		name                      string
		op                        gatehouse.Operation
		path                      string
		rule                      string
		deprecation, sunset, link string
	}{
		{"deprecated", operation("/v2/orders/{id}"), "/v2/orders/1", "", "@1793491200", "Sat, 01 May 2027 00:00:00 GMT", link},
		{"deprecated, undeclared", nil, "/v2/nothing", "", "@1793491200", "Sat, 01 May 2027 00:00:00 GMT", link},
		{"closed", operation("/v1/orders/{id}"), "/v1/orders/1", "version.closed", "@1735689600", "Thu, 01 Jan 2026 00:00:00 GMT", link},
		{"closed, undeclared", nil, "/v1/orders/1", "version.closed", "@1735689600", "Thu, 01 Jan 2026 00:00:00 GMT", link},
		{"current", operation("/v3/orders/{id}"), "/v3/orders/1", "", "", "", ""},
		{"current, undeclared", nil, "/v3/nothing", "", "", "", ""},
		{"unknown", nil, "/v9/orders/1", "version.unknown", "", "", ""},
		{"under a prefix", nil, "/api/v1/orders", "version.closed", "@1735689600", "Thu, 01 Jan 2026 00:00:00 GMT", link},
		{"without a version", operation("/status"), "/status", "", "", "", ""},
		{"no version after all", nil, "/vat/v/v1x", "", "", "", ""},
	} {
		x := ask(t, c.op, c.path)
		f := x.Response.Fields
		if x.Ended.Rule() != c.rule || f.Get("deprecation") != c.deprecation || f.Get("sunset") != c.sunset || f.Get("link") != c.link {
			t.Errorf("%s: %q, %v; want %q with %s, %s", c.name, x.Ended.Rule(), f, c.rule, c.deprecation, c.sunset)
		}
		if want := map[string]int{"version.closed": 410, "version.unknown": 404}[c.rule]; x.Response.Status != want {
			t.Errorf("%s: %d; want %d", c.name, x.Response.Status, want)
		}
	}
}

// version.notice
func TestShortNoticeDoesNotCompile(t *testing.T) {
	waiver := &gatehouse.Waiver{Because: "leak in v1", Owner: "sec@example.com", Until: now.AddDate(0, 1, 0)}
	for name, c := range map[string]struct {
		v  Version
		ok bool
	}{
		"six months":              {Version{deprecated, date("2026-11-01"), date("2027-05-01"), guide, nil}, true},
		"a day less":              {Version{deprecated, date("2026-11-01"), date("2027-04-30"), guide, nil}, false},
		"a day less, waived":      {Version{deprecated, date("2026-11-01"), date("2027-04-30"), guide, waiver}, true},
		"sunset first":            {Version{deprecated, date("2026-11-01"), date("2026-01-01"), guide, nil}, false},
		"no date":                 {Version{deprecated, Date{}, date("2027-05-01"), guide, nil}, false},
		"no end":                  {Version{deprecated, date("2026-11-01"), Date{}, guide, nil}, false},
		"no guide":                {Version{deprecated, date("2026-11-01"), date("2027-05-01"), "", nil}, false},
		"a guide in plain text":   {Version{deprecated, date("2026-11-01"), date("2027-05-01"), "http://docs.example.com", nil}, false},
		"a guide that breaks out": {Version{deprecated, date("2026-11-01"), date("2027-05-01"), `https://docs.example.com/>; rel="x"`, nil}, false},
		"no state":                {Version{"", date("2026-11-01"), date("2027-05-01"), guide, nil}, false},
		"current with an end":     {Version{current, Date{}, date("2027-05-01"), "", nil}, false},
		"closed too early":        {Version{closed, date("2026-06-01"), date("2026-12-01"), guide, nil}, false},
		"closed early, waived":    {Version{closed, date("2026-06-01"), date("2026-12-01"), guide, waiver}, true},
		"closed in time":          {Version{closed, date("2026-05-01"), date("2026-11-01"), guide, nil}, true},
	} {
		_, err := (&Config{Versions: map[string]Version{"v1": c.v}}).Compile(build(nil))
		var f *gatehouse.Fault
		if (err == nil) != c.ok || err != nil && (!errors.As(err, &f) || f.Key != "versions.v1" || f.Fix == "") {
			t.Errorf("%s: %v; want accepted %v", name, err, c.ok)
		}
	}
	for _, name := range []string{"1", "V1", "v", "v1.0", "latest", "v1/x"} {
		if _, err := (&Config{Versions: map[string]Version{name: {State: current}}}).Compile(build(nil)); err == nil {
			t.Errorf("version %q compiled", name)
		}
	}
	if _, err := config().Compile(build(operation("/v4/orders"))); err == nil {
		t.Error("an operation of a version that is not listed compiled")
	}
}

func TestDatesAreDays(t *testing.T) {
	var d Date
	if err := d.UnmarshalText([]byte("2027-06-30")); err != nil || d.Unix() != 1814313600 {
		t.Errorf("%v, %v", d, err)
	}
	for _, s := range []string{"", "30.06.2027", "2027-13-01", "2027-06-30T00:00:00Z"} {
		if err := d.UnmarshalText([]byte(s)); err == nil {
			t.Errorf("%q was read as a date", s)
		}
	}
}

func TestPassingAllocatesNothing(t *testing.T) {
	var steps []gatehouse.Step
	for _, op := range []gatehouse.Operation{nil, operation("/v2/orders")} {
		s, err := config().Compile(build(op))
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, s...)
	}
	x, passed := &gatehouse.Exchange{}, 0
	if n := testing.AllocsPerRun(200, func() {
		x.Reset()
		x.Request.Path = "/v2/orders"
		for _, s := range steps {
			if v, err := s.Enforce(context.Background(), x); err == nil && v.Passed() {
				passed++
			}
		}
	}); n != 0 || passed != 201*len(steps) {
		t.Errorf("%v allocations, %d passed", n, passed)
	}
}
