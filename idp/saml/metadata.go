package saml

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"

	"github.com/russellhaering/gosaml2/types"
	dsigtypes "github.com/russellhaering/goxmldsig/types"
)

// Metadata implements [sso.Described]: it returns what an identity provider is told
// of us (SAML 2.0 Metadata), our entity id, where responses go, and that assertions must be signed.
// There is no address for logout in it and no key to encrypt with.
func (s *ServiceProvider) Metadata() ([]byte, error) {
	d := descriptor{
		Space: "urn:oasis:names:tc:SAML:2.0:metadata", EntityID: s.o.EntityID,
		Role: role{
			AuthnRequestsSigned: s.o.Sign != nil, WantAssertionsSigned: true, Protocol: nsProtocol,
			NameIDFormat: string(s.o.NameID),
			Consumer:     types.IndexedEndpoint{Binding: string(Post), Location: s.o.ACS},
		},
	}
	if s.o.Sign != nil {
		d.Role.Key = &types.KeyDescriptor{Use: "signing", KeyInfo: dsigtypes.KeyInfo{X509Data: dsigtypes.X509Data{
			X509Certificates: []dsigtypes.X509Certificate{{Data: base64.StdEncoding.EncodeToString(s.o.Sign.Certificate.Raw)}},
		}}}
	}
	b, err := xml.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("saml: writing metadata: %w", err)
	}
	return append([]byte(xml.Header), append(b, '\n')...), nil
}

// descriptor is an EntityDescriptor without what the library's type would say of a
// time after which it is not valid: ours changes with the configuration only.
type descriptor struct {
	XMLName  xml.Name `xml:"EntityDescriptor"`
	Space    string   `xml:"xmlns,attr"`
	EntityID string   `xml:"entityID,attr"`
	Role     role     `xml:"SPSSODescriptor"`
}

type role struct {
	AuthnRequestsSigned  bool                  `xml:"AuthnRequestsSigned,attr"`
	WantAssertionsSigned bool                  `xml:"WantAssertionsSigned,attr"`
	Protocol             string                `xml:"protocolSupportEnumeration,attr"`
	Key                  *types.KeyDescriptor  `xml:"KeyDescriptor"`
	NameIDFormat         string                `xml:"NameIDFormat"`
	Consumer             types.IndexedEndpoint `xml:"AssertionConsumerService"`
}
