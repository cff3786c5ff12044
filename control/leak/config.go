// Package leak keeps the inside of an upstream inside: stack traces, database
// errors, file paths, host names, private keys and product versions. It defends
// from replies that explain the next attack.
//
// Bodies of server errors are replaced by a problem document (RFC 9457) with the
// request id, and so are client errors in which something is found; a success in
// which something is found does not leave. Fields that name products are dropped
// from every answer.
package leak

import "github.com/gatehouse-api/gatehouse"

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "leak",
	New:    func() gatehouse.Control { return &Config{} },
	Covers: []gatehouse.Requirement{"output.errors"},
}

// Config is what an operator writes under "leak:".
type Config struct {
	// Unscanned says why the bodies of an endpoint are not looked at: they are
	// streamed, or larger than a host holds.
	Unscanned *gatehouse.Waiver `yaml:"unscanned"`
}

var _ gatehouse.Control = (*Config)(nil)
