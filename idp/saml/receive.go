package saml

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"

	"github.com/gatehouse-api/gatehouse/idp/sso"
)

// Handle implements [sso.Protocol]. RelayState is a handle that we gave, or nothing:
// it is never an address to go to.
func (s *ServiceProvider) Handle(params url.Values) string {
	h := params["RelayState"]
	if len(h) != 1 || len(h[0]) != sso.HandleLength {
		return ""
	}
	return h[0]
}

// Finish implements [sso.Protocol]. It returns a [*Refused] for what is not
// believed, and another error where the store does not answer.
func (s *ServiceProvider) Finish(ctx context.Context, a sso.Answer) (sso.Identity, error) {
	if len(a.Params["SAMLRequest"]) > 0 {
		return sso.Identity{}, refuse(ReasonLogout, "a SAMLRequest: we answer none, and there is no logout by SAML")
	}
	response := a.Params["SAMLResponse"]
	if len(response) != 1 || len(a.Kept) == 0 {
		return sso.Identity{}, refuse(ReasonMalformed, "%d responses to %q", len(response), a.Kept)
	}
	who, used, err := s.judge(response[0], string(a.Kept), a.At)
	if err != nil {
		return sso.Identity{}, err
	}
	if a.Fresh && who.AuthnInstant.Before(a.Began.Add(-Skew)) {
		return sso.Identity{}, refuse(ReasonTime, "the person was proven at %s, and was to be proven anew", who.AuthnInstant.Format(time.RFC3339))
	}
	// What is used up comes last, so that nothing that is refused uses up anything.
	if err := s.spend(ctx, used, a.At); err != nil {
		return sso.Identity{}, err
	}
	return who, nil
}

// judge runs the parsers and every check. A parser that gives up does so for this
// response only.
func (s *ServiceProvider) judge(response, request string, now time.Time) (who sso.Identity, used spent, err error) {
	defer func() {
		if p := recover(); p != nil {
			who, err = sso.Identity{}, refuse(ReasonMalformed, "a parser gave up: %v", p)
		}
	}()
	raw, err := decode(response)
	if err != nil {
		return sso.Identity{}, spent{}, err
	}
	root, err := parse(raw)
	if err != nil {
		return sso.Identity{}, spent{}, err
	}
	unverified, err := onlyAssertion(root)
	if err != nil {
		return sso.Identity{}, spent{}, err
	}
	signed, err := s.verify(unverified, now)
	if err != nil {
		return sso.Identity{}, spent{}, err
	}
	// From here on the tree that was posted is asked for nothing but what must agree
	// with the element that was signed.
	if err := s.envelope(root, now); err != nil {
		return sso.Identity{}, spent{}, err
	}
	r := reading{s: s, now: now, request: request, answers: attribute(root, "InResponseTo")}
	if who, err = r.assertion(signed); err != nil {
		return sso.Identity{}, spent{}, err
	}
	if err := s.secondOpinion(response, r.name, now); err != nil {
		return sso.Identity{}, spent{}, err
	}
	return who, spent{id: attribute(signed, "ID"), until: r.until}, nil
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

// spent is an assertion that is used up.
type spent struct {
	id    string
	until time.Time // when nobody would take it any more
}

func (s *ServiceProvider) spend(ctx context.Context, a spent, now time.Time) error {
	// Identity providers choose their ids: one must not use up another's.
	key := sha256.Sum256([]byte(s.o.Provider.EntityID + "\x00" + a.id))
	first, err := s.o.Once.First(ctx, now, "saml.assertion", hex.EncodeToString(key[:]), a.until.Sub(now))
	switch {
	case err != nil:
		return fmt.Errorf("saml: asking whether an assertion was used: %w", err)
	case !first:
		return refuse(ReasonReplay, "the assertion %s was used before", a.id)
	}
	return nil
}
