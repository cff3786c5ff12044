package jose

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"

	gojose "github.com/go-jose/go-jose/v4"
	strictjson "github.com/go-jose/go-jose/v4/json"
)

const (
	// MaxSet is the most bytes of a JWK set that are read: 1 MiB.
	MaxSet = 1 << 20
	// MaxKeys is the most keys of a JWK set.
	MaxKeys = 100

	minRSA, maxRSA = 2048, 8192 // bits
	minExponent    = 1<<16 + 1  // FIPS 186-5 section 5.4
	maxExponent    = 1<<31 - 1
)

// Key is a public key of an issuer that may verify signatures.
type Key struct {
	ID        string // kid, or ""
	algorithm string // what the JWK itself says, or ""
	rsa       *rsa.PublicKey
	ecdsa     *ecdsa.PublicKey
	ed25519   ed25519.PublicKey
}

// fits reports whether the key may verify alg: the kind of key must be right,
// and what the JWK says about itself too. The token has no say in it.
func (k *Key) fits(alg string) bool {
	if k.algorithm != "" && k.algorithm != alg {
		return false
	}
	switch alg {
	case RS256, PS256:
		return k.rsa != nil
	case ES256:
		return k.ecdsa != nil
	case EdDSA:
		return k.ed25519 != nil
	}
	return false
}

// equal reports whether o is the same key under the same name.
func (k *Key) equal(o *Key) bool {
	switch {
	case k == o:
		return true
	case k.ID != o.ID || k.algorithm != o.algorithm:
		return false
	case k.rsa != nil:
		return o.rsa != nil && k.rsa.Equal(o.rsa)
	case k.ecdsa != nil:
		return o.ecdsa != nil && k.ecdsa.Equal(o.ecdsa)
	}
	return o.ed25519 != nil && k.ed25519.Equal(o.ed25519)
}

func (k *Key) verify(alg, signed string, digest, signature []byte) bool {
	switch alg {
	case RS256:
		return rsa.VerifyPKCS1v15(k.rsa, hash, digest, signature) == nil
	case PS256:
		// RFC 7518 section 3.5: the salt is as long as the hash.
		return rsa.VerifyPSS(k.rsa, hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	case ES256:
		if len(signature) != 64 { // RFC 7518 section 3.4
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(k.ecdsa, digest, r, s)
	case EdDSA:
		return ed25519.Verify(k.ed25519, []byte(signed), signature)
	}
	return false
}

// Set is an issuer's keys at one time. It is immutable: a refresh replaces it.
type Set struct {
	keys []*Key
	// Refused says for each key that was left out why, in order. It is for the
	// log of the operator.
	Refused []error

	sum [sha256.Size]byte // of the document
}

// Len returns the number of usable keys.
func (s *Set) Len() int { return len(s.keys) }

// find returns the keys that may verify a token of this algorithm and kid, and
// whether the kid is in the set at all.
func (s *Set) find(alg, kid string) (fitting []*Key, known bool) {
	for _, k := range s.keys {
		if kid != "" && k.ID != kid {
			continue
		}
		known = true
		if k.fits(alg) {
			fitting = append(fitting, k)
		}
	}
	if kid == "" && len(fitting) > 1 {
		return nil, true // without a kid there is nothing to choose by
	}
	return fitting, known
}

// ParseSet reads a JWK set (RFC 7517 section 5). Keys that may not verify
// signatures here are left out one by one and listed in [Set.Refused]; a set
// that is too large, malformed or without any usable key is an error.
func ParseSet(data []byte) (*Set, error) {
	if len(data) > MaxSet {
		return nil, fmt.Errorf("jose: JWK set is larger than %d bytes", MaxSet)
	}
	var doc struct {
		Keys []strictjson.RawMessage `json:"keys"`
	}
	if err := strictjson.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("jose: reading JWK set: %w", err)
	}
	if len(doc.Keys) > MaxKeys {
		return nil, fmt.Errorf("jose: JWK set holds more than %d keys", MaxKeys)
	}
	set := &Set{sum: sha256.Sum256(data)}
	for i, raw := range doc.Keys {
		k, err := parseKey(raw)
		if err != nil {
			set.Refused = append(set.Refused, fmt.Errorf("jose: key %d left out: %w", i, err))
			continue
		}
		set.keys = append(set.keys, k)
	}
	if len(set.keys) == 0 {
		return nil, fmt.Errorf("jose: JWK set holds no usable key: %w", errors.Join(set.Refused...))
	}
	return set, nil
}

// parseKey checks what go-jose leaves out: alg, use, key_ops, sizes, exponents
// and private parts.
func parseKey(raw []byte) (*Key, error) {
	var meta struct {
		Use string                 `json:"use"`
		Ops []string               `json:"key_ops"`
		Alg string                 `json:"alg"`
		D   *strictjson.RawMessage `json:"d"`
		P   *strictjson.RawMessage `json:"p"`
		Q   *strictjson.RawMessage `json:"q"`
		DP  *strictjson.RawMessage `json:"dp"`
		DQ  *strictjson.RawMessage `json:"dq"`
		QI  *strictjson.RawMessage `json:"qi"`
		Oth *strictjson.RawMessage `json:"oth"`
		K   *strictjson.RawMessage `json:"k"`
	}
	if err := strictjson.Unmarshal(raw, &meta); err != nil {
		return nil, err
	}
	switch {
	case cmp.Or(meta.D, meta.P, meta.Q, meta.DP, meta.DQ, meta.QI, meta.Oth, meta.K) != nil:
		return nil, errors.New("it holds a private or symmetric key")
	case meta.Use != "" && meta.Use != "sig":
		return nil, fmt.Errorf("use is %s", quoted(meta.Use))
	case meta.Ops != nil && !slices.Contains(meta.Ops, "verify"):
		return nil, errors.New("key_ops lacks verify")
	case meta.Alg != "" && !Supported(meta.Alg):
		return nil, fmt.Errorf("alg is %s", quoted(meta.Alg))
	}
	var j gojose.JSONWebKey
	if err := j.UnmarshalJSON(raw); err != nil {
		return nil, err
	}
	k := &Key{ID: j.KeyID, algorithm: meta.Alg}
	if err := k.take(j.Key); err != nil {
		return nil, err
	}
	if meta.Alg != "" && !k.fits(meta.Alg) {
		return nil, fmt.Errorf("alg %s does not fit its kty", meta.Alg)
	}
	return k, nil
}

// take is the one place where a foreign library's untyped key becomes ours.
func (k *Key) take(public interface{}) error {
	switch p := public.(type) {
	case *rsa.PublicKey:
		if n := p.N.BitLen(); n < minRSA || n > maxRSA {
			return fmt.Errorf("RSA modulus of %d bits", n)
		}
		if p.E < minExponent || p.E > maxExponent || p.E%2 == 0 {
			return fmt.Errorf("RSA exponent %d", p.E)
		}
		if weak(p.N) {
			return errors.New("RSA key of CVE-2017-15361, which can be factored")
		}
		k.rsa = p
	case *ecdsa.PublicKey:
		if p.Curve != elliptic.P256() {
			return errors.New("not a key on P-256")
		}
		if _, err := p.ECDH(); err != nil { // on the curve, not at infinity
			return fmt.Errorf("not a point of P-256: %w", err)
		}
		k.ecdsa = p
	case ed25519.PublicKey:
		if len(p) != ed25519.PublicKeySize || smallOrder(p) {
			return errors.New("Ed25519 key of small order")
		}
		k.ed25519 = p
	default:
		return errors.New("not a public key of a kind that signs here")
	}
	return nil
}

// smallOrderPoints are the encodings of y, sign bit cleared, of the points of
// order 1, 2, 4 and 8, non-canonical ones included. Under such a key one
// signature fits every message.
var smallOrderPoints = [...]string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

func smallOrder(p ed25519.PublicKey) bool {
	y := slices.Clone(p)
	y[31] &= 0x7f
	return slices.Contains(smallOrderPoints[:], hex.EncodeToString(y))
}
