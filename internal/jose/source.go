package jose

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/aside"
)

// The numbers of a key source. A longer Cache-Control of the issuer does not
// extend them, so a key that the issuer removed dies within Fresh.
const (
	Fresh       = 10 * time.Minute // a set is used this long without asking again
	FreshLeast  = 5 * time.Minute  // a shorter max-age is honoured down to this
	Stale       = 24 * time.Hour   // a set is used this long while the issuer is down
	UnknownWait = 30 * time.Second // between two fetches for an unknown kid
	RetryWait   = 30 * time.Second // between two attempts while an old set is there
	FirstWait   = 10 * time.Second // between two attempts while there is none
	WaitRequest = 2 * time.Second  // the most a request waits for keys
	WaitFetch   = 5 * time.Second  // the most one fetch takes
)

// Source keeps an issuer's keys. A request never waits for more than one fetch,
// and all that wait share it. Time is what the caller says it is, which must
// carry a monotonic reading for the ages to be right when the clock is set.
type Source struct {
	fetch func(context.Context) (*Set, time.Duration, error)
	log   *slog.Logger
	live  func() *Set // in place of all that follows

	state atomic.Pointer[state]
	// Fetches counts the attempts to fetch the keys, for the metrics.
	Fetches atomic.Int64

	mu          sync.Mutex
	flight      chan struct{} // closed when the fetch under way ends; nil when there is none
	firstAfter  time.Time     // no fetch of a first set before
	unknownFrom time.Time     // no fetch for an unknown kid before
	running     sync.WaitGroup
}

// state is the set and its times, replaced as a whole.
type state struct {
	set     *Set
	fixed   bool      // from a file: it has no age
	refresh time.Time // ask again in the background
	expires time.Time // ask again and wait for the answer
	dead    time.Time // never used after
}

// Fixed returns a source of keys that never change, such as those of a file.
func Fixed(set *Set) *Source {
	s := &Source{}
	s.state.Store(&state{set: set, fixed: true})
	return s
}

// Live returns a source of keys that are in this process. present is asked every
// time; it returns the same set until the keys change.
func Live(present func() *Set) *Source { return &Source{live: present} }

// NewSource returns a source that fetches the keys of an issuer when they are
// first asked for. jwks is the URL of the JWK set, or "" to find it in the
// issuer's metadata (OpenID Connect Discovery 1.0 section 4, RFC 8414). Both
// must be https; plain http is for loopback addresses only. transport may be
// nil for an ordinary one without proxy.
func NewSource(issuer, jwks string, transport http.RoundTripper, log *slog.Logger) (*Source, error) {
	f, err := newFetcher(issuer, jwks, transport)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Source{fetch: f.fetch, log: log.With("issuer", issuer)}, nil
}

// Close waits for the fetch under way, if there is one. The source must not be
// asked afterwards.
func (s *Source) Close() { s.running.Wait() }

// Current returns the present set, or nil when there is none that may be used.
// It starts the background refresh when that is due, waits for a fetch only
// when the set's time is over, and costs nothing otherwise: a set that is the
// same as before holds the same keys.
func (s *Source) Current(ctx context.Context, now time.Time) *Set {
	if s.live != nil {
		return s.live()
	}
	st := s.state.Load()
	if st != nil && (st.fixed || now.Before(st.refresh)) {
		return st.set
	}
	due := st == nil || !now.Before(st.expires)
	if flight := s.begin(now, false); flight != nil && due {
		wait(ctx, flight)
	}
	if st = s.state.Load(); st == nil || !now.Before(st.dead) {
		return nil
	}
	return st.set
}

// Has reports whether the present set has a key, or one that is equal to it. It asks
// nobody and waits for nothing.
func (s *Source) Has(k *Key, now time.Time) bool {
	var set *Set
	if s.live != nil {
		set = s.live()
	} else if st := s.state.Load(); st != nil && (st.fixed || now.Before(st.dead)) {
		set = st.set
	}
	return set != nil && slices.ContainsFunc(set.keys, k.equal)
}

// Find returns the keys that may verify a token with this algorithm and kid,
// and the set they are from. A kid that is not in the set makes one fetch,
// which all who ask share, and none again for [UnknownWait]: until then every
// unknown kid is refused at once, without a memory that could be filled.
func (s *Source) Find(ctx context.Context, now time.Time, alg, kid string) ([]*Key, *Set, error) {
	set := s.Current(ctx, now)
	if set == nil {
		return nil, nil, ErrUnavailable
	}
	keys, known := set.find(alg, kid)
	if !known && kid != "" && s.fetch != nil {
		if flight := s.begin(now, true); flight != nil {
			wait(ctx, flight)
			if set = s.Current(ctx, now); set == nil {
				return nil, nil, ErrUnavailable
			}
			keys, known = set.find(alg, kid)
		}
	}
	switch {
	case !known:
		return nil, set, ErrKeyUnknown
	case len(keys) == 0:
		return nil, set, fmt.Errorf("%w: no key for it under this kid", ErrKeyUnknown)
	}
	return keys, set, nil
}

// wait returns when the fetch has ended, the time of a request is up, or ctx
// has ended.
func wait(ctx context.Context, flight <-chan struct{}) {
	aside.Step(ctx)
	timer := time.NewTimer(WaitRequest)
	defer timer.Stop()
	select {
	case <-flight:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// begin starts a fetch unless one is under way, and returns what to wait for,
// or nil when it is too early for another.
func (s *Source) begin(now time.Time, unknown bool) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		return s.flight
	}
	if unknown {
		if now.Before(s.unknownFrom) {
			return nil
		}
		s.unknownFrom = now.Add(UnknownWait)
	}
	switch st := s.state.Load(); {
	case unknown:
	case st == nil && now.Before(s.firstAfter), st != nil && now.Before(st.refresh):
		return nil // too early, or another has been quicker
	}
	flight := make(chan struct{})
	s.flight = flight
	s.running.Go(func() { s.run(now, flight) })
	return flight
}

// run is one fetch. It is not bound to the request that began it, since others
// wait for it too.
func (s *Source) run(now time.Time, flight chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), WaitFetch)
	defer cancel()
	s.Fetches.Add(1)
	set, life, err := s.fetch(ctx)
	if err != nil {
		s.log.Warn("jwks: fetch failed", "error", err)
		s.keepOn(now)
	} else {
		for _, refused := range set.Refused {
			s.log.Warn("jwks: key left out", "error", refused)
		}
		s.replace(set, now, life)
	}
	s.mu.Lock()
	s.flight = nil
	s.mu.Unlock()
	close(flight)
}

// keepOn is what a failed fetch leads to: the old set serves until it is dead,
// nobody waits for the issuer any more, and it is asked again in a while.
func (s *Source) keepOn(now time.Time) {
	old := s.state.Load()
	if old != nil && now.Add(RetryWait).Before(old.dead) {
		s.state.Store(&state{set: old.set, refresh: now.Add(RetryWait), expires: old.dead, dead: old.dead})
		return
	}
	s.state.Store(nil)
	s.mu.Lock()
	s.firstAfter = now.Add(FirstWait)
	s.mu.Unlock()
}

// replace puts the new set in the place of the old one. It is never merged: a
// key that the issuer no longer lists is gone (CVE-2025-22149). A set that was
// fetched unchanged stays the same set, so what was verified with it holds.
func (s *Source) replace(set *Set, now time.Time, life time.Duration) {
	if old := s.state.Load(); old != nil && old.set.sum == set.sum {
		set = old.set
	}
	s.state.Store(&state{set: set, refresh: now.Add(life * 8 / 10), expires: now.Add(life), dead: now.Add(Stale)})
}
