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
		case "load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "fsdir", "eval":
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
		"get_raw_page", "heap_page_items", "heap_page_item_attrs", "bt_page_items", "gist_page_items", "pgstattuple", "pgrowlocks":
		return true
	}
	for _, prefix := range []string{"table_to_xml", "schema_to_xml", "database_to_xml", "cursor_to_xml", "dblink", "crosstab", "lo_", "postgres_fdw_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
