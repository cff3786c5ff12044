package relational

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/gatehouse-api/gatehouse/store"
)

// blocks implements [store.Blocks].
type blocks struct{ s *Store }

func (b blocks) List(ctx context.Context) ([]store.Block, error) {
	list, err := b.s.loadBlocks(ctx, nil, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: listing blocks: %w", b.s.dialect.Name, err)
	}
	return list, nil
}

func (b blocks) Add(ctx context.Context, x store.Block) error {
	err := x.Check()
	if err == nil {
		err = b.s.change(ctx, "block", func(ctx context.Context, tx *sql.Tx, seq int64) error {
			return one(store.ErrExists)(tx.ExecContext(ctx, b.s.sql(`INSERT INTO block (seq, id, kind, subject, issuer, scope, because, author, made, until)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`),
				seq, x.ID, string(x.Kind), x.Subject, x.Issuer, x.Scope, x.Because, x.Author, micro(x.From), micro(x.Until)))
		})
	}
	if err != nil {
		return fmt.Errorf("%s: adding block %q: %w", b.s.dialect.Name, x.ID, err)
	}
	return nil
}

func (b blocks) Lift(ctx context.Context, id string) error {
	err := b.s.change(ctx, "block", func(ctx context.Context, tx *sql.Tx, _ int64) error {
		return one(store.ErrNotFound)(tx.ExecContext(ctx, b.s.sql(`DELETE FROM block WHERE id = ?`), id))
	})
	if err != nil {
		return fmt.Errorf("%s: lifting block %q: %w", b.s.dialect.Name, id, err)
	}
	return nil
}

func (b blocks) Watch(changed func([]store.Block)) (func(), error) {
	stop, err := watch(&b.s.feed, &b.s.blocks, changed)
	if err != nil {
		return nil, fmt.Errorf("%s: watching blocks: %w", b.s.dialect.Name, err)
	}
	return stop, nil
}

// loadBlocks reads every block: there are few, and they are lifted.
func (s *Store) loadBlocks(ctx context.Context, _ []store.Block, _ int64) ([]store.Block, error) {
	return rows(ctx, s, func(scan func(...any) error) (b store.Block, err error) {
		var made, until int64
		err = scan(&b.ID, &b.Kind, &b.Subject, &b.Issuer, &b.Scope, &b.Because, &b.Author, &made, &until)
		b.From, b.Until = timeOf(made), timeOf(until)
		return b, err
	}, `SELECT id, kind, subject, issuer, scope, because, author, made, until FROM block ORDER BY seq`)
}

// one returns what a statement that must touch one row comes to: otherwise when
// it touched none.
func one(otherwise error) func(sql.Result, error) error {
	return func(r sql.Result, err error) error {
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err == nil && n == 0 {
			err = otherwise
		}
		return err
	}
}
