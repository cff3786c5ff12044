// Package graphql judges GraphQL requests before an upstream parses them.
//
// It defends from queries that cost the upstream more than they cost the caller:
// deep ones, hundreds of aliases, directives or tokens, fragments that double at
// every step, batches, and pages of a million; from introspection, which draws
// attackers a map; and from the ways around rules that look at the URL only, since
// in GraphQL one URL is the whole API. Limits are measured before anything is
// validated, in time that grows with the text and not with what it expands to. What
// is forwarded is written anew from what was judged.
package graphql

import (
	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name: "graphql",
	New: func() gatehouse.Control {
		return &Config{
			Path: defaultPath, Depth: maxDepth, Aliases: maxAliases, Directives: maxDirectives, Tokens: maxTokens, Characters: maxCharacters,
			RootFields: maxRootFields, Cost: maxCost, CostMode: "enforce", ListSize: 1, Errors: "redact", Only: true,
		}
	},
	Covers: []gatehouse.Requirement{"graphql.depth", "graphql.complexity", "graphql.introspection", "graphql.fields", "graphql.abuse", "authz.object", "authz.object-response"},
}

// The bounds that need a waiver to be looser.
const (
	maxDepth      = 6
	maxAliases    = 15
	maxDirectives = 50
	maxTokens     = 1000
	maxCharacters = 15_000
	maxRootFields = 15
	maxCost       = 5000
	maxBatch      = 10

	defaultPath = "/graphql"
)

// Config is what an operator writes under "graphql:".
type Config struct {
	// Schema is the file of the API's type system in the schema definition language
	// (GraphQL section 3). Without it nothing here speaks GraphQL.
	Schema gatehouse.File `yaml:"schema"`
	// Path is where an API without an OpenAPI description is served. Default /graphql.
	Path string `yaml:"path"`
	// Get lets an API without an OpenAPI description take queries by GET too.
	Get bool `yaml:"get"`
	// Operations holds the operationIds of an OpenAPI description that speak GraphQL.
	// Left out, every operation that this block is for does.
	Operations []string `yaml:"operations"`

	// Depth bounds how deep fields are nested, leaves included. Default 6.
	Depth int `yaml:"depth"`
	// Aliases bounds the aliases of a request, fragments written out. Default 15.
	Aliases int `yaml:"aliases"`
	// Directives bounds the directives of a request, fragments written out. Default 50.
	Directives int `yaml:"directives"`
	// Duplicates bounds how often a response key may stand once more in one selection
	// set. Default 0.
	Duplicates int `yaml:"duplicates"`
	// Tokens bounds the lexical tokens of a document. Default 1,000.
	Tokens int `yaml:"tokens"`
	// Characters bounds the length of a document in bytes. Default 15,000.
	Characters int `yaml:"characters"`
	// RootFields bounds the fields of the root type in a request, those of every member
	// of a batch together. Default 15.
	RootFields int `yaml:"root_fields"`
	// Batch is how many operations one request may hold as a JSON array, at most 10.
	// Default 0: no arrays.
	Batch int `yaml:"batch"`

	// Cost bounds the estimated cost of a request. Default 5,000.
	Cost int `yaml:"cost"`
	// CostMode says what becomes of requests that cost more: enforce (default) refuses
	// them, shadow notes them in the trail and needs a waiver.
	CostMode string `yaml:"cost_mode"`
	// ListSize is how many elements a list is taken to have where neither @listSize nor
	// an argument such as first says it. Default 1.
	ListSize int `yaml:"list_size"`

	// Introspection lets __schema and __type in. In production it needs a waiver.
	Introspection bool `yaml:"introspection"`

	// Objects says whose the objects of a type are, by the type's name.
	Objects map[string]*Object `yaml:"objects"`
	// NoObject names the fields that have an argument like an id and no object behind
	// it, "Query.tile" or "Query.tile(id)", and why.
	NoObject map[string]*gatehouse.Waiver `yaml:"no_object"`
	// Errors says what leaves of the upstream's errors: redact (default) lets out where
	// they are and their code, pass with a waiver all they say.
	Errors string `yaml:"errors"`

	// Policies says for whom the policies hold that @policy names: for callers with one
	// of the entries, "role:NAME" or "scope:NAME". A name that is neither here nor in a
	// policy of the API, as Action::"policy.NAME", does not load.
	Policies map[string][]string `yaml:"policies"`

	// Documents is a file or a folder of trusted documents: a JSON manifest, or files
	// that end in .graphql.
	Documents gatehouse.File `yaml:"documents"`
	// Only refuses documents that are not trusted, where there are any that are.
	// Default true.
	Only bool `yaml:"only"`

	// Waiver is why a bound is looser than the default.
	Waiver *gatehouse.Waiver `yaml:"waiver"`

	policy *policy.Policy // of the API, or nil
}

var (
	_ gatehouse.Control = (*Config)(nil)
	_ policy.Holder     = (*Config)(nil)
	_ policy.Authorizer = (*Config)(nil)
)
