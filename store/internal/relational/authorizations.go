package relational

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// authorizations implements [store.Authorizations].
type authorizations struct{ s *Store }

func (a authorizations) failed(doing string, err error) error {
	return fmt.Errorf("%s: %s an authorization: %w", a.s.dialect.Name, doing, err)
}

func (a authorizations) Save(ctx context.Context, n store.Authorization) error {
	ctx, cancel := briefly(ctx)
	defer cancel()
	saved := one(store.ErrConflict)
	var err error
	if n.Version == 0 {
		err = saved(a.s.write.ExecContext(ctx, a.s.sql(`INSERT INTO pending_authorization (id, handle, version, data, until) VALUES (?, ?, 1, ?, ?)
			ON CONFLICT DO NOTHING`), n.ID[:], handle(n.Handle), some(n.Data), micro(n.Until)))
	} else {
		err = saved(a.s.write.ExecContext(ctx, a.s.sql(`UPDATE pending_authorization SET version = version + 1, data = ?, until = ? WHERE id = ? AND version = ?`),
			some(n.Data), micro(n.Until), n.ID[:], n.Version))
	}
	if err != nil {
		return a.failed("saving", err)
	}
	return nil
}

func (a authorizations) Authorization(ctx context.Context, at time.Time, id store.Hash) (store.Authorization, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	n, err := readAuthorization(a.s.read.QueryRowContext(ctx, a.s.sql(`SELECT id, version, data, until FROM pending_authorization WHERE id = ? AND until > ?`), id[:], micro(at)).Scan)
	if err != nil {
		return n, a.failed("reading", missing(err))
	}
	return n, nil
}

func (a authorizations) Take(ctx context.Context, at time.Time, h store.Hash) (store.Authorization, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	// One statement: of those at the same time one finds the handle.
	n, err := readAuthorization(a.s.write.QueryRowContext(ctx, a.s.sql(`DELETE FROM pending_authorization WHERE handle = ? AND until > ?
		RETURNING id, version, data, until`), h[:], micro(at)).Scan)
	if err != nil {
		return n, a.failed("taking", missing(err))
	}
	return n, nil
}

func (a authorizations) End(ctx context.Context, id store.Hash, version int64) error {
	err := a.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := one(store.ErrConflict)(tx.ExecContext(ctx, a.s.sql(`DELETE FROM pending_authorization WHERE id = ? AND version = ?`), id[:], version)); err != nil {
			return err
		}
		// Whoever never came back is forgotten beside those who did.
		_, err := tx.ExecContext(ctx, a.s.sql(`DELETE FROM pending_authorization WHERE until < ?`), micro(time.Now().Add(-forgetAfter)))
		return err
	})
	if err != nil {
		return a.failed("ending", err)
	}
	return nil
}

func readAuthorization(scan func(...any) error) (n store.Authorization, err error) {
	var id []byte
	var until int64
	err = scan(&id, &n.Version, &n.Data, &until)
	copy(n.ID[:], id)
	n.Until = timeOf(until)
	return n, err
}

func handle(h store.Hash) []byte {
	if h == (store.Hash{}) {
		return nil
	}
	return h[:]
}
