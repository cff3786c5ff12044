package pgxrows

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// result is the rows of a query. The end of them is the end of the statement's own
// transaction, and what fails there is not lost.
type result struct {
	pgx.Rows
	end   func() error
	ended bool
	err   error
}

// Next reads one row.
func (r *result) Next() bool {
	if r.ended || r.Rows.Next() {
		return !r.ended
	}
	r.Close()
	return false
}

// Close ends the query.
func (r *result) Close() {
	r.Rows.Close()
	if !r.ended {
		r.ended = true
		r.err = r.end()
	}
}

// Err returns what failed.
func (r *result) Err() error {
	if err := r.Rows.Err(); err != nil {
		return err
	}
	return r.err
}

// Conn returns nil: the connection is not guarded.
func (r *result) Conn() *pgx.Conn { return nil }

// row is one row of a query.
type row struct {
	rows pgx.Rows
	err  error
}

// Scan reads the row, or returns [pgx.ErrNoRows].
func (r row) Scan(to ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(to...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}

// results are those of a batch.
type results struct {
	inner pgx.BatchResults
	give  func()
}

// Exec reads the result of the next query of the batch.
func (r *results) Exec() (pgconn.CommandTag, error) { return r.inner.Exec() }

// Query reads the rows of the next query of the batch.
func (r *results) Query() (pgx.Rows, error) {
	found, err := r.inner.Query()
	if err != nil {
		return nil, err
	}
	return &result{Rows: found, end: func() error { return nil }}, nil
}

// QueryRow reads the row of the next query of the batch.
func (r *results) QueryRow() pgx.Row {
	found, err := r.Query()
	return row{found, err}
}

// Close ends the batch, and gives the connection back.
func (r *results) Close() error {
	err := r.inner.Close()
	r.give()
	r.give = func() {}
	return err
}

// failed are the results of a batch that was refused.
type failed struct{ err error }

// Exec returns why.
func (f failed) Exec() (pgconn.CommandTag, error) { return pgconn.CommandTag{}, f.err }

// Query returns why.
func (f failed) Query() (pgx.Rows, error) { return nil, f.err }

// QueryRow returns why.
func (f failed) QueryRow() pgx.Row { return row{nil, f.err} }

// Close returns why.
func (f failed) Close() error { return f.err }

// Tx returns nil: a batch does not begin a transaction here; [DB.Begin] does.
func (r *results) Tx() pgx.Tx { return nil }

// Tx returns nil.
func (f failed) Tx() pgx.Tx { return nil }
