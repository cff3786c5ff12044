package relational

// authorizationServer is the part of the schema that the authorization server
// writes.
func authorizationServer() []string {
	return []string{
		`CREATE TABLE client (
			id   TEXT PRIMARY KEY,
			data TEXT NOT NULL -- JSON
		) {strict}`,
		`CREATE TABLE idp_grant (
			id      TEXT PRIMARY KEY,
			subject TEXT NOT NULL,
			client  TEXT NOT NULL,
			data    {bytes} NOT NULL,
			code    {bytes} NOT NULL UNIQUE, -- SHA-256
			made    {int} NOT NULL,
			until   {int} NOT NULL,
			spent   {int} NOT NULL,
			revoked {int} NOT NULL
		) {strict}`,
		`CREATE INDEX idp_grant_subject ON idp_grant (subject)`,
		`CREATE INDEX idp_grant_until ON idp_grant (until)`,
		`CREATE TABLE refresh_token (
			hash     {bytes} PRIMARY KEY, -- SHA-256
			grant_id TEXT NOT NULL REFERENCES idp_grant (id) ON DELETE CASCADE,
			parent   {bytes}, -- null for the first of a family
			made     {int} NOT NULL,
			until    {int} NOT NULL,
			spent    {int} NOT NULL,
			used     {int} NOT NULL -- 1 when it was presented, 0 when a sibling ended it
		) {strict}`,
		`CREATE INDEX refresh_token_parent ON refresh_token (parent)`,
		`CREATE INDEX refresh_token_grant ON refresh_token (grant_id)`,
		`CREATE TABLE pending_authorization (
			id      {bytes} PRIMARY KEY, -- SHA-256
			handle  {bytes} UNIQUE, -- SHA-256, null where there is none
			version {int} NOT NULL,
			data    {bytes} NOT NULL,
			until   {int} NOT NULL
		) {strict}`,
		`CREATE INDEX pending_authorization_until ON pending_authorization (until)`,
		`CREATE TABLE signing_key (
			id     TEXT PRIMARY KEY,
			public {bytes} NOT NULL,
			sealed {bytes} NOT NULL,
			made   {int} NOT NULL,
			begins {int} NOT NULL,
			before TEXT NOT NULL UNIQUE -- the key that was the latest when it was made
		) {strict}`,
	}
}
