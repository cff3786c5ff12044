package openapi

import "encoding/binary"

// A program judges bytes in one pass. It is a machine of states: a state is the
// set of schemas ("goals") that apply to one value, however many branches of
// anyOf and oneOf they come from. All branches run in parallel as bits, nothing
// is tried twice, and the cost of a document is linear in its length whatever
// its schema.
//
// The schemas that a state's goals apply in place are its atoms: each judges by
// its own keywords only. What they found is folded through the expressions, which
// are the allOf, anyOf, oneOf, not and if of the goals.
type program struct {
	root   *state
	shared *shared
	mode   mode
	strict bool // a description's: formats assert, names are looked at
}

// mode is what a program is for.
type mode uint8

const (
	forRequest mode = iota
	forReply
	forFilter // a reply that is cut instead of refused
	modes
)

func (m mode) direction() Direction {
	if m == forRequest {
		return Request
	}
	return Reply
}

// Bounds of one state; what needs more is judged on the tape.
const (
	maxGoals    = 64
	maxAtoms    = 64
	maxExprs    = 256
	maxKeys     = 256
	maxPatterns = 6
)

// keySet is a set of a state's declared names.
type keySet [maxKeys / 64]uint64

func (k *keySet) add(i int)      { k[i>>6] |= 1 << (i & 63) }
func (k *keySet) has(i int) bool { return k[i>>6]>>(i&63)&1 == 1 }

func (k *keySet) holds(n *keySet) bool {
	return k[0]&n[0] == n[0] && k[1]&n[1] == n[1] && k[2]&n[2] == n[2] && k[3]&n[3] == n[3]
}

type state struct {
	id    uint32
	goals []*Schema
	atoms []*Schema
	exprs []expr
	outs  []uint16 // the expression of each goal
	full  uint64   // all goals
	all   uint64   // all atoms

	certain  bool   // no document is valid unless all goals hold
	conj     uint64 // atoms without which no document is valid
	definite bool   // these are all, and there is nothing to fold
	lenient  uint64 // atoms that cut where they would refuse a member
	trivial  bool   // nothing is asked of the value and what is below it
	easy     bool   // an object of it is judged by its members, and by which there are

	types      Types  // what all atoms allow
	checks     uint64 // atoms that look at strings
	boundText  uint64 // atoms that bound strings themselves
	boundItems uint64 // atoms that bound arrays themselves
	closes     uint64 // atoms that declare members
	composite  bool   // some atom compares with arrays or objects
	unique     bool
	contains   bool
	uneval     []uneval
	inexact    bool // unevaluated* declares by a schema of its own: for the tape
	counts     bool // members or elements are counted or depend on one another

	keys     []string
	quoted   []string // keys as they stand in a document
	table    []uint16 // hash table: index of keys plus 1
	required []keySet // by atom
	needed   keySet   // of all conjunctive atoms
	ruled    []uint16 // keys that not every caller may send, or see
	byKey    []trans
	expects  []expected // by key; nil when nothing is expected
	byMask   []trans    // undeclared names, by the set of patterns they match
	patterns []statePattern
	names    *trans
	prefix   []trans
	rest     trans
}

type statePattern struct {
	atom    int
	pattern *pattern
	schema  *Schema
}

// uneval is one unevaluatedProperties or unevaluatedItems.
type uneval struct{ members, items *Schema }

// trans leads from a state to that of a member or element.
type trans struct {
	to     *state
	edges  []edge  // what atoms demand of the child
	rest   []edge  // what unevaluated* demand; the atom is an index of uneval
	held   []edge  // what contains counts
	eval   uint64  // atoms that count the child as evaluated
	covers uint64  // atoms that declare the member
	hidden uint64  // atoms that hide it from replies
	bad    uint64  // atoms that refuse the member
	odd    bool    // the name means something to a programming language
	wary   bool    // it is odd, hidden or has roles
	roles  *needed // nil for everybody
}

// needed are sets of roles, of each of which the caller must have one.
type needed struct{ sets []uint64 }

// edge is a set of the child's goals that an atom demands.
type edge struct {
	atom int
	mask uint64
}

type exprOp uint8

const (
	exprTrue exprOp = iota
	exprFalse
	exprAtom // of index i
	exprKey  // a member of key i is there
	exprNull // the value is null
	exprAnd
	exprOr
	exprOne
	exprNot
	exprIf     // condition, then, else
	exprUneval // of index i: and, and nothing is left unevaluated
)

// expr is one expression. Expressions stand behind those they are made of.
type expr struct {
	op   exprOp
	i    int
	kids []uint16
}

// bitset holds a bit for every expression.
type bitset [maxExprs / 64]uint64

func (b *bitset) set(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b *bitset) has(i int) bool { return b[i>>6]>>(i&63)&1 == 1 }

const spread = 0x9E3779B97F4A7C15

// slot is where the table begins to look for a name.
func slot(name []byte, mask int) int {
	var h uint64
	if n := len(name); n >= 8 {
		h = binary.LittleEndian.Uint64(name) ^ binary.LittleEndian.Uint64(name[n-8:])<<1 ^ uint64(n)
	} else {
		for _, c := range name {
			h = h<<8 | uint64(c)
		}
	}
	return int(h*spread>>40) & mask
}

// find returns the index of a declared name, or -1.
func (s *state) find(name []byte) int {
	mask := len(s.table) - 1
	if mask < 0 {
		return -1
	}
	for h := slot(name, mask); s.table[h] != 0; h = (h + 1) & mask {
		if k := int(s.table[h]) - 1; s.keys[k] == string(name) {
			return k
		}
	}
	return -1
}

func (s *state) tabulate() {
	if len(s.keys) == 0 {
		return
	}
	size := 4
	for size < 2*len(s.keys) {
		size *= 2
	}
	s.table = make([]uint16, size)
	for i, k := range s.keys {
		h := slot([]byte(k), size-1)
		for s.table[h] != 0 {
			h = (h + 1) & (size - 1)
		}
		s.table[h] = uint16(i + 1)
		s.quoted = append(s.quoted, quote(k))
	}
}

// quote returns a name as a document spells it, or what no document holds where
// that takes escapes.
func quote(name string) string {
	for i := range len(name) {
		if c := name[i]; c < 0x20 || c >= 0x80 || c == '"' || c == '\\' {
			return "\x00"
		}
	}
	return `"` + name + `"`
}

// matched returns the set of patterns that a name matches.
func (s *state) matched(name []byte) (m int) {
	for i := range s.patterns {
		if s.patterns[i].pattern.match(name) {
			m |= 1 << i
		}
	}
	return m
}
