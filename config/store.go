package config

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/secret"
	"github.com/gatehouse-api/gatehouse/store/postgres"
)

// Store is where blocks, revocations and spent keys are kept. Its zero value is
// a file in the state folder, for one gateway.
type Store struct {
	Postgres StoreURL `yaml:"postgres"` // for several gateways
	// Unverified is why a database on another machine need not prove itself by a
	// certificate, or nil.
	Unverified *gatehouse.Waiver `yaml:"unverified"`
}

const sampleStore = "postgres: postgres://gatehouse@db.example.com/gatehouse?sslmode=verify-full, or, with a password in it, file:/run/secrets/postgres-url"

// StoreURL is the connection URL of a database. The configuration holds it only
// without a password; otherwise it is a reference to it.
type StoreURL struct {
	text secret.Text
	open string
}

// UnmarshalText reads a URL without a password, or resolves a reference.
func (u *StoreURL) UnmarshalText(text []byte) error {
	s := string(text)
	if !strings.HasPrefix(s, "postgres://") && !strings.HasPrefix(s, "postgresql://") {
		err := u.text.UnmarshalText(text)
		switch {
		case errors.Is(err, secret.ErrLiteral):
			return &gatehouse.Fault{Says: "neither a postgres:// URL nor a reference to one", Fix: sampleStore}
		case err != nil:
			return &gatehouse.Fault{Says: strings.TrimPrefix(err.Error(), "secret: "), Fix: sampleStore}
		}
		return nil
	}
	u.open = s // a password in it is refused with all that look like secrets
	return nil
}

// IsZero reports whether nothing was configured.
func (u StoreURL) IsZero() bool { return u.open == "" && u.text.IsZero() }

// Reveal returns the URL, which may hold a password.
func (u StoreURL) Reveal() string {
	if u.open != "" {
		return u.open
	}
	return u.text.Reveal()
}

// Format writes the URL when it was written in the open, and "[secret]" otherwise.
func (u StoreURL) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, u.String()) }

// String returns what Format writes.
func (u StoreURL) String() string {
	if u.open == "" {
		return u.text.String()
	}
	return u.open
}

// Database returns where the shared store is; used is false for the file in the
// state folder.
func (s *Store) Database() (c postgres.Config, used bool) {
	return postgres.Config{URL: s.Postgres.Reveal(), Unverified: s.Unverified != nil}, !s.Postgres.IsZero()
}

// store judges where the store is. Nothing is dialled.
func (r *reader) store(n *yaml.Node, s *Store) {
	c, used := s.Database()
	if !used {
		if s.Unverified != nil && !r.meant["store.postgres"] {
			r.at(n, "store.unverified", "there is no database that could prove itself", sampleStore)
		}
		return
	}
	switch err := postgres.Check(c); {
	case errors.Is(err, postgres.ErrUnverified):
		r.at(n, "store.postgres", "the database would not be proven by its certificate, or nothing would be encrypted",
			"sslmode=verify-full in the URL, with sslrootcert=FILE where the authority is your own; or unverified: "+sampleWaiver)
	case err != nil:
		r.at(n, "store.postgres", strings.TrimPrefix(err.Error(), "postgres: "), sampleStore)
	}
}
