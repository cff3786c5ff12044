package people

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/gatehouse-api/gatehouse/internal/totp"
	"github.com/gatehouse-api/gatehouse/store"
)

// Factors is what a person proves themselves by beside a password.
type Factors struct {
	App      bool            // an authenticator app (TOTP)
	Passkeys []store.Passkey // the oldest first
	Recovery int             // recovery codes that are left
}

// Any reports whether there is a second factor. Recovery codes stand in for one and
// are none.
func (f Factors) Any() bool { return f.App || len(f.Passkeys) > 0 }

// last reports whether there is one second factor.
func (f Factors) last() bool { return f.App && len(f.Passkeys) == 0 || !f.App && len(f.Passkeys) == 1 }

// Factors returns a person's.
func (a *Accounts) Factors(ctx context.Context, u *store.User) (Factors, error) {
	keys, err := a.Store.Passkeys().List(ctx, u.ID)
	if err != nil {
		return Factors{}, fmt.Errorf("people: %w", err)
	}
	return Factors{App: u.TOTP != nil, Passkeys: keys, Recovery: len(u.Recovery)}, nil
}

// App is the id of the authenticator app among a person's factors.
const App = "app"

// FactorID is the id of a passkey among a person's factors: 16 characters of the
// hash of what the authenticator calls it.
func FactorID(k *store.Passkey) string {
	sum := sha256.Sum256(k.ID)
	return hex.EncodeToString(sum[:8])
}

// factorChanged is why sessions and tokens end when somebody's factors change.
const factorChanged = "the second factor was changed"

// setApp gives a person an authenticator app, with new recovery codes. keep is the
// session that goes on.
func (a *Accounts) setApp(ctx context.Context, id string, sealed []byte, step int64, recovery []store.Hash, keep store.Hash) error {
	return a.change(ctx, id, factorChanged, id, keep, func(u *store.User) error {
		u.TOTP, u.TOTPStep, u.Recovery = sealed, step, recovery
		return nil
	})
}

// addPasskey gives a person one passkey more, and the recovery codes where there are
// none. It reports whether those were taken, and returns an error that wraps
// [store.ErrExists] for a passkey that somebody has. keep is the session that goes
// on.
func (a *Accounts) addPasskey(ctx context.Context, k store.Passkey, recovery []store.Hash, keep store.Hash) (taken bool, err error) {
	if err := a.Store.Passkeys().Add(ctx, k); err != nil {
		return false, fmt.Errorf("people: %w", err)
	}
	err = a.change(ctx, k.User, factorChanged, k.User, keep, func(u *store.User) error {
		if taken = len(u.Recovery) == 0; taken {
			u.Recovery = recovery
		}
		return nil
	})
	return taken, err
}

// setRecovery replaces a person's recovery codes. keep is the session that goes on.
func (a *Accounts) setRecovery(ctx context.Context, id string, recovery []store.Hash, keep store.Hash) error {
	return a.change(ctx, id, "the recovery codes were changed", id, keep, func(u *store.User) error {
		u.Recovery = recovery
		return nil
	})
}

// RemoveFactor takes one factor away, [App] or a passkey by its [FactorID], and with
// the last one the recovery codes. It returns what is left, and an error that wraps
// [store.ErrNotFound] when the person has no such factor. keep is the session that
// goes on, or zero.
func (a *Accounts) RemoveFactor(ctx context.Context, id, factor string, keep store.Hash, author string) (Factors, error) {
	u, err := a.Store.Users().User(ctx, id)
	if err != nil {
		return Factors{}, fmt.Errorf("people: %w", err)
	}
	f, err := a.Factors(ctx, &u)
	if err != nil {
		return Factors{}, err
	}
	i := slices.IndexFunc(f.Passkeys, func(k store.Passkey) bool { return FactorID(&k) == factor })
	switch {
	case factor == App && f.App:
		f.App = false
	case i >= 0:
		if err := a.Store.Passkeys().Remove(ctx, id, f.Passkeys[i].ID); err != nil {
			return Factors{}, fmt.Errorf("people: %w", err)
		}
		f.Passkeys = slices.Delete(f.Passkeys, i, i+1)
	default:
		return Factors{}, fmt.Errorf("people: the factor %.40q: %w", factor, store.ErrNotFound)
	}
	return f, a.change(ctx, id, factorChanged, author, keep, func(u *store.User) error {
		if factor == App {
			u.TOTP, u.TOTPStep = nil, 0
		}
		if !f.Any() {
			u.Recovery = nil
			f.Recovery = 0
		}
		return nil
	})
}

// RemoveFactors takes every second factor and the recovery codes away: for somebody
// who lost them. The password alone proves them until they set up another.
func (a *Accounts) RemoveFactors(ctx context.Context, id, author string) error {
	keys, err := a.Store.Passkeys().List(ctx, id)
	if err != nil {
		return fmt.Errorf("people: %w", err)
	}
	for _, k := range keys {
		if err := a.Store.Passkeys().Remove(ctx, id, k.ID); err != nil {
			return fmt.Errorf("people: %w", err)
		}
	}
	return a.change(ctx, id, factorChanged, author, store.Hash{}, func(u *store.User) error {
		u.TOTP, u.TOTPStep, u.Recovery = nil, 0, nil
		return nil
	})
}

// newRecovery makes recovery codes, and what the store keeps of them.
func newRecovery() (codes []string, hashes []store.Hash) {
	codes, sums := totp.NewRecovery()
	for _, s := range sums {
		hashes = append(hashes, s)
	}
	return codes, hashes
}
