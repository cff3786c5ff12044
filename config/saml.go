package config

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/secret"
)

// SSOSAML is a SAML 2.0 identity provider, and the service provider that we are to
// it.
type SSOSAML struct {
	Metadata string        `yaml:"metadata"` // file with the identity provider's metadata
	Provider *SAMLProvider `yaml:"provider"` // what is needed of it, in place of metadata
	// EntityID is ours; default is the address of our own metadata.
	EntityID string `yaml:"entity_id"`
	// Key and Certificate sign our requests; without them they are not signed.
	Key         secret.Text    `yaml:"key"`
	Certificate string         `yaml:"certificate"` // file
	NameID      string         `yaml:"name_id"`     // persistent (the default), email or unspecified
	Attributes  SAMLAttributes `yaml:"attributes"`
}

// SAMLProvider is an identity provider without metadata.
type SAMLProvider struct {
	EntityID     string   `yaml:"entity_id"`
	SSOURL       string   `yaml:"sso_url"`
	Binding      string   `yaml:"binding"`      // redirect (the default) or post
	Certificates []string `yaml:"certificates"` // files: the keys that sign
}

// SAMLAttributes are the names of attributes that mean something here.
type SAMLAttributes struct {
	Subject string `yaml:"subject"` // who somebody is; without it the NameID says so
	Email   string `yaml:"email"`   // the e-mail address that people are made with
}

const (
	sampleSAML     = "saml: {metadata: acme.metadata.xml, attributes: {email: email}}"
	sampleProvider = "saml: {provider: {entity_id: \"https://idp.acme.example\", sso_url: \"https://idp.acme.example/sso\", certificates: [acme.crt]}}"
	sampleSigning  = "saml: {metadata: acme.metadata.xml, key: file:saml.key, certificate: saml.crt}"
)

// saml judges a SAML identity provider, and makes its paths absolute. What is in the
// files is judged by who reads SAML.
func (r *reader) saml(n *yaml.Node, key, name, issuer string, s *SSOSAML, judge func(issuer, name string, s *SSOSAML) error) {
	s.Metadata, s.Certificate = r.path(s.Metadata), r.path(s.Certificate)
	if p := s.Provider; p != nil {
		for i := range p.Certificates {
			p.Certificates[i] = r.path(p.Certificates[i])
		}
	}
	before := len(r.list)
	switch {
	case (s.Metadata == "") == (s.Provider == nil):
		r.at(n, key, "what is known of the identity provider stands in its metadata, in a file, or here (provider)", sampleSAML)
	case s.Provider != nil && s.Provider.Binding != "" && s.Provider.Binding != "redirect" && s.Provider.Binding != "post":
		r.at(n, key+".provider.binding", fmt.Sprintf("%q is no way to send a request: redirect, or post", s.Provider.Binding), sampleProvider)
	case s.NameID != "" && s.NameID != "persistent" && s.NameID != "email" && s.NameID != "unspecified":
		r.at(n, key+".name_id", fmt.Sprintf("nobody is recognised by a name that is %q: persistent, email, or unspecified", s.NameID), "name_id: persistent, or nothing")
	case s.Key.IsZero() != (s.Certificate == "") && !r.told(key+".key"):
		r.at(n, key, "requests are signed by a key, and the identity provider knows it by a certificate", sampleSigning)
	}
	if len(r.list) > before || judge == nil {
		return
	}
	if err := judge(issuer, name, s); err != nil {
		where := find(n, key)
		if f, ok := errors.AsType[*gatehouse.Fault](err); ok {
			where = find(n, join(key, f.Key))
		}
		r.faults(err, fallback{at: r.place(where.Line, where.Column), key: key, fix: sampleSAML})
	}
}

// path is a file's, as seen from the folder of the configuration.
func (r *reader) path(p string) string { return beside(r.dir, strings.TrimPrefix(p, "file:")) }
