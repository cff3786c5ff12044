package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/storetest"
)

func opened(ctx context.Context, path string) (storetest.Opened, error) {
	s, err := OpenStore(ctx, path, Options{})
	if err != nil {
		return storetest.Opened{}, err
	}
	return storetest.Opened{Blocks: s.Blocks(), Once: s.Once(), Revocations: s.Revocations(), Grants: s.Grants(), Tokens: s.RefreshTokens(), Relations: s.Relations(), Close: s.Close}, nil
}

func TestMain(m *testing.M) {
	storetest.Child(opened)
	os.Exit(m.Run())
}

func fresh(t *testing.T) string { return filepath.Join(t.TempDir(), "state", StoreName) }

func openStore(t *testing.T) *Store {
	t.Helper()
	s, err := OpenStore(t.Context(), fresh(t), Options{})
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
	t.Run("once", func(t *testing.T) {
		storetest.Once(t, func(t *testing.T) store.Once { return openStore(t).Once() })
	})
	t.Run("blocks", func(t *testing.T) {
		storetest.Blocks(t, func(t *testing.T) store.Blocks { return openStore(t).Blocks() })
	})
	t.Run("revocations", func(t *testing.T) {
		storetest.Revocations(t, func(t *testing.T) store.Revocations { return openStore(t).Revocations() })
	})
	t.Run("clients", func(t *testing.T) {
		storetest.Clients(t, func(t *testing.T) store.Clients { return openStore(t).Clients() })
	})
	t.Run("families", func(t *testing.T) {
		storetest.RefreshFamilies(t, func(t *testing.T) storetest.Families {
			s := openStore(t)
			return storetest.Families{Grants: s.Grants(), Tokens: s.RefreshTokens(), Revocations: s.Revocations()}
		})
	})
	t.Run("authorizations", func(t *testing.T) {
		storetest.Authorizations(t, func(t *testing.T) store.Authorizations { return openStore(t).Authorizations() })
	})
	t.Run("signing keys", func(t *testing.T) {
		storetest.SigningKeys(t, func(t *testing.T) store.SigningKeys { return openStore(t).SigningKeys() })
	})
	t.Run("owners", func(t *testing.T) {
		storetest.Owners(t, func(t *testing.T) store.Owners { return openStore(t).Owners() })
	})
	t.Run("relations", func(t *testing.T) {
		storetest.Relations(t, func(t *testing.T) (store.Relations, *sql.DB) {
			path := fresh(t)
			s, err := OpenStore(t.Context(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			db, err := openForWriting(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := errors.Join(s.Close(), db.Close()); err != nil {
					t.Error(err)
				}
			})
			return s.Relations(), db
		})
	})
	t.Run("people", func(t *testing.T) {
		storetest.TestPeople(t, func(t *testing.T) storetest.People {
			s := openStore(t)
			return storetest.People{Users: s.Users(), Directory: s.Directory(), Tenants: s.Tenants(), Consents: s.Consents(), Failures: s.Failures(), BrowserSessions: s.BrowserSessions(), Identities: s.Identities(), Passkeys: s.Passkeys()}
		})
	})
	t.Run("endings", func(t *testing.T) {
		storetest.Endings(t, func(t *testing.T) storetest.SignedIn {
			s := openStore(t)
			return storetest.SignedIn{
				Users: s.Users(), Clients: s.Clients(), Sessions: s.BrowserSessions(), Grants: s.Grants(), Tokens: s.RefreshTokens(),
				Revocations: s.Revocations(), Endings: s.Endings(), Logouts: s.Logouts(),
			}
		})
	})
	t.Run("durable", func(t *testing.T) { storetest.Durable(t, fresh, opened) })
}

func TestAStoreOfANewerProgramIsRefused(t *testing.T) {
	path := fresh(t)
	s, err := OpenStore(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := openForWriting(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(t.Context(), path, Options{}); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("%v", err)
	}
}

func TestMigrationsGoOnWhereTheyWereInterrupted(t *testing.T) {
	path := fresh(t)
	s, err := OpenStore(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	block := store.Block{ID: "1", Kind: store.BlockKey, Subject: "k"}
	if err := errors.Join(s.Blocks().Add(t.Context(), block), s.Close()); err != nil {
		t.Fatal(err)
	}
	db, err := openForWriting(path)
	if err != nil {
		t.Fatal(err)
	}
	var drop string // as if killed before the sixth
	err = db.QueryRow(`SELECT group_concat('DROP TABLE ' || name, '; ') FROM sqlite_master
		WHERE type = 'table' AND name NOT IN ('change', 'block', 'revocation') AND name NOT LIKE 'sqlite%'`).Scan(&drop)
	if err == nil {
		_, err = db.Exec("PRAGMA foreign_keys = 0; " + drop + "; DELETE FROM change WHERE role NOT IN ('block', 'revocation'); PRAGMA user_version = 5")
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if s, err = OpenStore(t.Context(), path, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if ok, err := s.Once().First(t.Context(), noon, "code", "c", time.Minute); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if l, err := s.Blocks().List(t.Context()); err != nil || len(l) != 1 {
		t.Errorf("%v, %v", l, err)
	}
}

func TestAKeyOfOnceIsNotInTheFile(t *testing.T) {
	path := fresh(t)
	s, err := OpenStore(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const key = "an-authorization-code-in-plain-text"
	if ok, err := s.Once().First(t.Context(), noon, "code", key, 1e9); !ok || err != nil {
		t.Fatal(ok, err)
	}
	found := 0
	for _, name := range []string{path, path + "-wal"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found += strings.Count(string(b), key)
	}
	if found != 0 {
		t.Errorf("the key is in the file %d times", found)
	}
}

func BenchmarkOwner(b *testing.B) {
	s, err := OpenStore(b.Context(), filepath.Join(b.TempDir(), "state", StoreName), Options{})
	if err != nil {
		b.Fatal(err)
	}
	storetest.OwnersCost(b, s.Owners())
	if err := s.Close(); err != nil {
		b.Error(err)
	}
}
