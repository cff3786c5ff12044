package cedar

import (
	"errors"
	"fmt"
	"slices"

	cedargo "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
)

// Entities brings the facts about principals and resources, when a decision
// asks for them. For principal and resource it is asked once.
type Entities interface {
	// Entity returns an entity, and false where nothing is known of it. An error
	// says that it could not be found out, and denies.
	Entity(EntityUID) (Entity, bool, error)
}

// EntityMap is Entities that are all at hand.
type EntityMap map[EntityUID]Entity

// Entity returns the entity of the map.
func (m EntityMap) Entity(uid EntityUID) (Entity, bool, error) {
	e, ok := m[uid]
	return e, ok, nil
}

// Decision is what the policies say to a request. Its zero value denies.
type Decision struct {
	Allowed bool

	set  *Set
	said types.Diagnostic
	err  error
}

// Failure is a policy that could not be evaluated.
type Failure struct {
	Policy *Policy
	Says   string // in Cedar's words
}

// Deciding are the policies that decided: the permits of an allowed request,
// the forbids or the policies that could not be evaluated of a denied one, and
// none where nobody permits.
func (d Decision) Deciding() []*Policy {
	var out []*Policy
	for _, f := range d.Failures() {
		out = append(out, f.Policy)
	}
	if len(out) > 0 || d.err != nil {
		return out
	}
	for _, r := range d.said.Reasons {
		out = append(out, d.set.byID[r.PolicyID])
	}
	return out
}

// Alone returns the policy that decided where it is the only one, and nil otherwise.
func (d Decision) Alone() *Policy {
	if d.err != nil || len(d.said.Errors) > 0 || len(d.said.Reasons) != 1 {
		return nil
	}
	return d.set.byID[d.said.Reasons[0].PolicyID]
}

// Failures are the policies that could not be evaluated. Where there is one the
// request is denied, whatever others say.
func (d Decision) Failures() []Failure {
	var out []Failure
	for _, e := range d.said.Errors {
		out = append(out, Failure{d.set.byID[e.PolicyID], e.Message})
	}
	return out
}

// Err says why there was no decision, so that the request is denied: facts could
// not be found out, or policies could not be evaluated. It is nil where the
// policies decided.
func (d Decision) Err() error {
	if d.err != nil {
		return fmt.Errorf("cedar: deciding: %w", d.err)
	}
	var all []error
	for _, f := range d.Failures() {
		all = append(all, fmt.Errorf("cedar: policy %s at %s cannot be evaluated: %s", f.Policy.ID, f.Policy.Place(), f.Says))
	}
	return errors.Join(all...)
}

// Undecided is the decision about a request of which something could not be found
// out: it denies.
func Undecided(err error) Decision { return Decision{err: err} }

// Decide asks the policies. Who asks again and again for one action on one type
// of resource asks Rules once, and them.
func (s *Set) Decide(r Request, facts Entities) Decision {
	return s.Rules(r.Action, r.Resource.Type).Decide(r, facts)
}

// Decide asks the rules. What is not as the schema says is denied: a request for
// another action or type of resource, a principal that the action is not for, an
// attribute that policies look at and that is missing or of another type, and an
// entity of which nothing is known though its type has required attributes. Facts
// may be nil where no policy asks for any.
func (r *Rules) Decide(q Request, facts Entities) Decision {
	if err := r.request(&q); err != nil {
		return Decision{set: r.set, err: err}
	}
	return r.evaluate(&q, facts, &r.demands)
}

// evaluate is the decision without what is demanded of the request. Without
// demands it is Cedar's own, but that whatever cannot be evaluated denies.
func (r *Rules) evaluate(q *Request, facts Entities, d *demands) Decision {
	l := r.set.lookups.Get().(*lookup)
	l.facts, l.demands = facts, d
	l.kept[0].uid, l.kept[1].uid = q.Principal, q.Resource
	allowed, said := cedargo.Authorize(r.speaking(q.Principal.Type), l, *q)
	err := l.err
	// The entities stay where they are until the next ones come: clearing them costs
	// more than it frees.
	l.facts, l.demands, l.err, l.kept[0].has, l.kept[1].has = nil, nil, nil, false, false
	r.set.lookups.Put(l)
	return Decision{Allowed: bool(allowed) && err == nil && len(said.Errors) == 0, set: r.set, said: said, err: err}
}

// lookup is the library's way to the facts. Actions are the schema's own: what
// is in which group is nobody else's to say.
type lookup struct {
	set     *Set
	facts   Entities
	demands *demands // nil: none
	kept    [2]kept  // principal and resource, which are asked for again and again
	err     error
}

// kept is an entity without its name, which is the one that is asked for.
type kept struct {
	uid              EntityUID
	parents          EntityUIDSet
	attributes, tags Record
	found, has       bool
}

// Get implements cedar-go's EntityGetter, which knows no errors: the first one is
// kept, and denies afterwards.
func (l *lookup) Get(uid EntityUID) (Entity, bool) {
	k := &l.kept[0]
	if k.uid != uid {
		if k = &l.kept[1]; k.uid != uid {
			return l.fetch(uid)
		}
	}
	if !k.has {
		e, found := l.fetch(uid)
		k.parents, k.attributes, k.tags = e.Parents, e.Attributes, e.Tags
		k.found, k.has = found, true
	}
	return Entity{UID: uid, Parents: k.parents, Attributes: k.attributes, Tags: k.tags}, k.found
}

func (l *lookup) fetch(uid EntityUID) (e Entity, found bool) {
	if slices.Contains(l.set.actions.types, uid.Type) {
		e, found = l.set.actions.entities[uid]
		return e, found
	}
	var err error
	if l.facts != nil {
		e, found, err = l.facts.Entity(uid)
		found = found && err == nil
	}
	if err == nil && l.demands != nil {
		err = l.demands.entity(uid, &e, found)
	}
	if err != nil && l.err == nil {
		l.err = err
	}
	return e, found // also where it is not as demanded: so the policy that minds can say so
}
