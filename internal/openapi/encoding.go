package openapi

import (
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// Encoding says how one member of a form is written (OpenAPI 3.1 section 4.8.15).
type Encoding struct {
	Name  string   // of the member
	Types []string // contentType: media types and ranges, in lower case; nil when not written
	// Style is "form", "spaceDelimited", "pipeDelimited", "deepObject", or "" when
	// none of style, explode and allowReserved is written.
	Style    string
	Explode  bool
	Reserved bool
	Headers  []*Parameter // of a part of multipart/form-data, Content-Type excepted
	Place    Place
}

// EncodingOf returns how a member is written, or nil.
func (m *MediaType) EncodingOf(name string) *Encoding {
	i := slices.IndexFunc(m.Encoding, func(e Encoding) bool { return e.Name == name })
	if i < 0 {
		return nil
	}
	return &m.Encoding[i]
}

func (l *loader) encodings(a at, in resource) (list []Encoding, err error) {
	err = a.each(func(name string, v at) error {
		e := Encoding{Name: l.intern(name), Style: l.intern(v.get("style").text()), Reserved: v.get("allowReserved").truth(), Place: v.place()}
		for t := range strings.SplitSeq(v.get("contentType").text(), ",") {
			if t, _, _ = strings.Cut(strings.ToLower(t), ";"); strings.TrimSpace(t) != "" {
				e.Types = append(e.Types, l.intern(strings.TrimSpace(t)))
			}
		}
		explode := v.get("explode")
		if e.Style == "" && (explode.ok() || v.get("allowReserved").ok()) {
			e.Style = "form"
		}
		switch e.Style {
		case "", "form", "spaceDelimited", "pipeDelimited", "deepObject":
		default:
			return v.fault("style %q does not exist in forms", e.Style)
		}
		if e.Explode = e.Style == "form"; explode.ok() {
			e.Explode = explode.truth()
		}
		err := v.get("headers").each(func(name string, h at) error {
			if name = strings.ToLower(name); name == "content-type" {
				return nil // said by contentType
			}
			p, err := l.header(name, h, in)
			e.Headers = append(e.Headers, p)
			return err
		})
		list = append(list, e)
		return err
	})
	return list, err
}

// header reads a header object: a parameter without name and place.
func (l *loader) header(name string, a at, in resource) (*Parameter, error) {
	a, in, err := l.follow(a, in)
	if err != nil {
		return nil, err
	}
	p := &Parameter{Name: l.intern(name), In: "header", Style: "simple", Explode: a.get("explode").truth(), Required: a.get("required").truth(), Place: a.place()}
	if s := a.get("schema"); s.ok() {
		p.Schema, err = l.entry(s, in)
	}
	return p, err
}

// isBinary reports a schema whose strings are bytes as they are: files.
func isBinary(a at) bool {
	if a.get("format").text() == "binary" {
		return true
	}
	return a.get("contentMediaType").is(jsonwalk.String) && !a.get("contentEncoding").ok()
}

// Binary reports whether values of the schema, or of its elements when it is for
// arrays, are files.
func (s *Schema) Binary() bool {
	found := false
	s.walkInPlace(16, func(b *Schema) { found = found || b.binary })
	return found
}

// Others returns the schema by which members are judged that are not declared by
// name, or nil when there is none.
func (s *Schema) Others() *Schema {
	var found *Schema
	s.walkInPlace(16, func(b *Schema) {
		if b.object != nil && found == nil && b.object.additional != nil && !b.object.additional.never {
			found = b.object.additional
		}
	})
	return found
}
