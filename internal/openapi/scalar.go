package openapi

import (
	"bytes"
	"math"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

func typeOf(d *jsonwalk.Doc, i int, k jsonwalk.Kind) Types {
	switch k {
	case jsonwalk.Null:
		return TypeNull
	case jsonwalk.True, jsonwalk.False:
		return TypeBoolean
	case jsonwalk.String:
		return TypeString
	case jsonwalk.Array:
		return TypeArray
	case jsonwalk.Object:
		return TypeObject
	}
	plain := true
	for _, c := range d.Raw(i) {
		plain = plain && c != '.' && c|0x20 != 'e'
	}
	if plain {
		return TypeInteger
	}
	var v jsonwalk.Decimal
	if d.Decimal(&v, i); v.Integer() {
		return TypeInteger
	}
	return TypeFraction
}

func (v *values) hold(d *jsonwalk.Doc, i int) bool {
	if d.Kind(i) == jsonwalk.String {
		return v.holdText(d.Text(i))
	}
	if v.rest == nil {
		return false
	}
	for c, end := 1, v.rest.Next(0); c < end; c = v.rest.Next(c) {
		if d.Equal(i, v.rest, c) {
			return true
		}
	}
	return false
}

// integer reads an integer of at most 15 digits, which is what numbers mostly
// are, and which every double and every bound holds exactly.
func integer(raw []byte) (v int64, ok bool) {
	digits := raw
	if len(raw) > 0 && raw[0] == '-' {
		digits = raw[1:]
	}
	if len(digits) > 15 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	if len(digits) < len(raw) {
		v = -v
	}
	return v, true
}

// settle finds out whether the bounds are integers.
func (n *numbers) settle() {
	n.from, n.to = math.MinInt64, math.MaxInt64
	n.quick = n.multiple == nil
	for _, b := range [...]struct {
		is    *jsonwalk.Decimal
		lower bool
		off   int64
	}{{n.min, true, 0}, {n.over, true, 1}, {n.max, false, 0}, {n.under, false, -1}} {
		if b.is == nil {
			continue
		}
		v, ok := b.is.Int()
		n.quick = n.quick && ok
		if b.lower {
			n.from = max(n.from, v+b.off)
		} else {
			n.to = min(n.to, v+b.off)
		}
	}
}

// quickly reports whether v is known to keep the bounds.
func (n *numbers) quickly(v int64) bool { return n == nil || n.quick && v >= n.from && v <= n.to }

// holds reports whether v, of at most 15 digits, is known to have the format.
func (f format) holds(v int64) bool {
	from, to := f.integers()
	return v >= from && v <= to
}

// integers returns between which bounds all integers of at most 15 digits have
// the format.
func (f format) integers() (from, to int64) {
	switch f {
	case formatInt8:
		return math.MinInt8, math.MaxInt8
	case formatInt16:
		return math.MinInt16, math.MaxInt16
	case formatUint8:
		return 0, math.MaxUint8
	case formatUint16:
		return 0, math.MaxUint16
	case formatInt32:
		return math.MinInt32, math.MaxInt32
	case formatUint32:
		return 0, math.MaxUint32
	case formatUint64:
		return 0, math.MaxInt64
	}
	return math.MinInt64, math.MaxInt64
}

func (r *run) number(i int, s *Schema) bool {
	if !r.paged(i, s) {
		return false
	}
	n := s.numbers
	f := noFormat
	if s.text != nil {
		f = s.text.format
	}
	raw := r.d.Raw(i)
	if v, ok := integer(raw); ok && n.quickly(v) && (!s.shared.formats || f.holds(v)) {
		return true
	}
	if n == nil && !f.numeric() && (!s.shared.formats || len(raw) < 16 && bytes.IndexByte(raw, 'e') < 0 && bytes.IndexByte(raw, 'E') < 0) {
		return true
	}
	var v jsonwalk.Decimal
	r.d.Decimal(&v, i)
	switch {
	case n == nil:
	case n.min != nil && v.Compare(n.min) < 0 && r.fail(i, "minimum"),
		n.max != nil && v.Compare(n.max) > 0 && r.fail(i, "maximum"),
		n.over != nil && v.Compare(n.over) <= 0 && r.fail(i, "exclusiveMinimum"),
		n.under != nil && v.Compare(n.under) >= 0 && r.fail(i, "exclusiveMaximum"),
		n.multiple != nil && !v.MultipleOf(n.multiple) && r.fail(i, "multipleOf"):
		return false
	}
	if !s.shared.formats {
		return true
	}
	return s.inRange(f, &v, r.o.Direction == Request) || !r.fail(i, "format")
}

// inRange judges formats of numbers, and what a program behind us would read
// otherwise (VALIDATION.md section 6): what overflows a double, and integers
// beyond +-2^53 to which the description gives neither format nor bound.
func (s *Schema) inRange(f format, v *jsonwalk.Decimal, request bool) bool {
	g := &s.shared.ranges
	if f.whole() {
		return v.Integer() && g[f].holds(v)
	}
	if !g[formatDouble].holds(v) || f == formatFloat && !g[f].holds(v) {
		return false
	}
	loose := s.types&TypeNumber == TypeInteger && (s.numbers == nil || s.numbers.max == nil && s.numbers.under == nil)
	return !loose || !request || g[formatExact].holds(v)
}

// overflows reports a number beyond every double: what programs make of it
// differs. Without an exponent no number within the limits is.
func (sh *shared) overflows(raw []byte) bool {
	if bytes.IndexByte(raw, 'e') < 0 && bytes.IndexByte(raw, 'E') < 0 {
		return false
	}
	var v jsonwalk.Decimal
	v.Set(raw)
	return !sh.ranges[formatDouble].holds(&v)
}

// length returns how many code points b has, or its bytes where these show already
// that the bounds are kept.
func (t *text) length(b []byte) int {
	n := len(b)
	if n > t.max && t.max >= 0 || n < 4*t.min {
		n = utf8.RuneCount(b)
	}
	return n
}

func (r *run) text(i int, s *Schema) bool {
	t := s.text
	if s.enum != nil || s.konst != nil {
		r.mark(i, bounded)
	}
	if t == nil {
		return true
	}
	if t.max >= 0 {
		r.mark(i, bounded)
	}
	b := r.d.Text(i)
	n := t.length(b)
	if n < t.min && r.fail(i, "minLength") || t.max >= 0 && n > t.max && r.fail(i, "maxLength") {
		return false
	}
	if t.pattern != nil && !t.pattern.match(b) && r.fail(i, "pattern") {
		return false
	}
	return t.format == noFormat || t.format.numeric() || t.format.matches(b) || !r.fail(i, "format")
}
