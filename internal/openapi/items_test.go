package openapi_test

import (
	"fmt"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const itemised = `openapi: 3.2.0
info: {title: t, version: "1"}
paths:
  /a:
    get:
      operationId: a
      responses:
        "200":
          description: ok
          content:
            %s
components:
  schemas:
    A: {type: object, properties: {a: {type: integer}}}
    B: {type: object, properties: {b: {type: integer}}}
`

func TestItemsAreDescribedInEveryWay(t *testing.T) {
	const a, b = `{$ref: "#/components/schemas/A"}`, `{$ref: "#/components/schemas/B"}`
	for _, c := range []struct {
		what, content string
		// what becomes of {"a":1,"x":1}, {"b":1,"x":1} and of text
		outs [3]string
	}{
		{"lines by schema", `application/jsonl: {schema: ` + a + `}`, [3]string{`{"a":1}`, `{}`, "!json"}},
		{"lines by a schema of the whole", `application/x-ndjson: {schema: {type: array, items: ` + a + `}}`, [3]string{`{"a":1}`, `{}`, "!json"}},
		{"lines by itemSchema", `application/x-ndjson: {itemSchema: ` + a + `, schema: ` + b + `}`, [3]string{`{"a":1}`, `{}`, "!json"}},
		{"lines by nothing", `application/x-ndjson: {}`, [3]string{`=`, `=`, "="}},
		{"strings by schema", `application/x-ndjson: {schema: {type: string}}`, [3]string{`{}!type`, `{}!type`, "!json"}},
		{"events by schema", `text/event-stream: {schema: ` + a + `}`, [3]string{`{"a":1}`, `{}`, "!json"}},
		{"events that are text", `text/event-stream: {schema: {type: string}}`, [3]string{`=`, `=`, "="}},
		{"events by itemSchema that says nothing of data", `text/event-stream: {itemSchema: ` + a + `}`, [3]string{`{"a":1}`, `{}`, "!json"}},
		{"events by contentSchema", `text/event-stream: {itemSchema: {properties: {event: {type: string}, data: {type: string, contentMediaType: application/json, contentSchema: ` + a + `}}}}`, [3]string{`{"a":1}`, `{}`, "!json"}},
		{"events without contentSchema", `text/event-stream: {itemSchema: {properties: {data: {type: string}}}}`, [3]string{`=`, `=`, "="}},
		{"events of two kinds", `text/event-stream: {itemSchema: {required: [event], oneOf: [{properties: {event: {const: a}, data: {contentSchema: ` + a + `}}}, {properties: {event: {const: b}, data: {contentSchema: ` + b + `}}}]}}`, [3]string{`{"a":1}`, `{"b":1}`, "!json"}},
		{"events of two kinds, one of them text", `text/event-stream: {itemSchema: {oneOf: [{properties: {data: {contentSchema: ` + a + `}}}, {properties: {data: {type: string}}}]}}`, [3]string{`{"a":1}`, `{}`, "="}},
		{"no sequence", `application/json: {schema: ` + a + `, itemSchema: ` + b + `}`, [3]string{`=`, `=`, "="}},
	} {
		doc, err := openapi.Parse("items.yaml", fmt.Appendf(nil, itemised, c.content))
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		m := &doc.Operation("a").Responses[0].Content[0]
		for i, item := range [...]string{`{"a":1,"x":1}`, `{"b":1,"x":1}`, "text"} {
			var d jsonwalk.Doc
			out, cut, v := m.Judge(nil, []byte(item), &d, jsonwalk.Limits{}, openapi.Options{Direction: openapi.Reply, Undeclared: openapi.Strip})
			got := "="
			if cut {
				got = string(out)
			}
			if v.Keyword != "" {
				got = string(out) + "!" + v.Keyword
			}
			if got != c.outs[i] {
				t.Errorf("output.filter: %s: %s becomes %s, want %s", c.what, item, got, c.outs[i])
			}
		}
	}
}

func TestJudgingAnItemDoesNotAllocate(t *testing.T) {
	doc, err := openapi.Parse("items.yaml", fmt.Appendf(nil, itemised, `application/jsonl: {schema: {$ref: "#/components/schemas/A"}}`))
	if err != nil {
		t.Fatal(err)
	}
	m := &doc.Operation("a").Responses[0].Content[0]
	var d jsonwalk.Doc
	var out []byte
	for _, item := range [][]byte{[]byte(`{"a":1}`), []byte(`{"a":1,"x":[1,2]}`)} {
		if n := testing.AllocsPerRun(100, func() {
			var v openapi.Violation
			if out, _, v = m.Judge(out[:0], item, &d, jsonwalk.Limits{}, openapi.Options{Direction: openapi.Reply, Undeclared: openapi.Strip}); v.Keyword != "" {
				t.Fatal(v)
			}
		}); n > 0 && !race.Enabled { // what is pooled is thrown away at random there
			t.Errorf("%s: %v allocations", item, n)
		}
	}
}
