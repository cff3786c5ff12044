package schema

import (
	"bytes"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/magic"
	"github.com/gatehouse-api/gatehouse/internal/multipart"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// part is how the parts of one field of multipart/form-data must be.
type part struct {
	types   []string // media types and ranges; nil takes any
	file    bool     // what is in them are bytes
	headers []parameter
}

// partOf says how the parts of a field must be: as its encoding says, else text
// for texts, JSON for objects, and any type for files (OpenAPI 3.1 section
// 4.8.15.1).
func (m nodes) partOf(q *parameter, e *openapi.Encoding) *part {
	p := &part{}
	if e != nil {
		p.types = e.Types
		for _, h := range e.Headers {
			p.headers = append(p.headers, m.parameterOf(h))
		}
	}
	of := q.node
	if of.shape == array {
		of = of.element()
	}
	p.file = of.schema != nil && of.schema.Binary() || slices.ContainsFunc(p.types, func(t string) bool {
		return !strings.HasPrefix(t, "text/") && !openapi.IsJSON(t)
	})
	switch {
	case p.types != nil || p.file:
	case q.shape == document || of.shape == object:
		p.types = []string{"application/json"}
	default:
		p.types = []string{"text/plain"}
	}
	return p
}

// judgeParts judges a body of multipart/form-data as the object that its parts
// make. The body is held, never written anywhere, and its parts are looked at
// where they lie: nothing of it is forwarded before its last byte was judged.
func (k *check) judgeParts(s *scratch, body []byte, contentType string, f *form) (*gatehouse.Answer, string) {
	boundary, err := multipart.Boundary(contentType)
	if err == nil {
		err = s.form.Parse(body, boundary, multipart.Limits{Parts: k.maxParts})
	}
	if err != nil {
		return badParts, err.Error()
	}
	s.text, s.entries = s.text[:0], s.entries[:0]
	for i := range s.form.Parts {
		q := &s.form.Parts[i]
		if q.File && q.Filename == "" && len(q.Content) == 0 {
			continue // no file was chosen, says a browser
		}
		if q.File && len(q.Content) > k.maxFile {
			return largeFile, ""
		}
		p := s.field(f, view(q.Name))
		e := &s.entries[len(s.entries)-1]
		e.part = i
		s.large = s.large || !q.File && len(q.Content) > keep
		switch {
		case p != nil:
			e.file = p.part.file
			if a, why := s.judgePart(p, q); a != nil {
				return a, p.name + why
			}
			if e.file && len(q.Content) > k.maxFile {
				return largeFile, p.name + " maxLength"
			}
		case q.File:
			return undeclared, " undeclared"
		case f.node.schema == nil:
		case !isText(q):
			return badField, " contentType"
		}
	}
	return s.filled(f, body)
}

// isText reports the media type of texts that nothing is declared for.
func isText(q *multipart.Part) bool {
	name, utf8 := typeOf(q)
	return utf8 && (name == "" || name == "text/plain")
}

// judgePart judges everything of a part but its value.
func (s *scratch) judgePart(p *parameter, q *multipart.Part) (*gatehouse.Answer, string) {
	name, utf8 := typeOf(q)
	if name == "" {
		name = p.part.unsaid()
	}
	listed := slices.Contains(p.part.types, name)
	json := openapi.IsJSON(name)
	switch {
	case !utf8, p.part.types != nil && !listed && !within(p.part.types, name):
		if p.part.file {
			return badFile, " contentType"
		}
		return badField, " contentType"
	case q.File && !p.part.file && !json:
		return badField, " filename" // a file for some programs, a text for others
	}
	if p.part.file {
		switch {
		case !magic.Fits(q.Content, name), p.part.types != nil && !listed && !magic.Known(name):
			return badFile, " content"
		case strings.HasPrefix(name, "text/") && bytes.IndexByte(q.Content, 0) >= 0, json && s.json.Parse(q.Content, limits) != nil:
			return badFile, " content"
		}
	}
	return s.judgeHeaders(p.part.headers, q.Fields)
}

// judgeHeaders judges the other fields of a part. Those that are not declared mean
// something to some programs only.
func (s *scratch) judgeHeaders(list []parameter, f []multipart.Field) (*gatehouse.Answer, string) {
	known := 0
	for i := range list {
		h, found := &list[i], false
		for j := range f {
			if !strings.EqualFold(f[j].Name, h.name) {
				continue
			}
			found = true
			known++
			if v, ok := s.one(h, view(f[j].Value), inHeader); !ok {
				return badField, " " + h.name + v.String()
			}
		}
		if !found && h.required {
			return badField, " " + h.name + " required"
		}
	}
	if known < len(f) {
		return badField, " headers"
	}
	return nil, ""
}

// unsaid is the media type of a part that does not say one: text/plain, as RFC
// 7578 section 4.4 has it, or the only one that is declared. A file where any type
// is taken claims nothing.
func (p *part) unsaid() string {
	switch {
	case len(p.types) == 1 && strings.IndexByte(p.types[0], '*') < 0:
		return p.types[0]
	case p.types == nil:
		return "application/octet-stream"
	case p.file:
		return ""
	}
	return "text/plain"
}

// within reports whether a range takes a media type. SVG pictures are programs:
// they must be named.
func within(types []string, name string) bool {
	for _, t := range types {
		prefix, ranged := strings.CutSuffix(t, "*")
		if ranged && name != "" && (prefix == "*/" || strings.HasPrefix(name, prefix) && name != "image/svg+xml") {
			return true
		}
	}
	return false
}

// typeOf returns the media type of a part in lower case, and whether its
// characters are, as far as it says so, those of UTF-8. Java's clients say
// ISO-8859-1 where nobody told them: up to 0x7F that is the same.
func typeOf(q *multipart.Part) (name string, utf8 bool) {
	name, rest, more := strings.Cut(q.Type, ";")
	name, utf8 = strings.ToLower(strings.Trim(name, " \t")), true
	for charsets := 0; more; {
		var one string
		one, rest, more = strings.Cut(rest, ";")
		key, value, _ := strings.Cut(strings.Trim(one, " \t"), "=")
		if !strings.EqualFold(key, "charset") {
			continue
		}
		charsets++
		switch value = strings.Trim(value, `"`); {
		case strings.EqualFold(value, "utf-8"):
		case strings.EqualFold(value, "us-ascii"), strings.EqualFold(value, "iso-8859-1"), strings.EqualFold(value, "windows-1252"):
			utf8 = utf8 && (q.File || ascii(q.Content))
		default:
			utf8 = false
		}
		utf8 = utf8 && charsets == 1
	}
	return name, utf8
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
