// Package jose checks signed tokens: JWS in compact form (RFC 7515) that carry
// a JWT (RFC 7519), under the advice of RFC 8725.
//
// It defends from algorithm confusion, keys brought along by the token,
// parsers that disagree about what a token says, and tokens made to cost much.
// The parser is strict and small, so that it can be read at one sitting: one
// serialisation, one alphabet, no duplicate names, no case folding, nothing
// after the end. The mathematics is the standard library's; JWK sets (RFC 7517)
// are parsed by go-jose and then checked for what go-jose leaves out.
package jose

import "errors"

// MaxToken is the most bytes of a token that is looked at: 8 KiB.
const MaxToken = 8 << 10

// The signature algorithms that exist here (RFC 7518 section 3.1, RFC 8037).
// HMAC and "none" are left out on purpose: no key of an issuer's JWKS could
// verify them, and whoever verifies an HMAC could forge it.
const (
	ES256 = "ES256"
	RS256 = "RS256"
	PS256 = "PS256"
	EdDSA = "EdDSA"
)

// Supported reports whether alg is one of the algorithms that exist here. Names
// are compared exactly (RFC 7515 section 4.1.1).
func Supported(alg string) bool {
	return alg == ES256 || alg == RS256 || alg == PS256 || alg == EdDSA
}

// Why a token is refused. Errors of this package wrap one of these.
var (
	ErrTooLarge    = errors.New("jose: token too large")
	ErrMalformed   = errors.New("jose: malformed token")
	ErrHeader      = errors.New("jose: header parameter refused")
	ErrAlgorithm   = errors.New("jose: algorithm refused")
	ErrKeyUnknown  = errors.New("jose: unknown key")
	ErrSignature   = errors.New("jose: signature does not verify")
	ErrClaim       = errors.New("jose: malformed claim")
	ErrUnavailable = errors.New("jose: no keys available")
)
