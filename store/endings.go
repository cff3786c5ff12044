package store

import (
	"context"
	"fmt"
	"time"
)

// Endings ends everything that hangs on a session, a person or a consent, in one
// step: all of it or nothing, whatever happens to the process. What is ended are the
// sessions, the grants with their codes and refresh tokens and, by entries of
// [Revocations], the access tokens on every gateway. Clients that want to be told of
// a logout are put into [Logouts] by the same step.
//
// It is for whoever takes trust away: the pages, an operator's command, and a
// detector that saw something suspicious (token.revoke-events).
type Endings interface {
	// EndSession ends the session of that name with every grant that was made in it.
	// One that has ended already, or was forgotten, is no error: its grants end.
	EndSession(ctx context.Context, name string, why Ending) (Ended, error)
	// EndSubject ends every session of a person but for the one to keep, unless that
	// is zero, and every grant and access token in the person's name.
	EndSubject(ctx context.Context, subject string, keep Hash, why Ending) (Ended, error)
	// EndConsent ends every grant of a person to one client. No session ends.
	EndConsent(ctx context.Context, subject, client string, why Ending) (Ended, error)
}

// Ending is why something ends, and who answers for it.
type Ending struct {
	Issuer  string // of the tokens, exactly
	Because string // for the record; never shown to the caller
	Author  string // a person, a page or a detector's rule
	At      time.Time
}

// Ended is how much there was to end.
type Ended struct{ Sessions, Grants int }

// Check returns an error that wraps [ErrInvalid] for an ending that nobody answers
// for.
func (e *Ending) Check() error {
	if e.Issuer == "" || e.Because == "" || e.Author == "" || e.At.IsZero() {
		return fmt.Errorf("%w: an ending says whose tokens end, when, why, and who answers for it", ErrInvalid)
	}
	return nil
}

// Grant is the entry by which the access tokens of one grant are revoked.
func (e *Ending) Grant(id string) Revocation {
	return Revocation{Kind: RevokeGrant, Issuer: e.Issuer, Subject: id, Because: e.Because, Author: e.Author, At: e.At, Until: e.At.Add(TokenLife)}
}

// Subject is the entry by which the access tokens of a person are revoked that were
// issued up to now. Tokens carry whole seconds: now is rounded up, so that none of
// this second is left.
func (e *Ending) Subject(id string) Revocation {
	before := e.At.Add(time.Second - 1).Truncate(time.Second)
	return Revocation{
		Kind: RevokeSubject, Issuer: e.Issuer, Subject: id, Before: before,
		Because: e.Because, Author: e.Author, At: e.At, Until: before.Add(TokenLife),
	}
}

// Logouts remembers which clients have still to be told that a person was logged out
// (OpenID Connect Back-Channel Logout 1.0). [Endings] puts them in.
type Logouts interface {
	// Claim returns those of an issuer that are due, the oldest first, n at most, and
	// puts each off for [LogoutAgain]: when whoever claimed it ends before the client
	// was told, another claims it then. Of concurrent calls one gets it.
	Claim(ctx context.Context, at time.Time, issuer string, n int) ([]Logout, error)
	// Settle forgets one: the client was told, or never will be. It returns
	// [ErrNotFound] when there is none.
	Settle(ctx context.Context, id string) error
}

// Logout is one client that has to be told.
type Logout struct {
	ID      string
	Client  string
	Subject string
	Session string // the name of the session that ended, or "" for every session of the person
	At      time.Time
	Tries   int // with this one
}

// LogoutAgain is how long after one of so many tries the next one is due: 10 s, then
// three times as long after each, an hour at most.
func LogoutAgain(tries int) time.Duration {
	wait := 10 * time.Second
	for ; tries > 1 && wait < time.Hour; tries-- {
		wait *= 3
	}
	return min(wait, time.Hour)
}
