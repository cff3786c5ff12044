package cedar

import (
	"iter"
	"slices"

	cedargo "github.com/cedar-policy/cedar-go"
	publicast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
)

// pair is what the index knows rules by.
type pair struct {
	action   EntityUID
	resource EntityType
}

// Rules are the policies of a Set that can speak when one action is asked for
// on one type of resource.
type Rules struct {
	set      *Set
	pair     pair
	any      bool // for what the schema does not know: every policy, and no decision
	policies []*Policy
	handed   handed   // whoever asks
	by       []asking // by the types of who may ask
	reads    Reads
	demands  demands
}

// asking is what of the rules can speak where a principal of one type asks.
type asking struct {
	principal EntityType
	handed    handed
}

// handed is how the library is given policies (its PolicyIterator). The function
// is made at load, so that a decision does not make one.
type handed struct {
	each iter.Seq2[cedargo.PolicyID, *cedargo.Policy]
}

// All returns the function.
func (h *handed) All() iter.Seq2[cedargo.PolicyID, *cedargo.Policy] { return h.each }

// hand makes it of policies, each in the form that it is to be evaluated in.
func hand(policies []*Policy, form func(*Policy) *cedargo.Policy) handed {
	forms := make([]*cedargo.Policy, len(policies))
	for i, p := range policies {
		forms[i] = form(p)
	}
	return handed{func(yield func(cedargo.PolicyID, *cedargo.Policy) bool) {
		for i, p := range policies {
			if !yield(cedargo.PolicyID(p.ID), forms[i]) {
				return
			}
		}
	}}
}

// speaking returns what is evaluated where a principal of a type asks.
func (r *Rules) speaking(principal EntityType) *handed {
	for i := range r.by {
		if r.by[i].principal == principal {
			return &r.by[i].handed
		}
	}
	return &r.handed
}

// Policies are the policies of the rules, in the order of their sources.
func (r *Rules) Policies() []*Policy { return slices.Clone(r.policies) }

// Rules finds the policies for an action on a type of resource. For a pair that
// the schema does not know they are all policies of the set, and whatever they
// are asked is denied.
func (s *Set) Rules(action EntityUID, resource EntityType) *Rules {
	if r, ok := s.rules[pair{action, resource}]; ok {
		return r
	}
	return s.all
}

// About leaves of rules those that can speak of one resource: policies whose scope
// names another one are not asked.
func (r *Rules) About(resource EntityUID) *Rules {
	if r.any {
		return r
	}
	fit := slices.DeleteFunc(slices.Clone(r.policies), func(p *Policy) bool {
		uid, named := p.Resource()
		return named && uid != resource
	})
	return r.set.newRules(r.pair, fit)
}

// Resource returns the one resource that a policy's scope names, and false where it
// names none.
func (p *Policy) Resource() (EntityUID, bool) {
	eq, ok := p.ast().Resource.(ast.ScopeTypeEq)
	return eq.Entity, ok
}

// Entities returns the entities that a policy names, in its scope and its conditions.
func (p *Policy) Entities() (list []EntityUID) {
	a := p.ast()
	for _, scope := range [...]ast.IsScopeNode{a.Principal, a.Action, a.Resource} {
		switch s := scope.(type) {
		case ast.ScopeTypeEq:
			list = append(list, s.Entity)
		case ast.ScopeTypeIn:
			list = append(list, s.Entity)
		case ast.ScopeTypeIsIn:
			list = append(list, s.Entity)
		case ast.ScopeTypeInSet:
			list = append(list, s.Entities...)
		}
	}
	for _, c := range a.Conditions {
		ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool {
			if v, ok := n.(ast.NodeValue); ok {
				list = append(list, entitiesIn(v.Value)...)
			}
			return true
		})
	}
	return list
}

// entitiesIn returns the entities in a value.
func entitiesIn(v Value) (list []EntityUID) {
	switch v := v.(type) {
	case EntityUID:
		list = append(list, v)
	case ValueSet:
		for e := range v.All() {
			list = append(list, entitiesIn(e)...)
		}
	case Record:
		for _, e := range v.All() {
			list = append(list, entitiesIn(e)...)
		}
	}
	return list
}

func (s *Set) index() {
	s.rules = map[pair]*Rules{}
	s.all = s.newRules(pair{}, s.policies)
	s.all.any = true
	named := map[EntityUID][]*Policy{} // what may speak of an action, whatever the type
	for _, p := range s.policies {
		for _, a := range s.actions.under(p.ast().Action) {
			named[a] = append(named[a], p)
		}
	}
	for uid, a := range s.schema.Actions {
		if a.AppliesTo == nil {
			continue
		}
		for _, t := range a.AppliesTo.Resources {
			var fit []*Policy
			for _, p := range named[uid] {
				if mayBe(p.ast().Resource, t) {
					fit = append(fit, p)
				}
			}
			key := pair{uid, t}
			s.rules[key] = s.newRules(key, fit)
		}
	}
}

func (s *Set) newRules(key pair, policies []*Policy) *Rules {
	r := &Rules{set: s, pair: key, policies: policies, handed: hand(policies, (*Policy).written), reads: read(policies)}
	r.demands = demandsOf(s.schema, key, policies, len(r.reads.Tags) > 0)
	for _, t := range r.demands.principals {
		var fit []*Policy
		for _, p := range policies {
			if mayBe(p.ast().Principal, t) {
				fit = append(fit, p)
			}
		}
		r.by = append(r.by, asking{t, hand(fit, (*Policy).indexed)})
	}
	return r
}

// written is the policy as it was written.
func (p *Policy) written() *cedargo.Policy { return p.compiled }

// indexed is the policy without what the index has settled where it hands it over:
// the scope of the action, and the types of principal and resource. That is more than
// a third of what the evaluation of a short policy costs.
func (p *Policy) indexed() *cedargo.Policy {
	if p.settled != nil {
		return p.settled
	}
	p.settled = p.compiled
	a := *p.ast()
	a.Action = ast.ScopeTypeAll{}
	switch s := a.Principal.(type) {
	case ast.ScopeTypeIs:
		a.Principal = ast.ScopeTypeAll{}
	case ast.ScopeTypeIsIn:
		a.Principal = ast.ScopeTypeIn{Entity: s.Entity}
	}
	switch s := a.Resource.(type) {
	case ast.ScopeTypeIs:
		a.Resource = ast.ScopeTypeAll{}
	case ast.ScopeTypeIsIn:
		a.Resource = ast.ScopeTypeIn{Entity: s.Entity}
	}
	if was := p.ast(); a.Action != was.Action || a.Principal != was.Principal || a.Resource != was.Resource {
		p.settled = cedargo.NewPolicyFromAST((*publicast.Policy)(&a))
	}
	return p.settled
}

// mayBe reports whether a policy's scope can hold for entities of a type. What an
// entity is in is data, which the schema does not prove: `in` may be any.
func mayBe(scope ast.IsScopeNode, t EntityType) bool {
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		return s.Entity.Type == t
	case ast.ScopeTypeIs:
		return s.Type == t
	case ast.ScopeTypeIsIn:
		return s.Type == t
	}
	return true
}

// actions are the actions of a schema as entities: what is in which group.
type actions struct {
	entities map[EntityUID]Entity
	types    []EntityType
}

func readActions(s *resolved.Schema) actions {
	out := actions{entities: map[EntityUID]Entity{}}
	for uid, a := range s.Actions {
		out.entities[uid] = a.Entity
		if !slices.Contains(out.types, uid.Type) {
			out.types = append(out.types, uid.Type)
		}
	}
	return out
}

// under are the actions for which a policy's scope holds.
func (a actions) under(scope ast.IsActionScopeNode) (out []EntityUID) {
	var targets []EntityUID
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		return []EntityUID{s.Entity}
	case ast.ScopeTypeIn:
		targets = []EntityUID{s.Entity}
	case ast.ScopeTypeInSet:
		targets = s.Entities
	}
	_, all := scope.(ast.ScopeTypeAll)
	for uid := range a.entities {
		if all || slices.ContainsFunc(targets, func(t EntityUID) bool { return a.in(uid, t) }) {
			out = append(out, uid)
		}
	}
	return out
}

// in reports whether an action is a group's, or the group itself. Groups form
// no cycle: the schema would not have resolved.
func (a actions) in(uid, group EntityUID) bool {
	if uid == group {
		return true
	}
	for parent := range a.entities[uid].Parents.All() {
		if a.in(parent, group) {
			return true
		}
	}
	return false
}
