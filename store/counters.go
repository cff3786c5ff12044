package store

import (
	"context"
	"fmt"
	"time"
)

// Counters remembers how often something was done.
//
// Layers are taken together: a refused request burns nothing in any of them.
type Counters interface {
	// Take charges one unit to every layer, or to none when one of them has none
	// left. at is the time of the request; engines that are shared by several
	// nodes use their own clock instead. An error means that nobody knows, and
	// that the caller must refuse.
	Take(ctx context.Context, at time.Time, c Charges) (Taken, error)
	// Peek says where one layer stands, and charges nothing. It is refused where Take
	// would refuse.
	Peek(ctx context.Context, at time.Time, c Charge) (Standing, error)
}

// Algorithm is how a limit counts.
type Algorithm uint8

// The algorithms. A fixed window is not among them, since twice the limit
// passes around its edge.
const (
	// TokenBucket refills steadily and holds Burst units. It is kept as GCRA, the
	// generic cell rate algorithm of ITU-T I.371, which needs one number a key.
	TokenBucket Algorithm = iota + 1
	// SlidingWindow admits at most N in any window of length Per, wherever it
	// begins. It may hold a unit back for up to a nineteenth of Per too long,
	// and never admits one too many; for N up to 10 it is exact.
	SlidingWindow
)

// The largest limits.
const (
	MaxWindow = 1<<24 - 1 // N of a sliding window
	MaxBurst  = 1_000_000 // Burst of a token bucket
)

// Limit is one limit, made at load and immutable.
type Limit struct {
	Space     string // what is counted, as part of every key: "orders/user"
	Algorithm Algorithm
	N         int           // units
	Per       time.Duration // in this time
	Burst     int           // token bucket only: most units at once

	interval time.Duration // what follows from the others, once Ready has worked it out
	print    uint64
}

// Ready works out once what is asked of the limit at every request. It returns l.
func (l *Limit) Ready() *Limit {
	l.interval, l.print = l.Interval(), l.Print()
	return l
}

// Interval returns the time in which a token bucket regains one unit, rounded up.
func (l *Limit) Interval() time.Duration {
	if l.interval != 0 || l.N == 0 {
		return l.interval
	}
	return (l.Per + time.Duration(l.N) - 1) / time.Duration(l.N)
}

// Print returns a fingerprint of what is counted and in which time, for engines that keep
// no texts. It is no secret: a key must be hashed with one.
func (l *Limit) Print() uint64 {
	if l.print != 0 {
		return l.print
	}
	h := uint64(0xcbf29ce484222325) // FNV-1a
	for i := range len(l.Space) {
		h = (h ^ uint64(l.Space[i])) * 0x100000001b3
	}
	return h ^ uint64(l.Per)
}

// Capacity returns the most units that can be taken at once.
func (l *Limit) Capacity() int {
	if l.Algorithm == TokenBucket {
		return l.Burst
	}
	return l.N
}

// Check returns an error for a limit that no engine can keep.
func (l *Limit) Check() error {
	switch {
	case l.N <= 0 || l.Per <= 0:
		return fmt.Errorf("store: limit %s: %d per %s is not a rate", l.Space, l.N, l.Per)
	case l.Per > 24*time.Hour:
		return fmt.Errorf("store: limit %s: the window of %s is longer than a day", l.Space, l.Per)
	case l.Algorithm == TokenBucket && (l.Burst < 1 || l.Burst > MaxBurst):
		return fmt.Errorf("store: limit %s: a burst of %d is not between 1 and %d", l.Space, l.Burst, MaxBurst)
	case l.Algorithm == TokenBucket && l.Interval()*time.Duration(l.Burst) > 24*time.Hour:
		return fmt.Errorf("store: limit %s: the burst of %d takes more than a day to refill", l.Space, l.Burst)
	case l.Algorithm == SlidingWindow && l.N > MaxWindow:
		return fmt.Errorf("store: limit %s: a window counts to %d at most", l.Space, MaxWindow)
	case l.Algorithm != TokenBucket && l.Algorithm != SlidingWindow:
		return fmt.Errorf("store: limit %s: no algorithm", l.Space)
	}
	return nil
}

// MaxLayers is how many limits can bind one request.
const MaxLayers = 5

// Charge is one unit of one key under one limit. Key may be a view into the
// request: engines clone what they keep. The empty key counts all requests.
type Charge struct {
	Limit *Limit
	Key   string
}

// Charges lists the layers that bind one request. It is a value, so that it
// costs no memory.
type Charges struct {
	list [MaxLayers]Charge
	n    int
}

// Add appends a layer, and panics beyond [MaxLayers]: how many layers there are
// is known when the program is written.
func (c *Charges) Add(limit *Limit, key string) {
	c.list[c.n] = Charge{limit, key}
	c.n++
}

// Len returns the number of layers.
func (c *Charges) Len() int { return c.n }

// At returns layer i.
func (c *Charges) At(i int) Charge { return c.list[i] }

// Taken is the outcome of one Take: whether every layer had a unit left, and
// where each of them stands afterwards, in the order of the charges.
type Taken struct {
	OK     bool
	Layers [MaxLayers]Standing
}

// Standing is where one layer stands.
type Standing struct {
	Refused   bool          // this layer had nothing left
	Remaining int           // units that could be taken now
	Reset     time.Duration // until everything is available again
	Retry     time.Duration // until one unit is available; 0 when one is
}
