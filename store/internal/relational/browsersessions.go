package relational

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// browserSessions implements [store.BrowserSessions].
type browserSessions struct{ s *Store }

// BrowserSessions returns the role of that name.
func (s *Store) BrowserSessions() store.BrowserSessions { return browserSessions{s} }

const selectSessions = `SELECT id, name, person, acr, amr, proven, made, used, idle, until, address, agent, connection, upstream FROM browser_session`

// noteEvery is how exactly the last use of a session is known: it is written at
// most that often, and a session may end that much early.
const noteEvery = time.Minute

func (b browserSessions) failed(doing string, err error) error {
	return fmt.Errorf("%s: %s a session: %w", b.s.dialect.Name, doing, err)
}

func (b browserSessions) Begin(ctx context.Context, n store.BrowserSession, replaces store.Hash) error {
	if err := n.Check(); err != nil {
		return b.failed("beginning", err)
	}
	err := b.s.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if replaces != (store.Hash{}) {
			if _, err := tx.ExecContext(ctx, b.s.sql(`DELETE FROM browser_session WHERE id = ?`), replaces[:]); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, b.s.sql(`DELETE FROM browser_session WHERE until <= ?`), micro(n.Made.Add(-forgetAfter))); err != nil {
			return err
		}
		return one(store.ErrExists)(tx.ExecContext(ctx, b.s.sql(`INSERT INTO browser_session (id, name, person, acr, amr, proven, made, used, idle, until, address, agent, connection, upstream)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`),
			n.ID[:], n.Name, n.User, n.ACR, strings.Join(n.AMR, " "), micro(n.At), micro(n.Made), micro(n.Made), n.Idle.Microseconds(), micro(n.Until), n.Address, n.Agent,
			n.Connection, n.Upstream))
	})
	if err != nil {
		return b.failed("beginning", err)
	}
	return nil
}

func (b browserSessions) Use(ctx context.Context, at time.Time, id store.Hash) (store.BrowserSession, error) {
	return b.use(ctx, at, ` WHERE id = ?`, id[:])
}

func (b browserSessions) UseNamed(ctx context.Context, at time.Time, name string) (store.BrowserSession, error) {
	return b.use(ctx, at, ` WHERE name = ?`, name)
}

func (b browserSessions) use(ctx context.Context, at time.Time, where string, key any) (store.BrowserSession, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	n, err := readSession(b.s.read.QueryRowContext(ctx, b.s.sql(selectSessions+where+` AND until > ? AND used + idle > ?`), key, micro(at), micro(at)).Scan)
	if err != nil {
		return store.BrowserSession{}, b.failed("reading", missing(err))
	}
	if at.Sub(n.Used) < noteEvery {
		return n, nil
	}
	n.Used = at
	if _, err := b.s.write.ExecContext(ctx, b.s.sql(`UPDATE browser_session SET used = ? WHERE id = ? AND used < ?`), micro(at), n.ID[:], micro(at)); err != nil {
		return store.BrowserSession{}, b.failed("using", err)
	}
	return n, nil
}

func (b browserSessions) List(ctx context.Context, at time.Time, user string, n int) ([]store.BrowserSession, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	list, err := rows(ctx, b.s, readSession, selectSessions+` WHERE (person = ? OR ? = '') AND until > ? AND used + idle > ? ORDER BY used DESC, id LIMIT ?`,
		user, user, micro(at), micro(at), n)
	if err != nil {
		return nil, fmt.Errorf("%s: listing sessions: %w", b.s.dialect.Name, err)
	}
	return list, nil
}

func readSession(scan func(...any) error) (n store.BrowserSession, err error) {
	var id []byte
	var amr string
	var proven, made, used, idle, until int64
	err = scan(&id, &n.Name, &n.User, &n.ACR, &amr, &proven, &made, &used, &idle, &until, &n.Address, &n.Agent, &n.Connection, &n.Upstream)
	copy(n.ID[:], id)
	n.AMR, n.Idle = strings.Fields(amr), time.Duration(idle)*time.Microsecond
	n.At, n.Made, n.Used, n.Until = timeOf(proven), timeOf(made), timeOf(used), timeOf(until)
	return n, err
}
