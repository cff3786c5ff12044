package relations

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// atom is a relation to an object that one subject holds or not, or a part of an
// expression that is excluded.
type atom struct{ object, relation string }

// oracle answers by brute force: what follows from the tuples is put together until
// nothing new follows, under the least and the most that exclusions can take away in
// turn (the alternating fixpoint of the well-founded semantics, van Gelder 1993).
type oracle struct {
	model   *Model
	tuples  []Tuple
	objects map[string][]string // by type, with their types before
	subject Subject
	parts   map[*rule]string
}

func (o *oracle) answer() (held, possible map[atom]bool) {
	o.parts = map[*rule]string{}
	for _, k := range o.model.kinds {
		for _, d := range k.relations {
			d.rule.walk(func(r *rule) {
				if r.form == exclusion {
					o.parts[r.parts[1]] = fmt.Sprint("excluded ", len(o.parts))
				}
			})
		}
	}
	everything := map[atom]bool{}
	for _, k := range o.model.kinds {
		for _, x := range o.objects[k.name] {
			for _, part := range o.parts {
				everything[atom{x, part}] = true
			}
		}
	}
	held = o.follows(everything)
	for {
		possible = o.follows(held)
		next := o.follows(possible)
		if len(next) == len(held) {
			return held, possible
		}
		held = next
	}
}

// follows returns all that follows when what is excluded is as given.
func (o *oracle) follows(excluded map[atom]bool) map[atom]bool {
	in := map[atom]bool{}
	if o.subject.Relation != "" {
		in[atom{o.subject.Type + ":" + o.subject.ID, o.subject.Relation}] = true
	}
	for grown := true; grown; {
		grown = false
		put := func(a atom, holds bool) {
			if holds && !in[a] {
				in[a], grown = true, true
			}
		}
		for _, k := range o.model.kinds {
			for _, x := range o.objects[k.name] {
				for _, d := range k.relations {
					put(atom{x, d.name}, o.eval(k, d, x, d.rule, in, excluded))
					d.rule.walk(func(r *rule) {
						if part := o.parts[r]; part != "" {
							put(atom{x, part}, o.eval(k, d, x, r, in, excluded))
						}
					})
				}
			}
		}
	}
	return in
}

func (o *oracle) eval(k *kind, d *definition, x string, r *rule, in, excluded map[atom]bool) bool {
	some := func(p *rule) bool { return o.eval(k, d, x, p, in, excluded) }
	switch r.form {
	case direct:
		return slices.ContainsFunc(o.tuples, func(t Tuple) bool {
			if t.Object().String() != x || t.Relation != d.name || o.model.Valid(t) != nil {
				return false
			}
			if t.SubjectRelation != "" {
				return t.Subject() == o.subject || in[atom{t.SubjectType + ":" + t.SubjectID, t.SubjectRelation}]
			}
			return t.Subject() == o.subject || t.SubjectID == Everybody && t.SubjectType == o.subject.Type && o.subject.Relation == ""
		})
	case computed:
		return in[atom{x, r.name}]
	case fromOther:
		return slices.ContainsFunc(o.tuples, func(t Tuple) bool {
			return t.Object().String() == x && t.Relation == r.from && o.model.Valid(t) == nil && in[atom{t.SubjectType + ":" + t.SubjectID, r.name}]
		})
	case union:
		return slices.ContainsFunc(r.parts, some)
	case exclusion:
		return some(r.parts[0]) && !excluded[atom{x, o.parts[r.parts[1]]}]
	}
	return !slices.ContainsFunc(r.parts, func(p *rule) bool { return !some(p) })
}

// world is a random model with random tuples.
type world struct {
	text    string
	model   *Model
	tuples  []Tuple
	objects map[string][]string
}

var relationNames = []string{"r0", "r1", "r2", "r3"}

func randomWorld(t *testing.T, rnd *rand.Rand) world {
	t.Helper()
	for range 10_000 {
		text := randomModel(rnd)
		m, err := ParseModel("random.fga", text)
		if err != nil {
			continue
		}
		w := world{text: text, model: m, objects: map[string][]string{}}
		for _, k := range m.kinds {
			for i := range 3 {
				w.objects[k.name] = append(w.objects[k.name], fmt.Sprint(k.name, ":", i))
			}
		}
		for range rnd.IntN(30) {
			if tuple, ok := randomTuple(rnd, m); ok && !slices.Contains(w.tuples, tuple) {
				w.tuples = append(w.tuples, tuple)
			}
		}
		return w
	}
	t.Fatal("no random model is sound")
	return world{}
}

func randomModel(rnd *rand.Rand) string {
	var b strings.Builder
	b.WriteString("model\n  schema 1.1\ntype user\n")
	for _, k := range []string{"group", "doc"} {
		fmt.Fprintf(&b, "type %s\n  relations\n    define up: [%s]\n", k, []string{"group", "doc", "group, doc"}[rnd.IntN(3)])
		for _, r := range relationNames {
			fmt.Fprintf(&b, "    define %s: %s\n", r, randomRule(rnd, 2, true))
		}
	}
	return b.String()
}

// randomRule makes an expression; the list of types may only be what it begins with.
func randomRule(rnd *rand.Rand, depth int, begins bool) string {
	if depth > 0 && rnd.IntN(2) == 0 {
		op := []string{" or ", " or ", " and ", " but not "}[rnd.IntN(4)]
		return "(" + randomRule(rnd, depth-1, begins) + op + randomRule(rnd, depth-1, false) + ")"
	}
	name := relationNames[rnd.IntN(len(relationNames))]
	switch n := rnd.IntN(6); {
	case n < 3 && begins:
		all := []string{"user", "user:*", "group", "group#r0", "group#r1", "doc#r2", "doc#r3"}
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return "[" + strings.Join(all[:1+rnd.IntN(3)], ", ") + "]"
	case n == 3:
		return name + " from up"
	}
	return name
}

func randomTuple(rnd *rand.Rand, m *Model) (Tuple, bool) {
	k := m.kinds[1+rnd.IntN(len(m.kinds)-1)]
	d := k.relations[rnd.IntN(len(k.relations))]
	var types []restricted
	d.rule.walk(func(r *rule) { types = append(types, r.types...) })
	if len(types) == 0 {
		return Tuple{}, false
	}
	who := types[rnd.IntN(len(types))]
	s := Subject{who.kind, fmt.Sprint(rnd.IntN(3)), who.relation}
	if who.everybody {
		s.ID = Everybody
	}
	return NewTuple(Object{k.name, fmt.Sprint(rnd.IntN(3))}, d.name, s), true
}

func randomSubject(rnd *rand.Rand) Subject {
	switch n := rnd.IntN(8); n {
	case 0:
		return Subject{"user", Everybody, ""}
	case 1:
		return Subject{"group", fmt.Sprint(rnd.IntN(3)), relationNames[rnd.IntN(len(relationNames))]}
	case 2:
		return Subject{"group", fmt.Sprint(rnd.IntN(3)), ""}
	default:
		return Subject{"user", fmt.Sprint(rnd.IntN(4)), ""}
	}
}

// stratified reports whether no exclusion of the model can depend on itself.
func stratified(b *bound) bool {
	below := map[*relation]map[*relation]bool{} // whether through an exclusion
	var add func(r *relation, e *expr, not bool)
	add = func(r *relation, e *expr, not bool) {
		put := func(to *relation) { below[r][to] = below[r][to] || not }
		switch e.form {
		case direct:
			for _, a := range r.assigned {
				if a.userset != nil {
					put(a.userset)
				}
			}
		case computed:
			put(e.computed)
		case fromOther:
			for _, to := range e.hop.to {
				put(to)
			}
		}
		for i, p := range e.parts {
			add(r, p, not || e.form == exclusion && i == 1)
		}
	}
	for _, r := range b.relations {
		below[r] = map[*relation]bool{}
		add(r, r.expr, false)
	}
	for _, through := range b.relations {
		for _, from := range b.relations {
			a, first := below[from][through]
			for to, b := range below[through] {
				if first {
					below[from][to] = below[from][to] || a || b
				}
			}
		}
	}
	for r, to := range below {
		if to[r] {
			return false
		}
	}
	return true
}

// failing is a store that fails now and then.
type failing struct {
	*Snapshot
	rnd *rand.Rand
}

var errBroken = errors.New("the disk is broken")

func (f failing) broken() bool { return f.rnd.IntN(6) == 0 }

func (f failing) find(kind symbol, id string) (entity, bool, error) {
	if f.broken() {
		return 0, false, errBroken
	}
	return f.Snapshot.find(kind, id)
}

func (f failing) forward(e entity) ([]forward, error) {
	if f.broken() {
		return nil, errBroken
	}
	return f.Snapshot.forward(e)
}

func (f failing) backward(e entity) ([]backward, error) {
	if f.broken() {
		return nil, errBroken
	}
	return f.Snapshot.backward(e)
}

// judged is how much of the random questions was judged.
type judged struct{ worlds, plain, checks, yes, undecided, lists, failures int }

// Over random models and tuples no answer differs from that of an oracle,
// nor when the store fails in the middle of it. Errors are left to models in which an
// exclusion can depend on itself.
func TestNothingIsAnsweredThatAnOracleDenies(t *testing.T) {
	worlds := 600
	if testing.Short() {
		worlds = 60
	}
	rnd := rand.New(rand.NewPCG(5, 2026))
	var n judged
	for range worlds {
		n.world(t, rnd, randomWorld(t, rnd))
		if t.Failed() {
			return
		}
	}
	t.Logf("figure %+v", n)
	if n.checks < worlds*40 || n.yes < n.checks/20 || n.undecided > n.checks/4 || n.plain < worlds/4 || n.failures < worlds {
		t.Errorf("too little was judged: %+v", n)
	}
}

func (n *judged) world(t *testing.T, rnd *rand.Rand, w world) {
	x := NewIndex()
	half := len(w.tuples) / 2
	for i, c := range []Change{{Whole: true, Add: w.tuples[:half]}, {Add: w.tuples[half:]}} {
		c.Revision = int64(i + 1)
		if err := x.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	e, err := New(w.model, x, Limits{Depth: 200, Breadth: 1 << 20, ListBreadth: 1 << 22, Time: 10e9})
	if err != nil {
		t.Fatal(err)
	}
	from, _ := x.At(t.Context(), 0)
	n.worlds++
	plain := stratified(e.bound)
	if plain {
		n.plain++
	}
	for range 4 {
		o := oracle{model: w.model, tuples: w.tuples, objects: w.objects, subject: randomSubject(rnd)}
		if o.subject.Relation != "" && w.model.kind(o.subject.Type).relation(o.subject.Relation) == nil {
			continue
		}
		held, possible := o.answer()
		for _, k := range w.model.kinds {
			for _, d := range k.relations {
				list := []string(nil)
				for _, id := range w.objects[k.name] {
					a := atom{id, d.name}
					object, _ := ParseObject(id)
					got, err := e.checkIn(t.Context(), from, o.subject, d.name, object)
					n.judge(t, w, o.subject, a, got, err, held[a], possible[a], plain)
					if held[a] {
						list = append(list, object.ID)
					}
					got, err = e.checkIn(t.Context(), failing{from, rnd}, o.subject, d.name, object)
					if err == nil && (got != held[a] || got != possible[a]) {
						t.Errorf("with a store that fails %s holds %v: %v; want %v\n%s\n%v", o.subject, a, got, held[a], w.text, w.tuples)
					} else if errors.Is(err, errBroken) {
						n.failures++
					}
				}
				n.list(t, rnd, e, from, w, o.subject, d.name, k.name, list)
			}
		}
	}
}

func (n *judged) judge(t *testing.T, w world, s Subject, a atom, got bool, err error, held, possible, plain bool) {
	t.Helper()
	n.checks++
	switch {
	case errors.Is(err, ErrCycle) && !plain:
		n.undecided++
	case err != nil:
		t.Errorf("%s holds %v: %v\n%s\n%v", s, a, err, w.text, w.tuples)
	case got != held || got != possible:
		t.Errorf("%s holds %v: %v; the oracle says %v, %v\n%s\n%v", s, a, got, held, possible, w.text, w.tuples)
	case got:
		n.yes++
	}
}

func (n *judged) list(t *testing.T, rnd *rand.Rand, e *Engine, from *Snapshot, w world, s Subject, relation, kind string, want []string) {
	t.Helper()
	n.lists++
	if got, err := e.listIn(t.Context(), from, s, relation, kind, 100); err == nil && !slices.Equal(got, want) {
		t.Errorf("%s holds %s of %v; want %v\n%s\n%v", s, relation, got, want, w.text, w.tuples)
	}
	if got, err := e.listIn(t.Context(), failing{from, rnd}, s, relation, kind, 100); err == nil && !slices.Equal(got, want) {
		t.Errorf("with a store that fails %s holds %s of %v; want %v\n%s\n%v", s, relation, got, want, w.text, w.tuples)
	}
}
