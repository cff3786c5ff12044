package saml

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// Assertion is what an identity provider says of a person, after every check.
type Assertion struct {
	Issuer  string // the entity id of the identity provider
	Subject string // by which it names the person among all that it knows
	// Attributes are by their names, each with its values in order. Attributes that
	// hold more than text are not among them.
	Attributes map[string][]string
	At         time.Time // when the person was proven (AuthnInstant)
	Until      time.Time // when the identity provider's session ends (SessionNotOnOrAfter), or zero
	Class      string    // how the person was proven (AuthnContextClassRef), or ""
	Solicited  bool      // the answer to a request of ours
}

// Receive judges a response that a browser posted: the value of the field
// SAMLResponse, and the id of the request that this browser was sent away with, or
// "". It returns a [*Refused] for what is not believed, and another error where the
// store does not answer; in both cases nobody is signed in.
func (s *ServiceProvider) Receive(ctx context.Context, response, request string) (*Assertion, error) {
	now := s.o.Now()
	a, once, err := s.judge(response, request, now)
	if err != nil {
		return nil, err
	}
	if err := s.spend(ctx, once, now); err != nil {
		return nil, err
	}
	return a, nil
}

// judge runs the parsers and every check. A parser that gives up does so for this
// response only.
func (s *ServiceProvider) judge(response, request string, now time.Time) (a *Assertion, once spent, err error) {
	defer func() {
		if p := recover(); p != nil {
			a, err = nil, refuse(ReasonMalformed, "a parser gave up: %v", p)
		}
	}()
	raw, err := decode(response)
	if err != nil {
		return nil, spent{}, err
	}
	root, err := parse(raw)
	if err != nil {
		return nil, spent{}, err
	}
	unverified, err := onlyAssertion(root)
	if err != nil {
		return nil, spent{}, err
	}
	signed, err := s.verify(unverified, now)
	if err != nil {
		return nil, spent{}, err
	}
	// From here on the tree that was posted is asked for nothing but what must agree
	// with the element that was signed.
	if err := s.envelope(root, now); err != nil {
		return nil, spent{}, err
	}
	r := reading{s: s, now: now, request: request, answers: attribute(root, "InResponseTo")}
	if a, err = r.assertion(signed); err != nil {
		return nil, spent{}, err
	}
	if err := s.secondOpinion(response, r.name, now); err != nil {
		return nil, spent{}, err
	}
	return a, spent{assertion: attribute(signed, "ID"), request: r.answers, until: r.until}, nil
}

// verify checks the signature of the assertion alone and returns the element that
// the signature is over, read again from the bytes that were signed.
func (s *ServiceProvider) verify(unverified *etree.Element, now time.Time) (*etree.Element, error) {
	names, err := etreeutils.NSBuildParentContext(unverified)
	if err != nil {
		return nil, refuse(ReasonMalformed, "%v", err)
	}
	alone, err := etreeutils.NSDetatch(names, unverified)
	if err != nil {
		return nil, refuse(ReasonMalformed, "%v", err)
	}
	c := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: s.o.Provider.Certificates})
	c.Clock = dsig.NewFakeClockAt(now)
	a, err := c.Validate(alone)
	switch {
	case err != nil:
		return nil, refuse(ReasonSignature, "%v", err)
	case a.Tag != "Assertion" || a.NamespaceURI() != nsAssertion || attribute(a, "ID") != attribute(unverified, "ID"):
		return nil, refuse(ReasonSignature, "the signature is over another element")
	}
	return a, nil
}

// secondOpinion has the library judge the response by its own rules, the signature
// of the response among them, and compares the name that it reads in its own way.
func (s *ServiceProvider) secondOpinion(response, name string, now time.Time) error {
	lib, err := s.library(now.Add(-Skew)) // it forgives nothing itself
	if err != nil {
		return err
	}
	r, err := lib.ValidateEncodedResponse(response)
	switch {
	case err != nil:
		return refuse(ReasonSignature, "%v", err)
	case len(r.Assertions) != 1 || r.Assertions[0].Subject == nil:
		return refuse(ReasonSignature, "another reader reads %d assertions, or no subject", len(r.Assertions))
	}
	var other string
	if n := r.Assertions[0].Subject.NameID; n != nil {
		other = n.Value
	}
	if other != name {
		return refuse(ReasonSignature, "two readers read two names: %q and %q", name, other)
	}
	return nil
}

// spent is what a response uses up.
type spent struct {
	assertion string
	request   string    // or "" where nobody asked
	until     time.Time // when nobody would take the assertion any more
}

// spend comes last, so that nothing that is refused uses up anything.
func (s *ServiceProvider) spend(ctx context.Context, u spent, now time.Time) error {
	if u.request != "" {
		if err := s.first(ctx, "saml.request", u.request, ReasonRequest, now, RequestLife); err != nil {
			return err
		}
	}
	return s.first(ctx, "saml.assertion", u.assertion, ReasonReplay, now, u.until.Sub(now))
}

func (s *ServiceProvider) first(ctx context.Context, space, id string, reason Reason, now time.Time, ttl time.Duration) error {
	// Identity providers choose their ids: one must not use up another's.
	key := sha256.Sum256([]byte(s.o.Provider.EntityID + "\x00" + id))
	first, err := s.o.Once.First(ctx, now, space, hex.EncodeToString(key[:]), ttl)
	switch {
	case err != nil:
		return fmt.Errorf("saml: asking whether a %s was used: %w", space, err)
	case !first:
		return refuse(reason, "the %s %s was used before", space, id)
	}
	return nil
}
