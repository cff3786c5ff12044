package jwt

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// Explain says what the control promises.
func (c *Config) Explain(s *gatehouse.Sheet) {
	if len(c.Issuers) == 0 {
		return
	}
	for _, raw := range c.Issuers {
		i := raw.withDefaults()
		if i.Issuer == self {
			s.Fact("jwt.iss", "callers are proven by access tokens of our own authorization server")
			s.Fact("jwt.signature", "every token's signature is verified with the server's present keys, which are known without a fetch: a key that is dropped is dropped at once")
			s.Fact("jwt.alg-pinned", "only ES256 and the type at+jwt are accepted")
			s.Fact("token.client-credentials", "tokens that a client got for itself may be made to live for %s", mostLifetime)
			continue
		}
		keys := i.JWKS
		if keys == "" {
			keys = "the issuer's metadata"
		}
		s.Fact("jwt.iss", "callers are proven by access tokens of %s", i.Issuer)
		s.Fact("jwt.signature", "every token's signature is verified with the keys of %s", keys)
		s.Fact("jwt.alg-pinned", "only %s is accepted, and only from a key that is for it; tokens never bring or name the place of their key", strings.Join(i.Algorithms, " or "))
		s.Fact("jwt.jwks", "keys are fetched anew after 10 min, replaced and never merged, used up to 24 h while the issuer is down; an unknown key id asks at most once in 30 s")
		for _, level := range levelNames[1:] {
			if acrs := i.Assurance[level]; len(acrs) > 0 {
				s.Fact("session.mfa-aal2", "a person is proven at %s where acr is %s", level, strings.Join(acrs, " or "))
			}
		}
		s.Fact("jwt.iss", "the tenant is read from %s, roles from %s, scopes from %s", i.TenantClaim, i.RolesClaim, i.ScopesClaim)
	}
	for _, i := range c.Issuers {
		if i.SubjectPrefix != "" {
			s.Fact("jwt.iss", "callers of %s are called by their sub with %q in front, and no other issuer's are", i.Issuer, i.SubjectPrefix)
		}
	}
	s.Fact("jwt.aud", "tokens must be for %s", c.Audience)
	s.Fact("jwt.exp", "tokens must not have expired, clocks may differ by %s", c.Leeway)
	s.Fact("jwt.nbf", "tokens must hold already and must not be issued in the future")
	s.Fact("jwt.lifetime", "tokens must not be made to live longer than %s", c.Lifetime)
	s.Fact("jwt.all-mandatory", "none of these checks can be left out, and each is repeated for a token that was seen before")
	s.Fact("token.revocable", "a token that was revoked by its jti, its grant_id or its subject is refused at once, one that was seen before too; when the store cannot be read for %s no token is accepted", staleAfter)
	s.Fact("jwt.dpop-mtls", "a token that is bound to a key is accepted with a DPoP proof of that key only: for this method and URL and this token, made within %d s, once; one that is bound to a certificate over TLS with that certificate only", proofAge)
	s.Fact("token.revocable", "streams and upgraded connections end within a second of the end of the token that they were opened by")
	s.Fact("authn.every-endpoint", "a request without a valid token is answered with 401")
	s.Fact("authn.no-basic", "HTTP Basic is refused")
}
