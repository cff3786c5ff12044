package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/control/all"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/internal/relations"
)

const shopSDL = `
type Query {
  order(id: ID!): Order
  node(id: ID!): Node
  nodes(ids: [ID!]!): [Order]!
  orders: [Order!]!
  mine(owner: String!): [Order!]!
  me: User
  echo(text: String, input: Echo): String
  total(orderId: ID!): String
  fail: String
}
type Mutation { note(id: ID!, text: String!): Order change(input: Change!): Payload merge(ids: [ID!]!): Payload deleteOrder(id: ID!): Payload }
input Change { order: ID! text: String }
input Echo { text: String number: Float list: [Int] nested: Echo status: Status }
enum Status { OPEN SHIPPED }
interface Node { id: ID! }
type Order implements Node { id: ID! owner: User tenant: String secret: String note: String siblings: [Order!]! }
type User implements Node { id: ID! name: String tenant: String orders: [Order!]! friends: [User!]! }
type Payload { order: Order ok: Boolean }
`

const shopConfig = `environment: development
state: %[1]s
apis:
  shop:
    graphql: {schema: shop.graphql, batch: 5, get: true, duplicates: 1, waiver: {because: "a sweep repeats itself", owner: test@example.com, until: %[4]s}}
    upstream: http://127.0.0.1:%[2]s
    issuer: %[3]s
    audience: https://api.example.com/orders
    hosts: [127.0.0.1]
    controls: {ratelimit: {off: {because: "a sweep is fast", owner: test@example.com, until: %[4]s}}, cors: {off: {because: "no browser", owner: test@example.com, until: %[4]s}}}
    roles: {user: [postGraphQL, getGraphQL]}
    objects:
      Order:
        owner: response.owner.id
        tenant: response.tenant
        lookup: order
        operations: {read: [Query.total], update: [Mutation.note, "Mutation.change(input.order)", Mutation.merge]}
        allow: {owner: [read, update, delete]}
      User: {owner: response.id}
`

// graphqlServer starts graphql-js and returns its address.
func graphqlServer(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("there is no Node.js: make test-interop")
	}
	if _, err := os.Stat("node_modules/graphql/package.json"); err != nil {
		t.Skip("the npm packages are not installed: make test-interop, or (cd interop && npm ci)")
	}
	c := exec.CommandContext(t.Context(), "node", "node/graphql-server.mjs")
	c.Env = append(os.Environ(), "SDL="+shopSDL)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("graphql-js did not start: ", err)
	}
	return strings.TrimSpace(port)
}

// shop is graphql-js behind a gateway.
type shop struct {
	*testing.T
	direct, gateway string
	issuer          *devissuer.Issuer
}

func newShop(t *testing.T) *shop { return newShopWith(t, nil) }

// newShopWith has relations in which alice is an editor of what is bob's and what is
// eve's, where tuples are given, and a policy that speaks of every object.
func newShopWith(t *testing.T, tuples []relations.Tuple) *shop {
	t.Helper()
	port := graphqlServer(t)
	issuer, stop, err := devissuer.Start("https://api.example.com/orders")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	dir := t.TempDir()
	written := shopConfig
	if tuples != nil {
		written = strings.Replace(strings.Replace(shopConfig, "delete]}", `delete], "relation:editor": [read, update]}`, 1), "    roles:", "    relations: shop.fga\n    policies: shop.cedar\n    roles:", 1)
	}
	for name, text := range map[string]string{
		"shop.fga":       "model\n  schema 1.1\ntype user\ntype order\n  relations\n    define editor: [user]\n",
		"shop.cedar":     `forbid(principal, action, resource) when { principal.roles.contains("nobody") };`,
		"shop.graphql":   shopSDL,
		"gatehouse.yaml": fmt.Sprintf(written, dir, port, issuer.URL, time.Now().AddDate(0, 1, 0).Format(time.DateOnly)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := config.Load(filepath.Join(dir, "gatehouse.yaml"), all.Kinds, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	kept := casetest.Kept(t)
	source, err := gatehouse.Require[*relations.Source](kept)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Index.Apply(relations.Change{Revision: 1, Whole: true, Add: tuples}); err != nil {
		t.Fatal(err)
	}
	policy, err := f.Policy(kept, gatehouse.AllCaps)
	if err != nil {
		t.Fatal(err)
	}
	addr := casetest.ServeProxy(t, proxy.Config{Gate: engine.NewGate(policy), Record: &casetest.Seen{}})
	return &shop{t, "http://127.0.0.1:" + port, "http://" + addr, issuer}
}

// ask sends a request as somebody and returns the status and the body. A body that
// begins with "?" is the query of a GET.
func (s *shop) ask(base, who, body string) (int, string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), "POST", base+"/graphql", strings.NewReader(body))
	if strings.HasPrefix(body, "?") {
		r, err = http.NewRequestWithContext(s.Context(), "GET", base+"/graphql"+body, nil)
	}
	if err != nil {
		s.Fatal(err)
	}
	if r.Method == "POST" {
		r.Header.Set("Content-Type", "application/json")
	}
	tenant := "t1"
	if who == "eve" {
		tenant = "t2"
	}
	r.Header.Set("Authorization", "Bearer "+s.issuer.Mint(devissuer.Claims{Subject: who, Tenant: tenant, Roles: []string{"user"}}))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// state is what the server has.
func (s *shop) state() string {
	res, err := http.Get(s.direct + "/state")
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	var all struct {
		Orders json.RawMessage `json:"orders"`
	}
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
		s.Fatal(err)
	}
	return string(all.Orders)
}

func query(text string, variables ...string) string {
	b := new(bytes.Buffer)
	e := json.NewEncoder(b)
	_ = e.Encode(text)
	out := `{"query":` + strings.TrimSpace(b.String())
	if len(variables) > 0 {
		out += `,"variables":` + variables[0]
	}
	return out + "}"
}

// reads are the ways to somebody's order, whose id is ZZZ and whose owner is OWNER.
var reads = map[string]string{
	"id":                   query(`{order(id:"ZZZ"){secret}}`),
	"a number":             query(`{order(id:ZZZ){secret}}`),
	"a block string":       query("{order(id:\"\"\"\n  ZZZ\n\"\"\"){secret}}"),
	"an alias":             query(`{gift:order(id:"ZZZ"){present:secret}}`),
	"a fragment":           query(`{...A} fragment A on Query{order(id:"ZZZ"){...B}} fragment B on Order{secret}`),
	"an inline fragment":   query(`{...{node(id:"ZZZ"){...on Order@include(if:true){secret}}}}`),
	"node":                 query(`{node(id:"ZZZ"){id ...on Order{secret}}}`),
	"node and its name":    query(`{node(id:"ZZZ"){__typename ...on Order{x:secret}}}`),
	"a list of ids":        query(`{nodes(ids:["ZZZ"]){secret}}`),
	"a list of one":        query(`{nodes(ids:"ZZZ"){secret}}`),
	"a variable":           query(`query($i:ID!){order(id:$i){secret}}`, `{"i":"ZZZ"}`),
	"a variable, a number": query(`query($i:ID!){order(id:$i){secret}}`, `{"i":ZZZ}`),
	"a default":            query(`query($i:ID!="ZZZ"){order(id:$i){secret}}`),
	"a list in a variable": query(`query($i:[ID!]!){nodes(ids:$i){secret}}`, `{"i":["ZZZ"]}`),
	"a batch":              `[` + query(`{order(id:"ZZZ"){secret}}`) + `,` + query(`{order(id:"ZZZ"){id secret}}`) + `]`,
	"GET":                  "?query=" + url.QueryEscape(`{order(id:"ZZZ"){secret}}`),
	"GET with variables":   "?query=" + url.QueryEscape(`query($i:ID!){order(id:$i){secret}}`) + "&variables=" + url.QueryEscape(`{"i":"ZZZ"}`),
	"a list":               query(`{mine(owner:"OWNER"){secret}}`),
	"below a mutation":     query(`mutation{change(input:{order:"ZZZ",text:"x"}){order{secret}}}`),
	"without an object":    query(`{total(orderId:"ZZZ")}`),
	"siblings":             query(`{order(id:"ZZZ"){id siblings{secret}}}`),
	"all":                  query(`{orders{secret}}`),
	"friends":              query(`{me{friends{orders{secret}}}}`),
	"several operations":   `{"query":"query A{me{id}} query B{order(id:\"ZZZ\"){secret}}","operationName":"B"}`,
}

// writes are the ways to change one.
var writes = map[string]string{
	"id":                  query(`mutation{note(id:"ZZZ",text:"stolen"){id}}`),
	"an alias":            query(`mutation{a:note(id:"OWN",text:"mine"){id} b:note(id:"ZZZ",text:"stolen"){id}}`),
	"an input object":     query(`mutation{change(input:{order:"ZZZ",text:"stolen"}){ok}}`),
	"a variable":          query(`mutation($c:Change!){change(input:$c){ok}}`, `{"c":{"order":"ZZZ","text":"stolen"}}`),
	"a variable inside":   query(`mutation($i:ID!){change(input:{order:$i,text:"stolen"}){ok}}`, `{"i":ZZZ}`),
	"a default":           query(`mutation($c:Change!={order:"ZZZ",text:"stolen"}){change(input:$c){ok}}`),
	"a list":              query(`mutation{merge(ids:["OWN","ZZZ"]){ok}}`),
	"a list of one":       query(`mutation($i:[ID!]!){merge(ids:$i){ok}}`, `{"i":"ZZZ"}`),
	"deleting":            query(`mutation{deleteOrder(id:"ZZZ"){ok}}`),
	"a batch":             `[` + query(`mutation{note(id:"OWN",text:"mine"){id}}`) + `,` + query(`mutation{note(id:"ZZZ",text:"stolen"){id}}`) + `]`,
	"a fragment":          query(`mutation{...M} fragment M on Mutation{note(id:"ZZZ",text:"stolen"){id}}`),
	"GET":                 "?query=" + url.QueryEscape(`mutation{note(id:"ZZZ",text:"stolen"){id}}`),
	"a block string":      query("mutation{note(id:\"\"\"ZZZ\"\"\",text:\"stolen\"){id}}"),
	"an escape":           query(`mutation{note(id:"\u003` + `ZZZ",text:"stolen"){id}}`), // ZZZ is a digit: \u003ZZZ
	"several operations":  `{"query":"query A{me{id}} mutation B{note(id:\"ZZZ\",text:\"stolen\"){id}}","operationName":"B"}`,
	"a large number":      query(`mutation($i:ID!){note(id:$i,text:"stolen"){id}}`, `{"i":ZZZ.0}`),
	"a number, disguised": query(`mutation($i:ID!){note(id:$i,text:"stolen"){id}}`, `{"i":ZZZ0e-1}`),
}

// TestNobodyReachesTheObjectsOfOthersThroughGraphQL sweeps every position that an id can
// be in with two accounts and one of another tenant, in front of graphql-js (authz.object,
// authz.object-response, test of issue 5). Each way works without the gateway, or the
// sweep would show nothing.
func TestNobodyReachesTheObjectsOfOthersThroughGraphQL(t *testing.T) {
	s := newShop(t)
	fill := func(body, id, owner, own string) string {
		return strings.NewReplacer("OWNER", owner, "OWN", own, "ZZZ", id).Replace(body)
	}
	tried, served := 0, 0
	for _, name := range sorted(reads) {
		for _, victim := range [][2]string{{"2", "bob"}, {"3", "eve"}} {
			body := fill(reads[name], victim[0], victim[1], "1")
			if _, text := s.ask(s.direct, "alice", body); !strings.Contains(text, "secret of "+victim[1]) {
				t.Errorf("%s: without the gateway there is nothing to be seen: %s", name, text)
			}
			tried++
			if status, text := s.ask(s.gateway, "alice", body); strings.Contains(text, "secret of") || status == 200 && strings.Contains(text, victim[1]) {
				t.Errorf("%s: alice sees what is %s's: %d %s", name, victim[1], status, text)
			}
		}
		if slices.Contains([]string{"siblings", "all", "friends"}, name) {
			continue // these always show others
		}
		if status, text := s.ask(s.gateway, "alice", fill(reads[name], "1", "alice", "4")); !strings.Contains(text, "secret of alice") || strings.Contains(text, "gatehouse_") {
			t.Errorf("%s: alice does not see her own: %d %s", name, status, text)
		} else {
			served++
		}
	}
	before := s.state()
	for _, name := range sorted(writes) {
		for _, victim := range [][2]string{{"2", "bob"}, {"3", "eve"}} {
			tried++
			status, text := s.ask(s.gateway, "alice", fill(writes[name], victim[0], victim[1], "4"))
			if now := s.state(); now != before {
				t.Fatalf("%s: something was changed: %d %s\n%s\n%s", name, status, text, before, now)
			}
			if status < 400 {
				t.Errorf("%s: %d %s", name, status, text)
			}
		}
	}
	for _, name := range sorted(writes) {
		if name == "GET" || name == "deleting" || strings.Contains(name, "number") {
			continue
		}
		if status, text := s.ask(s.gateway, "alice", strings.ReplaceAll(fill(writes[name], "1", "alice", "4"), "stolen", "x")); status != 200 || !strings.Contains(text, "data") {
			t.Errorf("%s: alice may not change her own: %d %s", name, status, text)
		} else {
			served++
		}
	}
	if s.state() == before {
		t.Error("nothing was changed by its owner: the sweep shows nothing")
	}
	t.Logf("figure %d ways to foreign objects tried, 0 open; %d ways to one's own", tried, served)
}

// TestARelationOpensOneObjectOfGraphQLInEveryWay covers authz.rebac in front of
// graphql-js: who is an editor of somebody's order reads and changes it in every way in
// which an order is read, and deletes it in none; of another tenant's order, never.
func TestARelationOpensOneObjectOfGraphQLInEveryWay(t *testing.T) {
	editor := func(id string) relations.Tuple {
		return relations.Tuple{Type: "order", ID: id, Relation: "editor", SubjectType: "user", SubjectID: "alice"}
	}
	s := newShopWith(t, []relations.Tuple{editor("2"), editor("3")})
	opened := 0
	for _, name := range sorted(reads) {
		if slices.Contains([]string{"siblings", "all", "friends"}, name) {
			continue // these show eve's too
		}
		fill := func(id, owner string) string {
			return strings.NewReplacer("OWNER", owner, "OWN", "1", "ZZZ", id).Replace(reads[name])
		}
		if status, text := s.ask(s.gateway, "alice", fill("2", "bob")); status != 200 || !strings.Contains(text, "secret of bob") || strings.Contains(text, "gatehouse_") {
			t.Errorf("%s: alice does not see what she edits: %d %s", name, status, text)
		} else {
			opened++
		}
		if status, text := s.ask(s.gateway, "alice", fill("3", "eve")); strings.Contains(text, "secret of") {
			t.Errorf("%s: a relation crosses tenants: %d %s", name, status, text)
		}
		if status, text := s.ask(s.gateway, "bob", fill("1", "alice")); strings.Contains(text, "secret of") {
			t.Errorf("%s: bob sees what is alice's: %d %s", name, status, text)
		}
	}
	for _, name := range sorted(writes) {
		fill := func(id, owner string) string {
			return strings.NewReplacer("OWNER", owner, "OWN", "1", "ZZZ", id).Replace(writes[name])
		}
		before := s.state()
		if status, text := s.ask(s.gateway, "alice", fill("3", "eve")); status < 400 || s.state() != before {
			t.Errorf("%s: a relation crosses tenants: %d %s", name, status, text)
		}
		if name == "GET" || strings.Contains(name, "number") {
			continue
		}
		switch status, text := s.ask(s.gateway, "alice", fill("2", "bob")); {
		case name == "deleting" && (status < 400 || s.state() != before):
			t.Errorf("%s: an editor deletes: %d %s", name, status, text)
		case name != "deleting" && status != 200:
			t.Errorf("%s: alice may not change what she edits: %d %s", name, status, text)
		default:
			opened++
		}
	}
	t.Logf("figure %d ways opened by a relation, 0 across tenants", opened)
}

func sorted(m map[string]string) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestWhatIsForwardedMeansTheSame compares what graphql-js answers with and without the
// gateway: writing a document anew changes nothing of what it means.
func TestWhatIsForwardedMeansTheSame(t *testing.T) {
	s := newShop(t)
	n := 0
	for _, body := range []string{
		query(`{echo(text:"plain")}`), query(`{echo(text:"é \u00e9 \u{1F600} 😀 \" \\ \/ \b\f\n\r\t")}`), query("{echo(text:\"\"\"\n    block\n      \"quoted\" \\\"\"\" \\ é\n\n    end\n  \"\"\")}"),
		query("{echo(text:\"\"\"first\n   second\n     third\"\"\")}"), query("{echo(text:\"\"\"a\r\nb\rc\"\"\")}"), query(`{echo(text:"",input:null)}`), query(`{echo(input:{number:-1.5e-3,list:[1,null,-2],nested:{status:OPEN}})}`),
		query(`query($t:String="d",$i:Echo){echo(text:$t,input:$i)}`), query(`query($t:String="d",$i:Echo){echo(text:$t,input:$i)}`, `{"i":{"list":5,"nested":{"text":"\u2028"}}}`), query(`query($t:String="d"){echo(text:$t)}`, `{"t":null}`),
		query(`query($y:Boolean!){me@skip(if:$y){id} echo@include(if:$y)}`, `{"y":true}`), query(`{a:me{...U} b:me{id ...on User{name}}} fragment U on User{orders{id}}`), query(`{node(id:"alice"){__typename id ...on User{name}}}`),
		query(`{me{id __typename orders{id owner{name}}}}`), query("#c\n{me,{id,,name}}#d"), query(`{mine(owner:"alice"){id note secret}}`), query(`{order(id:"nothing"){id}}`), query(`{mine(owner:"nobody"){id}}`),
		`[` + query(`{me{id}}`) + `,` + query(`{echo(text:"2")}`) + `]`, "?query=" + url.QueryEscape(`query A($t:String){echo(text:$t)}`) + "&operationName=A&variables=" + url.QueryEscape(`{"t":"a&b+c é"}`),
	} {
		_, want := s.ask(s.direct, "alice", body)
		status, got := s.ask(s.gateway, "alice", body)
		if status != 200 || !sameJSON(want, got) {
			t.Errorf("%s:\n%d %s, want\n%s", body, status, got, want)
			continue
		}
		n++
	}
	if status, got := s.ask(s.gateway, "alice", query(`{fail me{id}}`)); status != 200 || strings.Contains(got, "db1") || !strings.Contains(got, `"path":["fail"]`) {
		t.Errorf("an error: %d %s", status, got)
	}
	t.Logf("figure %d requests answered alike", n)
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}

// TestAttacksOnGraphQLServersStopAtTheGateway sends what the server would have answered,
// or died of (graphql.depth, graphql.introspection, graphql.abuse).
func TestAttacksOnGraphQLServersStopAtTheGateway(t *testing.T) {
	s := newShop(t)
	for name, body := range map[string]string{
		"introspection":                query(`{__schema{types{name fields{name}}}}`),
		"introspection in a fragment":  query(`{...A} fragment A on Query{x:__type(name:"User"){name}}`),
		"brute force by aliases":       query("{" + strings.Repeat(`a:echo(text:"password") `, 1) + many(100, `a%d:echo(text:"p%d") `) + "}"),
		"brute force by a batch":       "[" + strings.TrimSuffix(strings.Repeat(query(`{echo(text:"p")}`)+",", 100), ",") + "]",
		"directives":                   query("{me{id " + strings.Repeat("@include(if:true)", 60) + "}}"),
		"circular fragments":           query(`{me{...A}} fragment A on User{friends{...B}} fragment B on User{friends{...A}}`),
		"depth through lists":          query(`{me{friends{friends{friends{friends{friends{friends{id}}}}}}}}`),
		"repeated fields":              query("{" + strings.Repeat("me{id} ", 300) + "}"),
		"suggestions":                  query(`{me{nam}}`),
		"a field of a type by a guess": query(`{order(id:1){secrt}}`),
	} {
		status, text := s.ask(s.gateway, "alice", body)
		if status < 400 || !strings.Contains(text, "urn:gatehouse:problem:graphql.") || strings.Contains(text, "name") || strings.Contains(text, "secret") {
			t.Errorf("%s: %d %.300s", name, status, text)
		}
	}
}

func many(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i, i)
	}
	return b.String()
}
