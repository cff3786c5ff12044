package cedar

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// relation reads X of the path rel.X.
func relation(path string) (string, bool) {
	name, ok := strings.CutPrefix(path, "rel.")
	return name, ok && name != "" && !strings.Contains(name, ".")
}

func comparison(n ast.IsNode) (Op, ast.BinaryNode, bool) {
	switch n := n.(type) {
	case ast.NodeTypeEquals:
		return Equal, n.BinaryNode, true
	case ast.NodeTypeNotEquals:
		return NotEqual, n.BinaryNode, true
	case ast.NodeTypeLessThan:
		return Less, n.BinaryNode, true
	case ast.NodeTypeLessThanOrEqual:
		return LessEqual, n.BinaryNode, true
	case ast.NodeTypeGreaterThan:
		return Greater, n.BinaryNode, true
	case ast.NodeTypeGreaterThanOrEqual:
		return GreaterEqual, n.BinaryNode, true
	}
	return "", ast.BinaryNode{}, false
}

func (t *translator) comparison(op Op, n ast.BinaryNode) (Expr, error) {
	left, err := t.either(n.Left)
	if err != nil {
		return nil, err
	}
	right, err := t.either(n.Right)
	if err != nil {
		return nil, err
	}
	return t.compare(op, left, right)
}

// either translates a side of a comparison, which may be a condition itself.
func (t *translator) either(n ast.IsNode) (Expr, error) {
	x, err := t.operand(n)
	if err == nil {
		return x, nil
	}
	if c, asCondition := t.condition(n); asCondition == nil {
		return c, nil
	}
	return nil, err
}

// compare compares operands. Entities of different types are never equal, though
// their ids may be.
func (t *translator) compare(op Op, left, right Expr) (Expr, error) {
	if isCondition(left) && isCondition(right) {
		same := or(and(left, right), and(not(left), not(right)))
		if op == NotEqual {
			same = not(same)
		}
		return same, nil
	}
	l, lok := entityType(left)
	r, rok := entityType(right)
	if lok && rok && l != r {
		return truth(op == NotEqual), nil
	}
	if lok != rok || kindOf(left) != kindOf(right) {
		return nil, fmt.Errorf("%s is compared with %s", kindOf(left), kindOf(right))
	}
	switch kindOf(left) {
	case KindString, KindLong, KindEntity:
	default:
		return nil, fmt.Errorf("a %s cannot be compared on rows", kindOf(left))
	}
	if _, ok := left.(Literal); ok {
		left, right, op = right, left, turned(op)
	}
	return Compare{op, left, right}, nil
}

// turned is the comparison with its sides changed.
func turned(op Op) Op {
	switch op {
	case Less:
		return Greater
	case LessEqual:
		return GreaterEqual
	case Greater:
		return Less
	case GreaterEqual:
		return LessEqual
	}
	return op
}

func kindOf(x Expr) Kind {
	switch x := x.(type) {
	case Self:
		return KindEntity
	case Attribute:
		return x.Type.Kind
	case Literal:
		switch x.Value.(type) {
		case types.String:
			return KindString
		case types.Long:
			return KindLong
		case types.EntityUID:
			return KindEntity
		}
	}
	return KindBool
}

// in translates `x in y`, where one of the two is known.
func (t *translator) in(left, right ast.IsNode) (Expr, error) {
	x, err := t.operand(left)
	if err != nil {
		return nil, err
	}
	if known, ok := x.(Literal); ok {
		return t.knownIn(known, right)
	}
	targets, err := entities(right)
	if err != nil {
		return nil, err
	}
	if _, self := x.(Self); self {
		return t.within(targets)
	}
	of, ok := entityType(x)
	if !ok {
		return nil, fmt.Errorf("%s is no entity", describe(left))
	}
	above := t.rules.set.ancestors(of)
	var same []Literal
	for _, e := range targets {
		if above[e.Type] {
			return nil, fmt.Errorf("`in` asks what is above %s, which is no column", describe(left))
		}
		if e.Type == of {
			same = append(same, Literal{e})
		}
	}
	return oneOf(x, same), nil
}

// entities reads what stands on the right of `in`.
func entities(n ast.IsNode) ([]EntityUID, error) {
	if v, ok := n.(ast.NodeValue); ok {
		switch v := v.Value.(type) {
		case types.EntityUID:
			return []EntityUID{v}, nil
		case types.Set:
			var out []EntityUID
			for e := range v.All() {
				uid, ok := e.(types.EntityUID)
				if !ok {
					return nil, fmt.Errorf("`in` asks for what is no entity")
				}
				out = append(out, uid)
			}
			slices.SortFunc(out, func(a, b EntityUID) int { return strings.Compare(a.String(), b.String()) })
			return out, nil
		}
	}
	return nil, fmt.Errorf("`in` with %s on the right cannot be turned into a condition on rows", describe(n))
}

// within is `resource in [targets]`. Types that the schema gives the resource no
// way into are left out.
func (t *translator) within(targets []EntityUID) (Expr, error) {
	of, set := t.rules.pair.resource, t.rules.set
	direct := set.parents(of)
	var out In
	for _, e := range targets {
		for _, p := range direct {
			if set.ancestors(p)[e.Type] {
				return nil, fmt.Errorf("`resource in %s` may hold by a parent's parent, which is no column", e)
			}
		}
		if e.Type == of || slices.Contains(direct, e.Type) {
			out.Entities = append(out.Entities, e)
		}
	}
	if len(out.Entities) == 0 {
		return never, nil
	}
	return out, nil
}

// knownIn is `principal in resource.team`: the team is one of those that the
// principal is in.
func (t *translator) knownIn(known Literal, right ast.IsNode) (Expr, error) {
	uid, ok := known.Value.(types.EntityUID)
	x, err := t.operand(right)
	if err != nil {
		return nil, err
	}
	of, entity := entityType(x)
	if !ok || !entity {
		return nil, fmt.Errorf("`in` with %s on the right cannot be turned into a condition on rows", describe(right))
	}
	var values []Literal
	seen, todo := map[EntityUID]bool{}, []EntityUID{uid}
	for len(todo) > 0 {
		e := todo[0]
		todo = todo[1:]
		if seen[e] {
			continue
		}
		seen[e] = true
		if e.Type == of {
			values = append(values, Literal{e})
		}
		entity, _ := t.facts.Get(e)
		for p := range entity.Parents.All() {
			todo = append(todo, p)
		}
	}
	return oneOf(x, values), nil
}

func oneOf(x Expr, values []Literal) Expr {
	if len(values) == 0 {
		return never
	}
	slices.SortFunc(values, func(a, b Literal) int { return strings.Compare(a.Value.String(), b.Value.String()) })
	return OneOf{x, values}
}

// contains translates a known set that an attribute is asked in, and a set that
// is an attribute and is asked for a known value.
func (t *translator) contains(n ast.NodeTypeContains) (Expr, error) {
	element, err := t.operand(n.Right)
	if err != nil {
		return nil, err
	}
	if v, ok := n.Left.(ast.NodeValue); ok {
		set, ok := v.Value.(types.Set)
		if !ok {
			return nil, fmt.Errorf("contains() is asked of no set")
		}
		return among(element, set)
	}
	x, err := t.operand(n.Left)
	if err != nil {
		return nil, err
	}
	a, isAttribute := x.(Attribute)
	v, isKnown := element.(Literal)
	if !isAttribute || !isKnown || a.Type.Kind != KindSet {
		return nil, fmt.Errorf("contains() needs a set or a value that is known without the resource")
	}
	if a.Type.Element.Kind != kindOf(v) {
		return nil, fmt.Errorf("contains() asks a %s for a %s", a.Type, kindOf(v))
	}
	if of, ok := entityType(v); ok && of != a.Type.Element.Entity {
		return never, nil
	}
	return Contains{a, v}, nil
}

func among(element Expr, set ValueSet) (Expr, error) {
	of, entity := entityType(element)
	var values []Literal
	for e := range set.All() {
		v := Literal{e}
		t, isEntity := entityType(v)
		switch {
		case entity && isEntity && t != of:
			continue // equal ids of other types are others
		case kindOf(v) != kindOf(element):
			return nil, fmt.Errorf("contains() asks a set with a %s for a %s", kindOf(v), kindOf(element))
		}
		values = append(values, v)
	}
	if kindOf(element) == KindBool {
		return nil, fmt.Errorf("contains() of conditions cannot be turned into a condition on rows")
	}
	if known, ok := element.(Literal); ok {
		return truth(slices.ContainsFunc(values, func(v Literal) bool { return v.Value.Equal(known.Value) })), nil
	}
	return oneOf(element, values), nil
}

// describe says what a node is without the data that partial evaluation may have
// put into it.
func describe(n ast.IsNode) string {
	switch n := n.(type) {
	case ast.NodeTypeLike:
		return "`like`"
	case ast.NodeTypeAdd:
		return "`+`"
	case ast.NodeTypeSub, ast.NodeTypeNegate:
		return "`-`"
	case ast.NodeTypeMult:
		return "`*`"
	case ast.NodeTypeHasTag:
		return "`hasTag()`"
	case ast.NodeTypeGetTag:
		return "`getTag()`"
	case ast.NodeTypeContainsAll:
		return "`containsAll()`"
	case ast.NodeTypeContainsAny:
		return "`containsAny()`"
	case ast.NodeTypeIsEmpty:
		return "`isEmpty()`"
	case ast.NodeTypeExtensionCall:
		return "`" + string(n.Name) + "()`"
	case ast.NodeTypeSet:
		return "a set with parts of the resource in it"
	case ast.NodeTypeRecord:
		return "a record with parts of the resource in it"
	case ast.NodeTypeVariable:
		return "`" + string(n.Name) + "`"
	case ast.NodeTypeAccess:
		if variable, path, ok := pathOf(n); ok {
			return "`" + variable + "." + path + "`"
		}
		return "an attribute of what is no variable"
	case ast.NodeValue:
		return "a constant"
	}
	return "an expression"
}
