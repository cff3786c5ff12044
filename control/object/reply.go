package object

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// released judges the reply to a read before a byte of it leaves.
func (r *rule) released(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	s, refusal := r.stands(x)
	if refusal != nil {
		return gatehouse.Deny(refusal), nil
	}
	if v, more := r.reply(x, s); !more {
		return v, nil
	}
	found, ok := r.read(x, s)
	why := ""
	if !ok {
		d, err := jsonwalk.Of(&x.Response.Parsed, x.Response.Body, limits)
		if err != nil {
			return gatehouse.Deny(unverifiable).Because(notJSON), nil
		}
		found, why = r.touch(r.asker(ctx, x), r.act, r.id(x), d, 0, s)
	}
	switch found {
	case absent:
		return gatehouse.Deny(unverifiable).Because(cmp.Or(why, "the reply does not say whose the object is")), nil
	case other:
		return r.refuse().Because(why), nil
	}
	return verified.Because(why), nil
}

// masked makes every miss look alike, so that nobody learns from the upstream's
// own 404 what a refusal would have hidden.
func (r *rule) masked(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if r.hides(x) {
		return gatehouse.Deny(notFound), nil
	}
	return gatehouse.Pass, nil
}

// hides reports a reply of the upstream's that must look like any other miss. What it
// refuses a caller who may read the object is no secret.
func (r *rule) hides(x *gatehouse.Exchange) bool {
	if !r.hide || x.Response.Own {
		return false
	}
	switch x.Response.Status {
	case http.StatusNotFound, http.StatusGone:
		return true
	case http.StatusForbidden:
		return r.action == policy.Read
	}
	return false
}

// reply reports whether there is a reply to be looked at, or returns the verdict
// where there is none. The upstream's errors are replaced: they may carry the object.
func (r *rule) reply(x *gatehouse.Exchange, s standing) (gatehouse.Verdict, bool) {
	res := &x.Response
	switch {
	case res.Own:
		return gatehouse.Pass, false
	case r.hides(x):
		return gatehouse.Deny(notFound), false
	case res.Status >= 400:
		replace(x)
		return gatehouse.PassBy("object.error_replaced"), false
	case s.role && !r.tenant.set() && r.act == nil:
		return roleSees, false
	case x.Request.Method == http.MethodHead:
		bare(res)
		return gatehouse.PassBy("object.head"), false
	}
	return legible(res)
}

// bare leaves of a reply to HEAD what it is: there is nothing to compare, and its other
// fields speak of a list with others' elements, how many there are and when they changed.
func bare(res *gatehouse.Response) {
	kind := res.Fields.Get("content-type")
	if res.Fields = res.Fields[:0]; kind != "" {
		res.Fields.Add("content-type", kind)
	}
}

// legible reports whether a success can be looked at, or refuses it.
func legible(res *gatehouse.Response) (gatehouse.Verdict, bool) {
	switch {
	case res.Status != 200 && res.Status != 203:
		return gatehouse.Deny(unverifiable).Because("the status is neither 200 nor an error"), false
	case res.BodyTooLarge:
		return gatehouse.Deny(unverifiable).Because("the reply is too large to be looked at"), false
	case res.Fields.Encoded():
		return gatehouse.Deny(unverifiable).Because("the reply is encoded"), false
	}
	return gatehouse.Verdict{}, true
}

// replace puts a problem document (RFC 9457) in the place of the upstream's error.
// Its status stays, and when to come again.
func replace(x *gatehouse.Exchange) {
	res := &x.Response
	later := res.Fields.Get("retry-after")
	res.Fields, res.Own, res.BodyTooLarge = res.Fields[:0], true, false
	if res.Parsed != nil {
		res.Parsed.Reset()
	}
	res.Fields.Add("content-type", "application/problem+json")
	if later != "" {
		res.Fields.Add("retry-after", later)
	}
	b := append(res.Body[:0], `{"type":"about:blank","title":`...)
	b = strconv.AppendQuote(b, http.StatusText(res.Status))
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(res.Status), 10)
	b = append(b, `,"request_id":"`...)
	res.Body = append(append(b, x.ID...), "\"}\n"...)
}

// notJSON is why a reply cannot be looked at.
const notJSON = "the reply is not one JSON document"

// read compares the reply, or every element of a list, by the pass over it that
// control/reply needs as well, and reports whether that could be done. It cannot
// where the description does not declare the reply or the reply is not as
// declared: those are parsed.
func (r *rule) read(x *gatehouse.Exchange, s standing) (outcome, bool) {
	res := &x.Response
	if r.picks == nil {
		return absent, false
	}
	declared := r.op.Response(res.Status)
	if declared == nil {
		return absent, false
	}
	schema := declared.JSON(res.Fields.Get("content-type"))
	if schema == nil {
		return absent, false
	}
	reading, ok := schema.Read(&res.Parsed, res.Body, limits, openapi.Options{Undeclared: openapi.Strip, Roles: r.op.Roles.Held(s.p.Roles, true)}, r.picks)
	if !ok {
		return absent, false
	}
	worst := own
	reading.Each(func(v *openapi.Values) bool {
		worst = min(worst, r.judge(v, s))
		return worst == own
	})
	return worst, true
}

// The places of r.picks.
const (
	pickedTenant = iota
	pickedOwner
)
