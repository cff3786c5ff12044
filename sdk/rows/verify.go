package rows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/sdk/rows/internal/guard"
)

// found is a column as the database has it.
type found struct {
	typ           string // in lower case
	notNull       bool
	deterministic bool // its collation tells different texts apart
}

// Verify compares the tables of the database with what the policies take them for. An
// application calls it when it starts, and does not serve where it returns an error,
// which names everything that is wrong and what to write:
//
//   - a column that is always there for policies is NOT NULL: a comparison with NULL is
//     neither true nor false;
//   - texts have a collation that tells different texts apart: under one that ignores
//     case, 'Secret' = 'secret', and char(n) ignores spaces at the end;
//   - columns have the types that their attributes are compared as, a table is a table
//     and no view, and in SQLite it is STRICT, so that its columns hold what they say.
//
// It looks at the catalogue only, never at rows.
func (p *Policy) Verify(ctx context.Context, db *sql.DB) error {
	var wrong []error
	if p.dialect == PostgreSQL {
		var encoding string
		if err := db.QueryRowContext(ctx, "SELECT current_setting('server_encoding')").Scan(&encoding); err != nil {
			return fmt.Errorf("rows: verifying: %w", err)
		}
		if encoding != "UTF8" {
			wrong = append(wrong, fmt.Errorf("rows: the database's encoding is %s, and identities are in UTF8", encoding))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.objects)) {
		o := p.objects[name]
		if o.table == nil {
			continue
		}
		look := postgresColumns
		if p.dialect == SQLite {
			look = sqliteColumns
		}
		columns, err := look(ctx, db, o.table.name)
		switch {
		case errors.Is(err, errTable):
			wrong = append(wrong, fmt.Errorf("rows: objects.%s.table: %w", name, err))
			continue
		case err != nil:
			return fmt.Errorf("rows: verifying objects.%s.table: %w", name, err)
		}
		wrong = append(wrong, p.verify(name, o, columns)...)
	}
	return errors.Join(wrong...)
}

// errTable is wrapped by what is said of a table that is none to be asked.
var errTable = errors.New("it cannot be asked")

// verify compares one table.
func (p *Policy) verify(name string, o *object, columns map[string]found) (wrong []error) {
	at := func(attribute string, c Column, required bool) {
		if says := c.wrong(p.dialect, columns, required); says != "" {
			wrong = append(wrong, fmt.Errorf("rows: objects.%s.table: column %s (%s): %s", name, guard.Ident(c.Name), attribute, says))
		}
	}
	at("id", o.table.id, true)
	read := map[string]bool{}
	for _, a := range o.actions {
		for _, path := range a.rules.Reads().Resource {
			first, _, _ := strings.Cut(path, ".")
			read[first] = true
		}
	}
	for _, a := range p.bundle.Set().Attributes(o.table.entity) {
		if c, kept := o.table.columns[a.Name]; kept && read[a.Name] {
			at("resource."+a.Name, c, a.Required)
		}
	}
	return wrong
}

// names are the database's names of a type of column.
var names = map[Dialect][]string{
	PostgreSQL: {"text varchar", "int2 int4 int8", "bool", "uuid"},
	SQLite:     {"text", "int integer", "int integer", ""},
}

// wrong says what is wrong with a column, or "".
func (c Column) wrong(d Dialect, columns map[string]found, required bool) string {
	f, ok := columns[c.Name]
	allowed := strings.Fields(names[d][c.Type])
	switch {
	case !ok:
		return "there is none; say where it is kept: table: {columns: {ATTRIBUTE: COLUMN}}"
	case len(allowed) == 0:
		return fmt.Sprintf("%s has no %s; keep it as text", d, c.Type)
	case !slices.Contains(allowed, f.typ):
		return fmt.Sprintf("it is a %s, and policies ask a %s; make it one of %s, or say so: table: {columns: {ATTRIBUTE: %s TYPE}}", f.typ, c.Type, strings.Join(allowed, ", "), c.Name)
	case required && !f.notNull:
		return "it may be NULL, and for policies it is always there; ALTER ... SET NOT NULL, or take it out of required in the description"
	case c.Type == Text && !f.deterministic:
		return `its collation takes different texts for the same; ALTER ... TYPE text COLLATE "default"`
	}
	return ""
}

// split returns schema and name of a table.
func split(table string) (schema, name string) {
	schema, name, ok := strings.Cut(table, ".")
	if !ok {
		return "", table
	}
	return schema, name
}

func postgresColumns(ctx context.Context, db *sql.DB, table string) (map[string]found, error) {
	schema, name := split(table)
	full := guard.Ident(name)
	if schema != "" {
		full = guard.Ident(schema) + "." + full
	}
	var kind sql.NullString
	if err := db.QueryRowContext(ctx, "SELECT (SELECT relkind::text FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1::text))", full).Scan(&kind); err != nil {
		return nil, err
	}
	switch kind.String {
	case "r", "p":
	case "":
		return nil, fmt.Errorf("%w: there is no table %s", errTable, full)
	default:
		return nil, fmt.Errorf("%w: %s is a view or a foreign table, of which nobody knows what is NOT NULL; name the table", errTable, full)
	}
	rows, err := db.QueryContext(ctx, `SELECT a.attname, t.typname, a.attnotnull, coalesce(c.collisdeterministic, true)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
WHERE a.attrelid = pg_catalog.to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped`, full)
	if err != nil {
		return nil, err
	}
	return columnsOf(rows)
}

func sqliteColumns(ctx context.Context, db *sql.DB, table string) (map[string]found, error) {
	schema, name := split(table)
	if schema == "" {
		schema = "main"
	}
	var kind string
	var strict bool
	switch err := db.QueryRowContext(ctx, "SELECT type, strict FROM pragma_table_list WHERE schema = ? AND name = ?", schema, name).Scan(&kind, &strict); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("%w: there is no table %s", errTable, guard.Ident(table))
	case err != nil:
		return nil, err
	case kind != "table":
		return nil, fmt.Errorf("%w: %s is a %s; name the table", errTable, guard.Ident(table), kind)
	case !strict:
		return nil, fmt.Errorf("%w: %s is not STRICT, so that a column of numbers may hold texts; CREATE TABLE ... STRICT", errTable, guard.Ident(table))
	}
	// A column of the primary key of a STRICT table is never NULL. Predicates compare
	// texts as bytes whatever the column's collation is.
	rows, err := db.QueryContext(ctx, `SELECT name, lower(type), "notnull" <> 0 OR pk > 0, TRUE FROM pragma_table_xinfo(?, ?)`, name, schema)
	if err != nil {
		return nil, err
	}
	return columnsOf(rows)
}

func columnsOf(rows *sql.Rows) (map[string]found, error) {
	defer rows.Close()
	out := map[string]found{}
	for rows.Next() {
		var name string
		var f found
		if err := rows.Scan(&name, &f.typ, &f.notNull, &f.deterministic); err != nil {
			return nil, err
		}
		out[name] = f
	}
	return out, rows.Err()
}
