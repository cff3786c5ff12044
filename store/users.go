package store

import (
	"context"
	"fmt"
	"time"
)

// Users remembers people: who they are, and by what they prove it.
type Users interface {
	// Add puts a person in. It returns [ErrExists] when the id or the name is taken,
	// and [ErrInvalid] for a person who could not be found again.
	Add(ctx context.Context, u User) error
	// User returns the person with that id, or [ErrNotFound].
	User(ctx context.Context, id string) (User, error)
	// ByName returns the person with that canonical name, or [ErrNotFound].
	ByName(ctx context.Context, name string) (User, error)
	// Change reads the person, lets change work on it, and writes what became of it,
	// all as one step: of concurrent calls each sees what the one before it wrote.
	// Nothing is written when change returns an error, which is then returned as it
	// is. The id and the name stay what they are. It returns [ErrNotFound].
	Change(ctx context.Context, id string, change func(*User) error) (User, error)
	// Remove forgets a person with their consents and sessions. What tokens they have
	// is the caller's to revoke. It returns [ErrNotFound].
	Remove(ctx context.Context, id string) error
}

// Directory lists people.
type Directory interface {
	// List returns those that the query is about, in the order of their names.
	List(ctx context.Context, q UserQuery) ([]User, error)
}

// UserQuery says who is listed.
type UserQuery struct {
	Tenant string // whose people; "" is everybody
	After  string // names that come after this one
	Most   int
}

// UserState is whether a person may sign in.
type UserState string

// The states.
const (
	UserActive   UserState = "active"
	UserDisabled UserState = "disabled"
)

// User is one person.
type User struct {
	ID           string // opaque and never used again; the sub of tokens
	Name         string // an e-mail address in its canonical spelling, unique
	Tenant       string
	Roles        []string // without spaces
	State        UserState
	Password     string // a PHC string, or "" for nobody to sign in with one
	TOTP         []byte // the sealed secret, or nil without a second factor
	TOTPStep     int64  // the last time step whose code was accepted
	Recovery     []Hash // of the recovery codes that were not used
	Passkeys     int    // how many there are; the role Passkeys adds and removes them
	Made, Edited time.Time
}

// HasSecondFactor reports whether there is an app or a passkey. Recovery codes stand
// in for those and are none.
func (u *User) HasSecondFactor() bool { return u.TOTP != nil || u.Passkeys > 0 }

// Check returns an error that wraps [ErrInvalid] for a person who makes no sense.
func (u *User) Check() error {
	switch {
	case u.ID == "" || u.Name == "":
		return fmt.Errorf("%w: a person needs an id and a name", ErrInvalid)
	case u.State != UserActive && u.State != UserDisabled:
		return fmt.Errorf("%w: unknown state %q of a person", ErrInvalid, u.State)
	}
	for _, r := range u.Roles {
		for _, c := range []byte(r) {
			if c <= ' ' || c > '~' {
				return fmt.Errorf("%w: a role is of printable ASCII characters without spaces: %q", ErrInvalid, r)
			}
		}
		if r == "" {
			return fmt.Errorf("%w: a role without a name", ErrInvalid)
		}
	}
	return nil
}

// Consents remembers which scopes a person granted to which client.
type Consents interface {
	// Grant adds scopes to what the person granted to the client.
	Grant(ctx context.Context, at time.Time, user, client string, scopes []string) error
	// Granted returns what the person granted to the client, or nothing.
	Granted(ctx context.Context, user, client string) ([]string, error)
	// List returns everything the person granted, in the order of the clients.
	List(ctx context.Context, user string) ([]Consent, error)
	// Withdraw forgets what the person granted to the client. It returns
	// [ErrNotFound] when that was nothing.
	Withdraw(ctx context.Context, user, client string) error
}

// Consent is what a person granted to one client.
type Consent struct {
	Client string
	Scopes []string // sorted
	At     time.Time
}

// Failures counts how often in a row somebody was not who they claimed to be. It
// counts for any name, so that nobody learns from it which ones exist.
type Failures interface {
	// Fail counts one more and returns how many there are now.
	Fail(ctx context.Context, at time.Time, name string) (int, error)
	// Failed returns how many there were since the last success, and when the last
	// one was. They are forgotten [FailuresKept] after the last one.
	Failed(ctx context.Context, at time.Time, name string) (int, time.Time, error)
	// Clear forgets them.
	Clear(ctx context.Context, name string) error
}

// FailuresKept is how long failures are counted on.
const FailuresKept = 7 * 24 * time.Hour
