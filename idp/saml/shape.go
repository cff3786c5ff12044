package saml

import (
	"slices"

	"github.com/beevik/etree"
)

// The algorithms. Everything else, SHA-1 and HMAC above all, is refused before
// anything is computed.
const exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"

func signatureMethods() []string {
	return []string{
		"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
		"http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
		"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
	}
}

func digestMethods() []string {
	return []string{
		"http://www.w3.org/2001/04/xmlenc#sha256",
		"http://www.w3.org/2001/04/xmldsig-more#sha384",
		"http://www.w3.org/2001/04/xmlenc#sha512",
	}
}

// onlyAssertion returns the one assertion of a response, when the tree has the one
// shape in which it can mean what it says: an assertion only there, signatures only
// in it and in the response, and each of them over the element that it is in.
func onlyAssertion(root *etree.Element) (*etree.Element, error) {
	switch {
	case root.NamespaceURI() == nsProtocol && (root.Tag == "LogoutRequest" || root.Tag == "LogoutResponse"):
		return nil, refuse(ReasonLogout, "%s: there is no logout by SAML", root.Tag)
	case root.NamespaceURI() != nsProtocol || root.Tag != "Response":
		return nil, refuse(ReasonShape, "a %s is no response", root.FullTag())
	}
	all := map[string]int{}
	count(root, all)
	if all["EncryptedAssertion"]+all["EncryptedID"]+all["EncryptedAttribute"]+all["EncryptedData"] > 0 {
		return nil, refuse(ReasonEncrypted, "we have no key for encrypted assertions: have the identity provider sign them only; TLS encrypts them on their way")
	}
	in, err := children(root, "Issuer", "ds:Signature", "p:Status", "Assertion")
	switch {
	case err != nil:
		return nil, err
	case len(in["Issuer"]) != 1 || len(in["Status"]) != 1:
		return nil, refuse(ReasonShape, "a response has an issuer and a status")
	case len(in["Assertion"]) > 1 || all["Assertion"] > len(in["Assertion"]):
		return nil, refuse(ReasonShape, "%d assertions, of which %d are where one belongs", all["Assertion"], len(in["Assertion"]))
	}
	if err := status(in["Status"][0]); err != nil {
		return nil, err
	}
	if len(in["Assertion"]) == 0 {
		return nil, refuse(ReasonShape, "a response without an assertion")
	}
	a := in["Assertion"][0]
	inner, err := children(a, "Issuer", "ds:Signature", "Subject", "Conditions", "AuthnStatement", "AttributeStatement")
	switch {
	case err != nil:
		return nil, err
	case len(inner["Signature"]) == 0:
		return nil, refuse(ReasonUnsigned, "the assertion is not signed itself")
	case all["SignedInfo"] != all["Signature"] || all["Reference"] != all["Signature"] || all["DigestValue"] != all["Signature"] || all["SignatureValue"] != all["Signature"]:
		return nil, refuse(ReasonShape, "parts of signatures stand where there is none")
	case len(inner["Signature"]) > 1 || len(in["Signature"]) > 1 || all["Signature"] != 1+len(in["Signature"]):
		return nil, refuse(ReasonShape, "%d signatures: the assertion has one, and the response may have one", all["Signature"])
	}
	for _, s := range in["Signature"] {
		if err := signature(s, root); err != nil {
			return nil, err
		}
	}
	return a, signature(inner["Signature"][0], a)
}

// count counts elements by their names, whatever namespace they say they are of.
func count(e *etree.Element, all map[string]int) {
	all[e.Tag]++
	for _, c := range e.ChildElements() {
		count(c, all)
	}
}

const success = "urn:oasis:names:tc:SAML:2.0:status:Success"

// status refuses an answer which says that nobody was proven, with the codes and the
// message that it gives as the reason.
func status(e *etree.Element) error {
	in, err := children(e, "p:StatusCode", "p:StatusMessage", "p:StatusDetail")
	switch {
	case err != nil:
		return err
	case len(in["StatusCode"]) != 1:
		return refuse(ReasonShape, "a status has a code")
	}
	code := in["StatusCode"][0]
	value := attribute(code, "Value")
	if value == success {
		return nil
	}
	var more, message string
	if second := code.ChildElements(); len(second) > 0 {
		more = attribute(second[0], "Value")
	}
	if m := in["StatusMessage"]; len(m) > 0 {
		message = m[0].Text()
	}
	return refuse(ReasonStatus, "the identity provider says %q %q %q", value, more, message)
}

// signature refuses a signature which is not the one that is needed: over the
// element it is in, by its id, with one transform that takes the signature out and
// one that writes what is left in one way.
func signature(s, owner *etree.Element) error {
	in, err := children(s, "ds:SignedInfo", "ds:SignatureValue", "ds:KeyInfo")
	switch {
	case err != nil:
		return err
	case len(in["SignedInfo"]) != 1 || len(in["SignatureValue"]) != 1 || len(in["KeyInfo"]) > 1:
		return refuse(ReasonShape, "a signature has one SignedInfo, one SignatureValue and one KeyInfo at the most")
	}
	in, err = children(in["SignedInfo"][0], "ds:CanonicalizationMethod", "ds:SignatureMethod", "ds:Reference")
	switch {
	case err != nil:
		return err
	case len(in["CanonicalizationMethod"]) != 1 || len(in["SignatureMethod"]) != 1 || len(in["Reference"]) != 1:
		return refuse(ReasonShape, "a signature has one method and one reference")
	}
	if a := algorithm(in["CanonicalizationMethod"][0]); a != exclusive {
		return refuse(ReasonAlgorithm, "canonicalization %q", a)
	}
	if a := algorithm(in["SignatureMethod"][0]); !slices.Contains(signatureMethods(), a) || len(in["SignatureMethod"][0].ChildElements()) > 0 {
		return refuse(ReasonAlgorithm, "signature %q: RSA with SHA-256, SHA-384 or SHA-512", a)
	}
	return reference(in["Reference"][0], owner)
}

func reference(r, owner *etree.Element) error {
	id := attribute(owner, "ID")
	if uri := attribute(r, "URI"); id == "" || uri != "#"+id {
		return refuse(ReasonShape, "the signature in %s %q is over %q", owner.Tag, id, uri)
	}
	in, err := children(r, "ds:Transforms", "ds:DigestMethod", "ds:DigestValue")
	switch {
	case err != nil:
		return err
	case len(in["Transforms"]) != 1 || len(in["DigestMethod"]) != 1 || len(in["DigestValue"]) != 1:
		return refuse(ReasonShape, "a reference has transforms, a method and a digest")
	}
	if a := algorithm(in["DigestMethod"][0]); !slices.Contains(digestMethods(), a) {
		return refuse(ReasonAlgorithm, "digest %q: SHA-256, SHA-384 or SHA-512", a)
	}
	in, err = children(in["Transforms"][0], "ds:Transform")
	if err != nil {
		return err
	}
	t := in["Transform"]
	if len(t) != 2 || algorithm(t[0]) != nsSignature+"enveloped-signature" || len(t[0].ChildElements()) > 0 || algorithm(t[1]) != exclusive {
		return refuse(ReasonAlgorithm, "transforms others than the enveloped signature and exclusive canonicalization")
	}
	return nil
}

func algorithm(e *etree.Element) string { return attribute(e, "Algorithm") }
