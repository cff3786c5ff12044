package store

import (
	"context"
	"time"
)

// SigningKeys remembers the keys that tokens are signed with.
type SigningKeys interface {
	// List returns every key, the oldest first.
	List(ctx context.Context) ([]SigningKey, error)
	// Add puts a key in when the latest one is latest, or "" for none, and returns
	// [ErrConflict] when it is another: of servers that rotate at once one does.
	Add(ctx context.Context, k SigningKey, latest string) error
	// Drop ends a key at once, and wakes those who watch [Revocations]: what it signed
	// is worth nothing. It returns [ErrNotFound].
	Drop(ctx context.Context, id string) error
}

// SigningKey is one key. What it is good for, and until when, follows from when
// its successor takes over.
type SigningKey struct {
	ID     string // kid: the RFC 7638 thumbprint
	Public []byte // PKIX, DER
	Sealed []byte // the private key, encrypted by the server
	Made   time.Time
	From   time.Time // when it begins to sign; it is published from the beginning
}
