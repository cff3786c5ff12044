package relational

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-api/gatehouse/store"
)

// clients implements [store.Clients].
type clients struct{ s *Store }

func (c clients) Add(ctx context.Context, n store.Client) error {
	err := n.Check()
	if err == nil {
		err = c.insert(ctx, n)
	}
	if err != nil {
		return fmt.Errorf("%s: adding a client: %w", c.s.dialect.Name, err)
	}
	return nil
}

func (c clients) insert(ctx context.Context, n store.Client) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	ctx, cancel := briefly(ctx)
	defer cancel()
	return one(store.ErrExists)(c.s.write.ExecContext(ctx, c.s.sql(`INSERT INTO client (id, data) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`), n.ID, string(text)))
}

func (c clients) Client(ctx context.Context, id string) (store.Client, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	n, err := readClient(c.s.read.QueryRowContext(ctx, c.s.sql(`SELECT data FROM client WHERE id = ?`), id).Scan)
	if err != nil {
		return store.Client{}, fmt.Errorf("%s: reading a client: %w", c.s.dialect.Name, missing(err))
	}
	return n, nil
}

func (c clients) List(ctx context.Context) ([]store.Client, error) {
	list, err := rows(ctx, c.s, readClient, `SELECT data FROM client ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("%s: listing clients: %w", c.s.dialect.Name, err)
	}
	return list, nil
}

func (c clients) Change(ctx context.Context, id string, change func(*store.Client) error) error {
	err := c.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := readClient(tx.QueryRowContext(ctx, c.s.sql(`SELECT data FROM client WHERE id = ?`+c.s.dialect.ForUpdate), id).Scan)
		if err != nil {
			return missing(err)
		}
		if err := change(&n); err != nil {
			return err
		}
		n.ID = id
		if err := n.Check(); err != nil {
			return err
		}
		text, err := json.Marshal(n)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, c.s.sql(`UPDATE client SET data = ? WHERE id = ?`), string(text), id)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: changing a client: %w", c.s.dialect.Name, err)
	}
	return nil
}

func (c clients) Remove(ctx context.Context, id string) error {
	ctx, cancel := briefly(ctx)
	defer cancel()
	if err := one(store.ErrNotFound)(c.s.write.ExecContext(ctx, c.s.sql(`DELETE FROM client WHERE id = ?`), id)); err != nil {
		return fmt.Errorf("%s: removing a client: %w", c.s.dialect.Name, err)
	}
	return nil
}

func readClient(scan func(...any) error) (n store.Client, err error) {
	var text string
	if err := scan(&text); err != nil {
		return n, err
	}
	return n, json.Unmarshal([]byte(text), &n)
}

// missing is [store.ErrNotFound] for a row that is not there.
func missing(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	return err
}
