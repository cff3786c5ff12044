package relations

import (
	"context"
	"errors"
	"slices"
	"time"
)

// value is what is known of a question. The zero value is that it is not decided.
type value uint8

const (
	undecided value = iota
	no
	yes
)

// key is one question of a check: who holds this relation to this object.
type key struct {
	object   entity
	relation *relation
}

// step is a key on the way to where a check is.
type step struct {
	key
	exclusions int // that were entered before it
}

// who is the subject of a question. It is read once.
type who struct {
	entity    entity
	kind      symbol
	everybody bool
	userset   *relation
	star      entity // everybody of its type, or nobody
}

// walk is one check. It belongs to one question at a time and is used again.
type walk struct {
	reader   reader
	bound    *bound
	limits   *Limits
	ctx      context.Context
	deadline time.Time
	who      who
	looked   int   // keys and tuples
	cause    error // why something was not decided: the first of them
	stopped  bool  // by a budget: nothing more is decided
	plain    bool  // goes every way step by step, and keeps no answer

	path    []step
	decided map[key]value
	queue   []key
	seen    map[key]struct{}
}

// fail notes why something is undecided.
func (w *walk) fail(err error) value {
	if w.cause == nil {
		w.cause = err
	}
	return undecided
}

// look counts what is looked at, and reports whether the budgets allow it.
func (w *walk) look(n int) bool {
	before := w.looked
	w.looked += n
	switch {
	case w.stopped:
	case w.looked > w.limits.Breadth:
		w.stop(ErrTooWide)
	case before/512 != w.looked/512:
		if err := w.ctx.Err(); err != nil {
			w.stop(errors.Join(ErrTooWide, err))
		} else if time.Now().After(w.deadline) {
			w.stop(ErrTooWide)
		}
	}
	return !w.stopped
}

func (w *walk) stop(err error) {
	w.stopped = true
	w.cause = err
}

// itself reports whether a question asks for the subject: everybody who has a
// relation has it.
func (w *walk) itself(k key) bool {
	return w.who.userset == k.relation && w.who.entity == k.object
}

// assigned answers by the tuples that name the subject, or everybody of its type.
func (w *walk) assigned(k key, all []forward) bool {
	r := k.relation
	if !r.isDirect {
		return false
	}
	has := func(subjects symbol, e entity) bool {
		_, found := slices.BinarySearch(all, forwardOf(r.name, subjects, e))
		return found
	}
	if w.who.userset != nil {
		return r.takes(w.who.kind, false, w.who.userset) && has(w.who.userset.name, w.who.entity)
	}
	if w.who.entity != nobody && r.takes(w.who.kind, w.who.everybody, nil) && has(0, w.who.entity) {
		return true
	}
	return !w.who.everybody && w.who.star != nobody && r.takes(w.who.kind, true, nil) && has(0, w.who.star)
}

// usersets calls each with the keys that tuples of the relation lead to, until it
// returns false.
func (w *walk) usersets(r *relation, all []forward, each func(key) bool) {
	if !r.isDirect {
		return
	}
	_, sets := between(all, r.name)
	if !w.look(len(sets)) {
		return
	}
	for _, f := range sets {
		name, e := f.subject()
		to := w.bound.byNumber[[2]symbol{w.reader.kind(e), name}]
		if to != nil && r.takes(to.kind, false, to) && !each(key{e, to}) {
			return
		}
	}
}

// hops calls each with the keys that `x from y` leads to, until it returns false.
func (w *walk) hops(h *hop, all []forward, each func(key) bool) {
	objects, _ := between(all, h.through.name)
	if !w.look(len(objects)) {
		return
	}
	for _, f := range objects {
		_, e := f.subject()
		kind := w.reader.kind(e)
		for _, to := range h.to {
			if to.kind == kind && !each(key{e, to}) {
				return
			}
		}
	}
}

// reach answers a question under which there are unions only: what was seen once
// needs no second look, and the nearest way is found first.
func (w *walk) reach(from key, depth int) value {
	w.queue = append(w.queue[:0], from)
	clear(w.seen)
	first := 0
	for ; first < len(w.queue); depth++ {
		if depth > w.limits.Depth {
			return w.fail(ErrTooDeep)
		}
		for last := len(w.queue); first < last; first++ {
			if !w.look(1) {
				return undecided
			}
			k := w.queue[first]
			if w.itself(k) {
				return yes
			}
			all, err := w.reader.forward(k.object)
			if err != nil {
				w.fail(err) // a way that is known is a way all the same
				continue
			}
			if w.assigned(k, all) {
				return yes
			}
			w.expand(k, all)
		}
	}
	if w.cause != nil {
		return undecided
	}
	return no
}

// expand puts what a monotone relation leads to into the queue.
func (w *walk) expand(k key, all []forward) {
	w.usersets(k.relation, all, w.push)
	for _, to := range k.relation.steps {
		w.push(key{k.object, to})
	}
	for _, h := range k.relation.hops {
		w.hops(h, all, w.push)
	}
}

// fewKeys is how many keys are looked through one by one.
const fewKeys = 16

// push puts a key into the queue that is not in it.
func (w *walk) push(k key) bool {
	if len(w.queue) <= fewKeys {
		if !slices.Contains(w.queue, k) {
			w.queue = append(w.queue, k)
		}
		return true
	}
	if len(w.seen) == 0 {
		for _, q := range w.queue {
			w.seen[q] = struct{}{}
		}
	}
	if _, ok := w.seen[k]; !ok {
		w.seen[k] = struct{}{}
		w.queue = append(w.queue, k)
	}
	return true
}

// free is the place on the path of an answer that depends on no key of the path.
const free = 1 << 30

// ask answers a question, and says by the lowest of which places on the path the
// answer came about. A question that is on the path already is no, since what is held
// at all is held without going round; across an exclusion it is not decided. Answers
// that depend on nothing above are kept.
func (w *walk) ask(k key, depth, exclusions int) (v value, low int) {
	if !w.look(1) {
		return undecided, 0
	}
	if w.itself(k) {
		return yes, free
	}
	if v := w.decided[k]; v != undecided && !w.plain {
		return v, free
	}
	for i := range w.path {
		if w.path[i].key != k {
			continue
		}
		if w.path[i].exclusions < exclusions {
			return w.fail(ErrCycle), i
		}
		return no, i
	}
	if depth > w.limits.Depth {
		return w.fail(ErrTooDeep), 0
	}
	place := len(w.path)
	if k.relation.monotone && !w.plain {
		v, low = w.alone(k, depth), free
	} else {
		w.path = append(w.path, step{k, exclusions})
		v, low = w.eval(k, k.relation.expr, depth, exclusions)
		w.path = w.path[:place]
	}
	if v == yes || v == no && low >= place {
		w.decided[k] = v
	}
	if low >= place {
		low = free
	}
	return v, low
}

// alone reaches for a key whatever was undecided before.
func (w *walk) alone(k key, depth int) value {
	before := w.cause
	w.cause = nil
	v := w.reach(k, depth)
	if before != nil && !w.stopped {
		w.cause = before
	}
	return v
}

// eval answers by an expression.
func (w *walk) eval(k key, e *expr, depth, exclusions int) (value, int) {
	switch e.form {
	case direct, fromOther:
		return w.follow(k, e, depth, exclusions)
	case computed:
		return w.ask(key{k.object, e.computed}, depth+1, exclusions)
	case exclusion:
		v, low := w.eval(k, e.parts[0], depth, exclusions)
		if v == no {
			return no, low
		}
		not, below := w.eval(k, e.parts[1], depth, exclusions+1)
		low = min(low, below)
		switch {
		case not == yes:
			return no, low
		case not == no:
			return v, low
		}
		return undecided, low
	}
	end, otherwise := yes, no // of a union
	if e.form == intersection {
		end, otherwise = no, yes
	}
	v, low := otherwise, free
	for _, p := range e.parts {
		one, at := w.eval(k, p, depth, exclusions)
		low = min(low, at)
		switch one {
		case end:
			return end, low
		case undecided:
			v = undecided
		}
	}
	return v, low
}

// follow answers by the tuples that stand with an object.
func (w *walk) follow(k key, e *expr, depth, exclusions int) (v value, low int) {
	all, err := w.reader.forward(k.object)
	if err != nil {
		return w.fail(err), free
	}
	if e.form == direct && w.assigned(k, all) {
		return yes, free
	}
	v, low = no, free
	each := func(to key) bool {
		one, at := w.ask(to, depth+1, exclusions)
		low = min(low, at)
		if one != no {
			v = one
		}
		return one != yes
	}
	if e.form == direct {
		w.usersets(k.relation, all, each)
	} else {
		w.hops(e.hop, all, each)
	}
	if w.stopped && v != yes {
		return undecided, low
	}
	return v, low
}
