package guard

import (
	"context"
	"fmt"
	"slices"
)

// What of PostgreSQL's catalogue is read. Nothing in it is the application's text.
const (
	pgSchemas   = `SELECT nspname FROM pg_catalog.pg_namespace`
	pgRelations = `SELECT c.oid::text, n.nspname, c.relname, c.relkind::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')`
	pgColumns = `SELECT a.attname, t.typname, coalesce(l.collisdeterministic, true)::text FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation WHERE a.attrelid::text = $1 AND a.attnum > 0 AND NOT a.attisdropped`
	pgInherits = `SELECT inhparent::text, inhrelid::text FROM pg_catalog.pg_inherits`
	// Views, and rules of tables: what they are of, and what they read or call.
	pgRules = `SELECT DISTINCT r.ev_class::text, d.refclassid::regclass::text, d.refobjid::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass) AND d.refobjid <> r.ev_class`
	pgWritten   = `SELECT ev_class::text, rulename FROM pg_catalog.pg_rewrite WHERE ev_type <> '1'`
	pgFunctions = `SELECT p.oid::text, p.proname, l.lanname, coalesce(p.prosrc, ''), (p.prokind = 'a')::text,
EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')::text
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')`
	// What bodies in standard SQL, and aggregates, are made of.
	pgBodies = `SELECT objid::text, refclassid::regclass::text, refobjid::text FROM pg_catalog.pg_depend
WHERE classid = 'pg_catalog.pg_proc'::regclass AND refclassid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass)`
	pgTriggers  = `SELECT tgname, tgrelid::text, tgfoid::text FROM pg_catalog.pg_trigger WHERE NOT tgisinternal`
	pgOperators = `SELECT oprname, oprcode::oid::text FROM pg_catalog.pg_operator WHERE oprnamespace <> 'pg_catalog'::regnamespace
UNION ALL SELECT 'cast to ' || casttarget::regtype, castfunc::text FROM pg_catalog.pg_cast WHERE castfunc <> 0`
	// What is called by writing to a table: defaults, generated columns, checks, indexes.
	pgCalled = `SELECT 'a column of it', a.adrelid::text, d.refobjid::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef a ON a.oid = d.objid
WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.refclassid = 'pg_catalog.pg_proc'::regclass
UNION ALL SELECT 'its constraint ' || c.conname, c.conrelid::text, d.refobjid::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_constraint c ON c.oid = d.objid
WHERE d.classid = 'pg_catalog.pg_constraint'::regclass AND d.refclassid = 'pg_catalog.pg_proc'::regclass AND c.conrelid <> 0
UNION ALL SELECT 'an index of it', i.indrelid::text, d.refobjid::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_index i ON i.indexrelid = d.objid
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_proc'::regclass`
	// Types that call functions, and types of types, and the tables that have them.
	pgTypes = `SELECT t.oid::text, t.typname, d.refobjid::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_constraint c ON c.oid = d.objid JOIN pg_catalog.pg_type t ON t.oid = c.contypid
WHERE d.classid = 'pg_catalog.pg_constraint'::regclass AND d.refclassid = 'pg_catalog.pg_proc'::regclass
UNION ALL SELECT t.oid::text, t.typname, d.refobjid::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_type t ON t.oid = d.objid
WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.refclassid = 'pg_catalog.pg_proc'::regclass
UNION ALL SELECT oid::text, typname, typbasetype::text FROM pg_catalog.pg_type WHERE typbasetype <> 0
UNION ALL SELECT t.oid::text, t.typname, a.atttypid::text FROM pg_catalog.pg_type t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid
WHERE t.typrelid <> 0 AND t.typnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384
UNION ALL SELECT oid::text, typname, typelem::text FROM pg_catalog.pg_type WHERE typelem >= 16384`
	pgTypeTables = `SELECT oid::text, reltype::text FROM pg_catalog.pg_class WHERE reltype <> 0 AND relkind IN ('r', 'p', 'v', 'f')`
	// Sequences that number the rows of tables, all tenants' alike.
	pgSequences = `SELECT c.relname, d.refobjid::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_depend d ON d.objid = c.oid
WHERE c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')`
)

// catalogue is what PostgreSQL's is, while it is read.
type catalogue struct {
	facts     *Facts
	wanted    Wanted
	relations map[string][]string // by oid: schema, name, kind
	oids      map[string]string   // of guarded relations and those that are refused, and their names
	functions map[string]string   // by oid, those that are refused, and why
	reached   []string            // oids of views and the like that read guarded relations
	lists     map[string][][]string
}

// readCatalogue reads the catalogue, and finds what touches guarded tables.
func readCatalogue(ctx context.Context, ask Ask, w Wanted, f *Facts) (*catalogue, error) {
	c := &catalogue{facts: f, wanted: w, relations: map[string][]string{}, oids: map[string]string{}, functions: map[string]string{}, lists: map[string][][]string{}}
	for _, q := range []string{pgSchemas, pgRelations, pgInherits, pgRules, pgFunctions, pgBodies, pgTriggers, pgOperators, pgWritten, pgCalled, pgTypes, pgTypeTables, pgSequences} {
		found, err := ask(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("rows: reading the catalogue: %w", err)
		}
		c.lists[q] = found
	}
	for _, s := range c.lists[pgSchemas] {
		f.Schemas = append(f.Schemas, s[0])
	}
	for _, r := range c.lists[pgRelations] {
		c.relations[r[0]] = r[1:]
	}
	for _, t := range w.Tables {
		if err := c.table(ctx, ask, t); err != nil {
			return nil, err
		}
	}
	c.reach()
	return c, nil
}

// discoverPostgreSQL tells what the catalogue has to do with texts.
func discoverPostgreSQL(ctx context.Context, ask Ask, w Wanted, f *Facts) error {
	c, err := readCatalogue(ctx, ask, w, f)
	if err != nil {
		return err
	}
	for _, o := range c.lists[pgOperators] {
		if why, ok := c.functions[o[1]]; ok {
			return fmt.Errorf("rows: %s calls a function that is refused (%s), and cannot be told from others in a query: drop it, or name the function in rows.Reviewed", o[0], why)
		}
	}
	for _, q := range c.lists[pgSequences] {
		if table := c.oids[q[1]]; table != "" {
			f.Relations[q[0]] = "it numbers the rows of " + table + ", everybody's"
		}
	}
	return nil
}

// table looks at a table that is to be guarded, and at its partitions and children.
func (c *catalogue) table(ctx context.Context, ask Ask, t WantedTable) error {
	oid := c.find(t)
	if oid == "" {
		return fmt.Errorf("rows: there is no table %s", t.full())
	}
	found, err := ask(ctx, pgColumns, oid)
	if err != nil {
		return fmt.Errorf("rows: reading the columns of %s: %w", t.Name, err)
	}
	c.lists[pgColumns+oid] = found
	table := Table{Schema: c.relations[oid][0], Name: t.Name}
	for _, want := range []struct {
		name string
		to   *Column
	}{{t.Tenant, &table.Tenant}, {t.Owner, &table.Owner}} {
		if want.name == "" {
			continue
		}
		i := slices.IndexFunc(found, func(c []string) bool { return c[0] == want.name })
		if i < 0 {
			return unfit(t, want.name, "does not exist")
		}
		switch typ := found[i][1]; {
		case found[i][2] != "true":
			return unfit(t, want.name, "has a collation under which different texts are equal: give it a deterministic one")
		case slices.Contains([]string{"text", "varchar", "int2", "int4", "int8", "uuid"}, typ):
			*want.to = Column{want.name, typeOf(typ)}
		default:
			return unfit(t, want.name, "is of the type "+typ+": text, varchar, smallint, integer, bigint and uuid are compared exactly")
		}
	}
	c.add(oid, table)
	return nil
}

// typeOf returns what PostgreSQL's type of a column is compared as.
func typeOf(typ string) Type {
	switch typ {
	case "int2", "int4", "int8":
		return Integer
	case "uuid":
		return UUID
	}
	return Text
}

// find returns the oid of a table, or "".
func (c *catalogue) find(t WantedTable) string {
	for oid, r := range c.relations {
		if Ident(r[0])+"."+Ident(r[1]) == t.full() {
			return oid
		}
	}
	return ""
}

// below returns the oids of all that inherits from a relation.
func (c *catalogue) below(oid string) (all []string) {
	for _, i := range c.lists[pgInherits] {
		if i[0] == oid && c.relations[i[1]] != nil {
			all = append(append(all, i[1]), c.below(i[1])...)
		}
	}
	return all
}

// add guards a table, and what inherits from it.
func (c *catalogue) add(oid string, t Table) {
	if _, known := c.oids[oid]; known {
		return
	}
	c.oids[oid] = t.Name
	same := func(o Table) bool { return o.Name == t.Name }
	if !slices.ContainsFunc(c.facts.Tables, same) { // with its schema in front, either is refused
		c.facts.Tables = append(c.facts.Tables, t)
	}
	for _, below := range c.below(oid) {
		t.Schema, t.Name = c.relations[below][0], c.relations[below][1]
		c.add(below, t)
	}
}
