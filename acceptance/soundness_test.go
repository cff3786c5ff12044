package acceptance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
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
	"github.com/gatehouse-api/gatehouse/host/middleware"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/store"
)

// thing is an order as it is, whatever the upstream or a store says of it.
type thing struct {
	id, owner, tenant string
	editors           []string
}

// secret stands in its JSON, and in no other's.
func (o thing) secret() string { return "secret of " + o.id + "." }

// soundness is one gateway whose upstream and stores fail by lot.
type soundness struct {
	r       *rand.Rand
	things  []thing
	door    http.Handler
	faulty  bool   // this time
	spoil   string // what becomes of the upstream's replies this time; "" is nothing
	caller  string // this time
	written bool   // a write has reached the upstream
}

// people are who asks, by their names, each with the own tenant.
var people = map[string]string{"alice": "t1", "bob": "t1", "mallory": "t2", "": ""}

// named authenticates whoever a field names.
type named struct{}

func (named) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if b.Operation == nil {
		return nil, nil
	}
	return []gatehouse.Step{{Stage: gatehouse.Authenticate, Enforce: func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		if id := strings.Clone(x.Request.Fields.Get("x-caller")); id != "" {
			x.Principal = &gatehouse.Principal{Kind: "user", ID: id, Issuer: "https://issuer.test", Tenant: people[id], Roles: []string{"customer"}}
		}
		return gatehouse.Pass, nil
	}}}, nil
}

func (named) Explain(*gatehouse.Sheet) {}

// fails is by lot, where this request is one with faults: by error or by panic.
func (s *soundness) fails() error {
	switch {
	case !s.faulty || s.r.IntN(3) > 0:
		return nil
	case s.r.IntN(4) == 0:
		panic(errAway)
	}
	return errAway
}

// forgetful is a map of owners that fails.
type forgetful struct {
	store.Owners
	s *soundness
}

func (f forgetful) Owner(ctx context.Context, kind, id string) (store.Owner, error) {
	if err := f.s.fails(); err != nil {
		return store.Owner{Kind: kind, ID: id, Owner: f.s.caller}, err // what comes with an error is worth nothing
	}
	return f.Owners.Owner(ctx, kind, id)
}

// Forget keeps the entry: the orders of this upstream outlive their deletion.
func (forgetful) Forget(context.Context, string, string) error { return nil }

// estranged is a decision point for relations that fails.
type estranged struct{ s *soundness }

func (e estranged) Check(_ context.Context, at relations.Revision, who relations.Subject, relation string, of relations.Object) (relations.Answer, error) {
	if err := e.s.fails(); err != nil {
		return relations.Answer{Held: true, At: at}, err
	}
	o := e.s.find(of.ID)
	return relations.Answer{Held: relation == "owner" && o.owner == who.ID || relation == "editor" && slices.Contains(o.editors, who.ID), At: at}, nil
}

func (e estranged) List(context.Context, relations.Revision, relations.Subject, string, string, int) (relations.Listing, error) {
	return relations.Listing{}, errors.New("nobody asks for lists here")
}

func (s *soundness) find(id string) thing {
	if i := slices.IndexFunc(s.things, func(o thing) bool { return o.id == id }); i >= 0 {
		return s.things[i]
	}
	return thing{}
}

// spoils are what becomes of replies. None of them makes somebody's what is another's:
// each is unreadable, or says two things, or none.
var spoils = map[string]func(r *rand.Rand, body, caller string) string{
	"cut": func(r *rand.Rand, body, _ string) string { return body[:r.IntN(len(body))] },
	"lacks the owner": func(_ *rand.Rand, body, _ string) string {
		return strings.ReplaceAll(body, `"customer_id"`, `"customer"`)
	},
	"lacks the tenant":    func(_ *rand.Rand, body, _ string) string { return strings.ReplaceAll(body, `"tenant_id"`, `"tenant"`) },
	"a list of owners":    func(_ *rand.Rand, body, caller string) string { return set(body, `["`+caller+`"]`) },
	"an owner inside":     func(_ *rand.Rand, body, caller string) string { return set(body, `{"customer_id":"`+caller+`"}`) },
	"no owner":            func(_ *rand.Rand, body, _ string) string { return set(body, `null`) },
	"an owner of truth":   func(_ *rand.Rand, body, _ string) string { return set(body, `true`) },
	"an owner of nothing": func(_ *rand.Rand, body, _ string) string { return set(body, `""`) },
	"the caller first":    func(_ *rand.Rand, body, caller string) string { return `{"customer_id":"` + caller + `",` + body[1:] },
	"the caller last": func(_ *rand.Rand, body, caller string) string {
		return strings.TrimSuffix(body, "}") + `,"customer_id":"` + caller + `","tenant_id":"` + people[caller] + `"}`
	},
	"the caller escaped": func(_ *rand.Rand, body, caller string) string {
		return strings.TrimSuffix(body, "}") + `,"customer\u005fid":"` + caller + `"}`
	},
	"another case": func(_ *rand.Rand, body, caller string) string {
		return strings.TrimSuffix(set(body, "null"), "}") + `,"Customer_ID":"` + caller + `"}`
	},
	"two documents":    func(_ *rand.Rand, body, caller string) string { return body + `{"customer_id":"` + caller + `"}` },
	"before it a mark": func(_ *rand.Rand, body, _ string) string { return "\ufeff" + body },
	"in a list":        func(_ *rand.Rand, body, _ string) string { return "[" + body + "]" },
	"text":             func(_ *rand.Rand, body, _ string) string { return body },
	"packed":           func(_ *rand.Rand, body, _ string) string { return body },
	"broken off":       func(_ *rand.Rand, body, _ string) string { return body },
	"an error":         func(_ *rand.Rand, body, _ string) string { return body },
	"a part":           func(_ *rand.Rand, body, _ string) string { return body },
}

// set writes another value for the owner.
func set(body, value string) string {
	before, rest, _ := strings.Cut(body, `"customer_id":`)
	_, after, _ := strings.Cut(rest, ",")
	return before + `"customer_id":` + value + "," + after
}

// upstream answers with the order that is asked for, spoilt as this time has it.
func (s *soundness) upstream(w http.ResponseWriter, r *http.Request) {
	o := s.find(strings.TrimPrefix(r.URL.Path, "/v1/orders/"))
	if r.Method != http.MethodGet {
		s.written = true
	}
	body, status := fmt.Sprintf(`{"id":%q,"customer_id":%q,"tenant_id":%q,"item":"tea","quantity":1,"note":%q}`, o.id, o.owner, o.tenant, o.secret()), 200
	w.Header().Set("Content-Type", "application/json")
	if spoil := spoils[s.spoil]; spoil != nil {
		body = spoil(s.r, body, s.caller)
	}
	switch s.spoil {
	case "text":
		w.Header().Set("Content-Type", "text/plain")
	case "packed":
		w.Header().Set("Content-Encoding", "gzip")
	case "an error":
		status = 500
	case "a part":
		status = 206
		w.Header().Set("Content-Range", "bytes 0-9/100")
	case "broken off":
		_, _ = w.Write([]byte(body[:len(body)-1]))
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// sound is a gateway with one rule about orders.
func sound(t *testing.T, seed uint64, rule string) *soundness {
	t.Helper()
	s := &soundness{r: rand.New(rand.NewPCG(2026, seed))}
	for i := range 40 {
		owner := pick(s.r, "alice", "bob", "mallory")
		s.things = append(s.things, thing{id: fmt.Sprint("o", i), owner: owner, tenant: people[owner], editors: some(s.r, "alice", "bob", "mallory")})
	}
	dir, until := t.TempDir(), time.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	waiver := `{because: "a test of soundness", owner: test@example.com, until: ` + until + "}"
	for name, text := range map[string]string{
		"orders.openapi.yaml": casetest.Orders,
		"orders.fga":          "model\n  schema 1.1\ntype user\ntype order\n  relations\n    define owner: [user]\n    define editor: [user]\n",
		"gatehouse.yaml": "state: " + dir + "\nenvironment: development\napis:\n  orders:\n    openapi: orders.openapi.yaml\n    upstream: http://127.0.0.1:1\n    any_host: " + waiver + `
    objects: {order: {id: path.orderId, ` + rule + `}}
    roles: {admin: [listUsers, listOrders]}
    controls: {ratelimit: {off: ` + waiver + `}}
`,
	} {
		if strings.Contains(rule, "relations") && name == "gatehouse.yaml" {
			text += "    relations: orders.fga\n"
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kinds := append(slices.DeleteFunc(slices.Clone(all.Kinds), func(k gatehouse.Kind) bool { return k.Name == "jwt" }), gatehouse.Kind{Name: "jwt", New: func() gatehouse.Control { return named{} }})
	f, err := config.Load(filepath.Join(dir, "gatehouse.yaml"), kinds, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	kept := casetest.Kept(t)
	owners, err := gatehouse.Require[store.Owners](kept)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range s.things {
		if err := owners.Claim(t.Context(), store.Owner{Kind: "orders/order", ID: o.id, Owner: o.owner}); err != nil {
			t.Fatal(err)
		}
	}
	gatehouse.Provide[store.Owners](kept, forgetful{owners, s})
	gatehouse.Provide(kept, &relations.Source{Index: relations.NewIndex(), Elsewhere: map[string]relations.Relations{"orders": estranged{s}}})
	p, err := f.Policy(kept, gatehouse.AllCaps)
	if err != nil {
		t.Fatal(err)
	}
	s.door = middleware.Wrap(middleware.Config{Gate: engine.NewGate(p)}, http.HandlerFunc(s.upstream))
	return s
}

// ask sends one request, and reports whether the caller got, or changed, the order.
func (s *soundness) ask(method string, o thing) (got bool) {
	s.written = false
	body := ""
	if method == http.MethodPatch {
		body = `{"note":"x"}`
	}
	r := httptest.NewRequest(method, "http://api.example.com/v1/orders/"+o.id, strings.NewReader(body))
	r.Header.Set("X-Caller", s.caller)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	func() {
		defer func() { _ = recover() }() // as the server does
		s.door.ServeHTTP(w, r)
	}()
	return s.written || strings.Contains(w.Body.String(), o.secret())
}

// TestNothingIsAllowedThatAnOracleDenies sends random requests through the middleware
// door, half of them with faults: replies that are cut, lack the owner, name two or one
// of a wrong type; maps of owners and relations that fail. Whatever fails, nobody gets
// what the truth denies; where nothing fails, everybody gets what it grants.
func TestNothingIsAllowedThatAnOracleDenies(t *testing.T) {
	const each = 5000
	kinds, total := slices.Sorted(maps.Keys(spoils)), 0
	for i, model := range []struct {
		rule  string
		grant func(o thing, caller, method string) bool
	}{
		{"owner: response.customer_id, tenant: response.tenant_id, allow: {owner: [read, update, delete]}", func(o thing, caller, _ string) bool { return o.owner == caller && o.tenant == people[caller] }},
		{"owner: owners, create: {operation: createOrder, learn: response.id}, allow: {owner: [read, update, delete]}", func(o thing, caller, _ string) bool { return o.owner == caller }},
		{`owner: relations, before: relations, allow: {owner: [read, update, delete], "relation:editor": [read, update]}`, func(o thing, caller, method string) bool {
			return o.owner == caller || method != http.MethodDelete && slices.Contains(o.editors, caller)
		}},
	} {
		s := sound(t, uint64(i), model.rule)
		denied, granted, faulty := 0, 0, 0
		for range each {
			s.caller, s.faulty, s.spoil = pick(s.r, "alice", "bob", "mallory", ""), s.r.IntN(2) == 0, ""
			if s.faulty {
				faulty++
				s.spoil = kinds[s.r.IntN(len(kinds))]
			}
			o, method := s.things[s.r.IntN(len(s.things))], pick(s.r, http.MethodGet, http.MethodPatch, http.MethodDelete)
			may := s.caller != "" && model.grant(o, s.caller, method)
			got := s.ask(method, o)
			switch {
			case got && !may:
				t.Errorf("%s: %q may not %s %+v, but did; fault %v %q", model.rule, s.caller, method, o, s.faulty, s.spoil)
			case may && !got && !s.faulty:
				t.Errorf("%s: %q may %s %+v, and could not", model.rule, s.caller, method, o)
			}
			if may {
				granted++
			} else {
				denied++
			}
		}
		if denied < each/3 || granted < each/10 || faulty < each/3 {
			t.Errorf("%s: %d to deny, %d to grant, %d with faults", model.rule, denied, granted, faulty)
		}
		total += each
	}
	t.Logf("figure requests allowed that an oracle denies, with faults in stores, relations and replies 0/0 of %d", total)
}
