package cedar

import (
	"errors"
	"fmt"
	"slices"

	cedargo "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
)

// Entities brings the facts about principals and resources, when a decision
// asks for them. It is asked for the same entity more than once.
type Entities interface {
	// Entity returns an entity, and false where there is none. An error says
	// that it could not be found out, and denies.
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
	if d.err != nil {
		return nil
	}
	for _, f := range d.Failures() {
		out = append(out, f.Policy)
	}
	if len(out) > 0 {
		return out
	}
	for _, r := range d.said.Reasons {
		out = append(out, d.set.byID[r.PolicyID])
	}
	return out
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

// Decide asks the policies. Who asks again and again for one action on one type
// of resource asks Rules once, and them.
func (s *Set) Decide(r Request, facts Entities) Decision {
	return s.Rules(r.Action, r.Resource.Type).Decide(r, facts)
}

// errOtherRules is a mistake of the caller's, and no decision.
var errOtherRules = errors.New("the rules are those of another action or type of resource")

// Decide asks the rules. A request for another action, or a resource of another
// type, is denied. Facts may be nil where no policy reads any.
func (r *Rules) Decide(q Request, facts Entities) Decision {
	if !r.any && (q.Action != r.pair.action || q.Resource.Type != r.pair.resource) {
		return Decision{set: r.set, err: errOtherRules}
	}
	l := r.set.lookups.Get().(*lookup)
	l.facts, l.err = facts, nil
	allowed, said := cedargo.Authorize(&r.handed, l, q)
	d := Decision{Allowed: bool(allowed) && l.err == nil && len(said.Errors) == 0, set: r.set, said: said, err: l.err}
	l.facts, l.err = nil, nil
	r.set.lookups.Put(l)
	return d
}

// lookup is the library's way to the facts. Actions are the schema's own: what
// is in which group is nobody else's to say.
type lookup struct {
	set   *Set
	facts Entities
	err   error
}

// Get implements cedar-go's EntityGetter, which knows no errors: the first one is
// kept, and denies afterwards.
func (l *lookup) Get(uid EntityUID) (Entity, bool) {
	if slices.Contains(l.set.actions.types, uid.Type) {
		e, ok := l.set.actions.entities[uid]
		return e, ok
	}
	if l.facts == nil {
		return Entity{}, false
	}
	e, ok, err := l.facts.Entity(uid)
	if err != nil && l.err == nil {
		l.err = err
	}
	return e, ok && err == nil
}
