package saml

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"net/http/httptest"
	"testing"
)

// FuzzNothingIsBelievedButWhatWasSigned has the reader of responses read anything.
// Whoever it names is whom the identity provider named.
func FuzzNothingIsBelievedButWhatWasSigned(f *testing.F) {
	// The processes of a fuzzer share no key that one of them has made.
	server := httptest.NewTLSServer(nil)
	f.Cleanup(server.Close)
	key, ok := server.TLS.Certificates[0].PrivateKey.(*rsa.PrivateKey)
	if !ok {
		f.Fatalf("the test server's key is %T", server.TLS.Certificates[0].PrivateKey)
	}
	pair := keyPair{key, server.Certificate()}
	known := func(o *Options) { o.Provider.Certificates = []*x509.Certificate{pair.cert} }
	s := serviceProvider(f, known)
	for _, r := range []response{
		{}, {responseSignature: &signing{}}, {P: "samlp:", A: "saml:", Attributes: keycloakAttributes}, {P: "saml2p:", A: "saml2:", Attributes: shibbolethAttributes},
		{Name: "a&amp;b"}, {assertionSignature: &signing{withoutKeyInfo: true}},
	} {
		if r.responseSignature != nil {
			r.responseSignature.pair = &pair
		}
		if r.assertionSignature == nil {
			r.assertionSignature = &signing{}
		}
		r.assertionSignature.pair = &pair
		accepted(f, serviceProvider(f, known), r.encoded(f))
		f.Add([]byte(written(f, r)))
	}
	f.Add([]byte(`<?xml version="1.0"?><!DOCTYPE x><x/>`))
	f.Add([]byte(`<a:b:c xmlns:a="" :x="y"/>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := ServiceProvider{s.o}
		s.o.Once = &once{} // so that the seeds are believed again and again
		who, err := finish(&s, base64.StdEncoding.EncodeToString(text))
		switch {
		case err != nil && who.Subject != "":
			t.Fatalf("refused and returned: %+v", who)
		case err == nil && who.Subject != "u-4711" && who.Subject != "a&b":
			t.Fatalf("believed %+v of %q", who, text)
		}
	})
}

func BenchmarkFinish(b *testing.B) {
	encoded := response{P: "samlp:", A: "saml:", Attributes: keycloakAttributes, responseSignature: &signing{}}.encoded(b)
	s := serviceProvider(b, func(o *Options) { o.Once = &once{} })
	b.ReportAllocs()
	for b.Loop() {
		if _, err := finish(s, encoded); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzMetadataAreReadOrRefused has the reader of metadata read anything: what it
// takes is an identity provider that can be asked and checked.
func FuzzMetadataAreReadOrRefused(f *testing.F) {
	server := httptest.NewTLSServer(nil)
	f.Cleanup(server.Close)
	pair := keyPair{cert: server.Certificate()}
	f.Add([]byte(theirMetadata("true", redirectEndpoint+postEndpoint, pair)))
	f.Add([]byte(theirMetadata("false", soapEndpoint, pair)))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParseMetadata(text)
		if err == nil {
			err = p.Check()
			if err != nil {
				t.Fatalf("taken, and of no use: %v", err)
			}
		}
	})
}
