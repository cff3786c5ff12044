package learned

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/race"
)

// orders are the pages of an API whose orders have a customer, a tenant, and an echo
// of whoever asks.
type orders struct {
	t                      testing.TB
	ledger                 *Ledger
	get, change, del, list *Page
	create                 *Page
	now                    time.Time
	suspicions             map[string][]Suspicion // by caller
}

var places = []string{"response.customer_id", "response.tenant_id", "response.viewer"}

func open(t testing.TB) *orders {
	t.Helper()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	o := &orders{t: t, ledger: l, now: time.Unix(1_800_000_000, 0), suspicions: map[string][]Suspicion{}}
	o.open("orders")
	return o
}

func (o *orders) open(api string) {
	k := Kind{API: api, ID: "path.orderId", Base: "/orders/{orderId}"}
	page := func(id, action string, places []string) *Page {
		return o.ledger.Open(k, Operation{ID: id, Action: action, Reader: action == "read", Places: places})
	}
	o.get, o.change, o.del = page("getOrder", "read", places), page("updateOrder", "update", places), page("deleteOrder", "delete", nil)
	o.list, o.create = page("listOrders", "list", places), page("createOrder", "create", places)
}

type person struct {
	id, tenant string
	roles      []string
	service    bool
}

type thing struct{ id, customer, tenant string }

// shows is what a reply with the thing shows to somebody; echo is whether it has a
// member that says who asks.
func (o *orders) shows(p *Page, who person, th thing, echo bool) Suspicion {
	c := p.Caller(who.id, who.tenant, who.roles, who.service, false)
	s := Sighting{Caller: c, Object: p.Object(th.id), Asked: p != o.list, Made: p == o.create, At: o.now}
	o.now = o.now.Add(time.Second)
	if len(p.op.Places) > 0 {
		s.Looked = 0b11
		if echo {
			s.Looked |= 0b100
		}
		if th.customer == who.id {
			s.Own |= 0b1
		}
		if echo {
			s.Own |= 0b100
		}
		if th.tenant == who.tenant && who.tenant != "" {
			s.Tenant |= 0b10
		}
	}
	said := p.Note(&s)
	if said != None {
		o.suspicions[who.id] = append(o.suspicions[who.id], said)
	}
	return said
}

// people are n owners, each of five things, in two tenants.
func people(n int) (all []person, things []thing) {
	for i := range n {
		p := person{id: fmt.Sprintf("p%d", i), tenant: fmt.Sprintf("t%d", i%2), roles: []string{"user"}}
		all = append(all, p)
		for j := range 5 {
			things = append(things, thing{fmt.Sprintf("o%d-%d", i, j), p.id, p.tenant})
		}
	}
	return all, things
}

// used lets everybody read what is theirs.
func (o *orders) used(all []person, things []thing, echo bool) {
	for _, p := range all {
		for _, th := range things {
			if th.customer == p.id {
				o.shows(o.get, p, th, echo)
			}
		}
	}
}

func (o *orders) finds() Findings {
	o.t.Helper()
	r := o.ledger.Report()
	for _, k := range r.Kinds {
		if k.API == "orders" {
			return k
		}
	}
	o.t.Fatal("nothing was learned")
	return Findings{}
}

func placesOf(fits []Fit) string {
	var list []string
	for _, f := range fits {
		list = append(list, f.Place)
	}
	return strings.Join(list, " ")
}

func TestAnOwnerAndATenantAreSuggestedFromEnoughObjectsOfEnoughCallers(t *testing.T) {
	for n, want := range map[int]string{3: "", 4: "", 5: "response.customer_id"} {
		o := open(t)
		all, things := people(n)
		for range 4 {
			o.used(all, things, false)
		}
		f := o.finds()
		if placesOf(f.Owners) != want {
			t.Errorf("%d callers: %+v", n, f)
		}
		if n == 5 && (f.Owners[0].Held != 100 || f.Owners[0].Of != 100 || f.Owners[0].Objects != 25 || f.Owners[0].Callers != 5 || placesOf(f.Tenants) != "response.tenant_id") {
			t.Errorf("%+v", f)
		}
	}
}

func TestOneTenantIsNoEvidence(t *testing.T) {
	o := open(t)
	all, things := people(6)
	for i := range all {
		all[i].tenant = "t"
	}
	for i := range things {
		things[i].tenant = "t"
	}
	o.used(all, things, false)
	if f := o.finds(); len(f.Tenants) != 0 || placesOf(f.Owners) != "response.customer_id" || !strings.Contains(fmt.Sprint(f.Doubtful), "one tenant") {
		t.Errorf("%+v", f)
	}
}

// Whoever reads first owns nothing, and is suspected when the owner comes.
func TestWhoReadsFirstIsNotTheOwner(t *testing.T) {
	o := open(t)
	all, things := people(8)
	thief := person{id: "thief", tenant: "t0", roles: []string{"user"}}
	for range 10 {
		for _, th := range things {
			o.shows(o.get, thief, th, false)
		}
	}
	if f := o.finds(); len(f.Owners) != 0 || f.Objects != 40 {
		t.Fatalf("reading taught something: %+v", f)
	}
	for range 3 {
		o.used(all, things, false)
	}
	f := o.finds()
	if placesOf(f.Owners) != "" || !strings.Contains(placesOf(f.Doubtful), "response.customer_id") {
		t.Errorf("400 foreign reads contradict the rule, and must be told: %+v", f)
	}
	before := len(o.suspicions["thief"])
	for _, th := range things[:10] {
		o.shows(o.get, thief, th, false)
		o.shows(o.del, thief, th, false)
	}
	if n := len(o.suspicions["thief"]) - before; n != 20 {
		t.Errorf("%d of 20 thefts are suspicious", n)
	}
	told := 0
	for _, p := range all {
		for _, s := range o.suspicions[p.id] {
			if s != Before {
				t.Errorf("%s is suspected: %d", p.id, s)
			}
			told++
		}
	}
	if told == 0 {
		t.Error("nobody was told that its order was given to somebody before")
	}
}

// A flood of one caller changes neither who owns nor what is suspicious.
func TestAFloodNeitherSilencesSuspicionNorMakesAnException(t *testing.T) {
	o := open(t)
	all, things := people(10)
	o.used(all, things, false)
	thief := person{id: "thief", tenant: "t0", roles: []string{"user"}}
	for range 100 {
		for _, th := range things {
			if o.shows(o.get, thief, th, false) == None && len(o.suspicions["thief"]) > 0 {
				t.Fatal("a theft is not suspicious any more")
			}
		}
	}
	f := o.finds()
	if len(f.Owners) != 0 || !strings.Contains(placesOf(f.Doubtful), "response.customer_id") || strings.Contains(fmt.Sprint(f.Doubtful), "{user ") {
		t.Errorf("%+v", f)
	}
	told, enumerated := 0, 0
	for _, s := range o.suspicions["thief"] {
		if s == Foreign || s == Before {
			told++
		}
		if s == Enumerated {
			enumerated++
		}
	}
	windows := 5000/window + 2
	if told > mostTold*windows || enumerated == 0 || enumerated > 5*windows {
		t.Errorf("%d thefts and %d walks were told in %d windows", told, enumerated, windows)
	}
}

func TestARoleWhoseWorkIsReadingWhatIsOthersIsAnException(t *testing.T) {
	for readers, want := range map[int]string{1: "", 2: "support"} {
		o := open(t)
		all, things := people(10)
		o.used(all, things, false)
		for i := range readers {
			staff := person{id: fmt.Sprintf("s%d", i), tenant: "t0", roles: []string{"user", "support"}}
			for _, th := range things {
				if th.tenant == "t0" {
					o.shows(o.get, staff, th, false)
				}
			}
		}
		got := ""
		for _, f := range o.finds().Owners {
			for _, x := range f.Exceptions {
				got += x.Role
				if x.Replies != 50 || x.Callers != 2 || strings.Join(x.Actions, " ") != "read" {
					t.Errorf("%+v", x)
				}
			}
		}
		if got != want {
			t.Errorf("with %d of them: %q, %+v", readers, got, o.finds())
		}
	}
}

// A member that says who asks is no owner, however often it is right.
func TestAnEchoIsNoOwner(t *testing.T) {
	o := open(t)
	all, things := people(10)
	o.used(all, things, true)
	for i, th := range things {
		o.shows(o.get, all[(i/5+1)%10], th, true)
	}
	if f := o.finds(); strings.Contains(placesOf(f.Owners), "viewer") || !strings.Contains(fmt.Sprint(f.Doubtful), "it may say who asks") {
		t.Errorf("%+v", f)
	}
	for _, th := range things {
		o.shows(o.get, all[0], th, true)
	}
	if f := o.finds(); strings.Contains(placesOf(f.Owners), "viewer") {
		t.Errorf("%+v", f)
	}
	thief := person{id: "thief", tenant: "t0"}
	if said := o.shows(o.get, thief, things[7], true); said != Foreign {
		t.Errorf("an echo hides a theft: %d", said)
	}
}

func TestServicesOwnNothing(t *testing.T) {
	o := open(t)
	all, things := people(10)
	for i := range all {
		all[i].service = true
	}
	o.used(all, things, false)
	if f := o.finds(); len(f.Owners)+len(f.Tenants) == 2 || len(f.Owners) != 0 {
		t.Errorf("%+v", f)
	}
}

// What makes room is what says least, and nothing that is forgotten makes anything
// somebody else's.
func TestReadingDrivesOutNothingThatSaysWhoseObjectsAre(t *testing.T) {
	o := open(t)
	all, things := people(10)
	o.used(all, things, false)
	thief := person{id: "thief", tenant: "t0"}
	for i := range 4 * MostObjects {
		o.shows(o.change, thief, thing{id: fmt.Sprintf("x%d", i)}, false)
	}
	f := o.finds()
	if f.Objects != MostObjects || f.Forgotten == 0 || placesOf(f.Doubtful) != "response.customer_id" || f.Doubtful[0].Objects != 50 {
		t.Errorf("%d objects, %d forgotten, %+v", f.Objects, f.Forgotten, f.Doubtful)
	}
	for _, th := range things {
		if o.shows(o.change, thief, th, false) == None {
			t.Error("a theft is forgotten")
		}
	}
	for i := range MostObjects * 2 {
		p := person{id: fmt.Sprintf("q%d", i)}
		o.shows(o.get, p, thing{fmt.Sprintf("y%d", i), p.id, ""}, false)
	}
	for _, th := range things { // forgotten or not, nobody becomes an owner by asking
		o.shows(o.change, thief, th, false)
	}
	for _, k := range o.get.book.objects {
		if k.of(o.get.Caller("thief", "t0", nil, false, false).who, o.get.book.trusted) {
			t.Fatal("a thief owns something")
		}
	}
}

func TestTwoAPIsDoNotMix(t *testing.T) {
	o := open(t)
	all, things := people(10)
	o.used(all, things, false)
	other := &orders{t: t, ledger: o.ledger, now: o.now, suspicions: map[string][]Suspicion{}}
	other.open("others")
	for _, th := range things[:10] {
		if other.shows(other.del, all[9], th, false) != None {
			t.Error("what one API has learned is suspicious in another")
		}
	}
	if r := o.ledger.Report(); len(r.Kinds) != 2 || r.Kinds[1].API != "others" || len(r.Kinds[1].Owners) != 0 {
		t.Errorf("%+v", r)
	}
}

// What is observed by nobody any more is forgotten; what is, outlives a reload.
func TestAReloadKeepsWhatIsStillLearned(t *testing.T) {
	o := open(t)
	all, things := people(6)
	o.used(all, things, false)
	before := o.get
	o.open("orders")
	if o.get != before {
		t.Error("a reload has forgotten")
	}
	o.used(all, things, false)
	if f := o.finds(); f.Owners[0].Held != 60 {
		t.Errorf("%+v", f)
	}
	l := o.ledger
	runtime.KeepAlive(o)
	o, before = nil, nil
	for range 3 {
		runtime.GC()
	}
	if r := l.Report(); len(r.Kinds) != 0 {
		t.Errorf("still there: %+v", r)
	}
}

func TestNoIDIsInTheReport(t *testing.T) {
	o := open(t)
	all, things := people(6)
	o.used(all, things, false)
	text, err := json.Marshal(o.ledger.Report())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{`"p0"`, "o0-0", `"t0"`} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%s is in %s", secret, text)
		}
	}
	a := o.get.Pseudonym(o.get.Object("o0-0"))
	if strings.Trim(a, "abcdefghijklmnop") != "" {
		t.Errorf("%q could be taken for something else", a)
	}
	if b := o.del.Pseudonym(o.del.ObjectIn([]byte("o0-0"))); a != b || len(a) != 16 || a == open(t).get.Pseudonym(o.get.Object("o0-0")) {
		t.Errorf("%q, %q", a, b)
	}
}

// TestNoSuggestionContradictsTheTraffic lets random people do random things, some of
// which are not theirs to do, and asks an oracle that remembers everything what every
// suggestion would have refused.
func TestNoSuggestionContradictsTheTraffic(t *testing.T) {
	suggested, doubted := 0, 0
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 7))
		o := open(t)
		all, things := people(4 + r.IntN(10))
		for i := range all {
			if r.IntN(6) == 0 {
				all[i].roles = []string{"user", "staff"}
			}
		}
		theft, echo := r.IntN(3) == 0, r.IntN(4) == 0
		type did struct {
			who  person
			th   thing
			page *Page
		}
		var done []did
		note := func(who person, th thing, p *Page) {
			o.shows(p, who, th, echo)
			done = append(done, did{who, th, p})
		}
		for range 100 + r.IntN(600) {
			th := things[r.IntN(len(things))]
			who := all[0]
			for _, p := range all {
				if p.id == th.customer {
					who = p
				}
			}
			if p := all[r.IntN(len(all))]; theft && r.IntN(20) == 0 || len(p.roles) > 1 && p.tenant == th.tenant {
				who = p
			}
			note(who, th, []*Page{o.get, o.get, o.change, o.list}[r.IntN(4)])
		}
		f := o.finds()
		for _, fit := range f.Owners {
			if suggested++; fit.Place == "response.viewer" {
				continue // it fits: it names whoever asks. Nothing was seen of one object by two
			}
			for _, d := range done {
				excused := false
				for _, x := range fit.Exceptions {
					for _, role := range d.who.roles {
						excused = excused || role == x.Role
					}
				}
				left := d.page == o.list && len(fit.Lists) > 0
				if d.th.customer != d.who.id && !excused && !left {
					t.Fatalf("seed %d: %+v would have refused %s by %+v", seed, fit, d.page.op.ID, d)
				}
			}
		}
		for _, fit := range f.Tenants {
			for _, d := range done {
				if d.th.tenant != d.who.tenant && !(d.page == o.list && len(fit.Lists) > 0) {
					t.Fatalf("seed %d: %+v would have refused %s by %+v", seed, fit, d.page.op.ID, d)
				}
			}
		}
		doubted += len(f.Doubtful)
	}
	if suggested < 100 || doubted < 100 {
		t.Errorf("%d suggestions and %d doubts: the test sees too little", suggested, doubted)
	}
}

func TestNotingAllocatesNothing(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	o := open(t)
	all, things := people(10)
	o.used(all, things, false)
	who, th := all[3], things[16]
	c := o.get.Caller(who.id, who.tenant, who.roles, false, false)
	if n := testing.AllocsPerRun(500, func() {
		c = o.get.Caller(who.id, who.tenant, who.roles, false, false)
		o.get.Note(&Sighting{Caller: c, Object: o.get.Object(th.id), Asked: true, Looked: 0b11, Own: 1, Tenant: 0b10, At: o.now})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkNote(b *testing.B) {
	o := open(b)
	all, things := people(100)
	o.used(all, things, false)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		th := things[i%len(things)]
		who := all[i%len(things)/5]
		c := o.get.Caller(who.id, who.tenant, who.roles, false, false)
		o.get.Note(&Sighting{Caller: c, Object: o.get.Object(th.id), Asked: true, Looked: 0b11, Own: 1, Tenant: 0b10, At: o.now})
	}
}

// Requests, reloads and reports go on at once.
func TestManyNoteAtOnce(t *testing.T) {
	o := open(t)
	all, things := people(10)
	var work sync.WaitGroup
	for _, p := range all {
		work.Go(func() {
			for range 20 {
				for _, th := range things {
					c := o.get.Caller(p.id, p.tenant, p.roles, false, false)
					s := Sighting{Caller: c, Object: o.get.Object(th.id), Asked: true, Looked: 0b11, At: o.now}
					if th.customer == p.id {
						s.Own = 1
						o.get.Note(&s)
					}
				}
			}
		})
	}
	work.Go(func() {
		for range 50 {
			again := &orders{t: t, ledger: o.ledger, suspicions: map[string][]Suspicion{}}
			again.open("orders")
			o.ledger.Report()
		}
	})
	work.Wait()
	if f := o.finds(); placesOf(f.Owners) != "response.customer_id" || f.Owners[0].Held != 1000 {
		t.Errorf("%+v", f)
	}
}

// A path is written by whoever asks: who writes its own name into it, before the id of
// another's order, is not the owner, drives none out, and is suspected.
func TestWhoWritesItsNameIntoThePathOwnsNothing(t *testing.T) {
	o := open(t)
	k := Kind{API: "orders", ID: "path.orderId", Base: "/users/{userId}/orders/{orderId}"}
	get := o.ledger.Open(k, Operation{ID: "getOrder", Action: "read", Reader: true, Places: []string{"response.customer_id", "path.userId"}})
	del := o.ledger.Open(k, Operation{ID: "deleteOrder", Action: "update", Places: []string{"path.userId"}})
	all, things := people(10)
	note := func(p *Page, who person, th thing, own, looked uint64) Suspicion {
		return p.Note(&Sighting{Caller: p.Caller(who.id, who.tenant, nil, false, false), Object: p.Object(th.id), Asked: true, Looked: looked, Own: own, At: o.now})
	}
	thief := person{id: "thief", tenant: "t0"}
	for _, th := range things { // first
		note(del, thief, th, 1, 1)
	}
	for i, th := range things {
		note(get, all[i/5], th, 0b11, 0b11)
		note(del, all[(i/5+1)%10], th, 1, 1) // and others after the owner
	}
	for _, th := range things {
		if note(del, thief, th, 1, 1) == None || note(get, thief, th, 0b10, 0b11) == None {
			t.Fatalf("%s: a name in the path hides a theft", th.id)
		}
	}
	for i, th := range things {
		if said := note(del, all[i/5], th, 1, 1); said != None {
			t.Fatalf("%s: the owner is suspected: %d", th.id, said)
		}
	}
	for _, f := range o.ledger.Report().Kinds {
		if strings.Contains(placesOf(f.Owners), "path.") {
			t.Errorf("%+v", f.Owners)
		}
	}
}
