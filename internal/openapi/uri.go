package openapi

import (
	"bytes"
	"unicode/utf8"
)

// The characters of ASCII that a URI may hold anywhere behind its scheme: the
// unreserved ones and the delimiters (RFC 3986 section 2), but "%", "#", "[" and
// "]", which have their places. A bit stands for a character.
const (
	uriLow  uint64 = 0x3ff<<'0' | 1<<'!' | 1<<'$' | 1<<'&' | 1<<'\'' | 1<<'(' | 1<<')' | 1<<'*' | 1<<'+' | 1<<',' | 1<<'-' | 1<<'.' | 1<<'/' | 1<<':' | 1<<';' | 1<<'=' | 1<<'?'
	uriHigh uint64 = 1<<('@'-64) | 0x3ffffff<<('A'-64) | 1<<('_'-64) | 0x3ffffff<<('a'-64) | 1<<('~'-64)
)

func uriPlain(c byte) bool {
	if c < 64 {
		return uriLow>>c&1 == 1
	}
	return c < 128 && uriHigh>>(c-64)&1 == 1
}

// uri reads the characters and the shape of RFC 3986, or of RFC 3987 where
// characters beyond ASCII are taken.
func uri(b []byte, absolute, international bool) bool {
	begin := schemeLength(b)
	if begin == 0 && (absolute || colonFirst(b)) {
		return false
	}
	end := begin // of the authority
	if len(b)-begin >= 2 && b[begin] == '/' && b[begin+1] == '/' {
		for end = begin + 2; end < len(b) && b[end] != '/' && b[end] != '?' && b[end] != '#'; {
			end++
		}
		if !authority(b[begin+2 : end]) {
			return false
		}
	}
	fragment := false
	for i := begin; i < len(b); i++ {
		c := b[i]
		if uriPlain(c) {
			continue
		}
		switch {
		case c == '%' && escaped(b, i):
		case c == '#' && !fragment:
			fragment = true
		case (c == '[' || c == ']') && i < end:
		case c >= utf8.RuneSelf && international:
			r, n := utf8.DecodeRune(b[i:])
			if !ucschar(r) && (!private(r) || fragment || bytes.IndexByte(b[begin:i], '?') < 0) {
				return false
			}
			i += n - 1
		default:
			return false
		}
	}
	return true
}

// schemeLength returns the length of "scheme:", or 0.
func schemeLength(b []byte) int {
	for i, c := range b {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

// colonFirst reports a colon in the first segment, which without a scheme holds
// none (RFC 3986 section 4.2).
func colonFirst(b []byte) bool {
	for _, c := range b {
		switch c {
		case ':':
			return true
		case '/', '?', '#':
			return false
		}
	}
	return false
}

// ucschar reports the characters that RFC 3987 section 2.2 adds.
func ucschar(r rune) bool {
	switch {
	case r < 0xa0 || r > 0xefffd || r >= 0xe0000 && r < 0xe1000:
		return false
	case r >= 0x10000:
		return r&0xffff < 0xfffe
	}
	return r <= 0xd7ff || r >= 0xf900 && r <= 0xfdcf || r >= 0xfdf0 && r <= 0xffef
}

// private reports the characters that RFC 3987 adds to queries only.
func private(r rune) bool {
	return r >= 0xe000 && r <= 0xf8ff || r >= 0xf0000 && r&0xffff < 0xfffe
}

// authority reads what stands behind "//", but for its characters.
func authority(b []byte) bool {
	if at := bytes.IndexByte(b, '@'); at >= 0 {
		if bytes.IndexByte(b[:at], '[') >= 0 || bytes.IndexByte(b[:at], ']') >= 0 {
			return false
		}
		b = b[at+1:]
	}
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || !ipv6(b[1:end]) && !ipvFuture(b[1:end]) {
			return false
		}
		if b = b[end+1:]; len(b) > 0 && b[0] != ':' {
			return false
		}
	}
	port := false
	for _, c := range b {
		switch {
		case c == '[' || c == ']' || c == '@':
			return false
		case port && (c < '0' || c > '9'):
			return false
		case c == ':':
			port = true
		}
	}
	return true
}

// ipvFuture reads the addresses that RFC 3986 section 3.2.2 leaves to versions to
// come.
func ipvFuture(b []byte) bool {
	if len(b) < 4 || b[0]|0x20 != 'v' {
		return false
	}
	i := 1
	for i < len(b) && hex(b[i]) {
		i++
	}
	if i == 1 || i+1 >= len(b) || b[i] != '.' {
		return false
	}
	for _, c := range b[i+1:] {
		if !alnum(c) && !in(c, "-._~!$&'()*+,;=:") {
			return false
		}
	}
	return true
}
