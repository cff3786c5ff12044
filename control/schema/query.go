package schema

import (
	"bytes"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// view returns the bytes of s without copying. They are only read.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// judgeQuery judges every parameter of a canonical query. What is not declared
// is refused, and what is no list comes once.
func (k *check) judgeQuery(s *scratch, query string) (*gatehouse.Answer, string) {
	s.seen = [most / 64]uint64{}
	for rest := query; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if pair == "" {
			continue
		}
		rawName, value, _ := strings.Cut(pair, "=")
		s.name = decode(s.name[:0], rawName)
		i := find(k.query, s.name)
		if i < 0 {
			return undeclared, "query"
		}
		p := &k.query[i]
		again := s.seen[i/64]&(1<<(i%64)) != 0
		s.seen[i/64] |= 1 << (i % 64)
		if again {
			if p.repeats || p.deep {
				continue // judged with the first
			}
			return duplicate, p.name
		}
		var v openapi.Violation
		var ok, twice bool
		if p.repeats || p.deep {
			v, ok, twice = k.gathered(s, p, query)
		} else {
			v, ok = k.one(s, p, view(value), true)
		}
		switch {
		case twice:
			return duplicate, p.name
		case !ok && v.Keyword == "undeclared":
			return undeclared, p.name
		case !ok:
			return badQuery, p.name + v.String()
		}
	}
	for i := range k.query {
		if k.query[i].required && s.seen[i/64]&(1<<(i%64)) == 0 {
			return badQuery, k.query[i].name + " required"
		}
	}
	return nil, ""
}

// find returns the parameter that a decoded name belongs to, or -1.
func find(list []parameter, name []byte) int {
	for i := range list {
		p := &list[i]
		switch {
		case p.deep:
			if _, ok := deepMember(p, name); ok {
				return i
			}
		case p.shape == object && p.repeats:
			for j := range p.members {
				if p.members[j].name == string(name) {
					return i
				}
			}
		case p.name == string(name):
			return i
		}
	}
	return -1
}

// deepMember splits name[member].
func deepMember(p *parameter, name []byte) ([]byte, bool) {
	n := len(p.name)
	if len(name) < n+2 || string(name[:n]) != p.name || name[n] != '[' || name[len(name)-1] != ']' {
		return nil, false
	}
	m := name[n+1 : len(name)-1]
	return m, bytes.IndexByte(m, '[') < 0 && bytes.IndexByte(m, ']') < 0
}

// one judges a parameter whose value is one text. A text of a query is escaped.
func (k *check) one(s *scratch, p *parameter, text []byte, escaped bool) (openapi.Violation, bool) {
	switch p.shape {
	case array:
		return k.elements(s, p, text, escaped)
	case document:
		if escaped {
			s.text = decode(s.text[:0], str(text))
			text = s.text
		}
		if err := s.doc.Parse(text, limits); err != nil {
			return openapi.Violation{Keyword: "json"}, false
		}
		return p.schema.Validate(&s.doc, k.options)
	}
	if escaped {
		s.text = decode(s.text[:0], str(text))
		text = s.text
	}
	s.begin()
	kind := s.add(p.types, text)
	if s.garbled {
		return openapi.Violation{Keyword: "characters"}, false
	}
	if p.schema == nil {
		return openapi.Violation{Keyword: "maxLength"}, len(text) <= k.options.MaxString
	}
	v, ok := p.schema.Validate(&s.doc, k.options)
	if ok || kind == jsonwalk.String || p.types&openapi.TypeString == 0 {
		return v, ok
	}
	// What looks like a number may also be a text.
	s.doc.Begin()
	s.doc.Scalar(jsonwalk.String, text)
	return p.schema.Validate(&s.doc, k.options)
}

func (k *check) elements(s *scratch, p *parameter, text []byte, escaped bool) (openapi.Violation, bool) {
	s.begin()
	s.doc.Open(jsonwalk.Array)
	for more := true; more; {
		var element []byte
		element, text, more = cut(text, p.separator, escaped)
		if escaped {
			s.text = decode(s.text[:0], str(element))
			element = s.text
		}
		s.add(p.items, element)
	}
	s.doc.Close()
	if s.garbled {
		return openapi.Violation{Keyword: "characters"}, false
	}
	return p.schema.Validate(&s.doc, k.options)
}

// cut splits at a separator, which a query may have escaped.
func cut(text []byte, separator byte, escaped bool) (before, after []byte, found bool) {
	for i, c := range text {
		switch {
		case c == separator, escaped && separator == ' ' && c == '+':
			return text[:i], text[i+1:], true
		case escaped && c == '%' && separator != ',' && i+2 < len(text) && unhex(text[i+1])<<4|unhex(text[i+2]) == separator:
			return text[:i], text[i+3:], true
		}
	}
	return text, nil, false
}

// gathered judges a parameter whose parts are spread over the query. It reports
// a part that came twice.
func (k *check) gathered(s *scratch, p *parameter, query string) (v openapi.Violation, ok, twice bool) {
	s.begin()
	container := jsonwalk.Array
	if p.shape == object {
		container = jsonwalk.Object
	}
	root := s.doc.Open(container)
	for rest := query; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		rawName, value, _ := strings.Cut(pair, "=")
		s.name = decode(s.name[:0], rawName)
		name, types, mine := p.part(s.name)
		if !mine {
			continue
		}
		if p.shape == object && s.doc.Member(root, str(name)) != jsonwalk.Missing {
			return v, false, true
		}
		s.text = decode(s.text[:0], value)
		n := len(s.text)
		s.text = append(s.text, name...)
		i := s.doc.Len()
		s.add(types, s.text[:n])
		if p.shape == object {
			s.doc.Named(i, s.text[n:])
			s.garbled = s.garbled || bytes.IndexByte(name, 0) >= 0 || !utf8.Valid(name)
		}
		s.doc.Extend(root)
	}
	s.doc.Close()
	if s.garbled {
		return openapi.Violation{Keyword: "characters"}, false, false
	}
	v, ok = p.schema.Validate(&s.doc, k.options)
	return v, ok, false
}

// part returns the member that a name stands for, and its types, and whether the
// name is one of the parameter's at all.
func (p *parameter) part(name []byte) ([]byte, openapi.Types, bool) {
	if p.shape == array {
		return nil, p.items, p.name == string(name)
	}
	if p.deep {
		m, ok := deepMember(p, name)
		if !ok {
			return nil, 0, false
		}
		name = m
	}
	for i := range p.members {
		if p.members[i].name == string(name) {
			return name, p.members[i].types, true
		}
	}
	return name, openapi.TypeString, p.deep
}

// begin makes s ready for another value.
func (s *scratch) begin() {
	s.doc.Begin()
	s.garbled = false
}

// add adds a text as the kind of value that the types ask for, and notes what no
// JSON text could hold: NUL and invalid UTF-8.
func (s *scratch) add(types openapi.Types, text []byte) jsonwalk.Kind {
	s.garbled = s.garbled || bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(text)
	kind := jsonwalk.String
	switch {
	case types&openapi.TypeNumber != 0 && types != openapi.AnyType && plainNumber(types, text):
		kind = jsonwalk.Number
	case types&openapi.TypeBoolean != 0 && types != openapi.AnyType && string(text) == "true":
		kind = jsonwalk.True
	case types&openapi.TypeBoolean != 0 && types != openapi.AnyType && string(text) == "false":
		kind = jsonwalk.False
	}
	s.doc.Scalar(kind, text)
	return kind
}

// plainNumber reports a number as every program reads it: an integer is digits
// and nothing else.
func plainNumber(types openapi.Types, text []byte) bool {
	if !jsonwalk.ScanNumber(text) {
		return false
	}
	if types&openapi.TypeFraction != 0 {
		return true
	}
	for _, c := range text {
		if c != '-' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// decode appends the text that a query's escapes stand for.
func decode(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			dst = append(dst, ' ')
		case c == '%' && i+2 < len(s):
			dst = append(dst, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// str returns b as a string without copying, for as long as b lasts.
func str(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
