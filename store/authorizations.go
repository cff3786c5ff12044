package store

import (
	"context"
	"errors"
	"time"
)

// ErrConflict says that an entry was changed by somebody else since it was read.
var ErrConflict = errors.New("store: changed meanwhile")

// Authorizations remembers authorizations that wait for a person, each under the
// hash of the id by which the browser comes back.
type Authorizations interface {
	// Save puts a new authorization in (Version 0), or replaces exactly that version
	// and counts it up. It returns [ErrConflict] when somebody was faster, so that no
	// authorization ends twice.
	Save(ctx context.Context, a Authorization) error
	// Authorization returns the one under that hash whose time is not over, or
	// [ErrNotFound].
	Authorization(ctx context.Context, at time.Time, id Hash) (Authorization, error)
	// Take deletes the authorization with that handle and returns it: a pushed request
	// is used once (RFC 9126 section 7.3). Of concurrent calls one gets it, and the
	// others [ErrNotFound].
	Take(ctx context.Context, at time.Time, handle Hash) (Authorization, error)
	// End deletes that version of an authorization. It returns [ErrConflict] when
	// somebody was faster.
	End(ctx context.Context, id Hash, version int64) error
}

// Authorization is one that waits.
type Authorization struct {
	ID      Hash
	Handle  Hash // of a pushed request, or zero
	Version int64
	Data    []byte // the server's own; no secret
	Until   time.Time
}
