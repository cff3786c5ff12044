package waf

import (
	"context"
	"strings"
	"unsafe"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

var (
	sqli = &gatehouse.Answer{Status: 400, Reason: "waf.sqli", Public: "A text in the request looks like part of a statement for a database"}
	xss  = &gatehouse.Answer{Status: 400, Reason: "waf.xss", Public: "A text in the request looks like a script"}
	rule = &gatehouse.Answer{Status: 400, Reason: "waf.rule", Public: "A text in the request looks like an attack"}
	much = &gatehouse.Answer{Status: 413, Reason: "waf.unscanned", Public: "The request holds more text than can be looked at"}
)

// limits are those of every JSON body, so that one parse serves all controls.
var limits = jsonwalk.Limits{}

// enforce looks at every text that the operation leaves open.
func (f *filter) enforce(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	s := f.borrow()
	defer f.rest(s)
	read := f.head(s, x) && f.body(s, x)
	if s.hit.answer == nil && f.rules != nil {
		if err := f.judge(s); err != nil {
			return gatehouse.Verdict{}, err
		}
	}
	switch {
	case s.hit.answer != nil:
		return gatehouse.Deny(s.hit.answer).Because(x.Text(s.hit.rule, " at ", s.place())), nil
	case s.beyond && !f.passes:
		return gatehouse.Deny(much), nil
	case s.beyond:
		return gatehouse.PassBy("waf.unscanned"), nil
	case !read:
		// A format without members that could be named.
		return gatehouse.PassBy("waf.unread"), nil
	}
	return gatehouse.Pass, nil
}

// head looks at the parameters. It returns false once something was found.
func (f *filter) head(s *scan, x *gatehouse.Exchange) bool {
	q := &x.Request
	for i := range f.path {
		p := &f.path[i]
		if v, ok := q.Param(p.name); ok && !s.value(at{in: "path ", name: p.name}, v, p.open) {
			return false
		}
	}
	for i := range q.Fields {
		h := &q.Fields[i]
		if h.Name == "cookie" && len(f.cookie) > 0 && !f.cookies(s, h.Value) {
			return false
		}
		for j := range f.header {
			if p := &f.header[j]; h.Name == p.name && !s.value(at{in: "header ", name: p.name}, h.Value, p.open) {
				return false
			}
		}
	}
	return f.pairs(s, q.Query, f.parameter)
}

// cookies reads the Cookie field by RFC 6265 section 4.2.1.
func (f *filter) cookies(s *scan, field string) bool {
	for pair := range strings.SplitSeq(field, ";") {
		name, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
		for i := range f.cookie {
			if p := &f.cookie[i]; p.name == name && !s.value(at{in: "cookie ", name: p.name}, value, p.open) {
				return false
			}
		}
	}
	return true
}

// pairs calls look for every name and value of a query or a form, decoded.
func (f *filter) pairs(s *scan, text string, look func(s *scan, name, value string) bool) bool {
	for rest := text; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(pair, "=")
		if pair != "" && !look(s, s.decoded(name), s.decoded(value)) {
			return false
		}
	}
	return true
}

// parameter looks at one parameter of the query.
func (f *filter) parameter(s *scan, name, value string) bool {
	for i := range f.query {
		p := &f.query[i]
		where := at{in: "query ", name: p.name}
		open, isName, mine := p.of(name)
		switch {
		case !mine:
			continue
		case p.json:
			return s.document(where, value, p.open)
		case isName && !s.look(where, name):
			return false
		}
		return s.value(where, value, open)
	}
	// Not declared: the control schema has refused it, unless it was told not to.
	return s.look(at{in: "query ", name: "*"}, name) && s.look(at{in: "query ", name: "*"}, value)
}

// of returns what is open in the value of a name of the query, whether the name
// itself is, and whether the name is one of the parameter's.
func (p *parameter) of(name string) (open *openapi.OpenText, isName, mine bool) {
	switch {
	case p.deep:
		rest, ok := strings.CutPrefix(name, p.name)
		if !ok || len(rest) < 2 || rest[0] != '[' || rest[len(rest)-1] != ']' {
			return nil, false, false
		}
		open, isName = p.open.Member(view(rest[1 : len(rest)-1]))
		return open, isName, true
	case p.members != nil:
		for _, m := range p.members {
			if m == name {
				open, _ = p.open.Member(view(name))
				return open, false, true
			}
		}
		return nil, false, false
	}
	return p.open, false, p.name == name
}

// body looks at a JSON document or a form, of parts too. It returns false once something was
// found, and for other formats.
func (f *filter) body(s *scan, x *gatehouse.Exchange) bool {
	q := &x.Request
	if !q.HasBody || len(q.Body) == 0 {
		return true
	}
	if q.BodyTooLarge {
		s.beyond = true
		return true
	}
	name, _, _ := strings.Cut(q.Fields.Get("content-type"), ";")
	name = strings.ToLower(strings.Trim(name, " \t"))
	var open *openapi.OpenText
	for i := range f.bodies {
		if f.bodies[i].mediaType == name {
			open = f.bodies[i].open
		}
	}
	switch {
	case name == "application/x-www-form-urlencoded":
		return f.pairs(s, str(q.Body), func(s *scan, name, value string) bool { return s.member("form ", name, value, open) })
	case name == "multipart/form-data":
		return s.parts(q.Fields.Get("content-type"), q.Body, open)
	case openapi.IsJSON(name):
		d, err := jsonwalk.Of(&q.Parsed, q.Body, limits)
		if err != nil {
			return false
		}
		return s.walk(at{}, d, open)
	}
	return false
}

// view returns the bytes of s without copying. They are only read.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// str returns b as a string without copying, for as long as b lasts.
func str(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
