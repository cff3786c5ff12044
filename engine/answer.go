package engine

import (
	"strconv"

	"github.com/gatehouse-api/gatehouse"
)

// end replaces the response by v's answer: a problem document (RFC 9457) for a
// refusal, the bare fields for an ordinary answer.
func end(x *gatehouse.Exchange, v gatehouse.Verdict, by string) {
	x.Ended, x.EndedBy = v, by
	a, r := v.Answer(), &x.Response
	r.Status, r.Own, r.BodyTooLarge = a.Status, true, false
	r.Fields, r.Body = r.Fields[:0], r.Body[:0]
	if r.Parsed != nil {
		r.Parsed.Reset()
	}
	r.Fields = append(r.Fields, a.Fields...)
	if a.Silent || !v.Denied() {
		return
	}
	r.Fields.Add("content-type", "application/problem+json")
	r.Body = AppendProblem(r.Body, a, x.ID)
}

// AppendProblem appends the problem document of a to b.
func AppendProblem(b []byte, a *gatehouse.Answer, requestID string) []byte {
	b = append(b, `{"type":"urn:gatehouse:problem:`...)
	b = append(b, a.Reason...)
	b = append(b, `","title":`...)
	b = strconv.AppendQuote(b, a.Public)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(a.Status), 10)
	b = append(b, `,"request_id":"`...)
	b = append(b, requestID...)
	return append(b, "\"}\n"...)
}
