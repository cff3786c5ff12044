package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTenantsAndRolesAreKeptByCommands calls every verb.
func TestTenantsAndRolesAreKeptByCommands(t *testing.T) {
	h := startSelfWith(t, nil, withPeople+`, roles: [auditor]`)
	wants := func(out string, parts ...string) {
		t.Helper()
		for _, p := range parts {
			if !strings.Contains(out, p) {
				t.Errorf("%s lacks %s", out, p)
			}
		}
	}
	ok := func(args ...string) string { t.Helper(); out, _ := h.do(0, args...); return out }
	refused := func(says string, args ...string) { t.Helper(); _, errs := h.do(1, args...); wants(errs, says) }

	ok("tenants", "add", "t1", "--name", "First customer", "--domain", "example.com")
	refused("there is a tenant t1 already", "tenants", "add", "t1")
	refused("is no id of a tenant", "tenants", "add", "../t1")
	refused("is no domain", "tenants", "add", "t2", "--domain", "Example")
	wants(ok("tenants", "list"), "t1", "First customer", "example.com", "active")
	ok("tenants", "domains", "t1", "--domain", "example.org")
	wants(ok("tenants", "list", "--json"), `"example.org"`)
	refused("gatehouse tenants list", "tenants", "disable", "t9", "--because", "x", "--author", "ops@example.com")

	refused(`there is no tenant "t2"; is "t1" meant?`, "users", "add", "ann@example.com", "--tenant", "t2")
	refused(`no policy knows the role "auditors"; is "auditor" meant?`, "users", "add", "ann@example.com", "--role", "auditors")
	refused("every authenticated caller", "users", "add", "ann@example.com", "--role", "authenticated")
	refused(`is "clerk" meant?`, "clients", "add", "job", "--grant", "client_credentials", "--role", "clrk")
	refused("no policy knows the role", "users", "add", "ann@example.com", "--role", "gatehouse-admin") // there is no admin API
	h.user("ann@example.com", "--tenant", "t1", "--role", "auditor")
	h.user("bob@example.com", "--role", "clerk")
	h.add("job", "--grant", "client_credentials", "--role", "robot", "--tenant", "t1")
	wants(ok("roles", "list"), "auditor", "ann@example.com", "clerk", "orders: listOrders", "robot", "job")
	if out := ok("users", "list", "--tenant", "t1"); !strings.Contains(out, "ann@") || strings.Contains(out, "bob@") {
		t.Error(out)
	}
	refused("has people", "tenants", "remove", "t1")
	wants(ok("users", "show", "ann@example.com"), "t1", "auditor", "active")
	ok("users", "move", "bob@example.com", "--tenant", "t1", "--because", "moved", "--author", "ops@example.com")
	wants(ok("users", "show", "bob@example.com", "--json"), `"tenant": "t1"`)
	ok("users", "move", "bob@example.com", "--because", "moved", "--author", "ops@example.com")
	wants(ok("clients", "show", "job"), "secret", "robot", "t1")
	wants(ok("clients", "change", "job", "--scope", "orders:read", "--name", "The job", "--json"), `"orders:read"`, `"The job"`, `"robot"`)
	refused("nothing is to be changed", "clients", "change", "job")
	refused("is no scope", "clients", "change", "job", "--scope", "two words")
	refused("gatehouse clients list", "clients", "change", "nobody", "--name", "x")
	ok("users", "remove", "ann@example.com", "--because", "left", "--author", "ops@example.com")
	refused("has clients", "tenants", "remove", "t1")
	ok("clients", "remove", "job")
	ok("tenants", "remove", "t1")

	record, err := os.ReadFile(filepath.Join(h.dir, "gatehouse-state", auditName))
	if err != nil {
		t.Fatal(err)
	}
	wants(string(record), `"audit":"tenants.add"`, `"audit":"users.remove"`, `"by":"ops@example.com"`, `"because":"left"`)
	info, err := os.Stat(filepath.Join(h.dir, "gatehouse-state", auditName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}
