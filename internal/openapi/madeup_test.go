package openapi

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// inventor makes schemas up, of few names and all keywords, so that the same
// member is spoken of from many places.
type inventor struct{ *rand.Rand }

func (n inventor) pick(list ...string) string { return list[n.IntN(len(list))] }

func (n inventor) list(depth, most int) string {
	var b []string
	for range 1 + n.IntN(most) {
		b = append(b, n.schema(depth))
	}
	return "[" + strings.Join(b, ",") + "]"
}

func (n inventor) members(depth int, names ...string) string {
	var b []string
	for _, name := range names {
		if n.IntN(2) == 0 {
			b = append(b, strconv.Quote(name)+":"+n.schema(depth))
		}
	}
	return "{" + strings.Join(b, ",") + "}"
}

func (n inventor) schema(depth int) string {
	if depth <= 0 || n.IntN(12) == 0 {
		return n.pick(`{}`, `true`, `false`, `{"type":"integer"}`, `{"type":"string","maxLength":20}`, `{"type":"string"}`, `{"$ref":"#/$defs/x"}`, `{"$ref":"#/$defs/y"}`, `{"type":"object"}`, `{"type":"null"}`,
			`{"enum":["x",1,null,[1],{"a":1}]}`, `{"const":1}`, `{"type":"array","maxItems":3}`, `{"readOnly":true}`, `{"type":"string","writeOnly":true}`, `{"type":"integer","minimum":2}`)
	}
	depth--
	var b []string
	for range 1 + n.IntN(4) {
		b = append(b, n.keyword(depth))
	}
	// A keyword comes once.
	seen := map[string]bool{}
	kept := b[:0]
	for _, k := range b {
		if name, _, _ := strings.Cut(k, ":"); !seen[name] {
			seen[name] = true
			kept = append(kept, k)
		}
	}
	return "{" + strings.Join(kept, ",") + "}"
}

func (n inventor) keyword(depth int) string {
	switch n.IntN(26) {
	case 0, 1, 2, 3, 4, 5:
		return `"properties":` + n.members(depth, "a", "b", "c", "constructor")
	case 6, 7:
		return `"required":["` + n.pick("a", "b", "c") + `"]`
	case 8:
		return `"additionalProperties":` + n.schema(depth)
	case 9:
		return `"patternProperties":` + n.members(depth, "^a", "^k", "o")
	case 10:
		return `"propertyNames":` + n.pick(`{"maxLength":1}`, `{"enum":["a","b","k1"]}`, `{"not":{"const":"b"}}`)
	case 11:
		return `"type":` + n.pick(`"object"`, `["object","array"]`, `["object","string","null"]`, `"array"`)
	case 12, 13:
		return `"anyOf":` + n.list(depth, 3)
	case 14, 15:
		return `"oneOf":` + n.list(depth, 3)
	case 16, 17:
		return `"allOf":` + n.list(depth, 2)
	case 18:
		return `"not":` + n.schema(depth)
	case 19:
		return `"if":` + n.schema(depth) + `,"then":` + n.schema(depth) + `,"else":` + n.schema(depth)
	case 20:
		return `"dependentSchemas":` + n.members(depth, "a", "b")
	case 21:
		return `"items":` + n.schema(depth)
	case 22:
		return `"prefixItems":` + n.list(depth, 2)
	case 23:
		return `"contains":` + n.schema(depth) + n.pick("", `,"minContains":0`, `,"maxContains":1`)
	case 24:
		return n.pick(`"unevaluatedProperties":`, `"unevaluatedItems":`) + n.pick("false", "false", "true", `{"type":"integer"}`)
	}
	return n.pick(`"uniqueItems":true`, `"minProperties":1`, `"maxProperties":2`, `"dependentRequired":{"a":["b"]}`, `"maxItems":2`, `"maxLength":40`, `"readOnly":true`, `"writeOnly":true`)
}

// Programs and the tape agree on schemas that nobody would write.
func TestProgramsAndTheTapeAgreeOnMadeUpSchemas(t *testing.T) {
	var x both
	n := inventor{rand.New(rand.NewPCG(5, 6))}
	m := maker{Rand: rand.New(rand.NewPCG(7, 8))}
	schemas, taped := 0, 0
	for range 4000 {
		text := n.schema(3)
		if !strings.HasPrefix(text, "{") || text == "{}" {
			continue
		}
		text = text[:len(text)-1] + `,"$defs":{"x":` + n.schema(2) + `,"y":` + n.schema(2) + `}}`
		s, ok := schemaOf(t, []byte(text), n.IntN(4) > 0)
		if !ok {
			continue
		}
		withPrograms(s)
		schemas++
		if s.programs[forRequest] == nil {
			taped++
			continue
		}
		for i := range 16 {
			m.b, m.spoil, m.names = m.b[:0], [...]int{0, 3, 8, 20}[i%4], m.names[:0]
			m.value(4, s)
			m.garble()
			x.compare(t, text, s, m.b)
		}
	}
	t.Logf("figure made-up schemas disagreements %d/0 in %d judgements of %d schemas, %d valid, %d cut, %d left to the tape, %d schemas on the tape", x.fails, x.cases, schemas, x.valid, x.cut, x.taped, taped)
	if schemas < 2000 || taped > schemas/8 || x.valid < x.cases/20 || x.cut == 0 {
		t.Errorf("too few")
	}
}
