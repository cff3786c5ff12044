package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse/store"
)

// SignedIn is the roles of one store that know who is signed in and what hangs on
// it.
type SignedIn struct {
	Users       store.Users
	Clients     store.Clients
	Sessions    store.BrowserSessions
	Grants      store.Grants
	Tokens      store.RefreshTokens
	Revocations store.Revocations
	Endings     store.Endings
	Logouts     store.Logouts
}

const issuer = "https://login.example.com"

func because(why string) store.Ending {
	return store.Ending{Issuer: issuer, Because: why, Author: "ops@example.com", At: start.Add(500 * time.Millisecond)}
}

// scene is alice in two browsers and bob in one: she granted app and shop in the
// first, app in the second and once in none, and he app.
func (s SignedIn) scene(t *testing.T) {
	t.Helper()
	add(t, s.Users, person("alice"), person("bob"))
	for id, uri := range map[string]string{"app": "https://app.example.com/bye", "shop": ""} {
		c := store.Client{ID: id, Public: true, Grants: []string{"authorization_code"}, BackchannelLogoutURI: uri, Made: start}
		if err := s.Clients.Add(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for id, user := range map[byte]string{1: "alice", 2: "alice", 3: "bob"} {
		if err := s.Sessions.Begin(t.Context(), session(id, user), store.Hash{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range []string{"alice app s1", "alice shop s1", "alice app s2", "alice app ", "bob app s3"} {
		n := grantOf(g)
		part := strings.Split(g, " ")
		n.Subject, n.Client, n.Session = part[0], part[1], part[2]
		want(t, "adding "+g, s.Grants.Add(t.Context(), n), nil)
		first := token("token of "+g, start)
		want(t, "redeeming "+g, s.Grants.Redeem(t.Context(), start, g, nil, &first), nil)
	}
}

// left wants exactly these grants and sessions to hold, and these access tokens to
// be revoked.
func (s SignedIn) left(t *testing.T, grants, sessions []string, revoked ...store.Revocation) {
	t.Helper()
	var alive []string
	for _, g := range []string{"alice app s1", "alice shop s1", "alice app s2", "alice app ", "bob app s3"} {
		switch err := s.Tokens.Rotate(t.Context(), start, hash("token of "+g), token("next of "+g, start), grace); {
		case err == nil:
			alive = append(alive, g)
		case !errors.Is(err, store.ErrRevoked):
			t.Errorf("%s: %v", g, err)
		}
	}
	if !slices.Equal(alive, grants) {
		t.Errorf("%q hold; want %q", alive, grants)
	}
	var there []string
	for _, name := range []string{"s1", "s2", "s3"} {
		if _, err := s.Sessions.UseNamed(t.Context(), start, name); err == nil {
			there = append(there, name)
		}
	}
	if !slices.Equal(there, sessions) {
		t.Errorf("%q are signed in; want %q", there, sessions)
	}
	got, err := s.Revocations.List(t.Context(), start)
	order := func(a, b store.Revocation) int { return strings.Compare(a.Subject, b.Subject) }
	slices.SortFunc(got, order)
	slices.SortFunc(revoked, order)
	if err != nil || !cmp.Equal(got, revoked) {
		t.Errorf("%v\n%s", err, cmp.Diff(revoked, got))
	}
}

// told wants exactly these clients to have to be told: client, subject, session.
func (s SignedIn) told(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	list, err := s.Logouts.Claim(t.Context(), start.Add(time.Second), issuer, 100)
	for _, l := range list {
		got = append(got, l.Client+" "+l.Subject+" "+l.Session)
		if l.Tries != 1 || !l.At.Equal(because("").At) {
			t.Errorf("%+v", l)
		}
	}
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: %q have to be told; want %q", err, got, want)
	}
}

// Endings tests what open opens (token.revoke-events).
func Endings(t *testing.T, open func(t *testing.T) SignedIn) {
	t.Run("a session ends with what was granted in it, and with nothing else", func(t *testing.T) {
		s := open(t)
		s.scene(t)
		why := because("signed out")
		if n, err := s.Endings.EndSession(t.Context(), "s1", why); err != nil || n != (store.Ended{Sessions: 1, Grants: 2}) {
			t.Errorf("%+v, %v", n, err)
		}
		s.left(t, []string{"alice app s2", "alice app ", "bob app s3"}, []string{"s2", "s3"}, why.Grant("alice app s1"), why.Grant("alice shop s1"))
		s.told(t, "app alice s1") // shop has no place to be told at
		if n, err := s.Endings.EndSession(t.Context(), "", why); err != nil || n != (store.Ended{}) {
			t.Errorf("no name ended %+v, %v", n, err)
		}
		again := grantOf("again")
		again.Session = "s1"
		want(t, "a grant of a session that has ended", s.Grants.Add(t.Context(), again), store.ErrRevoked)
	})
	t.Run("all of a person ends, but for the session to keep", func(t *testing.T) {
		s := open(t)
		s.scene(t)
		why := because("the password was changed")
		if n, err := s.Endings.EndSubject(t.Context(), "alice", store.Hash{2}, why); err != nil || n != (store.Ended{Sessions: 1, Grants: 4}) {
			t.Errorf("%+v, %v", n, err)
		}
		if why.Subject("alice").Before != start.Add(time.Second) {
			t.Error("tokens of the same second hold")
		}
		s.left(t, []string{"bob app s3"}, []string{"s2", "s3"}, why.Subject("alice"))
		s.told(t, "app alice ")
	})
	t.Run("a consent ends with the client's grants", func(t *testing.T) {
		s := open(t)
		s.scene(t)
		why := because("a consent was taken back")
		if n, err := s.Endings.EndConsent(t.Context(), "alice", "shop", why); err != nil || n != (store.Ended{Grants: 1}) {
			t.Errorf("%+v, %v", n, err)
		}
		s.left(t, []string{"alice app s1", "alice app s2", "alice app ", "bob app s3"}, []string{"s1", "s2", "s3"}, why.Grant("alice shop s1"))
		s.told(t)
	})
	t.Run("an ending that nobody answers for is refused", func(t *testing.T) {
		s := open(t)
		s.scene(t)
		for _, bad := range []store.Ending{{}, {Issuer: issuer, Because: "x", At: start}, {Because: "x", Author: "y", At: start}, {Issuer: issuer, Author: "y", At: start}} {
			_, err := s.Endings.EndSession(t.Context(), "s1", bad)
			want(t, "a session", err, store.ErrInvalid)
			_, err = s.Endings.EndSubject(t.Context(), "alice", store.Hash{}, bad)
			want(t, "a person", err, store.ErrInvalid)
		}
		s.left(t, []string{"alice app s1", "alice shop s1", "alice app s2", "alice app ", "bob app s3"}, []string{"s1", "s2", "s3"})
	})
	t.Run("no grant of a session outlives it that is added at the same time", func(t *testing.T) { endingAndAdding(t, open(t)) })
	t.Run("a logout is told of until it is settled", func(t *testing.T) { logoutsSettle(t, open(t)) })
}

func endingAndAdding(t *testing.T, s SignedIn) {
	add(t, s.Users, person("alice"))
	for round := range 10 {
		n := session(byte(10+round), "alice")
		if err := s.Sessions.Begin(t.Context(), n, store.Hash{}); err != nil {
			t.Fatal(err)
		}
		var added [8]bool
		together(len(added)+1, func(i int) {
			if i == len(added) {
				if _, err := s.Endings.EndSession(t.Context(), n.Name, because("signed out")); err != nil {
					t.Error(err)
				}
				return
			}
			g := grantOf(fmt.Sprint(round, "-", i))
			g.Session = n.Name
			err := s.Grants.Add(t.Context(), g)
			added[i] = err == nil
			if err != nil && !errors.Is(err, store.ErrRevoked) {
				t.Error(err)
			}
		})
		for i, there := range added {
			g, err := s.Grants.Grant(t.Context(), fmt.Sprint(round, "-", i))
			if there && (err != nil || g.Revoked.IsZero()) {
				t.Errorf("grant %d of round %d outlived its session: %v", i, round, err)
			}
		}
	}
}

func logoutsSettle(t *testing.T, s SignedIn) {
	s.scene(t)
	if _, err := s.Endings.EndSession(t.Context(), "s1", because("signed out")); err != nil {
		t.Fatal(err)
	}
	claim := func(after time.Duration, issuer string) []store.Logout {
		t.Helper()
		l, err := s.Logouts.Claim(t.Context(), start.Add(time.Second+after), issuer, 10)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if l := claim(0, "https://other.example.com"); len(l) != 0 {
		t.Errorf("another issuer's: %+v", l)
	}
	var claimed atomic.Int64
	together(10, func(int) { claimed.Add(int64(len(claim(0, issuer)))) })
	if claimed.Load() != 1 {
		t.Errorf("claimed %d times at once", claimed.Load())
	}
	if l := claim(9*time.Second, issuer); len(l) != 0 {
		t.Errorf("too early: %+v", l)
	}
	l := claim(11*time.Second, issuer) // whoever had it has not settled it
	if len(l) != 1 || l[0].Tries != 2 || l[0].Client != "app" || l[0].Session != "s1" {
		t.Fatalf("%+v", l)
	}
	want(t, "settling", s.Logouts.Settle(t.Context(), l[0].ID), nil)
	want(t, "settling again", s.Logouts.Settle(t.Context(), l[0].ID), store.ErrNotFound)
	if l := claim(24*time.Hour, issuer); len(l) != 0 {
		t.Errorf("settled: %+v", l)
	}
	for tries, want := range map[int]time.Duration{1: 10 * time.Second, 2: 30 * time.Second, 3: 90 * time.Second, 7: time.Hour, 1 << 20: time.Hour} {
		if got := store.LogoutAgain(tries); got != want {
			t.Errorf("after %d tries %s; want %s", tries, got, want)
		}
	}
}
