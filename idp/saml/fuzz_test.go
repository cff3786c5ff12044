package saml

import (
	"encoding/base64"
	"testing"
)

// FuzzNothingIsBelievedButWhatWasSigned has the reader of responses read anything.
// Whoever it names is whom the identity provider named.
func FuzzNothingIsBelievedButWhatWasSigned(f *testing.F) {
	for _, r := range []response{
		{}, {responseSignature: &signing{}}, {P: "samlp:", A: "saml:", Attributes: keycloakAttributes}, {P: "saml2p:", A: "saml2:", Attributes: shibbolethAttributes},
		{Name: "a&amp;b"}, {assertionSignature: &signing{withoutKeyInfo: true}},
	} {
		f.Add([]byte(written(f, r)))
	}
	f.Add([]byte(`<?xml version="1.0"?><!DOCTYPE x><x/>`))
	f.Add([]byte(`<a:b:c xmlns:a="" :x="y"/>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		who, err := finish(serviceProvider(t), base64.StdEncoding.EncodeToString(text))
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
