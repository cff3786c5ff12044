// Package block shuts out who and what was blocked: addresses, principals, keys,
// clients and endpoints. It defends from an attack that was recognised, until
// somebody has dealt with its cause.
//
// Blocks are made elsewhere, by people and by detection. Here they are read from
// a snapshot that is replaced as a whole at every change: a request never waits
// for a database.
package block

import (
	"net/netip"

	"github.com/gatehouse-api/gatehouse"
)

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "block",
	New:    func() gatehouse.Control { return &Config{} },
	Covers: []gatehouse.Requirement{"incident.block", "incident.disable", "alert.act"},
}

// Config is what an operator writes under "block:".
type Config struct {
	// Exempt are addresses that no block of an address shuts out: an office, a
	// monitor, a partner's proxy. It needs a waiver.
	Exempt []netip.Prefix `yaml:"exempt"`
	// Waiver says why those addresses cannot be shut out.
	Waiver *gatehouse.Waiver `yaml:"waiver"`
}

var _ gatehouse.Control = (*Config)(nil)
