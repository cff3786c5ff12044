//go:build unix

package rows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/gatehouse-api/gatehouse/internal/pgtest"
	"github.com/gatehouse-api/gatehouse/internal/race"
	"github.com/gatehouse-api/gatehouse/sdk/identity"
)

// guardedTables are those of testdata/postgres.sql.
func guardedTables() []Option {
	return []Option{
		Table("orders", Tenant("tenant_id")), Table("items", Tenant("tenant_id")), Table("notes", Owner("user_id")),
		Table("tasks", Tenant("tenant_id"), Owner("user_id")), Table("events", Tenant("tenant_id")), Table("papers", Tenant("tenant_id")),
		Table("order lines", Tenant("tenant_id")), Table("2026_lines", Tenant("tenant_id")),
	}
}

func as(tenant, user string) context.Context {
	return identity.With(context.Background(), identity.Identity{Kind: identity.User, Subject: user, Tenant: tenant})
}

// twin is a guarded database, and what says independently what a query gives.
type twin struct {
	guarded *DB
	// oracle returns what the caller t2, u2 gets, and all rows of all tables after it.
	oracle func(t testing.TB, query string) (answer, []string, error)
	dump   string // a query for all rows of all tables
	// settle makes a dump of the guarded database comparable with the oracle's.
	settle func(t testing.TB, all []string) []string
}

// answer is what a query gives.
type answer struct {
	rows     []string // sorted
	affected int64    // by a statement without RETURNING
}

// run runs a query in a transaction, and returns what it gives.
func run(ctx context.Context, tx *sql.Tx, query string) (answer, error) {
	if !returns(query) {
		r, err := tx.ExecContext(ctx, query)
		if err != nil {
			return answer{}, err
		}
		n, err := r.RowsAffected()
		return answer{affected: n}, err
	}
	found, err := tx.QueryContext(ctx, query)
	if err != nil {
		return answer{}, err
	}
	all, err := lines(found)
	slices.Sort(all)
	return answer{rows: all}, err
}

// returns reports whether a statement has rows to return.
func returns(query string) bool {
	q := strings.ToLower(query)
	writes := strings.Contains(q, "insert into") || strings.Contains(q, "update ") && strings.Contains(q, " set ") || strings.Contains(q, "delete from")
	return !writes || strings.Contains(q, "returning") || strings.HasPrefix(q, "select")
}

func lines(found *sql.Rows) (all []string, err error) {
	table, err := readAll(found)
	for _, line := range table {
		all = append(all, strings.Join(line, "|"))
	}
	return all, err
}

// compare runs a query guarded and by the oracle. It returns how many rows the oracle
// returned or changed; the error is that the guard, or the database behind it, refused.
func (w *twin) compare(t testing.TB, query string) (touched int, refused error) {
	t.Helper()
	ctx := as("t2", "u2")
	tx, err := w.guarded.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	got, err := run(ctx, tx, query)
	if err != nil {
		return 0, err
	}
	found, err := tx.QueryContext(quiet(ctx), w.dump)
	if err != nil {
		t.Fatal(err)
	}
	after, err := lines(found)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil { // it has locks
		t.Fatal(err)
	}
	want, wantAfter, err := w.oracle(t, query)
	if err != nil {
		t.Errorf("%s\nthe oracle fails: %v\nthe guard gives %v", query, err, got)
		return 0, nil
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s\n guard  %d rows, %d affected: %.300v\n oracle %d rows, %d affected: %.300v", query, len(got.rows), got.affected, got.rows, len(want.rows), want.affected, want.rows)
	}
	if w.settle != nil {
		after = w.settle(t, after)
	}
	if !slices.Equal(after, wantAfter) {
		t.Errorf("%s\nleaves other rows behind than the oracle", query)
	}
	return len(want.rows) + int(want.affected), nil
}

// quiet is AsSystem without a line in the log.
func quiet(ctx context.Context) context.Context {
	over, _ := identity.From(ctx)
	return context.WithValue(ctx, systemKey{}, bypass{"a test looks at everything", over})
}

func postgres(t testing.TB) (guarded *twin, raw *sql.DB) {
	t.Helper()
	url := pgtest.Start(t).Database(t)
	raw, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	for _, file := range []string{"postgres.sql", "rls.sql"} {
		script, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := raw.Exec(string(script)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	db, err := Wrap(context.Background(), raw, guardedTables()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &twin{guarded: db}
	var parts []string
	for _, table := range []string{"orders", "items", "notes", "tasks", "events", "papers", "customers", "jobs", "reports", "archive.orders", `"order lines"`, `"2026_lines"`} {
		parts = append(parts, fmt.Sprintf("SELECT '%s ' || x::text FROM %s x", table, table))
	}
	w.dump = strings.Join(parts, " UNION ALL ") + " ORDER BY 1"
	w.oracle = func(t testing.TB, query string) (answer, []string, error) {
		return byRowSecurity(t, raw, query, w.dump)
	}
	return w, raw
}

// byRowSecurity runs a query as a role that owns nothing, under policies that this
// test has written.
func byRowSecurity(t testing.TB, raw *sql.DB, query, dump string) (answer, []string, error) {
	t.Helper()
	ctx := context.Background()
	tx, err := raw.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SELECT set_config('oracle.tenant', 't2', true), set_config('oracle.user', 'u2', true), set_config('role', 'app', true)"); err != nil {
		t.Fatal(err)
	}
	want, err := run(ctx, tx, forOracle(query))
	if err != nil {
		return answer{}, nil, err
	}
	if _, err := tx.ExecContext(ctx, "RESET ROLE"); err != nil {
		return answer{}, nil, errors.Join(err, errors.New("the query has ended the transaction"))
	}
	found, err := tx.QueryContext(ctx, dump)
	if err != nil {
		t.Fatal(err)
	}
	after, err := lines(found)
	if err != nil {
		t.Fatal(err)
	}
	return want, after, nil
}

// inserted is where the oracle must say what the guard appends.
var inserted = map[string]string{"orders": "tenant_id", "items": "tenant_id", "notes": "user_id", "papers": "tenant_id", "events": "tenant_id"}

// forOracle returns an INSERT as somebody without the guard writes it. Its rows are
// marked by parentheses with spaces inside: "( 1, 2 )".
func forOracle(query string) string {
	for table, column := range inserted {
		head := "insert into " + table
		if !strings.HasPrefix(query, head) || strings.Contains(query, column+" )") || !strings.Contains(query, " )") {
			continue
		}
		value := map[string]string{"tenant_id": "'t2'", "user_id": "'u2'"}[column]
		first := strings.Index(query, " )")
		return query[:first] + ", " + column + " )" + strings.ReplaceAll(query[first+2:], " )", ", "+value+" )")
	}
	return query
}

func TestTheGuardAgreesWithRowLevelSecurity(t *testing.T) {
	w, _ := postgres(t)
	agree(t, w, "postgres")
}

// agree compares every query of testdata/queries.sql; authz.data-layer.
func agree(t *testing.T, w *twin, dialect string) {
	t.Helper()
	counted, least := 0, 200
	for i, q := range queries(t, "testdata/queries.sql", dialect) {
		if race.Enabled && dialect == "sqlite" && i%5 != 0 {
			least = 20 // the database is Go too, and ten times slower then
			continue
		}
		n, err := w.compare(t, q.text)
		switch {
		case err != nil:
			t.Errorf("%s\nis refused: %v", q.text, err)
		case n > 0:
			counted++
		default:
			t.Logf("touches no row and does not count: %s", q.text)
		}
	}
	t.Logf("%d queries that return or change rows are answered alike", counted)
	if counted < least {
		t.Errorf("only %d queries return or change a row", counted)
	}
}

// named is a query of a file, and what its line says before it.
type named struct{ name, text string }

// queries reads a file of one query for each line, with \n, \r and \t for such
// characters. "-- all", "-- postgres" or "-- sqlite" begins a part; before " => "
// stands a query's name.
func queries(t testing.TB, file, dialect string) (all []named) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	on := false
	seen := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if part, ok := strings.CutPrefix(line, "-- "); ok {
			on = part == "all" || part == dialect
			continue
		}
		if !on || line == "" {
			continue
		}
		q := named{text: line}
		if name, text, ok := strings.Cut(line, " => "); ok {
			q = named{name, text}
		}
		q.text = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t").Replace(q.text)
		if seen[q.text] {
			t.Errorf("%s: %q is there twice", file, q.text)
		}
		seen[q.text] = true
		all = append(all, q)
	}
	return all
}

func TestAttemptsToGetPastTheGuardAreRefusedOrEqualInPostgreSQL(t *testing.T) {
	w, _ := postgres(t)
	attempts(t, w, "postgres", 420)
}

// The condition is asked before whatever of a text may fail, and indexes are used as if
// it were a comparison and nothing else: for rows, and for their order.
func TestTheConditionIsAskedFirstAndKnownToIndexes(t *testing.T) {
	_, raw := postgres(t)
	conn, err := raw.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	g, err := NewGuard(t.Context(), asker(conn), guardedTables()...)
	if err != nil {
		t.Fatal(err)
	}
	who, err := g.Caller(as("t2", "u2"))
	if err != nil {
		t.Fatal(err)
	}
	explain := func(query string) string {
		j, err := g.Judge(who, query, 0)
		if err != nil {
			t.Fatal(err)
		}
		var args []any
		for _, a := range j.Add {
			args = append(args, a.Value)
		}
		found, err := conn.QueryContext(t.Context(), "EXPLAIN "+j.Text, args...)
		if err != nil {
			t.Fatal(err)
		}
		all, err := lines(found)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(all, "\n")
	}
	for _, query := range []string{"select id from notes where has_schema_privilege(body, 'usage')", "delete from notes where has_schema_privilege(body, 'usage') or body = 'x'", "select id from tasks where has_schema_privilege(title, 'usage') for update"} {
		if plan := explain(query); !strings.Contains(plan, "Filter: ((CASE WHEN ") {
			t.Errorf("%s asks something else first:\n%s", query, plan)
		}
	}
	if _, err := conn.ExecContext(t.Context(), "ANALYZE; SET enable_seqscan = off; SET enable_bitmapscan = off"); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"select id from orders where status = 'open'", "select amount from orders where owner_id = 'u2' order by amount limit 3"} {
		if plan := explain(query); !strings.Contains(plan, "Index Cond: ((tenant_id = 't2'::text) AND") || strings.Contains(plan, "Sort") {
			t.Errorf("%s makes nothing of its index:\n%s", query, plan)
		}
	}
}

// What rewrites a text after it was judged is no argument.
func TestAnOptionOfTheDriverIsNoArgument(t *testing.T) {
	w, _ := postgres(t)
	const text = "select tenant_id from orders where id > $1 and @a > 0 and @b <> ''"
	for _, option := range []any{pgx.NamedArgs{"a": 1, "b": "t1"}, pgx.StrictNamedArgs{"a": 1, "b": "t1"}, pgx.QueryExecModeSimpleProtocol, pgx.QueryResultFormats{1}} {
		found, err := w.guarded.QueryContext(as("t2", "u2"), text, option)
		if err == nil {
			all, err := lines(found)
			t.Errorf("%T: %d rows, %v", option, len(all), err)
		} else if !strings.Contains(err.Error(), "the first argument is a pgx.") {
			t.Errorf("%T: %v", option, err)
		}
	}
}
