package relations

// relation is one relation of one type, ready to be asked for.
type relation struct {
	index     uint32 // among all of the model
	name      symbol
	kind      symbol
	expr      *expr
	assigned  []assignable // by its direct rule
	isDirect  bool
	monotone  bool // nothing that it leads to has an exclusion or an intersection
	named     held
	steps     []*relation // of a union: the computed ones, in any depth
	hops      []*hop      // of a union: by the relations of other objects
	unionOnly bool        // it is no more than assigned, steps and hops
}

// assignable is one kind of subject that tuples of a relation may have.
type assignable struct {
	kind      symbol
	everybody bool
	userset   *relation // nil for an object itself
}

// hop is `x from y`: the tuples of y lead to objects, and the relation of each there.
type hop struct {
	through *relation
	to      []*relation // of the types that have it and that through may lead to
}

// expr is a rule, ready to be asked.
type expr struct {
	form     form
	computed *relation
	hop      *hop
	parts    []*expr
}

// bound is a model that numbers names as an index does.
type bound struct {
	model     *Model
	kinds     map[string]symbol
	relations map[held]*relation
	byNumber  map[[2]symbol]*relation
	// What leads from one relation to another, for lists.
	computedBy map[*relation][]*relation
	hopBy      map[*relation][]reverseHop
}

// reverseHop is a relation that is held by whoever holds the one at the other end of
// the tuples of through.
type reverseHop struct {
	relation *relation
	through  *relation
}

// bind numbers a model as the index does. It fails when there are too many names.
func bind(m *Model, x *Index) (*bound, error) {
	b := &bound{
		model: m, kinds: map[string]symbol{}, relations: map[held]*relation{}, byNumber: map[[2]symbol]*relation{},
		computedBy: map[*relation][]*relation{}, hopBy: map[*relation][]reverseHop{},
	}
	for _, k := range m.kinds {
		n, err := x.symbols.number(k.name)
		if err != nil {
			return nil, err
		}
		b.kinds[k.name] = n
		for _, d := range k.relations {
			name, err := x.symbols.number(d.name)
			if err != nil {
				return nil, err
			}
			r := &relation{index: uint32(len(b.relations)), name: name, kind: n, named: held{k.name, d.name}} //nolint:gosec // there are not that many
			b.relations[r.named] = r
			b.byNumber[[2]symbol{n, name}] = r
		}
	}
	for _, k := range m.kinds {
		for _, d := range k.relations {
			b.assign(b.relations[held{k.name, d.name}], d.rule)
		}
	}
	for _, k := range m.kinds {
		for _, d := range k.relations {
			r := b.relations[held{k.name, d.name}]
			r.expr = b.compile(k, d.rule)
		}
	}
	b.settle()
	return b, nil
}

// assign notes which tuples count for a relation.
func (b *bound) assign(r *relation, whole *rule) {
	whole.walk(func(l *rule) {
		if l.form != direct {
			return
		}
		r.isDirect = true
		for _, t := range l.types {
			a := assignable{kind: b.kinds[t.kind], everybody: t.everybody}
			if t.relation != "" {
				a.userset = b.relations[held{t.kind, t.relation}]
			}
			r.assigned = append(r.assigned, a)
		}
	})
}

func (b *bound) compile(k *kind, l *rule) *expr {
	e := &expr{form: l.form}
	switch l.form {
	case computed:
		e.computed = b.relations[held{k.name, l.name}]
	case fromOther:
		e.hop = &hop{through: b.relations[held{k.name, l.from}]}
		for _, a := range e.hop.through.assigned {
			for _, d := range b.model.kinds {
				if b.kinds[d.name] != a.kind {
					continue
				}
				if to := b.relations[held{d.name, l.name}]; to != nil {
					e.hop.to = append(e.hop.to, to)
				}
			}
		}
	default:
		for _, p := range l.parts {
			e.parts = append(e.parts, b.compile(k, p))
		}
	}
	return e
}

// settle finds out what follows from all relations together.
func (b *bound) settle() {
	for _, r := range b.relations {
		r.unionOnly = r.flatten(r.expr)
		r.positive(r.expr, func(e *expr) {
			switch e.form {
			case computed:
				b.computedBy[e.computed] = append(b.computedBy[e.computed], r)
			case fromOther:
				for _, to := range e.hop.to {
					b.hopBy[to] = append(b.hopBy[to], reverseHop{r, e.hop.through})
				}
			}
		})
		r.monotone = true
	}
	for changed := true; changed; {
		changed = false
		for _, r := range b.relations {
			if r.monotone && !r.staysMonotone() {
				r.monotone, changed = false, true
			}
		}
	}
}

// flatten collects the parts of a union, and reports whether there is nothing else.
func (r *relation) flatten(e *expr) bool {
	switch e.form {
	case direct:
		return true
	case computed:
		r.steps = append(r.steps, e.computed)
		return true
	case fromOther:
		r.hops = append(r.hops, e.hop)
		return true
	case union:
		all := true
		for _, p := range e.parts {
			all = r.flatten(p) && all
		}
		return all
	}
	return false
}

// staysMonotone reports whether all that the relation leads to is still monotone.
func (r *relation) staysMonotone() bool {
	if !r.unionOnly {
		return false
	}
	for _, a := range r.assigned {
		if a.userset != nil && !a.userset.monotone {
			return false
		}
	}
	for _, s := range r.steps {
		if !s.monotone {
			return false
		}
	}
	for _, h := range r.hops {
		for _, to := range h.to {
			if !to.monotone {
				return false
			}
		}
	}
	return true
}

// positive calls each for the parts of an expression of which one at least must hold
// for the whole: not for what is excluded.
func (r *relation) positive(e *expr, each func(*expr)) {
	each(e)
	for i, p := range e.parts {
		if e.form == union || i == 0 || e.form == intersection {
			r.positive(p, each)
		}
	}
}

// takes reports whether tuples of the relation may have such a subject.
func (r *relation) takes(kind symbol, everybody bool, userset *relation) bool {
	for i := range r.assigned {
		if a := &r.assigned[i]; a.kind == kind && a.everybody == everybody && a.userset == userset {
			return true
		}
	}
	return false
}
