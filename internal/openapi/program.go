package openapi

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// errTooMany says that a schema needs more than a program may have. It is judged
// on the tape.
var errTooMany = errors.New("too many states")

// maxStates bounds the states that one schema may add to those of its
// description.
const maxStates = 20_000

// assembler turns the schemas of one description into states, for one mode.
type assembler struct {
	mode   mode
	strict bool
	most   int // states of one schema
	ids    map[*Schema]uint32
	states map[string]*state
	made   []*state // in order
	names  []string // under which made are known
	from   int      // the first state of the schema at hand
	linked int      // states before this one have their transitions
}

func newAssembler(sh *shared, m mode) *assembler {
	return &assembler{mode: m, strict: sh.formats, most: sh.states, ids: map[*Schema]uint32{}, states: map[string]*state{}}
}

// program assembles the program of a schema, or returns nil when it would need
// too many states.
func (a *assembler) program(s *Schema) *program {
	a.from = len(a.made)
	root, err := a.state([]*Schema{s}, true)
	for err == nil && a.linked < len(a.made) {
		err = a.link(a.made[a.linked])
		a.linked++
	}
	if err != nil {
		for _, name := range a.names[a.from:] {
			delete(a.states, name)
		}
		a.made, a.names, a.linked = a.made[:a.from], a.names[:a.from], a.from
		return nil
	}
	return &program{root: root, shared: s.shared, mode: a.mode, strict: a.strict}
}

// assemble makes the programs of what a description's operations take and reply
// as JSON.
func (l *loader) assemble(d *Document) {
	requests, replies := newAssembler(l.shared, forRequest), newAssembler(l.shared, forFilter)
	of := func(a *assembler, content []MediaType) {
		for _, m := range content {
			if m.Schema != nil && m.Schema.judges == nil && m.Schema.programs[a.mode] == nil && (IsJSON(m.Type) || strings.HasSuffix(m.Type, "/*")) {
				m.Schema.programs[a.mode] = a.program(m.Schema)
			}
		}
	}
	for _, op := range d.Operations {
		if op.RequestBody != nil {
			of(requests, op.RequestBody.Content)
		}
		for _, r := range op.Responses {
			of(replies, r.Content)
		}
	}
}

func (a *assembler) id(s *Schema) uint32 {
	i, ok := a.ids[s]
	if !ok {
		i = uint32(len(a.ids))
		a.ids[s] = i
	}
	return i
}

// asksNothing reports a schema that every value satisfies, or every value but a
// number that no program can hold.
func asksNothing(s *Schema) bool {
	return s.types == AnyType && !s.never && !s.unsupported && s.enum == nil && s.konst == nil && s.numbers == nil && s.text == nil && s.object == nil && s.array == nil && s.inPlace == nil
}

// state returns the state of a set of goals.
func (a *assembler) state(goals []*Schema, certain bool) (*state, error) {
	slices.SortFunc(goals, func(s, t *Schema) int { return int(a.id(s)) - int(a.id(t)) })
	goals = slices.Compact(goals)
	name := make([]byte, 0, 4*len(goals)+1)
	for _, g := range goals {
		name = binary.LittleEndian.AppendUint32(name, a.id(g))
	}
	if certain {
		name = append(name, 1)
	}
	if s := a.states[string(name)]; s != nil {
		return s, nil
	}
	if len(goals) > maxGoals || len(a.made)-a.from >= a.most {
		return nil, errTooMany
	}
	s := &state{id: uint32(len(a.made)), goals: slices.Clone(goals), certain: certain}
	a.states[string(name)] = s
	a.made, a.names = append(a.made, s), append(a.names, string(name))
	f := flattener{assembler: a, s: s, memo: map[*Schema]int{}}
	for _, g := range goals {
		s.outs = append(s.outs, uint16(f.flat(g)))
	}
	return s, f.finish()
}

// flattener turns the goals of a state into atoms and expressions.
type flattener struct {
	*assembler
	s    *state
	memo map[*Schema]int
	wide bool
	// twice are the atoms that several schemas apply.
	twice uint64
}

func (f *flattener) add(e expr) int {
	if len(f.s.exprs) >= maxExprs {
		f.wide = true
		return 0
	}
	f.s.exprs = append(f.s.exprs, e)
	return len(f.s.exprs) - 1
}

func (f *flattener) group(op exprOp, list ...*Schema) int {
	kids := make([]uint16, 0, len(list))
	for _, s := range list {
		if s == nil {
			kids = append(kids, uint16(f.add(expr{op: exprTrue})))
			continue
		}
		kids = append(kids, uint16(f.flat(s)))
	}
	return f.add(expr{op: op, kids: kids})
}

// flat returns the expression of a schema.
func (f *flattener) flat(n *Schema) int {
	if i, ok := f.memo[n]; ok {
		f.reuse(i)
		return i
	}
	i := f.expression(n)
	f.memo[n] = i
	return i
}

// reuse notes the atoms of an expression that is used once more.
func (f *flattener) reuse(i int) {
	if f.wide {
		return
	}
	e := &f.s.exprs[i]
	if e.op == exprAtom {
		f.twice |= 1 << e.i
	}
	for _, k := range e.kids {
		f.reuse(int(k))
	}
}

func (f *flattener) expression(n *Schema) int {
	if n.unsupported && n.guarded {
		f.asked(n) // its rules for roles hold all the same
	}
	if n.never || n.unsupported {
		return f.add(expr{op: exprFalse})
	}
	return f.asked(n)
}

// asked returns the expression of what a schema asks.
func (f *flattener) asked(n *Schema) int {
	var kids []uint16
	and := func(i int) { kids = append(kids, uint16(i)) }
	if f.strict || n.types != AnyType || n.enum != nil || n.konst != nil || n.numbers != nil || n.text != nil || n.object != nil || n.array != nil {
		if len(f.s.atoms) >= maxAtoms {
			f.wide = true
			return 0
		}
		f.s.atoms = append(f.s.atoms, n)
		and(f.add(expr{op: exprAtom, i: len(f.s.atoms) - 1}))
	}
	if p := n.inPlace; p != nil {
		f.applied(p, and)
	}
	if u := (uneval{}); n.object != nil && n.object.rest != nil || n.array != nil && n.array.rest != nil {
		if n.object != nil {
			u.members = n.object.rest
		}
		if n.array != nil {
			u.items = n.array.rest
		}
		f.s.uneval = append(f.s.uneval, u)
		f.s.inexact = f.s.inexact || u.members != nil && !u.members.never || u.items != nil && !u.items.never
		kids = []uint16{uint16(f.add(expr{op: exprUneval, i: len(f.s.uneval) - 1, kids: kids}))}
	}
	i := 0
	if len(kids) == 1 {
		i = int(kids[0])
	} else {
		i = f.add(expr{op: exprAnd, kids: kids})
	}
	if n.orNull {
		null := f.add(expr{op: exprNull})
		i = f.add(expr{op: exprOr, kids: []uint16{uint16(null), uint16(i)}})
	}
	return i
}

func (f *flattener) applied(p *inPlace, and func(int)) {
	if p.ref != nil {
		and(f.flat(p.ref))
	}
	for _, s := range p.allOf {
		and(f.flat(s))
	}
	if p.anyOf != nil {
		and(f.group(exprOr, p.anyOf...))
	}
	if p.oneOf != nil {
		and(f.group(exprOne, p.oneOf...))
	}
	if p.not != nil {
		and(f.group(exprNot, p.not))
	}
	if p.ifs != nil {
		and(f.group(exprIf, p.ifs, p.then, p.els))
	}
	for _, d := range p.dependent {
		key := f.add(expr{op: exprKey, i: f.s.key(d.name)})
		kid := f.flat(d.schema)
		other := f.add(expr{op: exprTrue})
		and(f.add(expr{op: exprIf, kids: []uint16{uint16(key), uint16(kid), uint16(other)}}))
	}
}

// key returns the index of a declared name.
func (s *state) key(name string) int {
	if i := slices.Index(s.keys, name); i >= 0 {
		return i
	}
	s.keys = append(s.keys, name)
	return len(s.keys) - 1
}

func ones(n int) uint64 { return 1<<n - 1 }

// finish settles what depends on all atoms.
func (f *flattener) finish() error {
	s := f.s
	if f.wide {
		return errTooMany
	}
	s.full, s.all = ones(len(s.goals)), ones(len(s.atoms))
	s.trivial = len(s.atoms) == 0 && !slices.ContainsFunc(s.exprs, func(e expr) bool { return e.op != exprTrue && e.op != exprAnd })
	s.types = AnyType
	for i, n := range s.atoms {
		f.atom(i, n)
	}
	folds := len(s.uneval) > 0 || s.contains
	s.definite = s.trivial
	if s.certain && !s.trivial {
		for _, o := range s.outs {
			folds = f.conjunctive(int(o)) || folds
		}
		s.definite = !folds && s.conj == s.all
		if f.mode == forFilter {
			s.lenient = s.conj &^ f.twice
			if s.definite {
				s.lenient = s.conj
			}
		}
	}
	if len(s.keys) > maxKeys || len(s.patterns) > maxPatterns {
		return errTooMany
	}
	s.required = make([]keySet, len(s.atoms))
	for i, n := range s.atoms {
		if n.object == nil {
			continue
		}
		for _, p := range n.object.props {
			if p.required && !f.wrongWay(p.schema) {
				s.required[i].add(s.key(p.name))
				if s.conj>>i&1 == 1 {
					s.needed.add(s.key(p.name))
				}
			}
		}
	}
	s.tabulate()
	return nil
}

// wrongWay reports a member that does not travel in the program's direction.
func (a *assembler) wrongWay(s *Schema) bool {
	return s != nil && (a.mode == forRequest && s.readOnly || a.mode != forRequest && s.writeOnly)
}

// conjunctive marks the atoms of an expression that must hold, and reports
// whether it has any other part.
func (f *flattener) conjunctive(i int) (folds bool) {
	switch e := &f.s.exprs[i]; e.op {
	case exprTrue:
	case exprAtom:
		f.s.conj |= 1 << e.i
	case exprAnd, exprUneval:
		folds = e.op == exprUneval
		for _, k := range e.kids {
			folds = f.conjunctive(int(k)) || folds
		}
	default:
		return true
	}
	return folds
}

func (f *flattener) atom(i int, n *Schema) {
	s, bit := f.s, uint64(1)<<i
	s.types &= n.types
	if n.enum != nil || n.konst != nil {
		s.boundText |= bit
		s.checks |= bit
		s.composite = s.composite || n.enum.composite() || n.konst.composite()
	}
	if t := n.text; t != nil {
		s.checks |= bit
		if t.max >= 0 {
			s.boundText |= bit
		}
	}
	if r := n.array; r != nil {
		if r.bounded {
			s.boundItems |= bit
		}
		s.unique = s.unique || r.unique
		s.contains = s.contains || r.contains != nil
	}
	o := n.object
	if o == nil {
		return
	}
	if o.closes {
		s.closes |= bit
	}
	s.counts = s.counts || o.min > 0 || o.max >= 0 || len(o.dependent) > 0
	for _, p := range o.props {
		s.key(p.name)
	}
	for _, d := range o.dependent {
		s.key(d.name)
		for _, need := range d.needs {
			s.key(need)
		}
	}
	for _, p := range o.patterns {
		s.patterns = append(s.patterns, statePattern{i, p.pattern, p.schema})
	}
}

// composite reports whether an array or an object is among the values.
func (v *values) composite() bool {
	if v == nil || v.rest == nil {
		return false
	}
	for c, end := 1, v.rest.Next(0); c < end; c = v.rest.Next(c) {
		if k := v.rest.Kind(c); k == jsonwalk.Array || k == jsonwalk.Object {
			return true
		}
	}
	return false
}
