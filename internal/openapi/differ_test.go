package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// maker makes documents that a schema may accept, and spoils some of them.
type maker struct {
	*rand.Rand
	b     []byte
	spoil int // one choice in so many is wrong
	names []string
}

func (m *maker) wrong() bool { return m.spoil > 0 && m.IntN(m.spoil) == 0 }

func (m *maker) any(depth int) {
	list := []string{`null`, `true`, `0`, `-1`, `1.5`, `1e3`, `""`, `"x"`, `"2026-01-01T00:00:00Z"`, `[]`, `[1,1.0]`, `{}`, `{"a":{"b":1}}`, `9007199254740993`, `1e309`, `"\u00e9\n"`,
		`"` + string(bytes.Repeat([]byte("long "), 9)) + `"`, `[1,2,3,4,5,6,7,8,9,10,11]`, `{"__proto__":1}`, `2147483648`}
	m.b = append(m.b, list[m.IntN(len(list))]...)
}

// value appends a value for all of the schemas, mostly.
func (m *maker) value(depth int, list ...*Schema) {
	var all []*Schema
	for _, s := range list {
		all = m.gather(all, s, 8)
	}
	types, texts := Types(AnyType), []string(nil)
	for _, s := range all {
		types &= s.types
		for _, v := range [...]*values{s.enum, s.konst} {
			if v != nil {
				texts = append(texts, v.texts...)
				if v.rest != nil {
					for c := 1; c < v.rest.Next(0); c = v.rest.Next(c) {
						if m.IntN(3) == 0 && !m.wrong() {
							m.b = append(m.b, v.rest.Raw(c)...)
							return
						}
					}
				}
			}
		}
	}
	switch {
	case m.wrong():
		m.any(depth)
	case types&TypeObject != 0 && depth > 0 && (types != AnyType || m.IntN(4) != 0):
		m.object(depth-1, all)
	case types&TypeArray != 0 && depth > 0:
		m.array(depth-1, all)
	case types&TypeString != 0:
		m.text(all, texts)
	case types&TypeNumber != 0:
		m.b = strconv.AppendInt(m.b, int64(m.IntN(7)), 10)
	case types&TypeBoolean != 0:
		m.b = append(m.b, "true"...)
	case types&TypeNull != 0:
		m.b = append(m.b, "null"...)
	case types&TypeObject != 0:
		m.b = append(m.b, "{}"...)
	default:
		m.any(depth)
	}
}

// gather adds a schema, what it applies, and some of its branches.
func (m *maker) gather(all []*Schema, s *Schema, depth int) []*Schema {
	all = append(all, s)
	p := s.inPlace
	if p == nil || depth == 0 {
		return all
	}
	if p.ref != nil {
		all = m.gather(all, p.ref, depth-1)
	}
	for _, b := range p.allOf {
		all = m.gather(all, b, depth-1)
	}
	for _, branches := range [...][]*Schema{p.anyOf, p.oneOf} {
		if len(branches) > 0 {
			all = m.gather(all, branches[m.IntN(len(branches))], depth-1)
			if m.wrong() {
				all = m.gather(all, branches[m.IntN(len(branches))], depth-1)
			}
		}
	}
	if p.ifs != nil && m.IntN(2) == 0 {
		all = m.gather(all, p.ifs, depth-1)
	}
	return all
}

func (m *maker) text(all []*Schema, texts []string) {
	s := [...]string{"x", "abc", "", "2026-01-01T00:00:00Z", "a@example.com", "https://example.com/", "123e4567-e89b-12d3-a456-426614174000", "0123456789012345678901234567890123456789"}[m.IntN(8)]
	if len(texts) > 0 && m.IntN(8) != 0 {
		s = texts[m.IntN(len(texts))]
	}
	for _, a := range all {
		if t := a.text; t != nil && len(texts) == 0 {
			for len(s) < t.min && len(s) < 200 {
				s += "a"
			}
			for _, f := range [...]string{"2026-01-01T00:00:00Z", "https://example.com/", "a@example.com", "2026-01-01"} {
				if t.format != noFormat && !t.format.numeric() && t.format.matches([]byte(f)) {
					s = f
				}
			}
		}
	}
	q, _ := json.Marshal(s)
	m.b = append(m.b, q...)
}

func (m *maker) array(depth int, all []*Schema) {
	var items []*Schema
	n, least := m.IntN(3), 0
	for _, s := range all {
		if s.array == nil {
			continue
		}
		least = max(least, s.array.min)
		if s.array.items != nil {
			items = append(items, s.array.items)
		}
	}
	m.b = append(m.b, '[')
	for i := range max(n, min(least, 12)) {
		if i > 0 {
			m.b = append(m.b, ',')
		}
		m.value(depth, items...)
	}
	m.b = append(m.b, ']')
}

func (m *maker) object(depth int, all []*Schema) {
	m.b = append(m.b, '{')
	first := true
	done := map[string]bool{}
	put := func(name string, list ...*Schema) {
		if done[name] && m.IntN(50) != 0 {
			return
		}
		done[name] = true
		if !first {
			m.b = append(m.b, ',')
		}
		first = false
		if m.IntN(9) == 0 {
			m.b = append(m.b, " \n"...)
		}
		q, _ := json.Marshal(name)
		if m.IntN(12) == 0 && len(name) > 0 && name[0] < 0x80 {
			q = fmt.Appendf(nil, `"\u%04x%s`, name[0], q[2:])
		}
		m.b = append(append(m.b, q...), ':')
		m.value(depth, list...)
	}
	for _, s := range all {
		if s.object == nil {
			continue
		}
		for _, p := range s.object.props {
			if !p.required && m.IntN(3) == 0 || p.required && m.wrong() || depth < 2 && !p.required {
				continue
			}
			var list []*Schema
			for _, t := range all {
				if t.object != nil {
					if q := t.object.find([]byte(p.name)); q != nil && q.schema != nil {
						list = append(list, q.schema)
					}
				}
			}
			m.names = append(m.names, p.name)
			put(p.name, list...)
		}
		if s.object.additional != nil && !s.object.additional.never && m.IntN(2) == 0 {
			put("k"+strconv.Itoa(m.IntN(3)), s.object.additional)
		}
	}
	if m.wrong() {
		names := [...]string{"zzz", "__proto__", "constructor", "A", "x-1", "b"}
		name := names[m.IntN(len(names))]
		if len(m.names) > 0 && m.IntN(3) == 0 {
			name = string(bytes.ToUpper([]byte(m.names[m.IntN(len(m.names))])))
		}
		put(name)
	}
	m.b = append(m.b, '}')
}

// garble spoils bytes.
func (m *maker) garble() {
	if len(m.b) == 0 || m.spoil == 0 || m.IntN(12) != 0 {
		return
	}
	i := m.IntN(len(m.b))
	switch m.IntN(4) {
	case 0:
		m.b = append(m.b[:i:i], m.b[i+1:]...)
	case 1:
		const bytes = "{}[]\",:\\0e. \x00\xff"
		m.b[i] = bytes[m.IntN(len(bytes))]
	case 2:
		m.b = append(m.b, m.b[i])
	case 3:
		m.b = append(m.b[:i:i], append([]byte{m.b[i]}, m.b[i:]...)...)
	}
}

// both judges a document by the programs and on the tape.
type both struct {
	doc                      jsonwalk.Doc
	cases, valid, cut, taped int
	fails                    int
	roles                    uint64 // of the caller
	rejects                  bool   // undeclared members of replies are refused, too
}

var ways = [...]Options{{}, {Undeclared: Allow}, {MaxString: 30, MaxItems: 10}, {Undeclared: Allow, MaxString: 30, MaxItems: 10}}

func (x *both) compare(t *testing.T, what string, s *Schema, b []byte) {
	t.Helper()
	parsed := x.doc.Parse(b, jsonwalk.Limits{}) == nil
	for _, o := range ways {
		for _, d := range [...]Direction{Request, Reply} {
			if o.Direction, o.Roles = d, x.roles; s.programs[d] == nil {
				continue
			}
			var v Violation
			want := parsed
			if parsed {
				if v, want = s.Validate(&x.doc, o); v.Keyword == "budget" {
					continue
				}
				if found := s.Explain(&x.doc, o, 8); (len(found) == 0) != want || len(found) > 8 {
					x.fail(t, "%s %+v: valid %v (%v), and explained as %v\n%s", what, o, want, v, found, b)
				}
			}
			x.cases++
			if want {
				x.valid++
			}
			if got := s.Accepts(b, jsonwalk.Limits{}, o); got != want {
				x.fail(t, "%s %+v: program %v, tape %v (%v)\n%s", what, o, got, want, v, b)
			}
		}
	}
	for _, u := range [...]Undeclared{Strip, Allow, Reject} {
		if u == Reject && !x.rejects {
			continue
		}
		o := Options{Undeclared: u, Roles: x.roles}
		if s.programs[forFilter] == nil {
			continue
		}
		out, cut, ok := s.Cut(nil, b, jsonwalk.Limits{}, o)
		x.cases++
		if !parsed {
			if ok {
				x.fail(t, "%s: cut what is no JSON: %s", what, b)
			}
			continue
		}
		wantOut, n, v := s.Filter(nil, &x.doc, o)
		switch {
		case v.Keyword == "budget":
		case ok && v.Keyword != "":
			x.fail(t, "%s: cut is valid: %v, filter says %v\n%s", what, ok, v, b)
		case !ok && v.Keyword == "":
			// The program is strict where an additionalProperties: false stands in a
			// branch, or unsure; whoever calls it then asks the tape.
			x.taped++
		case ok && (cut != (n > 0) || !same(t, out, wantOut)):
			x.fail(t, "%s: cut %v to\n%s\nfilter %d to\n%s\nof\n%s", what, cut, out, n, wantOut, b)
		case cut:
			x.cut++
		}
	}
}

func (x *both) fail(t *testing.T, format string, args ...any) {
	t.Helper()
	if x.fails++; x.fails < 10 {
		t.Errorf(format, args...)
	}
}

// same compares two documents.
func same(t *testing.T, a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	var d, e jsonwalk.Doc
	if err := d.Parse(a, jsonwalk.Limits{}); err != nil {
		t.Errorf("cut to what is no JSON: %s", a)
		return false
	}
	return e.Parse(b, jsonwalk.Limits{}) == nil && d.Equal(0, &e, 0)
}

// Programs and the tape agree on every schema of the suite, as schemas of a
// description and with documents that are mostly, but not always, valid.
func TestProgramsAndTheTapeAgreeOnTheSuite(t *testing.T) {
	files, _ := filepath.Glob(suite + "tests/draft2020-12/*.json")
	if len(files) == 0 {
		t.Skip("corpora/json-schema is missing")
	}
	var x both
	m := maker{Rand: rand.New(rand.NewPCG(1, 2))}
	for _, file := range files {
		for _, g := range groups(t, file) {
			s, ok := schemaOf(t, g.Schema, true)
			if !ok {
				continue
			}
			withPrograms(s)
			what := filepath.Base(file) + ": " + g.Description
			for _, c := range g.Tests {
				x.compare(t, what, s, c.Data)
			}
			for i := range 60 {
				m.b, m.spoil, m.names = m.b[:0], [...]int{0, 3, 6, 20}[i%4], m.names[:0]
				m.value(4, s)
				m.garble()
				x.compare(t, what, s, m.b)
			}
		}
	}
	t.Logf("figure suite disagreements %d/0 in %d judgements, %d valid, %d cut, %d left to the tape", x.fails, x.cases, x.valid, x.cut, x.taped)
	// What is left are replies for unevaluated* with schemas of their own.
	if x.cases < 100_000 || x.valid == 0 || x.cut == 0 || x.taped > x.cases/100 {
		t.Error("too few")
	}
}

// reach adds a state and those it leads to.
func reach(all map[*state]bool, s *state) {
	if all[s] {
		return
	}
	all[s] = true
	for _, list := range [...][]trans{s.byKey, s.byMask, s.prefix, {s.rest}} {
		for _, t := range list {
			if t.to != nil {
				reach(all, t.to)
			}
		}
	}
	if s.names != nil {
		reach(all, s.names.to)
	}
}

// Likewise on the schemas of real descriptions.
func TestProgramsAndTheTapeAgreeOnDescriptions(t *testing.T) {
	var x both
	m := maker{Rand: rand.New(rand.NewPCG(3, 4))}
	for _, file := range [...]string{"github.v3.json", "stripe.json", "digitalocean.yaml", "svix.json", "vercel.json", "prometheus-3.1.yaml", "prometheus-3.2.yaml"} {
		path := "../../../shared/corpora/openapi/" + file
		if _, err := os.Stat(path); err != nil {
			t.Skip("corpora/openapi is missing")
		}
		d, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		done := map[*Schema]bool{}
		programs, taped, states := 0, 0, map[*state]bool{}
		for _, op := range d.Operations {
			var content []MediaType
			if op.RequestBody != nil {
				content = append(content, op.RequestBody.Content...)
			}
			for _, r := range op.Responses {
				content = append(content, r.Content...)
			}
			for _, c := range content {
				if c.Schema == nil || done[c.Schema] || !IsJSON(c.Type) {
					continue
				}
				done[c.Schema] = true
				for _, p := range c.Schema.programs {
					if p != nil {
						programs++
						reach(states, p.root)
					}
				}
				if c.Schema.programs == [modes]*program{} {
					taped++
					t.Logf("%s: %s is judged on the tape", file, op.ID())
					continue
				}
				for i := range 12 {
					m.b, m.spoil, m.names = m.b[:0], [...]int{0, 0, 40, 200}[i%4], m.names[:0]
					m.value(5, c.Schema)
					m.garble()
					x.compare(t, file+": "+op.ID(), c.Schema, m.b)
				}
			}
		}
		definite := 0
		for st := range states {
			if st.definite {
				definite++
			}
		}
		t.Logf("%s: %d schemas, %d programs, %d states (%d without branches), %d on the tape", file, len(done), programs, len(states), definite, taped)
	}
	t.Logf("figure descriptions disagreements %d/0 in %d judgements, %d valid, %d cut, %d left to the tape", x.fails, x.cases, x.valid, x.cut, x.taped)
	if x.cases < 10_000 || x.valid == 0 || x.cut == 0 || x.taped > x.cases/1000 {
		t.Error("too few")
	}
}
