package openapi

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// readings is a description whose replies are declared in ways that the program
// walks differently: not at all, exactly, by branches.
const readings = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /free: {get: {responses: {"200": {description: d, content: {application/json: {schema: {}}}}}}}
  /list: {get: {responses: {"200": {description: d, content: {application/json: {schema: {type: [array, object, "null"], items: {$ref: "#/components/schemas/O"}}}}}}}}
  /exact: {get: {responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/O"}}}}}}}
  /branches: {get: {responses: {"200": {description: d, content: {application/json: {schema: {anyOf: [{$ref: "#/components/schemas/O"}, {type: array, items: {oneOf: [{$ref: "#/components/schemas/O"}, {type: "null"}]}}, {type: string}]}}}}}}}
components:
  schemas:
    O: {type: object, properties: {id: {}, owner: {}, a: {$ref: "#/components/schemas/O"}, items: {type: [array, "null", string, object]}}}
`

// made returns a random document out of the names that the paths follow.
func made(r *rand.Rand, depth int) string {
	if depth == 0 {
		return []string{`"alice"`, `"al\u0069ce"`, `1`, `-1.50`, `null`, `true`, `""`, `{}`, `[]`}[r.IntN(9)]
	}
	var parts []string
	if r.IntN(3) == 0 {
		for range r.IntN(4) {
			parts = append(parts, made(r, r.IntN(2)*(depth-1)))
		}
		return "[ " + strings.Join(parts, " , ") + " ]"
	}
	for _, n := range r.Perm(6)[:3+r.IntN(4)] {
		name := []string{"id", "owner", "a", "items", "x", "own\\u0065r"}[n]
		if n == 5 && strings.Contains(strings.Join(parts, ""), `"owner"`) || n == 1 && strings.Contains(strings.Join(parts, ""), "u0065") {
			continue
		}
		parts = append(parts, fmt.Sprintf(`"%s" : %s`, name, made(r, r.IntN(2)*(depth-1))))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// What a reading picks is what the same paths find on the tape.
func TestAReadingPicksWhatThePathsName(t *testing.T) {
	d, err := Parse("t.yaml", []byte(readings))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	path := func(text string) *jsonwalk.Path {
		p, err := jsonwalk.CompilePath(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	eaches := []*jsonwalk.Path{nil, path("[*]"), path("items[*]"), path("a.items[*]")}
	valued := [][]*jsonwalk.Path{{path("id"), path("owner")}, {path("a.id"), path("a.a.owner")}, {path("a"), path("a.id")}, {nil, path("owner")}}
	var slot interface{ Reset() }
	read, picked := 0, 0
	for range 60_000 {
		body := []byte(made(r, 1+r.IntN(4)))
		op := d.Operations[r.IntN(len(d.Operations))]
		each, values := eaches[r.IntN(len(eaches))], valued[r.IntN(len(valued))]
		picks := NewPicks(each, values...)
		reading, ok := op.Response(200).JSON("application/json").Read(&slot, body, jsonwalk.Limits{}, Options{Undeclared: Strip}, picks)
		if !ok {
			continue
		}
		read++
		var got, want strings.Builder
		reading.Each(func(v *Values) bool {
			for i := range values {
				text, _ := Text(v[i])
				picked += min(1, len(text))
				fmt.Fprintf(&got, "%q %q;", kindOf(v[i]), text)
			}
			return true
		})
		doc, err := jsonwalk.Of(&slot, body, jsonwalk.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if each == nil {
			each = path("")
		}
		each.Each(doc, 0, func(n int) bool {
			for _, v := range values {
				at := jsonwalk.Missing
				if n != jsonwalk.Missing && v != nil {
					at = v.Find(doc, n)
				}
				switch {
				case at == jsonwalk.Missing:
					fmt.Fprintf(&want, "%q %q;", byte(0), "")
				case doc.Kind(at) == jsonwalk.String || doc.Kind(at) == jsonwalk.Number:
					fmt.Fprintf(&want, "%q %q;", byte('s'), doc.Text(at))
				default:
					fmt.Fprintf(&want, "%q %q;", kindOf(body[doc.Offset(at):]), "")
				}
			}
			return true
		})
		if got.String() != want.String() {
			t.Fatalf("%s, %v of %v in %s:\n got %s\nwant %s", op.Template(), values, each, body, &got, &want)
		}
	}
	if read < 20_000 || picked < 1_000 {
		t.Errorf("%d readings with %d values: too few to mean anything", read, picked)
	}
}

// kindOf is the first byte of a value, 's' for what has a text, 0 for none.
func kindOf(raw []byte) byte {
	if len(raw) == 0 {
		return 0
	}
	if _, ok := Text(raw); ok {
		return 's'
	}
	return raw[0]
}

func TestPicksThatOnlyATapeCanFindAreRefused(t *testing.T) {
	for _, c := range [][2]string{{"a[*].b[*]", "id"}, {"[*].b", "id"}, {"", "items[*]"}, {"", ""}} {
		each, err := jsonwalk.CompilePath(c[0])
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonwalk.CompilePath(c[1])
		if err != nil {
			t.Fatal(err)
		}
		if NewPicks(each, value) != nil {
			t.Errorf("%q of every %q has picks", c[1], c[0])
		}
	}
}

// One reading serves every control; another body, other picks or other options
// are read anew.
func TestAReadingIsSharedByWhoeverAsksForTheSame(t *testing.T) {
	d, err := Parse("t.yaml", []byte(readings))
	if err != nil {
		t.Fatal(err)
	}
	s := d.Operation("GET /exact").Response(200).JSON("application/json; charset=utf-8")
	owner, _ := jsonwalk.CompilePath("owner")
	picks := NewPicks(nil, owner)
	body := []byte(`{"owner":"alice","secret":1}`)
	var slot interface{ Reset() }
	strip := Options{Undeclared: Strip}
	first, ok := s.Read(&slot, body, jsonwalk.Limits{}, strip, picks)
	if !ok || !first.Cuts() {
		t.Fatal("the reply was not read")
	}
	first.cuts = first.cuts[:0] // to tell whether it is read once more
	if again, _ := s.Read(&slot, body, jsonwalk.Limits{}, Options{Undeclared: Reject}, nil); again != first || again.Cuts() {
		t.Error("the same question was answered by a second pass")
	}
	for what, read := range map[string]func() (*Reading, bool){
		"other options": func() (*Reading, bool) { return s.Read(&slot, body, jsonwalk.Limits{Depth: 9}, strip, nil) },
		"other picks":   func() (*Reading, bool) { return s.Read(&slot, body, jsonwalk.Limits{}, strip, NewPicks(nil, owner)) },
		"another body": func() (*Reading, bool) {
			return s.Read(&slot, append([]byte(nil), body...), jsonwalk.Limits{}, strip, nil)
		},
		"a forgotten one": func() (*Reading, bool) {
			slot.Reset()
			return s.Read(&slot, body, jsonwalk.Limits{}, strip, picks)
		},
	} {
		r, _ := s.Read(&slot, body, jsonwalk.Limits{}, strip, picks)
		r.cuts = r.cuts[:0]
		if r, ok := read(); !ok || !r.Cuts() {
			t.Errorf("%s: the reply was not read anew", what)
		}
		slot.Reset()
	}
	if got := string(first.AppendCut(nil)); strings.Contains(got, "secret") && first.Cuts() {
		t.Errorf("not cut: %s", got)
	}
}
