package openapi_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// bodyOf returns the schema of a description's one request body.
func bodyOf(t *testing.T, schema string) *openapi.Schema {
	t.Helper()
	d, err := openapi.Parse("api.yaml", []byte(`openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /a:
    post:
      operationId: a
      requestBody: {content: {application/json: {schema: `+schema+`}}}
      responses: {"204": {description: ok}}
components:
  schemas:
    Tree: {type: object, properties: {name: {type: string}, kind: {enum: [a, b]}, children: {type: array, items: {$ref: "#/components/schemas/Tree"}}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	return d.Operations[0].RequestBody.Content[0].Schema
}

// input.injection: only what the description leaves open is looked at.
func TestOpenTextIsWhatNoKeywordCloses(t *testing.T) {
	for _, c := range []struct{ schema, body, want string }{
		{`{type: string}`, `"x"`, `root`},
		{`{type: object, properties: {a: {type: string}, n: {type: integer}, b: {type: boolean}}}`, `{"a":"x","n":1,"b":true}`, `/a`},
		{`{type: object, properties: {a: {enum: [x]}, b: {const: x}, c: {type: string, format: uuid}, d: {type: string, maxLength: 8}, e: {type: string, maxLength: 9}}}`, `{"a":"x","b":"x","c":"x","d":"x","e":"x"}`, `/e`},
		{`{type: object, properties: {a: {type: string, format: password}, b: {type: string, format: made-up}, c: {type: string, format: date-time}, d: {type: string, format: regex}}}`, `{"a":"x","b":"x","c":"x","d":"x"}`, `/a /b /d`},
		{`{type: object, properties: {a: {pattern: "^[a-z]+$"}, b: {pattern: "[a-z]+"}, c: {pattern: "^.*$"}, d: {pattern: "^[a-z]+|[0-9]$"}, e: {pattern: "^.{40,50}$"}, f: {pattern: "^(ab|cd)$"}, g: {pattern: "^[0-9]{5}"}}}`,
			`{"a":"x","b":"x","c":"x","d":"x","e":"x","f":"x","g":"x"}`, `/b /c /d /e /g`},
		{`{type: object, properties: {a: {type: array, items: {type: string}}, b: {type: array, items: {enum: [x]}}, c: {type: array, prefixItems: [{enum: [x]}, {type: string}], items: {format: uuid}}, d: {type: array}}}`,
			`{"a":["x","y"],"b":["x"],"c":["x","y","z"],"d":["x"]}`, `/a/0 /a/1 /c/1 /d/0`},
		{`{allOf: [{properties: {a: {type: string}, b: {type: string}}}, {properties: {a: {enum: [x]}}}]}`, `{"a":"x","b":"x"}`, `/b`},
		{`{anyOf: [{properties: {a: {type: string}}}, {properties: {a: {enum: [x]}}}]}`, `{"a":"x"}`, `/a`},
		{`{anyOf: [{properties: {a: {format: uuid}}}, {properties: {a: {enum: [x]}}}]}`, `{"a":"x"}`, ``},
		{`{oneOf: [{type: object, properties: {k: {const: x}, a: {type: string}}}, {type: object, properties: {k: {const: y}, b: {enum: [x]}}}, {type: string, format: uuid}]}`, `{"k":"x","a":"x","b":"x"}`, `/a`},
		{`{properties: {a: {type: string}}, anyOf: [{required: [a]}, {required: [b]}]}`, `{"a":"x"}`, `/a`},
		{`{properties: {a: {type: string}}, anyOf: [{properties: {a: {enum: [x]}}}, {properties: {b: {type: string}}}]}`, `{"a":"x"}`, `/a`},
		{`{properties: {z: {type: integer}}, anyOf: [{anyOf: [{properties: {a: {type: string}}}, {}]}, {properties: {a: {enum: [x]}}}]}`, `{"a":"x"}`, `/a`},
		{`{anyOf: [{type: string, format: uuid}, {type: integer}]}`, `"x"`, ``},
		{`{type: object, properties: {a: {oneOf: [{type: string, format: uuid}, {type: integer}]}, b: {oneOf: [{type: string}, {type: string, format: uuid}]}, c: {type: [string, "null"]}}}`, `{"a":"x","b":"x","c":"x"}`, `/b /c`},
		{`{type: object, additionalProperties: {type: string, format: uuid}}`, `{"k":"x"}`, `/k=`},
		{`{type: object, additionalProperties: {type: string}}`, `{"k":"x"}`, `/k= /k`},
		{`{type: object, propertyNames: {pattern: "^[a-z]+$"}, additionalProperties: {type: string}}`, `{"k":"x"}`, `/k`},
		{`{type: object, patternProperties: {"^[a-z]+$": {type: string}, "^x-": {type: string, format: uuid}}}`, `{"k":"x","x-1":"y"}`, `/k /x-1=`},
		{`{type: object}`, `{"k":{"l":["x"]}}`, `/k= /k/l= /k/l/0`},
		{`{}`, `["x"]`, `/0`},
		{`{$ref: "#/components/schemas/Tree"}`, `{"name":"x","kind":"a","children":[{"name":"y","kind":"b","children":[]}]}`, `/name /children/0/name`},
		{`{type: object, properties: {a: {type: string, if: {const: x}, then: {maxLength: 1}}}, dependentSchemas: {a: {properties: {b: {enum: [x]}}}}}`, `{"a":"x","b":"x"}`, `/a /b= /b`},
	} {
		var d jsonwalk.Doc
		if err := d.Parse([]byte(c.body), jsonwalk.Limits{}); err != nil {
			t.Fatal(err)
		}
		var got []string
		openapi.OpenTextOf(bodyOf(t, c.schema)).Each(&d, func(i int, isName bool) bool {
			got = append(got, cmp.Or(d.Pointer(i), "root")+map[bool]string{true: "="}[isName])
			return true
		})
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s\n%s: open %q, want %q", c.schema, c.body, s, c.want)
		}
	}
}

func TestTheTextOfAParameterIsOpenWhereItsElementsAre(t *testing.T) {
	for schema, want := range map[string]bool{
		`{type: string}`: true, `{type: integer}`: false, `{type: array, items: {type: string}}`: true, `{type: array, items: {enum: [a]}}`: false,
		`{type: array}`: true, `{type: array, prefixItems: [{type: string}], items: {type: integer}}`: true, `{type: object, properties: {a: {type: string}}}`: false, `{}`: true, `{enum: [a, [b]]}`: false,
	} {
		if got := openapi.OpenTextOf(bodyOf(t, schema)).Text(); got != want {
			t.Errorf("%s: %v", schema, got)
		}
	}
}

func TestWithoutASchemaEveryStringIsOpen(t *testing.T) {
	o := openapi.OpenTextOf(nil)
	if v, name := o.Member([]byte("a")); !o.Here() || v != nil || !name || o.Element(3) != nil {
		t.Error("something is closed")
	}
}

func TestTheWalkOfOpenTextEndsWhenItIsTold(t *testing.T) {
	var d jsonwalk.Doc
	if err := d.Parse([]byte(`{"a":["x","y",{"b":"z"}]}`), jsonwalk.Limits{}); err != nil {
		t.Fatal(err)
	}
	for most := 1; most <= 5; most++ {
		n := 0
		whole := openapi.OpenTextOf(nil).Each(&d, func(int, bool) bool { n++; return n < most })
		if n != most || whole {
			t.Errorf("%d calls, want %d", n, most)
		}
	}
}

// TestOpenTextOfTheCorpus counts how much the descriptions of real APIs leave
// open, and how long it takes to find out.
func TestOpenTextOfTheCorpus(t *testing.T) {
	for _, c := range []struct {
		file   string
		bodies int
	}{{"github.v3.json", 344}, {"stripe.json", 594}, {"digitalocean.yaml", 217}, {"svix.json", 114}, {"vercel.json", 39}} {
		doc, err := openapi.Load(need(t, c.file))
		if err != nil {
			t.Fatal(err)
		}
		start, bodies, open, closed := time.Now(), 0, 0, 0
		for _, op := range doc.Operations {
			if op.RequestBody == nil {
				continue
			}
			bodies++
			for _, m := range op.RequestBody.Content {
				if m.Schema == nil {
					continue
				}
				o := openapi.OpenTextOf(m.Schema)
				names := m.Schema.Properties()
				slices.Sort(names)
				for _, name := range slices.Compact(names) {
					if m.Schema.Property(name).Types()&openapi.TypeString == 0 {
						continue
					}
					if v, _ := o.Member([]byte(name)); v.Here() {
						open++
					} else {
						closed++
					}
				}
			}
		}
		took := time.Since(start)
		t.Logf("figure %s: %d bodies, of their own string members %d/%d open, found in %v", c.file, bodies, open, open+closed, took.Round(time.Millisecond))
		if bodies != c.bodies || open == 0 || closed == 0 {
			t.Errorf("%s: %d bodies, %d open and %d closed; want %d bodies and some of both", c.file, bodies, open, closed, c.bodies)
		}
		if took > 5*time.Second {
			t.Errorf("%s: %v", c.file, took)
		}
	}
}
