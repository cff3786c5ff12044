package saml

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse/idp/sso"
)

func TestAResponseWithASignedAssertionIsBelieved(t *testing.T) {
	for what, r := range map[string]response{
		"assertion signed":                  {},
		"response and assertion signed":     {responseSignature: &signing{}},
		"prefixes samlp and saml":           {P: "samlp:", A: "saml:"},
		"prefixes saml2p and saml2":         {P: "saml2p:", A: "saml2:", responseSignature: &signing{}},
		"prefixes that mean nothing":        {P: "a:", A: "b:"},
		"the prefixes the wrong way around": {P: "saml:", A: "samlp:"},
		"signature without a certificate":   {assertionSignature: &signing{withoutKeyInfo: true}},
		"prefix list":                       {assertionSignature: &signing{transforms: `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="` + exclusive + `"><ec:InclusiveNamespaces xmlns:ec="` + exclusive + `" PrefixList="xs"/></ds:Transform>`}},
		"conditions without times": {before: func(_, a *etree.Element) {
			a.SelectElement("Conditions").RemoveAttr("NotBefore")
			a.SelectElement("Conditions").RemoveAttr("NotOnOrAfter")
		}},
		"a statement without a class":        {Class: " "},
		"fractions of seconds, another zone": {Issued: at().Add(-time.Second).In(time.FixedZone("", 3600)).Format("2006-01-02T15:04:05.000000Z07:00")},
	} {
		t.Run(what, func(t *testing.T) {
			a := accepted(t, serviceProvider(t), r.encoded(t))
			if a.Subject != "u-4711" || a.Issuer != theirID {
				t.Fatalf("%+v", a)
			}
		})
	}
}

func TestTheEndOfTheSessionTheTimeAndTheClassAreTheIdentityProviders(t *testing.T) {
	a := accepted(t, serviceProvider(t), response{}.encoded(t))
	want := sso.Identity{
		Issuer: theirID, Subject: "u-4711", Attributes: map[string][]string{}, AuthnInstant: at().Add(-time.Minute),
		NotOnOrAfter: at().Add(4 * time.Hour), ACR: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
	}
	if d := cmp.Diff(want, a); d != "" {
		t.Fatal(d)
	}
	if a := accepted(t, serviceProvider(t), response{WithoutSessionUntil: true}.encoded(t)); !a.NotOnOrAfter.IsZero() {
		t.Fatalf("nobody said when the session ends, and it ends at %s", a.NotOnOrAfter)
	}
}

// What the attributes of the products look like, from their documentation and from
// captured responses: names that are URIs, friendly names, types, repeated
// attributes, values that hold an element, attributes of other namespaces.
const (
	azureAttributes = `<AttributeStatement><Attribute Name="http://schemas.microsoft.com/identity/claims/tenantid"><AttributeValue>9f1c</AttributeValue></Attribute>` +
		`<Attribute Name="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"><AttributeValue>ann@acme.example</AttributeValue></Attribute>` +
		`<Attribute Name="http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"><AttributeValue>g-1</AttributeValue><AttributeValue>g-2</AttributeValue></Attribute></AttributeStatement>`
	oktaAttributes = `<saml2:AttributeStatement><saml2:Attribute Name="email" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified">` +
		`<saml2:AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">ann@acme.example</saml2:AttributeValue></saml2:Attribute></saml2:AttributeStatement>`
	adfsAttributes = `<AttributeStatement><Attribute Name="http://schemas.xmlsoap.org/claims/Group" a:OriginalIssuer="http://adfs.acme.example/adfs/services/trust" xmlns:a="http://schemas.xmlsoap.org/ws/2009/09/identity/claims">` +
		`<AttributeValue>Domain Users</AttributeValue></Attribute></AttributeStatement>`
	keycloakAttributes = `<saml:AttributeStatement><saml:Attribute Name="Role" FriendlyName="role" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic">` +
		`<saml:AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">clerk</saml:AttributeValue></saml:Attribute>` +
		`<saml:Attribute Name="Role" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic"><saml:AttributeValue>auditor</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>`
	shibbolethAttributes = `<saml2:AttributeStatement><saml2:Attribute FriendlyName="eduPersonTargetedID" Name="urn:oid:1.3.6.1.4.1.5923.1.1.1.10"><saml2:AttributeValue><saml2:NameID>x</saml2:NameID></saml2:AttributeValue></saml2:Attribute>` +
		`<saml2:Attribute FriendlyName="mail" Name="urn:oid:0.9.2342.19200300.100.1.3"><saml2:AttributeValue>ann&amp;bob@acme.example</saml2:AttributeValue></saml2:Attribute></saml2:AttributeStatement>`
)

func TestTheAttributesOfWellKnownProductsAreRead(t *testing.T) {
	for product, c := range map[string]struct {
		r    response
		want map[string][]string
	}{
		"Azure AD": {response{P: "samlp:", Attributes: azureAttributes}, map[string][]string{
			"http://schemas.microsoft.com/identity/claims/tenantid":              {"9f1c"},
			"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress": {"ann@acme.example"},
			"http://schemas.microsoft.com/ws/2008/06/identity/claims/groups":     {"g-1", "g-2"}}},
		"Okta":       {response{P: "saml2p:", A: "saml2:", Attributes: oktaAttributes, responseSignature: &signing{}}, map[string][]string{"email": {"ann@acme.example"}}},
		"ADFS":       {response{P: "samlp:", Attributes: adfsAttributes}, map[string][]string{"http://schemas.xmlsoap.org/claims/Group": {"Domain Users"}}},
		"Keycloak":   {response{P: "samlp:", A: "saml:", Attributes: keycloakAttributes, responseSignature: &signing{}}, map[string][]string{"Role": {"clerk", "auditor"}}},
		"Shibboleth": {response{P: "saml2p:", A: "saml2:", Attributes: shibbolethAttributes}, map[string][]string{"urn:oid:0.9.2342.19200300.100.1.3": {"ann&bob@acme.example"}}},
	} {
		t.Run(product, func(t *testing.T) {
			if d := cmp.Diff(c.want, accepted(t, serviceProvider(t), c.r.encoded(t)).Attributes); d != "" {
				t.Fatal(d)
			}
		})
	}
}

func TestAnAttributeSaysWhoSomebodyIsWhereItIsNamed(t *testing.T) {
	named := func(o *Options) { o.SubjectAttribute = "http://schemas.microsoft.com/identity/claims/tenantid" }
	if a := accepted(t, serviceProvider(t, named), response{NameFormat: string(transient), Attributes: azureAttributes}.encoded(t)); a.Subject != "9f1c" {
		t.Fatalf("%+v", a)
	}
	if a := accepted(t, serviceProvider(t, named), response{WithoutName: true, Attributes: azureAttributes}.encoded(t)); a.Subject != "9f1c" {
		t.Fatalf("%+v", a)
	}
	refused(t, serviceProvider(t, named), response{}.encoded(t), ReasonName)
	refused(t, serviceProvider(t, func(o *Options) {
		o.SubjectAttribute = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"
	}),
		response{Attributes: azureAttributes}.encoded(t), ReasonName)
}

func TestWhileOneCertificateIsReplacedBothAreGood(t *testing.T) {
	both := func(o *Options) {
		o.Provider.Certificates = []*x509.Certificate{theirPair().cert, nextPair().cert}
	}
	next := nextPair()
	accepted(t, serviceProvider(t, both), response{}.encoded(t))
	accepted(t, serviceProvider(t, both), response{assertionSignature: &signing{pair: &next}}.encoded(t))
}

func TestClocksMayDifferByAMinute(t *testing.T) {
	for what, r := range map[string]response{
		"ended 59 s ago":      {Until: moments(-59 * time.Second), ConfirmedUntil: moments(-59 * time.Second)},
		"begins in 59 s":      {From: moments(59 * time.Second)},
		"issued in 59 s":      {Issued: moments(59 * time.Second)},
		"proven in 59 s":      {Proven: moments(59 * time.Second)},
		"a day and no longer": {Until: moments(24 * time.Hour), ConfirmedUntil: moments(24 * time.Hour)},
	} {
		t.Run(what, func(t *testing.T) { accepted(t, serviceProvider(t), r.encoded(t)) })
	}
}

func TestAUnicodeNameIsItself(t *testing.T) {
	if a := accepted(t, serviceProvider(t), response{Name: "Žofie &amp; 田中"}.encoded(t)); a.Subject != "Žofie & 田中" {
		t.Fatalf("%q", a.Subject)
	}
}

func TestNamesOfManyFormatsAreTakenWhereNoneIsAskedFor(t *testing.T) {
	any := func(o *Options) { o.NameID = Unspecified }
	for _, f := range []NameIDFormat{Persistent, Email, Unspecified, "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"} {
		accepted(t, serviceProvider(t, any), response{NameFormat: string(f)}.encoded(t))
	}
	accepted(t, serviceProvider(t, any), response{before: func(_, a *etree.Element) { a.FindElement("./Subject/NameID").RemoveAttr("Format") }}.encoded(t))
	accepted(t, serviceProvider(t), response{NameQualifiers: ` NameQualifier="` + theirID + `" SPNameQualifier="` + ourID + `"`}.encoded(t))
}

func TestAResponseMayBeWrittenOverSeveralLines(t *testing.T) {
	r := response{before: func(root, _ *etree.Element) {
		root.IndentWithSettings(&etree.IndentSettings{Spaces: 2, PreserveLeafWhitespace: true})
	}}
	encoded := r.encoded(t)
	var lines strings.Builder
	for len(encoded) > 76 {
		lines.WriteString(encoded[:76] + "\r\n")
		encoded = encoded[76:]
	}
	accepted(t, serviceProvider(t), lines.String()+encoded)
}
