package relational

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"

	"github.com/gatehouse-api/gatehouse/store"
)

// endings implements [store.Endings].
type endings struct{ s *Store }

func (e endings) EndSession(ctx context.Context, name string, why store.Ending) (store.Ended, error) {
	return e.end(ctx, why, "a session", func(ctx context.Context, tx *sql.Tx, seq int64) (ended store.Ended, err error) {
		// The session before its grants: one that is being added waits for the row.
		if ended.Sessions, err = count(tx.ExecContext(ctx, e.s.sql(`DELETE FROM browser_session WHERE name = ?`), name)); err != nil {
			return ended, err
		}
		if name == "" { // grants that come from no session have not this one in common
			return ended, nil
		}
		if err := e.s.notify(ctx, tx, why, name, ` WHERE session = ?`, name); err != nil {
			return ended, err
		}
		ended.Grants, err = e.s.endGrants(ctx, tx, seq, why, ` WHERE session = ?`, name)
		return ended, err
	})
}

func (e endings) EndSubject(ctx context.Context, subject string, keep store.Hash, why store.Ending) (store.Ended, error) {
	return e.end(ctx, why, "what a person has", func(ctx context.Context, tx *sql.Tx, seq int64) (ended store.Ended, err error) {
		if ended.Sessions, err = count(tx.ExecContext(ctx, e.s.sql(`DELETE FROM browser_session WHERE person = ? AND id <> ?`), subject, keep[:])); err != nil {
			return ended, err
		}
		if err := e.s.notify(ctx, tx, why, "", ` WHERE subject = ? AND revoked = 0`, subject); err != nil {
			return ended, err
		}
		if ended.Grants, err = count(tx.ExecContext(ctx, e.s.sql(`UPDATE idp_grant SET revoked = ? WHERE subject = ? AND revoked = 0`), micro(why.At), subject)); err != nil {
			return ended, err
		}
		return ended, e.s.revoke(ctx, tx, seq, why.Subject(subject))
	})
}

func (e endings) EndConsent(ctx context.Context, subject, client string, why store.Ending) (store.Ended, error) {
	return e.end(ctx, why, "a consent", func(ctx context.Context, tx *sql.Tx, seq int64) (ended store.Ended, err error) {
		ended.Grants, err = e.s.endGrants(ctx, tx, seq, why, ` WHERE subject = ? AND client = ?`, subject, client)
		return ended, err
	})
}

func (e endings) end(ctx context.Context, why store.Ending, what string, do func(context.Context, *sql.Tx, int64) (store.Ended, error)) (ended store.Ended, err error) {
	if err = why.Check(); err == nil {
		err = e.s.change(ctx, "revocation", func(ctx context.Context, tx *sql.Tx, seq int64) error {
			ended, err = do(ctx, tx, seq)
			return err
		})
	}
	if err != nil {
		return store.Ended{}, fmt.Errorf("%s: ending %s: %w", e.s.dialect.Name, what, err)
	}
	return ended, nil
}

// endGrants revokes the grants that are alive, each by an entry of its own.
func (s *Store) endGrants(ctx context.Context, tx *sql.Tx, seq int64, why store.Ending, where string, args ...any) (int, error) {
	ids, err := texts(ctx, tx, s.sql(`UPDATE idp_grant SET revoked = ?`+where+` AND revoked = 0 RETURNING id`), append([]any{micro(why.At)}, args...)...)
	if err != nil {
		return 0, err
	}
	for i, id := range ids {
		if i > 0 { // the change itself was the number of the first
			if err := tx.QueryRowContext(ctx, s.sql(`UPDATE change SET seq = seq + 1 WHERE role = 'revocation' RETURNING seq`)).Scan(&seq); err != nil {
				return 0, err
			}
		}
		if err := s.revoke(ctx, tx, seq, why.Grant(id)); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// notify puts the clients of these grants into the queue that want to be told.
func (s *Store) notify(ctx context.Context, tx *sql.Tx, why store.Ending, session, where, arg string) error {
	pairs, err := tx.QueryContext(ctx, s.sql(`SELECT DISTINCT client, subject FROM idp_grant`+where), arg)
	if err != nil {
		return err
	}
	var list []store.Logout
	for pairs.Next() {
		var n store.Logout
		if err := pairs.Scan(&n.Client, &n.Subject); err != nil {
			return errors.Join(err, pairs.Close())
		}
		list = append(list, n)
	}
	if err := errors.Join(pairs.Err(), pairs.Close()); err != nil {
		return err
	}
	for _, n := range list {
		c, err := readClient(tx.QueryRowContext(ctx, s.sql(`SELECT data FROM client WHERE id = ?`), n.Client).Scan)
		if errors.Is(err, sql.ErrNoRows) || err == nil && c.BackchannelLogoutURI == "" {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, s.sql(`INSERT INTO logout_notice (id, issuer, client, subject, session, made, due, tries) VALUES (?, ?, ?, ?, ?, ?, ?, 0)`),
			rand.Text(), why.Issuer, n.Client, n.Subject, session, micro(why.At), micro(why.At)); err != nil {
			return err
		}
	}
	return nil
}

func count(r sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}

// texts reads a query of one column to its end, so that the transaction is free.
func texts(ctx context.Context, tx *sql.Tx, statement string, args ...any) ([]string, error) {
	result, err := tx.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	var all []string
	for result.Next() {
		var one string
		if err := result.Scan(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, result.Err()
}
