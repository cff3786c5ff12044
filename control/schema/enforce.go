package schema

import (
	"context"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

var (
	badPath        = &gatehouse.Answer{Status: 400, Reason: "schema.path", Public: "A path parameter is not as described"}
	badQuery       = &gatehouse.Answer{Status: 400, Reason: "schema.query", Public: "A query parameter is not as described"}
	badHeader      = &gatehouse.Answer{Status: 400, Reason: "schema.header", Public: "A header parameter is not as described"}
	badCookie      = &gatehouse.Answer{Status: 400, Reason: "schema.cookie", Public: "A cookie parameter is not as described"}
	badBody        = &gatehouse.Answer{Status: 400, Reason: "schema.body", Public: "The body is not as described"}
	badJSON        = &gatehouse.Answer{Status: 400, Reason: "schema.json", Public: "The body must be exactly one well-formed JSON document"}
	badForm        = &gatehouse.Answer{Status: 400, Reason: "schema.form", Public: "The body is not a well-formed form"}
	undeclared     = &gatehouse.Answer{Status: 400, Reason: "schema.undeclared", Public: "The request holds something that the API does not declare"}
	duplicate      = &gatehouse.Answer{Status: 400, Reason: "schema.duplicate", Public: "A parameter was sent more than once"}
	unexpectedBody = &gatehouse.Answer{Status: 400, Reason: "schema.unexpected_body", Public: "This operation takes no body"}
	missingBody    = &gatehouse.Answer{Status: 400, Reason: "schema.missing_body", Public: "This operation needs a body"}
	tooLarge       = &gatehouse.Answer{Status: 413, Reason: "schema.too_large", Public: "The body is too large"}
	unknownType    = &gatehouse.Answer{Status: 415, Reason: "schema.content_type", Public: "The body's media type is not one that this operation takes"}
)

// limits are those of every JSON body.
var limits = jsonwalk.Limits{}

func (k *check) borrow() *scratch {
	if s, ok := k.scratch.Get().(*scratch); ok {
		return s
	}
	return new(scratch)
}

// head judges everything but the body.
func (k *check) head(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	q := &x.Request
	if k.body == nil && q.HasBody {
		return gatehouse.Deny(unexpectedBody), nil
	}
	if k.body != nil && k.body.Required && !q.HasBody {
		return gatehouse.Deny(missingBody), nil
	}
	s := k.borrow()
	defer k.scratch.Put(s)
	for i := range k.path {
		p := &k.path[i]
		value, ok := q.Param(p.name)
		if ok {
			value, ok = strings.CutPrefix(value, p.prefix)
		}
		if !ok {
			return gatehouse.Deny(badPath).Because(p.name + " required"), nil
		}
		if v, ok := k.one(s, p, view(value), false); !ok {
			return gatehouse.Deny(badPath).Because(p.name + v.String()), nil
		}
	}
	if a, why := k.judgeQuery(s, q.Query); a != nil {
		return gatehouse.Deny(a).Because(why), nil
	}
	if a, why := k.judgeFields(s, q.Fields); a != nil {
		return gatehouse.Deny(a).Because(why), nil
	}
	if a, why := k.judgeCookies(s, q.Fields); a != nil {
		return gatehouse.Deny(a).Because(why), nil
	}
	return gatehouse.Pass, nil
}

func (k *check) judgeFields(s *scratch, f gatehouse.Fields) (*gatehouse.Answer, string) {
	for i := range k.header {
		p := &k.header[i]
		found := 0
		for j := range f {
			if f[j].Name != p.name {
				continue
			}
			if found++; found > 1 && p.shape != array {
				return duplicate, p.name
			}
			if v, ok := k.one(s, p, view(f[j].Value), false); !ok {
				return badHeader, p.name + v.String()
			}
		}
		if found == 0 && p.required {
			return badHeader, p.name + " required"
		}
	}
	return nil, ""
}

// judgeCookies reads the Cookie field by RFC 6265 section 4.2.1.
func (k *check) judgeCookies(s *scratch, f gatehouse.Fields) (*gatehouse.Answer, string) {
	for i := range k.cookie {
		p := &k.cookie[i]
		found := 0
		for j := range f {
			if f[j].Name != "cookie" {
				continue
			}
			for pair := range strings.SplitSeq(f[j].Value, ";") {
				name, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
				if name != p.name {
					continue
				}
				if found++; found > 1 {
					return duplicate, p.name
				}
				if v, ok := k.one(s, p, view(value), false); !ok {
					return badCookie, p.name + v.String()
				}
			}
		}
		if found == 0 && p.required {
			return badCookie, p.name + " required"
		}
	}
	return nil, ""
}

// judge judges the body by what is declared for its media type.
func (k *check) judge(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	q := &x.Request
	if !q.HasBody {
		return gatehouse.Pass, nil
	}
	if q.BodyTooLarge {
		return gatehouse.Deny(tooLarge), nil
	}
	m := k.media(q.Fields.Get("content-type"))
	switch {
	case m == nil:
		return gatehouse.Deny(unknownType), nil
	case openapi.IsJSON(m.Type):
		return k.judgeJSON(x, m)
	case k.forms[m.Type] != nil:
		return k.judgeForm(q.Body, m), nil
	}
	// What has no members to be declared is left to those who know the format.
	return gatehouse.PassBy("schema.unread"), nil
}

// media returns what is declared for a Content-Type, or nil.
func (k *check) media(contentType string) *openapi.MediaType {
	name, _, _ := strings.Cut(contentType, ";")
	name = strings.Trim(name, " \t")
	var ranged *openapi.MediaType
	for i := range k.body.Content {
		m := &k.body.Content[i]
		if strings.EqualFold(m.Type, name) {
			return m
		}
		prefix, isRange := strings.CutSuffix(m.Type, "*")
		if isRange && name != "" && (m.Type == "*/*" || len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)) {
			ranged = m
		}
	}
	return ranged
}

func (k *check) judgeJSON(x *gatehouse.Exchange, m *openapi.MediaType) (gatehouse.Verdict, error) {
	compiled := m.Schema != nil && m.Schema.Compiled(openapi.Request)
	if compiled && m.Schema.Accepts(x.Request.Body, limits, k.options) {
		return gatehouse.Pass, nil
	}
	d, err := jsonwalk.Of(&x.Request.Parsed, x.Request.Body, limits)
	if err != nil {
		return gatehouse.Deny(badJSON).Because(err.Error()), nil
	}
	if m.Schema == nil {
		return gatehouse.Pass, nil
	}
	if v, ok := m.Schema.Validate(d, k.options); !ok {
		return gatehouse.Deny(answerOf(v)).Because(v.String()), nil
	}
	if compiled {
		// The two judges disagree, which is a fault of ours: the stricter one decides.
		return gatehouse.Deny(badBody).Because("refused without a reason"), nil
	}
	return gatehouse.Pass, nil
}

func answerOf(v openapi.Violation) *gatehouse.Answer {
	if v.Keyword == "undeclared" || v.Keyword == "additionalProperties" {
		return undeclared
	}
	return badBody
}
