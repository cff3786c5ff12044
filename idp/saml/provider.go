package saml

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	saml2 "github.com/russellhaering/gosaml2"
	"github.com/russellhaering/gosaml2/types"
)

// Binding is how a request gets to an identity provider (SAML 2.0 Bindings).
type Binding string

// The bindings that requests are sent by.
const (
	Redirect Binding = saml2.BindingHttpRedirect
	Post     Binding = saml2.BindingHttpPost
)

// IdentityProvider is what is known of an identity provider, from its metadata or by
// hand. Nothing that it sends changes it.
type IdentityProvider struct {
	EntityID string
	SSO      string // where requests go
	Binding  Binding
	// Certificates are the keys that sign, several while one is replaced by the next.
	// A message that brings another certificate is refused, whoever has issued it.
	Certificates []*x509.Certificate
	// WantsSigned says that unsigned requests are not answered.
	WantsSigned bool
}

// Check returns an error for an identity provider that nobody can be sent to or whose
// word cannot be checked.
func (p *IdentityProvider) Check() error {
	u, err := url.Parse(p.SSO)
	switch {
	case p.EntityID == "" || len(p.EntityID) > 1024:
		return errors.New("an identity provider has an entity id of 1024 characters at the most")
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || !(u.Scheme == "https" || u.Scheme == "http" && onThisMachine(u.Hostname())):
		return fmt.Errorf("%q is no address for requests: https and a host", p.SSO)
	case p.Binding != Redirect && p.Binding != Post:
		return fmt.Errorf("requests are sent by %s or %s, not by %q", Redirect, Post, p.Binding)
	case len(p.Certificates) == 0:
		return errors.New("without a certificate nothing that the identity provider signs can be checked")
	}
	for _, c := range p.Certificates {
		if err := strong(c); err != nil {
			return err
		}
	}
	return nil
}

func onThisMachine(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// Expires returns when the last of the certificates does. Nobody is signed in
// afterwards.
func (p *IdentityProvider) Expires() (last time.Time) {
	for _, c := range p.Certificates {
		if c.NotAfter.After(last) {
			last = c.NotAfter
		}
	}
	return last
}

// strong returns an error for a certificate whose key cannot be relied on. ECDSA is
// written in XML as two numbers side by side (XML Signature 1.1 section 6.4.3),
// which the verifier does not read.
func strong(c *x509.Certificate) error {
	k, ok := c.PublicKey.(*rsa.PublicKey)
	switch {
	case !ok:
		return fmt.Errorf("the key of the certificate %q is %s; signatures are checked with RSA", c.Subject, c.PublicKeyAlgorithm)
	case k.N.BitLen() < 2048:
		return fmt.Errorf("the key of the certificate %q has %d bits; 2048 are the least", c.Subject, k.N.BitLen())
	}
	return nil
}

// ParseMetadata reads the metadata of one identity provider (SAML 2.0 Metadata): its
// entity id, where it takes requests, and its certificates. The document comes from
// the operator; its own signature and validUntil are not looked at.
func ParseMetadata(text []byte) (IdentityProvider, error) {
	if err := plain(text, true); err != nil {
		return IdentityProvider{}, err
	}
	var d types.EntityDescriptor
	if err := xml.Unmarshal(text, &d); err != nil {
		return IdentityProvider{}, fmt.Errorf("saml: this is no metadata of one identity provider (EntityDescriptor): %w", err)
	}
	if d.IDPSSODescriptor == nil {
		return IdentityProvider{}, errors.New("saml: these metadata describe no identity provider (IDPSSODescriptor)")
	}
	p := IdentityProvider{EntityID: d.EntityID, WantsSigned: d.IDPSSODescriptor.WantAuthnRequestsSigned}
	for _, k := range d.IDPSSODescriptor.KeyDescriptors {
		if k.Use != "" && k.Use != "signing" {
			continue
		}
		for _, c := range k.KeyInfo.X509Data.X509Certificates {
			cert, err := certificate(c.Data)
			if err != nil {
				return IdentityProvider{}, err
			}
			if !slices.ContainsFunc(p.Certificates, cert.Equal) {
				p.Certificates = append(p.Certificates, cert)
			}
		}
	}
	for _, s := range d.IDPSSODescriptor.SingleSignOnServices {
		b := Binding(s.Binding)
		if b == Redirect || b == Post && p.Binding == "" {
			p.SSO, p.Binding = s.Location, b
		}
		if b == Redirect {
			break
		}
	}
	if err := p.Check(); err != nil {
		return IdentityProvider{}, fmt.Errorf("saml: reading metadata: %w", err)
	}
	return p, nil
}

func certificate(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, fmt.Errorf("saml: a certificate is not base64: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("saml: %w", err)
	}
	return c, nil
}
