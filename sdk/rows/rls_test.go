//go:build unix

package rows

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/pgtest"
)

// secured is what `policy rls generate` is run on.
const secured = `
CREATE TABLE orders (id bigint PRIMARY KEY, tenant_id text NOT NULL, total int);
CREATE TABLE bills (id bigint PRIMARY KEY, tenant_id uuid NOT NULL, user_id bigint NOT NULL);
CREATE TABLE events (id bigint, tenant_id varchar(30) NOT NULL, at date) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE notes (id bigint, "userId" text);
CREATE TABLE other (id bigint);
INSERT INTO orders SELECT i, 't' || i % 5, i FROM generate_series(1, 100) i;
INSERT INTO bills SELECT i, ('00000000-0000-4000-8000-00000000000' || i % 5)::uuid, i % 2 FROM generate_series(1, 100) i;
INSERT INTO events SELECT i, 't' || i % 5, date '2026-02-01' FROM generate_series(1, 100) i;
CREATE VIEW totals WITH (security_invoker = true) AS SELECT tenant_id, sum(total) AS total FROM orders GROUP BY 1;
CREATE FUNCTION total() RETURNS bigint LANGUAGE sql AS 'SELECT sum(total) FROM orders';
CREATE FUNCTION definer_of_nothing() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE MATERIALIZED VIEW kept AS SELECT * FROM orders;
GRANT SELECT, INSERT, UPDATE, DELETE ON orders, bills, events, notes, other TO clerk;
GRANT SELECT ON totals TO clerk;
`

func securedTables() []GuardedTable {
	return []GuardedTable{Table("orders", Tenant("tenant_id")), Table("bills", Tenant("tenant_id uuid"), Owner("user_id integer")), Table("events", Tenant("tenant_id")), Table("notes", Owner("userId"))}
}

// securedDatabase makes a database, and runs the generated migration on it.
func securedDatabase(t *testing.T, s *pgtest.Server, role string) (owner *sql.DB, url string) {
	t.Helper()
	url = s.Database(t)
	owner, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close() })
	migration, err := (RowSecurity{Role: role, Tables: securedTables()}).Migration()
	if err != nil {
		t.Fatal(err)
	}
	create := fmt.Sprintf("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%[1]s') THEN CREATE ROLE %[1]s LOGIN; END IF; END $$;", role)
	for _, script := range []string{create, strings.ReplaceAll(secured, "clerk", role), migration, migration} { // it may be run again
		if _, err := owner.Exec(script); err != nil {
			t.Fatalf("%v\n%s", err, script)
		}
	}
	return owner, url
}

// planted are faults, one for each line of AUTHORIZATION.md section 5(c).
var planted = []struct{ name, plant, object, want string }{
	{"superuser", "ALTER ROLE fault SUPERUSER", "role fault", "is a superuser"},
	{"BYPASSRLS", "ALTER ROLE fault BYPASSRLS", "role fault", "has BYPASSRLS"},
	{"member of one that bypasses", "CREATE ROLE careless BYPASSRLS; GRANT careless TO fault", "role fault", "may become careless"},
	{"owner without FORCE", "ALTER TABLE orders NO FORCE ROW LEVEL SECURITY; ALTER TABLE orders OWNER TO fault; REVOKE TRUNCATE ON orders FROM fault", `"public"."orders"`, "the owner is not held"},
	{"row-level security off", "ALTER TABLE orders DISABLE ROW LEVEL SECURITY", `"public"."orders"`, "has no row-level security"},
	{"no policy for a command", "DROP POLICY gatehouse_tenant ON orders; CREATE POLICY r ON orders FOR SELECT TO fault USING (tenant_id = (SELECT nullif(current_setting('gatehouse.tenant', true), '')))", `"public"."orders"`, "no policy for DELETE"},
	{"no policy at all", "DROP POLICY gatehouse_tenant ON orders", `"public"."orders"`, "no policy for SELECT"},
	{"partition with a grant", "GRANT SELECT ON events_2026 TO fault", `"public"."events_2026"`, "partition or child of events has no row-level security"},
	{"partition with a grant on a column", "GRANT SELECT (id) ON events_2026 TO fault", `"public"."events_2026"`, "partition or child of events has no row-level security"},
	{"child with a grant", "CREATE TABLE orders_old () INHERITS (orders); GRANT UPDATE ON orders_old TO fault", `"public"."orders_old"`, "partition or child of orders has no row-level security"},
	{"view without security_invoker", "ALTER VIEW totals RESET (security_invoker)", `"public"."totals"`, "reads a guarded table as its owner"},
	{"view of a view", "CREATE VIEW twice AS SELECT * FROM totals; GRANT SELECT ON twice TO fault", `"public"."twice"`, "reads a guarded table as its owner"},
	{"materialised view", "GRANT SELECT ON kept TO PUBLIC", `"public"."kept"`, "keeps rows of all tenants"},
	{"SECURITY DEFINER", "ALTER FUNCTION total() SECURITY DEFINER", "function total()", "SECURITY DEFINER"},
	{"SECURITY DEFINER through another function", "CREATE FUNCTION again() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT total()'", "function again()", "SECURITY DEFINER"},
	{"function that is not LEAKPROOF", "CREATE FUNCTION mine(t text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT t = current_setting(''gatehouse.tenant'', true)'; CREATE POLICY f ON orders AS RESTRICTIVE TO fault USING (mine(tenant_id))", `"public"."orders"`, "not LEAKPROOF"},
	{"TRUNCATE granted", "GRANT TRUNCATE ON orders TO fault", `"public"."orders"`, "may TRUNCATE"},
	{"TRUNCATE granted to everybody", "GRANT TRUNCATE ON orders TO PUBLIC", `"public"."orders"`, "may TRUNCATE"},
	{"nullable tenant column", "ALTER TABLE orders ALTER tenant_id DROP NOT NULL", `"public"."orders"`, "tenant_id may be NULL"},
	{"nullable owner column", "ALTER TABLE bills ALTER user_id DROP NOT NULL", `"public"."bills"`, "user_id may be NULL"},
	{"drift: another condition", "ALTER POLICY gatehouse_tenant ON orders USING (tenant_id = (SELECT nullif(current_setting('gatehouse.tenant', true), '')) OR total > 5)", `"public"."orders"`, "is not the generated one"},
	{"drift: another setting", "ALTER POLICY gatehouse_tenant ON orders USING (tenant_id = (SELECT nullif(current_setting('my.tenant', true), '')))", `"public"."orders"`, "is not the generated one"},
	{"drift: new rows of anybody's", "ALTER POLICY gatehouse_tenant ON orders WITH CHECK (true)", `"public"."orders"`, "is not the generated one"},
	{"drift: another policy beside it", "CREATE POLICY more ON orders FOR SELECT USING (total > 5)", `"public"."orders"`, "the policy more is not the generated one"},
	{"drift: one of two columns", "ALTER POLICY gatehouse_tenant ON bills USING (tenant_id = (SELECT nullif(current_setting('gatehouse.tenant', true), '')::uuid)) WITH CHECK (tenant_id = (SELECT nullif(current_setting('gatehouse.tenant', true), '')::uuid))", `"public"."bills"`, "is not the generated one"},
}

func TestEveryPlantedFaultOfRowLevelSecurityIsFoundAndNothingElse(t *testing.T) {
	s := pgtest.Start(t)
	ctx := context.Background()
	clean, _ := securedDatabase(t, s, "fault")
	verify := RowSecurity{Role: "fault", Tables: securedTables()}
	if found, err := verify.VerifyDB(ctx, clean); err != nil || len(found) > 0 {
		t.Fatalf("on a clean database: %v %v", found, err)
	}
	if _, err := clean.Exec("GRANT SELECT ON events_2026 TO fault; " + verify.Tables[2].wanted.Policy("events_2026", "fault") + "CREATE POLICY fewer ON orders AS RESTRICTIVE TO fault USING (total < 1000)"); err != nil {
		t.Fatal(err)
	}
	if found, err := verify.VerifyDB(ctx, clean); err != nil || len(found) > 0 {
		t.Fatalf("with a secured partition and a restrictive policy: %v %v", found, err)
	}
	for _, p := range planted {
		owner, _ := securedDatabase(t, s, "fault")
		if _, err := owner.Exec(p.plant); err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		found, err := verify.VerifyDB(ctx, owner)
		if err != nil {
			t.Fatal(err)
		}
		hit := false
		for _, f := range found {
			hit = hit || f.Object == p.object && strings.Contains(f.Fault, p.want) && f.Fix != ""
			if f.Object != p.object && p.object != "role fault" {
				t.Errorf("%s: found elsewhere: %v", p.name, f)
			}
		}
		if !hit {
			t.Errorf("%s: not found; found are %v", p.name, found)
		}
		if _, err := owner.Exec("ALTER ROLE fault NOSUPERUSER NOBYPASSRLS; DROP ROLE IF EXISTS careless"); err != nil {
			t.Fatal(err)
		}
	}
	if len(planted) != 25 {
		t.Errorf("%d faults are planted", len(planted))
	}
}

func TestTheGeneratedPolicyHoldsTheRoleAndTheOwner(t *testing.T) {
	s := pgtest.Start(t)
	owner, url := securedDatabase(t, s, "clerk")
	ctx := context.Background()
	app, err := sql.Open("pgx", strings.Replace(url, "postgres@", "clerk@", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Close() }()
	if err := VerifyRLS(ctx, app, securedTables()...); err != nil {
		t.Fatalf("the application may not start: %v", err)
	}
	if err := VerifyRLS(ctx, owner, securedTables()...); err == nil || !strings.Contains(err.Error(), "is a superuser") {
		t.Fatalf("the application may start as a superuser: %v", err)
	}
	count := func(tenant, table string) (n int) {
		t.Helper()
		tx, err := app.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		if tenant != "" {
			if _, err := tx.Exec("SELECT set_config('gatehouse.tenant', $1, true), set_config('gatehouse.user', '1', true)", tenant); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, c := range []struct {
		tenant, table string
		want          int
	}{{"t2", "orders", 20}, {"", "orders", 0}, {"t9", "orders", 0}, {"t2", "events", 20}, {"00000000-0000-4000-8000-000000000002", "bills", 10}, {"", "events", 0}} {
		if n := count(c.tenant, c.table); n != c.want {
			t.Errorf("%s sees %d rows of %s, not %d", c.tenant, n, c.table, c.want)
		}
	}
	if _, err := app.Exec("INSERT INTO orders VALUES (1000, 't2', 1)"); err == nil {
		t.Error("a row is written without a tenant in the transaction")
	}
	if _, err := owner.Exec("INSERT INTO orders VALUES (1001, '', 1)"); err == nil {
		t.Error("a row of the tenant '' is written")
	}
}

func TestAMigrationNeedsARoleAndWhose(t *testing.T) {
	for _, r := range []RowSecurity{{}, {Role: "app"}, {Tables: securedTables()}, {Role: "app", Tables: []GuardedTable{Table("orders")}}} {
		if _, err := r.Migration(); err == nil {
			t.Errorf("%+v gives a migration", r)
		}
	}
}
