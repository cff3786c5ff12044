package acceptance

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/control/all"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
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

func (a away) Peek(context.Context, time.Time, store.Charge) (store.Standing, error) {
	return store.Standing{}, a.fail()
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

// cutOff is a store of revocations that was read for the last time long ago, or
// that panics when it is asked.
type cutOff struct {
	store.Revocations
	panics bool
}

func (c cutOff) Checked() time.Time {
	if c.panics {
		panic(errAway)
	}
	return time.Now().Add(-time.Hour)
}

// token.revocable: where nobody knows what was revoked, no token passes.
func TestNoTokenPassesWhileTheRevocationsAreNotKnown(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("../control/jwt/testdata")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(folder, "missing.txtar")); err != nil { // it asks a public endpoint, too
		t.Fatal(err)
	}
	for name, panics := range map[string]bool{"stale": false, "panic": true} {
		t.Run(name, func(t *testing.T) {
			sent, _ := casetest.Broken(t, folder, func(k *gatehouse.Kept) {
				gatehouse.Provide[store.Revocations](k, cutOff{memory.NewRevocations(), panics})
			}, all.Kinds...)
			if sent < 20 {
				t.Fatalf("only %d requests were sent", sent)
			}
		})
	}
}
