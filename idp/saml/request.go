package saml

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"time"

	"github.com/beevik/etree"
	saml2 "github.com/russellhaering/gosaml2"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/gatehouse-api/gatehouse/idp/sso"
)

// Begin implements [sso.Protocol]: it makes an AuthnRequest (SAML Core section 3.4),
// whose id is kept. The handle travels as RelayState.
func (s *ServiceProvider) Begin(_ context.Context, start sso.Start) (sso.Departure, error) {
	lib, err := s.library(start.At)
	if err != nil {
		return sso.Departure{}, err
	}
	lib.ForceAuthn = start.Fresh
	build := lib.BuildAuthRequestDocumentNoSig
	if s.o.Provider.Binding == Post {
		build = lib.BuildAuthRequestDocument // the signature is in the document
	}
	doc, err := build()
	if err != nil {
		return sso.Departure{}, fmt.Errorf("saml: writing a request: %w", err)
	}
	d := sso.Departure{URL: s.o.Provider.SSO, ByPost: true, Kept: []byte(doc.Root().SelectAttrValue("ID", ""))}
	if s.o.Provider.Binding == Post {
		var message string
		message, err = encode(doc)
		d.Form = url.Values{"SAMLRequest": {message}, "RelayState": {start.Handle}}
	} else {
		d.URL, err = lib.BuildAuthURLRedirect(start.Handle, doc)
	}
	if err != nil {
		return sso.Departure{}, fmt.Errorf("saml: writing a request: %w", err)
	}
	return d, nil
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
