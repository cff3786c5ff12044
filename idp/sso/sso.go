// Package sso is what every way of being signed in by an organisation's own identity
// provider has in common: the connection of one tenant, what it may say about
// people, and what a protocol does for it. OpenID Connect and SAML are protocols.
//
// What it defends from: a provider that speaks for people of another tenant, roles
// that nobody mapped, sessions longer than 8 hours or than the provider allows, a
// second factor that nobody vouched for. What a protocol defends from (answers that
// were forged, replayed, or meant for another browser) is its own; the browser, the
// session and the store are package people's.
package sso

import (
	"context"
	"errors"
	"net/url"
	"time"
)

// The numbers.
const (
	// MaxSession is the longest that a session lasts that a provider began.
	MaxSession = 8 * time.Hour
	// JourneyLife is how long the way to the provider and back may take.
	JourneyLife = 10 * time.Minute
	// MaxKept is the most bytes of [Departure.Kept].
	MaxKept = 4 << 10
	// HandleLength is the length of [Start.Handle] in characters of base64url.
	HandleLength = 43
)

// The errors of a protocol, for errors.Is. What they wrap is for the log; people see
// a page that says which of the three it is.
var (
	// ErrAnswer says that what the browser brought back does not hold.
	ErrAnswer = errors.New("sso: the answer does not hold")
	// ErrUnavailable says that the provider could not be asked.
	ErrUnavailable = errors.New("sso: the provider cannot be reached")
	// ErrDeclined says that the provider signed nobody in, and said so.
	ErrDeclined = errors.New("sso: the provider signed nobody in")
)

// Protocol speaks with the identity provider of one connection. It keeps nothing
// about a browser: that is what [Departure.Kept] is for. It is safe for concurrent
// use.
type Protocol interface {
	// Begin returns where the browser goes. It returns [ErrUnavailable] when the
	// provider must be asked first and does not answer.
	Begin(ctx context.Context, s Start) (Departure, error)
	// Handle returns the [Start.Handle] of an answer, or "". Nothing was checked yet:
	// it is only what the answer says.
	Handle(params url.Values) string
	// Finish judges an answer against what was kept when it began. Whoever calls has
	// taken that out of the store, so that there is no second answer, and has seen
	// that the browser is the same one. The errors are the three above.
	Finish(ctx context.Context, a Answer) (Identity, error)
}

// Described is a [Protocol] of which the provider is told by a document.
type Described interface {
	// Metadata returns the document: what SAML 2.0 Metadata calls an EntityDescriptor.
	Metadata() ([]byte, error)
}

// Ender is a [Protocol] by which the provider learns that a person signs out.
type Ender interface {
	// End returns where the browser goes for that, or "" where the provider has no such
	// place. upstream is what [Identity.Upstream] was. The browser comes back to the
	// connection's [Path] "signed-out", with the handle as the parameter state. It
	// returns [ErrUnavailable].
	End(ctx context.Context, upstream []byte, handle string) (string, error)
}

// Start is one beginning.
type Start struct {
	// Handle is 256 random bits, by which the answer is found again: OpenID Connect
	// calls it state, SAML RelayState.
	Handle string
	At     time.Time
	// Fresh asks the provider to prove the person anew, however recently it did
	// (prompt=login, ForceAuthn). Finish refuses an older proof.
	Fresh bool
	// LoginHint is what the person wrote as their e-mail address, or "".
	LoginHint string
}

// Departure is where the browser goes.
type Departure struct {
	URL string // absolute
	// Form is posted to the URL by the person's pressing a button, since the pages run
	// no script. Where it is nil the browser is redirected.
	Form url.Values
	// ByPost says that the answer is posted from the provider's page, and not a
	// redirect to us: a cookie must be one that a form of another site brings along.
	ByPost bool
	Kept   []byte // what Finish needs; sealed in the store, used once, at most [MaxKept] bytes
}

// Answer is what the browser brought back.
type Answer struct {
	At     time.Time
	Params url.Values // of the query, or of the form that was posted
	Handle string     // of the Start
	Began  time.Time  // when that was
	Fresh  bool       // what Start.Fresh was
	Kept   []byte
}

// Identity is a person as the provider knows them. What is in it was signed by the
// provider, or told by it on a connection that proves who it is.
type Identity struct {
	Issuer  string // of the provider: the issuer of OpenID Connect, the entity ID of SAML
	Subject string // what the issuer never gives to somebody else: sub, a persistent NameID
	Email   string // as the provider writes it, or ""
	// EmailVerified says that the provider vouches for the address. Without it the
	// address is worth nothing.
	EmailVerified bool
	// Attributes are the claims or attributes that are texts or lists of texts.
	Attributes map[string][]string
	// AuthnInstant is when the provider proved the person, or zero where it does not say.
	AuthnInstant time.Time
	ACR          string    // the provider's own name for how well, or ""
	AMR          []string  // its methods (RFC 8176), or nil
	NotOnOrAfter time.Time // when the provider wants the session to end, or zero
	// Upstream is what the provider is told when the person signs out, sealed while
	// it is kept: the id_token, the NameID with its session index. It may be nil.
	Upstream []byte
}
