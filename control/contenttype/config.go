// Package contenttype lets in bodies of the declared media types only.
//
// It defends from bodies that the gateway and the application read by different
// grammars: JSON sent as text, a charset that turns quotes into something else,
// a compressed body that nobody looked into, two media types in one request.
package contenttype

import "github.com/gatehouse-api/gatehouse"

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "contenttype",
	New:    func() gatehouse.Control { return &Config{} },
	Covers: []gatehouse.Requirement{"input.content-type"},
}

// Config is what an operator writes under "contenttype:".
type Config struct {
	// Encoded lets compressed request bodies pass, which no control looks into.
	Encoded *gatehouse.Waiver `yaml:"encoded"`
}

var _ gatehouse.Control = (*Config)(nil)
