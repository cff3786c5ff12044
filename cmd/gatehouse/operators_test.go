package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/idp/adminapi"
)

// withOperators is a house with people and the admin API, at an address of its own.
func withOperators(t *testing.T) *selfHouse {
	t.Helper()
	return startSelfWith(t, nil, fmt.Sprintf(`, people: {product: Example Bank}, admin: {address: "%s", tenant_roles: [clerk], controls: {ratelimit: {user: 100000/min, key: 100000/min, ip: 100000/min, endpoint: 100000/min, burst: 10000, waiver: {because: "a test asks at once", owner: ops@example.com, until: %s}}}}`,
		casetest.FreeAddress(t), time.Now().AddDate(0, 6, 0).Format(time.DateOnly)))
}

// caller is somebody who calls the admin API with a token.
type caller struct {
	h     *selfHouse
	token string
}

// operator registers a client with that role and those scopes, or all, and gets its
// token.
func (h *selfHouse) operator(id, role, tenant string, scopes ...string) *caller {
	h.Helper()
	if len(scopes) == 0 {
		scopes = adminapi.Scopes()
	}
	args := []string{id, "--grant", "client_credentials", "--role", role}
	if tenant != "" {
		args = append(args, "--tenant", tenant)
	}
	for _, s := range scopes {
		args = append(args, "--scope", s)
	}
	secret := h.add(args...)
	return &caller{h, h.tokenFor(id, secret, h.url+"/admin", scopes)}
}

func (h *selfHouse) tokenFor(id, secret, audience string, scopes []string) string {
	h.Helper()
	c := clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: h.url + "/token", Scopes: scopes, EndpointParams: url.Values{"resource": {audience}}}
	token, err := c.Token(h.ctx())
	if err != nil {
		h.Fatal(err)
	}
	return token.AccessToken
}

// outcome is what the admin API answers.
type outcome struct {
	status int
	body   string
	etag   string
	head   http.Header
}

// member returns a text of the answer, by its path: "user.id".
func (r outcome) member(path string) string {
	var v any
	_ = json.Unmarshal([]byte(r.body), &v)
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	s, _ := v.(string)
	return s
}

// call calls the admin API. fields are names and values of header fields.
func (c *caller) call(method, path, body string, fields ...string) outcome {
	c.h.Helper()
	r, err := http.NewRequestWithContext(c.h.Context(), method, c.h.g.OperatorsURL, strings.NewReader(body))
	if err != nil {
		c.h.Fatal(err)
	}
	r.URL.Opaque = path // as it is written
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(fields); i += 2 {
		if fields[i] == "Host" {
			r.Host = fields[i+1]
			continue
		}
		r.Header.Set(fields[i], fields[i+1])
	}
	res, err := c.h.client.Do(r)
	if err != nil {
		c.h.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.h.Fatal(err)
	}
	return outcome{res.StatusCode, string(b), res.Header.Get("ETag"), res.Header}
}

// want calls, and demands a status and parts of the answer.
func (c *caller) want(status int, method, path, body string, more ...string) outcome {
	c.h.Helper()
	var fields, parts []string
	for _, m := range more {
		if name, value, ok := strings.Cut(m, ": "); ok && !strings.ContainsAny(name, ` "`) {
			fields = append(fields, name, value)
		} else {
			parts = append(parts, m)
		}
	}
	r := c.call(method, path, body, fields...)
	if r.status != status {
		c.h.Errorf("%s %s %s: %d %s; want %d", method, path, body, r.status, r.body, status)
	}
	for _, p := range parts {
		if !strings.Contains(r.body, p) {
			c.h.Errorf("%s %s: %s lacks %s", method, path, r.body, p)
		}
	}
	return r
}

// TestEveryOperationOfTheAdminAPIDoesItsWork calls each of them once, and looks at what
// the commands say afterwards: they work at the same desk.
func TestEveryOperationOfTheAdminAPIDoesItsWork(t *testing.T) {
	h := withOperators(t)
	ops := h.operator("ops", "gatehouse-admin", "")

	tenant := ops.want(201, "POST", "/v1/tenants", `{"id":"t1","name":"First","domains":["example.com"]}`, `"state":"active"`)
	ops.want(409, "POST", "/v1/tenants", `{"id":"t1"}`)
	ops.want(200, "GET", "/v1/tenants", "", `"id":"t1"`)
	ops.want(200, "GET", "/v1/tenants/t1", "", `"domains":["example.com"]`)
	ops.want(200, "PATCH", "/v1/tenants/t1", `{"name":"One"}`, "If-Match: "+tenant.etag, `"name":"One"`)
	if out, _ := h.do(0, "tenants", "list"); !strings.Contains(out, "One") {
		t.Error(out)
	}

	alice := ops.want(201, "POST", "/v1/users", `{"name":"Alice@example.com","tenant":"t1","roles":["clerk"]}`, `"name":"alice@example.com"`)
	id, password := alice.member("user.id"), alice.member("password")
	if len(password) < 20 || alice.head.Get("Cache-Control") != "no-store" {
		t.Errorf("%q %v", password, alice.head)
	}
	ops.want(409, "POST", "/v1/users", `{"name":"alice@example.com"}`)
	user := ops.want(200, "GET", "/v1/users/"+id, "", `"tenant":"t1"`)
	if strings.Contains(user.body, "password") || user.etag == "" || user.etag != alice.etag {
		t.Errorf("%s %s", user.body, user.etag)
	}
	ops.want(200, "GET", "/v1/users?tenant=t1", "", id)
	ops.want(200, "GET", "/v1/roles", "", `"may":["orders: listOrders"]`, "alice@example.com")

	b := h.tab()
	b.get(h.url + "/account/sign-in")
	if b.send("name", "alice@example.com", "password", password); !strings.Contains(b.body, "Your account") {
		t.Fatalf("%d %s", b.status, b.body)
	}
	ops.want(200, "GET", "/v1/sessions", "", `"user":"`+id+`"`)
	list := ops.want(200, "GET", "/v1/users/"+id+"/sessions", "", `"acr":"aal1"`)
	_, session, _ := strings.Cut(list.body, `"session":"`)
	session, _, _ = strings.Cut(session, `"`)
	ops.want(204, "DELETE", "/v1/users/"+id+"/sessions/"+session, "")
	ops.want(404, "DELETE", "/v1/users/"+id+"/sessions/"+session, "")
	ops.want(200, "DELETE", "/v1/users/"+id+"/sessions?because=lost+laptop", "", `"ended":0`)
	if b.get(h.url + "/account/"); strings.Contains(b.body, "Your account") {
		t.Error("a session that was ended goes on")
	}

	ops.want(428, "PATCH", "/v1/users/"+id, `{"because":"moved","roles":["robot"]}`)
	ops.want(412, "PATCH", "/v1/users/"+id, `{"because":"moved","roles":["robot"]}`, `If-Match: "AAAAAAAAAAAAAAAA"`)
	ops.want(200, "PATCH", "/v1/users/"+id, `{"because":"moved","roles":["robot"]}`, "If-Match: "+user.etag, `"roles":["robot"]`)
	ops.want(412, "PATCH", "/v1/users/"+id, `{"because":"moved","roles":["clerk"]}`, "If-Match: "+user.etag)
	ops.want(422, "PATCH", "/v1/users/"+id, `{"because":"moved","roles":["clrek"]}`, "If-Match: *", `is \"clerk\" meant?`)
	if out, _ := h.do(0, "users", "list", "--json"); !strings.Contains(out, `"robot"`) {
		t.Error(out)
	}
	ops.want(200, "PATCH", "/v1/users/"+id, `{"because":"left","state":"disabled"}`, "If-Match: *", `"state":"disabled"`)
	if fresh := ops.want(200, "PUT", "/v1/users/"+id+"/password", `{}`).member("password"); len(fresh) < 20 || fresh == password {
		t.Errorf("%q", fresh)
	}
	ops.want(422, "PUT", "/v1/users/"+id+"/password", `{"password":"short"}`, "too short")
	ops.want(204, "DELETE", "/v1/users/"+id+"/second-factor", "")
	ops.want(204, "DELETE", "/v1/users/"+id+"?because=left", "")
	ops.want(404, "GET", "/v1/users/"+id, "")

	app := ops.want(201, "POST", "/v1/clients", `{"id":"app","grants":["client_credentials"],"scopes":["orders:read"],"roles":["robot"],"tenant":"t1"}`, `"secret":"gtc_`)
	ops.want(409, "POST", "/v1/clients", `{"id":"app","grants":["client_credentials"]}`)
	ops.want(422, "POST", "/v1/clients", `{"id":"web","grants":["authorization_code"]}`, "redirect URI")
	if shown := ops.want(200, "GET", "/v1/clients/app", ""); shown.etag != app.etag || strings.Contains(shown.body, "gtc_") {
		t.Errorf("%s %s", shown.etag, shown.body)
	}
	ops.want(200, "PATCH", "/v1/clients/app", `{"name":"The app"}`, "If-Match: "+app.etag, `"name":"The app"`)
	ops.want(201, "POST", "/v1/clients/app/secrets", `{"overlap_hours":24}`, `"secret":"gtc_`)
	ops.want(422, "POST", "/v1/clients/app/secrets", `{"overlap_hours":3}`, "overlap")
	if out, _ := h.do(0, "clients", "list"); !strings.Contains(out, "The app") {
		t.Error(out)
	}
	ops.want(422, "DELETE", "/v1/tenants/t1", "", "has clients")
	ops.want(200, "GET", "/v1/clients", "", `"id":"app"`, `"id":"ops"`)
	ops.want(204, "DELETE", "/v1/clients/app", "")
	ops.want(204, "DELETE", "/v1/tenants/t1", "")
	ops.want(404, "GET", "/v1/tenants/t1", "")

	ops.want(200, "POST", "/v1/relations", `{"because":"moved in","add":[{"object":"order:1","relation":"editor","user":"group:eng#member"},{"object":"group:eng","relation":"member","user":"user:alice"}]}`, `"revision":1`)
	ops.want(422, "POST", "/v1/relations", `{"because":"moved in","add":[{"object":"order:1","relation":"owner","user":"user:alice"}]}`, `has no relation \"owner\"`)
	ops.want(400, "POST", "/v1/relations", `{"because":"moved in","add":[{"object":"order","relation":"editor","user":"user:alice"}]}`)
	ops.want(400, "POST", "/v1/relations", `{"because":"nothing"}`)
	first := ops.want(200, "GET", "/v1/relations?limit=1", "", `{"tuples":[{"object":"group:eng","relation":"member","user":"user:alice"}],"next":"`)
	ops.want(200, "GET", "/v1/relations?limit=1&cursor="+first.member("next"), "", `{"tuples":[{"object":"order:1","relation":"editor","user":"group:eng#member"}]}`)
	ops.want(400, "GET", "/v1/relations?limit=1&object=order%3A1&cursor="+first.member("next"), "")
	ops.want(200, "GET", "/v1/relations?object=order%3A1&user=group%3Aeng%23member&relation=editor", "", `"object":"order:1"`)
	ops.want(200, "POST", "/v1/relations", `{"because":"moved out","remove":[{"object":"order:1","relation":"editor","user":"group:eng#member"}]}`, `"revision":2`)
	if out, _ := h.do(0, "relations", "list"); out != "group:eng#member@user:alice\n" {
		t.Error(out)
	}

	ops.want(200, "GET", "/v1/keys", "", `"signs":true`)
	ops.want(201, "POST", "/v1/keys", `{"because":"planned"}`, `"signs":false`)

	for _, secret := range []string{password, app.member("secret"), ops.token} {
		if strings.Contains(h.log.String(), secret) {
			t.Error("a secret is in the log (R46)")
		}
	}
	record, err := os.ReadFile(filepath.Join(h.dir, "gatehouse-state", auditName))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`"audit":"users.add","by":"ops","object":"` + id + `"`, `"because":"moved","`, `"audit":"keys.rotate"`, `"audit":"clients.add","by":"command line`} {
		if !strings.Contains(string(record), line) {
			t.Errorf("no %s in\n%s", line, record)
		}
	}
	if strings.Contains(string(record), password) || strings.Contains(string(record), "argon2") || strings.Contains(string(record), app.member("secret")) {
		t.Error("a secret is in the record")
	}
}

// TestNobodyElseReachesTheAdminAPI is authn.internal-too, R32 and R34 for every
// operation: no token, another audience, another scope, no role, another spelling.
func TestNobodyElseReachesTheAdminAPI(t *testing.T) {
	h := withOperators(t)
	full := h.operator("ops", "gatehouse-admin", "")
	nobody := &caller{h: h}
	narrow := h.operator("narrow", "gatehouse-admin", "", "orders:read")
	roleless := h.operator("roleless", "robot", "")
	secret := h.add("elsewhere", "--grant", "client_credentials", "--role", "gatehouse-admin", "--scope", "admin:users:read")
	elsewhere := &caller{h, h.tokenFor("elsewhere", secret, "https://api.example.com/orders", []string{"admin:users:read"})}
	for _, o := range []struct{ method, path, body string }{
		{"GET", "/v1/users", ""}, {"POST", "/v1/users", `{"name":"mallory@example.com"}`}, {"GET", "/v1/users/u_aaaaaaaaaaaaaaaaaaaaaaaaaa", ""},
		{"PATCH", "/v1/users/u_aaaaaaaaaaaaaaaaaaaaaaaaaa", `{"because":"x","roles":[]}`}, {"DELETE", "/v1/users/u_aaaaaaaaaaaaaaaaaaaaaaaaaa?because=x", ""},
		{"PUT", "/v1/users/u_aaaaaaaaaaaaaaaaaaaaaaaaaa/password", `{}`}, {"DELETE", "/v1/users/u_aaaaaaaaaaaaaaaaaaaaaaaaaa/second-factor", ""},
		{"GET", "/v1/users/u_aaaaaaaaaaaaaaaaaaaaaaaaaa/sessions", ""}, {"DELETE", "/v1/users/u_aaaaaaaaaaaaaaaaaaaaaaaaaa/sessions?because=x", ""},
		{"DELETE", "/v1/users/u_aaaaaaaaaaaaaaaaaaaaaaaaaa/sessions/AAAAAAAAAAAAAAAAAAAAAA", ""}, {"GET", "/v1/sessions", ""},
		{"GET", "/v1/relations", ""}, {"POST", "/v1/relations", `{"because":"x","add":[{"object":"group:eng","relation":"member","user":"user:mallory"}]}`},
		{"GET", "/v1/clients", ""}, {"POST", "/v1/clients", `{"id":"x","grants":["client_credentials"]}`}, {"GET", "/v1/clients/ops", ""},
		{"PATCH", "/v1/clients/ops", `{"name":"x"}`}, {"DELETE", "/v1/clients/ops", ""}, {"POST", "/v1/clients/ops/secrets", `{}`},
		{"GET", "/v1/tenants", ""}, {"POST", "/v1/tenants", `{"id":"x"}`}, {"GET", "/v1/tenants/t1", ""}, {"PATCH", "/v1/tenants/t1", `{"name":"x"}`},
		{"DELETE", "/v1/tenants/t1", ""}, {"GET", "/v1/roles", ""}, {"GET", "/v1/keys", ""}, {"POST", "/v1/keys", `{"because":"x"}`},
	} {
		nobody.want(401, o.method, o.path, o.body)
		elsewhere.want(401, o.method, o.path, o.body)
		narrow.want(403, o.method, o.path, o.body)
		roleless.want(403, o.method, o.path, o.body)
	}
	for _, path := range []string{
		"/v1/clients/..%2fkeys", "/v1/clients/%2e%2e/keys", "/v1/clients/../keys", "/v1/clients/ops%00", "/v1/clients/ops;x=1", "//v1/clients", "/v1/clients/..",
		"/v1/users/..%5c..%5cetc%5cpasswd", "/V1/clients", "/v1/clients/", "/v1/users/u_../../x", "/v1/tenants/.", "/v1/tenants/%252e%252e",
	} {
		if r := full.call("GET", path, ""); r.status < 400 || r.status >= 500 {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	for _, o := range []struct {
		status       int
		method, path string
		body         string
	}{
		{400, "GET", "/v1/users?limit=0", ""}, {400, "GET", "/v1/users?limit=101", ""}, {400, "GET", "/v1/users?unknown=1", ""},
		{400, "POST", "/v1/users", `{"name":"a@example.com","admin":true}`}, {400, "POST", "/v1/users", `{"name":"a@example.com","name":"b@example.com"}`},
		{400, "POST", "/v1/users", `{`}, {400, "POST", "/v1/users", `[]`}, {400, "POST", "/v1/tenants", `{"id":"../x"}`}, {422, "POST", "/v1/users", `{"name":"no@address"}`},
		{400, "PATCH", "/v1/clients/ops", `{"id":"other"}`},
	} {
		full.want(o.status, o.method, o.path, o.body, "If-Match: *")
	}
	// Clients' own listener does not know it, whatever the Host says.
	for _, host := range []string{"", strings.TrimPrefix(h.g.OperatorsURL, "http://")} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+"/v1/users", nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Header.Set("Authorization", "Bearer "+full.token); host != "" {
			r.Host = host
		}
		res, err := h.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 404 && res.StatusCode != 421 {
			t.Errorf("%q: %d", host, res.StatusCode)
		}
	}
}

// TestAPageOfAnotherSiteDoesNotReachTheAdminAPI is R33.
func TestAPageOfAnotherSiteDoesNotReachTheAdminAPI(t *testing.T) {
	h := withOperators(t)
	ops := h.operator("ops", "gatehouse-admin", "")
	ops.want(200, "GET", "/v1/users", "")
	for _, attack := range []string{"Origin: https://evil.example", "Origin: null", "Origin: " + h.g.OperatorsURL, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"} {
		ops.want(403, "GET", "/v1/users", "", attack)
		ops.want(403, "POST", "/v1/tenants", `{"id":"planted"}`, attack)
	}
	ops.want(421, "GET", "/v1/users", "", "Host: evil.example") // a name that suddenly resolves to this machine
	ops.want(421, "GET", "/v1/users", "", "Host: evil.example:"+h.g.OperatorsURL[strings.LastIndexByte(h.g.OperatorsURL, ':')+1:])
	ops.want(403, "OPTIONS", "/v1/users", "", "Origin: https://evil.example", "Access-Control-Request-Method: POST")
	ops.want(404, "GET", "/v1/tenants/planted", "")
}

// TestTenantAdministratorsReachTheirOwnPeopleOnly is R45: every id of another tenant,
// in path, query and body, with every operation.
func TestTenantAdministratorsReachTheirOwnPeopleOnly(t *testing.T) {
	h := withOperators(t)
	ops := h.operator("ops", "gatehouse-admin", "")
	ops.want(201, "POST", "/v1/tenants", `{"id":"t1","domains":["one.example"]}`)
	ops.want(201, "POST", "/v1/tenants", `{"id":"t2","domains":["two.example"]}`)
	one := h.operator("one", "tenant-admin", "t1")
	person := func(name, tenant, roles string) string {
		return ops.want(201, "POST", "/v1/users", `{"name":"`+name+`","tenant":"`+tenant+`","roles":[`+roles+`]}`).member("user.id")
	}
	mine, theirs, chief := person("ann@one.example", "t1", `"clerk"`), person("bob@two.example", "t2", `"clerk"`), person("chief@one.example", "t1", `"gatehouse-admin"`)
	loose := ops.want(201, "POST", "/v1/users", `{"name":"eve@example.org"}`).member("user.id")
	b := h.tab()
	made := ops.want(200, "PUT", "/v1/users/"+theirs+"/password", `{}`).member("password")
	b.get(h.url + "/account/sign-in")
	if b.send("name", "bob@two.example", "password", made); !strings.Contains(b.body, "Your account") {
		t.Fatalf("%d %s", b.status, b.body)
	}
	_, session, _ := strings.Cut(ops.want(200, "GET", "/v1/users/"+theirs+"/sessions", "").body, `"session":"`)
	session, _, _ = strings.Cut(session, `"`)
	before := ops.want(200, "GET", "/v1/users/"+theirs, "").body

	const unknown = "u_aaaaaaaaaaaaaaaaaaaaaaaaaa"
	for _, o := range []struct{ method, path, body string }{
		{"GET", "/v1/users/%s", ""}, {"PATCH", "/v1/users/%s", `{"because":"x","state":"disabled"}`}, {"PATCH", "/v1/users/%s", `{"because":"x","tenant":"t1"}`},
		{"DELETE", "/v1/users/%s?because=x", ""}, {"PUT", "/v1/users/%s/password", `{}`}, {"DELETE", "/v1/users/%s/second-factor", ""},
		{"GET", "/v1/users/%s/sessions", ""}, {"DELETE", "/v1/users/%s/sessions?because=x", ""}, {"DELETE", "/v1/users/%s/sessions/" + session, ""},
	} {
		foreign := one.call(o.method, fmt.Sprintf(o.path, theirs), o.body, "If-Match", "*")
		free := one.call(o.method, fmt.Sprintf(o.path, loose), o.body, "If-Match", "*")
		none := one.call(o.method, fmt.Sprintf(o.path, unknown), o.body, "If-Match", "*")
		if foreign.status != 404 || foreign.body != none.body || free.body != none.body || none.status != 404 {
			t.Errorf("%s %s: %d %s; of nobody %d %s", o.method, o.path, foreign.status, foreign.body, none.status, none.body)
		}
	}
	one.want(404, "DELETE", "/v1/users/"+mine+"/sessions/"+session, "") // another's session behind one's own person
	for _, o := range []struct {
		status             int
		method, path, body string
	}{
		{404, "GET", "/v1/tenants/t2", ""}, {404, "GET", "/v1/tenants/t9", ""},
		{403, "PATCH", "/v1/tenants/t2", `{"name":"x"}`}, {403, "DELETE", "/v1/tenants/t2", ""}, {403, "POST", "/v1/tenants", `{"id":"t9"}`},
		{403, "POST", "/v1/users", `{"name":"x@one.example","tenant":"t2"}`}, {403, "POST", "/v1/users", `{"name":"x@one.example","tenant":"t9"}`},
		{403, "POST", "/v1/users", `{"name":"bob@two.example"}`}, {403, "POST", "/v1/users", `{"name":"nobody@two.example"}`},
		{403, "POST", "/v1/users", `{"name":"x@one.example","roles":["gatehouse-admin"]}`}, {403, "POST", "/v1/users", `{"name":"x@one.example","roles":["tenant-admin"]}`},
		{403, "PATCH", "/v1/users/" + mine, `{"because":"x","roles":["clerk","gatehouse-admin"]}`}, {403, "PATCH", "/v1/users/" + mine, `{"because":"x","tenant":"t2"}`},
		{403, "PATCH", "/v1/users/" + mine, `{"because":"x","tenant":""}`},
		{403, "PUT", "/v1/users/" + chief + "/password", `{}`}, {403, "PATCH", "/v1/users/" + chief, `{"because":"x","roles":[]}`}, {403, "DELETE", "/v1/users/" + chief + "?because=x", ""},
		{403, "GET", "/v1/clients", ""}, {403, "GET", "/v1/clients/one", ""}, {403, "PATCH", "/v1/clients/one", `{"roles":["gatehouse-admin"]}`},
		{403, "POST", "/v1/clients", `{"id":"x","grants":["client_credentials"]}`}, {403, "DELETE", "/v1/clients/ops", ""}, {403, "POST", "/v1/clients/ops/secrets", `{}`},
		{403, "GET", "/v1/keys", ""}, {403, "POST", "/v1/keys", `{"because":"x"}`},
	} {
		one.want(o.status, o.method, o.path, o.body, "If-Match: *")
	}
	for _, path := range []string{"/v1/users", "/v1/users?tenant=t2", "/v1/users?tenant=t9", "/v1/sessions", "/v1/tenants", "/v1/roles"} {
		if r := one.want(200, "GET", path, ""); strings.Contains(r.body, "two.example") || strings.Contains(r.body, theirs) || strings.Contains(r.body, `"t2"`) || strings.Contains(r.body, "eve@") {
			t.Errorf("%s tells of another tenant: %s", path, r.body)
		}
	}
	if after := ops.want(200, "GET", "/v1/users/"+theirs, "").body; after != before {
		t.Errorf("%s became %s", before, after)
	}
	if b.get(h.url + "/account/"); !strings.Contains(b.body, "Your account") {
		t.Error("another tenant's session was ended")
	}
	// What they are for works.
	ann := one.want(200, "GET", "/v1/users/"+mine, "")
	one.want(200, "PATCH", "/v1/users/"+mine, `{"because":"left","state":"disabled","roles":[]}`, "If-Match: "+ann.etag)
	one.want(201, "POST", "/v1/users", `{"name":"zed@one.example","roles":["clerk"]}`, `"tenant":"t1"`)
	one.want(200, "GET", "/v1/users?tenant=t1", "", "zed@one.example", "chief@one.example")
}

// TestCursorsAreSealed is R49.
func TestCursorsAreSealed(t *testing.T) {
	h := withOperators(t)
	ops := h.operator("ops", "gatehouse-admin", "")
	ops.want(201, "POST", "/v1/tenants", `{"id":"t1"}`)
	other := h.operator("other", "gatehouse-admin", "")
	for i := range 5 {
		ops.want(201, "POST", "/v1/users", fmt.Sprintf(`{"name":"p%d@example.com","tenant":"t1","password":"nine giraffes juggle anvils"}`, i))
	}
	seen, path := "", "/v1/users?limit=2"
	var cursor string
	for range 3 {
		r := ops.want(200, "GET", path, "")
		if seen += r.body; r.member("next") == "" {
			break
		}
		cursor = r.member("next")
		path = "/v1/users?limit=2&cursor=" + cursor
	}
	for i := range 5 {
		if n := strings.Count(seen, fmt.Sprintf("p%d@example.com", i)); n != 1 {
			t.Errorf("p%d is there %d times", i, n)
		}
	}
	if strings.Contains(cursor, "example") {
		t.Error(cursor)
	}
	flipped := []byte(cursor)
	if flipped[9]++; flipped[9] > 'z' {
		flipped[9] = 'a'
	}
	for _, bad := range []string{string(flipped), cursor[:len(cursor)-4], cursor + "AAAA", "AAAA", "cDRAZXhhbXBsZS5jb20", "%27%20OR%201%3D1--"} {
		ops.want(400, "GET", "/v1/users?limit=2&cursor="+bad, "")
	}
	ops.want(400, "GET", "/v1/users?tenant=t1&cursor="+cursor, "") // another filter
	ops.want(400, "GET", "/v1/clients?cursor="+cursor, "")         // another list
	other.want(400, "GET", "/v1/users?cursor="+cursor, "")         // another caller
}

// TestAPersonIsProvenByTwoFactorsBeforeTheAdminAPIListens lets a tenant's administrator
// come with a password alone: session.mfa-aal2.
func TestAPersonIsProvenByTwoFactorsBeforeTheAdminAPIListens(t *testing.T) {
	h := withOperators(t)
	h.do(0, "tenants", "add", "t1")
	_, password := h.user("boss@example.com", "--tenant", "t1", "--role", "tenant-admin")
	h.add("console", "--public", "--first-party", "--grant", "authorization_code", "--redirect", appBack, "--scope", "openid", "--scope", "admin:users:read")
	p, err := oidc.NewProvider(h.ctx(), h.url)
	if err != nil {
		t.Fatal(err)
	}
	c := oauth2.Config{ClientID: "console", RedirectURL: appBack, Endpoint: p.Endpoint(), Scopes: []string{"openid", "admin:users:read"}}
	resource, verifier := oauth2.SetAuthURLParam("resource", h.url+"/admin"), oauth2.GenerateVerifier()
	b := h.tab()
	b.get(c.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier), resource))
	away := b.send("name", "boss@example.com", "password", password)
	if away == nil {
		t.Fatalf("%d %s", b.status, b.body)
	}
	token, err := c.Exchange(h.ctx(), away.Query().Get("code"), oauth2.VerifierOption(verifier), resource)
	if err != nil {
		t.Fatal(err)
	}
	boss := &caller{h, token.AccessToken}
	r := boss.want(401, "GET", "/v1/users", "")
	if says := r.head.Get("WWW-Authenticate"); !strings.Contains(says, "insufficient_user_authentication") || !strings.Contains(says, "aal2") {
		t.Errorf("%q", says)
	}
}

// TestATenantThatIsDisabledIsOutAtOnce goes through person, client and API.
func TestATenantThatIsDisabledIsOutAtOnce(t *testing.T) { // R40, token.revocable
	h := withOperators(t)
	h.do(0, "tenants", "add", "t1")
	h.do(1, "users", "add", "x@example.com", "--tenant", "tl")
	_, password := h.user("ann@example.com", "--tenant", "t1", "--role", "clerk")
	secret := h.add("job", "--grant", "client_credentials", "--scope", "orders:read", "--role", "robot", "--tenant", "t1")
	token := h.tokenFor("job", secret, "https://api.example.com/orders", []string{"orders:read"})
	b := h.tab()
	b.get(h.url + "/account/sign-in")
	if b.send("name", "ann@example.com", "password", password); !strings.Contains(b.body, "Your account") {
		t.Fatalf("%d %s", b.status, b.body)
	}
	if status, body := h.orders(token); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	h.do(1, "tenants", "disable", "t1")
	h.do(0, "tenants", "disable", "t1", "--because", "did not pay", "--author", "ops@example.com")
	began := time.Now()
	for status := 200; status != 401; {
		if status, _ = h.orders(token); time.Since(began) > time.Second {
			t.Fatal("a token of a client of a disabled tenant is accepted after a second")
		}
	}
	if b.get(h.url + "/account/"); strings.Contains(b.body, "Your account") {
		t.Error("a session of a disabled tenant goes on")
	}
	b.get(h.url + "/account/sign-in")
	if b.send("name", "ann@example.com", "password", password); strings.Contains(b.body, "Your account") {
		t.Error("somebody of a disabled tenant signed in")
	}
	c := clientcredentials.Config{ClientID: "job", ClientSecret: secret, TokenURL: h.url + "/token", Scopes: []string{"orders:read"}, AuthStyle: oauth2.AuthStyleInHeader}
	if _, err := c.Token(h.ctx()); err == nil || !strings.Contains(err.Error(), "unauthorized_client") {
		t.Errorf("a client of a disabled tenant: %v", err)
	}
	h.do(0, "tenants", "enable", "t1")
	if _, err := c.Token(h.ctx()); err != nil {
		t.Error(err)
	}
	h.do(1, "tenants", "remove", "t1")
}

// TestCheckAndExplainKnowTheAdminAPI reads the plan of one of its operations.
func TestCheckAndExplainKnowTheAdminAPI(t *testing.T) {
	h := withOperators(t)
	if out, errs := h.do(0, "check"); !strings.Contains(out, "0 errors, 1 warning") {
		t.Error(out, errs)
	}
	if out, _ := h.do(0, "explain", "GET", "/v1/users"); !strings.Contains(out, "jwt") || !strings.Contains(out, "authorize     scope") || !strings.Contains(out, "authorize     assurance") {
		t.Error(out)
	}
}

// TestTheLinesOfTheAdminAPIsPageWork runs what docs/admin-api.md says, with curl.
func TestTheLinesOfTheAdminAPIsPageWork(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed: the lines of the page are not tried")
	}
	page, err := os.ReadFile("../../docs/admin-api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, first, _ := strings.Cut(string(page), "```sh\n")
	register, rest, _ := strings.Cut(first, "```")
	_, second, _ := strings.Cut(rest, "```sh\n")
	lines, _, _ := strings.Cut(second, "```")
	h := withOperators(t)
	args := strings.Fields(register)
	if len(args) < 5 || args[0] != "gatehouse" || strings.Count(lines, "curl ") != 5 {
		t.Fatalf("%s\n%s", register, lines)
	}
	out, _ := h.do(0, append(args[1:], "--json")...)
	var c struct{ Secret string }
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatal(err)
	}
	sh := exec.CommandContext(t.Context(), "sh", "-euc", lines)
	sh.Env = append(os.Environ(), "SECRET="+c.Secret, "ISSUER="+h.url, "ADMIN="+h.g.OperatorsURL, "CURL_CA_BUNDLE="+filepath.Join(h.dir, "demo.crt"))
	got, err := sh.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	for _, want := range []string{`"id":"t1"`, `"password":"`, `{"users":[{`, `"state":"disabled"`} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
}

// TestOfTwoWhoChangeTheSameThingOneHasSeenIt sends changes at once on what each has
// seen: one is made.
func TestOfTwoWhoChangeTheSameThingOneHasSeenIt(t *testing.T) {
	h := withOperators(t)
	ops := h.operator("ops", "gatehouse-admin", "")
	for what, path := range map[string]string{"a tenant": "/v1/tenants/t1", "a client": "/v1/clients/app"} {
		var seen string
		if what == "a tenant" {
			seen = ops.want(201, "POST", "/v1/tenants", `{"id":"t1"}`).etag
		} else {
			seen = ops.want(201, "POST", "/v1/clients", `{"id":"app","grants":["client_credentials"]}`).etag
		}
		var made, stale atomic.Int32
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				switch r := ops.call("PATCH", path, fmt.Sprintf(`{"name":"name %d"}`, i), "If-Match", seen); r.status {
				case 200:
					made.Add(1)
				case 412:
					stale.Add(1)
				default:
					t.Errorf("%s: %d %s", what, r.status, r.body)
				}
			})
		}
		all.Wait()
		if made.Load() != 1 || stale.Load() != 7 {
			t.Errorf("%s: %d changes were made, %d refused", what, made.Load(), stale.Load())
		}
	}
}

// TestTheAdminAPIIsServedToClientsUnderItsOwnHostOnly exposes it.
func TestTheAdminAPIIsServedToClientsUnderItsOwnHostOnly(t *testing.T) {
	h := startSelfWith(t, nil, fmt.Sprintf(`, admin: {host: admin.example.com, exposed: {because: "tenants administrate themselves", owner: ops@example.com, until: %s}}`,
		time.Now().AddDate(0, 6, 0).Format(time.DateOnly)))
	if h.g.OperatorsURL != "" {
		t.Errorf("it is served at %s, too", h.g.OperatorsURL)
	}
	ops := h.operator("ops", "gatehouse-admin", "")
	for host, want := range map[string]int{"admin.example.com": 200, "": 404, "other.example.com": 421} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+"/v1/users", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+ops.token)
		if host != "" {
			r.Host = host
		}
		res, err := h.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _ = res.Body.Close(); res.StatusCode != want {
			t.Errorf("%q: %d; want %d", host, res.StatusCode, want)
		}
	}
}

// TestNoCanaryOfTheAdminAPIIsInALog sends secrets in every place of a request, taken
// and refused, and text that would move the cursor of whoever reads: R46.
func TestNoCanaryOfTheAdminAPIIsInALog(t *testing.T) {
	h := withOperators(t)
	ops := h.operator("ops", "gatehouse-admin", "")
	const canary = "canary seven otters paint lighthouses"
	name := func(n string) string { return `"name":"` + n + `@example.com","password":"` + canary + `"` }
	id := ops.want(201, "POST", "/v1/users", `{`+name("ann")+`}`).member("user.id")
	ops.want(409, "POST", "/v1/users", `{`+name("ann")+`}`)
	ops.want(422, "POST", "/v1/users", `{`+name("bob")+`,"roles":["unknown"]}`)
	ops.want(400, "POST", "/v1/users", `{`+name("bob")+`,"admin":"`+canary+`"}`)
	ops.want(400, "POST", "/v1/users", `{`+name("bob"))
	ops.want(200, "PUT", "/v1/users/"+id+"/password", `{"password":"`+canary+`!"}`)
	ops.want(400, "GET", "/v1/users?password="+url.QueryEscape(canary), "")
	ops.want(400, "GET", "/v1/users?cursor="+strings.ReplaceAll(canary, " ", "-"), "")
	nobody := &caller{h, strings.ReplaceAll(canary, " ", "-")}
	nobody.want(401, "GET", "/v1/users", "")
	ops.want(200, "PATCH", "/v1/users/"+id, `{"because":"left\r\n{\"audit\":\"forged\"}\u001b[31m","state":"disabled"}`, "If-Match: *")
	record, err := os.ReadFile(filepath.Join(h.dir, "gatehouse-state", auditName))
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"the log": h.log.String(), "the record": string(record)} {
		for _, spelled := range []string{canary, strings.ReplaceAll(canary, " ", "-"), url.QueryEscape(canary), ops.token} {
			if strings.Contains(text, spelled) {
				t.Errorf("%q is in %s", spelled, where)
			}
		}
		if strings.Contains(text, "\x1b") || strings.Contains(text, "\n{\"audit\"") {
			t.Errorf("%s can be written into: %s", where, text)
		}
	}
}
