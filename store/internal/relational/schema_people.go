package relational

// people is the part of the schema that the pages write: who there is and who is
// signed in.
func people() []string {
	return []string{
		`CREATE TABLE person (
			id         TEXT PRIMARY KEY,
			name       TEXT NOT NULL UNIQUE,
			tenant     TEXT NOT NULL,
			roles      TEXT NOT NULL, -- with spaces between
			state      TEXT NOT NULL,
			password   TEXT NOT NULL,
			totp       {bytes}, -- sealed
			totp_step  {int} NOT NULL,
			recovery   {bytes} NOT NULL, -- SHA-256s, one after the other
			made       {int} NOT NULL,
			edited     {int} NOT NULL
		) {strict}`,
		`CREATE TABLE consent (
			person TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
			client TEXT NOT NULL,
			scope  TEXT NOT NULL,
			made   {int} NOT NULL,
			PRIMARY KEY (person, client, scope)
		) {strict}`,
		`CREATE TABLE failure (
			hash  {bytes} PRIMARY KEY, -- SHA-256 of the name
			n     {int} NOT NULL,
			last  {int} NOT NULL
		) {strict}`,
		`CREATE INDEX failure_last ON failure (last)`,
		`CREATE TABLE browser_session (
			id      {bytes} PRIMARY KEY, -- SHA-256
			person  TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
			acr     TEXT NOT NULL,
			amr     TEXT NOT NULL,
			proven  {int} NOT NULL,
			made    {int} NOT NULL,
			used    {int} NOT NULL,
			idle    {int} NOT NULL, -- microseconds
			until   {int} NOT NULL,
			address TEXT NOT NULL,
			agent   TEXT NOT NULL
		) {strict}`,
		`CREATE INDEX browser_session_person ON browser_session (person)`,
		`CREATE INDEX browser_session_until ON browser_session (until)`,
	}
}
