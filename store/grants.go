package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The errors of spending, for errors.Is.
var (
	// ErrSpent says that a code or token was used already, and that nothing was
	// done. The caller refuses.
	ErrSpent = errors.New("store: spent already")
	// ErrReused says that a spent refresh token came back when it could no longer be
	// a lost response's: somebody else has the family. The caller revokes the grant.
	ErrReused = errors.New("store: a spent token was used again")
	// ErrRevoked says that the grant holds no more.
	ErrRevoked = errors.New("store: revoked")
)

// Grants remembers what people and programs granted to clients: each with the
// authorization code it began with, and the family of refresh tokens that descends
// from it. Codes and tokens are known by their SHA-256 alone.
type Grants interface {
	// Add puts a grant in. It returns [ErrExists] when the id or the code is taken,
	// [ErrRevoked] when the session that it comes from has ended, and [ErrInvalid].
	Add(ctx context.Context, g Grant) error
	// Grant returns the grant with that id, or [ErrNotFound]. Revoked and expired
	// ones are there until they are forgotten, a day after their time.
	Grant(ctx context.Context, id string) (Grant, error)
	// ByCode returns the grant that began with a code of that hash, or [ErrNotFound].
	ByCode(ctx context.Context, code Hash) (Grant, error)
	// Redeem spends the grant's code at a time, replaces its data and begins the
	// family, unless first is nil. Of concurrent calls one returns nil, the others
	// [ErrSpent]. It returns [ErrRevoked] and [ErrNotFound].
	Redeem(ctx context.Context, at time.Time, id string, data []byte, first *RefreshToken) error
	// Revoke ends the grant and puts the entry into [Revocations], both or neither.
	// It reports whether the grant was alive. A grant that is not known is not there
	// to be ended, which is no error: the entry is put in.
	Revoke(ctx context.Context, at time.Time, id string, entry Revocation) (bool, error)
}

// RefreshTokens remembers the families of refresh tokens.
type RefreshTokens interface {
	// Token returns the token of that hash with its grant, or [ErrNotFound].
	Token(ctx context.Context, token Hash) (RefreshToken, Grant, error)
	// Rotate spends the presented token and puts its successor in, as one step.
	//
	// A token that is spent already has a second successor when its use was at most
	// grace ago, when none of its successors was used yet, and when it has fewer than
	// [MaxSiblings]: the response was lost, or several tabs asked at once. The first
	// of the siblings that is used ends the others, so that a family goes on in one
	// line. Rotate returns [ErrSpent] for one sibling too many and for a token that
	// its sibling ended less than grace ago, [ErrReused] for any other that is spent,
	// [ErrRevoked] when the grant holds no more, and [ErrNotFound].
	Rotate(ctx context.Context, at time.Time, presented Hash, next RefreshToken, grace time.Duration) error
	// Forget deletes the grants whose time was over at that time, with their tokens:
	// at most many at once. It returns how many there were.
	Forget(ctx context.Context, before time.Time, many int) (int, error)
}

// MaxSiblings is how many successors one refresh token can have.
const MaxSiblings = 3

// Hash is the SHA-256 of a secret that was given away.
type Hash [32]byte

// Grant is one authorization.
type Grant struct {
	ID      string
	Subject string
	Client  string
	Session string // the name of the browser session that it comes from, or ""
	Data    []byte // the server's own; no secret
	Code    Hash   // of its authorization code
	Made    time.Time
	Until   time.Time // when nothing that descends from it holds any more
	Spent   time.Time // when the code was redeemed, or the zero time
	Revoked time.Time // or the zero time
}

// Check returns an error that wraps [ErrInvalid] for a grant that grants nothing.
func (g *Grant) Check() error {
	switch {
	case g.ID == "" || g.Subject == "" || g.Client == "":
		return fmt.Errorf("%w: a grant is somebody's, to a client", ErrInvalid)
	case g.Code == Hash{}:
		return fmt.Errorf("%w: a grant begins with a code", ErrInvalid)
	case !g.Until.After(g.Made) || g.Made.IsZero():
		return fmt.Errorf("%w: the grant is over before it begins", ErrInvalid)
	}
	return nil
}

// RefreshToken is one token of a family.
type RefreshToken struct {
	Hash  Hash
	Grant string
	Made  time.Time
	Until time.Time // when it is too old to be used
	Spent time.Time // when it was used, or a sibling of it; or the zero time
}
