package schema

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// inPath judges a parameter of the path.
func (s *scratch) inPath(p *parameter, q *gatehouse.Request) (openapi.Violation, bool) {
	s.begin()
	value, found := q.Param(p.name)
	switch {
	case !found:
		return openapi.Violation{Keyword: "required"}, false
	case (p.shape == array || p.shape == object) && delimits(q.Path):
		return openapi.Violation{Keyword: "style"}, false
	}
	return s.one(p, view(value), noEscapes)
}

// inFields judges a parameter that is a header field, and returns how many of its
// name there are. The lines of a list make one list (RFC 9110 section 5.3).
func (s *scratch) inFields(p *parameter, f gatehouse.Fields) (times int, v openapi.Violation, ok bool) {
	s.begin()
	if p.shape == array {
		s.doc.Open(jsonwalk.Array)
	}
	value := ""
	for i := range f {
		if f[i].Name != p.name {
			continue
		}
		times++
		if value = f[i].Value; p.shape == array {
			s.elements(p, view(value), inHeader)
		}
	}
	switch {
	case times == 0:
		return 0, openapi.Violation{Keyword: "required"}, false
	case p.shape == array:
		s.doc.Close()
		v, ok = s.validate(p.schema)
	case times > 1:
		return times, openapi.Violation{Keyword: "duplicate"}, false
	default:
		v, ok = s.one(p, view(value), inHeader)
	}
	return times, v, ok
}

// inCookies judges a parameter that is a cookie, and returns how many of its name
// there are.
func (s *scratch) inCookies(p *parameter, f gatehouse.Fields) (times int, v openapi.Violation, ok bool) {
	value := ""
	s.begin()
	s.text, s.entries = s.text[:0], s.entries[:0]
	if p.repeats {
		s.doc.Open(jsonwalk.Array)
	}
	for i := range f {
		if f[i].Name != "cookie" {
			continue
		}
		for rest, more := f[i].Value, true; more; {
			var name, text string
			name, text, rest, more = nextCookie(rest)
			switch {
			case p.spread && p.node.members[name] != nil:
				s.under(p.name, view(name))
				s.entries[len(s.entries)-1].value = s.keep(s.decoded(view(text), p.escapes()))
			case name != p.name || p.spread:
				continue
			case p.repeats:
				s.add(p.node.element(), s.decoded(view(text), p.escapes()))
			}
			times++
			value = text
		}
	}
	switch {
	case times == 0:
		return 0, openapi.Violation{Keyword: "required"}, false
	case p.repeats:
		s.doc.Close()
		v, ok = s.validate(p.schema)
	case p.spread:
		v, ok = s.built(p)
	case times > 1:
		return times, openapi.Violation{Keyword: "duplicate"}, false
	default:
		v, ok = s.cookie(p, value)
	}
	return times, v, ok
}

// cookie judges a cookie that is one text. Some programs decode escapes and some
// do not: a value must be as described for both.
func (s *scratch) cookie(p *parameter, value string) (openapi.Violation, bool) {
	v, ok := s.one(p, view(value), p.escapes())
	if ok && p.shape == scalar && !p.literal && strings.IndexByte(value, '%') >= 0 {
		return s.one(p, view(value), noEscapes)
	}
	return v, ok
}

func (p *parameter) escapes() escapes {
	if p.literal {
		return noEscapes
	}
	return inCookie
}

// nextCookie returns the next pair of a Cookie field (RFC 6265 section 4.2.1).
func nextCookie(s string) (name, value, rest string, more bool) {
	s, rest, more = strings.Cut(s, ";")
	name, value, _ = strings.Cut(strings.Trim(s, " \t"), "=")
	return name, value, rest, more
}
