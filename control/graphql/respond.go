package graphql

import (
	"context"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// responseType is the media type of results that no other kind of server gives
// (GraphQL over HTTP section 4.1), under which a refusal may have its own status.
const responseType = "application/graphql-response+json"

// respond says every refusal of this endpoint, whoever gave it, in the form that a
// GraphQL client reads, where the client says that it knows it. Others get the problem
// document that is there.
func (k *check) respond(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	a, res := x.Ended.Answer(), &x.Response
	if !res.Own || a == nil || a.Silent || !x.Ended.Denied() || !accepts(x.Request.Fields) {
		return gatehouse.Pass, nil
	}
	b := append(res.Body[:0], `{"errors":[{"message":`...)
	b = appendQuoted(b, a.Public)
	b = append(append(b, `,"extensions":{"code":"`...), a.Reason...)
	b = append(append(b, `","request_id":"`...), x.ID...)
	res.Body = append(b, `"}}]}`...)
	res.Fields.Set("content-type", responseType)
	return gatehouse.Pass, nil
}

// accepts reports whether a client names the media type, and does not weigh it with 0
// (RFC 9110 section 12.5.1).
func accepts(f gatehouse.Fields) bool {
	for i := range f {
		if f[i].Name != "accept" {
			continue
		}
		for rest, more := f[i].Value, true; more; {
			var one string
			one, rest, more = strings.Cut(rest, ",")
			name, parameters, _ := strings.Cut(one, ";")
			if !strings.EqualFold(strings.Trim(name, " \t"), responseType) {
				continue
			}
			q := strings.ReplaceAll(strings.ReplaceAll(parameters, " ", ""), "\t", "")
			return !strings.HasPrefix(q, "q=0") || strings.Trim(q, "q=0.") != ""
		}
	}
	return false
}
