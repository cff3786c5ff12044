package schema

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/percent"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

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
		s.name = percent.Append(s.name[:0], rawName, true)
		i := find(k.query, s.name)
		if i < 0 {
			return undeclared, "query"
		}
		p := &k.query[i]
		again := s.seen[i/64]&(1<<(i%64)) != 0
		s.seen[i/64] |= 1 << (i % 64)
		if again {
			if p.gathers() {
				continue // judged with the first
			}
			return duplicate, p.name
		}
		switch v, ok := k.queried(s, p, query, value); {
		case ok:
		case v.Keyword == "duplicate":
			return duplicate, p.name
		case v.Keyword == openapi.RolesKeyword:
			return roleProperty, p.name + v.String()
		case v.Keyword == "undeclared":
			return undeclared, p.name
		default:
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

// queried judges a parameter of a query; the value is that of its first pair.
// What the description lets stand unescaped is judged in both of its readings:
// "+" is a space to a form, and itself to RFC 6570 section 3.2.3.
func (k *check) queried(s *scratch, p *parameter, query, value string) (openapi.Violation, bool) {
	if p.empty && value == "" && !p.gathers() {
		return openapi.Violation{}, true
	}
	v, ok := s.queried(k.query, p, query, value)
	if ok && p.reserved && strings.IndexByte(query, '+') >= 0 {
		s.plus = true
		v, ok = s.queried(k.query, p, query, value)
		s.plus = false
	}
	return v, ok
}

func (s *scratch) queried(list []parameter, p *parameter, query, value string) (openapi.Violation, bool) {
	switch {
	case !p.gathers():
		return s.one(p, view(value), inForm)
	case p.repeats:
		return s.repeated(p, query)
	}
	return s.gathered(list, p, query)
}

// repeated judges a list whose elements are parameters of their own.
func (s *scratch) repeated(p *parameter, query string) (openapi.Violation, bool) {
	s.begin()
	s.doc.Open(jsonwalk.Array)
	for rest := query; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		rawName, value, _ := strings.Cut(pair, "=")
		if s.name = percent.Append(s.name[:0], rawName, true); p.name == string(s.name) {
			s.add(p.node.element(), s.decoded(view(value), inForm))
		}
	}
	s.doc.Close()
	return s.validate(p.schema)
}

// gathered judges an object whose members are parameters of their own.
func (s *scratch) gathered(list []parameter, p *parameter, query string) (openapi.Violation, bool) {
	s.begin()
	s.text, s.entries = s.text[:0], s.entries[:0]
	for rest := query; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		rawName, value, _ := strings.Cut(pair, "=")
		s.name = percent.Append(s.name[:0], rawName, true)
		switch {
		case p.deep && bracketed(s.name, p.name):
			s.enter(s.name, false)
		case p.deep && p.bare() && p.name == string(s.name):
			s.enter(s.name, true)
		case p.spread && pair != "" && belongs(list, p, s.name):
			s.under(p.name, s.name)
		default:
			continue
		}
		s.valued(view(value))
		if len(s.entries) > maxEntries {
			return openapi.Violation{Keyword: "maxProperties"}, false
		}
	}
	return s.built(p)
}

// belongs reports whether a name is one of p's members.
func belongs(list []parameter, p *parameter, name []byte) bool {
	i := find(list, name)
	return i >= 0 && &list[i] == p
}

// under adds an entry for a member that came by its own name.
func (s *scratch) under(of string, name []byte) {
	e := s.enter(view(of), true)
	e.keys[1], e.n = s.keep(name), 2
}

// valued gives the last entry its value.
func (s *scratch) valued(raw []byte) {
	from := len(s.text)
	s.text = percent.Append(s.text, str(raw), !s.plus)
	s.entries[len(s.entries)-1].value = span{uint32(from), uint32(len(s.text))}
}

// built judges what the entries of one parameter make.
func (s *scratch) built(p *parameter) (openapi.Violation, bool) {
	for i := range s.entries {
		if e := &s.entries[i]; e.n == 1 && string(s.bytes(e.keys[0])) != p.name { // brackets that do not split
			return openapi.Violation{Keyword: "undeclared"}, false
		}
	}
	s.sort()
	if t := s.value(p.node, 0, len(s.entries), 1); t != noTrouble {
		return openapi.Violation{Keyword: t.keyword()}, false
	}
	return s.validate(p.schema)
}

// delimits reports whether a raw path holds an escaped delimiter of lists: once
// decoded, nobody can tell it from one.
func delimits(path string) bool {
	for rest := path; ; {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			return false
		}
		c, ok := percent.Decode(rest[i:])
		if !ok {
			return false // in a canonical path every escape is one
		}
		if strings.IndexByte(",;=.", c) >= 0 {
			return true
		}
		rest = rest[i+3:]
	}
}
