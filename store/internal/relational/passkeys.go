package relational

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// passkeys implements [store.Passkeys].
type passkeys struct{ s *Store }

// Passkeys returns the role of that name.
func (s *Store) Passkeys() store.Passkeys { return passkeys{s} }

const selectPasskeys = `SELECT id, person, name, public, count, synced, made, used FROM passkey`

func (p passkeys) failed(doing string, err error) error {
	return fmt.Errorf("%s: %s a passkey: %w", p.s.dialect.Name, doing, err)
}

func (p passkeys) Add(ctx context.Context, n store.Passkey) error {
	if err := n.Check(); err != nil {
		return p.failed("adding", err)
	}
	ctx, cancel := briefly(ctx)
	defer cancel()
	synced := 0
	if n.Synced {
		synced = 1
	}
	if err := one(store.ErrExists)(p.s.write.ExecContext(ctx, p.s.sql(`INSERT INTO passkey (id, person, name, public, count, synced, made, used)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`),
		n.ID, n.User, n.Name, n.PublicKey, int64(n.Count), synced, micro(n.Made), micro(n.Used))); err != nil {
		return p.failed("adding", err)
	}
	return nil
}

func (p passkeys) Passkey(ctx context.Context, id []byte) (store.Passkey, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	n, err := readPasskey(p.s.read.QueryRowContext(ctx, p.s.sql(selectPasskeys+` WHERE id = ?`), id).Scan)
	if err != nil {
		return store.Passkey{}, p.failed("reading", missing(err))
	}
	return n, nil
}

func (p passkeys) List(ctx context.Context, user string) ([]store.Passkey, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	list, err := rows(ctx, p.s, readPasskey, selectPasskeys+` WHERE person = ? ORDER BY made, id`, user)
	if err != nil {
		return nil, fmt.Errorf("%s: listing passkeys: %w", p.s.dialect.Name, err)
	}
	return list, nil
}

func (p passkeys) Use(ctx context.Context, at time.Time, id []byte, count uint32) error {
	// The row is found first, so that a count that went back is told from a passkey
	// that is not there; what decides is the one statement.
	if _, err := p.Passkey(ctx, id); err != nil {
		return err
	}
	ctx, cancel := briefly(ctx)
	defer cancel()
	if err := one(store.ErrConflict)(p.s.write.ExecContext(ctx, p.s.sql(`UPDATE passkey SET count = ?, used = ?
		WHERE id = ? AND (count < ? OR count = 0 AND count = ?)`), int64(count), micro(at), id, int64(count), int64(count))); err != nil {
		return p.failed("using", err)
	}
	return nil
}

func (p passkeys) Remove(ctx context.Context, user string, id []byte) error {
	ctx, cancel := briefly(ctx)
	defer cancel()
	if err := one(store.ErrNotFound)(p.s.write.ExecContext(ctx, p.s.sql(`DELETE FROM passkey WHERE id = ? AND person = ?`), id, user)); err != nil {
		return p.failed("removing", err)
	}
	return nil
}

func readPasskey(scan func(...any) error) (n store.Passkey, err error) {
	var count, synced, made, used int64
	err = scan(&n.ID, &n.User, &n.Name, &n.PublicKey, &count, &synced, &made, &used)
	n.Count, n.Synced, n.Made, n.Used = uint32(count), synced != 0, timeOf(made), timeOf(used)
	return n, err
}
