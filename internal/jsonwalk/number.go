package jsonwalk

import "bytes"

// maxDigits is the longest number in characters, which is what a [Decimal] can
// hold.
const maxDigits = 128

// number reads a number by the grammar of RFC 8259 section 6.
func (d *Doc) number(i int) error {
	n, err := scanNumber(d.src[d.pos:], int(d.lim.Exponent))
	if err != nil {
		return err
	}
	if n > int(d.lim.Digits) {
		return ErrDigits
	}
	d.nodes[i].kind = Number
	d.pos += n
	return nil
}

// scanNumber returns the length of the number at the beginning of b.
func scanNumber(b []byte, maxExponent int) (int, error) {
	i := 0
	if i < len(b) && b[i] == '-' {
		i++
	}
	n := digits(b[i:])
	if n == 0 || n > 1 && b[i] == '0' {
		return 0, ErrNumber
	}
	i += n
	if i < len(b) && b[i] == '.' {
		if n = digits(b[i+1:]); n == 0 {
			return 0, ErrNumber
		}
		i += 1 + n
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if n = digits(b[i:]); n == 0 {
			return 0, ErrNumber
		}
		if atoi(b[i:i+n]) > maxExponent {
			return 0, ErrExponent
		}
		i += n
	}
	return i, nil
}

func digits(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// atoi reads digits and stops counting at a million.
func atoi(b []byte) int {
	n := 0
	for _, c := range b {
		if n = n*10 + int(c-'0'); n > 1e6 {
			return n
		}
	}
	return n
}

// Decimal is an exact decimal number: 0.d1d2d3... times 10 to the power of exp,
// without leading and trailing zeros. It has no rounding: a bound that a double
// cannot hold is a bound all the same.
type Decimal struct {
	neg bool
	n   uint8 // digits used; 0 for zero
	exp int32
	d   [maxDigits]byte
}

// ParseDecimal returns the number that b holds, which must be one JSON number of
// at most 128 characters and an exponent of at most +-400, and whether it was.
func ParseDecimal(b []byte) (v Decimal, ok bool) {
	n, err := scanNumber(b, 400)
	if err != nil || n != len(b) || n > maxDigits {
		return Decimal{}, false
	}
	v.set(b)
	return v, true
}

// Decimal sets v to the value of number i.
func (d *Doc) Decimal(v *Decimal, i int) { v.set(d.Raw(i)) }

// set reads a number that is known to be well-formed.
func (v *Decimal) set(b []byte) {
	v.neg, v.n, v.exp = false, 0, 0
	if b[0] == '-' {
		v.neg, b = true, b[1:]
	}
	point := false
	for i, c := range b {
		if c == '.' {
			point = true
			continue
		}
		if c|0x20 == 'e' {
			v.exp += exponent(b[i+1:])
			break
		}
		if !point && (v.n > 0 || c != '0') {
			v.exp++
		}
		if v.n == 0 && c == '0' {
			if point {
				v.exp--
			}
			continue
		}
		v.d[v.n] = c
		v.n++
	}
	for v.n > 0 && v.d[v.n-1] == '0' {
		v.n--
	}
	if v.n == 0 {
		v.neg, v.exp = false, 0
	}
}

func exponent(b []byte) int32 {
	neg := b[0] == '-'
	if neg || b[0] == '+' {
		b = b[1:]
	}
	if e := int32(atoi(b)); !neg {
		return e
	}
	return -int32(atoi(b))
}

// Compare returns -1, 0 or 1 as v is less than, equal to or greater than w.
func (v *Decimal) Compare(w *Decimal) int {
	switch {
	case v.sign() != w.sign():
		if v.sign() < w.sign() {
			return -1
		}
		return 1
	case v.n == 0:
		return 0
	}
	c := 0
	switch {
	case v.exp < w.exp:
		c = -1
	case v.exp > w.exp:
		c = 1
	default:
		c = bytes.Compare(v.d[:v.n], w.d[:w.n])
	}
	if v.neg {
		return -c
	}
	return c
}

func (v *Decimal) sign() int {
	switch {
	case v.n == 0:
		return 0
	case v.neg:
		return -1
	}
	return 1
}

// Integer reports whether v has no fraction: 1.0 and 1e2 are integers.
func (v *Decimal) Integer() bool { return v.n == 0 || v.exp >= int32(v.n) }

// Positive reports whether v is greater than zero.
func (v *Decimal) Positive() bool { return v.sign() > 0 }

// Digits returns the number of significant digits.
func (v *Decimal) Digits() int { return int(v.n) }

// MultipleOf reports whether v is an integer multiple of m. The divisor must be
// positive and have at most 18 significant digits, or no number is a multiple.
func (v *Decimal) MultipleOf(m *Decimal) bool {
	if v.n == 0 {
		return true
	}
	if m.sign() <= 0 || m.n > 18 {
		return false
	}
	// As integers without trailing zeros: v = V * 10^shift * (m's own power).
	shift := (v.exp - int32(v.n)) - (m.exp - int32(m.n))
	if shift < 0 {
		return false
	}
	var div, rem uint64
	for _, c := range m.d[:m.n] {
		div = div*10 + uint64(c-'0')
	}
	for _, c := range v.d[:v.n] {
		rem = (rem*10 + uint64(c-'0')) % div
	}
	for ; shift > 0 && rem != 0; shift-- {
		rem = rem * 10 % div
	}
	return rem == 0
}

// Int returns v as an integer, and whether it is one of at most 18 digits.
func (v *Decimal) Int() (int64, bool) {
	if !v.Integer() || v.exp > 18 {
		return 0, false
	}
	var n int64
	for i := range v.exp {
		n *= 10
		if i < int32(v.n) {
			n += int64(v.d[i] - '0')
		}
	}
	if v.neg {
		n = -n
	}
	return n, true
}
