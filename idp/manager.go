package idp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/gatehouse-api/gatehouse/store"
)

// manager gives the library our store. The library loads, changes and saves; what
// must happen once happens in one step of the store, when it saves.
type manager struct {
	store  Store
	issuer string
	log    *slog.Logger
}

// Names of what stands in the Store of a session or a grant. Those that begin with
// an underscore are not passed from one to the other, and not written.
const (
	keyVersion   = "_version"   // of the session, in the store
	keyPresented = "_presented" // hash of the refresh token that is being used
	keyRefresh   = "refresh"    // the grant has a family of refresh tokens
	keyWho       = "who"        // the Proof, as JSON
	keyBrowser   = "browser"    // hash of the cookie
	keyState     = "state"      // Pending.State
)

// random is 256 random bits as text.
func random(context.Context) string {
	var room [43]byte
	return string(appendRandom(room[:0]))
}

// appendRandom appends a text of 256 random bits.
func appendRandom(text []byte) []byte {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.RawURLEncoding.AppendEncode(text, b[:])
}

// refreshToken is a new one. Scanners for leaked secrets know it by its beginning.
func refreshToken() string { return "gtr_" + random(context.Background()) }

func hash(secret string) store.Hash { return sha256.Sum256([]byte(secret)) }

// ownPrefix begins the id of a grant of a client to itself. Such a grant is not
// kept: all that there is to know stands in its id, and revocations.
const ownPrefix = "client."

func ownGrant(id string) bool { return strings.HasPrefix(id, ownPrefix) }

var errInvalidGrant = goidc.NewError(goidc.ErrorCodeInvalidGrant, "invalid grant")

func invalidGrant(cause error) error {
	return goidc.WrapError(errInvalidGrant.Code, errInvalidGrant.Description, cause)
}

// SaveGrant puts a new grant in, spends its code, rotates its refresh token or ends
// it, whichever the library has come to.
func (m *manager) SaveGrant(ctx context.Context, g *goidc.Grant) error {
	presented, _ := g.Store[keyPresented].(string)
	switch {
	case exchangedOf(g) != nil:
		return nil
	case g.RevokedAt != 0:
		return m.revoke(ctx, g.ID, "a client revoked it, or its code was used wrongly", "authorization server")
	case ownGrant(g.ID):
		return nil
	case presented != "":
		return m.rotate(ctx, g, presented)
	case g.AuthCodeConsumedAt != 0, g.DeviceCodeConsumedAt != 0:
		return m.redeem(ctx, g)
	}
	return m.add(ctx, g)
}

// add puts a new grant in. The library has made a refresh token already; it is
// forgotten, since none is kept that was not given away: redeem has another.
func (m *manager) add(ctx context.Context, g *goidc.Grant) error {
	made := time.Unix(int64(g.CreatedAt), 0)
	code, until := hash(g.AuthCode), made.Add(CodeLife+store.TokenLife)
	if device, ok := g.Store[keyDevice]; ok {
		var err error
		if code, err = hashOf(device); err != nil {
			return err
		}
		until = time.Unix(int64(g.DeviceCodeExpiresAt), 0).Add(store.TokenLife)
	}
	if g.RefreshToken != "" {
		until = made.Add(RefreshAbsolute)
		g.Store[keyRefresh] = true
	}
	data, err := encodeGrant(g)
	if err != nil {
		return err
	}
	err = m.store.Grants().Add(ctx, store.Grant{
		ID: g.ID, Subject: g.Subject, Client: g.ClientID, Session: who(g).Session, Data: data, Code: code, Made: made, Until: until,
	})
	if errors.Is(err, store.ErrRevoked) {
		return goidc.WrapError(goidc.ErrorCodeAccessDenied, "the session has ended", err)
	}
	return err
}

func (m *manager) redeem(ctx context.Context, g *goidc.Grant) error {
	data, err := encodeGrant(g)
	if err != nil {
		return err
	}
	now := time.Now()
	var first *store.RefreshToken
	if g.RefreshToken != "" {
		t := successor(g, now)
		first = &t
	}
	err = m.store.Grants().Redeem(ctx, now, g.ID, data, first)
	if errors.Is(err, store.ErrSpent) || errors.Is(err, store.ErrRevoked) || errors.Is(err, store.ErrNotFound) {
		return invalidGrant(err)
	}
	return err
}

// successor is the token that g is given next. It is never good for longer than
// the grant.
func successor(g *goidc.Grant, now time.Time) store.RefreshToken {
	until, end := now.Add(RefreshIdle), time.Unix(int64(g.CreatedAt), 0).Add(RefreshAbsolute)
	if until.After(end) {
		until = end
	}
	return store.RefreshToken{Hash: hash(g.RefreshToken), Grant: g.ID, Made: now, Until: until}
}

func (m *manager) rotate(ctx context.Context, g *goidc.Grant, presented string) error {
	raw, err := hex.DecodeString(presented)
	if err != nil || len(raw) != sha256.Size {
		return errors.New("idp: a grant without the token it was found by")
	}
	now := time.Now()
	err = m.store.RefreshTokens().Rotate(ctx, now, store.Hash(raw), successor(g, now), Grace)
	switch {
	case errors.Is(err, store.ErrReused):
		m.log.Error("a spent refresh token was used again: its family is revoked", "alert", "token.refresh-reuse", "grant", g.ID, "client", g.ClientID, "subject", g.Subject)
		if err := m.revoke(ctx, g.ID, "a spent refresh token was used again", "token.refresh-reuse"); err != nil {
			return err
		}
		return invalidGrant(err)
	case errors.Is(err, store.ErrSpent), errors.Is(err, store.ErrRevoked), errors.Is(err, store.ErrNotFound):
		return invalidGrant(err)
	}
	return err
}

func (m *manager) revoke(ctx context.Context, id, because, author string) error {
	now := time.Now()
	alive, err := m.store.Grants().Revoke(ctx, now, id, store.Revocation{
		Kind: store.RevokeGrant, Issuer: m.issuer, Subject: id, Because: because, Author: author, At: now, Until: now.Add(store.TokenLife),
	})
	if err == nil && alive {
		m.log.Warn("a grant was revoked", "grant", id, "because", because)
	}
	return err
}

// Grant returns a grant for a token that names it.
func (m *manager) Grant(ctx context.Context, id string) (*goidc.Grant, error) {
	g, err := m.grant(ctx, id)
	if a := askedIn(ctx); err == nil && a.endpoint == pathRevoke && a.client != nil && g.ClientID != a.client.ID {
		// The library has found the token to be this client's.
		if err := m.revokeExchanged(ctx, a); err != nil {
			return nil, err
		}
		return nil, goidc.ErrNotFound
	}
	return g, err
}

func (m *manager) grant(ctx context.Context, id string) (*goidc.Grant, error) {
	if ownGrant(id) {
		return m.own(ctx, id)
	}
	g, err := m.store.Grants().Grant(ctx, id)
	if err != nil {
		return nil, notFound(err)
	}
	return decodeGrant(&g)
}

// own returns the grant of a client to itself, unless it was revoked or the client
// is gone.
func (m *manager) own(ctx context.Context, id string) (*goidc.Grant, error) {
	client, _, ok := strings.Cut(strings.TrimPrefix(id, ownPrefix), "~")
	if !ok {
		return nil, goidc.ErrNotFound
	}
	if _, err := m.store.Clients().Client(ctx, client); err != nil {
		return nil, notFound(err)
	}
	holds, err := m.store.Revocations().Holds(ctx, time.Now(), store.Issued{Issuer: m.issuer, Grant: id})
	if err != nil {
		return nil, err
	}
	if !holds {
		return nil, goidc.ErrNotFound
	}
	return &goidc.Grant{ID: id, ClientID: client, Subject: client, Store: map[string]any{}}, nil
}

// GrantByAuthCode returns the grant that a code began. A grant that was revoked is
// not there, so that what became of it is nobody's to learn.
func (m *manager) GrantByAuthCode(ctx context.Context, code string) (*goidc.Grant, error) {
	g, err := m.store.Grants().ByCode(ctx, hash(code))
	if err != nil {
		return nil, notFound(err)
	}
	if !g.Revoked.IsZero() {
		return nil, goidc.ErrNotFound
	}
	out, err := decodeGrant(&g)
	if err != nil {
		return nil, err
	}
	if out.Store[keyDevice] != nil {
		return nil, goidc.ErrNotFound // a device's code is none of this kind
	}
	return withRefresh(out, out.AuthCodeConsumedAt), nil
}

// withRefresh gives a grant whose code is not spent yet its first refresh token.
func withRefresh(g *goidc.Grant, spent int) *goidc.Grant {
	if refresh, _ := g.Store[keyRefresh].(bool); refresh && spent == 0 {
		g.RefreshToken = refreshToken()
	}
	return g
}

// GrantByRefreshToken returns the grant of a refresh token. The endpoints that ask
// about tokens and revoke them come here too: for those a spent token is none, and
// nothing follows from it. The userinfo endpoint comes here as well, where a refresh
// token would be taken for an access token: there it is none.
func (m *manager) GrantByRefreshToken(ctx context.Context, token string) (*goidc.Grant, error) {
	if endpointOf(ctx) == pathUserinfo {
		return nil, goidc.ErrNotFound
	}
	t, g, err := m.store.RefreshTokens().Token(ctx, hash(token))
	if err != nil {
		return nil, notFound(err)
	}
	if !g.Revoked.IsZero() || !t.Spent.IsZero() && endpointOf(ctx) != pathToken {
		return nil, goidc.ErrNotFound
	}
	out, err := decodeGrant(&g)
	if err != nil {
		return nil, err
	}
	out.RefreshToken, out.RefreshTokenExpiresAt = token, int(t.Until.Unix())
	out.Store[keyPresented] = hex.EncodeToString(t.Hash[:])
	return out, nil
}

// consume lets each DPoP proof be used once.
func (m *manager) consume(ctx context.Context, jti string) error {
	first, err := m.store.Once().First(ctx, time.Now(), "dpop", jti, 2*(proofAge+leeway))
	if err != nil {
		return err
	}
	if !first {
		return errors.New("idp: the proof was used before")
	}
	return nil
}

// encodeGrant is what is kept with a grant: no code, no token, no handle.
func encodeGrant(g *goidc.Grant) ([]byte, error) {
	c := *g
	c.AuthCode, c.RefreshToken, c.DeviceCode = "", "", ""
	c.AuthParams = withoutSecrets(c.AuthParams)
	c.Store = map[string]any{}
	for _, k := range []string{keyRefresh, keyWho, keyDevice} {
		if v, ok := g.Store[k]; ok {
			c.Store[k] = v
		}
	}
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("idp: writing a grant: %w", err)
	}
	return data, nil
}

func withoutSecrets(p goidc.AuthorizationParameters) goidc.AuthorizationParameters {
	p.RequestURI, p.IDTokenHint = "", ""
	return p
}

func decodeGrant(g *store.Grant) (*goidc.Grant, error) {
	out := &goidc.Grant{}
	if err := json.Unmarshal(g.Data, out); err != nil {
		return nil, fmt.Errorf("idp: reading a grant: %w", err)
	}
	if out.Store == nil {
		out.Store = map[string]any{}
	}
	out.AuthCodeConsumedAt, out.RevokedAt = unix(g.Spent), unix(g.Revoked)
	return out, nil
}

func unix(t time.Time) int {
	if t.IsZero() {
		return 0
	}
	return int(t.Unix())
}

// notFound says it in the library's word.
func notFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: %w", goidc.ErrNotFound, err)
	}
	return err
}
