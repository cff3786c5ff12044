package wire

import (
	"iter"
	"strings"
	"unicode/utf8"
)

// checkQuery refuses a query that can be read in more than one way: with a
// semicolon (a separator to some), a fragment, a malformed escape, a control
// character other than tab and line ends, or what is not UTF-8 once decoded. The
// query is not changed.
func checkQuery(b []byte) *Refusal {
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case class[c]&inQuery != 0:
			i++
		case c == '%':
			n := queryEscape(b[i:])
			if n == 0 {
				return QueryAmbiguous
			}
			i += n
		case c == '#':
			return TargetFragment
		case c >= 0x80:
			return TargetNonASCII
		default:
			return QueryAmbiguous
		}
	}
	return nil
}

// queryEscape returns the length of the escapes of one character at the
// beginning of b; zero when they are malformed.
func queryEscape(b []byte) int {
	c, ok := escape(b)
	switch {
	case !ok:
		return 0
	case c == '\t' || c == '\n' || c == '\r':
		return 3
	case c < ' ' || c == 0x7f:
		return 0
	case c < utf8.RuneSelf:
		return 3
	}
	room, n := runeEscapes(b)
	char, size := utf8.DecodeRune(room[:n])
	if char == utf8.RuneError && size <= 1 {
		return 0
	}
	return 3 * size
}

// QueryPairs iterates over the names and values of a canonical query, decoded,
// in order; "+" is a space, as in forms. It allocates only for a name or value
// that holds an escape. Pairs that are empty are left out.
func QueryPairs(query string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for rest := query; rest != ""; {
			var pair string
			pair, rest, _ = strings.Cut(rest, "&")
			if pair == "" {
				continue
			}
			name, value, _ := strings.Cut(pair, "=")
			if !yield(decode(name, true), decode(value, true)) {
				return
			}
		}
	}
}

// SegmentDecode returns a segment of a canonical path without its escapes. Who
// compares literal segments compares them decoded. It allocates only when there
// is an escape.
func SegmentDecode(seg string) string { return decode(seg, false) }

// decode resolves escapes; what is not one stays as it is.
func decode(s string, form bool) string {
	if strings.IndexByte(s, '%') < 0 && (!form || strings.IndexByte(s, '+') < 0) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && form:
			c = ' '
		case c == '%' && i+2 < len(s) && hexValue[s[i+1]]|hexValue[s[i+2]] != 0xff:
			c = hexValue[s[i+1]]<<4 | hexValue[s[i+2]]
			i += 2
		}
		b = append(b, c)
	}
	return view(b)
}
