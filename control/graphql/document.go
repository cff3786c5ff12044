package graphql

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/gatehouse-api/gatehouse"
)

// operation is one operation of one document, with everything that can be said of
// it without knowing who asks. It is immutable.
type operation struct {
	kind      ast.Operation
	name      string
	measure   measure
	dynamic   bool // its cost depends on variables
	def       *ast.OperationDefinition
	doc       *ast.QueryDocument
	root      *typ
	variables []variable
	needs     []*need  // of who asks for it
	asks      []*need  // of which policies decide
	open      []string // fields of the root of which nothing says who may ask for them
	touches   []touch  // what it does to objects
	reply     *shape
	text      string // what is forwarded
	quoted    []byte // the same as a JSON string
}

// variable is a variable that an operation declares.
type variable struct {
	name     string
	typ      *ast.Type
	defaults bool
	number   int64 // the default, where it is a number
}

// refusal is why something is refused: the answer, and the cause for the record.
type refusal struct {
	answer  *gatehouse.Answer
	because string
}

func refuse(a *gatehouse.Answer, because string) *refusal { return &refusal{a, because} }

// ruled are the rules of validation (GraphQL section 5) but for the one that fields
// can be merged, which is ours: the library's costs the square of the fields. None
// makes suggestions, which would tell what the schema has.
func ruled() []validator.Rule {
	return []validator.Rule{
		rules.FieldsOnCorrectTypeRuleWithoutSuggestions, rules.FragmentsOnCompositeTypesRule, rules.KnownArgumentNamesRuleWithoutSuggestions, rules.KnownDirectivesRule,
		rules.KnownFragmentNamesRule, rules.KnownRootTypeRule, rules.KnownTypeNamesRuleWithoutSuggestions, rules.LoneAnonymousOperationRule, rules.NoFragmentCyclesRule,
		rules.NoUndefinedVariablesRule, rules.NoUnusedFragmentsRule, rules.NoUnusedVariablesRule, rules.PossibleFragmentSpreadsRule, rules.ProvidedRequiredArgumentsRule,
		rules.ScalarLeafsRuleWithoutSuggestions, rules.UniqueArgumentNamesRule, rules.UniqueDirectivesPerLocationRule, rules.UniqueFragmentNamesRule, rules.UniqueInputFieldNamesRule,
		rules.UniqueOperationNamesRule, rules.UniqueVariableNamesRule, rules.ValuesOfCorrectTypeRuleWithoutSuggestions, rules.VariablesAreInputTypesRule, rules.VariablesInAllowedPositionRule,
	}
}

// compile judges a document as far as nobody's values count. numbers are the values
// of variables that the cost may depend on.
func (k *check) compile(text, name string) (*operation, *refusal) {
	if len(text) > k.max.Characters {
		return nil, refuse(tooLong, "")
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, k.max.Tokens)
	if err != nil {
		if strings.Contains(err.Error(), "token limit") {
			return nil, refuse(tooLong, "tokens")
		}
		return nil, refuse(unparsable, "")
	}
	if !dedent(doc, text) {
		return nil, refuse(unparsable, "quotes behind a block string")
	}
	def, why := chosen(doc, name)
	if why != nil {
		return nil, why
	}
	root := k.rootOf(def.Operation)
	if root == nil {
		return nil, refuse(invalid, "the schema has no such operations")
	}
	w := walk{s: k.schema, doc: doc, listSize: int64(k.max.ListSize)}
	op := &operation{kind: def.Operation, name: def.Name, def: def, doc: doc, root: root}
	op.measure = w.operation(def, root)
	op.dynamic = w.dynamic
	if why := k.within(&op.measure); why != nil {
		return nil, why
	}
	m := merger{s: k.schema, doc: doc}
	reply, says := m.operation(def, root)
	if says == tangled {
		return nil, refuse(tooTangled, "")
	} else if says != "" {
		return nil, refuse(invalid, says)
	}
	//lint:ignore SA1019 what is said to use instead makes and sorts its rules anew for every document
	if errs := validator.Validate(k.schema.ast, doc, k.rules...); len(errs) > 0 {
		return nil, refuse(invalid, errs[0].Rule)
	}
	reply.mark(map[*shape]bool{})
	op.reply = reply
	t := touches{s: k.schema, doc: doc}
	t.of(def.SelectionSet, root)
	op.touches = t.list
	d := demands{s: k.schema, doc: doc}
	d.of(def.SelectionSet, root)
	op.open = d.open(def.SelectionSet, root)
	for _, n := range d.needs {
		if n.asked {
			op.asks = append(op.asks, n)
		} else {
			op.needs = append(op.needs, n)
		}
	}
	for _, v := range def.VariableDefinitions {
		one := variable{name: strings.Clone(v.Variable), typ: v.Type, defaults: v.DefaultValue != nil, number: -1}
		if v.DefaultValue != nil && v.DefaultValue.Kind == ast.IntValue {
			one.number = clamp(digits(v.DefaultValue.Raw))
		}
		op.variables = append(op.variables, one)
	}
	p := printer{doc: doc, add: k.added}
	op.text = p.operation(def)
	op.quoted = appendQuoted(nil, op.text)
	return op, nil
}

// chosen returns the operation of a document that a request means (GraphQL section
// 6.1).
func chosen(doc *ast.QueryDocument, name string) (*ast.OperationDefinition, *refusal) {
	if len(doc.Operations) == 0 {
		return nil, refuse(unparsable, "no operation")
	}
	def := doc.Operations[0]
	if name != "" {
		if def = doc.Operations.ForName(name); def == nil {
			return nil, refuse(noOperation, "")
		}
	} else if len(doc.Operations) > 1 {
		return nil, refuse(noOperation, "")
	}
	if def.Operation == ast.Subscription {
		return nil, refuse(subscription, "")
	}
	return def, nil
}

func (k *check) rootOf(kind ast.Operation) *typ {
	def := k.schema.ast.Query
	if kind == ast.Mutation {
		def = k.schema.ast.Mutation
	}
	if def == nil {
		return nil
	}
	return k.schema.types[def.Name]
}

// within compares what does not depend on values with the limits.
func (k *check) within(m *measure) *refusal {
	switch {
	case m.cyclic:
		return refuse(invalid, "a fragment holds itself")
	case m.introspection && !k.max.Introspection:
		return refuse(introspection, "")
	case m.incremental:
		return refuse(incremental, "")
	case m.reserved:
		return refuse(reserved, "")
	case m.depth > k.max.Depth:
		return refuse(tooDeep, "")
	case m.roots > k.max.RootFields:
		return refuse(tooManyRoots, "")
	case m.aliases > k.max.Aliases:
		return refuse(tooManyAliases, "")
	case m.directives > k.max.Directives:
		return refuse(tooManyDirectives, "")
	case m.duplicates > k.max.Duplicates:
		return refuse(duplicated, "")
	case m.unsliced:
		return refuse(unsliced, "")
	case !k.shadowCost && m.cost > float64(k.max.Cost):
		return refuse(tooCostly, "")
	}
	return nil
}

// reservedPrefix begins the response keys that are ours.
const reservedPrefix = "gatehouse_"

func reservedKey(key string) bool { return strings.HasPrefix(key, reservedPrefix) }

// appendQuoted appends a JSON string (RFC 8259 section 7).
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// added is what is selected below a field beside what its caller selects: whose the
// objects are.
func (k *check) added(f *ast.Field) string {
	if f.ObjectDefinition == nil {
		return ""
	}
	if info := k.schema.types[f.ObjectDefinition.Name].fields[f.Name]; info != nil {
		return strings.TrimSpace(info.out.inject + " " + info.made)
	}
	return ""
}

// operationNames returns the names of a document's operations, "" for one alone.
func operationNames(text string, tokens int) []string {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, tokens)
	if err != nil || len(doc.Operations) < 2 {
		return []string{""}
	}
	var names []string
	for _, op := range doc.Operations {
		names = append(names, op.Name)
	}
	return names
}
