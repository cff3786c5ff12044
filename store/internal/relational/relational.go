// Package relational is the one implementation of the durable stores in SQL. The
// engines around it open a database and say in a [Dialect] where theirs differs.
//
// Every change counts up one row of the table change, in the transaction that
// makes it. That row's lock puts the changes of all processes in one order, and
// reading it tells every other process what is new: it is the whole change feed,
// for which an engine may add a faster wake-up.
package relational

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/aside"
	"github.com/gatehouse-api/gatehouse/store"
)

// patience is how long one statement or transaction may take.
const patience = 10 * time.Second

// briefly begins a statement or a transaction of a caller who waits for it.
func briefly(ctx context.Context) (context.Context, context.CancelFunc) {
	aside.Step(ctx)
	return context.WithTimeout(ctx, patience)
}

// Dialect is where one database differs from another. Statements are written with
// ? for parameters.
type Dialect struct {
	Name     string // of the engine, in errors
	Numbered bool   // parameters are $1, $2 instead of ?
	Types    *strings.Replacer
	// Prepare says that what is asked for each request is prepared here: the driver
	// reads the text of a statement each time otherwise.
	Prepare bool
	// Lock is a statement at the beginning of a migration that keeps other
	// processes out until the transaction ends; "" where transactions do by
	// themselves.
	Lock string
	// ForUpdate is what a SELECT ends with whose row will be changed, or "" where a
	// transaction is alone anyway.
	ForUpdate string
	// Schema is what stands before the name of a table in a transaction that is not
	// ours: "gatehouse.", or "".
	Schema string
	// Moment is the isolation of a transaction whose statements all read one moment.
	Moment sql.IsolationLevel
	// Notify is a statement at the end of every change, or "".
	Notify string
	// Earlier is an expression for the earlier of a parameter and the database's
	// own time, in microseconds since 1970: nothing is forgotten because the clock
	// of one process is ahead.
	Earlier string
	// Version reads the schema's version inside a migration, 0 for a new database,
	// and SetVersion writes it.
	Version    func(ctx context.Context, tx *sql.Tx) (int, error)
	SetVersion func(ctx context.Context, tx *sql.Tx, version int) error
	// Listen calls wake at every change that it is told of, until ctx ends. It
	// returns when it can go on no more, and is called again a second later. It is
	// nil where there is nothing but asking.
	Listen func(ctx context.Context, wake func()) error
	// Poll is how often the database is asked for changes.
	Poll time.Duration
}

// Options is how a store is opened. The zero value is ready.
type Options struct {
	Log *slog.Logger // failures of the change feed; nil discards them
}

// Store is one opened database. Each of its roles is a method.
type Store struct {
	dialect     Dialect
	write, read *sql.DB
	feed        feed
	once        onceTable
	blocks      topic[store.Block]
	revocations topic[store.Revocation]
	tuples      tupleTopic
	owner       *sql.Stmt // reads one; nil where the driver keeps statements itself

	closing sync.Once
	closed  error
}

// Open takes over the two handles of one database, of which one may only read,
// and brings its schema up to date. They may be the same. Open closes them when
// it fails.
func Open(ctx context.Context, write, read *sql.DB, d Dialect, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{dialect: d, write: write, read: read}
	s.feed.start(s, o.Log)
	s.blocks = topic[store.Block]{role: "block", load: s.loadBlocks}
	s.revocations = topic[store.Revocation]{role: "revocation", load: s.loadRevocations}
	err := Migrate(ctx, write, d, migrations())
	if err == nil && d.Prepare {
		s.owner, err = read.PrepareContext(ctx, s.sql(selectOwner))
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Blocks returns the role of that name.
func (s *Store) Blocks() store.Blocks { return blocks{s} }

// Once returns the role of that name.
func (s *Store) Once() store.Once { return once{s} }

// Revocations returns the role of that name.
func (s *Store) Revocations() store.Revocations { return revocations{s} }

// Clients returns the role of that name.
func (s *Store) Clients() store.Clients { return clients{s} }

// Grants returns the role of that name.
func (s *Store) Grants() store.Grants { return grants{s} }

// RefreshTokens returns the role of that name.
func (s *Store) RefreshTokens() store.RefreshTokens { return refreshTokens{s} }

// Endings returns the role of that name.
func (s *Store) Endings() store.Endings { return endings{s} }

// Logouts returns the role of that name.
func (s *Store) Logouts() store.Logouts { return logoutQueue{s} }

// Authorizations returns the role of that name.
func (s *Store) Authorizations() store.Authorizations { return authorizations{s} }

// SigningKeys returns the role of that name.
func (s *Store) SigningKeys() store.SigningKeys { return signingKeys{s} }

// Checked returns when the change feed last had everything that was committed
// before, or the zero time when nobody watches yet.
func (s *Store) Checked() time.Time { return s.feed.last() }

// Close ends the change feed and closes the database.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.feed.stop()
		s.closed = s.write.Close()
		if s.read != s.write {
			s.closed = errors.Join(s.closed, s.read.Close())
		}
	})
	return s.closed
}

// Migrate applies the migrations that the database does not have yet, each in a
// transaction of its own, so that it goes on where it was interrupted. Of several
// processes one migrates and the others wait. A database of a newer program is
// refused.
func Migrate(ctx context.Context, db *sql.DB, d Dialect, migrations []string) error {
	for done := false; !done; {
		ctx, cancel := context.WithTimeout(ctx, 6*patience) // others may be at it
		var err error
		done, err = step(ctx, db, d, migrations)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: migrating: %w", d.Name, err)
		}
	}
	return nil
}

// step applies the next migration, and reports whether there is none.
func step(ctx context.Context, db *sql.DB, d Dialect, migrations []string) (done bool, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	if d.Lock != "" {
		if _, err := tx.ExecContext(ctx, d.Lock); err != nil {
			return false, err
		}
	}
	have, err := d.Version(ctx, tx)
	switch {
	case err != nil:
		return false, err
	case have > len(migrations):
		return false, fmt.Errorf("written by a newer version of this program: schema version %d, known are %d", have, len(migrations))
	case have == len(migrations):
		return true, nil
	}
	if _, err := tx.ExecContext(ctx, d.Types.Replace(migrations[have])); err != nil {
		return false, fmt.Errorf("to schema version %d: %w", have+1, err)
	}
	if err := d.SetVersion(ctx, tx, have+1); err != nil {
		return false, err
	}
	return false, tx.Commit()
}

// within runs do in one transaction. When it returns nil what do did is on disk.
func (s *Store) within(ctx context.Context, do func(ctx context.Context, tx *sql.Tx) error) error {
	ctx, cancel := briefly(ctx)
	defer cancel()
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// change runs do inside a transaction that counts up the role's row, and then
// tells our own watchers. When it returns nil the change is on disk.
func (s *Store) change(ctx context.Context, role string, do func(ctx context.Context, tx *sql.Tx, seq int64) error) error {
	err := s.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		seq, err := s.count(ctx, tx, role)
		if err != nil {
			return err
		}
		if err := do(ctx, tx, seq); err != nil {
			return err
		}
		return s.wakeOthers(ctx, tx)
	})
	if err != nil {
		return err
	}
	s.feed.refresh() // its failure is the feed's: the change is made
	return nil
}

// count counts up the role's row. The transaction may be another's.
func (s *Store) count(ctx context.Context, tx *sql.Tx, role string) (seq int64, err error) {
	err = tx.QueryRowContext(ctx, s.sql(`UPDATE `+s.dialect.Schema+`change SET seq = seq + 1 WHERE role = ? RETURNING seq`), role).Scan(&seq)
	return seq, err
}

// wakeOthers has other processes told when the transaction ends.
func (s *Store) wakeOthers(ctx context.Context, tx *sql.Tx) error {
	if s.dialect.Notify == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, s.dialect.Notify)
	return err
}

// sql writes a statement in the dialect's way.
func (s *Store) sql(statement string) string {
	if !s.dialect.Numbered {
		return statement
	}
	var b strings.Builder
	n := 0
	for part := range strings.SplitAfterSeq(statement, "?") {
		before, found := strings.CutSuffix(part, "?")
		b.WriteString(before)
		if found {
			n++
			b.WriteString("$" + strconv.Itoa(n))
		}
	}
	return b.String()
}

// micro is a time as it is stored: microseconds since 1970, UTC; 0 for never.
func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(micro int64) time.Time {
	if micro == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micro).UTC()
}

// rows reads every row of a query.
func rows[T any](ctx context.Context, s *Store, read func(scan func(...any) error) (T, error), statement string, args ...any) ([]T, error) {
	result, err := s.read.QueryContext(ctx, s.sql(statement), args...)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	var all []T
	for result.Next() {
		one, err := read(result.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, result.Err()
}
