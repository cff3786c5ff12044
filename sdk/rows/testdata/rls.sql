DO $$ DECLARE t text; BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN CREATE ROLE app; END IF;
	FOREACH t IN ARRAY ARRAY['orders', 'items', 'events', 'events_2025', 'events_2026', 'papers', 'papers_old', 'archive.orders', 'tasks', 'notes', '"order lines"', '"2026_lines"'] LOOP
		EXECUTE 'ALTER TABLE ' || t || ' ENABLE ROW LEVEL SECURITY';
		EXECUTE 'CREATE POLICY oracle ON ' || t || ' TO app USING (' || CASE
			WHEN t = 'notes' THEN 'user_id = current_setting(''oracle.user'')'
			WHEN t = 'tasks' THEN 'tenant_id = current_setting(''oracle.tenant'') AND user_id = current_setting(''oracle.user'')'
			ELSE 'tenant_id = current_setting(''oracle.tenant'')' END || ')';
	END LOOP;
END $$;
GRANT USAGE ON SCHEMA archive, evil TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, archive, evil TO app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app;
