package leak

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

type operation struct{}

func (operation) ID() string       { return "getOrder" }
func (operation) Method() string   { return "GET" }
func (operation) Template() string { return "/v1/orders/{orderId}" }

var now = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

func build() *gatehouse.Build {
	return &gatehouse.Build{API: "orders", Operation: operation{}, Caps: gatehouse.AllCaps, Now: func() time.Time { return now }, Kept: gatehouse.NewKept()}
}

func defaults() *Config { return Kind.New().(*Config) }

func inspector(t testing.TB) gatehouse.Step {
	t.Helper()
	steps, err := defaults().Compile(build())
	if err != nil || len(steps) != 3 || steps[2].Need != gatehouse.ReplyBody {
		t.Fatalf("%v, %v; want three steps, the last on the body", steps, err)
	}
	return steps[2]
}

func reply(t *testing.T, status int, body string, fields ...gatehouse.Field) (*gatehouse.Exchange, gatehouse.Verdict) {
	t.Helper()
	x := &gatehouse.Exchange{ID: "01REQUEST"}
	x.Response = gatehouse.Response{Status: status, Body: []byte(body), Fields: fields}
	v, err := inspector(t).Enforce(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	return x, v
}

var leaks = map[string]string{
	"python":     `{"error":"Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>"}`,
	"java":       "java.lang.NullPointerException\n\tat com.example.Orders.get(Orders.java:42)",
	"java frame": "at com.example.Orders.get(Orders.java:42)",
	".net":       `   at Shop.Orders.Get(Int32 id) in C:\src\Orders.cs:line 42`,
	"go":         "goroutine 17 [running]:\nmain.main()\n\t/src/main.go:12 +0x1d",
	"node":       "Error: x\n    at Object.<anonymous> (/app/index.js:1:7)",
	"ruby":       "app/models/order.rb:12:in `find'",
	"php":        "Fatal error: Uncaught Error in order.php:7",
	"postgres":   `{"message":"ERROR: duplicate key value violates unique constraint \"orders_pkey\""}`,
	"mysql":      "You have an error in your SQL syntax; check the manual",
	"oracle":     "ORA-00942: table or view does not exist",
	"sqlite":     "SQLITE_CONSTRAINT: UNIQUE constraint failed: users.email",
	"key":        `{"note":"-----BEGIN RSA PRIVATE KEY-----\nMIIE"}`,
	"aws":        `{"note":"AKIAIOSFODNN7EXAMPLE"}`,
	"github":     `{"note":"ghp_abcdefghijklmnopqrstuvwxyz0123456789"}`,
	"cluster":    `{"self":"http://orders.prod.svc.cluster.local/"}`,
}

// output.errors
func TestASuccessThatLeaksDoesNotLeave(t *testing.T) {
	for name, body := range leaks {
		for _, padding := range []string{"", " ", "  ", "   ", strings.Repeat("order ", 200)} {
			if _, v := reply(t, 200, padding+body+" "+padding); v.Rule() != "leak.blocked" || v.Answer().Status != 502 || v.Detail() == "" {
				t.Errorf("%s behind %d bytes: %q %q; want leak.blocked with what was found", name, len(padding), v.Rule(), v.Detail())
			}
		}
	}
}

// TestASignatureThatBeginsLikeAKeyIsNone shows tokens with keys in their places: one of
// five million tokens has such a signature, and its client got none.
func TestASignatureThatBeginsLikeAKeyIsNone(t *testing.T) {
	const head, claims = "eyJhbGciOiJFUzI1NiJ9", "eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUuY29tIn0"
	for _, key := range []string{
		"ghp_Bt8S2miurx0Gnuf84FBuP6kPnUa2ccRg9c1xbjrRu1nKD2CoyjKGG1CaT1LUi3BGSPXdiiwxOoujxTeUfg",
		"AIzaSu3RmVpSwMqDPHwlavL9QSAllz8edGwcxKpA_s_HI4krmmmxWLZZ7Q0UzoJDSuHj4rSR-0Q-9ykg_YvUtg",
		"xoxe-vjn5ECjFpNBwCDLmopcHbR51dqbfB9b3l-FyJ7mEdPzyR4BR1hSag8uE40k6F2SN_majli4PAs9S30Hwg",
	} {
		for _, token := range []string{head + "." + claims + "." + key, head + ".." + key, head + "." + key + "." + key + "." + key + "." + key} {
			body := `{"access_token":"` + token + `","token_type":"Bearer"}`
			if x, v := reply(t, 200, body); !v.Passed() || v.Rule() != "" || string(x.Response.Body) != body {
				t.Errorf("%s: %q %q; want it unchanged", token, v.Rule(), v.Detail())
			}
		}
		for _, note := range []string{key, "x." + key, head + " " + key, claims[1:] + "." + key, head + `\n` + key, head + strings.Repeat(".x", 4) + "." + key} {
			if _, v := reply(t, 200, `{"note":"`+note+`"}`); v.Rule() != "leak.blocked" {
				t.Errorf("%s: %q; want leak.blocked", note, v.Rule())
			}
		}
	}
}

func TestErrorsBecomeProblemDocuments(t *testing.T) {
	errorsToo := map[string]string{
		"a path": `{"error":"open /var/lib/orders/1.json: no such file"}`, "an escaped path": `{"error":"C:\\Users\\deploy\\x.json"}`,
		"a query": `{"error":"SELECT id FROM orders"}`, "an address": "dial tcp 127.0.0.1:5432: connect: connection refused", "a host": "lookup db.internal: no such host",
	}
	for name, body := range leaks {
		errorsToo[name] = body
	}
	for name, body := range errorsToo {
		for status, reason := range map[int]string{400: "leak.client_error", 404: "leak.client_error", 500: "leak.server_error", 503: "leak.server_error"} {
			x, v := reply(t, status, body, gatehouse.Field{Name: "content-type", Value: "text/html"}, gatehouse.Field{Name: "etag", Value: `"x"`}, gatehouse.Field{Name: "content-encoding", Value: "identity"})
			var p struct {
				Type, Title string
				Status      int
				ID          string `json:"request_id"`
			}
			if err := json.Unmarshal(x.Response.Body, &p); err != nil || p.Type != "urn:gatehouse:problem:"+reason || p.Status != status || p.ID != "01REQUEST" || p.Title == "" {
				t.Errorf("%s with %d: %s, %v", name, status, x.Response.Body, err)
			}
			if !v.Passed() || v.Rule() != "leak.replaced" || x.Response.Status != status {
				t.Errorf("%s with %d: %q, status %d; want it replaced under the same status", name, status, v.Rule(), x.Response.Status)
			}
			if f := x.Response.Fields; f.Get("content-type") != "application/problem+json" || f.Has("etag") || f.Has("content-encoding") {
				t.Errorf("%s with %d: %v", name, status, f)
			}
		}
	}
}

func TestOrdinaryRepliesLeaveUnchanged(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
	}{
		{200, ""}, {200, "{}"}, {200, "abc"}, {200, `{"id":"1","item":"book","note":"AKIA is a name, ghp_ too"}`},
		{200, `{"note":"I work from /home/ and use SELECT statements; panic: no"}`},
		{200, `{"url":"https://example.com/home/","file":"readme.go","doc":"goroutine leaks"}`},
		{400, `{"type":"about:blank","title":"quantity must be positive","status":400}`}, {404, `{"error":"order not found"}`}, {500, ""},
		{200, strings.Repeat(`{"id":"018f3c2e","customer_id":"alice","quantity":1},`, 1000)},
	} {
		if x, v := reply(t, c.status, c.body); !v.Passed() || v.Rule() != "" || string(x.Response.Body) != c.body {
			t.Errorf("%d %.60s: %q %q", c.status, c.body, v.Rule(), v.Detail())
		}
	}
}

func TestABodyThatCannotBeReadDoesNotLeave(t *testing.T) {
	if _, v := reply(t, 200, "\x1f\x8b", gatehouse.Field{Name: "content-encoding", Value: "gzip"}); v.Rule() != "leak.encoded" {
		t.Errorf("%q; want leak.encoded", v.Rule())
	}
	if x, v := reply(t, 500, "\x1f\x8b", gatehouse.Field{Name: "content-encoding", Value: "gzip"}); !v.Passed() || x.Response.Fields.Has("content-encoding") {
		t.Errorf("a server error: %q, %v", v.Rule(), x.Response.Fields)
	}
}

func TestFieldsThatNameProductsAreDroppedFromEveryAnswer(t *testing.T) {
	steps, err := defaults().Compile(&gatehouse.Build{API: "orders", Now: time.Now, Kept: gatehouse.NewKept()})
	if err != nil || len(steps) != 1 || steps[0].Stage != gatehouse.Respond {
		t.Fatalf("%v, %v; want one step at respond for undeclared requests", steps, err)
	}
	x := &gatehouse.Exchange{}
	for _, name := range []string{"server", "content-type", "x-powered-by", "x-aspnet-version", "via", "x-request-id", "x-debug-token", "x-backend-server", "x-runtime", "vary"} {
		x.Response.Fields.Add(name, "x")
	}
	if v, err := steps[0].Enforce(context.Background(), x); err != nil || !v.Passed() {
		t.Fatal(v, err)
	}
	var left []string
	for _, f := range x.Response.Fields {
		left = append(left, f.Name)
	}
	if got := strings.Join(left, " "); got != "content-type x-request-id vary" {
		t.Errorf("left: %s", got)
	}
}

var ordinary = []byte(strings.Repeat(`{"id":"018f3c2e","customer_id":"alice","tenant_id":"t1","item":"A book about gates","quantity":1,"note":"leave it at the door"},`, 8))

func TestPassingAllocatesNothing(t *testing.T) {
	steps, err := defaults().Compile(build())
	if err != nil {
		t.Fatal(err)
	}
	x, passed := &gatehouse.Exchange{}, 0
	if n := testing.AllocsPerRun(200, func() {
		x.Reset()
		x.Response.Status, x.Response.Body = 200, ordinary
		for _, s := range steps {
			if v, err := s.Enforce(context.Background(), x); err == nil && v.Passed() {
				passed++
			}
		}
	}); n != 0 || passed != 201*3 {
		t.Errorf("%v allocations, %d of %d passed", n, passed, 201*3)
	}
}

func TestStreamsAreExemptedWithAWaiver(t *testing.T) {
	c := defaults()
	c.Unscanned = waiver()
	if steps, err := c.Compile(build()); err != nil || len(steps) != 1 || steps[0].Need != gatehouse.Head {
		t.Errorf("%v, %v; want no step on the body", steps, err)
	}
}

func waiver() *gatehouse.Waiver {
	return &gatehouse.Waiver{Because: "event stream", Owner: "feed@example.com", Until: now.AddDate(0, 1, 0)}
}

func TestWhatIsLooserTakesAWaiverThatHolds(t *testing.T) {
	over := waiver()
	over.Until = now.AddDate(0, 0, -2)
	for name, c := range map[string]*Config{
		"cards":            {Cards: "allow"},
		"ids":              {Cards: "mask", IDs: []string{"reference"}},
		"a choice":         {Cards: "hide"},
		"expired":          {Cards: "allow", Waiver: over},
		"expired too":      {Cards: "mask", Personal: over},
		"expired likewise": {Cards: "mask", Unscanned: over},
		"expired as well":  {Cards: "mask", Issues: over},
	} {
		var f *gatehouse.Fault
		if _, err := c.Compile(build()); !errors.As(err, &f) || f.Key == "" || f.Fix == "" {
			t.Errorf("%s: %v; want a fault with its key and a fix", name, err)
		}
	}
	for name, c := range map[string]*Config{
		"cards": {Cards: "allow", Waiver: waiver()}, "ids": {Cards: "block", IDs: []string{"reference"}, Waiver: waiver()}, "personal": {Cards: "mask", Personal: waiver()}, "block": {Cards: "block"},
	} {
		var sheet gatehouse.Sheet
		if _, err := c.Compile(build()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.Explain(&sheet); len(sheet.Facts) < 4 {
			t.Errorf("%s: %v", name, sheet.Facts)
		}
	}
}

func TestAnEndpointThatIssuesSecretsTakesAWaiver(t *testing.T) {
	c := defaults()
	c.Issues = waiver()
	steps, err := c.Compile(build())
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		`{"token":"ghs_abcdefghijklmnopqrstuvwxyz0123456789"}`: "", `{"uri":"postgres://u:p@db"}`: "", `{"key":"-----BEGIN PRIVATE KEY-----"}`: "",
		`{"hash":"$argon2id$v=19$m=65536"}`: "leak.blocked", `{"e":"goroutine 1 [running]"}`: "leak.blocked", `{"pan":"4111111111111111"}`: "leak.masked",
	} {
		x := &gatehouse.Exchange{}
		x.Response = gatehouse.Response{Status: 200, Body: []byte(body)}
		if v, err := steps[2].Enforce(context.Background(), x); err != nil || v.Rule() != want {
			t.Errorf("%s: %q, %v; want %q", body, v.Rule(), err, want)
		}
		x.Response = gatehouse.Response{Status: 400, Body: []byte(body)}
		if v, err := steps[2].Enforce(context.Background(), x); err != nil || v.Rule() != "leak.replaced" {
			t.Errorf("an error %s: %q, %v; want leak.replaced", body, v.Rule(), err)
		}
	}
}
