package store

import (
	"context"
	"fmt"
	"time"
)

// BrowserSessions remembers which browser is signed in as whom, under the SHA-256
// of what the browser's cookie says. They end by their time or by [Endings].
type BrowserSessions interface {
	// Begin puts a session in and ends the one that it replaces, unless that is zero,
	// both or neither. It returns [ErrExists] and [ErrInvalid].
	Begin(ctx context.Context, s BrowserSession, replaces Hash) error
	// Use returns the session, and notes that it was used. It returns [ErrNotFound]
	// for one that was not used for its idle time or whose time is over.
	Use(ctx context.Context, at time.Time, id Hash) (BrowserSession, error)
	// UseNamed is Use for a session that is known by its name: for applications that
	// somebody signed in to in it.
	UseNamed(ctx context.Context, at time.Time, name string) (BrowserSession, error)
	// List returns the sessions of a person, or of everybody for "", that are alive
	// at that time, those used last first, n at most.
	List(ctx context.Context, at time.Time, user string, n int) ([]BrowserSession, error)
}

// BrowserSession is one.
type BrowserSession struct {
	ID Hash
	// Name is what tokens (sid), pages and the log know the session by: unique, and it
	// does not lead to the cookie. It stays when the same person is proven again and
	// the ID changes.
	Name    string
	User    string
	ACR     string    // how well the person was proven
	AMR     []string  // by which methods (RFC 8176)
	At      time.Time // when the person was proven last
	Made    time.Time
	Used    time.Time     // noted to a minute
	Idle    time.Duration // the longest time between two uses
	Until   time.Time     // when it ends however it is used
	Address string        // of the client, when it began
	Agent   string        // the browser's name for itself: foreign text, for the person to recognise it
	// Connection is the one by which an organisation's provider began the session, or
	// "". Upstream is what that provider is told at its end, sealed, or nil.
	Connection string
	Upstream   []byte
}

// Check returns an error that wraps [ErrInvalid] for a session that could never be
// used.
func (s *BrowserSession) Check() error {
	if s.ID == (Hash{}) || s.Name == "" || s.User == "" || s.Idle <= 0 || !s.Until.After(s.Made) {
		return fmt.Errorf("%w: a session needs an id, a name, a person and a time to end", ErrInvalid)
	}
	return nil
}
