package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Tenants remembers whose people and clients there are: one customer of the
// operator's each.
type Tenants interface {
	// Add puts a tenant in. It returns [ErrExists] when the id is taken, and
	// [ErrInvalid].
	Add(ctx context.Context, t Tenant) error
	// Tenant returns the tenant with that id, or [ErrNotFound].
	Tenant(ctx context.Context, id string) (Tenant, error)
	// List returns the tenants whose ids come after the given one, in the order of
	// their ids, n at most.
	List(ctx context.Context, after string, n int) ([]Tenant, error)
	// Change lets change alter the tenant with that id, alone. It returns what became
	// of it, [ErrNotFound], [ErrInvalid], or what change returned as it is, and then
	// nothing was altered. The id stays.
	Change(ctx context.Context, id string, change func(*Tenant) error) (Tenant, error)
	// Remove forgets a tenant. Its people and clients are the caller's to look for. It
	// returns [ErrNotFound].
	Remove(ctx context.Context, id string) error
}

// TenantState is whether the people and clients of a tenant get tokens.
type TenantState string

// The states.
const (
	TenantActive   TenantState = "active"
	TenantDisabled TenantState = "disabled"
)

// Tenant is one.
type Tenant struct {
	ID    string // the tenant of tokens: letters, digits, '-', '_' and '.', at most 64
	Name  string // for people
	State TenantState
	// Domains are of the e-mail addresses that the tenant's own administrators may
	// make people of: in lower case, without '@'.
	Domains      []string
	Made, Edited time.Time
}

// Check returns an error that wraps [ErrInvalid] for a tenant that makes no sense.
func (t *Tenant) Check() error {
	switch {
	case !named(t.ID):
		return fmt.Errorf("%w: %q is no id of a tenant: letters, digits, '-', '_' and '.', at most 64", ErrInvalid, t.ID)
	case len(t.Name) > 200:
		return fmt.Errorf("%w: the name of a tenant has at most 200 bytes", ErrInvalid)
	case t.State != TenantActive && t.State != TenantDisabled:
		return fmt.Errorf("%w: unknown state %q of a tenant", ErrInvalid, t.State)
	case t.Made.IsZero():
		return fmt.Errorf("%w: a tenant was made at some time", ErrInvalid)
	}
	for _, d := range t.Domains {
		if d == "" || len(d) > 253 || d != strings.ToLower(d) || !strings.Contains(d, ".") || strings.ContainsFunc(d, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("@,/", r) }) {
			return fmt.Errorf("%w: %q is no domain of e-mail addresses: example.com", ErrInvalid, d)
		}
	}
	return nil
}

// Admits reports whether a tenant lets its people and clients have tokens. Who has
// no tenant, or one that nobody registered, is not kept out by one.
func Admits(ctx context.Context, t Tenants, id string) (bool, error) {
	if id == "" {
		return true, nil
	}
	n, err := t.Tenant(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return true, nil
	case err != nil:
		return false, err
	}
	return n.State == TenantActive, nil
}

// named reports whether s can be an id that people choose.
func named(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r))
	})
}
