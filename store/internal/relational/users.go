package relational

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/gatehouse-api/gatehouse/store"
)

// users implements [store.Users].
type users struct{ s *Store }

// Users returns the role of that name.
func (s *Store) Users() store.Users { return users{s} }

const selectUsers = `SELECT id, name, tenant, roles, state, password, totp, totp_step, recovery, made, edited,
	(SELECT COUNT(*) FROM passkey WHERE passkey.person = person.id) FROM person`

func (u users) failed(doing string, err error) error {
	return fmt.Errorf("%s: %s a person: %w", u.s.dialect.Name, doing, err)
}

func (u users) Add(ctx context.Context, n store.User) error {
	ctx, cancel := briefly(ctx)
	defer cancel()
	if err := u.s.insertUser(ctx, u.s.write, &n); err != nil {
		return u.failed("adding", err)
	}
	return nil
}

// executor is a database or a transaction of it.
type executor interface {
	ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error)
}

func (s *Store) insertUser(ctx context.Context, x executor, n *store.User) error {
	if err := n.Check(); err != nil {
		return err
	}
	return one(store.ErrExists)(x.ExecContext(ctx, s.sql(`INSERT INTO person
		(id, name, tenant, roles, state, password, totp, totp_step, recovery, made, edited)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`),
		n.ID, n.Name, n.Tenant, strings.Join(n.Roles, " "), string(n.State), n.Password, n.TOTP, n.TOTPStep, joinHashes(n.Recovery),
		micro(n.Made), micro(n.Edited)))
}

func (u users) User(ctx context.Context, id string) (store.User, error) {
	return u.read(ctx, ` WHERE id = ?`, id)
}

func (u users) ByName(ctx context.Context, name string) (store.User, error) {
	return u.read(ctx, ` WHERE name = ?`, name)
}

func (u users) read(ctx context.Context, where, key string) (store.User, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	n, err := readUser(u.s.read.QueryRowContext(ctx, u.s.sql(selectUsers+where), key).Scan)
	if err != nil {
		return store.User{}, u.failed("reading", missing(err))
	}
	return n, nil
}

// Directory returns the role of that name.
func (s *Store) Directory() store.Directory { return users{s} }

func (u users) List(ctx context.Context, q store.UserQuery) ([]store.User, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	list, err := rows(ctx, u.s, readUser, selectUsers+` WHERE name > ? AND (tenant = ? OR ? = '') ORDER BY name LIMIT ?`, q.After, q.Tenant, q.Tenant, q.Most)
	if err != nil {
		return nil, fmt.Errorf("%s: listing people: %w", u.s.dialect.Name, err)
	}
	return list, nil
}

func (u users) Remove(ctx context.Context, id string) error {
	ctx, cancel := briefly(ctx)
	defer cancel()
	if err := one(store.ErrNotFound)(u.s.write.ExecContext(ctx, u.s.sql(`DELETE FROM person WHERE id = ?`), id)); err != nil {
		return u.failed("removing", err)
	}
	return nil
}

func (u users) Change(ctx context.Context, id string, change func(*store.User) error) (store.User, error) {
	var n store.User
	var refused error
	err := u.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var err error
		n, err = readUser(tx.QueryRowContext(ctx, u.s.sql(selectUsers+` WHERE id = ?`+u.s.dialect.ForUpdate), id).Scan)
		if err != nil {
			return missing(err)
		}
		name := n.Name
		if refused = change(&n); refused != nil {
			return refused
		}
		n.ID, n.Name = id, name
		if err := n.Check(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, u.s.sql(`UPDATE person SET tenant = ?, roles = ?, state = ?, password = ?, totp = ?, totp_step = ?,
			recovery = ?, edited = ? WHERE id = ?`),
			n.Tenant, strings.Join(n.Roles, " "), string(n.State), n.Password, n.TOTP, n.TOTPStep, joinHashes(n.Recovery), micro(n.Edited), id)
		return err
	})
	switch {
	case refused != nil:
		return store.User{}, refused
	case err != nil:
		return store.User{}, u.failed("changing", err)
	}
	return n, nil
}

func readUser(scan func(...any) error) (n store.User, err error) {
	var roles string
	var recovery []byte
	var made, edited int64
	err = scan(&n.ID, &n.Name, &n.Tenant, &roles, &n.State, &n.Password, &n.TOTP, &n.TOTPStep, &recovery, &made, &edited, &n.Passkeys)
	n.Roles = strings.Fields(roles)
	n.Made, n.Edited = timeOf(made), timeOf(edited)
	for ; len(recovery) >= len(store.Hash{}); recovery = recovery[len(store.Hash{}):] {
		n.Recovery = append(n.Recovery, store.Hash(recovery))
	}
	return n, err
}

func joinHashes(list []store.Hash) []byte {
	joined := make([]byte, 0, len(list)*len(store.Hash{}))
	for _, h := range list {
		joined = append(joined, h[:]...)
	}
	return joined
}
