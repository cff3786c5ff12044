package contenttype

import (
	"context"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

var (
	missing    = &gatehouse.Answer{Status: 415, Reason: "contenttype.missing", Public: "A body needs a Content-Type"}
	several    = &gatehouse.Answer{Status: 415, Reason: "contenttype.malformed", Public: "The Content-Type is not one media type"}
	undeclared = &gatehouse.Answer{Status: 415, Reason: "contenttype.undeclared", Public: "This operation does not take this media type"}
	charset    = &gatehouse.Answer{Status: 415, Reason: "contenttype.charset", Public: "Bodies are in UTF-8"}
	encoding   = &gatehouse.Answer{Status: 415, Reason: "contenttype.encoding", Public: "Encoded bodies are not taken"}
)

// enforce judges the fields that say what the body is. Requests without a body
// are not concerned, and operations without one are schema's.
func (k *check) enforce(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	q := &x.Request
	if !q.HasBody || k.content == nil {
		return gatehouse.Pass, nil
	}
	if v, ok := coded(q.Fields); ok && !(k.encoded && v != "") {
		return gatehouse.Deny(encoding), nil
	}
	switch q.Fields.Count("content-type") {
	case 0:
		return gatehouse.Deny(missing), nil
	case 1:
	default:
		return gatehouse.Deny(several), nil
	}
	name, parameters, _ := strings.Cut(q.Fields.Get("content-type"), ";")
	name = strings.Trim(name, " \t")
	if !mediaType(name) {
		return gatehouse.Deny(several), nil
	}
	if a := judgeParameters(parameters); a != nil {
		return gatehouse.Deny(a), nil
	}
	if !k.takes(name) {
		return gatehouse.Deny(undeclared), nil
	}
	return gatehouse.Pass, nil
}

// coded returns the Content-Encoding, and whether there is one that changes the
// bytes (RFC 9110 section 8.4).
func coded(f gatehouse.Fields) (string, bool) {
	for i := range f {
		if f[i].Name == "content-encoding" && !strings.EqualFold(f[i].Value, "identity") {
			return f[i].Value, true
		}
	}
	return "", false
}

func (k *check) takes(name string) bool {
	for i := range k.content {
		declared := k.content[i].Type
		if strings.EqualFold(declared, name) || declared == "*/*" {
			return true
		}
		prefix, ok := strings.CutSuffix(declared, "*")
		if ok && len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// mediaType reports type "/" subtype of RFC 9110 section 8.3.1, both tokens.
func mediaType(s string) bool {
	kind, sub, ok := strings.Cut(s, "/")
	return ok && token(kind) && token(sub)
}

func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7F || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// judgeParameters refuses what two programs may read differently: parameters
// that come twice, and every charset but UTF-8.
func judgeParameters(s string) *gatehouse.Answer {
	charsets := 0
	for more := s != ""; more; {
		var one string
		one, s, more = strings.Cut(s, ";")
		name, value, ok := strings.Cut(strings.Trim(one, " \t"), "=")
		if !ok || !token(name) {
			return several
		}
		if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' && strings.IndexByte(value, '\\') < 0 {
			value = value[1 : n-1]
		} else if !token(value) {
			return several
		}
		if !strings.EqualFold(name, "charset") {
			continue
		}
		if charsets++; charsets > 1 {
			return several
		}
		if !strings.EqualFold(value, "utf-8") {
			return charset
		}
	}
	return nil
}
