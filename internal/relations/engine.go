package relations

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/words"
)

// Limits bound what one question may cost. What would cost more is an error. The zero
// value is the limits of [DefaultLimits].
type Limits struct {
	Depth       int           // relations between the object and the subject
	Breadth     int           // relations and tuples that one check looks at
	ListBreadth int           // the same, of one list
	Time        time.Duration // of one check or list
}

// DefaultLimits returns the limits that hold where nothing else is said: OpenFGA's
// depth of 25, 100,000 looks of a check, 2,000,000 of a list, one second.
func DefaultLimits() Limits {
	return Limits{Depth: 25, Breadth: 100_000, ListBreadth: 2_000_000, Time: time.Second}
}

// Engine answers by a model and the tuples of an [Index]. It implements [Relations],
// and allocates nothing for a check of a relation of unions once it has run.
type Engine struct {
	bound       *bound
	index       *Index
	check, list Limits
	walks       sync.Pool
}

// New returns an engine. Several engines may share an index: each sees the tuples that
// its own model permits.
func New(m *Model, x *Index, l Limits) (*Engine, error) {
	b, err := bind(m, x)
	if err != nil {
		return nil, fmt.Errorf("relations: the models have too many names: %w", err)
	}
	if l == (Limits{}) {
		l = DefaultLimits()
	}
	e := &Engine{bound: b, index: x, check: l, list: l}
	e.list.Breadth = l.ListBreadth
	e.walks.New = func() any { return &walk{bound: b, decided: map[key]value{}, seen: map[key]struct{}{}} }
	return e, nil
}

// Model returns the engine's model.
func (e *Engine) Model() *Model { return e.bound.model }

// question is what is asked for, in numbers.
type question struct {
	who      who
	relation *relation
	object   entity
}

// Check implements [Relations].
func (e *Engine) Check(ctx context.Context, at Revision, s Subject, relation string, o Object) (Answer, error) {
	snapshot, err := e.at(ctx, at)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{At: e.revision(snapshot)}
	a.Held, err = e.checkIn(ctx, snapshot, s, relation, o)
	return a, err
}

// List implements [Relations].
func (e *Engine) List(ctx context.Context, at Revision, s Subject, relation, kind string, most int) (Listing, error) {
	snapshot, err := e.at(ctx, at)
	if err != nil {
		return Listing{}, err
	}
	l := Listing{At: e.revision(snapshot)}
	l.IDs, err = e.listIn(ctx, snapshot, s, relation, kind, most)
	return l, err
}

func (e *Engine) at(ctx context.Context, at Revision) (*Snapshot, error) {
	if at.Model != "" && at.Model != e.bound.model.revision {
		return nil, fmt.Errorf("%w: the model is another one now", ErrRevision)
	}
	return e.index.At(ctx, at.Tuples)
}

func (e *Engine) revision(s *Snapshot) Revision {
	return Revision{Model: e.bound.model.revision, Tuples: s.revision}
}

func (e *Engine) checkIn(ctx context.Context, from reader, s Subject, relation string, o Object) (bool, error) {
	q, err := e.ask(from, s, relation, o.Type)
	if err != nil {
		return false, err
	}
	if !identifier(o.ID) || o.ID == Everybody {
		return false, fmt.Errorf("%w: %q cannot be the id of an object", ErrInvalid, o.ID)
	}
	if err := q.find(from, s, o); err != nil {
		return false, fmt.Errorf("relations: checking: %w", err)
	}
	w := e.begin(ctx, from, &e.check, q.who)
	defer e.end(w)
	k, v := key{q.object, q.relation}, undecided
	if q.relation.monotone {
		v = w.reach(k, 0)
	} else {
		v, _ = w.ask(k, 0, 0)
	}
	if v == undecided {
		return false, fmt.Errorf("relations: checking %s of %s for %s: %w", relation, o, s, w.cause)
	}
	return v == yes, nil
}

func (e *Engine) listIn(ctx context.Context, from reader, s Subject, relation, kind string, most int) ([]string, error) {
	q, err := e.ask(from, s, relation, kind)
	if err != nil {
		return nil, err
	}
	if err := q.find(from, s, Object{}); err != nil {
		return nil, fmt.Errorf("relations: listing: %w", err)
	}
	w := e.begin(ctx, from, &e.list, q.who)
	defer e.end(w)
	ids, err := w.list(q.relation, s.ID, most)
	if err != nil {
		return nil, fmt.Errorf("relations: listing %s of %s for %s: %w", relation, kind, s, err)
	}
	return ids, nil
}

// ask reads a question's names.
func (e *Engine) ask(from reader, s Subject, relation, kind string) (q question, err error) {
	if q.relation, err = e.named(kind, relation); err != nil {
		return q, err
	}
	known := false
	if q.who.kind, known = e.bound.kinds[s.Type]; !known {
		return q, e.unknownType(s.Type)
	}
	if s.Relation != "" {
		if q.who.userset, err = e.named(s.Type, s.Relation); err != nil {
			return q, err
		}
	}
	q.who.everybody = s.ID == Everybody
	if !identifier(s.ID) || q.who.everybody && s.Relation != "" {
		return q, fmt.Errorf("%w: %q cannot be the id of a subject", ErrInvalid, s.ID)
	}
	q.who.star, known, err = from.find(q.who.kind, Everybody)
	if !known {
		q.who.star = nobody
	}
	if err != nil {
		return q, fmt.Errorf("relations: reading: %w", err)
	}
	return q, nil
}

// find numbers the subject and, unless it is zero, the object.
func (q *question) find(from reader, s Subject, o Object) error {
	var known bool
	var err error
	if q.who.entity, known, err = from.find(q.who.kind, s.ID); err != nil {
		return err
	}
	if !known {
		q.who.entity = nobody
	}
	if o == (Object{}) {
		return nil
	}
	if q.object, known, err = from.find(q.relation.kind, o.ID); err != nil {
		return err
	}
	switch {
	case known:
	case s.Type == o.Type && s.ID == o.ID:
		q.object = q.who.entity
	default:
		q.object = nothing
	}
	return nil
}

func (e *Engine) named(kind, name string) (*relation, error) {
	if r := e.bound.relations[held{kind, name}]; r != nil {
		return r, nil
	}
	if e.bound.model.kind(kind) == nil {
		return nil, e.unknownType(kind)
	}
	return nil, unknown("the type "+kind+" has no relation", name, e.bound.model.Relations(kind))
}

func (e *Engine) unknownType(kind string) error {
	return unknown("the model has no type", kind, e.bound.model.Types())
}

func unknown(says, name string, known []string) error {
	if n := words.Nearest(name, known); n != "" {
		return fmt.Errorf("%w: %s %q; is %q meant?", ErrInvalid, says, name, n)
	}
	return fmt.Errorf("%w: %s %q", ErrInvalid, says, name)
}

func (e *Engine) begin(ctx context.Context, from reader, l *Limits, s who) *walk {
	w := e.walks.Get().(*walk)
	w.reader, w.limits, w.ctx, w.who = from, l, ctx, s
	w.deadline = time.Now().Add(l.Time)
	return w
}

func (e *Engine) end(w *walk) {
	clear(w.decided)
	clear(w.seen)
	*w = walk{bound: w.bound, path: w.path[:0], queue: w.queue[:0], decided: w.decided, seen: w.seen}
	e.walks.Put(w)
}

// Valid reports by an error that wraps [ErrInvalid] that the model does not permit
// such a tuple.
func (m *Model) Valid(t Tuple) error {
	k := m.kind(t.Type)
	if k == nil {
		return fmt.Errorf("%s: %w", t, unknown("the model has no type", t.Type, m.Types()))
	}
	d := k.relation(t.Relation)
	if d == nil {
		return fmt.Errorf("%s: %w", t, unknown("the type "+t.Type+" has no relation", t.Relation, m.Relations(t.Type)))
	}
	if !identifier(t.ID) || t.ID == Everybody || !identifier(t.SubjectID) {
		return fmt.Errorf("%s: %w: an id is missing, too long, or has white space, : or # in it", t, ErrInvalid)
	}
	want := restricted{kind: t.SubjectType, relation: t.SubjectRelation, everybody: t.SubjectID == Everybody}
	found, may := false, []string{}
	d.rule.walk(func(r *rule) {
		for _, o := range r.types {
			found = found || o.String() == want.String()
			may = append(may, o.String())
		}
	})
	switch {
	case found && !(want.everybody && want.relation != ""):
		return nil
	case len(may) == 0:
		return fmt.Errorf("%s: %w: nobody is given %s of %s by a tuple: it is computed", t, ErrInvalid, t.Relation, t.Type)
	}
	return fmt.Errorf("%s: %w: %s of %s is for %v, not for %s", t, ErrInvalid, t.Relation, t.Type, may, want)
}
