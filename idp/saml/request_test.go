package saml

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"io"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/russellhaering/gosaml2/types"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/gatehouse-api/gatehouse/idp/sso"
)

var handle = strings.Repeat("h", sso.HandleLength)

func begin(t *testing.T, s *ServiceProvider, fresh bool) sso.Departure {
	t.Helper()
	d, err := s.Begin(context.Background(), sso.Start{Handle: handle, At: at(), Fresh: fresh})
	if err != nil {
		t.Fatal(err)
	}
	if !d.ByPost {
		t.Fatal("the answer is posted, and a cookie must come along with it")
	}
	return d
}

// inflate reads a request out of an address.
func inflate(t *testing.T, address string) (*etree.Element, url.Values) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	packed, err := base64.StdEncoding.DecodeString(q.Get("SAMLRequest"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		t.Fatal(err)
	}
	return element(t, string(text)), q
}

func TestARequestSaysWhoAsksAndWhereTheAnswerGoes(t *testing.T) {
	d := begin(t, serviceProvider(t), false)
	r, q := inflate(t, d.URL)
	for name, want := range map[string]string{
		"Destination": theirs, "AssertionConsumerServiceURL": ourACS, "Version": "2.0", "ID": string(d.Kept), "IssueInstant": "2026-11-22T10:00:00Z",
		"ProtocolBinding": string(Post), "ForceAuthn": "",
	} {
		if got := r.SelectAttrValue(name, ""); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if r.SelectElement("Issuer").Text() != ourID || r.SelectElement("NameIDPolicy").SelectAttrValue("Format", "") != string(Persistent) {
		t.Error("the request does not say who asks for what")
	}
	if q.Get("RelayState") != handle || q.Has("Signature") || !strings.HasPrefix(d.URL, theirs+"?") || d.Form != nil {
		t.Errorf("%s", d.URL)
	}
	if len(d.Kept) < 30 || bytes.Equal(begin(t, serviceProvider(t), false).Kept, d.Kept) {
		t.Errorf("%q can be guessed", d.Kept)
	}
}

func TestAFreshProofIsAskedFor(t *testing.T) {
	r, _ := inflate(t, begin(t, serviceProvider(t), true).URL)
	if r.SelectAttrValue("ForceAuthn", "") != "true" {
		t.Fatal("nobody is asked to prove the person anew")
	}
}

// signingOurs has us sign requests.
func signingOurs(o *Options) { p := nextPair(); o.Sign = &Signer{Key: p.key, Certificate: p.cert} }

func TestARedirectedRequestIsSignedInItsAddress(t *testing.T) {
	d := begin(t, serviceProvider(t, signingOurs), false)
	r, q := inflate(t, d.URL)
	if r.SelectElement("Signature") != nil || q.Get("SigAlg") != dsig.RSASHA256SignatureMethod {
		t.Fatal("the signature belongs into the address (SAML Bindings section 3.4.4.1)")
	}
	signed := "SAMLRequest=" + url.QueryEscape(q.Get("SAMLRequest")) + "&RelayState=" + url.QueryEscape(q.Get("RelayState")) + "&SigAlg=" + url.QueryEscape(q.Get("SigAlg"))
	sig, err := base64.StdEncoding.DecodeString(q.Get("Signature"))
	if err != nil {
		t.Fatal(err)
	}
	if err := rsa.VerifyPKCS1v15(&nextPair().key.PublicKey, crypto.SHA256, sum256([]byte(signed)), sig); err != nil {
		t.Fatal(err)
	}
}

func TestAPostedRequestIsSignedInItself(t *testing.T) {
	d := begin(t, serviceProvider(t, signingOurs, func(o *Options) { o.Provider.Binding = Post }), false)
	if d.URL != theirs || d.Form.Get("RelayState") != handle {
		t.Fatalf("%+v", d)
	}
	text, err := base64.StdEncoding.DecodeString(d.Form.Get("SAMLRequest"))
	if err != nil {
		t.Fatal(err)
	}
	c := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{nextPair().cert}})
	c.Clock = dsig.NewFakeClockAt(at())
	root, err := c.Validate(element(t, string(text)))
	if err != nil || root.SelectAttrValue("ID", "") != string(d.Kept) {
		t.Fatal(err)
	}
	if unsigned := begin(t, serviceProvider(t, func(o *Options) { o.Provider.Binding = Post }), false); unsigned.Form.Get("SAMLRequest") == "" {
		t.Fatal("there is no request")
	}
}

func TestOurMetadataSayWhatIsOnAndNothingElse(t *testing.T) {
	for _, sign := range []bool{false, true} {
		var change []func(*Options)
		if sign {
			change = append(change, signingOurs)
		}
		text, err := serviceProvider(t, change...).Metadata()
		if err != nil {
			t.Fatal(err)
		}
		var d types.EntityDescriptor
		if err := xml.Unmarshal(bytes.Replace(text, []byte(`entityID=`), []byte(`validUntil="2026-11-22T10:00:00Z" entityID=`), 1), &d); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		sp := d.SPSSODescriptor
		if d.EntityID != ourID || sp == nil || !sp.WantAssertionsSigned || sp.AuthnRequestsSigned != sign || len(sp.AssertionConsumerServices) != 1 ||
			sp.AssertionConsumerServices[0].Location != ourACS || sp.AssertionConsumerServices[0].Binding != string(Post) {
			t.Fatalf("%s", text)
		}
		if (len(sp.KeyDescriptors) == 1) != sign || len(sp.SingleLogoutServices) != 0 || strings.Contains(string(text), "encryption") {
			t.Fatalf("%s", text)
		}
	}
}

// theirMetadata is what an identity provider publishes.
func theirMetadata(wants, endpoints string, pairs ...keyPair) string {
	var keys strings.Builder
	for _, p := range pairs {
		keys.WriteString(`<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="` + nsSignature + `"><ds:X509Data><ds:X509Certificate>` + "\n" +
			base64.StdEncoding.EncodeToString(p.cert.Raw) + "\n" + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`)
	}
	return `<?xml version="1.0" encoding="UTF-8"?><!-- of the test --><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + theirID + `" validUntil="2027-01-01T00:00:00Z">` +
		`<md:IDPSSODescriptor WantAuthnRequestsSigned="` + wants + `" protocolSupportEnumeration="` + nsProtocol + `">` + keys.String() + endpoints + `</md:IDPSSODescriptor></md:EntityDescriptor>`
}

const (
	redirectEndpoint = `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="` + theirs + `"/>`
	postEndpoint     = `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="` + theirs + `/post"/>`
	soapEndpoint     = `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="` + theirs + `/soap"/>`
)

func TestTheMetadataOfAnIdentityProviderAreRead(t *testing.T) {
	p, err := ParseMetadata([]byte(theirMetadata("true", soapEndpoint+postEndpoint+redirectEndpoint, theirPair(), nextPair(), theirPair())))
	if err != nil {
		t.Fatal(err)
	}
	if p.EntityID != theirID || p.SSO != theirs || p.Binding != Redirect || len(p.Certificates) != 2 || !p.WantsSigned {
		t.Fatalf("%+v", p)
	}
	if p, err = ParseMetadata([]byte(theirMetadata("false", soapEndpoint+postEndpoint, theirPair()))); err != nil || p.SSO != theirs+"/post" || p.Binding != Post {
		t.Fatalf("%+v, %v", p, err)
	}
}

func TestMetadataThatSayTooLittleAreRefused(t *testing.T) {
	good := theirMetadata("false", redirectEndpoint, theirPair())
	weak := makePair(1024, 4)
	for what, text := range map[string]string{
		"nothing":             "",
		"text":                "hello",
		"no certificate":      theirMetadata("false", redirectEndpoint),
		"a weak key":          theirMetadata("false", redirectEndpoint, weak),
		"no address":          theirMetadata("false", soapEndpoint, theirPair()),
		"a plain address":     strings.Replace(good, "https://idp.acme.example/sso", "http://idp.acme.example/sso", 1),
		"a script":            strings.Replace(good, "https://idp.acme.example/sso", "javascript:alert(1)", 1),
		"of a service":        strings.ReplaceAll(good, "IDPSSODescriptor", "SPSSODescriptor"),
		"several":             `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"/>`,
		"no entity id":        strings.Replace(good, theirID, "", 1),
		"an entity":           strings.Replace(good, "<!-- of the test -->", `<!DOCTYPE x [<!ENTITY y "z">]>`, 1),
		"a broken certifcate": strings.Replace(good, "MII", "???", 1),
		"encryption only":     strings.Replace(good, `use="signing"`, `use="encryption"`, 1),
	} {
		t.Run(what, func(t *testing.T) {
			if p, err := ParseMetadata([]byte(text)); err == nil {
				t.Fatalf("taken: %+v", p)
			}
		})
	}
}

func TestAServiceProviderThatMakesNoSenseIsRefused(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(5), NotBefore: at(), NotAfter: at().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, ec.Public(), ec)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	good := serviceProvider(t).o
	for what, change := range map[string]func(*Options){
		"no entity id":                 func(o *Options) { o.EntityID = "" },
		"no address":                   func(o *Options) { o.ACS = "" },
		"an address with a query":      func(o *Options) { o.ACS += "?x" },
		"no store":                     func(o *Options) { o.Once = nil },
		"a transient name":             func(o *Options) { o.NameID = transient },
		"no format":                    func(o *Options) { o.NameID = "" },
		"requests must be signed":      func(o *Options) { o.Provider.WantsSigned = true },
		"a key without a certificate":  func(o *Options) { o.Sign = &Signer{Key: nextPair().key} },
		"the certificate of another":   func(o *Options) { o.Sign = &Signer{Key: nextPair().key, Certificate: theirPair().cert} },
		"no certificate of theirs":     func(o *Options) { o.Provider.Certificates = nil },
		"a certificate of a curve":     func(o *Options) { o.Provider.Certificates = []*x509.Certificate{curve} },
		"requests by artifact":         func(o *Options) { o.Provider.Binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact" },
		"a plain address for requests": func(o *Options) { o.Provider.SSO = "http://idp.acme.example/sso" },
	} {
		t.Run(what, func(t *testing.T) {
			o := good
			change(&o)
			if _, err := New(o); err == nil {
				t.Fatal("taken")
			}
		})
	}
	if e := good.Provider.Expires(); !e.Equal(theirPair().cert.NotAfter) {
		t.Fatalf("it expires at %s", e)
	}
}
