// Package headers puts the security fields on every answer, refusals included.
// It defends the browsers of an API's users from guessed media types, framing,
// plain-text connections and scripts in answers that are meant as data.
//
// It writes in the last stage, which no verdict skips, and replaces what the
// upstream said.
package headers

import (
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name: "headers",
	New: func() gatehouse.Control {
		return &Config{
			HSTS:              63_072_000 * time.Second,
			CSP:               "default-src 'none'; frame-ancestors 'none'",
			ReferrerPolicy:    "no-referrer",
			PermissionsPolicy: "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
		}
	},
	Covers: []gatehouse.Requirement{"headers.security", "tls.hsts", "log.correlation"},
}

// Config is what an operator writes under "headers:".
type Config struct {
	// HSTS is how long browsers keep to TLS (RFC 6797); two years, one at the
	// least. It is sent on TLS connections only, as section 7.2 demands.
	HSTS time.Duration `yaml:"hsts"`
	// Preload asks for the browsers' built-in list.
	Preload bool `yaml:"preload"`
	// CSP is the Content-Security-Policy. It must keep frame-ancestors 'none',
	// and default-src 'none' unless a waiver says why.
	CSP string `yaml:"content_security_policy"`
	// ReferrerPolicy is no-referrer, same-origin, strict-origin or
	// strict-origin-when-cross-origin.
	ReferrerPolicy string `yaml:"referrer_policy"`
	// PermissionsPolicy may only take permissions away: every entry ends in =().
	PermissionsPolicy string `yaml:"permissions_policy"`
	// Pages says why the upstream's own Content-Security-Policy stays: it serves
	// pages to people. It stays only where it begins with default-src 'none', keeps
	// frame-ancestors 'none', allows nothing unsafe, and names scripts by the SHA-256 of
	// their text or has none.
	Pages *gatehouse.Waiver `yaml:"pages"`
	// Waiver allows a Content-Security-Policy that loads something.
	Waiver *gatehouse.Waiver `yaml:"waiver"`
}

var _ gatehouse.Control = (*Config)(nil)
