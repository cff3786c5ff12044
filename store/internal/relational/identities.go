package relational

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// identities implements [store.Identities].
type identities struct{ s *Store }

// Identities returns the role of that name.
func (s *Store) Identities() store.Identities { return identities{s} }

const linkColumns = `tenant, issuer, subject, person, connection, made, used`

func (i identities) failed(doing string, err error) error {
	return fmt.Errorf("%s: %s an identity: %w", i.s.dialect.Name, doing, err)
}

func (i identities) Link(ctx context.Context, n store.Identity) error {
	err := i.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error { return i.link(ctx, tx, n) })
	if err != nil {
		return i.failed("linking", err)
	}
	return nil
}

// link inserts no row for a person who is not there: the foreign key would say so,
// too, but in every database's own words.
func (i identities) link(ctx context.Context, tx *sql.Tx, n store.Identity) error {
	if err := n.Check(); err != nil {
		return err
	}
	var id string
	if err := tx.QueryRowContext(ctx, i.s.sql(`SELECT id FROM person WHERE id = ?`+i.s.dialect.ForUpdate), n.User).Scan(&id); err != nil {
		return missing(err)
	}
	return one(store.ErrExists)(tx.ExecContext(ctx, i.s.sql(`INSERT INTO person_identity (`+linkColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`), n.Tenant, n.Issuer, n.Subject, n.User, n.Connection, micro(n.Made), micro(n.Used)))
}

func (i identities) Provision(ctx context.Context, u store.User, n store.Identity) error {
	err := i.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := i.s.insertUser(ctx, tx, &u); err != nil {
			return err
		}
		return i.link(ctx, tx, n)
	})
	if err != nil {
		return i.failed("provisioning", err)
	}
	return nil
}

func (i identities) Use(ctx context.Context, at time.Time, tenant, issuer, subject string) (store.Identity, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	n, err := readIdentity(i.s.write.QueryRowContext(ctx, i.s.sql(`UPDATE person_identity SET used = ? WHERE tenant = ? AND issuer = ? AND subject = ?
		RETURNING `+linkColumns), micro(at), tenant, issuer, subject).Scan)
	if err != nil {
		return store.Identity{}, i.failed("using", missing(err))
	}
	return n, nil
}

func (i identities) List(ctx context.Context, user string) ([]store.Identity, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	list, err := rows(ctx, i.s, readIdentity, `SELECT `+linkColumns+` FROM person_identity WHERE person = ? ORDER BY made, tenant, issuer, subject`, user)
	if err != nil {
		return nil, fmt.Errorf("%s: listing identities: %w", i.s.dialect.Name, err)
	}
	return list, nil
}

func (i identities) Unlink(ctx context.Context, tenant, issuer, subject string) error {
	ctx, cancel := briefly(ctx)
	defer cancel()
	err := one(store.ErrNotFound)(i.s.write.ExecContext(ctx, i.s.sql(`DELETE FROM person_identity WHERE tenant = ? AND issuer = ? AND subject = ?`), tenant, issuer, subject))
	if err != nil {
		return i.failed("unlinking", err)
	}
	return nil
}

func readIdentity(scan func(...any) error) (n store.Identity, err error) {
	var made, used int64
	err = scan(&n.Tenant, &n.Issuer, &n.Subject, &n.User, &n.Connection, &made, &used)
	n.Made, n.Used = timeOf(made), timeOf(used)
	return n, err
}
