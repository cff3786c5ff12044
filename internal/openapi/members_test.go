package openapi

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const ruledOrders = `openapi: VERSION
info: {title: t, version: "1"}
paths:
  /orders:
    post:
      operationId: create
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
      responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}
    get:
      operationId: list
      responses: {"200": {description: ok, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}}
components:
  schemas:
    Text: {type: string, maxLength: 20}
    Party: {type: object, properties: {name: {type: string}, ssn: {type: string, x-gatehouse-roles: [admin, support]}}}
    Order:
      type: object
      required: [id, internal_note]
      properties:
        id: {type: string}
        internal_note: {x-gatehouse-roles: [admin], $ref: "#/components/schemas/Text"}
        public_note: {$ref: "#/components/schemas/Text"}
        status: {type: string, x-gatehouse-roles: {write: [support]}}
        margin: {type: number, x-gatehouse-roles: {read: [admin], write: []}}
        seen: {type: boolean, x-gatehouse-roles: [authenticated]}
        buyer: {$ref: "#/components/schemas/Party"}
        lines: {type: array, items: {type: object, properties: {sku: {type: string}, cost: {type: integer, x-gatehouse-roles: {read: [admin]}}}}}
        prices: {type: object, additionalProperties: {type: object, properties: {cost: {type: integer, x-gatehouse-roles: [admin]}, net: {type: integer}}}}
        labels: {type: object, additionalProperties: {type: string, x-gatehouse-roles: {write: [admin]}}}
        payment:
          oneOf:
            - {type: object, required: [card], properties: {card: {type: string}, token: {type: string, x-gatehouse-roles: [admin]}}}
            - {type: object, required: [iban], properties: {iban: {type: string}, token: {type: string}}}
`

func ruledOrder(t testing.TB, version string, rules ...Rule) *Document {
	t.Helper()
	d, err := LoadOptions{Rules: rules}.Parse("orders.yaml", []byte(strings.Replace(ruledOrders, "VERSION", version, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A caller without the role who sends a member is refused, whatever becomes of
// undeclared members (authz.property); from replies it is cut (output.filter).
func TestMembersAreForRoles(t *testing.T) {
	for _, version := range [...]string{"3.0.3", "3.1.0"} {
		d := ruledOrder(t, version)
		request := d.Operation("create").RequestBody.Content[0].Schema
		reply := d.Operation("create").Responses[0].Content[0].Schema
		list := d.Operation("list").Responses[0].Content[0].Schema
		none, admin, support := uint64(0), d.Roles.Held([]string{"admin"}, true), d.Roles.Held([]string{"x", "support"}, true)
		user := d.Roles.Held(nil, true)
		for _, c := range []struct {
			body  string
			roles uint64
			where string // "" passes
		}{
			{`{"id":"1"}`, none, ""}, // what may not be sent is not missed
			{`{"id":"1"}`, admin, " required"},
			{`{"id":"1","internal_note":"n"}`, admin, ""},
			{`{"id":"1","internal_note":"n"}`, user, "/internal_note x-gatehouse-roles"},
			{`{"id":"1","internal_n\u006fte":"n"}`, support, "/internal_note x-gatehouse-roles"},
			{`{"id":"1","internal_note":"more than twenty letters"}`, admin, "/internal_note maxLength"},
			{`{"id":"1","internal_note":"n","margin":1}`, admin, "/margin x-gatehouse-roles"},
			{`{"id":"1","status":"s"}`, support, ""},
			{`{"id":"1","status":"s"}`, none, "/status x-gatehouse-roles"},
			{`{"id":"1","seen":true}`, user, ""},
			{`{"id":"1","seen":true}`, none, "/seen x-gatehouse-roles"},
			{`{"id":"1","buyer":{"name":"n","ssn":"1"}}`, support, ""},
			{`{"id":"1","buyer":{"name":"n","ssn":"1"}}`, user, "/buyer/ssn x-gatehouse-roles"},
			{`{"id":"1","lines":[{"sku":"a","cost":1}]}`, none, ""}, // only reading is restricted
			{`{"id":"1","prices":{"eur":{"cost":1}}}`, user, "/prices/eur/cost x-gatehouse-roles"},
			{`{"id":"1","labels":{"a":"b"}}`, user, "/labels/a x-gatehouse-roles"},
			{`{"id":"1","payment":{"card":"1","token":"t"}}`, user, "/payment/token x-gatehouse-roles"},
			{`{"id":"1","payment":{"iban":"1","token":"t"}}`, user, "/payment/token x-gatehouse-roles"}, // any branch has a say
			{`{"id":"1","payment":{"iban":"1"}}`, user, ""},
			{`{"id":"1","zzz":1}`, admin, " required"},
		} {
			for _, u := range [...]Undeclared{Reject, Allow} {
				o := Options{Undeclared: u, Roles: c.roles}
				if got := request.Accepts([]byte(c.body), jsonwalk.Limits{}, o); got != (c.where == "") {
					t.Errorf("%s %s of %b: accepted %v", version, c.body, c.roles, got)
				}
				var doc jsonwalk.Doc
				if err := doc.Parse([]byte(c.body), jsonwalk.Limits{}); err != nil {
					t.Fatal(err)
				}
				if v, ok := request.Validate(&doc, o); ok != (c.where == "") || !ok && v.String() != c.where {
					t.Errorf("%s %s of %b: %v, want %q", version, c.body, c.roles, v, c.where)
				}
			}
		}
		whole := `{"id":"1","internal_note":"n","status":"s","margin":2,"seen":true,"buyer":{"name":"n","ssn":"1"},"lines":[{"sku":"a","cost":1},{"cost":2}],"prices":{"eur":{"cost":1,"net":2}},"labels":{"a":"b"},"payment":{"iban":"1","token":"t"}}`
		for roles, want := range map[uint64]string{
			admin:   whole,
			user:    `{"id":"1","status":"s","seen":true,"buyer":{"name":"n"},"lines":[{"sku":"a"},{}],"prices":{"eur":{"net":2}},"labels":{"a":"b"},"payment":{"iban":"1"}}`,
			support: `{"id":"1","status":"s","seen":true,"buyer":{"name":"n","ssn":"1"},"lines":[{"sku":"a"},{}],"prices":{"eur":{"net":2}},"labels":{"a":"b"},"payment":{"iban":"1"}}`,
			none:    `{"id":"1","status":"s","buyer":{"name":"n"},"lines":[{"sku":"a"},{}],"prices":{"eur":{"net":2}},"labels":{"a":"b"},"payment":{"iban":"1"}}`,
		} {
			for _, u := range [...]Undeclared{Strip, Allow, Reject} {
				cutsTo(t, version, reply, whole, want, Options{Undeclared: u, Roles: roles})
				cutsTo(t, version, list, "["+whole+","+whole+"]", "["+want+","+want+"]", Options{Undeclared: u, Roles: roles})
			}
		}
	}
}

func cutsTo(t *testing.T, what string, s *Schema, body, want string, o Options) {
	t.Helper()
	out, cut, ok := s.Cut(nil, []byte(body), jsonwalk.Limits{}, o)
	if !cut {
		out = []byte(body)
	}
	if !ok || string(out) != want || cut != (body != want) {
		t.Errorf("%s %+v: cut %v %v to\n%s\nwant\n%s", what, o, cut, ok, out, want)
	}
	var doc jsonwalk.Doc
	if err := doc.Parse([]byte(body), jsonwalk.Limits{}); err != nil {
		t.Fatal(err)
	}
	out, n, v := s.Filter(nil, &doc, o)
	if n == 0 {
		out = []byte(body)
	}
	if v.Keyword != "" || !same(t, out, []byte(want)) {
		t.Errorf("%s %+v: filter %d %v to\n%s\nwant\n%s", what, o, n, v, out, want)
	}
}

// With Reject, undeclared members are told from those out of the caller's reach.
func TestARejectedReplyIsOneThatNobodyShouldGet(t *testing.T) {
	s := ruledOrder(t, "3.1.0").Operation("create").Responses[0].Content[0].Schema
	body := []byte(`{"id":"1","internal_note":"n","margin":1,"hash":"x"}`)
	var doc jsonwalk.Doc
	if err := doc.Parse(body, jsonwalk.Limits{}); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := s.Cut(nil, body, jsonwalk.Limits{}, Options{}); ok {
		t.Error("the undeclared member is cut in silence")
	}
	if _, _, v := s.Filter(nil, &doc, Options{}); v.String() != "/hash undeclared" {
		t.Errorf("filter says %v", v)
	}
}

func TestRulesOutsideOfTheDescription(t *testing.T) {
	rules := []Rule{
		{Member: "Order.public_note", Read: []string{"admin"}, Write: []string{"admin"}},
		{Member: "Order.lines.sku", Read: []string{"support"}},
		{Member: "Order.prices.*.net", Read: []string{}},
		{Member: "Order.payment.iban", Write: []string{"support"}},
		{Member: "Party.name", Write: []string{"support"}},
	}
	for _, version := range [...]string{"3.0.3", "3.1.0"} {
		d := ruledOrder(t, version, rules...)
		op := d.Operation("create")
		request, reply := op.RequestBody.Content[0].Schema, op.Responses[0].Content[0].Schema
		cutsTo(t, version, reply, `{"id":"1","internal_note":"n","margin":1,"public_note":"p","lines":[{"sku":"a"}],"prices":{"eur":{"net":2}}}`, `{"id":"1","lines":[{}],"prices":{"eur":{}}}`, Options{Undeclared: Strip})
		admin := Options{Roles: d.Roles.Held([]string{"admin"}, true)}
		if !request.Accepts([]byte(`{"id":"1","internal_note":"n","payment":{"card":"1"}}`), jsonwalk.Limits{}, admin) {
			t.Error("what is not missed makes another branch hold")
		}
		for body, want := range map[string]bool{
			`{"id":"1","public_note":"p"}`:        false,
			`{"id":"1","payment":{"iban":"1"}}`:   false,
			`{"id":"1","buyer":{"name":"n"}}`:     false,
			`{"id":"1","lines":[{"sku":"a"}]}`:    true,
			`{"id":"1","prices":{"e":{"net":1}}}`: true,
		} {
			if got := request.Accepts([]byte(body), jsonwalk.Limits{}, Options{}); got != want {
				t.Errorf("%s %s: %v", version, body, got)
			}
		}
		said := ""
		for _, r := range request.Restricted(Request) {
			said += r.Member + "=" + strings.Join(r.Roles, "+") + " "
		}
		if want := "internal_note=admin public_note=admin status=support margin= seen=authenticated buyer.name=support buyer.ssn=admin+support prices.*.cost=admin labels.*=admin payment.token=admin payment.iban=support "; said != want {
			t.Errorf("restricted in requests:\n%s\nwant\n%s", said, want)
		}
	}
}

func TestRulesThatCannotHoldAreTold(t *testing.T) {
	for member, want := range map[string]RuleError{
		"Ordr.public_note":     {Word: "Ordr", After: ".public_note"},
		"Order.publik_note":    {Before: "Order.", Word: "publik_note"},
		"Order.lines.kost":     {Before: "Order.lines.", Word: "kost"},
		"Order":                {Before: "Order.", Fix: "Order.MEMBER"},
		"Order.buyer.name":     {Fix: "Party.name"},
		"Order.internal_note":  {Fix: "one of the two; rules are never merged"},
		"Order.payment.nobody": {Before: "Order.payment.", Word: "nobody"},
		"Order.buyer.nmae":     {Before: "Order.buyer.", Word: "nmae"},
	} {
		_, err := LoadOptions{Rules: []Rule{{Member: member, Read: []string{"admin"}}}}.Parse("orders.yaml", []byte(strings.Replace(ruledOrders, "VERSION", "3.1.0", 1)))
		e, ok := errors.AsType[*RuleError](err)
		if !ok || e.Word != want.Word || e.Before != want.Before || e.After != want.After || e.Fix != want.Fix || e.Member != member || e.Word != "" && len(e.Known) == 0 {
			t.Errorf("%s: %+v, %v", member, e, err)
		}
	}
	for _, list := range [...]string{`[]string`, `{reed: [a]}`, `{read: a}`, `[a, a]`, `[""]`, `["*"]`, `{}`, `true`, `admin`} {
		text := strings.Replace(strings.Replace(ruledOrders, "VERSION", "3.1.0", 1), "seen: {type: boolean, x-gatehouse-roles: [authenticated]}", "seen: {type: boolean, x-gatehouse-roles: "+list+"}", 1)
		if _, err := Parse("orders.yaml", []byte(text)); err == nil {
			t.Errorf("%s loads", list)
		}
	}
	for old, text := range map[string]string{
		"Text: {type: string":                               "Text: {x-gatehouse-role: [admin], type: string",
		"lines: {type: array, items: {type: object":         "lines: {type: array, items: {x-gatehouse-roles: [admin], type: object",
		"Order:\n      type":                                "Order:\n      x-gatehouse-roles: [admin]\n      type",
		"public_note: {":                                    "x-gatehouse-roles: {read: [admin]}\n        public_note: {",
		"content: {application/json: {schema: {type: array": "content: {application/json: {x-gatehouse-roles: [admin], schema: {type: array",
		"operationId: list":                                 "operationId: list\n      x-gatehouse-roles: [admin]",
	} {
		text := strings.Replace(strings.Replace(ruledOrders, "VERSION", "3.1.0", 1), old, text, 1)
		if _, err := Parse("orders.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), RolesKeyword) {
			t.Errorf("%s: %v", old, err)
		}
	}
}

func TestRolesCostNoMemory(t *testing.T) {
	d := ruledOrder(t, "3.1.0")
	op := d.Operation("create")
	request, reply := op.RequestBody.Content[0].Schema, op.Responses[0].Content[0].Schema
	body := []byte(`{"id":"1","status":"s","buyer":{"name":"n","ssn":"1"},"payment":{"iban":"1"}}`)
	full := []byte(`{"id":"1","internal_note":"n","margin":1,"buyer":{"name":"n","ssn":"1"},"payment":{"iban":"1","token":"t"}}`)
	var doc, whole jsonwalk.Doc
	if doc.Parse(body, jsonwalk.Limits{}) != nil || whole.Parse(full, jsonwalk.Limits{}) != nil {
		t.Fatal("no JSON")
	}
	var out []byte
	held := []string{"support"}
	if n := testing.AllocsPerRun(100, func() {
		o := Options{Roles: d.Roles.Held(held, true)}
		if !request.Accepts(body, jsonwalk.Limits{}, o) {
			t.Fatal("refused")
		}
		if v, ok := request.Validate(&doc, o); !ok {
			t.Fatal(v)
		}
		var cut bool
		if out, cut, _ = reply.Cut(out[:0], full, jsonwalk.Limits{}, o); !cut {
			t.Fatal("not cut")
		}
		if out, _, _ = reply.Filter(out[:0], &whole, o); len(out) == 0 {
			t.Fatal("not cut")
		}
	}); n != 0 && !race.Enabled {
		t.Errorf("%v allocations", n)
	}
}

func TestAMemberIsRequiredWhereNoBranchLeavesItOut(t *testing.T) {
	d, err := Parse("m.yaml", []byte(`openapi: 3.1.0
info: {title: M, version: "1"}
components: {schemas: {Base: {type: object, required: [id], properties: {id: {type: string}}}}}
paths:
  /m:
    get:
      operationId: getM
      responses:
        "200":
          description: ok
          content:
            application/json:
              schema:
                allOf: [{$ref: "#/components/schemas/Base"}, {type: object, properties: {note: {type: string}}}]
                oneOf: [{type: object, required: [kind, a], properties: {kind: {const: a}, a: {type: string}}}, {type: object, required: [kind], properties: {kind: {const: b}}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	s := d.Operation("getM").Response(200).Content[0].Schema
	for name, want := range map[string]bool{"id": true, "kind": true, "a": false, "note": false, "other": false} {
		if got := s.Requires(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
