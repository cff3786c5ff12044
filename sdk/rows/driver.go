package rows

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/sdk/rows/internal/guard"
)

// connector takes connections out of the wrapped database, one for each use.
type connector struct {
	db    *sql.DB
	guard *Guard
}

// Connect takes a connection. The guard asks on it, where that is due.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.guard.Refresh(ctx, asker(inner)); err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return &conn{inner: inner, guard: c.guard}, nil
}

// Driver returns a driver that opens nothing.
func (c *connector) Driver() driver.Driver { return closed{} }

type closed struct{}

// Open refuses: a guarded database is made by [Wrap].
func (closed) Open(string) (driver.Conn, error) {
	return nil, errors.New("rows: a guarded database is made by rows.Wrap")
}

// conn is one connection of the wrapped database, while it is used. database/sql
// lets nobody else use it meanwhile.
type conn struct {
	inner *sql.Conn
	guard *Guard
	tx    *sql.Tx // that the application began, or nil
	owner Caller  // of tx
}

// runner is what statements are run on.
type runner interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

// CheckNamedValue leaves arguments to the wrapped database, which knows its driver.
func (c *conn) CheckNamedValue(*driver.NamedValue) error { return nil }

// Ping reports whether the database answers.
func (c *conn) Ping(ctx context.Context) error { return c.inner.PingContext(ctx) }

// Close gives the connection back.
func (c *conn) Close() error { return c.inner.Close() }

// Prepare and Begin are for callers without a context, who are nobody.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// Begin begins a transaction of nobody's.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// PrepareContext judges a text; it is prepared by the wrapped database when it is run.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	who, err := c.guard.Caller(ctx)
	if err != nil {
		return nil, err
	}
	if !who.System {
		cache, _ := c.guard.cache()
		if _, err := cache.Rewrite(query); err != nil {
			return nil, err
		}
	}
	return &stmt{c, query}, nil
}

// BeginTx begins a transaction, and tells PostgreSQL for whom.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	who, err := c.guard.Caller(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := c.begin(ctx, who, &sql.TxOptions{Isolation: sql.IsolationLevel(o.Isolation), ReadOnly: o.ReadOnly})
	if err != nil {
		return nil, err
	}
	c.tx, c.owner = tx, who
	return &transaction{c}, nil
}

// begin begins a transaction for a caller.
func (c *conn) begin(ctx context.Context, who Caller, o *sql.TxOptions) (*sql.Tx, error) {
	tx, err := c.inner.BeginTx(ctx, o)
	if err != nil || c.guard.dialect != guard.PostgreSQL {
		return tx, err
	}
	var tenant, user, conforming, encoding string
	err = tx.QueryRowContext(ctx, guard.SetCaller, who.Tenant, who.User).Scan(&tenant, &user, &conforming, &encoding)
	if err == nil && (conforming != "on" || encoding != "UTF8") {
		err = ErrUnsafeConnection
	}
	if err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
}

// transaction ends what the application began.
type transaction struct{ conn *conn }

// Commit ends the transaction.
func (t *transaction) Commit() error { return t.end((*sql.Tx).Commit) }

// Rollback undoes it.
func (t *transaction) Rollback() error { return t.end((*sql.Tx).Rollback) }

func (t *transaction) end(by func(*sql.Tx) error) error {
	tx := t.conn.tx
	t.conn.tx = nil
	return by(tx)
}

// judged is a statement on its way.
type judged struct {
	on    runner
	text  string
	args  []any
	alone *sql.Tx // begun for this statement, or nil
}

// finish ends the statement's own transaction.
func (j *judged) finish(err error) error {
	if j.alone == nil {
		return err
	}
	if err != nil {
		_ = j.alone.Rollback() // err is why
		return err
	}
	return j.alone.Commit()
}

// judge makes a statement ready to run.
func (c *conn) judge(ctx context.Context, query string, args []driver.NamedValue) (*judged, error) {
	who, err := c.guard.Caller(ctx)
	if err != nil {
		return nil, err
	}
	if c.tx != nil && !who.System && who != c.owner {
		return nil, ErrOtherCaller
	}
	if err := arguable(args); err != nil && !who.System {
		return nil, err
	}
	s, err := c.guard.Judge(who, query, len(args))
	if err != nil {
		return nil, err
	}
	j := &judged{on: c.inner, text: s.Text}
	for _, a := range append(args[:len(args):len(args)], s.Add...) {
		if a.Name != "" {
			j.args = append(j.args, sql.Named(a.Name, a.Value))
		} else {
			j.args = append(j.args, a.Value)
		}
	}
	switch {
	case c.tx != nil:
		j.on = c.tx
	case !s.System && c.guard.dialect == guard.PostgreSQL:
		if j.alone, err = c.begin(ctx, who, nil); err != nil {
			return nil, err
		}
		j.on = j.alone
	}
	err = c.guard.Look(s, func(text string) (string, error) {
		found, err := j.on.QueryContext(ctx, text, j.args...)
		if err != nil {
			return "", err
		}
		lines, err := readAll(found)
		if err != nil || len(lines) != 1 || len(lines[0]) != 1 {
			return "", errors.Join(err, fmt.Errorf("rows: the plan has %d rows", len(lines)))
		}
		return lines[0][0], nil
	})
	if err != nil {
		return nil, j.finish(err)
	}
	return j, nil
}

// arguable refuses arguments that are called like the guard's own, and a first one that
// is none: drivers (pgx) take options there that rewrite the text after it was judged.
func arguable(args []driver.NamedValue) error {
	for _, a := range args {
		if strings.HasPrefix(strings.ToLower(a.Name), "gatehouse_") {
			return fmt.Errorf("rows: the argument %s is called like the guard's own: call it something else", a.Name)
		}
	}
	if len(args) == 0 {
		return nil
	}
	switch args[0].Value.(type) {
	case nil, bool, int, int64, float64, string, []byte, time.Time:
		return nil
	}
	t := reflect.TypeOf(args[0].Value)
	_, rewrites := t.MethodByName("RewriteQuery")
	if rewrites || strings.HasPrefix(t.PkgPath(), "github.com/jackc/pgx/") && strings.HasPrefix(t.Name(), "Query") {
		return fmt.Errorf("rows: the first argument is a %s, which changes how the text is run: pass values only, or use pgxrows", t)
	}
	return nil
}

// ExecContext runs a statement.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	j, err := c.judge(ctx, query, args)
	if err != nil {
		return nil, err
	}
	r, err := j.on.ExecContext(ctx, j.text, j.args...)
	return r, j.finish(err)
}

// QueryContext runs a query.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	j, err := c.judge(ctx, query, args)
	if err != nil {
		return nil, err
	}
	found, err := j.on.QueryContext(ctx, j.text, j.args...)
	if err != nil {
		return nil, j.finish(err)
	}
	columns, err := found.ColumnTypes()
	if err != nil {
		return nil, j.finish(errors.Join(err, found.Close()))
	}
	return &result{rows: found, columns: columns, judged: j}, nil
}

// stmt is a text that was judged. It is judged again for whoever runs it.
type stmt struct {
	conn  *conn
	query string
}

// Close does nothing: nothing is kept.
func (s *stmt) Close() error { return nil }

// NumInput says that the wrapped database counts the arguments.
func (s *stmt) NumInput() int { return -1 }

// CheckNamedValue leaves arguments to the wrapped database.
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error { return s.conn.CheckNamedValue(v) }

// ExecContext runs the statement.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

// QueryContext runs the query.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

// Exec refuses: it has no context, and so no caller.
func (s *stmt) Exec([]driver.Value) (driver.Result, error) { return nil, ErrNoIdentity }

// Query refuses: it has no context, and so no caller.
func (s *stmt) Query([]driver.Value) (driver.Rows, error) { return nil, ErrNoIdentity }
