package jwt

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/percent"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/store"
)

const (
	proofAge    = 60 // seconds that a proof's iat may lie off, both ways
	proofMemory = (2*proofAge + 2) * time.Second
	proofWait   = 2 * time.Second // for the store of spent proofs
	proofSpace  = "dpop"
)

// The challenges of RFC 9449 section 7.1.
const (
	dpopChallenge = `DPoP algs="` + jose.ProofAlgorithms + `"`
	dpopRefused   = `DPoP error="invalid_token", algs="` + jose.ProofAlgorithms + `"`
	proofRefused  = `DPoP error="invalid_dpop_proof", algs="` + jose.ProofAlgorithms + `"`
)

// The answers to proofs look alike but for the reason.
var (
	proofMissing   = proofRefusal("jwt.proof_missing")
	proofMalformed = proofRefusal("jwt.proof_malformed")
	proofOtherKey  = proofRefusal("jwt.proof_key")
	proofMethod    = proofRefusal("jwt.proof_htm")
	proofURL       = proofRefusal("jwt.proof_htu")
	proofToken     = proofRefusal("jwt.proof_ath")
	proofTime      = proofRefusal("jwt.proof_iat")
	proofSignature = proofRefusal("jwt.proof_signature")
	proofSpent     = proofRefusal("jwt.proof_replayed")
)

func proofRefusal(reason string) *gatehouse.Answer {
	return &gatehouse.Answer{Status: 401, Reason: reason, Public: "The DPoP proof was not accepted.",
		Fields: gatehouse.Fields{{Name: "www-authenticate", Value: proofRefused}}}
}

// underDPoP holds the answers that concern a token, with the challenge for clients
// that sent it under the scheme DPoP.
var underDPoP = func() map[*gatehouse.Answer]*gatehouse.Answer {
	twins := map[*gatehouse.Answer]*gatehouse.Answer{}
	for _, a := range [...]*gatehouse.Answer{tooLarge, malformed, badHeader, badType, badAlgorithm, badIssuer, badClaims, badAudience,
		expired, notYet, fromFuture, tooLong, unknownKey, badSignature, unproven, revoked} {
		twin := *a
		twin.Fields = gatehouse.Fields{{Name: "www-authenticate", Value: dpopRefused}}
		twins[a] = &twin
	}
	return twins
}()

// prover is what proofs are judged by at one endpoint.
type prover struct {
	spent  store.Once
	scheme string // of the public URL; "" is that of the connection
	host   string // "" is the one that was asked for
	prefix string // of the path, in front of what arrives here
	any    bool   // every host is served, and none of them says who we are
}

// proves judges the proof of possession for a token that is bound to a key (RFC 9449
// section 4.3): all that is cheap first, the signature of the client's own key behind
// it, and the store last, so that only genuine proofs are remembered.
func (v *verifier) proves(ctx context.Context, x *gatehouse.Exchange, c *claims) (gatehouse.Verdict, error) {
	text, found := "", 0
	for i := range x.Request.Fields {
		if x.Request.Fields[i].Name == "dpop" {
			text, found = x.Request.Fields[i].Value, found+1
		}
	}
	if found != 1 {
		return gatehouse.Deny(proofMissing), nil
	}
	p, err := jose.ParseProof(text)
	if err != nil {
		return gatehouse.Deny(proofMalformed).Because(err.Error()), nil
	}
	away := x.At.Unix() - p.Issued
	switch {
	case p.Thumbprint != *c.key:
		return gatehouse.Deny(proofOtherKey), nil
	case p.Method != x.Request.Method:
		return gatehouse.Deny(proofMethod), nil
	case v.prover.any:
		return gatehouse.Deny(proofURL).Because("every host is served, so that only public_url could say what proofs are for"), nil
	case !v.prover.meant(p.URL, x):
		return gatehouse.Deny(proofURL), nil
	case p.TokenHash != c.hash:
		return gatehouse.Deny(proofToken), nil
	case away > proofAge || away < -proofAge:
		return gatehouse.Deny(proofTime).Because(fmt.Sprintf("the proof was made %d s ago", away)), nil
	case p.Issued < v.prover.spent.Since().Unix():
		return gatehouse.Deny(proofTime).Because("the proof is older than the memory of spent ones"), nil
	case p.Verify() != nil:
		return gatehouse.Deny(proofSignature), nil
	}
	// Of one key only: nobody can spend a jti for another client.
	ctx, cancel := context.WithTimeout(ctx, proofWait)
	defer cancel()
	first, err := v.prover.spent.First(ctx, x.At, proofSpace, base64.RawURLEncoding.EncodeToString(c.key[:])+p.ID, proofMemory)
	switch {
	case err != nil:
		return gatehouse.Verdict{}, fmt.Errorf("jwt: remembering a proof: %w", err)
	case !first:
		return gatehouse.Deny(proofSpent), nil
	}
	return gatehouse.Pass, nil
}

// meant reports whether a proof is for this request: htu is its URL without query and
// fragment (RFC 9449 section 4.3), after normalisation by syntax and scheme.
func (p *prover) meant(htu string, x *gatehouse.Exchange) bool {
	scheme, host := p.scheme, p.host
	if scheme == "" {
		scheme = "http"
		if x.Conn.Secure {
			scheme = "https"
		}
	}
	if host == "" {
		host = x.Request.Host
	}
	if end := strings.IndexAny(htu, "?#"); end >= 0 {
		htu = htu[:end]
	}
	name, rest, ok := strings.Cut(htu, "://")
	if !ok || !strings.EqualFold(name, scheme) {
		return false
	}
	path := "/"
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		rest, path = rest[:slash], rest[slash:]
	}
	return strings.EqualFold(withoutDefaultPort(rest, scheme), host) && samePath(path, p.prefix, x.Request.Path)
}

// withoutDefaultPort cuts the port that a URL of the scheme has anyway (RFC 3986
// section 6.2.3).
func withoutDefaultPort(authority, scheme string) string {
	if scheme == "https" {
		return strings.TrimSuffix(authority, ":443")
	}
	return strings.TrimSuffix(authority, ":80")
}

// samePath compares a path with a prefix and a canonical path, in which unreserved
// characters are decoded and other escapes are in upper case (RFC 3986 section 6.2.2).
func samePath(path, prefix, canonical string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok {
		return false
	}
	n := 0
	for i := 0; i < len(rest); i++ {
		if n == len(canonical) {
			return false
		}
		decoded, escaped := percent.Decode(rest[i:])
		switch {
		case !escaped:
			if rest[i] != canonical[n] {
				return false
			}
			n++
			continue
		case canonical[n] == decoded && unreserved(decoded):
			n++
		case len(canonical)-n >= 3 && canonical[n] == '%' && strings.EqualFold(canonical[n+1:n+3], rest[i+1:i+3]):
			n += 3
		default:
			return false
		}
		i += 2
	}
	return n == len(canonical)
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
