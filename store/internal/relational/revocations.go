package relational

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// revocations implements [store.Revocations].
type revocations struct{ s *Store }

func (r revocations) Revoke(ctx context.Context, entry store.Revocation) error {
	err := entry.Check()
	if err == nil {
		err = r.s.change(ctx, "revocation", func(ctx context.Context, tx *sql.Tx, seq int64) error {
			return r.s.revoke(ctx, tx, seq, entry)
		})
	}
	if err != nil {
		return fmt.Errorf("%s: revoking: %w", r.s.dialect.Name, err)
	}
	return nil
}

// revoke writes one entry. Nobody else writes entries meanwhile: the row of the
// change is locked.
func (s *Store) revoke(ctx context.Context, tx *sql.Tx, seq int64, e store.Revocation) error {
	var before, until int64
	err := tx.QueryRowContext(ctx, s.sql(`SELECT before, until FROM revocation WHERE kind = ? AND issuer = ? AND subject = ?`),
		string(e.Kind), e.Issuer, e.Subject).Scan(&before, &until)
	switch {
	case err == nil:
		e = e.Merge(store.Revocation{Before: timeOf(before), Until: timeOf(until)})
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	if _, err := tx.ExecContext(ctx, s.sql(`INSERT INTO revocation (kind, issuer, subject, seq, before, because, author, made, until)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (kind, issuer, subject) DO UPDATE SET seq = excluded.seq, before = excluded.before, because = excluded.because,
			author = excluded.author, made = excluded.made, until = excluded.until`),
		string(e.Kind), e.Issuer, e.Subject, seq, micro(e.Before), e.Because, e.Author, micro(e.At), micro(e.Until)); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, s.sql(`DELETE FROM revocation WHERE until <= `+s.dialect.Earlier+` - ?`), micro(e.At), forgetAfter.Microseconds())
	return err
}

// forgetAfter is how long entries are kept beyond their time: clocks differ.
const forgetAfter = time.Hour

func (r revocations) List(ctx context.Context, at time.Time) ([]store.Revocation, error) {
	list, err := rows(ctx, r.s, readRevocation, selectRevocations+` WHERE until > ? ORDER BY seq`, micro(at))
	if err != nil {
		return nil, fmt.Errorf("%s: listing revocations: %w", r.s.dialect.Name, err)
	}
	return list, nil
}

func (r revocations) Holds(ctx context.Context, at time.Time, t store.Issued) (bool, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	var entries int
	err := r.s.read.QueryRowContext(ctx, r.s.sql(`SELECT COUNT(*) FROM revocation WHERE issuer IN ('', ?) AND until > ? AND
		(kind = ? AND subject = ? OR kind = ? AND subject = ? OR kind = ? AND subject = ? AND before >= ?)`),
		t.Issuer, micro(at), string(store.RevokeToken), t.Token, string(store.RevokeGrant), t.Grant, string(store.RevokeSubject), t.Subject, micro(t.At)).Scan(&entries)
	if err != nil {
		return false, fmt.Errorf("%s: looking for a revocation: %w", r.s.dialect.Name, err)
	}
	return entries == 0, nil
}

func (r revocations) Watch(changed func([]store.Revocation)) (func(), error) {
	stop, err := watch(&r.s.feed, &r.s.revocations, changed)
	if err != nil {
		return nil, fmt.Errorf("%s: watching revocations: %w", r.s.dialect.Name, err)
	}
	return stop, nil
}

func (r revocations) Checked() time.Time { return r.s.Checked() }

// loadRevocations reads what is new, since there may be many entries, and returns
// it after those that are known and neither over nor changed.
func (s *Store) loadRevocations(ctx context.Context, known []store.Revocation, after int64) ([]store.Revocation, error) {
	fresh, err := rows(ctx, s, readRevocation, selectRevocations+` WHERE seq > ? ORDER BY seq`, after)
	if err != nil {
		return nil, err
	}
	type key struct {
		kind            store.RevocationKind
		issuer, subject string
	}
	changed := map[key]bool{}
	for i := range fresh {
		changed[key{fresh[i].Kind, fresh[i].Issuer, fresh[i].Subject}] = true
	}
	over := time.Now().Add(-forgetAfter)
	list := make([]store.Revocation, 0, len(known)+len(fresh))
	for i := range known {
		if e := &known[i]; e.Until.After(over) && !changed[key{e.Kind, e.Issuer, e.Subject}] {
			list = append(list, *e)
		}
	}
	return append(list, fresh...), nil
}

const selectRevocations = `SELECT kind, issuer, subject, before, because, author, made, until FROM revocation`

func readRevocation(scan func(...any) error) (e store.Revocation, err error) {
	var before, made, until int64
	err = scan(&e.Kind, &e.Issuer, &e.Subject, &before, &e.Because, &e.Author, &made, &until)
	e.Before, e.At, e.Until = timeOf(before), timeOf(made), timeOf(until)
	return e, err
}
