// Package saml is a SAML 2.0 service provider: it sends people to the identity
// provider of their company and believes what comes back only after every check.
//
// It defends from what broke others: an assertion that was moved, doubled or wrapped
// around a signed one (XSW), names that end at a comment, documents that declare
// entities or grow when they are unpacked, answers that were meant for somebody else
// or are sent twice, keys that a message brings along (OWASP SAML Security Cheat
// Sheet; SAML 2.0 Profiles section 4.1.4). A document is judged as bytes, then as a
// tree, then by its signatures; what it claims is read only from the element that
// the verifier of signatures returned. Two libraries read it in two ways, and where
// they disagree nobody is signed in.
//
// Nothing is fetched: what is known of an identity provider stands in a file. There
// is no logout by SAML, no encryption of assertions, and no sign-in that begins at
// the identity provider: all three are refused.
package saml

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/store"
)

// The numbers of the protocol.
const (
	Skew         = 60 * time.Second // between our clock and an identity provider's
	MostBytes    = 256 << 10        // of a response, decoded
	longestLife  = 24 * time.Hour   // of an assertion, which is remembered that long
	mostElements = 450              // of a response; the verifier gives up soon after
	mostAttrs    = 32               // of an element
	mostPrefixes = 32               // declared in all: the verifier copies them for every element
	mostDepth    = 32
	longestName  = 256 // of a NameID (SAML Core section 8.3.7), in characters
)

// NameIDFormat says what kind of name an identity provider gives (SAML Core
// section 8.3).
type NameIDFormat string

// The formats that can be asked for. Of a transient name nobody is recognised again.
const (
	Persistent  NameIDFormat = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	Email       NameIDFormat = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	Unspecified NameIDFormat = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
	transient   NameIDFormat = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
)

// Signer signs requests. The certificate is what identity providers know its key by.
type Signer struct {
	Key         crypto.Signer // RSA, of 2048 bits at least
	Certificate *x509.Certificate
}

// Options is what a service provider is made of.
type Options struct {
	EntityID string // ours, by which the identity provider knows us
	ACS      string // the exact URL that responses are posted to
	Provider IdentityProvider
	// NameID is the format that is asked for, and that responses must have. Unspecified
	// takes every format but a transient one, and none at all.
	NameID NameIDFormat
	// SubjectAttribute names the attribute that says who somebody is. Where it is "" the
	// NameID does.
	SubjectAttribute string
	// EmailAttribute names the attribute with the e-mail address, for which the
	// identity provider vouches; "" is none.
	EmailAttribute string
	// Sign signs requests; nil does not.
	Sign *Signer
	// Once remembers the assertions that were used.
	Once store.Once
}

// ServiceProvider is us, as one identity provider knows us. It is the [sso.Protocol]
// of one connection.
type ServiceProvider struct{ o Options }

var (
	_ sso.Protocol  = (*ServiceProvider)(nil)
	_ sso.Described = (*ServiceProvider)(nil)
)

// New makes a service provider.
func New(o Options) (*ServiceProvider, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("saml: %w", err)
	}
	return &ServiceProvider{o}, nil
}

func (o *Options) check() error {
	acs, err := url.Parse(o.ACS)
	switch {
	case o.EntityID == "" || len(o.EntityID) > 1024:
		return errors.New("an entity id is a URI of 1024 characters at the most (SAML Core section 8.3.6)")
	case err != nil || acs.Host == "" || acs.String() != o.ACS || acs.RawQuery != "" || acs.Fragment != "":
		return fmt.Errorf("%q is no URL to post responses to", o.ACS)
	case o.Once == nil:
		return errors.New("a service provider needs a store that remembers assertions")
	case o.NameID != Persistent && o.NameID != Email && o.NameID != Unspecified:
		return fmt.Errorf("%q is no format of names that somebody is recognised by", o.NameID)
	case o.Provider.WantsSigned && o.Sign == nil:
		return errors.New("this identity provider wants signed requests (WantAuthnRequestsSigned)")
	}
	if o.Sign != nil {
		if o.Sign.Key == nil || o.Sign.Certificate == nil {
			return errors.New("whoever signs has a key and a certificate")
		}
		if err := strong(o.Sign.Certificate); err != nil {
			return err
		}
		if k, ok := o.Sign.Certificate.PublicKey.(*rsa.PublicKey); !ok || !k.Equal(o.Sign.Key.Public()) {
			return errors.New("the certificate is not of the key that signs")
		}
	}
	return o.Provider.Check()
}

// Reason says by one word why a response was refused. It is for logs and counters.
type Reason string

// The reasons.
const (
	ReasonSize      Reason = "size"      // too long, too many elements, too deep
	ReasonMalformed Reason = "malformed" // not base64, not UTF-8, not XML, not what the protocol says
	ReasonMarkup    Reason = "markup"    // a document type, a comment, CDATA or a processing instruction
	ReasonLogout    Reason = "logout"    // a message of single logout
	ReasonShape     Reason = "shape"     // an element where none belongs, or twice, or none where one must be
	ReasonEncrypted Reason = "encrypted" // something is encrypted, and there is no key for it
	ReasonUnsigned  Reason = "unsigned"  // the assertion itself is not signed
	ReasonAlgorithm Reason = "algorithm" // an algorithm that is weak, or that nobody needs
	ReasonSignature Reason = "signature" // not signed by a key that the identity provider is known by
	ReasonStatus    Reason = "status"    // the identity provider says that it did not work
	ReasonIssuer    Reason = "issuer"    // by another identity provider
	ReasonAudience  Reason = "audience"  // for another service provider
	ReasonRecipient Reason = "recipient" // for another address: Destination or Recipient
	ReasonRequest   Reason = "request"   // the answer to nothing that this browser asked, or not in the way it asked
	ReasonTime      Reason = "time"      // too early or too late
	ReasonReplay    Reason = "replay"    // used before
	ReasonName      Reason = "name"      // nobody can be recognised by the name
)

// Refused is the error of a response that is not believed.
type Refused struct {
	Reason Reason
	Says   string // what is wrong, for the log; it may hold foreign text
}

// Unwrap returns [sso.ErrDeclined] where the identity provider says that it proved
// nobody, and [sso.ErrAnswer] for everything else.
func (r *Refused) Unwrap() error {
	if r.Reason == ReasonStatus {
		return sso.ErrDeclined
	}
	return sso.ErrAnswer
}

// Error returns the reason and what is wrong.
func (r *Refused) Error() string { return "saml: refused (" + string(r.Reason) + "): " + r.Says }

func refuse(reason Reason, format string, args ...any) error {
	says := fmt.Sprintf(format, args...)
	return &Refused{Reason: reason, Says: says[:min(len(says), 512)]}
}
