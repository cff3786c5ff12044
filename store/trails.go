package store

import (
	"context"
	"errors"
	"time"
)

// Trail is the kept trail of one exchange. The store does not look into it.
type Trail struct {
	ID       string    // request id: the key
	At       time.Time // when the exchange began
	Document []byte    // the redacted trail as JSON, written by package record
}

// ErrNoTrail is returned by [Trails.Find] for an id that is not, or no longer, there.
var ErrNoTrail = errors.New("store: no such trail")

// Trails remembers what the steps of recent exchanges said, for `gatehouse
// explain`. It is bounded: engines forget the oldest.
type Trails interface {
	// Append adds a batch: all of it or nothing. When it returns nil the batch
	// survives the process. A trail whose id is there already replaces it.
	Append(ctx context.Context, batch []Trail) error
	// Find returns the trail of a request id, or an error that wraps [ErrNoTrail].
	Find(ctx context.Context, id string) (Trail, error)
}
