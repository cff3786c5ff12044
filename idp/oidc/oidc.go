// Package oidc is an OpenID Connect relying party: people of an organisation sign in
// at its own OpenID provider. It is a [sso.Protocol].
//
// What it defends from: answers that belong to another browser, another login or
// another provider (state, nonce, iss of RFC 9207), stolen and injected codes (PKCE,
// always), id_tokens that are forged, old, for somebody else, or signed by an
// algorithm that nobody configured, and providers that are slow, endless or lead
// elsewhere. The protocol is spoken with two libraries that no other package sees;
// keys come from [jose.Source], whose fetches are bounded.
package oidc

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/internal/secret"
)

// Options is what a relying party is made of.
type Options struct {
	Issuer       string // as the provider writes it in its metadata, character by character
	ClientID     string
	ClientSecret secret.Text
	// SecretInBody sends the secret as client_secret_post; otherwise it is
	// client_secret_basic.
	SecretInBody bool
	// Algorithm is the one that signs id_tokens: one of package jose. The provider's
	// metadata and the token have no say in it.
	Algorithm string
	Scopes    []string // beside openid
	ACR       []string // asked for as acr_values, the preferred first
	// Userinfo asks the userinfo endpoint for claims that the id_token lacks.
	Userinfo    bool
	RedirectURI string            // ours, registered at the provider
	SignedOut   string            // ours for people who signed out there, registered as a post-logout redirect URI
	Transport   http.RoundTripper // nil for an ordinary one without proxy
	Log         *slog.Logger      // nil discards
}

// Provider is an OpenID provider that we are a client of.
type Provider struct {
	options Options
	client  *http.Client
	keys    *jose.Source
	found   discovery
}

var (
	_ sso.Protocol = (*Provider)(nil)
	_ sso.Ender    = (*Provider)(nil)
)

// New makes a relying party. Nothing is fetched before the first person comes.
func New(o Options) (*Provider, error) {
	switch {
	case o.ClientID == "" || o.ClientSecret.IsZero() || o.RedirectURI == "":
		return nil, errors.New("oidc: a client needs an ID, a secret and a redirect URI")
	case !jose.Supported(o.Algorithm):
		return nil, fmt.Errorf("oidc: %q is no algorithm that signs id_tokens here", o.Algorithm)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	client := newClient(o.Issuer, o.Transport)
	keys, err := jose.NewSource(o.Issuer, "", client.Transport, o.Log)
	if err != nil {
		return nil, fmt.Errorf("oidc: issuer %q: %w", o.Issuer, err)
	}
	return &Provider{options: o, client: client, keys: keys}, nil
}

// Close waits for what is being fetched. The provider must not be used afterwards.
func (p *Provider) Close() { p.keys.Close() }

// kept is what is needed when the browser is back.
type kept struct {
	Verifier string `json:"v"` // of PKCE
	Nonce    string `json:"n"`
}

// Begin implements [sso.Protocol].
func (p *Provider) Begin(ctx context.Context, s sso.Start) (sso.Departure, error) {
	m, err := p.found.metadata(ctx, p)
	if err != nil {
		return sso.Departure{}, err
	}
	k := kept{Verifier: oauth2.GenerateVerifier(), Nonce: rand.Text() + rand.Text()}
	params := []oauth2.AuthCodeOption{gooidc.Nonce(k.Nonce), oauth2.S256ChallengeOption(k.Verifier)}
	if s.Fresh {
		// max_age makes the provider say when it proved the person (OpenID Connect
		// Core 1.0 section 3.1.2.1).
		params = append(params, oauth2.SetAuthURLParam("prompt", "login"),
			oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(sso.JourneyLife/time.Second))))
	}
	if s.LoginHint != "" {
		params = append(params, oauth2.SetAuthURLParam("login_hint", s.LoginHint))
	}
	if len(p.options.ACR) > 0 {
		params = append(params, oauth2.SetAuthURLParam("acr_values", strings.Join(p.options.ACR, " ")))
	}
	data, err := json.Marshal(k)
	if err != nil {
		return sso.Departure{}, fmt.Errorf("oidc: writing what is kept: %w", err)
	}
	return sso.Departure{URL: p.config(m).AuthCodeURL(s.Handle, params...), Kept: data}, nil
}

// config is the OAuth client for what the provider says about itself.
func (p *Provider) config(m *metadata) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if p.options.SecretInBody {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: p.options.ClientID, ClientSecret: p.options.ClientSecret.Reveal(), RedirectURL: p.options.RedirectURI,
		Scopes:   append([]string{gooidc.ScopeOpenID}, p.options.Scopes...),
		Endpoint: oauth2.Endpoint{AuthURL: m.Authorization, TokenURL: m.Token, AuthStyle: style},
	}
}

// Handle implements [sso.Protocol].
func (p *Provider) Handle(params url.Values) string { return params.Get("state") }

// Finish implements [sso.Protocol].
func (p *Provider) Finish(ctx context.Context, a sso.Answer) (sso.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := p.found.metadata(ctx, p)
	if err != nil {
		return sso.Identity{}, err
	}
	var k kept
	if err := json.Unmarshal(a.Kept, &k); err != nil || k.Verifier == "" || k.Nonce == "" {
		return sso.Identity{}, refused("what was kept cannot be read")
	}
	code, err := p.code(m, a.Params)
	if err != nil {
		return sso.Identity{}, err
	}
	token, err := p.config(m).Exchange(gooidc.ClientContext(ctx, p.client), code, oauth2.VerifierOption(k.Verifier))
	if err != nil {
		return sso.Identity{}, exchangeFailed(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return sso.Identity{}, refused("the token endpoint gave no id_token")
	}
	claims, err := p.verify(ctx, raw, token.AccessToken, &k, &a)
	if err != nil {
		return sso.Identity{}, err
	}
	if p.options.Userinfo {
		if err := p.userinfo(ctx, m, token.AccessToken, claims); err != nil {
			return sso.Identity{}, err
		}
	}
	return claims.identity(p.options.Issuer, raw), nil
}

// code returns the code of an answer that is this provider's (RFC 9207): another
// one's is not even looked at, error or not.
func (p *Provider) code(m *metadata, params url.Values) (string, error) {
	switch iss := params["iss"]; {
	case len(iss) > 0 && iss[0] != p.options.Issuer:
		return "", refused("the answer is another provider's: its iss is %.200q", iss[0])
	case len(iss) == 0 && m.IssuerInResponse:
		return "", refused("the provider says that its answers have an iss, and this one has none")
	}
	if problem := params.Get("error"); problem != "" {
		return "", fmt.Errorf("%w: error %.100q, %.300q", sso.ErrDeclined, problem, params.Get("error_description"))
	}
	code := params.Get("code")
	if code == "" || len(code) > 4096 {
		return "", refused("the answer has no code")
	}
	return code, nil
}

// refused says why an answer does not hold.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{sso.ErrAnswer}, args...)...)
}

// exchangeFailed says why there is no token, without what the provider wrote but for
// its code: the rest may be anything.
func exchangeFailed(err error) error {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		if status := e.Response.StatusCode; status >= http.StatusInternalServerError {
			return fmt.Errorf("%w: the token endpoint answers %d", sso.ErrUnavailable, status)
		}
		return refused("the token endpoint answers %d, error %.100q", e.Response.StatusCode, e.ErrorCode)
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%w: %.300s", sso.ErrUnavailable, err.Error())
	}
	return refused("the token endpoint's answer cannot be read: %.300s", err.Error())
}

// End implements [sso.Ender], by RP-initiated logout (OpenID Connect RP-Initiated
// Logout 1.0 section 2).
func (p *Provider) End(ctx context.Context, upstream []byte, handle string) (string, error) {
	m, err := p.found.metadata(ctx, p)
	if err != nil || m.EndSession == "" {
		return "", err
	}
	u, err := url.Parse(m.EndSession)
	if err != nil {
		return "", fmt.Errorf("oidc: the place to sign out: %w", err)
	}
	q := u.Query()
	q.Set("id_token_hint", string(upstream))
	q.Set("client_id", p.options.ClientID)
	q.Set("post_logout_redirect_uri", p.options.SignedOut)
	q.Set("state", handle)
	u.RawQuery = q.Encode()
	return u.String(), nil
}
