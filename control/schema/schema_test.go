package schema_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/schema"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const description = `openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /v1/orders/{orderId}:
    parameters: [{name: orderId, in: path, required: true, schema: {type: string, pattern: "^[a-z0-9-]+$", maxLength: 36}}]
    get:
      operationId: get
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1}}
        - {name: page_size, in: query, schema: {type: integer, maximum: 5000}}
        - {name: q, in: query, schema: {type: string}}
        - {name: status, in: query, schema: {type: string, enum: [open, shipped]}}
        - {name: on, in: query, schema: {type: boolean}}
        - {name: ids, in: query, schema: {type: array, items: {type: integer}, maxItems: 3}}
        - {name: tags, in: query, explode: false, schema: {type: array, items: {type: string, maxLength: 3}}}
        - {name: pipe, in: query, style: pipeDelimited, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: filter, in: query, style: deepObject, explode: true, schema: {type: object, properties: {min: {type: integer}, name: {type: string}}}}
        - {name: point, in: query, schema: {type: object, required: [lat], properties: {lat: {type: number}, lon: {type: number}}}}
        - {name: doc, in: query, content: {application/json: {schema: {type: object, properties: {a: {type: integer}}}}}}
        - {name: mixed, in: query, schema: {oneOf: [{type: integer, maximum: 9}, {type: string, maxLength: 2}]}}
        - {name: X-Mode, in: header, schema: {type: string, enum: [fast, safe]}}
        - {name: X-Ids, in: header, schema: {type: array, items: {type: integer}}}
        - {name: theme, in: cookie, schema: {type: string, enum: [dark, light]}}
      responses: {"200": {description: ok}}
    put:
      operationId: put
      parameters: [{name: If-Match, in: header, required: true, schema: {type: string}}, {name: v, in: query, required: true, schema: {type: integer}}]
      responses: {"200": {description: ok}}
    post:
      operationId: post
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: "#/components/schemas/Order"}}
          application/x-www-form-urlencoded: {schema: {$ref: "#/components/schemas/Order"}}
          text/csv: {}
      responses: {"200": {description: ok}}
components:
  schemas:
    Order:
      type: object
      required: [item, quantity]
      properties:
        id: {type: string, readOnly: true}
        item: {type: string, maxLength: 10}
        quantity: {type: integer, minimum: 1, maximum: 1000}
        note: {type: string}
        big: {type: integer, format: int64}
        list: {type: array, items: {type: integer}}
        role: {type: string, enum: [user]}
        meta: {type: object, additionalProperties: {type: string}}
`

func steps(t testing.TB, id string, c gatehouse.Control) []gatehouse.Step {
	t.Helper()
	d, err := openapi.Parse("t.yaml", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(&gatehouse.Build{Operation: d.Operation(id), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t testing.TB, list []gatehouse.Step, x *gatehouse.Exchange) (rule, detail string) {
	t.Helper()
	for _, s := range list {
		v, err := s.Enforce(context.Background(), x)
		if err != nil {
			t.Fatal(err)
		}
		if v.Denied() {
			return v.Rule(), v.Detail()
		}
	}
	return "", ""
}

func get(query string) *gatehouse.Exchange {
	x := &gatehouse.Exchange{}
	x.Request.Query = query
	x.Request.Params = []gatehouse.Param{{Name: "orderId", Value: "a-1"}}
	return x
}

func post(contentType, body string) *gatehouse.Exchange {
	x := get("")
	x.Request.Fields.Add("content-type", contentType)
	x.Request.HasBody, x.Request.Body = true, []byte(body)
	return x
}

// input.openapi, input.type, input.size, input.enum, input.no-extra, input.pagination
func TestQueriesAreAsDeclared(t *testing.T) {
	list := steps(t, "get", schema.Kind.New())
	for query, want := range map[string]string{
		"":                                 "",
		"limit=5":                          "",
		"limit=100":                        "",
		"limit=-1":                         "schema.query",
		"limit=101":                        "schema.query",
		"limit=999999999":                  "schema.query",
		"limit=0":                          "schema.query",
		"limit=":                           "schema.query",
		"limit":                            "schema.query",
		"limit=5.0":                        "schema.query",
		"limit=5e0":                        "schema.query",
		"limit=%2B5":                       "schema.query",
		"limit=05":                         "schema.query",
		"limit=0x5":                        "schema.query",
		"limit=5%00":                       "schema.query",
		"limit=5&limit=999":                "schema.duplicate",
		"limit=5&%6Cimit=999":              "schema.duplicate",
		"LIMIT=999":                        "schema.undeclared",
		"unknown=1":                        "schema.undeclared",
		"limit%00=1":                       "schema.undeclared",
		"limit[]=1":                        "schema.undeclared",
		"page_size=5000":                   "",
		"page_size=5001":                   "schema.query",
		"q=caf%C3%A9+x":                    "",
		"q=" + strings.Repeat("a", 10_240): "",
		"q=" + strings.Repeat("a", 10_241): "schema.query",
		"status=open":                      "",
		"q=a%00b":                          "schema.query",
		"q=%FF":                            "schema.query",
		"q=%ED%A0%80":                      "schema.query",
		"tags=a,%FF":                       "schema.query",
		"filter[name]=%FF":                 "schema.query",
		"filter[%FF]=x":                    "schema.query",
		"status=OPEN":                      "schema.query",
		"status=%6Fpen":                    "",
		"on=true":                          "",
		"on=1":                             "schema.query",
		"ids=1&ids=2":                      "",
		"ids=1&q=x&ids=x":                  "schema.query",
		"ids=1&ids=2&ids=3&ids=4":          "schema.query",
		"ids=1,2":                          "schema.query",
		"tags=a,b,ccc":                     "",
		"tags=a,bbbb":                      "schema.query",
		"tags=a%2Cbb":                      "schema.query",
		"tags=a&tags=b":                    "schema.duplicate",
		"pipe=1%7C2":                       "",
		"pipe=1|2":                         "",
		"pipe=1,2":                         "schema.query",
		"filter[min]=1&filter[name]=x":     "",
		"filter%5Bmin%5D=1":                "",
		"filter[min]=x":                    "schema.query",
		"filter[min]=1&filter[min]=2":      "schema.duplicate",
		"filter[other]=1":                  "schema.undeclared",
		"filter[a][b]=1":                   "schema.undeclared",
		"filter=1":                         "schema.undeclared",
		"lat=1.5&lon=2":                    "",
		"lon=2":                            "schema.query",
		"point=1":                          "schema.undeclared",
		"doc=%7B%22a%22:1%7D":              "",
		"doc=%7B%22a%22:1,%22a%22:2%7D":    "schema.query",
		"doc=%7B%22b%22:1%7D":              "schema.undeclared",
		"mixed=9":                          "",
		"mixed=10":                         "",
		"mixed=100":                        "schema.query",
	} {
		if rule, detail := run(t, list, get(query)); rule != want {
			t.Errorf("%.60q: %q (%s), want %q", query, rule, detail, want)
		}
	}
}

func TestPathHeadersAndCookiesAreAsDeclared(t *testing.T) {
	list := steps(t, "get", schema.Kind.New())
	field := func(name, value string) func(*gatehouse.Exchange) {
		return func(x *gatehouse.Exchange) { x.Request.Fields.Add(name, value) }
	}
	for name, c := range map[string]struct {
		f    func(*gatehouse.Exchange)
		want string
	}{
		"a path parameter by its pattern": {func(x *gatehouse.Exchange) { x.Request.Params[0].Value = "A!" }, "schema.path"},
		"a path parameter too long":       {func(x *gatehouse.Exchange) { x.Request.Params[0].Value = strings.Repeat("a", 37) }, "schema.path"},
		"a path parameter that is gone":   {func(x *gatehouse.Exchange) { x.Request.Params = nil }, "schema.path"},
		"a header":                        {field("x-mode", "fast"), ""},
		"a header by its enum":            {field("x-mode", "slow"), "schema.header"},
		"a header twice":                  {func(x *gatehouse.Exchange) { field("x-mode", "fast")(x); field("x-mode", "safe")(x) }, "schema.duplicate"},
		"a header that is a list":         {field("x-ids", "1,2"), ""},
		"a list of something else":        {field("x-ids", "1,x"), "schema.header"},
		"headers nobody declared":         {field("x-other", "1"), ""},
		"a cookie":                        {field("cookie", "sid=1; theme=dark"), ""},
		"a cookie by its enum":            {field("cookie", "theme=red"), "schema.cookie"},
		"a cookie twice":                  {field("cookie", "theme=dark; theme=light"), "schema.duplicate"},
		"a body nobody declared":          {func(x *gatehouse.Exchange) { x.Request.HasBody = true }, "schema.unexpected_body"},
	} {
		x := get("")
		c.f(x)
		if rule, detail := run(t, list, x); rule != c.want {
			t.Errorf("%s: %q (%s), want %q", name, rule, detail, c.want)
		}
	}
	put := steps(t, "put", schema.Kind.New())
	if rule, _ := run(t, put, get("v=1")); rule != "schema.header" {
		t.Errorf("a required header is missing: %q", rule)
	}
	x := get("")
	x.Request.Fields.Add("if-match", `"1"`)
	if rule, _ := run(t, put, x); rule != "schema.query" {
		t.Errorf("a required query parameter is missing: %q", rule)
	}
}

// input.json-strict, input.no-extra, authz.property, R22
func TestJSONBodiesAreAsDeclared(t *testing.T) {
	list := steps(t, "post", schema.Kind.New())
	for body, want := range map[string]string{
		`{"item":"book","quantity":1}`:                                           "",
		`{"item":"book","quantity":1.0}`:                                         "",
		`{"item":"book"}`:                                                        "schema.body",
		`{"item":"book","quantity":1001}`:                                        "schema.body",
		`{"item":"book","quantity":1e9}`:                                         "schema.body",
		`{"item":"book","quantity":"1"}`:                                         "schema.body",
		`{"item":"elevenchars","quantity":1}`:                                    "schema.body",
		`{"item":"ééééééééé","quantity":1}`:                                      "",
		`{"item":null,"quantity":1}`:                                             "schema.body",
		`{"item":"b","quantity":1,"admin":true}`:                                 "schema.undeclared",
		`{"item":"b","quantity":1,"Item":"x"}`:                                   "schema.undeclared",
		`{"item":"b","quantity":1,"__proto__":{}}`:                               "schema.undeclared",
		`{"item":"b","quantity":1,"id":"7"}`:                                     "schema.body",
		`{"item":"b","quantity":1,"role":"user"}`:                                "",
		`{"item":"b","quantity":1,"role":"admin","role":"user"}`:                 "schema.json",
		`{"item":"b","quantity":1,"role":"user","ro\u006ce":"admin"}`:            "schema.json",
		`{"item":"b","quantity":1}{"item":"c"}`:                                  "schema.json",
		`{"item":"b","quantity":1} trailing`:                                     "schema.json",
		"\xEF\xBB\xBF" + `{"item":"b","quantity":1}`:                             "schema.json",
		`{"item":"\ud800","quantity":1}`:                                         "schema.json",
		`{"item":"b","quantity":NaN}`:                                            "schema.json",
		``:                                                                       "schema.json",
		strings.Repeat("[", 100_000):                                             "schema.json",
		`{"item":"b","quantity":1,"big":9223372036854775807}`:                    "",
		`{"item":"b","quantity":1,"big":9223372036854775808}`:                    "schema.body",
		`{"item":"b","quantity":1,"meta":{"k":"v"}}`:                             "",
		`{"item":"b","quantity":1,"meta":{"__proto__":"v"}}`:                     "schema.body",
		`{"item":"b","quantity":1,"note":"` + strings.Repeat("x", 10_241) + `"}`: "schema.body",
		`{"item":"b","quantity":1,"list":[1` + strings.Repeat(",1", 999) + `]}`:  "",
		`{"item":"b","quantity":1,"list":[1` + strings.Repeat(",1", 1000) + `]}`: "schema.body",
		`[]`: "schema.body",
	} {
		rule, detail := run(t, list, post("application/json; charset=utf-8", body))
		if rule != want {
			t.Errorf("%.80q: %q (%s), want %q", body, rule, detail, want)
		}
		if strings.Contains(detail, "admin") && !strings.Contains(body, `"admin":true`) {
			t.Errorf("%.80q: the detail holds a value: %s", body, detail)
		}
	}
	if rule, _ := run(t, list, get("")); rule != "schema.missing_body" {
		t.Errorf("no body: %q", rule)
	}
	if rule, _ := run(t, list, post("text/plain", "{}")); rule != "schema.content_type" {
		t.Errorf("JSON sent as text: %q", rule)
	}
	if rule, _ := run(t, list, post("text/csv", "a,b")); rule != "" {
		t.Errorf("a declared type without members: %q", rule)
	}
}

func TestFormBodiesAreAsDeclared(t *testing.T) {
	list := steps(t, "post", schema.Kind.New())
	for body, want := range map[string]string{
		"item=a+book&quantity=1":          "",
		"item=b&quantity=1&list=1&list=2": "",
		"item=b&quantity=1&list=1&list=x": "schema.body",
		"item=b&quantity=x":               "schema.body",
		"item=b":                          "schema.body",
		"item=b&quantity=1&admin=1":       "schema.undeclared",
		"item=b&quantity=1&quantity=2":    "schema.duplicate",
		"item=b&quantity=1&%71uantity=2":  "schema.duplicate",
		"item=b;quantity=1":               "schema.form",
		"item=%zz&quantity=1":             "schema.form",
		"item=%ff&quantity=1":             "schema.form",
		"item=a%00&quantity=1":            "schema.form",
	} {
		if rule, detail := run(t, list, post("application/x-www-form-urlencoded", body)); rule != want {
			t.Errorf("%q: %q (%s), want %q", body, rule, detail, want)
		}
	}
}

func TestABoundIsLoosenedByAWaiverOnly(t *testing.T) {
	d, err := openapi.Parse("t.yaml", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	b := &gatehouse.Build{Operation: d.Operation("post"), Now: time.Now}
	waiver := &gatehouse.Waiver{Because: "b", Owner: "o", Until: time.Now().AddDate(0, 1, 0)}
	for name, set := range map[string]func(*schema.Config){
		"undeclared": func(c *schema.Config) { c.Undeclared = "allow" }, "pages": func(c *schema.Config) { c.PaginationMax = 101 }, "offsets": func(c *schema.Config) { c.OffsetMax = 10_001 },
		"strings": func(c *schema.Config) { c.MaxString = 10_241 }, "arrays": func(c *schema.Config) { c.MaxItems = 1001 },
		"parts": func(c *schema.Config) { c.MaxParts = 65 }, "files": func(c *schema.Config) { c.MaxFile = 10<<20 + 1 },
	} {
		c := schema.Kind.New().(*schema.Config)
		set(c)
		if _, err := c.Compile(b); err == nil {
			t.Errorf("%s: loose without a waiver", name)
		}
		if c.Waiver = waiver; true {
			if _, err := c.Compile(b); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if c.Waiver = (&gatehouse.Waiver{Until: time.Now().AddDate(0, -1, 0)}); true {
			if _, err := c.Compile(b); err == nil {
				t.Errorf("%s: the waiver ended", name)
			}
		}
	}
	for _, c := range []*schema.Config{{Undeclared: "maybe", PaginationMax: 1, MaxString: 1, MaxItems: 1}, {Undeclared: "reject"}} {
		if _, err := c.Compile(b); err == nil {
			t.Errorf("%+v compiles", c)
		}
	}
	c := schema.Kind.New().(*schema.Config)
	c.Undeclared, c.Waiver = "allow", waiver
	list, err := c.Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	if rule, _ := run(t, list, post("application/json", `{"item":"b","quantity":1,"extra":true}`)); rule != "" {
		t.Errorf("allowed by waiver: %q", rule)
	}
	if rule, _ := run(t, list, post("application/json", `{"item":"b","quantity":1,"ITEM":"x"}`)); rule == "" {
		t.Error("a name that differs in case only passes although a program may fold it")
	}
}

func TestNothingIsAllocatedWhenARequestIsAccepted(t *testing.T) {
	x := get("limit=5&q=caf%C3%A9&status=open&ids=1&ids=2&tags=a,b&filter[min]=1&on=true")
	x.Request.Fields = gatehouse.Fields{{Name: "x-mode", Value: "fast"}, {Name: "x-ids", Value: "1,2"}, {Name: "cookie", Value: "sid=1; theme=dark"}}
	y := post("application/json", `{"item":"book","quantity":1,"note":"caf\u00e9","list":[1,2,3],"meta":{"a":"b"}}`)
	z := post("application/x-www-form-urlencoded", "item=a+book&quantity=1&list=1&list=2")
	for name, c := range map[string]struct {
		id string
		x  *gatehouse.Exchange
	}{"query": {"get", x}, "json": {"post", y}, "form": {"post", z}} {
		list := steps(t, c.id, schema.Kind.New())
		if n := testing.AllocsPerRun(100, func() {
			if rule, detail := run(t, list, c.x); rule != "" {
				t.Fatal(name, rule, detail)
			}
			if c.x.Request.Parsed != nil {
				c.x.Request.Parsed.Reset()
			}
		}); n != 0 && !race.Enabled {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
