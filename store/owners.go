package store

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Owners remembers whose the objects behind an API are, for APIs that do not say so
// themselves before a write. An object that is not in it belongs to nobody who asks.
type Owners interface {
	// Owner returns the entry of an object, or [ErrNotFound].
	Owner(ctx context.Context, kind, id string) (Owner, error)
	// Claim puts in an object that was made. When it returns nil the entry survives the
	// process. It returns [ErrExists], and writes nothing, where the object belongs to
	// somebody else already, and nil where it belongs to the same owner and tenant.
	Claim(ctx context.Context, o Owner) error
	// Set puts objects in, all or none, and replaces what was known of them: it is for
	// operators and imports.
	Set(ctx context.Context, list []Owner) error
	// List returns at most n entries of a kind whose ids are greater than after, in
	// their order.
	List(ctx context.Context, kind, after string, n int) ([]Owner, error)
	// Forget ends an entry. It returns [ErrNotFound].
	Forget(ctx context.Context, kind, id string) error
}

// Owner says whose one object is.
type Owner struct {
	Kind   string // the API's name and the object's: "orders/order"
	ID     string // as requests name it, in its canonical form
	Owner  string // the id of the principal
	Tenant string // or ""
	Author string // who says so: "gateway", or an operator
	At     time.Time
}

// LongestOwned is the longest id of an object, and of an owner, in bytes.
const LongestOwned = 512

// Check returns an error that wraps [ErrInvalid] for an entry that could never be
// found, or that would give an object to nobody.
func (o *Owner) Check() error {
	api, object, ok := strings.Cut(o.Kind, "/")
	if !ok || api == "" || object == "" {
		return fmt.Errorf("%w: the kind of an object is the name of its API and its own: orders/order", ErrInvalid)
	}
	for what, text := range map[string]string{"kind": o.Kind, "id": o.ID, "owner": o.Owner} {
		if text == "" || !storable(text) {
			return fmt.Errorf("%w: the %s of an owned object is 1 to %d bytes of UTF-8 without NUL", ErrInvalid, what, LongestOwned)
		}
	}
	if !storable(o.Tenant) {
		return fmt.Errorf("%w: a tenant is at most %d bytes of UTF-8 without NUL", ErrInvalid, LongestOwned)
	}
	return nil
}

func storable(s string) bool {
	return len(s) <= LongestOwned && utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}
