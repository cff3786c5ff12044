// Package devissuer is an issuer of access tokens for development and tests
// only: `gatehouse demo --tour`, the case runner and tests of the controls use it. It
// proves nobody: it signs whatever it is asked for, wrong tokens included, so
// that refusals can be tried. Its key is made at start and never stored, and
// nothing of it is reachable from `gatehouse serve`.
package devissuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// KeyID is the kid of every key made here.
const KeyID = "development-only"

// Issuer signs tokens with one ES256 key.
type Issuer struct {
	// URL is the issuer's own name, the iss of its tokens. It must be set before
	// the first request and the first token.
	URL string
	// Audience is the aud of tokens that do not say otherwise.
	Audience string
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Fetches counts the requests for the JWK set.
	Fetches atomic.Int64

	key *ecdsa.PrivateKey
}

// New returns an issuer with a fresh key.
func New(url, audience string) (*Issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("devissuer: making a key: %w", err)
	}
	return &Issuer{URL: url, Audience: audience, key: key}, nil
}

// Start serves a new issuer on a loopback port, for tests, until stop is called.
func Start(audience string) (issuer *Issuer, stop func(), err error) {
	if issuer, err = New("", audience); err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("devissuer: listening: %w", err)
	}
	issuer.URL = "http://" + listener.Addr().String()
	server := &http.Server{Handler: issuer, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() { _ = server.Serve(listener); close(done) }()
	return issuer, func() { _ = server.Close(); <-done }, nil
}

// ServeHTTP answers with the metadata at /.well-known/openid-configuration and
// with the keys at /jwks.json.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body []byte
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		body, _ = json.Marshal(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/jwks.json"})
	case "/jwks.json":
		i.Fetches.Add(1)
		body = i.JWKS()
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

// Key returns the private key, so that tests can sign what no issuer would.
func (i *Issuer) Key() *ecdsa.PrivateKey { return i.key }

// JWKS returns the public key as a JWK set.
func (i *Issuer) JWKS() []byte {
	point, err := i.key.PublicKey.Bytes()
	if err != nil {
		return nil
	}
	return fmt.Appendf(nil, `{"keys":[{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":%q,"x":%q,"y":%q}]}`,
		KeyID, encode(point[1:33]), encode(point[33:]))
}

// Claims is what a token is to say. The zero Claims gives a genuine token for
// the subject "alice", which holds for five minutes.
type Claims struct {
	Subject string
	Tenant  string
	Client  string
	Roles   []string
	Scopes  []string
	// Set replaces claims by the JSON given, and removes those given as "".
	Set map[string]string
	// Header replaces parameters of the header in the same way.
	Header map[string]string
	// Payload replaces all of the claims, whatever it is.
	Payload []byte
	// RawHeader replaces all of the header, whatever it is.
	RawHeader []byte
	// Sign makes the signature of the signing input; nil signs with the issuer's
	// key and ES256, whatever the header says.
	Sign func(input string) []byte
}

// Mint returns the token.
func (i *Issuer) Mint(c Claims) string {
	header, payload := c.RawHeader, c.Payload
	if header == nil {
		header = object(map[string]string{"alg": `"ES256"`, "typ": `"at+jwt"`, "kid": quote(KeyID)}, c.Header)
	}
	if payload == nil {
		payload = object(i.genuine(c), c.Set)
	}
	input := encode(header) + "." + encode(payload)
	sign := c.Sign
	if sign == nil {
		sign = func(input string) []byte { return SignES256(i.key, input) }
	}
	return input + "." + encode(sign(input))
}

func (i *Issuer) genuine(c Claims) map[string]string {
	now := time.Now
	if i.Now != nil {
		now = i.Now
	}
	at := now().Unix()
	if c.Subject == "" {
		c.Subject = "alice"
	}
	m := map[string]string{
		"iss": quote(i.URL), "aud": quote(i.Audience), "sub": quote(c.Subject),
		"iat": fmt.Sprint(at), "nbf": fmt.Sprint(at), "exp": fmt.Sprint(at + 300),
	}
	if c.Tenant != "" {
		m["tenant_id"] = quote(c.Tenant)
	}
	if c.Client != "" {
		m["client_id"] = quote(c.Client)
	}
	if c.Scopes != nil {
		m["scope"] = quote(strings.Join(c.Scopes, " "))
	}
	if c.Roles != nil {
		roles, _ := json.Marshal(c.Roles)
		m["roles"] = string(roles)
	}
	return m
}

// SignES256 returns r||s of the input's digest, as RFC 7518 section 3.4 has it,
// or nil when the key cannot sign.
func SignES256(key *ecdsa.PrivateKey, input string) []byte {
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return nil
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out
}

// object returns base with the changes as a JSON object, its names in order.
func object(base, changes map[string]string) []byte {
	all := maps.Clone(base)
	maps.Copy(all, changes)
	var b strings.Builder
	b.WriteByte('{')
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] == "" {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(quote(name) + ":" + all[name])
	}
	b.WriteByte('}')
	return []byte(b.String())
}

func quote(s string) string {
	q, _ := json.Marshal(s)
	return string(q)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
