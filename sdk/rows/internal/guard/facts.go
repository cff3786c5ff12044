package guard

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Ask runs a query of the guard's own, without a transaction of its own, and returns
// its rows as text; NULL is "".
type Ask func(ctx context.Context, query string, args ...string) ([][]string, error)

// Wanted is what is to be guarded.
type Wanted struct {
	Tables   []WantedTable
	Reviewed []string // views, functions and triggers that may touch guarded tables
}

// WantedTable is a table as the application names it.
type WantedTable struct {
	Schema, Name  string // Schema is "" for public (PostgreSQL) or main (SQLite)
	Tenant, Owner string // columns, or ""
	// What their types are said to be, where no database is asked.
	TenantType, OwnerType Type
}

// DialectOf asks a database what it is.
func DialectOf(ctx context.Context, ask Ask) (Dialect, error) {
	if found, err := ask(ctx, "SELECT sqlite_version()"); err == nil && len(found) == 1 {
		return SQLite, nil
	}
	found, err := ask(ctx, "SELECT version()")
	switch {
	case err != nil:
		return 0, fmt.Errorf("rows: asking the database what it is: %w", err)
	case len(found) == 1 && strings.HasPrefix(found[0][0], "PostgreSQL "):
		return PostgreSQL, nil
	}
	return 0, fmt.Errorf("rows: the database is %q, whose SQL is not judged: use PostgreSQL or SQLite, or filter with rows.Where (MySQL's strings, comments and names are other ones)", strings.Join(slices.Concat(found...), " "))
}

// Discover asks a database for what the guard must know: the tables themselves, and
// what else reaches into them.
func Discover(ctx context.Context, d Dialect, ask Ask, w Wanted) (Facts, error) {
	if len(w.Tables) == 0 {
		return Facts{}, fmt.Errorf("rows: nothing is guarded: name a table, rows.Table(\"orders\", rows.Tenant(\"tenant_id\"))")
	}
	for i, t := range w.Tables {
		if t.Tenant == "" && t.Owner == "" {
			return Facts{}, fmt.Errorf("rows: table %s says not whose its rows are: add rows.Tenant(column) or rows.Owner(column)", t.Name)
		}
		for _, other := range w.Tables[:i] {
			if strings.EqualFold(t.Name, other.Name) {
				return Facts{}, fmt.Errorf("rows: table %s is named twice (in another schema or by another case too): rename one", t.Name)
			}
		}
		for _, n := range []string{t.Schema, t.Name, t.Tenant, t.Owner} {
			if strings.ContainsFunc(n, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune("\"'`[]", r) }) || len(n) > 63 {
				return Facts{}, fmt.Errorf("rows: the name %q is not of at most 63 printable ASCII characters without quotes and brackets", n)
			}
		}
	}
	f := Facts{Relations: map[string]string{}, Writes: map[string]string{}, Functions: map[string]string{}}
	if d == SQLite {
		return f, discoverSQLite(ctx, ask, w, &f)
	}
	return f, discoverPostgreSQL(ctx, ask, w, &f)
}

// names returns the words of a text in lower case, whatever they are in it.
func names(src string) map[string]bool {
	all := map[string]bool{}
	for i := 0; i < len(src); {
		if !isNameStart(src[i]) {
			i++
			continue
		}
		from := i
		for i < len(src) && isNamePart(src[i]) {
			i++
		}
		all[lower(src[from:i])] = true
	}
	return all
}

// among returns one of the names that a text mentions, and "" when it mentions none. A
// name that is no plain word is looked for letter by letter.
func among(text string, words map[string]bool, lists ...map[string]string) string {
	text = lower(text)
	for _, l := range lists {
		for _, n := range slices.Sorted(maps.Keys(l)) {
			plain := n != "" && isNameStart(n[0]) && !strings.ContainsFunc(n, func(r rune) bool { return r < utf8.RuneSelf && !isNamePart(byte(r)) })
			if plain && words[lower(n)] || !plain && strings.Contains(text, lower(n)) {
				return n
			}
		}
	}
	return ""
}

// unfit is the error of a column that a caller's id cannot be compared with exactly.
func unfit(t WantedTable, column, because string) error {
	return fmt.Errorf("rows: the column %s of table %s %s", column, t.Name, because)
}
