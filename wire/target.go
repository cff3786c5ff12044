package wire

import (
	"bytes"
	"net/netip"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse"
)

// CanonicalHost makes the canonical form of a Host field or an :authority, in
// place: lower case, without one trailing dot and without the port 80 or 443. It
// takes DNS names, IPv4 addresses and bracketed IPv6 addresses without a zone;
// anything else, user information and escapes included, is refused with [Host].
func CanonicalHost(b []byte) (string, error) {
	host, port := b, []byte(nil)
	if len(b) > 0 && b[0] == '[' {
		i := bytes.IndexByte(b, ']')
		if i < 0 {
			return "", Host
		}
		host, port = b[:i+1], b[i+1:]
	} else if i := bytes.IndexByte(b, ':'); i >= 0 {
		host, port = b[:i], b[i:]
	}
	n := canonicalName(host)
	if n == 0 || !validPort(port) {
		return "", Host
	}
	if len(port) == 0 || string(port) == ":80" || string(port) == ":443" {
		return view(b[:n]), nil
	}
	return view(b[:n+copy(b[n:], port)]), nil
}

// canonicalName makes the canonical form of a name or a bracketed address in
// place and returns its length; zero when it is malformed.
func canonicalName(b []byte) int {
	if len(b) > 0 && b[0] == '[' {
		return canonicalAddress(b)
	}
	if n := len(b); n > 1 && b[n-1] == '.' {
		b = b[:n-1]
	}
	if len(b) == 0 || len(b) > 253 {
		return 0
	}
	label := 0
	for i, c := range b {
		if c == '.' {
			if label == 0 {
				return 0
			}
			label = 0
			continue
		}
		if label++; class[c]&isHost == 0 || label > 63 {
			return 0
		}
		b[i] = lowered[c]
	}
	if label == 0 {
		return 0
	}
	return len(b)
}

// canonicalAddress writes an IPv6 literal in the form of RFC 5952.
func canonicalAddress(b []byte) int {
	addr, err := netip.ParseAddr(view(b[1 : len(b)-1]))
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return 0
	}
	var room [64]byte
	text := addr.AppendTo(room[:0])
	if len(text) > len(b)-2 {
		return 0
	}
	n := 1 + copy(b[1:], text)
	b[n] = ']'
	return n + 1
}

// validPort reports whether b is empty or a colon and a plain port number.
func validPort(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if len(b) < 2 || len(b) > 6 || b[0] != ':' || b[1] == '0' {
		return false
	}
	n := 0
	for _, c := range b[1:] {
		if !isDigit(c) {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n <= 65535
}

// originForm returns the target in origin form. The absolute form is taken when
// its authority is that of the Host field and its scheme that of the connection
// (RFC 9112 section 3.2.2).
func originForm(q *gatehouse.Request, target []byte) ([]byte, *Refusal) {
	if target[0] == '/' {
		return target, nil
	}
	i := bytes.Index(target, []byte("://"))
	if i < 0 {
		return nil, TargetForm
	}
	scheme, rest := target[:i], target[i+3:]
	if !equalFold(scheme, "http") && !equalFold(scheme, "https") {
		return nil, TargetForm
	}
	if q.Scheme != "" && !equalFold(scheme, q.Scheme) {
		return nil, TargetScheme
	}
	j := bytes.IndexByte(rest, '/')
	if j < 0 {
		return nil, TargetForm
	}
	authority, err := CanonicalHost(rest[:j])
	if err != nil {
		return nil, Host
	}
	if authority != q.Host {
		return nil, HostMismatch
	}
	return rest[j:], nil
}

// CanonicalTarget makes the canonical path and query of a target in origin form,
// in place, and sets q.Path and q.Query, which are views into target. Errors are
// [*Refusal]s.
func CanonicalTarget(q *gatehouse.Request, target []byte) error {
	if _, r := canonicalTarget(q, target, 0); r != nil {
		return r
	}
	return nil
}

// canonicalTarget also returns what the target needs to be permitted; with a
// refusal that no permit lifts, nothing.
func canonicalTarget(q *gatehouse.Request, target []byte, permit gatehouse.Permit) (gatehouse.Permit, *Refusal) {
	if len(target) == 0 || target[0] != '/' {
		return 0, TargetForm
	}
	path, query := target, []byte(nil)
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		path, query = target[:i], target[i+1:]
	}
	p := pathReader{permit: permit}
	n, r := p.canonical(path)
	if r != nil {
		return p.needs, r
	}
	if r := checkQuery(query); r != nil {
		return 0, r
	}
	q.Path, q.Query = view(path[:n]), view(query)
	return p.needs, nil
}

// pathReader makes the canonical form of one path.
type pathReader struct {
	permit gatehouse.Permit // what is taken
	needs  gatehouse.Permit // what there is that must be permitted
	first  *Refusal         // of what is not taken
}

// takes notes a rule that is broken and reports whether the path is read on.
func (p *pathReader) takes(r *Refusal) bool {
	if p.needs |= r.Permit; p.first == nil && r.Permit&p.permit == 0 {
		p.first = r
	}
	return r.Permit != 0
}

// bars returns the refusal of a path that no permit helps.
func (p *pathReader) bars(r *Refusal) (int, *Refusal) {
	p.needs = 0
	if p.first != nil {
		r = p.first
	}
	return 0, r
}

// canonical decodes, once and only here, the escapes of unreserved characters,
// puts other escapes into upper case, and refuses what a second reader could
// take for another path. It returns the new length.
func (p *pathReader) canonical(b []byte) (int, *Refusal) {
	w, segment := 0, 0
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case class[c]&inPath != 0:
			b[w] = c
			w, i = w+1, i+1
		case c == '/':
			if i > 0 {
				if r := p.check(b[segment:w], false); r != nil {
					return p.bars(r)
				}
			}
			b[w] = c
			w, i = w+1, i+1
			segment = w
		case c == '%':
			read, written, r := canonicalEscape(b[w:], b[i:])
			if r != nil && !p.takes(r) {
				return p.bars(r)
			}
			w, i = w+written, i+read
		default:
			if r := badPathByte(c); !p.takes(r) {
				return p.bars(r)
			}
			b[w] = c
			w, i = w+1, i+1
		}
	}
	if r := p.check(b[segment:w], true); r != nil {
		return p.bars(r)
	}
	return w, p.first
}

// check judges a segment by itself and, where it holds what must be permitted,
// as those read it who resolve that.
func (p *pathReader) check(seg []byte, last bool) *Refusal {
	if p.needs == 0 {
		return checkSegment(seg, last)
	}
	return checkResolved(seg, last)
}

// checkSegment refuses dot segments and, but for the last, empty ones.
func checkSegment(seg []byte, last bool) *Refusal {
	switch {
	case len(seg) == 0 && !last:
		return PathDoubleSlash
	case len(seg) == 1 && seg[0] == '.', len(seg) == 2 && seg[0] == '.' && seg[1] == '.':
		return PathDotSegment
	}
	return nil
}

// badPathByte says what is wrong with a raw byte in a path.
func badPathByte(c byte) *Refusal {
	switch {
	case c == '\\':
		return PathBackslash
	case c == ';':
		return PathSemicolon
	case c == '#':
		return TargetFragment
	case c == 0:
		return PathNUL
	case c < ' ' || c == 0x7f:
		return PathControl
	case c >= 0x80:
		return TargetNonASCII
	}
	return PathCharacter
}

// badPathEscape says why an escape of c is not taken, or returns nil.
func badPathEscape(c byte) *Refusal {
	switch {
	case c == '/':
		return PathEncodedSlash
	case c == '%':
		return PathDoubleEncoding
	case c == '\\' || c == ';' || c < ' ' || c == 0x7f:
		return badPathByte(c)
	}
	return nil
}

// canonicalEscape writes the canonical form of the escapes at the beginning of
// src to dst, which may begin at or before src and has room for what is read: one
// escape, or those of one character outside ASCII. With a refusal that a permit
// lifts, the escape has been written too.
func canonicalEscape(dst, src []byte) (read, written int, r *Refusal) {
	c, ok := escape(src)
	if !ok {
		return 0, 0, PathEscape
	}
	if c < utf8.RuneSelf {
		if r := badPathEscape(c); r != nil {
			putEscape(dst, c)
			return 3, 3, r
		}
		if class[c]&isUnreserved != 0 {
			dst[0] = c
			return 3, 1, nil
		}
		putEscape(dst, c)
		return 3, 3, nil
	}
	room, n := runeEscapes(src)
	char, size := utf8.DecodeRune(room[:n])
	if char == utf8.RuneError && size <= 1 {
		return 0, 0, PathUTF8
	}
	if char < 0xa0 {
		return 0, 0, PathControl // C1
	}
	for k := range size {
		putEscape(dst[3*k:], room[k])
	}
	return 3 * size, 3 * size, nil
}

// runeEscapes decodes up to four escapes of bytes outside ASCII.
func runeEscapes(src []byte) (room [utf8.UTFMax]byte, n int) {
	for n < len(room) {
		c, ok := escape(src[3*n:])
		if !ok || c < utf8.RuneSelf {
			break
		}
		room[n] = c
		n++
	}
	return room, n
}

// escape returns the byte that the escape at the beginning of b stands for.
func escape(b []byte) (c byte, ok bool) {
	if len(b) < 3 || b[0] != '%' {
		return 0, false
	}
	hi, lo := hexValue[b[1]], hexValue[b[2]]
	return hi<<4 | lo, hi != 0xff && lo != 0xff
}

func putEscape(dst []byte, c byte) {
	const digits = "0123456789ABCDEF"
	dst[0], dst[1], dst[2] = '%', digits[c>>4], digits[c&15]
}
