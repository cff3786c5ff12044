package guard

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// discoverSQLite reads the schema of main, and the connection's own of temp.
func discoverSQLite(ctx context.Context, ask Ask, w Wanted, f *Facts) error {
	schemas, err := ask(ctx, "SELECT name FROM pragma_database_list")
	if err != nil {
		return fmt.Errorf("rows: reading the schemas: %w", err)
	}
	f.Schemas = []string{"main", "temp"}
	for _, s := range schemas {
		f.Schemas = append(f.Schemas, lower(s[0]))
	}
	kinds, err := ask(ctx, "SELECT name, type FROM pragma_table_list WHERE schema = 'main' OR schema = 'temp' AND type <> 'table' ORDER BY schema DESC")
	if err != nil {
		return fmt.Errorf("rows: reading the tables: %w", err)
	}
	kind := map[string]string{}
	for _, k := range kinds {
		kind[lower(k[0])] = k[1]
		if k[1] == "shadow" {
			f.Relations[lower(k[0])] = "it is the inside of a virtual table"
		}
	}
	objects, err := ask(ctx, "SELECT type, name, tbl_name, coalesce(sql, '') FROM main.sqlite_schema UNION ALL SELECT type, name, tbl_name, coalesce(sql, '') FROM temp.sqlite_schema WHERE type <> 'table'")
	if err != nil {
		return fmt.Errorf("rows: reading the schema: %w", err)
	}
	for _, t := range w.Tables {
		if err := tableSQLite(ctx, ask, t, kind[lower(t.Name)], objects, f); err != nil {
			return err
		}
	}
	f.reachSQLite(objects, kind, w.Reviewed)
	return nil
}

var replaces = regexp.MustCompile(`(?i)\bon\s+conflict\s+replace\b`)

// tableSQLite looks at a table that is to be guarded.
func tableSQLite(ctx context.Context, ask Ask, t WantedTable, kind string, objects [][]string, f *Facts) error {
	if t.Schema != "" && lower(t.Schema) != "main" {
		return fmt.Errorf("rows: table %s.%s is not in main: what is attached is not guarded", t.Schema, t.Name)
	}
	if kind != "table" && kind != "virtual" && kind != "view" {
		return fmt.Errorf("rows: there is no table %s in main", t.Name)
	}
	for _, o := range objects {
		if lower(o[2]) == lower(t.Name) && replaces.MatchString(o[3]) {
			return fmt.Errorf("rows: table %s says ON CONFLICT REPLACE, so that an INSERT can take another's row away: make it without", t.Name)
		}
	}
	found, err := ask(ctx, "SELECT name, type FROM pragma_table_xinfo(?, 'main')", t.Name)
	if err != nil {
		return fmt.Errorf("rows: reading the columns of %s: %w", t.Name, err)
	}
	table := Table{Schema: "main", Name: t.Name}
	for _, want := range []struct {
		name string
		to   *Column
	}{{t.Tenant, &table.Tenant}, {t.Owner, &table.Owner}} {
		if want.name == "" {
			continue
		}
		i := slices.IndexFunc(found, func(c []string) bool { return lower(c[0]) == lower(want.name) })
		if i < 0 {
			return unfit(t, want.name, "does not exist")
		}
		declared := strings.ToUpper(found[i][1])
		switch { // https://sqlite.org/datatype3.html section 3.1, in its order
		case strings.Contains(declared, "INT"):
			*want.to = Column{found[i][0], Integer}
		case strings.Contains(declared, "CHAR"), strings.Contains(declared, "CLOB"), strings.Contains(declared, "TEXT"):
			*want.to = Column{found[i][0], Text}
		default:
			return unfit(t, want.name, fmt.Sprintf("is declared %q: TEXT and INTEGER are compared exactly", found[i][1]))
		}
	}
	f.Tables = append(f.Tables, table)
	return nil
}

// reachSQLite finds views, virtual tables and triggers that touch guarded tables, or
// touch what does.
func (f *Facts) reachSQLite(objects [][]string, kind map[string]string, reviewed []string) {
	guarded := map[string]string{}
	for _, t := range f.Tables {
		guarded[lower(t.Name)] = ""
	}
	for again := true; again; {
		again = false
		for _, o := range objects {
			name, on := lower(o[1]), lower(o[2])
			_, known := f.Relations[name]
			_, itself := guarded[name]
			if known || itself || slices.Contains(reviewed, o[1]) {
				continue
			}
			if o[0] == "trigger" {
				if _, known := f.Writes[on]; known {
					continue
				}
				if through := among(behindOn(o[3]), names(behindOn(o[3])), guarded, f.Relations, f.Writes); through != "" {
					f.Writes[on], again = "its trigger "+o[1]+" touches "+through, true
				}
				continue
			}
			if o[0] != "view" && kind[name] != "virtual" {
				continue
			}
			if through := among(o[3], names(o[3]), guarded, f.Relations); through != "" {
				f.Relations[name], again = o[0]+" "+o[1]+" reads "+through, true
			}
		}
	}
}

// behindOn returns what of a trigger stands behind the table that it is on.
func behindOn(sql string) string {
	toks, err := lex(SQLite, sql)
	if err != nil {
		return sql
	}
	for i, t := range toks {
		if t.is("on") && i+1 < len(toks) {
			return sql[toks[i+1].to:]
		}
	}
	return sql
}
