package graphql

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/store"
)

// errNotRecorded is returned when an object was made and its owner is not known to be
// recorded: whose it is must not be left to a later guess.
var errNotRecorded = errors.New("graphql: whose the new object is could not be recorded")

// madeKey is the response key under which a payload's new object is asked for.
const madeKey = reservedPrefix + "made_"

// learning notes which fields return new objects whose owners are recorded, and what
// has to be selected for it.
func (s *schema) learning(c *Config) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Objects)) {
		r := s.types[name].rule
		if !r.learn {
			continue
		}
		makes := false
		for _, of := range slices.Sorted(maps.Keys(s.types)) {
			t := s.types[of]
			for _, field := range slices.Sorted(maps.Keys(t.fields)) {
				f := t.fields[field]
				if !slices.ContainsFunc(f.acts, func(a act) bool { return a.rule == r && a.action == create }) {
					continue
				}
				makes = true
				errs = append(errs, s.learned(f, r))
			}
		}
		if !makes {
			errs = append(errs, &gatehouse.Fault{Key: "objects." + name + ".create", Says: "nothing makes objects of the type " + name, Fix: "create: {operation: Mutation.make" + name + ", learn: response.id}"})
		}
	}
	return errors.Join(errs...)
}

// learned notes that a field returns a new object: as its value, or in a payload.
func (s *schema) learned(f *field, r *rule) error {
	f.makes = append(f.makes, r)
	if slices.Contains(f.out.possible, r.of) {
		return nil
	}
	var in []string
	if f.out.composite && !f.out.abstract {
		for _, name := range slices.Sorted(maps.Keys(f.out.fields)) {
			m := f.out.fields[name]
			if m.out == r.of && !slices.ContainsFunc(m.def.Arguments, func(a *ast.ArgumentDefinition) bool { return a.Type.NonNull && a.DefaultValue == nil }) {
				in = append(in, name)
			}
		}
	}
	if len(in) != 1 {
		return &gatehouse.Fault{Key: "objects." + r.of.name + ".create.learn", Says: fmt.Sprintf("%s.%s makes a %s, and what it returns has %d fields of that type: which one is new is not known", f.of.name, f.name, r.of.name, len(in)),
			Fix: "one such field in " + f.out.name + ", or no learn"}
	}
	f.made = strings.TrimSpace(f.made + " " + madeKey + r.of.name + ":" + in[0] + "{" + r.of.injection() + "}")
	return nil
}

// learner finds the new objects of a reply.
type learner struct {
	d     *jsonwalk.Doc
	found []madeOne
	lost  bool // something new does not say which it is, or whose
}

type madeOne struct {
	rule *rule
	node int
}

// walk looks at every member that holds something new.
func (l *learner) walk(n int, s *shape) {
	if !s.makes {
		return
	}
	switch l.d.Kind(n) {
	case jsonwalk.Array:
		for c, end := n+1, l.d.Next(n); c < end; c = l.d.Next(c) {
			l.walk(c, s)
		}
	case jsonwalk.Object:
		for c, end := n+1, l.d.Next(n); c < end; c = l.d.Next(c) {
			m := s.member(l.d.Name(c))
			if m == nil {
				continue
			}
			for _, r := range m.makes {
				l.made(c, r)
			}
			if m.of != nil {
				l.walk(c, m.of)
			}
		}
	}
}

// made notes what a new value is: an object, a list of such, or a payload with one.
func (l *learner) made(n int, r *rule) {
	switch l.d.Kind(n) {
	case jsonwalk.Null:
	case jsonwalk.Array:
		for c, end := n+1, l.d.Next(n); c < end; c = l.d.Next(c) {
			l.made(c, r)
		}
	case jsonwalk.Object:
		if in := l.d.Member(n, madeKey+r.of.name); in != jsonwalk.Missing {
			l.made(in, r)
			return
		}
		at := l.d.Member(n, typeKey)
		switch {
		case at == jsonwalk.Missing || l.d.Kind(at) != jsonwalk.String:
			l.lost = true
		case string(l.d.Text(at)) == r.of.name:
			l.found = append(l.found, madeOne{r, n})
		}
	default:
		l.lost = true
	}
}

// learn records whose the new objects of a reply are, before a byte of it leaves.
func (k *check) learn(ctx context.Context, x *gatehouse.Exchange, a *asked, d *jsonwalk.Doc) (*refusal, error) {
	if !k.learns || !slices.ContainsFunc(a.list, func(o asking) bool { return o.op.reply.makes }) {
		return nil, nil
	}
	l := learner{d: d}
	for i := range a.list {
		node := 0
		if a.batch {
			if node = elementOf(d, i); node == jsonwalk.Missing {
				l.lost = true
				break
			}
		}
		if d.Kind(node) != jsonwalk.Object {
			l.lost = true
			break
		}
		if data := d.Member(node, "data"); data != jsonwalk.Missing {
			l.walk(data, a.list[i].op.reply)
		}
	}
	var refusal *refusal
	for _, one := range l.found {
		why, err := k.record(ctx, x, d, one)
		if err != nil {
			return nil, err
		}
		if why != nil {
			refusal = why
		}
	}
	if l.lost {
		k.lost(x, a)
		return refuse(unverifiable, "the reply does not say which object is new"), nil
	}
	return refusal, nil
}

// elementOf returns the i-th element of the reply, which is an array.
func elementOf(d *jsonwalk.Doc, i int) int {
	if d.Kind(0) != jsonwalk.Array {
		return jsonwalk.Missing
	}
	for c, end := 1, d.Next(0); c < end; c = d.Next(c) {
		if i--; i < 0 {
			return c
		}
	}
	return jsonwalk.Missing
}

// record puts one new object into our own map of owners.
func (k *check) record(ctx context.Context, x *gatehouse.Exchange, d *jsonwalk.Doc, one madeOne) (*refusal, error) {
	r, who := one.rule, x.Principal
	if who == nil || who.ID == "" {
		return refuse(notAllowed, r.of.name), nil
	}
	id := r.idIn(d, one.node)
	if id == "" {
		k.gone(x, r, "")
		return refuse(unverifiable, "a new "+r.of.name+" does not say which it is"), nil
	}
	owner := who.ID
	if r.tenant != nil {
		if same(d, find(d, d.Member(one.node, r.tenantAt), r.tenant), who.Tenant) != own {
			k.gone(x, r, id)
			return refuse(unverifiable, "a new "+r.of.name+" is another tenant's"), nil
		}
	}
	if r.owner != nil {
		at := find(d, d.Member(one.node, r.ownerAt), r.owner)
		if said := same(d, at, who.ID); said != own {
			// A role may make objects for others inside its tenant.
			if _, others := r.stands(who, create); !others || said == unclear || d.Kind(at) == jsonwalk.Null {
				k.gone(x, r, id)
				return refuse(unverifiable, "a new "+r.of.name+" is not its maker's"), nil
			}
			owner = string(d.Text(at))
		}
	}
	e := store.Owner{Kind: r.kind, ID: id, Owner: strings.Clone(owner), Tenant: who.Tenant, Author: "gateway", At: x.At}
	switch err := k.owners.Claim(ctx, e); {
	case errors.Is(err, store.ErrExists):
		return refuse(unverifiable, "the reply names somebody else's "+r.of.name+" as new"), nil
	case err != nil:
		k.gone(x, r, id)
		return nil, errors.Join(errNotRecorded, err)
	}
	return nil, nil
}

// lost tells the operators of objects that may exist and belong to nobody.
func (k *check) lost(x *gatehouse.Exchange, a *asked) {
	if !k.learns || x.Response.Own {
		return
	}
	for i := range a.list {
		for _, t := range a.list[i].op.touches {
			if t.act.action == create && t.act.rule.learn {
				k.gone(x, t.act.rule, "")
			}
		}
	}
}

// gone tells them of one: the log has what is needed to set its owner.
func (k *check) gone(x *gatehouse.Exchange, r *rule, id string) {
	if k.log == nil || x.Principal == nil {
		return
	}
	k.log.Error("an object was made whose owner is not recorded: gatehouse owners set", "object", r.kind, "id", strings.Clone(id), "owner", x.Principal.ID, "tenant", x.Principal.Tenant)
}

// forget takes objects that were deleted out of our own map: an id that is used again
// is somebody else's.
func (k *check) forget(ctx context.Context, a *asked) error {
	var failed error
	for i := range a.touched {
		t := &a.touched[i]
		if t.action != remove || !t.rule.mapped && !t.rule.learn {
			continue
		}
		if err := k.owners.Forget(ctx, t.rule.kind, t.id); err != nil && !errors.Is(err, store.ErrNotFound) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// deny is the verdict of a refusal.
func deny(why *refusal) gatehouse.Verdict {
	if why == nil {
		return gatehouse.Verdict{}
	}
	return gatehouse.Deny(why.answer).Because(why.because)
}
