//go:build unix

package rows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/sdk/identity"
)

// guardOf returns the guard of a database.
func guardOf(t testing.TB, db *DB) (g *Guard) {
	t.Helper()
	single, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = single.Close() }()
	_ = single.Raw(func(raw any) error {
		g = raw.(*conn).guard
		return nil
	})
	return g
}

func number(t testing.TB, row *sql.Row) (n int) {
	t.Helper()
	if err := row.Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWithoutAnIdentityNoGuardedRowIsReadOrWritten is authz.data-layer: every way to a
// guarded table needs a caller who may have rows in it.
func TestWithoutAnIdentityNoGuardedRowIsReadOrWritten(t *testing.T) {
	pg, _ := postgres(t)
	for name, db := range map[string]*DB{"postgres": pg.guarded, "sqlite": lite(t).guarded} {
		client := identity.With(context.Background(), identity.Identity{Kind: identity.Client, Subject: "u2", Tenant: "t2"})
		for _, c := range []struct {
			ctx   context.Context
			table string
			want  error
		}{
			{context.Background(), "orders", ErrNoIdentity}, {context.Background(), "notes", ErrNoIdentity},
			{as("", "u2"), "orders", ErrNoTenant}, {client, "notes", ErrNoOwner}, {as("t2", "u\x00"), "notes", ErrNoOwner},
			{AsSystem(context.Background(), ""), "orders", ErrNoReason}, {AsSystem(context.Background(), ""), "customers", ErrNoReason},
		} {
			for _, query := range []string{"select count(*) from " + c.table, "delete from " + c.table} {
				if _, err := db.ExecContext(c.ctx, query); !errors.Is(err, c.want) {
					t.Errorf("%s: %s: %v, not %v", name, query, err, c.want)
				}
			}
		}
		if n := number(t, db.QueryRowContext(context.Background(), "select count(*) from customers")); n != 20 {
			t.Errorf("%s: a table that is nobody's has %d rows", name, n)
		}
		if n := number(t, db.SQL().QueryRowContext(as("t2", "u2"), "select count(*) from orders")); n != 100 {
			t.Errorf("%s: through the standard library's type %d rows are seen", name, n)
		}
		if _, err := db.SQL().Exec("delete from orders"); !errors.Is(err, ErrNoIdentity) {
			t.Errorf("%s: without a context: %v", name, err)
		}
		ctx := quiet(as("t2", "u2"))
		if n := number(t, db.QueryRowContext(ctx, "select count(*) from orders")); n != 500 {
			t.Errorf("%s: the system sees %d rows", name, n)
		}
		if n := number(t, db.QueryRowContext(identity.With(ctx, identity.Identity{Subject: "u3", Tenant: "t3"}), "select count(*) from orders")); n != 100 {
			t.Errorf("%s: a caller who comes after the bypass sees %d rows", name, n)
		}
	}
}

func TestPreparedStatementsArgumentsAndTransactionsAreTheCallers(t *testing.T) {
	pg, _ := postgres(t)
	for name, db := range map[string]*DB{"postgres": pg.guarded, "sqlite": lite(t).guarded} {
		one, two := "$1", "$2"
		if name == "sqlite" {
			one, two = "?", "?"
		}
		ctx := as("t2", "u2")
		stmt, err := db.PrepareContext(ctx, "select count(*) from orders where amount > "+one+" and status = "+two)
		if err != nil {
			t.Fatal(err)
		}
		for tenant, want := range map[string]int{"t2": 33, "t3": 33, "t0": 33, "t9": 0} {
			if n := number(t, stmt.QueryRowContext(as(tenant, "u2"), 1, "open")); n < want-1 || n > want+1 {
				t.Errorf("%s: %s sees %d rows", name, tenant, n)
			}
		}
		if _, err := stmt.QueryContext(context.Background(), 1, "open"); !errors.Is(err, ErrNoIdentity) {
			t.Errorf("%s: a prepared statement of nobody's: %v", name, err)
		}
		if err := stmt.Close(); err != nil {
			t.Error(err)
		}
		if _, err := db.PrepareContext(ctx, "select * from public.orders"); err == nil {
			t.Errorf("%s: what is refused is prepared", name)
		}
		for _, args := range [][]any{{}, {1, 2}} {
			if _, err := db.QueryContext(ctx, "select id from orders where id = "+one, args...); err == nil || !strings.Contains(err.Error(), "placeholder") {
				t.Errorf("%s: %d arguments for one placeholder: %v", name, len(args), err)
			}
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{"savepoint a", "delete from items", "rollback to savepoint a", "release a"} {
			if _, err := tx.ExecContext(ctx, q); err != nil {
				t.Fatalf("%s: %s: %v", name, q, err)
			}
		}
		if _, err := tx.ExecContext(as("t3", "u2"), "delete from items"); !errors.Is(err, ErrOtherCaller) {
			t.Errorf("%s: another caller's statement: %v", name, err)
		}
		if n := number(t, tx.QueryRowContext(ctx, "select count(*) from items")); n != 200 {
			t.Errorf("%s: %d items", name, n)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		single, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := single.Raw(func(raw any) error {
			if _, ok := raw.(*conn); !ok {
				return fmt.Errorf("the raw connection is handed out: %T", raw)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		if n := number(t, single.QueryRowContext(ctx, "select count(*) from orders")); n != 100 {
			t.Errorf("%s: %d orders on one connection", name, n)
		}
		_ = single.Close()
	}
	if n := number(t, lite(t).guarded.QueryRowContext(as("t2", "u2"), "select count(*) from orders where amount > :more", sql.Named("more", 0))); n != 100 {
		t.Errorf("with a named argument %d rows are seen", n)
	}
}

// TestARowLockIsTaken has two transactions meet: the second waits for the first.
func TestARowLockIsTaken(t *testing.T) {
	w, raw := postgres(t)
	ctx := as("t2", "u2")
	first, err := w.guarded.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := number(t, first.QueryRowContext(ctx, "select id from orders where id = 7 for update")); n != 7 {
		t.Fatalf("order %d is locked", n)
	}
	got := make(chan error, 1)
	go func() {
		_, err := w.guarded.ExecContext(ctx, "update orders set note = 'second' where id = 7")
		got <- err
	}()
	waits := false
	for range 200 {
		if waits = number(t, raw.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'update %'")) > 0; waits {
			break
		}
		select {
		case err := <-got:
			t.Fatalf("the second does not wait: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if !waits {
		t.Error("the second was not seen waiting")
	}
	if _, err := first.ExecContext(ctx, "update orders set note = 'first' where id = 7"); err != nil {
		t.Fatal(err)
	}
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	// A row of another tenant is not locked by asking for it.
	tx, err := w.guarded.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	found, err := tx.QueryContext(ctx, "select id from orders where id = 8 for update")
	if err != nil {
		t.Fatal(err)
	}
	if all, err := lines(found); err != nil || len(all) != 0 {
		t.Fatalf("got %v: %v", all, err)
	}
	if _, err := raw.Exec("SET lock_timeout = '1s'; UPDATE orders SET note = 'x' WHERE id = 8"); err != nil {
		t.Errorf("another tenant's row is locked: %v", err)
	}
}

func TestWhatReachesIntoATableIsFoundAgainAfterAMinute(t *testing.T) {
	w, raw := postgres(t)
	ctx := as("t2", "u2")
	g := guardOf(t, w.guarded)
	if _, err := raw.Exec("CREATE TABLE events_2027 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01'); INSERT INTO events SELECT i, 't' || i % 5, '2027-02-01', 'x' FROM generate_series(1, 10) i; CREATE VIEW newer AS SELECT * FROM orders"); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(2 * forget)
	g.now = func() time.Time { return now }
	if n := number(t, w.guarded.QueryRowContext(ctx, "select count(*) from events_2027")); n != 2 {
		t.Errorf("%d rows of a new partition are seen", n)
	}
	var refused *Refused
	if _, err := w.guarded.QueryContext(ctx, "select * from newer"); !errors.As(err, &refused) {
		t.Errorf("a new view: %v", err)
	}
}

func TestAConnectionThatReadsStringsDifferentlyIsNotUsed(t *testing.T) {
	w, raw := postgres(t)
	raw.SetMaxOpenConns(1)
	if _, err := raw.Exec("SET standard_conforming_strings = off"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.guarded.ExecContext(as("t2", "u2"), `select 'x\' , ' from orders --'`); !errors.Is(err, ErrUnsafeConnection) {
		t.Errorf("got %v", err)
	}
}

func TestWhatCannotBeGuardedExactlyIsNotWrapped(t *testing.T) {
	_, raw := postgres(t)
	ctx := context.Background()
	if _, err := raw.Exec(`CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		CREATE TABLE a (tenant char(3), loose text COLLATE loose, price numeric, id uuid, n int);
		CREATE TABLE "Mixed" ("Tenant" text); INSERT INTO "Mixed" VALUES ('t2'), ('t3')`); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		option Option
		want   string
	}{
		{Table("a", Tenant("tenant")), "bpchar"}, {Table("a", Tenant("loose")), "deterministic"}, {Table("a", Tenant("price")), "numeric"}, {Table("a", Tenant("missing")), "does not exist"},
		{Table("a"), "whose"}, {Table("b", Tenant("x")), "no table"}, {Table("orders", Tenant("tenant_id\n")), "ASCII"}, {Reviewed("x"), "nothing is guarded"},
	} {
		if _, err := Wrap(ctx, raw, c.option); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.want, err)
		}
	}
	if _, err := Wrap(ctx, raw, Table("orders", Tenant("tenant_id")), Table("archive.orders", Tenant("tenant_id"))); err == nil {
		t.Error("a name in two schemas is guarded")
	}
	mixed, err := Wrap(ctx, raw, Table("Mixed", Tenant("Tenant")))
	if err != nil {
		t.Fatal(err)
	}
	if n := number(t, mixed.QueryRowContext(as("t2", "u2"), `select count(*) from "Mixed"`)); n != 1 {
		t.Errorf("%d rows of a table in mixed case are seen", n)
	}
	ids, err := Wrap(ctx, raw, Table("a", Tenant("id"), Owner("n")))
	if err != nil {
		t.Fatal(err)
	}
	uuid := "00000000-0000-4000-8000-0000000000aa"
	for _, c := range []struct {
		tenant, user string
		want         error
	}{{uuid, "7", nil}, {strings.ToUpper(uuid), "7", ErrNoTenant}, {"x", "7", ErrNoTenant}, {uuid, "07", ErrNoOwner}, {uuid, "u2", ErrNoOwner}} {
		if _, err := ids.ExecContext(as(c.tenant, c.user), "insert into a (price) values (1)"); !errors.Is(err, c.want) {
			t.Errorf("%s, %s: %v", c.tenant, c.user, err)
		}
	}
	if n := number(t, ids.QueryRowContext(as(uuid, "7"), "select count(*) from a")); n != 1 {
		t.Errorf("%d rows by a UUID and a number are seen", n)
	}
	if _, err := raw.Exec("CREATE FUNCTION peek(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM orders WHERE amount = $1 + $2)'; CREATE OPERATOR === (FUNCTION = peek, LEFTARG = int, RIGHTARG = int)"); err != nil {
		t.Fatal(err)
	}
	if _, err := Wrap(ctx, raw, Table("orders", Tenant("tenant_id"))); err == nil || !strings.Contains(err.Error(), "===") {
		t.Errorf("an operator that reads a guarded table: %v", err)
	}
	reviewed, err := Wrap(ctx, raw, Table("orders", Tenant("tenant_id")), Reviewed("peek", "orders_count", "totals"))
	if err != nil {
		t.Fatal(err)
	}
	if n := number(t, reviewed.QueryRowContext(ctx, "select orders_count()")); n != 500 {
		t.Errorf("a reviewed function gives %d", n)
	}
}

func TestWhatCannotBeGuardedInSQLiteIsNotWrapped(t *testing.T) {
	db := open(t, "x.db")
	if _, err := db.Exec("CREATE TABLE a (tenant, price real, name text); CREATE TABLE b (id integer PRIMARY KEY ON CONFLICT REPLACE, tenant text)"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		option Option
		want   string
	}{{Table("a", Tenant("tenant")), "declared"}, {Table("a", Tenant("price")), "declared"}, {Table("b", Tenant("tenant")), "ON CONFLICT REPLACE"}, {Table("other.a", Tenant("name")), "not in main"}, {Table("c", Tenant("name")), "no table"}} {
		if _, err := Wrap(context.Background(), db, c.option); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.want, err)
		}
	}
}

func TestOtherDatabasesAreRefusedByName(t *testing.T) {
	ask := func(_ context.Context, query string, _ ...string) ([][]string, error) {
		if strings.Contains(query, "sqlite") {
			return nil, errors.New("FUNCTION sqlite_version does not exist")
		}
		return [][]string{{"8.0.36 MySQL Community Server"}}, nil
	}
	if _, err := NewGuard(context.Background(), ask, Table("orders", Tenant("tenant_id"))); err == nil || !strings.Contains(err.Error(), "MySQL") || !strings.Contains(err.Error(), "rows.Where") {
		t.Errorf("got %v", err)
	}
}

// TestTheLookAtPlansFindsAnUnfilteredTable has the guard's second net look at a text
// that was not rewritten.
func TestTheLookAtPlansFindsAnUnfilteredTable(t *testing.T) {
	w, raw := postgres(t)
	g := guardOf(t, w.guarded)
	who, _ := g.Caller(as("t2", "u2"))
	j, err := g.Judge(who, "select id from orders", 0)
	if err != nil {
		t.Fatal(err)
	}
	for query, filtered := range map[string]bool{
		"select id from orders where tenant_id = 't2'": true, "select id from orders": false, "update only (orders) set note = 'x'": false, "delete from events_2026": false,
		"select id from orders where tenant_id = 't2' union all select id from orders where id = 7": false, "select o.id from orders o join items i on o.id = i.order_id where o.tenant_id = 't2' and i.tenant_id = 't2'": true,
	} {
		err := g.Look(j, func(string) (plan string, err error) {
			err = raw.QueryRow("EXPLAIN (VERBOSE, FORMAT JSON) " + query).Scan(&plan)
			return plan, err
		})
		if (err == nil) != filtered {
			t.Errorf("%s: %v", query, err)
		}
		another := *j.statement // each is looked at once
		j.statement = &another
	}
}
