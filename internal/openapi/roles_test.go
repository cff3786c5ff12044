package openapi

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// ruler makes schemas up in which some members have rules for roles.
type ruler struct{ inventor }

func (n ruler) rules(text string) string {
	lists := [...]string{`["a"]`, `["b"]`, `["a","b"]`, `[]`, `{"read":["a"]}`, `{"write":["b"]}`, `{"read":["b"],"write":["a"]}`}
	var b strings.Builder
	for {
		i := strings.Index(text, `":{`)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i+3])
		text = text[i+3:]
		// A map of members has no rule of its own.
		ofMembers := slices.ContainsFunc([]string{"properties", "patternProperties", "dependentSchemas", "$defs"}, func(m string) bool { return strings.HasSuffix(b.String(), `"`+m+`":{`) })
		if !ofMembers && n.IntN(6) == 0 {
			b.WriteString(`"x-gatehouse-roles":` + lists[n.IntN(len(lists))])
			if text[0] != '}' {
				b.WriteByte(',')
			}
		}
	}
}

// Programs and the tape come to the same verdict on members that hang on the
// caller's roles (authz.property, output.filter).
func TestProgramsAndTheTapeAgreeOnRoles(t *testing.T) {
	x := both{rejects: true}
	n := ruler{inventor{rand.New(rand.NewPCG(11, 12))}}
	m := maker{Rand: rand.New(rand.NewPCG(13, 14))}
	schemas, taped, denied, hidden := 0, 0, 0, 0
	for range 8_000 {
		text := n.schema(3)
		if !strings.HasPrefix(text, "{") || text == "{}" {
			continue
		}
		text = n.rules(text[:len(text)-1] + `,"$defs":{"x":` + n.schema(2) + `,"y":` + n.schema(2) + `}}`)
		s, ok := schemaOf(t, []byte(text), n.IntN(4) > 0)
		if !ok || !s.guarded || s.needs != nil {
			continue
		}
		withPrograms(s)
		schemas++
		if s.programs[forRequest] == nil {
			taped++
			continue
		}
		for i := range 16 {
			m.b, m.spoil, m.names = m.b[:0], [...]int{0, 0, 8, 20}[i%4], m.names[:0]
			m.value(4, s)
			m.garble()
			x.roles = uint64(i) & 3
			x.compare(t, text, s, m.b)
			if x.doc.Parse(m.b, jsonwalk.Limits{}) != nil {
				continue
			}
			if v, _ := s.Validate(&x.doc, Options{Undeclared: Allow, Roles: x.roles}); v.Keyword == RolesKeyword {
				denied++
			}
			_, all, _ := s.Filter(nil, &x.doc, Options{Undeclared: Allow, Roles: 3})
			if _, cut, _ := s.Filter(nil, &x.doc, Options{Undeclared: Allow}); cut != all {
				hidden++
			}
		}
	}
	t.Logf("figure roles disagreements %d/0 in %d judgements of %d schemas, %d valid, %d cut, %d refused for a role, %d cut for a role, %d left to the tape, %d schemas on the tape",
		x.fails, x.cases, schemas, x.valid, x.cut, denied, hidden, x.taped, taped)
	if schemas < 1000 || taped > schemas/8 || x.valid < x.cases/20 || x.cut == 0 || denied < 1000 || hidden < 1000 {
		t.Error("too few")
	}
}
