package store

import (
	"context"
	"time"
)

// Trail is the kept trail of one exchange. The store does not look into it.
type Trail struct {
	ID       string    // request id: the key
	At       time.Time // when the exchange began
	Document []byte    // the redacted trail as JSON, written by package record
}

// Trails remembers what the steps of recent exchanges said, for `gatehouse
// explain`. It is bounded: engines forget the oldest.
type Trails interface {
	// Append adds a batch: all of it or nothing. When it returns nil the batch
	// survives the process. A trail whose id is there already replaces it.
	Append(ctx context.Context, batch []Trail) error
	// Find returns the trail of a request id, or an error that wraps [ErrNotFound]
	// when it is not, or no longer, there.
	Find(ctx context.Context, id string) (Trail, error)
}
