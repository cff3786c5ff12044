package store

import (
	"context"
	"fmt"
	"time"
)

// TokenLife is the longest that an access token can be accepted after a
// revocation was made: the longest lifetime that control/jwt takes (60 min), and
// its largest leeway (60 s) once for a clock that is ahead when the token is
// issued and once for one that is behind when it expires.
const TokenLife = 62 * time.Minute

// Revocations remembers which access tokens no longer hold although their time
// is not over (RFC 7009). The data path asks it for no single token: it judges by
// what it was told by Watch.
type Revocations interface {
	// Revoke puts an entry in. When it returns nil the entry survives the process.
	// An entry of the same kind, issuer and subject is never weakened by a later
	// one: the later of both times of Before and of Until stays. It returns
	// [ErrInvalid] for an entry that could revoke nothing.
	Revoke(ctx context.Context, r Revocation) error
	// List returns the entries whose time is not over at the given time.
	List(ctx context.Context, at time.Time) ([]Revocation, error)
	// Holds reports whether no entry of the token's issuer, or of any issuer, that has
	// time left at the given time revokes the token.
	Holds(ctx context.Context, at time.Time, t Issued) (bool, error)
	// Watch calls changed with every entry that may still count, once before it
	// returns and then after every change, never twice at a time. stop ends it and
	// waits for a call under way. What changed gets must not be modified, and
	// changed must not call back.
	Watch(changed func([]Revocation)) (stop func(), err error)
	// Checked returns when it was last certain that watchers had been told of
	// everything, or the zero time of an engine whose watchers cannot be behind.
	Checked() time.Time
}

// RevocationKind is what tokens have in common that are revoked by one entry.
type RevocationKind string

// The kinds of revocation.
const (
	RevokeToken   RevocationKind = "token"   // Subject is a jti
	RevokeGrant   RevocationKind = "grant"   // Subject is a grant_id: every token that descends from one authorization
	RevokeSubject RevocationKind = "subject" // Subject is a sub: every token of it that was issued up to Before
)

// Issued is what a token says that can be revoked. What is empty is not asked about.
type Issued struct {
	Issuer  string    // iss
	Token   string    // jti
	Grant   string    // grant_id
	Subject string    // sub
	At      time.Time // iat
}

// Revocation is one entry.
type Revocation struct {
	Kind    RevocationKind
	Issuer  string // the exact iss; "" is any issuer, which is not permitted for subjects
	Subject string
	Before  time.Time // for subjects: tokens whose iat is not after this second do not hold
	Because string    // for the record; never shown to the caller
	Author  string    // a person, a page or a detector's rule
	At      time.Time // when it was made
	Until   time.Time // when the last such token has expired, and the entry may be forgotten
}

// Check returns an error that wraps [ErrInvalid] for an entry that could revoke
// nothing, or what nobody meant.
func (r *Revocation) Check() error {
	switch {
	case r.Kind != RevokeToken && r.Kind != RevokeGrant && r.Kind != RevokeSubject:
		return fmt.Errorf("%w: unknown kind of revocation %q", ErrInvalid, r.Kind)
	case r.Subject == "":
		return fmt.Errorf("%w: a revocation of nothing", ErrInvalid)
	case r.Kind == RevokeSubject && (r.Issuer == "" || r.Before.IsZero()):
		return fmt.Errorf("%w: a subject is one issuer's, and revoked up to a time", ErrInvalid)
	case r.Kind != RevokeSubject && !r.Before.IsZero():
		return fmt.Errorf("%w: a %s is revoked whenever it was issued", ErrInvalid, r.Kind)
	case r.Until.IsZero() || !r.Until.After(r.At):
		return fmt.Errorf("%w: the revocation is over before it begins", ErrInvalid)
	}
	return nil
}

// Merge returns r made no weaker than old, an entry of the same kind, issuer and
// subject.
func (r Revocation) Merge(old Revocation) Revocation {
	if old.Before.After(r.Before) {
		r.Before = old.Before
	}
	if old.Until.After(r.Until) {
		r.Until = old.Until
	}
	return r
}
