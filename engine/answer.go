package engine

import (
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/gatehouse-api/gatehouse"
)

// host stands in the place of a step's index for what no step has decided.
const host = -1

// end replaces the response by v's answer: a problem document (RFC 9457) for a
// refusal, the bare fields for an ordinary answer. step is who decided.
func end(x *gatehouse.Exchange, v gatehouse.Verdict, by string, step int) {
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
	if x.Endpoint.Verbose && len(x.Violations) > 0 {
		r.Body = appendErrors(r.Body, x.Violations, step)
	}
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

// appendErrors adds to a problem document what a step has found, in the form of
// RFC 9457 section 3: the place in the message and the keyword, no value, and no
// name that the description does not declare.
func appendErrors(b []byte, found []gatehouse.Violation, step int) []byte {
	end := len(b) - len("}\n")
	more := append([]byte(nil), `,"errors":[`...)
	n := 0
	for i := range found {
		v := &found[i]
		if int(v.Step) != step {
			continue
		}
		if n++; n > 1 {
			more = append(more, ',')
		}
		more = append(append(append(more, `{"in":"`...), v.In...), '"')
		if v.Name != "" {
			more = appendMember(more, "name", v.Name)
		}
		if v.Name == "" || v.Known > 0 {
			u := url.URL{Fragment: v.Pointer[:v.Known]} // RFC 6901 section 6
			more = appendMember(more, "pointer", "#"+u.EscapedFragment())
		}
		more = appendMember(more, "keyword", v.Keyword)
		if v.Member != "" {
			more = appendMember(more, "detail", v.Member+" is missing")
		}
		more = append(more, '}')
	}
	if n == 0 {
		return b
	}
	return append(append(b[:end], more...), "]}\n"...)
}

// appendMember adds a member whose value is text of the description: it is any
// Unicode text, so the JSON package writes it.
func appendMember(b []byte, name, text string) []byte {
	value, err := json.Marshal(text)
	if err != nil {
		return b // a string is never refused
	}
	return append(append(append(b, `,"`...), name+`":`...), value...)
}
