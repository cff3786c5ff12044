package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse/store"
)

func testPasskeys(t *testing.T, p People) {
	add(t, p.Users, person("alice"), person("bob"))
	k := p.Passkeys
	first := store.Passkey{ID: []byte{1, 0, 255}, User: "alice", Name: "my phone", PublicKey: []byte{4, 0, 5}, Count: 1 << 31, Synced: true, Made: start}
	second := store.Passkey{ID: []byte{2}, User: "alice", Name: "a key", PublicKey: []byte{7}, Made: start.Add(time.Hour)}
	for _, n := range []store.Passkey{second, first} {
		if err := k.Add(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := k.Passkey(t.Context(), first.ID); err != nil || !cmp.Equal(got, first) {
		t.Errorf("%v\n%s", err, cmp.Diff(first, got))
	}
	if got, err := k.List(t.Context(), "alice"); err != nil || !cmp.Equal(got, []store.Passkey{first, second}) {
		t.Errorf("%v\n%s", err, cmp.Diff([]store.Passkey{first, second}, got))
	}
	if u, err := p.Users.User(t.Context(), "alice"); err != nil || u.Passkeys != 2 || !u.HasSecondFactor() {
		t.Errorf("%+v, %v", u, err)
	}
	if got, err := k.List(t.Context(), "bob"); err != nil || len(got) != 0 {
		t.Errorf("another person has %v, %v", got, err)
	}
	taken := first
	taken.User, taken.PublicKey = "bob", []byte{9}
	if err := k.Add(t.Context(), taken); !errors.Is(err, store.ErrExists) {
		t.Errorf("an id that somebody has: %v", err)
	}
	for what, n := range map[string]store.Passkey{
		"no id": {User: "bob", PublicKey: []byte{1}}, "nobody's": {ID: []byte{3}, PublicKey: []byte{1}}, "no key": {ID: []byte{3}, User: "bob"},
		"an id that is too long": {ID: make([]byte, store.LongestPasskeyID+1), User: "bob", PublicKey: []byte{1}},
	} {
		if err := k.Add(t.Context(), n); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := k.Add(t.Context(), store.Passkey{ID: []byte{3}, User: "nobody", PublicKey: []byte{1}}); err == nil {
		t.Error("a passkey of nobody who exists was taken")
	}
	testPasskeyCount(t, k, first.ID, second.ID)
	for what, try := range map[string]error{
		"somebody else's":     k.Remove(t.Context(), "bob", first.ID),
		"one that is not":     k.Remove(t.Context(), "alice", []byte{8}),
		"use of one that not": k.Use(t.Context(), start, []byte{8}, 1),
	} {
		if !errors.Is(try, store.ErrNotFound) {
			t.Errorf("%s: %v", what, try)
		}
	}
	if err := k.Remove(t.Context(), "alice", first.ID); err != nil {
		t.Error(err)
	}
	if u, err := p.Users.Change(t.Context(), "alice", func(u *store.User) error { u.Tenant = "t9"; return nil }); err != nil || u.Passkeys != 1 {
		t.Errorf("%+v, %v", u, err)
	}
	if err := p.Users.Remove(t.Context(), "alice"); err != nil {
		t.Error(err)
	}
	if _, err := k.Passkey(t.Context(), second.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it outlives its person: %v", err)
	}
	if _, err := k.Passkey(t.Context(), first.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after its removal: %v", err)
	}
}

// testPasskeyCount is what tells a second device with the same key: a count goes up
// or stays 0, and of several who come with the same one has it.
func testPasskeyCount(t *testing.T, k store.Passkeys, counting, silent []byte) {
	later := start.Add(time.Minute)
	outcomes := make([]error, 8)
	together(len(outcomes), func(i int) { outcomes[i] = k.Use(t.Context(), later, counting, 1<<31+5) })
	had := 0
	for _, err := range outcomes {
		if err == nil {
			had++
		} else if !errors.Is(err, store.ErrConflict) {
			t.Error(err)
		}
	}
	if had != 1 {
		t.Errorf("%d had the same count", had)
	}
	for _, c := range []struct {
		id    []byte
		count uint32
		want  error
	}{
		{counting, 1<<31 + 4, store.ErrConflict}, {counting, 0, store.ErrConflict}, {counting, 1<<32 - 1, nil},
		{silent, 0, nil}, {silent, 0, nil}, {silent, 3, nil}, {silent, 0, store.ErrConflict},
	} {
		if err := k.Use(t.Context(), later, c.id, c.count); !errors.Is(err, c.want) {
			t.Errorf("count %d: %v; want %v", c.count, err, c.want)
		}
	}
	if got, err := k.Passkey(t.Context(), counting); err != nil || got.Count != 1<<32-1 || !got.Used.Equal(later) {
		t.Errorf("%+v, %v", got, err)
	}
}
