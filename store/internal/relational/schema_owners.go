package relational

// ownerSchema is the part of the schema that says whose objects behind an API are.
func ownerSchema() []string {
	return []string{
		`CREATE TABLE object_owner (
			kind   TEXT NOT NULL, -- API/object
			id     TEXT NOT NULL,
			owner  TEXT NOT NULL,
			tenant TEXT NOT NULL,
			author TEXT NOT NULL,
			made   {int} NOT NULL,
			PRIMARY KEY (kind, id)
		) {strict}`,
	}
}
