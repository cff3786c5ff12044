package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse/store"
)

// People is the roles of one store that know who there is and who is signed in.
type People struct {
	Users           store.Users
	Directory       store.Directory
	Tenants         store.Tenants
	Consents        store.Consents
	Failures        store.Failures
	BrowserSessions store.BrowserSessions
	Identities      store.Identities
	Passkeys        store.Passkeys
}

// TestPeople tests what open opens.
func TestPeople(t *testing.T, open func(t *testing.T) People) {
	t.Run("users", func(t *testing.T) { testUsers(t, open) })
	t.Run("a person who is removed", func(t *testing.T) { testRemoval(t, open(t)) })
	t.Run("tenants", func(t *testing.T) { testTenants(t, open(t).Tenants) })
	t.Run("consents", func(t *testing.T) { testConsents(t, open(t)) })
	t.Run("failures", func(t *testing.T) { testFailures(t, open(t)) })
	t.Run("browser sessions", func(t *testing.T) { testSessions(t, open(t)) })
	t.Run("identities", func(t *testing.T) { testIdentities(t, open) })
	t.Run("passkeys", func(t *testing.T) { testPasskeys(t, open(t)) })
}

func person(id string) store.User {
	return store.User{ID: id, Name: id + "@example.com", State: store.UserActive, Made: start, Edited: start}
}

func add(t *testing.T, u store.Users, list ...store.User) {
	t.Helper()
	for _, n := range list {
		if err := u.Add(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
}

func testUsers(t *testing.T, open func(t *testing.T) People) {
	full := store.User{
		ID: "u1", Name: "alice@example.com", Tenant: "t1", Roles: []string{"admin", "user"}, State: store.UserActive, Password: "$argon2id$...",
		TOTP: []byte{1, 0, 2}, TOTPStep: 58_000_000, Recovery: []store.Hash{{1}, {2}}, Made: start, Edited: start.Add(time.Hour),
	}
	t.Run("what is put in is found by id and by name, and listed", func(t *testing.T) {
		p := open(t)
		u := p.Users
		add(t, u, person("zoe"), full)
		for what, find := range map[string]func() (store.User, error){
			"id":   func() (store.User, error) { return u.User(t.Context(), "u1") },
			"name": func() (store.User, error) { return u.ByName(t.Context(), "alice@example.com") },
		} {
			if got, err := find(); err != nil || !cmp.Equal(got, full) {
				t.Errorf("by %s: %v\n%s", what, err, cmp.Diff(full, got))
			}
		}
		if l, err := p.Directory.List(t.Context(), store.UserQuery{Most: 1}); err != nil || len(l) != 1 || l[0].ID != "u1" {
			t.Errorf("the first page: %+v, %v", l, err)
		}
		if l, err := p.Directory.List(t.Context(), store.UserQuery{After: "alice@example.com", Most: 10}); err != nil || len(l) != 1 || l[0].ID != "zoe" {
			t.Errorf("the second page: %+v, %v", l, err)
		}
		if l, err := p.Directory.List(t.Context(), store.UserQuery{Tenant: "t1", Most: 10}); err != nil || len(l) != 1 || l[0].ID != "u1" {
			t.Errorf("one tenant's: %+v, %v", l, err)
		}
	})
	t.Run("an id and a name are one person's", func(t *testing.T) {
		u := open(t).Users
		add(t, u, person("alice"))
		other := person("bob")
		other.Name = "alice@example.com"
		for what, n := range map[string]store.User{"id": person("alice"), "name": other} {
			if err := u.Add(t.Context(), n); !errors.Is(err, store.ErrExists) {
				t.Errorf("the same %s: %v", what, err)
			}
		}
		for _, n := range []store.User{{}, {ID: "a", Name: "b"}, {ID: "a", Name: "b", State: "active", Roles: []string{"two words"}}, {ID: "a", Name: "b", State: "active", Roles: []string{""}}} {
			if err := u.Add(t.Context(), n); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%+v: %v", n, err)
			}
		}
		if _, err := u.User(t.Context(), "nobody"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}
		if _, err := u.Change(t.Context(), "nobody", func(*store.User) error { return nil }); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}
	})
	t.Run("a change is made whole or not at all", func(t *testing.T) {
		u := open(t).Users
		add(t, u, full)
		refused := errors.New("refused")
		if _, err := u.Change(t.Context(), "u1", func(n *store.User) error { n.Password = ""; return refused }); !errors.Is(err, refused) {
			t.Errorf("%v", err)
		}
		if _, err := u.Change(t.Context(), "u1", func(n *store.User) error { n.State = "asleep"; return nil }); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%v", err)
		}
		if got, err := u.User(t.Context(), "u1"); err != nil || !cmp.Equal(got, full) {
			t.Errorf("%v\n%s", err, cmp.Diff(full, got))
		}
	})
	t.Run("of concurrent uses of a recovery code one has it", func(t *testing.T) { testConcurrentChanges(t, open(t).Users) })
}

func testConcurrentChanges(t *testing.T, u store.Users) {
	n := person("alice")
	n.Recovery = []store.Hash{{9}}
	add(t, u, n)
	spent := errors.New("spent")
	outcomes := make([]error, 12)
	together(len(outcomes), func(i int) {
		_, outcomes[i] = u.Change(t.Context(), "alice", func(n *store.User) error {
			n.TOTPStep++
			if len(n.Recovery) == 0 {
				return spent
			}
			n.Recovery = nil
			return nil
		})
	})
	had := 0
	for _, err := range outcomes {
		if err == nil {
			had++
		} else if !errors.Is(err, spent) {
			t.Error(err)
		}
	}
	if got, err := u.User(t.Context(), "alice"); had != 1 || err != nil || got.TOTPStep != 1 {
		t.Errorf("%d had the code, %d changes were written, %v", had, got.TOTPStep, err)
	}
}

func testConsents(t *testing.T, p People) {
	add(t, p.Users, person("alice"), person("bob"))
	c := p.Consents
	if err := c.Grant(t.Context(), start, "alice", "app", []string{"orders", "email"}); err != nil {
		t.Fatal(err)
	}
	later := start.Add(time.Hour)
	if err := c.Grant(t.Context(), later, "alice", "app", []string{"email", "profile"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Grant(t.Context(), start, "alice", "other", []string{"email"}); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Granted(t.Context(), "alice", "app"); err != nil || !cmp.Equal(got, []string{"email", "orders", "profile"}) {
		t.Errorf("granted %v, %v", got, err)
	}
	if got, err := c.Granted(t.Context(), "bob", "app"); err != nil || len(got) != 0 {
		t.Errorf("another person granted %v, %v", got, err)
	}
	want := []store.Consent{{Client: "app", Scopes: []string{"email", "orders", "profile"}, At: later}, {Client: "other", Scopes: []string{"email"}, At: start}}
	if got, err := c.List(t.Context(), "alice"); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	if err := c.Withdraw(t.Context(), "alice", "app"); err != nil {
		t.Error(err)
	}
	if err := c.Withdraw(t.Context(), "alice", "app"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("withdrawn twice: %v", err)
	}
	if got, err := c.List(t.Context(), "alice"); err != nil || !cmp.Equal(got, want[1:]) {
		t.Errorf("left are %v, %v", got, err)
	}
}

func testFailures(t *testing.T, p People) {
	f := p.Failures
	counts := make([]int, 8)
	together(len(counts), func(i int) {
		var err error
		if counts[i], err = f.Fail(t.Context(), start, "alice@example.com"); err != nil {
			t.Error(err)
		}
	})
	seen := map[int]bool{}
	for _, n := range counts {
		seen[n] = true
	}
	if len(seen) != len(counts) || !seen[8] {
		t.Errorf("counted %v", counts)
	}
	wantFailed := func(name string, at time.Time, want int, last time.Time) {
		t.Helper()
		if n, when, err := f.Failed(t.Context(), at, name); n != want || !when.Equal(last) || err != nil {
			t.Errorf("%s failed %d times, last at %s, %v; want %d", name, n, when, err, want)
		}
	}
	wantFailed("alice@example.com", start, 8, start)
	wantFailed("bob@example.com", start, 0, time.Time{})
	wantFailed("alice@example.com", start.Add(store.FailuresKept), 0, time.Time{})
	if n, err := f.Fail(t.Context(), start.Add(store.FailuresKept), "alice@example.com"); n != 1 || err != nil {
		t.Errorf("after their time: %d, %v", n, err)
	}
	if err := f.Clear(t.Context(), "alice@example.com"); err != nil {
		t.Error(err)
	}
	wantFailed("alice@example.com", start.Add(store.FailuresKept), 0, time.Time{})
}

func session(id byte, user string) store.BrowserSession {
	return store.BrowserSession{
		ID: store.Hash{id}, Name: fmt.Sprintf("s%d", id), User: user, ACR: "aal1", AMR: []string{"pwd"}, At: start, Made: start, Used: start,
		Idle: 30 * time.Minute, Until: start.Add(8 * time.Hour), Address: "192.0.2.1", Agent: "Browser/1",
	}
}

// testSessions is the absolute end of a session, as far as a store keeps it.
func testSessions(t *testing.T, p People) {
	add(t, p.Users, person("alice"), person("bob"))
	b := p.BrowserSessions
	begin := func(s store.BrowserSession, replaces store.Hash) {
		t.Helper()
		if err := b.Begin(t.Context(), s, replaces); err != nil {
			t.Fatal(err)
		}
	}
	alive := func(id byte, after time.Duration, want bool) {
		t.Helper()
		_, err := b.Use(t.Context(), start.Add(after), store.Hash{id})
		if (err == nil) != want || err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("session %d after %s: %v; want alive %v", id, after, err, want)
		}
	}
	first := session(1, "alice")
	first.Connection, first.Upstream = "acme", []byte{0, 1, 2}
	begin(first, store.Hash{})
	if got, err := b.Use(t.Context(), start, store.Hash{1}); err != nil || !cmp.Equal(got, first) {
		t.Errorf("%v\n%s", err, cmp.Diff(first, got))
	}
	if err := b.Begin(t.Context(), session(1, "bob"), store.Hash{}); !errors.Is(err, store.ErrExists) {
		t.Errorf("the same id again: %v", err)
	}
	if err := b.Begin(t.Context(), store.BrowserSession{}, store.Hash{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("no session: %v", err)
	}
	alive(1, 29*time.Minute, true)
	alive(1, 58*time.Minute, true)
	alive(1, 89*time.Minute, false) // idle
	for used := 45 * time.Minute; used < 8*time.Hour; used += 25 * time.Minute {
		alive(1, used, true)
	}
	alive(1, 8*time.Hour, false) // used all the time, and over
	begin(session(2, "alice"), store.Hash{1})
	alive(1, time.Minute, false) // replaced
	alive(2, time.Minute, true)
	begin(session(3, "alice"), store.Hash{})
	begin(session(4, "bob"), store.Hash{})
	for user, want := range map[string]int{"alice": 2, "bob": 1, "": 3, "carol": 0} {
		if l, err := b.List(t.Context(), start, user, 10); err != nil || len(l) != want {
			t.Errorf("%q has %d sessions, %v; want %d", user, len(l), err, want)
		}
	}
	named := session(5, "bob")
	named.Name = "s4"
	if err := b.Begin(t.Context(), named, store.Hash{}); !errors.Is(err, store.ErrExists) {
		t.Errorf("the same name again: %v", err)
	}
	begin(named, store.Hash{4})
	if got, err := b.UseNamed(t.Context(), start.Add(time.Minute), "s4"); err != nil || got.ID != named.ID {
		t.Errorf("by its name: %+v, %v", got, err)
	}
	for after, name := range map[time.Duration]string{0: "s4 ", time.Hour: "s4"} { // nobody's, and idle
		if _, err := b.UseNamed(t.Context(), start.Add(after), name); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q after %s: %v", name, after, err)
		}
	}
	if _, err := b.UseNamed(t.Context(), start.Add(29*time.Minute), "s4"); err != nil {
		t.Error(err)
	}
	alive(5, 58*time.Minute, true) // its applications used it
}
