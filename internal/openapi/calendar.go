package openapi

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
