package openapi

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// expected is what is known at load of a declared member for when it comes where
// the walk expects it. Most members do: whoever writes replies writes them in one
// order. It says enough to judge a plain string or an integer at once, and fills
// one line of the processor's cache.
//
// It is never more than a shortcut. What it does not know for certain is left to
// [walk.member] or [walk.value], which know everything.
type expected struct {
	head, tail uint64   // the first and the last eight bytes of `"name":`
	from, to   int64    // the integers that the member may be, of at most 15 digits
	min, max   int32    // how many characters it may have as a string
	size       uint8    // the length of `"name":`
	idle       uint8    // how many bits of head do not count
	checked    bool     // a string is judged by more than its length:
	rule       *stencil // by this or, when there is none, by
	state      *state
}

// Names of up to twoWords bytes, with the quotes and the colon, are compared as two
// words; longest is what size holds.
const (
	twoWords    = 16
	longest     = math.MaxUint8
	punctuation = len(`"":`)
)

// never stands for a member that is not expected: no nine bytes are zeros but for
// the first one and ones but for the last.
var never = expected{size: 9, tail: math.MaxUint64}

// expect finds out what can be known of the members of a state. States with
// branches, with names that are judged themselves and those that anything
// satisfies expect none.
func (a *assembler) expect(s *state) {
	if !s.definite || !s.certain || s.trivial || s.names != nil {
		return
	}
	s.expects = make([]expected, len(s.keys))
	for i := range s.keys {
		t, quoted := &s.byKey[i], s.quoted[i]
		if len(quoted) >= longest || quoted[0] != '"' || t.wary || t.bad != 0 || t.rest != nil || s.closes != 0 && t.covers == 0 {
			s.expects[i] = never
			continue
		}
		e := &s.expects[i]
		*e = expected{state: t.to, size: uint8(len(quoted) + 1)}
		text := []byte(quoted + ":\x00\x00\x00\x00\x00\x00\x00")
		e.head = binary.LittleEndian.Uint64(text)
		if e.size < 8 {
			e.idle = 8 * (8 - e.size)
		} else {
			e.tail = binary.LittleEndian.Uint64(text[e.size-8:])
		}
		a.foresee(e, t.to)
	}
}

// foresee finds out which strings and integers a state surely accepts.
func (a *assembler) foresee(e *expected, s *state) {
	e.from, e.to, e.max = math.MinInt64, math.MaxInt64, math.MaxInt32
	if !s.definite || s.types&TypeString == 0 {
		e.min, e.max = 1, 0
	}
	if !s.definite || s.types&TypeInteger == 0 {
		e.from, e.to = 1, 0
	}
	for _, n := range s.atoms {
		listed := n.enum != nil || n.konst != nil
		if t := n.text; t != nil {
			e.min = max(e.min, int32(min(t.min, math.MaxInt32)))
			if t.max >= 0 {
				e.max = min(e.max, int32(min(t.max, math.MaxInt32)))
			}
			from, to := t.format.integers()
			e.from, e.to = max(e.from, from), min(e.to, to)
			e.checked = e.checked || t.pattern != nil || t.format != noFormat && !t.format.numeric()
		}
		if n.numbers != nil {
			e.from, e.to = max(e.from, n.numbers.from), min(e.to, n.numbers.to)
		}
		if listed || n.numbers != nil && !n.numbers.quick || n.page != noPaging && a.mode == forRequest {
			e.from, e.to = 1, 0
		}
		e.checked = e.checked || listed
	}
	if len(s.atoms) == 1 && e.checked {
		e.rule = s.atoms[0].stencil()
	}
}

// stencil returns what alone judges strings besides their length, or nil.
func (s *Schema) stencil() *stencil {
	if t := s.text; t != nil && t.pattern != nil && s.enum == nil && s.konst == nil && t.pattern.not == nil && (t.format == noFormat || t.format.numeric()) {
		return t.pattern.stencil
	}
	return nil
}

// expected judges members for as long as they are the ones that the walk expects,
// by what came last and what came behind that the last time. It reports whether
// there is another, for [walk.member] to judge.
func (w *walk) expected(m *members) (more bool) {
	s, b, i, last := m.s, w.Src[:len(w.Src):len(w.Src)], w.Pos, m.last
	first := uint8(s.id * 31)
	for {
		key := int(w.guess[first+uint8(last)])
		if key >= len(s.expects) {
			break
		}
		e := &s.expects[key]
		if !e.begins(b, i) || e.size > twoWords && string(b[i:i+len(s.quoted[key])]) != s.quoted[key] {
			if from := w.beyond(i); from > i {
				i = from
				continue
			}
			break
		}
		if m.seen.has(key) || m.count >= w.Limits.Keys {
			break
		}
		m.seen.add(key)
		m.count++
		last = key
		i += int(e.size)
		end := i
		if m.here == nil || m.here.sizes>>min(int(e.size)-punctuation, 63)&1 == 0 {
			end = e.plain(w, b, i)
		}
		if end == i {
			if end = w.other(m, key, i); w.stop {
				return false
			}
		}
		i, m.kept = end, end
		if i < len(b) && b[i] == ',' {
			i++
			continue
		}
		m.last, w.Pos = last, i
		if i < len(b) && b[i] == '}' {
			w.Pos++
			return false
		}
		if !w.separate(m, 0, false) {
			return false
		}
		i = w.Pos
	}
	m.last = last
	w.beyond(i)
	return true
}

// beyond returns where the white space at i ends.
func (w *walk) beyond(i int) int {
	w.Pos = i
	w.Space()
	return w.Pos
}

// begins reports whether the member's name and the colon behind it stand at b[i]:
// all bytes of `"name":` are compared, in one word or in two that may overlap. Of
// what is longer than [twoWords] the middle is left out.
func (e *expected) begins(b []byte, i int) bool {
	end := i + int(e.size)
	return max(i+8, end) <= len(b) && (word(b, i)^e.head)<<(e.idle&63) == 0 && (e.size <= 8 || word(b, end-8) == e.tail)
}

// word returns the eight bytes at b[i]. A slice of which both ends and the capacity are
// known needs no care that an empty one does not point behind b.
func word(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8 : i+8]) }

// other judges a value that is not plain, or that may be picked, and returns where it
// ends.
func (w *walk) other(m *members, key, i int) (end int) {
	from := w.beyond(i)
	if m.here != nil {
		m.sub = m.here.member(m.s.keys[key])
		w.aim(m.sub)
	}
	if end = m.s.expects[key].plain(w, w.Src, from); end == from {
		t := &m.s.byKey[key]
		if goals := w.value(t.to, m.depth, noEntry); !w.stop && goals != t.to.full {
			w.demand(m, t, goals)
			w.lost(m.s, m.live)
		}
		end = w.Pos
	}
	if m.here != nil {
		if m.sub != nil && m.sub.leaf >= 0 {
			w.picked = append(w.picked, picked{m.sub.leaf, from, end})
		}
		w.here = nil
	}
	return end
}

// plain returns where the value at b[i] ends if it is a string of ASCII without
// escapes, or an integer of at most 15 digits, that the member may surely be; or i.
func (e *expected) plain(w *walk, b []byte, i int) (end int) {
	if i >= len(b) || w.values >= w.Limits.Values {
		return i
	}
	if b[i] != '"' {
		return e.integer(w, b, i)
	}
	for end = i + 1; ; end += 8 {
		if end+8 > len(b) {
			return i
		}
		if m := jsonwalk.Specials(word(b, end)); m != 0 {
			end += bits.TrailingZeros64(m) >> 3
			break
		}
	}
	if n := end - i - 1; b[end] != '"' || n < int(e.min) || n > int(e.max) || n+2 > w.longest || e.checked && !e.holds(b[i+1:end], word(b, i+1)) {
		return i
	}
	w.values++
	return end + 1
}

// holds judges a string, which x begins with, by more than its length.
func (e *expected) holds(b []byte, x uint64) bool {
	switch {
	case e.rule == nil:
		return e.state.holdsText(b)
	case e.rule.ranges && len(b) <= 8:
		return e.rule.match8(x, len(b))
	}
	return e.rule.match(b)
}

// integer is plain for integers.
func (e *expected) integer(w *walk, b []byte, i int) (end int) {
	first := i
	if b[i] == '-' {
		first++
	}
	v, n := int64(0), 8
	if first+8 <= len(b) {
		v, n = digits(word(b, first))
	}
	if n == 8 {
		v, n = eachDigit(b[first:])
	}
	end = first + n
	if n == 0 || n > 15 || n > 1 && b[first] == '0' || end-i > int(w.Limits.Digits) || end == len(b) || b[end] == '.' || b[end]|0x20 == 'e' {
		return i
	}
	if first > i {
		v = -v
	}
	if v < e.from || v > e.to {
		return i
	}
	w.values++
	return end
}

// digits returns the number that x begins with and how many digits it has: eight where
// it may go on behind x.
func digits(x uint64) (v int64, n int) {
	x ^= '0' * everyByte
	n = bits.TrailingZeros64((x+0x76*everyByte|x)&highs) >> 3 // the lowest that is set is no digit
	x <<= 64 - 8*n
	// Two digits, then four, then eight make a number, all of them at once.
	x = x * (1 + 10<<8) >> 8
	x = x & 0x00ff00ff00ff00ff * (1 + 100<<16) >> 16
	x = x & 0x0000ffff0000ffff * (1 + 10_000<<32) >> 32
	return int64(x), n
}

// eachDigit is digits for what is longer, or stands at the end of a document. Of more
// than 15 digits the number may be wrong.
func eachDigit(b []byte) (v int64, n int) {
	for n < len(b) && b[n]-'0' <= 9 {
		v = v*10 + int64(b[n]-'0')
		n++
	}
	return v, n
}

// The words of which every byte is one, and has its high bit set.
const (
	everyByte = 0x0101010101010101
	highs     = 0x8080808080808080
)

// holdsText judges a string by the keywords for strings of all atoms.
func (s *state) holdsText(b []byte) bool {
	for i, n := range s.atoms {
		if s.checks>>i&1 == 1 && !n.holdsText(b) {
			return false
		}
	}
	return true
}
