package schema

import (
	"bytes"

	"github.com/gatehouse-api/gatehouse/control/internal/percent"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// one judges a parameter whose value is one text.
func (s *scratch) one(p *parameter, text []byte, e escapes) (openapi.Violation, bool) {
	s.begin()
	if keyword := s.read(p, text, e); keyword != "" {
		return openapi.Violation{Keyword: keyword}, false
	}
	return s.validate(p.schema)
}

// read adds the value that a text stands for to s.doc, or returns what is wrong
// with the text: a text that is not written in the parameter's style has no value.
func (s *scratch) read(p *parameter, text []byte, e escapes) (keyword string) {
	if len(text) < len(p.prefix) || string(text[:len(p.prefix)]) != p.prefix {
		return "style"
	}
	text = text[len(p.prefix):]
	switch p.shape {
	case document:
		if !s.graft(s.decoded(text, e)) {
			return "json"
		}
		return ""
	case array:
		s.doc.Open(jsonwalk.Array)
		keyword = s.elements(p, text, e)
		s.doc.Close()
		return keyword
	case object:
		root := s.doc.Open(jsonwalk.Object)
		keyword = s.members(p, root, text, e)
		s.doc.Close()
		return keyword
	}
	s.add(p.node, s.decoded(text, e))
	return ""
}

// elements adds the elements that a text lists.
func (s *scratch) elements(p *parameter, text []byte, e escapes) (keyword string) {
	for more := true; more; {
		var element []byte
		element, text, more = cut(text, p.separator, e)
		if element = s.decoded(element, e); p.each != "" {
			var ok bool
			if element, ok = bytes.CutPrefix(element, view(p.each)); !ok {
				return "style"
			}
		}
		s.add(p.node.element(), element)
	}
	return ""
}

// members adds the members that a text lists: as name=value, or each name and
// each value as an element of its own.
func (s *scratch) members(p *parameter, root int, text []byte, e escapes) (keyword string) {
	for more := true; more; {
		var name, value []byte
		name, text, more = cut(text, p.separator, e)
		switch {
		case p.pairs:
			var ok bool
			if name, value, ok = bytes.Cut(name, []byte{'='}); !ok {
				return "style"
			}
		case !more:
			return "style"
		default:
			value, text, more = cut(text, p.separator, e)
		}
		// The name is kept aside, since decoding the value overwrites it.
		s.name = append(s.name[:0], s.decoded(name, e)...)
		if s.doc.Member(root, str(s.name)) != jsonwalk.Missing {
			return "duplicate"
		}
		i := s.doc.Len()
		s.add(p.node.member(s.name), s.decoded(value, e))
		s.named(i, s.name)
		s.doc.Extend(root)
	}
	return ""
}

// cut splits at a separator, which a query may have escaped when it is none that
// a value holds unescaped.
func cut(text []byte, separator byte, e escapes) (before, after []byte, found bool) {
	for i, c := range text {
		if c == separator || e == inForm && separator == ' ' && c == '+' {
			return text[:i], text[i+1:], true
		}
		if v, ok := percent.Decode(text[i:]); ok && v == separator && e == inForm && separator != ',' {
			return text[:i], text[i+3:], true
		}
	}
	return text, nil, false
}
