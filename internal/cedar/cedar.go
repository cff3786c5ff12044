// Package cedar decides by policies. It is the one room that imports cedar-go,
// and it makes four things of it that the library leaves open:
//
//   - policies load only when the strict validator accepts all of them against
//     a schema, and what it or the parser refuses is said with file, line,
//     column and the line to write instead;
//   - a decision evaluates the policies of one action on one type of resource,
//     found by an index built at load, because the library evaluates every
//     policy it is given. Groups of actions come from the schema, for the index
//     and for the evaluation alike, so that a forbid on a group is never missed;
//   - whatever cannot be evaluated denies. Cedar skips a policy that errs, also
//     a forbid, and the permit beside it stands;
//   - facts that cannot be found out deny, which Cedar cannot tell from facts
//     that are not there.
//
// The language is Cedar's, https://docs.cedarpolicy.com, and nothing here
// changes what a policy means.
package cedar

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"

	cedargo "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// Source is one text: a file of policies, a schema, or what was generated in
// place of one. Name is what errors and decisions call it.
type Source struct{ Name, Text string }

// Set is a set of policies that passed the strict validator, indexed. It never
// changes; a new one takes its place.
type Set struct {
	policies []*Policy
	byID     map[cedargo.PolicyID]*Policy
	schema   *resolved.Schema
	actions  actions
	rules    map[pair]*Rules
	all      *Rules // for pairs that the schema does not know
	lookups  sync.Pool
}

// Policy is one policy of a Set.
type Policy struct {
	ID           string // what @id says, or else file:line
	Permit       bool   // false: it forbids
	File         string
	Line, Column int    // where it begins, from 1; columns count characters
	Reason       string // what @reason says
	Text         string // as it was written

	compiled *cedargo.Policy
	settled  *cedargo.Policy // see indexed
	verdict  string          // see Verdict
	where    *layout         // nil where it was not found
	source   int
	offset   int
}

// Place is where the policy begins, as file:line:column.
func (p *Policy) Place() string { return place(p.File, p.Line, p.Column) }

// Verdict says what the policy decides where it decides, as "forbidden by eu-hours
// (outside business hours)". It is text of the configuration.
func (p *Policy) Verdict() string { return p.verdict }

func (p *Policy) ast() *ast.Policy { return (*ast.Policy)(p.compiled.AST()) }

// New parses and validates policies against a schema in Cedar's syntax. What is
// wrong is returned as Errors: all of it, not only the first.
func New(schemaText Source, policies ...Source) (*Set, error) {
	resolved, err := readSchema(schemaText)
	if err != nil {
		return nil, err
	}
	s, wrong := assemble(resolved, policies)
	wrong = append(wrong, s.validate(policies)...)
	for _, p := range s.policies {
		wrong = append(wrong, s.strangers(p, policies[p.source])...)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	for _, p := range s.policies {
		p.where = nil // only mistakes have a place
		p.verdict = "forbidden by " + p.ID
		if p.Permit {
			p.verdict = "permitted by " + p.ID
		}
		if p.Reason != "" {
			p.verdict += " (" + p.Reason + ")"
		}
	}
	return s, nil
}

// assemble makes the set that New returns if everything is right.
func assemble(schema *resolved.Schema, policies []Source) (s *Set, wrong Errors) {
	s = &Set{schema: schema, actions: readActions(schema), byID: map[cedargo.PolicyID]*Policy{}}
	s.lookups.New = func() any { return &lookup{set: s} }
	for i, src := range policies {
		parsed, errs := parse(i, src)
		wrong = append(wrong, errs...)
		s.policies = append(s.policies, parsed...)
	}
	wrong = append(wrong, s.identify(policies)...)
	s.index()
	return s, wrong
}

// validate asks the strict validator about each policy.
func (s *Set) validate(sources []Source) (wrong Errors) {
	v := validate.New(s.schema, validate.WithStrict())
	for _, p := range s.policies {
		if err := v.Policy("", p.ast()); err != nil {
			wrong = append(wrong, s.explain(v, p, sources[p.source], p.where)...)
		}
	}
	return wrong
}

// Policies are the policies of the set in the order of their sources.
func (s *Set) Policies() []*Policy { return slices.Clone(s.policies) }

// Policy returns the policy of an id, or nil.
func (s *Set) Policy(id string) *Policy { return s.byID[cedargo.PolicyID(id)] }

// Actions are the actions of the schema that apply to something, by name.
func (s *Set) Actions() []EntityUID {
	var out []EntityUID
	for uid, a := range s.schema.Actions {
		if a.AppliesTo != nil {
			out = append(out, uid)
		}
	}
	slices.SortFunc(out, func(a, b EntityUID) int { return cmp.Compare(a.String(), b.String()) })
	return out
}

// Resources are the types of resources that an action applies to.
func (s *Set) Resources(action EntityUID) []EntityType {
	a := s.schema.Actions[action]
	if a.AppliesTo == nil {
		return nil
	}
	return slices.Clone(a.AppliesTo.Resources)
}

func readSchema(src Source) (*resolved.Schema, error) {
	var text schema.Schema
	text.SetFilename(src.Name)
	if err := text.UnmarshalCedar([]byte(src.Text)); err != nil {
		return nil, Errors{schemaError(src, err)}
	}
	out, err := text.Resolve()
	if err != nil {
		return nil, Errors{schemaError(src, err)}
	}
	return out, nil
}

// parse reads one source. A source that does not parse has no policies.
func parse(at int, src Source) ([]*Policy, Errors) {
	list, err := cedargo.NewPolicyListFromBytes(src.Name, []byte(src.Text))
	if err != nil {
		return nil, Errors{parseError(src, err)}
	}
	layouts, _ := readLayout(src.Text)
	out := make([]*Policy, len(list))
	for i, c := range list {
		pos, notes := c.Position(), c.Annotations()
		end, where := len(src.Text), (*layout)(nil)
		if i < len(layouts) && layouts[i].start == pos.Offset {
			where = layouts[i]
			end = where.end
		}
		out[i] = &Policy{ID: string(notes["id"]), Permit: c.Effect() == cedargo.Permit, Reason: string(notes["reason"]),
			File: src.Name, Line: pos.Line, Column: pos.Column, Text: strings.TrimSpace(src.Text[pos.Offset:end]), compiled: c, where: where, source: at, offset: pos.Offset}
	}
	return out, nil
}

// identify gives each policy its id and refuses what would make two alike.
func (s *Set) identify(sources []Source) (wrong Errors) {
	for _, p := range s.policies {
		_, written := p.compiled.Annotations()["id"]
		if !written {
			p.ID = p.File + ":" + strconv.Itoa(p.Line)
			if s.byID[cedargo.PolicyID(p.ID)] != nil {
				p.ID = p.Place() // the second one on its line
			}
		}
		switch before := s.byID[cedargo.PolicyID(p.ID)]; {
		case strings.TrimSpace(p.ID) == "" || strings.ContainsFunc(p.ID, func(r rune) bool { return r < ' ' || r == 0x7f }):
			wrong = append(wrong, p.wrong(sources[p.source], "@id is empty or has control characters", `name the policy: @id("orders.read"), or leave @id out`))
		case before != nil:
			wrong = append(wrong, p.wrong(sources[p.source], "the id "+strconv.Quote(p.ID)+" is taken by the policy at "+before.Place(), "give one of them another @id: decisions, tests and logs name policies by it"))
		default:
			s.byID[cedargo.PolicyID(p.ID)] = p
		}
	}
	return wrong
}
