package saml

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/beevik/etree"
	saml2 "github.com/russellhaering/gosaml2"
	dsig "github.com/russellhaering/goxmldsig"
)

// Request is an AuthnRequest on its way (SAML Core section 3.4).
type Request struct {
	// ID is what the answer must name in InResponseTo. Whoever sends the request keeps
	// it with the browser that it was made for.
	ID string
	// Location is where the browser goes (HTTP-Redirect), or what the form that holds
	// Message is posted to (HTTP-POST).
	Location string
	Message  string // the value of the field SAMLRequest; "" where the browser is redirected
}

// Request makes a request for the identity provider. force has it prove the person
// anew, whatever session there is.
func (s *ServiceProvider) Request(force bool) (Request, error) {
	lib, err := s.library(s.o.Now())
	if err != nil {
		return Request{}, err
	}
	lib.ForceAuthn = force
	build := lib.BuildAuthRequestDocumentNoSig
	if s.o.Provider.Binding == Post {
		build = lib.BuildAuthRequestDocument // the signature is in the document
	}
	doc, err := build()
	if err != nil {
		return Request{}, fmt.Errorf("saml: writing a request: %w", err)
	}
	r := Request{ID: doc.Root().SelectAttrValue("ID", ""), Location: s.o.Provider.SSO}
	if s.o.Provider.Binding == Post {
		r.Message, err = encode(doc)
	} else {
		r.Location, err = lib.BuildAuthURLRedirect("", doc)
	}
	if err != nil {
		return Request{}, fmt.Errorf("saml: writing a request: %w", err)
	}
	return r, nil
}

func encode(doc *etree.Document) (string, error) {
	b, err := doc.WriteToBytes()
	return base64.StdEncoding.EncodeToString(b), err
}

// library is the service provider as the library knows it, at a time.
func (s *ServiceProvider) library(at time.Time) (*saml2.SAMLServiceProvider, error) {
	lib := &saml2.SAMLServiceProvider{
		IdentityProviderSSOURL: s.o.Provider.SSO, IdentityProviderSSOBinding: string(s.o.Provider.Binding), IdentityProviderIssuer: s.o.Provider.EntityID,
		AssertionConsumerServiceURL: s.o.ACS, ServiceProviderIssuer: s.o.EntityID, AudienceURI: s.o.EntityID,
		NameIdFormat:        string(s.o.NameID),
		IDPCertificateStore: &dsig.MemoryX509CertificateStore{Roots: s.o.Provider.Certificates},
		Clock:               dsig.NewFakeClockAt(at),

		MaximumDecompressedBodySize: MostBytes,
	}
	if s.o.Sign != nil {
		lib.SignAuthnRequests, lib.SignAuthnRequestsAlgorithm = true, dsig.RSASHA256SignatureMethod
		lib.SignAuthnRequestsCanonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
		if err := lib.SetSPSigningKeyStore(&saml2.KeyStore{Signer: s.o.Sign.Key, Cert: s.o.Sign.Certificate.Raw}); err != nil {
			return nil, fmt.Errorf("saml: %w", err)
		}
	}
	return lib, nil
}
