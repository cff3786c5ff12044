// Package identity tells the upstream who the caller is.
//
// It defends from upstreams that believe whatever a header says: the statement
// is signed (JWS, ES256), names the upstream it is for and holds for a minute.
// It is written last, from the proven principal, and every field that could be
// taken for it is removed from what the client sent, on public endpoints too.
package identity

import (
	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/secret"
)

// Kind is the control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name: "identity",
	New: func() gatehouse.Control {
		return &Config{Header: "gatehouse-identity", Issuer: "gatehouse"}
	},
	Covers: []gatehouse.Requirement{"authn.internal-too", "jwt.dpop-mtls"},
}

// Config says how the upstream is told.
type Config struct {
	// Header is the field that carries the signed statement.
	Header string `yaml:"header"`
	// Issuer is the statement's iss.
	Issuer string `yaml:"issuer"`
	// Audience is the statement's aud; the name of the API when left out.
	Audience string `yaml:"audience"`
	// Key is the private key to sign with, in PEM; the gateway's own identity key
	// when left out. Of several keys in one file the first signs; those behind it are
	// published, as the one before or the next.
	Key secret.Text `yaml:"key"`
	// Plain maps further fields to one of sub, tenant, roles, scopes and client,
	// for upstreams that cannot verify a signature and that nobody but the gateway
	// can reach.
	Plain map[string]string `yaml:"plain"`
	// Certificate has the certificate of the client's TLS connection sent in
	// Client-Cert (RFC 9440), for upstreams that nobody but the gateway can reach.
	Certificate bool `yaml:"certificate"`
	// Client has the client's address sent: "forwarded" in Forwarded (RFC 7239), with
	// host and proto, "x-forwarded-for" in X-Forwarded-For, with X-Forwarded-Host and
	// X-Forwarded-Proto. What came in is never passed on or added to.
	Client string `yaml:"client"`
}

// How an upstream is told the client's address.
const (
	clientForwarded  = "forwarded"
	clientXForwarded = "x-forwarded-for"
)
