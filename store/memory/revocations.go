package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// Revocations keeps revocations in a list that is replaced and never changed. It
// implements [store.Revocations]. Watchers hear of a change before Revoke returns.
type Revocations struct{ watched[store.Revocation] }

// NewRevocations returns an empty list of revocations.
func NewRevocations() *Revocations { return &Revocations{} }

// Revoke implements [store.Revocations].
func (r *Revocations) Revoke(_ context.Context, entry store.Revocation) error {
	if err := entry.Check(); err != nil {
		return fmt.Errorf("memory: revoking: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []store.Revocation
	now := time.Now() // the earlier: nothing is forgotten because a caller's clock is ahead
	if entry.At.Before(now) {
		now = entry.At
	}
	for _, old := range r.list {
		switch {
		case old.Kind == entry.Kind && old.Issuer == entry.Issuer && old.Subject == entry.Subject:
			entry = entry.Merge(old)
		case old.Until.After(now):
			list = append(list, old)
		}
	}
	r.replace(append(list, entry))
	return nil
}

// List implements [store.Revocations].
func (r *Revocations) List(_ context.Context, at time.Time) ([]store.Revocation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.list), func(e store.Revocation) bool { return !e.Until.After(at) }), nil
}

// Holds implements [store.Revocations].
func (r *Revocations) Holds(_ context.Context, at time.Time, t store.Issued) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !slices.ContainsFunc(r.list, func(e store.Revocation) bool {
		if e.Issuer != "" && e.Issuer != t.Issuer || !e.Until.After(at) {
			return false
		}
		switch e.Kind {
		case store.RevokeToken:
			return e.Subject == t.Token
		case store.RevokeGrant:
			return e.Subject == t.Grant
		}
		return e.Subject == t.Subject && !e.Before.Before(t.At)
	}), nil
}

// Checked implements [store.Revocations]: watchers here are never behind.
func (r *Revocations) Checked() time.Time { return time.Time{} }
