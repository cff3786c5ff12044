package main

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/idp/saml"
	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

// mostOfFile bounds the files of SAML connections, in bytes.
const mostOfFile = 1 << 20

// judgeSAML says what is wrong with the files of a SAML connection.
func judgeSAML(issuer, name string, s *config.SSOSAML) error {
	_, err := openSAML(issuer, name, s, memory.NewOnce(1), slog.New(slog.DiscardHandler))
	return err
}

// openSAML makes the service provider of a connection. Its errors are faults of the
// connection's block saml.
func openSAML(issuer, name string, s *config.SSOSAML, once store.Once, log *slog.Logger) (sso.Protocol, error) {
	o := saml.Options{
		EntityID: s.EntityID, ACS: issuer + sso.Path(name, "callback"), Once: once,
		SubjectAttribute: s.Attributes.Subject, EmailAttribute: s.Attributes.Email, NameID: saml.Persistent,
	}
	if o.EntityID == "" {
		o.EntityID = issuer + sso.Path(name, "metadata")
	}
	switch s.NameID {
	case "email":
		o.NameID = saml.Email
	case "unspecified":
		o.NameID = saml.Unspecified
	}
	var err error
	if o.Provider, err = identityProvider(s); err != nil {
		return nil, err
	}
	if o.Sign, err = signer(s); err != nil {
		return nil, err
	}
	if o.Provider.WantsSigned && o.Sign == nil {
		return nil, &gatehouse.Fault{Says: "the identity provider takes signed requests only (WantAuthnRequestsSigned)", Fix: "key: file:saml.key, certificate: saml.crt"}
	}
	p, err := saml.New(o)
	if err != nil {
		return nil, &gatehouse.Fault{Says: err.Error(), Fix: "see docs/saml.md"}
	}
	if end := o.Provider.Expires(); time.Until(end) < 30*24*time.Hour {
		log.Warn("nobody is signed in when the identity provider's certificate has expired", "connection", name, "expires", end)
	}
	return p, nil
}

func identityProvider(s *config.SSOSAML) (saml.IdentityProvider, error) {
	if s.Provider == nil {
		text, err := readBounded(s.Metadata)
		if err != nil {
			return saml.IdentityProvider{}, &gatehouse.Fault{Key: "metadata", Says: err.Error(), Fix: "metadata: the file that the identity provider offers for download"}
		}
		p, err := saml.ParseMetadata(text)
		if err != nil {
			return p, &gatehouse.Fault{Key: "metadata", Says: err.Error(), Fix: "metadata: the file that the identity provider offers for download (an EntityDescriptor with an IDPSSODescriptor)"}
		}
		return p, nil
	}
	p := saml.IdentityProvider{EntityID: s.Provider.EntityID, SSO: s.Provider.SSOURL, Binding: saml.Redirect}
	if s.Provider.Binding == "post" {
		p.Binding = saml.Post
	}
	for i, path := range s.Provider.Certificates {
		c, err := readCertificate(path)
		if err != nil {
			return p, &gatehouse.Fault{Key: fmt.Sprintf("provider.certificates[%d]", i), Says: err.Error(), Fix: "a file with one certificate in PEM"}
		}
		p.Certificates = append(p.Certificates, c)
	}
	if err := p.Check(); err != nil {
		return p, &gatehouse.Fault{Key: "provider", Says: err.Error(), Fix: `provider: {entity_id: "https://idp.acme.example", sso_url: "https://idp.acme.example/sso", certificates: [acme.crt]}`}
	}
	return p, nil
}

// signer is what signs our requests, or nil.
func signer(s *config.SSOSAML) (*saml.Signer, error) {
	if s.Certificate == "" {
		return nil, nil
	}
	cert, err := readCertificate(s.Certificate)
	if err != nil {
		return nil, &gatehouse.Fault{Key: "certificate", Says: err.Error(), Fix: "a file with the certificate of key, in PEM"}
	}
	key, err := privateKey([]byte(s.Key.Reveal()))
	if err != nil {
		return nil, &gatehouse.Fault{Key: "key", Says: err.Error(), Fix: "openssl req -x509 -newkey rsa:3072 -nodes -days 1095 -subj /CN=gatehouse -keyout saml.key -out saml.crt"}
	}
	return &saml.Signer{Key: key, Certificate: cert}, nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Size() > mostOfFile:
		return nil, fmt.Errorf("%s has %d bytes; %d are the most", path, info.Size(), mostOfFile)
	}
	return os.ReadFile(path)
}

func readCertificate(path string) (*x509.Certificate, error) {
	text, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return x509.ParseCertificate(block.Bytes)
}

func privateKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("this is no private key in PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("this is no private key that can be read: PKCS #8, without a passphrase")
	}
	s, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("this key signs nothing")
	}
	return s, nil
}
