package lists

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	_ "modernc.org/sqlite" // "sqlite", without cgo

	"github.com/gatehouse-api/gatehouse/internal/policytest"
)

// selected puts the rows of a listing into a table and selects those of which the
// predicate is true.
func selected(ctx context.Context, l *policytest.Listing, predicate string, args []any) (s policytest.Selection, err error) {
	t, err := tableOf(l)
	if err != nil {
		return s, err
	}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	place := t.place()
	if _, err := db.ExecContext(ctx, t.ddl(place)); err != nil {
		return s, fmt.Errorf("making the table %s: %w", t.name, err)
	}
	if s.Left, err = t.fill(ctx, db, l.Rows); err != nil {
		return s, err
	}
	found, err := db.QueryContext(ctx, "SELECT "+quote(place)+" FROM "+quote(t.name)+" WHERE "+predicate+" ORDER BY 1", args...)
	if err != nil {
		return s, fmt.Errorf("%w\n  SQL: %s with %s", err, predicate, strings.Join(written(args), ", "))
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var n int
		if err := found.Scan(&n); err != nil {
			return s, err
		}
		s.Rows = append(s.Rows, n)
	}
	return s, found.Err()
}

// fill inserts the rows, and returns the places of those that were made up and cannot
// be kept. What was given and cannot be kept is a reason not to ask.
func (t *table) fill(ctx context.Context, db *sql.DB, list []policytest.Row) (left []int, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // err is why
		}
	}()
	insert, err := tx.PrepareContext(ctx, "INSERT INTO "+quote(t.name)+" VALUES (?"+strings.Repeat(", ?", len(t.columns))+")")
	if err != nil {
		return nil, err
	}
	for i, row := range list {
		values, err := t.values(row)
		unfit, not := errors.AsType[*unfit](err)
		switch {
		case not && row.Like != "":
			left = append(left, i)
			continue
		case not:
			return nil, &policytest.Unfiltered{Why: row.ID + ": " + unfit.says}
		case err != nil:
			return nil, fmt.Errorf("%s %s: %w", t.object, row.ID, err)
		}
		if _, err := insert.ExecContext(ctx, append([]any{i}, values...)...); err != nil {
			return nil, fmt.Errorf("%s %s: %w", t.object, row.ID, err)
		}
	}
	return left, tx.Commit()
}
