// Package reply lets out what the API's description declares, and nothing else.
//
// It defends from excessive data exposure (OWASP API3): the member that the
// database has and the interface forgot, the password hash among them. Members
// that the schema of the reply does not declare are cut, writeOnly members too,
// and a success that the description does not know does not leave.
package reply

import "github.com/gatehouse-api/gatehouse"

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name: "reply",
	New: func() gatehouse.Control {
		return &Config{Undeclared: "strip", OnUndeclaredStatus: "refuse", OnInvalid: "report", MaxItem: maxItem}
	},
	Covers: []gatehouse.Requirement{"output.filter", "output.validate"},
}

// maxItem is the most bytes of an item that need no waiver.
const maxItem = 1 << 20

// Config is what an operator writes under "reply:".
type Config struct {
	// Undeclared says what becomes of members that the schema does not declare:
	// strip (default), reject, or allow with a waiver.
	Undeclared string `yaml:"undeclared"`
	// OnUndeclaredStatus says what becomes of successes and redirects whose status
	// or media type the description does not declare: refuse (default), or report
	// with a waiver. Errors of the upstream pass.
	OnUndeclaredStatus string `yaml:"on_undeclared_status"`
	// OnInvalid says what becomes of replies whose values are not as described:
	// report (default) or refuse.
	OnInvalid string `yaml:"on_invalid"`
	// MaxItem is the most bytes of one item of a sequence: of an event, or of a line
	// of JSON. Default 1 MiB; more needs a waiver.
	MaxItem int64 `yaml:"max_item"`
	// NotInspected is why successes leave that are larger than a host holds (4 MiB):
	// only their beginning is looked at. Without it they are answered with 502.
	NotInspected *gatehouse.Waiver `yaml:"not_inspected"`
	// Waiver is why a setting is looser than the default.
	Waiver *gatehouse.Waiver `yaml:"waiver"`
}

var _ gatehouse.Control = (*Config)(nil)
