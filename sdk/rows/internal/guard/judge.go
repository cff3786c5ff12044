package guard

import (
	"slices"
	"strings"
)

// judge reads what the statement is, and refuses what no rewriting makes safe.
func (s *sentence) judge() error {
	if len(s.toks) == 0 {
		return s.refuse(0, "there is no statement", "write one")
	}
	for i, t := range s.toks {
		if t.is(";") {
			return s.refuse(i, "there are several statements in one text", "run them one by one")
		}
	}
	if s.savepoint() {
		s.verb = "savepoint"
		return nil
	}
	if err := s.shape(); err != nil {
		return err
	}
	if err := s.placeholders(); err != nil {
		return err
	}
	for i, t := range s.toks {
		if err := s.word(i, t); err != nil {
			return err
		}
	}
	return nil
}

// savepoint reports whether this is no more than a savepoint, or back to it. What the
// transaction was given as its tenant is older, and stays.
func (s *sentence) savepoint() bool {
	rest := s.toks[1:]
	switch {
	case s.toks[0].is("savepoint"):
	case s.toks[0].is("release"):
		rest = slices.DeleteFunc(slices.Clone(rest), func(t token) bool { return t.is("savepoint") })
	case s.toks[0].is("rollback") && s.at(1).is("to"):
		rest = slices.DeleteFunc(slices.Clone(rest[1:]), func(t token) bool { return t.is("savepoint") })
	default:
		return false
	}
	return len(rest) == 1 && (rest[0].kind == word || rest[0].kind == quoted)
}

// shape finds the verb.
func (s *sentence) shape() error {
	if s.at(0).is("with") {
		if err := s.list(); err != nil {
			return err
		}
	}
	verb := s.main
	for s.at(verb).is("(") {
		verb++
	}
	v := s.at(verb)
	switch {
	case v.kind == word && v.isOne("select", "values"), verb > s.main && v.is("with"):
		s.verb = "select"
	case verb == s.main && v.kind == word && v.isOne("insert", "update", "delete"):
		s.verb = v.name
	case v.isOne("begin", "start", "commit", "end", "rollback", "abort"):
		return s.refuse(verb, "a transaction is begun or ended in text", "use Begin, Commit and Rollback")
	case v.isOne("set", "reset", "discard", "pragma", "attach", "detach"):
		return s.refuse(verb, "settings of the connection are not changed by queries", "set it where the connection is opened")
	case v.is("merge"), v.is("replace"):
		return s.refuse(verb, strings.ToUpper(v.name)+" is not judged", "write INSERT ... ON CONFLICT DO NOTHING and UPDATE")
	case v.is("table"):
		return s.refuse(verb, "TABLE is not judged", "write select * from the table")
	default:
		return s.refuse(verb, "the statement begins with none of select, values, with, insert, update, delete", "write one of these; for anything else (migrations, maintenance) use rows.AsSystem")
	}
	return nil
}

// list reads the common table expressions in front of the verb.
func (s *sentence) list() error {
	i := 1
	if s.at(1).is("recursive") && !s.at(2).isOne("as", "(") {
		s.recursive = true
		i++
	}
	s.with = i
	for {
		if t := s.at(i); t.kind != word && t.kind != quoted {
			return s.refuse(i, "after WITH comes no name", "write WITH name AS (select ...)")
		}
		i++
		if s.at(i).is("(") {
			i = s.closing(i) + 1
		}
		if !s.at(i).is("as") {
			return s.refuse(i, "after WITH name comes no AS", "write WITH name AS (select ...)")
		}
		i++
		if s.at(i).is("not") {
			i++
		}
		if s.at(i).is("materialized") {
			i++
		}
		if !s.at(i).is("(") {
			return s.refuse(i, "after WITH name AS comes no query", "write WITH name AS (select ...)")
		}
		i = s.closing(i) + 1
		if s.at(i).isOne("search", "cycle") {
			return s.refuse(i, "SEARCH and CYCLE are not judged", "carry the path in a column")
		}
		if !s.at(i).is(",") {
			s.main = i
			return nil
		}
		i++
	}
}

// word judges one token for what it names.
func (s *sentence) word(i int, t token) error {
	g, name := s.guard, s.guard.name(t)
	if name == "" {
		return nil
	}
	if why, ok := g.facts.Relations[name]; ok && !s.at(i-1).is("as") { // then it is a label
		return s.refuse(i, "the name "+name+" is refused: "+why, "query the guarded table, or pass the word as a parameter")
	}
	if why, ok := g.facts.Writes[name]; ok && s.writes() {
		return s.refuse(i, "the table "+name+" is not written here: "+why, "look at what that does, and name it in rows.Reviewed")
	}
	if t.kind != text || s.guard.dialect == SQLite && reaches(SQLite, name, false) {
		if err := s.function(i, name); err != nil {
			return err
		}
	}
	table := g.tables[name]
	if table == nil {
		return nil
	}
	if err := s.mention(i, table); err != nil {
		return err
	}
	if !slices.Contains(s.mentioned, table) {
		s.mentioned = append(s.mentioned, table)
	}
	return nil
}

// function refuses a function that runs text, or reads past what a query names.
func (s *sentence) function(i int, name string) error {
	called := s.at(i+1).is("(") || s.at(i-1).is(".") // PostgreSQL: f(row) is row.f
	if why, ok := s.guard.facts.Functions[name]; ok && called {
		return s.refuse(i, "the function "+name+" is refused: "+why, "look at what it does, and name it in rows.Reviewed")
	}
	if reaches(s.guard.dialect, name, called) {
		return s.refuse(i, name+" reads or changes what the query does not name", "do without it, or use rows.AsSystem")
	}
	return nil
}

// mention refuses the ways to name a guarded table that nothing shadows.
func (s *sentence) mention(i int, t *Table) error {
	name := t.Name
	if s.at(i - 1).is(".") {
		before := s.guard.name(s.at(i - 2))
		if slices.Contains(s.guard.facts.Schemas, before) || s.at(i-3).isOne("from", "join", "into", "update", "in") {
			return s.refuse(i-2, "a table with its schema in front escapes the filter", "write "+name)
		}
	}
	if o := s.outside(i); s.at(o).isOne("only", "table") && s.at(o).kind == word {
		return s.refuse(o, strings.ToUpper(s.at(o).name)+" "+name+" escapes the filter, or is not judged", "write from "+name)
	}
	as := i + 1
	if s.at(as).is("(") {
		as = s.closing(as) + 1
	}
	if s.at(as).is("as") && s.at(as+1).isOne("(", "not", "materialized") {
		return s.refuse(i, "WITH "+name+" puts another table in the place of the guarded one", "choose another name")
	}
	return nil
}

// outside returns the index of what stands before a token and the parentheses that
// open right in front of it.
func (s *sentence) outside(i int) int {
	for i--; s.at(i).is("("); i-- {
		continue
	}
	return i
}

// writes reports whether anything in the text may write.
func (s *sentence) writes() bool {
	return slices.ContainsFunc(s.toks, func(t token) bool {
		return t.kind == word && t.isOne("insert", "update", "delete", "merge")
	})
}

// restrict returns what follows the WITH: the statement, held to the caller's rows.
func (s *sentence) restrict() (string, error) {
	if err := s.paths(); err != nil {
		return "", err
	}
	for i, t := range s.toks {
		if t.kind != word || i == s.main && s.verb != "select" {
			continue
		}
		switch {
		case t.is("update") && s.at(i-1).isOne("for", "key", "do"): // a lock; ON CONFLICT DO UPDATE
		case t.isOne("insert", "update", "delete", "merge"):
			return "", s.refuse(i, strings.ToUpper(t.name)+" inside another statement is not judged", "write it as a statement of its own; quote it where it is a name")
		case t.is("into") && (s.verb != "insert" || i != s.main+1):
			return "", s.refuse(i, "INTO is not judged here", "write insert into ... select")
		}
	}
	switch s.verb {
	case "update":
		return s.update()
	case "delete":
		return s.delete()
	case "insert":
		return s.insert()
	}
	return s.read()
}
