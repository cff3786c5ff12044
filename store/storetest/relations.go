package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse/store"
)

func fact(object, relation, subject string) store.Tuple {
	kind, id, _ := strings.Cut(object, ":")
	who, rest, _ := strings.Cut(subject, ":")
	name, set, _ := strings.Cut(rest, "#")
	return store.Tuple{Type: kind, ID: id, Relation: relation, SubjectType: who, SubjectID: name, SubjectRelation: set}
}

// told is what a watcher knows, put together from what it was told.
type told struct {
	mu       sync.Mutex
	tuples   map[store.Tuple]bool
	revision int64
	wholes   int
}

func (l *told) changed(c store.TupleChange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.Whole {
		l.tuples = map[store.Tuple]bool{}
		l.wholes++
	}
	for _, t := range c.Add {
		l.tuples[t] = true
	}
	for _, t := range c.Remove {
		delete(l.tuples, t)
	}
	l.revision = c.Revision
}

// waits until the watcher knows of a revision.
func (l *told) at(t *testing.T, revision int64) []store.Tuple {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		if l.revision >= revision {
			defer l.mu.Unlock()
			var out []store.Tuple
			for tuple := range l.tuples {
				out = append(out, tuple)
			}
			slices.SortFunc(out, func(a, b store.Tuple) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			return out
		}
		l.mu.Unlock()
		if time.Since(began) > slowest {
			t.Fatalf("revision %d was not told of within %s", revision, slowest)
		}
	}
}

// Relations tests what open opens: the role, and another handle on the same database
// for transactions of a caller, such as an application would have.
func Relations(t *testing.T, open func(t *testing.T) (store.Relations, *sql.DB)) {
	anne, eng := fact("doc:1", "viewer", "user:anne"), fact("doc:1", "viewer", "group:eng#member")
	everybody, bob := fact("doc:2", "viewer", "user:*"), fact("group:eng", "member", "user:bob")
	write := func(t *testing.T, r store.Relations, add, remove []store.Tuple) int64 {
		t.Helper()
		revision, err := r.Write(t.Context(), nil, add, remove)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	t.Run("tuples are added, removed and listed", func(t *testing.T) {
		r, _ := open(t)
		first := write(t, r, []store.Tuple{bob, everybody, eng, anne}, nil)
		if second := write(t, r, []store.Tuple{anne}, []store.Tuple{everybody, fact("doc:9", "viewer", "user:zoe")}); second <= first {
			t.Errorf("revision %d after %d", second, first)
		}
		list := func(like, after store.Tuple, n int, want ...store.Tuple) {
			t.Helper()
			if got, err := r.List(t.Context(), like, after, n); err != nil || !cmp.Equal(got, want) {
				t.Errorf("%+v: %v\n%s", like, err, cmp.Diff(want, got))
			}
		}
		list(store.Tuple{}, store.Tuple{}, 10, eng, anne, bob)
		list(store.Tuple{}, store.Tuple{}, 2, eng, anne)
		list(store.Tuple{}, anne, 2, bob)
		list(store.Tuple{Type: "doc"}, store.Tuple{}, 10, eng, anne)
		list(store.Tuple{SubjectType: "user", SubjectID: "bob"}, store.Tuple{}, 10, bob)
		list(store.Tuple{Type: "doc", ID: "2"}, store.Tuple{}, 10)
		write(t, r, []store.Tuple{everybody}, nil)
		list(store.Tuple{Type: "doc", ID: "2"}, store.Tuple{}, 10, everybody)
	})
	t.Run("what makes no sense is not taken", func(t *testing.T) {
		r, _ := open(t)
		for what, list := range map[string][]store.Tuple{
			"no relation": {{Type: "doc", ID: "1", SubjectType: "user", SubjectID: "anne"}}, "no subject": {fact("doc:1", "viewer", "user:")},
			"NUL": {fact("doc:a\x00b", "viewer", "user:anne")}, "no UTF-8": {fact("doc:\xff", "viewer", "user:anne")}, "too long": {fact("doc:"+strings.Repeat("x", 257), "viewer", "user:anne")},
			"too many": make([]store.Tuple, store.MostTuples+1),
		} {
			if _, err := r.Write(t.Context(), nil, append([]store.Tuple{anne}, list...), nil); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := r.Write(t.Context(), nil, []store.Tuple{anne}, []store.Tuple{anne}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("added and removed: %v", err)
		}
		if l, err := r.List(t.Context(), store.Tuple{}, store.Tuple{}, 10); err != nil || len(l) != 0 {
			t.Errorf("%v, %v", l, err)
		}
	})
	t.Run("a watcher knows what there is at every revision", func(t *testing.T) {
		r, _ := open(t)
		write(t, r, []store.Tuple{anne, bob}, nil)
		write(t, r, nil, []store.Tuple{bob})
		var l told
		stop, err := r.Watch(l.changed)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.at(t, 0); !cmp.Equal(got, []store.Tuple{anne}) {
			t.Errorf("at first: %v", got)
		}
		if got := l.at(t, write(t, r, []store.Tuple{eng}, []store.Tuple{anne})); !cmp.Equal(got, []store.Tuple{eng}) {
			t.Errorf("after a change: %v", got)
		}
		if got := l.at(t, write(t, r, []store.Tuple{anne}, nil)); !cmp.Equal(got, []store.Tuple{anne, eng}) && !cmp.Equal(got, []store.Tuple{eng, anne}) {
			t.Errorf("what comes back: %v", got)
		}
		if c := r.Checked(); time.Since(c) > time.Minute {
			t.Errorf("checked %s ago", time.Since(c))
		}
		stop()
		before := l.revision
		write(t, r, []store.Tuple{bob}, nil)
		if l.revision != before {
			t.Errorf("told of revision %d after the watch was stopped", l.revision)
		}
	})
	t.Run("a change of many is told as one", func(t *testing.T) {
		r, _ := open(t)
		var half atomic.Bool
		stop, err := r.Watch(func(c store.TupleChange) { half.Store(half.Load() || len(c.Add)%500 != 0) })
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		var l told
		stopped, err := r.Watch(l.changed)
		if err != nil {
			t.Fatal(err)
		}
		defer stopped()
		var last atomic.Int64
		together(4, func(w int) {
			var many []store.Tuple
			for i := range 500 {
				many = append(many, fact(fmt.Sprint("doc:", i), "viewer", fmt.Sprint("user:", w)))
			}
			revision, err := r.Write(t.Context(), nil, many, nil)
			if err != nil {
				t.Error(err)
			}
			for before := last.Load(); revision > before && !last.CompareAndSwap(before, revision); before = last.Load() {
			}
		})
		if n := len(l.at(t, last.Load())); n != 2000 || half.Load() {
			t.Errorf("%d are known; want 2000; a part of a change was told: %v", n, half.Load())
		}
	})
	t.Run("tuples are written in the caller's transaction, or not at all", func(t *testing.T) {
		r, db := open(t)
		var l told
		stop, err := r.Watch(l.changed)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		for _, commit := range []bool{false, true} {
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			revision, err := r.Write(t.Context(), tx, []store.Tuple{anne}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := r.List(t.Context(), store.Tuple{}, store.Tuple{}, 10); err != nil || len(got) != 0 {
				t.Errorf("before the transaction ended: %v, %v", got, err)
			}
			if commit {
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
				if got := l.at(t, revision); !cmp.Equal(got, []store.Tuple{anne}) {
					t.Errorf("after the end of the transaction: %v", got)
				}
			} else if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("what was removed long ago is told to nobody, and nobody misses it", func(t *testing.T) {
		r, db := open(t)
		write(t, r, []store.Tuple{anne, bob}, nil)
		var l told
		stop, err := r.Watch(l.changed)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		write(t, r, nil, []store.Tuple{anne})
		l.at(t, 2)
		changes := tableOf(t, db)
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		// As after many changes of which this process was not told one by one.
		if _, err := tx.ExecContext(t.Context(), `UPDATE `+changes+` SET seq = 49999 WHERE role = 'relation'`); err != nil {
			t.Fatal(err)
		}
		revision, err := r.Write(t.Context(), tx, nil, []store.Tuple{bob})
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if got := l.at(t, revision); len(got) != 0 || l.wholes != 2 {
			t.Errorf("known are %v, told of everything %d times; want twice", got, l.wholes)
		}
	})
}

// tableOf returns the name of the table of changes as the caller's handle knows it.
func tableOf(t *testing.T, db *sql.DB) string {
	t.Helper()
	var n int
	if err := db.QueryRowContext(context.Background(), `SELECT count(*) FROM gatehouse.change`).Scan(&n); err == nil {
		return "gatehouse.change"
	}
	return "change"
}
