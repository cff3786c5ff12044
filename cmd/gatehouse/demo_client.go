package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// oauthClient is the demo's client of the authorization server: a public one, with
// PKCE (RFC 7636), and nothing that a visitor's own could not do.
type oauthClient struct {
	http     *http.Client
	issuer   string
	id       string
	redirect string
}

// login is an authorization that has begun: what only the client that began it knows.
type login struct{ verifier, state, nonce string }

// tokens is what the token endpoint answers with (RFC 6749 section 5.1).
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Scope   string `json:"scope"`
}

// unguessable returns 43 characters of base64url: what RFC 7636 section 4.1 asks of a
// verifier.
func unguessable() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// begin returns where a browser has to go. change replaces parameters, and removes
// those that are "".
func (c *oauthClient) begin(scopes []string, change url.Values) (login, string) {
	l := login{unguessable(), unguessable(), unguessable()}
	sum := sha256.Sum256([]byte(l.verifier))
	q := url.Values{
		"client_id": {c.id}, "response_type": {"code"}, "redirect_uri": {c.redirect}, "scope": {strings.Join(scopes, " ")},
		"state": {l.state}, "nonce": {l.nonce}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for name, v := range change {
		if q[name] = v; len(v) == 0 || v[0] == "" {
			delete(q, name)
		}
	}
	return l, c.issuer + "/authorize?" + q.Encode()
}

// redeem exchanges what came back to the redirect URI. A response that is not the one
// that was begun, or of another issuer (RFC 9207), is none.
func (c *oauthClient) redeem(ctx context.Context, back url.Values, l login) (tokens, error) {
	switch {
	case back.Get("state") != l.state:
		return tokens{}, errors.New("this is not the sign-in that was begun here")
	case back.Get("iss") != c.issuer:
		return tokens{}, fmt.Errorf("the response is from %q", back.Get("iss"))
	case back.Get("error") != "":
		return tokens{}, errors.New(back.Get("error") + ": " + back.Get("error_description"))
	}
	return c.ask(ctx, url.Values{"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {c.redirect}, "code_verifier": {l.verifier}})
}

func (c *oauthClient) refresh(ctx context.Context, token string) (tokens, error) {
	return c.ask(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// ask asks the token endpoint.
func (c *oauthClient) ask(ctx context.Context, form url.Values) (t tokens, err error) {
	r, err := c.post(ctx, "/token", form)
	if err != nil {
		return t, err
	}
	if r.status != http.StatusOK {
		return t, fmt.Errorf("the token endpoint says %d: %s", r.status, strings.TrimSpace(r.body))
	}
	return t, json.Unmarshal([]byte(r.body), &t)
}

// post sends a form as this client.
func (c *oauthClient) post(ctx context.Context, path string, form url.Values) (reply, error) {
	if !form.Has("client_id") {
		form.Set("client_id", c.id)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.do(r)
}

// get calls an API with a token, or with none when that is "".
func (c *oauthClient) get(ctx context.Context, target, token string) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return reply{}, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return c.do(r)
}

func (c *oauthClient) do(r *http.Request) (reply, error) {
	res, err := c.http.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return reply{res.StatusCode, res.Header, string(body)}, err
}
