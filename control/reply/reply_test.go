package reply_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/reply"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const description = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /a:
    get:
      operationId: a
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/User"}}, text/csv: {}}}
        "201": {description: free, content: {application/json: {schema: {type: object}}}}
        "204": {description: none}
        "422": {description: wrong, content: {application/json: {schema: {type: object, properties: {error: {type: string}}}}}}
  /b:
    get: {operationId: b, responses: {"2XX": {description: ok}}}
components:
  schemas:
    Named: {type: object, properties: {name: {type: string}}}
    User:
      allOf:
        - $ref: "#/components/schemas/Named"
        - type: object
          properties:
            id: {type: integer}
            password: {type: string, writeOnly: true}
            tags: {type: object, additionalProperties: {type: string}}
            friends: {type: array, items: {$ref: "#/components/schemas/Named"}}
            contact: {oneOf: [{type: object, required: [mail], properties: {mail: {type: string}}}, {type: object, required: [phone], properties: {phone: {type: string}}}]}
            extra: {type: object, additionalProperties: true, properties: {a: {type: integer}}}
            open: {type: object, additionalProperties: true}
`

func steps(t testing.TB, id string, set func(*reply.Config)) []gatehouse.Step {
	t.Helper()
	d, err := openapi.Parse("t.yaml", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	c := reply.Kind.New().(*reply.Config)
	if set != nil {
		set(c)
	}
	s, err := c.Compile(&gatehouse.Build{Operation: d.Operation(id), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func answer(status int, contentType, body string) *gatehouse.Exchange {
	x := &gatehouse.Exchange{}
	x.Response.Status, x.Response.Body = status, []byte(body)
	if contentType != "" {
		x.Response.Fields = gatehouse.Fields{{Name: "content-type", Value: contentType}, {Name: "etag", Value: `"1"`}}
	}
	return x
}

func run(t testing.TB, list []gatehouse.Step, x *gatehouse.Exchange) (rule string) {
	t.Helper()
	for _, s := range list {
		v, err := s.Enforce(context.Background(), x)
		if err != nil {
			t.Fatal(err)
		}
		if rule = v.Rule(); v.Denied() {
			return rule
		}
	}
	return ""
}

// output.filter
func TestOnlyDeclaredMembersLeave(t *testing.T) {
	list := steps(t, "a", nil)
	for in, want := range map[string]string{
		`{"id":1,"name":"x"}`:                                               `{"id":1,"name":"x"}`,
		`{ "id" : 1, "password_hash":"$2a$", "name":"x" }`:                  `{ "id" : 1, "name":"x" }`,
		`{"id":1,"password":"secret"}`:                                      `{"id":1}`,
		`{"id":1,"tags":{"any":"thing"}}`:                                   `{"id":1,"tags":{"any":"thing"}}`,
		`{"friends":[{"name":"a","ssn":"1"},{"ssn":"2"}]}`:                  `{"friends":[{"name":"a"},{}]}`,
		`{"contact":{"mail":"m","phone2":"p","note":{"deep":1}}}`:           `{"contact":{"mail":"m"}}`,
		`{"contact":{"phone":"p","internal":true}}`:                         `{"contact":{"phone":"p"}}`,
		`{"contact":{"neither":"p","mail2":1}}`:                             `{"contact":{}}`,
		`{"extra":{"a":1,"b":2}}`:                                           `{"extra":{"a":1}}`,
		`{"open":{"a":1,"b":2}}`:                                            `{"open":{"a":1,"b":2}}`,
		`{"id":"not an integer","secret":1,"friends":[{"name":7,"ssn":1}]}`: `{"id":"not an integer","friends":[{"name":7}]}`,
		`{"Name":"x"}`:                              `{}`,
		`{"n\u0061me":"x","s\u0065cret":1}`:         `{"n\u0061me":"x"}`,
		`{"id":{"secret":1},"name":[{"secret":2}]}`: `{"id":{},"name":[]}`,
		`{"friends":{"secret":1}}`:                  `{"friends":{}}`,
		`{"friends":[[{"secret":1}],"x"]}`:          `{"friends":[[],"x"]}`,
		`[{"secret":1}]`:                            `[]`,
		`"plain"`:                                   `"plain"`,
		`{"a":1,"b":2}`:                             `{}`,
	} {
		x := answer(200, "application/json", in)
		if rule := run(t, list, x); rule != "" || string(x.Response.Body) != want {
			t.Errorf("%s: %q %s, want %s", in, rule, x.Response.Body, want)
		}
		if changed := in != want; changed == x.Response.Fields.Has("etag") {
			t.Errorf("%s: the etag speaks of other bytes", in)
		}
	}
	x := answer(201, "application/json", `{"free":"form"}`)
	if rule := run(t, list, x); rule != "" || string(x.Response.Body) != `{"free":"form"}` {
		t.Errorf("an object of which nothing is said: %q %s", rule, x.Response.Body)
	}
}

// output.validate
func TestOnlyDeclaredRepliesLeave(t *testing.T) {
	list := steps(t, "a", nil)
	for name, c := range map[string]struct {
		x    *gatehouse.Exchange
		want string
	}{
		"an undeclared success":            {answer(202, "application/json", `{}`), "reply.undeclared_status"},
		"a redirect":                       {answer(302, "", ""), "reply.undeclared_status"},
		"not modified":                     {answer(304, "", ""), ""},
		"nothing, declared":                {answer(204, "", ""), ""},
		"an error":                         {answer(500, "text/plain", "oops"), ""},
		"an undeclared media type":         {answer(200, "text/html", "<p>"), "reply.undeclared_type"},
		"a declared one":                   {answer(200, "text/csv", "a,b"), ""},
		"JSON that is none":                {answer(200, "application/json", `{"id":1`), "reply.unreadable"},
		"two documents":                    {answer(200, "application/json", `{"id":1}{"password_hash":1}`), "reply.unreadable"},
		"duplicate members":                {answer(200, "application/json", `{"id":1,"id":2}`), "reply.unreadable"},
		"no media type, JSON all the same": {answer(200, "", `{"id":1,"id":2}`), "reply.unreadable"},
	} {
		if rule := run(t, list, c.x); rule != c.want {
			t.Errorf("%s: %q, want %q", name, rule, c.want)
		}
	}
	x := answer(422, "application/json", `{"error":"no","stack":"at main.go:1"}`)
	if rule := run(t, list, x); rule != "" || strings.Contains(string(x.Response.Body), "stack") {
		t.Errorf("a declared error: %q %s", rule, x.Response.Body)
	}
	x = answer(200, "application/json", `{"id":1}`)
	x.Response.BodyTooLarge = true
	if rule := run(t, list, x); rule != "reply.unreadable" {
		t.Errorf("too large: %q", rule)
	}
	x = answer(200, "application/json", "\x1f\x8b")
	x.Response.Fields.Add("content-encoding", "gzip")
	if rule := run(t, list, x); rule != "reply.unreadable" {
		t.Errorf("encoded: %q", rule)
	}
	x = answer(299, "application/json", `{}`)
	if rule := run(t, steps(t, "b", nil), x); rule != "" {
		t.Errorf("a range of statuses: %q", rule)
	}
	x = answer(503, "", "")
	x.Response.Own = true
	if rule := run(t, list, x); rule != "" {
		t.Errorf("our own answer: %q", rule)
	}
}

func TestTheModesDoWhatTheySay(t *testing.T) {
	waiver := &gatehouse.Waiver{Because: "b", Owner: "o", Until: time.Now().AddDate(0, 1, 0)}
	x := answer(200, "application/json", `{"id":1,"hash":2}`)
	if rule := run(t, steps(t, "a", func(c *reply.Config) { c.Undeclared = "reject" }), x); rule != "reply.undeclared" {
		t.Errorf("reject: %q", rule)
	}
	x = answer(200, "application/json", `{"id":1,"hash":2,"password":"x"}`)
	if rule := run(t, steps(t, "a", func(c *reply.Config) { c.Undeclared, c.Waiver = "allow", waiver }), x); rule != "" || string(x.Response.Body) != `{"id":1,"hash":2}` {
		t.Errorf("allow: %q %s", rule, x.Response.Body)
	}
	x = answer(200, "application/json", `{"id":"x"}`)
	if rule := run(t, steps(t, "a", func(c *reply.Config) { c.OnInvalid = "refuse" }), x); rule != "reply.invalid" {
		t.Errorf("refuse invalid: %q", rule)
	}
	x = answer(202, "application/json", `{}`)
	if rule := run(t, steps(t, "a", func(c *reply.Config) { c.OnUndeclaredStatus, c.Waiver = "report", waiver }), x); rule != "" {
		t.Errorf("report: %q", rule)
	}
	d, err := openapi.Parse("t.yaml", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*reply.Config{
		{Undeclared: "allow", OnUndeclaredStatus: "refuse", OnInvalid: "report"}, {Undeclared: "strip", OnUndeclaredStatus: "report", OnInvalid: "report"},
		{Undeclared: "x", OnUndeclaredStatus: "refuse", OnInvalid: "report"}, {Undeclared: "strip", OnUndeclaredStatus: "refuse"},
	} {
		if _, err := c.Compile(&gatehouse.Build{Operation: d.Operation("a"), Now: time.Now}); err == nil {
			t.Errorf("%+v compiles", c)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	list := steps(t, "a", nil)
	body := []byte(`{"id":1,"hash":2,"friends":[{"name":"a","ssn":1}],"contact":{"mail":"m","x":1}}`)
	x := answer(200, "application/json", "")
	if n := testing.AllocsPerRun(100, func() {
		x.Response.Body = append(x.Response.Body[:0], body...)
		if rule := run(t, list, x); rule != "" {
			t.Fatal(rule)
		}
		if x.Response.Parsed != nil {
			x.Response.Parsed.Reset()
		}
	}); n != 0 && !race.Enabled {
		t.Errorf("%v allocations", n)
	}
}
