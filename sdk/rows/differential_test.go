package rows

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/pgtest"
	"github.com/gatehouse-api/gatehouse/internal/race"
	"github.com/gatehouse-api/gatehouse/sdk/rows/internal/guard"
)

func openSQLite(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "rows.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openPostgres(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", pgtest.Start(t).Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// fill puts the made-up rows into the database.
func (m *madeUp) fill(t testing.TB, db *sql.DB, d Dialect) {
	t.Helper()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for _, statement := range []string{"DROP TABLE IF EXISTS docs", m.ddl(d)} {
		if _, err := tx.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	marks := make([]string, 3+len(m.columns))
	for i := range marks {
		if marks[i] = "?"; d == PostgreSQL {
			marks[i] = fmt.Sprint("$", i+1)
		}
	}
	insert, err := tx.Prepare("INSERT INTO docs VALUES (" + strings.Join(marks, ", ") + ")")
	if err != nil {
		t.Fatal(err)
	}
	for n := range m.rows {
		if _, err := insert.Exec(m.values(n)...); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// tally counts what was compared.
type tally struct {
	sets, refused, asked, decisions, allowed int
	constant                                 int // predicates without a parameter
}

// valid returns the policies that pass the strict validator, each alone, as a set.
func (m *madeUp) valid(t testing.TB) *cedar.Set {
	t.Helper()
	var sources []cedar.Source
	for i, p := range m.policies() {
		src := cedar.Source{Name: fmt.Sprint("p", i), Text: p}
		if _, err := cedar.New(m.schema(), src); err == nil {
			sources = append(sources, src)
		}
	}
	if len(sources) == 0 {
		return nil
	}
	set, err := cedar.New(m.schema(), sources...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

var listAction = cedar.NewEntityUID("Action", "list")

// compare asks the database and Cedar for every asker and row.
func (m *madeUp) compare(t testing.TB, set *cedar.Set, tables *table, dbs map[Dialect]*sql.DB, n *tally) {
	t.Helper()
	rules := set.Rules(listAction, "Doc")
	n.sets++
	for i, asker := range m.askers {
		hour, box := int64(i*5), texts[i]
		context := func(rel cedar.RecordMap) cedar.Record {
			return cedar.NewRecord(cedar.RecordMap{"hour": cedar.Long(hour), "box": cedar.String(box), "rel": cedar.NewRecord(rel)})
		}
		q := cedar.Request{Principal: asker, Action: listAction, Context: context(cedar.RecordMap{"editor": cedar.Boolean(false), "viewer": cedar.Boolean(false)})}
		residual, err := rules.Residual(q, m.facts)
		if err != nil {
			if _, outside := errors.AsType[*cedar.Outside](err); !outside {
				t.Fatal(err)
			}
			n.refused++
			continue
		}
		want := m.decide(t, rules, q, context)
		for d, db := range dbs {
			w := &writer{table: tables, dialect: d, qualifier: guard.Ident("docs") + ".", next: 1, related: m.lists(asker)}
			if err := w.residual(residual); err != nil {
				t.Fatalf("%v\n%s", err, sourceOf(set))
			}
			got := selected(t, db, "SELECT n FROM docs WHERE "+string(w.text)+" ORDER BY n", w.args)
			n.asked++
			n.decisions += len(m.rows)
			n.allowed += len(want)
			if len(w.args) == 0 {
				n.constant++
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s, %s: SQL says %v, Cedar %v\n%s %q\n%s", d, asker, got, want, w.text, w.args, sourceOf(set))
			}
		}
	}
}

// decide asks Cedar for each row.
func (m *madeUp) decide(t testing.TB, rules *cedar.Rules, q cedar.Request, context func(cedar.RecordMap) cedar.Record) (allowed []int) {
	t.Helper()
	var contexts [4]cedar.Record
	for i := range contexts {
		contexts[i] = context(cedar.RecordMap{"editor": cedar.Boolean(i&1 != 0), "viewer": cedar.Boolean(i&2 != 0)})
	}
	for i := range m.rows {
		e := m.entity(i)
		at := 0
		if m.related(q.Principal, "editor", m.rows[i].id) {
			at |= 1
		}
		if m.related(q.Principal, "viewer", m.rows[i].id) {
			at |= 2
		}
		m.facts[e.UID] = e
		q.Resource, q.Context = e.UID, contexts[at]
		if rules.Decide(q, m.facts).Allowed {
			allowed = append(allowed, i)
		}
	}
	return allowed
}

func selected(t testing.TB, db *sql.DB, query string, args []any) (got []int) {
	t.Helper()
	rows, err := db.Query(query, args...)
	if err != nil {
		t.Fatalf("%v\n%s %q", err, query, args)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		got = append(got, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%v\n%s %q", err, query, args)
	}
	return got
}

func sourceOf(s *cedar.Set) string {
	var b strings.Builder
	for _, p := range s.Policies() {
		b.WriteString(p.Text + "\n")
	}
	return b.String()
}

// The predicate allows exactly what Cedar allows, on both databases,
// for made-up schemas, policies, callers and rows.
func TestThePredicateAllowsExactlyWhatCedarAllows(t *testing.T) {
	const (
		policies = 20 // sets for each schema
		rows     = 80
	)
	schemas, least := uint64(60), 100_000
	if race.Enabled {
		schemas, least = 8, 10_000
	}
	dbs := map[Dialect]*sql.DB{SQLite: openSQLite(t), PostgreSQL: openPostgres(t)}
	var n tally
	for seed := range schemas {
		m := newMadeUp(seed, rows)
		for d, db := range dbs {
			m.fill(t, db, d)
		}
		for range policies {
			set := m.valid(t)
			for set == nil {
				set = m.valid(t)
			}
			m.compare(t, set, m.table(), dbs, &n)
		}
	}
	t.Logf("figure %d policy sets on %d schemas: %d predicates, %d decisions of which %d allow; %d times a policy is not to be said in SQL; %d predicates without a parameter",
		n.sets, schemas, n.asked, n.decisions, n.allowed, n.refused, n.constant)
	if n.decisions < least || n.allowed < n.decisions/10 || n.allowed > n.decisions*9/10 || n.refused > n.asked/4 || n.constant > n.asked*2/3 {
		t.Error("the test does not see enough")
	}
}

// FuzzPredicate looks for a difference on SQLite.
func FuzzPredicate(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		m := newMadeUp(seed, 40)
		set := m.valid(t)
		if set == nil {
			return // no policy of this seed is valid
		}
		db := openSQLite(t)
		m.fill(t, db, SQLite)
		m.compare(t, set, m.table(), map[Dialect]*sql.DB{SQLite: db}, &tally{})
	})
}
