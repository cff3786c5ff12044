package openapi

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// expectations is a description whose members are judged in every way there is.
const expectations = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /things:
    post:
      operationId: make
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}
      responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}}
    get:
      operationId: list
      responses: {"200": {description: d, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Thing"}}}}}}
components:
  schemas:
    Thing:
      type: object
      required: [a, seven_7]
      properties:
        a: {type: integer, minimum: -3, exclusiveMaximum: 5}
        b2: {type: string, maxLength: 9}
        c_3: {type: string, minLength: 2, pattern: "^[a-z]{2}-[0-9]*$"}
        four: {type: string, pattern: "^[a-z]+(-[a-z]+)*$"}
        fives: {type: string, enum: ["on", "off", x]}
        sixsix: {type: [integer, "null", string], format: int8, maxLength: 4}
        seven_7: {type: string, format: date}
        eight_88: {type: number, multipleOf: 0.5}
        thirteen_1313: {const: "13"}
        fourteen_14141: {type: boolean}
        fifteen_names_15: {type: string}
        sixteen_names_16: {type: integer}
        a_name_of_33_bytes_and_its_quotes: {type: string}
        limit: {type: integer}
        secret: {type: string, x-gatehouse-roles: [admin]}
        made: {type: string, readOnly: true}
        word: {type: string, writeOnly: true}
        "qu\"ote": {type: string}
        any: {}
        one: {oneOf: [{type: integer}, {type: string, minLength: 3}]}
        closed: {type: object, additionalProperties: false, properties: {p: {type: integer}, q: {$ref: "#/components/schemas/Thing"}}}
        open: {type: object, additionalProperties: {type: integer}, properties: {p: {type: string}}}
        named: {type: object, propertyNames: {maxLength: 3}, properties: {p: {type: string}, long: {type: string}}}
        few: {type: object, maxProperties: 2, dependentRequired: {p: [q]}, properties: {p: {type: integer}, q: {type: integer}, r: {type: integer}}}
        loose: {anyOf: [{properties: {p: {type: integer}}}], unevaluatedProperties: {type: integer}}
        list: {type: array, maxItems: 3, items: {type: object, properties: {p: {type: string, not: {const: "no"}}, q: {type: string, pattern: "^(?!x)[a-z]{0,70}$"}}}}
`

// careful returns a schema's program, and that of a twin that expects nothing.
func careful(t testing.TB, load func() *Document, op string, of mode) (fast, slow *program) {
	t.Helper()
	find := func() *program {
		o := load().Operation(op)
		if of == forRequest {
			return o.RequestBody.Content[0].Schema.programs[of]
		}
		return withPrograms(o.Responses[0].Content[0].Schema).programs[of]
	}
	fast, slow = find(), find()
	states, expecting := map[*state]bool{}, 0
	reach(states, slow.root)
	for s := range states {
		expecting += len(s.expects)
		s.expects = nil
	}
	if expecting == 0 {
		t.Fatalf("%s expects nothing", op)
	}
	return fast, slow
}

// twins are two programs for one schema, each with its walk, and one walk that has
// learned nothing of use.
type twins struct {
	fast, slow   *program
	w, v, misled *walk
	cases, valid int
	cuts, picked int
}

// compare judges a body twice, first to learn what comes behind what, then as it is
// expected, then with wrong expectations, and by the careful twin.
func (x *twins) compare(t *testing.T, body []byte, lim jsonwalk.Limits, o Options, picks *Picks) {
	t.Helper()
	want := x.slow.run(x.v, body, &lim, &o, picks)
	x.misled.guess[x.cases%256] += uint8(x.cases)
	for _, w := range [...]*walk{x.w, x.w, x.misled} {
		got := x.fast.run(w, body, &lim, &o, picks)
		if got != want || w.unsure != x.v.unsure || got && (!slices.Equal(w.cuts, x.v.cuts) || !slices.Equal(w.picked, x.v.picked) || w.foreign != x.v.foreign || w.values != x.v.values) {
			t.Fatalf("%v %+v %+v\n fast %v, cuts %v, picks %v, %d values\nslow %v, cuts %v, picks %v, %d values\n%s", x.fast.mode, lim, o, got, w.cuts, w.picked, w.values, want, x.v.cuts, x.v.picked, x.v.values, body)
		}
	}
	x.cases++
	if want {
		x.valid++
		x.cuts += len(x.v.cuts)
		x.picked += len(x.v.picked)
	}
}

func twinsOf(t testing.TB) (list []*twins, picks *Picks) {
	things := func() *Document {
		d, err := Parse("t.yaml", []byte(expectations))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	orders := func() *Document {
		d, err := Load(ordersFile)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	add := func(load func() *Document, op string, of mode) {
		fast, slow := careful(t, load, op, of)
		list = append(list, &twins{fast: fast, slow: slow, w: fast.shared.walk(), v: slow.shared.walk(), misled: fast.shared.walk()})
	}
	add(things, "make", forRequest)
	add(things, "make", forReply)
	add(things, "make", forFilter)
	add(things, "list", forFilter)
	add(orders, "createOrder", forRequest)
	add(orders, "getOrder", forFilter)
	path := func(text string) *jsonwalk.Path {
		p, err := jsonwalk.CompilePath(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	return list, NewPicks(nil, path("tenant_id"), path("customer_id"), path("a"), path("closed.q.a"))
}

// thoroughly are the options and limits under which twins are compared.
var thoroughly = []struct {
	Options
	jsonwalk.Limits
}{
	{},
	{Options: Options{Undeclared: Strip, Roles: 1}},
	{Options: Options{Undeclared: Allow, MaxString: 10, MaxItems: 2, MaxPage: 3}},
	{Options{Undeclared: Strip}, jsonwalk.Limits{Keys: 4, Values: 30, Digits: 3, Depth: 3}},
}

// thing are the members of a Thing that is valid; ruled hang on the tape, the direction and
// on roles.
var (
	thing = []string{`"a":-2`, `"b2":"nine char"`, `"c_3":"ab-1"`, `"four":"a-b"`, `"fives":"off"`, `"sixsix":-128`, `"seven_7":"2026-11-22"`, `"eight_88":1.5`, `"thirteen_1313":"13"`,
		`"fourteen_14141":true`, `"fifteen_names_15":"ten chars."`, `"sixteen_names_16":0`, `"a_name_of_33_bytes_and_its_quotes":"q"`, `"limit":3`, `"any":[1]`, `"one":12`, `"closed":{"p":1,"q":{"a":0,"seven_7":"2026-11-22"}}`, `"open":{"p":"x","z":0}`,
		`"named":{"p":""}`, `"few":{"p":1,"q":2}`, `"list":[{"p":"x","q":"y"},{"p":"z"}]`, `"qu\"ote":"\u00e9"`}
	ruled = []string{`"loose":{"p":1,"x":2}`, `"secret":"s"`, `"made":"m"`, `"word":"w"`}
)

func braced(members ...string) string { return "{" + strings.Join(members, ",") + "}" }

// What is expected is judged as what is not: verdict, cuts, what was picked and how
// many values there were are the same for every truncation of a body, every byte of
// it replaced, left out and doubled, in every layout.
func TestTheExpectedIsJudgedLikeTheUnexpected(t *testing.T) {
	spaced := func(body, colon, comma string) string {
		b := bytes.ReplaceAll([]byte(body), []byte(`":`), []byte(`"`+colon))
		return string(bytes.ReplaceAll(b, []byte(`,"`), []byte(comma+`"`)))
	}
	list, picks := twinsOf(t)
	whole := braced(thing...)
	short := string(order()[:bytes.Index(order(), []byte(`},{`))]) + `}]}`
	sent := `{"currency":"EUR","note":"leave it with the neighbours","lines":[{"sku":"BK-10000","quantity":1,"price":1990},{"sku":"BK-10001","quantity":2}]}`
	for _, x := range list {
		for _, body := range []string{whole, braced(append(ruled, thing...)...), "[" + whole + "]", short, sent, spaced(whole, ": ", ",\n\t"), spaced(short, " : ", " , "), spaced(sent, "\r", "\t,")} {
			for _, o := range thoroughly {
				x.compare(t, []byte(body), o.Limits, o.Options, picks)
				if race.Enabled {
					continue
				}
				for i := range body {
					x.compare(t, []byte(body[:i]), o.Limits, o.Options, picks)
					x.compare(t, []byte(body[:i]+body[i+1:]), o.Limits, o.Options, picks)
					for _, c := range "\x00\n \"#,-.09:[\\]aE{}" {
						x.compare(t, []byte(body[:i]+string(c)+body[i+1:]), o.Limits, o.Options, picks)
						x.compare(t, []byte(body[:i]+string(c)+body[i:]), o.Limits, o.Options, picks)
					}
					for _, c := range []byte{0x80, 0xff} {
						x.compare(t, append(append([]byte(body[:i]), c), body[i+1:]...), o.Limits, o.Options, picks)
					}
				}
			}
		}
		if !race.Enabled && (x.cases < 300_000 || x.valid < 3_000) {
			t.Errorf("%v: %d cases, %d valid with %d cuts and %d picks: too few to mean anything", x.fast.mode, x.cases, x.valid, x.cuts, x.picked)
		}
	}
}

// Likewise with members in any order, left out and twice.
func TestTheExpectedIsJudgedLikeTheUnexpectedInAnyOrder(t *testing.T) {
	list, picks := twinsOf(t)
	r := rand.New(rand.NewPCG(5, 7))
	made := func() string {
		members := slices.Clone(thing)
		if r.IntN(4) == 0 {
			members = append(members, ruled[r.IntN(len(ruled))], `"zzz":1`)
		}
		if r.IntN(9) == 0 {
			members = append(members, members[r.IntN(len(members))])
		}
		if r.IntN(2) == 0 {
			r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		}
		return braced(slices.DeleteFunc(members, func(string) bool { return r.IntN(12) == 0 })...)
	}
	for _, x := range list[:4] {
		for n := range 10_000 {
			body := made()
			if x == list[3] {
				body = "[" + body + "," + made() + "]"
			}
			o := thoroughly[n%len(thoroughly)]
			x.compare(t, []byte(body), o.Limits, o.Options, picks)
		}
		if x.valid < 2_000 {
			t.Errorf("%v: only %d of %d are valid", x.fast.mode, x.valid, x.cases)
		}
	}
}

func FuzzTheExpectedIsJudgedLikeTheUnexpected(f *testing.F) {
	list, picks := twinsOf(f)
	f.Add([]byte(braced(thing...)))
	f.Add(order())
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, x := range list {
			for _, o := range thoroughly {
				x.compare(t, body, o.Limits, o.Options, picks)
			}
		}
	})
}
