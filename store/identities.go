package store

import (
	"context"
	"fmt"
	"time"
)

// Identities remembers which person a tenant's identity provider means by a subject.
// An e-mail address is no part of it: whoever gets an address second is not who had
// it first.
type Identities interface {
	// Link says that a subject is a person who is there. It returns [ErrExists] when
	// the subject is somebody already, [ErrNotFound] when there is no such person, and
	// [ErrInvalid].
	Link(ctx context.Context, i Identity) error
	// Provision puts a new person in and links them, both or neither. It returns what
	// [Users.Add] and Link return.
	Provision(ctx context.Context, u User, i Identity) error
	// Use returns the link of a subject and notes that it was used. It returns
	// [ErrNotFound] for a subject who is nobody here.
	Use(ctx context.Context, at time.Time, tenant, issuer, subject string) (Identity, error)
	// List returns the links of a person, the oldest first.
	List(ctx context.Context, user string) ([]Identity, error)
	// Unlink forgets a link. It returns [ErrNotFound] when there is none.
	Unlink(ctx context.Context, tenant, issuer, subject string) error
}

// Identity is a link between a subject and a person. Tenants do not share subjects,
// so that none can take another's away by what its provider says.
type Identity struct {
	Tenant, Issuer, Subject string // together unique
	User                    string
	Connection              string    // by which the link was made
	Made, Used              time.Time // Used is zero before the first time
}

// Check returns an error that wraps [ErrInvalid] for a link that leads nowhere.
func (i *Identity) Check() error {
	if i.Issuer == "" || i.Subject == "" || i.User == "" {
		return fmt.Errorf("%w: a link needs an issuer, a subject and a person", ErrInvalid)
	}
	return nil
}
