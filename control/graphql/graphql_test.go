package graphql

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const shop = `
type Query { viewer: User order(id: ID!): Order orders(first: Int, status: Status): [Order!]! node(id: ID!): Node search(text: String!): [Hit!]! }
type Mutation { note(id: ID!, text: String!): Order }
interface Node { id: ID! }
enum Status { OPEN SHIPPED }
input Filter { text: String! tags: [String!] max: Int = 1 }
input One @oneOf { a: Int b: String }
type User implements Node { id: ID! name: String friends(first: Int): [User!]! orders(first: Int): [Order!]! best: User find(filter: Filter, one: One): User }
type Order implements Node { id: ID! name: String! item: String customer: User best: Order }
union Hit = User | Order
`

// checkOf is a check with the default limits, which change makes others.
func checkOf(t testing.TB, sdl string, change func(*Config)) *check {
	t.Helper()
	s, err := parseSchema("test.graphql", sdl)
	if err != nil {
		t.Fatal(err)
	}
	c := Kind.New().(*Config)
	if change != nil {
		change(c)
	}
	return &check{max: c, schema: s, rules: ruled(), shadowCost: c.CostMode == "shadow"}
}

// loose lifts all limits.
func loose(c *Config) {
	c.Depth, c.Aliases, c.Directives, c.Tokens, c.Characters, c.RootFields, c.Cost, c.Duplicates = 1<<30, 1<<30, 1<<30, 1<<30, 1<<30, 1<<30, enormous, 1<<30
}

func reasonOf(why *refusal) string {
	if why == nil {
		return ""
	}
	return why.answer.Reason
}

func times(n int, f func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
	}
	return b.String()
}

// attacks are documents that cost their server much and their author little.
func attacks() map[string]string {
	spreads := func(n int) string {
		return "{viewer{...F0}}" + times(n, func(i int) string {
			return fmt.Sprintf(" fragment F%d on User{best{...F%d} friends{...F%d}}", i, i+1, i+1)
		}) + fmt.Sprintf(" fragment F%d on User{id}", n)
	}
	flat := func(n int) string {
		return "{viewer{...F0}}" + times(n, func(i int) string { return fmt.Sprintf(" fragment F%d on User{...F%d ...F%d}", i, i+1, i+1) }) + fmt.Sprintf(" fragment F%d on User{id}", n)
	}
	return map[string]string{
		"1,000 aliases":              "{viewer{" + times(1000, func(i int) string { return fmt.Sprintf("alias%d: name ", i) }) + "}}",
		"3,000 times viewer{name}":   "{" + strings.Repeat("viewer{name} ", 3000) + "}",
		"300 times viewer{name}":     "{" + strings.Repeat("viewer{name} ", 300) + "}",
		"200 fields within tokens":   "{" + strings.Repeat("viewer{name}", 240) + "}",
		"20 fragments that double":   spreads(20),
		"60 fragments that double":   spreads(60),
		"20 flat ones that double":   flat(20),
		"80 flat ones that double":   flat(80),
		"flat ones without an end":   "{viewer{...F0}}" + times(80, func(i int) string { return fmt.Sprintf(" fragment F%d on User{...F%d ...F%d}", i, i+1, i+1) }),
		"1,000 levels":               strings.Repeat("{viewer", 1) + strings.Repeat("{best", 500) + "{id}" + strings.Repeat("}", 501),
		"10,000 directives":          "{viewer{id " + strings.Repeat("@skip(if:false)", 990) + "}}",
		"300 unknown directives":     "{viewer{id " + strings.Repeat("@a ", 450) + "}}",
		"a list in a list in a list": "{node(id:" + strings.Repeat("[", 900) + "){id}}",
		"a chain of 120 fragments":   "{viewer{...F0}}" + times(118, func(i int) string { return fmt.Sprintf(" fragment F%d on User{...F%d}", i, i+1) }) + " fragment F118 on User{id}",
		"120 fragments in a circle":  "{viewer{...F0}}" + times(119, func(i int) string { return fmt.Sprintf(" fragment F%d on User{...F%d}", i, (i+1)%119) }),
		"100 operations":             times(100, func(i int) string { return fmt.Sprintf("query Q%d{viewer{id}} ", i) }),
		"100 operations of 20 parts": times(60, func(i int) string { return fmt.Sprintf("query Q%d{viewer{...F0}} ", i) }) + times(40, func(i int) string { return fmt.Sprintf("fragment F%d on User{...F%d}", i, i+1) }) + " fragment F40 on User{id}",
		"300 variables":              "query(" + times(190, func(i int) string { return fmt.Sprintf("$v%d:Int", i) }) + "){viewer{id}}",
		"300 arguments":              "{node(" + times(330, func(i int) string { return fmt.Sprintf("a%d:1", i) }) + "){id}}",
		"quotes":                     `{node(id:"""` + strings.Repeat(`""\`, 4900) + `"""){id}}`,
	}
}

// TestAnAttackIsRefusedBeforeItCosts holds graphql.abuse and graphql.complexity to the
// bar of VALIDATION.md section 8: the worst that fits into a request is refused
// within about a millisecond of CPU.
func TestAnAttackIsRefusedBeforeItCosts(t *testing.T) {
	k := checkOf(t, shop, nil)
	for name, text := range attacks() {
		best, reason, called := time.Hour, "", ""
		if strings.Contains(text, "query Q0") {
			called = "Q0" // without a name it would be refused at once
		}
		for range 5 {
			start := time.Now()
			_, why := k.compile(text, called)
			best, reason = min(best, time.Since(start)), reasonOf(why)
		}
		t.Logf("figure %-28s %6d B %8.0f us/1000  %s", name, len(text), float64(best.Nanoseconds())/1000, reason)
		if best > 4*time.Millisecond && !race.Enabled { // room for a machine that others use
			t.Errorf("%s: %v", name, best)
		}
	}
}

// TestFragmentsAreMeasuredOnce measures chains that double at every step: what a
// naive walk takes 2^n steps for. The measures are exact all the same.
func TestFragmentsAreMeasuredOnce(t *testing.T) {
	k := checkOf(t, shop, loose)
	for n := 1; n <= 40; n++ {
		text := "{viewer{...F0}}" + times(n, func(i int) string {
			return fmt.Sprintf(" fragment F%d on User{a%d: best{...F%d} b%d: best{...F%d}}", i, i, i+1, i, i+1)
		}) + fmt.Sprintf(" fragment F%d on User{id}", n)
		doc, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil {
			t.Fatal(err)
		}
		w := walk{s: k.schema, doc: doc, listSize: 1}
		m := w.operation(doc.Operations[0], k.rootOf(ast.Query))
		want := min(2*(1<<n)-2, enormous) // each alias of each level, doubled
		if n < 38 && m.aliases != want || m.depth != n+2 {
			t.Errorf("%d fragments: %d aliases, depth %d; want %d and %d", n, m.aliases, m.depth, want, n+2)
		}
		if len(w.memo) != n+1 {
			t.Errorf("%d fragments: %d were measured", n, len(w.memo))
		}
	}
}

// made is a random document that is valid but for fields that contradict each other.
type made struct {
	r     *rand.Rand
	left  int
	names map[string]string // fragments that may be spread, and their types
}

// below are the fields of the schema that hold more.
var below = map[string][][2]string{
	"User":  {{"best", "User"}, {"friends", "User"}, {"friends(first:1)", "User"}, {"friends(first:2)", "User"}, {"orders", "Order"}},
	"Order": {{"best", "Order"}, {"customer", "User"}},
}

// leaves are the others.
var leaves = map[string][]string{"User": {"id", "name", "__typename"}, "Order": {"id", "name", "item", "__typename"}, "Node": {"id", "__typename"}, "Hit": {"__typename"}}

func (m *made) set(on string, depth int) string {
	var b strings.Builder
	b.WriteString("{")
	for range 1 + m.r.IntN(3) {
		m.left--
		alias := []string{"", "", "x:", "y:"}[m.r.IntN(4)]
		deep := below[on]
		switch n := m.r.IntN(10); {
		case n < 4 && len(deep) > 0 && depth > 0 && m.left > 0:
			f := deep[m.r.IntN(len(deep))]
			b.WriteString(alias + f[0] + m.set(f[1], depth-1))
		case n < 6 && depth > 0 && m.left > 0:
			to := on
			if on == "Node" || on == "Hit" {
				to = []string{"User", "Order", on}[m.r.IntN(3)]
			}
			b.WriteString([]string{"...on " + to, "...on " + to, "...on Node"}[m.r.IntN(3)])
			if strings.HasSuffix(b.String(), "Node") {
				to = "Node"
			}
			b.WriteString(m.set(to, depth-1))
		case n < 8 && len(m.names) > 0:
			for _, name := range slices.Sorted(maps.Keys(m.names)) {
				if of := m.names[name]; (of == on || of == "Node" || on == "Node" || on == "Hit") && m.r.IntN(2) == 0 {
					b.WriteString("..." + name + " ")
					break
				}
			}
			b.WriteString("__typename ")
		default:
			leaf := leaves[on][m.r.IntN(len(leaves[on]))]
			if leaf == "__typename" {
				alias = "" // which may be null in the library, and never is
			}
			b.WriteString(alias + leaf + " ")
		}
	}
	return b.String() + "}"
}

func (m *made) document() string {
	m.names = map[string]string{}
	fragments := ""
	for _, name := range []string{"A", "B", "C"} { // each may spread those before it
		m.left = 8
		on := []string{"User", "Order", "Node"}[m.r.IntN(3)]
		fragments += " fragment " + name + " on " + on + m.set(on, 2)
		m.names[name] = on
	}
	m.left = 20
	return "{viewer" + m.set("User", 3) + " node(id:1)" + m.set("Node", 3) + " search(text:\"\")" + m.set("Hit", 2) + "}" + fragments
}

// TestMergingAgreesWithTheLibrary compares the linear rule with the quadratic one of
// the library, on documents that its other rules take.
func TestMergingAgreesWithTheLibrary(t *testing.T) {
	k := checkOf(t, shop, loose)
	others := slices.DeleteFunc(ruled(), func(r validator.Rule) bool { return r.Name == rules.NoUnusedFragmentsRule.Name })
	r := rand.New(rand.NewPCG(5, 8))
	valid, clean := 0, 0
	for range 5000 {
		m := made{r: r}
		text := m.document()
		doc, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		//lint:ignore SA1019 as the control does
		if errs := validator.Validate(k.schema.ast, doc, others...); len(errs) > 0 {
			t.Fatalf("%s: %v", text, errs)
		}
		valid++
		//lint:ignore SA1019 as the control does
		theirs := len(validator.Validate(k.schema.ast, doc, rules.OverlappingFieldsCanBeMergedRule)) == 0
		ours := true
		merge := merger{s: k.schema, doc: doc}
		if _, why := merge.operation(doc.Operations[0], k.rootOf(ast.Query)); why != "" {
			ours = false
		}
		if ours != theirs {
			// The library looks at fragments that no operation reaches, too.
			if ours && !reachable(doc, k) {
				continue
			}
			t.Fatalf("ours %v, theirs %v: %s", ours, theirs, text)
		}
		if ours {
			clean++
		}
	}
	if valid < 2000 || clean < 200 || valid-clean < 200 {
		t.Fatalf("%d documents, %d of them without a conflict: the test shows nothing", valid, clean)
	}
	t.Logf("figure %d documents compared, %d without a conflict", valid, clean)
}

// reachable reports whether the conflict that the library sees is in what the
// operation reaches.
func reachable(doc *ast.QueryDocument, k *check) bool {
	p := printer{doc: doc}
	text := p.operation(doc.Operations[0])
	only, err := parser.ParseQuery(&ast.Source{Input: text})
	//lint:ignore SA1019 as the control does
	return err == nil && len(validator.Validate(k.schema.ast, only, rules.OverlappingFieldsCanBeMergedRule)) > 0
}

// TestWhatIsForwardedIsWhatWasJudged prints documents and reads them again: the
// measures are the same, and printing once more changes nothing.
func TestWhatIsForwardedIsWhatWasJudged(t *testing.T) {
	k := checkOf(t, shop, loose)
	r := rand.New(rand.NewPCG(1, 2))
	n := 0
	for range 3000 {
		m := made{r: r}
		op, why := k.compile(m.document(), "")
		if why != nil {
			continue
		}
		n++
		again, why := k.compile(op.text, "")
		if why != nil {
			t.Fatalf("%s: %s %s", op.text, why.answer.Reason, why.because)
		}
		if again.text != op.text || again.measure != op.measure {
			t.Errorf("%s became %s", op.text, again.text)
		}
	}
	if n < 100 {
		t.Fatalf("only %d documents", n)
	}
	for _, text := range []string{
		`query A($a:Filter={text:"é\u0000\"\\ \uD83D\uDE00",tags:["x"]},$b:[Int!]=[1,-2])@include(if:true){viewer{find(filter:$a){id}}}`,
		`{viewer{find(filter:{text:"""  block "quoted" \""" \\ ` + "\n\t" + ` end"""},one:{b:"\b\f\n\r\t\/"}){id}}}`,
	} {
		doc, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil {
			t.Fatal(err)
		}
		p := printer{doc: doc}
		first := p.operation(doc.Operations[0])
		doc, err = parser.ParseQuery(&ast.Source{Input: first})
		if err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		p = printer{doc: doc}
		if second := p.operation(doc.Operations[0]); second != first {
			t.Errorf("%s became %s", first, second)
		}
	}
}

// TestBlockStringsHaveTheValuesOfTheSpecification holds them to GraphQL section 2.9.4,
// since an id may be written as one.
func TestBlockStringsHaveTheValuesOfTheSpecification(t *testing.T) {
	k := checkOf(t, shop, nil)
	for raw, want := range map[string]string{
		"a\n  c": "a\nc", "\n    a\n      b\n  ": "a\n  b", "  a": "  a", "": "", "é\n\té": "é\né", "\r\n  x\r  y": "x\ny", `a\"""b`: `a"""b`, "\n\n \n": "", "  a\n\n    b": "  a\n\nb",
	} {
		doc, err := parser.ParseQuery(&ast.Source{Input: `{node(id:"""` + raw + `"""){id}}`})
		if err != nil {
			t.Fatal(err)
		}
		if !dedent(doc, doc.Operations[0].Position.Src.Input) {
			t.Errorf("%q is refused", raw)
		}
		if got := doc.Operations[0].SelectionSet[0].(*ast.Field).Arguments[0].Value.Raw; got != want {
			t.Errorf("%q is %q, want %q", raw, got, want)
		}
	}
	if _, why := k.compile(`{node(id:"""a""""){id}}`, ""); reasonOf(why) != unparsable.Reason {
		t.Error("a block string that ends with four quotes is let in")
	}
}

// TestVariablesAreOfTheirTypes judges values by the types that they are declared with.
func TestVariablesAreOfTheirTypes(t *testing.T) {
	k := checkOf(t, shop, loose)
	for _, c := range []struct {
		typ, value string
		ok         bool
	}{
		{"Int", "1", true}, {"Int", "1.0", false}, {"Int", "1e0", false}, {"Int", "-0", false}, {"Int", "-2147483648", true}, {"Int", "2147483648", false}, {"Int", `"1"`, false}, {"Int", "true", false}, {"Int", "null", true}, {"Int!", "null", false},
		{"Float", "1", true}, {"Float", "1.5e3", true}, {"Float", `"1"`, false}, {"String", `"x"`, true}, {"String", "1", false}, {"Boolean", "true", true}, {"Boolean", "1", false}, {"Boolean", `"true"`, false},
		{"ID", `"a"`, true}, {"ID", "7", true}, {"ID", "7.5", false}, {"ID", "7.0", false}, {"ID", "9007199254740991", true}, {"ID", "9007199254740993", false}, {"ID", "{}", false},
		{"[Int!]", "[1,2]", true}, {"[Int!]", "1", true}, {"[Int!]", "[1,null]", false}, {"[Int]", "[1,null]", true}, {"[[Int]]", "[[1],[2]]", true}, {"[[Int]]", "[1]", true}, {"[[Int]]", `["a"]`, false},
		{"Status", `"OPEN"`, true}, {"Status", `"open"`, false}, {"Status", "0", false},
		{"Filter", `{"text":"a"}`, true}, {"Filter", `{"tags":[]}`, false}, {"Filter", `{"text":"a","other":1}`, false}, {"Filter", `{"text":"a","max":null}`, true}, {"Filter", `{"text":null}`, false}, {"Filter", `"a"`, false},
		{"One", `{"a":1}`, true}, {"One", `{"a":1,"b":"x"}`, false}, {"One", `{"a":null}`, false}, {"One", `{}`, false},
	} {
		doc, err := parser.ParseQuery(&ast.Source{Input: "query($v:" + c.typ + "){viewer{id}}"})
		if err != nil {
			t.Fatal(err)
		}
		var d jsonwalk.Doc
		if err := d.Parse([]byte(`{"v":`+c.value+`}`), limits); err != nil {
			t.Fatal(err)
		}
		vars := []variable{{name: "v", typ: doc.Operations[0].VariableDefinitions[0].Type}}
		if _, ok := k.schema.coerce(&d, 0, vars); ok != c.ok {
			t.Errorf("%s as %s: %v", c.value, c.typ, ok)
		}
	}
}

// TestWhatIsAskedForOftenStays fills the cache with strangers' documents.
func TestWhatIsAskedForOftenStays(t *testing.T) {
	var c cache
	mine, op := hashOf([]byte("mine"), nil), &operation{text: strings.Repeat("x", 200)}
	c.put(mine, op)
	for i := range 20_000 {
		c.put(hashOf(fmt.Append(nil, i), nil), &operation{text: strings.Repeat("y", 200)})
		if i%100 == 0 && c.get(mine) != op {
			t.Fatalf("forgotten after %d", i)
		}
	}
	if n := len(c.newer) + len(c.old); n > 2*cacheBytes/456+2 {
		t.Errorf("%d operations are kept", n)
	}
	if hashOf([]byte("a"), []byte("b")) == hashOf([]byte("ab"), nil) {
		t.Error("a name is taken for a part of the document")
	}
}

const ordinary = `query Dashboard($first: Int!) { viewer { id name orders(first: $first) { id item customer { id name } } friends(first: 5) { ...Person } } } fragment Person on User { id name best { id name } orders(first: 3) { id item } } # 270 bytes or so, as a dashboard asks for them all day`

// BenchmarkWalk is the walk that measures depth, aliases, directives and cost.
func BenchmarkWalk(b *testing.B) {
	k := checkOf(b, shop, nil)
	doc, err := parser.ParseQuery(&ast.Source{Input: ordinary})
	if err != nil {
		b.Fatal(err)
	}
	root := k.rootOf(ast.Query)
	b.ReportAllocs()
	for b.Loop() {
		w := walk{s: k.schema, doc: doc, listSize: 1}
		if m := w.operation(doc.Operations[0], root); m.depth != 4 {
			b.Fatal(m)
		}
	}
}

// BenchmarkNewDocument is everything that a document costs that was never seen.
func BenchmarkNewDocument(b *testing.B) {
	k := checkOf(b, shop, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, why := k.compile(ordinary, ""); why != nil {
			b.Fatal(why.answer.Reason, why.because)
		}
	}
}

// exchangeOf is a request with a body.
func exchangeOf(body string) *gatehouse.Exchange {
	x := &gatehouse.Exchange{}
	x.Request.Method, x.Request.HasBody, x.Request.Body = "POST", true, []byte(body)
	return x
}

var repeated = `{"query":"` + ordinary + `","operationName":"Dashboard","variables":{"first":10}}`

// BenchmarkRepeatedRequest is what a request costs whose document was judged before.
func BenchmarkRepeatedRequest(b *testing.B) {
	k := checkOf(b, shop, nil)
	x := exchangeOf(repeated)
	body := slices.Clone(x.Request.Body)
	b.ReportAllocs()
	for b.Loop() {
		x.Request.Body = append(x.Request.Body[:0], body...)
		if x.Request.Parsed != nil {
			x.Request.Parsed.Reset()
		}
		if v, err := k.judge(b.Context(), x); err != nil || !v.Passed() {
			b.Fatal(v.Rule(), err)
		}
		if v, err := k.forward(b.Context(), x); err != nil || !v.Passed() {
			b.Fatal(v.Rule(), err)
		}
	}
}
