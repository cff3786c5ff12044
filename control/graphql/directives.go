package graphql

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/gatehouse-api/gatehouse"
)

// known are the directives that schemas use and that whoever composes them defines:
// Apollo Federation 2 and the GraphQL Cost Directives.
const known = `
scalar federation__FieldSet
scalar federation__Scope
scalar federation__Policy
scalar federation__Weight
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @key(fields: federation__FieldSet!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE
directive @requires(fields: federation__FieldSet!) on FIELD_DEFINITION
directive @provides(fields: federation__FieldSet!) on FIELD_DEFINITION
directive @external(reason: String) on OBJECT | FIELD_DEFINITION
directive @extends on OBJECT | INTERFACE
directive @shareable repeatable on OBJECT | FIELD_DEFINITION
directive @override(from: String!, label: String) on FIELD_DEFINITION
directive @interfaceObject on OBJECT
directive @composeDirective(name: String) repeatable on SCHEMA
directive @tag(name: String!) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | SCHEMA
directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION
directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @requiresScopes(scopes: [[federation__Scope!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @policy(policies: [[federation__Policy!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @cost(weight: federation__Weight!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR | INTERFACE
directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
`

// namespace is what an imported directive's name begins with where a schema links a
// specification without importing the name.
const namespace = "federation__"

// weighty are the directives that say who may see something, or what it costs.
var weighty = []string{"authenticated", "requiresScopes", "policy", "cost", "listSize"}

// addKnown defines what a schema uses and leaves to others to define.
func addKnown(sd *ast.SchemaDocument) {
	add, err := parser.ParseSchema(&ast.Source{Name: "known.graphql", Input: known, BuiltIn: true})
	if err != nil {
		return // the schema will name what is missing
	}
	for _, def := range add.Definitions {
		if sd.Definitions.ForName(def.Name) == nil {
			sd.Definitions = append(sd.Definitions, def)
		}
	}
	for _, def := range add.Directives {
		for _, name := range [...]string{def.Name, namespace + def.Name} {
			if sd.Directives.ForName(name) == nil {
				d := *def
				d.Name = name
				sd.Directives = append(sd.Directives, &d)
			}
		}
	}
}

// renamed refuses a schema that calls a directive of consequence by another name:
// it would be taken for one that says nothing.
func renamed(file string, sd *ast.SchemaDocument) error {
	for _, def := range slices.Concat(sd.Schema, sd.SchemaExtension) {
		for _, link := range def.Directives.ForNames("link") {
			if as := link.Arguments.ForName("as"); as != nil {
				return at(file, link.Position, errors.New("@link gives a specification another name (as), under which its directives are not known here"))
			}
			list := link.Arguments.ForName("import")
			if list == nil {
				continue
			}
			for _, one := range list.Value.Children {
				as, name := one.Value.Children.ForName("as"), one.Value.Children.ForName("name")
				if as != nil && name != nil && slices.Contains(weighty, strings.TrimPrefix(name.Raw, "@")) {
					return at(file, link.Position, fmt.Errorf("@link gives %s another name, under which it is not known here", name.Raw))
				}
			}
		}
	}
	return nil
}

// directive returns the directive of that name, imported or not.
func directive(list ast.DirectiveList, name string) *ast.Directive {
	if d := list.ForName(name); d != nil {
		return d
	}
	return list.ForName(namespace + name)
}

// weightOf returns what @cost says, or -1.
func weightOf(list ast.DirectiveList) (float64, error) {
	d := directive(list, "cost")
	if d == nil {
		return -1, nil
	}
	arg := d.Arguments.ForName("weight")
	if arg == nil {
		return -1, errors.New("@cost without a weight")
	}
	w, err := strconv.ParseFloat(arg.Value.Raw, 64)
	if err != nil || !(w >= 0 && w <= 1e6) {
		return -1, errors.New("the weight of @cost is a number from 0 to 1000000")
	}
	return w, nil
}

// listSize is what @listSize says of a field (GraphQL Cost Directives section 5.2).
type listSize struct {
	assumed int64      // or -1
	slicing [][]string // paths of arguments, of which the largest counts
	sized   []string   // the fields below that are the lists; none is the field itself
	one     bool       // exactly one of the slicing arguments must be given
}

// costs reads what the schema says of a field's cost.
func (f *field) costs() error {
	w, err := weightOf(f.def.Directives)
	if err != nil {
		return err
	}
	f.weight = max(w, 0)
	for _, a := range f.def.Arguments {
		w, err := weightOf(a.Directives)
		if err != nil {
			return err
		}
		if w > 0 {
			if f.args == nil {
				f.args = map[string]float64{}
			}
			f.args[a.Name] = w
		}
		if a.Type.NamedType == "Int" && slices.Contains(pageArguments, strings.ToLower(a.Name)) {
			f.slices = append(f.slices, a.Name)
		}
	}
	if f.size, err = f.sizeOf(); f.size != nil || f.out == nil || !f.list && !f.out.composite {
		f.slices = nil
	}
	return err
}

// pageArguments ask for a number of elements wherever they stand, in lower case.
var pageArguments = []string{"first", "last", "limit", "count", "per_page", "perpage", "page_size", "pagesize", "take"}

func (f *field) sizeOf() (*listSize, error) {
	d := directive(f.def.Directives, "listSize")
	if d == nil {
		return nil, nil
	}
	s := &listSize{assumed: -1, one: true}
	for _, arg := range d.Arguments {
		switch arg.Name {
		case "assumedSize":
			n, err := strconv.ParseInt(arg.Value.Raw, 10, 32)
			if err != nil || n < 0 {
				return nil, errors.New("the assumedSize of @listSize is a number of elements")
			}
			s.assumed = n
		case "slicingArguments":
			for _, c := range arg.Value.Children {
				path := strings.Split(c.Value.Raw, ".")
				if f.def.Arguments.ForName(path[0]) == nil {
					return nil, fmt.Errorf("@listSize names the slicing argument %q, which %s.%s does not have", c.Value.Raw, f.of.name, f.name)
				}
				s.slicing = append(s.slicing, path)
			}
		case "sizedFields":
			for _, c := range arg.Value.Children {
				s.sized = append(s.sized, c.Value.Raw)
			}
		case "requireOneSlicingArgument":
			s.one = arg.Value.Raw == "true"
		}
	}
	if s.assumed < 0 && len(s.slicing) == 0 {
		return nil, errors.New("@listSize says neither assumedSize nor slicingArguments")
	}
	s.one = s.one && len(s.slicing) > 0
	return s, nil
}

// fix is the waiver that a looser setting needs.
const fix = "waiver: {because: why, owner: who@example.com, until: 2027-06-30}"

// loosening reports the settings that are looser than required, and have no waiver.
func (c *Config) loosening(b *gatehouse.Build) (errs []error) {
	loose := func(key, says, instead string) {
		switch {
		case c.Waiver == nil:
			errs = append(errs, &gatehouse.Fault{Key: key, Says: says + " needs a waiver", Fix: instead + ", or " + fix})
		case c.Waiver.Expired(b.Now()):
			errs = append(errs, &gatehouse.Fault{Key: "waiver", Says: "the waiver ended on " + c.Waiver.Until.Format("2006-01-02"), Fix: instead})
		}
	}
	for _, n := range [...]struct {
		key               string
		value, least, max int
	}{
		{"depth", c.Depth, 1, maxDepth}, {"aliases", c.Aliases, 0, maxAliases}, {"directives", c.Directives, 0, maxDirectives}, {"tokens", c.Tokens, 1, maxTokens},
		{"characters", c.Characters, 1, maxCharacters}, {"root_fields", c.RootFields, 1, maxRootFields}, {"cost", c.Cost, 1, maxCost}, {"duplicates", c.Duplicates, 0, 0},
	} {
		instead := fmt.Sprintf("%s: %d", n.key, n.max)
		switch {
		case n.value < n.least:
			errs = append(errs, &gatehouse.Fault{Key: n.key, Says: fmt.Sprintf("a bound is at least %d", n.least), Fix: instead})
		case n.value > n.max:
			loose(n.key, fmt.Sprintf("a bound over %d", n.max), instead)
		}
	}
	switch c.CostMode {
	case "enforce":
	case "shadow":
		loose("cost_mode", "letting in what costs too much", "cost_mode: enforce")
	default:
		errs = append(errs, &gatehouse.Fault{Key: "cost_mode", Says: fmt.Sprintf("%q is no choice", c.CostMode), Fix: "cost_mode: enforce"})
	}
	switch c.Errors {
	case "redact":
	case "pass":
		loose("errors", "letting out what the upstream says of its errors", "errors: redact")
	default:
		errs = append(errs, &gatehouse.Fault{Key: "errors", Says: fmt.Sprintf("%q is no choice", c.Errors), Fix: "errors: redact"})
	}
	if c.Introspection && !b.Development {
		loose("introspection", "showing the schema to callers in production", "introspection: false")
	}
	return errs
}
