// Package postgres is the shared store: what several gateways must agree on, in
// a PostgreSQL database (12 or newer). What is acknowledged is on the server's
// disk, and every gateway hears of it through LISTEN/NOTIFY, or by asking twice a
// second where that does not get through.
//
// The tables are in the schema "gatehouse", which the first start makes.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/gatehouse-api/gatehouse/store/internal/relational"
)

const (
	pollEvery = 500 * time.Millisecond // of changes, beside LISTEN
	dialTime  = 5 * time.Second
	maxConns  = 8 // of one gateway, beside the one that listens
	channel   = "gatehouse_change"
	// lockKey is the advisory lock of migrations: "gatehous" in ASCII.
	lockKey = "7449363239979939187"
)

// ErrUnverified says that the server would not be proven by its certificate, or
// that nothing would be encrypted.
var ErrUnverified = errors.New("postgres: the connection does not prove the server: write sslmode=verify-full in the URL, with sslrootcert where the authority is your own")

// Config is where the database is.
type Config struct {
	// URL is a connection URL or keyword/value text as of libpq; sslmode must be
	// verify-full unless the server is on this machine.
	URL string
	// Unverified permits a server on another machine without TLS, or with a
	// certificate that is not verified.
	Unverified bool
}

// Store is an opened store: each of its roles is a method.
type Store = relational.Store

// Options is how a store is opened.
type Options = relational.Options

// Open connects to the database and brings the schema up to date. It fails when
// the server cannot be reached, is not proven, or acknowledges what is not yet
// on its disk. No error holds the password.
func Open(ctx context.Context, c Config, o Options) (*Store, error) {
	config, err := parse(c)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(2)
	db.SetConnMaxIdleTime(5 * time.Minute)
	first, cancel := context.WithTimeout(ctx, 2*dialTime)
	defer cancel()
	if err := durable(first, db); err != nil {
		return nil, errors.Join(fmt.Errorf("postgres: opening: %w", err), db.Close())
	}
	s, err := relational.Open(ctx, db, db, dialect(config), o)
	if err != nil {
		return nil, fmt.Errorf("postgres: opening: %w", err)
	}
	return s, nil
}

// Check judges a configuration without connecting.
func Check(c Config) error {
	_, err := parse(c)
	return err
}

// parse reads the URL. What of it is not said there may come from PostgreSQL's
// own files (a service, .pgpass), as with every client.
func parse(c Config) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return nil, errors.New("postgres: the connection URL cannot be read: expected postgres://user@host/database?sslmode=verify-full")
	}
	if !c.Unverified && !proven(config) {
		return nil, fmt.Errorf("%w (host %s)", ErrUnverified, config.Host)
	}
	config.ConnectTimeout = dialTime
	config.RuntimeParams["application_name"] = "gatehouse"
	config.RuntimeParams["default_transaction_isolation"] = "read committed" // what the statements are written for
	// No other schema is looked into, so that nobody can put a table before ours.
	config.RuntimeParams["search_path"] = "gatehouse"
	return config, nil
}

// proven reports whether every server that may be tried is on this machine or
// must prove itself.
func proven(c *pgx.ConnConfig) bool {
	ok := func(host string, insecure bool) bool { return local(host) || !insecure }
	if !ok(c.Host, c.TLSConfig == nil || c.TLSConfig.InsecureSkipVerify) {
		return false
	}
	for _, f := range c.Fallbacks {
		if !ok(f.Host, f.TLSConfig == nil || f.TLSConfig.InsecureSkipVerify) {
			return false
		}
	}
	return true
}

// local reports whether a host is a Unix socket or a loopback address.
func local(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
}

// durable refuses a server that loses what it acknowledged.
func durable(ctx context.Context, db *sql.DB) error {
	for _, setting := range []string{"fsync", "synchronous_commit"} {
		var value string
		if err := db.QueryRowContext(ctx, "SELECT current_setting($1)", setting).Scan(&value); err != nil {
			return err
		}
		if value == "off" {
			return fmt.Errorf("the server acknowledges what a crash can undo: %s is off; write: ALTER ROLE CURRENT_USER SET synchronous_commit = on (fsync is in postgresql.conf)", setting)
		}
	}
	return nil
}

// dialect is PostgreSQL's.
func dialect(config *pgx.ConnConfig) relational.Dialect {
	return relational.Dialect{
		Name:      "postgres",
		Numbered:  true,
		Types:     strings.NewReplacer("{int}", "BIGINT", "{bytes}", "BYTEA", "{strict}", ""),
		Lock:      "SELECT pg_advisory_xact_lock(" + lockKey + ")",
		ForUpdate: " FOR UPDATE",
		Earlier:   "least(?, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT))",
		Notify:    "NOTIFY " + channel,
		Schema:    "gatehouse.",
		Moment:    sql.LevelRepeatableRead,
		Version: func(ctx context.Context, tx *sql.Tx) (version int, err error) {
			var there bool
			if err := tx.QueryRowContext(ctx, "SELECT to_regclass('gatehouse.schema_version') IS NOT NULL").Scan(&there); err != nil {
				return 0, err
			}
			if !there { // only then: the role may be one that must not make schemas
				if _, err := tx.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS gatehouse; CREATE TABLE gatehouse.schema_version (version BIGINT NOT NULL)"); err != nil {
					return 0, err
				}
			}
			err = tx.QueryRowContext(ctx, "SELECT version FROM schema_version").Scan(&version)
			if errors.Is(err, sql.ErrNoRows) {
				_, err = tx.ExecContext(ctx, "INSERT INTO schema_version (version) VALUES (0)")
			}
			return version, err
		},
		SetVersion: func(ctx context.Context, tx *sql.Tx, version int) error {
			_, err := tx.ExecContext(ctx, "UPDATE schema_version SET version = $1", version)
			return err
		},
		Listen: func(ctx context.Context, wake func()) error { return listen(ctx, config, wake) },
		Poll:   pollEvery,
	}
}

// listen hears of changes on a connection of its own.
func listen(ctx context.Context, config *pgx.ConnConfig, wake func()) error {
	conn, err := pgx.ConnectConfig(ctx, config.Copy())
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	for {
		wake() // also at first: something may have changed before we listened
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}
