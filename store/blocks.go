package store

import (
	"context"
	"time"
)

// Blocks remembers who and what is shut out, and until when.
type Blocks interface {
	// List returns every block that was not lifted, expired ones included, the
	// oldest first.
	List(ctx context.Context) ([]Block, error)
	// Add puts a block in. It returns [ErrExists] when the id is taken.
	Add(ctx context.Context, b Block) error
	// Lift ends the block with that id. It returns [ErrNotFound] when there is none.
	Lift(ctx context.Context, id string) error
	// Watch calls changed with the whole list, once before it returns and then
	// after every change, never twice at a time. stop ends it and waits for a
	// call under way. What changed gets must not be modified.
	Watch(changed func([]Block)) (stop func(), err error)
}

// BlockKind is what a block shuts out.
type BlockKind string

// The kinds of block.
const (
	BlockAddress   BlockKind = "address"   // Subject is an address or a prefix: "192.0.2.0/24"
	BlockPrincipal BlockKind = "principal" // Subject is a principal's ID, Issuer who vouches for it
	BlockKey       BlockKind = "key"       // Subject is the id of an API key
	BlockClient    BlockKind = "client"    // Subject is an OAuth client id
	BlockEndpoint  BlockKind = "endpoint"  // Subject is "API/operationId", or "API/*"
)

// Block shuts one subject out.
type Block struct {
	ID      string // unique, chosen by who adds it
	Kind    BlockKind
	Subject string
	Issuer  string    // for principals: the issuer, or "" for any
	Scope   string    // "API/operationId" for a block of one endpoint only, or ""
	Because string    // for the event; never shown to the caller
	Author  string    // a person or a detector's rule
	From    time.Time // when it was made
	Until   time.Time // when it ends by itself; the zero time for never
}

// Live reports whether the block still holds at that time.
func (b *Block) Live(at time.Time) bool { return b.Until.IsZero() || at.Before(b.Until) }
