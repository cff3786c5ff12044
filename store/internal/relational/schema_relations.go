package relational

// relationSchema is the part of the schema that says who has which relation to what.
// Tuples that were removed are kept for a while, for those who only ask what changed.
func relationSchema() []string {
	return []string{
		`CREATE TABLE relation_tuple (
			object_type      TEXT NOT NULL,
			object           TEXT NOT NULL,
			relation         TEXT NOT NULL,
			subject_type     TEXT NOT NULL,
			subject          TEXT NOT NULL,
			subject_relation TEXT NOT NULL,
			seq              {int} NOT NULL, -- of the change that made it or removed it
			gone             {int} NOT NULL, -- 1 when it was removed
			PRIMARY KEY (object_type, object, relation, subject_type, subject, subject_relation)
		) {strict}`,
		`CREATE INDEX relation_tuple_seq ON relation_tuple (seq)`,
		`CREATE INDEX relation_tuple_subject ON relation_tuple (subject_type, subject)`,
		// What was removed up to the change of the second is forgotten.
		`INSERT INTO change (role, seq) VALUES ('relation', 0), ('relation-forgotten', 0)`,
	}
}
