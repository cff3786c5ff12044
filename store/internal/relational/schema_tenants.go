package relational

// tenantry is the part of the schema that says whose people and clients there are.
func tenantry() []string {
	return []string{
		`CREATE TABLE tenant (
			id      TEXT PRIMARY KEY,
			name    TEXT NOT NULL,
			state   TEXT NOT NULL,
			domains TEXT NOT NULL, -- with spaces between
			made    {int} NOT NULL,
			edited  {int} NOT NULL
		) {strict}`,
		`CREATE INDEX person_tenant ON person (tenant, name)`,
	}
}
