package cedar

import (
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// The validator says what is wrong and not where. So it is asked again about
// parts: the smallest part of a condition that it says the same of is the place.

type locator struct {
	validator *validate.Validator
	policy    *ast.Policy
}

// said are the validator's messages about a policy.
func said(v *validate.Validator, p *ast.Policy) []string {
	if err := v.Policy("", p); err != nil {
		return strings.Split(err.Error(), "\n")
	}
	return nil
}

// of counts how often a message is said of a condition, in the policy's scope.
func (l locator) of(message string, condition ast.IsNode) (n int) {
	p := *l.policy
	p.Conditions = []ast.ConditionType{{Condition: ast.ConditionWhen, Body: condition}}
	for _, m := range said(l.validator, &p) {
		if m == message {
			n++
		}
	}
	return n
}

// blames reports whether a message is said of an expression, behind what guards
// it.
func (l locator) blames(message string, n ast.IsNode, guards []ast.IsNode) bool {
	same := ast.NewNode(n).Equal(ast.NewNode(n)).AsIsNode()
	return l.of(message, guarded(guards, same)) > l.of(message, guarded(guards, ast.NodeValue{Value: types.True}))
}

func guarded(guards []ast.IsNode, n ast.IsNode) ast.IsNode {
	for i := len(guards) - 1; i >= 0; i-- {
		n = ast.NodeTypeAnd{BinaryNode: ast.BinaryNode{Left: guards[i], Right: n}}
	}
	return n
}

// find goes down to the smallest expression that a message is said of. outer is
// the smallest condition around it: what a guard would stand before.
func (l locator) find(message string, n ast.IsNode, s, outer *span, guards []ast.IsNode) (ast.IsNode, *span, *span) {
	kids := children(n)
	if len(kids) != len(s.kids) {
		return n, s, outer
	}
	for i, kid := range kids {
		inner := guards
		switch n := n.(type) {
		case ast.NodeTypeAnd:
			if i == 1 {
				inner = append(guards[:len(guards):len(guards)], n.Left)
			}
		case ast.NodeTypeIfThenElse:
			if i == 1 {
				inner = append(guards[:len(guards):len(guards)], n.If)
			}
		}
		if l.blames(message, kid, inner) {
			if isLogic(n) {
				outer = s.kids[i]
			}
			return l.find(message, kid, s.kids[i], outer, inner)
		}
	}
	for i, kid := range kids {
		for _, demand := range demanding(kid) {
			if l.of(message, guarded(guards, demand)) > l.of(message, guarded(guards, ast.NodeValue{Value: types.True})) {
				return kid, s.kids[i], outer
			}
		}
	}
	return n, s, outer
}

// demanding are conditions that ask for an expression of each kind.
func demanding(n ast.IsNode) []ast.IsNode {
	x := ast.NewNode(n)
	return []ast.IsNode{x.And(ast.True()).AsIsNode(), ast.Negate(x).Equal(ast.Long(0)).AsIsNode(), x.Like(types.NewPattern("x")).AsIsNode(),
		x.LessThan(x).AsIsNode(), x.Is("x").AsIsNode(), x.IsEmpty().AsIsNode()}
}

func isLogic(n ast.IsNode) bool {
	switch n.(type) {
	case ast.NodeTypeAnd, ast.NodeTypeOr, ast.NodeTypeNot, ast.NodeTypeIfThenElse:
		return true
	}
	return false
}

// children are the parts of an expression, in the order of a span's.
func children(n ast.IsNode) (kids []ast.IsNode) {
	first := true
	ast.Inspect(ast.NewNode(n), func(k ast.IsNode) bool {
		if first {
			first = false
			return true
		}
		kids = append(kids, k)
		return false
	})
	return kids
}
