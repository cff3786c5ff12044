// Package assurance demands more of a caller's proof than that it holds: how strongly
// and how lately a person was proven, and that the token is bound to a key of the
// client's.
//
// It defends operations that matter from a password that was guessed, from a session
// that was left open, and from a token that was stolen. A person who was proven too
// weakly or too long ago is not refused for good: the client is told what to ask for
// (RFC 9470), and comes back with a better token.
package assurance

import (
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// mostAge is the longest max_age: sessions of persons end sooner anyway.
const mostAge = 24 * time.Hour

// Kind is the control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "assurance",
	New:    func() gatehouse.Control { return &Config{} },
	Covers: []gatehouse.Requirement{"session.mfa-aal2", "jwt.dpop-mtls"},
}

// Config says what is demanded.
type Config struct {
	// Level is the authenticator assurance level (NIST SP 800-63B) that a person must
	// have been proven at: aal1, aal2, aal3, or "" for any caller.
	Level string `yaml:"level"`
	// Clients lets those through that call for themselves: there is no person to prove.
	// Without it Level and MaxAge refuse them.
	Clients bool `yaml:"clients"`
	// MaxAge is how long ago a person may have been proven at the most: up to 24 h;
	// 0 is not asked.
	MaxAge time.Duration `yaml:"max_age"`
	// SenderConstrained is what the token must be bound to: dpop, mtls, either of the
	// two, or "" for nothing.
	SenderConstrained string `yaml:"sender_constrained"`
}

// What a token must be bound to.
const (
	byDPoP   = "dpop"
	byMTLS   = "mtls"
	byEither = "either"
)

var _ gatehouse.Control = (*Config)(nil)
