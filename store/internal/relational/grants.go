package relational

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// grants implements [store.Grants].
type grants struct{ s *Store }

func (g grants) failed(doing string, err error) error {
	return fmt.Errorf("%s: %s: %w", g.s.dialect.Name, doing, err)
}

func (g grants) Add(ctx context.Context, n store.Grant) error {
	err := n.Check()
	if err == nil {
		err = g.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error { return g.s.addGrant(ctx, tx, n) })
	}
	if err != nil {
		return g.failed("adding a grant", err)
	}
	return nil
}

func (s *Store) addGrant(ctx context.Context, tx *sql.Tx, n store.Grant) error {
	if n.Session != "" {
		// Its row is locked: whoever ends the session meanwhile finds this grant, too.
		var name string
		err := tx.QueryRowContext(ctx, s.sql(`SELECT name FROM browser_session WHERE name = ?`+s.dialect.ForUpdate), n.Session).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return store.ErrRevoked
		}
		if err != nil {
			return err
		}
	}
	return one(store.ErrExists)(tx.ExecContext(ctx, s.sql(`INSERT INTO idp_grant (id, subject, client, session, data, code, made, until, spent, revoked)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT DO NOTHING`), n.ID, n.Subject, n.Client, n.Session, some(n.Data), n.Code[:], micro(n.Made), micro(n.Until)))
}

func (g grants) Grant(ctx context.Context, id string) (store.Grant, error) {
	return g.one(ctx, ` WHERE id = ?`, id)
}

func (g grants) ByCode(ctx context.Context, code store.Hash) (store.Grant, error) {
	return g.one(ctx, ` WHERE code = ?`, code[:])
}

func (g grants) one(ctx context.Context, where string, arg any) (store.Grant, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	n, err := readGrant(g.s.read.QueryRowContext(ctx, g.s.sql(selectGrants+where), arg).Scan)
	if err != nil {
		return store.Grant{}, g.failed("reading a grant", missing(err))
	}
	return n, nil
}

func (g grants) Redeem(ctx context.Context, at time.Time, id string, data []byte, first *store.RefreshToken) error {
	err := g.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		// One statement: of those at the same time one finds the code unspent.
		if err := one(store.ErrSpent)(tx.ExecContext(ctx, g.s.sql(`UPDATE idp_grant SET spent = ?, data = ? WHERE id = ? AND spent = 0 AND revoked = 0`),
			micro(at), some(data), id)); err != nil {
			return g.s.whyNot(ctx, tx, id, err)
		}
		if first == nil {
			return nil
		}
		return g.s.insertToken(ctx, tx, id, nil, *first)
	})
	if err != nil {
		return g.failed("redeeming a code", err)
	}
	return nil
}

// whyNot says what became of a grant that could not be changed.
func (s *Store) whyNot(ctx context.Context, tx *sql.Tx, id string, otherwise error) error {
	var revoked int64
	err := tx.QueryRowContext(ctx, s.sql(`SELECT revoked FROM idp_grant WHERE id = ?`), id).Scan(&revoked)
	switch {
	case err != nil:
		return missing(err)
	case revoked != 0:
		return store.ErrRevoked
	}
	return otherwise
}

func (g grants) Revoke(ctx context.Context, at time.Time, id string, entry store.Revocation) (alive bool, err error) {
	if err = entry.Check(); err == nil {
		err = g.s.change(ctx, "revocation", func(ctx context.Context, tx *sql.Tx, seq int64) error {
			r, err := tx.ExecContext(ctx, g.s.sql(`UPDATE idp_grant SET revoked = ? WHERE id = ? AND revoked = 0`), micro(at), id)
			if err != nil {
				return err
			}
			n, err := r.RowsAffected()
			if err != nil {
				return err
			}
			alive = n > 0
			return g.s.revoke(ctx, tx, seq, entry)
		})
	}
	if err != nil {
		return false, g.failed("revoking a grant", err)
	}
	return alive, nil
}

const selectGrants = `SELECT id, subject, client, session, data, code, made, until, spent, revoked FROM idp_grant`

func readGrant(scan func(...any) error) (n store.Grant, err error) {
	var code []byte
	var made, until, spent, revoked int64
	err = scan(&n.ID, &n.Subject, &n.Client, &n.Session, &n.Data, &code, &made, &until, &spent, &revoked)
	copy(n.Code[:], code)
	n.Made, n.Until, n.Spent, n.Revoked = timeOf(made), timeOf(until), timeOf(spent), timeOf(revoked)
	return n, err
}

// some is data that is not null.
func some(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}
