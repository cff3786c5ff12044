//go:build unix

package postgres

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/gatehouse-api/gatehouse/internal/pgtest"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/internal/relational"
	"github.com/gatehouse-api/gatehouse/store/storetest"
)

func opened(ctx context.Context, url string) (storetest.Opened, error) {
	s, err := Open(ctx, Config{URL: url}, Options{})
	if err != nil {
		return storetest.Opened{}, err
	}
	return storetest.Opened{Blocks: s.Blocks(), Once: s.Once(), Revocations: s.Revocations(), Grants: s.Grants(), Tokens: s.RefreshTokens(), Relations: s.Relations(), Close: s.Close}, nil
}

func TestMain(m *testing.M) {
	storetest.Child(opened)
	os.Exit(m.Run())
}

func openAt(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: url}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// token.revocable, incident.block
func TestConformance(t *testing.T) {
	server := pgtest.Start(t)
	fresh := func(t *testing.T) string { return server.Database(t) }
	t.Run("once", func(t *testing.T) {
		storetest.Once(t, func(t *testing.T) store.Once { return openAt(t, fresh(t)).Once() })
	})
	t.Run("blocks", func(t *testing.T) {
		storetest.Blocks(t, func(t *testing.T) store.Blocks { return openAt(t, fresh(t)).Blocks() })
	})
	t.Run("revocations", func(t *testing.T) {
		storetest.Revocations(t, func(t *testing.T) store.Revocations { return openAt(t, fresh(t)).Revocations() })
	})
	t.Run("clients", func(t *testing.T) {
		storetest.Clients(t, func(t *testing.T) store.Clients { return openAt(t, fresh(t)).Clients() })
	})
	t.Run("families", func(t *testing.T) {
		storetest.RefreshFamilies(t, func(t *testing.T) storetest.Families {
			s := openAt(t, fresh(t))
			return storetest.Families{Grants: s.Grants(), Tokens: s.RefreshTokens(), Revocations: s.Revocations()}
		})
	})
	t.Run("authorizations", func(t *testing.T) {
		storetest.Authorizations(t, func(t *testing.T) store.Authorizations { return openAt(t, fresh(t)).Authorizations() })
	})
	t.Run("signing keys", func(t *testing.T) {
		storetest.SigningKeys(t, func(t *testing.T) store.SigningKeys { return openAt(t, fresh(t)).SigningKeys() })
	})
	t.Run("owners", func(t *testing.T) {
		storetest.Owners(t, func(t *testing.T) store.Owners { return openAt(t, fresh(t)).Owners() })
	})
	t.Run("relations", func(t *testing.T) {
		storetest.Relations(t, func(t *testing.T) (store.Relations, *sql.DB) {
			url := fresh(t)
			db, err := sql.Open("pgx", url) // as an application has it: with a search path of its own
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			return openAt(t, url).Relations(), db
		})
	})
	t.Run("people", func(t *testing.T) {
		storetest.TestPeople(t, func(t *testing.T) storetest.People {
			s := openAt(t, fresh(t))
			return storetest.People{Users: s.Users(), Directory: s.Directory(), Tenants: s.Tenants(), Consents: s.Consents(), Failures: s.Failures(), BrowserSessions: s.BrowserSessions(), Identities: s.Identities(), Passkeys: s.Passkeys()}
		})
	})
	t.Run("endings", func(t *testing.T) {
		storetest.Endings(t, func(t *testing.T) storetest.SignedIn {
			s := openAt(t, fresh(t))
			return storetest.SignedIn{
				Users: s.Users(), Clients: s.Clients(), Sessions: s.BrowserSessions(), Grants: s.Grants(), Tokens: s.RefreshTokens(),
				Revocations: s.Revocations(), Endings: s.Endings(), Logouts: s.Logouts(),
			}
		})
	})
	t.Run("durable", func(t *testing.T) { storetest.Durable(t, fresh, opened) })
	t.Run("a schema of a newer program is refused", func(t *testing.T) {
		url := fresh(t)
		openAt(t, url)
		server.Exec(t, url, "UPDATE gatehouse.schema_version SET version = 99")
		if _, err := Open(t.Context(), Config{URL: url}, Options{}); err == nil || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a role that may not make a schema can use one", func(t *testing.T) {
		url := fresh(t)
		openAt(t, url)
		server.Exec(t, url, "CREATE ROLE gateway LOGIN; GRANT USAGE ON SCHEMA gatehouse TO gateway; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA gatehouse TO gateway")
		s := openAt(t, strings.Replace(url, "postgres@", "gateway@", 1))
		if err := s.Blocks().Add(t.Context(), store.Block{ID: "1", Kind: store.BlockKey, Subject: "k"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("a server that acknowledges too early is refused", func(t *testing.T) {
		url := fresh(t)
		if _, err := Open(t.Context(), Config{URL: url + "&synchronous_commit=off"}, Options{}); err == nil || !strings.Contains(err.Error(), "synchronous_commit") {
			t.Errorf("%v", err)
		}
	})
	t.Run("where LISTEN does not get through, changes are heard within a second", func(t *testing.T) { heardByAsking(t, fresh(t)) })
	t.Run("a server that crashes loses nothing and is found again", func(t *testing.T) { crashed(t, server, fresh(t)) })
}

// heardByAsking watches through a store that never listens.
func heardByAsking(t *testing.T, url string) {
	config, err := parse(Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	deaf := dialect(config)
	deaf.Listen = nil
	db := stdlib.OpenDB(*config)
	s, err := relational.Open(t.Context(), db, db, deaf, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	heard := make(chan int, 10)
	stop, err := s.Blocks().Watch(func(l []store.Block) { heard <- len(l) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	<-heard
	other := openAt(t, url)
	fastest := time.Hour
	for i := range 3 {
		began := time.Now()
		if err := other.Blocks().Add(t.Context(), store.Block{ID: string(rune('a' + i)), Kind: store.BlockKey, Subject: "k"}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
			fastest = min(fastest, time.Since(began))
		case <-time.After(10 * time.Second):
			t.Fatalf("block %d was not heard of", i)
		}
	}
	if fastest > time.Second {
		t.Errorf("a change was heard of after %s", fastest)
	}
}

// crashed stops the server without a checkpoint, five times.
func crashed(t *testing.T, server *pgtest.Server, url string) {
	s := openAt(t, url)
	heard := make(chan int, 1000)
	stop, err := s.Revocations().Watch(func(l []store.Revocation) { heard <- len(l) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	<-heard
	now := time.Now()
	for i := range 5 {
		id := string(rune('a' + i))
		if err := s.Revocations().Revoke(t.Context(), store.Revocation{Kind: store.RevokeToken, Subject: id, At: now, Until: now.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		<-heard
		server.Crash(t)
		time.Sleep(700 * time.Millisecond) // the feed notices
		if age := time.Since(s.Checked()); age < 500*time.Millisecond {
			t.Errorf("checked %s ago, while the server is gone", age)
		}
		if err := s.Revocations().Revoke(t.Context(), store.Revocation{Kind: store.RevokeToken, Subject: "lost", At: now, Until: now.Add(time.Hour)}); err == nil {
			t.Error("acknowledged without a server")
		}
		server.Restart(t)
		other := openAt(t, url)
		if l, err := other.Revocations().List(t.Context(), now); err != nil || len(l) != i+1 {
			t.Fatalf("after crash %d: %d entries, %v", i+1, len(l), err)
		}
		for began := time.Now(); time.Since(s.Checked()) > time.Second; time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > 3*time.Second {
				t.Fatal("the feed does not find the server again")
			}
		}
	}
}

// tls.min, config.secret-literal: who may be taken for the database.
func TestAServerThatIsNotProvenIsRefused(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "absent.pem")
	for url, want := range map[string]bool{
		"postgres://g@127.0.0.1/g?sslmode=disable":                            true,
		"postgres://g@localhost/g":                                            true,
		"postgres://g@[::1]/g":                                                true,
		"postgres:///g?host=/run/postgresql":                                  true,
		"host=/run/postgresql dbname=g":                                       true,
		"postgres://g@db.example.com/g?sslmode=verify-full":                   true,
		"postgres://g@db.example.com/g":                                       false, // libpq's default is prefer
		"postgres://g@db.example.com/g?sslmode=disable":                       false,
		"postgres://g@db.example.com/g?sslmode=allow":                         false,
		"postgres://g@db.example.com/g?sslmode=prefer":                        false,
		"postgres://g@db.example.com/g?sslmode=require":                       false,
		"postgres://g@db.example.com/g?sslmode=verify-ca":                     false,
		"postgres://g@127.0.0.1,db.example.com/g?sslmode=disable":             false,
		"postgres://g@127.0.0.1.example.com/g?sslmode=disable":                false,
		"host=localhost hostaddr=192.0.2.1 dbname=g sslmode=disable":          true, // hostaddr is not used by this driver
		"postgres://g@db.example.com/g?sslmode=verify-full&sslrootcert=" + ca: false,
	} {
		if err := Check(Config{URL: url}); (err == nil) != want {
			t.Errorf("%s: %v; want accepted %v", url, err, want)
		}
	}
	if err := Check(Config{URL: "postgres://g@db.example.com/g?sslmode=require", Unverified: true}); err != nil {
		t.Errorf("with a waiver: %v", err)
	}
	err := Check(Config{URL: "postgres://g:hunter2@db.example.com:x/g"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
	if err := Check(Config{URL: "postgres://g:hunter2@db.example.com/g"}); !errors.Is(err, ErrUnverified) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

func BenchmarkOwner(b *testing.B) {
	s, err := Open(b.Context(), Config{URL: pgtest.Start(b).Database(b)}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	storetest.OwnersCost(b, s.Owners())
	if err := s.Close(); err != nil {
		b.Error(err)
	}
}
