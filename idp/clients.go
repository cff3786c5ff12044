package idp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/store"
)

// isResourceServer is how the library's client remembers what ours is.
const isResourceServer = "resource server"

// clientManager lets the library find clients in the store, and nothing else.
type clientManager struct{ s *Server }

var errNoRegistration = errors.New("idp: clients are registered by the operator")

func (clientManager) SaveClient(context.Context, *goidc.Client) error { return errNoRegistration }

func (clientManager) DeleteClient(context.Context, string) error { return errNoRegistration }

// Client returns a client as the library knows them. A confidential client may
// prove itself by either place of its secret; a public one, and one that is no
// resource server, is no client of the introspection endpoint at all.
func (m clientManager) Client(ctx context.Context, id string) (*goidc.Client, error) {
	c, err := m.s.clients.Client(ctx, id)
	if err != nil {
		return nil, notFound(err)
	}
	if endpointOf(ctx) == pathIntrospect && !c.ResourceServer {
		return nil, goidc.ErrNotFound
	}
	out := &goidc.Client{ID: c.ID, Secret: storedSecrets(c.Secrets), ClientMeta: goidc.ClientMeta{
		Name: c.Name, RedirectURIs: c.RedirectURIs, PostLogoutRedirectURIs: c.PostLogoutRedirectURIs,
		ScopeIDs: strings.Join(c.Scopes, " "), ResponseTypes: []goidc.ResponseType{goidc.ResponseTypeCode},
		DPoPTokenBindingIsRequired: c.DPoP, TLSTokenBindingIsRequired: c.Bound(), TokenAuthnMethod: goidc.AuthnMethodSecretPost,
	}}
	for _, g := range c.Grants {
		out.GrantTypes = append(out.GrantTypes, goidc.GrantType(g))
	}
	a := askedIn(ctx)
	a.binds, a.client = c.Bound(), c
	switch {
	case c.Public:
		out.TokenAuthnMethod = goidc.AuthnMethodNone
	case a.proven == c.ID:
		out.Secret = storedSecrets([]store.ClientSecret{{Hash: hash(a.pass)}})
	case a.basic:
		out.TokenAuthnMethod = goidc.AuthnMethodSecretBasic
	}
	if c.Native {
		out.ApplicationType = goidc.ApplicationTypeNative
	}
	if c.ResourceServer {
		out.Keywords = append(out.Keywords, isResourceServer)
	}
	return out, nil
}

// storedSecrets writes what the verifier compares with: hash and end of each.
func storedSecrets(list []store.ClientSecret) string {
	var parts []string
	for i := range list {
		parts = append(parts, hex.EncodeToString(list[i].Hash[:])+":"+strconv.FormatInt(int64(unix(list[i].Until)), 10))
	}
	return strings.Join(parts, ",")
}

// verifySecret is [secretHolds] of what storedSecrets has written.
func verifySecret(_ context.Context, stored, presented string) error {
	var list []store.ClientSecret
	for part := range strings.SplitSeq(stored, ",") {
		text, end, _ := strings.Cut(part, ":")
		known, err := hex.DecodeString(text)
		until, endErr := strconv.ParseInt(end, 10, 64)
		if err != nil || endErr != nil || len(known) != sha256.Size {
			continue
		}
		one := store.ClientSecret{Hash: [sha256.Size]byte(known)}
		if until != 0 {
			one.Until = time.Unix(until, 0)
		}
		list = append(list, one)
	}
	if !secretHolds(list, presented, time.Now().Unix()) {
		return errSecret
	}
	return nil
}

// secretHolds compares a secret with every one that holds now, in constant time.
func secretHolds(list []store.ClientSecret, presented string, now int64) bool {
	sum, ok := sha256.Sum256([]byte(presented)), 0
	for i := range list {
		if until := int64(unix(list[i].Until)); until == 0 || now < until {
			ok |= subtle.ConstantTimeCompare(list[i].Hash[:], sum[:])
		}
	}
	return ok == 1
}

// Overlap is how long an old secret holds beside a new one, unless somebody says
// otherwise: between [LeastOverlap] and [MostOverlap], or not at all.
const (
	Overlap      = 48 * time.Hour
	LeastOverlap = 24 * time.Hour
	MostOverlap  = 72 * time.Hour
)

// NewSecret makes a client secret. The text is shown once and kept nowhere.
func NewSecret(now time.Time) (text string, kept store.ClientSecret) {
	body := "gtc_" + base62(12) + "_" + base62(32)
	text = body + checksum(body)
	return text, store.ClientSecret{ID: strings.SplitN(body, "_", 3)[1], Hash: sha256.Sum256([]byte(text)), Made: now}
}

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func base62(n int) string {
	out := make([]byte, 0, n)
	var b [64]byte
	for len(out) < n {
		_, _ = rand.Read(b[:]) // it never fails
		for _, c := range b {
			if c < 248 && len(out) < n { // 4 times 62: every digit is as likely
				out = append(out, digits[c%62])
			}
		}
	}
	return string(out)
}

// checksum tells typing errors and scanners what is a secret. It proves nothing.
func checksum(s string) string {
	sum := crc32.ChecksumIEEE([]byte(s))
	var b [6]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[sum%62]
		sum /= 62
	}
	return string(b[:])
}

// RotateSecret gives a client a new secret. The one before holds for the overlap,
// and never beyond its own end; an overlap of 0 ends every other secret now. Of
// older ones none is left, so that two hold at most.
func RotateSecret(c *store.Client, now time.Time, overlap time.Duration) (string, error) {
	switch {
	case c.Public:
		return "", fmt.Errorf("%w: a public client has no secret", store.ErrInvalid)
	case len(c.JWKS) > 0 || len(c.Certificates) > 0:
		return "", fmt.Errorf("%w: the client proves itself by a key of its own", store.ErrInvalid)
	}
	if overlap != 0 && (overlap < LeastOverlap || overlap > MostOverlap) {
		return "", fmt.Errorf("%w: an overlap is between %s and %s, or 0 when the old secret is known to others", store.ErrInvalid, LeastOverlap, MostOverlap)
	}
	text, fresh := NewSecret(now)
	var old []store.ClientSecret
	for _, s := range c.Secrets {
		if s.Until.IsZero() || now.Before(s.Until) {
			old = append(old, s)
		}
	}
	c.Secrets = []store.ClientSecret{fresh}
	if len(old) > 0 && overlap > 0 {
		last := slices.MaxFunc(old, func(a, b store.ClientSecret) int { return a.Made.Compare(b.Made) })
		if end := now.Add(overlap); last.Until.IsZero() || end.Before(last.Until) {
			last.Until = end
		}
		c.Secrets = append(c.Secrets, last)
	}
	return text, nil
}

// ReplaceKeys gives a client that proves itself by keys other ones. What was signed
// by the keys before proves nothing any more.
func ReplaceKeys(c *store.Client, jwks []byte) error {
	if len(c.JWKS) == 0 {
		return fmt.Errorf("%w: the client does not prove itself by keys", store.ErrInvalid)
	}
	c.JWKS = jwks
	return checkJWKS(jwks)
}

// ReplaceCertificates gives a client that proves itself by certificates other ones.
func ReplaceCertificates(c *store.Client, list []string) error {
	if len(c.Certificates) == 0 || len(list) == 0 {
		return fmt.Errorf("%w: the client does not prove itself by certificates, or is left with none", store.ErrInvalid)
	}
	c.Certificates = list
	return checkCertificates(list)
}

// CheckClient returns an error that says what is wrong with a client that somebody
// wants to register.
func CheckClient(c *store.Client) error {
	code := slices.Contains(c.Grants, grantCode)
	for _, g := range c.Grants {
		if !slices.Contains([]string{grantCode, grantRefresh, grantCredential, grantExchange, grantDevice}, g) {
			return fmt.Errorf("%w: there is no grant type %q: authorization_code, refresh_token, client_credentials, token-exchange, device_code", store.ErrInvalid, g)
		}
	}
	switch {
	case code && len(c.RedirectURIs) == 0:
		return fmt.Errorf("%w: authorization_code needs a redirect URI", store.ErrInvalid)
	case !code && !slices.Contains(c.Grants, grantDevice) && slices.Contains(c.Grants, grantRefresh):
		return fmt.Errorf("%w: refresh tokens come from an authorization_code or a device_code", store.ErrInvalid)
	case c.Public && (slices.Contains(c.Grants, grantCredential) || slices.Contains(c.Grants, grantExchange)):
		return fmt.Errorf("%w: a public client cannot prove that it is itself: no client_credentials, no token-exchange", store.ErrInvalid)
	case slices.Contains(c.Grants, grantExchange) != (len(c.ExchangeAudiences) > 0):
		return fmt.Errorf("%w: token-exchange and the audiences that tokens are exchanged for go together", store.ErrInvalid)
	}
	for _, s := range c.Scopes {
		if !scopeOK(s) {
			return fmt.Errorf("%w: %q is no scope", store.ErrInvalid, s)
		}
	}
	if len(c.JWKS) > 0 {
		if err := checkJWKS(c.JWKS); err != nil {
			return err
		}
	}
	if err := checkCertificates(c.Certificates); err != nil {
		return err
	}
	for _, u := range slices.Concat(c.RedirectURIs, c.PostLogoutRedirectURIs) {
		if err := checkRedirect(u, c.Native); err != nil {
			return err
		}
	}
	if c.BackchannelLogoutURI != "" {
		if !code {
			return fmt.Errorf("%w: nobody signs in to a client without authorization_code: it is told of no logout", store.ErrInvalid)
		}
		if err := checkBackchannel(c.BackchannelLogoutURI); err != nil {
			return err
		}
	}
	return c.Check()
}

// mostJWKS is the largest key set of a client, in bytes.
const mostJWKS = 16 << 10

// checkJWKS takes a set of public keys that sign here, every one of them: a key that
// is left out in silence is an outage when its turn comes.
func checkJWKS(jwks []byte) error {
	if len(jwks) > mostJWKS {
		return fmt.Errorf("%w: a key set has %d bytes at most", store.ErrInvalid, mostJWKS)
	}
	set, err := jose.ParseSet(jwks)
	if err == nil {
		err = errors.Join(set.Refused...)
	}
	if err != nil {
		return fmt.Errorf("%w: the key set cannot be used: %w", store.ErrInvalid, err)
	}
	return nil
}

// checkRedirect takes https, a loopback address (RFC 8252 section 7.3) and, for
// native applications, a private scheme with a dot (section 7.1).
func checkRedirect(text string, native bool) error {
	u, err := url.Parse(text)
	if err != nil || u.String() != text || u.User != nil || strings.ContainsAny(text, "#*\\ ") {
		return fmt.Errorf("%w: %q is no redirect URI: exact, without fragment, user and wildcard", store.ErrInvalid, text)
	}
	switch {
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	case native && strings.Contains(u.Scheme, ".") && u.Host == "":
		return nil
	}
	return fmt.Errorf("%w: the redirect URI %q is neither https nor on this machine, nor a native application's own scheme with a dot", store.ErrInvalid, text)
}
