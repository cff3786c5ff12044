// Package cors says which web sites may call an API from a browser (the CORS
// protocol of the Fetch standard). It defends signed-in users from sites that
// use their browser to read or change what is theirs.
//
// Origins are compared byte for byte with a list: there are no patterns. What is
// allowed is made at load from the API's description, never from the request.
package cors

import (
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name: "cors",
	New: func() gatehouse.Control {
		return &Config{
			Headers: []string{"Authorization", "Content-Type", "Idempotency-Key"},
			Expose:  []string{"X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy"},
			MaxAge:  time.Hour,
		}
	},
	Covers: []gatehouse.Requirement{"cors.exact", "cors.no-wildcard", "cors.methods", "cors.headers", "cors.max-age"},
}

// Config is what an operator writes under "cors:".
type Config struct {
	// Origins are exact: "https://app.example.com", in lower case, without path
	// and without default port. "*" stands alone, on public endpoints, without
	// credentials and with a waiver. None at all shuts browsers of other sites out.
	Origins []string `yaml:"origins"`
	// Headers are the request fields that scripts may send.
	Headers []string `yaml:"headers"`
	// Expose are the answer's fields that scripts may read.
	Expose []string `yaml:"expose"`
	// Credentials allows cookies and client certificates. Bearer tokens need it not.
	Credentials bool `yaml:"credentials"`
	// MaxAge is how long a browser keeps a preflight's answer; 1 h at most.
	MaxAge time.Duration `yaml:"max_age"`
	// Waiver says why every origin is allowed, or plain-text ones.
	Waiver *gatehouse.Waiver `yaml:"waiver"`
}

var _ gatehouse.Control = (*Config)(nil)
