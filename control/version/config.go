// Package version tells callers how long a version of the API will live, and
// closes it when that is over. It defends from old versions that nobody looks
// after and everybody can reach.
//
// A version is a segment of the path: /v1/orders.
package version

import (
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "version",
	New:    func() gatehouse.Control { return &Config{} },
	Covers: []gatehouse.Requirement{"version.strategies", "version.deprecation", "version.sunset", "version.notice", "version.hard-sunset"},
}

// Config is what an operator writes under "version:".
type Config struct {
	// Versions holds every version there is, by its path segment: "v1". None at
	// all means that the API has no versions to speak of.
	Versions map[string]Version `yaml:"versions"`
}

// Version is the life of one version.
type Version struct {
	State      string            `yaml:"state"`      // current, deprecated or closed
	Deprecated Date              `yaml:"deprecated"` // since when it should not be used
	Sunset     Date              `yaml:"sunset"`     // from when it may be closed; six months later at the least
	Link       string            `yaml:"link"`       // the migration guide: an https URL
	Waiver     *gatehouse.Waiver `yaml:"waiver"`     // why the notice is shorter
}

// The states of a version.
const (
	current    = "current"
	deprecated = "deprecated"
	closed     = "closed"
)

// Date is a day in UTC, written as 2027-06-30.
type Date struct{ time.Time }

// UnmarshalText reads a day.
func (d *Date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("version: %q is not a date such as 2027-06-30", text)
	}
	d.Time = t
	return nil
}

var _ gatehouse.Control = (*Config)(nil)
