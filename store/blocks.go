package store

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Blocks remembers who and what is shut out, and until when.
type Blocks interface {
	// List returns every block that was not lifted, expired ones included, the
	// oldest first.
	List(ctx context.Context) ([]Block, error)
	// Add puts a block in. It returns [ErrExists] when the id is taken and
	// [ErrInvalid] for a block that could shut nobody out. When it returns nil the
	// block survives the process, unless the engine is in memory.
	Add(ctx context.Context, b Block) error
	// Lift ends the block with that id. It returns [ErrNotFound] when there is none.
	Lift(ctx context.Context, id string) error
	// Watch calls changed with the whole list, once before it returns and then
	// after every change, never twice at a time. stop ends it and waits for a
	// call under way. What changed gets must not be modified, and changed must not
	// call back.
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

// BlockKinds are the kinds of block, in the order in which they are shown.
func BlockKinds() []BlockKind {
	return []BlockKind{BlockAddress, BlockPrincipal, BlockKey, BlockClient, BlockEndpoint}
}

// Check returns an error that wraps [ErrInvalid] for a block that could shut
// nobody out, and says why.
func (b *Block) Check() error {
	if b.ID == "" || b.Subject == "" {
		return fmt.Errorf("%w: a block needs an id and a subject", ErrInvalid)
	}
	if b.Scope != "" && !endpointName(b.Scope) {
		return fmt.Errorf("%w: the scope %q is not API/operationId", ErrInvalid, b.Scope)
	}
	switch b.Kind {
	case BlockAddress:
		_, one := netip.ParseAddr(b.Subject)
		if _, many := netip.ParsePrefix(b.Subject); one != nil && many != nil {
			return fmt.Errorf("%w: %q is neither an address nor a prefix", ErrInvalid, b.Subject)
		}
	case BlockEndpoint:
		if !endpointName(b.Subject) {
			return fmt.Errorf("%w: the endpoint %q is not API/operationId or API/*", ErrInvalid, b.Subject)
		}
	case BlockPrincipal, BlockKey, BlockClient:
	default:
		return fmt.Errorf("%w: unknown kind of block %q", ErrInvalid, b.Kind)
	}
	return nil
}

func endpointName(s string) bool {
	api, operation, ok := strings.Cut(s, "/")
	return ok && api != "" && operation != ""
}
