package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
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
	"github.com/gatehouse-api/gatehouse/internal/race"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/store"
)

// There are several ways to know whose an object is, and several places in which one
// is found. Whichever are combined, and however it is asked, who may touch what
// follows from the configuration alone.

const modal = `openapi: 3.2.0
info: {title: Orders, version: "1"}
components:
  schemas:
    Order: {type: object, required: [id, customer_id, tenant_id, note], properties: {id: {type: string}, customer_id: {type: string}, tenant_id: {type: string}, note: {type: string}}}
paths:
  /v1/orders:
    get: {operationId: listOrders, responses: {"200": {description: ok, content: {application/json: {schema: {type: object, properties: {items: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}}}}}
  /v1/feed:
    get: {operationId: feedOrders, responses: {"200": {description: ok, content: {application/jsonl: {itemSchema: {$ref: "#/components/schemas/Order"}}}}}}
  /v1/orders/{orderId}:
    parameters: [{name: orderId, in: path, required: true, schema: {type: string}}]
    get: {operationId: getOrder, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
    patch: {operationId: updateOrder, requestBody: {content: {application/json: {schema: {type: object, properties: {note: {type: string}}}}}}, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
    delete: {operationId: deleteOrder, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
  /v1/moves:
    post: {operationId: moveOrders, requestBody: {required: true, content: {application/json: {schema: {type: object, properties: {ids: {type: array, items: {type: string}}}}}}}, responses: {"200": {description: ok}}}
  /v1/customers/{customerId}:
    parameters: [{name: customerId, in: path, required: true, schema: {type: string}}]
    get: {operationId: getCustomer, responses: {"200": {description: ok, content: {application/json: {schema: {type: object, properties: {orders: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}}}}}
`

// modalActions are what the operations do to orders.
var modalActions = map[string]string{"getOrder": "read", "updateOrder": "update", "deleteOrder": "delete", "moveOrders": "update", "listOrders": "list", "feedOrders": "list", "getCustomer": "read"}

// modalModel is a combination of ways.
type modalModel struct {
	owner, tenant, before string
	drop, hide, sealed    bool
	allow                 map[string][]string
	roles                 map[string][]string
}

func modalModelOf(r *rand.Rand) modalModel {
	m := modalModel{
		owner: pick(r, "response.customer_id", "owners", "relations"), tenant: pick(r, "", "response.tenant_id", "owners"),
		before: pick(r, "", "", "lookup", "owners", "relations"), drop: r.IntN(3) > 0, hide: r.IntN(2) == 0, sealed: r.IntN(3) == 0,
		allow: map[string][]string{"owner": {"read"}}, roles: map[string][]string{"admin": {"getCustomer"}},
	}
	who := []string{"owner", "owner", "role:support"}
	if m.owner == "relations" || r.IntN(2) == 0 {
		who = append(who, "relation:editor")
	}
	for _, who := range who {
		if did := some(r, "read", "read", "update", "delete", "list"); len(did) > 0 {
			m.allow[who] = slices.Compact(did)
		}
	}
	for _, role := range some(r, "support", "admin") {
		m.roles[role] = append(m.roles[role], pick(r, "listOrders", "feedOrders"))
		m.roles[role] = append(m.roles[role], some(r, "getOrder", "updateOrder", "deleteOrder", "moveOrders")...)
	}
	return m
}

// yaml is its configuration, in JSON, which is YAML.
func (m modalModel) yaml(dir, until string) string {
	waiver := map[string]string{"because": "a test of every way", "owner": "test@example.com", "until": until}
	order := map[string]any{"id": "path.orderId", "owner": m.owner, "allow": m.allow,
		"operations": map[string][]string{"list": {"listOrders", "feedOrders"}, "update": {"moveOrders"}}, "ids": map[string][]string{"moveOrders": {"body.ids[*]"}}}
	for key, text := range map[string]string{"tenant": m.tenant, "before": m.before} {
		if text != "" {
			order[key] = text
		}
	}
	if m.drop {
		order["list"] = map[string]any{"on_foreign": "drop"}
	}
	if m.hide {
		order["on_deny"] = 404
	}
	api := map[string]any{"openapi": "orders.yaml", "upstream": "http://127.0.0.1:1", "any_host": waiver, "roles": m.roles, "objects": map[string]any{
		"order": order, "customer": map[string]any{"id": "path.customerId", "owner": "path.customerId"}}}
	if m.related() {
		api["relations"] = "orders.fga"
	}
	if m.sealed {
		api["policies"] = "sealed.cedar"
	}
	b, _ := json.Marshal(map[string]any{"state": dir, "environment": "development", "apis": map[string]any{"orders": api},
		"controls": map[string]any{"ratelimit": map[string]any{"off": waiver}}})
	return string(b)
}

func (m modalModel) related() bool {
	return m.owner == "relations" || m.allow["relation:editor"] != nil
}

// permits is the oracle: docs/configuration.md and docs/authorization.md, line by line.
func (m modalModel) permits(caller string, roles []string, operation string, o thing) bool {
	does := modalActions[operation]
	switch {
	case caller == "", m.sealed && o.id == "o3", m.tenant != "" && (people[caller] == "" || o.tenant != people[caller]):
		return false
	}
	for who, actions := range m.allow {
		if !slices.Contains(actions, does) && (does != "list" || !slices.Contains(actions, "read")) {
			continue
		}
		role, isRole := strings.CutPrefix(who, "role:")
		if who == "owner" && o.owner == caller || who == "relation:editor" && slices.Contains(o.editors, caller) || isRole && slices.Contains(roles, role) {
			return true
		}
	}
	return slices.ContainsFunc(roles, func(role string) bool {
		// Who may have every order may have those inside other objects, and who may have
		// the other object may have what stands in it.
		return slices.Contains(m.roles[role], operation) || operation == "getCustomer" && slices.Contains(m.roles[role], "getOrder")
	})
}

// modalGate is a gateway in front of some orders.
type modalGate struct {
	things  []thing
	door    http.Handler
	written []string // the orders of the last request that was let through
	said    string   // to the last request
}

// titled authenticates whoever a field names, with the roles of another.
type titled struct{}

func (titled) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if b.Operation == nil {
		return nil, nil
	}
	return []gatehouse.Step{{Stage: gatehouse.Authenticate, Enforce: func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		if id := strings.Clone(x.Request.Fields.Get("x-caller")); id != "" {
			x.Principal = &gatehouse.Principal{Kind: "user", ID: id, Issuer: "https://issuer.test", Tenant: people[id], Roles: strings.Fields(strings.Clone(x.Request.Fields.Get("x-roles")))}
		}
		return gatehouse.Pass, nil
	}}}, nil
}

func (titled) Explain(*gatehouse.Sheet) {}

// known answers for relations by what the orders say.
type known struct{ things []thing }

func (k known) Check(_ context.Context, at relations.Revision, who relations.Subject, relation string, of relations.Object) (relations.Answer, error) {
	i := slices.IndexFunc(k.things, func(o thing) bool { return o.id == of.ID })
	if i < 0 {
		return relations.Answer{}, fmt.Errorf("asked for relations to %q, which is no order", of.ID)
	}
	o := k.things[i]
	return relations.Answer{Held: relation == "owner" && o.owner == who.ID || relation == "editor" && slices.Contains(o.editors, who.ID), At: at}, nil
}

func (known) List(context.Context, relations.Revision, relations.Subject, string, string, int) (relations.Listing, error) {
	return relations.Listing{}, fmt.Errorf("nobody asks for lists here")
}

func (g *modalGate) upstream(w http.ResponseWriter, r *http.Request) {
	order := func(o thing) string {
		return fmt.Sprintf(`{"id":%q,"customer_id":%q,"tenant_id":%q,"note":%q}`, o.id, o.owner, o.tenant, o.secret())
	}
	var all []string
	for _, o := range g.things {
		all = append(all, order(o))
	}
	w.Header().Set("Content-Type", "application/json")
	switch id, one := strings.CutPrefix(r.URL.Path, "/v1/orders/"); {
	case one:
		if r.Method != http.MethodGet {
			g.written = append(g.written, id)
		}
		_, _ = w.Write([]byte(order(g.things[slices.IndexFunc(g.things, func(o thing) bool { return o.id == id })])))
	case r.URL.Path == "/v1/moves":
		var moved struct{ IDs []string }
		if err := json.NewDecoder(r.Body).Decode(&moved); err != nil {
			moved.IDs = []string{"unreadable"}
		}
		g.written = moved.IDs
		_, _ = w.Write([]byte("{}"))
	case r.URL.Path == "/v1/orders":
		_, _ = w.Write([]byte(`{"items":[` + strings.Join(all, ",") + `]}`))
	case r.URL.Path == "/v1/feed":
		w.Header().Set("Content-Type", "application/jsonl")
		_, _ = w.Write([]byte(strings.Join(all, "\n") + "\n"))
	default:
		_, _ = w.Write([]byte(`{"orders":[` + strings.Join(all, ",") + `]}`))
	}
}

// gate puts the model in front of its orders, or returns why it does not load.
func (m modalModel) gate(t *testing.T, r *rand.Rand) (*modalGate, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"orders.yaml": modal, "gatehouse.yaml": m.yaml(dir, time.Now().AddDate(0, 1, 0).Format(time.DateOnly)),
		"orders.fga":   "model\n  schema 1.1\ntype user\ntype customer\ntype order\n  relations\n    define owner: [user]\n    define editor: [user]\n",
		"sealed.cedar": `@id("sealed") forbid(principal, action, resource == Order::"o3");`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kinds := append(slices.DeleteFunc(slices.Clone(all.Kinds), func(k gatehouse.Kind) bool { return k.Name == "jwt" }), gatehouse.Kind{Name: "jwt", New: func() gatehouse.Control { return titled{} }})
	f, err := config.Load(filepath.Join(dir, "gatehouse.yaml"), kinds, config.Options{})
	if err != nil {
		return nil, err
	}
	g := &modalGate{}
	for i := range 5 {
		owner := pick(r, "alice", "alice", "bob", "mallory")
		g.things = append(g.things, thing{id: fmt.Sprint("o", i), owner: owner, tenant: pick(r, people[owner], people[owner], "t1", "t2"), editors: some(r, "alice", "bob", "mallory")})
	}
	kept := casetest.Kept(t)
	owners, err := gatehouse.Require[store.Owners](kept)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range g.things {
		if err := owners.Claim(t.Context(), store.Owner{Kind: "orders/order", ID: o.id, Owner: o.owner, Tenant: o.tenant}); err != nil {
			t.Fatal(err)
		}
	}
	gatehouse.Provide[store.Owners](kept, unforgetting{owners})
	gatehouse.Provide(kept, &relations.Source{Index: relations.NewIndex(), Elsewhere: map[string]relations.Relations{"orders": known{g.things}}})
	p, err := f.Policy(kept, gatehouse.AllCaps)
	if err != nil {
		return nil, err
	}
	g.door = middleware.Wrap(middleware.Config{Gate: engine.NewGate(p)}, http.HandlerFunc(g.upstream))
	return g, nil
}

// unforgetting keeps the entries of orders that this upstream keeps too.
type unforgetting struct{ store.Owners }

func (unforgetting) Forget(context.Context, string, string) error { return nil }

// ask sends a request and returns the orders that were seen or changed by it.
func (g *modalGate) ask(caller string, roles []string, operation string, ids []string) (touched []string) {
	method, path, body := http.MethodGet, "/v1/orders/"+ids[0], ""
	switch operation {
	case "updateOrder":
		method, body = http.MethodPatch, `{"note":"x"}`
	case "deleteOrder":
		method = http.MethodDelete
	case "moveOrders":
		method, path, body = http.MethodPost, "/v1/moves", `{"ids":["`+strings.Join(ids, `","`)+`"]}`
	case "listOrders":
		path = "/v1/orders"
	case "feedOrders":
		path = "/v1/feed"
	case "getCustomer":
		path = "/v1/customers/" + caller
	}
	r := httptest.NewRequest(method, "http://api.example.com"+path, strings.NewReader(body))
	r.Header.Set("X-Caller", caller)
	r.Header.Set("X-Roles", strings.Join(roles, " "))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	g.written = nil
	func() {
		defer func() { _ = recover() }() // a sequence is cut so
		g.door.ServeHTTP(w, r)
	}()
	g.said = fmt.Sprint(w.Code, " ", w.Body)
	for _, o := range g.things {
		if strings.Contains(w.Body.String(), o.secret()) || slices.Contains(g.written, o.id) {
			touched = append(touched, o.id)
		}
	}
	return touched
}

// authz.object authz.object-response authz.rebac: whichever ways of knowing the owner are
// combined, single, in lists, in sequences and inside other objects, nobody touches what
// the configuration does not give, and everybody what it gives.
func TestHoweverOwnersAreKnownAndObjectsFoundTheSameAreTouched(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 2026))
	operations := []string{"getOrder", "updateOrder", "deleteOrder", "moveOrders", "listOrders", "feedOrders", "getCustomer"}
	models := 150
	if race.Enabled {
		models = 15
	}
	loaded, refused, asked, granted, wrong := 0, map[string]int{}, 0, 0, 0
	for try := 0; loaded < models && wrong < 10 && try < 2000; try++ {
		m := modalModelOf(r)
		g, err := m.gate(t, r)
		if err != nil {
			says, _, _ := strings.Cut(err.Error(), "\n")
			if _, why, ok := strings.Cut(says, "apis."); ok {
				says = why
			}
			refused[says]++
			continue
		}
		loaded++
		for range 60 {
			caller, roles, operation := pick(r, "alice", "bob", "mallory"), some(r, "support", "admin"), pick(r, operations...)
			var may, want []string
			for _, o := range g.things {
				if m.permits(caller, roles, operation, o) {
					may = append(may, o.id)
				}
			}
			ids := []string{pick(r, g.things...).id}
			if operation == "moveOrders" {
				ids = nil
				for len(ids) == 0 {
					for _, o := range some(r, g.things...) {
						ids = append(ids, o.id)
					}
				}
				r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
			}
			switch whole := len(may) == len(g.things); {
			case modalActions[operation] == "list" && (m.drop || whole), operation == "getCustomer" && whole:
				want = may
			case operation == "feedOrders": // what came before the first of others has left
				for _, o := range g.things {
					if !slices.Contains(may, o.id) {
						break
					}
					want = append(want, o.id)
				}
			case operation != "listOrders" && operation != "getCustomer" && !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(may, id) }):
				want = slices.Sorted(slices.Values(ids))
			}
			asked++
			if len(want) > 0 {
				granted++
			}
			if got := g.ask(caller, roles, operation, ids); !slices.Equal(got, want) {
				wrong++
				t.Errorf("%s of %q by %s of %q with %q touched %q, want %q: %s\n%+v\n%+v", operation, ids, caller, people[caller], roles, got, want, g.said, m, g.things)
			}
		}
	}
	t.Logf("figure %d configurations of every way, %d requests, of which %d are granted something: %d wrong", loaded, asked, granted, wrong)
	for says, n := range refused {
		t.Logf("%d are refused at load: %s", n, says)
	}
	if asked < 60*models || granted < 10*models {
		t.Errorf("%d requests, of which %d are granted something", asked, granted)
	}
}
