package devissuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"
)

// Prover is a client's key on P-256 that makes DPoP proofs (RFC 9449), wrong ones
// included.
type Prover struct{ key *ecdsa.PrivateKey }

// NewProver returns a prover with a fresh key.
func NewProver() (*Prover, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("devissuer: making a key: %w", err)
	}
	return &Prover{key}, nil
}

// JWK returns the public key.
func (p *Prover) JWK() string {
	point, err := p.key.PublicKey.Bytes()
	if err != nil {
		return ""
	}
	return fmt.Sprintf(`{"crv":"P-256","kty":"EC","x":%q,"y":%q}`, encode(point[1:33]), encode(point[33:]))
}

// Confirmation returns the cnf of a token that is bound to the key (RFC 9449 section
// 6.1). The JWK is in the form that its thumbprint is of (RFC 7638).
func (p *Prover) Confirmation() string {
	sum := sha256.Sum256([]byte(p.JWK()))
	return `{"jkt":"` + encode(sum[:]) + `"}`
}

// Proof is what a proof is to say. The zero values of Set and Header give a genuine one.
type Proof struct {
	Method, URL string
	Token       string            // whose hash is in it; "" for none
	Set         map[string]string // claims by their JSON, removed by ""
	Header      map[string]string // parameters of the header in the same way
	Sign        func(input string) []byte
}

// Prove returns the proof.
func (p *Prover) Prove(c Proof) string {
	claims := map[string]string{
		"jti": quote(rand.Text()), "htm": quote(c.Method), "htu": quote(c.URL), "iat": fmt.Sprint(time.Now().Unix()),
	}
	if c.Token != "" {
		sum := sha256.Sum256([]byte(c.Token))
		claims["ath"] = quote(encode(sum[:]))
	}
	header := map[string]string{"typ": `"dpop+jwt"`, "alg": `"ES256"`, "jwk": p.JWK()}
	input := encode(object(header, c.Header)) + "." + encode(object(claims, c.Set))
	sign := c.Sign
	if sign == nil {
		sign = func(input string) []byte { return SignES256(p.key, input) }
	}
	return input + "." + encode(sign(input))
}
