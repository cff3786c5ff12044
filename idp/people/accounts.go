package people

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/password"
	"github.com/gatehouse-api/gatehouse/store"
)

// Store is the roles of the store that accounts need.
type Store interface {
	Users() store.Users
	Tenants() store.Tenants
	Consents() store.Consents
	Failures() store.Failures
	BrowserSessions() store.BrowserSessions
	Identities() store.Identities
	Authorizations() store.Authorizations
	Endings() store.Endings
	Passkeys() store.Passkeys
	Once() store.Once
}

// Accounts changes who there is and what they prove themselves by. Whatever takes
// somebody's trust away ends their sessions and revokes their tokens in the same
// call: the data path refuses them at once.
type Accounts struct {
	Store  Store
	Issuer string // of the tokens that are revoked
	Hasher *password.Hasher
	Policy password.Policy
	Now    func() time.Time
}

// Add puts a person in. The password may be "": then one has to be set before
// anybody signs in. It returns an error of package password for one that is not
// taken, [ErrName] and [store.ErrExists].
func (a *Accounts) Add(ctx context.Context, address, tenant string, roles []string, secret string) (store.User, error) {
	name, err := Canonical(address)
	if err != nil {
		return store.User{}, err
	}
	now := a.Now()
	u := store.User{ID: newID(), Name: name, Tenant: tenant, Roles: roles, State: store.UserActive, Made: now, Edited: now}
	if secret != "" {
		if u.Password, err = a.hash(ctx, &u, secret); err != nil {
			return store.User{}, err
		}
	}
	if err := a.Store.Users().Add(ctx, u); err != nil {
		return store.User{}, fmt.Errorf("people: %w", err)
	}
	return u, nil
}

// newID returns the id of a new person: 130 random bits that say nothing.
func newID() string { return "u_" + strings.ToLower(rand.Text()) }

func (a *Accounts) hash(ctx context.Context, u *store.User, secret string) (string, error) {
	if err := a.Policy.Check(secret, u.Name); err != nil {
		return "", err
	}
	return a.Hasher.Hash(ctx, secret)
}

// errStale says that what a decision was made on is not so any more.
var errStale = errors.New("people: changed meanwhile")

// SetPassword replaces a person's password. If was is not nil the present hash must
// still be the one it points to. keep is the session that goes on, or zero.
func (a *Accounts) SetPassword(ctx context.Context, id, secret string, was *string, keep store.Hash, author string) error {
	u, err := a.Store.Users().User(ctx, id)
	if err != nil {
		return fmt.Errorf("people: %w", err)
	}
	hash, err := a.hash(ctx, &u, secret)
	if err != nil {
		return err
	}
	err = a.change(ctx, id, "the password was changed", author, keep, func(u *store.User) error {
		if was != nil && *was != u.Password {
			return errStale
		}
		u.Password = hash
		return nil
	})
	if err != nil {
		return err
	}
	if err := a.Store.Failures().Clear(ctx, u.Name); err != nil {
		return fmt.Errorf("people: %w", err)
	}
	return nil
}

// Disable keeps a person out until [Accounts.Change] lets them in again.
func (a *Accounts) Disable(ctx context.Context, id, because, author string) error {
	_, err := a.Change(ctx, id, because, author, func(u *store.User) error { u.State = store.UserDisabled; return nil })
	return err
}

// Change edits a person, forgets failures, and ends every session and token that
// were given to who the person was before. Nothing is done when do returns an error,
// which is then returned.
func (a *Accounts) Change(ctx context.Context, id, because, author string, do func(*store.User) error) (store.User, error) {
	u, err := a.edit(ctx, id, do)
	if err != nil {
		return u, err
	}
	if err := a.Store.Failures().Clear(ctx, u.Name); err != nil {
		return u, fmt.Errorf("people: %w", err)
	}
	_, err = a.SignOut(ctx, id, because, author, store.Hash{})
	return u, err
}

// Remove forgets a person. Sessions and tokens end at once; the id is not used again.
func (a *Accounts) Remove(ctx context.Context, id, because, author string) error {
	// First nobody gets in, then what was given is ended, then it is forgotten: when
	// this is interrupted it can be done again.
	if err := a.Disable(ctx, id, because, author); err != nil {
		return err
	}
	if err := a.Store.Users().Remove(ctx, id); err != nil {
		return fmt.Errorf("people: %w", err)
	}
	return nil
}

// useRecovery spends a recovery code, and reports whether the person had it.
func (a *Accounts) useRecovery(ctx context.Context, id string, code store.Hash) (bool, error) {
	_, err := a.edit(ctx, id, func(u *store.User) error {
		i := slices.Index(u.Recovery, code)
		if i < 0 {
			return errStale
		}
		u.Recovery = slices.Delete(u.Recovery, i, i+1)
		return nil
	})
	return taken(err)
}

// useStep notes that the code of a time step was used, and reports whether none of
// it or of a later one was before.
func (a *Accounts) useStep(ctx context.Context, id string, step int64) (bool, error) {
	_, err := a.edit(ctx, id, func(u *store.User) error {
		if step <= u.TOTPStep {
			return errStale
		}
		u.TOTPStep = step
		return nil
	})
	return taken(err)
}

func taken(err error) (bool, error) {
	if errors.Is(err, errStale) {
		return false, nil
	}
	return err == nil, err
}

// SignOut ends a person's sessions, but for the one to keep, and every token.
func (a *Accounts) SignOut(ctx context.Context, id, because, author string, keep store.Hash) (sessions int, err error) {
	ended, err := a.Store.Endings().EndSubject(ctx, id, keep, a.ending(because, author))
	if err != nil {
		return 0, fmt.Errorf("people: %w", err)
	}
	return ended.Sessions, nil
}

// EndSession ends one session with every token that was granted in it. What the
// person granted elsewhere stays.
func (a *Accounts) EndSession(ctx context.Context, name, because, author string) error {
	if _, err := a.Store.Endings().EndSession(ctx, name, a.ending(because, author)); err != nil {
		return fmt.Errorf("people: %w", err)
	}
	return nil
}

func (a *Accounts) ending(because, author string) store.Ending {
	return store.Ending{Issuer: a.Issuer, Because: because, Author: author, At: a.Now()}
}

// change edits a person and ends what was proven before.
func (a *Accounts) change(ctx context.Context, id, because, author string, keep store.Hash, do func(*store.User) error) error {
	if _, err := a.edit(ctx, id, do); err != nil {
		return err
	}
	_, err := a.SignOut(ctx, id, because, author, keep)
	return err
}

func (a *Accounts) edit(ctx context.Context, id string, do func(*store.User) error) (store.User, error) {
	u, err := a.Store.Users().Change(ctx, id, func(u *store.User) error {
		u.Edited = a.Now()
		return do(u)
	})
	if err != nil {
		return u, fmt.Errorf("people: %w", err)
	}
	return u, nil
}
