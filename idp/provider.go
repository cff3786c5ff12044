package idp

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

// Paths of the endpoints.
const (
	pathAuthorize   = "/authorize"
	pathToken       = "/token"
	pathPAR         = "/par"
	pathRevoke      = "/revoke"
	pathIntrospect  = "/introspect"
	pathUserinfo    = "/userinfo"
	pathLogout      = "/logout"
	pathJWKS        = "/jwks"
	pathDevice      = "/device_authorization"
	pathOIDC        = "/.well-known/openid-configuration"
	pathOAuth       = "/.well-known/oauth-authorization-server"
	scopeOpenID     = "openid"
	scopeOffline    = "offline_access"
	grantCode       = "authorization_code"
	grantRefresh    = "refresh_token"
	grantCredential = "client_credentials"
	grantDevice     = "urn:ietf:params:oauth:grant-type:device_code"
	grantExchange   = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// policyPeople is the library's name for how people are proven.
const policyPeople = "people"

// GrantType returns the name that the standards have for a grant type, for a short
// one that is easier to type.
func GrantType(name string) string {
	switch name {
	case "device_code":
		return grantDevice
	case "token-exchange":
		return grantExchange
	}
	return name
}

func seconds(d time.Duration) int { return int(d / time.Second) }

// people reports whether there is somebody who proves people.
func (s *Server) people() bool { return s.options.Login != nil }

// settings is how the library is used. Its defaults are unsafe: rotation is off,
// refresh tokens never expire, proofs can be replayed, secrets are compared as they
// are. Nothing is left to a default here that matters.
func (s *Server) settings() []provider.Option {
	o, m := &s.options, s.manager
	scopes := []goidc.Scope{goidc.ScopeOpenID, goidc.ScopeOfflineAccess}
	for _, name := range o.Scopes {
		scopes = append(scopes, goidc.NewScope(name))
	}
	list := []provider.Option{
		provider.WithScopes(scopes...),
		provider.WithIDTokenSignatureAlgs(goidc.ES256),
		provider.WithIDTokenLifetime(seconds(IDTokenLife)),
		provider.WithClientCredentialsGrant(),
		provider.WithTokenExchangeGrant(s.exchange), provider.WithTokenExchangeClientAuthnRequired(),
		provider.WithSecretBasicAuthn(), provider.WithSecretPostAuthn(), provider.WithNoneAuthn(),
		provider.WithClientSecretVerifier(verifySecret),
		// Clients are looked up as registered ones are; the endpoint for registering
		// is not routed, and would let nobody in.
		provider.WithDCR(clientManager{s}),
		provider.WithDCRInitialTokenValidator(func(context.Context, string) error { return errors.New("idp: there is no open registration") }),
		provider.WithDPoP(goidc.ES256),
		// On even where there are no certificates: were it off, the library would give
		// clients that must have bound tokens others.
		provider.WithMTLS(o.Issuer, clientCertificate), provider.WithTLSTokenBinding(),
		provider.WithJTIConsumer(m.consume),
		provider.WithJWTLifetime(seconds(proofAge)),
		provider.WithJWTLeewayTime(seconds(leeway)),
		provider.WithResourceIndicators(o.Audiences[0], slices.Concat(o.Audiences[1:], o.Asked)...),
		provider.WithTokenIntrospection(func(_ context.Context, c *goidc.Client, _ goidc.TokenInfo) bool {
			return slices.Contains(c.Keywords, isResourceServer)
		}),
		provider.WithTokenRevocation(func(context.Context, *goidc.Client) bool { return true }),
		provider.WithTokenRevocationRevokeGrantOnAccessToken(),
		provider.WithTokenOptions(func(_ context.Context, g *goidc.Grant, _ *goidc.Client) goidc.TokenOptions {
			return goidc.NewJWTTokenOptions(goidc.ES256, tokenLife(g))
		}),
		provider.WithTokenClaims(s.tokenClaims),
		provider.WithIDTokenClaims(s.idTokenClaims),
		provider.WithGrantHandler(s.granting),
		provider.WithGrantIDFunc(random), provider.WithJWTIDFunc(random), provider.WithAuthnSessionIDFunc(random),
		provider.WithSigner(o.Keys.signer),
		provider.WithErrorHandler(s.failed),
		provider.WithErrorRenderer(s.renderError),
	}
	if s.people() {
		list = append(list, s.forPeople()...)
	}
	return list
}

// forPeople is what is on where people can be proven.
func (s *Server) forPeople() []provider.Option {
	m := s.manager
	return []provider.Option{
		provider.WithAuthCodeGrant(m, goidc.ResponseTypeCode),
		provider.WithAuthCodeLifetime(seconds(CodeLife)),
		provider.WithAuthCodeFunc(random),
		provider.WithAuthSessionLifetime(seconds(LoginLife)),
		provider.WithPKCERequired(goidc.CodeChallengeMethodSHA256),
		provider.WithPAR(m), provider.WithPARLifetime(seconds(CodeLife)), provider.WithPARIDFunc(random),
		provider.WithIssuerResponseParameter(),
		provider.WithRefreshTokenGrant(m),
		provider.WithRefreshTokenRotation(),
		provider.WithRefreshTokenShouldIssue(func(_ context.Context, _ *goidc.Client, g *goidc.Grant) bool { return exchangedOf(g) == nil }),
		provider.WithRefreshTokenLifetime(seconds(RefreshIdle)),
		provider.WithRefreshTokenFunc(func(context.Context) string { return refreshToken() }),
		provider.WithACRs(AAL1, AAL2),
		provider.WithDeviceGrant(devices{m}, s.noPage, s.connected),
		provider.WithPolicies(goidc.NewPolicy(policyPeople,
			func(*http.Request, *goidc.AuthnSession, *goidc.Client) bool { return true }, s.authenticate)),
	}
}

// noPage answers a request for a page that is not the library's to show.
func (s *Server) noPage(w http.ResponseWriter, _ *http.Request) error {
	http.Error(w, "there is nothing here", http.StatusNotFound)
	return nil
}

// connected tells a person that the device goes on by itself.
func (s *Server) connected(w http.ResponseWriter, _ *http.Request) error {
	s.page(w, http.StatusOK, "The device has access now, and goes on by itself. You can close this page.")
	return nil
}
