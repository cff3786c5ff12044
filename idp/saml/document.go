package saml

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// The namespaces.
const (
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
)

// decode returns the bytes of a response as it was posted. Compression does not
// belong to this binding (SAML 2.0 Bindings section 3.5.4).
func decode(encoded string) ([]byte, error) {
	if len(encoded) > base64.StdEncoding.EncodedLen(MostBytes)*80/76 {
		return nil, refuse(ReasonSize, "%d characters; %d bytes are the most", len(encoded), MostBytes)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	switch {
	case err != nil:
		return nil, refuse(ReasonMalformed, "not base64: %v", err)
	case len(raw) > MostBytes:
		return nil, refuse(ReasonSize, "%d bytes; %d are the most", len(raw), MostBytes)
	}
	return raw, plain(raw, false)
}

// declaration is the one that may stand at the beginning. Other encodings would have
// other bytes mean what is looked for here.
var declaration = regexp.MustCompile(`\A<\?xml version=["']1\.0["'](?: encoding=["'](?i:utf-8)["'])?(?: standalone=["'](?:yes|no)["'])? *\?>\s*`)

// plain refuses, before anything parses them, bytes that would be read in more than
// one way or ask for more than reading: document types and with them entities,
// comments, CDATA, processing instructions. In XML each begins with "<!" or "<?",
// and nothing else can hold these two characters.
func plain(raw []byte, comments bool) error {
	if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
		return refuse(ReasonMalformed, "not UTF-8")
	}
	body := raw[len(declaration.Find(raw)):]
	if len(body) == 0 || body[0] != '<' {
		return refuse(ReasonMalformed, "not an XML document")
	}
	for rest := body; ; {
		i := bytes.IndexByte(rest, '<')
		if i < 0 || i+1 == len(rest) {
			return nil
		}
		rest = rest[i+1:]
		if rest[0] == '?' || rest[0] == '!' && !(comments && bytes.HasPrefix(rest, []byte("!--"))) {
			return refuse(ReasonMarkup, "<%s: document types, comments, CDATA and processing instructions have no place here", rest[:min(len(rest), 9)])
		}
	}
}

// parse reads the tree and refuses one that different readers would read
// differently: names that mean nothing or two things, one attribute twice, one id
// for two elements.
func parse(raw []byte) (*etree.Element, error) {
	doc := etree.NewDocument()
	doc.ReadSettings = etree.ReadSettings{ValidateInput: true, PreserveDuplicateAttrs: true, MaxDepth: mostDepth}
	if err := doc.ReadFromBytes(raw); err != nil {
		return nil, refuse(ReasonMalformed, "%v", err)
	}
	root := doc.Root()
	if root == nil || len(doc.ChildElements()) != 1 {
		return nil, refuse(ReasonMalformed, "a document has one root")
	}
	t := tree{ids: map[string]bool{}, prefixes: map[string]bool{}}
	return root, t.walk(root, 1)
}

// tree is what was seen while a document was walked.
type tree struct {
	ids      map[string]bool
	prefixes map[string]bool
	elements int
}

// name is of elements, attributes and ids: an NCName of ASCII (Namespaces in XML
// section 3), which every reader takes for the same.
var name = regexp.MustCompile(`\A[A-Za-z_][A-Za-z0-9_.-]{0,255}\z`)

func (t *tree) walk(e *etree.Element, depth int) error {
	if t.elements++; t.elements > mostElements || depth > mostDepth {
		return refuse(ReasonSize, "more than %d elements, or deeper than %d", mostElements, mostDepth)
	}
	if !name.MatchString(e.Tag) || e.Space != "" && !name.MatchString(e.Space) || e.NamespaceURI() == "" {
		return refuse(ReasonMalformed, "the element %q has no proper name or namespace", e.FullTag())
	}
	if len(e.Attr) > mostAttrs {
		return refuse(ReasonSize, "%s has %d attributes; %d are the most", e.Tag, len(e.Attr), mostAttrs)
	}
	if err := t.attributes(e); err != nil {
		return err
	}
	for _, c := range e.Child {
		switch c := c.(type) {
		case *etree.Element:
			if err := t.walk(c, depth+1); err != nil {
				return err
			}
		case *etree.CharData:
		default:
			return refuse(ReasonMarkup, "%T in %s", c, e.Tag)
		}
	}
	return nil
}

func (t *tree) attributes(e *etree.Element) error {
	seen := make(map[string]bool, len(e.Attr))
	for i := range e.Attr {
		a := &e.Attr[i]
		// Some readers take x:ID and xmlns:ID for ID.
		if !name.MatchString(a.Key) || a.Space != "" && !name.MatchString(a.Space) || seen[a.Key] {
			return refuse(ReasonMalformed, "the attribute %q of %s is there twice or has no proper name", a.FullKey(), e.Tag)
		}
		seen[a.Key] = true
		if a.Space == "xmlns" && (a.Value == "" || a.Key == "xml" || a.Key == "xmlns") {
			return refuse(ReasonMalformed, "the prefix %q cannot be declared so", a.Key)
		}
		if a.Space == "xmlns" {
			if t.prefixes[a.Key] = true; len(t.prefixes) > mostPrefixes {
				return refuse(ReasonSize, "more than %d prefixes", mostPrefixes)
			}
			continue
		}
		if strings.EqualFold(a.Key, "id") {
			if !name.MatchString(a.Value) || t.ids[a.Value] {
				return refuse(ReasonShape, "the id %q is no id or there twice", a.Value)
			}
			t.ids[a.Value] = true
		}
	}
	return nil
}

// children sorts the elements in e by their names, all of one namespace. It refuses
// others than those that may be there.
func children(e *etree.Element, allowed ...string) (map[string][]*etree.Element, error) {
	out := make(map[string][]*etree.Element, len(allowed))
	for _, c := range e.ChildElements() {
		found := false
		for _, a := range allowed {
			space, tag := nsAssertion, a
			switch {
			case strings.HasPrefix(a, "p:"):
				space, tag = nsProtocol, a[2:]
			case strings.HasPrefix(a, "ds:"):
				space, tag = nsSignature, a[3:]
			}
			if c.Tag == tag && c.NamespaceURI() == space {
				out[tag] = append(out[tag], c)
				found = true
			}
		}
		if !found {
			return nil, refuse(ReasonShape, "%s has no place in %s", c.FullTag(), e.Tag)
		}
	}
	return out, nil
}

// attribute returns the value of an attribute that has no prefix, or "".
func attribute(e *etree.Element, key string) string {
	for i := range e.Attr {
		if e.Attr[i].Space == "" && e.Attr[i].Key == key {
			return e.Attr[i].Value
		}
	}
	return ""
}

// text returns all of an element's text, however many pieces it is in, and refuses
// elements within.
func text(e *etree.Element) (string, error) {
	var b strings.Builder
	for _, c := range e.Child {
		d, ok := c.(*etree.CharData)
		if !ok {
			return "", refuse(ReasonShape, "%s holds more than text", e.Tag)
		}
		b.WriteString(d.Data)
	}
	return b.String(), nil
}
