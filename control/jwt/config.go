// Package jwt proves callers by access tokens: JWTs signed by an issuer
// (RFC 7519, RFC 9068, RFC 8725).
//
// It defends from tokens that nobody issued, that were issued for another
// service or another time, that bring their own key or choose their own
// algorithm. Every check is mandatory: a configuration that lacks issuer,
// audience or key source does not compile. Cheap checks come before the
// signature, and a verified token is remembered for at most a minute, by the
// whole token, with every claim judged again each time. A token that is bound to a
// key of the client's (RFC 9449, RFC 8705) is worth nothing without it. What was revoked is read
// from a snapshot that is replaced as a whole at every change: a request never
// waits for a database.
package jwt

import (
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

// The numbers that are looser than these need a waiver, or do not exist.
const (
	defaultLeeway   = 30 * time.Second
	mostLeeway      = 60 * time.Second
	defaultLifetime = 15 * time.Minute
	mostLifetime    = 60 * time.Minute
	defaultCache    = 64 << 10 // verified tokens
	mostCache       = 1 << 20
	cacheLife       = 60 * time.Second
)

// Kind is the control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name: "jwt",
	New: func() gatehouse.Control {
		return &Config{Leeway: defaultLeeway, Lifetime: defaultLifetime, CacheSize: defaultCache}
	},
	Covers: []gatehouse.Requirement{
		"jwt.signature", "jwt.alg-pinned", "jwt.iss", "jwt.aud", "jwt.exp", "jwt.nbf", "jwt.lifetime",
		"jwt.all-mandatory", "jwt.jwks", "jwt.dpop-mtls", "session.mfa-aal2", "authn.every-endpoint", "authn.no-basic", "token.revocable",
	},
}

// Config says whose tokens are accepted.
type Config struct {
	// Issuers are those whose tokens are accepted; at least one.
	Issuers []Issuer `yaml:"issuers"`
	// Audience is the value that must be among the token's aud: this API.
	Audience string `yaml:"audience"`
	// Leeway is how far clocks may disagree: 0 to 30 s, to 60 s with LeewayWaiver.
	Leeway time.Duration `yaml:"leeway"`
	// LeewayWaiver is the reason for a leeway over 30 s.
	LeewayWaiver *gatehouse.Waiver `yaml:"leeway_waiver"`
	// Lifetime is the most that exp may lie after iat: up to 15 min, to 60 min
	// with LifetimeWaiver.
	Lifetime time.Duration `yaml:"lifetime"`
	// LifetimeWaiver is the reason for a lifetime over 15 min.
	LifetimeWaiver *gatehouse.Waiver `yaml:"lifetime_waiver"`
	// SharedSubjects is the reason why several issuers may be accepted whose subjects
	// are not told apart: they never give one sub to two people.
	SharedSubjects *gatehouse.Waiver `yaml:"shared_subjects"`
	// PublicURL is what clients call where that is not what arrives here: scheme, host
	// and, where a proxy in front cuts one off, the prefix of the path. DPoP proofs are
	// compared with it in place of the host that was asked for.
	PublicURL string `yaml:"public_url"`
	// CacheSize is how many verified tokens are remembered: 0 to 1,048,576. It is
	// rounded up to a power of two.
	CacheSize int `yaml:"cache_size"`

	claims []string // that policies of the API may read
}

// Issuer is one issuer of tokens and how its tokens are read.
type Issuer struct {
	// Issuer is the exact value of iss: an https URL, or http on loopback.
	Issuer string `yaml:"issuer"`
	// JWKS is where its keys are: a URL, or file:PATH. Without it they are found
	// through the issuer's metadata.
	JWKS string `yaml:"jwks"`
	// Algorithms are those that it signs with: of ES256, RS256 (the default is
	// these two), PS256, EdDSA.
	Algorithms []string `yaml:"algorithms"`
	// Type is the typ that its access tokens must have, such as at+jwt (RFC 9068).
	// Without it at+jwt, JWT and none at all are accepted, and no other.
	Type string `yaml:"type"`
	// TenantClaim, RolesClaim, ScopesClaim and ClientClaim name the
	// claims the principal is made of besides sub: tenant_id, roles, scope, client_id.
	// RolesClaim may be a path, such as realm_access.roles.
	TenantClaim string `yaml:"tenant_claim"`
	RolesClaim  string `yaml:"roles_claim"`
	ScopesClaim string `yaml:"scopes_claim"`
	ClientClaim string `yaml:"client_claim"`
	// SubjectPrefix is put in front of sub: the caller's id for everybody who compares
	// it, such as the owners of objects. Of several issuers one may do without.
	SubjectPrefix string `yaml:"subject_prefix"`
	// Assurance says which values of its acr stand for aal1, aal2 and aal3; the first
	// of them is what clients are told to ask for. Without it no token of the issuer
	// is of any level. Of our own authorization server the values are known.
	Assurance map[string][]string `yaml:"assurance"`
}

// withDefaults returns i with what was left out.
func (i Issuer) withDefaults() Issuer {
	if i.Algorithms == nil {
		i.Algorithms = []string{jose.ES256, jose.RS256}
	}
	for _, d := range [...]struct {
		claim *string
		name  string
	}{{&i.TenantClaim, "tenant_id"}, {&i.RolesClaim, "roles"}, {&i.ScopesClaim, "scope"}, {&i.ClientClaim, "client_id"}} {
		if *d.claim == "" {
			*d.claim = d.name
		}
	}
	return i
}
