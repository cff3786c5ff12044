package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse/store"
)

func link(user, subject string) store.Identity {
	return store.Identity{Tenant: "acme", Issuer: "https://login.acme.example", Subject: subject, User: user, Connection: "acme", Made: start}
}

// testIdentities covers session.sso-oidc: a subject is one person, and a tenant's
// subjects are its own.
func testIdentities(t *testing.T, open func(t *testing.T) People) {
	t.Run("a link is found by tenant, issuer and subject together", func(t *testing.T) {
		p := open(t)
		add(t, p.Users, person("alice"))
		l := link("alice", "17")
		if err := p.Identities.Link(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		l.Used = start.Add(time.Hour)
		if got, err := p.Identities.Use(t.Context(), l.Used, "acme", l.Issuer, "17"); err != nil || !cmp.Equal(got, l) {
			t.Errorf("%v\n%s", err, cmp.Diff(l, got))
		}
		for what, k := range map[string][3]string{
			"another tenant": {"beta", l.Issuer, "17"}, "no tenant": {"", l.Issuer, "17"}, "another issuer": {"acme", l.Issuer + "/", "17"},
			"another subject": {"acme", l.Issuer, "18"}, "another case": {"acme", "https://LOGIN.acme.example", "17"},
		} {
			if got, err := p.Identities.Use(t.Context(), start, k[0], k[1], k[2]); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %+v, %v", what, got, err)
			}
		}
		if list, err := p.Identities.List(t.Context(), "alice"); err != nil || len(list) != 1 || !cmp.Equal(list[0], l) {
			t.Errorf("%+v, %v", list, err)
		}
	})
	t.Run("a subject is one person", func(t *testing.T) {
		p := open(t)
		add(t, p.Users, person("alice"), person("bob"))
		if err := p.Identities.Link(t.Context(), link("alice", "17")); err != nil {
			t.Fatal(err)
		}
		if err := p.Identities.Link(t.Context(), link("bob", "17")); !errors.Is(err, store.ErrExists) {
			t.Errorf("somebody else's: %v", err)
		}
		if err := p.Identities.Link(t.Context(), link("nobody", "18")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("nobody's: %v", err)
		}
		for _, l := range []store.Identity{{}, {Issuer: "i", User: "alice"}, {Subject: "s", User: "alice"}, {Issuer: "i", Subject: "s"}} {
			if err := p.Identities.Link(t.Context(), l); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%+v: %v", l, err)
			}
		}
		other := link("bob", "17")
		other.Tenant = "beta" // the same subject, said to another tenant
		if err := p.Identities.Link(t.Context(), other); err != nil {
			t.Error(err)
		}
	})
	t.Run("a person is made with the link or not at all", func(t *testing.T) {
		p := open(t)
		if err := p.Identities.Provision(t.Context(), person("alice"), link("alice", "17")); err != nil {
			t.Fatal(err)
		}
		if err := p.Identities.Provision(t.Context(), person("bob"), link("bob", "17")); !errors.Is(err, store.ErrExists) {
			t.Errorf("a subject who is somebody: %v", err)
		}
		if _, err := p.Users.User(t.Context(), "bob"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the person is there without the link: %v", err)
		}
		taken := person("carol")
		taken.Name = "alice@example.com"
		if err := p.Identities.Provision(t.Context(), taken, link("carol", "18")); !errors.Is(err, store.ErrExists) {
			t.Errorf("a name that is taken: %v", err)
		}
		if _, err := p.Identities.Use(t.Context(), start, "acme", "https://login.acme.example", "18"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the link is there without the person: %v", err)
		}
	})
	t.Run("of many who make the same person at once one does", func(t *testing.T) {
		p := open(t)
		var work sync.WaitGroup
		made := make(chan string, 8)
		for i := range cap(made) {
			work.Go(func() {
				u := person(fmt.Sprintf("u%d", i))
				u.Name = "alice@example.com"
				if err := p.Identities.Provision(t.Context(), u, link(u.ID, "17")); err == nil {
					made <- u.ID
				} else if !errors.Is(err, store.ErrExists) {
					t.Error(err)
				}
			})
		}
		work.Wait()
		close(made)
		var all []string
		for id := range made {
			all = append(all, id)
		}
		l, err := p.Identities.Use(t.Context(), start, "acme", "https://login.acme.example", "17")
		if err != nil || len(all) != 1 || l.User != all[0] {
			t.Errorf("made %v, the link leads to %q, %v", all, l.User, err)
		}
	})
	t.Run("a link that is taken away is nobody's", func(t *testing.T) {
		p := open(t)
		add(t, p.Users, person("alice"))
		l := link("alice", "17")
		if err := p.Identities.Link(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		if err := p.Identities.Unlink(t.Context(), l.Tenant, l.Issuer, l.Subject); err != nil {
			t.Fatal(err)
		}
		if err := p.Identities.Unlink(t.Context(), l.Tenant, l.Issuer, l.Subject); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
		if _, err := p.Identities.Use(t.Context(), start, l.Tenant, l.Issuer, l.Subject); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("it still leads to somebody: %v", err)
		}
	})
}
