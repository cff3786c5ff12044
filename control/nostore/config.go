// Package nostore keeps answers out of caches. It defends from an answer for
// one caller being given to another by a cache in between, or found later on
// the caller's machine.
//
// Whatever only an authenticated caller gets is marked no-store unless the
// endpoint is declared cacheable, with the reason. A refusal always is.
package nostore

import "github.com/gatehouse-api/gatehouse"

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "nostore",
	New:    func() gatehouse.Control { return &Config{} },
	Covers: []gatehouse.Requirement{"headers.no-store"},
}

// Config is what an operator writes under "nostore:".
type Config struct {
	// Cacheable says why the endpoint's answers may be kept. The upstream then
	// decides with its own Cache-Control. On an endpoint that authenticates, only
	// the caller's own cache may keep them.
	Cacheable *gatehouse.Waiver `yaml:"cacheable"`
}

var _ gatehouse.Control = (*Config)(nil)
