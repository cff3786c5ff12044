package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

// leeway is how far the provider's clock may be from ours.
const leeway = 30 * time.Second

// longestSubject is the longest sub there is, in bytes (OpenID Connect Core 1.0
// section 2).
const longestSubject = 255

// keySet verifies the signature of one token with our own source of keys.
type keySet struct {
	p    *Provider
	at   time.Time
	down bool // there are no keys: it says nothing about the token
}

// VerifySignature implements the library's interface of that name.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	t, err := jose.Parse(token)
	switch {
	case err != nil:
		return nil, err
	case t.Algorithm != k.p.options.Algorithm:
		return nil, fmt.Errorf("%w: not the one that is configured", jose.ErrAlgorithm)
	case t.Type != "" && t.Type != "jwt": // an access token is no proof of a person (RFC 8725 section 3.11)
		return nil, fmt.Errorf("%w: typ", jose.ErrHeader)
	}
	keys, _, err := k.p.keys.Find(ctx, k.at, t.Algorithm, t.KeyID)
	if err != nil {
		k.down = errors.Is(err, jose.ErrUnavailable)
		return nil, err
	}
	for _, key := range keys {
		if err = t.Verify(key); err == nil {
			return base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		}
	}
	return nil, err
}

// claims are what the provider says about a person, as JSON.
type claims map[string]json.RawMessage

// verify judges an id_token (OpenID Connect Core 1.0 section 3.1.3.7).
func (p *Provider) verify(ctx context.Context, raw, access string, k *kept, a *sso.Answer) (claims, error) {
	keys := &keySet{p: p, at: a.At}
	verifier := gooidc.NewVerifier(p.options.Issuer, keys, &gooidc.Config{
		ClientID: p.options.ClientID, SupportedSigningAlgs: []string{p.options.Algorithm},
		Now: func() time.Time { return a.At.Add(-leeway) },
	})
	token, err := verifier.Verify(ctx, raw)
	if err != nil && keys.down {
		return nil, fmt.Errorf("%w: %.300s", sso.ErrUnavailable, err.Error())
	}
	if err != nil {
		return nil, refused("the id_token: %.300s", err.Error())
	}
	c := claims{}
	if err := token.Claims(&c); err != nil {
		return nil, refused("the id_token's claims: %.300s", err.Error())
	}
	switch {
	case token.Issuer != p.options.Issuer: // the library forgives one provider another spelling
		return nil, refused("the id_token is of the issuer %.200q", token.Issuer)
	case len(token.Audience) != 1 || token.Audience[0] != p.options.ClientID:
		return nil, refused("the id_token is for others, too: %.200q", token.Audience)
	case c.has("azp") && c.text("azp") != p.options.ClientID:
		return nil, refused("the id_token was issued to %.200q", c.text("azp"))
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(k.Nonce)) != 1:
		return nil, refused("the id_token's nonce is not the one of this login")
	case token.IssuedAt.After(a.At.Add(leeway)):
		return nil, refused("the id_token is of the future: iat is %s ahead of our clock", token.IssuedAt.Sub(a.At))
	case token.IssuedAt.Before(a.Began.Add(-leeway)):
		return nil, refused("the id_token is older than this login: iat is %s before it", a.Began.Sub(token.IssuedAt))
	case token.Subject == "" || len(token.Subject) > longestSubject || !jose.Printable(token.Subject):
		return nil, refused("the id_token has no sub that could be one")
	case a.Fresh && c.time("auth_time").Before(a.Began.Add(-leeway)):
		return nil, refused("the provider was asked to prove the person anew, and did not: auth_time is %s", c.time("auth_time"))
	}
	if c.has("at_hash") {
		if err := token.VerifyAccessToken(access); err != nil {
			return nil, refused("at_hash: %.300s", err.Error())
		}
	}
	return c, nil
}

// userinfo adds claims that the id_token lacks. The answer is told apart from a
// stranger's by its sub alone (OpenID Connect Core 1.0 section 5.3.2).
func (p *Provider) userinfo(ctx context.Context, m *metadata, access string, c claims) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.Userinfo, nil)
	if err != nil {
		return fmt.Errorf("%w: userinfo: %w", sso.ErrUnavailable, err)
	}
	r.Header.Set("Authorization", "Bearer "+access)
	r.Header.Set("Accept", "application/json")
	resp, err := p.client.Do(r)
	if err != nil {
		return fmt.Errorf("%w: userinfo: %.300s", sso.ErrUnavailable, err.Error())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%w: userinfo: %w", sso.ErrUnavailable, err)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusOK || kind != "application/json" {
		return refused("userinfo answers %d, %.100q", resp.StatusCode, kind)
	}
	if _, err := jose.ParseObject(string(body)); err != nil { // no name twice, nothing after it
		return refused("userinfo: %.300s", err.Error())
	}
	more := claims{}
	if err := json.Unmarshal(body, &more); err != nil {
		return refused("userinfo: %.300s", err.Error())
	}
	if sub := more.text("sub"); sub == "" || sub != c.text("sub") {
		return refused("userinfo is about somebody else: %.200q", sub)
	}
	if c.has("email") { // an address and whether it is verified are of one source
		delete(more, "email_verified")
	} else {
		delete(c, "email_verified")
	}
	for name, value := range more {
		if !c.has(name) {
			c[name] = value
		}
	}
	return nil
}

func (c claims) has(name string) bool { return len(c[name]) > 0 }

// text returns a claim that is a string, or "".
func (c claims) text(name string) (s string) {
	_ = json.Unmarshal(c[name], &s) // anything else is ""
	return s
}

// texts returns a claim that is a string or a list of strings, or nil.
func (c claims) texts(name string) (list []string) {
	if json.Unmarshal(c[name], &list) == nil {
		return list
	}
	if s := c.text(name); s != "" {
		return []string{s}
	}
	return nil
}

// time returns a claim that is a time (RFC 7519 section 2), or the zero time.
func (c claims) time(name string) time.Time {
	var seconds float64
	if json.Unmarshal(c[name], &seconds) != nil || seconds <= 0 || seconds > 253402300799 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// identity is what the claims say about a person.
func (c claims) identity(issuer, raw string) sso.Identity {
	i := sso.Identity{
		Issuer: issuer, Subject: c.text("sub"), Email: c.text("email"), EmailVerified: string(c["email_verified"]) == "true",
		Attributes: map[string][]string{}, AuthnInstant: c.time("auth_time"), ACR: c.text("acr"), AMR: c.texts("amr"),
		// OpenID Connect Enterprise Extensions 1.0 section 3.
		NotOnOrAfter: c.time("session_expiry"), Upstream: []byte(raw),
	}
	for name := range c {
		if values := c.texts(name); len(values) > 0 && !slices.Contains(ofTheProtocol(), name) {
			i.Attributes[name] = values
		}
	}
	return i
}

// ofTheProtocol are claims that are about the token and not about the person.
func ofTheProtocol() []string {
	return []string{"iss", "aud", "azp", "nonce", "at_hash", "c_hash", "s_hash", "jti", "sid", "acr", "amr"}
}
