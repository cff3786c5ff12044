package rows

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// attempts runs every attempt of testdata/bypass.sql: it is refused, or rewritten and
// answered as the oracle answers it.
func attempts(t *testing.T, w *twin, dialect string, fewest int) {
	t.Helper()
	refused, failed, equal := 0, 0, 0
	for _, q := range queries(t, "testdata/bypass.sql", dialect) {
		if q.name == "" {
			t.Errorf("%s: has no name", q.text)
		}
		var r *Refused
		_, err := w.compare(t, q.text)
		verdict := "equal"
		switch {
		case errors.As(err, &r):
			refused++
			verdict = "refused: " + r.Because
			if r.Because == "" || r.Instead == "" || r.Line < 1 || r.Column < 1 {
				t.Errorf("%s: is refused without a reason, a place or what to write instead: %#v", q.name, r)
			}
		case err != nil:
			failed++
			verdict = fmt.Sprintf("the database says: %v", err)
			// An error may hold a row: it must be one that the oracle's caller sees, too.
			if _, _, same := w.oracle(t, q.text); same != nil && told(same) != told(err) {
				t.Errorf("%s: %s\n guard  %v\n oracle %v", q.name, q.text, err, same)
			}
		default:
			equal++
		}
		t.Logf("%-45s %s", q.name, verdict)
	}
	t.Logf("%d attempts: %d refused by the guard, %d by the database behind it, %d rewritten and equal to the oracle", refused+failed+equal, refused, failed, equal)
	if refused+failed+equal < fewest || refused < 60 {
		t.Errorf("only %d attempts, %d refused by the guard", refused+failed+equal, refused)
	}
}

// told is what of an error stands in quotes.
func told(err error) string {
	return strings.Join(regexp.MustCompile(`["'][^"']*["']`).FindAllString(err.Error(), -1), " ")
}

func TestAttemptsToGetPastTheGuardAreRefusedOrEqualInSQLite(t *testing.T) {
	attempts(t, lite(t), "sqlite", 315)
}
