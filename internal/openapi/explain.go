package openapi

import (
	"strconv"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// mostClosed bounds of how many objects it is kept who declares their members: a
// body may have hundreds of thousands, and an explanation is short.
const mostClosed = 4096

// gathering collects violations.
type gathering struct {
	most   int
	found  []Violation
	nodes  []int
	torn   bool            // no branch of a choice held: what is declared below it is not known
	closed map[int]*Schema // by node: the schema that declares the object's members
}

// Explain says why a document is refused: up to most violations, in the order of
// the document, each with the place in the description that demands otherwise. It
// holds no values. It returns nothing for a valid document, and allocates: it is
// for what has been refused already.
func (s *Schema) Explain(d *jsonwalk.Doc, o Options, most int) []Violation {
	if d.Len() == 0 {
		return nil
	}
	first, ok := s.Validate(d, o)
	if ok {
		return nil
	}
	r := s.begin(d, o)
	defer s.shared.runs.Put(r)
	g := &gathering{most: most, closed: map[int]*Schema{}}
	r.gather = g
	defer func() { r.gather, r.now = nil, nil }()
	r.excusing = true
	whole := r.restrict(s) && r.apply(0, s)
	switch {
	case r.over:
		r.gathered(r.at, r.keyword, nil)
	case whole && !g.torn:
		if !r.sweep() && len(g.found) < g.most {
			// What the sweep stops at is our own bound, or what programs read
			// otherwise: no schema says so.
			r.gathered(r.at, r.keyword, nil)
		}
	}
	if len(g.found) == 0 { // a library says so, or the verdict hangs on the roles
		first.Place = s.Place()
		g.found = append(g.found, first)
	}
	return g.found
}

// gathered notes a violation of a schema's keyword and reports whether to stop.
func (r *run) gathered(node int, keyword string, s *Schema) bool {
	g := r.gather
	if keyword == "anyOf" || keyword == "oneOf" {
		g.torn = true
	}
	for i, n := range g.nodes {
		if n == node && (g.found[i].Keyword == keyword || keyword == "undeclared") {
			return r.over
		}
	}
	v := Violation{Keyword: keyword}
	v.Pointer, v.Known = r.pointer(node)
	if s != nil {
		if keyword == "readOnly" && s.object != nil { // it stands in the member's own schema
			s = s.object.find(r.d.Name(node)).schema
		}
		v.Place = s.placeOf(keyword)
	}
	missing := []string{""}
	if keyword == "required" && s != nil && s.object != nil {
		missing = r.missing(node, s.object)
	}
	for _, v.Member = range missing {
		if len(g.found) < g.most {
			g.found, g.nodes = append(g.found, v), append(g.nodes, node)
		}
	}
	return r.over || len(g.found) == g.most
}

// missing returns the members that an object must have and has not.
func (r *run) missing(i int, o *object) (names []string) {
	for _, p := range o.props {
		asked := p.schema == nil || r.o.Direction == Request && !p.schema.readOnly || r.o.Direction == Reply && !p.schema.writeOnly
		if p.required && asked && r.d.Member(i, p.name) == jsonwalk.Missing && !r.excuse(i, p.name) {
			names = append(names, p.name)
		}
	}
	return names
}

// pointer returns the JSON pointer of node i, in which names that no schema
// declares are written as in jsonwalk's, and how many bytes of it come before the
// first of those.
func (r *run) pointer(i int) (pointer string, known int) {
	var b strings.Builder
	d, declared := r.d, true
	for at := 0; at < i; {
		index, c := 0, at+1
		for ; i >= d.Next(c); c = d.Next(c) {
			index++
		}
		token := strconv.Itoa(index)
		if d.Kind(at) == jsonwalk.Object {
			token = escapePointer(string(d.Name(c)))
			if _, ok := r.shared.declared[string(d.Name(c))]; !ok {
				declared = false
				token = d.Pointer(c)
				token = token[strings.LastIndexByte(token, '/')+1:]
			}
		}
		b.WriteString("/" + token)
		if declared {
			known = b.Len()
		}
		at = c
	}
	return b.String(), known
}
