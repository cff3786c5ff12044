// Package contenttype lets in bodies of the declared media types only.
//
// It defends from bodies that the gateway and the application read by different
// grammars: JSON sent as text, a charset that turns quotes into something else,
// a compressed body that nobody looked into, two media types in one request; and
// from an Accept field that leads an application astray (CVE-2019-5418).
package contenttype

import "github.com/gatehouse-api/gatehouse"

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "contenttype",
	New:    func() gatehouse.Control { return &Config{Accept: acceptAny} },
	Covers: []gatehouse.Requirement{"input.content-type", "input.payload-limit"},
}

// The values of Config.Accept.
const (
	acceptAny      = "any"
	acceptDeclared = "declared"
)

// Config is what an operator writes under "contenttype:".
type Config struct {
	// Encoded lets compressed request bodies pass, which no control looks into.
	Encoded *gatehouse.Waiver `yaml:"encoded"`
	// Decompress names the one coding of request bodies that is decoded, before
	// anybody looks into them: gzip. Empty, which is the default, refuses them all.
	// What is forwarded is decoded.
	Decompress string `yaml:"decompress"`
	// Accept says what becomes of a request that accepts none of the declared
	// response types: with any (default) it is answered with one of them nevertheless,
	// as RFC 9110 section 12.5.1 allows, with declared it is refused with 406. An
	// Accept field that cannot be read is refused in either case.
	Accept string `yaml:"accept"`
}

var _ gatehouse.Control = (*Config)(nil)
