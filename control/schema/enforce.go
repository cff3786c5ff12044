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
	roleProperty   = &gatehouse.Answer{Status: 403, Reason: "schema.role_property", Public: "Your role may not send a member of the body"}
	roleUnread     = &gatehouse.Answer{Status: 403, Reason: "schema.role_unread", Public: "Your role may not send a body of this media type, since its members cannot be told apart"}
	duplicate      = &gatehouse.Answer{Status: 400, Reason: "schema.duplicate", Public: "A parameter was sent more than once"}
	unexpectedBody = &gatehouse.Answer{Status: 400, Reason: "schema.unexpected_body", Public: "This operation takes no body"}
	missingBody    = &gatehouse.Answer{Status: 400, Reason: "schema.missing_body", Public: "This operation needs a body"}
	badParts       = &gatehouse.Answer{Status: 400, Reason: "schema.multipart", Public: "The body is not a well-formed form of parts"}
	badField       = &gatehouse.Answer{Status: 400, Reason: "schema.part", Public: "A part of the form is not as described"}
	badFile        = &gatehouse.Answer{Status: 415, Reason: "schema.file_type", Public: "A file is not of a type that this operation takes, or not what it is called"}
	largeFile      = &gatehouse.Answer{Status: 413, Reason: "schema.file_too_large", Public: "A file is too large"}
	tooLarge       = &gatehouse.Answer{Status: 413, Reason: "schema.too_large", Public: "The body is too large"}
	unknownType    = &gatehouse.Answer{Status: 415, Reason: "schema.content_type", Public: "The body's media type is not one that this operation takes"}
)

// limits are those of every JSON body.
var limits = jsonwalk.Limits{}

// head judges everything but the body.
func (k *check) head(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	q := &x.Request
	if k.body == nil && q.HasBody {
		return gatehouse.Deny(unexpectedBody), nil
	}
	if k.body != nil && k.body.Required && !q.HasBody {
		return gatehouse.Deny(missingBody), nil
	}
	if k.plain(q) {
		return gatehouse.Pass, nil
	}
	s := k.borrow(x)
	defer k.giveBack(s)
	for i := range k.path {
		if v, ok := s.inPath(&k.path[i], q); !ok {
			return gatehouse.Deny(badPath).Because(k.path[i].name + v.String()), nil
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

// plain reports whether the head is known to be as described, for there is no query,
// nothing but the path must be looked at, and its parameters are texts that need no
// reading.
func (k *check) plain(q *gatehouse.Request) bool {
	if !k.bare || q.Query != "" {
		return false
	}
	for i := range k.path {
		p := &k.path[i]
		value, found := q.Param(p.name)
		if !found || p.schema == nil || p.shape != scalar || p.prefix != "" || !p.schema.AcceptsText(view(value), k.options.MaxString) {
			return false
		}
	}
	return true
}

func (k *check) judgeFields(s *scratch, f gatehouse.Fields) (*gatehouse.Answer, string) {
	for i := range k.header {
		p := &k.header[i]
		switch times, v, ok := s.inFields(p, f); {
		case times == 0 && !p.required, ok:
		case times > 1 && v.Keyword == "duplicate":
			return duplicate, p.name
		default:
			return badHeader, p.name + v.String()
		}
	}
	return nil, ""
}

func (k *check) judgeCookies(s *scratch, f gatehouse.Fields) (*gatehouse.Answer, string) {
	for i := range k.cookie {
		p := &k.cookie[i]
		switch times, v, ok := s.inCookies(p, f); {
		case times == 0 && !p.required, ok:
		case times > 1 && v.Keyword == "duplicate":
			return duplicate, p.name
		default:
			return badCookie, p.name + v.String()
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
	name, m := k.media(q.Fields.Get("content-type"))
	switch {
	case m == nil:
		return gatehouse.Deny(unknownType), nil
	case openapi.IsJSON(name) && !anyFile(m):
		return k.judgeJSON(x, m)
	}
	s := k.borrow(x)
	defer k.giveBack(s)
	a, why := k.built(s, q, name, m)
	switch a {
	case nil:
		return gatehouse.Pass, nil
	case unread:
		if openapi.Denied(k.restricted[m], s.options.Roles) {
			return gatehouse.Deny(roleUnread), nil
		}
		// What has no members to be declared is left to those who know the format.
		return gatehouse.PassBy("schema.unread"), nil
	}
	return gatehouse.Deny(a).Because(why), nil
}

// anyFile reports what takes files of several media types, JSON among them.
func anyFile(m *openapi.MediaType) bool {
	return strings.HasSuffix(m.Type, "*") && m.Schema != nil && m.Schema.Binary()
}

// built judges a body that is no JSON as the value that its texts make, in s.doc.
func (k *check) built(s *scratch, q *gatehouse.Request, name string, m *openapi.MediaType) (*gatehouse.Answer, string) {
	s.large = !strings.EqualFold(name, formData) && len(q.Body) > keep
	switch f := k.forms[m]; {
	case f != nil && strings.EqualFold(name, urlencoded):
		return k.judgeForm(s, q.Body, f)
	case f != nil && strings.EqualFold(name, formData):
		return k.judgeParts(s, q.Body, q.Fields.Get("content-type"), f)
	case m.Schema != nil && !anyFile(m) && strings.EqualFold(name, "text/plain"):
		return k.judgeText(s, q.Body, m.Schema)
	}
	return unread, ""
}

// unread stands for a body that nobody here knows how to read.
var unread = &gatehouse.Answer{Reason: "schema.unread"}

// The media types of forms.
const (
	urlencoded = "application/x-www-form-urlencoded"
	formData   = "multipart/form-data"
)

// judgeText judges a body that is one text.
func (k *check) judgeText(s *scratch, body []byte, schema *openapi.Schema) (*gatehouse.Answer, string) {
	s.begin()
	s.add(anyText, body)
	if v, ok := s.validate(schema); !ok {
		return answerOf(v), v.String()
	}
	return nil, ""
}

// media returns the media type of a Content-Type and what is declared for it, or
// nil.
func (k *check) media(contentType string) (string, *openapi.MediaType) {
	name, _, _ := strings.Cut(contentType, ";")
	name = strings.Trim(name, " \t")
	return name, openapi.Match(k.body.Content, strings.ToLower(name))
}

func (k *check) judgeJSON(x *gatehouse.Exchange, m *openapi.MediaType) (gatehouse.Verdict, error) {
	compiled, o := m.Schema != nil && m.Schema.Compiled(openapi.Request), k.of(x)
	if compiled && m.Schema.Accepts(x.Request.Body, limits, o) {
		return gatehouse.Pass, nil
	}
	d, err := jsonwalk.Of(&x.Request.Parsed, x.Request.Body, limits)
	if err != nil {
		return gatehouse.Deny(badJSON).Because(err.Error()), nil
	}
	if m.Schema == nil {
		return gatehouse.Pass, nil
	}
	if v, ok := m.Schema.Validate(d, o); !ok {
		return gatehouse.Deny(answerOf(v)).Because(v.String()), nil
	}
	if compiled {
		// The two judges disagree, which is a fault of ours: the stricter one decides.
		return gatehouse.Deny(badBody).Because("refused without a reason"), nil
	}
	return gatehouse.Pass, nil
}

// of returns the options for one exchange: nobody has proven a role where nobody
// is known.
func (k *check) of(x *gatehouse.Exchange) openapi.Options {
	o := k.options
	if p := x.Principal; p != nil {
		o.Roles = k.op.Roles.Held(p.Roles, true)
	}
	return o
}

func answerOf(v openapi.Violation) *gatehouse.Answer {
	if v.Keyword == openapi.RolesKeyword {
		return roleProperty
	}
	if v.Keyword == "undeclared" || v.Keyword == "additionalProperties" {
		return undeclared
	}
	return badBody
}
