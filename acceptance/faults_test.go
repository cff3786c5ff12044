package acceptance

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/control/all"
	"github.com/gatehouse-api/gatehouse/store"
)

var errAway = errors.New("the store is away")

// away is a counter store that fails, by error or by panic.
type away struct{ panics bool }

func (a away) fail() error {
	if a.panics {
		panic(errAway)
	}
	return errAway
}

func (a away) Take(context.Context, time.Time, store.Charges) (store.Taken, error) {
	return store.Taken{}, a.fail()
}

func (a away) Peek(context.Context, time.Time, store.Charges) (store.Taken, error) {
	return store.Taken{}, a.fail()
}

// TestEveryErrorCloses runs every control's cases with a counter store that is
// away: whatever a case shows otherwise, none of its requests reaches the
// upstream.
func TestEveryErrorCloses(t *testing.T) {
	folders, err := filepath.Glob("../control/*/testdata")
	if err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string]away{"error": {}, "panic": {panics: true}} {
		t.Run(name, func(t *testing.T) {
			sent, reached := 0, 0
			for _, f := range folders {
				t.Run(filepath.Base(filepath.Dir(f)), func(t *testing.T) {
					s, r := casetest.Broken(t, f, func(k *gatehouse.Kept) { gatehouse.Provide[store.Counters](k, broken) }, all.Kinds...)
					sent, reached = sent+s, reached+r
				})
			}
			if sent < 100 {
				t.Fatalf("only %d requests were sent", sent)
			}
			t.Logf("figure reached %d/0 of %d requests", reached, sent)
		})
	}
}
