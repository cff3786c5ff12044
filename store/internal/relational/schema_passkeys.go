package relational

// passkeySchema is the part of the schema with people's passkeys.
func passkeySchema() []string {
	return []string{
		`CREATE TABLE passkey (
			id     {bytes} PRIMARY KEY, -- of the credential
			person TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
			name   TEXT NOT NULL,
			public {bytes} NOT NULL, -- COSE_Key
			count  {int} NOT NULL,
			synced {int} NOT NULL, -- 1 when it may be on several devices
			made   {int} NOT NULL,
			used   {int} NOT NULL
		) {strict}`,
		`CREATE INDEX passkey_person ON passkey (person)`,
	}
}
