package openapi

import (
	"hash/maphash"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// walk is one run of a program over one document. Walks are pooled.
//
// Verdicts only: whatever makes the document invalid stops the walk at once. The
// reason is found by a second walk, on the tape.
type walk struct {
	jsonwalk.Lexer
	o       Options
	mode    mode
	strict  bool
	shared  *shared
	records bool // marks matter: undeclared members, or bounds of our own
	values  int
	stop    bool // the document is invalid
	unsure  bool // judge it on the tape instead
	spent   int  // bytes that were read once more
	longest int  // that no string is too long, in bytes with its quotes

	vals     bitset // what finish folded last
	names    []uint64
	classes  []class
	held     []int
	evals    []uint64
	log      []entry
	cuts     []cutting
	here     *pick // of the value that comes next
	picked   []picked
	again    jsonwalk.Doc // values that are compared as a whole
	seed     maphash.Seed
	had      keySet     // what excused returns
	excusing bool       // what the caller may not send, or see, need not be there
	missed   bool       // something of that was not there
	foreign  bool       // something is cut that nothing declares
	guess    [256]uint8 // by state and last key: the key that came next
}

// cutting is a part of the document that is cut.
type cutting struct{ from, to int }

// class is what is known of a member for unevaluated*.
type class struct {
	eval uint64 // atoms that evaluated it
	fail uint64 // uneval indexes whose schema refused it
	pass uint64 // uneval indexes whose schema accepted it
}

// rereads is how many times its length a document may be read once more, for
// uniqueItems and for enums of arrays and objects, before the tape takes over.
const rereads = 8

// noEntry stands for a value whose branches are not remembered.
const noEntry = -1

// pass is one pass of [program.run].
func (p *program) pass(w *walk, body []byte, lim *jsonwalk.Limits, picks *Picks) bool {
	w.values, w.spent, w.stop, w.unsure, w.foreign, w.missed = 0, 0, false, false, false, false
	w.names, w.classes, w.held, w.log, w.cuts = w.names[:0], w.classes[:0], w.held[:0], w.log[:0], w.cuts[:0]
	w.here, w.picked = nil, w.picked[:0]
	if !w.Begin(body, lim) {
		return false
	}
	if picks != nil {
		w.aim(picks.root)
	}
	w.value(p.root, 0, noEntry)
	return !w.stop && w.End()
}

// value judges the value at the next byte, which is not white space, and returns
// which goals of the state hold. Entry is where its branches are remembered.
func (w *walk) value(s *state, depth, entry int) uint64 {
	if w.values++; w.values > w.Limits.Values || w.Pos >= len(w.Src) {
		w.stop = true
		return 0
	}
	switch w.Src[w.Pos] {
	case '"':
		from, to, escaped, ok := w.String()
		if !ok {
			w.stop = true
			return 0
		}
		if s.definite && s.checks == 0 && s.types&TypeString != 0 && (to-from+2 <= w.o.MaxString || w.o.MaxString <= 0) {
			return s.full
		}
		text := w.Src[from:to]
		if escaped {
			text = w.Text(text)
		}
		return w.text(s, text, to-from+2, entry)
	case '{':
		return w.object(s, depth+1, entry)
	case '[':
		return w.array(s, depth+1, entry)
	case 't', 'f', 'n':
		return w.literal(s)
	}
	n, ok := w.Number()
	if !ok {
		w.stop = true
		return 0
	}
	return w.number(s, n)
}

// lost reports, and notes, that the document is invalid by what is left of a
// state's atoms.
func (w *walk) lost(s *state, live uint64) bool {
	if s.certain && live&s.conj != s.conj {
		w.stop = true
	}
	return w.stop
}

// taking returns the atoms that take values of one of the types.
func (s *state) taking(t Types) (live uint64) {
	for i, n := range s.atoms {
		if n.types&t != 0 {
			live |= 1 << i
		}
	}
	return live
}

// fold returns the goals that hold for a value that has no members.
func (w *walk) fold(s *state, live uint64, null bool) uint64 {
	switch {
	case w.lost(s, live):
		return 0
	case s.definite:
		return s.full
	}
	return w.finish(s, live, nil, null, len(w.classes))
}

func (w *walk) literal(s *state) uint64 {
	k := w.Literal()
	t := TypeBoolean
	switch k {
	case 0:
		w.stop = true
		return 0
	case jsonwalk.Null:
		t = TypeNull
	}
	live := s.all
	for i, n := range s.atoms {
		if n.types&t == 0 || n.enum != nil && !n.enum.holdKind(k) || n.konst != nil && !n.konst.holdKind(k) {
			live &^= 1 << i
		}
	}
	return w.fold(s, live, k == jsonwalk.Null)
}

func (v *values) holdKind(k jsonwalk.Kind) bool {
	if v.rest == nil {
		return false
	}
	for c, end := 1, v.rest.Next(0); c < end; c = v.rest.Next(c) {
		if v.rest.Kind(c) == k {
			return true
		}
	}
	return false
}

func (v *values) holdText(t []byte) bool {
	if v.set != nil {
		_, ok := v.set[string(t)]
		return ok
	}
	for _, s := range v.texts {
		if s == string(t) {
			return true
		}
	}
	return false
}

func (v *values) holdNumber(n *jsonwalk.Decimal) bool {
	if v.rest == nil {
		return false
	}
	var m jsonwalk.Decimal
	for c, end := 1, v.rest.Next(0); c < end; c = v.rest.Next(c) {
		if v.rest.Kind(c) != jsonwalk.Number {
			continue
		}
		if v.rest.Decimal(&m, c); m.Compare(n) == 0 {
			return true
		}
	}
	return false
}

// text judges a string of that many bytes, quotes and escapes included.
func (w *walk) text(s *state, b []byte, raw, entry int) uint64 {
	live := s.all
	for i, n := range s.atoms {
		if n.types&TypeString == 0 || s.checks>>i&1 == 1 && !n.holdsText(b) {
			live &^= 1 << i
		}
	}
	goals := w.fold(s, live, false)
	m := w.o.MaxString
	if w.stop || m <= 0 || raw <= m || utf8.RuneCount(b) <= m {
		return goals
	}
	return w.unbounded(s, goals, s.boundText, entry)
}

// unbounded judges a string or an array that is too long unless an atom of a live
// branch bounds it itself.
func (w *walk) unbounded(s *state, goals, bounds uint64, at int) uint64 {
	switch {
	case bounds&s.conj != 0:
	case bounds == 0:
		w.stop = true
	case s.certain:
		live := s.counted(s.full, &w.vals)
		w.stop = w.stop || live&bounds == 0
	default:
		w.log[at] = entry{s: s, vals: w.vals, long: true, text: bounds == s.boundText, t: w.log[at].t, from: w.log[at].from}
	}
	return goals
}

// holdsText judges a string by the keywords for strings.
func (s *Schema) holdsText(b []byte) bool {
	if s.enum != nil && !s.enum.holdText(b) || s.konst != nil && !s.konst.holdText(b) {
		return false
	}
	t := s.text
	if t == nil {
		return true
	}
	if n := t.length(b); n < t.min || t.max >= 0 && n > t.max {
		return false
	}
	return (t.pattern == nil || t.pattern.match(b)) && (t.format == noFormat || t.format.numeric() || t.format.matches(b))
}

func (w *walk) number(s *state, n jsonwalk.Numeral) uint64 {
	t := TypeInteger
	var v jsonwalk.Decimal
	set := false
	if !n.Plain {
		v.Set(n.Raw)
		set = true
		if !v.Integer() {
			t = TypeFraction
		}
	}
	if w.mode == forRequest && !n.Plain && w.strict && w.shared.overflows(n.Raw) {
		w.stop = true
		return 0
	}
	live := s.all
	for i, a := range s.atoms {
		switch {
		case a.types&t == 0, !w.paged(a, n):
			live &^= 1 << i
			continue
		case n.Short && a.enum == nil && a.konst == nil && a.quick(n.Value):
			continue
		}
		if !set {
			v.Set(n.Raw)
			set = true
		}
		if !a.holdsNumber(&v, w.mode == forRequest) {
			live &^= 1 << i
		}
	}
	return w.fold(s, live, false)
}

// quick reports an integer of at most 15 digits that is known to be as described.
func (s *Schema) quick(v int64) bool {
	return s.numbers.quickly(v) && (!s.shared.formats || s.text == nil || s.text.format.holds(v))
}

// holdsNumber judges a number by the keywords for numbers.
func (s *Schema) holdsNumber(v *jsonwalk.Decimal, request bool) bool {
	if s.enum != nil && !s.enum.holdNumber(v) || s.konst != nil && !s.konst.holdNumber(v) {
		return false
	}
	if n := s.numbers; n != nil {
		if n.min != nil && v.Compare(n.min) < 0 || n.max != nil && v.Compare(n.max) > 0 || n.over != nil && v.Compare(n.over) <= 0 ||
			n.under != nil && v.Compare(n.under) >= 0 || n.multiple != nil && !v.MultipleOf(n.multiple) {
			return false
		}
	}
	if !s.shared.formats {
		return true
	}
	f := noFormat
	if s.text != nil {
		f = s.text.format
	}
	return s.inRange(f, v, request)
}

// reread parses what was just walked over into w.again, and reports whether that
// could be afforded.
func (w *walk) reread(from int) bool {
	w.spent += w.Pos - from
	if w.spent > rereads*len(w.Src) {
		w.stop, w.unsure = true, true
		return false
	}
	if w.again.Parse(w.Src[from:w.Pos], w.Limits) != nil {
		w.stop = true
		return false
	}
	return true
}
