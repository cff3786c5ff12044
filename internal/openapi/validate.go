package openapi

import (
	"unicode/utf8"
	"unsafe"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// Direction is which way a value goes.
type Direction uint8

// The directions.
const (
	Request Direction = iota // readOnly members are refused
	Reply                    // writeOnly members are cut or refused
)

// Undeclared says what becomes of members that no schema declares.
type Undeclared uint8

// What becomes of undeclared members, whatever additionalProperties says beside
// declared ones.
const (
	Reject Undeclared = iota // the value is refused
	Allow                    // they stay
	Strip                    // they are cut: for Filter
)

// Options say how a value is judged. The zero Options are for requests, without
// bounds of their own.
type Options struct {
	Direction  Direction
	Undeclared Undeclared
	// MaxString and MaxItems bound strings (in code points) and arrays to which no
	// schema gives a bound of its own; zero means no bound.
	MaxString, MaxItems int
	// Roles are those of the caller, as bits of the description's Roles. A member
	// that needs others is refused in a request and cut from a reply, whatever
	// Undeclared says. Zero has none.
	Roles uint64
	// MaxPage and MaxOffset bound, in requests, integers that ask for a number of
	// results, or from which one on, and have no maximum; zero means no bound.
	MaxPage, MaxOffset int64
}

// Violation is the first thing that was wrong: where, and by which keyword. It
// holds no value. The zero Violation stands for none.
type Violation struct {
	Pointer string // JSON pointer (RFC 6901)
	Keyword string // "required", "maxLength", "undeclared", "budget", ...

	// Known is how many bytes of Pointer name nothing but what the description
	// declares. Only [Schema.Explain] sets it and what follows.
	Known  int
	Member string // for "required": the declared member that is missing
	Place  Place  // where the description demands it
}

// String returns the pointer and the keyword.
func (v Violation) String() string { return v.Pointer + " " + v.Keyword }

// Validate judges a document and reports whether it is valid. It does not
// allocate when it is. A document that costs more steps than its size can
// explain is refused with the keyword "budget".
func (s *Schema) Validate(d *jsonwalk.Doc, o Options) (Violation, bool) {
	r := s.begin(d, o)
	defer s.shared.runs.Put(r)
	if !r.holds(s) {
		return r.violation(), false
	}
	return s.judged(d)
}

// Filter appends a reply to dst without the members that are writeOnly and,
// unless undeclared members are allowed, without those that the schema does not
// declare. It returns how many were cut: with 0, dst is returned as it was and
// the document may leave as it is. The violation is the first one found; a reply
// is cut whether or not it is valid, and where no branch of a choice fits,
// members of any branch stay. With Reject, a member that nothing declares is a
// violation of its own, before any other; one that the caller may not see is cut
// and is none. A document that costs too many steps gives the
// keyword "budget" and must not leave.
func (s *Schema) Filter(dst []byte, d *jsonwalk.Doc, o Options) (out []byte, cut int, v Violation) {
	r := s.begin(d, Options{Direction: Reply, Undeclared: o.Undeclared, Roles: o.Roles})
	defer s.shared.runs.Put(r)
	r.lenient = true
	r.holds(s)
	if v = r.violation(); v.Keyword == "" {
		v, _ = s.judged(d)
	}
	if r.over || len(r.cuts) == 0 {
		return dst, 0, v
	}
	return d.AppendWithout(dst, r.cuts), len(r.cuts), v
}

// run is one judgement. Runs are pooled.
type run struct {
	d       *jsonwalk.Doc
	o       Options
	shared  *shared
	strict  bool // the schema is a description's, whose bodies programs read
	lenient bool // go on after a violation, to find what is declared
	track   bool // some schema asks what others have evaluated
	marks   []uint8
	seen    []uint32 // by node: when it was evaluated
	tick    uint32
	trail   []step // what to undo when a branch fails
	trying  int    // branches whose failure is no violation
	steps   int
	budget  int
	over    bool // over budget
	beyond  bool // a library judges, too
	at      int  // the node of the violation
	keyword string
	cuts    []int
	// What the roles of the caller do not reach: see restrict.
	goals    []*Schema
	sections []section
	said     []*Schema
	excusing bool         // what the caller may not send, or see, need not be there
	missed   bool         // something of that was not there
	name     jsonwalk.Doc // a member's name, for propertyNames
	now      *Schema      // whose keywords are being judged
	gather   *gathering   // for Explain: go on, and collect
}

// step undoes one mark.
type step struct {
	node uint32
	seen uint32
	bit  uint8
}

// The marks of a node.
const (
	declared = 1 << iota // some live schema declares this member
	closed               // some live schema declares members of this object
	bounded              // some live schema bounds this string or array itself
	hidden               // some live schema hides this member from replies
	cut
)

func (s *Schema) begin(d *jsonwalk.Doc, o Options) *run {
	r, ok := s.shared.runs.Get().(*run)
	if !ok {
		r = new(run)
	}
	n := d.Len()
	if cap(r.marks) < n {
		r.marks = make([]uint8, n, 2*n)
	}
	r.marks = r.marks[:n]
	if r.track = s.shared.unevaluated; r.track {
		if cap(r.seen) < n {
			r.seen = make([]uint32, n, 2*n)
		}
		r.seen = r.seen[:n]
	}
	r.d, r.o, r.shared, r.strict, r.lenient, r.over, r.beyond = d, o, s.shared, s.shared.formats, false, false, s.judges != nil
	r.excusing = false
	r.clean()
	return r
}

// clean makes the run ready for a judgement.
func (r *run) clean() {
	clear(r.marks)
	if r.track {
		clear(r.seen)
	}
	r.tick, r.trying, r.steps, r.keyword, r.missed = 0, 0, 0, "", false
	r.trail, r.cuts = r.trail[:0], r.cuts[:0]
	// Honest bodies need a few steps a value; branches that try one another
	// without end need exponentially many.
	r.budget = 20_000 + 32*len(r.marks)
}

func (r *run) violation() Violation {
	if r.keyword == "" {
		return Violation{}
	}
	return Violation{Pointer: r.d.Pointer(r.at), Keyword: r.keyword}
}

// fail notes a violation and reports whether to stop: always, but where a reply
// is cut, that its other members are looked at.
func (r *run) fail(node int, keyword string) bool {
	if r.gather != nil {
		return r.trying > 0 || r.gathered(node, keyword, r.now)
	}
	if r.lenient && r.trying == 0 {
		if r.keyword == "" {
			r.at, r.keyword = node, keyword
		}
		return r.over
	}
	if !r.lenient {
		r.at, r.keyword = node, keyword
	}
	return true
}

func (r *run) mark(node int, bit uint8) {
	if r.marks[node]&bit != 0 {
		return
	}
	r.marks[node] |= bit
	if r.trying > 0 {
		r.trail = append(r.trail, step{node: uint32(node), bit: bit})
	}
}

// shut keeps what stands below node i from leaving in a reply, unless some other
// schema declares it: an object where a string was declared is no declared value.
func (r *run) shut(i int) {
	if r.lenient {
		r.mark(i, closed)
	}
}

func (r *run) evaluated(node int) {
	if !r.track {
		return
	}
	if r.trying > 0 {
		r.trail = append(r.trail, step{node: uint32(node), seen: r.seen[node]})
	}
	r.tick++
	r.seen[node] = r.tick
}

// try applies a schema that may fail, and undoes its marks when it does.
func (r *run) try(i int, s *Schema) bool {
	from := len(r.trail)
	r.trying++
	ok := r.apply(i, s)
	r.trying--
	if !ok {
		r.undo(from)
	}
	if r.trying == 0 {
		r.trail = r.trail[:0]
	}
	return ok
}

func (r *run) undo(from int) {
	for k := len(r.trail) - 1; k >= from; k-- {
		t := r.trail[k]
		if t.bit != 0 {
			r.marks[t.node] &^= t.bit
		} else {
			r.seen[t.node] = t.seen
		}
	}
	r.trail = r.trail[:from]
}

// apply judges node i by s, and everything below it.
func (r *run) apply(i int, s *Schema) bool {
	above := r.now
	r.now = s
	ok := r.judge(i, s)
	r.now = above
	return ok
}

func (r *run) judge(i int, s *Schema) bool {
	if r.steps++; r.steps > r.budget {
		r.over, r.at, r.keyword = true, i, "budget"
		return false
	}
	if s.unsupported || i == 0 && r.beyond && s.opaque {
		return r.lift(i)
	}
	if s.never {
		r.shut(i)
		return !r.fail(i, "false")
	}
	kind := r.d.Kind(i)
	if s.orNull && kind == jsonwalk.Null {
		return true
	}
	base := r.tick
	if s.types != AnyType && s.types&typeOf(r.d, i, kind) == 0 {
		if r.fail(i, "type") {
			return false
		}
		r.shut(i)
	}
	if s.enum != nil && !s.enum.hold(r.d, i) && r.fail(i, "enum") {
		return false
	}
	if s.konst != nil && !s.konst.hold(r.d, i) && r.fail(i, "const") {
		return false
	}
	if s.inPlace != nil && !r.inPlace(i, s.inPlace) {
		return false
	}
	switch kind {
	case jsonwalk.Number:
		return r.number(i, s)
	case jsonwalk.String:
		return r.text(i, s)
	case jsonwalk.Array:
		return s.array == nil || r.array(i, s.array, base)
	case jsonwalk.Object:
		return s.object == nil || r.object(i, s.object, base)
	}
	return true
}

// sweep looks over the whole document once everything is judged: which members
// nobody declared, and which strings and arrays nobody bounded.
func (r *run) sweep() bool {
	if r.over {
		return false
	}
	for i, n := 0, r.d.Len(); i < n; {
		if r.marks[i]&cut != 0 {
			r.cuts = append(r.cuts, i)
			i = r.d.Next(i)
			continue
		}
		if !r.unbounded(i) || r.strict && r.o.Direction == Request && !r.harmless(i) {
			return false
		}
		if r.marks[i]&closed != 0 && (r.o.Undeclared != Allow || r.lenient) && !r.undeclared(i) {
			return false
		}
		i++
	}
	return true
}

func (r *run) undeclared(i int) bool {
	for c, end := i+1, r.d.Next(i); c < end; c = r.d.Next(c) {
		switch {
		case r.marks[c]&cut != 0:
		case r.marks[c]&hidden == 0 && (r.marks[c]&declared != 0 || r.o.Undeclared == Allow):
		case r.lenient:
			r.marks[c] |= cut
			if r.o.Undeclared == Reject && r.keyword != "undeclared" {
				r.at, r.keyword = c, "undeclared"
			}
		case r.gather != nil:
			if r.gathered(c, "undeclared", r.gather.closed[i]) {
				return false
			}
		default:
			r.at, r.keyword = c, "undeclared"
			return false
		}
	}
	return true
}

// harmless refuses in requests what programs behind us read otherwise, also where
// the schema leaves a value free (VALIDATION.md section 6).
func (r *run) harmless(i int) bool {
	name := r.d.Name(i)
	switch {
	case odd(unsafe.String(unsafe.SliceData(name), len(name))) && r.marks[i]&declared == 0:
		r.at, r.keyword = i, "propertyNames"
		return false
	case r.d.Kind(i) == jsonwalk.Number && r.shared.overflows(r.d.Raw(i)):
		r.at, r.keyword = i, "format"
		return false
	}
	return true
}

func (r *run) unbounded(i int) bool {
	if r.marks[i]&bounded != 0 || r.d.Attached(i) {
		return true
	}
	switch r.d.Kind(i) {
	case jsonwalk.String:
		if m := r.o.MaxString; m > 0 && len(r.d.Raw(i)) > m && utf8.RuneCount(r.d.Text(i)) > m {
			r.at, r.keyword = i, "maxLength"
			return false
		}
	case jsonwalk.Array:
		if m := r.o.MaxItems; m > 0 && r.d.Count(i) > m {
			r.at, r.keyword = i, "maxItems"
			return false
		}
	}
	return true
}
