package relational

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/gatehouse-api/gatehouse/store"
)

// owners implements [store.Owners].
type owners struct{ s *Store }

// Owners returns the role of that name.
func (s *Store) Owners() store.Owners { return owners{s} }

const (
	selectOwners = `SELECT kind, id, owner, tenant, author, made FROM object_owner`
	selectOwner  = selectOwners + ` WHERE kind = ? AND id = ?`
)

func (o owners) failed(doing string, err error) error {
	return fmt.Errorf("%s: %s: %w", o.s.dialect.Name, doing, err)
}

func (o owners) Owner(ctx context.Context, kind, id string) (store.Owner, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	var row *sql.Row
	if o.s.owner != nil {
		row = o.s.owner.QueryRowContext(ctx, kind, id)
	} else {
		row = o.s.read.QueryRowContext(ctx, o.s.sql(selectOwner), kind, id)
	}
	e, err := readOwner(row.Scan)
	if err != nil {
		return store.Owner{}, o.failed("reading an owner", missing(err))
	}
	return e, nil
}

func (o owners) Claim(ctx context.Context, e store.Owner) error {
	if err := e.Check(); err != nil {
		return o.failed("claiming an object", err)
	}
	ctx, cancel := briefly(ctx)
	defer cancel()
	// One statement, so that of two who claim the same object one has it: the update
	// changes nothing, and does not happen where the owner is another.
	err := one(store.ErrExists)(o.s.write.ExecContext(ctx, o.s.sql(`INSERT INTO object_owner (kind, id, owner, tenant, author, made) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (kind, id) DO UPDATE SET owner = excluded.owner WHERE object_owner.owner = excluded.owner AND object_owner.tenant = excluded.tenant`),
		e.Kind, e.ID, e.Owner, e.Tenant, e.Author, micro(e.At)))
	if err != nil {
		return o.failed("claiming an object", err)
	}
	return nil
}

func (o owners) Set(ctx context.Context, list []store.Owner) error {
	for i := range list {
		if err := list[i].Check(); err != nil {
			return o.failed(fmt.Sprintf("setting owners: entry %d", i+1), err)
		}
	}
	err := o.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		put, err := tx.PrepareContext(ctx, o.s.sql(`INSERT INTO object_owner (kind, id, owner, tenant, author, made) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (kind, id) DO UPDATE SET owner = excluded.owner, tenant = excluded.tenant, author = excluded.author, made = excluded.made`))
		if err != nil {
			return err
		}
		defer put.Close()
		for _, e := range list {
			if _, err := put.ExecContext(ctx, e.Kind, e.ID, e.Owner, e.Tenant, e.Author, micro(e.At)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return o.failed("setting owners", err)
	}
	return nil
}

func (o owners) List(ctx context.Context, kind, after string, n int) ([]store.Owner, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	list, err := rows(ctx, o.s, readOwner, selectOwners+` WHERE kind = ? AND id > ? ORDER BY id LIMIT ?`, kind, after, n)
	if err != nil {
		return nil, o.failed("listing owners", err)
	}
	return list, nil
}

func (o owners) Forget(ctx context.Context, kind, id string) error {
	ctx, cancel := briefly(ctx)
	defer cancel()
	if err := one(store.ErrNotFound)(o.s.write.ExecContext(ctx, o.s.sql(`DELETE FROM object_owner WHERE kind = ? AND id = ?`), kind, id)); err != nil {
		return o.failed("forgetting an owner", err)
	}
	return nil
}

func readOwner(scan func(...any) error) (e store.Owner, err error) {
	var made int64
	err = scan(&e.Kind, &e.ID, &e.Owner, &e.Tenant, &e.Author, &made)
	e.At = timeOf(made)
	return e, err
}
