// Package store says what must be remembered, as small roles named by one verb
// each, and with which errors. It holds no engine: those are the folders below,
// named after what they are. Every engine passes [storetest].
//
// [storetest]: https://pkg.go.dev/github.com/gatehouse-api/gatehouse/store/storetest
package store

import (
	"context"
	"errors"
	"time"
)

// The errors that engines return, for errors.Is.
var (
	// ErrNotFound says that there is no such entry.
	ErrNotFound = errors.New("store: not found")
	// ErrExists says that there is such an entry already.
	ErrExists = errors.New("store: exists already")
	// ErrFull says that nothing more can be remembered without forgetting what
	// still counts. The caller closes.
	ErrFull = errors.New("store: full")
	// ErrInvalid says that an entry makes no sense and was not taken.
	ErrInvalid = errors.New("store: invalid")
)

// Once remembers what may be used a single time: nonces, jti values, codes.
type Once interface {
	// First reports whether key is seen for the first time in space. It is
	// remembered for ttl from at. Of concurrent calls exactly one gets true. An
	// error means that nobody knows, and that the caller must refuse.
	First(ctx context.Context, at time.Time, space, key string, ttl time.Duration) (bool, error)
	// Since returns from when on it knows of every key that was seen: the zero time
	// of an engine that forgets none when the process ends. What may have been used
	// before is for the caller to refuse.
	Since() time.Time
}
