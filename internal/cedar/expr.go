package cedar

import (
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
)

// Expr is a condition on resources of one type, or an operand of one: what is
// left of policies when everything but the resource is known. It never changes,
// and none of it can fail: where every resource has its required attributes it
// is true or false.
//
// It is one of And, Or, Not, Compare, OneOf, Contains, In, Has, Relation,
// Attribute, Self, Literal.
type Expr interface{ expr() }

type (
	// And holds where all of it holds.
	And []Expr
	// Or holds where any of it holds.
	Or []Expr
	// Not holds where X does not.
	Not struct{ X Expr }
	// Compare compares two operands of the same type. Entities of different
	// types never stand in one.
	Compare struct {
		Op          Op
		Left, Right Expr
	}
	// OneOf holds where the operand is one of the values, which are at least one,
	// and all of the operand's type.
	OneOf struct {
		X      Expr
		Values []Literal
	}
	// Contains holds where an attribute, which is a set, has the value in it.
	Contains struct {
		Set   Attribute
		Value Literal
	}
	// In holds where the resource is one of the entities or has one of them for
	// a parent. No entity in it could be a parent's parent.
	In struct{ Entities []EntityUID }
	// Has holds where the resource has an attribute that is optional.
	Has struct{ Attribute Attribute }
	// Relation holds where the caller has the relation to the resource:
	// context.rel.<Name>.
	Relation struct{ Name string }
	// Attribute is an attribute of the resource. One that is optional stands
	// only where a Has before it, in the same And, has held. A Boolean one is a
	// condition.
	Attribute struct {
		Name     string
		Type     Type
		Required bool
	}
	// Self is the resource as an entity: what its id is.
	Self struct{ Type EntityType }
	// Literal is a String, Long, Boolean or EntityUID. A Boolean one is a
	// condition.
	Literal struct{ Value Value }
)

func (And) expr()       {}
func (Or) expr()        {}
func (Not) expr()       {}
func (Compare) expr()   {}
func (OneOf) expr()     {}
func (Contains) expr()  {}
func (In) expr()        {}
func (Has) expr()       {}
func (Relation) expr()  {}
func (Attribute) expr() {}
func (Self) expr()      {}
func (Literal) expr()   {}

// Op is a comparison, as it is written.
type Op string

// The comparisons. All but the first two are of Longs.
const (
	Equal        Op = "=="
	NotEqual     Op = "!="
	Less         Op = "<"
	LessEqual    Op = "<="
	Greater      Op = ">"
	GreaterEqual Op = ">="
)

// Kind is a kind of type.
type Kind string

// The kinds. Others are extension types under the schema's own name, as
// "datetime".
const (
	KindString Kind = "String"
	KindLong   Kind = "Long"
	KindBool   Kind = "Bool"
	KindEntity Kind = "Entity"
	KindSet    Kind = "Set"
	KindRecord Kind = "Record"
)

// Type is the type of an attribute.
type Type struct {
	Kind    Kind
	Entity  EntityType // of KindEntity
	Element *Type      // of KindSet
}

// String prints the type as a schema has it; of a record, that it is one.
func (t Type) String() string {
	switch t.Kind {
	case KindEntity:
		return string(t.Entity)
	case KindSet:
		return "Set<" + t.Element.String() + ">"
	}
	return string(t.Kind)
}

func typeOf(t resolved.IsType) Type {
	switch t := t.(type) {
	case resolved.StringType:
		return Type{Kind: KindString}
	case resolved.LongType:
		return Type{Kind: KindLong}
	case resolved.BoolType:
		return Type{Kind: KindBool}
	case resolved.EntityType:
		return Type{Kind: KindEntity, Entity: EntityType(t)}
	case resolved.SetType:
		of := typeOf(t.Element)
		return Type{Kind: KindSet, Element: &of}
	case resolved.ExtensionType:
		return Type{Kind: Kind(t)}
	}
	return Type{Kind: KindRecord}
}

// Attributes are the attributes that the schema gives an entity type, by name.
func (s *Set) Attributes(of EntityType) []Attribute {
	var out []Attribute
	for name, a := range s.schema.Entities[of].Shape {
		out = append(out, Attribute{string(name), typeOf(a.Type), !a.Optional})
	}
	slices.SortFunc(out, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// parents are the types that the parents of a type's entities may have.
func (s *Set) parents(of EntityType) []EntityType {
	return slices.Clone(s.schema.Entities[of].ParentTypes)
}

// ancestors are all types that an entity of a type may be in, beside itself.
func (s *Set) ancestors(of EntityType) map[EntityType]bool {
	out := map[EntityType]bool{}
	todo := s.parents(of)
	for len(todo) > 0 {
		t := todo[0]
		todo = todo[1:]
		if !out[t] {
			out[t] = true
			todo = append(todo, s.schema.Entities[t].ParentTypes...)
		}
	}
	return out
}

var always, never = Literal{types.True}, Literal{types.False}

// and joins conditions and drops what is certain. None of them can fail, so that
// order does not matter.
func and(all ...Expr) Expr {
	var out And
	for _, x := range all {
		switch x := x.(type) {
		case Literal:
			if x == never {
				return never
			}
		case And:
			out = append(out, x...)
		default:
			out = append(out, x)
		}
	}
	switch len(out) {
	case 0:
		return always
	case 1:
		return out[0]
	}
	return out
}

func or(all ...Expr) Expr {
	var out Or
	for _, x := range all {
		switch x := x.(type) {
		case Literal:
			if x == always {
				return always
			}
		case Or:
			out = append(out, x...)
		default:
			out = append(out, x)
		}
	}
	switch len(out) {
	case 0:
		return never
	case 1:
		return out[0]
	}
	return out
}

func not(x Expr) Expr {
	switch x := x.(type) {
	case Literal:
		return Literal{!x.Value.(types.Boolean)}
	case Not:
		return x.X
	}
	return Not{x}
}
