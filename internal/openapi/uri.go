package openapi

// uri reads the characters and the shape of RFC 3986.
func uri(b []byte, absolute bool) bool {
	colon, fragment := -1, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '%':
			if i+2 >= len(b) || !hex(b[i+1]) || !hex(b[i+2]) {
				return false
			}
		case c == '#':
			if fragment {
				return false
			}
			fragment = true
		case c == ':' && colon < 0:
			colon = i
		case alnum(c) || in(c, "-._~:/?[]@!$&'()*+,;="):
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
		if end == len(b) || !ipv6(b[1:end]) {
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
