package relational

// singleSignOn is the part of the schema for people whom their organisation's
// provider signs in.
func singleSignOn() []string {
	return []string{
		`CREATE TABLE person_identity (
			tenant     TEXT NOT NULL,
			issuer     TEXT NOT NULL,
			subject    TEXT NOT NULL,
			person     TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
			connection TEXT NOT NULL,
			made       {int} NOT NULL,
			used       {int} NOT NULL,
			PRIMARY KEY (tenant, issuer, subject)
		) {strict}`,
		`CREATE INDEX person_identity_person ON person_identity (person)`,
		`ALTER TABLE browser_session ADD COLUMN connection TEXT NOT NULL DEFAULT ''`,
		`ALTER TABLE browser_session ADD COLUMN upstream {bytes}`, // sealed
	}
}
