// Package urlsecret refuses requests that carry secrets or personal data in the
// URL. It defends from what URLs are kept in: the logs of every hop, browser
// histories, bookmarks and Referer fields.
//
// The values of path and query parameters are looked at once, decoded, byte by
// byte; what was found is never repeated anywhere.
package urlsecret

import "github.com/gatehouse-api/gatehouse"

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "urlsecret",
	New:    func() gatehouse.Control { return &Config{} },
	Covers: []gatehouse.Requirement{"input.url-secrets"},
}

// Config is what an operator writes under "urlsecret:".
type Config struct {
	// Allow names path and query parameters that are not looked at. It needs a
	// waiver.
	Allow []string `yaml:"allow"`
	// Waiver says why those parameters may hold secrets.
	Waiver *gatehouse.Waiver `yaml:"waiver"`
}

var _ gatehouse.Control = (*Config)(nil)
