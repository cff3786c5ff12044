package relational

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/gatehouse-api/gatehouse/store"
)

// signingKeys implements [store.SigningKeys].
type signingKeys struct{ s *Store }

func (k signingKeys) List(ctx context.Context) ([]store.SigningKey, error) {
	list, err := rows(ctx, k.s, readSigningKey, `SELECT id, public, sealed, made, begins FROM signing_key ORDER BY made, begins`)
	if err != nil {
		return nil, fmt.Errorf("%s: listing signing keys: %w", k.s.dialect.Name, err)
	}
	return list, nil
}

func (k signingKeys) Add(ctx context.Context, n store.SigningKey, latest string) error {
	ctx, cancel := briefly(ctx)
	defer cancel()
	// The column before is unique: of those who saw the same latest key one writes.
	if err := one(store.ErrConflict)(k.s.write.ExecContext(ctx, k.s.sql(`INSERT INTO signing_key (id, public, sealed, made, begins, before) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`), n.ID, n.Public, n.Sealed, micro(n.Made), micro(n.From), latest)); err != nil {
		return fmt.Errorf("%s: adding a signing key: %w", k.s.dialect.Name, err)
	}
	return nil
}

func (k signingKeys) Drop(ctx context.Context, id string) error {
	// What it signed is revoked: whoever watches for that is woken.
	err := k.s.change(ctx, "revocation", func(ctx context.Context, tx *sql.Tx, _ int64) error {
		return one(store.ErrNotFound)(tx.ExecContext(ctx, k.s.sql(`DELETE FROM signing_key WHERE id = ?`), id))
	})
	if err != nil {
		return fmt.Errorf("%s: dropping a signing key: %w", k.s.dialect.Name, err)
	}
	return nil
}

func readSigningKey(scan func(...any) error) (n store.SigningKey, err error) {
	var made, begins int64
	err = scan(&n.ID, &n.Public, &n.Sealed, &made, &begins)
	n.Made, n.From = timeOf(made), timeOf(begins)
	return n, err
}
