package cedar

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// The oracle is a second, slow interpreter of policies, written from the Cedar
// specification (https://docs.cedarpolicy.com/policies/syntax-operators.html and
// /auth/authorization.html). It shares nothing with what it judges: its own
// values, its own trees, no index, and no library.

// oUID is an entity's name, oSet a set, oRec a record; other values are bool,
// int64 and string.
type (
	oUID struct{ typ, id string }
	oSet []any
	oRec map[string]any
)

// oEntity is an entity of the oracle's world.
type oEntity struct {
	attrs   oRec
	parents []oUID
}

// oWorld is everything that there is.
type oWorld map[oUID]*oEntity

// oNode is an expression: an operator and what it is applied to. name is an
// attribute, a pattern or an entity type; value a constant.
type oNode struct {
	op    string
	kids  []*oNode
	name  string
	value any
}

// oScope is one of three in a policy's head: "" (anything), "==", "in", "is", "is in".
type oScope struct {
	op  string
	typ string
	of  []oUID
}

type oPolicy struct {
	id                          string
	permit                      bool
	principal, action, resource oScope
	conditions                  []oCondition
}

type oCondition struct {
	unless bool
	body   *oNode
}

type oRequest struct {
	principal, action, resource oUID
	context                     oRec
}

// oDecide is the whole of authorization: every policy is looked at; a forbid that
// holds denies, else a permit that holds allows, else nobody does. What the product
// adds, and the oracle too: a policy that cannot be evaluated denies.
func oDecide(policies []oPolicy, w oWorld, r oRequest) (allowed bool, reasons, failing []string) {
	var permits, forbids []string
	for _, p := range policies {
		holds, ok := oHolds(p, w, r)
		switch {
		case !ok:
			failing = append(failing, p.id)
		case holds && p.permit:
			permits = append(permits, p.id)
		case holds:
			forbids = append(forbids, p.id)
		}
	}
	reasons = permits
	if len(forbids) > 0 {
		reasons = forbids
	}
	return len(permits) > 0 && len(forbids) == 0 && len(failing) == 0, reasons, failing
}

func oHolds(p oPolicy, w oWorld, r oRequest) (holds, ok bool) {
	if !oMatches(p.principal, r.principal, w) || !oMatches(p.action, r.action, w) || !oMatches(p.resource, r.resource, w) {
		return false, true
	}
	for _, c := range p.conditions {
		b, ok := oEval(c.body, w, r).(bool)
		if !ok {
			return false, false
		}
		if b == c.unless {
			return false, true
		}
	}
	return true, true
}

func oMatches(s oScope, e oUID, w oWorld) bool {
	within := slices.ContainsFunc(s.of, func(of oUID) bool { return oIn(e, of, w) })
	switch s.op {
	case "==":
		return e == s.of[0]
	case "in":
		return within
	case "is":
		return e.typ == s.typ
	case "is in":
		return e.typ == s.typ && within
	}
	return true
}

// oIn is reflexive and transitive.
func oIn(e, of oUID, w oWorld) bool {
	seen, todo := map[oUID]bool{}, []oUID{e}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if at == of {
			return true
		}
		if seen[at] || w[at] == nil {
			continue
		}
		seen[at] = true
		todo = append(todo, w[at].parents...)
	}
	return false
}

// oFail is the value of what cannot be evaluated.
type oFail struct{}

// oEval evaluates. Operators look at all that they are applied to, but for &&, ||
// and if, which stop where the specification says.
func oEval(n *oNode, w oWorld, r oRequest) any {
	switch n.op {
	case "value":
		return n.value
	case "principal":
		return r.principal
	case "action":
		return r.action
	case "resource":
		return r.resource
	case "context":
		return r.context
	case "&&", "||":
		left, ok := oEval(n.kids[0], w, r).(bool)
		if !ok {
			return oFail{}
		}
		if left == (n.op == "||") {
			return left
		}
		return oBool(oEval(n.kids[1], w, r))
	case "if":
		test, ok := oEval(n.kids[0], w, r).(bool)
		switch {
		case !ok:
			return oFail{}
		case test:
			return oEval(n.kids[1], w, r)
		}
		return oEval(n.kids[2], w, r)
	}
	args := make([]any, len(n.kids))
	for i, k := range n.kids {
		if args[i] = oEval(k, w, r); args[i] == (any)(oFail{}) {
			return oFail{}
		}
	}
	return oApply(n, args, w)
}

func oBool(v any) any {
	if b, ok := v.(bool); ok {
		return b
	}
	return oFail{}
}

func oApply(n *oNode, a []any, w oWorld) any {
	switch n.op {
	case "!":
		b, ok := a[0].(bool)
		if !ok {
			return oFail{}
		}
		return !b
	case "==":
		return oSame(a[0], a[1])
	case "!=":
		return !oSame(a[0], a[1])
	case "<", "<=", ">", ">=", "+", "-", "*":
		return oNumbers(n.op, a[0], a[1])
	case "has", ".":
		return oAttribute(n, a[0], w)
	case "is":
		e, ok := a[0].(oUID)
		if !ok {
			return oFail{}
		}
		return e.typ == n.name
	case "like":
		s, ok := a[0].(string)
		if !ok {
			return oFail{}
		}
		return oLike(s, n.name)
	case "in":
		return oWithin(a[0], a[1], w)
	case "set":
		return oSet(a)
	case "contains", "containsAll", "containsAny", "isEmpty":
		return oSets(n.op, a)
	}
	panic("no such operator: " + n.op)
}

func oNumbers(op string, left, right any) any {
	l, lok := left.(int64)
	r, rok := right.(int64)
	if !lok || !rok {
		return oFail{}
	}
	x, y, z := big.NewInt(l), big.NewInt(r), new(big.Int)
	switch op {
	case "<":
		return x.Cmp(y) < 0
	case "<=":
		return x.Cmp(y) <= 0
	case ">":
		return x.Cmp(y) > 0
	case ">=":
		return x.Cmp(y) >= 0
	case "+":
		z.Add(x, y)
	case "-":
		z.Sub(x, y)
	case "*":
		z.Mul(x, y)
	}
	if !z.IsInt64() {
		return oFail{}
	}
	return z.Int64()
}

func oAttribute(n *oNode, of any, w oWorld) any {
	var attrs oRec
	switch of := of.(type) {
	case oUID:
		if w[of] != nil {
			attrs = w[of].attrs
		}
	case oRec:
		attrs = of
	default:
		return oFail{}
	}
	v, ok := attrs[n.name]
	switch {
	case n.op == "has":
		return ok
	case !ok:
		return oFail{}
	}
	return v
}

func oWithin(left, right any, w oWorld) any {
	e, ok := left.(oUID)
	if !ok {
		return oFail{}
	}
	switch right := right.(type) {
	case oUID:
		return oIn(e, right, w)
	case oSet:
		in := false
		for _, v := range right {
			of, ok := v.(oUID)
			if !ok {
				return oFail{}
			}
			in = in || oIn(e, of, w)
		}
		return in
	}
	return oFail{}
}

func oSets(op string, a []any) any {
	set, ok := a[0].(oSet)
	if !ok {
		return oFail{}
	}
	has := func(v any) bool { return slices.ContainsFunc(set, func(e any) bool { return oSame(e, v) }) }
	switch op {
	case "isEmpty":
		return len(set) == 0
	case "contains":
		return has(a[1])
	}
	other, ok := a[1].(oSet)
	if !ok {
		return oFail{}
	}
	if op == "containsAny" {
		return slices.ContainsFunc(other, has)
	}
	return !slices.ContainsFunc(other, func(v any) bool { return !has(v) })
}

// oSame is equality of values: those of different types are never equal.
func oSame(a, b any) bool {
	switch a := a.(type) {
	case oSet:
		b, ok := b.(oSet)
		return ok && oSets("containsAll", []any{a, b}) == true && oSets("containsAll", []any{b, a}) == true
	case oRec:
		b, ok := b.(oRec)
		return ok && maps.EqualFunc(a, b, oSame)
	}
	switch b.(type) {
	case oSet, oRec:
		return false
	}
	return a == b
}

// oLike matches a pattern in which * stands for any characters.
func oLike(s, pattern string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return s == pattern
	}
	if !strings.HasPrefix(s, first) {
		return false
	}
	for s = s[len(first):]; ; s = s[1:] {
		if oLike(s, rest) || rest != "" && strings.HasPrefix(rest, "*") && oLike(s, rest[1:]) {
			return true
		}
		if s == "" {
			return false
		}
	}
}

// text writes an expression as a policy has it, in parentheses throughout.
func (n *oNode) text() string {
	k := make([]string, len(n.kids))
	for i := range k {
		k[i] = n.kids[i].text()
	}
	switch n.op {
	case "value":
		return oText(n.value)
	case "if":
		return fmt.Sprintf("(if %s then %s else %s)", k[0], k[1], k[2])
	case "!":
		return "(!" + k[0] + ")"
	case ".":
		return k[0] + "." + n.name
	case "has", "is":
		return "(" + k[0] + " " + n.op + " " + n.name + ")"
	case "like":
		return fmt.Sprintf("(%s like %q)", k[0], n.name)
	case "set":
		return "[" + strings.Join(k, ", ") + "]"
	case "contains", "containsAll", "containsAny":
		return k[0] + "." + n.op + "(" + k[1] + ")"
	case "isEmpty":
		return k[0] + ".isEmpty()"
	}
	if len(k) == 0 {
		return n.op
	}
	return "(" + k[0] + " " + n.op + " " + k[1] + ")"
}

func oText(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case oUID:
		return fmt.Sprintf("%s::%q", v.typ, v.id)
	}
	return fmt.Sprint(v)
}

func (s oScope) text(variable string) string {
	var of []string
	for _, e := range s.of {
		of = append(of, oText(e))
	}
	list := strings.Join(of, ", ")
	if variable == "action" && len(of) > 1 {
		list = "[" + list + "]"
	}
	switch s.op {
	case "":
		return variable
	case "is":
		return variable + " is " + s.typ
	case "is in":
		return variable + " is " + s.typ + " in " + list
	}
	return variable + " " + s.op + " " + list
}

func (p oPolicy) text() string {
	effect := "forbid"
	if p.permit {
		effect = "permit"
	}
	out := fmt.Sprintf("@id(%q) %s(%s, %s, %s)", p.id, effect, p.principal.text("principal"), p.action.text("action"), p.resource.text("resource"))
	for _, c := range p.conditions {
		word := " when { "
		if c.unless {
			word = " unless { "
		}
		out += word + c.body.text() + " }"
	}
	return out + ";"
}
