package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehouse-api/gatehouse/store"
)

// Blocks keeps blocks in a list that is replaced and never changed. It
// implements [store.Blocks]. Watchers hear of a change before Add or Lift
// return.
type Blocks struct{ watched[store.Block] }

// NewBlocks returns an empty list of blocks.
func NewBlocks() *Blocks { return &Blocks{} }

// List implements [store.Blocks].
func (b *Blocks) List(context.Context) ([]store.Block, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.list), nil
}

// Add implements [store.Blocks].
func (b *Blocks) Add(_ context.Context, block store.Block) error {
	if err := block.Check(); err != nil {
		return fmt.Errorf("memory: adding block %q: %w", block.ID, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.ContainsFunc(b.list, func(o store.Block) bool { return o.ID == block.ID }) {
		return fmt.Errorf("memory: adding block %q: %w", block.ID, store.ErrExists)
	}
	b.replace(append(slices.Clone(b.list), block))
	return nil
}

// Lift implements [store.Blocks].
func (b *Blocks) Lift(_ context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(b.list), func(o store.Block) bool { return o.ID == id })
	if len(rest) == len(b.list) {
		return fmt.Errorf("memory: lifting block %q: %w", id, store.ErrNotFound)
	}
	b.replace(rest)
	return nil
}
