package openapi

import (
	"slices"
	"strconv"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// origin is where a schema is written, and the lines of its keywords. It is kept
// small: a description may have a hundred thousand schemas.
type origin struct {
	above    *Schema  // the schema that it is written in, or nil
	below    string   // its JSON pointer from there, or from the root of the file
	file     string   // how people call the file
	line     int32    // 0 for a schema that is written nowhere
	keywords []uint32 // the keyword's index in located, and how many lines below
}

// located are the keywords whose lines are kept: those that a violation names.
var located = [...]string{
	"type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "format",
	"additionalProperties", "propertyNames", "minProperties", "maxProperties", "required", "dependentRequired", "minItems", "maxItems", "uniqueItems",
	"contains", "maxContains", "anyOf", "oneOf", "not", "readOnly", "writeOnly", RolesKeyword,
}

const lineBits = 24

// Place returns where the schema is written.
func (s *Schema) Place() Place {
	return Place{File: s.origin.file, Line: int(s.origin.line), Pointer: s.pointer()}
}

func (s *Schema) pointer() string {
	if s.origin.above == nil {
		return s.origin.below
	}
	return s.origin.above.pointer() + s.origin.below
}

// placeOf returns where a keyword of the schema is written, or where the schema
// is when the keyword is not written in it.
func (s *Schema) placeOf(keyword string) Place {
	p := s.Place()
	for _, k := range s.origin.keywords {
		if located[k>>lineBits] == keyword {
			p.Line += int(k & (1<<lineBits - 1))
			p.Pointer += "/" + keyword
		}
	}
	return p
}

// locate notes where the schemas are written, in one walk through each file.
func (l *loader) locate() {
	files := map[*tree][]*Schema{}
	for a, s := range l.schemas {
		if a.is(jsonwalk.Object) && a.get("$ref").is(jsonwalk.String) && l.alone(a) {
			continue // written elsewhere
		}
		if files[a.tree] == nil {
			files[a.tree] = make([]*Schema, a.doc.Len())
		}
		files[a.tree][a.n] = s
	}
	for t, schemas := range files {
		w := locator{loader: l, tree: t, schemas: schemas}
		w.walk(0, nil, nil)
	}
}

// locator walks through one file.
type locator struct {
	*loader
	tree    *tree
	schemas []*Schema // by node
}

// walk visits node n, which is written at pointer below the schema above.
func (w *locator) walk(n int, above *Schema, pointer []byte) {
	d := &w.tree.doc
	if s := w.schemas[n]; s != nil && s.origin.line == 0 {
		s.origin = origin{above: above, below: w.intern(string(pointer)), file: w.tree.name, line: int32(w.tree.line(n)), keywords: w.keywords(n)}
		above, pointer = s, nil
	}
	object := d.Kind(n) == jsonwalk.Object
	if !object && d.Kind(n) != jsonwalk.Array {
		return
	}
	base := len(pointer)
	for c, end, i := n+1, d.Next(n), 0; c < end; c, i = d.Next(c), i+1 {
		pointer = append(pointer[:base], '/')
		if object {
			pointer = append(pointer, escapePointer(string(d.Name(c)))...)
		} else {
			pointer = strconv.AppendInt(pointer, int64(i), 10)
		}
		w.walk(c, above, pointer)
	}
}

func (w *locator) keywords(n int) (list []uint32) {
	d := &w.tree.doc
	if d.Kind(n) != jsonwalk.Object {
		return nil
	}
	line := w.tree.line(n)
	for c, end := n+1, d.Next(n); c < end; c = d.Next(c) {
		name := d.Name(c)
		k := slices.IndexFunc(located[:], func(s string) bool { return s == string(name) })
		if below := w.tree.line(c) - line; k >= 0 && below >= 0 && below < 1<<lineBits {
			list = append(list, uint32(k)<<lineBits|uint32(below))
		}
	}
	return slices.Clip(list)
}
