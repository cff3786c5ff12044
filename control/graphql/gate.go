package graphql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// mark notes which places of a reply hold objects that have a rule.
func (s *shape) mark(done map[*shape]bool) {
	if done[s] {
		return
	}
	done[s] = true
	s.guarded = slices.ContainsFunc(s.types, func(t *typ) bool {
		return slices.ContainsFunc(t.possible, func(p *typ) bool { return p.rule != nil })
	})
	for i := range s.members {
		if of := s.members[i].of; of != nil {
			of.mark(done)
			s.makes = s.makes || of.makes || len(s.members[i].makes) > 0
		}
	}
}

// outcome is what comparing an object with the caller gave.
type outcome uint8

const (
	own outcome = iota
	foreignObject
	unclear // the reply does not say whose it is
)

// reading is the memory for one reply that is judged.
type reading struct {
	d    *jsonwalk.Doc
	who  *gatehouse.Principal
	ask  *asker // nil where no policy speaks of objects
	cut  []int  // members and elements that do not leave
	null []int  // values that leave as null
	why  *refusal
	out  []byte

	failed      bool // some result has errors, or no data
	cuts, nulls int  // how many of cut and null were met while writing
}

// release judges a reply before a byte of it leaves: every object by its own rule,
// wherever it stands. What was added to the request is taken out again.
func (k *check) release(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	res := &x.Response
	a := borrow(x)
	if res.Own {
		return gatehouse.Pass, nil
	}
	if why := readable(res); why != "" {
		k.lost(x, a)
		return gatehouse.Deny(unverifiable).Because(why), nil
	}
	d, err := jsonwalk.Of(&res.Parsed, res.Body, limits)
	if err != nil {
		k.lost(x, a)
		return gatehouse.Deny(unverifiable).Because("the reply is not one JSON document"), nil
	}
	if why, err := k.learn(ctx, x, a, d); why != nil || err != nil {
		return deny(why), err
	}
	r, ok := k.readings.Get().(*reading)
	if !ok {
		r = new(reading)
	}
	defer k.readings.Put(r)
	r.d, r.who, r.why, r.ask = d, x.Principal, nil, k.asker(ctx, x)
	r.cut, r.null, r.out = r.cut[:0], r.null[:0], r.out[:0]
	r.cuts, r.nulls, r.failed = 0, 0, false
	if !k.answers(r, a) {
		r.d, r.who, r.ask = nil, nil, nil
		return gatehouse.Deny(r.why.answer).Because(r.why.because), nil
	}
	r.d, r.who, r.ask = nil, nil, nil
	if !r.failed {
		if err := k.forget(ctx, a); err != nil {
			return gatehouse.Verdict{}, fmt.Errorf("graphql: forgetting what was deleted: %w", err)
		}
	}
	res.Body = append(res.Body[:0], r.out...)
	res.Changed()
	res.Fields.Del("accept-ranges")
	res.Fields.Del("last-modified")
	return verified, nil
}

func readable(res *gatehouse.Response) string {
	switch {
	case res.BodyTooLarge:
		return "the reply is too large to be looked at"
	case res.Fields.Encoded():
		return "the reply is encoded"
	}
	return ""
}

// answers judges and writes the results of a request's operations.
func (k *check) answers(r *reading, a *asked) bool {
	if !a.batch {
		return len(a.list) == 1 && k.result(r, 0, a.list[0].op) || r.refuse(unverifiable, "the reply is not a result")
	}
	if r.d.Kind(0) != jsonwalk.Array || r.d.Count(0) != len(a.list) {
		return r.refuse(unverifiable, "the reply is not as many results as there are operations")
	}
	r.out = append(r.out, '[')
	i := 0
	for c, end := 1, r.d.Next(0); c < end; c = r.d.Next(c) {
		if i > 0 {
			r.out = append(r.out, ',')
		}
		if !k.result(r, c, a.list[i].op) {
			return r.refuse(unverifiable, "the reply is not a result")
		}
		i++
	}
	r.out = append(r.out, ']')
	return true
}

// refuse notes why the reply does not leave, unless something is noted already.
func (r *reading) refuse(a *gatehouse.Answer, because string) bool {
	if r.why == nil {
		r.why = refuse(a, because)
	}
	return false
}

// result judges one result (GraphQL section 7.1) and writes what is left of it: data
// and errors.
func (k *check) result(r *reading, node int, op *operation) bool {
	d := r.d
	if d.Kind(node) != jsonwalk.Object {
		return false
	}
	data, errs := d.Member(node, "data"), d.Member(node, "errors")
	if data == jsonwalk.Missing && errs == jsonwalk.Missing {
		return false
	}
	r.failed = r.failed || errs != jsonwalk.Missing || data == jsonwalk.Missing || d.Kind(data) == jsonwalk.Null
	first := len(r.out)
	r.out = append(r.out, '{')
	if data != jsonwalk.Missing {
		if d.Kind(data) != jsonwalk.Null && !r.value(data, op.reply, member{}) {
			return false
		}
		slices.Sort(r.cut)
		slices.Sort(r.null)
		r.out = append(r.out, `"data":`...)
		r.write(data)
	}
	if errs != jsonwalk.Missing && d.Kind(errs) == jsonwalk.Array {
		if len(r.out) > first+1 {
			r.out = append(r.out, ',')
		}
		r.out = append(r.out, `"errors":`...)
		r.errors(errs, k.max.Errors == "pass")
	}
	r.out = append(r.out, '}')
	return true
}

// value judges what stands at a node: an object, or lists of such.
func (r *reading) value(n int, s *shape, m member) bool {
	d := r.d
	switch d.Kind(n) {
	case jsonwalk.Null:
		return true
	case jsonwalk.Array:
		for c, end := n+1, d.Next(n); c < end; c = d.Next(c) {
			if !r.value(c, s, member{inList: true}) {
				return false
			}
		}
		return true
	case jsonwalk.Object:
		return r.object(n, s, m)
	}
	return r.refuse(unverifiable, "a value stands where an object should")
}

func (r *reading) object(n int, s *shape, m member) bool {
	d := r.d
	if s.guarded {
		rule, found, why := r.compare(n, s, m.inList)
		switch {
		case found == unclear:
			return r.refuse(unverifiable, said("the reply does not say whose an object is", why))
		case found == own:
		case m.inList && rule.drop:
			r.cut = append(r.cut, n)
			return true
		case rule.hide && m.nullable:
			r.null = append(r.null, n)
			return true
		case rule.hide:
			return r.refuse(notFound, said(rule.of.name, why))
		default:
			return r.refuse(foreign, said(rule.of.name, why))
		}
	}
	for c, end := n+1, d.Next(n); c < end; c = d.Next(c) {
		name := d.Name(c)
		if strings.HasPrefix(string(name), reservedPrefix) {
			r.cut = append(r.cut, c)
			continue
		}
		of := s.member(name)
		if of == nil {
			return r.refuse(unverifiable, "the reply holds what was not asked for")
		}
		if of.of != nil && !r.value(c, of.of, *of) {
			return false
		}
	}
	return true
}

// member returns the member of that response key, or nil.
func (s *shape) member(key []byte) *member {
	for i := range s.members {
		if s.members[i].key == string(key) {
			return &s.members[i]
		}
	}
	return nil
}

// compare compares the object at a node with the caller, by the rule of its type.
func (r *reading) compare(n int, s *shape, inList bool) (of *rule, found outcome, why string) {
	d := r.d
	at := d.Member(n, typeKey)
	if at == jsonwalk.Missing || d.Kind(at) != jsonwalk.String {
		return nil, unclear, ""
	}
	var t *typ
	for _, of := range s.types {
		for _, p := range of.possible {
			if p.name == string(d.Text(at)) {
				t = p
			}
		}
	}
	if t == nil {
		return nil, unclear, ""
	}
	if t.rule == nil {
		return nil, own, "" // the schema says that nothing is demanded of these
	}
	by := t.rule.acts[read]
	if inList {
		by = t.rule.list
	}
	found, why = t.rule.decideBy(by, r.ask, d, n, r.who, read)
	return t.rule, found, why
}

// stands reports what a caller may do with objects of the type: with its own, and
// with those of others.
func (r *rule) stands(who *gatehouse.Principal, a action) (ownOnes, others bool) {
	if who == nil || who.ID == "" || r.tenant != nil && who.Tenant == "" {
		return false, false
	}
	return r.owners[a] && !who.IsClient(), slices.ContainsFunc(r.roles[a], who.HasRole)
}

// judge compares an object that a reply holds with the caller.
func (r *rule) judge(d *jsonwalk.Doc, n int, who *gatehouse.Principal, a action) outcome {
	ownOnes, others := r.stands(who, a)
	if !ownOnes && !others {
		return foreignObject
	}
	if r.tenant != nil {
		if o := same(d, find(d, d.Member(n, r.tenantAt), r.tenant), who.Tenant); o != own {
			return o
		}
	}
	if r.owner == nil || others {
		return own
	}
	return same(d, find(d, d.Member(n, r.ownerAt), r.owner), who.ID)
}

// find follows a path, whose first step was renamed.
func find(d *jsonwalk.Doc, n int, path []string) int {
	for _, name := range path[1:] {
		if n == jsonwalk.Missing || d.Kind(n) == jsonwalk.Null {
			return n
		}
		if d.Kind(n) != jsonwalk.Object {
			return jsonwalk.Missing
		}
		n = d.Member(n, name)
	}
	return n
}

// same compares an id exactly: text by its characters, a number by its digits.
// Nobody's is not the caller's.
func same(d *jsonwalk.Doc, n int, id string) outcome {
	if n == jsonwalk.Missing {
		return unclear
	}
	switch d.Kind(n) {
	case jsonwalk.Null:
		return foreignObject
	case jsonwalk.String, jsonwalk.Number:
		if string(d.Text(n)) == id {
			return own
		}
		return foreignObject
	}
	return unclear
}
