package openapi

// format is a format that is checked.
type format uint8

const (
	noFormat format = iota
	formatDate
	formatDateTime
	formatTime
	formatDuration
	formatEmail
	formatUUID
	formatURI
	formatURIReference
	formatIPv4
	formatIPv6
	formatHostname
	formatByte
	formatPointer
	formatInt32
	formatInt64
	formatUint32
	formatUint64
	formatFloat
)

// formatOf returns the check of a format, and whether the name is known. Formats
// such as password and binary are known and have nothing to check.
func formatOf(name string) (format, bool) {
	switch name {
	case "date":
		return formatDate, true
	case "date-time":
		return formatDateTime, true
	case "time":
		return formatTime, true
	case "duration":
		return formatDuration, true
	case "email":
		return formatEmail, true
	case "uuid":
		return formatUUID, true
	case "uri", "url":
		return formatURI, true
	case "uri-reference":
		return formatURIReference, true
	case "ipv4":
		return formatIPv4, true
	case "ipv6":
		return formatIPv6, true
	case "hostname":
		return formatHostname, true
	case "byte":
		return formatByte, true
	case "json-pointer":
		return formatPointer, true
	case "int32":
		return formatInt32, true
	case "int64":
		return formatInt64, true
	case "uint32":
		return formatUint32, true
	case "uint64":
		return formatUint64, true
	case "float", "double":
		return formatFloat, true
	case "password", "binary":
		return noFormat, true
	}
	return noFormat, false
}

// numeric reports a format of numbers, which does not concern strings.
func (f format) numeric() bool { return f >= formatInt32 }

// matches reports whether the text is of the format.
func (f format) matches(b []byte) bool {
	switch f {
	case formatDate:
		return len(b) == 10 && date(b)
	case formatDateTime:
		// RFC 3339 section 5.6.
		return len(b) >= 20 && date(b[:10]) && b[10]|0x20 == 't' && clock(b[11:])
	case formatTime:
		return clock(b)
	case formatDuration:
		return duration(b)
	case formatEmail:
		return email(b)
	case formatUUID:
		return uuid(b)
	case formatURI:
		return uri(b, true)
	case formatURIReference:
		return uri(b, false)
	case formatIPv4:
		return ipv4(b)
	case formatIPv6:
		return ipv6(b)
	case formatHostname:
		return hostname(b)
	case formatByte:
		return base64(b)
	case formatPointer:
		return pointer(b)
	}
	return true
}

// number reads n digits at the beginning of b, or returns -1.
func number(b []byte, n int) int {
	if len(b) < n {
		return -1
	}
	v := 0
	for _, c := range b[:n] {
		if c < '0' || c > '9' {
			return -1
		}
		v = v*10 + int(c-'0')
	}
	return v
}

func date(b []byte) bool {
	y, m, d := number(b, 4), number(b[5:], 2), number(b[8:], 2)
	if y < 0 || b[4] != '-' || b[7] != '-' || m < 1 || m > 12 || d < 1 {
		return false
	}
	days := 31
	switch m {
	case 4, 6, 9, 11:
		days = 30
	case 2:
		days = 28
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			days = 29
		}
	}
	return d <= days
}

// clock reads "15:04:05.999Z" or with an offset (RFC 3339 full-time).
func clock(b []byte) bool {
	if len(b) < 9 || b[2] != ':' || b[5] != ':' {
		return false
	}
	h, m, s := number(b, 2), number(b[3:], 2), number(b[6:], 2)
	if h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60 {
		return false
	}
	b = b[8:]
	if b[0] == '.' {
		n := 1
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		if n == 1 {
			return false
		}
		b = b[n:]
	}
	offset := 0
	switch {
	case len(b) == 1 && b[0]|0x20 == 'z':
	case len(b) == 6 && (b[0] == '+' || b[0] == '-') && b[3] == ':':
		oh, om := number(b[1:], 2), number(b[4:], 2)
		if oh < 0 || oh > 23 || om < 0 || om > 59 {
			return false
		}
		if offset = oh*60 + om; b[0] == '-' {
			offset = -offset
		}
	default:
		return false
	}
	// A leap second is the last of a day in UTC.
	return s < 60 || ((h*60+m-offset)%1440+1440)%1440 == 1439
}

// duration reads RFC 3339 appendix A.
func duration(b []byte) bool {
	if len(b) < 3 || b[0] != 'P' {
		return false
	}
	units, time, last := "YMD", false, -1
	for i, n := 1, 0; i < len(b); i++ {
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			n++
			continue
		case c == 'T' && !time && n == 0:
			units, time, last = "HMS", true, -1
			if i+1 == len(b) {
				return false
			}
		case c == 'W' && n > 0:
			return !time && last == -1 && i+1 == len(b)
		default:
			at := -1
			for k := range units {
				if units[k] == c {
					at = k
				}
			}
			// Units follow one another without a gap: P1Y1D is none.
			if n == 0 || at < 0 || last >= 0 && at != last+1 {
				return false
			}
			last = at
		}
		n = 0
	}
	return b[len(b)-1] > '9'
}

// email reads addr-spec of RFC 5321 without quoted strings and comments.
func email(b []byte) bool {
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
		if c == '.' && b[i+1] == '.' || !atext(c) && c != '.' {
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

// hostname reads RFC 1123 section 2.1.
func hostname(b []byte) bool {
	if len(b) == 0 || len(b) > 253 {
		return false
	}
	label := 0
	for i, c := range b {
		switch {
		case c == '.':
			if label == 0 || b[i-1] == '-' {
				return false
			}
			label = 0
			continue
		case c == '-':
			if label == 0 || i+1 == len(b) {
				return false
			}
		case !alnum(c):
			return false
		}
		// Two hyphens there mark an internationalised label (RFC 5891 section 4.2.3.1).
		if label++; label > 63 || c == '-' && label == 4 && b[i-1] == '-' && (b[i-3]|0x20 != 'x' || b[i-2]|0x20 != 'n') {
			return false
		}
	}
	return label > 0
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

func base64(b []byte) bool {
	if len(b)%4 != 0 {
		return false
	}
	for i, c := range b {
		if alnum(c) || c == '+' || c == '/' {
			continue
		}
		if c != '=' || i < len(b)-2 || i == len(b)-2 && b[len(b)-1] != '=' {
			return false
		}
	}
	return true
}

func pointer(b []byte) bool {
	for i, c := range b {
		switch {
		case i == 0 && c != '/':
			return false
		case c == '~' && (i+1 == len(b) || b[i+1] != '0' && b[i+1] != '1'):
			return false
		}
	}
	return true
}

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
