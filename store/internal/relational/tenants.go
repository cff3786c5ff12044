package relational

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/gatehouse-api/gatehouse/store"
)

// tenants implements [store.Tenants].
type tenants struct{ s *Store }

// Tenants returns the role of that name.
func (s *Store) Tenants() store.Tenants { return tenants{s} }

const selectTenants = `SELECT id, name, state, domains, made, edited FROM tenant`

func (t tenants) failed(doing string, err error) error {
	return fmt.Errorf("%s: %s a tenant: %w", t.s.dialect.Name, doing, err)
}

func (t tenants) Add(ctx context.Context, n store.Tenant) error {
	if err := n.Check(); err != nil {
		return t.failed("adding", err)
	}
	ctx, cancel := briefly(ctx)
	defer cancel()
	err := one(store.ErrExists)(t.s.write.ExecContext(ctx, t.s.sql(`INSERT INTO tenant (id, name, state, domains, made, edited)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`), n.ID, n.Name, string(n.State), strings.Join(n.Domains, " "), micro(n.Made), micro(n.Edited)))
	if err != nil {
		return t.failed("adding", err)
	}
	return nil
}

func (t tenants) Tenant(ctx context.Context, id string) (store.Tenant, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	n, err := readTenant(t.s.read.QueryRowContext(ctx, t.s.sql(selectTenants+` WHERE id = ?`), id).Scan)
	if err != nil {
		return store.Tenant{}, t.failed("reading", missing(err))
	}
	return n, nil
}

func (t tenants) List(ctx context.Context, after string, n int) ([]store.Tenant, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	list, err := rows(ctx, t.s, readTenant, selectTenants+` WHERE id > ? ORDER BY id LIMIT ?`, after, n)
	if err != nil {
		return nil, fmt.Errorf("%s: listing tenants: %w", t.s.dialect.Name, err)
	}
	return list, nil
}

func (t tenants) Change(ctx context.Context, id string, change func(*store.Tenant) error) (store.Tenant, error) {
	var n store.Tenant
	var refused error
	err := t.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var err error
		n, err = readTenant(tx.QueryRowContext(ctx, t.s.sql(selectTenants+` WHERE id = ?`+t.s.dialect.ForUpdate), id).Scan)
		if err != nil {
			return missing(err)
		}
		if refused = change(&n); refused != nil {
			return refused
		}
		n.ID = id
		if err := n.Check(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, t.s.sql(`UPDATE tenant SET name = ?, state = ?, domains = ?, edited = ? WHERE id = ?`),
			n.Name, string(n.State), strings.Join(n.Domains, " "), micro(n.Edited), id)
		return err
	})
	switch {
	case refused != nil:
		return store.Tenant{}, refused
	case err != nil:
		return store.Tenant{}, t.failed("changing", err)
	}
	return n, nil
}

func (t tenants) Remove(ctx context.Context, id string) error {
	ctx, cancel := briefly(ctx)
	defer cancel()
	if err := one(store.ErrNotFound)(t.s.write.ExecContext(ctx, t.s.sql(`DELETE FROM tenant WHERE id = ?`), id)); err != nil {
		return t.failed("removing", err)
	}
	return nil
}

func readTenant(scan func(...any) error) (n store.Tenant, err error) {
	var domains string
	var made, edited int64
	err = scan(&n.ID, &n.Name, &n.State, &domains, &made, &edited)
	n.Domains, n.Made, n.Edited = strings.Fields(domains), timeOf(made), timeOf(edited)
	return n, err
}
