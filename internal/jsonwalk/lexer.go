package jsonwalk

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// Lexer reads the tokens of one document one by one, for walks that build no
// tape. It refuses in tokens what [Doc.Parse] refuses; what concerns a document
// as a whole, such as duplicate names and depth, is the walk's.
type Lexer struct {
	Src    []byte // the document
	Pos    int    // the next byte
	Limits Limits // with the defaults filled in
	text   []byte // the string that was decoded last
}

// Begin begins to read a document. It reports whether there is one, not longer
// than the limits allow and without byte order mark, and stands at its first byte
// that is not white space.
func (l *Lexer) Begin(src []byte, lim *Limits) bool {
	l.Src, l.Pos, l.Limits = src, 0, *lim
	l.Limits.fill()
	if cap(l.text) > keep {
		l.text = nil
	}
	l.Space()
	return len(src) <= l.Limits.Bytes && l.Pos < len(src)
}

// End reports whether nothing but white space is left.
func (l *Lexer) End() bool {
	l.Space()
	return l.Pos == len(l.Src)
}

// Space goes to the next byte that is not white space.
func (l *Lexer) Space() {
	b, i := l.Src, l.Pos
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	l.Pos = i
}

// String reads the string whose opening quote is the next byte. It returns where
// its text begins and ends, escapes unread, and whether it holds any.
func (l *Lexer) String() (from, to int, escaped, ok bool) {
	b := l.Src
	i := l.Pos + 1
	from = i
	for {
		for i+8 <= len(b) {
			if m := Specials(binary.LittleEndian.Uint64(b[i:])); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(b) {
			return 0, 0, false, false
		}
		switch c := b[i]; {
		case c == '"':
			l.Pos = i + 1
			return from, i, escaped, true
		case c == '\\':
			escaped = true
			n := l.escapeLen(b[i:])
			if n == 0 {
				return 0, 0, false, false
			}
			i += n
		case c < 0x20:
			return 0, 0, false, false
		case c < 0x80:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return 0, 0, false, false
			}
			i += n
		}
	}
}

// escapeLen returns the length of the escape at the beginning of b, or 0 when it
// is none that is allowed.
func (l *Lexer) escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	}
	r, ok := hex4(b)
	switch {
	case !ok, r == 0 && !l.Limits.AllowNUL:
		return 0
	case !utf16.IsSurrogate(r):
		return 6
	}
	low, ok := hex4(b[6:])
	if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
		return 0
	}
	return 12
}

// Text decodes the text of a string that [Lexer.String] has read and that holds
// escapes. It lasts until the next call.
func (l *Lexer) Text(raw []byte) []byte {
	out := l.text[:0]
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		c := raw[i+1]
		if c == 'u' {
			r, _ := hex4(raw[i:])
			i += 6
			if utf16.IsSurrogate(r) {
				low, _ := hex4(raw[i:])
				r = utf16.DecodeRune(r, low)
				i += 6
			}
			out = utf8.AppendRune(out, r)
			continue
		}
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		}
		out = append(out, c)
		i += 2
	}
	l.text = out
	return out
}

// Numeral is a number as it was written.
type Numeral struct {
	Raw   []byte
	Plain bool  // neither point nor exponent: an integer
	Short bool  // an integer of at most 15 digits, which is Value
	Value int64 // when Short
}

// Number reads the number at the next byte (RFC 8259 section 6).
func (l *Lexer) Number() (n Numeral, ok bool) {
	b, i := l.Src, l.Pos
	if i < len(b) && b[i] == '-' {
		i++
	}
	first := i
	var v uint64
	for i < len(b) && b[i]-'0' <= 9 {
		v = v*10 + uint64(b[i]-'0')
		i++
	}
	if i == first || i-first > 1 && b[first] == '0' {
		return n, false
	}
	if i < len(b) && (b[i] == '.' || b[i]|0x20 == 'e') {
		return l.fraction()
	}
	n.Raw, n.Plain = b[l.Pos:i], true
	if len(n.Raw) > int(l.Limits.Digits) {
		return n, false
	}
	if i-first <= 15 {
		n.Short, n.Value = true, int64(v)
		if first > l.Pos {
			n.Value = -n.Value
		}
	}
	l.Pos = i
	return n, true
}

func (l *Lexer) fraction() (n Numeral, ok bool) {
	length, err := scanNumber(l.Src[l.Pos:], int(l.Limits.Exponent))
	if err != nil || length > int(l.Limits.Digits) {
		return n, false
	}
	n.Raw = l.Src[l.Pos : l.Pos+length]
	l.Pos += length
	return n, true
}

// Literal reads null, true or false, or returns 0.
func (l *Lexer) Literal() Kind {
	b := l.Src[l.Pos:]
	switch {
	case len(b) >= 4 && string(b[:4]) == "null":
		l.Pos += 4
		return Null
	case len(b) >= 4 && string(b[:4]) == "true":
		l.Pos += 4
		return True
	case len(b) >= 5 && string(b[:5]) == "false":
		l.Pos += 5
		return False
	}
	return 0
}

// Set sets v to the value of a number that was read as one.
func (v *Decimal) Set(raw []byte) { v.set(raw) }
