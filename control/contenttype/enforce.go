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
	encoding   = &gatehouse.Answer{Status: 415, Reason: "contenttype.encoding", Public: "Encoded bodies are not taken", Fields: gatehouse.Fields{{Name: "accept-encoding", Value: "identity"}}}
	notGzip    = &gatehouse.Answer{Status: 415, Reason: "contenttype.encoding", Public: "Bodies are taken as they are, or encoded with gzip once", Fields: gatehouse.Fields{{Name: "accept-encoding", Value: "gzip"}}}
	badGzip    = &gatehouse.Answer{Status: 400, Reason: "contenttype.gzip", Public: "The body must be exactly one gzip member"}
	tooLarge   = &gatehouse.Answer{Status: 413, Reason: "contenttype.too_large", Public: "The decoded body is too large"}
	bomb       = &gatehouse.Answer{Status: 413, Reason: "contenttype.ratio", Public: "The decoded body is too large for its encoded size"}
	badAccept  = &gatehouse.Answer{Status: 400, Reason: "contenttype.accept", Public: "The Accept field is malformed"}

	notAcceptable = &gatehouse.Answer{Status: 406, Reason: "contenttype.not_acceptable", Public: "The request accepts none of the media types that this operation answers with"}
)

// enforce judges the fields that say what the body is. Requests without a body
// are not concerned, and operations without one are schema's.
func (k *check) enforce(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	q := &x.Request
	if a := k.accepts(q.Fields); a != nil {
		return gatehouse.Deny(a), nil
	}
	if !q.HasBody || k.content == nil {
		return gatehouse.Pass, nil
	}
	if v, ok := coded(q.Fields); ok && !k.takesCoding(v, q.Fields) {
		// RFC 7694 section 3: say which codings would do.
		if k.gzip {
			return gatehouse.Deny(notGzip), nil
		}
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

// takesCoding reports whether a body of the coding is taken: decoded when it is
// gzip and nothing more, or unseen by a waiver.
func (k *check) takesCoding(coding string, f gatehouse.Fields) bool {
	if k.gzip {
		return strings.EqualFold(coding, "gzip") && f.Count("content-encoding") == 1
	}
	return k.encoded && coding != ""
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

// inToken holds the characters of a token (RFC 9110 section 5.6.2).
var inToken = func() (t [256]bool) {
	for c := '!'; c < 0x7F; c++ {
		t[c] = !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	}
	return t
}()

func token(s string) bool {
	for i := range len(s) {
		if !inToken[s[i]] {
			return false
		}
	}
	return s != ""
}

// judgeParameters refuses what two programs may read differently: parameters
// that come twice or in pieces (RFC 2231 section 3), and every charset but UTF-8.
func judgeParameters(s string) *gatehouse.Answer {
	var names [8]string
	for n, more := 0, s != ""; more; n++ {
		var one string
		one, s, more = strings.Cut(s, ";")
		name, value, ok := strings.Cut(strings.Trim(one, " \t"), "=")
		if !ok || !token(name) || n == len(names) || strings.IndexByte(name, '*') >= 0 {
			return several
		}
		for _, other := range names[:n] {
			if strings.EqualFold(other, name) {
				return several
			}
		}
		names[n] = name
		if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' && strings.IndexByte(value, '\\') < 0 {
			value = value[1 : n-1]
		} else if !token(value) {
			return several
		}
		if !strings.EqualFold(name, "charset") {
			continue
		}
		if !strings.EqualFold(value, "utf-8") {
			return charset
		}
	}
	return nil
}
