package jsonwalk

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// Specials has the high bits set of those of eight bytes that end the run of plain
// characters in a string: a quote, a backslash, a control character or a byte of a
// longer character. What is set above the lowest of them may be wrong.
func Specials(x uint64) uint64 {
	// A quote is 0x22: with that bit turned, it stands right above what is control.
	control := x ^ 0x02*ones
	slash := x ^ '\\'*ones
	return (x | (control - 0x21*ones) | (slash - ones)) & highs
}

// plainEnd returns where the run of plain characters from i on ends.
func plainEnd(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if m := Specials(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(b) && b[i] >= 0x20 && b[i] < utf8.RuneSelf && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// str reads a string. When it held escapes, from and to are its decoded text in
// d.text.
func (d *Doc) str() (from, to uint32, esc bool, err error) {
	b := d.src
	i := d.pos + 1
	copied := i // what of the string is already in d.text
	start := len(d.text)
	for {
		i = plainEnd(b, i)
		if i >= len(b) {
			return d.fail(i, ErrSyntax)
		}
		switch c := b[i]; {
		case c == '"':
			d.pos = i + 1
			if !esc {
				return 0, 0, false, nil
			}
			d.text = append(d.text, b[copied:i]...)
			return uint32(start), uint32(len(d.text)), true, nil
		case c == '\\':
			esc = true
			d.text = append(d.text, b[copied:i]...)
			n, err := d.escape(b[i:])
			if err != nil {
				return d.fail(i, err)
			}
			i += n
			copied = i
		case c < 0x20:
			return d.fail(i, ErrControl)
		case c < 0x80:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return d.fail(i, ErrUTF8)
			}
			i += n
		}
	}
}

func (d *Doc) fail(at int, err error) (uint32, uint32, bool, error) {
	d.pos = at
	return 0, 0, false, err
}

// escape appends the character that the escape at the beginning of b stands for
// and returns the escape's length.
func (d *Doc) escape(b []byte) (int, error) {
	if len(b) < 2 {
		return 0, ErrSyntax
	}
	switch b[1] {
	case '"', '\\', '/':
		d.text = append(d.text, b[1])
	case 'b':
		d.text = append(d.text, '\b')
	case 'f':
		d.text = append(d.text, '\f')
	case 'n':
		d.text = append(d.text, '\n')
	case 'r':
		d.text = append(d.text, '\r')
	case 't':
		d.text = append(d.text, '\t')
	case 'u':
		return d.unicode(b)
	default:
		return 0, ErrEscape
	}
	return 2, nil
}

func (d *Doc) unicode(b []byte) (int, error) {
	r, ok := hex4(b)
	if !ok {
		return 0, ErrEscape
	}
	if r == 0 && !d.lim.AllowNUL {
		return 0, ErrNUL
	}
	if !utf16.IsSurrogate(r) {
		d.text = utf8.AppendRune(d.text, r)
		return 6, nil
	}
	low, ok := hex4(b[6:])
	pair := utf16.DecodeRune(r, low)
	if !ok || pair == utf8.RuneError {
		return 0, ErrSurrogate
	}
	d.text = utf8.AppendRune(d.text, pair)
	return 12, nil
}

// hex4 reads "\uXXXX".
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
