// Package storetest is the conformance suite that every engine of every store
// passes. An engine's own test opens it and hands it over:
//
//	func TestConformance(t *testing.T) {
//		storetest.Counters(t, func(now time.Time) store.Counters { return memory.NewCounters(now) })
//	}
package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// Once tests what open opens.
func Once(t *testing.T, open func(t *testing.T) store.Once) {
	t.Run("a key is first exactly once until its time is over", func(t *testing.T) {
		o := open(t)
		for _, step := range []struct {
			after      time.Duration
			space, key string
			want       bool
		}{
			{0, "nonce", "a", true}, {0, "nonce", "a", false}, {0, "jti", "a", true},
			{0, "nonc", "ea", true}, {59 * time.Second, "nonce", "a", false}, {60 * time.Second, "nonce", "a", true},
		} {
			got, err := o.First(t.Context(), start.Add(step.after), step.space, step.key, time.Minute)
			if err != nil || got != step.want {
				t.Errorf("First(%s, %s) after %s = %v, %v; want %v", step.space, step.key, step.after, got, err, step.want)
			}
		}
	})
	t.Run("of concurrent calls exactly one is first", func(t *testing.T) {
		o := open(t)
		var first atomic.Int64
		for n := range 20 {
			together(16, func(int) {
				if ok, err := o.First(t.Context(), start, "nonce", strconv.Itoa(n), time.Minute); err != nil {
					t.Error(err)
				} else if ok {
					first.Add(1)
				}
			})
		}
		if first.Load() != 20 {
			t.Errorf("%d calls were first; want 20, one for each key", first.Load())
		}
	})
	t.Run("a lifetime of nothing is an error", func(t *testing.T) {
		if ok, err := open(t).First(t.Context(), start, "nonce", "a", 0); ok || err == nil {
			t.Errorf("First with no lifetime = %v, %v; want an error", ok, err)
		}
	})
}

// Blocks tests what open opens.
func Blocks(t *testing.T, open func(t *testing.T) store.Blocks) {
	t.Run("blocks are listed until they are lifted", func(t *testing.T) {
		b := open(t)
		one := store.Block{ID: "1", Kind: store.BlockAddress, Subject: "192.0.2.0/24", Because: "stuffing", Author: "D02", From: start, Until: start.Add(time.Hour)}
		two := store.Block{ID: "2", Kind: store.BlockPrincipal, Subject: "mallory", Issuer: "https://login.example.com", Scope: "orders/getOrder", From: start}
		for _, x := range []store.Block{one, two} {
			if err := b.Add(t.Context(), x); err != nil {
				t.Fatal(err)
			}
		}
		for _, x := range []store.Block{{}, {ID: "3", Kind: "address", Subject: "192.0.2"}, {ID: "3", Kind: "person", Subject: "x"}, {ID: "3", Kind: store.BlockEndpoint, Subject: "orders"}, {ID: "3", Kind: store.BlockKey, Subject: "k", Scope: "orders"}} {
			if err := b.Add(t.Context(), x); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("adding %+v: %v; want ErrInvalid", x, err)
			}
		}
		if err := b.Add(t.Context(), one); !errors.Is(err, store.ErrExists) {
			t.Errorf("adding an id twice: %v; want ErrExists", err)
		}
		wantList(t, b, one, two)
		if err := b.Lift(t.Context(), "1"); err != nil {
			t.Fatal(err)
		}
		if err := b.Lift(t.Context(), "1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("lifting twice: %v; want ErrNotFound", err)
		}
		wantList(t, b, two)
	})
	t.Run("watchers hear the list at once and after every change", func(t *testing.T) {
		b := open(t)
		heard := make(chan int, 16)
		stop, err := b.Watch(func(l []store.Block) { heard <- len(l) })
		if err != nil {
			t.Fatal(err)
		}
		hear(t, heard, 0)
		if err := b.Add(t.Context(), store.Block{ID: "1", Kind: store.BlockKey, Subject: "k"}); err != nil {
			t.Fatal(err)
		}
		hear(t, heard, 1)
		stop()
		if err := b.Lift(t.Context(), "1"); err != nil {
			t.Fatal(err)
		}
		select {
		case n := <-heard:
			t.Errorf("heard of %d blocks after the watch was stopped", n)
		default:
		}
	})
	t.Run("of concurrent additions none is lost", func(t *testing.T) {
		b := open(t)
		together(16, func(i int) {
			if err := b.Add(t.Context(), store.Block{ID: fmt.Sprint(i), Kind: store.BlockKey, Subject: "k"}); err != nil {
				t.Error(err)
			}
		})
		if l, err := b.List(t.Context()); err != nil || len(l) != 16 {
			t.Errorf("%d blocks, %v; want 16", len(l), err)
		}
	})
}

func wantList(t *testing.T, b store.Blocks, want ...store.Block) {
	t.Helper()
	got, err := b.List(t.Context())
	if err != nil || !slices.EqualFunc(got, want, sameBlock) {
		t.Errorf("listed %+v, %v; want %+v", got, err, want)
	}
}

func sameBlock(a, b store.Block) bool {
	same := a.From.Equal(b.From) && a.Until.Equal(b.Until)
	a.From, a.Until = b.From, b.Until
	return same && a == b
}

// Revocations tests what open opens.
func Revocations(t *testing.T, open func(t *testing.T) store.Revocations) {
	t.Run("entries are listed until their time is over", func(t *testing.T) {
		r := open(t)
		one := store.Revocation{Kind: store.RevokeToken, Issuer: "https://login.example.com", Subject: "j1", Because: "lost phone", Author: "ops@example.com", At: start, Until: start.Add(time.Hour)}
		two := store.Revocation{Kind: store.RevokeSubject, Issuer: "https://login.example.com", Subject: "mallory", Before: start, At: start, Until: start.Add(2 * time.Hour)}
		for _, e := range []store.Revocation{one, two} {
			if err := r.Revoke(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		wantRevocations(t, r, start, one, two)
		wantRevocations(t, r, start.Add(time.Hour), two)
		wantRevocations(t, r, start.Add(2*time.Hour))
	})
	t.Run("a token holds unless an entry of its issuer or of any revokes it", func(t *testing.T) {
		r := open(t)
		const a, b = "https://a.example", "https://b.example"
		for _, e := range []store.Revocation{
			{Kind: store.RevokeGrant, Issuer: a, Subject: "one"}, {Kind: store.RevokeGrant, Subject: "any"}, {Kind: store.RevokeToken, Subject: "token"},
			{Kind: store.RevokeSubject, Issuer: a, Subject: "alice", Before: start},
		} {
			e.At, e.Until = start, start.Add(time.Hour)
			if err := r.Revoke(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			issued store.Issued
			after  time.Duration
			want   bool
		}{
			{store.Issued{Issuer: a, Grant: "one"}, 0, false}, {store.Issued{Issuer: b, Grant: "one"}, 0, true}, {store.Issued{Issuer: a, Grant: "any"}, 0, false},
			{store.Issued{Issuer: a, Grant: "token"}, 0, true}, {store.Issued{Issuer: a, Token: "token"}, 0, false}, {store.Issued{Issuer: a, Token: "one"}, 0, true},
			{store.Issued{Issuer: a, Grant: "none", Token: "none", Subject: "bob", At: start}, 0, true}, {store.Issued{Issuer: a}, 0, true},
			{store.Issued{Issuer: a, Subject: "alice", At: start}, 0, false}, {store.Issued{Issuer: a, Subject: "alice", At: start.Add(time.Second)}, 0, true},
			{store.Issued{Issuer: b, Subject: "alice", At: start}, 0, true},
			{store.Issued{Issuer: a, Grant: "one"}, time.Hour - time.Second, false}, {store.Issued{Issuer: a, Grant: "one"}, time.Hour, true},
		} {
			if got, err := r.Holds(t.Context(), start.Add(c.after), c.issued); got != c.want || err != nil {
				t.Errorf("%+v: %v, %v", c, got, err)
			}
		}
	})
	t.Run("an entry is never weakened", func(t *testing.T) {
		r := open(t)
		e := store.Revocation{Kind: store.RevokeSubject, Issuer: "https://login.example.com", Subject: "alice", Before: start.Add(time.Minute), At: start, Until: start.Add(3 * time.Hour)}
		earlier := e
		earlier.Before, earlier.Until = start, start.Add(time.Hour)
		for _, e := range []store.Revocation{e, earlier} {
			if err := r.Revoke(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		wantRevocations(t, r, start, e)
		later := e
		later.Before, later.Until = start.Add(time.Hour), start.Add(4*time.Hour)
		if err := r.Revoke(t.Context(), later); err != nil {
			t.Fatal(err)
		}
		wantRevocations(t, r, start, later)
	})
	t.Run("an entry that revokes nothing is refused", func(t *testing.T) {
		r := open(t)
		for _, e := range []store.Revocation{
			{}, {Kind: store.RevokeToken, At: start, Until: start.Add(time.Hour)}, {Kind: "tokens", Subject: "x", At: start, Until: start.Add(time.Hour)},
			{Kind: store.RevokeSubject, Subject: "alice", Before: start, At: start, Until: start.Add(time.Hour)},
			{Kind: store.RevokeSubject, Subject: "alice", Issuer: "i", At: start, Until: start.Add(time.Hour)},
			{Kind: store.RevokeToken, Subject: "j", Before: start, At: start, Until: start.Add(time.Hour)},
			{Kind: store.RevokeToken, Subject: "j", At: start, Until: start}, {Kind: store.RevokeToken, Subject: "j", At: start},
		} {
			if err := r.Revoke(t.Context(), e); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%+v: %v; want ErrInvalid", e, err)
			}
		}
		wantRevocations(t, r, start)
	})
	t.Run("watchers hear the entries at once and after every change", func(t *testing.T) {
		r, heard := open(t), make(chan int, 16)
		stop, err := r.Watch(func(l []store.Revocation) { heard <- len(l) })
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		add := func(id string) {
			t.Helper()
			if err := r.Revoke(t.Context(), store.Revocation{Kind: store.RevokeToken, Subject: id, At: now, Until: now.Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		hear(t, heard, 0)
		add("1")
		hear(t, heard, 1)
		add("2")
		hear(t, heard, 2)
		add("2")
		hear(t, heard, 2)
		if c := r.Checked(); !c.IsZero() && time.Since(c) > time.Second {
			t.Errorf("checked %s ago", time.Since(c))
		}
		stop()
		add("3")
		select {
		case n := <-heard:
			t.Errorf("heard of %d entries after the watch was stopped", n)
		default:
		}
	})
	t.Run("what is over is forgotten, and by no clock that is ahead", func(t *testing.T) {
		r := open(t)
		now := time.Now()
		for i, at := range []time.Time{start.AddDate(-1, 0, 0), now, now.AddDate(1, 0, 0), now} {
			if err := r.Revoke(t.Context(), store.Revocation{Kind: store.RevokeToken, Subject: fmt.Sprint(i), At: at, Until: at.Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		l, err := r.List(t.Context(), start.AddDate(-2, 0, 0))
		var left []string
		for i := range l {
			left = append(left, l[i].Subject)
		}
		if err != nil || !slices.Equal(left, []string{"1", "2", "3"}) {
			t.Errorf("left are %v, %v; want 1, 2, 3", left, err)
		}
	})
	t.Run("of concurrent entries none is lost", func(t *testing.T) {
		r, now := open(t), time.Now()
		var last atomic.Int64
		stop, err := r.Watch(func(l []store.Revocation) { last.Store(int64(len(l))) })
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		together(16, func(i int) {
			for n := range 4 {
				e := store.Revocation{Kind: store.RevokeGrant, Subject: fmt.Sprintf("%d-%d", i, n), At: now, Until: now.Add(time.Hour)}
				if err := r.Revoke(t.Context(), e); err != nil {
					t.Error(err)
				}
			}
		})
		for began := time.Now(); last.Load() != 64 && time.Since(began) < time.Second; {
			time.Sleep(time.Millisecond) // changes in haste are told of together
		}
		if l, err := r.List(t.Context(), now); err != nil || len(l) != 64 || last.Load() != 64 {
			t.Errorf("%d entries, %v, watchers know %d; want 64", len(l), err, last.Load())
		}
	})
}

// hear waits for a watcher to be told of so many entries, for as long as a slow
// machine may need: how fast it is heard is measured by Durable.
func hear(t *testing.T, heard <-chan int, want int) {
	t.Helper()
	select {
	case got := <-heard:
		if got != want {
			t.Errorf("heard of %d entries; want %d", got, want)
		}
	case <-time.After(slowest):
		t.Errorf("heard nothing for %s; want %d entries", slowest, want)
	}
}

const slowest = 10 * time.Second

func wantRevocations(t *testing.T, r store.Revocations, at time.Time, want ...store.Revocation) {
	t.Helper()
	got, err := r.List(t.Context(), at)
	same := func(a, b store.Revocation) bool {
		same := a.At.Equal(b.At) && a.Before.Equal(b.Before) && a.Until.Equal(b.Until)
		a.At, a.Before, a.Until = b.At, b.Before, b.Until
		return same && a == b
	}
	if err != nil || !slices.EqualFunc(got, want, same) {
		t.Errorf("listed %+v, %v; want %+v", got, err, want)
	}
}

func together(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}
