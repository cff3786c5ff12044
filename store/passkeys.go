package store

import (
	"context"
	"fmt"
	"time"
)

// Passkeys remembers the public halves of people's passkeys (WebAuthn Level 3
// section 4, credential record). They end with their person.
type Passkeys interface {
	// Add puts one in. It returns [ErrExists] when anybody has a passkey of that id
	// already, and [ErrInvalid] for one that could never be used.
	Add(ctx context.Context, p Passkey) error
	// Passkey returns the one with that id, or [ErrNotFound].
	Passkey(ctx context.Context, id []byte) (Passkey, error)
	// List returns a person's, the oldest first.
	List(ctx context.Context, user string) ([]Passkey, error)
	// Use notes that it was used, and its count. It returns [ErrConflict], and writes
	// nothing, unless the count is higher than the last one or both are 0: of two
	// devices with one key the second is refused. It returns [ErrNotFound].
	Use(ctx context.Context, at time.Time, id []byte, count uint32) error
	// Remove forgets a person's passkey. It returns [ErrNotFound] for one that is not
	// there or is somebody else's.
	Remove(ctx context.Context, user string, id []byte) error
}

// Passkey is one public key credential.
type Passkey struct {
	ID        []byte // chosen by the authenticator
	User      string
	Name      string // by which the person knows it
	PublicKey []byte // COSE_Key (RFC 9052 section 7)
	Count     uint32 // the signature counter, 0 for those that do not count
	Synced    bool   // it may be on several devices (the flag BE)
	Made      time.Time
	Used      time.Time // zero until it was
}

// LongestPasskeyID is the longest id of a credential, in bytes (WebAuthn Level 3
// section 4, credential id).
const LongestPasskeyID = 1023

// Check returns an error that wraps [ErrInvalid] for a passkey that could never be
// used.
func (p *Passkey) Check() error {
	if len(p.ID) == 0 || len(p.ID) > LongestPasskeyID || p.User == "" || len(p.PublicKey) == 0 {
		return fmt.Errorf("%w: a passkey needs an id of 1 to %d bytes, a person and a public key", ErrInvalid, LongestPasskeyID)
	}
	return nil
}
