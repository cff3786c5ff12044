package idp

import (
	"context"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// mostRemembered bounds how many clients, and how many tenants, are remembered.
const mostRemembered = 4096

// remembered is what was read from the store, and is not read again for a while: of a
// token for a client of its own, that is otherwise a third of the work. What could not be
// read is asked for every time, so that strangers fill nothing.
type remembered[V any] struct {
	read func(ctx context.Context, id string) (V, error)
	life time.Duration // of what was read; 0 remembers nothing

	mu    sync.Mutex
	known map[string]memory[V]
}

// memory is something as it was at a time.
type memory[V any] struct {
	value V
	until time.Time
}

// registered remembers clients, which callers must not change.
func registered(s store.Clients, life time.Duration) *remembered[*store.Client] {
	return &remembered[*store.Client]{life: life, read: func(ctx context.Context, id string) (*store.Client, error) {
		c, err := s.Client(ctx, id)
		return &c, err
	}}
}

// admitted remembers of which tenants clients may have tokens.
func admitted(s store.Tenants, life time.Duration) *remembered[bool] {
	return &remembered[bool]{life: life, read: func(ctx context.Context, id string) (bool, error) {
		return store.Admits(ctx, s, id)
	}}
}

// get returns what is read by this id, or the error of reading it: for a client that
// is not there [store.ErrNotFound].
func (r *remembered[V]) get(ctx context.Context, id string) (V, error) {
	now := time.Now()
	r.mu.Lock()
	k, ok := r.known[id]
	r.mu.Unlock()
	if ok && now.Before(k.until) {
		return k.value, nil
	}
	v, err := r.read(ctx, id)
	if err != nil || r.life == 0 {
		return v, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= mostRemembered {
		r.known = map[string]memory[V]{}
	}
	r.known[id] = memory[V]{v, now.Add(r.life)}
	return v, nil
}
