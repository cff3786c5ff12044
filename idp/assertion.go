package idp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/store"
)

// The parameters by which a client proves itself with a key (RFC 7521 section 4.2).
const (
	formAssertion     = "client_assertion"
	formAssertionType = "client_assertion_type"
	assertionJWT      = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// AssertionLife is the longest that a client's assertion may still hold when it is
// used.
const AssertionLife = 5 * time.Minute

const mostJTI = 256 // bytes

var errAssertion = errors.New("idp: the client assertion does not hold")

// asserted returns the client that an assertion proves (RFC 7523 section 3): signed
// by a key that is registered for it, issued by it about itself, for this server and
// no other, for a short time, and used once. The signature is verified before the
// assertion is spent, so that nobody spends another's.
func (s *Server) asserted(ctx context.Context, form url.Values, now time.Time) (*store.Client, error) {
	if form.Get(formAssertionType) != assertionJWT {
		return nil, fmt.Errorf("%w: its type is not %s", errAssertion, assertionJWT)
	}
	t, err := jose.Parse(form.Get(formAssertion))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAssertion, err)
	}
	id, err := s.aboutItself(t, form)
	if err != nil {
		return nil, err
	}
	c, err := s.clients.Client(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("%w: there is no such client", errAssertion)
	case err != nil:
		return nil, err
	}
	if err := signedBy(ctx, t, c.JWKS, now); err != nil {
		return nil, err
	}
	until, err := assertedFor(t, now)
	if err != nil {
		return nil, err
	}
	return c, s.spend(ctx, t, id, now, until)
}

// aboutItself returns the client that an assertion names, when it names one client
// in every place and is meant for this server. An audience is one text: a list could
// name another server, too, whose operator could use the assertion here
// (RFC 7523bis section 4).
func (s *Server) aboutItself(t *jose.Token, form url.Values) (string, error) {
	issuer, issErr := t.Claims.Text("iss")
	subject, subErr := t.Claims.Text("sub")
	audience, audErr := t.Claims.Text("aud")
	switch {
	case t.Type != "" && t.Type != "jwt" && t.Type != "client-authentication+jwt":
		return "", fmt.Errorf("%w: its typ is another token's", errAssertion)
	case errors.Join(issErr, subErr, audErr) != nil:
		return "", fmt.Errorf("%w: %w", errAssertion, errors.Join(issErr, subErr, audErr))
	case issuer == "" || issuer != subject:
		return "", fmt.Errorf("%w: iss and sub are not the one client", errAssertion)
	case form.Has("client_id") && form.Get("client_id") != issuer:
		return "", fmt.Errorf("%w: client_id is another client's", errAssertion)
	case audience != s.options.Issuer && audience != s.options.Issuer+pathToken:
		return "", fmt.Errorf("%w: aud is neither the issuer nor the token endpoint", errAssertion)
	}
	return issuer, nil
}

// signedBy returns an error unless one of the registered keys signed the token. The
// algorithm is the key's, not the token's choice.
func signedBy(ctx context.Context, t *jose.Token, jwks []byte, now time.Time) error {
	if len(jwks) == 0 {
		return fmt.Errorf("%w: the client does not prove itself by a key", errAssertion)
	}
	set, err := jose.ParseSet(jwks)
	if err != nil {
		return fmt.Errorf("idp: reading the keys of a client: %w", err)
	}
	keys, _, err := jose.Fixed(set).Find(ctx, now, t.Algorithm, t.KeyID)
	if err != nil {
		return fmt.Errorf("%w: %w", errAssertion, err)
	}
	for _, k := range keys {
		if err = t.Verify(k); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: %w", errAssertion, err)
}

// assertedFor returns until when an assertion may be used.
func assertedFor(t *jose.Token, now time.Time) (time.Time, error) {
	expires, there, expErr := t.Claims.Seconds("exp")
	issued, _, iatErr := t.Claims.Seconds("iat")
	begins, _, nbfErr := t.Claims.Seconds("nbf")
	if err := errors.Join(expErr, iatErr, nbfErr); err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", errAssertion, err)
	}
	until, latest := time.Unix(expires, 0).Add(leeway), now.Add(leeway).Unix()
	switch {
	case !there:
		return until, fmt.Errorf("%w: without exp it would hold for ever", errAssertion)
	case !now.Before(until):
		return until, fmt.Errorf("%w: it expired %s ago", errAssertion, now.Sub(time.Unix(expires, 0)).Round(time.Second))
	case until.After(now.Add(AssertionLife + 2*leeway)):
		return until, fmt.Errorf("%w: it holds for longer than %s", errAssertion, AssertionLife)
	case issued > latest || begins > latest:
		return until, fmt.Errorf("%w: it is from the future", errAssertion)
	}
	return until, nil
}

// spend lets a client use the name of an assertion once, as long as it could hold.
func (s *Server) spend(ctx context.Context, t *jose.Token, client string, now, until time.Time) error {
	jti, err := t.Claims.Text("jti")
	if err != nil || jti == "" || len(jti) > mostJTI {
		return fmt.Errorf("%w: its jti is missing or too long", errAssertion)
	}
	first, err := s.options.Store.Once().First(ctx, now, "client assertion", client+" "+jti, until.Sub(now)+leeway)
	if err == nil && !first {
		err = fmt.Errorf("%w: it was used before", errAssertion)
	}
	return err
}
