// Package leak keeps the inside of an upstream inside: stack traces, database
// errors, file paths, host names, keys, hashes of passwords, connection strings
// and product versions. It defends from replies that explain the next attack.
//
// Bodies of server errors are replaced by a problem document (RFC 9457) with the
// request id, and so are client errors in which something is found; a success in
// which something is found does not leave. Fields that name products are dropped
// from every answer.
//
// Payment card numbers are masked but for their last four digits. E-mail addresses
// and IBANs are looked for in client errors alone: what a success may hold is
// declared, and the reply control cuts what is not.
package leak

import "github.com/gatehouse-api/gatehouse"

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "leak",
	New:    func() gatehouse.Control { return &Config{Cards: "mask"} },
	Covers: []gatehouse.Requirement{"output.errors"},
}

// Config is what an operator writes under "leak:".
type Config struct {
	// Unscanned says why the bodies of an endpoint are not looked at: they are
	// streamed, or larger than a host holds.
	Unscanned *gatehouse.Waiver `yaml:"unscanned"`
	// Cards says what becomes of payment card numbers in successes: mask
	// (default), block, or allow with a waiver. Masking spares numbers of JSON,
	// and strings under a name like "order_id" that are digits only, unless a name
	// like "card_number" says what they are: as such a number cannot be masked, it
	// does not leave. Block spares nothing but IDs.
	Cards string `yaml:"cards"`
	// IDs names members of JSON that hold identifiers, whose digits are no card
	// numbers. It needs a waiver.
	IDs []string `yaml:"ids"`
	// Waiver is why cards are allowed, or identifiers not looked at.
	Waiver *gatehouse.Waiver `yaml:"waiver"`
	// Issues says why successes may hold keys and connection strings: the endpoint
	// issues them.
	Issues *gatehouse.Waiver `yaml:"issues"`
	// Personal says why e-mail addresses and IBANs may stand in client errors.
	// Addresses of departments such as support@ may without it.
	Personal *gatehouse.Waiver `yaml:"personal"`
}

var _ gatehouse.Control = (*Config)(nil)
