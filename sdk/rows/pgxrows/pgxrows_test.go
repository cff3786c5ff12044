//go:build unix

package pgxrows

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gatehouse-api/gatehouse/internal/pgtest"
	"github.com/gatehouse-api/gatehouse/sdk/identity"
	"github.com/gatehouse-api/gatehouse/sdk/rows"
)

func as(tenant string) context.Context {
	return identity.With(context.Background(), identity.Identity{Kind: identity.User, Subject: "u2", Tenant: tenant})
}

func pool(t *testing.T) (*DB, *pgxpool.Pool) {
	t.Helper()
	script, err := os.ReadFile("../testdata/postgres.sql")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	raw, err := pgxpool.New(ctx, pgtest.Start(t).Database(t)+"&pool_max_conns=2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	if _, err := raw.Exec(ctx, string(script)); err != nil {
		t.Fatal(err)
	}
	db, err := Wrap(ctx, raw, rows.Table("orders", rows.Tenant("tenant_id")), rows.Table("items", rows.Tenant("tenant_id")))
	if err != nil {
		t.Fatal(err)
	}
	return db, raw
}

func TestAPoolGivesTheCallersRowsOnly(t *testing.T) {
	db, raw := pool(t)
	ctx := as("t2")
	for range 5 { // more often than there are connections
		var n int
		var tenant string
		if err := db.QueryRow(ctx, "select count(*), current_setting('gatehouse.tenant') from orders where amount > $1", 100).Scan(&n, &tenant); err != nil || n != 80 || tenant != "t2" {
			t.Fatalf("%d rows for %q: %v", n, tenant, err)
		}
	}
	found, err := db.Query(ctx, "select id from orders where status = @status", pgx.NamedArgs{"status": "open"})
	if err != nil {
		t.Fatal(err)
	}
	if found.Conn() != nil {
		t.Error("the rows give the connection away")
	}
	if ids, err := pgx.CollectRows(found, pgx.RowTo[int64]); err != nil || len(ids) != 33 {
		t.Errorf("%d ids: %v", len(ids), err)
	}
	if tag, err := db.Exec(ctx, "update orders set note = 'x'"); err != nil || tag.RowsAffected() != 100 {
		t.Errorf("%v: %v", tag, err)
	}
	var all int
	if err := raw.QueryRow(ctx, "select count(*) from orders where note = 'x'").Scan(&all); err != nil || all != 100 {
		t.Errorf("%d rows have changed: %v", all, err)
	}
	if err := db.QueryRow(context.Background(), "select 1 from orders").Scan(&all); !errors.Is(err, rows.ErrNoIdentity) {
		t.Errorf("without an identity: %v", err)
	}
	if err := db.QueryRow(rows.AsSystem(ctx, "a test"), "select count(*) from public.orders").Scan(&all); err != nil || all != 500 {
		t.Errorf("the system sees %d rows: %v", all, err)
	}
	if err := db.QueryRow(ctx, "select id from orders where id = -1").Scan(&all); !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("no row: %v", err)
	}
}

func TestWhatIsRefusedGivesTheConnectionBack(t *testing.T) {
	db, raw := pool(t)
	ctx := as("t2")
	var refused *rows.Refused
	for range 5 {
		if _, err := db.Query(ctx, "select * from public.orders"); !errors.As(err, &refused) {
			t.Fatalf("got %v", err)
		}
		if _, err := db.Exec(ctx, "select id from nothing"); err == nil {
			t.Fatal("a query of nothing has an answer")
		}
		for _, option := range []any{pgx.QueryExecModeSimpleProtocol, pgx.QueryResultFormats{1}, rewriter{}} {
			if _, err := db.Query(ctx, "select 1", option); !errors.Is(err, ErrOption) {
				t.Fatalf("%T: %v", option, err)
			}
		}
		if _, err := db.BeginTx(ctx, pgx.TxOptions{BeginQuery: "begin; delete from orders"}); !errors.Is(err, ErrOption) {
			t.Fatalf("got %v", err)
		}
	}
	if n := raw.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are not given back", n)
	}
}

type rewriter struct{}

func (rewriter) RewriteQuery(context.Context, *pgx.Conn, string, []any) (string, []any, error) {
	return "select * from orders", nil, nil
}

func TestATransactionIsOneCallers(t *testing.T) {
	db, raw := pool(t)
	ctx := as("t2")
	err := db.BeginFunc(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(as("t3"), "update orders set note = 'y'"); !errors.Is(err, rows.ErrOtherCaller) {
			return fmt.Errorf("another caller: %w", err)
		}
		inner, err := tx.Begin(ctx)
		if err != nil {
			return err
		}
		if tag, err := inner.Exec(ctx, "delete from items"); err != nil || tag.RowsAffected() != 200 {
			return fmt.Errorf("%v: %w", tag, err)
		}
		if err := inner.Rollback(ctx); err != nil {
			return err
		}
		b := &pgx.Batch{}
		b.Queue("select count(*) from items")
		b.Queue("update orders set note = $1 where amount > 0", "y")
		r := tx.SendBatch(ctx, b)
		var n int
		if err := r.QueryRow().Scan(&n); err != nil || n != 200 {
			return fmt.Errorf("%d items: %w", n, err)
		}
		return r.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := raw.QueryRow(ctx, "select count(*) from orders where note = 'y' and tenant_id = 't2'").Scan(&n); err != nil || n != 100 {
		t.Errorf("%d rows have changed: %v", n, err)
	}
	if err := db.BeginFunc(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(ctx, "update orders set note = 'z'"); err != nil {
			return err
		}
		return errors.New("no")
	}); err == nil || err.Error() != "no" {
		t.Errorf("got %v", err)
	}
	if err := raw.QueryRow(ctx, "select count(*) from orders where note = 'z'").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows have changed though it was undone: %v", n, err)
	}
	if n := raw.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are not given back", n)
	}
}

func TestABatchIsJudgedQueryByQuery(t *testing.T) {
	db, _ := pool(t)
	b := &pgx.Batch{}
	b.Queue("select count(*) from orders")
	b.Queue("select count(*) from public.orders")
	if err := db.SendBatch(as("t2"), b).Close(); err == nil || !strings.Contains(err.Error(), "schema in front") {
		t.Errorf("got %v", err)
	}
	b = &pgx.Batch{}
	b.Queue("select id from orders").Query(func(pgx.Rows) error { return nil })
	if err := db.SendBatch(as("t2"), b).Close(); err == nil {
		t.Error("a function is given what is not guarded")
	}
}

func TestAConnectionThatReadsStringsDifferentlyIsNotUsed(t *testing.T) {
	_, raw := pool(t)
	ctx := as("t2")
	conn, err := pgx.ConnectConfig(ctx, raw.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	db, err := WrapConn(ctx, conn, rows.Table("orders", rows.Tenant("tenant_id")))
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range []string{"set standard_conforming_strings = off", "set standard_conforming_strings = on; set client_encoding = 'SJIS'"} {
		if _, err := conn.Exec(ctx, setting); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(ctx, "select 1"); !errors.Is(err, rows.ErrUnsafeConnection) {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

// TestADeferredConstraintIsNotLost has a commit fail that the statement's own
// transaction ends with.
func TestADeferredConstraintIsNotLost(t *testing.T) {
	db, raw := pool(t)
	ctx := as("t2")
	if _, err := raw.Exec(ctx, "alter table items alter constraint items_order_id_fkey deferrable initially deferred"); err != nil {
		t.Fatal(err)
	}
	var id int
	if err := db.QueryRow(ctx, "insert into items (id, order_id, sku, qty) values (9001, -1, 'x', 1) returning id").Scan(&id); err == nil || !strings.Contains(err.Error(), "foreign key") {
		t.Errorf("got %v", err)
	}
}
