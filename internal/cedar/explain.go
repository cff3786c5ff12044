package cedar

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"

	"github.com/gatehouse-api/gatehouse/internal/words"
)

// explainer says of one policy what the validator finds wrong: where, and what to
// write instead.
type explainer struct {
	schema *resolved.Schema
	policy *Policy
	src    Source
	where  *layout
	locator
}

func (s *Set) explain(v *validate.Validator, p *Policy, src Source, where *layout) (out Errors) {
	x := explainer{s.schema, p, src, where, locator{v, p.ast()}}
	messages := said(v, p.ast())
	slices.Sort(messages) // the library has them in no order
	for _, message := range messages {
		out = append(out, x.error(message))
	}
	if len(out) > 1 { // what follows from the others
		out = slices.DeleteFunc(out, func(e *Error) bool { return strings.HasPrefix(e.Says, nobody) })
	}
	// What is said of one place is said once, of as much of it as is meant.
	slices.SortStableFunc(out, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), -cmp.Compare(a.Width, b.Width))
	})
	return slices.CompactFunc(out, func(a, b *Error) bool { return a.Line == b.Line && a.Column == b.Column })
}

// strangers are the types that conditions ask for by `is` and that the schema does
// not have. The validator accepts them, for nothing is of such a type: a forbid with
// a slip of the pen would never speak.
func (s *Set) strangers(p *Policy, src Source) (out Errors) {
	x := explainer{s.schema, p, src, p.where, locator{policy: p.ast()}}
	var walk func(n ast.IsNode, at *span)
	walk = func(n ast.IsNode, at *span) {
		var of types.EntityType
		switch n := n.(type) {
		case ast.NodeTypeIs:
			of = n.EntityType
		case ast.NodeTypeIsIn:
			of = n.EntityType
		}
		if of != "" && !slices.Contains(x.types(), string(of)) {
			out = append(out, x.unknown(at.focus.start, at.focus.end, "the schema has no entity type "+string(of), string(of), x.types()))
		}
		for i, kid := range children(n) {
			if i < len(at.kids) {
				walk(kid, at.kids[i])
			}
		}
	}
	for i, c := range p.ast().Conditions {
		if p.where != nil && i < len(p.where.conditions) {
			walk(c.Body, p.where.conditions[i])
		}
	}
	return out
}

// nobody begins what follows from every other mistake in a head.
const nobody = "no action of the schema"

// The validator's messages that more is known of.
var (
	saysType      = regexp.MustCompile("^unrecognized entity type `(.+)`$")
	saysAction    = regexp.MustCompile("^unrecognized action `(.+)`$")
	saysAttribute = regexp.MustCompile("^attribute `(.+)` on entity types? `(.+?)`.* not found$")
	saysContext   = regexp.MustCompile("^attribute `(.+)` in context for (.+) not found$")
	saysOptional  = regexp.MustCompile("^unable to guarantee safety of access to optional attribute `(.+?)`")
	saysTypes     = regexp.MustCompile("^the types (.+) and (.+) are not compatible$")
)

const (
	saysNoAction = "unable to find an applicable action given the policy scope constraints"
	saysEmpty    = "empty set literals are forbidden in policies"
)

func (x *explainer) error(message string) *Error {
	switch {
	case message == saysNoAction:
		return x.noAction()
	case message == saysEmpty && x.emptyHead():
		return x.at(x.where.head[1].start, x.where.head[1].end, "an empty list of actions: the policy speaks of none", "name the actions, or leave `in []` out for all of them")
	}
	if m := saysType.FindStringSubmatch(message); m != nil {
		if e := x.inHead(m[1], "the schema has no entity type "+m[1], x.types()); e != nil {
			return e
		}
	}
	if m := saysAction.FindStringSubmatch(message); m != nil {
		if e := x.inHead(m[1], "the schema has no action "+m[1], x.actions()); e != nil {
			return e
		}
	}
	if x.where == nil {
		return x.policy.wrong(x.src, plain(message), "")
	}
	for i, c := range x.locator.policy.Conditions {
		if i >= len(x.where.conditions) {
			break
		}
		s := x.where.conditions[i]
		if l := x.locator; l.blames(message, c.Body, nil) {
			_, at, outer := l.find(message, c.Body, s, s, nil)
			return x.explained(message, at, outer)
		} else if l.of(message, c.Body) > 0 {
			return x.at(s.start, s.end, plain(message), "a condition is true or false: compare it with something")
		}
	}
	return x.policy.wrong(x.src, plain(message), "")
}

func (x *explainer) at(start, end int, says, fix string) *Error {
	e := at(x.src, start, end, says, fix)
	e.Policy = x.policy.ID
	return e
}

func (x *explainer) emptyHead() bool {
	set, ok := x.locator.policy.Action.(ast.ScopeTypeInSet)
	return ok && len(set.Entities) == 0 && x.where != nil
}

// inHead finds a name that the schema does not have in the policy's head.
func (x *explainer) inHead(name, says string, known []string) *Error {
	if x.where == nil {
		return nil
	}
	for _, c := range x.where.head {
		for _, n := range c.names {
			if n.text == name || strings.HasPrefix(n.text, name+"::") {
				return x.unknown(n.start, n.start+len(name), says, name, known)
			}
		}
	}
	return nil
}

// unknown is a name that the schema does not have, with the one that was meant.
func (x *explainer) unknown(start, end int, says, name string, known []string) *Error {
	near := words.Nearest(name, known)
	if near == "" {
		return x.at(start, end, says, "there are "+few(known))
	}
	return x.at(start, end, says+": did you mean "+near+"?", rewrite(x.src, start, end, near))
}

// few lists names, but not without end.
func few(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if len(names) > 12 {
		return strings.Join(names[:12], ", ") + " and others"
	}
	return strings.Join(names, ", ")
}

func (x *explainer) types() []string {
	var out []string
	for t := range x.schema.Entities {
		out = append(out, string(t))
	}
	for t := range x.schema.Enums {
		out = append(out, string(t))
	}
	slices.Sort(out)
	return out
}

func (x *explainer) actions() []string {
	var out []string
	for a := range x.schema.Actions {
		out = append(out, a.String())
	}
	slices.Sort(out)
	return out
}

// noAction says for what the actions of a head are.
func (x *explainer) noAction() *Error {
	says := nobody + " is for such a principal and such a resource: the policy can never speak"
	if x.where == nil {
		return x.policy.wrong(x.src, says, "")
	}
	var list []string
	for _, n := range x.where.head[1].names {
		for uid, a := range x.schema.Actions {
			if uid.String() == n.text && a.AppliesTo != nil {
				list = append(list, fmt.Sprintf("%s is for principals %s and resources %s", n.text, listTypes(a.AppliesTo.Principals), listTypes(a.AppliesTo.Resources)))
			}
		}
	}
	return x.at(x.where.head[0].start, x.where.head[2].end, says, strings.Join(list, "; "))
}

func listTypes(t []types.EntityType) string {
	out := make([]string, len(t))
	for i := range t {
		out[i] = string(t[i])
	}
	return strings.Join(out, ", ")
}

// explained is an error of a condition, at the expression that is to blame.
func (x *explainer) explained(message string, s, outer *span) *Error {
	focus := s.focus
	if m := saysAttribute.FindStringSubmatch(message); m != nil {
		name := lastOf(m[1])
		return x.attribute(focus, m[2]+" has no attribute "+m[1], name, attributesAt(x.schema.Entities[types.EntityType(m[2])].Shape, m[1]))
	}
	if m := saysContext.FindStringSubmatch(message); m != nil {
		return x.attribute(focus, "the context of "+m[2]+" has no attribute "+m[1], lastOf(m[1]), x.contextNames(m[2]))
	}
	if saysOptional.MatchString(message) {
		return x.optional(s, outer, message)
	}
	if m := saysType.FindStringSubmatch(message); m != nil {
		return x.unknown(s.start, s.start+len(m[1]), "the schema has no entity type "+m[1], m[1], x.types())
	}
	if m := saysAction.FindStringSubmatch(message); m != nil {
		return x.unknown(s.start, s.end, "the schema has no action "+m[1], m[1], x.actions())
	}
	if m := saysTypes.FindStringSubmatch(message); m != nil {
		return x.incompatible(s, plain(message), m[1], m[2])
	}
	return x.at(focus.start, focus.end, plain(message), fixes[kindOfMessage(message)])
}

func (x *explainer) attribute(focus token, says, name string, known []string) *Error {
	e := x.unknown(focus.start, focus.end, says, name, known)
	if near := words.Nearest(name, known); near != "" && focus.kind == isString {
		e.Fix = rewrite(x.src, focus.start, focus.end, `"`+near+`"`)
	}
	return e
}

// lastOf is the last name of a path as the validator writes it.
func lastOf(path string) string {
	if i := strings.LastIndex(path, `["`); i >= 0 && strings.HasSuffix(path, `"]`) {
		return path[i+2 : len(path)-2]
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}

// attributesAt are the names beside the last one of a path.
func attributesAt(shape resolved.RecordType, path string) []string {
	first, rest, deeper := strings.Cut(path, ".")
	if deeper {
		if inner, ok := shape[String(first)].Type.(resolved.RecordType); ok {
			return attributesAt(inner, rest)
		}
	}
	return namesOf(shape)
}

func namesOf(shape resolved.RecordType) []string {
	out := make([]string, 0, len(shape))
	for name := range maps.Keys(shape) {
		out = append(out, string(name))
	}
	slices.Sort(out)
	return out
}

// contextNames are all names in the context of an action: the validator does not
// say in which record one is missing.
func (x *explainer) contextNames(action string) []string {
	for uid, a := range x.schema.Actions {
		if uid.String() == action && a.AppliesTo != nil {
			return deepNames(a.AppliesTo.Context)
		}
	}
	return nil
}

func deepNames(shape resolved.RecordType) []string {
	out := namesOf(shape)
	for _, name := range out {
		if inner, ok := shape[String(name)].Type.(resolved.RecordType); ok {
			out = append(out, deepNames(inner)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// optional asks for a guard, and writes it.
func (x *explainer) optional(s, outer *span, message string) *Error {
	path := saysOptional.FindStringSubmatch(message)[1]
	says := "the attribute " + path + " is optional: where it is missing this fails, and a policy that fails denies"
	if len(s.kids) != 1 {
		return x.at(s.start, s.end, says, "ask with `has` before")
	}
	text := x.src.Text
	of, name := s.kids[0], text[s.focus.start:s.focus.end]
	if s.focus.kind == isIdent {
		for ; len(of.kids) == 1 && of.focus.kind == isIdent && text[of.focus.start-1] == '.'; of = of.kids[0] {
			name = of.focus.text + "." + name // x has a.b asks for a, then for b of it
		}
	}
	guard := text[of.start:of.end] + " has " + name
	return x.at(s.start, s.end, says, rewrite(x.src, outer.start, outer.end, guard+" && "+text[outer.start:outer.end]))
}

// incompatible knows what was probably meant where a text stands for an entity, a
// number or the other way round.
func (x *explainer) incompatible(s *span, says, left, right string) *Error {
	for _, k := range s.kids {
		text, other := x.src.Text[k.start:k.end], left
		quoted := k.focus.kind == isString && len(k.kids) == 0
		if quoted && other == "String" || k.focus.kind == isInt && other == "Long" {
			other = right
		}
		bare := strings.Trim(text, `"`)
		switch {
		case quoted && slices.Contains(x.types(), other):
			return x.at(k.start, k.end, says, rewrite(x.src, k.start, k.end, other+"::"+text))
		case quoted && other == "Long" && strings.Trim(bare, "0123456789") == "" && bare != "":
			return x.at(k.start, k.end, says, rewrite(x.src, k.start, k.end, bare))
		case k.focus.kind == isInt && other == "String":
			return x.at(k.start, k.end, says, rewrite(x.src, k.start, k.end, `"`+text+`"`))
		case quoted && other == "Bool" && (bare == "true" || bare == "false"):
			return x.at(k.start, k.end, says, rewrite(x.src, k.start, k.end, bare))
		}
	}
	return x.at(s.start, s.end, says, "compare values of one type")
}

// plain takes the validator's inner names out of a message.
func plain(message string) string {
	return strings.NewReplacer("Set<__cedar::internal::AnyEntity>", "a set of entities", "Set<__cedar::internal::Any>", "a set", "__cedar::internal::AnyEntity", "an entity",
		"__cedar::internal::OpenRecord{}", "a record", "__cedar::internal::True", "Bool", "__cedar::internal::False", "Bool", "unexpected type: expected ", "expected ", " but saw ", ", found ").Replace(message)
}

// fixes are what to do about messages of a kind, by how they begin.
var fixes = map[string]string{
	"empty set literals": "Cedar cannot know what an empty set is of: leave the comparison out, or ask isEmpty()",
	"extension constr":   `these functions take a text that stands in the policy, as ip("10.0.0.0/8"): bring other values ready made in the context`,
	"error during ext":   `write it as ip("10.0.0.0/8"), decimal("12.3400"), datetime("2026-11-20T10:00:00Z") or duration("1h30m")`,
	"wrong number of":    `each of these functions takes one text, as ip("10.0.0.0/8")`,
	"unexpected type: ":  "the schema says what type each attribute has",
	"unable to guarant":  "ask with `hasTag` before: principal.hasTag(\"x\") && principal.getTag(\"x\") == ...",
}

func kindOfMessage(message string) string {
	for begin := range fixes {
		if strings.HasPrefix(message, begin) {
			return begin
		}
	}
	return ""
}
