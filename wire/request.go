package wire

import (
	"bytes"

	"github.com/gatehouse-api/gatehouse"
)

// ParseRequest parses the head that [Reader.Head] has buffered. Of q it sets
// Method, Host, Path, Query, Major, Fields, HasBody and Upgrade, and it reads
// Scheme, which the host sets from the connection before: a target in absolute
// form must agree with it when it is set. All of m is set.
//
// A refusal is a [*Refusal]. When its Close is false, m and the body's framing
// are valid: the body may be discarded and the connection used again.
func (r *Reader) ParseRequest(q *gatehouse.Request, m *Message, l *Limits) error {
	m.reset()
	head := r.buf[r.r:r.scan]
	e := bytes.IndexByte(head, '\n')
	if e < 1 {
		return RequestLine
	}
	method, target, refusal := requestLine(head[:e-1])
	if refusal != nil {
		return refusal
	}
	s := section{protocol: request1, fields: &q.Fields, m: m, most: l.Fields, permit: l.Permit}
	q.Fields = q.Fields[:0]
	q.Major = 1
	if refusal := s.method(q, method); refusal != nil {
		return refusal
	}
	if refusal := s.read(head[e+1:]); refusal != nil {
		return refusal
	}
	if refusal := s.finish(q, target, l); refusal != nil && refusal.Close {
		return refusal
	}
	r.r, r.floor = r.scan, r.scan
	r.body.begin(m, false)
	return s.judged()
}

// judged returns the first refusal as an error, or nil.
func (s *section) judged() error {
	if s.first == nil {
		return nil
	}
	if s.barred {
		s.m.Needs = 0
	}
	return s.first
}

// requestLine splits "method SP request-target SP HTTP/1.1" (RFC 9112 section 3).
func requestLine(line []byte) (method, target []byte, r *Refusal) {
	i := bytes.IndexByte(line, ' ')
	j := bytes.LastIndexByte(line, ' ')
	if i < 1 || i > 32 || j <= i+1 {
		return nil, nil, RequestLine
	}
	method, target = line[:i], line[i+1:j]
	for _, c := range method {
		if lowered[c] == 0 {
			return nil, nil, RequestLine
		}
	}
	for _, c := range target {
		if c <= ' ' || c == 0x7f {
			return nil, nil, RequestLine
		}
	}
	return method, target, version(line[j+1:])
}

func version(b []byte) *Refusal {
	if string(b) == "HTTP/1.1" {
		return nil
	}
	if len(b) == 8 && string(b[:5]) == "HTTP/" && b[6] == '.' && isDigit(b[5]) && isDigit(b[7]) {
		return Version
	}
	return RequestLine
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// method refuses TRACE and CONNECT in any case, before anything else is judged.
func (s *section) method(q *gatehouse.Request, method []byte) *Refusal {
	q.Method = view(method)
	switch {
	case equalFold(method, "connect"):
		return MethodConnect // what follows CONNECT is a tunnel
	case equalFold(method, "trace"):
		s.note(MethodTrace)
	}
	return nil
}

// finish judges the head as a whole, once every field has been taken.
func (s *section) finish(q *gatehouse.Request, target []byte, l *Limits) *Refusal {
	q.HasBody = s.m.Framing == Chunked || s.m.Length > 0
	q.Upgrade, q.Path, q.Query = false, "", ""
	if s.hosts == 0 {
		return NoHost
	}
	host, err := CanonicalHost(s.host)
	if err != nil {
		return Host
	}
	q.Host = host
	if s.upgrade != nil {
		if !s.webSocket(q) {
			return Upgrade
		}
		q.Upgrade, s.m.Upgrade = true, true
	}
	if s.m.Needs&gatehouse.Underscore != 0 {
		s.twins()
	}
	if s.first != nil {
		return nil
	}
	if len(target) > l.Target {
		s.note(TargetTooLong)
		return nil
	}
	path, refusal := originForm(q, target)
	if refusal == nil {
		var needs gatehouse.Permit
		needs, refusal = canonicalTarget(q, path, l.Permit)
		s.m.Needs |= needs
		s.barred = s.barred || refusal != nil && needs == 0
	}
	if refusal != nil {
		s.note(refusal)
	}
	return refusal
}

// webSocket reports whether the request is a well-formed opening handshake
// (RFC 6455 section 4.1).
func (s *section) webSocket(q *gatehouse.Request) bool {
	key := q.Fields.Get("sec-websocket-key")
	return equalFold(s.upgrade, "websocket") && s.wants && q.Method == "GET" && !q.HasBody && !s.m.Expect &&
		q.Fields.Get("sec-websocket-version") == "13" && isNonce(key)
}

// isNonce reports whether key is the base64 of 16 bytes: 22 digits, of which the
// last carries two bits, and "==".
func isNonce(key string) bool {
	if len(key) != 24 || key[22:] != "==" {
		return false
	}
	for i := range 22 {
		c := key[i]
		if (class[c]&isUnreserved == 0 || c == '-' || c == '_' || c == '.' || c == '~') && c != '+' && c != '/' {
			return false
		}
	}
	switch key[21] {
	case 'A', 'Q', 'g', 'w':
		return true
	}
	return false
}
