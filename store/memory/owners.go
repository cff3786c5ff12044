package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gatehouse-api/gatehouse/store"
)

// Owners keeps whose objects are in a map of bounded size. It implements
// [store.Owners]; a full one takes nothing new, since forgetting an owner would take
// an object away from somebody.
type Owners struct {
	mu   sync.RWMutex
	most int
	m    map[owned]store.Owner
}

type owned struct{ kind, id string }

// NewOwners returns an empty map for so many objects.
func NewOwners(most int) *Owners { return &Owners{most: most, m: map[owned]store.Owner{}} }

// Owner implements [store.Owners].
func (o *Owners) Owner(_ context.Context, kind, id string) (store.Owner, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	e, ok := o.m[owned{kind, id}]
	if !ok {
		return store.Owner{}, store.ErrNotFound
	}
	return e, nil
}

// Claim implements [store.Owners].
func (o *Owners) Claim(_ context.Context, e store.Owner) error {
	if err := e.Check(); err != nil {
		return fmt.Errorf("memory: claiming an object: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	old, ok := o.m[owned{e.Kind, e.ID}]
	switch {
	case ok && (old.Owner != e.Owner || old.Tenant != e.Tenant):
		return fmt.Errorf("memory: claiming an object: %w", store.ErrExists)
	case ok:
		return nil
	case len(o.m) >= o.most:
		return fmt.Errorf("memory: claiming an object: %w", store.ErrFull)
	}
	o.m[owned{e.Kind, e.ID}] = e
	return nil
}

// Set implements [store.Owners].
func (o *Owners) Set(_ context.Context, list []store.Owner) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	fresh := map[owned]bool{}
	for i := range list {
		e := &list[i]
		if err := e.Check(); err != nil {
			return fmt.Errorf("memory: setting owners: entry %d: %w", i+1, err)
		}
		if _, known := o.m[owned{e.Kind, e.ID}]; !known {
			fresh[owned{e.Kind, e.ID}] = true
		}
	}
	if len(o.m)+len(fresh) > o.most {
		return fmt.Errorf("memory: setting owners: %w", store.ErrFull)
	}
	for _, e := range list {
		o.m[owned{e.Kind, e.ID}] = e
	}
	return nil
}

// List implements [store.Owners].
func (o *Owners) List(_ context.Context, kind, after string, n int) ([]store.Owner, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var list []store.Owner
	for k, e := range o.m {
		if k.kind == kind && k.id > after {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b store.Owner) int { return cmp.Compare(a.ID, b.ID) })
	return list[:min(max(n, 0), len(list))], nil
}

// Forget implements [store.Owners].
func (o *Owners) Forget(_ context.Context, kind, id string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.m[owned{kind, id}]; !ok {
		return fmt.Errorf("memory: forgetting an owner: %w", store.ErrNotFound)
	}
	delete(o.m, owned{kind, id})
	return nil
}
