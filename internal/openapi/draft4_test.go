package openapi

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// schema30 compiles a schema as OpenAPI 3.0 reads it, or nil when it refers to
// the network.
func schema30(t *testing.T, what string, text []byte) *Schema {
	t.Helper()
	l := newLoader(fromRemotes)
	l.dialect = dialect30
	tr, err := l.parse("file:///schema.json", "schema.json", text)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	root := at{tr, 0}
	in := resource{uri: tr.uri, root: root}
	l.resources[tr.uri] = in
	s, err := l.entry(root, in)
	if err == nil {
		err = errors.Join(l.settle(), l.refuse())
	}
	if errors.Is(err, ErrNetwork) {
		return nil
	}
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return nil
	}
	return withPrograms(s)
}

// otherwise30 are what schemas of draft 4 may say and those of OpenAPI 3.0, which
// are a part of it, may not (OpenAPI 3.0.3 section 4.7.24): identifiers, and lists
// of schemas for items with what belongs to them.
var otherwise30 = [][]byte{[]byte(`"id":`), []byte(`"additionalItems":`), []byte(`"items":[`), []byte("locationIndependentIdentifier")}

// The suite's draft 4, of which OpenAPI 3.0 is a part, by programs and on the tape
// (input.openapi).
func TestTheDraft4SuiteIsJudgedRightAsOpenAPI30(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*.json", "optional/bignum.json", "optional/ecmascript-regex.json", "optional/float-overflow.json", "optional/non-bmp-regex.json"} {
		more, _ := filepath.Glob(suite + "tests/draft4/" + pattern)
		files = append(files, more...)
	}
	if len(files) == 0 {
		t.Skip("corpora/json-schema is missing")
	}
	slices.Sort(files)
	right, other, network := 0, 0, 0
	for _, file := range files {
		for _, g := range groups(t, file) {
			what := filepath.Base(file) + ": " + g.Description
			text := bytes.Join(bytes.Fields(g.Schema), nil)
			if slices.ContainsFunc(otherwise30, func(k []byte) bool { return bytes.Contains(text, k) }) {
				other += len(g.Tests)
				continue
			}
			s := schema30(t, what, g.Schema)
			if s == nil {
				network += len(g.Tests)
				continue
			}
			for _, c := range g.Tests {
				got := s.Accepts(c.Data, jsonwalk.Limits{AllowNUL: true}, Options{Undeclared: Allow})
				_, taped := s.Validate(mustParseWith(t, c.Data, jsonwalk.Limits{AllowNUL: true}), Options{Undeclared: Allow})
				if got != c.Valid || taped != c.Valid {
					t.Errorf("%s: %s: program %v, tape %v, want %v", what, c.Description, got, taped, c.Valid)
					continue
				}
				right++
			}
		}
	}
	t.Logf("figure draft 4 as OpenAPI 3.0 right %d of %d, %d are not of OpenAPI 3.0, %d refer to the network", right, right+other+network, other, network)
	if right != 627 || right+other+network != 714 {
		t.Errorf("%d right of %d, want 627 of 714", right, right+other+network)
	}
}

func mustParseWith(t *testing.T, body []byte, lim jsonwalk.Limits) *jsonwalk.Doc {
	t.Helper()
	d := new(jsonwalk.Doc)
	if err := d.Parse(body, lim); err != nil {
		t.Fatal(err)
	}
	return d
}

// What OpenAPI 3.0 says otherwise than JSON Schema, in draft 4 and since.
func TestTheRulesOfOpenAPI30(t *testing.T) {
	for _, c := range []struct {
		rule, schema string
		good, bad    []string
	}{
		{"nullable adds null to a type", `{"type":"string","nullable":true}`, []string{`null`, `"a"`}, []string{`1`, `{}`}},
		{"nullable: false adds nothing", `{"type":"string","nullable":false}`, []string{`"a"`}, []string{`null`}},
		{"null must be among the values of an enum", `{"type":"string","nullable":true,"enum":["a"]}`, []string{`"a"`}, []string{`null`, `"b"`}},
		{"null among the values of an enum", `{"type":"string","nullable":true,"enum":["a",null]}`, []string{`"a"`, `null`}, []string{`"b"`}},
		{"nullable with allOf", `{"nullable":true,"allOf":[{"type":"object","required":["a"]}]}`, []string{`null`, `{"a":1}`}, []string{`{}`, `1`}},
		{"a member that is nullable and required", `{"type":"object","required":["a"],"properties":{"a":{"type":"integer","nullable":true}}}`, []string{`{"a":null}`, `{"a":1}`}, []string{`{}`, `{"a":"x"}`}},
		{"an excluded minimum", `{"type":"number","minimum":1,"exclusiveMinimum":true}`, []string{`1.1`}, []string{`1`, `1.0`, `0`}},
		{"a minimum that is not excluded", `{"type":"number","minimum":1,"exclusiveMinimum":false}`, []string{`1`, `1.1`}, []string{`0.9`}},
		{"an excluded maximum", `{"type":"number","maximum":9,"exclusiveMaximum":true}`, []string{`8.9`}, []string{`9`, `9.0`, `10`}},
		{"a maximum that is not excluded", `{"type":"number","maximum":9,"exclusiveMaximum":false}`, []string{`9`}, []string{`9.1`}},
		{"excluded bounds of integers", `{"type":"integer","minimum":1,"maximum":3,"exclusiveMinimum":true,"exclusiveMaximum":true}`, []string{`2`}, []string{`1`, `3`, `2.5`}},
		{"what stands beside $ref is ignored", `{"$ref":"#/definitions/s","maxLength":1,"nullable":true,"definitions":{"s":{"type":"string"}}}`, []string{`"long"`}, []string{`null`, `1`}},
		{"readOnly beside $ref is ignored", `{"type":"object","properties":{"a":{"$ref":"#/definitions/s","readOnly":true}},"definitions":{"s":{"type":"string"}}}`, []string{`{"a":"x"}`}, []string{`{"a":1}`}},
		{"a float of no fraction is an integer", `{"type":"integer"}`, []string{`1.0`, `1e2`}, []string{`1.5`}},
	} {
		s := schema30(t, c.rule, []byte(c.schema))
		for want, bodies := range map[bool][]string{true: c.good, false: c.bad} {
			for _, body := range bodies {
				got := s.Accepts([]byte(body), jsonwalk.Limits{}, Options{})
				if _, taped := s.Validate(mustParse(t, body), Options{}); got != want || taped != want {
					t.Errorf("%s: %s: program %v, tape %v", c.rule, body, got, taped)
				}
			}
		}
	}
	// 3.1 goes by JSON Schema: nullable and boolean bounds mean nothing there.
	if s, ok := schemaOf(t, []byte(`{"type":"string","nullable":true}`), true); !ok || s.Accepts([]byte(`null`), jsonwalk.Limits{}, Options{}) {
		t.Error("nullable means something in 3.1")
	}
	l := newLoader(fromRemotes)
	tr, err := l.parse("file:///s.json", "s.json", []byte(`{"minimum":1,"exclusiveMinimum":true}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.schema(at{tr, 0}, resource{uri: tr.uri, root: at{tr, 0}}); err == nil {
		t.Error("a boolean bound loads in 3.1")
	}
}
