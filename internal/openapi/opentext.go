package openapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// OpenText says where a schema leaves strings open: where no enum, const, pattern,
// format or short maxLength says what a string may look like. A pattern or a
// format that accepts an injected statement closes nothing, so a pattern that is
// not anchored does not. Where several schemas apply at once, one of them is
// enough to close a string; where one of several applies, all of them are needed.
//
// The nil OpenText says that every string is open, names of members included. An
// OpenText is immutable and is not bound to the document it came from.
type OpenText struct {
	here     bool // a string in this place is open
	names    bool // names of members that are not declared are open
	members  map[string]*OpenText
	patterns []openPattern
	others   *OpenText // members that are not declared
	first    []*OpenText
	items    *OpenText // the other elements
}

type openPattern struct {
	pattern *pattern
	name    bool // the pattern leaves the name open
	value   *OpenText
}

// shortText is the length in code points up to which a string cannot hold enough
// to look for.
const shortText = 8

// OpenTextOf returns where a schema leaves strings open. Without a schema all are.
func OpenTextOf(s *Schema) *OpenText {
	if s == nil {
		return nil
	}
	w := opener{ids: map[*Schema]int{}, done: map[string]*OpenText{}, closing: map[*Schema]bool{}}
	return w.open(w.view(s, viewDepth), 0)
}

// Here reports whether a string in this place is open.
func (o *OpenText) Here() bool { return o == nil || o.here }

// Text reports whether a string in this place is open, or one in an array that
// stands here: what the text of a parameter is made of.
func (o *OpenText) Text() bool {
	return o.Here() || o.items.Here() || slices.ContainsFunc(o.first, (*OpenText).Here)
}

// Member returns what is open in the member of that name of an object, and
// whether the name itself is.
func (o *OpenText) Member(name []byte) (value *OpenText, isName bool) {
	if o == nil {
		return nil, true
	}
	if m, ok := o.members[string(name)]; ok {
		return m, false
	}
	for i := range o.patterns {
		if p := &o.patterns[i]; p.pattern.match(name) {
			return p.value, p.name
		}
	}
	return o.others, o.names
}

// Element returns what is open in element i of an array, from 0.
func (o *OpenText) Element(i int) *OpenText {
	switch {
	case o == nil:
		return nil
	case i < len(o.first):
		return o.first[i]
	}
	return o.items
}

// Each calls f for every open string of a document and, with isName, for every
// open name of a member, in order, until f returns false. It reports whether f
// was never false.
func (o *OpenText) Each(d *jsonwalk.Doc, f func(node int, isName bool) bool) bool {
	return o.each(d, 0, f)
}

func (o *OpenText) each(d *jsonwalk.Doc, i int, f func(node int, isName bool) bool) bool {
	switch d.Kind(i) {
	case jsonwalk.String:
		return !o.Here() || f(i, false)
	case jsonwalk.Array:
		for c, end, n := i+1, d.Next(i), 0; c < end; c, n = d.Next(c), n+1 {
			if !o.Element(n).each(d, c, f) {
				return false
			}
		}
	case jsonwalk.Object:
		for c, end := i+1, d.Next(i); c < end; c = d.Next(c) {
			m, isName := o.Member(d.Name(c))
			if isName && !f(c, true) || !m.each(d, c, f) {
				return false
			}
		}
	}
	return true
}

// nothing is open where no value of that kind can be.
var nothing = func() *OpenText {
	o := &OpenText{}
	o.others, o.items = o, o
	return o
}()

// The bounds within which schemas are followed. What lies beyond is open.
const (
	viewDepth = 16     // schemas applied in place, one by another
	openDepth = 32     // values within values
	mostOpen  = 20_000 // places of one schema
)

// view is what applies to one value: all schemas of must, and one view of each
// group at the least.
type view struct {
	must   []*Schema
	groups [][]*view
	types  Types
}

// opener makes the OpenText of one schema. Schemas refer to themselves, so
// places where the same applies are the same OpenText.
type opener struct {
	ids     map[*Schema]int
	done    map[string]*OpenText
	closing map[*Schema]bool // what closesText said
}

func (w *opener) view(s *Schema, depth int) *view {
	v := &view{types: s.Types()}
	w.gather(v, s, depth)
	return v
}

func (w *opener) gather(v *view, s *Schema, depth int) {
	if slices.Contains(v.must, s) {
		return
	}
	v.must = append(v.must, s)
	if s.inPlace == nil || depth == 0 {
		return
	}
	if s.inPlace.ref != nil {
		w.gather(v, s.inPlace.ref, depth-1)
	}
	for _, a := range s.inPlace.allOf {
		w.gather(v, a, depth-1)
	}
	for _, list := range [...][]*Schema{s.inPlace.anyOf, s.inPlace.oneOf} {
		if len(list) == 0 {
			continue
		}
		var g []*view
		for _, b := range list {
			g = append(g, w.view(b, depth-1))
		}
		v.groups = append(v.groups, g)
	}
}

// key names a view: views of the same key apply the same.
func (w *opener) key(b *strings.Builder, v *view) {
	for _, s := range v.must {
		id, ok := w.ids[s]
		if !ok {
			id = len(w.ids)
			w.ids[s] = id
		}
		b.WriteString(strconv.Itoa(id) + ",")
	}
	for _, g := range v.groups {
		b.WriteByte('(')
		for _, b2 := range g {
			w.key(b, b2)
			b.WriteByte('|')
		}
		b.WriteByte(')')
	}
}

// open returns the OpenText of a view; nil, when too much would have to be followed.
func (w *opener) open(v *view, depth int) *OpenText {
	if v == nil || depth > openDepth || len(w.done) >= mostOpen {
		return nil
	}
	var b strings.Builder
	w.key(&b, v)
	key := b.String()
	if o, ok := w.done[key]; ok {
		return o
	}
	if len(key) > 4096 {
		return nil
	}
	o := &OpenText{here: !w.closed(v), names: !w.closesNames(v), members: map[string]*OpenText{}}
	w.done[key] = o
	v.each(func(s *Schema) {
		if s.object != nil {
			for _, p := range s.object.props {
				if _, ok := o.members[p.name]; !ok && p.schema != nil {
					o.members[p.name] = w.open(w.below(v, TypeObject, memberOf(p.name)), depth+1)
				}
			}
			for _, p := range s.object.patterns {
				o.patterns = append(o.patterns, w.pattern(v, s, p, depth))
			}
		}
		if s.array != nil {
			for i := len(o.first); i < len(s.array.prefix); i++ {
				o.first = append(o.first, w.open(w.below(v, TypeArray, elementOf(i)), depth+1))
			}
		}
	})
	o.others, o.items = nothing, nothing
	if slices.ContainsFunc(v.must, func(s *Schema) bool { return s.enum != nil || s.konst != nil || s.never }) {
		return o
	}
	if v.types&TypeObject != 0 {
		o.others = w.open(w.below(v, TypeObject, otherMember), depth+1)
	}
	if v.types&TypeArray != 0 {
		o.items = w.open(w.below(v, TypeArray, elementOf(-1)), depth+1)
	}
	return o
}

// pattern returns what is open in members whose names match a pattern. A name
// that matches several is judged by the first of them.
func (w *opener) pattern(v *view, s *Schema, p patternProperty, depth int) openPattern {
	o := openPattern{pattern: p.pattern, name: !p.pattern.closes()}
	if slices.Contains(v.must, s) { // in a branch it may not apply
		o.value = w.open(w.view(p.schema, viewDepth), depth+1)
	}
	return o
}

// each calls f for every schema of a view.
func (v *view) each(f func(*Schema)) {
	for _, s := range v.must {
		f(s)
	}
	for _, g := range v.groups {
		for _, b := range g {
			b.each(f)
		}
	}
}

// closed reports whether a string is closed, or cannot be here.
func (w *opener) closed(v *view) bool {
	if v.types&TypeString == 0 || slices.ContainsFunc(v.must, w.closesText) {
		return true
	}
	return slices.ContainsFunc(v.groups, func(g []*view) bool {
		return !slices.ContainsFunc(g, func(b *view) bool { return !w.closed(b) })
	})
}

// closesNames reports whether propertyNames closes the names of members.
func (w *opener) closesNames(v *view) bool {
	return slices.ContainsFunc(v.must, func(s *Schema) bool {
		return s.object != nil && s.object.names != nil && w.closesText(s.object.names)
	})
}

func (w *opener) closesText(s *Schema) bool {
	closes, ok := w.closing[s]
	if !ok {
		closes = s.closesText()
		w.closing[s] = closes
	}
	return closes
}

// closesMembers reports whether members that nobody declares are undeclared.
func (v *view) closesMembers() bool {
	if slices.ContainsFunc(v.must, func(s *Schema) bool { return s.object != nil && s.object.closes }) {
		return true
	}
	return slices.ContainsFunc(v.groups, func(g []*view) bool {
		return !slices.ContainsFunc(g, func(b *view) bool { return !b.closesMembers() })
	})
}

// child returns the schema that a schema applies to a child, or nil when it
// says nothing about it.
type child func(*Schema) *Schema

func memberOf(name string) child {
	return func(s *Schema) *Schema {
		o := s.object
		if o == nil {
			return nil
		}
		if p := o.find([]byte(name)); p != nil && p.schema != nil {
			return p.schema
		}
		for _, p := range o.patterns {
			if p.pattern.match([]byte(name)) {
				return p.schema
			}
		}
		return otherMember(s)
	}
}

func otherMember(s *Schema) *Schema {
	switch o := s.object; {
	case o == nil:
		return nil
	case o.additional != nil && (!o.open || !o.closes):
		return o.additional
	default:
		return o.rest
	}
}

func elementOf(i int) child {
	return func(s *Schema) *Schema {
		switch a := s.array; {
		case a == nil:
			return nil
		case i >= 0 && i < len(a.prefix):
			return a.prefix[i]
		case a.items != nil:
			return a.items
		default:
			return a.rest
		}
	}
}

// below returns what applies to a child of values of a container type, or nil
// when nobody says anything about it.
func (w *opener) below(v *view, container Types, of child) *view {
	below := &view{types: AnyType}
	for _, s := range v.must {
		if c := of(s); c != nil {
			below.types &= c.Types()
			w.gather(below, c, viewDepth)
		}
	}
	declared := len(below.must) > 0
	// Where nobody else declares a child, a branch that does not is not the one
	// that lets it in.
	strict := container == TypeObject && !declared && len(v.groups) == 1
	closes := v.closesMembers()
	for _, g := range v.groups {
		var list []*view
		open := false
		for _, b := range g {
			if b.types&container == 0 {
				continue // not the branch of a value that has children
			}
			if c := w.below(b, container, of); c != nil {
				list = append(list, c)
			} else if !strict || !closes && !b.closesMembers() {
				open = true
			}
		}
		declared = declared || len(list) > 0
		if !open && len(list) > 0 {
			below.groups = append(below.groups, list)
		}
	}
	if !declared {
		return nil
	}
	return below
}
