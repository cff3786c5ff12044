package cors

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

type operation struct{ id, method string }

func (o operation) ID() string       { return o.id }
func (o operation) Method() string   { return o.method }
func (o operation) Template() string { return "/v1/orders/{orderId}" }

const app = "https://app.example.com"

var (
	now    = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	waiver = &gatehouse.Waiver{Because: "open data", Owner: "data@example.com", Until: now.AddDate(0, 6, 0)}
	getOp  = operation{"getOrder", "GET"}
	delOp  = operation{"deleteOrder", "DELETE"}
)

func build(op gatehouse.Operation) *gatehouse.Build {
	return &gatehouse.Build{API: "orders", Operation: op, Siblings: []gatehouse.Operation{getOp, delOp}, Now: func() time.Time { return now }, Kept: gatehouse.NewKept()}
}

func config(origins ...string) *Config {
	c := Kind.New().(*Config)
	c.Origins = origins
	return c
}

// send walks a request through both steps.
func send(t *testing.T, steps []gatehouse.Step, method string, fields ...string) *gatehouse.Exchange {
	t.Helper()
	x := &gatehouse.Exchange{Ended: gatehouse.Pass}
	x.Request.Method, x.Request.Scheme, x.Request.Host = method, "https", "api.example.com"
	for i := 0; i < len(fields); i += 2 {
		x.Request.Fields.Add(fields[i], fields[i+1])
	}
	x.Response.Status = 200
	x.Response.Fields = gatehouse.Fields{{Name: "access-control-allow-origin", Value: "*"}, {Name: "access-control-allow-credentials", Value: "true"}, {Name: "content-type", Value: "application/json"}}
	for _, s := range steps {
		v, err := s.Enforce(context.Background(), x)
		if err != nil {
			t.Fatal(err)
		}
		if !v.Passed() {
			x.Ended = v
			x.Response = gatehouse.Response{Status: v.Answer().Status, Fields: append(gatehouse.Fields(nil), v.Answer().Fields...), Own: true}
		}
	}
	return x
}

func compiled(t *testing.T, c *Config, b *gatehouse.Build) []gatehouse.Step {
	t.Helper()
	steps, err := c.Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// cors.methods, cors.headers, cors.max-age
func TestAPreflightIsAnsweredFromTheDescription(t *testing.T) {
	for _, op := range []gatehouse.Operation{nil, getOp} {
		x := send(t, compiled(t, config(app), build(op)), "OPTIONS", "origin", app,
			"access-control-request-method", "DELETE", "access-control-request-headers", "authorization,content-type")
		want := map[string]string{
			"access-control-allow-origin": app, "access-control-allow-methods": "DELETE, GET", "access-control-max-age": "3600",
			"access-control-allow-headers": "authorization, content-type, idempotency-key", "access-control-allow-credentials": "", "vary": "Origin",
		}
		for name, value := range want {
			if got := x.Response.Fields.Get(name); got != value {
				t.Errorf("%s: %q; want %q", name, got, value)
			}
		}
		if x.Response.Status != 204 {
			t.Errorf("answered %d; want 204", x.Response.Status)
		}
	}
}

// cors.exact
func TestR41_OriginsAreExactAndEveryAnswerVaries(t *testing.T) {
	steps := compiled(t, config(app, "https://admin.example.com:8443"), build(getOp))
	for origin, allowed := range map[string]bool{
		app: true, "https://admin.example.com:8443": true, "": false,
		"null": false, "https://app.example.com.evil.com": false, "https://appXexample.com": false, "https://evil.com/app.example.com": false,
		"https://APP.example.com": false, "HTTPS://app.example.com": false, "https://app.example.com:8443": false, "https://app.example.com:443": false, "https://app.example.com.": false,
		"http://app.example.com": false, "https://app.example.com/": false, "https://sub.app.example.com": false, "*": false, "https://*.example.com": false,
		"https://app.example.com https://evil.com": false, "https://app.example.com,https://evil.com": false, " https://app.example.com": false, "https://evil.com#https://app.example.com": false,
	} {
		want := ""
		if allowed {
			want = origin
		}
		check := func(what string, x *gatehouse.Exchange, status int) {
			t.Helper()
			if got := x.Response.Fields.Get("access-control-allow-origin"); got != want || x.Response.Status != status {
				t.Errorf("%s from %q: %d, allowed %q; want %d, %q", what, origin, x.Response.Status, got, status, want)
			}
			if x.Response.Fields.Get("vary") != "Origin" {
				t.Errorf("%s from %q: Vary: %q", what, origin, x.Response.Fields.Get("vary"))
			}
			if x.Response.Fields.Has("access-control-allow-credentials") {
				t.Errorf("%s from %q: credentials allowed", what, origin)
			}
		}
		if origin == "" {
			check("a GET", send(t, steps, "GET"), 200)
			continue
		}
		check("a GET", send(t, steps, "GET", "origin", origin), 200)
		status := map[bool]int{true: 204, false: 403}[allowed]
		check("a preflight", send(t, steps, "OPTIONS", "origin", origin, "access-control-request-method", "GET"), status)
		status = map[bool]int{true: 200, false: 403}[allowed]
		check("a POST", send(t, steps, "POST", "origin", origin), status)
	}
}

func TestR41_AHostilePreflightCostsNothing(t *testing.T) {
	steps := compiled(t, config(app), build(nil))
	x := &gatehouse.Exchange{}
	x.Request.Method = "OPTIONS"
	for _, list := range []string{strings.Repeat(",", 10_000), strings.Repeat("a", 10_000), strings.Repeat("authorization,", 10_000), ",", "authorization,,content-type", "authorization, x-evil"} {
		x.Request.Fields = gatehouse.Fields{{Name: "origin", Value: app}, {Name: "access-control-request-method", Value: "GET"}, {Name: "access-control-request-headers", Value: list}}
		refused := 0
		n := testing.AllocsPerRun(100, func() {
			if v, err := steps[0].Enforce(context.Background(), x); err == nil && v.Rule() == "cors.header" {
				refused++
			}
		})
		if n != 0 || refused != 101 {
			t.Errorf("%.20q: %v allocations, refused %d of 101 times", list, n, refused)
		}
	}
}

func TestWhatAnotherSiteMayNotDoIsRefused(t *testing.T) {
	steps := compiled(t, config(app), build(nil))
	for _, c := range []struct {
		name, want string
		method     string
		fields     []string
	}{
		{"an undeclared method", "cors.method", "OPTIONS", []string{"origin", app, "access-control-request-method", "PUT"}},
		{"a method in lower case", "cors.method", "OPTIONS", []string{"origin", app, "access-control-request-method", "delete"}},
		{"two methods", "cors.method", "OPTIONS", []string{"origin", app, "access-control-request-method", "GET", "access-control-request-method", "GET"}},
		{"a field", "cors.header", "OPTIONS", []string{"origin", app, "access-control-request-method", "GET", "access-control-request-headers", "x-admin"}},
		{"two lists", "cors.header", "OPTIONS", []string{"origin", app, "access-control-request-method", "GET", "access-control-request-headers", "authorization", "access-control-request-headers", "authorization"}},
		{"two origins", "cors.ambiguous", "GET", []string{"origin", app, "origin", "https://evil.com"}},
		{"a foreign write", "cors.origin", "DELETE", []string{"origin", "https://evil.com"}},
		{"a write from the API's own pages", "", "DELETE", []string{"origin", "https://api.example.com"}},
		{"a write from its plain-text twin", "cors.origin", "DELETE", []string{"origin", "http://api.example.com"}},
		{"an OPTIONS that is no preflight", "", "OPTIONS", []string{"origin", "https://evil.com"}},
	} {
		if x := send(t, steps, c.method, c.fields...); x.Ended.Rule() != c.want {
			t.Errorf("%s: %q; want %q", c.name, x.Ended.Rule(), c.want)
		}
	}
	x := &gatehouse.Exchange{}
	x.Request.Method, x.Request.Upgrade = "GET", true
	x.Request.Fields.Add("origin", "https://evil.com")
	if v, err := steps[0].Enforce(context.Background(), x); err != nil || v.Rule() != "cors.origin" {
		t.Errorf("a WebSocket from another site: %q, %v; want cors.origin", v.Rule(), err)
	}
}

func TestWithoutOriginsNoBrowserGetsIn(t *testing.T) {
	steps := compiled(t, config(), build(getOp))
	x := send(t, steps, "GET", "origin", app)
	if x.Response.Fields.Has("access-control-allow-origin") || x.Response.Fields.Has("access-control-allow-credentials") || !x.Response.Fields.Has("content-type") {
		t.Errorf("the upstream's word stands: %v", x.Response.Fields)
	}
	if x := send(t, steps, "OPTIONS", "origin", app, "access-control-request-method", "GET"); x.Ended.Rule() != "cors.origin" {
		t.Errorf("a preflight: %q; want cors.origin", x.Ended.Rule())
	}
}

// cors.no-wildcard
func TestLooseOriginsDoNotCompile(t *testing.T) {
	for name, c := range map[string]struct {
		origins []string
		set     func(*Config, *gatehouse.Build)
		ok      bool
	}{
		"exact":                  {[]string{app}, nil, true},
		"with a port":            {[]string{"https://app.example.com:8443"}, nil, true},
		"null":                   {[]string{"null"}, nil, false},
		"sub-domains":            {[]string{"https://*.example.com"}, nil, false},
		"a regular expression":   {[]string{`https://.*\.example\.com$`}, nil, false},
		"a bare suffix":          {[]string{"https://.example.com"}, nil, false},
		"upper case":             {[]string{"https://App.example.com"}, nil, false},
		"a trailing slash":       {[]string{"https://app.example.com/"}, nil, false},
		"a path":                 {[]string{"https://app.example.com/x"}, nil, false},
		"the default port":       {[]string{"https://app.example.com:443"}, nil, false},
		"a user":                 {[]string{"https://u@app.example.com"}, nil, false},
		"no scheme":              {[]string{"app.example.com"}, nil, false},
		"a list":                 {[]string{"https://a.example.com,https://b.example.com"}, nil, false},
		"another scheme":         {[]string{"ftp://app.example.com"}, nil, false},
		"empty":                  {[]string{""}, nil, false},
		"plain text":             {[]string{"http://app.example.com"}, nil, false},
		"plain text, waived":     {[]string{"http://app.example.com"}, func(c *Config, _ *gatehouse.Build) { c.Waiver = waiver }, true},
		"localhost":              {[]string{"http://localhost:3000"}, nil, false},
		"localhost at home":      {[]string{"http://localhost:3000"}, func(_ *Config, b *gatehouse.Build) { b.Development = true }, true},
		"* with a token":         {[]string{"*"}, func(c *Config, _ *gatehouse.Build) { c.Waiver = waiver }, false},
		"* on public":            {[]string{"*"}, func(_ *Config, b *gatehouse.Build) { b.Public = waiver }, false},
		"* on public, waived":    {[]string{"*"}, func(c *Config, b *gatehouse.Build) { c.Waiver, b.Public = waiver, waiver }, true},
		"* with credentials":     {[]string{"*"}, func(c *Config, b *gatehouse.Build) { c.Waiver, b.Public, c.Credentials = waiver, waiver, true }, false},
		"* beside another":       {[]string{"*", app}, func(c *Config, b *gatehouse.Build) { c.Waiver, b.Public = waiver, waiver }, false},
		"any field":              {[]string{app}, func(c *Config, _ *gatehouse.Build) { c.Headers = []string{"*"} }, false},
		"a field with a break":   {[]string{app}, func(c *Config, _ *gatehouse.Build) { c.Expose = []string{"a\r\nb"} }, false},
		"preflights for two h":   {[]string{app}, func(c *Config, _ *gatehouse.Build) { c.MaxAge = 2 * time.Hour }, false},
		"preflights for no time": {[]string{app}, func(c *Config, _ *gatehouse.Build) { c.MaxAge = 0 }, true},
	} {
		cfg, b := config(c.origins...), build(getOp)
		if c.set != nil {
			c.set(cfg, b)
		}
		_, err := cfg.Compile(b)
		var f *gatehouse.Fault
		if (err == nil) != c.ok || err != nil && (!errors.As(err, &f) || f.Key == "" || f.Fix == "") {
			t.Errorf("%s: %v; want accepted %v, or a fault with key and fix", name, err, c.ok)
		}
	}
}

func TestAnyOriginIsSaidAsAny(t *testing.T) {
	c, b := config("*"), build(getOp)
	c.Waiver, b.Public = waiver, waiver
	x := send(t, compiled(t, c, b), "GET", "origin", "https://anybody.example")
	if got := x.Response.Fields.Get("access-control-allow-origin"); got != "*" {
		t.Errorf("%q; want *", got)
	}
}

func TestVaryIsAddedOnce(t *testing.T) {
	for value, want := range map[string]int{"Accept-Encoding": 2, "Accept-Encoding, origin": 1, "*": 1} {
		f := gatehouse.Fields{{Name: "vary", Value: value}}
		vary(&f)
		if len(f) != want {
			t.Errorf("Vary: %s became %v", value, f)
		}
	}
}

func TestPassingAllocatesNothing(t *testing.T) {
	steps := compiled(t, config(app), build(getOp))
	x := &gatehouse.Exchange{}
	allowed := 0
	if n := testing.AllocsPerRun(200, func() {
		x.Reset()
		x.Request.Method = "GET"
		x.Request.Fields.Add("origin", app)
		for _, s := range steps {
			s.Enforce(context.Background(), x)
		}
		if x.Response.Fields.Get("access-control-allow-origin") == app {
			allowed++
		}
	}); n != 0 || allowed != 201 {
		t.Errorf("%v allocations, %d of 201 allowed", n, allowed)
	}
}
