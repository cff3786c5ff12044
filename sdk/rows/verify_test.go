package rows

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/sdk/identity"
)

const reads = `permit(principal, action == Action::"order.list", resource is Order) when { resource.amount < 3 && resource.open && (resource has region && resource.region == "EU") };`

func TestTheTablesAreWhatThePoliciesTakeThemFor(t *testing.T) {
	for _, c := range []struct {
		d    Dialect
		db   *sql.DB
		good string
		bad  map[string][]string // what is done -> parts of what is said
	}{
		{SQLite, openSQLite(t), `CREATE TABLE orders (id text PRIMARY KEY, tenant_id text NOT NULL, customer_id text NOT NULL COLLATE NOCASE, amount integer NOT NULL, open integer NOT NULL, region text, extra blob) STRICT`, map[string][]string{
			"SELECT 1": nil,
			"CREATE TABLE orders (id text PRIMARY KEY, tenant_id text NOT NULL, customer_id text, amount text NOT NULL, region text) STRICT": {
				`column "customer_id" (resource.owner): it may be NULL`, `column "amount" (resource.amount): it is a text, and policies ask a integer`, `column "open" (resource.open): there is none`},
			"CREATE TABLE orders (id text PRIMARY KEY, tenant_id text NOT NULL, customer_id text NOT NULL, amount integer NOT NULL, open integer NOT NULL, region text)": {"not STRICT"},
			"CREATE VIEW orders AS SELECT 1 AS id": {"is a view"},
			"":                                     {"there is no table"},
		}},
		{PostgreSQL, openPostgres(t), `CREATE TABLE orders (id text NOT NULL, tenant_id varchar(40) NOT NULL, customer_id text NOT NULL, amount int NOT NULL, open bool NOT NULL, region text COLLATE "C", extra json)`, map[string][]string{
			"SELECT 1": nil,
			"ALTER TABLE orders ALTER customer_id DROP NOT NULL, ALTER amount TYPE numeric, DROP open, ALTER id DROP NOT NULL": {
				`column "customer_id" (resource.owner): it may be NULL`, `column "amount" (resource.amount): it is a numeric`, `column "open" (resource.open): there is none`, `column "id" (id): it may be NULL`},
			"ALTER TABLE orders ALTER tenant_id TYPE char(40)": {`column "tenant_id" (resource.tenant): it is a bpchar`},
			"CREATE COLLATION IF NOT EXISTS anyhow (provider = icu, locale = 'und-u-ks-level2', deterministic = false); ALTER TABLE orders ALTER customer_id TYPE text COLLATE anyhow": {
				`column "customer_id" (resource.owner): its collation takes different texts for the same`},
			"CREATE DOMAIN short AS text; ALTER TABLE orders ALTER region TYPE short":                                {`column "region" (resource.region): it is a short`},
			"ALTER TABLE orders RENAME TO orders_2026; CREATE VIEW orders AS SELECT * FROM orders_2026":              {"is a view"},
			"ALTER TABLE orders RENAME TO orders_2026; CREATE MATERIALIZED VIEW orders AS SELECT * FROM orders_2026": {"is a view"},
			"DROP TABLE orders": {"there is no table"},
		}},
	} {
		p := opened(t, c.d, ordersModel(t, reads))
		for change, says := range c.bad {
			for _, statement := range []string{"DROP VIEW IF EXISTS orders", "DROP TABLE IF EXISTS orders"} {
				_, _ = c.db.Exec(statement) // the one that it is not is an error
			}
			_, _ = c.db.Exec("DROP MATERIALIZED VIEW IF EXISTS orders")
			_, _ = c.db.Exec("DROP TABLE IF EXISTS orders_2026")
			statements := []string{c.good, change}
			if change == "" {
				statements = nil
			} else if strings.HasPrefix(change, "CREATE TABLE orders") || strings.HasPrefix(change, "CREATE VIEW orders") {
				statements = statements[1:]
			}
			for _, s := range statements {
				if _, err := c.db.Exec(s); err != nil {
					t.Fatalf("%s: %v", s, err)
				}
			}
			err := p.Verify(t.Context(), c.db)
			if says == nil && err != nil {
				t.Errorf("%s: a good table: %v", c.d, err)
			}
			for _, part := range says {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("%s, %s: %q is not said: %v", c.d, change, part, err)
				}
			}
			if err != nil && strings.Count(err.Error(), "\n")+1 != max(1, len(says)) {
				t.Errorf("%s, %s: more is said: %v", c.d, change, err)
			}
		}
	}
}

// Under a collation that ignores case SQLite would give eu's rows to EU; predicates say
// how to compare, and an index is used all the same.
func TestSQLiteComparesBytesAndUsesItsIndex(t *testing.T) {
	db := openSQLite(t)
	for _, s := range []string{`CREATE TABLE orders (id text PRIMARY KEY, tenant_id text NOT NULL COLLATE NOCASE, customer_id text NOT NULL) STRICT`, `CREATE INDEX by_owner ON orders (customer_id)`,
		`INSERT INTO orders VALUES ('1', 'acme', 'alice'), ('2', 'ACME', 'alice'), ('3', 'acme', 'Alice')`} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	predicate, args, err := opened(t, SQLite, ordersModel(t)).Where(alice(t.Context()), "order", "list")
	if err != nil {
		t.Fatal(err)
	}
	if got := selected(t, db, "SELECT id FROM orders WHERE "+predicate, args); len(got) != 1 || got[0] != 1 {
		t.Error(got)
	}
	var id, parent, unused int
	var plan string
	if err := db.QueryRow("EXPLAIN QUERY PLAN SELECT id FROM orders WHERE "+predicate, args...).Scan(&id, &parent, &unused, &plan); err != nil || !strings.Contains(plan, "by_owner") {
		t.Error(plan, err)
	}
}

func TestAColumnOfUUIDsIsAskedAsOne(t *testing.T) {
	db := openPostgres(t)
	m := ordersModelWith(t, &policy.Table{Name: "public.orders", Tenant: "tenant_id uuid", Owner: "customer_id integer"})
	p := opened(t, PostgreSQL, m)
	for _, s := range []string{`CREATE TABLE orders (id text NOT NULL, tenant_id uuid NOT NULL, customer_id bigint NOT NULL)`,
		`INSERT INTO orders VALUES ('1', '0190a8f2-7b1c-7d3e-8f00-00aa11bb22cc', 7), ('2', '0190a8f2-7b1c-7d3e-8f00-00aa11bb22cd', 7)`} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Verify(t.Context(), db); err != nil {
		t.Error(err)
	}
	for subject, want := range map[string]int{"7": 1, "07": 0, "seven": 0} {
		ctx := identity.With(t.Context(), identity.Identity{Kind: identity.User, Subject: subject, Tenant: "0190a8f2-7b1c-7d3e-8f00-00aa11bb22cc"})
		predicate, args, err := p.Where(ctx, "order", "list")
		if err != nil {
			t.Fatal(err)
		}
		if got := selected(t, db, "SELECT id FROM public.orders WHERE "+predicate, args); len(got) != want {
			t.Errorf("%s: %v", subject, got)
		}
	}
}
