package relational

import "slices"

// migrations is the schema, one entry per version; entries are only added. Words
// in braces are the dialect's. Times are microseconds since 1970, UTC, and 0 is
// never.
func migrations() []string {
	return slices.Concat(first(), authorizationServer(), people(), logouts(), singleSignOn(), tenantry(), passkeySchema(), ownerSchema(), relationSchema())
}

func first() []string {
	return []string{
		`CREATE TABLE change (
			role TEXT PRIMARY KEY,
			seq  {int} NOT NULL
		) {strict}`,
		`INSERT INTO change (role, seq) VALUES ('block', 0), ('revocation', 0)`,
		`CREATE TABLE block (
			seq     {int} PRIMARY KEY, -- of the change that made it
			id      TEXT NOT NULL UNIQUE,
			kind    TEXT NOT NULL,
			subject TEXT NOT NULL,
			issuer  TEXT NOT NULL,
			scope   TEXT NOT NULL,
			because TEXT NOT NULL,
			author  TEXT NOT NULL,
			made    {int} NOT NULL,
			until   {int} NOT NULL
		) {strict}`,
		`CREATE TABLE revocation (
			kind    TEXT NOT NULL,
			issuer  TEXT NOT NULL,
			subject TEXT NOT NULL,
			seq     {int} NOT NULL UNIQUE, -- of the change that made it or changed it last
			before  {int} NOT NULL,
			because TEXT NOT NULL,
			author  TEXT NOT NULL,
			made    {int} NOT NULL,
			until   {int} NOT NULL,
			PRIMARY KEY (kind, issuer, subject)
		) {strict}`,
		`CREATE INDEX revocation_until ON revocation (until)`,
		`CREATE TABLE once (
			hash  {bytes} PRIMARY KEY, -- SHA-256 of space and key
			until {int} NOT NULL
		) {strict}`,
		`CREATE INDEX once_until ON once (until)`,
	}
}
