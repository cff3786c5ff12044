package graphql_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/graphql"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

type operation struct{ id, method string }

func (o operation) ID() string       { return o.id }
func (o operation) Method() string   { return o.method }
func (o operation) Template() string { return "/graphql" }

// compiled compiles a control for a POST, and returns its steps or what is wrong.
func compiled(t testing.TB, sdl string, change func(*graphql.Config)) ([]gatehouse.Step, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "shop.graphql")
	if err := os.WriteFile(file, []byte(sdl), 0o600); err != nil {
		t.Fatal(err)
	}
	c := graphql.Kind.New().(*graphql.Config)
	c.Schema = gatehouse.File(file)
	if change != nil {
		change(c)
	}
	op := operation{"postGraphQL", "POST"}
	return c.Compile(&gatehouse.Build{API: "shop", Operation: op, All: []gatehouse.Operation{op}, Kept: gatehouse.NewKept(), Now: time.Now, Caps: gatehouse.AllCaps})
}

func waiver() *gatehouse.Waiver {
	return &gatehouse.Waiver{Because: "test", Owner: "test@example.com", Until: time.Now().AddDate(0, 1, 0)}
}

// TestNoLimitIsLoosenedWithoutAReason covers graphql.depth, graphql.complexity,
// graphql.introspection and graphql.abuse.
func TestNoLimitIsLoosenedWithoutAReason(t *testing.T) {
	const sdl = "type Query { a: Int }"
	for name, change := range map[string]func(*graphql.Config){
		"depth": func(c *graphql.Config) { c.Depth = 7 }, "aliases": func(c *graphql.Config) { c.Aliases = 16 }, "directives": func(c *graphql.Config) { c.Directives = 51 },
		"tokens": func(c *graphql.Config) { c.Tokens = 1001 }, "characters": func(c *graphql.Config) { c.Characters = 15_001 }, "root_fields": func(c *graphql.Config) { c.RootFields = 16 },
		"cost": func(c *graphql.Config) { c.Cost = 5001 }, "duplicates": func(c *graphql.Config) { c.Duplicates = 1 }, "cost_mode": func(c *graphql.Config) { c.CostMode = "shadow" },
		"introspection": func(c *graphql.Config) { c.Introspection = true }, "errors": func(c *graphql.Config) { c.Errors = "pass" },
	} {
		if _, err := compiled(t, sdl, change); err == nil || !strings.HasPrefix(err.Error(), name+": ") || !strings.Contains(err.Error(), "waiver") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := compiled(t, sdl, func(c *graphql.Config) { change(c); c.Waiver = waiver() }); err != nil {
			t.Errorf("%s with a waiver: %v", name, err)
		}
		if _, err := compiled(t, sdl, func(c *graphql.Config) {
			change(c)
			c.Waiver = &gatehouse.Waiver{Until: time.Now().AddDate(0, 0, -2)}
		}); err == nil || !strings.Contains(err.Error(), "ended") {
			t.Errorf("%s with a waiver that ended: %v", name, err)
		}
	}
	for name, change := range map[string]func(*graphql.Config){
		"depth": func(c *graphql.Config) { c.Depth = 0 }, "batch": func(c *graphql.Config) { c.Batch = 11 }, "list_size": func(c *graphql.Config) { c.ListSize = 0 },
		"cost_mode": func(c *graphql.Config) { c.CostMode = "off" }, "errors": func(c *graphql.Config) { c.Errors = "all" }, "operations[0]": func(c *graphql.Config) { c.Operations = []string{"other"} },
		"policies.x": func(c *graphql.Config) { c.Policies = map[string][]string{"x": {"everybody"}} },
	} {
		if _, err := compiled(t, sdl, func(c *graphql.Config) { c.Waiver = waiver(); change(c) }); err == nil || !strings.Contains(err.Error(), name+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestASchemaThatCannotBeKeptDoesNotCompile lists what is refused at load: schemas that
// cannot be read or that hide a directive, and rules that say nothing. It covers
// graphql.fields and authz.object.
func TestASchemaThatCannotBeKeptDoesNotCompile(t *testing.T) {
	order := func(o graphql.Object) func(*graphql.Config) {
		return func(c *graphql.Config) { c.Objects = map[string]*graphql.Object{"Order": &o} }
	}
	const orders = "type Query { order(id: ID!): Order } type Order { id: ID! owner: ID list: [ID!] of(n: Int!): ID user: User } type User { id: ID } "
	for _, c := range []struct {
		name, sdl string
		change    func(*graphql.Config)
		says      string
	}{
		{"no GraphQL", "type Query {", nil, "shop.graphql:1:13"},
		{"no query", "type A { a: Int }", nil, "no query type"},
		{"unknown type", "type Query { a: B }", nil, "shop.graphql:1:17"},
		{"unknown policy", `type Query { a: Int @policy(policies: [["boss"]]) }`, nil, `@policy names "boss"`},
		{"flat scopes", `directive @requiresScopes(scopes: [String]) on FIELD_DEFINITION type Query { a: Int @requiresScopes(scopes: ["a"]) }`, nil, "one of the inner lists"},
		{"scopes of nobody", `type Query { a: Int @requiresScopes(scopes: []) }`, nil, "one of the inner lists"},
		{"a directive renamed", `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: [{name: "@authenticated", as: "@auth"}]) directive @auth on FIELD_DEFINITION type Query { a: Int @auth }`, nil, "another name"},
		{"a specification renamed", `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", as: "fed") directive @fed__authenticated on FIELD_DEFINITION type Query { a: Int @fed__authenticated }`, nil, "another name"},
		{"cost of text", `type Query { a: Int @cost(weight: "much") }`, nil, "the weight of @cost"},
		{"cost below zero", `type Query { a: Int @cost(weight: -1) }`, nil, "the weight of @cost"},
		{"a list of no size", `type Query { a: [Int] @listSize(requireOneSlicingArgument: false) }`, nil, "assumedSize nor slicingArguments"},
		{"a slicing argument that is none", `type Query { a: [Int] @listSize(slicingArguments: ["first"]) }`, nil, `slicing argument "first"`},
		{"an id", orders, nil, "Query.order names an object by id"},
		{"an id of node", "type Query { node(id: ID!): Node } interface Node { id: ID! } type A implements Node { id: ID! } type B implements Node { id: ID! owner: ID }", func(c *graphql.Config) { c.Objects = map[string]*graphql.Object{"B": {Owner: "response.owner"}} }, "Query.node names an object by id"},
		{"an id of _entities", `scalar _Any union _Entity = A type A @key(fields: "id") { id: ID! } type Query { _entities(representations: [_Any!]!): [_Entity]! }`, nil, "by representations"},
		{"an id inside", "input I { j: J } input J { userId: String } type Query { a(i: [I!]): Int }", nil, "by i.j.userId"},
		{"an id of a type below", "type Query { a: A } type A { secret(uuid: Int): Int }", nil, "A.secret names an object by uuid"},
		{"an id of a mutation", "type Query { a: Int } type Mutation { drop(ids: [ID!]!): Int }", nil, "Mutation.drop names an object by ids"},
		{"two ids of a mutation", orders + "type Mutation { move(id: ID!, userId: ID!): Order }", order(graphql.Object{Owner: "owner"}), "Mutation.move names an object"},
		{"no owner", orders, order(graphql.Object{}), "nothing says whose"},
		{"an owner that is not there", orders, order(graphql.Object{Owner: "response.customer"}), "has no field customer"},
		{"an owner that is a list", orders, order(graphql.Object{Owner: "list"}), "has no field list"},
		{"an owner that is an object", orders, order(graphql.Object{Owner: "user"}), "has no field user"},
		{"an owner with arguments", orders, order(graphql.Object{Owner: "of"}), "has no field of"},
		{"no such type", orders, func(c *graphql.Config) { c.Objects = map[string]*graphql.Object{"Ordre": {Owner: "owner"}} }, "no object type Ordre"},
		{"no such operation", orders, order(graphql.Object{Owner: "owner", Operations: map[string][]string{"update": {"Mutation.x"}}}), "no field Mutation.x"},
		{"no such argument", orders, order(graphql.Object{Owner: "owner", Operations: map[string][]string{"read": {"Query.order(key)"}}}), "names no argument"},
		{"no such action", orders, order(graphql.Object{Owner: "owner", Operations: map[string][]string{"steal": {"Query.order"}}}), "no such action"},
		{"nobody", orders, order(graphql.Object{Owner: "owner", Allow: map[string][]string{"everybody": {"read"}}}), "nobody of that name"},
		{"another status", orders, order(graphql.Object{Owner: "owner", OnDeny: 500}), "403, or 404"},
		{"a change without a look-up", "type Query { a: Order } type Order { owner: ID } type Mutation { note(id: ID!): Order }", order(graphql.Object{Owner: "owner"}), "must know its owner before"},
		{"no map of owners", orders, order(graphql.Object{Owner: "owner", Before: "owners"}), "no map of owners"},
		{"an owner by relations that are not there", orders, order(graphql.Object{Owner: "relations"}), "no model of relations"},
		{"an id to learn that is not there", orders + "type Mutation { make: Order }", order(graphql.Object{Owner: "owner", Create: &policy.Creation{Learn: "response.number"}}), "objects.Order.create.learn: Order has no field number"},
		{"an id in replies that is not there", orders + "type Mutation { make: Order }", order(graphql.Object{Owner: "owner", ReplyID: "response.user", Create: &policy.Creation{Learn: "response.user"}}), "objects.Order.reply_id: Order has no field user"},
		{"two fields for one id", orders + "type Mutation { make: Order }", order(graphql.Object{Owner: "owner", ReplyID: "response.id", Create: &policy.Creation{Learn: "response.owner"}}), "is named by response.owner, and later by response.id"},
		{"nothing to learn from", orders, order(graphql.Object{Owner: "owner", Create: &policy.Creation{Learn: "response.id"}}), "nothing makes objects of the type Order"},
		{"two that may be new", orders + "type Mutation { make: Both } type Both { old: Order new: Order }", order(graphql.Object{Owner: "owner", Create: &policy.Creation{Learn: "response.id"}}), "which one is new is not known"},
		{"nothing that may be new", orders + "type Mutation { make: Int }", order(graphql.Object{Owner: "owner", Create: &policy.Creation{Operation: "Mutation.make", Learn: "response.id"}}), "has 0 fields of that type"},
		{"a creation that is not there", orders, order(graphql.Object{Owner: "owner", Create: &policy.Creation{Operation: "Mutation.make", Learn: "response.id"}}), "no field Mutation.make"},
		{"no map to learn into", orders + "type Mutation { make: Order }", order(graphql.Object{Owner: "owner", Create: &policy.Creation{Learn: "response.id"}}), "there is no map of owners"},
		{"a waiver for nothing", "type Query { a: Int }", func(c *graphql.Config) { c.NoObject = map[string]*gatehouse.Waiver{"Query.b": waiver()} }, "no such field"},
		{"a waiver that ended", orders, func(c *graphql.Config) {
			c.NoObject = map[string]*gatehouse.Waiver{"Query.order": {Until: time.Now().AddDate(0, 0, -2)}}
		}, "the waiver has ended"},
	} {
		if _, err := compiled(t, c.sdl, c.change); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := compiled(t, orders, order(graphql.Object{Owner: "response.user.id"})); err != nil {
		t.Errorf("an order with an owner: %v", err)
	}
}

// TestTrustedDocumentsAreJudgedWhenTheyAreRead covers graphql.abuse: one that no
// request could use, or that has another hash, does not load.
func TestTrustedDocumentsAreJudgedWhenTheyAreRead(t *testing.T) {
	dir := t.TempDir()
	documents := func(name, text string) func(*graphql.Config) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if sub := filepath.Dir(file); sub != dir {
			file = sub
		}
		return func(c *graphql.Config) { c.Documents = gatehouse.File(file) }
	}
	const sdl = "type Query { a: Query b: Int }"
	for name, text := range map[string]string{
		"not valid":    `{"one":"{ c }"}`,
		"too deep":     `{"one":"{ a { a { a { a { a { a { b } } } } } } }"}`,
		"another hash": `{"` + strings.Repeat("0", 64) + `":"{ b }"}`,
		"empty":        `{}`, "no object": `[]`, "no text": `{"one":1}`, "no JSON": `{`,
		"no body": `{"operations":[{"id":"a"}]}`,
	} {
		if _, err := compiled(t, sdl, documents("manifest.json", text)); err == nil || !strings.HasPrefix(err.Error(), "documents: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*graphql.Config){
		"Apollo's manifest": documents("apollo.json", `{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":"one","name":"A","type":"query","body":"query A { b }"}]}`),
		"a folder":          documents("folder/a.graphql", "query A { b } query B { a { b } }"),
	} {
		if _, err := compiled(t, sdl, change); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhatDoesNotSpeakGraphQLHasNoSteps: nobody pays for a control that is not used.
func TestWhatDoesNotSpeakGraphQLHasNoSteps(t *testing.T) {
	steps, err := graphql.Kind.New().Compile(&gatehouse.Build{Operation: operation{"getOrder", "GET"}, Kept: gatehouse.NewKept(), Now: time.Now, Caps: gatehouse.AllCaps})
	if err != nil || len(steps) != 0 {
		t.Errorf("%d steps, %v", len(steps), err)
	}
	steps, err = compiled(t, "type Query { a: Int }", func(c *graphql.Config) { c.Operations = nil })
	if err != nil || len(steps) == 0 {
		t.Fatalf("%d steps, %v", len(steps), err)
	}
	if fmt.Sprint(steps[0].Stage, steps[len(steps)-1].Stage) != fmt.Sprint(gatehouse.Validate, gatehouse.Respond) {
		t.Error("the steps do not surround the upstream")
	}
}
