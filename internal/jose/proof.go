package jose

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// ProofAlgorithms are the signatures that DPoP proofs may have, as challenges list
// them (RFC 9449 section 7.1).
const ProofAlgorithms = ES256 + " " + EdDSA + " " + RS256

const (
	maxProof    = 4 << 10 // bytes
	maxProofRSA = 4096    // bits: the key is of the client's choosing
	maxProofID  = 256     // bytes of a jti
)

// Proof is a DPoP proof (RFC 9449 section 4.2) that was taken apart but not yet
// verified. Nothing in it may be trusted before [Proof.Verify], and then only what
// the caller has compared.
type Proof struct {
	ID         string            // jti; never empty
	Method     string            // htm
	URL        string            // htu
	Issued     int64             // iat, in whole seconds since 1970
	TokenHash  string            // ath, or ""
	Thumbprint [sha256.Size]byte // of the key that it brings along (RFC 7638)

	token *Token
	key   *Key
}

// ParseProof takes a proof apart and checks its form: everything that [Parse] checks,
// typ, an algorithm of [ProofAlgorithms], and one public key for signatures. Errors
// wrap one of this package's.
func ParseProof(text string) (*Proof, error) {
	t, err := parse(text, maxProof, "jwk")
	if err != nil {
		return nil, err
	}
	p := &Proof{token: t}
	if t.Type != "dpop+jwt" || near(t.Header, "jwk") {
		return nil, fmt.Errorf("%w: not the header of a proof", ErrHeader)
	}
	if t.Algorithm == PS256 {
		return nil, fmt.Errorf("%w: not one of %s", ErrAlgorithm, ProofAlgorithms)
	}
	if err := p.parseKey(); err != nil {
		return nil, err
	}
	return p, p.parseClaims()
}

// parseKey takes the key from the header. Certificates beside it are refused: who
// vouches for the key is the access token.
func (p *Proof) parseKey() error {
	jwk, err := p.token.Header.Object("jwk")
	if err != nil {
		return fmt.Errorf("%w: jwk", ErrHeader)
	}
	for _, name := range [...]string{"x5u", "x5c", "x5t", "x5t#S256"} {
		if jwk.Has(name) {
			return fmt.Errorf("%w: a certificate in the jwk", ErrHeader)
		}
	}
	raw, _ := p.token.Header.raw("jwk")
	if p.key, err = parseKey([]byte(raw)); err != nil {
		return fmt.Errorf("%w: jwk: %w", ErrHeader, err)
	}
	if p.key.rsa != nil && p.key.rsa.N.BitLen() > maxProofRSA {
		return fmt.Errorf("%w: an RSA key over %d bits", ErrHeader, maxProofRSA)
	}
	if !p.key.fits(p.token.Algorithm) {
		return fmt.Errorf("%w: the key is for another", ErrAlgorithm)
	}
	p.Thumbprint, err = p.key.thumbprint()
	return err
}

func (p *Proof) parseClaims() (err error) {
	c := p.token.Claims
	text := func(name string) (s string) {
		if err == nil {
			s, err = c.Text(name)
		}
		return s
	}
	p.ID, p.Method, p.URL, p.TokenHash = text("jti"), text("htm"), text("htu"), text("ath")
	if err != nil {
		return err
	}
	issued, ok, err := c.Seconds("iat")
	if err != nil {
		return err
	}
	if !ok || p.ID == "" || len(p.ID) > maxProofID || p.Method == "" || p.URL == "" || near(c, "jti", "htm", "htu", "iat", "ath", "nonce") {
		return fmt.Errorf("%w: jti, htm, htu and iat must be there", ErrClaim)
	}
	p.Issued = issued
	return nil
}

// Verify checks the signature with the key that the proof brings along.
func (p *Proof) Verify() error { return p.token.Verify(p.key) }

// thumbprint returns the key's (RFC 7638 section 3, RFC 8037 section 2).
func (k *Key) thumbprint() (sum [sha256.Size]byte, err error) {
	var b []byte
	text := func(name string, value []byte) {
		b = append(append(append(b, `"`...), name...), `":"`...)
		b = append(strict.AppendEncode(b, value), `"`...)
	}
	switch {
	case k.rsa != nil:
		var e [8]byte
		binary.BigEndian.PutUint64(e[:], uint64(k.rsa.E))
		b = append(b, '{')
		text("e", bytes.TrimLeft(e[:], "\x00"))
		b = append(b, `,"kty":"RSA",`...)
		text("n", k.rsa.N.Bytes())
	case k.ecdsa != nil:
		point, err := k.ecdsa.Bytes()
		if err != nil {
			return sum, fmt.Errorf("%w: %w", ErrHeader, err)
		}
		b = append(b, `{"crv":"P-256","kty":"EC",`...)
		text("x", point[1:33])
		b = append(b, ',')
		text("y", point[33:])
	default:
		b = append(b, `{"crv":"Ed25519","kty":"OKP",`...)
		text("x", k.ed25519)
	}
	return sha256.Sum256(append(b, '}')), nil
}
