package rows

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
)

// result is the rows of a query, and the transaction that it is run in.
type result struct {
	rows    *sql.Rows
	columns []*sql.ColumnType
	judged  *judged
	ended   bool
}

// Columns returns the names of the columns.
func (r *result) Columns() []string {
	names := make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i] = c.Name()
	}
	return names
}

// Next reads one row. With the last one the statement's own transaction is committed,
// so that what fails there is not lost.
func (r *result) Next(dest []driver.Value) error {
	if !r.rows.Next() {
		if err := r.end(r.rows.Err()); err != nil {
			return err
		}
		return io.EOF
	}
	values, to := make([]any, len(dest)), make([]any, len(dest))
	for i := range values {
		to[i] = &values[i]
	}
	if err := r.rows.Scan(to...); err != nil {
		return err
	}
	for i, v := range values {
		dest[i] = v
	}
	return nil
}

// Close ends the query before its last row, and commits as well: it may have written.
func (r *result) Close() error { return r.end(nil) }

func (r *result) end(err error) error {
	if r.ended {
		return nil
	}
	r.ended = true
	return r.judged.finish(errors.Join(err, r.rows.Close()))
}

// ColumnTypeDatabaseName returns the database's name of a column's type.
func (r *result) ColumnTypeDatabaseName(i int) string { return r.columns[i].DatabaseTypeName() }

// ColumnTypeScanType returns what Go type a column's values have.
func (r *result) ColumnTypeScanType(i int) reflect.Type { return r.columns[i].ScanType() }

// ColumnTypeNullable returns whether a column may be NULL, and whether that is known.
func (r *result) ColumnTypeNullable(i int) (nullable, ok bool) { return r.columns[i].Nullable() }

// ColumnTypeLength returns the length of a column's values, and whether it is known.
func (r *result) ColumnTypeLength(i int) (length int64, ok bool) { return r.columns[i].Length() }

// ColumnTypePrecisionScale returns those of a decimal column, and whether they are
// known.
func (r *result) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	return r.columns[i].DecimalSize()
}
