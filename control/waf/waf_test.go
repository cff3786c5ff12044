package waf

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corazawaf/libinjection-go"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const description = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /notes/{id}:
    post:
      operationId: note
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
        - {name: q, in: query, schema: {type: string}}
        - {name: n, in: query, schema: {type: integer}}
        - {name: f, in: query, explode: true, schema: {type: object, properties: {colour: {type: string}, size: {enum: [s, m]}}}}
        - {name: j, in: query, content: {application/json: {schema: {type: object, properties: {a: {type: string}, b: {enum: [x]}}}}}}
        - {name: k, in: query, content: {application/json: {schema: {type: array, items: {type: string}}}}}
        - {name: X-Doc, in: header, content: {application/json: {schema: {type: object, properties: {a: {type: string}, b: {enum: [x]}}}}}}
        - {name: c, in: cookie, schema: {type: string}}
        - {name: m, in: query, style: deepObject, schema: {type: object, additionalProperties: {type: string}}}
      requestBody:
        content:
          application/json: {schema: {type: object, properties: {text: {type: string}, list: {type: array, items: {type: string}}, kind: {enum: [a, b]}, n: {type: integer}, map: {type: object, additionalProperties: {type: string}}}}}
          application/x-www-form-urlencoded: {schema: {type: object, properties: {text: {type: string}, kind: {enum: [a, b]}}}}
          multipart/form-data: {schema: {type: object, properties: {text: {type: string}, kind: {enum: [a, b]}, meta: {type: object, properties: {a: {type: string}, b: {enum: [x]}}}, file: {type: string, contentMediaType: image/png}}}}
          text/plain: {}
      responses: {"204": {description: ok}}
`

var now = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

func build(t testing.TB) *gatehouse.Build {
	t.Helper()
	d, err := openapi.Parse("api.yaml", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	return &gatehouse.Build{API: "notes", Operation: d.Operations[0], Caps: gatehouse.AllCaps, Now: time.Now, Kept: gatehouse.NewKept()}
}

func step(t testing.TB, c *Config) gatehouse.Step {
	t.Helper()
	steps, err := c.Compile(build(t))
	if err != nil || len(steps) != 1 || steps[0].Need != gatehouse.Body || steps[0].Stage != gatehouse.Validate {
		t.Fatalf("%v, %v; want one step on the body", steps, err)
	}
	return steps[0]
}

func configured(rules string) *Config {
	c := Kind.New().(*Config)
	c.Rules = rules
	return c
}

func request(query, contentType, body string) *gatehouse.Exchange {
	x := &gatehouse.Exchange{}
	x.Request.Query = query
	if contentType != "" {
		x.Request.Fields.Add("content-type", contentType)
		x.Request.HasBody, x.Request.Body = true, []byte(body)
	}
	return x
}

func run(t testing.TB, s gatehouse.Step, x *gatehouse.Exchange) gatehouse.Verdict {
	t.Helper()
	v, err := s.Enforce(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// note returns a request whose body's member text is the given one.
func note(text string) *gatehouse.Exchange {
	return request("", "application/json", `{"kind":"a","text":`+quoted(text)+`}`)
}

// attacks are one of each kind.
var attacks = []struct{ text, reason string }{
	{"x' OR '1'='1' --", "waf.sqli"},
	{"<img src=x onerror=alert(document.cookie)>", "waf.xss"},
	{"../../../../etc/passwd", "waf.rule"},
	{"a.txt; cat /etc/passwd", "waf.rule"},
	{"${jndi:ldap://x.example/a}", "waf.rule"},
	{"<?php system($_GET['c']); ?>", "waf.rule"},
}

// benign are texts that people write; the first six are of the kinds that the
// Core Rule Set was seen to stop.
var benign = []string{
	"Please select a smaller size from the list and drop the other one, or send it back to where it came from.",
	"SELECT id, name FROM customers WHERE country = 'DE' ORDER BY name;",
	"Run this first:\n```\ncurl -s https://api.example.com/v1/orders | jq '.items[].id'\n```\nand then **restart**.",
	"query { viewer { orders(first: 10) { nodes { id total } } } }",
	"0 3 * * * /usr/local/bin/backup --all > /dev/null 2>&1",
	"I have written C since 1989 and never once called system() in anger.",
	"O'Brien & Sons, 12 King's Road; ring twice",
	"It holds if a < b and b > c, or 3 <5 and x = 2.",
	"Grüße aus Köln – bitte 2 Stück, Klingel »Müller« ☎ 0221/12345",
	"https://shop.example/search?q=blue+shoes&size=42#reviews",
}

// input.injection
func TestTheSixAttacksAreFoundWithTheirPlace(t *testing.T) {
	s := step(t, configured(quick))
	found := 0
	for _, a := range attacks {
		v := run(t, s, note(a.text))
		if v.Rule() == a.reason && v.Denied() && strings.HasSuffix(v.Detail(), " at body /text") && !strings.Contains(v.Detail(), a.text) {
			found++
			continue
		}
		t.Errorf("%s: %q %q; want %s at body /text", a.text, v.Rule(), v.Detail(), a.reason)
	}
	t.Logf("figure attacks found by the quick rules: %d/%d", found, len(attacks))
}

func TestBenignTextsThatTheQuickRulesStop(t *testing.T) {
	s := step(t, configured(quick))
	stopped := 0
	for _, text := range benign {
		if v := run(t, s, note(text)); !v.Passed() {
			t.Logf("%s %s: %.60q", v.Rule(), v.Detail(), text)
			stopped++
		}
	}
	const limit = 1
	t.Logf("figure benign texts stopped by the quick rules: %d/%d", stopped, len(benign))
	if stopped > limit {
		t.Errorf("%d of %d benign texts are stopped, limit %d", stopped, len(benign), limit)
	}
}

func TestEveryPlaceIsNamedAndNothingOfTheRequestIs(t *testing.T) {
	s := step(t, configured(quick))
	const bad = "x'+OR+1=1+--"
	const doc = "x' OR 1=1 --"
	for _, c := range []struct {
		x    *gatehouse.Exchange
		want string // the end of the detail; "" passes
	}{
		{request("q="+bad, "", ""), "query q"},
		{request("%71="+bad, "", ""), "query q"},
		{request("n="+bad, "", ""), ""}, // the control schema has refused it
		{request("colour="+bad, "", ""), "query f"},
		{request("size="+bad, "", ""), ""},
		{request("else="+bad, "", ""), "query *"},
		{request(bad+"=1", "", ""), "query *"},
		{request("m%5Ba%5D="+bad, "", ""), "query m"},
		{request("m%5Bx'+OR+1%3D1+--%5D=1", "", ""), "query m"},
		{request("j=%7B%22a%22:%22"+bad+"%22%7D", "", ""), "query j /a"},
		{request("j=%7B%22b%22:%22"+bad+"%22%7D", "", ""), ""},
		{request("j=%7B"+bad, "", ""), "query j"},
		{request("q=ok&k=%5B%22"+bad+"%22%5D", "", ""), "query k /0"},
		{request("q=%2527%2520OR%25201=1%2520--", "", ""), "query q"}, // escaped twice
		{request("", "application/json", `{"text":"`+doc+`"}`), "body /text"},
		{request("", "application/json; charset=utf-8", `{"text":"`+doc+`"}`), "body /text"},
		{request("", "Application/JSON", `{"text":"x\u0027 OR 1=1 --"}`), "body /text"},
		{request("", "application/merge-patch+json", `{"text":"`+doc+`"}`), "body /text"},
		{request("", "application/json", `{"kind":"`+doc+`"}`), ""},
		{request("", "application/json", `{"list":["a","`+doc+`"]}`), "body /list/1"},
		{request("", "application/json", `{"map":{"a":"`+doc+`"}}`), "body /map/a"},
		{request("", "application/json", `{"map":{"`+doc+`":"a"}}`), "body /map/*"},
		{request("", "application/json", `{"else":"`+doc+`"}`), "body /else"},
		{request("", "application/x-www-form-urlencoded", "text="+bad), "form text"},
		{request("", "application/x-www-form-urlencoded", "kind="+bad), ""},
		{request("", "application/x-www-form-urlencoded", "else="+bad), "form *"},
		{parts(`name="text"`, "", doc), "part text"},
		{parts(`name="kind"`, "", doc), ""},
		{parts(`name="text"`, "text/plain; charset=utf-8", doc), "part text"},
		{parts(`name="meta"`, "application/json", `{"b":"`+doc+`"}`), ""},
		{parts(`name="meta"`, "application/json", `{"a":"`+doc+`"}`), "part meta /a"},
		{parts(`name="meta"`, "", `{"b":"x","a":"`+doc+`"}`), "part meta /a"},
		{parts(`name="file"; filename="x' OR 1=1 --"`, "image/png", "\x89PNG"), "file name of file"},
		{parts(`name="file"; filename="a.png"`, "image/png", doc), ""},
		{parts(`name="else"`, "", doc), "part *"},
	} {
		v := run(t, s, c.x)
		switch {
		case c.want == "" && v.Passed():
		case c.want != "" && v.Rule() == "waf.sqli" && v.Detail() == "libinjection at "+c.want:
		default:
			t.Errorf("%s %s: %q %q; want %q", c.x.Request.Query, c.x.Request.Body, v.Rule(), v.Detail(), c.want)
		}
	}
}

// parts returns a form of one part.
func parts(disposition, contentType, content string) *gatehouse.Exchange {
	head := "Content-Disposition: form-data; " + disposition + "\r\n"
	if contentType != "" {
		head += "Content-Type: " + contentType + "\r\n"
	}
	return request("", "multipart/form-data; boundary=b", "--b\r\n"+head+"\r\n"+content+"\r\n--b--\r\n")
}

func TestPathFieldsAndCookiesAreLookedAt(t *testing.T) {
	s := step(t, configured(quick))
	const bad = "1' OR 1=1 --"
	for _, c := range []struct{ path, field, value, want string }{
		{bad, "", "", "path id"},
		{"1", "x-doc", `{"a":"` + bad + `"}`, "header x-doc /a"},
		{"1", "x-doc", `{"b":"` + bad + `"}`, ""},
		{"1", "x-else", bad, ""},
		{"1", "cookie", "b=1; c=" + bad, "cookie c"},
		{"1", "cookie", "b=" + bad + "; c=1", ""},
	} {
		x := request("", "", "")
		x.Request.Params = []gatehouse.Param{{Name: "id", Value: c.path}}
		x.Request.Fields.Add(c.field, c.value)
		if v := run(t, s, x); c.want == "" && !v.Passed() || c.want != "" && v.Detail() != "libinjection at "+c.want {
			t.Errorf("%+v: %q %q", c, v.Rule(), v.Detail())
		}
	}
}

func TestWhatHasNoMembersIsNotReadAndTheTrailSaysSo(t *testing.T) {
	s := step(t, configured(quick))
	for _, x := range []*gatehouse.Exchange{request("", "text/plain", "x' OR 1=1 --"), request("", "application/json", "{"), request("", "multipart/form-data; boundary=x", "--x--"), parts(`name="file"; filename="a.png"`, "image/png", "\x89PNG")} {
		if v := run(t, s, x); !v.Passed() || v.Rule() != "waf.unread" {
			t.Errorf("%s: %q", x.Request.Body, v.Rule())
		}
	}
}

// TestTheLiteralsLetPassOnlyWhatLibinjectionClears runs the inputs of
// libinjection's own tests: the literals spare it work and must not hide anything.
func TestTheLiteralsLetPassOnlyWhatLibinjectionClears(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/corazawaf/libinjection-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "tests", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLiterals()
	if err != nil {
		t.Fatal(err)
	}
	inputs, found := 0, 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, ok := strings.Cut(string(b), "--INPUT--\n")
		if !ok {
			continue
		}
		inputs++
		text, _, _ := strings.Cut(rest, "\n--EXPECTED--")
		signs, _ := l.find(text)
		if is, _ := libinjection.IsSQLi(text); is {
			if found++; signs&ofSQL == 0 {
				t.Errorf("%q is SQL and has none of the literals", text)
			}
		}
		if libinjection.IsXSS(text) {
			if found++; signs&ofHTML == 0 {
				t.Errorf("%q is a script and has none of the literals", text)
			}
		}
	}
	t.Logf("figure inputs of libinjection's tests that the literals hide from it: 0/%d found of %d", found, inputs)
	if inputs != 496 || found < 100 {
		t.Errorf("%d inputs, %d found; want 496 and over 100", inputs, found)
	}
}

// A filter without a bound on the text is a way to keep the gateway busy.
func TestAHugeTextCostsNoMoreThanTheBound(t *testing.T) {
	for _, piece := range []string{"'", "<a ", "1,(", `"><`, "/*", "<!--", "${", "%27"} {
		huge := strings.Repeat(piece, (1<<20)/len(piece))
		x := note(huge)
		s := step(t, configured(quick))
		start := time.Now()
		v := run(t, s, x)
		took := time.Since(start)
		if strings.ContainsAny(piece, "'<(") && (v.Rule() != "waf.unscanned" || v.Answer().Status != 413) && v.Rule() != "waf.sqli" && v.Rule() != "waf.xss" {
			t.Errorf("%q: %q; want it found or waf.unscanned", piece, v.Rule())
		}
		t.Logf("figure 1 MiB of %q: %v/250ms %s", piece, took.Round(10*time.Microsecond), v.Rule())
		if took > 250*time.Millisecond && !race.Enabled {
			t.Errorf("1 MiB of %q took %v", piece, took)
		}
	}
}

func TestManySmallTextsAreBoundedToo(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"list":["a'b"`)
	for range 100_000 {
		b.WriteString(`,"a'b"`)
	}
	b.WriteString(`]}`)
	v := run(t, step(t, configured(quick)), request("", "application/json", b.String()))
	if v.Rule() != "waf.unscanned" {
		t.Errorf("%q", v.Rule())
	}
}

func TestWhatIsBeyondTheBoundPassesWithAWaiverOnly(t *testing.T) {
	c := configured(quick)
	c.MaxText = 50
	long := strings.Repeat("it's ", 20)
	if v := run(t, step(t, c), note(long)); v.Rule() != "waf.unscanned" || !v.Denied() {
		t.Errorf("%q", v.Rule())
	}
	c.Unscanned = &gatehouse.Waiver{Because: "long letters", Owner: "letters@example.com", Until: time.Now().AddDate(0, 1, 0)}
	if v := run(t, step(t, c), note(long)); v.Rule() != "waf.unscanned" || !v.Passed() {
		t.Errorf("%q", v.Rule())
	}
	// An attack within the bound is found all the same.
	if v := run(t, step(t, c), note("x' OR 1=1 --"+long)); v.Rule() != "waf.sqli" {
		t.Errorf("%q", v.Rule())
	}
}

func TestABodyThatWasCutShortWasNotLookedAt(t *testing.T) {
	x := note("hello")
	x.Request.BodyTooLarge = true
	if v := run(t, step(t, configured(quick)), x); v.Rule() != "waf.unscanned" {
		t.Errorf("%q", v.Rule())
	}
}

func TestItIsOffUntilItIsAskedForAndThenInShadow(t *testing.T) {
	if Kind.Mode != gatehouse.Shadow {
		t.Error("it would enforce")
	}
	if steps, err := Kind.New().Compile(build(t)); err != nil || steps != nil {
		t.Errorf("%v, %v; want nothing", steps, err)
	}
	b := build(t)
	b.Operation = nil
	if steps, err := configured(quick).Compile(b); err != nil || steps != nil {
		t.Errorf("undeclared: %v, %v; want nothing", steps, err)
	}
}

func TestLooseBoundsNeedAWaiver(t *testing.T) {
	good := &gatehouse.Waiver{Because: "long letters", Owner: "letters@example.com", Until: time.Now().AddDate(0, 1, 0)}
	old := &gatehouse.Waiver{Because: "long letters", Owner: "letters@example.com", Until: now.AddDate(-1, 0, 0)}
	for _, c := range []struct {
		change func(*Config)
		key    string
	}{
		{func(c *Config) { c.Rules = "all" }, "rules"},
		{func(c *Config) { c.MaxText = 0 }, "max_text"},
		{func(c *Config) { c.MaxText = maxText + 1 }, "max_text"},
		{func(c *Config) { c.MaxText, c.Waiver = maxText+1, old }, "waiver"},
		{func(c *Config) { c.Budget = -1 }, "budget"},
		{func(c *Config) { c.Budget = time.Second }, "budget"},
		{func(c *Config) { c.Unscanned = old }, "unscanned"},
		{func(c *Config) { c.MaxText, c.Budget, c.Waiver, c.Unscanned = maxText*2, time.Second, good, good }, ""},
	} {
		k := configured(quick)
		c.change(k)
		_, err := k.Compile(build(t))
		var fault *gatehouse.Fault
		if c.key == "" && err != nil || c.key != "" && (!errors.As(err, &fault) || fault.Key != c.key || fault.Fix == "") {
			t.Errorf("%+v: %v; want a fault of %q", k, err, c.key)
		}
	}
}

func TestOrdinaryRequestsAllocateNothing(t *testing.T) {
	s := step(t, configured(quick))
	x, body := request("q=blue+shoes&n=1&m%5Ba%5D=b", "application/json", ""), []byte(`{"kind":"a","text":"leave it at the door, please","list":["one","two"],"n":3}`)
	ctx, passed := context.Background(), 0
	if n := testing.AllocsPerRun(200, func() {
		x.Request.Body = body
		if v, err := s.Enforce(ctx, x); err == nil && v.Silent() {
			passed++
		}
	}); n != 0 && !race.Enabled || passed != 201 {
		t.Errorf("%v allocations, %d passed", n, passed)
	}
}

// quoted returns a text as JSON; what is no UTF-8 is none.
func quoted(text string) string {
	b, err := json.Marshal(strings.ReplaceAll(text, "\x00", ""))
	if err != nil {
		panic(err)
	}
	return string(b)
}

func BenchmarkQuick(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"40 plain", "leave it at the door on the left, please"}, {"40 with an apostrophe", "leave it at O'Brien's, the door on left."},
		{"8K plain", strings.Repeat("leave it at the door on the left, please", 204)}, {"8K of apostrophes", strings.Repeat("'", maxText-20)},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, x := step(b, configured(quick)), note(c.text)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Enforce(b.Context(), x); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzEscapes(f *testing.F) {
	f.Add("a%27+b%2", true)
	f.Fuzz(func(t *testing.T, text string, plus bool) {
		to, plain := unescape([]byte("x"), text, plus)
		if plain && strings.ContainsRune(text, '+') && plus {
			t.Errorf("%q is plain", text)
		}
		if len(to) > len(text)+1 || to[0] != 'x' {
			t.Errorf("%q became %q", text, to)
		}
	})
}

// Whatever comes, there is a verdict, and its cause holds no byte of a value.
func FuzzRequests(f *testing.F) {
	f.Add("q=%27&m%5Ba%5D=b&j=%7B%7D", "c=1; d", "application/json", `{"text":"' OR 1=1 --"}`)
	f.Add("&=&%", ";=;", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n<script>\r\n--b--\r\n")
	f.Add("colour=1", "", "application/x-www-form-urlencoded", "text=%3Cscript%3E&metadata[%27]=1")
	s := step(f, configured(quick))
	f.Fuzz(func(t *testing.T, query, cookie, contentType, body string) {
		x := request(query, contentType, body)
		x.Request.Fields.Add("cookie", cookie)
		v, err := s.Enforce(context.Background(), x)
		if err != nil {
			t.Fatal(err)
		}
		if v.Denied() && v.Rule() != "waf.unscanned" && !strings.Contains(v.Detail(), " at ") || strings.ContainsAny(v.Detail(), "'<>\"=") {
			t.Errorf("%q %q", v.Rule(), v.Detail())
		}
	})
}
