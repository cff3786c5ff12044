package policy_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/relations"
)

const description = `openapi: 3.0.3
info: {title: Orders, version: "1"}
components:
  schemas:
    Order:
      type: object
      required: [id, customer_id, tenant_id, quantity]
      properties:
        id: {type: string}
        customer_id: {type: string}
        tenant_id: {type: string}
        quantity: {type: integer}
        total: {type: number}
        region: {type: string}
        tags: {type: array, items: {type: string}}
        address: {type: object, required: [city], properties: {city: {type: string}, zip: {type: string, nullable: true}}}
paths:
  /v1/orders:
    get: {operationId: listOrders, tags: [orders], responses: {"200": {description: ok, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}}}
    post: {operationId: createOrder, tags: [orders], responses: {"201": {description: made}}}
  /v1/orders/{orderId}:
    get: {operationId: getOrder, tags: [orders], responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
    patch: {operationId: updateOrder, tags: [orders], responses: {"200": {description: ok}}}
    delete: {operationId: deleteOrder, responses: {"204": {description: gone}}}
  /v1/orders/{orderId}/pdf:
    get: {operationId: getOrderPdf, responses: {"200": {description: ok}}}
  /v1/users/{userId}:
    get: {operationId: getUser, responses: {"200": {description: ok}}}
  /v1/status:
    get: {operationId: getStatus, tags: [status], responses: {"200": {description: ok}}}
`

func operations(t testing.TB) (all []policy.Operation) {
	t.Helper()
	d, err := openapi.Parse("orders.yaml", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range d.Operations {
		all = append(all, op)
	}
	return all
}

func model(t testing.TB, policies ...cedar.Source) policy.Model {
	t.Helper()
	related, err := relations.ParseModel("relations.fga", "model\n  schema 1.1\ntype user\ntype order\n  relations\n    define editor: [user]\n    define viewer: [user] or editor\n")
	if err != nil {
		t.Fatal(err)
	}
	return policy.Model{
		API: "orders", Operations: operations(t), Sources: policies, Principal: policy.Claims{"region": "String", "level": "optional Long"},
		Roles: map[string][]string{"support": {"getOrder", "listOrders"}, "user": {"tag:status"}},
		Objects: map[string]*policy.Object{
			"order": {ID: "path.orderId", Owner: "response.customer_id", Tenant: "response.tenant_id", Scopes: map[string]string{"update": "orders:write"},
				Allow: map[string][]string{"owner": {"read", "update", "delete"}, "role:auditor": {"read"}, "relation:editor": {"update"}}},
			"user": {ID: "path.userId", Owner: "path.userId"},
		},
		Relations: related,
	}
}

func compile(t testing.TB, m policy.Model) *policy.Policy {
	t.Helper()
	p, err := policy.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAConfigurationIsCedar(t *testing.T) {
	p := compile(t, model(t))
	if d := cmp.Diff(strings.TrimSpace(`
// objects.order
@id("orders.order.allow.owner") @reason("the order is the caller's own")
permit(principal is User, action in [Action::"order.read", Action::"order.update", Action::"order.delete"], resource is Order)
  when { resource.owner == principal };
@id("orders.order.allow.relation.editor") @reason("the caller is editor of the order")
permit(principal is User, action in Action::"order.update", resource is Order)
  when { context.rel.editor == true };
@id("orders.order.allow.role.auditor") @reason("the caller has the role auditor")
permit(principal, action in Action::"order.read", resource is Order)
  when { principal.roles.contains("auditor") };
@id("orders.order.roles.support.read") @reason("the role support reaches every order of the tenant by getOrder")
permit(principal, action == Action::"order.read", resource is Order)
  when { principal.roles.contains("support") && ["getOrder"].contains(context.operation) };
@id("orders.order.roles.support.list") @reason("the role support reaches every order of the tenant by listOrders")
permit(principal, action == Action::"order.list", resource is Order)
  when { principal.roles.contains("support") };
@id("orders.order.tenant") @reason("the order is another tenant's")
forbid(principal, action, resource is Order)
  unless { principal.tenant != "" && resource.tenant == principal.tenant };
@id("orders.order.scopes.update") @reason("the token lacks the scope orders:write")
forbid(principal, action in Action::"order.update", resource is Order)
  unless { principal.scopes.contains("orders:write") };

// objects.user
@id("orders.user.allow.owner") @reason("the user is the caller's own")
permit(principal is User, action in [Action::"user.read", Action::"user.update"], resource is UserObject)
  when { resource.owner == principal };

// roles, where there is no object
@id("orders.roles.user") @reason("the caller has the role user")
permit(principal, action in Action::"getStatus", resource is Api)
  when { principal.roles.contains("user") };`), strings.TrimSpace(p.Generated.Text)); d != "" {
		t.Error(d)
	}
	if got := p.Origin("orders.order.allow.role.auditor"); got != "objects.order.allow.role:auditor" {
		t.Errorf("the origin is %q", got)
	}
}

func TestTheSchemaIsWhatTheDescriptionSays(t *testing.T) {
	p := compile(t, model(t))
	for _, want := range []string{"  level?: Long, // token.level\n  region: String, // token.region\n", "  owner: User, // response.customer_id\n", "  quantity: Long,", "  region?: String,", "  tags?: Set<String>,",
		"  address?: {\n    city: String,", "    zip?: String,", `// Cedar has no type for the member "total".`, "entity UserObject = {\n  owner: User, // path.userId\n};",
		`action "order.list" in ["order.read"] appliesTo`, "rel: { editor: Bool, viewer: Bool }", `action "getStatus" appliesTo`} {
		if !strings.Contains(p.Schema.Text, want) {
			t.Errorf("no %s in\n%s", want, p.Schema.Text)
		}
	}
}

func doc(t testing.TB, text string) *jsonwalk.Doc {
	t.Helper()
	d := new(jsonwalk.Doc)
	if err := d.Parse([]byte(text), jsonwalk.Limits{}); err != nil {
		t.Fatal(err)
	}
	return d
}

const aliceOrder = `{"id":"o1","customer_id":"alice","tenant_id":"acme","quantity":1,"region":"EU","address":{"city":"Bonn"}}`

func TestHandWrittenPoliciesStandBesideTheConfiguration(t *testing.T) {
	p := compile(t, model(t, cedar.Source{Name: "eu.cedar", Text: `@id("eu-hours") @reason("EU data in business hours")
permit(principal is User, action == Action::"order.read", resource is Order)
when { principal.region == "EU" && resource has region && resource.region == "EU" && context.local.hour >= 9 && context.local.hour < 17 };
`}))
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	p.Zone = zone
	read := p.Template("order", policy.Read)
	if !read.Spoken || len(read.Attributes) != 3 || !read.NeedsObject() || p.Operation("getOrder") != read || p.Template("order", policy.Delete).Spoken {
		t.Fatalf("what has to be known: %+v", read)
	}
	for name, c := range map[string]struct {
		caller policy.Caller
		at     string
		by     string // the policies that decide
		errs   bool
	}{
		"the owner":                {policy.Caller{ID: "alice", Tenant: "acme", Claim: claims(`"US"`)}, "2026-11-20T03:00:00Z", "orders.order.allow.owner", false},
		"Europe at ten":            {policy.Caller{ID: "bob", Tenant: "acme", Claim: claims(`"EU"`)}, "2026-11-20T09:00:00Z", "eu-hours", false},
		"Europe before nine":       {policy.Caller{ID: "bob", Tenant: "acme", Claim: claims(`"EU"`)}, "2026-11-20T07:59:00Z", "", false},
		"another tenant's Europe":  {policy.Caller{ID: "bob", Tenant: "evil", Claim: claims(`"EU"`)}, "2026-11-20T09:00:00Z", "orders.order.tenant", false},
		"no tenant":                {policy.Caller{ID: "alice", Claim: claims(`"EU"`)}, "2026-11-20T09:00:00Z", "orders.order.tenant", false},
		"a token without a region": {policy.Caller{ID: "alice", Tenant: "acme"}, "2026-11-20T09:00:00Z", "eu-hours", true},
		"a client of that name":    {policy.Caller{ID: "alice", Tenant: "acme", Service: true, Claim: claims(`"EU"`)}, "2026-11-20T09:00:00Z", "", false},
	} {
		s, err := p.Subject(c.caller)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		d := read.Decide(&policy.Facts{Subject: s, ID: "o1", Doc: doc(t, aliceOrder), At: at, Address: netip.MustParseAddr("192.0.2.1"), Operation: "getOrder"})
		var by []string
		for _, r := range d.Deciding() {
			by = append(by, r.ID)
		}
		if got := strings.Join(by, " "); got != c.by || (d.Err() != nil) != c.errs || d.Allowed != (c.by != "" && !c.errs && c.by != "orders.order.tenant") {
			t.Errorf("%s: %v by %s (%v), want %s", name, d.Allowed, got, d.Err(), c.by)
		}
	}
}

func claims(region string) func(string) (string, bool) {
	return func(name string) (string, bool) { return region, name == "region" }
}

func TestRelationsAreAskedForWhereAPolicyReadsThemOnly(t *testing.T) {
	p := compile(t, model(t))
	s, err := p.Subject(policy.Caller{ID: "bob", Tenant: "acme", Scopes: []string{"orders:write"}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(a policy.Action, related func(string) (bool, error)) cedar.Decision {
		return p.Template("order", a).Decide(&policy.Facts{Subject: s, ID: "o1", Doc: doc(t, aliceOrder), Related: related})
	}
	editor := func(r string) (bool, error) { return r == "editor", nil }
	if d := ask(policy.Update, editor); !d.Allowed {
		t.Errorf("an editor may not update: %v", d.Err())
	}
	if ask(policy.Read, func(string) (bool, error) { t.Error("reading asks for relations"); return true, nil }).Allowed {
		t.Error("an editor may read")
	}
	if d := ask(policy.Update, func(string) (bool, error) { return true, errors.New("the store is away") }); d.Allowed || d.Err() == nil || !strings.Contains(d.Err().Error(), "the store is away") {
		t.Errorf("a relation that nobody could look up allows, or hides why: %v", d.Err())
	}
	if d := ask(policy.Update, nil); d.Allowed || d.Err() == nil {
		t.Error("a relation that nobody knows allows")
	}
}

// authz.rebac: who may touch an object can hang on which one it is; without its id,
// nothing is decided.
func TestAPolicyThatAsksWhichObjectItIsIsNotAskedOfOneWithoutId(t *testing.T) {
	for text, byID := range map[string]bool{
		`forbid(principal, action, resource == Order::"o2");`:                                               true,
		`forbid(principal, action, resource is Order) when { resource == Order::"o2" };`:                    true,
		`forbid(principal, action, resource is Order) when { [Order::"o2"].contains(resource) };`:           true,
		`forbid(principal, action, resource is Order) when { resource in Order::"o2" };`:                    true,
		`forbid(principal, action, resource is Order) when { context.rel.viewer };`:                         true,
		`forbid(principal, action, resource is Order) when { resource is Order && resource.quantity > 9 };`: false,
		`forbid(principal is User, action, resource) when { resource is Order && principal.region == "" };`: false,
	} {
		p := compile(t, model(t, cedar.Source{Name: "x.cedar", Text: text}))
		read := p.Template("order", policy.List)
		if read.ByID != byID || read.ReplyID == nil || read.ReplyID.String() != "id" {
			t.Errorf("%s: asks which one: %v, its id is at %v", text, read.ByID, read.ReplyID)
		}
		s, err := p.Subject(policy.Caller{ID: "alice", Tenant: "acme", Claim: claims(`"EU"`)})
		if err != nil {
			t.Fatal(err)
		}
		facts := policy.Facts{Subject: s, Doc: doc(t, aliceOrder), Related: func(string) (bool, error) { return false, nil }}
		if d := read.Decide(&facts); d.Allowed == byID {
			t.Errorf("%s: without id: %v, %v", text, d.Allowed, d.Err())
		}
		facts.ID = "o1"
		if d := read.Decide(&facts); !d.Allowed {
			t.Errorf("%s: with id: %v", text, d.Err())
		}
	}
}

// Where a reply has the id follows from the description, or is said.
func TestWhereAReplyHasTheIdIsSaidOrFollows(t *testing.T) {
	for want, change := range map[string]func(*policy.Object){
		"id":     func(*policy.Object) {},
		"number": func(o *policy.Object) { o.ReplyID = "response.number" },
		"key.id": func(o *policy.Object) {
			o.Create = &policy.Creation{Operation: "createOrder", Learn: "response.key.id"}
		},
	} {
		m := model(t)
		change(m.Objects["order"])
		if got := compile(t, m).Template("order", policy.Read).ReplyID; got == nil || got.String() != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	m := model(t)
	m.Objects["order"].Create = &policy.Creation{Operation: "createOrder", Learn: "response.items[*].id"} // of a batch
	if got := compile(t, m).Template("order", policy.Read).ReplyID; got == nil || got.String() != "id" {
		t.Errorf("of a batch: %v", got)
	}
}

func TestACreationIsTheCallersUnlessItSaysOtherwise(t *testing.T) {
	p := compile(t, model(t))
	s, err := p.Subject(policy.Caller{ID: "alice", Tenant: "acme", Scopes: []string{"orders:write"}})
	if err != nil {
		t.Fatal(err)
	}
	never := func(string) (bool, error) { t.Error("asked for relations to what is not there yet"); return true, nil }
	for body, want := range map[string]bool{`{}`: true, `{"customer_id":"alice"}`: true, `{"customer_id":"bob"}`: false, `{"tenant_id":"evil"}`: false, `{"customer_id":null}`: false, `{"customer_id":7}`: false} {
		if d := p.Template("order", policy.Create).Decide(&policy.Facts{Subject: s, Doc: doc(t, body), Related: never}); d.Allowed != want {
			t.Errorf("%s: %v, %v", body, d.Allowed, d.Err())
		}
	}
}

func TestWhatCannotBeDecidedDoesNotCompile(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*policy.Model)
		want   string
	}{
		"a relation nobody defines": {func(m *policy.Model) { m.Relations = nil }, "objects.order.allow.relation:editor: the relations' model defines no editor of order"},
		"a type nobody knows":       {func(m *policy.Model) { m.Principal["age"] = "int" }, `principal.age: there is no type "int" for a claim`},
		"a claim everybody has":     {func(m *policy.Model) { m.Principal["roles"] = "Long" }, "principal.roles: every principal has this attribute already"},
		"two names of one type":     {func(m *policy.Model) { m.Objects["Order"] = m.Objects["user"] }, "are both called Order in policies"},
		"the owner's region": {func(m *policy.Model) {
			m.Sources = []cedar.Source{{Name: "p.cedar", Text: `permit(principal, action == Action::"order.read", resource is Order) when { resource.owner.region == "EU" };`}}
		}, "reads resource.owner.region, and of an owner only the name is known"},
		"a policy that does not fit": {func(m *policy.Model) {
			m.Sources = []cedar.Source{{Name: "p.cedar", Text: "permit(principal, action == Action::\"order.read\", resource is Order)\n  when { resource.regoin == \"EU\" };"}}
		}, "has no attribute regoin"},
	} {
		m := model(t)
		c.change(&m)
		if _, err := policy.Compile(m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
