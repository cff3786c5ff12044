package record

import "unicode/utf8"

const hex = "0123456789abcdef"

// appendString appends s as a JSON string (RFC 8259 section 7) that shows
// what it holds: besides what JSON demands, DEL, the C1 controls (an ANSI escape
// begins with one), line and paragraph separators and the marks that reorder
// or hide text are escaped. Bytes that are not UTF-8 become U+FFFD.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if !mustEscape[c] {
				i++
				continue
			}
			dst = appendEscape(append(dst, s[start:i]...), c)
			i++
			start = i
			continue
		}
		r, n := decode(s[i:min(len(s), i+utf8.UTFMax)])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(append(dst, s[start:i]...), `\ufffd`...)
			start = i + n
		case deceptive(r):
			dst = append(append(dst, s[start:i]...), '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
			start = i + n
		}
		i += n
	}
	return append(append(dst, s[start:]...), '"')
}

func decode[T string | []byte](s T) (rune, int) {
	var b [utf8.UTFMax]byte
	return utf8.DecodeRune(b[:copy(b[:], s)])
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// mustEscape holds the ASCII bytes that are never written as they are.
var mustEscape = func() (t [utf8.RuneSelf]bool) {
	for c := range 0x20 {
		t[c] = true
	}
	t['"'], t['\\'], t[0x7f] = true, true, true
	return t
}()

// deceptive reports whether a rune outside ASCII does something to a terminal
// or an eye other than to be shown.
func deceptive(r rune) bool {
	return r < 0xa0 || r == 0xad || r == 0x061c || 0x200b <= r && r <= 0x200f || 0x2028 <= r && r <= 0x202e || 0x2060 <= r && r <= 0x206f || r == 0xfeff || 0xfff9 <= r && r <= 0xfffb
}

// printable returns s for a terminal: what appendString escapes is escaped.
func printable(s string) string {
	quoted := appendString(nil, s)
	if len(quoted) == len(s)+2 {
		return s
	}
	return string(quoted[1 : len(quoted)-1])
}

// appendTime appends t in UTC as ISO 8601 with microseconds:
// 2026-11-21T19:33:57.123456Z. It is several times faster than time.AppendFormat.
func appendTime(dst []byte, unixMicro int64) []byte {
	days, rest := unixMicro/dayMicros, unixMicro%dayMicros
	if rest < 0 {
		days, rest = days-1, rest+dayMicros
	}
	year, month, day := civil(days)
	micros := int(rest % 1e6)
	seconds := int(rest / 1e6)
	dst = appendDigits(dst, year, 4)
	dst = appendDigits(append(dst, '-'), month, 2)
	dst = appendDigits(append(dst, '-'), day, 2)
	dst = appendDigits(append(dst, 'T'), seconds/3600, 2)
	dst = appendDigits(append(dst, ':'), seconds/60%60, 2)
	dst = appendDigits(append(dst, ':'), seconds%60, 2)
	dst = appendDigits(append(dst, '.'), micros, 6)
	return append(dst, 'Z')
}

const dayMicros = 24 * 60 * 60 * 1e6

// civil returns the Gregorian date of a day counted from 1970-01-01. It counts
// in eras of 400 years that begin on the 1st of March, so that the leap day is
// the last of its year (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
func civil(days int64) (year, month, day int) {
	z := int(days) + 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	month = mp + 3
	if mp >= 10 {
		month = mp - 9
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, doy - (153*mp+2)/5 + 1
}

// appendDigits appends the last n decimal digits of v, with leading zeros.
func appendDigits(dst []byte, v, n int) []byte {
	for range n {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; n > 0; i, n = i-1, n-1 {
		dst[i] = byte('0' + v%10)
		v /= 10
	}
	return dst
}
