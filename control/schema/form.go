package schema

import (
	"bytes"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/percent"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// judgeForm judges a body of application/x-www-form-urlencoded as the object
// that its names and values make.
func (k *check) judgeForm(s *scratch, body []byte, f *form) (*gatehouse.Answer, string) {
	a, why := s.urlencoded(body, f)
	if a == nil && f.reserved() && bytes.IndexByte(body, '+') >= 0 {
		s.plus = true
		a, why = s.urlencoded(body, f)
		s.plus = false
	}
	return a, why
}

func (f *form) reserved() bool {
	for i := range f.fields {
		if f.fields[i].reserved {
			return true
		}
	}
	return false
}

func (s *scratch) urlencoded(body []byte, f *form) (*gatehouse.Answer, string) {
	s.text, s.entries = s.text[:0], s.entries[:0]
	for from := 0; from < len(body); {
		to := len(body)
		if i := bytes.IndexByte(body[from:], '&'); i >= 0 {
			to = from + i
		}
		rawName, rawValue, _ := bytes.Cut(body[from:to], []byte{'='})
		if !wellFormed(rawName) || !wellFormed(rawValue) || len(s.entries) == maxEntries {
			return badForm, ""
		}
		s.name = percent.Append(s.name[:0], str(rawName), true)
		if !utf8.Valid(s.name) {
			return badForm, ""
		}
		s.field(f, s.name)
		s.valued(rawValue)
		s.entries[len(s.entries)-1].raw = span{uint32(to - len(rawValue)), uint32(to)}
		from = to + 1
	}
	return s.filled(f, body)
}

// field adds an entry for a name of a form, and returns the declared field that it
// belongs to, or nil.
func (s *scratch) field(f *form, name []byte) *parameter {
	for i := range f.fields {
		p := &f.fields[i]
		if p.name == string(name) {
			s.enter(name, true)
			return p
		}
		if p.spread && p.node.members[string(name)] != nil {
			s.under(p.name, name)
			return p
		}
	}
	e := s.enter(name, false)
	return f.named(s.bytes(e.keys[0]))
}

// named returns the field of that name, or nil.
func (f *form) named(name []byte) *parameter {
	for i := range f.fields {
		if f.fields[i].name == string(name) {
			return &f.fields[i]
		}
	}
	return nil
}

// filled judges the object that all entries make.
func (s *scratch) filled(f *form, body []byte) (*gatehouse.Answer, string) {
	malformed := badForm
	if f.parts {
		malformed = badParts
	}
	s.sort()
	s.begin()
	s.doc.Open(jsonwalk.Object)
	for from := 0; from < len(s.entries); {
		name, end := s.bytes(s.entries[from].keys[0]), s.group(from, len(s.entries), 0)
		i := s.doc.Len()
		var t trouble
		if p := f.named(name); p != nil {
			t = s.fieldValue(p, body, from, end)
		} else {
			t = s.value(f.node.member(name), from, end, 1)
		}
		switch t {
		case noTrouble:
		case sentTwice:
			return duplicate, ""
		case undeclares:
			return undeclared, " undeclared"
		default:
			return malformed, t.keyword()
		}
		s.named(i, name)
		from = end
	}
	s.doc.Close()
	switch {
	case s.garbled:
		return malformed, "characters"
	case f.node.schema == nil:
		return unread, ""
	}
	if v, ok := s.validate(f.node.schema); !ok {
		return answerOf(v), v.String()
	}
	return nil, ""
}

// fieldValue adds the value of a declared field, which is written as its encoding
// says.
func (s *scratch) fieldValue(p *parameter, body []byte, from, to int) trouble {
	switch {
	case s.entries[to-1].n > 1: // brackets
		if !p.brackets && !p.deep && !p.spread {
			return undeclares
		}
		return s.value(p.node, from, to, 1)
	case p.brackets || p.repeats || p.deep && p.bare():
		return s.bare(p.node, from, to)
	case p.deep || p.spread:
		return notAlike
	case to > from+1:
		return sentTwice
	case s.entries[from].file:
		return s.leaf(p.node, from)
	}
	e := &s.entries[from]
	text, escaped := body[e.raw.from:e.raw.to], inForm
	if e.part != noPart {
		text, escaped = s.form.Parts[e.part].Content, noEscapes
	}
	switch s.read(p, text, escaped) {
	case "":
		return noTrouble
	case "json":
		return notJSON
	case "duplicate":
		return sentTwice
	}
	return notAlike
}

// wellFormed reports whether every escape is one and nothing can be read twice.
func wellFormed(b []byte) bool {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '%':
			if v, ok := percent.Decode(b[i:]); !ok || v == 0 {
				return false
			}
		case c < 0x20, c == ';', c >= 0x7F:
			return false
		}
	}
	return true
}
