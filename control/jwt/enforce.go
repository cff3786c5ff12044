package jwt

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/percent"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

const notAccepted = "The access token was not accepted."

// The challenges of RFC 6750 section 3.
var (
	challenge      = gatehouse.Fields{{Name: "www-authenticate", Value: "Bearer"}, {Name: "www-authenticate", Value: dpopChallenge}}
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
	prover      prover
}

// enforce proves the caller by the token of the Authorization field. An error
// means that there are no keys to decide with, or no
// knowledge of what was revoked.
func (v *verifier) enforce(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if x.Principal != nil {
		return gatehouse.Pass, nil
	}
	token, scheme, refused := presented(&x.Request)
	if refused != nil {
		return gatehouse.Deny(refused), nil
	}
	c, refused, err := v.check(ctx, token, x.At)
	switch {
	case err != nil:
		return gatehouse.Verdict{}, err
	case refused != nil:
		return scheme.deny(refused).Because(skew(c, refused, x.At.Unix())), nil
	case c.cert != nil && (x.Conn.Certificate == nil || x.Conn.Certificate.Thumbprint != *c.cert):
		return scheme.deny(unproven), nil
	case (c.key != nil) != (scheme == dpop):
		return dpop.deny(unproven).Because(wrongScheme), nil
	}
	switch over, err := v.revocations.hold(c, x.At); {
	case err != nil:
		return gatehouse.Verdict{}, err
	case over:
		return scheme.deny(revoked), nil
	}
	if scheme == dpop {
		if verdict, err := v.proves(ctx, x, c); err != nil || !verdict.Passed() {
			return verdict, err
		}
	}
	x.Principal = &c.principal
	return gatehouse.Pass, nil
}

const wrongScheme = "the scheme is DPoP for tokens that are bound to a key, and for no others"

// scheme is how a token is sent: as a bearer token (RFC 6750) or with a proof of
// possession (RFC 9449).
type scheme uint8

const (
	bearer scheme = iota
	dpop
)

// deny refuses with a challenge of the scheme that the client speaks.
func (s scheme) deny(a *gatehouse.Answer) gatehouse.Verdict {
	if twin := underDPoP[a]; s == dpop && twin != nil {
		a = twin
	}
	return gatehouse.Deny(a)
}

// skew says by how much a token misses its time, so that whoever reads the log knows a
// clock that is wrong from a token that is old. c is nil where no time was judged.
func skew(c *claims, refused *gatehouse.Answer, now int64) string {
	switch {
	case c == nil:
		return ""
	case refused == expired:
		return strconv.FormatInt(now-c.expires, 10) + " s after its exp"
	case refused == notYet:
		return strconv.FormatInt(c.notBefore-now, 10) + " s before its nbf"
	case refused == fromFuture:
		return strconv.FormatInt(c.issued-now, 10) + " s before its iat"
	}
	return ""
}

// check returns the claims of a token that holds now, or the refusal, with the claims
// where they were read.
func (v *verifier) check(ctx context.Context, token string, at time.Time) (*claims, *gatehouse.Answer, error) {
	e := v.cache.get(token, at)
	if e == nil || e.claims.issuer.source.Current(ctx, at) != e.set {
		return v.verify(ctx, token, at)
	}
	return &e.claims, v.judge(&e.claims, at.Unix()), nil
}

// judge decides by the claims alone. It is asked on first sight and on every
// hit of the cache alike.
func (v *verifier) judge(c *claims, now int64) *gatehouse.Answer {
	switch {
	case !slices.Contains(v.issuers, c.issuer):
		return badIssuer
	case !c.isFor(v.audience):
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

// isFor reports whether the token is meant for the audience.
func (c *claims) isFor(audience string) bool {
	return c.meant != "" && c.meant == audience || slices.Contains(c.audience, audience)
}

// longest is how many seconds a token may be made to live. Our own server gives
// clients for themselves an hour, and no refresh token (token.client-credentials).
func (v *verifier) longest(c *claims) int64 {
	if c.principal.IsClient() {
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
	e, err := i.read(t)
	if err != nil {
		return nil, badClaims, nil
	}
	c := &e.claims
	if refused := v.judge(c, at.Unix()); refused != nil {
		return c, refused, nil
	}
	set, signer, err := i.verify(ctx, t, at)
	switch {
	case errors.Is(err, jose.ErrUnavailable):
		return nil, nil, err
	case err != nil:
		return nil, answerTo(err), nil
	}
	c.meant = v.audience // so that the token's own list need not be looked at again
	if c.principal.KeyID == signer.ID {
		c.principal.KeyID = signer.ID // the same text, in memory that all its tokens share
	}
	c.signer, c.leeway, c.revocations, c.principal.Proof = signer, v.leeway, v.revocations, c
	if c.key != nil {
		sum := sha256.Sum256([]byte(token))
		c.hash = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if left := min(cacheLife, time.Unix(c.expires, 0).Sub(at)); left > 0 {
		e.token, e.until, e.set = strings.Clone(token), at.Add(left), set
		v.cache.put(e)
	}
	return c, nil, nil
}

// verify checks the signature with the issuer's keys of this kid, of which
// there may be two only where the issuer uses one kid twice.
func (i *issuer) verify(ctx context.Context, t *jose.Token, at time.Time) (*jose.Set, *jose.Key, error) {
	keys, set, err := i.source.Find(ctx, at, t.Algorithm, t.KeyID)
	if err != nil {
		return nil, nil, err
	}
	err = jose.ErrSignature
	for _, k := range keys[:min(len(keys), 2)] {
		if err = t.Verify(k); err == nil {
			return set, k, nil
		}
	}
	return nil, nil, err
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

// presented returns the token of the one Authorization field (RFC 6750 section 2.1,
// RFC 9449 section 7.1) and its scheme. The query and the body are never places for it.
func presented(q *gatehouse.Request) (string, scheme, *gatehouse.Answer) {
	value, found := "", 0
	for i := range q.Fields {
		if q.Fields[i].Name == "authorization" {
			value, found = q.Fields[i].Value, found+1
		}
	}
	switch {
	case found > 1:
		return "", 0, badRequest
	case namesToken(q.Query):
		return "", 0, inQuery
	case found == 0:
		return "", 0, missing
	}
	name, token, _ := strings.Cut(value, " ")
	s := bearer
	switch {
	case strings.EqualFold(name, "Basic"):
		return "", 0, basicRefused
	case strings.EqualFold(name, "DPoP"):
		s = dpop
	case !strings.EqualFold(name, "Bearer"):
		return "", 0, missing
	}
	switch {
	case len(token) > jose.MaxToken:
		return "", 0, tooLarge
	case token == "":
		return "", 0, badRequest
	}
	return token, s, nil
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
		if decoded, escaped := percent.Decode(text[i:]); escaped {
			c = decoded
			i += 2
		}
		if n == len(want) || c|0x20 != want[n]|0x20 {
			return false
		}
		n++
	}
	return n == len(want)
}
