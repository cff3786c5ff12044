package jwt

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

const notAccepted = "The access token was not accepted."

// The challenges of RFC 6750 section 3.
var (
	challenge      = gatehouse.Fields{{Name: "www-authenticate", Value: "Bearer"}}
	invalidToken   = gatehouse.Fields{{Name: "www-authenticate", Value: `Bearer error="invalid_token"`}}
	invalidRequest = gatehouse.Fields{{Name: "www-authenticate", Value: `Bearer error="invalid_request"`}}
)

// The answers. All that concern the token itself look alike but for the reason.
var (
	missing      = &gatehouse.Answer{Status: 401, Reason: "jwt.missing", Public: "This needs an access token in the Authorization field, under the scheme Bearer.", Fields: challenge}
	basicRefused = &gatehouse.Answer{Status: 401, Reason: "jwt.basic_refused", Public: "Basic authentication is not accepted here: send an access token in the Authorization field, under the scheme Bearer.", Fields: challenge}
	badRequest   = &gatehouse.Answer{Status: 400, Reason: "jwt.request", Public: "There must be one Authorization field with one access token: Bearer, one space, the token.", Fields: invalidRequest}
	inQuery      = &gatehouse.Answer{Status: 400, Reason: "jwt.query", Public: "An access token must not be sent in the query.", Fields: invalidRequest}
	tooLarge     = refusal("jwt.size")
	malformed    = refusal("jwt.malformed")
	badHeader    = refusal("jwt.header")
	badType      = refusal("jwt.typ")
	badAlgorithm = refusal("jwt.alg")
	badIssuer    = refusal("jwt.iss")
	badClaims    = refusal("jwt.claims")
	badAudience  = refusal("jwt.aud")
	expired      = refusal("jwt.exp")
	notYet       = refusal("jwt.nbf")
	fromFuture   = refusal("jwt.iat")
	tooLong      = refusal("jwt.lifetime")
	unknownKey   = refusal("jwt.kid_unknown")
	badSignature = refusal("jwt.signature")
	unproven     = refusal("jwt.cnf")
	revoked      = refusal("jwt.revoked")
)

func refusal(reason string) *gatehouse.Answer {
	return &gatehouse.Answer{Status: 401, Reason: reason, Public: notAccepted, Fields: invalidToken}
}

// verifier is the step of one endpoint.
type verifier struct {
	issuers     []*issuer
	audience    string
	leeway      int64 // seconds
	lifetime    int64 // seconds
	cache       *cache
	revocations *revocations
}

// enforce proves the caller by the token of the Authorization field. An error
// means that there are no keys to decide with, or no
// knowledge of what was revoked.
func (v *verifier) enforce(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if x.Principal != nil {
		return gatehouse.Pass, nil
	}
	token, refused := bearer(&x.Request)
	if refused != nil {
		return gatehouse.Deny(refused), nil
	}
	c, refused, err := v.check(ctx, token, x.At)
	switch {
	case err != nil:
		return gatehouse.Verdict{}, err
	case refused != nil:
		return gatehouse.Deny(refused), nil
	case c.bound && !holds(&x.Conn, c.thumb):
		return gatehouse.Deny(unproven), nil
	}
	switch over, err := v.revocations.hold(c, x.At); {
	case err != nil:
		return gatehouse.Verdict{}, err
	case over:
		return gatehouse.Deny(revoked), nil
	}
	x.Principal = c.principal
	return gatehouse.Pass, nil
}

// check returns the claims of a token that holds now, or the refusal.
func (v *verifier) check(ctx context.Context, token string, at time.Time) (*claims, *gatehouse.Answer, error) {
	e := v.cache.get(token, at)
	if e == nil || e.claims.issuer.source.Current(ctx, at) != e.set {
		return v.verify(ctx, token, at)
	}
	if refused := v.judge(e.claims, at.Unix()); refused != nil {
		return nil, refused, nil
	}
	return e.claims, nil, nil
}

// judge decides by the claims alone. It is asked on first sight and on every
// hit of the cache alike.
func (v *verifier) judge(c *claims, now int64) *gatehouse.Answer {
	switch {
	case !slices.Contains(v.issuers, c.issuer):
		return badIssuer
	case !slices.Contains(c.audience, v.audience):
		return badAudience
	case now >= c.expires+v.leeway:
		return expired
	case c.notBefore > now+v.leeway:
		return notYet
	case c.issued > now+v.leeway:
		return fromFuture
	case c.expires <= c.issued || c.expires-c.issued > v.longest(c):
		return tooLong
	}
	return nil
}

// longest is how many seconds a token may be made to live. Our own server gives
// clients for themselves an hour, and no refresh token (token.client-credentials).
func (v *verifier) longest(c *claims) int64 {
	if c.principal.Kind == "client" {
		return max(v.lifetime, c.issuer.clientLifetime)
	}
	return v.lifetime
}

// verify looks at a token that is not remembered: all that is cheap first, the
// signature last, so that random tokens are no attack on the processor.
func (v *verifier) verify(ctx context.Context, token string, at time.Time) (*claims, *gatehouse.Answer, error) {
	if strings.ContainsAny(token, " \t,") { // not before: it would cost more than the rest of a hit
		return nil, badRequest, nil
	}
	t, err := jose.Parse(token)
	if err != nil {
		return nil, answerTo(err), nil
	}
	name, err := t.Claims.Text("iss")
	known := slices.IndexFunc(v.issuers, func(i *issuer) bool { return i.name == name })
	if err != nil || known < 0 {
		return nil, badIssuer, nil
	}
	i := v.issuers[known]
	if !slices.Contains(i.algorithms, t.Algorithm) {
		return nil, badAlgorithm, nil
	}
	if !i.accepts(t.Type) {
		return nil, badType, nil
	}
	c, err := i.read(t)
	if err != nil {
		return nil, badClaims, nil
	}
	if refused := v.judge(c, at.Unix()); refused != nil {
		return nil, refused, nil
	}
	set, err := i.verify(ctx, t, at)
	switch {
	case errors.Is(err, jose.ErrUnavailable):
		return nil, nil, err
	case err != nil:
		return nil, answerTo(err), nil
	}
	if left := min(cacheLife, time.Unix(c.expires, 0).Sub(at)); left > 0 {
		v.cache.put(&entry{token: strings.Clone(token), until: at.Add(left), set: set, claims: c})
	}
	return c, nil, nil
}

// verify checks the signature with the issuer's keys of this kid, of which
// there may be two only where the issuer uses one kid twice.
func (i *issuer) verify(ctx context.Context, t *jose.Token, at time.Time) (*jose.Set, error) {
	keys, set, err := i.source.Find(ctx, at, t.Algorithm, t.KeyID)
	if err != nil {
		return nil, err
	}
	err = jose.ErrSignature
	for _, k := range keys[:min(len(keys), 2)] {
		if err = t.Verify(k); err == nil {
			return set, nil
		}
	}
	return nil, err
}

func answerTo(err error) *gatehouse.Answer {
	switch {
	case errors.Is(err, jose.ErrTooLarge):
		return tooLarge
	case errors.Is(err, jose.ErrHeader):
		return badHeader
	case errors.Is(err, jose.ErrAlgorithm):
		return badAlgorithm
	case errors.Is(err, jose.ErrKeyUnknown):
		return unknownKey
	case errors.Is(err, jose.ErrSignature):
		return badSignature
	}
	return malformed
}

// bearer returns the token of the one Authorization field (RFC 6750 section
// 2.1). The query and the body are never places for it.
func bearer(q *gatehouse.Request) (string, *gatehouse.Answer) {
	value, found := "", 0
	for i := range q.Fields {
		if q.Fields[i].Name == "authorization" {
			value, found = q.Fields[i].Value, found+1
		}
	}
	switch {
	case found > 1:
		return "", badRequest
	case namesToken(q.Query):
		return "", inQuery
	case found == 0:
		return "", missing
	}
	scheme, token, _ := strings.Cut(value, " ")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		return "", basicRefused
	case !strings.EqualFold(scheme, "Bearer"):
		return "", missing
	case len(token) > jose.MaxToken:
		return "", tooLarge
	case token == "":
		return "", badRequest
	}
	return token, nil
}

// namesToken reports whether a parameter of the query is called access_token,
// in whatever spelling.
func namesToken(query string) bool {
	for len(query) >= len("access_token") {
		part, rest, _ := strings.Cut(query, "&")
		name, _, _ := strings.Cut(part, "=")
		if spells(name, "access_token") {
			return true
		}
		query = rest
	}
	return false
}

// spells reports whether text is want in lower case, percent-encoded or not.
func spells(text, want string) bool {
	n := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' && i+2 < len(text) {
			c = unhex(text[i+1])<<4 | unhex(text[i+2])
			i += 2
		}
		if n == len(want) || c|0x20 != want[n]|0x20 {
			return false
		}
		n++
	}
	return n == len(want)
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&0xf + 9
}

// holds reports whether the client's certificate is the one that the token is
// bound to.
func holds(c *gatehouse.Conn, thumb [sha256.Size]byte) bool {
	return c.Certificate != nil && c.Certificate.Thumbprint == thumb
}
