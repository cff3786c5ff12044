package idp

import (
	"context"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// mostRemembered bounds how many clients are remembered.
const mostRemembered = 4096

// registry reads clients from the store, and not again for a while: of a token for a
// client of its own, reading it is otherwise a third of the work. Who is unknown is
// asked for every time, so that strangers fill nothing.
type registry struct {
	store store.Clients
	life  time.Duration // of what was read; 0 remembers nothing

	mu    sync.Mutex
	known map[string]registered
}

// registered is a client as it was at a time.
type registered struct {
	client *store.Client
	until  time.Time
}

// Client returns a registered client, which callers must not change, or
// [store.ErrNotFound].
func (r *registry) Client(ctx context.Context, id string) (*store.Client, error) {
	now := time.Now()
	r.mu.Lock()
	k, ok := r.known[id]
	r.mu.Unlock()
	if ok && now.Before(k.until) {
		return k.client, nil
	}
	c, err := r.store.Client(ctx, id)
	if err != nil || r.life == 0 {
		return &c, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= mostRemembered {
		r.known = map[string]registered{}
	}
	r.known[id] = registered{&c, now.Add(r.life)}
	return &c, nil
}
