// Package pgxrows guards pgx as package rows guards database/sql.
//
// It defends from the query that was written without its filter, and tells PostgreSQL
// in the same round trip who asks, for row-level security. It is a package of its own
// so that only applications that use pgx are linked with it.
package pgxrows

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gatehouse-api/gatehouse/sdk/rows"
	"github.com/gatehouse-api/gatehouse/sdk/rows/internal/guard"
)

// ErrOption says that the arguments of a query begin with an option of pgx or with
// something that rewrites the text after it was judged; [pgx.NamedArgs] may stand
// there.
var ErrOption = errors.New("pgxrows: options and rewriters are not passed with a query: set the mode where the connection is opened")

// DB is a database whose guarded tables hold only the caller's rows; the context says
// who asks. There is no way from it, its transactions or its rows to what it wraps.
type DB struct {
	guard *rows.Guard
	take  func(context.Context) (conn *pgx.Conn, give func(), err error)
}

// Wrap guards a pool. It asks the database what else reaches into the tables, and
// fails when it cannot. Whoever keeps the pool has the way around the guard; keep it
// for migrations only.
func Wrap(ctx context.Context, pool *pgxpool.Pool, options ...rows.Option) (*DB, error) {
	return wrap(ctx, func(ctx context.Context) (*pgx.Conn, func(), error) {
		c, err := pool.Acquire(ctx)
		if err != nil {
			return nil, nil, err
		}
		return c.Conn(), c.Release, nil
	}, options)
}

// WrapConn guards one connection, which one goroutine at a time may use.
func WrapConn(ctx context.Context, conn *pgx.Conn, options ...rows.Option) (*DB, error) {
	return wrap(ctx, func(context.Context) (*pgx.Conn, func(), error) { return conn, func() {}, nil }, options)
}

func wrap(ctx context.Context, take func(context.Context) (*pgx.Conn, func(), error), options []rows.Option) (*DB, error) {
	conn, give, err := take(ctx)
	if err != nil {
		return nil, fmt.Errorf("pgxrows: taking a connection: %w", err)
	}
	defer give()
	g, err := rows.NewGuard(ctx, asker(conn), options...)
	if err != nil {
		return nil, err
	}
	return &DB{g, take}, nil
}

// VerifyRLS is [rows.VerifyRLS] for a pool.
func VerifyRLS(ctx context.Context, pool *pgxpool.Pool, tables ...rows.GuardedTable) error {
	c, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("pgxrows: taking a connection: %w", err)
	}
	defer c.Release()
	return rows.RowSecurity{Tables: tables}.Holds(ctx, asker(c.Conn()))
}

// asker asks on one connection.
func asker(conn *pgx.Conn) rows.Ask {
	return func(ctx context.Context, query string, args ...string) ([][]string, error) {
		given := []any{pgx.QueryExecModeExec} // asked too rarely to be prepared
		for _, a := range args {
			given = append(given, a)
		}
		found, err := conn.Query(ctx, query, given...)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(found, func(r pgx.CollectableRow) ([]string, error) {
			line := make([]string, len(r.FieldDescriptions()))
			for i, raw := range r.RawValues() {
				line[i] = string(raw)
			}
			return line, nil
		})
	}
}

// ready takes a connection that reads texts as they were judged.
func (d *DB) ready(ctx context.Context) (*pgx.Conn, func(), error) {
	conn, give, err := d.take(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := d.guard.Refresh(ctx, asker(conn)); err != nil {
		give()
		return nil, nil, err
	}
	// PostgreSQL reports both to clients, whenever they change.
	if s := conn.PgConn(); s.ParameterStatus("standard_conforming_strings") != "on" || s.ParameterStatus("client_encoding") != "UTF8" {
		give()
		return nil, nil, rows.ErrUnsafeConnection
	}
	return conn, give, nil
}

// runner is a connection, or a transaction on it.
type runner interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}

// judge returns what to run. Named arguments are put in before.
func (d *DB) judge(ctx context.Context, on runner, who rows.Caller, text string, args []any) (rows.Judged, []any, error) {
	if len(args) > 0 {
		var err error
		switch named := args[0].(type) {
		case pgx.NamedArgs:
			text, args, err = named.RewriteQuery(ctx, nil, text, args[1:])
		case pgx.StrictNamedArgs:
			text, args, err = named.RewriteQuery(ctx, nil, text, args[1:])
		case pgx.QueryRewriter, pgx.QueryExecMode, pgx.QueryResultFormats, pgx.QueryResultFormatsByOID:
			err = ErrOption
		}
		if err != nil {
			return rows.Judged{}, nil, err
		}
	}
	j, err := d.guard.Judge(who, text, len(args))
	if err != nil {
		return j, nil, err
	}
	args = args[:len(args):len(args)]
	for _, a := range j.Add {
		args = append(args, a.Value)
	}
	return j, args, d.guard.Look(j, func(explain string) (plan string, err error) {
		found, err := on.Query(ctx, explain, args...)
		if err != nil {
			return "", err
		}
		return pgx.CollectExactlyOneRow(found, pgx.RowTo[string])
	})
}

// Query runs a query. Its rows must be closed or read to their end.
func (d *DB) Query(ctx context.Context, text string, args ...any) (pgx.Rows, error) {
	b := &pgx.Batch{}
	b.Queue(text, args...)
	r, err := d.send(ctx, b)
	if err != nil {
		return nil, err
	}
	found, err := r.Query()
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &result{Rows: found, end: r.Close}, nil
}

// QueryRow runs a query of which one row is wanted. Errors come with Scan.
func (d *DB) QueryRow(ctx context.Context, text string, args ...any) pgx.Row {
	found, err := d.Query(ctx, text, args...)
	return row{found, err}
}

// Exec runs a statement.
func (d *DB) Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error) {
	b := &pgx.Batch{}
	b.Queue(text, args...)
	r, err := d.send(ctx, b)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := r.Exec()
	return tag, errors.Join(err, r.Close())
}

// SendBatch runs a batch in a transaction of its own, in one round trip. Functions
// that were put on its queries ([pgx.QueuedQuery.Query] and the like) are refused, since
// they would be given what is not guarded.
func (d *DB) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	r, err := d.send(ctx, b)
	if err != nil {
		return failed{err}
	}
	return r
}

// send judges a batch, and sends it behind the statement that says who asks.
func (d *DB) send(ctx context.Context, b *pgx.Batch) (*results, error) {
	who, err := d.guard.Caller(ctx)
	if err != nil {
		return nil, err
	}
	conn, give, err := d.ready(ctx)
	if err != nil {
		return nil, err
	}
	judged := &pgx.Batch{}
	if !who.System {
		judged.Queue(guard.SetCaller, who.Tenant, who.User)
	}
	if err := d.queue(ctx, conn, who, b, judged); err != nil {
		give()
		return nil, err
	}
	r := &results{inner: conn.SendBatch(ctx, judged), give: give}
	if !who.System {
		if _, err := r.inner.Exec(); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return r, nil
}

// queue judges the queries of a batch, and puts them into another.
func (d *DB) queue(ctx context.Context, on runner, who rows.Caller, from, to *pgx.Batch) error {
	for _, q := range from.QueuedQueries {
		if q.Fn != nil {
			return errors.New("pgxrows: a query of the batch has a function: read the results of SendBatch instead")
		}
		j, args, err := d.judge(ctx, on, who, q.SQL, q.Arguments)
		if err != nil {
			return err
		}
		to.Queue(j.Text, args...)
	}
	return nil
}
