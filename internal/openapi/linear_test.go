package openapi

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// fastest returns the shortest of some runs.
func fastest(f func()) time.Duration {
	best := time.Hour
	for range 7 {
		began := time.Now()
		f()
		best = min(best, time.Since(began))
	}
	return best
}

// VALIDATION.md section 3.4: branches that recurse into the same member cost
// other validators seconds at depth 14.
func TestBranchesThatRecurseCostNoMoreThanOthers(t *testing.T) {
	s, _ := schemaOf(t, []byte(`{"$ref":"#/$defs/T","$defs":{"T":{"anyOf":[
		{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/$defs/T"},"b":{}}},
		{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/$defs/T"},"c":{}}},
		{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/$defs/T"},"d":{}}},{"type":"null"}]}}}`), true)
	withPrograms(s)
	for _, depth := range [...]int{8, 20, 60} {
		deep := []byte(strings.Repeat(`{"a":`, depth) + "null" + strings.Repeat("}", depth))
		wrong := bytes.Replace(deep, []byte("null"), []byte("1"), 1)
		took := fastest(func() {
			if !s.Accepts(deep, jsonwalk.Limits{}, Options{}) || s.Accepts(wrong, jsonwalk.Limits{}, Options{}) {
				t.Error("judged wrong")
			}
		})
		t.Logf("figure anyOf of depth %d, accepted and refused: %v/1ms", depth, took)
		// Saying why costs no more than the tape's budget.
		explained := fastest(func() {
			var d jsonwalk.Doc
			if d.Parse(wrong, jsonwalk.Limits{}) != nil {
				t.Error("not parsed")
			}
			if _, ok := s.Validate(&d, Options{}); ok {
				t.Error("explained wrong")
			}
		})
		t.Logf("figure anyOf of depth %d, why it is refused: %v/5ms", depth, explained)
		if (took > time.Millisecond || explained > 5*time.Millisecond) && !race.Enabled {
			t.Errorf("depth %d took %v, and %v to explain", depth, took, explained)
		}
	}
}

// A document costs what it weighs, whatever it holds most of.
func TestTimeIsLinearInEveryDimension(t *testing.T) {
	s, _ := schemaOf(t, []byte(`{"type":["object","array"],"additionalProperties":{"type":["integer","number","string"],"multipleOf":7},
		"items":{"anyOf":[{"type":"object","properties":{"a":{"type":"integer"}}},{"type":"number","minimum":0.5},{"type":"array","uniqueItems":true},{"type":"string","pattern":"^a*$"}]},"uniqueItems":true}`), true)
	withPrograms(s)
	names := func(n int) []byte {
		b := []byte("{")
		for i := range min(n, 4096) {
			b = append(b, `"k`...)
			b = append(b, strings.Repeat(string(rune('a'+i%26)), 3)...)
			b = append(b, []byte(time.Duration(i).String())...)
			b = append(b, `":7,`...)
		}
		return append(b[:len(b)-1], '}')
	}
	list := func(item string) func(n int) []byte {
		return func(n int) []byte { return []byte("[" + strings.Repeat(item+",", n) + item + "]") }
	}
	for what, c := range map[string]struct {
		make        func(n int) []byte
		small, many int
	}{
		"names": {names, 512, 4096}, "objects": {list(`{"a":1}`), 1000, 8000}, "numbers": {list(strings.Repeat("1234567", 17)), 1000, 8000},
		"fractions": {list("1.25e1"), 1000, 8000}, "strings": {list(`"aaaaaaaaaaaaaaaaaaaaaaaaa"`), 1000, 8000}, "escapes": {list(`"\u0061\u0061"`), 1000, 8000},
	} {
		small, many := c.make(c.small), c.make(c.many)
		run := func(b []byte) func() { return func() { s.Accepts(b, jsonwalk.Limits{}, Options{}) } }
		run(many)()
		ratio := float64(fastest(run(many))) / float64(fastest(run(small))+time.Microsecond)
		weight := float64(len(many)) / float64(len(small))
		t.Logf("figure %s: %.1f times the bytes cost %.1f times the time", what, weight, ratio)
		if ratio > 4*weight {
			t.Errorf("%s: %.1f times the bytes cost %.1f times the time", what, weight, ratio)
		}
	}
}

// Nothing is allocated, whatever the schema asks and whatever is cut.
func TestProgramsDoNotAllocate(t *testing.T) {
	s, _ := schemaOf(t, []byte(`{"type":"object","required":["id"],"properties":{"id":{"type":"integer","maximum":100000},"name":{"type":"string","maxLength":20,"pattern":"^[a-zé]+$"},
		"when":{"format":"date-time"},"list":{"type":"array","uniqueItems":true,"items":{"oneOf":[{"type":"integer"},{"type":"object","properties":{"a":{"enum":["x","y",1,[1]]}}}]}},
		"x":{"multipleOf":0.01},"free":{"type":"object"}},"anyOf":[{"required":["id"]},{"properties":{"z":{}}}]}`), true)
	withPrograms(s)
	body := []byte(`{"id":1,"name":"caf\u00e9","when":"2026-11-20T10:00:00.5+01:00","list":[1,2,{"a":"x"},{"a":1},{"a":[1.0]}],"x":1.25,"free":{"a":{"b":[1,"\u00e9"]}}}`)
	more := bytes.Replace(body, []byte(`"x":1.25`), []byte(`"secret":{"x":1},"x":1.25`), 1)
	var out []byte
	for what, f := range map[string]func() bool{
		"accepted": func() bool { return s.Accepts(body, jsonwalk.Limits{}, bounds) },
		"refused":  func() bool { return !s.Accepts(more, jsonwalk.Limits{}, bounds) },
		"cut": func() bool {
			var cut, ok bool
			out, cut, ok = s.Cut(out[:0], more, jsonwalk.Limits{}, Options{Undeclared: Strip})
			return cut && ok && bytes.Equal(out, body)
		},
	} {
		if n := testing.AllocsPerRun(200, func() {
			if !f() {
				t.Fatal(what, "judged wrong", string(out))
			}
		}); n != 0 && !race.Enabled {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

// What needs more than a program may have is judged on the tape, to the same
// verdict, and leaves nothing behind that would spoil the next program.
func TestSchemasOverTheBoundsAreJudgedOnTheTape(t *testing.T) {
	many := func(n int, f func(i int) string) string {
		list := make([]string, n)
		for i := range list {
			list[i] = f(i)
		}
		return strings.Join(list, ",")
	}
	n := strconv.Itoa
	for what, c := range map[string]struct{ schema, good, bad string }{
		"branches": {`{"anyOf":[` + many(70, func(i int) string { return `{"properties":{"k` + n(i) + `":{}},"required":["k` + n(i) + `"]}` }) + `]}`, `{"k69":1}`, `{"k70":1}`},
		"names":    {`{"properties":{` + many(300, func(i int) string { return `"k` + n(i) + `":{"type":"integer"}` }) + `}}`, `{"k299":1}`, `{"k299":"x"}`},
		"patterns": {`{"patternProperties":{` + many(7, func(i int) string { return `"^` + n(i) + `":{"type":"integer"}` }) + `}}`, `{"6a":1}`, `{"6a":"x"}`},
	} {
		s, _ := schemaOf(t, []byte(c.schema), true)
		a := newAssembler(s.shared, forRequest)
		if p := a.program(s); p != nil || len(a.made) != 0 || len(a.states) != 0 || a.linked != 0 {
			t.Errorf("%s: a program of %d states", what, len(a.made))
		}
		if !s.Accepts([]byte(c.good), jsonwalk.Limits{}, Options{}) || s.Accepts([]byte(c.bad), jsonwalk.Limits{}, Options{}) || s.Accepts([]byte(c.good+c.good), jsonwalk.Limits{}, Options{}) {
			t.Errorf("%s: judged wrong", what)
		}
		if _, _, ok := s.Cut(nil, []byte(c.good), jsonwalk.Limits{}, Options{Undeclared: Strip}); ok || s.Compiled(Request) {
			t.Errorf("%s: there is no program to cut with", what)
		}
	}
	// Reading again what uniqueItems compares has its bound, too.
	s, _ := schemaOf(t, []byte(`{"$ref":"#/$defs/l","$defs":{"l":{"type":"array","uniqueItems":true,"items":{"$ref":"#/$defs/l"}}}}`), true)
	withPrograms(s)
	deep := []byte(strings.Repeat("[[],", 40) + "[]" + strings.Repeat("]", 40))
	if s.Accepts(deep, jsonwalk.Limits{}, Options{}) {
		t.Error("[[], []] is unique")
	}
	deep = []byte(strings.Repeat("[[],", 40) + "[[]]" + strings.Repeat("]", 40))
	if !s.Accepts(deep, jsonwalk.Limits{}, Options{}) {
		t.Error("[[], [[]]] is not unique")
	}
}
