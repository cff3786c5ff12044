// Package policy decides on operations that touch no object by policies that were
// written by hand: the last word of authorization where neither a role nor an owner
// can say it, such as "exports during business hours, in the EU".
//
// It defends from rules that live in an application's code, where nobody reads them
// and nobody tests them. A policy that cannot be evaluated denies. Operations on
// objects are control/object's.
package policy

import (
	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "policy",
	New:    func() gatehouse.Control { return &Config{} },
	Covers: []gatehouse.Requirement{"authz.abac"},
}

// Config is what an operator writes under "policy:". The policies themselves are the
// API's own, under "policies:".
type Config struct {
	policy *policy.Policy // of the API, or nil
}

var (
	_ gatehouse.Control = (*Config)(nil)
	_ policy.Holder     = (*Config)(nil)
)

// Hold implements [policy.Holder].
func (c *Config) Hold(p *policy.Policy) { c.policy = p }
