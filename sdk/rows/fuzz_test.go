//go:build unix

package rows

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// unsteady are what two runs of one query may answer differently: the clock, chance,
// and what depends on the order of rows that nobody asked to be in one.
var unsteady = []string{"limit", "fetch", "offset", "agg", "concat", "json", "xml", "over", "random", "now", "clock", "current", "local", "time", "pid", "xact", "insert", "val(", "session", "user", "change", "total", "setting", "uuid", "stat", "savepoint"}

// bare are aggregates: a column that stands bare beside one is of any row in SQLite.
var bare = []string{"count(", "sum(", "min(", "max(", "avg(", "group by"}

// mutated compares a query that a fuzzer made, where the guard and the database behind
// it take it. Whatever it is, it changes no row of others.
func (w *twin) mutated(t *testing.T, query string) {
	ctx, cancel := context.WithTimeout(as("t2", "u2"), 2*time.Second)
	defer cancel()
	tx, err := w.guarded.BeginTx(ctx, nil)
	if err != nil {
		t.Skip(err)
	}
	_, err = run(ctx, tx, query)
	if err := tx.Rollback(); err != nil || ctx.Err() != nil {
		t.Skip("it takes too long")
	}
	if err != nil {
		return
	}
	avoid := unsteady
	if w.settle != nil { // SQLite
		avoid = slices.Concat(unsteady, bare)
	}
	for _, u := range avoid {
		if strings.Contains(strings.ToLower(query), u) {
			return
		}
	}
	if _, _, err := w.oracle(t, query); err != nil {
		return // what the oracle does not take, such as comments that are not closed, says nothing
	}
	if _, err := w.compare(t, query); err != nil {
		t.Logf("only once: %v", err)
	}
}

func seeds(f *testing.F, dialect string) {
	n := 0
	for _, file := range []string{"testdata/queries.sql", "testdata/bypass.sql"} {
		for _, q := range queries(f, file, dialect) {
			f.Add(q.text)
			n++
		}
	}
	if n < 400 {
		f.Fatalf("only %d seeds", n)
	}
}

// FuzzPostgreSQL compares mutated queries with row-level security.
func FuzzPostgreSQL(f *testing.F) {
	w, raw := postgres(f)
	if _, err := raw.Exec("ALTER ROLE postgres SET statement_timeout = '1s'; SET statement_timeout = '1s'"); err != nil {
		f.Fatal(err)
	}
	seeds(f, "postgres")
	f.Fuzz(func(t *testing.T, query string) { w.mutated(t, query) })
}

// FuzzSQLite compares mutated queries with a copy that holds the tenant's rows only.
func FuzzSQLite(f *testing.F) {
	w := lite(f)
	seeds(f, "sqlite")
	f.Fuzz(func(t *testing.T, query string) { w.mutated(t, query) })
}
