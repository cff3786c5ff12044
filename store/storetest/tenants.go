package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-api/gatehouse/store"
)

func testTenants(t *testing.T, s store.Tenants) {
	full := store.Tenant{ID: "t1", Name: "First", State: store.TenantActive, Domains: []string{"example.com", "example.org"}, Made: start, Edited: start}
	bare := store.Tenant{ID: "t2", State: store.TenantDisabled, Made: start, Edited: start}
	for _, n := range []store.Tenant{bare, full} {
		if err := s.Add(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Add(t.Context(), full); !errors.Is(err, store.ErrExists) {
		t.Errorf("the same id again: %v", err)
	}
	for _, n := range []store.Tenant{{}, {ID: "../x", State: "active", Made: start}, {ID: "a", State: "asleep", Made: start}, {ID: "a", State: "active", Made: start, Domains: []string{"Example.com"}}} {
		if err := s.Add(t.Context(), n); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%+v: %v", n, err)
		}
	}
	if l, err := s.List(t.Context(), "", 10); err != nil || !cmp.Equal(l, []store.Tenant{full, bare}, cmpopts.EquateEmpty()) {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := s.List(t.Context(), "t1", 1); err != nil || len(l) != 1 || l[0].ID != "t2" {
		t.Errorf("the second page: %+v, %v", l, err)
	}
	for id, want := range map[string]bool{"": true, "t1": true, "t2": false, "unknown": true} {
		if ok, err := store.Admits(t.Context(), s, id); ok != want || err != nil {
			t.Errorf("%q admits %v, %v; want %v", id, ok, err, want)
		}
	}
	refused := errors.New("refused")
	if _, err := s.Change(t.Context(), "t1", func(n *store.Tenant) error { n.Name = "other"; return refused }); !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
	if _, err := s.Change(t.Context(), "t1", func(n *store.Tenant) error { n.State = ""; return nil }); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if got, err := s.Tenant(t.Context(), "t1"); err != nil || !cmp.Equal(got, full) {
		t.Errorf("%v\n%s", err, cmp.Diff(full, got))
	}
	later := start.Add(time.Hour)
	if got, err := s.Change(t.Context(), "t1", func(n *store.Tenant) error {
		n.ID, n.State, n.Edited = "other", store.TenantDisabled, later
		return nil
	}); err != nil || got.ID != "t1" || got.State != store.TenantDisabled || !got.Edited.Equal(later) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.Remove(t.Context(), "t1"); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{"removing": s.Remove(t.Context(), "t1"), "reading": func() error { _, err := s.Tenant(t.Context(), "t1"); return err }()} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s what was removed: %v", what, err)
		}
	}
}

// testRemoval looks for what a person leaves behind.
func testRemoval(t *testing.T, p People) {
	add(t, p.Users, person("alice"), person("bob"))
	if err := p.Consents.Grant(t.Context(), start, "alice", "app", []string{"orders"}); err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"alice", "bob"} {
		if err := p.BrowserSessions.Begin(t.Context(), session(byte(i+1), id), store.Hash{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Users.Remove(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	if err := p.Users.Remove(t.Context(), "alice"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if l, err := p.BrowserSessions.List(t.Context(), start, "", 10); err != nil || len(l) != 1 || l[0].User != "bob" {
		t.Errorf("sessions left are %+v, %v", l, err)
	}
	if l, err := p.Consents.List(t.Context(), "alice"); err != nil || len(l) != 0 {
		t.Errorf("consents left are %+v, %v", l, err)
	}
}
