package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/store/internal/relational"
)

// StoreName is the name of the store in the state folder.
const StoreName = "store.db"

// pollEvery is how often the file is asked what other processes changed. It
// costs one look at a table of a few rows.
const pollEvery = 200 * time.Millisecond

// Store is an opened store: each of its roles is a method.
type Store = relational.Store

// Options is how a store is opened.
type Options = relational.Options

// OpenStore opens the store at path, and makes it when it is not there. Several
// processes may have it open: a command changes it while a gateway runs.
func OpenStore(ctx context.Context, path string, o Options) (*Store, error) {
	write, err := openForWriting(path)
	if err != nil {
		return nil, err
	}
	read, err := connect(path, url.Values{"_pragma": {"busy_timeout(" + busyTimeout + ")", "query_only(1)", "trusted_schema(0)"}})
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(2)
	s, err := relational.Open(ctx, write, read, dialect(), o)
	if err != nil {
		return nil, fmt.Errorf("sqlite: opening %s: %w", path, err)
	}
	return s, nil
}

// dialect is SQLite's. Transactions begin with the lock for writing, so that
// migrations need no other.
func dialect() relational.Dialect {
	return relational.Dialect{
		Name:    "sqlite",
		Prepare: true,
		Types:   strings.NewReplacer("{int}", "INTEGER", "{bytes}", "BLOB", "{strict}", "STRICT"),
		Earlier: "min(?, CAST(unixepoch('subsec') * 1000000 AS INTEGER))",
		Version: func(ctx context.Context, tx *sql.Tx) (version int, err error) {
			err = tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
			return version, err
		},
		SetVersion: func(ctx context.Context, tx *sql.Tx, version int) error {
			_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
			return err
		},
		Poll: pollEvery,
	}
}
