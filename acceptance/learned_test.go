package acceptance

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/examples/orders"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/internal/learned"
)

// unruled is the vulnerable orders API behind a gateway that has no rule for owners.
type unruled struct {
	t      *testing.T
	dir    string
	addr   string
	admin  string
	api    *orders.API
	issuer *devissuer.Issuer
	served *running
	made   map[string][]string // orders by customer
}

const unruledConfig = `environment: development
listen: {address: %q}
admin: {address: %q}
state: state
log: access.log
%s
apis:
  orders:
    openapi: orders.openapi.yaml
    upstream: %s
    audience: https://api.example.com/orders
    issuer: %s
%s
    roles:
      authenticated: [createOrder, getOrder, updateOrder, deleteOrder, listOrders, getMe]
      admin: [listUsers, deleteUser]
      support: ["tag:orders"]
    public: {getStatus: %[7]s, login: %[7]s}
    controls:
      identity: {plain: {x-user-id: sub, x-tenant-id: tenant}}
      ratelimit: {account: email, global: 1000000/s, key: 1000000/s, user: 1000000/s, ip: 1000000/s, endpoint: 1000000/s, burst: 1000000, waiver: %[7]s}
`

// unowned are the waivers of a configuration that has no objects.
var unowned = `    no_object: {getOrder: ` + waiver + `, updateOrder: ` + waiver + `, deleteOrder: ` + waiver + `, deleteUser: ` + waiver + `}`

func startUnruled(t *testing.T, learn string) *unruled {
	t.Helper()
	u := &unruled{t: t, addr: casetest.FreeAddress(t), admin: casetest.FreeAddress(t), made: map[string][]string{}}
	var err error
	if u.dir, err = os.MkdirTemp("", "gh"); err != nil { // the path of a socket is short
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(u.dir) })
	if u.api, err = orders.Open(); err != nil {
		t.Fatal(err)
	}
	up := httptest.NewServer(u.api)
	issuer, stop, err := devissuer.Start("https://api.example.com/orders")
	if err != nil {
		t.Fatal(err)
	}
	u.issuer = issuer
	t.Cleanup(func() { up.Close(); _ = u.api.Close(); stop() })
	description, err := os.ReadFile("../examples/orders/orders.openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	u.write("orders.openapi.yaml", string(description))
	u.write("gatehouse.yaml", fmt.Sprintf(unruledConfig, u.addr, u.admin, learn, up.URL, issuer.URL, unowned, waiver))
	u.served = startServe(t, u.path("gatehouse.yaml"), u.addr)
	return u
}

func (u *unruled) path(name string) string { return filepath.Join(u.dir, name) }

func (u *unruled) write(name, text string) {
	u.t.Helper()
	if err := os.WriteFile(u.path(name), []byte(text), 0o600); err != nil {
		u.t.Fatal(err)
	}
}

func (u *unruled) read(name string) string {
	u.t.Helper()
	text, err := os.ReadFile(u.path(name))
	if err != nil {
		u.t.Fatal(err)
	}
	return string(text)
}

// ask asks as somebody: "alice@acme", with roles behind it.
func (u *unruled) ask(who, method, path, body string) (int, string) {
	u.t.Helper()
	name, role, _ := strings.Cut(who, " ")
	subject, tenant, _ := strings.Cut(name, "@")
	claims := devissuer.Claims{Subject: subject, Tenant: tenant, Scopes: []string{"orders:read", "orders:write", "account"}}
	if role != "" {
		claims.Roles = []string{role}
	}
	r, err := http.NewRequestWithContext(u.t.Context(), method, "http://"+u.addr+path, strings.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+u.issuer.Mint(claims))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// gatehouse calls the program, which must end with a code.
func (u *unruled) gatehouse(code int, args ...string) string {
	u.t.Helper()
	c := exec.Command(binary(u.t), append(args, "--config", u.path("gatehouse.yaml"))...)
	out, err := c.CombinedOutput()
	if c.ProcessState.ExitCode() != code {
		u.t.Fatalf("gatehouse %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// customers are six people of two tenants.
var customers = []string{"ann@acme", "ben@acme", "cid@acme", "dora@globex", "emil@globex", "fay@globex"}

// trade lets every customer make orders, and read, list, change and delete its own.
func (u *unruled) trade() {
	u.t.Helper()
	want := func(status, got int, body string) {
		u.t.Helper()
		if got != status {
			u.t.Fatal(got, body)
		}
	}
	for i := range 6 {
		for _, who := range customers {
			status, body := u.ask(who, "POST", "/v1/orders", `{"item":"tea","quantity":1}`)
			var o struct{ ID string }
			if err := json.Unmarshal([]byte(body), &o); err != nil || status != 201 {
				u.t.Fatal(status, body, err)
			}
			at := "/v1/orders/" + o.ID
			if i == 5 {
				status, body = u.ask(who, "DELETE", at, "")
				want(204, status, body)
				continue
			}
			u.made[who] = append(u.made[who], o.ID)
			for range 2 {
				status, body = u.ask(who, "GET", at, "")
				want(200, status, body)
			}
			status, body = u.ask(who, "PATCH", at, `{"quantity":2}`)
			want(200, status, body)
		}
	}
	for _, who := range customers {
		status, body := u.ask(who, "GET", "/v1/orders?limit=100", "")
		want(200, status, body)
	}
}

// support lets two people of support read orders of their tenants.
func (u *unruled) support() {
	u.t.Helper()
	for i, who := range []string{"sam@acme support", "sue@globex support"} {
		for _, c := range customers[3*i : 3*i+3] {
			if status, body := u.ask(who, "GET", "/v1/orders/"+u.made[c][0], ""); status != 200 {
				u.t.Fatal(status, body)
			}
		}
	}
}

// paste puts what was suggested into the configuration, as a person would.
func (u *unruled) paste(suggestion string) {
	u.t.Helper()
	var s struct {
		APIs map[string]map[string]yaml.Node `yaml:"apis"`
	}
	if err := yaml.Unmarshal([]byte(suggestion), &s); err != nil {
		u.t.Fatalf("%v\n%s", err, suggestion)
	}
	var block strings.Builder
	for _, key := range []string{"objects", "no_object"} {
		node, there := s.APIs["orders"][key]
		if !there {
			u.t.Fatalf("nothing to paste for %s:\n%s", key, suggestion)
		}
		text, err := yaml.Marshal(map[string]yaml.Node{key: node})
		if err != nil {
			u.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			block.WriteString("    " + line)
		}
	}
	before := u.read("gatehouse.yaml")
	if strings.Count(before, unowned) != 1 {
		u.t.Fatal("the waivers are not there to be replaced")
	}
	u.write("gatehouse.yaml", strings.Replace(before, unowned, strings.TrimRight(block.String(), "\n"), 1))
}

// taken waits until the program has read its configuration again.
func (u *unruled) taken() {
	u.t.Helper()
	for range 200 {
		if strings.Contains(u.served.log(), "was read again") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	u.t.Fatal("the configuration was not read again\n" + u.served.log())
}

const learns = "controls: {object: {learn: suggest}}"

// authz.object: whose the orders of the vulnerable API are is learned from its replies,
// said as YAML, and enforced when that is pasted.
func TestARuleIsLearnedSuggestedPastedAndEnforced(t *testing.T) {
	u := startUnruled(t, learns)
	if says := u.gatehouse(0, "owners", "suggest"); !strings.Contains(says, "no rule fits yet") {
		t.Error(says)
	}
	u.trade()
	u.support()
	suggestion := u.gatehouse(0, "owners", "suggest", "orders")
	for _, want := range []string{
		"in 60 of 60 replies of getOrder the member customer_id was the caller's sub: 30 objects of 6 callers",
		"in 66 of 66 replies of getOrder the member tenant_id was the caller's tenant: ",
		"owner: response.customer_id\n", "tenant: response.tenant_id\n", "owner: [read, update, delete]\n", `"role:support": [read]`,
		"6 requests to 2 callers with the role were for others'", "# Without getOrder, updateOrder, deleteOrder, which an object covers now.", "deleteUser: {because:",
	} {
		if !strings.Contains(suggestion, want) {
			t.Errorf("the suggestion lacks %q", want)
		}
	}
	t.Log(suggestion)
	var report learned.Report
	text := u.gatehouse(0, "owners", "suggest", "--json")
	if err := json.Unmarshal([]byte(text), &report); err != nil || len(report.Kinds) == 0 {
		t.Fatal(err, text)
	}
	for _, secret := range slices.Concat(u.made[customers[0]], customers, []string{"\"ann\"", "acme"}) {
		if strings.Contains(text+suggestion, secret) {
			t.Errorf("the suggestion tells of %s", secret)
		}
	}
	u.paste(suggestion)
	if says := u.gatehouse(0, "check"); !strings.Contains(says, " 0 errors") {
		t.Error(says)
	}
	u.taken()
	ann, ben := u.made[customers[0]], u.made[customers[1]]
	for _, c := range []struct {
		who, method, path, body string
		want                    int
	}{
		{customers[0], "GET", "/v1/orders/" + ann[0], "", 200},
		{customers[0], "GET", "/v1/orders/" + ben[0], "", 403},
		{customers[0], "PATCH", "/v1/orders/" + ben[0], `{"quantity":9}`, 403},
		{customers[0], "DELETE", "/v1/orders/" + ben[0], "", 403},
		{customers[0], "PATCH", "/v1/orders/" + ann[0], `{"quantity":9}`, 200},
		{customers[0], "GET", "/v1/orders?limit=100", "", 200},
		{customers[0], "GET", "/v1/orders?customer_id=ben", "", 403},
		{customers[0], "DELETE", "/v1/orders/" + ann[0], "", 204},
		{"sam@acme support", "GET", "/v1/orders/" + ben[0], "", 200},
		{"sam@acme support", "DELETE", "/v1/orders/" + ben[0], "", 403},
		{"sam@acme support", "GET", "/v1/orders/" + u.made[customers[3]][0], "", 403},
	} {
		if status, body := u.ask(c.who, c.method, c.path, c.body); status != c.want {
			t.Errorf("%s %s by %s: %d %s; want %d", c.method, c.path, c.who, status, body, c.want)
		}
	}
}
