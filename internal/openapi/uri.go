package openapi

import "unicode/utf8"

// uri reads the characters and the shape of RFC 3986, or of RFC 3987 where
// characters beyond ASCII are taken.
func uri(b []byte, absolute, international bool) bool {
	colon, fragment, query := -1, false, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c >= 0x80 && international:
			r, n := utf8.DecodeRune(b[i:])
			if !ucschar(r) && !(query && !fragment && private(r)) {
				return false
			}
			i += n - 1
		case c == '%':
			if !escaped(b, i) {
				return false
			}
		case c == '?':
			query = true
		case c == '#':
			if fragment {
				return false
			}
			fragment = true
		case c == ':' && colon < 0:
			colon = i
		case alnum(c) || in(c, "-._~:/[]@!$&'()*+,;="):
		default:
			return false
		}
	}
	scheme := colon > 0 && b[0]|0x20 >= 'a' && b[0]|0x20 <= 'z'
	for i := 0; scheme && i < colon; i++ {
		scheme = alnum(b[i]) || in(b[i], "+-.")
	}
	if scheme {
		return brackets(b[colon+1:])
	}
	// Without a scheme, the first segment holds no colon (RFC 3986 section 4.2).
	for i := 0; i < colon; i++ {
		if in(b[i], "/?#") {
			colon = -1
		}
	}
	return !absolute && colon < 0 && brackets(b)
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

// brackets allows [ and ] around an address in the authority only.
func brackets(rest []byte) bool {
	i := 0
	if len(rest) >= 2 && rest[0] == '/' && rest[1] == '/' {
		i = 2
		for i < len(rest) && !in(rest[i], "/?#") {
			i++
		}
		if !authority(rest[2:i]) {
			return false
		}
	}
	for _, c := range rest[i:] {
		if c == '[' || c == ']' {
			return false
		}
	}
	return true
}

func authority(b []byte) bool {
	bracket := false
	for i, c := range b {
		if c == '@' {
			b = b[i+1:]
			break
		}
		bracket = bracket || c == '[' || c == ']'
		if bracket && i+1 < len(b) && b[i+1] == '@' {
			return false
		}
	}
	if len(b) > 0 && b[0] == '[' {
		end := 1
		for end < len(b) && b[end] != ']' {
			end++
		}
		if end == len(b) || !ipv6(b[1:end]) && !ipvFuture(b[1:end]) {
			return false
		}
		b = b[end+1:]
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
