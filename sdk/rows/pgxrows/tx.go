package pgxrows

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse-api/gatehouse/sdk/rows"
	"github.com/gatehouse-api/gatehouse/sdk/rows/internal/guard"
)

// Tx is a transaction of one caller. Statements for another fail with
// [rows.ErrOtherCaller].
type Tx struct {
	db    *DB
	inner pgx.Tx
	who   rows.Caller
	give  func()
}

// Begin begins a transaction for the caller of the context.
func (d *DB) Begin(ctx context.Context) (*Tx, error) { return d.BeginTx(ctx, pgx.TxOptions{}) }

// BeginTx begins a transaction with options. A BeginQuery is refused.
func (d *DB) BeginTx(ctx context.Context, o pgx.TxOptions) (*Tx, error) {
	if o.BeginQuery != "" || o.CommitQuery != "" {
		return nil, ErrOption
	}
	who, err := d.guard.Caller(ctx)
	if err != nil {
		return nil, err
	}
	conn, give, err := d.ready(ctx)
	if err != nil {
		return nil, err
	}
	inner, err := conn.BeginTx(ctx, o)
	if err != nil {
		give()
		return nil, err
	}
	t := &Tx{d, inner, who, give}
	if _, err := inner.Exec(ctx, guard.SetCaller, who.Tenant, who.User); err != nil {
		return nil, errors.Join(err, t.Rollback(ctx))
	}
	return t, nil
}

// BeginFunc runs f in a transaction, which is committed when f returns no error and
// undone otherwise.
func (d *DB) BeginFunc(ctx context.Context, f func(*Tx) error) error {
	t, err := d.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = t.Rollback(ctx) }() // does nothing behind Commit
	if err := f(t); err != nil {
		return err
	}
	return t.Commit(ctx)
}

// Begin begins a transaction inside the transaction: a savepoint.
func (t *Tx) Begin(ctx context.Context) (*Tx, error) {
	inner, err := t.inner.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &Tx{t.db, inner, t.who, func() {}}, nil
}

// Commit ends the transaction.
func (t *Tx) Commit(ctx context.Context) error {
	defer t.done()
	return t.inner.Commit(ctx)
}

// Rollback undoes the transaction. Behind Commit it returns [pgx.ErrTxClosed].
func (t *Tx) Rollback(ctx context.Context) error {
	defer t.done()
	return t.inner.Rollback(ctx)
}

// done gives the connection back, once.
func (t *Tx) done() {
	t.give()
	t.give = func() {}
}

// caller returns whom a statement is for: who began the transaction, or the system.
func (t *Tx) caller(ctx context.Context) (rows.Caller, error) {
	who, err := t.db.guard.Caller(ctx)
	if err == nil && !who.System && who != t.who {
		err = rows.ErrOtherCaller
	}
	return who, err
}

// Query runs a query.
func (t *Tx) Query(ctx context.Context, text string, args ...any) (pgx.Rows, error) {
	who, err := t.caller(ctx)
	if err != nil {
		return nil, err
	}
	j, args, err := t.db.judge(ctx, t.inner, who, text, args)
	if err != nil {
		return nil, err
	}
	found, err := t.inner.Query(ctx, j.Text, args...)
	if err != nil {
		return nil, err
	}
	return &result{Rows: found, end: func() error { return nil }}, nil
}

// QueryRow runs a query of which one row is wanted. Errors come with Scan.
func (t *Tx) QueryRow(ctx context.Context, text string, args ...any) pgx.Row {
	found, err := t.Query(ctx, text, args...)
	return row{found, err}
}

// Exec runs a statement.
func (t *Tx) Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error) {
	who, err := t.caller(ctx)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	j, args, err := t.db.judge(ctx, t.inner, who, text, args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	return t.inner.Exec(ctx, j.Text, args...)
}

// SendBatch runs a batch, as [DB.SendBatch] does.
func (t *Tx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	who, err := t.caller(ctx)
	if err != nil {
		return failed{err}
	}
	judged := &pgx.Batch{}
	if err := t.db.queue(ctx, t.inner, who, b, judged); err != nil {
		return failed{err}
	}
	return &results{inner: t.inner.SendBatch(ctx, judged), give: func() {}}
}
