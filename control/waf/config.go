// Package waf looks for injected statements in the texts that the API's
// description leaves open: SQL, scripts for browsers, paths, shell commands,
// look-ups of Java. It is a second line: what an enum, a pattern, a format or a
// type says is checked by the control schema, exactly and for a thousandth of
// the cost, and an application that binds its statements' parameters needs none
// of this. Where it does not, this notices.
//
// It guesses, so it is off until it is asked for, and then it runs in shadow:
// what it would have refused is counted and stands in the trail until somebody
// writes `mode: enforce`. It is fed with strings only, of path, query, header and
// cookie parameters and of JSON and form bodies (multipart too), each under its name, and never
// with raw bytes. The quick rules look for literals and ask libinjection where one
// stands; the OWASP Core Rule Set, in builds with the tag waf, costs thousands of
// times more, so there is a bound on the text and on the time of each request.
// What was not looked at for that reason is not taken for harmless.
package waf

import (
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "waf",
	New:    func() gatehouse.Control { return &Config{MaxText: maxText, Budget: budget} },
	Covers: []gatehouse.Requirement{"input.injection"},
	Mode:   gatehouse.Shadow,
}

// The bounds that need a waiver to be looser: the rules cost time that grows with
// the text, so that without a bound they are a way to keep the gateway busy.
const (
	maxText = 8 << 10
	budget  = 100 * time.Millisecond
)

// The sets of rules.
const (
	off   = ""
	quick = "quick"
	crs   = "crs"
)

// Config is what an operator writes under "waf:".
type Config struct {
	// Rules switches the control on: quick for literals and libinjection, crs for
	// these and the OWASP Core Rule Set at paranoia level 1, in builds that have it.
	// Default none.
	Rules string `yaml:"rules"`
	// MaxText is how many bytes of text of one request the rules are given; what
	// the literals of the quick rules clear does not count. Default 8,192.
	MaxText int `yaml:"max_text"`
	// Budget is for how long the Core Rule Set may look at one request. It is read
	// between portions of 1 KiB. Default 100 ms.
	Budget time.Duration `yaml:"budget"`
	// Unscanned says why requests pass that hold more text than was looked at.
	// Without it they are refused once the control enforces.
	Unscanned *gatehouse.Waiver `yaml:"unscanned"`
	// Waiver is why a bound is looser than the default.
	Waiver *gatehouse.Waiver `yaml:"waiver"`
}

var _ gatehouse.Control = (*Config)(nil)
