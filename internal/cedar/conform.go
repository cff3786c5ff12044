package cedar

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
)

// The validator proves that policies are right about facts which are as the
// schema says. Facts that are not make forbids silent: a tenant that is a number
// equals no tenant, a principal that is missing is in no group. So what rules look
// at is checked while they look at it, and what is wrong denies.

// Mistakes of who asks.
var (
	errUnknownPair = errors.New("the schema knows no such action on this type of resource")
	errOtherRules  = errors.New("the rules are those of another action or type of resource")
	errPrincipal   = errors.New("the action is not for principals of this type")
)

// demand is what the schema says about one attribute that rules look at.
type demand struct {
	name     String
	typ      shape
	required bool
}

// shape is what of a type is checked. Of a record that rules look into, it is the
// attributes that they name; of one that they take as a whole, all.
type shape struct {
	kind       Kind       // "" for sets and records
	entity     EntityType // of KindEntity
	element    *shape     // of a set
	attributes []demand   // of a record
	record     bool
	closed     bool // the record has no others
}

// entityDemands are the demands on entities of one type.
type entityDemands struct {
	of         EntityType
	known      bool // it has required attributes: one of which nothing is known is no entity of this type
	attributes []demand
	tags       *shape // nil: nobody looks at them
}

// demands are what the rules demand of requests and facts.
type demands struct {
	principals []EntityType
	context    shape
	entities   []entityDemands
}

// looks is what policies look at, by the names of attributes.
type looks struct {
	names   map[String]bool // that stand in a policy
	whole   map[String]bool // whose values are used, not only looked into
	context bool            // the context's own value is used
	types   []EntityType    // of entities that stand in a policy
}

func looksOf(policies []*Policy) looks {
	l := looks{names: map[String]bool{}, whole: map[String]bool{}}
	for _, p := range policies {
		for _, c := range p.ast().Conditions {
			ast.Inspect(ast.NewNode(c.Body), l.visit)
		}
	}
	return l
}

func (l *looks) visit(n ast.IsNode) bool {
	for first := true; ; first = false {
		switch step := n.(type) {
		case ast.NodeTypeAccess:
			l.names[step.Value] = true
			if first {
				l.whole[step.Value] = true
			}
			n = step.Arg
			continue
		case ast.NodeTypeHas:
			l.names[step.Value] = true
			n = step.Arg
			continue
		case ast.NodeValue:
			if uid, ok := step.Value.(types.EntityUID); ok {
				l.types = append(l.types, uid.Type)
			}
		}
		variable, isVariable := n.(ast.NodeTypeVariable)
		switch {
		case first:
			l.context = l.context || isVariable && variable.Name == "context"
		case !isVariable:
			ast.Inspect(ast.NewNode(n), l.visit)
		}
		return first
	}
}

// demandsOf is what policies demand.
func demandsOf(s *resolved.Schema, key pair, policies []*Policy, tags bool) demands {
	l, out := looksOf(policies), demands{}
	todo := append(l.types, key.resource)
	if to := s.Actions[key.action].AppliesTo; to != nil {
		out.principals = to.Principals
		out.context = l.shape(to.Context, l.context)
		todo = append(append(todo, to.Principals...), mentioned(to.Context)...)
	}
	seen := map[EntityType]bool{}
	for ; len(todo) > 0; todo = todo[1:] {
		e, ok := s.Entities[todo[0]]
		if !ok || seen[e.Name] {
			continue
		}
		seen[e.Name] = true
		d := entityDemands{of: e.Name, attributes: l.demands(e.Shape)}
		for _, a := range e.Shape {
			d.known = d.known || !a.Optional
		}
		if tags && e.Tags != nil {
			all := l.shape(e.Tags, true)
			d.tags = &all
		}
		out.entities = append(out.entities, d)
		todo = append(append(todo, e.ParentTypes...), mentioned(e.Shape, e.Tags)...)
	}
	return out
}

func (l *looks) demands(attributes resolved.RecordType) (out []demand) {
	for name, a := range attributes {
		if l.names[name] {
			out = append(out, demand{name, l.shape(a.Type, l.whole[name]), !a.Optional})
		}
	}
	return out
}

func (l *looks) shape(t resolved.IsType, whole bool) shape {
	switch t := t.(type) {
	case resolved.SetType:
		of := l.shape(t.Element, true)
		return shape{element: &of}
	case resolved.RecordType:
		if !whole {
			return shape{record: true, attributes: l.demands(t)}
		}
		out := shape{record: true, closed: true}
		for name, a := range t {
			out.attributes = append(out.attributes, demand{name, l.shape(a.Type, true), !a.Optional})
		}
		return out
	}
	of := typeOf(t)
	return shape{kind: of.Kind, entity: of.Entity}
}

// mentioned are the entity types in types: what policies may go on to.
func mentioned(in ...resolved.IsType) (out []EntityType) {
	for _, t := range in {
		switch t := t.(type) {
		case resolved.EntityType:
			out = append(out, EntityType(t))
		case resolved.SetType:
			out = append(out, mentioned(t.Element)...)
		case resolved.RecordType:
			for _, a := range t {
				out = append(out, mentioned(a.Type)...)
			}
		}
	}
	return out
}

// request checks all of a request but its facts.
func (r *Rules) request(q *Request) error {
	switch {
	case r.any:
		return errUnknownPair
	case q.Action != r.pair.action || q.Resource.Type != r.pair.resource:
		return errOtherRules
	case !slices.Contains(r.demands.principals, q.Principal.Type):
		return errPrincipal
	}
	return r.context(q.Context)
}

func (r *Rules) context(given Record) error {
	if name, ok := meets(given, r.demands.context.attributes); !ok {
		return fmt.Errorf("context.%s is missing or of another type than the schema says", name)
	}
	if r.demands.context.closed && !r.demands.context.knows(given) {
		return errors.New("the context has attributes that the schema does not know, and a policy uses it as a whole")
	}
	return nil
}

// entity checks an entity that was asked for.
func (d *demands) entity(uid EntityUID, e *Entity, found bool) error {
	for i := range d.entities {
		if d.entities[i].of != uid.Type {
			continue
		}
		want := &d.entities[i]
		if !found {
			if want.known {
				return fmt.Errorf("nothing is known of %s", uid)
			}
			return nil
		}
		if name, ok := meets(e.Attributes, want.attributes); !ok {
			return fmt.Errorf("%s of %s is missing or of another type than the schema says", name, uid)
		}
		if want.tags != nil {
			for name, v := range e.Tags.All() {
				if !want.tags.holds(v) {
					return fmt.Errorf("the tag %s of %s is of another type than the schema says", name, uid)
				}
			}
		}
		return nil
	}
	return nil
}

// meets names the first attribute that is not as demanded.
func meets(given Record, demands []demand) (String, bool) {
	for i := range demands {
		v, ok := given.Get(demands[i].name)
		if ok && !demands[i].typ.holds(v) || !ok && demands[i].required {
			return demands[i].name, false
		}
	}
	return "", true
}

// holds reports whether a value is of the shape.
func (s *shape) holds(v Value) bool {
	switch v := v.(type) {
	case types.String:
		return s.kind == KindString
	case types.Long:
		return s.kind == KindLong
	case types.Boolean:
		return s.kind == KindBool
	case types.EntityUID:
		return s.kind == KindEntity && s.entity == v.Type
	case types.Set:
		return s.element != nil && s.element.holdsAll(v)
	case types.Record:
		_, ok := meets(v, s.attributes)
		return s.record && ok && (!s.closed || s.knows(v))
	case types.Datetime:
		return s.kind == "datetime"
	case types.Duration:
		return s.kind == "duration"
	case types.Decimal:
		return s.kind == "decimal"
	case types.IPAddr:
		return s.kind == "ipaddr"
	}
	return false
}

func (s *shape) holdsAll(set ValueSet) bool {
	for v := range set.All() {
		if !s.holds(v) {
			return false
		}
	}
	return true
}

// knows reports whether a record has no attribute but those of the shape.
func (s *shape) knows(r Record) bool {
	known := 0
	for i := range s.attributes {
		if _, ok := r.Get(s.attributes[i].name); ok {
			known++
		}
	}
	return known == r.Len()
}
