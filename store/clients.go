package store

import (
	"context"
	"fmt"
	"time"
)

// Clients remembers the OAuth clients that are registered.
type Clients interface {
	// Add registers a client. It returns [ErrExists] when the id is taken and
	// [ErrInvalid] for a client that could do nothing.
	Add(ctx context.Context, c Client) error
	// Client returns the client with that id, or [ErrNotFound].
	Client(ctx context.Context, id string) (Client, error)
	// List returns every client, by id.
	List(ctx context.Context) ([]Client, error)
	// Change lets change alter the client with that id, alone: nobody else changes it
	// meanwhile. It returns [ErrNotFound], [ErrInvalid], or what change returned, and
	// then nothing was altered. The id stays.
	Change(ctx context.Context, id string, change func(*Client) error) error
	// Remove ends the client with that id. It returns [ErrNotFound].
	Remove(ctx context.Context, id string) error
}

// MaxSecrets is how many secrets of a client hold at once: enough to change one
// without a gap.
const MaxSecrets = 2

// Client is an OAuth client (RFC 6749 section 2).
type Client struct {
	ID   string // client_id: letters, digits, '-', '_' and '.', at most 64
	Name string // for people
	// Public clients cannot keep a secret (RFC 6749 section 2.1).
	Public bool
	// FirstParty clients are the operator's own: people are not asked for consent.
	FirstParty bool
	// ResourceServer clients may ask what a token is (RFC 7662).
	ResourceServer bool
	// Native applications receive their code on a loopback address, whose port is
	// theirs to choose (RFC 8252 section 7.3).
	Native bool
	// DPoP is whether every token must be bound to a key of the client (RFC 9449).
	DPoP                   bool
	Grants                 []string // grant types (RFC 7591 section 2)
	RedirectURIs           []string // compared exactly
	PostLogoutRedirectURIs []string // compared exactly
	BackchannelLogoutURI   string   // where the client is told of logouts (OpenID Connect Back-Channel Logout 1.0), or ""
	Scopes                 []string // that it may ask for
	Roles                  []string // in its own tokens: those of client_credentials
	// ExchangeAudiences are the APIs for which it may exchange other clients' tokens
	// (RFC 8693).
	ExchangeAudiences []string
	Tenant            string // in its own tokens
	Secrets           []ClientSecret
	// JWKS is the set of public keys by which it proves itself in place of secrets
	// (RFC 7523, RFC 7517), or nil.
	JWKS []byte
	// Certificates are those by which it proves itself in place of secrets (RFC 8705
	// section 2): "sha256:" and the thumbprint of one, or what one says that is vouched
	// for: "subject:", "dns:", "uri:", "ip:" or "email:" and the value.
	Certificates []string
	// CertificateBound is whether every token must be bound to the certificate of the
	// connection that it is asked for on (RFC 8705 section 3).
	CertificateBound bool
	Made             time.Time
}

// Bound reports whether the client's tokens are bound to its certificate. Those of a
// client that proves itself by one always are.
func (c *Client) Bound() bool { return c.CertificateBound || len(c.Certificates) > 0 }

// proofs counts the ways in which the client proves itself.
func (c *Client) proofs() (n int) {
	for _, there := range []bool{len(c.Secrets) > 0, len(c.JWKS) > 0, len(c.Certificates) > 0} {
		if there {
			n++
		}
	}
	return n
}

// ClientSecret is one secret of a client, of which the hash alone is known.
type ClientSecret struct {
	ID    string   // to name it by
	Hash  [32]byte // SHA-256: the secret has 190 random bits
	Made  time.Time
	Until time.Time // the zero time for no end
}

// Check returns an error that wraps [ErrInvalid] for a client that could do
// nothing.
func (c *Client) Check() error {
	switch {
	case !named(c.ID):
		return fmt.Errorf("%w: %q is no client id: letters, digits, '-', '_' and '.', at most 64", ErrInvalid, c.ID)
	case c.Made.IsZero():
		return fmt.Errorf("%w: a client was made at some time", ErrInvalid)
	case len(c.Grants) == 0 && !c.ResourceServer:
		return fmt.Errorf("%w: a client without a grant type gets no token", ErrInvalid)
	case c.Public && (c.proofs() > 0 || c.ResourceServer):
		return fmt.Errorf("%w: a public client proves nothing", ErrInvalid)
	case c.proofs() > 1:
		return fmt.Errorf("%w: a client proves itself in one way: by secrets, keys or certificates", ErrInvalid)
	case len(c.Secrets) > MaxSecrets:
		return fmt.Errorf("%w: at most %d secrets hold at once", ErrInvalid, MaxSecrets)
	}
	return nil
}
