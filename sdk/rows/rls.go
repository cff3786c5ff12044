package rows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-api/gatehouse/sdk/rows/internal/guard"
)

// RowSecurity is row-level security of PostgreSQL for one role: what `gatehouse policy
// rls` generates and verifies. It is the authority where there is one; the guard is the
// second layer.
type RowSecurity struct {
	Role     string // that the application connects as; Verify takes "" for the one that asks
	Tables   []GuardedTable
	Reviewed []string // functions and views that touch guarded tables, and may
}

// Finding is something by which row-level security does not hold, and what to do.
type Finding = guard.Finding

// Migration returns the SQL that puts the tables under row-level security.
func (r RowSecurity) Migration() (string, error) {
	if r.Role == "" || len(r.Tables) == 0 {
		return "", errors.New("rows: a migration needs the role that the application connects as, and a table")
	}
	w := r.wanted()
	for _, t := range w.Tables {
		if t.Tenant == "" && t.Owner == "" {
			return "", fmt.Errorf("rows: table %s says not whose its rows are", t.Name)
		}
	}
	return guard.Migration(r.Role, w.Tables), nil
}

// Verify looks for everything by which row-level security does not hold for the role.
// The error is that this could not be found out.
func (r RowSecurity) Verify(ctx context.Context, ask Ask) ([]Finding, error) {
	return guard.Verify(ctx, ask, r.Role, r.wanted())
}

func (r RowSecurity) wanted() guard.Wanted {
	w := guard.Wanted{Reviewed: r.Reviewed}
	for _, t := range r.Tables {
		w.Tables = append(w.Tables, t.wanted)
	}
	return w
}

// Holds returns an error that lists everything by which row-level security does not
// hold for the role, and nil when it holds.
func (r RowSecurity) Holds(ctx context.Context, ask Ask) error {
	found, err := r.Verify(ctx, ask)
	if err != nil || len(found) == 0 {
		return err
	}
	list := make([]string, len(found))
	for i, f := range found {
		list[i] = f.String()
	}
	return fmt.Errorf("rows: row-level security does not hold:\n%s", strings.Join(list, "\n"))
}

// VerifyRLS is for an application's start: [RowSecurity.Holds] for the role that db
// connects as.
func VerifyRLS(ctx context.Context, db *sql.DB, tables ...GuardedTable) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("rows: opening a connection: %w", err)
	}
	return errors.Join(RowSecurity{Tables: tables}.Holds(ctx, asker(conn)), conn.Close())
}

// VerifyDB is [RowSecurity.Verify] on a connection of db.
func (r RowSecurity) VerifyDB(ctx context.Context, db *sql.DB) ([]Finding, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("rows: opening a connection: %w", err)
	}
	found, err := r.Verify(ctx, asker(conn))
	return found, errors.Join(err, conn.Close())
}
