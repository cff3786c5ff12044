package relations

import "slices"

// pending is what was reached on the way from a subject to all that it holds.
type pending struct {
	w     *walk
	queue []key
	seen  map[key]struct{}
}

func (p *pending) push(object entity, r *relation) {
	k := key{object, r}
	if _, ok := p.seen[k]; !ok {
		p.seen[k] = struct{}{}
		p.queue = append(p.queue, k)
	}
}

// tuples pushes what the tuples of a subject lead to.
func (p *pending) tuples(subject entity, kind symbol, everybody bool, userset *relation) error {
	all, err := p.w.reader.backward(subject)
	if err != nil {
		return err
	}
	var name symbol
	if userset != nil {
		name = userset.name
	}
	for _, b := range sharing(all, name) {
		if !p.w.look(1) {
			return p.w.cause
		}
		relation, object := b.object()
		if r := p.w.bound.byNumber[[2]symbol{p.w.reader.kind(object), relation}]; r != nil && r.isDirect && r.takes(kind, everybody, userset) {
			p.push(object, r)
		}
	}
	return nil
}

// sharing returns the tuples whose subject is an object, for 0, or who has the
// relation to it.
func sharing(all []backward, subjects symbol) []backward {
	first, _ := slices.BinarySearch(all, backwardOf(subjects, 0, 0))
	last, _ := slices.BinarySearch(all, backwardOf(subjects, 1<<16-1, 1<<32-1))
	return all[first:last]
}

// spread pushes what one key leads to.
func (p *pending) spread(k key) error {
	if !p.w.look(1) {
		return p.w.cause
	}
	for _, r := range p.w.bound.computedBy[k.relation] {
		p.push(k.object, r)
	}
	if k.object == nobody {
		return nil
	}
	if err := p.tuples(k.object, k.relation.kind, false, k.relation); err != nil {
		return err
	}
	hops := p.w.bound.hopBy[k.relation]
	if len(hops) == 0 {
		return nil
	}
	all, err := p.w.reader.backward(k.object)
	if err != nil {
		return err
	}
	for _, b := range sharing(all, 0) {
		if !p.w.look(1) {
			return p.w.cause
		}
		relation, object := b.object()
		for _, h := range hops {
			if h.through.name == relation && h.relation.kind == p.w.reader.kind(object) {
				p.push(object, h.relation)
			}
		}
	}
	return nil
}

// candidates returns all keys that the subject could hold if nothing were excluded and
// every intersection were a union. Of monotone relations it holds exactly those.
func (w *walk) candidates() ([]key, error) {
	p := &pending{w: w, seen: map[key]struct{}{}}
	switch {
	case w.who.userset != nil:
		p.push(w.who.entity, w.who.userset)
	case w.who.entity != nobody:
		if err := p.tuples(w.who.entity, w.who.kind, w.who.everybody, nil); err != nil {
			return nil, err
		}
	}
	if w.who.star != nobody && !w.who.everybody && w.who.userset == nil {
		if err := p.tuples(w.who.star, w.who.kind, true, nil); err != nil {
			return nil, err
		}
	}
	first := 0
	for depth := 0; first < len(p.queue); depth++ {
		if depth > w.limits.Depth {
			return nil, ErrTooDeep
		}
		for last := len(p.queue); first < last; first++ {
			if err := p.spread(p.queue[first]); err != nil {
				return nil, err
			}
		}
	}
	return p.queue, nil
}

// list returns the ids of every object with which the subject has the relation, most
// at most.
func (w *walk) list(r *relation, id string, most int) ([]string, error) {
	all, err := w.candidates()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, k := range all {
		if k.relation != r {
			continue
		}
		v := yes
		if !r.monotone {
			v, _ = w.ask(k, 0, 0)
		}
		switch {
		case v == undecided:
			return nil, w.cause
		case v == no:
			continue
		case len(ids) == most:
			return nil, ErrTooMany
		case k.object == nobody:
			ids = append(ids, id)
		default:
			ids = append(ids, w.reader.id(k.object))
		}
	}
	slices.Sort(ids)
	return ids, nil
}
