package relational

import "testing"

func TestParametersAreNumberedWhereTheDialectSaysSo(t *testing.T) {
	s := &Store{dialect: Dialect{Numbered: true}}
	for statement, want := range map[string]string{"a": "a", "a ? b ?": "a $1 b $2", "?": "$1", "least(?, 1) - ?": "least($1, 1) - $2"} {
		if got := s.sql(statement); got != want {
			t.Errorf("%s: %s; want %s", statement, got, want)
		}
	}
	s.dialect.Numbered = false
	if got := s.sql("a ?"); got != "a ?" {
		t.Errorf("%s", got)
	}
}
