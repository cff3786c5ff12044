package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// TrailsName is the name of the trail store in the state folder.
const TrailsName = "trails.db"

// The bounds of the trail store. The oldest rows over them are forgotten with
// the next batch.
const (
	MaxTrails   = 200_000
	MaxTrailAge = 7 * 24 * time.Hour
)

// Trails is a [store.Trails] in an SQLite file.
type Trails struct {
	db  *sql.DB
	now func() time.Time
	max int64
}

var _ store.Trails = (*Trails)(nil)

// trailMigrations is the schema, one entry per version; entries are only added.
// The order of the rowid is the order of arrival, by which the oldest go.
var trailMigrations = []string{
	`CREATE TABLE trail (
		seq      INTEGER PRIMARY KEY AUTOINCREMENT,
		id       TEXT NOT NULL UNIQUE,
		at       INTEGER NOT NULL, -- microseconds since 1970, UTC
		document BLOB NOT NULL
	) STRICT`,
}

// OpenTrails opens the trail store at path for its one writer, and makes it
// when it is not there. now tells the time by which trails age.
func OpenTrails(path string, now func() time.Time) (*Trails, error) {
	db, err := open(path, trailMigrations)
	if err != nil {
		return nil, err
	}
	return &Trails{db: db, now: now, max: MaxTrails}, nil
}

// ReadTrails opens the trail store at path for reading only, also while a
// gateway is writing to it. It fails when there is none.
func ReadTrails(path string) (*Trails, error) {
	db, err := openReadOnly(path, len(trailMigrations))
	if err != nil {
		return nil, err
	}
	return &Trails{db: db, now: time.Now, max: MaxTrails}, nil
}

// Append implements [store.Trails]. The batch is on disk when it returns nil.
func (t *Trails) Append(ctx context.Context, batch []store.Trail) error {
	if len(batch) == 0 {
		return nil
	}
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("sqlite: appending trails: %w", err)
	}
	defer tx.Rollback()
	if err := t.append(ctx, tx, batch); err != nil {
		return fmt.Errorf("sqlite: appending trails: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("sqlite: appending trails: %w", err)
	}
	return nil
}

func (t *Trails) append(ctx context.Context, tx *sql.Tx, batch []store.Trail) error {
	insert, err := tx.PrepareContext(ctx, `INSERT OR REPLACE INTO trail (id, at, document) VALUES (?, ?, ?)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for i := range batch {
		if _, err := insert.ExecContext(ctx, batch[i].ID, batch[i].At.UnixMicro(), batch[i].Document); err != nil {
			return err
		}
	}
	// Rows arrive in the order of time, near enough: everything before the
	// first row that is young enough is old. Reading stops at that row.
	oldest := t.now().Add(-MaxTrailAge).UnixMicro()
	_, err = tx.ExecContext(ctx, `DELETE FROM trail WHERE seq <= (SELECT max(seq) FROM trail) - ?1
		OR seq < coalesce((SELECT seq FROM trail WHERE at >= ?2 ORDER BY seq LIMIT 1), 9223372036854775807)`, t.max, oldest)
	return err
}

// Find implements [store.Trails].
func (t *Trails) Find(ctx context.Context, id string) (store.Trail, error) {
	var at int64
	found := store.Trail{ID: id}
	err := t.db.QueryRowContext(ctx, `SELECT at, document FROM trail WHERE id = ?`, id).Scan(&at, &found.Document)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Trail{}, fmt.Errorf("sqlite: trail: %w", store.ErrNotFound)
	}
	if err != nil {
		return store.Trail{}, fmt.Errorf("sqlite: finding a trail: %w", err)
	}
	found.At = time.UnixMicro(at).UTC()
	if t.now().Sub(found.At) > MaxTrailAge {
		return store.Trail{}, fmt.Errorf("sqlite: trail: %w", store.ErrNotFound)
	}
	return found, nil
}

// Close closes the file.
func (t *Trails) Close() error { return t.db.Close() }
