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
