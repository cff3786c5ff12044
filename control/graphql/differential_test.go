package graphql

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// wish is what a made-up schema demands under one name.
type wish struct {
	authenticated    bool
	scopes, policies [][]string
}

func (w wish) String() (s string) {
	lists := func(of [][]string) string {
		var out []string
		for _, l := range of {
			out = append(out, `["`+strings.Join(l, `","`)+`"]`)
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	if w.authenticated {
		s += " @authenticated"
	}
	if w.scopes != nil {
		s += " @requiresScopes(scopes: " + lists(w.scopes) + ")"
	}
	if w.policies != nil {
		s += " @policy(policies: " + lists(w.policies) + ")"
	}
	return s
}

// world is a made-up schema: three types, of which two are of an interface, a union of
// all, a scalar, and what each of them demands.
type world map[string]wish

var worldFields = map[string][]string{"Query": {"a", "b", "c", "i", "u", "plain", "e"}, "A": {"x", "y", "a", "e"}, "B": {"x", "y", "b", "i"}, "C": {"y", "u"}, "I": {"x", "y"}}

var worldTypes = map[string]string{"a": "A", "b": "B", "c": "C", "i": "I", "u": "U", "e": "E", "x": "Int", "y": "Int", "plain": "Int"}

func drawWorld(r *rand.Rand) world {
	names := []string{"A", "B", "C", "I", "U", "E", "Query"}
	for t, fields := range worldFields {
		for _, f := range fields {
			names = append(names, t+"."+f)
		}
	}
	slices.Sort(names)
	lists := func(of ...string) (out [][]string) {
		for range 1 + r.IntN(2) {
			one := []string{of[r.IntN(len(of))]}
			if r.IntN(2) == 0 {
				one = append(one, of[r.IntN(len(of))])
			}
			out = append(out, one)
		}
		return out
	}
	w := world{}
	for _, n := range names {
		if r.IntN(9) > 0 || n == "U" { // directives say nothing of unions
			continue
		}
		var one wish
		one.authenticated = r.IntN(3) == 0
		if r.IntN(2) == 0 {
			one.scopes = lists("s1", "s2", "s3")
		}
		if r.IntN(2) == 0 {
			one.policies = lists("declared", "either", "byhand")
		}
		if one.String() != "" {
			w[n] = one
		}
	}
	return w
}

func (w world) sdl() string {
	var b strings.Builder
	for _, t := range slices.Sorted(maps.Keys(worldFields)) {
		kind, of := "type ", ""
		if t == "I" {
			kind = "interface "
		}
		if t == "A" || t == "B" {
			of = " implements I"
		}
		fmt.Fprintf(&b, "%s%s%s%s {", kind, t, of, w[t])
		for _, f := range worldFields[t] {
			fmt.Fprintf(&b, " %s: %s%s", f, worldTypes[f], w[t+"."+f])
		}
		b.WriteString(" }\n")
	}
	return b.String() + "union U = A | B | C\nscalar E" + w["E"].String()
}

// pick is one thing that is selected, on a type.
type pick struct {
	on, field string
	below     []pick
}

// possible are the types that a value may have.
func possible(t string) []string {
	switch t {
	case "I":
		return []string{"A", "B"}
	case "U":
		return []string{"A", "B", "C"}
	}
	return []string{t}
}

// drawSelection writes a selection in several ways, and returns what is picked.
func drawSelection(r *rand.Rand, on string, depth int, fragments *[]string) (text string, picks []pick) {
	for range 1 + r.IntN(2) {
		t := on
		if of := possible(on); len(of) > 1 && r.IntN(2) == 0 || on == "U" {
			t = of[r.IntN(len(of))]
		}
		f := worldFields[t][r.IntN(len(worldFields[t]))]
		below := worldTypes[f]
		if depth == 0 && (worldFields[below] != nil || below == "U") {
			f, below = "y", "Int"
			if t == "Query" {
				f = "plain"
			}
		}
		one := pick{on: t, field: f}
		s := fmt.Sprintf("k%d: %s", r.IntN(1<<30), f)
		if worldFields[below] != nil || below == "U" {
			var in string
			in, one.below = drawSelection(r, below, depth-1, fragments)
			s += " { " + in + " }"
		}
		switch {
		case r.IntN(4) == 0:
			name := fmt.Sprintf("F%d", len(*fragments))
			*fragments = append(*fragments, fmt.Sprintf("fragment %s on %s { %s }", name, t, s))
			s = "..." + name
		case t != on:
			s = "... on " + t + " { " + s + " }"
		}
		text, picks = text+" "+s, append(picks, one)
	}
	return text, picks
}

// lets is what the documentation says: written without a look at what is tested.
func (w world) lets(picks []pick, who *gatehouse.Principal, holds map[string]bool) bool {
	met := func(name string) bool {
		d, demanded := w[name]
		if !demanded {
			return true
		}
		some := func(lists [][]string, has func(string) bool) bool {
			for _, all := range lists {
				whole := true
				for _, one := range all {
					whole = whole && has(one)
				}
				if whole {
					return true
				}
			}
			return lists == nil
		}
		return who.ID != "" && some(d.scopes, func(s string) bool { return slices.Contains(who.Scopes, s) }) && some(d.policies, func(p string) bool { return holds[p] })
	}
	typeMet := func(t string) bool {
		return met(t) && (t != "A" && t != "B" || met("I"))
	}
	for _, p := range picks {
		for _, t := range append(possible(p.on), p.on) {
			if !typeMet(t) || !met(t+"."+p.field) || (t == "A" || t == "B") && slices.Contains(worldFields["I"], p.field) && !met("I."+p.field) {
				return false
			}
		}
		for _, t := range append(possible(worldTypes[p.field]), worldTypes[p.field]) {
			if !typeMet(t) {
				return false
			}
		}
		if !w.lets(p.below, who, holds) {
			return false
		}
	}
	return true
}

// Property: what is compared, what Cedar's policies for the same schema say, and an
// oracle that knows neither come to the same over random schemas, selections and
// callers. One name of @policy is declared to the one, and written by hand in Cedar for
// the other.
func TestFieldsAreDecidedOnAlikeByComparisonPolicyAndOracle(t *testing.T) { // graphql.fields authz.abac
	r := rand.New(rand.NewPCG(8, 4))
	file := filepath.Join(t.TempDir(), "w.graphql")
	byHand := map[string][]string{"declared": {"role:r1"}, "either": {"role:r2", "scope:s3"}}
	all := map[string][]string{"declared": {"role:r1"}, "either": {"role:r2", "scope:s3"}, "byhand": {"role:r3"}}
	compared, permitted := 0, 0
	for range 400 {
		w := drawWorld(r)
		sdl := w.sdl()
		if err := os.WriteFile(file, []byte(sdl), 0o600); err != nil {
			t.Fatal(err)
		}
		here, there := checkOf(t, sdl, loose), checkOf(t, sdl, loose)
		c := &Config{Schema: gatehouse.File(file), Policies: all}
		says, err := c.sayings(&gatehouse.Build{})
		if err != nil {
			t.Fatal(err)
		}
		if err := here.schema.accessible("w.graphql", says); err != nil {
			t.Fatal(err)
		}
		c = &Config{Schema: gatehouse.File(file), Policies: byHand}
		// The forbid speaks of every field, so that Cedar is asked about all of them.
		hand := `forbid(principal, action == Action::"select", resource) when { principal.id == "eve" && context.policies.contains("nothing") };`
		if strings.Contains(sdl, "byhand") {
			hand += ` permit(principal, action == Action::"policy.byhand", resource) when { principal.roles.contains("r3") };`
		}
		m := policy.Model{API: "w", Sources: []cedar.Source{{Name: "hand.cedar", Text: hand}}}
		if err := c.Authorize(&m); err != nil {
			t.Fatal(err)
		}
		p, err := policy.Compile(m)
		if err != nil {
			t.Fatalf("%v\n%s", err, sdl)
		}
		c.Hold(p)
		there.policy = p
		if says, err = c.sayings(&gatehouse.Build{}); err != nil {
			t.Fatal(err)
		}
		if err := there.schema.accessible("w.graphql", says); err != nil {
			t.Fatal(err)
		}
		for range 30 {
			var fragments []string
			text, picks := drawSelection(r, "Query", 3, &fragments)
			text = "{" + text + " } " + strings.Join(fragments, " ")
			a, why := here.compile(text, "")
			if why != nil {
				t.Fatalf("%v\n%s\n%s", why, text, sdl)
			}
			b, why := there.compile(text, "")
			if why != nil || len(b.needs) > 0 {
				t.Fatalf("%v, %d needs are not asked about\n%s", why, len(b.needs), text)
			}
			who := &gatehouse.Principal{Kind: "user", ID: []string{"alice", "eve", ""}[min(r.IntN(9), 2)&r.IntN(3)]}
			for _, s := range []string{"s1", "s2", "s3"} {
				if r.IntN(2) == 0 {
					who.Scopes = append(who.Scopes, s)
				}
				if r.IntN(2) == 0 {
					who.Roles = append(who.Roles, "r"+s[1:])
				}
			}
			holds := map[string]bool{"declared": who.HasRole("r1"), "either": who.HasRole("r2") || who.HasScope("s3"), "byhand": who.HasRole("r3")}
			want := w.lets(picks, who, holds)
			compares := !slices.ContainsFunc(a.needs, func(n *need) bool { return !n.met(who) })
			x := &gatehouse.Exchange{Principal: who, At: time.Now()}
			_, refused := there.selects(x, b)
			if asked := refused == nil; compares != want || asked != want && who.ID != "" || asked && !want {
				t.Fatalf("comparisons %v, policies %v, oracle %v\n%+v\n%s\n%s", compares, asked, want, who, text, sdl)
			}
			if compared++; want {
				permitted++
			}
		}
	}
	if compared < 10_000 || permitted < 1000 || permitted > compared-1000 {
		t.Errorf("%d decisions, of which %d are permitted", compared, permitted)
	}
	t.Logf("%d decisions, of which %d are permitted: the same", compared, permitted)
}

// drawObject is a random rule for a type with an owner and a tenant.
func drawObject(r *rand.Rand) *Object {
	o := &Object{Owner: "response.owner.of", Allow: map[string][]string{}}
	if r.IntN(2) == 0 {
		o.Tenant = "response.tenant"
	}
	for _, who := range []string{"owner", "role:r1", "role:r2"} {
		for _, a := range []string{"read", "update", "delete"} {
			if r.IntN(3) == 0 {
				o.Allow[who] = append(o.Allow[who], a)
			}
		}
	}
	if r.IntN(5) == 0 {
		o.Allow = nil
	}
	return o
}

// mayTouch is what the documentation says, written without a look at what is tested.
func mayTouch(o *Object, action string, who *gatehouse.Principal, owner, tenant string) bool {
	if who.ID == "" || o.Tenant != "" && (who.Tenant == "" || tenant != who.Tenant) {
		return false
	}
	allow := o.Allow
	if allow == nil {
		allow = map[string][]string{"owner": {"read", "update"}}
	}
	for name, may := range allow {
		role, isRole := strings.CutPrefix(name, "role:")
		if slices.Contains(may, action) && (isRole && who.HasRole(role) || !isRole && who.Kind != "client" && owner != "" && owner == who.ID) {
			return true
		}
	}
	return false
}

// Property: on objects of GraphQL, too, the comparisons, Cedar's policies for the same
// configuration and an oracle come to the same, whatever an object looks like.
func TestObjectsAreDecidedOnAlikeByComparisonPolicyAndOracle(t *testing.T) { // authz.object authz.abac
	r := rand.New(rand.NewPCG(19, 84))
	sdl := "type Query { order(id: ID!): Order } type Order { id: ID! owner: Account tenant: ID } type Account { of: ID }"
	texts := []string{`"alice"`, `"bob"`, `"7"`, `7`, `"\u0061lice"`, `null`, `true`, `["alice"]`, `{}`, ``}
	plain := map[string]string{`"alice"`: "alice", `"bob"`: "bob", `"7"`: "7", `7`: "7", `"\u0061lice"`: "alice", `"t1"`: "t1"}
	compared, permitted := 0, 0
	for range 300 {
		o := drawObject(r)
		rules := [2]*rule{}
		for i := range rules {
			k := checkOf(t, sdl, loose)
			k.max.Objects = map[string]*Object{"Order": o}
			if i == 1 {
				byPolicy(t, k, sdl, `forbid(principal, action, resource is Order) when { principal.roles.contains("nobody") };`)
			}
			if err := k.schema.own(k.max, &gatehouse.Build{API: "shop", Now: time.Now}); err != nil {
				t.Fatal(err)
			}
			rules[i] = k.schema.types["Order"].rule
			for range 40 * i {
				who := &gatehouse.Principal{Kind: []string{"user", "user", "client"}[r.IntN(3)], ID: []string{"alice", "7", "bob"}[r.IntN(3)], Tenant: []string{"t1", "t1", "t2", ""}[r.IntN(4)]}
				for _, role := range []string{"r1", "r2"} {
					if r.IntN(3) == 0 {
						who.Roles = append(who.Roles, role)
					}
				}
				owner, tenant := texts[r.IntN(len(texts))], texts[r.IntN(len(texts))]
				if r.IntN(3) > 0 {
					tenant = `"t1"`
				}
				body := `{"gatehouse_type":"Order"`
				if owner != "" {
					body += `,"gatehouse_owner_Order":{"of":` + owner + `}`
				}
				if tenant != "" {
					body += `,"gatehouse_tenant_Order":` + tenant
				}
				d := new(jsonwalk.Doc)
				if err := d.Parse([]byte(body+"}"), limits); err != nil {
					t.Fatal(err)
				}
				a := action(r.IntN(int(create)))
				want := mayTouch(o, actionNames[a], who, plain[owner], plain[tenant])
				here, _ := rules[0].decide(nil, d, 0, who, a)
				if rules[1].acts[a] == nil {
					t.Fatalf("no policy speaks of %s", actionNames[a])
				}
				x := &gatehouse.Exchange{Principal: who, At: time.Now()}
				there, why := rules[1].decide(k.asker(t.Context(), x), d, 0, who, a)
				// What does not say whose it is may be refused although a role would reach it.
				whole := plain[owner] != "" && plain[tenant] != ""
				if !want && (here == own || there == own) || whole && ((here == own) != want || (there == own) != want) {
					t.Fatalf("%s of %s by %+v: comparisons %v, policies %v (%s), oracle %v\n%+v", actionNames[a], body, who, here == own, there == own, why, want, o)
				}
				if compared++; want {
					permitted++
				}
			}
		}
	}
	if compared < 10_000 || permitted < 1000 {
		t.Errorf("%d decisions, of which %d are permitted", compared, permitted)
	}
	t.Logf("%d decisions, of which %d are permitted: the same", compared, permitted)
}
