package gatehouse

import (
	"slices"
	"sync/atomic"
	"time"
)

// Principal is who asks, proven. It is immutable once a control has put it into
// an exchange, and may be shared by many exchanges. Its strings are copies.
type Principal struct {
	// What every request looks at stands first, together: of thousands of callers, each
	// has left the near caches when its turn comes.

	Kind   string // "user", "client" or "key"
	ID     string // subject, unique within Issuer; never empty
	Issuer string // who vouches for ID
	Tenant string // tenant id, or ""
	Client string // OAuth client id, or ""
	KeyID  string // id of the API key or of the token's signing key, or ""

	// Seal keeps the signed form of this principal that goes upstream, so that
	// it is not signed again for every request.
	Seal atomic.Pointer[Seal]
	// Subject keeps this principal as the policies of its API see it, so that it is not
	// made again for every request.
	Subject atomic.Pointer[Subject]

	Scopes  []string
	Roles   []string
	TokenID string    // jti, or ""
	Expires time.Time // when the proof ends

	Claims    []Claim   // those of the token that policies of the API may read
	Assurance Assurance // how strongly a person was proven
	Bound     Binding   // what the caller has shown to hold, without which the proof is nothing
	Proof     Proof     // what proved it; nil for what holds whatever happens
}

// Subject is a principal as policies see it. Only they know what it is made of.
type Subject interface {
	// ID returns the principal's id.
	ID() string
}

// Claim is one claim of a caller's token.
type Claim struct {
	Name string
	JSON string // the value as it stands in the token
}

// Claim returns the JSON of a claim, and whether the caller's token has it and
// policies of the API may read it.
func (p *Principal) Claim(name string) (json string, ok bool) {
	for i := range p.Claims {
		if p.Claims[i].Name == name {
			return p.Claims[i].JSON, true
		}
	}
	return "", false
}

// Proof is what proved a principal. Hosts ask it again while an exchange lasts that
// may outlive it: a sequence of events, an upgraded connection.
type Proof interface {
	// Holds reports whether the proof has neither ended nor been revoked. It decides by
	// what is in memory, waits for nothing, and may be called by any goroutine.
	Holds(at time.Time) bool
}

// Assurance is how strongly and when a person was proven, as far as the issuer says.
type Assurance struct {
	Level uint8     // authenticator assurance level, 1 to 3 (NIST SP 800-63B); 0 when nobody says
	At    time.Time // of the last proof; zero when nobody says
	// Ask holds, by level, the acr_values by which a client asks the issuer for it
	// (RFC 9470), or "". It is nil where the issuer knows no levels.
	Ask *[4]string
}

// Binding is a set of what a proof may be bound to besides being presented.
type Binding uint8

// The bindings.
const (
	BoundToKey         Binding = 1 << iota // a key of the client's (RFC 9449)
	BoundToCertificate                     // the certificate of its TLS connection (RFC 8705)
)

// Seal is a signed statement about a principal and the time until which it may
// be sent.
type Seal struct {
	Field Field  // as it is sent
	For   string // whom it was made for: it must not be sent to anyone else
	Until time.Time
}

// IsClient reports whether the caller is a client that acts for itself. It owns
// nothing: its id is of another kind than a person's, and the two may be equal
// (RFC 9068 section 5).
func (p *Principal) IsClient() bool { return p.Kind == "client" }

// HasScope reports whether the principal holds the scope.
func (p *Principal) HasScope(s string) bool { return slices.Contains(p.Scopes, s) }

// HasRole reports whether the principal holds the role.
func (p *Principal) HasRole(r string) bool { return slices.Contains(p.Roles, r) }
