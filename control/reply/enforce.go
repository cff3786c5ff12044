package reply

import (
	"context"
	"net/http"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

var (
	undeclaredStatus = &gatehouse.Answer{Status: 502, Reason: "reply.undeclared_status", Public: "The reply is not one that the API declares"}
	undeclaredType   = &gatehouse.Answer{Status: 502, Reason: "reply.undeclared_type", Public: "The reply is not one that the API declares"}
	undeclaredMember = &gatehouse.Answer{Status: 502, Reason: "reply.undeclared", Public: "The reply is not one that the API declares"}
	roleUnread       = &gatehouse.Answer{Status: 502, Reason: "reply.role_unread", Public: "The reply could not be checked"}
	invalid          = &gatehouse.Answer{Status: 502, Reason: "reply.invalid", Public: "The reply is not one that the API declares"}
	stripped         = gatehouse.PassBy("reply.stripped")
	unreadable       = &gatehouse.Answer{Status: 502, Reason: "reply.unreadable", Public: "The reply could not be checked"}
)

// limits are those of every JSON body.
var limits = jsonwalk.Limits{}

// head judges the status and the media type. Answers made here and the
// upstream's errors pass: what may be in those is leak's business.
func (k *check) head(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	res := &x.Response
	declared := k.op.Response(res.Status)
	if k.restricted != nil && !res.Own && declared != nil && k.hides(x, declared) {
		return gatehouse.Deny(roleUnread), nil
	}
	if res.Own || res.Status >= 400 || res.Status < 200 {
		return gatehouse.Pass, nil
	}
	if declared == nil {
		// A condition that the client set is answered by HTTP itself (RFC 9110 section 13).
		if res.Status == 304 {
			return gatehouse.Pass, nil
		}
		if k.lax {
			return gatehouse.PassBy("reply.undeclared_status"), nil
		}
		return gatehouse.Deny(undeclaredStatus), nil
	}
	if contentType := res.Fields.Get("content-type"); contentType != "" && len(declared.Content) > 0 && declared.Represented(contentType) == nil {
		if k.lax {
			return gatehouse.PassBy("reply.undeclared_type"), nil
		}
		return gatehouse.Deny(undeclaredType), nil
	}
	return gatehouse.Pass, nil
}

// buffer is the memory for a reply that is cut.
type buffer struct{ out []byte }

// nothing reports, by the head, a reply that has no declared JSON to be cut.
func (k *check) nothing(x *gatehouse.Exchange) bool {
	res := &x.Response
	declared := k.op.Response(res.Status)
	if res.Own || declared == nil {
		return true
	}
	return declared.JSON(res.Fields.Get("content-type")) == nil
}

// body judges a reply, and cuts what the schema does not declare.
func (k *check) body(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	res := &x.Response
	declared := k.op.Response(res.Status)
	if res.Own || declared == nil || len(res.Body) == 0 && !res.BodyTooLarge {
		return gatehouse.Pass, nil
	}
	schema := declared.JSON(res.Fields.Get("content-type"))
	switch {
	case schema == nil:
		return gatehouse.Pass, nil
	case res.BodyTooLarge:
		return gatehouse.Deny(unreadable).Because("the reply is too large to be looked at"), nil
	case res.Fields.Encoded():
		return gatehouse.Deny(unreadable).Because("the reply is encoded"), nil
	case res.Status == http.StatusPartialContent:
		// The range may be the value of one member, and which one nobody can tell.
		return gatehouse.Deny(unreadable).Because("the reply is a part of a JSON text"), nil
	}
	o := k.options(x)
	reading, ok := schema.Read(&res.Parsed, res.Body, limits, o, nil)
	if ok && !reading.Cuts() {
		return gatehouse.Pass, nil
	}
	return k.cut(x, schema, reading, ok, o), nil
}

// cut judges a reply of which something is to be cut, or that is not as described.
func (k *check) cut(x *gatehouse.Exchange, schema *openapi.Schema, reading *openapi.Reading, ok bool, o openapi.Options) gatehouse.Verdict {
	res := &x.Response
	b, pooled := k.buffers.Get().(*buffer)
	if !pooled {
		b = new(buffer)
	}
	defer k.buffers.Put(b)
	if ok && (k.undeclared != openapi.Reject || !reading.Undeclared()) {
		b.out = reading.AppendCut(b.out[:0])
		return k.leave(x, b, true, openapi.Violation{})
	}
	d, err := jsonwalk.Of(&res.Parsed, res.Body, limits)
	switch {
	case err != nil && res.Status >= 400:
		return gatehouse.PassBy("reply.unread").Because(err.Error())
	case err != nil:
		return gatehouse.Deny(unreadable).Because(err.Error())
	}
	var cut int
	var v openapi.Violation
	b.out, cut, v = schema.Filter(b.out[:0], d, o)
	return k.leave(x, b, cut > 0, v)
}

// leave decides on a reply that was judged, and lets what is left of it leave.
func (k *check) leave(x *gatehouse.Exchange, b *buffer, cut bool, v openapi.Violation) gatehouse.Verdict {
	switch {
	case v.Keyword == "budget":
		return gatehouse.Deny(unreadable).Because(v.String())
	case v.Keyword == "undeclared":
		return gatehouse.Deny(undeclaredMember).Because(v.String())
	case v.Keyword != "" && k.strict:
		return gatehouse.Deny(invalid).Because(v.String())
	case cut:
		x.Response.Body = append(x.Response.Body[:0], b.out...)
		x.Response.Changed()
		x.Response.Fields.Del("accept-ranges")
		return stripped
	case v.Keyword != "":
		return gatehouse.PassBy(reported).Because(v.String())
	}
	return gatehouse.Pass
}
