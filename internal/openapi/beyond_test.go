package openapi

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// withFallback compiles a schema of the suite with the library's judges.
func withFallback(t *testing.T, what string, schema []byte, formats bool) *Schema {
	t.Helper()
	l := newLoader(fromRemotes)
	LoadOptions{Fallback: true}.apply(l)
	l.shared.formats = formats
	tr, err := l.parse("file:///schema.json", "schema.json", schema)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	root := at{tr, 0}
	in := resource{uri: tr.uri, root: root}
	l.resources[tr.uri] = in
	l.index(root, in)
	s, err := l.entry(root, in)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if err := errors.Join(l.settle(), l.refuse(), l.judges()); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	return s
}

// The whole of the suite's mandatory part, with the fallback.
func TestWithTheFallbackTheWholeSuiteIsRight(t *testing.T) {
	var n tally
	asked := 0
	for _, pattern := range []string{"*.json", "optional/*.json"} {
		files, _ := filepath.Glob(suite + "tests/draft2020-12/" + pattern)
		if len(files) == 0 {
			t.Skip("corpora/json-schema is missing")
		}
		slices.Sort(files)
		for _, file := range files {
			for _, g := range groups(t, file) {
				what := filepath.Base(file) + ": " + g.Description
				// Where a case asks for it, formats assert, as they do in descriptions.
				s := withFallback(t, what, g.Schema, filepath.Base(file) == "format-assertion.json")
				for _, c := range g.Tests {
					if s.judges != nil {
						asked++
					}
					got := s.Accepts(c.Data, jsonwalk.Limits{AllowNUL: true}, Options{Undeclared: Allow})
					switch {
					case got == c.Valid:
						n.right++
					case got:
						n.wrongAccept++
						t.Errorf("wrong accept: %s: %s", what, c.Description)
					default:
						n.wrongReject++
						t.Errorf("wrong reject: %s: %s", what, c.Description)
					}
				}
			}
		}
		if pattern == "*.json" {
			t.Logf("figure suite with the fallback %d/1299, %d of them by the library", n.right, asked)
			if n.right != 1299 {
				t.Errorf("%d right, want 1299", n.right)
			}
		}
	}
	t.Logf("figure suite and its other optional cases with the fallback %d/%d, %d by the library, wrong accepts %d/0", n.right, 1299+162, asked, n.wrongAccept)
	if n.right != 1299+162 || asked != 55+7 {
		t.Errorf("%+v, %d by the library", n, asked)
	}
}

// branching costs a library exponential time: branches that recurse into the same
// member. The reference is dynamic, so that it is the library's.
const branching = `{"$id":"https://a.test/t","$dynamicAnchor":"t","anyOf":[
	{"type":"object","required":["a"],"properties":{"a":{"$dynamicRef":"#t"},"b":{}}},
	{"type":"object","required":["a"],"properties":{"a":{"$dynamicRef":"#t"},"c":{}}},
	{"type":"object","required":["a"],"properties":{"a":{"$dynamicRef":"#t"},"d":{}}},{"type":"null"}]}`

// A body cannot make the library burn CPU, panic or say what it has read.
func TestTheFallbackIsOnALeash(t *testing.T) {
	s := withFallback(t, "branching", []byte(branching), true)
	nest := func(depth int, end string) []byte {
		return []byte(strings.Repeat(`{"a":`, depth) + end + strings.Repeat("}", depth))
	}
	if !s.Accepts(nest(5, "null"), jsonwalk.Limits{}, Options{}) || s.Accepts(nest(5, "1"), jsonwalk.Limits{}, Options{}) {
		t.Error("judged wrong")
	}
	for _, depth := range []int{20, 60} {
		body := nest(depth, "1")
		var d jsonwalk.Doc
		if d.Parse(body, jsonwalk.Limits{}) != nil {
			t.Fatal("not parsed")
		}
		began := time.Now()
		v, ok := s.Validate(&d, Options{})
		took := time.Since(began)
		t.Logf("figure anyOf of depth %d by the library: %v/250ms", depth, took)
		if ok || v.Keyword != "budget" || took > 250*time.Millisecond && !race.Enabled {
			t.Errorf("depth %d: %v %q in %v", depth, ok, v.Keyword, took)
		}
	}
	var d jsonwalk.Doc
	many := []byte("[" + strings.Repeat("1,", 5000) + "1]")
	if d.Parse(many, jsonwalk.Limits{}) != nil {
		t.Fatal("not parsed")
	}
	free := withFallback(t, "free", []byte(`{"$dynamicRef":"#t","$defs":{"t":{"$dynamicAnchor":"t","minimum":0,"multipleOf":0.01}}}`), true)
	if v, ok := free.Validate(&d, Options{}); ok || v.Keyword != "budget" {
		t.Errorf("a large document: %v %q", ok, v.Keyword)
	}
	// What made it panic does not get past our lexer, nor what it would misread.
	for body, want := range map[string]bool{`1e99999999`: false, `1e399`: false, `1.005`: false, `1.01`: true, `-1`: false, `{"a":1,"a":2}`: false, `1 2`: false, `"\ud800"`: false} {
		if got := free.Accepts([]byte(body), jsonwalk.Limits{}, Options{}); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
	if got := free.Explain(mustParse(t, `-12345`), Options{}, 5); len(got) != 1 || got[0].Keyword != "fallback" || strings.Contains(got[0].String(), "12345") {
		t.Errorf("explained as %v", got)
	}
}

func mustParse(t *testing.T, body string) *jsonwalk.Doc {
	t.Helper()
	var d jsonwalk.Doc
	if err := d.Parse([]byte(body), jsonwalk.Limits{}); err != nil {
		t.Fatal(err)
	}
	return &d
}

const dynamic = `{"openapi":"3.1.0","info":{"title":"t","version":"1"},
"paths":{"/a":{"post":{"operationId":"a","requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Tree"}}}},
 "responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Tree"}}}}}}}},
"components":{"schemas":{
 "Tree":{"type":"object","required":["data"],"$dynamicAnchor":"node","properties":{"data":{"$ref":"#/components/schemas/Data"},
  "id":{"type":"string","readOnly":true},"children":{"type":"array","items":{"$dynamicRef":"#node"}}}},
 "Data":{"type":"string","format":"date"}}}}`

// By default a description with such a schema does not load, and says where.
func TestWhatOnlyALibraryJudgesIsRefusedUnlessPermitted(t *testing.T) {
	_, err := Parse("t.json", []byte(dynamic))
	if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "t.json:6: #/components/schemas/Tree/properties/children/items/$dynamicRef: $dynamicRef is not supported") {
		t.Fatalf("%v", err)
	}
	d, err := LoadOptions{Fallback: true}.Parse("t.json", []byte(dynamic))
	if err != nil {
		t.Fatal(err)
	}
	older := strings.Replace(dynamic, "3.1.0", "3.0.3", 1)
	if _, err := (LoadOptions{Fallback: true}).Parse("t.json", []byte(older)); !errors.Is(err, ErrUnsupported) {
		t.Errorf("3.0: %v", err)
	}
	if len(d.Findings) != 1 || !strings.Contains(d.Findings[0].Says, "a library judges it") {
		t.Errorf("findings %v", d.Findings)
	}
	s := d.Operations[0].RequestBody.Content[0].Schema
	if s.Compiled(Request) || s.Compiled(Reply) {
		t.Error("there is a program")
	}
	for body, want := range map[string]bool{
		`{"data":"2026-01-01"}`: true, `{"data":"2026-01-01","children":[{"data":"2026-01-02","children":[]}]}`: true,
		`{"data":"x"}`: false, `{}`: false, `{"data":"2026-01-01","children":[{"data":"x"}]}`: false, `{"data":"2026-01-01","children":[{}]}`: false,
		// What stands above the reference is closed as ever.
		`{"data":"2026-01-01","children":[{"data":"2026-01-01","__proto__":1}]}`: false, `{"data":"2026-01-01","children":[{"data":"2026-01-01","x":{"constructor":1}}]}`: false,
		`{"data":"2026-01-01","more":1}`: false, `{"data":"2026-01-01","id":"x"}`: false, `{"data":"2026-01-01"}{}`: false,
	} {
		if got := s.Accepts([]byte(body), jsonwalk.Limits{}, Options{}); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
	out, cut, v := s.Filter(nil, mustParse(t, `{"data":"2026-01-01","secret":1,"children":[{"data":"2026-01-01"}]}`), Options{Undeclared: Strip})
	if cut != 1 || v.Keyword != "" || strings.Contains(string(out), "secret") {
		t.Errorf("filtered to %s, %v", out, v)
	}
	// A part that is judged by itself has no judge, so nothing passes.
	if v, ok := s.Property("children").Validate(mustParse(t, `[{"data":"2026-01-01"}]`), Options{}); ok || v.Keyword != "unsupported" {
		t.Errorf("a part of it: %v %v", v, ok)
	}
}

func TestPatternsThatNeedMoreThanLinearTimeAreNeverPermitted(t *testing.T) {
	const description = `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/a":{"post":{"operationId":"a","requestBody":{"content":{"application/json":{"schema":{"type":"string","pattern":"(a)\\1"}}}}}}}}`
	for _, permitted := range []bool{false, true} {
		if _, err := (LoadOptions{Fallback: permitted}).Parse("t.json", []byte(description)); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "t.json:1: ") {
			t.Errorf("permitted %v: %v", permitted, err)
		}
	}
}

// A budget of states sends schemas to the tape, which judges the same.
func TestTheBudgetOfStatesIsAnOption(t *testing.T) {
	const description = `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/a":{"post":{"operationId":"a","requestBody":{"content":{"application/json":{"schema":{"properties":{"a":{"properties":{"b":{"properties":{"c":{"type":"integer"}}}}}}}}}}}}}}`
	for states, compiled := range map[int]bool{0: true, 2: false, 50: true} {
		d, err := (LoadOptions{States: states}).Parse("t.json", []byte(description))
		if err != nil {
			t.Fatal(err)
		}
		s := d.Operations[0].RequestBody.Content[0].Schema
		if s.Compiled(Request) != compiled || !s.Accepts([]byte(`{"a":{"b":{"c":1}}}`), jsonwalk.Limits{}, Options{}) || s.Accepts([]byte(`{"a":{"b":{"c":"x"}}}`), jsonwalk.Limits{}, Options{}) {
			t.Errorf("%d states: compiled %v", states, s.Compiled(Request))
		}
	}
}
