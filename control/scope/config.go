// Package scope demands the scopes of an endpoint from the caller's token. It is
// the first of three levels of authorization: it defends from a token that was
// given out for one purpose being used for another.
//
// A scope is a demand and never a grant: what a caller may do, the levels behind
// it decide.
package scope

import "github.com/gatehouse-api/gatehouse"

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "scope",
	New:    func() gatehouse.Control { return &Config{} },
	Covers: []gatehouse.Requirement{"authz.gateway", "jwt.scopes"},
}

// Config is what an operator writes under "scope:".
type Config struct {
	// Scopes holds, by operationId, the scopes of which every one is demanded, on
	// top of what the OpenAPI description demands.
	Scopes map[string][]string `yaml:"scopes"`
}

var _ gatehouse.Control = (*Config)(nil)
