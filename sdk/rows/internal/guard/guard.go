// Package guard restricts SQL text to the rows of one tenant, or one owner.
//
// It defends from the query that was written without its filter. There is no parser
// here, only a lexer that cuts a text as the database does: reads are filtered by
// shadowing the table with a common table expression of the same name, UPDATE and
// DELETE by a condition in their own WHERE, INSERT by an appended column. What is sent
// is put together again from the tokens that were judged; what is unusual is refused,
// with what to write instead. It stops mistakes, not an attacker who writes SQL.
package guard

import (
	"reflect"
	"slices"
	"strings"
)

// Dialect is whose SQL a text is.
type Dialect byte

// The dialects that are judged.
const (
	PostgreSQL Dialect = iota + 1
	SQLite
)

// Type is what values a column compares with.
type Type byte

// The types of a tenant's or owner's column.
const (
	Text    Type = iota // text, varchar
	Integer             // smallint, integer, bigint; SQLite: INTEGER
	UUID
)

// Column is a column that says whose a row is; without a name there is none.
type Column struct {
	Name string
	Type Type
}

// Table is a guarded table. A row is the caller's when each of its columns that is
// named says so.
type Table struct {
	Schema, Name  string // as the database has them, without quotes
	Tenant, Owner Column
}

// Facts are what of a database the guard must know. Names are as the database has
// them; for SQLite in lower case.
type Facts struct {
	Tables    []Table           // guarded, with their partitions and children
	Schemas   []string          // all there are
	Relations map[string]string // names that are refused wherever they stand, and why
	Writes    map[string]string // tables that must not be written, and why
	Functions map[string]string // functions that are refused, and why
}

// Guard judges the texts of one database. It is safe for concurrent use.
type Guard struct {
	dialect Dialect
	facts   Facts
	tables  map[string]*Table
}

// New returns a guard for what is known of a database.
func New(d Dialect, f Facts) *Guard {
	g := &Guard{dialect: d, facts: f, tables: make(map[string]*Table, len(f.Tables))}
	for i := range f.Tables {
		g.tables[g.fold(f.Tables[i].Name)] = &f.Tables[i]
	}
	return g
}

// Slot is an argument that the guard adds behind those of the caller.
type Slot struct {
	Owner bool // the owner's id, or else the tenant's
	Type  Type
	Name  string // of a named placeholder, without its sign; "" by position
}

// Statement is a text that may be run.
type Statement struct {
	Text   string
	Params int    // how many arguments the caller must pass; -1 where they are named
	Slots  []Slot // what to add behind them
	Tables []*Table
}

// Rewrite returns the text to run instead of src. An error is a *[Refused].
func (g *Guard) Rewrite(src string) (*Statement, error) {
	toks, err := lex(g.dialect, src)
	if err != nil {
		return nil, err
	}
	for len(toks) > 0 && toks[len(toks)-1].is(";") {
		toks = toks[:len(toks)-1]
	}
	s := &sentence{guard: g, src: src, toks: toks, replaced: map[int]string{}}
	if err := s.judge(); err != nil {
		return nil, err
	}
	if len(s.mentioned) == 0 {
		return &Statement{Text: s.render(0, len(toks)), Params: s.params()}, nil
	}
	body, err := s.restrict()
	if err != nil {
		return nil, err
	}
	return &Statement{Text: s.shadows() + body, Params: s.params(), Slots: s.slots, Tables: s.mentioned}, nil
}

// fold returns a table's name as it is looked up.
func (g *Guard) fold(name string) string {
	if g.dialect == SQLite {
		return lower(name)
	}
	return name
}

// name returns what a token may name, and "" when it names nothing.
func (g *Guard) name(t token) string {
	switch t.kind {
	case word, quoted:
		return g.fold(t.name)
	case text:
		if g.dialect == SQLite { // which takes a string for a name where it expects one
			return g.fold(t.name)
		}
	}
	return ""
}

// table returns the guarded table that a token may name.
func (g *Guard) table(t token) *Table {
	if n := g.name(t); n != "" {
		return g.tables[n]
	}
	return nil
}

// Ident writes a name in quotes, as SQL has it in every dialect.
func Ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// full is the table's name that nothing shadows.
func (t *Table) full() string { return Ident(t.Schema) + "." + Ident(t.Name) }

// columns are those that say whose a row is.
func (t *Table) columns() []Slot {
	var all []Slot
	if t.Tenant.Name != "" {
		all = append(all, Slot{Type: t.Tenant.Type})
	}
	if t.Owner.Name != "" {
		all = append(all, Slot{Owner: true, Type: t.Owner.Type})
	}
	return all
}

// column returns the column that a slot's value stands in.
func (t *Table) column(s Slot) string {
	if s.Owner {
		return t.Owner.Name
	}
	return t.Tenant.Name
}

// decides reports whether a column says whose a row is.
func (g *Guard) decides(t *Table, tok token) bool {
	n := g.name(tok)
	return n != "" && slices.Contains([]string{g.fold(t.Tenant.Name), g.fold(t.Owner.Name)}, n)
}

// Same reports whether the facts are those that the guard was made of.
func (g *Guard) Same(f Facts) bool { return reflect.DeepEqual(g.facts, f) }

// SetCaller tells a transaction of PostgreSQL whom row-level security is to ask for,
// and returns the settings without which texts would be read differently.
const SetCaller = `SELECT set_config('gatehouse.tenant', $1, true), set_config('gatehouse.user', $2, true), current_setting('standard_conforming_strings'), current_setting('client_encoding')`
