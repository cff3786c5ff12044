package wire

import (
	"github.com/gatehouse-api/gatehouse"
)

// Pseudo holds the pseudo-header fields of an HTTP/2 request (RFC 9113 section 8.3.1).
type Pseudo struct{ Method, Scheme, Authority, Path string }

// Canonical makes, of a request that came over HTTP/2, the same canonical
// request with the same refusals as [Reader.ParseRequest] does. The HTTP/2
// library has seen to order and number of the pseudo-header fields; m's framing
// is Length where there is a Content-Length and None otherwise: the stream
// itself says where the body ends, so the host sets q.HasBody where it is still
// open.
//
// The names in fields must be in lower case, and cookies that were split into
// several fields (RFC 9113 section 8.2.3) must be joined already. The strings are copied to scratch,
// which is returned, grown, for the next time; q's strings are views into it.
func Canonical(q *gatehouse.Request, m *Message, scratch []byte, h Pseudo, fields gatehouse.Fields, l *Limits) ([]byte, error) {
	m.reset()
	size := len(h.Method) + len(h.Authority) + len(h.Path)
	for i := range fields {
		size += len(fields[i].Name) + len(fields[i].Value) + 4
	}
	if size > l.Head {
		return scratch, HeadTooLarge
	}
	if cap(scratch) < size {
		scratch = make([]byte, 0, 2*size)
	}
	scratch = scratch[:0]
	keep := func(s string) []byte {
		scratch = append(scratch, s...)
		return scratch[len(scratch)-len(s):]
	}
	s := section{protocol: request2, fields: &q.Fields, m: m, most: l.Fields, permit: l.Permit}
	q.Fields, q.Major = q.Fields[:0], 2
	if !isToken(h.Method) || len(h.Method) > 32 {
		return scratch, RequestLine
	}
	if r := s.method(q, keep(h.Method)); r != nil {
		return scratch, r
	}
	for i := range fields {
		name, value, r := split2(fields[i], keep)
		if r == nil {
			r = s.take(name, value)
		}
		if r != nil {
			return scratch, r
		}
	}
	if r := s.authority(keep(h.Authority)); r != nil {
		return scratch, r
	}
	if !isTarget(h.Path) || len(h.Path) == 0 || h.Path[0] != '/' {
		return scratch, badTarget2(h.Path)
	}
	if h.Scheme != "http" && h.Scheme != "https" {
		return scratch, TargetScheme
	}
	if r := s.finish(q, keep(h.Path), l); r != nil {
		return scratch, r
	}
	return scratch, s.judged()
}

// split2 checks and copies one field of HTTP/2.
func split2(f gatehouse.Field, keep func(string) []byte) (string, []byte, *Refusal) {
	for i := 0; i < len(f.Name); i++ {
		if c := f.Name[i]; c == 0 || lowered[c] != c {
			return "", nil, H2FieldName
		}
	}
	if f.Name == "" {
		return "", nil, H2FieldName
	}
	value := keep(f.Value)
	if !isValue(value) || len(trim(value)) != len(value) {
		return "", nil, FieldValue // RFC 9113 section 8.2.1
	}
	return view(keep(f.Name)), value, nil
}

// authority takes :authority for the host; a Host field must say the same.
func (s *section) authority(authority []byte) *Refusal {
	if len(authority) == 0 {
		return nil // then there must be a Host field
	}
	if s.hosts > 0 {
		a, err := CanonicalHost(authority)
		if err != nil {
			return Host
		}
		h, err := CanonicalHost(s.host)
		if err != nil {
			return Host
		}
		if a != h {
			return HostMismatch
		}
		authority = []byte(a)
	}
	s.host, s.hosts = authority, 1
	return nil
}

func badTarget2(path string) *Refusal {
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '#':
			return TargetFragment
		case c >= 0x80:
			return TargetNonASCII
		case class[c]&inTarget == 0:
			return RequestLine
		}
	}
	return TargetForm
}
