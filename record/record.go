// Package record takes note of ended exchanges, so that every request can be
// accounted for and no record can be turned against its owner. One exchange
// becomes one access line, some counters and one trail:
//
//   - the access line is JSON, escaped so that nothing a client sends can forge
//     or break a line, and written in batches by one goroutine;
//   - the counters have labels from the configuration only, so that no client
//     can make them grow;
//   - the trail is what every step said; the last ones are in memory (of requests
//     that simply went through, 1,000 a second), refusals, errors, would-denies and
//     a sample of the rest also in a store.
//
// Everything passes through package redact first. Recording never blocks and
// never allocates in the steady state: when a sink is slow the oldest records are dropped
// and the drop itself is counted and written down.
package record

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
)

// Config says where records go. Its zero value keeps the last trails in memory
// and counts, and writes nothing.
type Config struct {
	Log      io.Writer        // access lines; nil writes none
	Trails   store.Trails     // kept trails; nil keeps none beyond memory
	Live     func() Live      // present connections and requests; nil reports none
	Version  string           // of the program, for gatehouse_build_info
	Now      func() time.Time // the clock of gap records and of the process's age; nil means time.Now
	Problems *slog.Logger     // failures of the sinks; nil discards them
}

// Live is a host's present load.
type Live struct {
	Connections int64 // open client connections
	InFlight    int64 // requests under way
	// StoreAge is how long ago the store was last read: what the gateway knows of
	// blocks and revocations is at most this old.
	StoreAge time.Duration
	// SigningKeyAge is how long the key of our own authorization server has signed, or
	// nothing where there is none.
	SigningKeyAge time.Duration
}

// Recorder implements [gatehouse.Recorder].
type Recorder struct {
	access   *accessLog // nil without a log
	counters *counters
	trails   *trails
	buffers  sync.Pool // *buffers
	live     func() Live
	version  string
	now      func() time.Time
	started  time.Time
	closing  sync.Once
	closed   error
}

var _ gatehouse.Recorder = (*Recorder)(nil)

// New returns a recorder that runs until [Recorder.Close].
func New(c Config) *Recorder {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Problems == nil {
		c.Problems = slog.New(slog.DiscardHandler)
	}
	r := &Recorder{counters: newCounters(), live: c.Live, version: c.Version, now: c.Now, started: c.Now()}
	r.buffers.New = func() any { return newBuffers() }
	if c.Log != nil {
		r.access = startAccessLog(c.Log, c.Now, c.Problems)
	}
	r.trails = startTrails(c.Trails, c.Problems)
	return r
}

// Close writes out what is still pending and ends the recorder's goroutines. It
// gives up, with an error, when ctx ends before.
func (r *Recorder) Close(ctx context.Context) error {
	r.closing.Do(func() {
		if r.access != nil {
			r.closed = r.access.close(ctx)
		}
		r.closed = errors.Join(r.closed, r.trails.close(ctx))
	})
	return r.closed
}

// Register makes the counters of a policy's endpoints, so that they are exposed
// from zero, and forgets those of endpoints that are gone. It is called when a
// policy becomes the current one; an endpoint that was not registered is when
// it is first seen.
func (r *Recorder) Register(endpoints []*gatehouse.Endpoint) { r.counters.register(endpoints) }

// Record implements [gatehouse.Recorder].
func (r *Recorder) Record(x *gatehouse.Exchange, t gatehouse.Traffic) {
	b := r.buffers.Get().(*buffers)
	c := b.cellOf(r.counters, x.Endpoint)
	o := outcomeOf(x)
	r.counters.count(c, x, &t, o)
	b.path = c.paths.Append(b.path[:0], x.Request.Path)
	if r.access != nil {
		b.line = appendAccess(b.line[:0], b, c, x, &t, o)
		r.access.append(b.line)
	}
	r.trails.keep(b, x, &t, o)
	r.buffers.Put(b)
}

// outcome is what became of an exchange.
type outcome struct {
	decision decision
	would    bool // some shadow step would have refused
	failed   bool // some step could not decide, or the server failed
	suspect  bool // some step suspects the caller
}

// decision is the one word for how the walk ended.
type decision uint8

const (
	allowed  decision = iota // went through to the upstream
	refused                  // ended with a refusal
	answered                 // ended with an ordinary answer made here
)

var decisions = [...]string{"allowed", "refused", "answered"}

func (d decision) String() string { return decisions[d] }

// ordinary reports that there is nothing to explain.
func (o outcome) ordinary() bool { return o.decision != refused && !o.would && !o.failed && !o.suspect }

func outcomeOf(x *gatehouse.Exchange) outcome {
	o := outcome{failed: x.Response.Status >= 500}
	switch {
	case x.Ended.Denied():
		o.decision = refused
	case !x.Ended.Passed():
		o.decision = answered
	}
	for i := range x.Trail {
		switch x.Trail[i].Said {
		case gatehouse.SaidWould:
			o.would = true
		case gatehouse.SaidError, gatehouse.SaidErrorOpen:
			o.failed = true
		case gatehouse.SaidSuspect:
			o.suspect = true
		}
	}
	return o
}
