//go:build unix

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/pgtest"
)

// TestRowLevelSecurityIsGeneratedAndVerified is authz.data-layer in the database: what
// generate prints is run, verify has nothing to say, and finds what is undone.
func TestRowLevelSecurityIsGeneratedAndVerified(t *testing.T) {
	server := pgtest.Start(t)
	database := server.Database(t)
	path := policied(t, nil)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	with := strings.Replace(string(text), "        tenant: response.tenant_id\n", "        tenant: response.tenant_id\n        table: {name: orders, tenant: tenant_id uuid, owner: customer_id}\n", 1)
	if err := os.WriteFile(path, []byte(with), 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(append([]string{"policy", "rls"}, append(args, "--config", path)...), &out, &errs); code != want {
			t.Fatalf("%v: %d, not %d\n%s%s", args, code, want, &out, &errs)
		}
		return out.String() + errs.String()
	}
	server.Exec(t, database, "CREATE ROLE app; CREATE TABLE orders (id bigint, tenant_id uuid, customer_id text); GRANT SELECT ON orders TO app")
	if report := call(1, "verify", "--database", database, "--role", "app"); !strings.Contains(report, "has no row-level security") || !strings.Contains(report, "fix: ALTER TABLE") {
		t.Errorf("the report is\n%s", report)
	}
	server.Exec(t, database, call(0, "generate", "--role", "app"))
	if report := call(0, "verify", "--database", database, "--role", "app"); !strings.Contains(report, "holds for 1 table") {
		t.Errorf("the report is\n%s", report)
	}
	if report := call(1, "verify", "--database", database); !strings.Contains(report, "is a superuser") {
		t.Errorf("the report for the one who connects is\n%s", report)
	}
	server.Exec(t, database, "GRANT TRUNCATE ON orders TO app")
	if report := call(1, "verify", "--database", database, "--role", "app"); !strings.Contains(report, "may TRUNCATE") || !strings.Contains(report, "1 finding:") {
		t.Errorf("the report is\n%s", report)
	}
	for _, wrong := range [][]string{{}, {"generate"}, {"undo"}} {
		call(2, wrong...)
	}
	call(1, "verify", "--database", database, "--role", "nobody there")
	call(1, "verify", "--database", "postgres://:x")
}
