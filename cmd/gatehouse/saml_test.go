package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/config"
)

// pemFiles writes a key and its certificate into a folder, and returns the certificate.
func pemFiles(t *testing.T, dir, name string, key any, public any) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, b := range map[string]*pem.Block{name + ".crt": {Type: "CERTIFICATE", Bytes: cert}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert
}

func TestCheckReadsTheFilesOfASAMLConnection(t *testing.T) { // session.sso-saml
	dir := t.TempDir()
	good, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := pemFiles(t, dir, "good", good, good.Public())
	pemFiles(t, dir, "other", other, other.Public())
	pemFiles(t, dir, "curve", curve, curve.Public())
	metadata := func(wants string) string {
		return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.acme.example"><IDPSSODescriptor WantAuthnRequestsSigned="` + wants + `">` +
			`<KeyDescriptor><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + base64.StdEncoding.EncodeToString(cert) + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor>` +
			`<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.acme.example/sso"/></IDPSSODescriptor></EntityDescriptor>`
	}
	for name, text := range map[string]string{"good.xml": metadata("false"), "wants.xml": metadata("true"), "bad.xml": "<html/>", "text.crt": "hello", "text.key": "hello", "large.xml": strings.Repeat(" ", mostOfFile+1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	provider := func(certificate string) string {
		return `provider: {entity_id: "https://idp.acme.example", sso_url: "https://idp.acme.example/sso", certificates: [DIR/` + certificate + `]}`
	}
	for name, c := range map[string]struct{ saml, key, says string }{
		"metadata":                      {"metadata: DIR/good.xml", "", ""},
		"metadata, a key":               {"metadata: DIR/wants.xml, key: file:DIR/good.key, certificate: DIR/good.crt", "", ""},
		"a provider":                    {provider("good.crt") + ", name_id: email, entity_id: urn:gatehouse", "", ""},
		"no file":                       {"metadata: DIR/none.xml", "metadata", "no such file"},
		"no metadata":                   {"metadata: DIR/bad.xml", "metadata", "no metadata of one identity provider"},
		"a large file":                  {"metadata: DIR/large.xml", "metadata", "are the most"},
		"requests must be signed":       {"metadata: DIR/wants.xml", "", "WantAuthnRequestsSigned"},
		"no certificate":                {provider("text.crt"), "provider.certificates[0]", "no certificate in PEM"},
		"a certificate of a curve":      {provider("curve.crt"), "provider", "signatures are checked with RSA"},
		"no key":                        {"metadata: DIR/good.xml, key: file:DIR/text.key, certificate: DIR/good.crt", "key", "no private key in PEM"},
		"the key of another":            {"metadata: DIR/good.xml, key: file:DIR/other.key, certificate: DIR/good.crt", "", "not of the key"},
		"our certificate is no such":    {"metadata: DIR/good.xml, key: file:DIR/good.key, certificate: DIR/text.crt", "certificate", "no certificate in PEM"},
		"the provider's address is bad": {strings.Replace(provider("good.crt"), "https://idp.acme.example/sso", "http://idp.acme.example/sso", 1), "provider", "no address for requests"},
	} {
		t.Run(name, func(t *testing.T) {
			text := "idp: {issuer: https://login.example.com, people: {sso: {acme: {saml: {" + strings.ReplaceAll(c.saml, "DIR", dir) + "}}}}}\n" +
				strings.Replace(catsConfig, "issuer: https://login.example.com", "issuer: self", 1)
			code, out := examined(t, text)
			faults := findings(out, config.LevelError)
			if c.says == "" {
				if code != 0 {
					t.Fatalf("refused:\n%s", faults)
				}
				return
			}
			if code != 1 || !strings.Contains(faults, c.says) {
				t.Fatalf("%d, want a fault with %q:\n%s", code, c.says, faults)
			}
			for _, f := range out.Findings {
				if want := strings.TrimSuffix("idp.people.sso.acme.saml."+c.key, "."); f.Level == config.LevelError && (f.Key != want || f.Place.Line != 1 || f.Place.Column < 50) {
					t.Errorf("the fault is of %s at %v, want %s", f.Key, f.Place, want)
				}
			}
		})
	}
}
