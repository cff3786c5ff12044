package reply

import (
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// everyRole is of a caller from whom nothing is hidden: what a role may not see is
// no fault of the reply.
const everyRole = ^uint64(0)

// whyHead notes that the description does not know the status or the media type.
func (k *check) whyHead(x *gatehouse.Exchange, v gatehouse.Verdict) {
	p, keyword := k.op.Place, "responses"
	p.Pointer += "/responses"
	if declared := k.op.Response(x.Response.Status); declared != nil && v.Answer() != undeclaredStatus {
		keyword = "content"
		p.Pointer += "/" + declared.Status + "/content"
	}
	x.Violated(gatehouse.Violation{In: "reply", Keyword: keyword, Place: p.String()})
}

// whyBody notes what in the reply is not as described.
func (k *check) whyBody(x *gatehouse.Exchange, v gatehouse.Verdict) {
	o := openapi.Options{Direction: openapi.Reply, Undeclared: openapi.Allow, Roles: everyRole}
	switch v.Answer() {
	case undeclaredMember:
		o.Undeclared = openapi.Reject
	case invalid:
	default:
		x.Violated(gatehouse.Violation{In: "reply", Keyword: "json"})
		return
	}
	res := &x.Response
	if declared := k.op.Response(res.Status); declared != nil {
		k.note(x, declared.JSON(res.Fields.Get("content-type")), o, res.Body)
	}
}

// note notes what in a JSON text is not as described.
func (k *check) note(x *gatehouse.Exchange, s *openapi.Schema, o openapi.Options, text []byte) {
	var d jsonwalk.Doc
	if s == nil || d.Parse(text, limits) != nil {
		return
	}
	for _, v := range s.Explain(&d, o, gatehouse.MostViolations) {
		out := gatehouse.Violation{In: "reply", Pointer: v.Pointer, Known: v.Known, Keyword: v.Keyword, Member: v.Member}
		if v.Place.Line > 0 {
			out.Place = v.Place.String()
		}
		x.Violated(out)
	}
}

// reported is the rule of a reply that leaves although it is not as described.
const reported = "reply.invalid"

// due reports whether a reply that leaves is to be explained: one each second of
// an endpoint's. Where the description is wrong, every reply may be reported.
func (k *check) due(now time.Time) bool {
	second := now.Unix()
	last := k.explained.Load()
	return second != last && k.explained.CompareAndSwap(last, second)
}

// whyReported notes what in a reply, or an item, that leaves is not as described.
func (k *check) whyReported(x *gatehouse.Exchange, s *openapi.Schema, text []byte) {
	k.note(x, s, openapi.Options{Direction: openapi.Reply, Undeclared: openapi.Allow, Roles: everyRole}, text)
}
