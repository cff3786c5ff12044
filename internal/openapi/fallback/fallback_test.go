package fallback

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

func parse(t *testing.T, text string, lim jsonwalk.Limits) *jsonwalk.Doc {
	t.Helper()
	d := new(jsonwalk.Doc)
	if err := d.Parse([]byte(text), lim); err != nil {
		t.Fatal(err)
	}
	return d
}

// judge makes a judge of a schema that is a file of its own, with what else there
// is to open.
func judge(t *testing.T, schema, pointer string, others map[string]string) (*Judge, error) {
	t.Helper()
	return New("file:///s.json", pointer, Rules{
		Open: func(uri string) (*jsonwalk.Doc, error) {
			if uri == "file:///s.json" {
				return parse(t, schema, jsonwalk.Limits{}), nil
			}
			if text, ok := others[uri]; ok {
				return parse(t, text, jsonwalk.Limits{}), nil
			}
			return nil, errors.New("nothing is there")
		},
		Pattern: func(s string) (Pattern, error) { return regexp.Compile(s) },
	})
}

// The library panics on numbers whose exponents are huge, which our lexer refuses;
// should one get by, the panic ends here and nothing passes.
func TestAPanicOfTheLibraryIsContained(t *testing.T) {
	j, err := judge(t, `{"minimum":0,"multipleOf":3}`, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	loose := jsonwalk.Limits{Exponent: 1 << 30}
	for range 3 { // and the judge is usable after it
		if v := j.Judge(parse(t, `1e99999999`, loose)); v != Failed {
			t.Errorf("a huge exponent: verdict %d", v)
		}
		if j.Judge(parse(t, `9`, loose)) != Valid || j.Judge(parse(t, `10`, loose)) != Invalid {
			t.Error("judged wrong after it")
		}
	}
}

func TestWhatCannotBeCompiledIsAnErrorAndNoPanic(t *testing.T) {
	for what, c := range map[string]struct {
		schema, pointer string
		others          map[string]string
	}{
		"a schema that is none":         {`{"type":7}`, "", nil},
		"a pointer to nothing":          {`{}`, "/nothing", nil},
		"a reference over the network":  {`{"$ref":"https://example.com/s"}`, "", nil},
		"a dialect over the network":    {`{"$schema":"https://example.com/dialect","type":"string"}`, "", nil},
		"a vocabulary that is required": {`{"$schema":"file:///d.json"}`, "", map[string]string{"file:///d.json": `{"$id":"file:///d.json","$schema":"https://json-schema.org/draft/2020-12/schema","$vocabulary":{"https://json-schema.org/draft/2020-12/vocab/core":true,"https://example.com/vocab":true}}`}},
		"a pattern that is refused":     {`{"pattern":"(?!a)"}`, "", nil},
	} {
		if _, err := judge(t, c.schema, c.pointer, c.others); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// A description's schemas refer to one another by their place in it.
func TestSchemasOfADescriptionAreFound(t *testing.T) {
	j, err := judge(t, `{"openapi":"3.1.0","paths":{"/a b":{"x":{"$ref":"#/components/schemas/List"}}},"components":{"schemas":{
		"List":{"$id":"https://a.test/list","type":"array","items":{"$dynamicRef":"#item"},"$defs":{"any":{"$dynamicAnchor":"item"}}},
		"Names":{"$id":"https://a.test/names","$ref":"list","$defs":{"name":{"$dynamicAnchor":"item","type":"string"}}},
		"Node":{"$dynamicAnchor":"node","type":"object","properties":{"next":{"$dynamicRef":"#node"},"n":{"$ref":"#/components/schemas/N"}}},"N":{"type":"integer"}}}}`, "/components/schemas/Names", nil)
	if err != nil {
		t.Fatal(err)
	}
	if j.Judge(parse(t, `["a"]`, jsonwalk.Limits{})) != Valid || j.Judge(parse(t, `[1]`, jsonwalk.Limits{})) != Invalid {
		t.Error("the dynamic scope is lost")
	}
}

// A place in a description may have any letter in its pointer.
func TestPointersAreEscaped(t *testing.T) {
	const schema = `{"paths":{"/a b/{id}/50%25/é#?":{"schema":{"type":"string"}}}}`
	j, err := judge(t, schema, "/paths/~1a b~1{id}~150%25~1é#?/schema", nil)
	if err != nil {
		t.Fatal(err)
	}
	if j.Judge(parse(t, `"a"`, jsonwalk.Limits{})) != Valid || j.Judge(parse(t, `1`, jsonwalk.Limits{})) != Invalid {
		t.Error("judged wrong")
	}
}

// Every schema is counted, wherever it stands.
func TestAJudgementHasABudget(t *testing.T) {
	j, err := judge(t, `{"$ref":"#/unknown/t","unknown":{"t":{"anyOf":[{"properties":{"a":{"$ref":"#/unknown/t"}},"required":["a","x"]},{"properties":{"a":{"$ref":"#/unknown/t"}},"required":["a","y"]},{"type":"null"}]}}}`, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	nest := func(n int) string { return strings.Repeat(`{"a":`, n) + "null" + strings.Repeat("}", n) }
	if v := j.Judge(parse(t, nest(3), jsonwalk.Limits{})); v != Invalid {
		t.Errorf("depth 3: verdict %d", v)
	}
	if v := j.Judge(parse(t, nest(40), jsonwalk.Limits{})); v != Spent {
		t.Errorf("depth 40: verdict %d", v)
	}
	if v := j.Judge(parse(t, "["+strings.Repeat("1,", maxValues)+"1]", jsonwalk.Limits{})); v != Spent {
		t.Errorf("a large document: verdict %d", v)
	}
	if v := j.Judge(parse(t, `"`+strings.Repeat("a", maxText+1)+`"`, jsonwalk.Limits{})); v != Spent {
		t.Errorf("a long text: verdict %d", v)
	}
	if v := j.Judge(parse(t, "null", jsonwalk.Limits{})); v != Valid {
		t.Errorf("null: verdict %d", v)
	}
}
