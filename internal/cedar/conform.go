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
	typ      resolved.IsType
	required bool
}

// entityDemands are the demands on entities of one type.
type entityDemands struct {
	of         EntityType
	known      bool // it has required attributes: one of which nothing is known is no entity of this type
	attributes []demand
	tags       resolved.IsType // nil: nobody looks at them
}

// demands are what the rules demand of requests and facts.
type demands struct {
	principals []EntityType
	context    []demand
	entities   []entityDemands
}

// demandsOf collects what policies look at, by the names they use.
func demandsOf(s *resolved.Schema, key pair, policies []*Policy, tags bool) demands {
	names, todo := map[String]bool{}, []EntityType{key.resource}
	for _, p := range policies {
		for _, c := range p.ast().Conditions {
			ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool {
				switch n := n.(type) {
				case ast.NodeTypeAccess:
					names[n.Value] = true
				case ast.NodeTypeHas:
					names[n.Value] = true
				case ast.NodeValue:
					if uid, ok := n.Value.(types.EntityUID); ok {
						todo = append(todo, uid.Type)
					}
				}
				return true
			})
		}
	}
	out := demands{}
	if to := s.Actions[key.action].AppliesTo; to != nil {
		out.principals = to.Principals
		out.context, _ = demandsIn(to.Context, names)
		todo = append(append(todo, to.Principals...), mentioned(to.Context)...)
	}
	seen := map[EntityType]bool{}
	for ; len(todo) > 0; todo = todo[1:] {
		e, ok := s.Entities[todo[0]]
		if !ok || seen[e.Name] {
			continue
		}
		seen[e.Name] = true
		d := entityDemands{of: e.Name}
		d.attributes, d.known = demandsIn(e.Shape, names)
		if tags {
			d.tags = e.Tags
		}
		out.entities = append(out.entities, d)
		todo = append(append(todo, e.ParentTypes...), mentioned(e.Shape, e.Tags)...)
	}
	return out
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

func demandsIn(shape resolved.RecordType, names map[String]bool) (out []demand, required bool) {
	for name, a := range shape {
		required = required || !a.Optional
		if names[name] {
			out = append(out, demand{name, a.Type, !a.Optional})
		}
	}
	return out, required
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
	if name, ok := meets(given, r.demands.context); !ok {
		return fmt.Errorf("context.%s is missing or of another type than the schema says", name)
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
				if !conforms(v, want.tags) {
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
		if ok && !conforms(v, demands[i].typ) || !ok && demands[i].required {
			return demands[i].name, false
		}
	}
	return "", true
}

// conforms reports whether a value is of a type.
func conforms(v Value, t resolved.IsType) bool {
	switch v := v.(type) {
	case types.String:
		_, ok := t.(resolved.StringType)
		return ok
	case types.Long:
		_, ok := t.(resolved.LongType)
		return ok
	case types.Boolean:
		_, ok := t.(resolved.BoolType)
		return ok
	case types.EntityUID:
		want, ok := t.(resolved.EntityType)
		return ok && EntityType(want) == v.Type
	case types.Set:
		want, ok := t.(resolved.SetType)
		return ok && elementsConform(v, want.Element)
	case types.Record:
		want, ok := t.(resolved.RecordType)
		return ok && recordConforms(v, want)
	case types.Datetime:
		return t == resolved.ExtensionType("datetime")
	case types.Duration:
		return t == resolved.ExtensionType("duration")
	case types.Decimal:
		return t == resolved.ExtensionType("decimal")
	case types.IPAddr:
		return t == resolved.ExtensionType("ipaddr")
	}
	return false
}

func elementsConform(s ValueSet, t resolved.IsType) bool {
	for v := range s.All() {
		if !conforms(v, t) {
			return false
		}
	}
	return true
}

// recordConforms takes records for closed, as Cedar does.
func recordConforms(r Record, t resolved.RecordType) bool {
	known := 0
	for name, a := range t {
		v, ok := r.Get(name)
		if ok && !conforms(v, a.Type) || !ok && !a.Optional {
			return false
		}
		if ok {
			known++
		}
	}
	return known == r.Len()
}
