package cedar

import (
	"errors"
	"fmt"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/eval"
)

// Residual is what is left of rules when all but the resource is known: which
// resources are allowed.
type Residual struct{ Permits, Forbids []Term }

// Term is what is left of one policy.
type Term struct {
	Policy *Policy
	When   Expr // not a Literal that never holds
}

// Expr is the residual as one condition: one permits and none forbids. Where
// nothing depends on the resource it is a Literal.
func (r Residual) Expr() Expr {
	var permit, forbid []Expr
	for _, t := range r.Permits {
		permit = append(permit, t.When)
	}
	for _, t := range r.Forbids {
		forbid = append(forbid, t.When)
	}
	return and(or(permit...), not(or(forbid...)))
}

// Outside is the error of a policy that says something about resources which a
// condition on rows cannot say, or that cannot be evaluated.
type Outside struct {
	Policy *Policy
	Says   string
}

// Error names the policy and its place.
func (o *Outside) Error() string {
	return fmt.Sprintf("cedar: policy %s at %s: %s", o.Policy.ID, o.Policy.Place(), o.Says)
}

// Residual evaluates the rules for every resource at once. The request's
// resource is not looked at; every relation that the rules read stays open, as a
// Relation. What it returns is exact: a resource is allowed by Decide if and only
// if the condition holds for it, provided it is as the schema says. A policy that
// it cannot be exact about is an Outside error.
func (r *Rules) Residual(q Request, facts Entities) (Residual, error) {
	q.Resource = EntityUID{Type: r.pair.resource}
	if err := r.request(&q); err != nil {
		return Residual{}, fmt.Errorf("cedar: residual: %w", err)
	}
	l := &lookup{set: r.set, facts: facts, demands: &r.demands}
	l.kept[0].uid = q.Principal
	env := eval.Env{Entities: l, Principal: q.Principal, Action: q.Action, Resource: eval.Variable("resource"), Context: r.open(q.Context)}
	t := translator{rules: r, facts: l}
	var out Residual
	for _, p := range r.policies {
		when, err := t.policy(env, p.ast())
		switch {
		case l.err != nil:
			return Residual{}, fmt.Errorf("cedar: residual: %w", l.err)
		case err != nil:
			return Residual{}, &Outside{p, err.Error()}
		case when == Expr(never):
		case p.Permit:
			out.Permits = append(out.Permits, Term{p, when})
		default:
			out.Forbids = append(out.Forbids, Term{p, when})
		}
	}
	return out, nil
}

// open leaves the relations of a context open that the rules read.
func (r *Rules) open(context Record) Record {
	if len(r.reads.Relations) == 0 {
		return context
	}
	m, rel := context.Map(), RecordMap{}
	if m == nil {
		m = RecordMap{}
	}
	if given, ok := m["rel"].(Record); ok && given.Len() > 0 { // Map of an empty one is nil
		rel = given.Map()
	}
	for _, name := range r.reads.Relations {
		rel[String(name)] = eval.Variable(String("rel." + name))
	}
	m["rel"] = NewRecord(rel)
	return NewRecord(m)
}

// translator turns what the library's partial evaluation leaves into an Expr.
type translator struct {
	rules *Rules
	facts *lookup
}

// policy translates a policy. Its conditions are joined into one first: partial
// evaluation forgets a policy as soon as one of several is false, also when
// another would have failed, and then the request is denied.
func (t *translator) policy(env eval.Env, p *ast.Policy) (Expr, error) {
	if takesRelations(p) {
		return nil, errors.New("it takes context.rel as a whole: ask for its relations one by one")
	}
	whole := *p
	whole.Conditions = nil
	for i := len(p.Conditions) - 1; i >= 0; i-- {
		n := ast.NewNode(p.Conditions[i].Body)
		if !bool(p.Conditions[i].Condition) {
			n = ast.Not(n)
		}
		if len(whole.Conditions) > 0 {
			n = n.And(ast.NewNode(whole.Conditions[0].Body))
		}
		whole.Conditions = []ast.ConditionType{{Condition: ast.ConditionWhen, Body: n.AsIsNode()}}
	}
	rest, keep := eval.PartialPolicy(env, &whole)
	if !keep {
		return never, nil
	}
	scope, err := t.scope(rest.Resource)
	if err != nil || scope == Expr(never) || len(rest.Conditions) == 0 {
		return scope, err
	}
	when, err := t.condition(rest.Conditions[0].Body)
	if err != nil {
		return nil, err
	}
	return and(scope, when), nil
}

func (t *translator) scope(scope ast.IsResourceScopeNode) (Expr, error) {
	of := t.rules.pair.resource
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		return t.compare(Equal, Self{of}, Literal{s.Entity})
	case ast.ScopeTypeIn:
		return t.within([]EntityUID{s.Entity})
	case ast.ScopeTypeIs:
		return truth(s.Type == of), nil
	case ast.ScopeTypeIsIn:
		if s.Type != of {
			return never, nil
		}
		return t.within([]EntityUID{s.Entity})
	}
	return always, nil
}

func truth(b bool) Literal { return Literal{types.Boolean(b)} }

// condition translates what is true or false.
func (t *translator) condition(n ast.IsNode) (Expr, error) {
	switch n := n.(type) {
	case ast.NodeTypeAnd:
		return t.both(n.BinaryNode, and, never)
	case ast.NodeTypeOr:
		return t.both(n.BinaryNode, or, always)
	case ast.NodeTypeNot:
		x, err := t.condition(n.Arg)
		if err != nil {
			return nil, err
		}
		return not(x), nil
	case ast.NodeTypeIfThenElse:
		return t.choice(n)
	case ast.NodeTypeHas:
		return t.has(n)
	case ast.NodeTypeIs:
		return t.is(n.Left, n.EntityType)
	case ast.NodeTypeIsIn:
		is, err := t.is(n.Left, n.EntityType)
		if err != nil || is == Expr(never) {
			return is, err
		}
		return t.in(n.Left, n.Entity)
	case ast.NodeTypeIn:
		return t.in(n.Left, n.Right)
	case ast.NodeTypeContains:
		return t.contains(n)
	}
	if op, b, ok := comparison(n); ok {
		return t.comparison(op, b)
	}
	x, err := t.operand(n)
	if err != nil {
		return nil, err
	}
	if !isCondition(x) {
		return nil, fmt.Errorf("%s is no condition", describe(n))
	}
	return x, nil
}

func isCondition(x Expr) bool {
	switch x := x.(type) {
	case Literal:
		_, ok := x.Value.(types.Boolean)
		return ok
	case Attribute:
		return x.Type.Kind == KindBool
	case Self:
		return false
	}
	return true
}

// both joins two conditions. Where the left one decides, the right one is not
// evaluated.
func (t *translator) both(n ast.BinaryNode, join func(...Expr) Expr, decides Literal) (Expr, error) {
	left, err := t.condition(n.Left)
	if err != nil || left == Expr(decides) {
		return left, err
	}
	right, err := t.condition(n.Right)
	if err != nil {
		return nil, err
	}
	return join(left, right), nil
}

func (t *translator) choice(n ast.NodeTypeIfThenElse) (Expr, error) {
	test, err := t.condition(n.If)
	if err != nil {
		return nil, err
	}
	var yes, no Expr = never, never
	if test != Expr(never) {
		if yes, err = t.condition(n.Then); err != nil {
			return nil, err
		}
	}
	if test != Expr(always) {
		if no, err = t.condition(n.Else); err != nil {
			return nil, err
		}
	}
	return or(and(test, yes), and(not(test), no)), nil
}

// operand translates what has a value: the resource, its attributes, relations
// and constants.
func (t *translator) operand(n ast.IsNode) (Expr, error) {
	switch n := n.(type) {
	case ast.NodeValue:
		return t.constant(n.Value)
	case ast.NodeTypeVariable:
		if n.Name == "resource" {
			return Self{t.rules.pair.resource}, nil
		}
	case ast.NodeTypeAccess:
		if x, err, ok := t.access(n); ok {
			return x, err
		}
	}
	if err, ok := eval.ToPartialError(n); ok {
		return nil, fmt.Errorf("it cannot be evaluated: %w", err)
	}
	return nil, fmt.Errorf("%s cannot be turned into a condition on rows", describe(n))
}

// constant translates a value, which may be one that was left open.
func (t *translator) constant(v Value) (Expr, error) {
	if open, ok := eval.ToVariable(v); ok {
		if open == "resource" {
			return Self{t.rules.pair.resource}, nil
		}
		name, _ := relation(string(open))
		return Relation{name}, nil
	}
	switch v.(type) {
	case types.String, types.Long, types.Boolean, types.EntityUID:
		return Literal{v}, nil
	}
	return nil, fmt.Errorf("a constant of type %s cannot be compared with columns", eval.TypeName(v))
}

// access translates attributes of the resource and open relations.
func (t *translator) access(n ast.NodeTypeAccess) (x Expr, err error, mine bool) {
	if v, ok := n.Arg.(ast.NodeValue); ok {
		if record, ok := v.Value.(types.Record); ok {
			if open, ok := record.Get(n.Value); ok {
				x, err := t.constant(open)
				return x, err, true
			}
		}
		return nil, nil, false
	}
	variable, path, ok := pathOf(n)
	switch name, rel := relation(path); {
	case !ok:
	case variable == "context" && rel:
		return Relation{name}, nil, true
	case variable == "resource" && path == string(n.Value):
		if a, known := t.attribute(path); known {
			return a, nil, true
		}
	case variable == "resource":
		return nil, fmt.Errorf("resource.%s looks into an attribute: only attributes of the resource itself are columns", path), true
	}
	return nil, nil, false
}

func (t *translator) attribute(name string) (Attribute, bool) {
	a, ok := t.rules.set.schema.Entities[t.rules.pair.resource].Shape[String(name)]
	return Attribute{name, typeOf(a.Type), !a.Optional}, ok
}

// has of a required attribute always holds, and of one that is not in the schema
// never.
func (t *translator) has(n ast.NodeTypeHas) (Expr, error) {
	x, err := t.operand(n.Arg)
	if err != nil {
		return nil, err
	}
	if _, self := x.(Self); !self {
		return nil, fmt.Errorf("`has` looks into an attribute: only attributes of the resource itself are columns")
	}
	a, ok := t.attribute(string(n.Value))
	switch {
	case !ok:
		return never, nil
	case a.Required:
		return always, nil
	}
	return Has{a}, nil
}

func (t *translator) is(n ast.IsNode, want EntityType) (Expr, error) {
	x, err := t.operand(n)
	if err != nil {
		return nil, err
	}
	of, ok := entityType(x)
	if !ok {
		return nil, fmt.Errorf("%s is no entity", describe(n))
	}
	return truth(of == want), nil
}

// entityType is the type of an operand that is an entity.
func entityType(x Expr) (EntityType, bool) {
	switch x := x.(type) {
	case Self:
		return x.Type, true
	case Attribute:
		return x.Type.Entity, x.Type.Kind == KindEntity
	case Literal:
		uid, ok := x.Value.(types.EntityUID)
		return uid.Type, ok
	}
	return "", false
}
