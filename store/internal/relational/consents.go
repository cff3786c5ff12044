package relational

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// consents implements [store.Consents].
type consents struct{ s *Store }

// Consents returns the role of that name.
func (s *Store) Consents() store.Consents { return consents{s} }

func (c consents) failed(doing string, err error) error {
	return fmt.Errorf("%s: %s consents: %w", c.s.dialect.Name, doing, err)
}

func (c consents) Grant(ctx context.Context, at time.Time, user, client string, scopes []string) error {
	err := c.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, scope := range slices.Sorted(slices.Values(scopes)) { // one order, so that two at once do not wait for each other
			if _, err := tx.ExecContext(ctx, c.s.sql(`INSERT INTO consent (person, client, scope, made) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`),
				user, client, scope, micro(at)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return c.failed("granting", err)
	}
	return nil
}

func (c consents) Granted(ctx context.Context, user, client string) ([]string, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	list, err := rows(ctx, c.s, func(scan func(...any) error) (scope string, err error) {
		err = scan(&scope)
		return scope, err
	}, `SELECT scope FROM consent WHERE person = ? AND client = ? ORDER BY scope`, user, client)
	if err != nil {
		return nil, c.failed("reading", err)
	}
	return list, nil
}

func (c consents) List(ctx context.Context, user string) ([]store.Consent, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	single, err := rows(ctx, c.s, func(scan func(...any) error) (one store.Consent, err error) {
		var scope string
		var made int64
		err = scan(&one.Client, &scope, &made)
		one.Scopes, one.At = []string{scope}, timeOf(made)
		return one, err
	}, `SELECT client, scope, made FROM consent WHERE person = ? ORDER BY client, scope`, user)
	if err != nil {
		return nil, c.failed("listing", err)
	}
	var list []store.Consent
	for _, one := range single {
		if n := len(list); n > 0 && list[n-1].Client == one.Client {
			last := &list[n-1]
			last.Scopes = append(last.Scopes, one.Scopes...)
			if one.At.After(last.At) {
				last.At = one.At
			}
			continue
		}
		list = append(list, one)
	}
	return list, nil
}

func (c consents) Withdraw(ctx context.Context, user, client string) error {
	ctx, cancel := briefly(ctx)
	defer cancel()
	if err := one(store.ErrNotFound)(c.s.write.ExecContext(ctx, c.s.sql(`DELETE FROM consent WHERE person = ? AND client = ?`), user, client)); err != nil {
		return c.failed("withdrawing", err)
	}
	return nil
}

// failures implements [store.Failures].
type failures struct{ s *Store }

// Failures returns the role of that name.
func (s *Store) Failures() store.Failures { return failures{s} }

// failureSpace is what names are hashed under.
const failureSpace = "failure"

func (f failures) failed(doing string, err error) error {
	return fmt.Errorf("%s: %s failures: %w", f.s.dialect.Name, doing, err)
}

func (f failures) Fail(ctx context.Context, at time.Time, name string) (n int, err error) {
	err = f.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		// Whoever is known and whoever is not costs the same two statements.
		if _, err := tx.ExecContext(ctx, f.s.sql(`DELETE FROM failure WHERE last <= ?`), micro(at.Add(-store.FailuresKept))); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, f.s.sql(`INSERT INTO failure (hash, n, last) VALUES (?, 1, ?)
			ON CONFLICT (hash) DO UPDATE SET n = failure.n + 1, last = excluded.last RETURNING n`), digest(failureSpace, name), micro(at)).Scan(&n)
	})
	if err != nil {
		return 0, f.failed("counting", err)
	}
	return n, nil
}

func (f failures) Failed(ctx context.Context, at time.Time, name string) (n int, last time.Time, err error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	var when int64
	err = f.s.read.QueryRowContext(ctx, f.s.sql(`SELECT n, last FROM failure WHERE hash = ? AND last > ?`),
		digest(failureSpace, name), micro(at.Add(-store.FailuresKept))).Scan(&n, &when)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, time.Time{}, nil
	case err != nil:
		return 0, time.Time{}, f.failed("reading", err)
	}
	return n, timeOf(when), nil
}

func (f failures) Clear(ctx context.Context, name string) error {
	ctx, cancel := briefly(ctx)
	defer cancel()
	if _, err := f.s.write.ExecContext(ctx, f.s.sql(`DELETE FROM failure WHERE hash = ?`), digest(failureSpace, name)); err != nil {
		return f.failed("clearing", err)
	}
	return nil
}
