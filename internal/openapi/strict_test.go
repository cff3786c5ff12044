package openapi

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// free accepts every document, in each of two ways: without looking, and member
// by member.
func free(t *testing.T) []*Schema {
	var list []*Schema
	for _, text := range [...]string{`true`, `{"type":["object","array","string","number","boolean","null"],"additionalProperties":{"$ref":"#"},"items":{"$ref":"#"},"minProperties":0}`} {
		s, _ := schemaOf(t, []byte(text), false)
		list = append(list, withPrograms(s))
	}
	return list
}

// input.json-strict: JSONTestSuite, by programs: exactly what the tape refuses.
func TestProgramsReadJSONAsStrictlyAsTheTape(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/corpora/json-parsing/*.json")
	if len(files) == 0 {
		t.Skip("corpora/json-parsing is missing")
	}
	must, refused := 0, 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d jsonwalk.Doc
		want := d.Parse(b, jsonwalk.Limits{}) == nil
		if strings.HasPrefix(filepath.Base(file), "n_") {
			must++
		}
		for _, s := range free(t) {
			if got := s.Accepts(b, jsonwalk.Limits{}, Options{Undeclared: Allow}); got != want {
				t.Errorf("%s: program %v, tape %v", filepath.Base(file), got, want)
			} else if !got && strings.HasPrefix(filepath.Base(file), "n_") {
				refused++
			}
		}
	}
	t.Logf("figure n_ files refused %d/%d", refused/2, must)
	if must != 188 || refused != 2*must {
		t.Errorf("%d of %d refused, want 188", refused/2, must)
	}
}

func TestProgramsKeepTheLimits(t *testing.T) {
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`,"k` + strconv.Itoa(i) + `":1`)
		}
		return "{" + b.String()[1:] + "}"
	}
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	small := jsonwalk.Limits{Values: 4, Bytes: 40, Digits: 5, Exponent: 3, Keys: 2, Depth: 3}
	for _, c := range []struct {
		body string
		lim  jsonwalk.Limits
		want bool
	}{
		{nest(64), jsonwalk.Limits{}, true}, {nest(65), jsonwalk.Limits{}, false}, {keys(4096), jsonwalk.Limits{}, true}, {keys(4097), jsonwalk.Limits{}, false},
		{strings.Repeat("1", 128), jsonwalk.Limits{}, true}, {strings.Repeat("1", 129), jsonwalk.Limits{}, false}, {"1e400", jsonwalk.Limits{}, true}, {"1e-401", jsonwalk.Limits{}, false},
		{"[1,2,3]", small, true}, {"[1,2,3,4]", small, false}, {"12345", small, true}, {"123456", small, false}, {"1.2345", small, false}, {"1e3", small, true}, {"1e4", small, false},
		{keys(2), small, true}, {keys(3), small, false}, {nest(3), small, true}, {nest(4), small, false}, {`"` + strings.Repeat("a", 38) + `"`, small, true}, {`"` + strings.Repeat("a", 39) + `"`, small, false},
		{`"\u0000"`, jsonwalk.Limits{}, false}, {`"\u0000"`, jsonwalk.Limits{AllowNUL: true}, true}, {`{"\u0000":1}`, jsonwalk.Limits{}, false},
		{`{"a":1,"\u0061":2}`, jsonwalk.Limits{}, false}, {keys(60)[:len(keys(60))-1] + `,"k7":2}`, jsonwalk.Limits{}, false},
		{"\ufeff1", jsonwalk.Limits{}, false}, {"", jsonwalk.Limits{}, false}, {" ", jsonwalk.Limits{}, false}, {" 1 ", jsonwalk.Limits{}, true}, {"1 2", jsonwalk.Limits{}, false}, {"{}{}", jsonwalk.Limits{}, false},
	} {
		var d jsonwalk.Doc
		if parsed := d.Parse([]byte(c.body), c.lim) == nil; parsed != c.want {
			t.Errorf("%.40s: the tape says %v", c.body, parsed)
		}
		for _, s := range free(t) {
			if got := s.Accepts([]byte(c.body), c.lim, Options{Undeclared: Allow}); got != c.want {
				t.Errorf("%.40s: %v, want %v", c.body, got, c.want)
			}
		}
	}
}

func FuzzProgramsAndTheTapeAgree(f *testing.F) {
	var list []*Schema
	for _, text := range [...]string{
		`{"type":"object","required":["id"],"properties":{"id":{"type":"integer","readOnly":true},"name":{"type":"string","maxLength":5},"pw":{"writeOnly":true},"t":{"$ref":"#"}},"additionalProperties":{"type":"number"}}`,
		`{"oneOf":[{"required":["a"],"properties":{"a":{"type":"integer","format":"int32"},"n":{"$ref":"#"}}},{"required":["b"],"properties":{"b":{"enum":["x",1,{"c":[1]}]},"n":{"$ref":"#"}}},{"type":"array","uniqueItems":true,"items":{"$ref":"#"}},{"type":"null"}]}`,
		`{"allOf":[{"properties":{"a":{"anyOf":[{"$ref":"#"},{"type":"string","pattern":"^a+$"}]}}},{"patternProperties":{"^k":{"multipleOf":0.5}}}],"unevaluatedProperties":false,"propertyNames":{"maxLength":3},"if":{"required":["a"]},"then":{"required":["k"]}}`,
		`{"type":["array","object"],"prefixItems":[{"format":"date-time"}],"contains":{"type":"object","properties":{"a":{}}},"items":{"type":["object","string"],"not":{"required":["z"]}},"minItems":1}`,
	} {
		s, ok := schemaOf(f, []byte(text), true)
		if !ok {
			f.Fatal(text)
		}
		list = append(list, withPrograms(s))
	}
	for i, body := range [...]string{`{"id":1,"name":"a","t":{"id":2}}`, `[{"a":1,"n":{"b":{"c":[1.0]}}},null]`, `{"a":{"a":"aa","k":1},"k1":0.5}`, `["2026-01-01T00:00:00Z",{"a":{"b":1}},"x"]`} {
		f.Add(uint8(i), []byte(body))
	}
	var x both
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		x.fails = 0
		x.compare(t, "fuzz", list[int(which)%len(list)], body)
	})
}
