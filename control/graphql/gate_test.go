package graphql

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/race"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

// owned is the schema of shop with owners and tenants.
var owned = strings.NewReplacer("best: User find", "owner: ID tenant: ID best: User find", "item: String customer", "item: String owner: Account tenant: ID customer").Replace(shop) + "type Account { of: ID }"

// guardedCheck has rules for both types that a reply may hold. Where hand is not empty
// these policies, and so Cedar, decide on all of them.
func guardedCheck(t testing.TB, drop, hide bool, hand string) *check {
	t.Helper()
	return guardedWith(t, hand, func(o *Object) {
		if drop {
			o.OnForeign = "drop"
		}
		if hide {
			o.OnDeny = 404
		}
	})
}

func guardedWith(t testing.TB, hand string, change func(*Object)) *check {
	t.Helper()
	k := checkOf(t, owned, loose)
	order, user := &Object{Owner: "response.owner.of", Tenant: "response.tenant", Lookup: "order"}, &Object{Owner: "response.owner"}
	change(order)
	change(user)
	k.max.Objects = map[string]*Object{"Order": order, "User": user}
	w := &gatehouse.Waiver{Until: time.Now().AddDate(0, 1, 0)}
	if hand != "" {
		byPolicy(t, k, owned, hand)
	}
	k.max.NoObject = map[string]*gatehouse.Waiver{"Mutation.note": w}
	if err := k.schema.own(k.max, &gatehouse.Build{API: "shop", Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	return k
}

// byPolicy has policies decide on the objects of a check.
func byPolicy(t testing.TB, k *check, sdl, hand string) {
	t.Helper()
	k.max.Schema = gatehouse.File(filepath.Join(t.TempDir(), "test.graphql"))
	if err := os.WriteFile(string(k.max.Schema), []byte(sdl), 0o600); err != nil {
		t.Fatal(err)
	}
	m := policy.Model{API: "shop", Sources: []cedar.Source{{Name: "hand.cedar", Text: hand}}}
	if err := k.max.Authorize(&m); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	k.max.Hold(p)
	k.policy, k.spoken = p, true
}

// silent policies speak of every object and never hold.
const silent = `forbid(principal, action, resource is Order) when { principal.id == "nobody" }; forbid(principal, action, resource is UserObject) when { principal.id == "nobody" };`

// thing is one object of a made-up upstream. What it holds follows from its seed.
type thing struct {
	typ, owner, tenant string
	seed               uint64
}

// upstream answers documents from made-up objects: an executor as GraphQL section 6 has
// it, written apart from what it tests.
type upstream struct {
	k    *check
	doc  *ast.QueryDocument
	mine int // of a hundred objects, how many are alice's
	// foreign notes that an object of somebody else was met whose members were asked for.
	foreign bool
}

func (u *upstream) next(seed uint64, of string) *thing {
	h := fnv.New64a()
	fmt.Fprint(h, seed, of)
	n := h.Sum64()
	t := &thing{typ: of, owner: "alice", tenant: "t1", seed: n}
	switch of {
	case "Node":
		t.typ = []string{"User", "Order"}[n%2]
	case "Hit":
		t.typ = []string{"Order", "User"}[n%2]
	}
	if n>>8%100 >= uint64(u.mine) {
		t.owner = "bob"
		if n>>20%3 == 0 {
			t.owner, t.tenant = "alice", "t2"
		}
	}
	return t
}

// isMine is the rule that the oracle knows.
func (t *thing) isMine() bool {
	switch t.typ {
	case "Order":
		return t.owner == "alice" && t.tenant == "t1"
	case "User":
		return t.owner == "alice"
	}
	return true
}

func (u *upstream) object(sets []ast.SelectionSet, o *thing) string {
	if !o.isMine() {
		u.foreign = true
	}
	var keys []string
	fields := map[string][]*ast.Field{}
	for _, s := range sets {
		u.collect(s, o, fields, &keys)
	}
	var parts []string
	for _, k := range keys {
		f := fields[k][0]
		var below []ast.SelectionSet
		for _, one := range fields[k] {
			below = append(below, one.SelectionSet)
		}
		parts = append(parts, fmt.Sprintf("%q:%s", k, u.field(f, below, o)))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (u *upstream) collect(set ast.SelectionSet, o *thing, into map[string][]*ast.Field, keys *[]string) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if into[s.Alias] == nil {
				*keys = append(*keys, s.Alias)
			}
			into[s.Alias] = append(into[s.Alias], s)
		case *ast.InlineFragment:
			if u.applies(s.TypeCondition, o) {
				u.collect(s.SelectionSet, o, into, keys)
			}
		case *ast.FragmentSpread:
			if f := u.doc.Fragments.ForName(s.Name); u.applies(f.TypeCondition, o) {
				u.collect(f.SelectionSet, o, into, keys)
			}
		}
	}
}

func (u *upstream) applies(on string, o *thing) bool {
	return on == "" || on == o.typ || on == "Node" && o.typ != "Query" || on == "Hit" && o.typ != "Query"
}

func (u *upstream) field(f *ast.Field, below []ast.SelectionSet, o *thing) string {
	switch {
	case f.Name == "__typename":
		return `"` + o.typ + `"`
	case f.Name == "owner" && o.typ == "Order":
		var keys []string
		fields := map[string][]*ast.Field{}
		for _, s := range below {
			u.collect(s, o, fields, &keys)
		}
		return fmt.Sprintf(`{%q:%q}`, keys[0], o.owner)
	case f.Name == "owner":
		return `"` + o.owner + `"`
	case f.Name == "tenant":
		return `"` + o.tenant + `"`
	}
	info := u.k.schema.types[o.typ].fields[f.Name]
	if !info.out.composite {
		return fmt.Sprintf(`"%s %s of %s in %s"`, map[bool]string{true: "own", false: "foreign"}[o.isMine()], f.Name, o.owner, o.tenant)
	}
	if !info.list {
		if o.typ != "Query" && o.seed>>3%4 == 0 {
			return "null"
		}
		return u.object(below, u.next(o.seed, info.out.name))
	}
	var list []string
	for i := range o.seed >> 5 % 4 {
		list = append(list, u.object(below, u.next(o.seed+i, info.out.name)))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// answer executes a document.
func (u *upstream) answer(t testing.TB, text string, seed uint64) string {
	doc, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		t.Fatal(err)
	}
	u.doc, u.foreign = doc, false
	return `{"data":` + u.object([]ast.SelectionSet{doc.Operations[0].SelectionSet}, &thing{typ: "Query", seed: seed}) + "}"
}

// released has a reply judged, as alice of t1 who asked for op.
func released(t testing.TB, k *check, op *operation, reply string) (string, bool) {
	t.Helper()
	x := exchangeOf("{}")
	x.Principal = &gatehouse.Principal{ID: "alice", Tenant: "t1"}
	a := borrow(x)
	a.list = append(a.list, asking{op: op, variables: -1})
	x.Response.Status, x.Response.Body = 200, []byte(reply)
	v, err := k.release(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	return string(x.Response.Body), v.Passed()
}

// TestNothingForeignLeaves compares the gate with an executor and a rule that know nothing
// of it (authz.object-response): over random documents and objects, no value of a foreign
// object leaves; what is all the caller's own leaves as if nothing had been added; and
// with faults in the reply still nothing foreign leaves.
func TestNothingForeignLeaves(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	tried, whole, refused, broken := 0, 0, 0, 0
	for i, mode := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}, {false, false}, {true, true}} {
		hand := ""
		if i >= 4 {
			hand = silent
		}
		k := guardedCheck(t, mode[0], mode[1], hand)
		for range 2700 / (1 + i/4) {
			m := made{r: r}
			text := m.document()
			op, why := k.compile(text, "")
			if why != nil {
				continue
			}
			for range 8 {
				tried++
				u := &upstream{k: k, mine: []int{50, 90, 100}[r.IntN(3)]}
				seed := r.Uint64()
				reply := u.answer(t, op.text, seed)
				foreign := u.foreign
				out, ok := released(t, k, op, reply)
				if ok && (strings.Contains(out, `"foreign `) || strings.Contains(out, reservedPrefix)) {
					t.Fatalf("%s\n%s\nlets out\n%s", text, reply, out)
				}
				switch {
				case !foreign && !ok:
					t.Fatalf("%s\n%s\nis all alice's and refused", text, reply)
				case !foreign:
					whole++
					if want := u.answer(t, text, seed); !same2(out, want) {
						t.Fatalf("%s\ngot  %s\nwant %s", text, out, want)
					}
				case !ok:
					refused++
				}
				faulty := fault(r, reply)
				if out, ok := released(t, k, op, faulty); ok && strings.Contains(out, `"foreign `) {
					t.Fatalf("%s\n%s\nlets out\n%s", text, faulty, out)
				} else if !ok {
					broken++
				}
			}
		}
	}
	if tried < 10_000 || whole < 1000 || refused < 1000 || broken < 1000 {
		t.Errorf("%d tried, %d whole, %d refused, %d broken: the test shows too little", tried, whole, refused, broken)
	}
	t.Logf("figure %d replies, 0 foreign values let out; %d were all the caller's, %d refused; with faults %d refused", tried, whole, refused, broken)
}

// fault breaks a reply without making a foreign object say that it is the caller's.
func fault(r *rand.Rand, reply string) string {
	switch r.IntN(7) {
	case 0:
		return reply[:r.IntN(len(reply))]
	case 1:
		return strings.Replace(reply, `"gatehouse_type"`, `"gatehouse_typ"`, 1+r.IntN(3))
	case 2:
		return strings.ReplaceAll(reply, `"gatehouse_owner_Order"`, `"gatehouse_owner_User"`)
	case 3:
		return strings.Replace(reply, `"bob"`, []string{"null", "[]", `["alice"]`, `{"of":"alice"}`, "true", `"ALICE"`, `"alice "`}[r.IntN(7)], 1)
	case 4:
		return strings.Replace(reply, `"gatehouse_type":"Order"`, `"gatehouse_type":"Query"`, 1)
	case 5:
		return strings.Replace(reply, `"gatehouse_tenant_Order":"t2"`, `"gatehouse_tenant_Order":"t2","gatehouse_tenant_Order":"t1"`, 1)
	}
	return strings.Replace(reply, "{", `{"more":"foreign object",`, 1+r.IntN(2))
}

func same2(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// FuzzReplies judges replies of an upstream that may say anything. What is let out is
// JSON, holds nothing that was added, and was the caller's by a second look.
func FuzzReplies(f *testing.F) {
	k := guardedCheck(f, false, false, "")
	op, why := k.compile("{order(id:1){id best{id}}}", "")
	if why != nil {
		f.Fatal(why.answer.Reason, why.because)
	}
	const mine = `"gatehouse_type":"Order","gatehouse_owner_Order":{"of":"alice"},"gatehouse_tenant_Order":"t1"`
	for _, reply := range []string{
		`{"data":{"order":{"id":"1","best":{"id":"2",` + mine + `},` + mine + `}}}`, `{"data":{"order":null},"errors":[{"message":"x","path":["order",1],"extensions":{"code":"A"}}]}`, `{"errors":[]}`, `[]`,
		`{"data":{"order":{"id":"1","best":null,` + strings.Replace(mine, "alice", "bob", 1) + `}}}`,
	} {
		f.Add([]byte(reply))
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		out, ok := released(t, k, op, string(slices.Clone(reply)))
		if !ok {
			return
		}
		var in struct {
			Data struct {
				Order *judged `json:"order"`
			} `json:"data"`
		}
		if !json.Valid([]byte(out)) || bytes.Contains([]byte(out), []byte(`"gatehouse_`)) && !bytes.Contains(reply, []byte(`\`)) && !strings.Contains(out, `"id":"gatehouse_`) {
			t.Fatalf("%q lets out %q", reply, out)
		}
		if err := json.Unmarshal(reply, &in); err != nil {
			return // numbers that only we take, and members of other types
		}
		for o := in.Data.Order; o != nil; o = o.Best {
			if o.Type != "Order" || o.Owner.Of != "alice" || o.Tenant != "t1" {
				t.Fatalf("%q lets out %q", reply, out)
			}
		}
	})
}

type judged struct {
	Type  string `json:"gatehouse_type"`
	Owner struct {
		Of string `json:"of"`
	} `json:"gatehouse_owner_Order"`
	Tenant string  `json:"gatehouse_tenant_Order"`
	Best   *judged `json:"best"`
}

// BenchmarkGate is what judging a reply of about 64 kB costs: 500 objects, none of them
// foreign.
func BenchmarkGate(b *testing.B) {
	k := guardedCheck(b, false, false, "")
	op, why := k.compile("{orders(first:100){id item name}}", "")
	if why != nil {
		b.Fatal(why.answer.Reason, why.because)
	}
	one := `{"id":"12345678","item":"a book about nothing","name":"an order","gatehouse_type":"Order","gatehouse_owner_Order":{"of":"alice"},"gatehouse_tenant_Order":"t1"}`
	reply := `{"data":{"orders":[` + strings.TrimSuffix(strings.Repeat(one+",", 420), ",") + `]}}`
	x := exchangeOf("{}")
	x.Principal = &gatehouse.Principal{ID: "alice", Tenant: "t1"}
	borrow(x).list = append(borrow(x).list, asking{op: op, variables: -1})
	b.SetBytes(int64(len(reply)))
	b.ReportAllocs()
	for b.Loop() {
		x.Response.Body = append(x.Response.Body[:0], reply...)
		if x.Response.Parsed != nil {
			x.Response.Parsed.Reset()
		}
		if v, err := k.release(b.Context(), x); err != nil || !v.Passed() {
			b.Fatal(v.Rule(), v.Detail(), err)
		}
	}
}

// TestARepeatedRequestAllocatesLittle bounds what a request costs whose document was
// judged before, and its reply.
func TestARepeatedRequestAllocatesLittle(t *testing.T) {
	k := checkOf(t, shop, nil)
	plain := `{"query":"{viewer{id name}}"}`
	x := exchangeOf(plain)
	x.Response.Status = 200
	n := testing.AllocsPerRun(200, func() {
		x.Request.Body = append(x.Request.Body[:0], plain...)
		x.Response.Body = append(x.Response.Body[:0], `{"data":{"viewer":{"id":"1","name":"a"}}}`...)
		for _, p := range []interface{ Reset() }{x.Request.Parsed, x.Response.Parsed} {
			if p != nil {
				p.Reset()
			}
		}
		x.Request.Drop, x.Request.Forward = x.Request.Drop[:0], x.Request.Forward[:0]
		for _, step := range []func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error){k.judge, k.authorize, k.forward, k.release} {
			if v, err := step(t.Context(), x); err != nil || !v.Passed() {
				t.Fatal(v.Rule(), v.Detail(), err)
			}
		}
	})
	if n > 0 && !race.Enabled {
		t.Errorf("%v allocations", n)
	}
}

// TestTheMapOfOwnersIsAskedBeforeAMutation covers authz.object: what the map does not
// know belongs to nobody who asks, and a map that cannot be asked closes.
func TestTheMapOfOwnersIsAskedBeforeAMutation(t *testing.T) {
	k := guardedWith(t, "", func(o *Object) { o.Before = "owners" })
	k.max.NoObject = nil
	if err := k.schema.own(k.max, &gatehouse.Build{API: "shop", Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	owners := memory.NewOwners(10)
	if err := owners.Set(t.Context(), []store.Owner{
		{Kind: "shop/order", ID: "1", Owner: "alice", Tenant: "t1", Author: "test"}, {Kind: "shop/order", ID: "2", Owner: "bob", Tenant: "t1", Author: "test"},
		{Kind: "shop/order", ID: "3", Owner: "alice", Tenant: "t2", Author: "test"}, {Kind: "other/order", ID: "9", Owner: "alice", Tenant: "t1", Author: "test"},
	}); err != nil {
		t.Fatal(err)
	}
	k.acts, k.owners = true, owners
	ask := func(body string) (gatehouse.Verdict, error) {
		x := exchangeOf(body)
		x.Principal = &gatehouse.Principal{Kind: "user", ID: "alice", Tenant: "t1"}
		if v, err := k.judge(t.Context(), x); err != nil || !v.Passed() {
			t.Fatalf("%s: %s %s %v", body, v.Rule(), v.Detail(), err)
		}
		return k.authorize(t.Context(), x)
	}
	for body, want := range map[string]string{
		`{"query":"mutation{note(id:1,text:\"x\"){id}}"}`:                                      "graphql.fields",
		`{"query":"mutation{note(id:\"2\",text:\"x\"){id}}"}`:                                  "graphql.foreign",
		`{"query":"mutation{note(id:3,text:\"x\"){id}}"}`:                                      "graphql.foreign",
		`{"query":"mutation{note(id:9,text:\"x\"){id}}"}`:                                      "graphql.foreign",
		`{"query":"mutation{a:note(id:1,text:\"x\"){id} b:note(id:2,text:\"x\"){id}}"}`:        "graphql.foreign",
		`{"query":"mutation($i:ID!){note(id:$i,text:\"x\"){id}}","variables":{"i":2}}`:         "graphql.foreign",
		`{"query":"mutation($i:ID!=\"2\"){note(id:$i,text:\"x\"){id}}"}`:                       "graphql.foreign",
		`{"query":"mutation($i:ID!=\"2\"){note(id:$i,text:\"x\"){id}}","variables":{"i":"1"}}`: "graphql.fields",
	} {
		if v, err := ask(body); err != nil || v.Rule() != want || v.Passed() != (want == "graphql.fields") {
			t.Errorf("%s: %s %v", body, v.Rule(), err)
		}
	}
	k.owners = storeless{}
	if v, err := ask(`{"query":"mutation{note(id:1,text:\"x\"){id}}"}`); err == nil || v.Passed() {
		t.Errorf("a map that cannot be asked lets through: %s %v", v.Rule(), err)
	}
}

// storeless is a store that is not there.
type storeless struct{ store.Owners }

func (storeless) Owner(context.Context, string, string) (store.Owner, error) {
	return store.Owner{}, errors.New("the database is gone")
}
