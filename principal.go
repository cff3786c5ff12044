package gatehouse

import (
	"slices"
	"sync/atomic"
	"time"
)

// Principal is who asks, proven. It is immutable once a control has put it into
// an exchange, and may be shared by many exchanges. Its strings are copies.
type Principal struct {
	Kind    string // "user", "client" or "key"
	ID      string // subject, unique within Issuer; never empty
	Issuer  string // who vouches for ID
	Tenant  string // tenant id, or ""
	Client  string // OAuth client id, or ""
	KeyID   string // id of the API key or of the token's signing key, or ""
	TokenID string // jti, or ""
	Scopes  []string
	Roles   []string
	Expires time.Time // when the proof ends

	// Seal keeps the signed form of this principal that goes upstream, so that
	// it is not signed again for every request.
	Seal atomic.Pointer[Seal]
}

// Seal is a signed statement about a principal and the time until which it may
// be sent.
type Seal struct {
	Value string
	For   string // whom it was made for: it must not be sent to anyone else
	Until time.Time
}

// HasScope reports whether the principal holds the scope.
func (p *Principal) HasScope(s string) bool { return slices.Contains(p.Scopes, s) }

// HasRole reports whether the principal holds the role.
func (p *Principal) HasRole(r string) bool { return slices.Contains(p.Roles, r) }
