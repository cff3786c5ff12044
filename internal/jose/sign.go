package jose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// IdentityKey signs what the gateway says about a caller to its upstreams. The
// process provides one, so that every control shares it.
type IdentityKey interface {
	// Sign returns the compact JWS of the claims, a JSON object, with this typ.
	Sign(typ string, claims []byte) (string, error)
	// KeyID returns the key's kid.
	KeyID() string
	// JWKS returns the public key as a JWK set, for upstreams to verify with, and those
	// that have signed before or will.
	JWKS() []byte
}

// Signer signs with ES256. Its kid is the key's thumbprint (RFC 7638), so that
// no two keys share one. It is an [IdentityKey].
type Signer struct {
	key    *ecdsa.PrivateKey
	id     string
	x, y   string    // base64url
	behind []*Signer // that do not sign: their keys are published
}

// GenerateSigner makes a new key.
func GenerateSigner() (*Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("jose: making a key: %w", err)
	}
	return newSigner(key)
}

// ParseSigner reads private keys on P-256 in PEM (PKCS #8 or SEC 1). The first one
// signs. Those behind it are published only, so that signatures of the key before
// still verify, and upstreams know the next one in time. Its errors hold nothing of
// the text.
func ParseSigner(text string) (*Signer, error) {
	var first *Signer
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "EC PARAMETERS" { // what openssl ecparam -genkey writes before a key
			continue
		}
		s, err := parseSigner(block.Bytes)
		switch {
		case err != nil:
			return nil, err
		case first == nil:
			first = s
		default:
			first.behind = append(first.behind, s)
		}
	}
	if first == nil {
		return nil, errors.New("jose: not a PEM block")
	}
	return first, nil
}

func parseSigner(der []byte) (*Signer, error) {
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return newSigner(key)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("jose: neither a PKCS #8 nor a SEC 1 private key")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("jose: not an elliptic curve private key")
	}
	return newSigner(key)
}

// Before returns s as the key that signs, in front of those of old, of which at most
// so many are published behind it.
func (s *Signer) Before(old *Signer, most int) *Signer {
	c := *s
	c.behind = old.all()
	c.behind = c.behind[:min(most, len(c.behind))]
	return &c
}

func newSigner(key *ecdsa.PrivateKey) (*Signer, error) {
	if key.Curve != elliptic.P256() {
		return nil, errors.New("jose: not a key on P-256")
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("jose: reading the public key: %w", err)
	}
	s := &Signer{key: key, x: strict.EncodeToString(point[1:33]), y: strict.EncodeToString(point[33:])}
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + s.x + `","y":"` + s.y + `"}`))
	s.id = strict.EncodeToString(sum[:])
	return s, nil
}

// PEM returns the private keys as PKCS #8, for the one place that stores them.
func (s *Signer) PEM() ([]byte, error) {
	var text []byte
	for _, one := range s.all() {
		der, err := x509.MarshalPKCS8PrivateKey(one.key)
		if err != nil {
			return nil, fmt.Errorf("jose: writing the key: %w", err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	}
	return text, nil
}

func (s *Signer) all() []*Signer { return append([]*Signer{s}, s.behind...) }

// KeyID returns the key's RFC 7638 thumbprint.
func (s *Signer) KeyID() string { return s.id }

// JWKS returns the public keys as a JWK set.
func (s *Signer) JWKS() []byte {
	set := []byte(`{"keys":[`)
	for i, one := range s.all() {
		if i > 0 {
			set = append(set, ',')
		}
		set = append(set, `{"kty":"EC","crv":"P-256","x":"`+one.x+`","y":"`+one.y+`","kid":"`+one.id+`","use":"sig","alg":"ES256"}`...)
	}
	return append(set, `]}`...)
}

// Sign returns the compact JWS of the claims. typ must be a media type without
// characters that JSON escapes.
func (s *Signer) Sign(typ string, claims []byte) (string, error) {
	header := `{"alg":"ES256","typ":"` + typ + `","kid":"` + s.id + `"}`
	signed := strict.EncodeToString([]byte(header)) + "." + strict.EncodeToString(claims)
	digest := sha256.Sum256([]byte(signed))
	r, t, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		return "", fmt.Errorf("jose: signing: %w", err)
	}
	var raw [64]byte
	r.FillBytes(raw[:32])
	t.FillBytes(raw[32:])
	return signed + "." + strict.EncodeToString(raw[:]), nil
}
