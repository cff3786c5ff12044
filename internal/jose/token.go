package jose

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

const maxKeyID = 256 // bytes

var strict = base64.RawURLEncoding.Strict()

// Token is a token that was taken apart but not yet verified. Only the header
// parameters and claims that it shows were checked for form; nothing in it may
// be trusted before [Token.Verify].
type Token struct {
	Algorithm string // one of the algorithms that exist here
	KeyID     string // kid, or ""
	Type      string // typ without "application/", in lower case, or ""
	Header    Object
	Claims    Object

	signed    string
	signature []byte
}

// refused are the header parameters that change what a token means or bring
// their own key: none of them is ever honoured (RFC 8725 section 3.10). The
// rest belongs to encryption, which is not expected here.
var refused = [...]string{"jku", "x5u", "jwk", "x5c", "crit", "zip", "b64", "cty", "enc", "epk", "p2c", "p2s", "apu", "apv", "iv", "tag"}

// Parse takes a compact JWS apart. It refuses what is longer than [MaxToken],
// any byte outside base64url, more or fewer than three parts, non-canonical
// base64url, header parameters that bring keys or change the meaning, and
// algorithms that do not exist here.
func Parse(token string) (*Token, error) { return parse(token, MaxToken, "") }

// parse is [Parse] of up to most bytes, with one refused header parameter let in.
func parse(token string, most int, except string) (*Token, error) {
	t, payload, err := split(token, most, except)
	if err != nil {
		return nil, err
	}
	if t.Claims, err = ParseObject(string(payload)); err != nil {
		return nil, err
	}
	return t, nil
}

// split takes a JWS apart whose payload may be anything.
func split(token string, most int, except string) (t *Token, payload []byte, err error) {
	if len(token) > most {
		return nil, nil, ErrTooLarge
	}
	first, second, ok := dots(token)
	if !ok {
		return nil, nil, fmt.Errorf("%w: not three parts of base64url", ErrMalformed)
	}
	t = &Token{signed: token[:second]}
	if err := t.parseHeader(token[:first], except); err != nil {
		return nil, nil, err
	}
	if payload, err = strict.DecodeString(token[first+1 : second]); err != nil {
		return nil, nil, fmt.Errorf("%w: claims are not base64url", ErrMalformed)
	}
	t.signature, err = strict.DecodeString(token[second+1:])
	if err != nil || len(t.signature) == 0 {
		return nil, nil, fmt.Errorf("%w: signature is not base64url", ErrMalformed)
	}
	return t, payload, nil
}

// dots finds the two dots of a compact JWS. Every byte is looked at before
// anything is decoded, since encoding/base64 skips line ends.
func dots(token string) (first, second int, ok bool) {
	n := 0
	for i := 0; i < len(token); i++ {
		switch c := token[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		case c == '.' && n == 0:
			first, n = i, 1
		case c == '.' && n == 1:
			second, n = i, 2
		default:
			return 0, 0, false
		}
	}
	return first, second, n == 2
}

func (t *Token) parseHeader(part, except string) error {
	text, err := strict.DecodeString(part)
	if err != nil {
		return fmt.Errorf("%w: header is not base64url", ErrMalformed)
	}
	if t.Header, err = ParseObject(string(text)); err != nil {
		return err
	}
	for _, name := range refused {
		if name != except && t.Header.Has(name) {
			return fmt.Errorf("%w: %s", ErrHeader, name)
		}
	}
	if near(t.Header, "alg", "kid", "typ") {
		return fmt.Errorf("%w: a name in another case", ErrHeader)
	}
	if t.Algorithm, err = t.Header.Text("alg"); err != nil || !Supported(t.Algorithm) {
		return fmt.Errorf("%w: not an asymmetric signature of the list", ErrAlgorithm)
	}
	if t.KeyID, err = t.Header.Text("kid"); err != nil || len(t.KeyID) > maxKeyID || !Printable(t.KeyID) || (t.KeyID == "" && t.Header.Has("kid")) {
		return fmt.Errorf("%w: kid", ErrHeader)
	}
	typ, err := t.Header.Text("typ")
	if err != nil || !Printable(typ) {
		return fmt.Errorf("%w: typ", ErrHeader)
	}
	t.Type = strings.TrimPrefix(strings.ToLower(typ), "application/")
	return nil
}

// near reports whether a member differs from one of names by case only: some
// decoder would take the one for the other.
func near(o Object, names ...string) bool {
	for _, m := range o.members {
		for _, name := range names {
			if m.name != name && strings.EqualFold(m.name, name) {
				return true
			}
		}
	}
	return false
}

// Printable reports whether s holds no control characters, so that it can stand
// in a header or a log line as it is.
func Printable(s string) bool {
	for _, r := range s {
		if r < 0x20 || (r >= 0x7f && r < 0xa0) || r == 0x2028 || r == 0x2029 {
			return false
		}
	}
	return true
}

// Verify checks the signature with k. The algorithm must be one that k is for.
func (t *Token) Verify(k *Key) error {
	if !k.fits(t.Algorithm) {
		return fmt.Errorf("%w: the key is for another", ErrAlgorithm)
	}
	digest := sha256.Sum256([]byte(t.signed))
	if !k.verify(t.Algorithm, t.signed, digest[:], t.signature) {
		return ErrSignature
	}
	return nil
}

const hash = crypto.SHA256 // of all algorithms here except EdDSA, which hashes by itself
