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
	// JWKS returns the public key as a JWK set, for upstreams to verify with.
	JWKS() []byte
}

// Signer signs with ES256. Its kid is the key's thumbprint (RFC 7638), so that
// no two keys share one. It is an [IdentityKey].
type Signer struct {
	key  *ecdsa.PrivateKey
	id   string
	x, y string // base64url
}

// GenerateSigner makes a new key.
func GenerateSigner() (*Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("jose: making a key: %w", err)
	}
	return newSigner(key)
}

// ParseSigner reads a private key on P-256 in PEM (PKCS #8 or SEC 1). Its errors
// hold nothing of the text.
func ParseSigner(text string) (*Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("jose: not a PEM block")
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return newSigner(key)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("jose: neither a PKCS #8 nor a SEC 1 private key")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("jose: not an elliptic curve private key")
	}
	return newSigner(key)
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

// PEM returns the private key as PKCS #8, for the one place that stores it.
func (s *Signer) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return nil, fmt.Errorf("jose: writing the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// KeyID returns the key's RFC 7638 thumbprint.
func (s *Signer) KeyID() string { return s.id }

// JWKS returns the public key as a JWK set.
func (s *Signer) JWKS() []byte {
	return []byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"` + s.x + `","y":"` + s.y + `","kid":"` + s.id + `","use":"sig","alg":"ES256"}]}`)
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
