package idp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/store"
)

// tokenTypeAccess is the one type of token that is exchanged, and what it is
// exchanged for (RFC 8693 section 3).
const tokenTypeAccess = "urn:ietf:params:oauth:token-type:access_token"

// mostActors is how many clients may stand one behind another in a token: through
// more hands than these nobody follows what is done in a person's name.
const mostActors = 4

// keyExchanged is where a grant that came of an exchange has its [exchanged]. Such a
// grant is not kept: it is the grant of the token that was exchanged, under whose id
// both are revoked.
const keyExchanged = "_exchanged"

// actor is the claim act (RFC 8693 section 4.1): who acts for the subject, and for
// whom that one acts.
type actor struct {
	Subject string `json:"sub"`
	Behind  *actor `json:"act,omitempty"`
}

// exchanged is what a token that was exchanged leaves to the one that comes of it.
type exchanged struct {
	grant  string
	proof  Proof
	scopes []string
	until  time.Time // when the token that was exchanged expires
	target string
	actor  actor
}

func exchangedOf(g *goidc.Grant) *exchanged {
	x, _ := g.Store[keyExchanged].(*exchanged)
	return x
}

var errUnacceptable = goidc.NewError(goidc.ErrorCodeInvalidRequest, "the subject_token cannot be exchanged")

// unacceptable is the error of a subject token that is not valid or that policy does
// not accept (RFC 8693 section 2.2.2).
func unacceptable(format string, args ...any) error {
	return goidc.WrapError(errUnacceptable.Code, errUnacceptable.Description, fmt.Errorf("idp: "+format, args...))
}

// exchange judges an exchange (RFC 8693): a client that is registered for it gives an
// access token of ours that holds, and asks for one in its place, for one API that it
// may exchange for. The new token is the subject's still, and says that the client
// acts. There is no impersonation: the actor is who proved itself here.
func (s *Server) exchange(ctx context.Context, r goidc.TokenExchangeRequest) (goidc.TokenExchangeResult, error) {
	var none goidc.TokenExchangeResult
	a := askedIn(ctx)
	if a.client == nil || a.client.Public {
		return none, goidc.NewError(goidc.ErrorCodeUnauthorizedClient, "the client cannot prove itself")
	}
	switch {
	case r.ActorToken != "" || r.ActorTokenType != "":
		return none, goidc.NewError(goidc.ErrorCodeInvalidRequest, "there is no actor_token here: the actor is the client")
	case r.SubjectTokenType != tokenTypeAccess:
		return none, goidc.NewError(goidc.ErrorCodeInvalidRequest, "subject_token_type must be "+tokenTypeAccess)
	case r.RequestedTokenType != "" && r.RequestedTokenType != tokenTypeAccess:
		return none, goidc.NewError(goidc.ErrorCodeInvalidRequest, "requested_token_type must be "+tokenTypeAccess)
	}
	target, err := s.target(a.client, append(slices.Clone(r.Audience), r.Resource...))
	if err != nil {
		return none, err
	}
	t, err := s.ours(ctx, r.SubjectToken)
	if err != nil {
		return none, unacceptable("%w", err)
	}
	x, err := s.surrendered(ctx, t, a)
	if err != nil {
		return none, err
	}
	x.target = target
	subject, _ := t.Claims.Text("sub") // surrendered has read it
	s.log.Info("a token is exchanged", "subject", subject, "client", a.client.ID, "audience", target, "grant", x.grant)
	return goidc.TokenExchangeResult{Subject: subject, Store: map[string]any{keyExchanged: x}}, nil
}

// target is the one API that the new token is for.
func (s *Server) target(c *store.Client, asked []string) (string, error) {
	if len(asked) == 0 && len(c.ExchangeAudiences) == 1 {
		asked = c.ExchangeAudiences
	}
	slices.Sort(asked)
	asked = slices.Compact(asked)
	switch {
	case len(asked) != 1:
		return "", goidc.NewError(goidc.ErrorCodeInvalidTarget, "a token is exchanged for exactly one audience")
	case !slices.Contains(s.options.Audiences, asked[0]) || !slices.Contains(c.ExchangeAudiences, asked[0]):
		return "", goidc.WrapError(goidc.ErrorCodeInvalidTarget, "the client may not exchange tokens for this audience",
			fmt.Errorf("idp: %s may not exchange for %q: --exchange-audience", c.ID, asked[0]))
	}
	return asked[0], nil
}

// surrendered is what a token of ours leaves, when it is a live access token that
// the client may use.
func (s *Server) surrendered(ctx context.Context, t *jose.Token, a *asked) (*exchanged, error) {
	issued, err := issuedOf(t)
	expires, there, expErr := t.Claims.Seconds("exp")
	scope, scopeErr := t.Claims.Text("scope")
	now := time.Now()
	switch {
	case err != nil || expErr != nil || scopeErr != nil:
		return nil, unacceptable("a claim cannot be read: %w", errors.Join(err, expErr, scopeErr))
	case t.Type != "at+jwt":
		return nil, unacceptable("it is no access token")
	case issued.Issuer != s.options.Issuer || issued.Grant == "" || issued.Subject == "":
		return nil, unacceptable("it is not one that this server issues")
	case !there || now.Unix() >= expires:
		return nil, unacceptable("it has expired")
	}
	holds, err := s.options.Store.Revocations().Holds(ctx, now, issued)
	if err != nil {
		return nil, err
	}
	if !holds {
		return nil, unacceptable("it was revoked")
	}
	x := &exchanged{grant: issued.Grant, scopes: strings.Fields(scope), until: time.Unix(expires, 0)}
	if err := possessed(t, a); err != nil {
		return nil, err
	}
	if x.actor, err = acting(t, a.client.ID); err != nil {
		return nil, err
	}
	x.proof, err = s.stillThere(ctx, issued)
	return x, err
}

// issuedOf reads what a token can be revoked by.
func issuedOf(t *jose.Token) (i store.Issued, err error) {
	var errs [4]error
	i.Issuer, errs[0] = t.Claims.Text("iss")
	i.Token, errs[1] = t.Claims.Text("jti")
	i.Grant, errs[2] = t.Claims.Text("grant_id")
	i.Subject, errs[3] = t.Claims.Text("sub")
	at, _, err := t.Claims.Seconds("iat")
	i.At = time.Unix(at, 0)
	return i, errors.Join(append(errs[:], err)...)
}

// stillThere returns who the subject is now: a role that was taken away is not in the
// next token, and what hangs on a grant ends with it.
func (s *Server) stillThere(ctx context.Context, issued store.Issued) (Proof, error) {
	g, err := s.manager.Grant(ctx, issued.Grant)
	switch {
	case errors.Is(err, goidc.ErrNotFound), err == nil && (g.RevokedAt != 0 || g.Subject != issued.Subject):
		return Proof{}, unacceptable("its grant has ended")
	case err != nil:
		return Proof{}, err
	case ownGrant(g.ID):
		c, err := s.options.Store.Clients().Client(ctx, g.ClientID)
		return Proof{Subject: c.ID, Tenant: c.Tenant, Roles: c.Roles}, err
	}
	now, err := s.options.Login.Person(ctx, g.Subject)
	if errors.Is(err, ErrNobody) {
		return Proof{}, unacceptable("the person may have no more tokens")
	}
	p := who(g)
	p.Tenant, p.Roles = now.Tenant, now.Roles
	return p, err
}

// acting puts the client in front of those who act in a token already.
func acting(t *jose.Token, client string) (actor, error) {
	first := actor{Subject: client}
	last, from := &first, t.Claims
	for n := 1; from.Has("act"); n++ {
		behind, err := from.Object("act")
		if err != nil {
			return first, unacceptable("act cannot be read: %w", err)
		}
		name, err := behind.Text("sub")
		if err != nil || name == "" {
			return first, unacceptable("act cannot be read: %w", err)
		}
		if n == mostActors {
			return first, unacceptable("%d clients act in it already", n)
		}
		last.Behind = &actor{Subject: name}
		last, from = last.Behind, behind
	}
	return first, nil
}

// possessed refuses a token that is bound to a key which the client does not show: a
// bound token is worth no more to a thief here than at an API (RFC 9449 section 7,
// RFC 8705 section 3). The new token is bound to the same key.
func possessed(t *jose.Token, a *asked) error {
	cnf, err := t.Claims.Object("cnf")
	key, keyErr := cnf.Text("jkt")
	certificate, certErr := cnf.Text("x5t#S256")
	switch {
	case errors.Join(err, keyErr, certErr) != nil, t.Claims.Has("cnf") && key == "" && certificate == "":
		return unacceptable("cnf cannot be read")
	case key != "" && a.proofKey() != key:
		return unacceptable("it is bound to a key, and the request has no proof of it")
	case certificate == "":
		return nil
	case a.certificate == nil:
		return unacceptable("it is bound to a certificate, and the connection has none")
	case thumbprint(a.certificate) != certificate:
		return unacceptable("it is bound to another certificate")
	}
	a.binds = true
	return nil
}

// proofKey returns the thumbprint of the key of the request's DPoP proof, or "". The
// library has verified the proof before.
func (a *asked) proofKey() string {
	if a.dpop == "" {
		return ""
	}
	p, err := jose.ParseProof(a.dpop)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(p.Thumbprint[:])
}

// identity are scopes of the authorization server itself, which no exchange carries
// on: the new token is for an API.
var identity = [...]string{scopeOpenID, scopeOffline}

// exchanging makes the new grant what the exchange has come to: scopes are those of
// the old token that the client may have, and of these what it asks for.
func (s *Server) exchanging(ctx context.Context, g *goidc.Grant) error {
	x, a := exchangedOf(g), askedIn(ctx)
	if x == nil || a.client == nil {
		return errors.New("idp: an exchange without a token")
	}
	may := slices.DeleteFunc(slices.Clone(x.scopes), func(scope string) bool {
		return slices.Contains(identity[:], scope) || !slices.Contains(a.client.Scopes, scope)
	})
	for scope := range strings.FieldsSeq(g.Scopes) {
		if !slices.Contains(may, scope) {
			return goidc.WrapError(goidc.ErrorCodeInvalidScope, "a scope is not of the token that is exchanged", fmt.Errorf("idp: %q", scope))
		}
	}
	if g.Scopes == "" {
		g.Scopes = strings.Join(may, " ")
	}
	g.ID, g.Resources = x.grant, goidc.Resources{x.target}
	return setWho(g, x.proof)
}

// tokenLife is how long a token of a grant holds, in seconds. One that came of an
// exchange never outlives the token that was exchanged.
func tokenLife(g *goidc.Grant) int {
	switch x := exchangedOf(g); {
	case x != nil:
		return seconds(min(AccessLife, x.until.Sub(time.Now().Truncate(time.Second))))
	case ownGrant(g.ID):
		return seconds(ClientAccessLife)
	}
	return seconds(AccessLife)
}

// revokeExchanged revokes a token that a client got by an exchange: that token alone,
// since the grant is another client's.
func (m *manager) revokeExchanged(ctx context.Context, a *asked) error {
	t, err := jose.Parse(a.token)
	if err != nil {
		return nil // the library has found it to be ours; it cannot be
	}
	jti, err := t.Claims.Text("jti")
	if err != nil || jti == "" {
		return nil
	}
	now := time.Now()
	return m.store.Revocations().Revoke(ctx, store.Revocation{
		Kind: store.RevokeToken, Issuer: m.issuer, Subject: jti, Because: "the client that exchanged for it revoked it", Author: a.client.ID, At: now, Until: now.Add(store.TokenLife),
	})
}
