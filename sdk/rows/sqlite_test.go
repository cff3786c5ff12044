package rows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// lite returns a guarded SQLite database, and beside it a copy that holds nothing but
// the rows of t2, u2.
func lite(t testing.TB) *twin {
	t.Helper()
	raw, copied := open(t, "all.db"), open(t, "copy.db")
	load(t, raw, "sqlite.sql", "sqlite_reach.sql")
	load(t, copied, "sqlite.sql")
	if _, err := copied.Exec("DELETE FROM notes WHERE user_id <> 'u2'; DELETE FROM tasks WHERE user_id <> 'u2'"); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"orders", "items", "tasks", "events", "papers", `"order lines"`, `"2026_lines"`} {
		if _, err := copied.Exec("DELETE FROM " + table + " WHERE tenant_id <> 't2' COLLATE BINARY"); err != nil {
			t.Fatal(err)
		}
	}
	db, err := Wrap(context.Background(), raw, append(guardedTables(), Table("stamped", Tenant("tenant_id")))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &twin{guarded: db}
	var parts []string
	for table, columns := range map[string]string{
		"orders": "tenant_id, '', id, owner_id, status, amount, public, note", "items": "tenant_id, '', id, order_id, sku, qty", "notes": "'t2', user_id, id, body",
		"tasks": "tenant_id, user_id, id, parent, title", "events": "tenant_id, '', id, at, what", "papers": "tenant_id, '', id, title", `"order lines"`: "tenant_id, '', id, text", `"2026_lines"`: "tenant_id, '', id, text",
		"customers": "'t2', '', id, region, name", "jobs": "'t2', '', id, order_id, state", "reports": "'t2', '', id, what, n", "settings": "'t2', '', key, value",
	} {
		parts = append(parts, fmt.Sprintf("SELECT json_array(%s) || ' %s' FROM %s", columns, table, table))
	}
	w.dump = strings.Join(parts, " UNION ALL ") + " ORDER BY 1"
	mine := func(line string) bool {
		return strings.HasPrefix(line, `["t2","u2",`) || strings.HasPrefix(line, `["t2","",`)
	}
	foreign := slices.DeleteFunc(everything(t, raw, w.dump), mine)
	w.settle = func(t testing.TB, all []string) []string {
		t.Helper()
		if !slices.Equal(slices.DeleteFunc(slices.Clone(all), mine), foreign) {
			t.Error("rows of others have changed")
		}
		return slices.DeleteFunc(all, func(line string) bool { return !mine(line) })
	}
	w.oracle = func(t testing.TB, query string) (answer, []string, error) {
		tx, err := copied.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		want, err := run(context.Background(), tx, forOracle(query))
		if err != nil {
			return want, nil, err
		}
		found, err := tx.Query(w.dump)
		if err != nil {
			t.Fatal(err)
		}
		after, err := lines(found)
		return want, after, err
	}
	return w
}

func open(t testing.TB, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func load(t testing.TB, db *sql.DB, files ...string) {
	t.Helper()
	for _, file := range files {
		script, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(string(script)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
}

func everything(t testing.TB, db *sql.DB, query string) []string {
	t.Helper()
	found, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	all, err := lines(found)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTheGuardAgreesWithACopyOfTheTenantsRowsInSQLite(t *testing.T) {
	agree(t, lite(t), "sqlite")
}

// The guard's own values are the guard's, whatever an argument is called.
func TestAnArgumentCannotBeCalledLikeTheGuards(t *testing.T) {
	w := lite(t)
	for _, name := range []string{"gatehouse_0", "GATEHOUSE_0"} {
		found, err := w.guarded.QueryContext(as("t2", "u2"), "select tenant_id from orders where amount < :most", sql.Named(name, "t1"), sql.Named("most", 30))
		if err == nil {
			all, err := lines(found)
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
	found, err := w.guarded.QueryContext(as("t2", "u2"), "select tenant_id from orders where amount < :most", sql.Named("most", 5))
	if err != nil {
		t.Fatal(err)
	}
	if all, err := lines(found); err != nil || len(all) != 1 || all[0] != "t2" {
		t.Errorf("%v, %v", all, err)
	}
}

// What a connection has of its own reaches into tables, too.
func TestTemporaryViewsAndTriggersAreFound(t *testing.T) {
	raw := open(t, "temporary.db")
	raw.SetMaxOpenConns(1)
	load(t, raw, "sqlite.sql")
	if _, err := raw.Exec("CREATE TEMP VIEW seen AS SELECT * FROM orders; CREATE TEMP TRIGGER gone AFTER INSERT ON jobs BEGIN DELETE FROM items; END"); err != nil {
		t.Fatal(err)
	}
	db, err := Wrap(t.Context(), raw, guardedTables()...)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, text := range []string{"select * from seen", "insert into jobs values (900, 1, 'x')"} {
		_, err := db.ExecContext(as("t2", "u2"), text)
		if _, refused := errors.AsType[*Refused](err); !refused {
			t.Errorf("%s: %v", text, err)
		}
	}
}
