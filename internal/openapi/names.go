package openapi

// email reads addr-spec of RFC 5321 without quoted strings and comments, or that
// of RFC 6531 where characters beyond ASCII are taken. Quoted local parts are
// refused by choice: programs behind us read them differently.
func email(b []byte, international bool) bool {
	at := -1
	for i, c := range b {
		if c == '@' {
			if at >= 0 {
				return false
			}
			at = i
		}
	}
	if at < 1 || at > 64 || len(b) > 254 || b[0] == '.' || b[at-1] == '.' {
		return false
	}
	for i, c := range b[:at] {
		if c == '.' && b[i+1] == '.' || !atext(c) && c != '.' && !(c >= 0x80 && international) {
			return false
		}
	}
	domain := b[at+1:]
	if n := len(domain); n > 2 && domain[0] == '[' && domain[n-1] == ']' {
		inner := domain[1 : n-1]
		if len(inner) > 5 && string(inner[:5]) == "IPv6:" {
			return ipv6(inner[5:])
		}
		return ipv4(inner)
	}
	if international {
		return idnHostname(domain)
	}
	return hostname(domain)
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func hex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func in(c byte, set string) bool {
	for i := range len(set) {
		if set[i] == c {
			return true
		}
	}
	return false
}

func atext(c byte) bool { return alnum(c) || in(c, "!#$%&'*+-/=?^_`{|}~") }

func uuid(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, c := range b {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !hex(c) {
			return false
		}
	}
	return true
}

// hostname reads RFC 1123 section 2.1, and RFC 5891 where a label is an A-label.
func hostname(b []byte) bool {
	aLabel, ok := ldh(b)
	return ok && (!aLabel || international(b))
}

// ldh reads a name of letters, digits and hyphens, and reports whether one of its
// labels is an A-label.
func ldh(b []byte) (aLabel, ok bool) {
	if len(b) == 0 || len(b) > 253 {
		return false, false
	}
	label := 0
	for i, c := range b {
		switch {
		case c == '.':
			if label == 0 || b[i-1] == '-' {
				return false, false
			}
			label = 0
			continue
		case c == '-':
			if label == 0 || i+1 == len(b) {
				return false, false
			}
		case !alnum(c):
			return false, false
		}
		if label++; label > 63 {
			return false, false
		}
		// Two hyphens there mark an internationalised label (RFC 5891 section 4.2.3.1).
		if c == '-' && label == 4 && b[i-1] == '-' {
			if b[i-3]|0x20 != 'x' || b[i-2]|0x20 != 'n' {
				return false, false
			}
			aLabel = true
		}
	}
	return aLabel, label > 0
}

func ipv4(b []byte) bool {
	parts := 0
	for i := 0; i <= len(b); parts++ {
		n, v := 0, 0
		for i+n < len(b) && b[i+n] >= '0' && b[i+n] <= '9' && n < 4 {
			v = v*10 + int(b[i+n]-'0')
			n++
		}
		if n == 0 || n > 3 || v > 255 || n > 1 && b[i] == '0' {
			return false
		}
		i += n
		if i < len(b) && b[i] != '.' {
			return false
		}
		i++
	}
	return parts == 4
}

// ipv6 reads RFC 4291 section 2.2, without a zone.
func ipv6(b []byte) bool {
	groups, i, gap := 0, 0, false
	if len(b) >= 2 && b[0] == ':' && b[1] == ':' {
		gap, i = true, 2
	}
	for i < len(b) {
		n := 0
		for i+n < len(b) && hex(b[i+n]) {
			n++
		}
		if i+n < len(b) && b[i+n] == '.' {
			if groups += 2; !ipv4(b[i:]) {
				return false
			}
			break
		}
		if n == 0 || n > 4 {
			return false
		}
		groups++
		if i += n; i == len(b) {
			break
		}
		if b[i] != ':' || i+1 == len(b) {
			return false
		}
		if i++; b[i] == ':' {
			if gap {
				return false
			}
			gap = true
			i++
		}
	}
	return groups == 8 || gap && groups < 8
}
