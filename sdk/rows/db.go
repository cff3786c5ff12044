package rows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// DB is a database whose guarded tables hold only the caller's rows. It has the
// methods of [sql.DB] that take a context: the context says who asks. There is no way
// from it to what it wraps.
//
// With PostgreSQL every statement outside a transaction is run in one of its own, so
// that the database is told who asks (row-level security): that takes three round
// trips more. Package pgxrows needs none more.
type DB struct {
	guarded *sql.DB // its driver is the guard
}

// Wrap guards a database: PostgreSQL through any driver, or SQLite. It asks the
// database what else reaches into the tables, and fails when it cannot. Whoever keeps
// db has the way around the guard; keep it for migrations only.
func Wrap(ctx context.Context, db *sql.DB, options ...Option) (*DB, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("rows: opening a connection: %w", err)
	}
	g, err := NewGuard(ctx, asker(conn), options...)
	if err = errors.Join(err, conn.Close()); err != nil {
		return nil, err
	}
	guarded := sql.OpenDB(&connector{db, g})
	guarded.SetMaxIdleConns(-1) // db keeps the connections
	return &DB{guarded}, nil
}

// SQL returns the guarded database as the standard library's type, for libraries that
// want that: what is run through it is judged all the same. A statement without a
// context has no caller, and fails with [ErrNoIdentity] where it touches a guarded
// table.
func (d *DB) SQL() *sql.DB { return d.guarded }

// QueryContext runs a query.
func (d *DB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return d.guarded.QueryContext(ctx, query, args...)
}

// QueryRowContext runs a query of which one row is wanted.
func (d *DB) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return d.guarded.QueryRowContext(ctx, query, args...)
}

// ExecContext runs a statement.
func (d *DB) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return d.guarded.ExecContext(ctx, query, args...)
}

// PrepareContext judges a text once. Each run of it is for the caller of that run's
// context.
func (d *DB) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return d.guarded.PrepareContext(ctx, query)
}

// BeginTx begins a transaction for the caller of the context. Its statements must be
// the same caller's, or [ErrOtherCaller] is returned.
func (d *DB) BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error) {
	return d.guarded.BeginTx(ctx, opts)
}

// Conn returns one connection, which is guarded too.
func (d *DB) Conn(ctx context.Context) (*sql.Conn, error) { return d.guarded.Conn(ctx) }

// PingContext reports whether the database answers.
func (d *DB) PingContext(ctx context.Context) error { return d.guarded.PingContext(ctx) }

// Close ends the guarded database's use; what was wrapped stays open.
func (d *DB) Close() error { return d.guarded.Close() }

// asker asks on one connection.
func asker(conn *sql.Conn) Ask {
	return func(ctx context.Context, query string, args ...string) ([][]string, error) {
		given := make([]any, len(args))
		for i, a := range args {
			given[i] = a
		}
		found, err := conn.QueryContext(ctx, query, given...)
		if err != nil {
			return nil, err
		}
		return readAll(found)
	}
}

// readAll reads all rows as text, and closes them.
func readAll(found *sql.Rows) (all [][]string, err error) {
	defer func() { err = errors.Join(err, found.Close()) }()
	columns, err := found.Columns()
	if err != nil {
		return nil, err
	}
	for found.Next() {
		row, to := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range row {
			to[i] = &row[i]
		}
		if err := found.Scan(to...); err != nil {
			return nil, err
		}
		line := make([]string, len(columns))
		for i := range row {
			line[i] = row[i].String
		}
		all = append(all, line)
	}
	return all, found.Err()
}
