package relational

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// logoutQueue implements [store.Logouts].
type logoutQueue struct{ s *Store }

func (q logoutQueue) Claim(ctx context.Context, at time.Time, issuer string, n int) (list []store.Logout, err error) {
	err = q.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		due, err := q.due(ctx, tx, at, issuer, n)
		if err != nil {
			return err
		}
		for _, d := range due {
			d.Tries++
			// One statement: of those who saw it due at once one puts it off.
			switch err := one(store.ErrConflict)(tx.ExecContext(ctx, q.s.sql(`UPDATE logout_notice SET due = ?, tries = ? WHERE id = ? AND tries = ?`),
				micro(at.Add(store.LogoutAgain(d.Tries))), d.Tries, d.ID, d.Tries-1)); {
			case err == nil:
				list = append(list, d)
			case !errors.Is(err, store.ErrConflict):
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: claiming logouts: %w", q.s.dialect.Name, err)
	}
	return list, nil
}

func (q logoutQueue) due(ctx context.Context, tx *sql.Tx, at time.Time, issuer string, n int) (list []store.Logout, err error) {
	result, err := tx.QueryContext(ctx, q.s.sql(`SELECT id, client, subject, session, made, tries FROM logout_notice WHERE issuer = ? AND due <= ? ORDER BY due, id LIMIT ?`),
		issuer, micro(at), n)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	for result.Next() {
		var l store.Logout
		var made int64
		if err := result.Scan(&l.ID, &l.Client, &l.Subject, &l.Session, &made, &l.Tries); err != nil {
			return nil, err
		}
		l.At = timeOf(made)
		list = append(list, l)
	}
	return list, result.Err()
}

func (q logoutQueue) Settle(ctx context.Context, id string) error {
	ctx, cancel := briefly(ctx)
	defer cancel()
	if err := one(store.ErrNotFound)(q.s.write.ExecContext(ctx, q.s.sql(`DELETE FROM logout_notice WHERE id = ?`), id)); err != nil {
		return fmt.Errorf("%s: settling a logout: %w", q.s.dialect.Name, err)
	}
	return nil
}
