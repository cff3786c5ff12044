// Package ratelimit bounds how often something may be asked: in all, by one
// application, by one user, from one address, and of one operation. It defends
// from brute force, scraping and exhaustion.
//
// All limits that bind a request are taken in one step, together or not at all.
// An address whose callers keep failing to prove who they are is refused before
// any cryptography is spent on it.
package ratelimit

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
)

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name: "ratelimit",
	New: func() gatehouse.Control {
		return &Config{
			Global: Rate{10_000, time.Second},
			Key:    Rate{1000, time.Minute},
			User:   Rate{100, time.Minute},
			IP:     Rate{30, time.Minute},
			Burst:  10,
		}
	},
	Covers: []gatehouse.Requirement{
		"limit.global", "limit.key", "limit.user", "limit.ip", "limit.endpoint", "limit.all-five",
		"limit.token-bucket", "limit.sliding-window", "limit.preset-auth", "limit.preset-reset",
		"limit.preset-read", "limit.preset-search", "limit.preset-write", "limit.headers", "limit.logged",
	},
}

// Config is what an operator writes under "ratelimit:".
type Config struct {
	Global Rate `yaml:"global"` // all requests together; 10,000/s
	Key    Rate `yaml:"key"`    // one API key or OAuth client; 1,000/min
	User   Rate `yaml:"user"`   // one user; 100/min
	IP     Rate `yaml:"ip"`     // one address or IPv6 /64 that is not authenticated; 30/min
	// Endpoint is the rate of the operation. Left out, it follows from what the
	// operation does: authentication 5/min, password reset 3/h, searches 60/min,
	// writes 50/min, reads 1,000/min.
	Endpoint Rate `yaml:"endpoint"`
	// Burst is how many requests may come at once; 10.
	Burst int `yaml:"burst"`
	// Algorithm counts the key, user and ip limits: token-bucket (the default) or
	// sliding-window. Endpoint limits are always sliding windows.
	Algorithm Algorithm `yaml:"algorithm"`
	// Account names the member of a JSON body that says whose account an
	// authentication or a password reset is about: "email".
	Account string `yaml:"account"`
	// TokenEndpoint says that the operation is an OAuth token endpoint: an address may
	// ask twice as often as the endpoint's rate says, a client for tokens of its own as
	// often as it says, and a device that polls (RFC 8628) as often as ip says.
	TokenEndpoint bool `yaml:"token_endpoint"`
	// Waiver allows rates and bursts above the required ones.
	Waiver *gatehouse.Waiver `yaml:"waiver"`
}

// Rate is a number of requests in a time, such as "100/min".
type Rate struct {
	N   int
	Per time.Duration
}

var units = []struct {
	name string
	per  time.Duration
}{{"s", time.Second}, {"min", time.Minute}, {"h", time.Hour}, {"sec", time.Second}, {"second", time.Second}, {"m", time.Minute}, {"minute", time.Minute}, {"hour", time.Hour}}

// UnmarshalText reads a whole number of requests, a slash and s, min or h.
func (r *Rate) UnmarshalText(b []byte) error {
	number, unit, _ := strings.Cut(string(b), "/")
	n, err := strconv.Atoi(strings.ReplaceAll(strings.TrimSpace(number), ",", ""))
	for _, u := range units {
		if err == nil && n > 0 && strings.TrimSpace(unit) == u.name {
			*r = Rate{n, u.per}
			return nil
		}
	}
	return fmt.Errorf("ratelimit: %q is not a rate such as 100/min, 10000/s or 3/h", b)
}

// String returns the rate as it is written in the configuration.
func (r Rate) String() string {
	for _, u := range units {
		if r.Per == u.per {
			return strconv.Itoa(r.N) + "/" + u.name
		}
	}
	return fmt.Sprintf("%d/%s", r.N, r.Per)
}

// looser reports whether r lets more through than bound.
func (r Rate) looser(bound Rate) bool {
	return int64(r.N)*int64(bound.Per) > int64(bound.N)*int64(r.Per) || r.Per > bound.Per && r.N > bound.N
}

// Algorithm is how a limit counts.
type Algorithm store.Algorithm

// UnmarshalText reads token-bucket or sliding-window.
func (a *Algorithm) UnmarshalText(b []byte) error {
	switch string(b) {
	case "token-bucket":
		*a = Algorithm(store.TokenBucket)
	case "sliding-window":
		*a = Algorithm(store.SlidingWindow)
	default:
		return fmt.Errorf("ratelimit: %q is neither token-bucket nor sliding-window", b)
	}
	return nil
}

var _ gatehouse.Control = (*Config)(nil)
