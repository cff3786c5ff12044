// Package sqlite is the embedded store: facts in SQLite files of the state
// folder that none but the gateway's own user can read. What is acknowledged is
// on disk (write-ahead log, synchronous=FULL), a killed process leaves a file
// that opens again, and a second process may read while the gateway writes.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	driver "modernc.org/sqlite" // "sqlite", without cgo

	"github.com/gatehouse-api/gatehouse/store/internal/relational"
)

// busyTimeout is how long one process waits for another's lock, in milliseconds.
const busyTimeout = "5000"

// patience is how long a file is tried that another process is just making.
const patience = 5 * time.Second

// open opens the file for writing, with one connection, and brings its schema
// up to date. The file and a folder made for it are readable by their owner only.
func open(path string, migrations []string) (*sql.DB, error) {
	db, err := openForWriting(path)
	if err != nil {
		return nil, err
	}
	if err := relational.Migrate(context.Background(), db, dialect(), migrations); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: opening %s: %w", path, err), db.Close())
	}
	return db, nil
}

// openForWriting opens the file with one connection, whatever its schema.
func openForWriting(path string) (*sql.DB, error) {
	if err := secure(path); err != nil {
		return nil, err
	}
	db, err := connect(path, url.Values{
		"_pragma": {"busy_timeout(" + busyTimeout + ")", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "journal_size_limit(16777216)", "trusted_schema(0)"},
		"_txlock": {"immediate"},
	})
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := reach(db); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: opening %s: %w", path, err), db.Close())
	}
	return db, nil
}

// reach opens the connection. Of processes that make one file together only one
// can switch it to a write-ahead log, and SQLite has the others not wait but
// fail: they try again.
func reach(db *sql.DB) error {
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := db.Ping()
		const busy = 5 // SQLITE_BUSY, in the low byte of its extended codes
		if e, ok := errors.AsType[*driver.Error](err); !ok || e.Code()&0xff != busy || time.Since(began) > patience {
			return err
		}
	}
}

// openReadOnly opens an existing file of exactly the given schema version.
func openReadOnly(path string, version int) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("sqlite: opening: %w", err)
	}
	db, err := connect(path, url.Values{
		"mode":    {"ro"},
		"_pragma": {"busy_timeout(" + busyTimeout + ")", "query_only(1)", "trusted_schema(0)"},
	})
	if err != nil {
		return nil, err
	}
	var have int
	if err := db.QueryRow("PRAGMA user_version").Scan(&have); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: opening %s: %w", path, err), db.Close())
	}
	if have != version {
		return nil, errors.Join(fmt.Errorf("sqlite: %s has schema version %d, this program reads %d", path, have, version), db.Close())
	}
	return db, nil
}

func connect(path string, options url.Values) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: opening: %w", err)
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: abs, RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("sqlite: opening %s: %w", path, err)
	}
	return db, nil
}

// secure makes the folder and the file when they are missing, and refuses a
// file that others can read and a folder that others can write to. SQLite gives
// the files beside it (-wal, -shm) the same mode.
func secure(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("sqlite: making the state folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("sqlite: opening: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("sqlite: others can write to the state folder %s: run chmod 700 %s", dir, dir)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return file.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("sqlite: opening: %w", err)
	}
	if info, err = os.Stat(path); err != nil {
		return fmt.Errorf("sqlite: opening: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("sqlite: others can read %s: run chmod 600 %s", path, path)
	}
	return nil
}
