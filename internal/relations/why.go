package relations

import (
	"context"
	"fmt"
	"strings"
)

// Reason is how an answer came about.
type Reason struct {
	Answer
	// Ways are the ways from the object to the subject that together make the answer
	// yes, such as "doc:1#editor -> workspace:3#member -> user:anne": one, and one for
	// each part of an `and`. What `but not` did not take away is a way that begins with
	// "not ". Of an answer that is no there is none.
	Ways []string
}

// Why answers like [Engine.Check] and says how the answer came about. It looks at more
// than a check does, and may be too wide where that is not.
func (e *Engine) Why(ctx context.Context, at Revision, s Subject, relation string, o Object) (Reason, error) {
	a, err := e.Check(ctx, at, s, relation, o)
	if err != nil || !a.Held {
		return Reason{Answer: a}, err
	}
	from, err := e.at(ctx, a.At)
	if err != nil {
		return Reason{}, err
	}
	q, err := e.ask(from, s, relation, o.Type)
	if err == nil {
		err = q.find(from, s, o)
	}
	if err != nil {
		return Reason{}, err
	}
	w := e.begin(ctx, from, &e.list, q.who)
	defer e.end(w)
	w.plain = true
	x := &explainer{w, s, o}
	ways := x.ways(key{q.object, q.relation}, 0, 0)
	if w.stopped {
		return Reason{}, fmt.Errorf("relations: explaining: %w", w.cause)
	}
	return Reason{Answer: a, Ways: ways}, nil
}

// explainer walks a way that leads to yes once more, and writes it down. No key is
// entered that is on the way already, so that it ends.
type explainer struct {
	w       *walk
	subject Subject
	object  Object
}

func (x *explainer) shown(k key) string {
	id := x.object.ID
	if k.object < nothing {
		id = x.w.reader.id(k.object)
	}
	return k.relation.named.kind + ":" + id + "#" + k.relation.named.relation
}

// ways returns how a key that is held is held.
func (x *explainer) ways(k key, depth, exclusions int) []string {
	if x.w.itself(k) {
		return []string{x.shown(k)}
	}
	x.w.path = append(x.w.path, step{k, exclusions})
	tails := x.tails(k, k.relation.expr, depth, exclusions)
	x.w.path = x.w.path[:len(x.w.path)-1]
	for i, t := range tails {
		if !strings.HasPrefix(t, "not ") {
			tails[i] = x.shown(k) + " -> " + t
		}
	}
	return tails
}

func (x *explainer) tails(k key, e *expr, depth, exclusions int) (out []string) {
	next := func(to key) bool {
		if v, _ := x.w.ask(to, depth+1, exclusions); v != yes {
			return true
		}
		out = x.ways(to, depth+1, exclusions)
		return false
	}
	switch e.form {
	case computed:
		return x.ways(key{k.object, e.computed}, depth+1, exclusions)
	case direct, fromOther:
		all, err := x.w.reader.forward(k.object)
		switch {
		case err != nil:
			x.w.stop(err)
		case e.form == fromOther:
			x.w.hops(e.hop, all, next)
		case x.w.assigned(k, all):
			return []string{x.holder(k, all)}
		default:
			x.w.usersets(k.relation, all, next)
		}
		return out
	case exclusion:
		return append(x.tails(k, e.parts[0], depth, exclusions), "not "+x.excluded(k, e.parts[1]))
	}
	for _, p := range e.parts {
		if v, _ := x.w.eval(k, p, depth, exclusions); v != yes {
			continue
		}
		out = append(out, x.tails(k, p, depth, exclusions)...)
		if e.form == union {
			break
		}
	}
	return out
}

// holder returns the subject, or everybody where no tuple names it.
func (x *explainer) holder(k key, all []forward) string {
	star := x.w.who.star
	x.w.who.star = nobody
	named := x.w.assigned(k, all)
	x.w.who.star = star
	if named {
		return x.subject.String()
	}
	return Subject{x.subject.Type, Everybody, ""}.String()
}

func (x *explainer) excluded(k key, e *expr) string {
	if e.form == computed {
		return x.shown(key{k.object, e.computed})
	}
	return "what is excluded from " + x.shown(k)
}
