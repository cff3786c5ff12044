package guard

import "strings"

// reaches reports whether a name of the database's own reads or changes more than a
// query names: it runs text, reads files, sees other sessions, or shows samples of
// tables. Some are harmless only where they are not called.
func reaches(d Dialect, name string, called bool) bool {
	if d == SQLite {
		switch name {
		case "sqlite_version", "sqlite_source_id":
			return false
		case "load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "fsdir", "lsdir", "zipfile", "eval", "sha1_query", "sha3_query", "bytecode", "tables_used":
			return called
		case "dbstat":
			return true
		}
		return strings.HasPrefix(name, "sqlite_") || strings.HasPrefix(name, "pragma_")
	}
	if strings.HasPrefix(name, "pg_") {
		return !harmless(name)
	}
	return called && reachesPostgreSQL(name)
}

// harmless are those of PostgreSQL's own names with pg_ in front that a query may
// hold. All others are refused: there are files, sessions and samples of tables
// (pg_stats) among them.
func harmless(name string) bool {
	switch name {
	case "pg_catalog", "pg_typeof", "pg_notify", "pg_backend_pid", "pg_is_in_recovery", "pg_size_pretty", "pg_column_size",
		"pg_current_xact_id", "pg_current_xact_id_if_assigned", "pg_get_serial_sequence", "pg_trgm", "pg_input_is_valid":
		return true
	}
	return strings.HasPrefix(name, "pg_advisory_") || strings.HasPrefix(name, "pg_try_advisory_")
}

func reachesPostgreSQL(name string) bool {
	switch name {
	case "set_config", "setval", // moves row-level security; another's numbers
		"ts_stat", "ts_rewrite", "query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", // run text
		"xpath_table", "connectby", "loread", "lowrite", "lastval",
		"currtid", "currtid2", "get_raw_page", "heap_page_items", "heap_page_item_attrs", "bt_page_items", "gist_page_items", "gist_page_items_bytea", "pgrowlocks":
		return true
	}
	for _, prefix := range []string{"table_to_xml", "schema_to_xml", "database_to_xml", "cursor_to_xml", "dblink", "crosstab", "lo_", "postgres_fdw_", "pgstat"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// paths refuses JSON paths of SQLite's that are no constants. Its error of a wrong one
// shows it, and conditions on a column of an index are asked before those of the table:
// a path out of a column would show rows of others.
func (s *sentence) paths() error {
	if s.guard.dialect != SQLite {
		return nil
	}
	for i, t := range s.toks {
		if t.is(">") && t.glued && s.at(i-1).is("-") {
			right := i + 1
			for s.at(right).isOne(">", "-") {
				right++
			}
			if !s.at(right).constant() {
				return s.unsteadyPath(right)
			}
		}
		every := pathsOf(s.guard.name(t))
		if every == 0 || !s.at(i+1).is("(") {
			continue
		}
		end, n := s.closing(i+1), 0 // of the arguments
		for from := i + 2; from < end; n++ {
			to := from
			for to < end && !(s.at(to).is(",") && s.at(to).depth == s.at(i+1).depth+1) {
				to++
			}
			if n > 0 && (n-1)%every == 0 && (to != from+1 || !s.at(from).constant()) {
				return s.unsteadyPath(from)
			}
			from = to + 1
		}
	}
	return nil
}

func (s *sentence) unsteadyPath(i int) error {
	return s.refuse(i, "a JSON path is no constant, and the error of a wrong one would show it", "write the path as a string, or pass it as a parameter")
}

// constant reports whether the token is a value by itself.
func (t token) constant() bool { return t.kind == text || t.kind == number || t.kind == param }

// pathsOf returns for a function of SQLite's after how many arguments the next path
// comes, the second being one, and 0 where it takes none.
func pathsOf(name string) int {
	switch strings.Replace(name, "jsonb_", "json_", 1) {
	case "json_extract", "json_remove", "json_type", "json_array_length", "json_each", "json_tree":
		return 1
	case "json_set", "json_insert", "json_replace", "json_array_insert":
		return 2
	}
	return 0
}
