package saml

import (
	"testing"

	"github.com/beevik/etree"
)

// The eight permutations of signature wrapping that SAML Raider names. In each the
// signature of the identity provider stays whole, and an assertion of an attacker
// stands where a careless reader looks.

// forged is an assertion of somebody else, without a signature.
func forged(t testing.TB, id string) *etree.Element {
	t.Helper()
	a := response{AssertionID: id, Name: "admin", assertionSignature: &signing{none: true}}.tree(t).SelectElement("Assertion")
	return a.Copy()
}

// withoutSignature is the element and the signature that was in it.
func withoutSignature(e *etree.Element) (bare, sig *etree.Element) {
	bare = e.Copy()
	sig = bare.SelectElement("Signature")
	bare.RemoveChild(sig)
	return bare, sig
}

func object(t testing.TB, content *etree.Element) *etree.Element {
	t.Helper()
	o := element(t, `<ds:Object xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>`)
	o.AddChild(content)
	return o
}

// signedResponse is a response whose own signature is wrapped in XSW1 and XSW2.
func signedResponse(t testing.TB) *etree.Element {
	t.Helper()
	return response{responseSignature: &signing{}}.tree(t)
}

// rename makes the response an attacker's: another id, another name.
func rename(root *etree.Element) {
	root.CreateAttr("ID", "_evil-response")
	a := root.SelectElement("Assertion")
	a.CreateAttr("ID", "_evil")
	a.FindElement("./Subject/NameID").SetText("admin")
}

func TestXSW1_TheSignedResponseInTheSignatureOfAnother(t *testing.T) {
	good := signedResponse(t)
	evil, sig := withoutSignature(good)
	bare, _ := withoutSignature(good)
	rename(evil)
	sig.AddChild(bare)
	evil.InsertChildAt(1, sig)
	refused(t, serviceProvider(t), encodeTree(t, evil), ReasonShape)
}

func TestXSW2_TheSignedResponseBesideItsDetachedSignature(t *testing.T) {
	good := signedResponse(t)
	evil, sig := withoutSignature(good)
	bare, _ := withoutSignature(good)
	rename(evil)
	evil.InsertChildAt(1, bare)
	evil.InsertChildAt(2, sig)
	refused(t, serviceProvider(t), encodeTree(t, evil), ReasonShape)
}

func TestXSW3_AForgedAssertionBeforeTheSignedOne(t *testing.T) {
	root := response{}.tree(t)
	root.InsertChildAt(root.SelectElement("Assertion").Index(), forged(t, "_evil"))
	refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
}

func TestXSW4_TheSignedAssertionInAForgedOne(t *testing.T) {
	root := response{}.tree(t)
	good := root.SelectElement("Assertion")
	evil := forged(t, "_evil")
	root.RemoveChild(good)
	evil.AddChild(good)
	root.AddChild(evil)
	refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
}

func TestXSW5_TheSignatureInAForgedAssertionTheSignedOneBehindIt(t *testing.T) {
	root := response{}.tree(t)
	good := root.SelectElement("Assertion")
	bare, sig := withoutSignature(good)
	evil := forged(t, "_evil")
	evil.InsertChildAt(1, sig)
	root.RemoveChild(good)
	root.AddChild(evil)
	root.AddChild(bare)
	refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
}

func TestXSW6_TheSignedAssertionInTheSignatureInAForgedOne(t *testing.T) {
	root := response{}.tree(t)
	good := root.SelectElement("Assertion")
	bare, sig := withoutSignature(good)
	evil := forged(t, "_evil")
	sig.AddChild(bare)
	evil.InsertChildAt(1, sig)
	root.RemoveChild(good)
	root.AddChild(evil)
	refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
}

func TestXSW7_AForgedAssertionInExtensions(t *testing.T) {
	for _, id := range []string{"_evil", "_assertion-1"} {
		root := response{}.tree(t)
		x := element(t, `<Extensions xmlns="urn:oasis:names:tc:SAML:2.0:protocol"/>`)
		x.AddChild(forged(t, id))
		root.InsertChildAt(1, x)
		refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
	}
}

func TestXSW8_TheSignedAssertionInAnObjectOfTheSignatureInAForgedOne(t *testing.T) {
	for _, id := range []string{"_evil", "_assertion-1"} {
		root := response{}.tree(t)
		good := root.SelectElement("Assertion")
		bare, sig := withoutSignature(good)
		evil := forged(t, id)
		sig.AddChild(object(t, bare))
		evil.InsertChildAt(1, sig)
		root.RemoveChild(good)
		root.AddChild(evil)
		refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
	}
}

func TestTwoAssertionsAreRefusedEvenWhereBothAreSigned(t *testing.T) { // CVE-2022-41912
	root := response{}.tree(t)
	root.AddChild(response{AssertionID: "_assertion-2", Name: "u-4712"}.tree(t).SelectElement("Assertion").Copy())
	refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
}

func TestAnAssertionOfAnotherNamespaceIsNoCover(t *testing.T) {
	root := response{}.tree(t)
	root.FindElement("./Assertion/Subject").AddChild(element(t, `<Assertion xmlns="urn:x"/>`))
	refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
	root = response{}.tree(t)
	root.AddChild(element(t, `<x:Assertion xmlns:x="urn:x" ID="_x"/>`))
	refused(t, serviceProvider(t), encodeTree(t, root), ReasonShape)
}

func TestWhatIsClaimedIsReadFromTheElementThatTheVerifierReturned(t *testing.T) {
	root := response{}.tree(t)
	s := serviceProvider(t)
	unverified, err := onlyAssertion(root)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.verify(unverified, at())
	if err != nil {
		t.Fatal(err)
	}
	if signed == unverified || signed.Parent() == root {
		t.Fatal("the verifier returned what it was given")
	}
	// Whatever becomes of the tree that was posted changes nothing any more.
	unverified.FindElement("./Subject/NameID").SetText("admin")
	r := reading{s: s, now: at(), request: asked, answers: asked}
	who, err := r.assertion(signed)
	if err != nil || who.Subject != "u-4711" {
		t.Fatalf("%+v, %v", who, err)
	}
	if signed.SelectElement("Signature") != nil {
		t.Fatal("there is a signature in what was signed")
	}
}

func TestTheSecondReaderAloneRefusesWhatTheFirstMissed(t *testing.T) {
	s := serviceProvider(t)
	encoded := response{}.encoded(t)
	if err := s.secondOpinion(encoded, "u-4711", at()); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, who(), s.secondOpinion(encoded, "admin", at()), ReasonSignature)
	refusedFor(t, who(), s.secondOpinion(response{Destination: "https://evil.example/"}.encoded(t), "u-4711", at()), ReasonSignature)
}
