package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/control/all"
)

//go:embed testdata/orders.openapi.yaml
var ordersDescription []byte

// origin is whose pages call the API.
const origin = "https://app.example.com"

// setup is one configuration of Gatehouse.
type setup struct {
	name string
	// keep names the controls that stay on; nil keeps all of them.
	keep []string
	// public lets everybody in.
	public bool
	// tls serves over TLS.
	tls bool
	// operations is how many the description has; 0 is the orders' own.
	operations int
}

var (
	plain   = setup{name: "plain", keep: []string{}, public: true}
	limited = setup{name: "limited", keep: []string{"jwt", "ratelimit", "role"}}
	full    = setup{name: "full"}

	plainTLS = setup{name: "plain-tls", keep: []string{}, public: true, tls: true}
	fullTLS  = setup{name: "full-tls", tls: true}
	few      = setup{name: "few", operations: fewOperations}
	many     = setup{name: "many", operations: manyOperations}
)

// configuration is what an operator would write who wants setup, but that the
// limits, all five, are out of reach of the load.
func (s setup) configuration(listen, admin, upstream, issuer, dir string) string {
	waiver := fmt.Sprintf(`{because: "a measurement of what is left", owner: bench@example.com, until: %s}`, time.Now().AddDate(0, 0, 7).Format(time.DateOnly))
	pair := ""
	if s.tls {
		pair = ", tls: {cert: ../cert.pem, key: ../key.pem}"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `environment: development
listen: {address: %q%s, max_connections: 20000, max_connections_per_ip: 20000}
admin: {address: %q}
state: %q
log: %q
apis:
  orders:
    openapi: orders.openapi.yaml
    upstream: http://%s
    hosts: [127.0.0.1]
`, listen, pair, admin, filepath.Join(dir, s.name+".state"), filepath.Join(dir, s.name+".access.log"), upstream)
	if s.public {
		b.WriteString("    public:\n")
		for _, op := range []string{"getOrder", "listOrders", "createOrder"} {
			fmt.Fprintf(&b, "      %s: %s\n", op, waiver)
		}
	} else {
		fmt.Fprintf(&b, "    audience: %s\n    issuer: %s\n    roles: {authenticated: [\"tag:orders\"]}\n", audience, issuer)
	}
	if s.keep == nil {
		fmt.Fprintf(&b, "    origins: [%s]\n    objects:\n      order: {id: path.orderId, owner: response.customer_id, tenant: response.tenant_id}\n", origin)
	}
	b.WriteString("    controls:\n")
	if s.keep == nil || slices.Contains(s.keep, "ratelimit") {
		fmt.Fprintf(&b, "      ratelimit: {global: 1000000/s, key: 1000000/s, user: 1000000/s, ip: 1000000/s, endpoint: 1000000/s, burst: 1000000, waiver: %s}\n", waiver)
	}
	for _, k := range all.Kinds {
		if s.keep != nil && !k.Mandatory && !slices.Contains(s.keep, k.Name) {
			fmt.Fprintf(&b, "      %s: {off: %s}\n", k.Name, waiver)
		}
	}
	return b.String()
}

// startGatehouse serves a setup.
func (s *site) startGatehouse(set setup, program, listen string) (*process, error) {
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dir, set.name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	path, description := filepath.Join(dir, "gatehouse.yaml"), ordersDescription
	if set.operations > 0 {
		description = describe(set.operations)
	}
	for name, data := range map[string][]byte{
		path: []byte(set.configuration(listen, admin, s.upstream, s.issuer.URL, dir)), filepath.Join(dir, "orders.openapi.yaml"): description,
	} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			return nil, err
		}
	}
	return start(s.ctx, measuredCore, "gatehouse "+set.name, listen, []string{"GOMAXPROCS=1"}, program, "serve", "--config", path)
}
