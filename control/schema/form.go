package schema

import (
	"bytes"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// judgeForm judges a body of application/x-www-form-urlencoded as the object
// that its names and values make. Names with brackets are names like others.
func (k *check) judgeForm(body []byte, m *openapi.MediaType) gatehouse.Verdict {
	s := k.borrow()
	defer k.scratch.Put(s)
	list := k.forms[m.Type]
	s.begin()
	root := s.doc.Open(jsonwalk.Object)
	for rest := body; len(rest) > 0; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{'&'})
		rawName, rawValue, _ := bytes.Cut(pair, []byte{'='})
		if !wellFormed(rawName) || !wellFormed(rawValue) {
			return gatehouse.Deny(badForm)
		}
		s.name = decode(s.name[:0], str(rawName))
		if !utf8.Valid(s.name) {
			return gatehouse.Deny(badForm)
		}
		if s.doc.Member(root, str(s.name)) != jsonwalk.Missing {
			if p := find(list, s.name); p >= 0 && list[p].shape == array {
				continue // gathered with the first
			}
			return gatehouse.Deny(duplicate)
		}
		if !k.field(s, list, body, rawValue) {
			return gatehouse.Deny(badForm)
		}
		s.doc.Extend(root)
	}
	s.doc.Close()
	if v, ok := m.Schema.Validate(&s.doc, k.options); !ok {
		return gatehouse.Deny(answerOf(v)).Because(v.String())
	}
	return gatehouse.Pass
}

// field adds the member of the name in s.name.
func (k *check) field(s *scratch, list []parameter, body, rawValue []byte) bool {
	at := find(list, s.name)
	i := s.doc.Len()
	if at < 0 || list[at].shape != array {
		types := openapi.TypeString
		if at >= 0 {
			types = list[at].types
		}
		s.text = decode(s.text[:0], str(rawValue))
		s.add(types, s.text)
		s.doc.Named(i, s.name)
		return !s.garbled
	}
	p := &list[at]
	s.doc.Named(s.doc.Open(jsonwalk.Array), s.name)
	for rest := body; len(rest) > 0; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{'&'})
		rawName, value, _ := bytes.Cut(pair, []byte{'='})
		if s.name = decode(s.name[:0], str(rawName)); p.name != string(s.name) {
			continue
		}
		if !wellFormed(value) {
			return false
		}
		s.text = decode(s.text[:0], str(value))
		s.add(p.items, s.text)
	}
	s.doc.Close()
	return !s.garbled
}

// wellFormed reports whether every escape is one and nothing can be read twice.
func wellFormed(b []byte) bool {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '%':
			if i+2 >= len(b) || !hex(b[i+1]) || !hex(b[i+2]) || b[i+1] == '0' && b[i+2] == '0' {
				return false
			}
		case c < 0x20, c == ';', c >= 0x7F:
			return false
		}
	}
	return true
}

func hex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }
