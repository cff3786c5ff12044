package saml

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"

	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

const (
	ourID   = "https://login.example.com/sso/acme"
	ourACS  = "https://login.example.com/sso/acme/acs"
	theirID = "https://idp.acme.example/metadata"
	theirs  = "https://idp.acme.example/sso"
	asked   = "_request-1"
)

func at() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }

// keyPair is a key and its certificate, made for these tests.
type keyPair struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

func makePair(bits int, serial int64) keyPair {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "idp.acme.example"},
		NotBefore: at().Add(-24 * time.Hour), NotAfter: at().Add(365 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return keyPair{key, cert}
}

var (
	theirPair   = sync.OnceValue(func() keyPair { return makePair(2048, 1) })
	nextPair    = sync.OnceValue(func() keyPair { return makePair(2048, 2) })
	foreignPair = sync.OnceValue(func() keyPair { return makePair(2048, 3) })
)

// serviceProvider is ours at the time of the tests.
func serviceProvider(t testing.TB, change ...func(*Options)) *ServiceProvider {
	t.Helper()
	o := Options{
		EntityID: ourID, ACS: ourACS, NameID: Persistent, Once: memory.NewOnce(1 << 10),
		Provider: IdentityProvider{EntityID: theirID, SSO: theirs, Binding: Redirect, Certificates: []*x509.Certificate{theirPair().cert}},
	}
	for _, c := range change {
		c(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// response is what the test's identity provider answers. The zero value of a field
// has it say what is right.
type response struct {
	ID, AssertionID, Issuer, AssertionIssuer, Destination, Recipient, InResponseTo, ConfirmationInResponseTo string
	Audience, Name, NameFormat, NameQualifiers, Status, Method, Class                                        string
	Issued, From, Until, ConfirmedUntil, Proven, SessionUntil                                                string
	Attributes                                                                                               string
	Unsolicited, WithoutAudience, WithoutStatement, WithoutName, WithoutConfirmedUntil, WithoutSessionUntil  bool
	P, A                                                                                                     string // prefixes with a colon
	before                                                                                                   func(root, assertion *etree.Element)
	assertionSignature, responseSignature                                                                    *signing
}

const responseText = `<{{.P}}Response xmlns{{pre .P}}="urn:oasis:names:tc:SAML:2.0:protocol" ID="{{.ID}}" Version="2.0" IssueInstant="{{.Issued}}"` +
	` Destination="{{.Destination}}"{{if not .Unsolicited}} InResponseTo="{{.InResponseTo}}"{{end}}>` +
	`<{{.A}}Issuer xmlns{{pre .A}}="urn:oasis:names:tc:SAML:2.0:assertion">{{.Issuer}}</{{.A}}Issuer>` +
	`<{{.P}}Status><{{.P}}StatusCode Value="{{.Status}}"/></{{.P}}Status>` +
	`<{{.A}}Assertion xmlns{{pre .A}}="urn:oasis:names:tc:SAML:2.0:assertion" ID="{{.AssertionID}}" Version="2.0" IssueInstant="{{.Issued}}">` +
	`<{{.A}}Issuer>{{.AssertionIssuer}}</{{.A}}Issuer>` +
	`<{{.A}}Subject>{{if not .WithoutName}}<{{.A}}NameID{{if .NameFormat}} Format="{{.NameFormat}}"{{end}}{{.NameQualifiers}}>{{.Name}}</{{.A}}NameID>{{end}}` +
	`<{{.A}}SubjectConfirmation Method="{{.Method}}"><{{.A}}SubjectConfirmationData Recipient="{{.Recipient}}"` +
	`{{if not .WithoutConfirmedUntil}} NotOnOrAfter="{{.ConfirmedUntil}}"{{end}}{{if not .Unsolicited}} InResponseTo="{{.ConfirmationInResponseTo}}"{{end}}/></{{.A}}SubjectConfirmation></{{.A}}Subject>` +
	`<{{.A}}Conditions NotBefore="{{.From}}" NotOnOrAfter="{{.Until}}">{{if not .WithoutAudience}}<{{.A}}AudienceRestriction><{{.A}}Audience>{{.Audience}}</{{.A}}Audience></{{.A}}AudienceRestriction>{{end}}</{{.A}}Conditions>` +
	`{{if not .WithoutStatement}}<{{.A}}AuthnStatement AuthnInstant="{{.Proven}}" SessionIndex="_session-1"{{if .SessionUntil}} SessionNotOnOrAfter="{{.SessionUntil}}"{{end}}>` +
	`<{{.A}}AuthnContext><{{.A}}AuthnContextClassRef>{{.Class}}</{{.A}}AuthnContextClassRef></{{.A}}AuthnContext></{{.A}}AuthnStatement>{{end}}` +
	`{{.Attributes}}</{{.A}}Assertion></{{.P}}Response>`

var responseTemplate = template.Must(template.New("response").Funcs(template.FuncMap{"pre": func(p string) string {
	if p == "" {
		return ""
	}
	return ":" + strings.TrimSuffix(p, ":")
}}).Parse(responseText))

func moments(d time.Duration) string { return at().Add(d).Format(time.RFC3339) }

// defaults fills in what is right.
func (r *response) defaults() {
	for p, d := range map[*string]string{
		&r.ID: "_response-1", &r.AssertionID: "_assertion-1", &r.Issuer: theirID, &r.AssertionIssuer: theirID, &r.Destination: ourACS, &r.Recipient: ourACS,
		&r.InResponseTo: asked, &r.ConfirmationInResponseTo: asked, &r.Audience: ourID, &r.Name: "u-4711", &r.NameFormat: string(Persistent), &r.Status: success,
		&r.Method: bearer, &r.Class: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
		&r.Issued: moments(-time.Second), &r.From: moments(-time.Second), &r.Until: moments(5 * time.Minute), &r.ConfirmedUntil: moments(5 * time.Minute),
		&r.Proven: moments(-time.Minute), &r.SessionUntil: moments(4 * time.Hour),
	} {
		if *p == "" {
			*p = d
		}
	}
	if r.WithoutSessionUntil {
		r.SessionUntil = ""
	}
	if r.assertionSignature == nil {
		r.assertionSignature = &signing{}
	}
}

// tree builds and signs the response.
func (r response) tree(t testing.TB) *etree.Element {
	t.Helper()
	r.defaults()
	var b bytes.Buffer
	if err := responseTemplate.Execute(&b, r); err != nil {
		t.Fatal(err)
	}
	root := element(t, b.String())
	a := root.SelectElement("Assertion")
	if r.before != nil {
		r.before(root, a)
	}
	if !r.assertionSignature.none {
		r.assertionSignature.apply(t, a)
	}
	if r.responseSignature != nil {
		r.responseSignature.apply(t, root)
	}
	return root
}

// encoded is the value of the field SAMLResponse.
func (r response) encoded(t testing.TB) string {
	t.Helper()
	return encodeTree(t, r.tree(t))
}

func element(t testing.TB, text string) *etree.Element {
	t.Helper()
	d := etree.NewDocument()
	d.ReadSettings.PreserveDuplicateAttrs = true
	if err := d.ReadFromString(text); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return d.Root()
}

func encodeTree(t testing.TB, root *etree.Element) string {
	t.Helper()
	d := etree.NewDocument()
	d.SetRoot(root.Copy())
	b, err := d.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// signing is how the test's identity provider signs an element.
type signing struct {
	none                    bool
	pair                    *keyPair
	shown                   *keyPair // whose certificate the signature brings
	withoutKeyInfo          bool
	method, digest, uri     string
	emptyURI, hmac          bool
	transforms              string
	canonicalization, extra string // extra is put into the signature
	value                   string // in place of the signature's own
}

// apply signs an element by hand, independent of the library's signer, and puts the
// signature behind the issuer.
func (s *signing) apply(t testing.TB, e *etree.Element) {
	t.Helper()
	pair := theirPair()
	if s.pair != nil {
		pair = *s.pair
	}
	shown := pair
	if s.shown != nil {
		shown = *s.shown
	}
	or := func(v, d string) string {
		if v == "" {
			return d
		}
		return v
	}
	method := or(s.method, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")
	digestMethod := or(s.digest, "http://www.w3.org/2001/04/xmlenc#sha256")
	uri := or(s.uri, "#"+e.SelectAttrValue("ID", ""))
	if s.emptyURI {
		uri = ""
	}
	content := canonical(t, e)
	digest := sum256(content)
	if strings.HasSuffix(digestMethod, "#sha1") {
		d := sha1.Sum(content)
		digest = d[:]
	}
	keyInfo := `<ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(shown.cert.Raw) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`
	if s.withoutKeyInfo {
		keyInfo = ""
	}
	sig := element(t, `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>`+
		`<ds:CanonicalizationMethod Algorithm="`+or(s.canonicalization, exclusive)+`"/><ds:SignatureMethod Algorithm="`+method+`"/>`+
		`<ds:Reference URI="`+uri+`"><ds:Transforms>`+or(s.transforms, `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="`+exclusive+`"/>`)+
		`</ds:Transforms><ds:DigestMethod Algorithm="`+digestMethod+`"/><ds:DigestValue>`+base64.StdEncoding.EncodeToString(digest)+`</ds:DigestValue></ds:Reference></ds:SignedInfo>`+
		`<ds:SignatureValue/>`+keyInfo+s.extra+`</ds:Signature>`)
	e.InsertChildAt(e.SelectElement("Issuer").Index()+1, sig)
	info := canonical(t, sig.SelectElement("SignedInfo"))
	var value []byte
	var err error
	switch {
	case s.hmac: // with the public key as the secret, as a careless verifier would take it
		m := hmac.New(sha256.New, shown.cert.RawSubjectPublicKeyInfo)
		m.Write(info)
		value = m.Sum(nil)
	case strings.HasSuffix(method, "sha1"):
		d := sha1.Sum(info)
		value, err = rsa.SignPKCS1v15(rand.Reader, pair.key, crypto.SHA1, d[:])
	default:
		value, err = rsa.SignPKCS1v15(rand.Reader, pair.key, crypto.SHA256, sum256(info))
	}
	if err != nil {
		t.Fatal(err)
	}
	sig.SelectElement("SignatureValue").SetText(or(s.value, base64.StdEncoding.EncodeToString(value)))
}

func sum256(b []byte) []byte { d := sha256.Sum256(b); return d[:] }

// canonical writes an element, with the prefixes that are declared around it, as
// exclusive canonicalization does.
func canonical(t testing.TB, e *etree.Element) []byte {
	t.Helper()
	names, err := etreeutils.NSBuildParentContext(e)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := etreeutils.NSDetatch(names, e)
	if err != nil {
		t.Fatal(err)
	}
	b, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(alone)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// finish has the service provider judge a response as the answer to its request.
func finish(s *ServiceProvider, encoded string) (sso.Identity, error) {
	return s.Finish(context.Background(), sso.Answer{
		At: at(), Began: at().Add(-time.Minute), Kept: []byte(asked), Params: url.Values{"SAMLResponse": {encoded}},
	})
}

// accepted returns what is believed of a response.
func accepted(t testing.TB, s *ServiceProvider, encoded string) sso.Identity {
	t.Helper()
	who, err := finish(s, encoded)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	return who
}

// refused fails unless the response is refused for one of the reasons.
func refused(t testing.TB, s *ServiceProvider, encoded string, want ...Reason) {
	t.Helper()
	who, err := finish(s, encoded)
	refusedFor(t, who, err, want...)
}

func refusedFor(t testing.TB, who sso.Identity, err error, want ...Reason) {
	t.Helper()
	if err == nil {
		t.Fatalf("believed: %+v", who)
	}
	if who.Subject != "" {
		t.Fatalf("refused, and all the same returned: %+v", who)
	}
	got, ok := errors.AsType[*Refused](err)
	if !ok || !slices.Contains(want, got.Reason) {
		t.Fatalf("refused by %v, want %v", err, want)
	}
}
