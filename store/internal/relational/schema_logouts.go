package relational

// logouts is the part of the schema by which what hangs on a session ends with it,
// and clients are told.
func logouts() []string {
	return []string{
		`DELETE FROM browser_session`, // they have no names yet: people sign in again
		`ALTER TABLE browser_session ADD COLUMN name TEXT NOT NULL DEFAULT ''`,
		`CREATE UNIQUE INDEX browser_session_name ON browser_session (name)`,
		`ALTER TABLE idp_grant ADD COLUMN session TEXT NOT NULL DEFAULT ''`,
		`CREATE INDEX idp_grant_session ON idp_grant (session)`,
		`CREATE TABLE logout_notice (
			id      TEXT PRIMARY KEY,
			issuer  TEXT NOT NULL,
			client  TEXT NOT NULL,
			subject TEXT NOT NULL,
			session TEXT NOT NULL, -- '' for all of the subject
			made    {int} NOT NULL,
			due     {int} NOT NULL,
			tries   {int} NOT NULL
		) {strict}`,
		`CREATE INDEX logout_notice_due ON logout_notice (due)`,
	}
}
