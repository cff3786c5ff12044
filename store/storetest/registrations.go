package storetest

import (
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// Clients tests what open opens.
func Clients(t *testing.T, open func(t *testing.T) store.Clients) {
	app := store.Client{ID: "app", Name: "The app", Grants: []string{"client_credentials"}, Scopes: []string{"orders:read"}, Made: start,
		Secrets: []store.ClientSecret{{ID: "1", Hash: hash("s"), Made: start, Until: start.Add(time.Hour)}}}
	t.Run("a client is there as it was added", func(t *testing.T) {
		c := open(t)
		want(t, "adding", c.Add(t.Context(), app), nil)
		want(t, "adding again", c.Add(t.Context(), app), store.ErrExists)
		got, err := c.Client(t.Context(), "app")
		if err != nil || got.Name != app.Name || got.Secrets[0] != app.Secrets[0] || !slices.Equal(got.Scopes, app.Scopes) {
			t.Errorf("%+v, %v", got, err)
		}
		_, err = c.Client(t.Context(), "other")
		want(t, "reading none", err, store.ErrNotFound)
	})
	t.Run("a client that could do nothing is refused", func(t *testing.T) {
		c := open(t)
		for _, bad := range []store.Client{
			{}, {ID: "a b", Grants: app.Grants, Made: start}, {ID: "x", Made: start}, {ID: "x", Grants: app.Grants},
			{ID: "x", Grants: app.Grants, Made: start, Public: true, Secrets: app.Secrets},
			{ID: "x", Grants: app.Grants, Made: start, Secrets: make([]store.ClientSecret, store.MaxSecrets+1)},
		} {
			want(t, "adding "+bad.ID, c.Add(t.Context(), bad), store.ErrInvalid)
		}
	})
	t.Run("changes are made one after another", func(t *testing.T) {
		c := open(t)
		want(t, "adding", c.Add(t.Context(), app), nil)
		together(20, func(i int) {
			if err := c.Change(t.Context(), "app", func(n *store.Client) error {
				n.Scopes = append(n.Scopes, strconv.Itoa(i))
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		if got, err := c.Client(t.Context(), "app"); err != nil || len(got.Scopes) != 21 {
			t.Errorf("%d scopes, %v", len(got.Scopes), err)
		}
		no := errors.New("no")
		want(t, "a change that was given up", c.Change(t.Context(), "app", func(n *store.Client) error { n.Name = "x"; return no }), no)
		want(t, "a change to nothing", c.Change(t.Context(), "app", func(n *store.Client) error { n.Grants = nil; return nil }), store.ErrInvalid)
		want(t, "changing none", c.Change(t.Context(), "other", func(*store.Client) error { return nil }), store.ErrNotFound)
		if got, err := c.Client(t.Context(), "app"); err != nil || got.Name != app.Name {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("a removed client is gone", func(t *testing.T) {
		c := open(t)
		want(t, "adding", c.Add(t.Context(), app), nil)
		if l, err := c.List(t.Context()); err != nil || len(l) != 1 {
			t.Errorf("%v, %v", l, err)
		}
		want(t, "removing", c.Remove(t.Context(), "app"), nil)
		want(t, "removing again", c.Remove(t.Context(), "app"), store.ErrNotFound)
	})
}

// Authorizations tests what open opens.
func Authorizations(t *testing.T, open func(t *testing.T) store.Authorizations) {
	one := store.Authorization{ID: hash("id"), Handle: hash("handle"), Data: []byte("x"), Until: start.Add(time.Minute)}
	t.Run("an authorization is there until its time is over", func(t *testing.T) {
		a := open(t)
		want(t, "saving", a.Save(t.Context(), one), nil)
		got, err := a.Authorization(t.Context(), start, one.ID)
		if err != nil || got.Version != 1 || string(got.Data) != "x" {
			t.Errorf("%+v, %v", got, err)
		}
		_, err = a.Authorization(t.Context(), one.Until, one.ID)
		want(t, "when it is over", err, store.ErrNotFound)
		_, err = a.Take(t.Context(), one.Until, one.Handle)
		want(t, "the handle when it is over", err, store.ErrNotFound)
	})
	t.Run("of those who change one version one does", func(t *testing.T) {
		a := open(t)
		want(t, "saving", a.Save(t.Context(), one), nil)
		next := one
		next.Version, next.Data = 1, []byte("y")
		want(t, "changing", a.Save(t.Context(), next), nil)
		want(t, "changing the old version", a.Save(t.Context(), next), store.ErrConflict)
		want(t, "ending the old version", a.End(t.Context(), one.ID, 1), store.ErrConflict)
		var ended atomic.Int64
		together(20, func(int) {
			switch err := a.End(t.Context(), one.ID, 2); {
			case err == nil:
				ended.Add(1)
			case !errors.Is(err, store.ErrConflict):
				t.Error(err)
			}
		})
		if ended.Load() != 1 {
			t.Errorf("ended %d times", ended.Load())
		}
	})
	t.Run("of those who take one handle one gets it", func(t *testing.T) {
		a := open(t)
		want(t, "saving", a.Save(t.Context(), one), nil)
		var taken atomic.Int64
		together(20, func(int) {
			switch got, err := a.Take(t.Context(), start, one.Handle); {
			case err == nil && got.ID == one.ID:
				taken.Add(1)
			case !errors.Is(err, store.ErrNotFound):
				t.Error(err)
			}
		})
		if taken.Load() != 1 {
			t.Errorf("taken %d times", taken.Load())
		}
	})
}

// SigningKeys tests what open opens.
func SigningKeys(t *testing.T, open func(t *testing.T) store.SigningKeys) {
	key := func(id string, after time.Duration) store.SigningKey {
		return store.SigningKey{ID: id, Public: []byte("p"), Sealed: []byte("s"), Made: start.Add(after), From: start.Add(after + 24*time.Hour)}
	}
	t.Run("of those who rotate at once one does", func(t *testing.T) {
		k := open(t)
		want(t, "the first", k.Add(t.Context(), key("a", 0), ""), nil)
		var added atomic.Int64
		together(10, func(i int) {
			switch err := k.Add(t.Context(), key("b"+strconv.Itoa(i), time.Hour), "a"); {
			case err == nil:
				added.Add(1)
			case !errors.Is(err, store.ErrConflict):
				t.Error(err)
			}
		})
		if l, err := k.List(t.Context()); err != nil || len(l) != 2 || added.Load() != 1 || l[0].ID != "a" || !l[1].From.Equal(start.Add(25*time.Hour)) {
			t.Errorf("%d added, %+v, %v", added.Load(), l, err)
		}
	})
	t.Run("a dropped key is gone", func(t *testing.T) {
		k := open(t)
		want(t, "adding", k.Add(t.Context(), key("a", 0), ""), nil)
		want(t, "dropping", k.Drop(t.Context(), "a"), nil)
		want(t, "dropping again", k.Drop(t.Context(), "a"), store.ErrNotFound)
	})
}
