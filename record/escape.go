package record

import (
	"strings"
	"unicode/utf8"
)

const hex = "0123456789abcdef"

// appendString appends s as a JSON string (RFC 8259 section 7) that shows
// what it holds: besides what JSON demands, DEL, the C1 controls (an ANSI escape
// begins with one), line and paragraph separators and the marks that reorder
// or hide text are escaped. Bytes that are not UTF-8 become U+FFFD.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	if clean(s) {
		return append(append(dst, s...), '"')
	}
	for start, i := 0, 0; ; {
		for i < len(s) && asItIs[s[i]] {
			i++
		}
		dst = append(dst, s[start:i]...)
		if i == len(s) {
			return append(dst, '"')
		}
		if s[i] < utf8.RuneSelf {
			dst = appendEscape(dst, s[i])
			i++
		} else {
			var n int
			dst, n = appendRune(dst, s[i:min(len(s), i+utf8.UTFMax)])
			i += n
		}
		start = i
	}
}

// clean reports whether all of s is written as it is. It looks at eight bytes at once.
func clean[T string | []byte](s T) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		// Below 0x80 a subtraction sets the top bit of the bytes that are smaller.
		if (x|(x-0x20*ones)|((x^'"'*ones)-ones)|((x^'\\'*ones)-ones)|((x^0x7f*ones)-ones))&tops != 0 {
			return false
		}
	}
	for ; i < len(s); i++ {
		if !asItIs[s[i]] {
			return false
		}
	}
	return true
}

// appendRune appends the first rune of s, which is not ASCII, and returns how
// many bytes of s it was.
func appendRune[T string | []byte](dst []byte, s T) ([]byte, int) {
	r, n := decode(s)
	switch {
	case r == utf8.RuneError && n == 1:
		return append(dst, `\ufffd`...), n
	case deceptive(r):
		return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15]), n
	}
	return append(dst, s[:n]...), n
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

// asItIs holds the ASCII bytes that are written as they are.
var asItIs = func() (t [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = true
	}
	t['"'], t['\\'] = false, false
	return t
}()

// deceptive reports whether a rune outside ASCII does something to a terminal
// or an eye other than to be shown.
func deceptive(r rune) bool {
	return r < 0xa0 || r == 0xad || r == 0x061c || 0x200b <= r && r <= 0x200f || 0x2028 <= r && r <= 0x202e || 0x2060 <= r && r <= 0x206f || r == 0xfeff || 0xfff9 <= r && r <= 0xfffb
}

// printable returns s for a terminal: what appendString escapes is escaped,
// but for quotes.
func printable(s string) string {
	quoted := appendString(nil, s)
	if len(quoted) == len(s)+2 {
		return s
	}
	return strings.ReplaceAll(string(quoted[1:len(quoted)-1]), `\"`, `"`)
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

// appendDigits appends the last n decimal digits of v, at most six, with leading zeros.
func appendDigits(dst []byte, v, n int) []byte {
	var b [6]byte
	for i := len(b) - 1; i >= len(b)-n; i-- {
		b[i] = byte('0' + v%10)
		v /= 10
	}
	return append(dst, b[len(b)-n:]...)
}
