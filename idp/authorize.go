package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/gatehouse-api/gatehouse/store"
)

// The authentication context classes: what NIST SP 800-63B calls authenticator
// assurance levels.
const (
	AAL1 = "aal1" // one factor
	AAL2 = "aal2" // two factors, or a passkey that verified its user
)

// mostState bounds what an [Authenticator] keeps with an authorization, in bytes.
const mostState = 4 << 10

// authenticate goes on with an authorization for the browser that began it.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request, as *goidc.AuthnSession, c *goidc.Client) (goidc.Status, error) {
	if as.Store == nil {
		as.Store = map[string]any{}
	}
	device, _ := as.Store[keyUserCode].(string)
	if err := strict(r, as); err != nil && device == "" {
		return goidc.StatusFailure, err
	}
	if err := bind(w, r, as); err != nil {
		return goidc.StatusFailure, err
	}
	p, err := s.pending(r.Context(), as, c)
	if err != nil {
		return goidc.StatusFailure, err
	}
	p.UserCode = device
	if device != "" { // whoever is asked must see it, and what is asked for (RFC 8628 section 5.4)
		p.Path, p.Return, p.Prompt = DevicePath+"/"+as.ID, "", []string{"consent"}
	}
	progress, proof, err := s.options.Login.Authenticate(w, r, p)
	if device != "" {
		proof.Session = "" // a device goes on when the person's browser is closed
	}
	switch {
	case progress == Proven && err == nil:
		if err = s.proven(as, p, proof); err == nil {
			return goidc.StatusSuccess, nil
		}
	case progress == Waiting && err == nil:
		return goidc.StatusPending, keep(as, p)
	}
	if refusal, ok := errors.AsType[Refusal](err); ok {
		return goidc.StatusFailure, goidc.NewError(goidc.ErrorCode(refusal), "nobody was logged in")
	}
	return goidc.StatusFailure, err
}

// strict refuses what the library would take: a challenge whose method is not
// said, which RFC 7636 section 4.3 calls plain, answers in the fragment, and what is
// odd about a request that was not pushed.
func strict(r *http.Request, as *goidc.AuthnSession) error {
	if endpointOf(r.Context()) == pathAuthorize {
		params, err := parameters(r)
		if err != nil {
			return err
		}
		if says := odd(params); says != "" {
			return goidc.NewError(goidc.ErrorCodeInvalidRequest, says)
		}
	}
	switch {
	case as.CodeChallengeMethod != goidc.CodeChallengeMethodSHA256 || len(as.CodeChallenge) != 43:
		return goidc.NewError(goidc.ErrorCodeInvalidRequest, "code_challenge_method must be S256, and code_challenge its 43 characters")
	case as.ResponseMode != "" && as.ResponseMode != goidc.ResponseModeQuery:
		return goidc.NewError(goidc.ErrorCodeInvalidRequest, "response_mode must be query")
	}
	return nil
}

// pending is the authorization as an [Authenticator] sees it.
func (s *Server) pending(ctx context.Context, as *goidc.AuthnSession, c *goidc.Client) (*Pending, error) {
	own, err := s.clients.Client(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	p := &Pending{
		ID: idOf(as.ID), Path: pathAuthorize + "/" + as.ID, Client: c.ID, ClientName: c.Name, FirstParty: own.FirstParty,
		Scopes: strings.Fields(as.Scopes), Prompt: strings.Fields(string(as.Prompt)), MaxAge: -1,
		ACR: strings.Fields(as.ACRValues), LoginHint: as.LoginHint, Return: origin(as.RedirectURI), State: map[string]string{},
	}
	if as.MaxAuthnAgeSecs != nil {
		p.MaxAge = time.Duration(*as.MaxAuthnAgeSecs) * time.Second
	}
	if text, _ := as.Store[keyState].(string); text != "" {
		if err := json.Unmarshal([]byte(text), &p.State); err != nil {
			return nil, fmt.Errorf("idp: reading the state of a login: %w", err)
		}
	}
	return p, nil
}

// origin is the scheme and authority of a redirect URI.
func origin(redirect string) string {
	u, err := url.Parse(redirect)
	switch {
	case err != nil:
		return ""
	case u.Host == "":
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}

// idOf is a name for an authorization by which nobody can go on with it.
func idOf(id string) string {
	h := hash(id)
	return fmt.Sprintf("%x", h[:6])
}

func keep(as *goidc.AuthnSession, p *Pending) error {
	text, err := json.Marshal(p.State)
	if err == nil && len(text) > mostState {
		err = fmt.Errorf("idp: a login keeps %d bytes; %d are the most", len(text), mostState)
	}
	as.Store[keyState] = string(text)
	return err
}

// proven ends the authorization with what was asked for and consented to.
func (s *Server) proven(as *goidc.AuthnSession, p *Pending, proof Proof) error {
	if err := s.checkProof(&proof, p); err != nil {
		return err
	}
	var granted []string
	for _, scope := range p.Scopes {
		if slices.Contains(proof.Scopes, scope) {
			granted = append(granted, scope)
		}
	}
	proof.Scopes = nil // they stand in the grant
	text, err := json.Marshal(proof)
	if err != nil {
		return fmt.Errorf("idp: writing who was proven: %w", err)
	}
	as.Store[keyWho] = string(text)
	as.Subject, as.GrantedScopes, as.GrantedResources = proof.Subject, strings.Join(granted, " "), as.Resources
	return nil
}

// checkProof refuses what would be a way around the login: a person named like a
// client, a proof older than what was asked for, a lower class than the lowest that
// was asked for.
func (s *Server) checkProof(proof *Proof, p *Pending) error {
	visible := !strings.ContainsFunc(proof.Subject, func(r rune) bool { return r <= ' ' || r > '~' })
	switch {
	case proof.Subject == "" || len(proof.Subject) > 255 || !visible || proof.Subject == p.Client:
		return fmt.Errorf("idp: %q is no subject", proof.Subject)
	case proof.At.IsZero() || proof.ACR == "":
		return errors.New("idp: a proof says when and how")
	case p.MaxAge >= 0 && time.Since(proof.At) > p.MaxAge+leeway:
		return LoginRequired
	case len(p.ACR) > 0 && !slices.Contains(p.ACR, proof.ACR) && proof.ACR != AAL2:
		return AccessDenied
	}
	return nil
}

// who is the proof that a grant began with.
func who(g *goidc.Grant) (p Proof) {
	if text, _ := g.Store[keyWho].(string); text != "" {
		_ = json.Unmarshal([]byte(text), &p) // we wrote it
	}
	return p
}

// granting is asked for every new grant and every refresh. A client for itself is
// told what it may be; a person is asked about anew, so that a role that was taken
// away is not in the next token.
func (s *Server) granting(ctx context.Context, kind goidc.GrantType, g *goidc.Grant) error {
	if g.Store == nil {
		g.Store = map[string]any{}
	}
	switch kind {
	case goidc.GrantClientCredentials:
		c, err := s.clients.Client(ctx, g.ClientID)
		if err != nil {
			return err
		}
		if err := s.entitled(ctx, c, g.Resources); err != nil {
			return err
		}
		g.ID = ownPrefix + c.ID + "~" + g.ID
		return setWho(g, Proof{Subject: c.ID, Tenant: c.Tenant, Roles: c.Roles})
	case goidc.GrantTokenExchange:
		return s.exchanging(ctx, g)
	case goidc.GrantRefreshToken:
		if err := s.newborn(ctx, g.Subject); err != nil {
			return err
		}
		now, err := s.options.Login.Person(ctx, g.Subject)
		if err == nil && now.ACR == AAL2 && who(g).ACR != AAL2 {
			err = fmt.Errorf("%w without a second factor", ErrNobody)
		}
		if errors.Is(err, ErrNobody) {
			if err := s.manager.revoke(ctx, g.ID, "the person may have no more tokens", "authorization server"); err != nil {
				return err
			}
			return invalidGrant(err)
		}
		if err != nil {
			return err
		}
		p := who(g)
		if err := s.stillSignedIn(ctx, g, p.Session); err != nil {
			return err
		}
		p.Tenant, p.Roles = now.Tenant, now.Roles
		return setWho(g, p)
	default:
		return s.newborn(ctx, g.Subject)
	}
}

// stillSignedIn refuses a refresh when the session that the grant comes from has
// ended by its age, and counts as a use of that session. A grant of offline_access
// outlives it: that is what was consented to (OpenID Connect Core 1.0 section 11).
func (s *Server) stillSignedIn(ctx context.Context, g *goidc.Grant, session string) error {
	if session == "" || slices.Contains(strings.Fields(g.Scopes), scopeOffline) {
		return nil
	}
	_, err := s.options.Store.BrowserSessions().UseNamed(ctx, time.Now(), session)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := s.manager.revoke(ctx, g.ID, "its session is over", "authorization server"); err != nil {
		return err
	}
	return invalidGrant(err)
}

func setWho(g *goidc.Grant, p Proof) error {
	text, err := json.Marshal(p)
	g.Store[keyWho] = string(text)
	return err
}

// tokenClaims is what an access token says beyond what the library writes: nothing
// that names or describes a person (RFC 9068; IDENTITY section 9).
func (s *Server) tokenClaims(_ context.Context, t *goidc.Token, g *goidc.Grant) map[string]any {
	p := who(g)
	claims := map[string]any{"nbf": t.CreatedAt}
	if len(t.Resources) == 0 {
		claims["aud"] = s.audience()
	}
	if p.Tenant != "" {
		claims["tenant"] = p.Tenant
	}
	if len(p.Roles) > 0 {
		claims["roles"] = p.Roles
	}
	if x := exchangedOf(g); x != nil {
		claims["act"] = x.actor
	}
	if p.ACR != "" {
		claims["acr"], claims["auth_time"] = p.ACR, p.At.Unix()
	}
	return claims
}

// audience is whom a token is for when nobody said: the one API there is, or the
// server itself, which is good for the userinfo endpoint alone.
func (s *Server) audience() string {
	if len(s.options.Audiences) == 1 {
		return s.options.Audiences[0]
	}
	return s.options.Issuer
}

func (s *Server) idTokenClaims(_ context.Context, g *goidc.Grant) map[string]any {
	p := who(g)
	claims := map[string]any{"acr": p.ACR, "amr": p.AMR, "auth_time": p.At.Unix()}
	if p.Session != "" {
		claims["sid"] = p.Session
	}
	return claims
}
