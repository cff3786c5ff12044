package schema

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/percent"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// Refusals are rare and judging is not: so judges say no more than no, and what
// was refused is looked at a second time to find every place and keyword.

// whyHead notes what is wrong with the parameters, or with there being a body.
func (k *check) whyHead(x *gatehouse.Exchange, v gatehouse.Verdict) {
	switch v.Answer() {
	case unexpectedBody:
		k.whole(x, "requestBody", "")
		return
	case missingBody:
		k.whole(x, "required", "/requestBody")
		return
	}
	s := k.borrow(x)
	defer k.giveBack(s)
	for i := range k.path {
		v, ok := s.inPath(&k.path[i], &x.Request)
		k.found(x, s, "path", &k.path[i], v, ok)
	}
	k.whyQuery(x, s)
	for i := range k.header {
		p := &k.header[i]
		if times, v, ok := s.inFields(p, x.Request.Fields); times > 0 || p.required {
			k.found(x, s, "header", p, v, ok)
		}
	}
	for i := range k.cookie {
		p := &k.cookie[i]
		if times, v, ok := s.inCookies(p, x.Request.Fields); times > 0 || p.required {
			k.found(x, s, "cookie", p, v, ok)
		}
	}
}

// whyQuery notes what is wrong with the query. What is not declared has no name
// here: it is the client's.
func (k *check) whyQuery(x *gatehouse.Exchange, s *scratch) {
	seen, strange := make([]int, len(k.query)), false
	for pair := range strings.SplitSeq(x.Request.Query, "&") {
		if pair == "" {
			continue
		}
		rawName, value, _ := strings.Cut(pair, "=")
		s.name = percent.Append(s.name[:0], rawName, true)
		i := find(k.query, s.name)
		if i < 0 {
			if !strange {
				x.Violated(gatehouse.Violation{In: "query", Keyword: "undeclared", Place: below(k.op.Place, "/parameters")})
			}
			strange = true
			continue
		}
		p := &k.query[i]
		if seen[i]++; seen[i] == 1 {
			v, ok := k.queried(s, p, x.Request.Query, value)
			k.found(x, s, "query", p, v, ok)
		}
	}
	for i := range k.query {
		switch p := &k.query[i]; {
		case seen[i] == 0 && p.required:
			k.parameter(x, "query", p, "required")
		case seen[i] > 1 && !p.gathers():
			k.parameter(x, "query", p, "duplicate")
		}
	}
}

// found notes what is wrong with the value in s.doc.
func (k *check) found(x *gatehouse.Exchange, s *scratch, in string, p *parameter, v openapi.Violation, ok bool) {
	if ok {
		return
	}
	var all []openapi.Violation
	if s.judged {
		all = p.schema.Explain(&s.doc, s.options, gatehouse.MostViolations)
	}
	for _, v := range all {
		x.Violated(violation(in, p.name, v))
	}
	if len(all) == 0 {
		k.parameter(x, in, p, v.Keyword)
	}
}

// parameter notes what is wrong with a parameter as a whole.
func (k *check) parameter(x *gatehouse.Exchange, in string, p *parameter, keyword string) {
	v := gatehouse.Violation{In: in, Name: p.name, Keyword: keyword}
	for _, d := range k.op.Parameters {
		if d.In == in && d.Name == p.name {
			v.Place = d.Place.String()
			if keyword == "required" {
				v.Place = below(d.Place, "/required")
			}
		}
	}
	x.Violated(v)
}

// whyBody notes what is wrong with the body.
func (k *check) whyBody(x *gatehouse.Exchange, v gatehouse.Verdict) {
	q := &x.Request
	name, m := k.media(q.Fields.Get("content-type"))
	switch v.Answer() {
	case unknownType:
		k.whole(x, "content", "/requestBody/content")
		return
	case roleUnread:
		k.whole(x, openapi.RolesKeyword, "/requestBody/content")
		return
	case badBody, undeclared, roleProperty:
	case badField, badFile, largeFile: // the judge's own words are the field's name and the keyword
		if name, words, ok := strings.Cut(v.Detail(), " "); ok && name != "" && !strings.ContainsAny(name, "/~") {
			x.Violated(gatehouse.Violation{In: "body", Pointer: "/" + name, Known: len(name) + 1, Keyword: words[strings.LastIndexByte(words, ' ')+1:], Place: m.Schema.Place().String()})
			return
		}
		fallthrough
	default: // about the bytes, of which the description says nothing
		x.Violated(gatehouse.Violation{In: "body", Keyword: strings.TrimPrefix(v.Rule(), Kind.Name+".")})
		return
	}
	if m == nil || m.Schema == nil {
		k.whole(x, "schema", "/requestBody/content")
		return
	}
	var all []openapi.Violation
	if openapi.IsJSON(name) && !anyFile(m) {
		if d, err := jsonwalk.Of(&q.Parsed, q.Body, limits); err == nil {
			all = m.Schema.Explain(d, k.of(x), gatehouse.MostViolations)
		}
	} else {
		s := k.borrow(x)
		defer k.giveBack(s)
		s.begin()
		if k.built(s, q, name, m); s.judged {
			all = m.Schema.Explain(&s.doc, s.options, gatehouse.MostViolations)
		}
	}
	for _, v := range all {
		x.Violated(violation("body", "", v))
	}
	if len(all) == 0 { // the judge's own words are the pointer and the keyword
		at := strings.LastIndexByte(v.Detail(), ' ')
		x.Violated(gatehouse.Violation{In: "body", Pointer: v.Detail()[:max(at, 0)], Keyword: v.Detail()[at+1:], Place: m.Schema.Place().String()})
	}
}

// whole notes what is wrong with the body as a whole.
func (k *check) whole(x *gatehouse.Exchange, keyword, at string) {
	x.Violated(gatehouse.Violation{In: "body", Keyword: keyword, Place: below(k.op.Place, at)})
}

// below returns the place of what stands below another.
func below(p openapi.Place, pointer string) string {
	p.Pointer += pointer
	return p.String()
}

func violation(in, name string, v openapi.Violation) gatehouse.Violation {
	out := gatehouse.Violation{In: in, Name: name, Pointer: v.Pointer, Known: v.Known, Keyword: v.Keyword, Member: v.Member}
	if v.Place.Line > 0 {
		out.Place = v.Place.String()
	}
	return out
}
