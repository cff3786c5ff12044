package object

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const description = `openapi: 3.0.3
info: {title: Orders, version: "1"}
paths:
  /v1/orders:
    get: {operationId: listOrders, tags: [orders], responses: {"200": {description: ok, content: {application/json: {schema: {type: object, properties: {items: {type: array, items: {type: object}}, total: {type: integer}}}}}}}}
    post: {operationId: createOrder, tags: [orders], responses: {"201": {description: made}}}
  /v1/orders/{orderId}:
    get: {operationId: getOrder, tags: [orders], responses: {"200": {description: ok}}}
    head: {operationId: headOrder, responses: {"200": {description: ok}}}
    patch: {operationId: updateOrder, tags: [orders], responses: {"200": {description: ok}}}
    delete: {operationId: deleteOrder, responses: {"204": {description: gone}}}
  /v1/orders/{orderId}/lines/{line}:
    get: {operationId: getLine, responses: {"200": {description: ok}}}
    put: {operationId: putLine, responses: {"200": {description: ok}}}
  /v1/users/{userId}/profile:
    get: {operationId: getProfile, responses: {"200": {description: ok}}}
  /v1/tiles/{tile}:
    get: {operationId: getTile, responses: {"200": {description: ok}}}
  /v1/status:
    get: {operationId: getStatus, responses: {"200": {description: ok}}}
  /v1/admin/orders/{orderId}:
    get: {operationId: adminGetOrder, tags: [orders], responses: {"200": {description: ok}}}
`

func operations(t testing.TB) []gatehouse.Operation {
	d, err := openapi.Parse("orders.yaml", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	var all []gatehouse.Operation
	for _, op := range d.Operations {
		// Its {orderId} is another resource; most tests are about one.
		if op.ID() != "adminGetOrder" {
			all = append(all, op)
		}
	}
	return all
}

func build(t testing.TB, id string) *gatehouse.Build {
	b := &gatehouse.Build{API: "orders", All: operations(t), Now: func() time.Time { return time.Unix(1_800_000_000, 0) }, Kept: gatehouse.NewKept()}
	for _, op := range b.All {
		if op.ID() == id {
			b.Operation = op
		}
	}
	if b.Operation == nil {
		t.Fatalf("no operation %s", id)
	}
	return b
}

func order() *policy.Object {
	return &policy.Object{ID: "path.orderId", Owner: "response.customer_id", Tenant: "response.tenant_id"}
}

func config(o *policy.Object) *Config {
	return &Config{Objects: map[string]*policy.Object{"order": o}, Roles: map[string][]string{"support": {"getOrder", "listOrders", "updateOrder"}, "admin": {"deleteOrder"}, "authenticated": {"getOrder"}}}
}

var (
	alice   = &gatehouse.Principal{ID: "alice", Tenant: "t1"}
	bob     = &gatehouse.Principal{ID: "bob", Tenant: "t1"}
	eve     = &gatehouse.Principal{ID: "alice", Tenant: "t2"}
	support = &gatehouse.Principal{ID: "sam", Tenant: "t1", Roles: []string{"support"}}
	admin   = &gatehouse.Principal{ID: "ann", Tenant: "t1", Roles: []string{"admin"}}
	spy     = &gatehouse.Principal{ID: "eve", Tenant: "t2", Roles: []string{"support", "admin"}}
	none7   = &gatehouse.Principal{ID: "alice"}
	seven   = &gatehouse.Principal{ID: "7", Tenant: "t1"}
)

const aliceOrder = `{"id":"1","customer_id":"alice","tenant_id":"t1"}`

// call is one request and what the upstream would say.
type call struct {
	op     string
	p      *gatehouse.Principal
	path   string // default /v1/orders/1
	body   string
	state  string // what a look-up finds; "404" and "500" are statuses
	reply  string
	status int // of the reply; default 200
	fields gatehouse.Fields
}

// walk runs the steps as the engine would and returns the rule that denied, or
// the body that leaves.
func walk(t testing.TB, c *Config, k call) (rule, body string) {
	t.Helper()
	steps, err := c.Compile(build(t, k.op))
	if err != nil {
		t.Fatalf("%s: %v", k.op, err)
	}
	x := exchange(k)
	granted := false
	for _, s := range steps {
		if s.Stage == gatehouse.Inspect && !granted {
			return "no grant", ""
		}
		if s.Need == gatehouse.Object {
			s.Prepare(x)
			if x.Lookup.Path != "/v1/orders/1" {
				t.Errorf("%s looks at %q", k.op, x.Lookup.Path)
			}
		}
		v, err := s.Enforce(context.Background(), x)
		switch {
		case err != nil:
			return "error", ""
		case v.Denied():
			return v.Rule(), ""
		}
		granted = granted || v.Granted()
	}
	if !granted {
		return "no grant", ""
	}
	return "", string(x.Response.Body)
}

func exchange(k call) *gatehouse.Exchange {
	x := &gatehouse.Exchange{Principal: k.p}
	x.Request.Path = "/v1/orders/1"
	if k.path != "" {
		x.Request.Path = k.path
	}
	x.Request.Params = []gatehouse.Param{{Name: "orderId", Value: "1"}, {Name: "userId", Value: "alice"}}
	x.Request.Body, x.Request.HasBody = []byte(k.body), k.body != ""
	x.Lookup.Status, x.Lookup.Body = 200, []byte(k.state)
	switch k.state {
	case "404":
		x.Lookup.Status = 404
	case "500":
		x.Lookup.Status = 500
	case "":
		x.Lookup.Status = 0
	}
	x.Response.Status, x.Response.Body, x.Response.Fields = 200, []byte(k.reply), k.fields
	if k.status != 0 {
		x.Response.Status = k.status
	}
	return x
}

// authz.object, authz.object-response: whoever asks, whatever the operation, only
// one's own object is touched, and no role crosses a tenant.
func TestOnlyOnesOwnObjectIsTouched(t *testing.T) {
	gzip := gatehouse.Fields{{Name: "content-encoding", Value: "gzip"}}
	for name, c := range map[string]struct {
		call call
		want string
	}{
		"the owner reads":                        {call{op: "getOrder", p: alice, reply: aliceOrder}, ""},
		"a colleague does not":                   {call{op: "getOrder", p: bob, reply: aliceOrder}, "object.foreign"},
		"the same id in another tenant":          {call{op: "getOrder", p: eve, reply: aliceOrder}, "object.foreign"},
		"support reads inside the tenant":        {call{op: "getOrder", p: support, reply: aliceOrder}, ""},
		"support of another tenant":              {call{op: "getOrder", p: spy, reply: aliceOrder}, "object.foreign"},
		"nobody":                                 {call{op: "getOrder", reply: aliceOrder}, "object.not_allowed"},
		"a caller without tenant":                {call{op: "getOrder", p: none7, reply: aliceOrder}, "object.no_tenant"},
		"another case is another id":             {call{op: "getOrder", p: alice, reply: `{"customer_id":"Alice","tenant_id":"t1"}`}, "object.foreign"},
		"a number compares by its digits":        {call{op: "getOrder", p: seven, reply: `{"customer_id":7,"tenant_id":"t1"}`}, ""},
		"7.0 is not 7":                           {call{op: "getOrder", p: seven, reply: `{"customer_id":7.0,"tenant_id":"t1"}`}, "object.foreign"},
		"07 is not 7":                            {call{op: "getOrder", p: seven, reply: `{"customer_id":"07","tenant_id":"t1"}`}, "object.foreign"},
		"an escaped id is the same id":           {call{op: "getOrder", p: alice, reply: `{"customer_id":"\u0061lice","tenant_id":"t1"}`}, ""},
		"nobody's object":                        {call{op: "getOrder", p: alice, reply: `{"customer_id":null,"tenant_id":"t1"}`}, "object.foreign"},
		"an empty owner":                         {call{op: "getOrder", p: alice, reply: `{"customer_id":"","tenant_id":"t1"}`}, "object.foreign"},
		"a list of owners":                       {call{op: "getOrder", p: alice, reply: `{"customer_id":["alice"],"tenant_id":"t1"}`}, "object.unverifiable"},
		"no owner in the reply":                  {call{op: "getOrder", p: alice, reply: `{"id":"1","tenant_id":"t1"}`}, "object.unverifiable"},
		"no tenant in the reply":                 {call{op: "getOrder", p: support, reply: `{"id":"1","customer_id":"alice"}`}, "object.unverifiable"},
		"an array of objects":                    {call{op: "getOrder", p: alice, reply: `[` + aliceOrder + `]`}, "object.unverifiable"},
		"two owners":                             {call{op: "getOrder", p: alice, reply: `{"customer_id":"bob","customer_id":"alice","tenant_id":"t1"}`}, "object.unverifiable"},
		"two documents":                          {call{op: "getOrder", p: alice, reply: aliceOrder + aliceOrder}, "object.unverifiable"},
		"not JSON":                               {call{op: "getOrder", p: alice, reply: `<order owner="alice"/>`}, "object.unverifiable"},
		"an empty reply":                         {call{op: "getOrder", p: alice, status: 204}, "object.unverifiable"},
		"a compressed reply":                     {call{op: "getOrder", p: alice, reply: aliceOrder, fields: gzip}, "object.unverifiable"},
		"not modified":                           {call{op: "getOrder", p: alice, status: 304}, "object.unverifiable"},
		"a part":                                 {call{op: "getOrder", p: alice, status: 206, reply: aliceOrder}, "object.unverifiable"},
		"a redirect to a signed URL":             {call{op: "getOrder", p: bob, status: 302}, "object.unverifiable"},
		"the upstream's error passes":            {call{op: "getOrder", p: bob, status: 404, reply: `{"error":"no"}`}, ""},
		"the owner updates":                      {call{op: "updateOrder", p: alice, state: aliceOrder, body: `{"note":"x"}`}, ""},
		"a colleague does not update":            {call{op: "updateOrder", p: bob, state: aliceOrder, body: `{"note":"x"}`}, "object.foreign"},
		"support updates inside the tenant":      {call{op: "updateOrder", p: support, state: aliceOrder, body: `{"note":"x"}`}, ""},
		"support updates another tenant's":       {call{op: "updateOrder", p: spy, state: aliceOrder, body: `{"note":"x"}`}, "object.foreign"},
		"an update of what is not there":         {call{op: "updateOrder", p: alice, state: "404", body: `{"note":"x"}`}, "object.not_found"},
		"an update while the upstream is ill":    {call{op: "updateOrder", p: alice, state: "500", body: `{"note":"x"}`}, "error"},
		"an update without a look-up":            {call{op: "updateOrder", p: alice, body: `{"note":"x"}`}, "error"},
		"an object without owner":                {call{op: "updateOrder", p: alice, state: `{"tenant_id":"t1"}`, body: `{"note":"x"}`}, "error"},
		"an object that is not JSON":             {call{op: "updateOrder", p: alice, state: `ok`, body: `{"note":"x"}`}, "error"},
		"giving an object away":                  {call{op: "updateOrder", p: alice, state: aliceOrder, body: `{"customer_id":"bob"}`}, "object.owner_spoofed"},
		"moving an object to another tenant":     {call{op: "updateOrder", p: support, state: aliceOrder, body: `{"tenant_id":"t2"}`}, "object.owner_spoofed"},
		"the owner does not delete":              {call{op: "deleteOrder", p: alice, state: aliceOrder}, "object.not_allowed"},
		"admin deletes":                          {call{op: "deleteOrder", p: admin, state: aliceOrder}, ""},
		"admin of another tenant":                {call{op: "deleteOrder", p: spy, state: aliceOrder}, "object.foreign"},
		"support does not delete":                {call{op: "deleteOrder", p: support, state: aliceOrder}, "object.not_allowed"},
		"HEAD is judged before":                  {call{op: "headOrder", p: bob, state: aliceOrder}, "object.foreign"},
		"HEAD by the owner":                      {call{op: "headOrder", p: alice, state: aliceOrder}, ""},
		"a line of one's own order":              {call{op: "getLine", p: alice, path: "/v1/orders/1/lines/2", state: aliceOrder}, ""},
		"a line of another's order":              {call{op: "getLine", p: bob, path: "/v1/orders/1/lines/2", state: aliceOrder}, "object.foreign"},
		"changing a line of another's order":     {call{op: "putLine", p: bob, path: "/v1/orders/1/lines/2", state: aliceOrder}, "object.foreign"},
		"making one's own":                       {call{op: "createOrder", p: alice, body: `{"item":"x"}`}, ""},
		"naming oneself":                         {call{op: "createOrder", p: alice, body: `{"customer_id":"alice","tenant_id":"t1"}`}, ""},
		"making one for another":                 {call{op: "createOrder", p: alice, body: `{"customer_id":"bob"}`}, "object.owner_spoofed"},
		"making one for nobody":                  {call{op: "createOrder", p: alice, body: `{"customer_id":null}`}, "object.owner_spoofed"},
		"making one for another, escaped":        {call{op: "createOrder", p: alice, body: `{"customer\u005fid":"bob"}`}, "object.owner_spoofed"},
		"making one in another tenant":           {call{op: "createOrder", p: alice, body: `{"tenant_id":"t2"}`}, "object.owner_spoofed"},
		"a batch with one for another":           {call{op: "createOrder", p: alice, body: `[{"item":"x"},{"customer_id":"bob"}]`}, "object.owner_spoofed"},
		"a body that is not JSON":                {call{op: "createOrder", p: alice, body: `customer_id=bob`}, "object.unreadable"},
		"a body with two owners":                 {call{op: "createOrder", p: alice, body: `{"customer_id":"alice","customer_id":"bob"}`}, "object.unreadable"},
		"one's own list":                         {call{op: "listOrders", p: alice, reply: `{"items":[` + aliceOrder + `]}`}, ""},
		"an empty list":                          {call{op: "listOrders", p: bob, reply: `{"items":[]}`}, ""},
		"a list with another's":                  {call{op: "listOrders", p: bob, reply: `{"items":[` + aliceOrder + `]}`}, "object.foreign"},
		"support lists the tenant's":             {call{op: "listOrders", p: support, reply: `{"items":[` + aliceOrder + `]}`}, ""},
		"support lists another tenant's":         {call{op: "listOrders", p: spy, reply: `{"items":[` + aliceOrder + `]}`}, "object.foreign"},
		"an element that does not say whose":     {call{op: "listOrders", p: alice, reply: `{"items":[{"id":1}]}`}, "object.unverifiable"},
		"a list that is somewhere else":          {call{op: "listOrders", p: alice, reply: `{"data":[` + aliceOrder + `]}`}, "object.unverifiable"},
		"a list that is an object":               {call{op: "listOrders", p: alice, reply: `{"items":` + aliceOrder + `}`}, "object.unverifiable"},
		"the unknown hides behind another's":     {call{op: "listOrders", p: alice, reply: `{"items":[{"customer_id":"bob","tenant_id":"t1"},{}]}`}, "object.foreign"},
		"an owner nested in the owner's place":   {call{op: "getOrder", p: alice, reply: `{"customer_id":{"id":"alice"},"tenant_id":"t1"}`}, "object.unverifiable"},
		"an owner in another member's clothes":   {call{op: "getOrder", p: alice, reply: `{"Customer_ID":"alice","tenant_id":"t1"}`}, "object.unverifiable"},
		"an owner below, not at the top":         {call{op: "getOrder", p: alice, reply: `{"order":` + aliceOrder + `}`}, "object.unverifiable"},
		"a boolean owner":                        {call{op: "getOrder", p: alice, reply: `{"customer_id":true,"tenant_id":"t1"}`}, "object.unverifiable"},
		"a tenant of another kind":               {call{op: "getOrder", p: alice, reply: `{"customer_id":"alice","tenant_id":1}`}, "object.foreign"},
		"a role with another letter's case":      {call{op: "getOrder", p: &gatehouse.Principal{ID: "x", Tenant: "t1", Roles: []string{"Support"}}, reply: aliceOrder}, "object.foreign"},
		"the role authenticated lifts no owner":  {call{op: "getOrder", p: &gatehouse.Principal{ID: "x", Tenant: "t1", Roles: []string{"authenticated"}}, reply: aliceOrder}, "object.foreign"},
		"an id that is empty":                    {call{op: "getOrder", p: &gatehouse.Principal{Tenant: "t1"}, reply: `{"customer_id":"","tenant_id":"t1"}`}, "object.not_allowed"},
		"an id with a NUL that ends another's":   {call{op: "getOrder", p: alice, reply: `{"customer_id":"alice\u0000bob","tenant_id":"t1"}`}, "object.unverifiable"},
		"an id with the same letters, otherwise": {call{op: "getOrder", p: alice, reply: `{"customer_id":"аlice","tenant_id":"t1"}`}, "object.foreign"},
	} {
		t.Run(name, func(t *testing.T) {
			got, body := walk(t, config(order()), c.call)
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if got == "" && body != c.call.reply && c.call.status < 400 {
				t.Errorf("the reply was changed: %s", body)
			}
		})
	}
}

func TestForeignElementsAreDroppedWhereTheConfigurationSaysSo(t *testing.T) {
	o := order()
	o.List = &policy.Listing{OnForeign: "drop"}
	reply := `{"items":[{"customer_id":"bob","tenant_id":"t1"}, ` + aliceOrder + `,{"customer_id":"alice","tenant_id":"t2"}],"total":3}`
	rule, body := walk(t, config(o), call{op: "listOrders", p: alice, reply: reply, fields: gatehouse.Fields{{Name: "etag", Value: "x"}}})
	if want := `{"items":[` + aliceOrder + `]}`; rule != "" || body != want {
		t.Errorf("%q %s, want %s", rule, body, want)
	}
	if rule, _ := walk(t, config(o), call{op: "listOrders", p: alice, reply: `{"items":[` + aliceOrder + `,{}]}`}); rule != "object.unverifiable" {
		t.Errorf("an element that does not say whose: %q, want object.unverifiable", rule)
	}
}

// authz.existence
func TestARefusalLooksLikeAMissWhereTheConfigurationSaysSo(t *testing.T) {
	o := order()
	o.OnDeny = policy.Refusals{"": 404}
	for name, c := range map[string]call{
		"a foreign read": {op: "getOrder", p: bob, reply: aliceOrder}, "a miss": {op: "getOrder", p: bob, status: 404, reply: "no such order 1"},
		"a foreign write": {op: "updateOrder", p: bob, state: aliceOrder, body: `{}`}, "a write to a miss": {op: "updateOrder", p: bob, state: "404", body: `{}`},
		"a write that misses at last": {op: "updateOrder", p: alice, state: aliceOrder, body: `{}`, status: 404},
	} {
		if rule, _ := walk(t, config(o), c); rule != "object.not_found" {
			t.Errorf("%s: %q, want object.not_found", name, rule)
		}
	}
}

func TestWhatIsAllowedIsAllowedByName(t *testing.T) {
	o := order()
	o.Allow = map[string][]string{"owner": {"read", "delete"}, "role:auditor": {"read"}}
	auditor := &gatehouse.Principal{ID: "aud", Tenant: "t1", Roles: []string{"auditor"}}
	for name, c := range map[string]struct {
		call call
		want string
	}{
		"the owner deletes":            {call{op: "deleteOrder", p: alice, state: aliceOrder}, ""},
		"another does not":             {call{op: "deleteOrder", p: bob, state: aliceOrder}, "object.foreign"},
		"the owner no longer updates":  {call{op: "updateOrder", p: alice, state: aliceOrder, body: `{}`}, "object.not_allowed"},
		"the owner makes no new ones":  {call{op: "createOrder", p: alice, body: `{}`}, "object.not_allowed"},
		"the auditor reads":            {call{op: "getOrder", p: auditor, reply: aliceOrder}, ""},
		"the auditor lists":            {call{op: "listOrders", p: auditor, reply: `{"items":[` + aliceOrder + `]}`}, ""},
		"the auditor does not delete":  {call{op: "deleteOrder", p: auditor, state: aliceOrder}, "object.foreign"},
		"the auditor stays in his own": {call{op: "getOrder", p: auditor, reply: `{"customer_id":"x","tenant_id":"t2"}`}, "object.foreign"},
	} {
		if rule, _ := walk(t, config(o), c.call); rule != c.want {
			t.Errorf("%s: %q, want %q", name, rule, c.want)
		}
	}
}

func TestAnOwnerInThePathIsComparedAtOnce(t *testing.T) {
	c := &Config{Objects: map[string]*policy.Object{"user": {ID: "path.userId", Owner: "path.userId"}}}
	if rule, _ := walk(t, c, call{op: "getProfile", p: alice, reply: "anything"}); rule != "" {
		t.Errorf("alice: %q", rule)
	}
	if rule, _ := walk(t, c, call{op: "getProfile", p: bob}); rule != "object.foreign" {
		t.Errorf("bob: %q", rule)
	}
}

func TestAReplyThatMustBeReadIsAskedForWhole(t *testing.T) {
	steps, err := config(order()).Compile(build(t, "getOrder"))
	if err != nil {
		t.Fatal(err)
	}
	x := exchange(call{p: alice})
	if _, err := steps[0].Enforce(context.Background(), x); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(x.Request.Drop, " "); got != "if-none-match if-modified-since if-match if-unmodified-since if-range range" {
		t.Errorf("dropped: %s", got)
	}
	if x.Request.Forward.Get("accept-encoding") != "identity" {
		t.Error("the upstream may compress what must be read")
	}
}

func TestOnlyAnOperationsOwnNameLiftsOwnership(t *testing.T) {
	d, err := openapi.Parse("orders.yaml", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	for entry, want := range map[string]bool{"getOrder": true, "tag:orders": false, "get*": false, "*": false, "listOrders": false} {
		c := &Config{Roles: map[string][]string{"support": {entry}}}
		who := c.allowed(&policy.Object{}, d.Operation("getOrder"), policy.Read)
		if got := slices.Contains(who.roles, "support"); got != want {
			t.Errorf("authz.object: %s lifts ownership of getOrder: %v", entry, got)
		}
	}
}

// authz.object: what cannot be enforced does not compile.
func TestWhatCannotBeEnforcedDoesNotCompile(t *testing.T) {
	until := time.Unix(1_800_000_000, 0).AddDate(0, 1, 0)
	with := func(f func(*policy.Object)) *Config { o := order(); f(o); return config(o) }
	for name, c := range map[string]struct {
		op     string
		config *Config
		want   string // in the fault, "" when it compiles
	}{
		"an id without object":          {"getTile", config(order()), "getTile has an id in its path"},
		"an id with a waiver":           {"getTile", &Config{NoObject: map[string]*gatehouse.Waiver{"getTile": {Because: "public", Owner: "x", Until: until}}}, ""},
		"a waiver that ended":           {"getTile", &Config{NoObject: map[string]*gatehouse.Waiver{"getTile": {Until: until.AddDate(0, -2, 0)}}}, "the waiver ended"},
		"a waiver for nothing":          {"getTile", &Config{NoObject: map[string]*gatehouse.Waiver{"getTiles": {Until: until}}}, "there is no such operation"},
		"a waiver beside an object":     {"getOrder", &Config{Objects: map[string]*policy.Object{"order": order()}, NoObject: map[string]*gatehouse.Waiver{"getOrder": {Until: until}}}, "covers this operation already"},
		"a member that is not there":    {"getOrder", &Config{Objects: map[string]*policy.Object{"order": order()}, Settable: map[string]*gatehouse.Waiver{"updateOrder.rank": {Because: "games", Owner: "x", Until: until}}}, "no such member"},
		"a member of no operation":      {"getOrder", &Config{Objects: map[string]*policy.Object{"order": order()}, Settable: map[string]*gatehouse.Waiver{"rank": {Because: "games", Owner: "x", Until: until}}}, "no such member"},
		"no id in the path":             {"getStatus", config(order()), ""},
		"no objects at all":             {"getOrder", &Config{}, "no object says whose it is"},
		"an object without owner":       {"getOrder", with(func(o *policy.Object) { o.Owner, o.Tenant = "", "" }), "nothing says whose"},
		"an id in the body":             {"getOrder", with(func(o *policy.Object) { o.ID = "body" }), "no place where a request"},
		"an id nobody has":              {"getOrder", with(func(o *policy.Object) { o.ID = "path.order" }), "no path has a parameter {order}"},
		"an owner from the token":       {"getOrder", with(func(o *policy.Object) { o.Owner = "token.sub" }), "names no field"},
		"a map that nobody asks":        {"getOrder", with(func(o *policy.Object) { o.Owner, o.Before = "owners", "lookup" }), "nobody would ask it"},
		"an id in no reply":             {"listOrders", with(func(o *policy.Object) { o.ReplyID = "path.orderId" }), "names no field of a reply"},
		"several owners":                {"getOrder", with(func(o *policy.Object) { o.Owner = "response.owners[*].id" }), "names no field"},
		"an owner elsewhere":            {"getOrder", with(func(o *policy.Object) { o.Owner = "path.userId" }), "has no parameter {userId}"},
		"an unknown action":             {"getOrder", with(func(o *policy.Object) { o.Operations = map[string][]string{"reads": {"getOrder"}} }), "no such action"},
		"an unknown operation":          {"getOrder", with(func(o *policy.Object) { o.Operations = map[string][]string{"read": {"getOrders"}} }), "no operation"},
		"an unknown grantee":            {"getOrder", with(func(o *policy.Object) { o.Allow = map[string][]string{"support": {"read"}} }), "nobody of that name"},
		"an unknown allowance":          {"getOrder", with(func(o *policy.Object) { o.Allow = map[string][]string{"owner": {"*"}} }), "no action"},
		"another way to know":           {"getOrder", with(func(o *policy.Object) { o.Before = "guess" }), "by the map of owners"},
		"a scope that is none":          {"getOrder", with(func(o *policy.Object) { o.Scopes = map[string]string{"read": "orders read"} }), "is not a scope"},
		"a scope for no action":         {"getOrder", with(func(o *policy.Object) { o.Scopes = map[string]string{"reads": "x"} }), "no such action"},
		"a table without a name":        {"getOrder", with(func(o *policy.Object) { o.Table = &policy.Table{Tenant: "t"} }), "a table has a name"},
		"a write that tells":            {"getOrder", with(func(o *policy.Object) { o.OnDeny = policy.Refusals{"read": 404, "update": 403} }), "403 would tell what the 404"},
		"a place in no body":            {"updateOrder", with(func(o *policy.Object) { o.IDs = map[string][]string{"updateOrder": {"body.id"}} }), "has no body"},
		"a place in no query":           {"updateOrder", with(func(o *policy.Object) { o.IDs = map[string][]string{"updateOrder": {"query.id"}} }), "declares no parameter id"},
		"nothing injected":              {"listOrders", with(func(o *policy.Object) { o.Inject = map[string]map[string]string{"list": {"t": "role"}} }), "tenant or id"},
		"a parameter with an escape":    {"listOrders", with(func(o *policy.Object) { o.Inject = map[string]map[string]string{"list": {"a&b": "id"}} }), "would have to be escaped"},
		"a map that nobody fills":       {"createOrder", with(func(o *policy.Object) { o.Owner = "owners" }), "whose owner nobody would know"},
		"totals where nothing drops":    {"listOrders", with(func(o *policy.Object) { o.List = &policy.Listing{Totals: []string{"response.n"}} }), "totals are true"},
		"an object inside that is none": {"getOrder", with(func(o *policy.Object) { o.Nested = map[string]string{"response.x": "customer"} }), "there is no object"},
		"members of nobody":             {"getOrder", with(func(o *policy.Object) { o.Fields = &policy.Fields{Write: map[string][]string{"support": {"status"}}} }), "seen and set by roles"},
		"another status":                {"getOrder", with(func(o *policy.Object) { o.OnDeny = policy.Refusals{"": 200} }), "403, or 404"},
		"a list nobody can find":        {"listOrders", with(func(o *policy.Object) { o.List = &policy.Listing{Each: "response.items"} }), "where the elements"},
		"a list made otherwise":         {"listOrders", with(func(o *policy.Object) { o.List = &policy.Listing{OnForeign: "keep"} }), "denied or dropped"},
		"a write nobody can look up":    {"putLine", &Config{Objects: map[string]*policy.Object{"line": {ID: "path.line", Owner: "response.customer_id", Operations: map[string][]string{"update": {"putLine"}, "read": {"getOrder"}}}}}, "cannot know the owner before"},
		"a resource with two meanings":  {"getLine", &Config{Objects: map[string]*policy.Object{"line": {ID: "path.line", Owner: "response.customer_id"}}}, ""},
	} {
		_, err := c.config.Compile(build(t, c.op))
		var f *gatehouse.Fault
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (!errors.As(err, &f) || !strings.Contains(err.Error(), c.want) || f.Fix == ""):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestOneParameterNameOfTwoResourcesMustBeSpelledOut(t *testing.T) {
	b := build(t, "getOrder")
	d, err := openapi.Parse("orders.yaml", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	b.All = append(b.All, d.Operation("adminGetOrder"))
	if _, err := config(order()).Compile(b); err == nil || !strings.Contains(err.Error(), "names several resources") {
		t.Errorf("%v", err)
	}
	o := order()
	o.Operations = map[string][]string{"read": {"getOrder"}}
	if _, err := config(o).Compile(b); err != nil {
		t.Errorf("spelled out: %v", err)
	}
	// What is spelled out is the one resource: the other still needs its own object.
	b.Operation = d.Operation("adminGetOrder")
	if _, err := config(o).Compile(b); err == nil || !strings.Contains(err.Error(), "no object says whose it is") {
		t.Errorf("the other resource: %v", err)
	}
	b.Operation = d.Operation("deleteOrder")
	if steps, err := config(o).Compile(b); err != nil || len(steps) == 0 {
		t.Errorf("an operation of the same resource that was not listed is left open: %v", err)
	}
}

func TestNothingIsAllocatedOnTheWayThrough(t *testing.T) {
	for _, c := range []call{
		{op: "getOrder", p: alice, reply: aliceOrder}, {op: "updateOrder", p: alice, state: aliceOrder, body: `{"note":"x"}`},
		{op: "createOrder", p: alice, body: `{"item":"x"}`}, {op: "listOrders", p: alice, reply: `{"items":[` + aliceOrder + `,` + aliceOrder + `]}`},
	} {
		steps, err := config(order()).Compile(build(t, c.op))
		if err != nil {
			t.Fatal(err)
		}
		x := exchange(c)
		if n := testing.AllocsPerRun(100, func() {
			x.Request.Drop, x.Request.Forward = x.Request.Drop[:0], x.Request.Forward[:0]
			for _, s := range steps {
				if s.Prepare != nil {
					s.Prepare(x)
				}
				if v, err := s.Enforce(context.Background(), x); err != nil || !v.Passed() {
					t.Fatal(c.op, v.Rule(), err)
				}
			}
			for _, p := range []interface{ Reset() }{x.Request.Parsed, x.Response.Parsed, x.Lookup.Parsed} {
				if p != nil {
					p.Reset()
				}
			}
		}); n != 0 && !race.Enabled {
			t.Errorf("%s: %v allocations", c.op, n)
		}
	}
}
