package cedar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	cedargo "github.com/cedar-policy/cedar-go"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse/internal/race"
)

var ordersSchema = Source{"orders.cedarschema", `
entity Role;
entity User in [Role] { tenant: String, region: String, level: Long };
entity Service { tenant: String };
entity Order { owner: User, tenant: String, region: String, label?: String };
entity Doc { region: String };
action "order.write";
action "order.read" appliesTo { principal: [User, Service], resource: [Order], context: { rel?: { editor?: Bool }, local: { hour: Long } } };
action "order.update" in ["order.write"] appliesTo { principal: [User], resource: [Order], context: { rel?: { editor?: Bool }, local: { hour: Long } } };
action "doc.read" appliesTo { principal: [User], resource: [Doc], context: { local: { hour: Long } } };
`}

func user(id, tenant string, roles ...EntityUID) Entity {
	return Entity{UID: NewEntityUID("User", String(id)), Parents: NewEntityUIDSet(roles...),
		Attributes: NewRecord(RecordMap{"tenant": String(tenant), "region": String("EU"), "level": Long(5)})}
}

func order(id, owner, tenant string) Entity {
	return Entity{UID: NewEntityUID("Order", String(id)),
		Attributes: NewRecord(RecordMap{"owner": NewEntityUID("User", String(owner)), "tenant": String(tenant), "region": String("EU")})}
}

func facts(es ...Entity) EntityMap {
	m := EntityMap{}
	for _, e := range es {
		m[e.UID] = e
	}
	return m
}

var office = NewRecord(RecordMap{"local": NewRecord(RecordMap{"hour": Long(10)})})

func asks(action string) Request {
	return Request{Principal: NewEntityUID("User", "alice"), Action: NewEntityUID("Action", String(action)), Resource: NewEntityUID("Order", "o1"), Context: office}
}

func mustSet(t testing.TB, policies string) *Set {
	t.Helper()
	s, err := New(ordersSchema, Source{"p.cedar", policies})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestADecisionNamesThePolicyThatDecided(t *testing.T) {
	s := mustSet(t, `@id("owner") @reason("the order is the caller's own")
permit(principal is User, action in [Action::"order.read", Action::"order.update"], resource is Order) when { resource.owner == principal };
forbid(principal, action, resource is Order) unless { resource.tenant == principal.tenant };
`)
	d := s.Decide(asks("order.read"), facts(user("alice", "acme"), order("o1", "alice", "acme")))
	if !d.Allowed || d.Err() != nil || len(d.Deciding()) != 1 || d.Deciding()[0].ID != "owner" || d.Deciding()[0].Reason != "the order is the caller's own" {
		t.Errorf("own order: %+v, %v", d, d.Deciding())
	}
	d = s.Decide(asks("order.read"), facts(user("alice", "acme"), order("o1", "alice", "evil")))
	if p := d.Deciding(); d.Allowed || len(p) != 1 || p[0].ID != "p.cedar:3" || p[0].Place() != "p.cedar:3:1" || p[0].Permit {
		t.Errorf("foreign tenant: %+v, %v", d, d.Deciding())
	}
	d = s.Decide(asks("order.read"), facts(user("alice", "acme"), order("o1", "bob", "acme")))
	if d.Allowed || d.Deciding() != nil || d.Err() != nil {
		t.Errorf("nobody permits: %+v, %v", d, d.Deciding())
	}
	if (Decision{}).Allowed || (Decision{}).Deciding() != nil || (Decision{}).Err() != nil {
		t.Error("the zero decision is no plain deny")
	}
}

// A forbid on a group speaks of the group's actions, though nobody gives their
// entities: the schema knows them.
func TestAForbidOnAGroupOfActionsIsNeverMissed(t *testing.T) {
	s := mustSet(t, `permit(principal is User, action, resource is Order);
forbid(principal is User, action in Action::"order.write", resource is Order);`)
	fs := facts(user("alice", "acme"), order("o1", "alice", "acme"))
	if d := s.Decide(asks("order.read"), fs); !d.Allowed {
		t.Errorf("reading is no writing: %v", d.Deciding())
	}
	lies := EntityMap{NewEntityUID("Action", "order.update"): {}}
	for uid, e := range fs {
		lies[uid] = e
	}
	for _, f := range []EntityMap{fs, lies} {
		if d := s.Decide(asks("order.update"), f); d.Allowed || len(d.Deciding()) != 1 {
			t.Errorf("the group's forbid: %v", d.Deciding())
		}
	}
}

// The overflow passes the strict validator. Cedar skips the forbid and allows.
func TestAForbidThatCannotBeEvaluatedDenies(t *testing.T) {
	s := mustSet(t, `permit(principal is User, action, resource is Order);
@id("limit") forbid(principal is User, action, resource is Order) when { principal.level * 9223372036854775807 > 5 };`)
	q, fs := asks("order.read"), facts(user("alice", "acme"), order("o1", "alice", "acme"))
	said, _ := cedargo.Authorize(&s.all.handed, &lookup{set: s, facts: fs}, q)
	if said != cedargo.Allow {
		t.Fatal("Cedar denies by itself now: this test shows nothing")
	}
	d := s.Decide(q, fs)
	if d.Allowed || len(d.Failures()) != 1 || d.Deciding()[0].ID != "limit" {
		t.Fatalf("allowed past a forbid that overflows: %+v", d)
	}
	if err := d.Err(); err == nil || !strings.Contains(err.Error(), "policy limit at p.cedar:2:1 cannot be evaluated: ") {
		t.Errorf("says %v", err)
	}
}

// unreachable are facts that cannot be found out for one entity.
type unreachable struct {
	EntityMap
	uid EntityUID
}

var errStore = errors.New("the store does not answer")

func (u unreachable) Entity(uid EntityUID) (Entity, bool, error) {
	if uid == u.uid {
		return u.EntityMap[uid], true, errStore
	}
	return u.EntityMap.Entity(uid)
}

// What a principal is in cannot be found out: Cedar takes it for in nothing, and
// the forbid would not speak.
func TestFactsThatCannotBeFoundOutDeny(t *testing.T) {
	s := mustSet(t, `permit(principal is User, action, resource is Order);
forbid(principal in Role::"blocked", action, resource is Order);`)
	fs := facts(user("alice", "acme", NewEntityUID("Role", "blocked")), order("o1", "alice", "acme"))
	d := s.Decide(asks("order.read"), unreachable{fs, NewEntityUID("User", "alice")})
	if d.Allowed || !errors.Is(d.Err(), errStore) || d.Deciding() != nil {
		t.Errorf("decided without the facts: %+v", d)
	}
	if d := s.Decide(asks("order.read"), facts(user("alice", "acme"), order("o1", "alice", "acme"))); !d.Allowed {
		t.Errorf("the error stayed: %+v", d)
	}
}

func TestRulesAreAskedForTheirOwnPairOnly(t *testing.T) {
	s := mustSet(t, `permit(principal is User, action == Action::"order.read", resource is Order);`)
	r := s.Rules(NewEntityUID("Action", "order.read"), "Order")
	if d := r.Decide(asks("order.read"), nil); !d.Allowed {
		t.Fatalf("own pair: %+v", d)
	}
	other := asks("order.read")
	other.Resource.Type = "Doc"
	for _, q := range []Request{asks("order.update"), other} {
		if d := r.Decide(q, nil); d.Allowed || d.Err() == nil {
			t.Errorf("%v: %+v", q, d)
		}
	}
}

func TestRulesSayWhatTheyRead(t *testing.T) {
	s := mustSet(t, `permit(principal is User, action, resource is Order) when { resource.owner == principal && resource.owner.region == "EU" };
permit(principal is User, action == Action::"order.update", resource is Order) when { context has rel.editor && context.rel.editor && context.local.hour < 17 };
permit(principal in Role::"support", action == Action::"order.read", resource) when { resource has label && resource.label like "x*" };
forbid(principal, action, resource is Order) unless { resource["tenant"] == principal.tenant };`)
	got := map[string]Reads{}
	for _, a := range []string{"order.read", "order.update", "doc.read"} {
		typ := EntityType("Order")
		if a == "doc.read" {
			typ = "Doc"
		}
		got[a] = s.Rules(NewEntityUID("Action", String(a)), typ).Reads()
	}
	want := map[string]Reads{
		"order.read": {Principal: []string{"tenant"}, Resource: []string{"label", "owner", "owner.region", "tenant"}, Names: []string{"label", "owner", "region", "tenant"}, Parents: []string{"principal"}},
		"order.update": {Principal: []string{"tenant"}, Resource: []string{"owner", "owner.region", "tenant"}, Context: []string{"local.hour", "rel", "rel.editor"},
			Names: []string{"editor", "hour", "local", "owner", "region", "rel", "tenant"}, Relations: []string{"editor"}},
		"doc.read": {},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTheIndexHoldsWhatCanSpeakAndNothingElse(t *testing.T) {
	s := mustSet(t, `@id("1") permit(principal, action == Action::"order.read", resource);
@id("2") permit(principal, action in Action::"order.write", resource is Order);
@id("3") permit(principal, action in [Action::"doc.read", Action::"order.update"], resource);
@id("4") forbid(principal, action, resource);
@id("5") forbid(principal, action, resource == Doc::"d");`)
	for pair, want := range map[[2]string][]string{
		{"order.read", "Order"}:   {"1", "4"},
		{"order.update", "Order"}: {"2", "3", "4"},
		{"doc.read", "Doc"}:       {"3", "4", "5"},
		{"doc.read", "Order"}:     {"1", "2", "3", "4", "5"}, // not in the schema: all, as Cedar does
	} {
		var got []string
		for _, p := range s.Rules(NewEntityUID("Action", String(pair[0])), EntityType(pair[1])).Policies() {
			got = append(got, p.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", pair, got, want)
		}
	}
}

// TestAllocs compares with the library alone on the same policies: what we add is nothing.
func TestAllocs(t *testing.T) {
	s := mustSet(t, `permit(principal in Role::"support", action in [Action::"order.read", Action::"order.update"], resource is Order) when { context.local.hour >= 9 };
forbid(principal is User, action, resource is Order) unless { resource.tenant == principal.tenant };
permit(principal is User, action == Action::"doc.read", resource);`)
	es := facts(user("alice", "acme", NewEntityUID("Role", "support")), order("o1", "alice", "acme"))
	q, r := asks("order.read"), s.Rules(NewEntityUID("Action", "order.read"), "Order")
	theirs, given := cedargo.PolicyMap{}, cedargo.EntityMap(es)
	for _, p := range r.policies {
		theirs[cedargo.PolicyID(p.ID)] = p.compiled
	}
	if len(theirs) != 2 {
		t.Fatal(theirs)
	}
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	library := testing.AllocsPerRun(1000, func() { cedargo.Authorize(theirs, given, q) })
	ours := testing.AllocsPerRun(1000, func() {
		if !r.Decide(q, es).Allowed {
			t.Fatal("denied")
		}
	})
	t.Logf("figure: %v allocations, the library alone %v", ours, library)
	if ours > library {
		t.Errorf("%v allocations, the library alone %v", ours, library)
	}
}

// Policies are right about facts as the schema has them: others deny, where the
// rules look at them, and only there.
func TestFactsThatTheSchemaContradictsDeny(t *testing.T) {
	s := mustSet(t, `permit(principal is User, action == Action::"order.read", resource is Order);
@id("hours") forbid(principal is User, action == Action::"order.read", resource is Order) when { context.local.hour == 3 || principal.region == "US" };
permit(principal is User, action == Action::"order.update", resource is Order) when { context == context };`)
	alice, o := user("alice", "acme"), order("o1", "alice", "acme")
	change := func(e Entity, name String, v Value) Entity {
		m := e.Attributes.Map()
		if m[name] = v; v == nil {
			delete(m, name)
		}
		e.Attributes = NewRecord(m)
		return e
	}
	local := func(v Value) Record {
		return NewRecord(RecordMap{"local": NewRecord(RecordMap{"hour": v}), "extra": Long(1)})
	}
	read := func(q Request, fs EntityMap) string {
		d := s.Decide(q, fs)
		if d.Err() == nil {
			return fmt.Sprint(d.Allowed)
		}
		return d.Err().Error()
	}
	with := func(c Record) Request { q := asks("order.read"); q.Context = c; return q }
	service, update := asks("order.read"), asks("order.update")
	service.Principal.Type, update.Context = "Role", local(Long(3))
	for name, c := range map[string]struct {
		q    Request
		fs   EntityMap
		want string
	}{
		"all is as the schema says":           {asks("order.read"), facts(alice, o), "true"},
		"an attribute that nobody looks at":   {asks("order.read"), facts(change(alice, "tenant", Long(7)), change(o, "owner", nil)), "true"},
		"a required attribute is missing":     {asks("order.read"), facts(change(alice, "region", nil), o), `region of User::"alice" is missing`},
		"an attribute of another type":        {asks("order.read"), facts(change(alice, "region", Long(1)), o), `region of User::"alice" is missing or of another type`},
		"nothing is known of the principal":   {asks("order.read"), facts(o), `nothing is known of User::"alice"`},
		"the hour is a text":                  {with(local(String("3"))), facts(alice, o), "context.local is missing or of another type"},
		"no context":                          {with(Record{}), facts(alice, o), "context.local is missing"},
		"more context than the schema has":    {with(local(Long(10))), facts(alice, o), "true"},
		"the same where it is used as whole":  {update, facts(alice, o), "attributes that the schema does not know"},
		"a principal that may not be one":     {service, facts(alice, o), "not for principals of this type"},
		"an action that is in no schema":      {asks("order.burn"), facts(alice, o), "the schema knows no such action"},
		"a group of actions, which is no one": {asks("order.write"), facts(alice, o), "the schema knows no such action"},
	} {
		if got := read(c.q, c.fs); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	d := s.Decide(asks("order.read"), facts(change(alice, "region", nil), o))
	if p := d.Deciding(); len(p) != 1 || p[0].ID != "hours" {
		t.Errorf("the policy that minds is not named: %v", p)
	}
}
