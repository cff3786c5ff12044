package relational

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// refreshTokens implements [store.RefreshTokens].
type refreshTokens struct{ s *Store }

func (r refreshTokens) failed(doing string, err error) error {
	return fmt.Errorf("%s: %s: %w", r.s.dialect.Name, doing, err)
}

func (r refreshTokens) Token(ctx context.Context, token store.Hash) (t store.RefreshToken, g store.Grant, err error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	var made, until, spent int64
	err = r.s.read.QueryRowContext(ctx, r.s.sql(`SELECT grant_id, made, until, spent FROM refresh_token WHERE hash = ?`), token[:]).Scan(&t.Grant, &made, &until, &spent)
	if err == nil {
		t.Hash, t.Made, t.Until, t.Spent = token, timeOf(made), timeOf(until), timeOf(spent)
		g, err = readGrant(r.s.read.QueryRowContext(ctx, r.s.sql(selectGrants+` WHERE id = ?`), t.Grant).Scan)
	}
	if err != nil {
		return t, g, r.failed("reading a refresh token", missing(err))
	}
	return t, g, nil
}

func (r refreshTokens) Rotate(ctx context.Context, at time.Time, presented store.Hash, next store.RefreshToken, grace time.Duration) error {
	err := r.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return r.s.rotate(ctx, tx, at, presented, next, grace)
	})
	if err != nil {
		return r.failed("rotating a refresh token", err)
	}
	return nil
}

func (s *Store) rotate(ctx context.Context, tx *sql.Tx, at time.Time, presented store.Hash, next store.RefreshToken, grace time.Duration) error {
	// The grant's row first: it puts all changes of one family in an order.
	var id string
	var parent []byte
	if err := tx.QueryRowContext(ctx, s.sql(`SELECT grant_id, parent FROM refresh_token WHERE hash = ?`), presented[:]).Scan(&id, &parent); err != nil {
		return missing(err)
	}
	if err := one(store.ErrRevoked)(tx.ExecContext(ctx, s.sql(`UPDATE idp_grant SET revoked = 0 WHERE id = ? AND revoked = 0`), id)); err != nil {
		return err
	}
	err := one(store.ErrSpent)(tx.ExecContext(ctx, s.sql(`UPDATE refresh_token SET spent = ?, used = 1 WHERE hash = ? AND spent = 0`), micro(at), presented[:]))
	switch {
	case errors.Is(err, store.ErrSpent):
		err = s.again(ctx, tx, at, presented, grace)
	case err == nil && parent != nil:
		_, err = tx.ExecContext(ctx, s.sql(`UPDATE refresh_token SET spent = ? WHERE parent = ? AND spent = 0`), micro(at), parent)
	}
	if err != nil {
		return err
	}
	return s.insertToken(ctx, tx, id, presented[:], next)
}

// again judges a token that is spent already: nil when it may have one more
// successor.
func (s *Store) again(ctx context.Context, tx *sql.Tx, at time.Time, presented store.Hash, grace time.Duration) error {
	var spent, used, children, gone int64
	err := tx.QueryRowContext(ctx, s.sql(`SELECT t.spent, t.used,
			(SELECT COUNT(*) FROM refresh_token c WHERE c.parent = t.hash),
			(SELECT COUNT(*) FROM refresh_token c WHERE c.parent = t.hash AND c.spent <> 0)
		FROM refresh_token t WHERE t.hash = ?`), presented[:]).Scan(&spent, &used, &children, &gone)
	switch {
	case err != nil:
		return err
	case at.Sub(timeOf(spent)) > grace || gone > 0:
		return store.ErrReused
	case used == 0 || children >= store.MaxSiblings:
		return store.ErrSpent
	}
	return nil
}

func (s *Store) insertToken(ctx context.Context, tx *sql.Tx, grant string, parent []byte, t store.RefreshToken) error {
	_, err := tx.ExecContext(ctx, s.sql(`INSERT INTO refresh_token (hash, grant_id, parent, made, until, spent, used) VALUES (?, ?, ?, ?, ?, 0, 0)`),
		t.Hash[:], grant, parent, micro(t.Made), micro(t.Until))
	return err
}

func (r refreshTokens) Forget(ctx context.Context, before time.Time, many int) (int, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	result, err := r.s.write.ExecContext(ctx, r.s.sql(`DELETE FROM idp_grant WHERE id IN (SELECT id FROM idp_grant WHERE until < ? LIMIT ?)`), micro(before), many)
	var n int64
	if err == nil {
		n, err = result.RowsAffected()
	}
	if err != nil {
		return 0, r.failed("forgetting grants", err)
	}
	return int(n), nil
}
