package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
)

// The proof of RFC 9449 section 7.1, and the thumbprint of its key (section 6.1).
const rfcProof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19" +
	".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9" +
	".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"

func TestTheProofOfTheStandardVerifies(t *testing.T) {
	p, err := ParseProof(rfcProof)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Verify(); err != nil {
		t.Error(err)
	}
	if p.ID != "e1j3V_bKic8-LAEB" || p.Method != "GET" || p.URL != "https://resource.example.org/protectedresource" || p.Issued != 1562262618 ||
		p.TokenHash != "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo" || strict.EncodeToString(p.Thumbprint[:]) != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" {
		t.Errorf("%+v", p)
	}
}

// prove signs a proof with a library that is not ours.
func prove(t testing.TB, alg string, private, public interface{}, claims string) string {
	t.Helper()
	s, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.SignatureAlgorithm(alg), Key: private}, (&gojose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", gojose.JSONWebKey{Key: public}))
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Sign([]byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := o.CompactSerialize()
	return text
}

const proofClaims = `{"jti":"1","htm":"GET","htu":"https://api.example.com/","iat":1}`

// jwt.dpop-mtls: proofs of every offered algorithm verify, and their thumbprints are
// those that another library finds.
func TestProofsOfGoJoseVerifyHere(t *testing.T) {
	r, _ := rsa.GenerateKey(rand.Reader, 2048)
	e, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	public, d, _ := ed25519.GenerateKey(rand.Reader)
	for alg, keys := range map[string][2]interface{}{RS256: {r, &r.PublicKey}, ES256: {e, &e.PublicKey}, EdDSA: {d, public}, PS256: {r, &r.PublicKey}} {
		p, err := ParseProof(prove(t, alg, keys[0], keys[1], proofClaims))
		if alg == PS256 {
			if !errors.Is(err, ErrAlgorithm) {
				t.Errorf("%s: %v", alg, err)
			}
			continue
		}
		if err != nil || p.Verify() != nil {
			t.Errorf("%s: %v", alg, err)
			continue
		}
		if !strings.Contains(" "+ProofAlgorithms+" ", " "+alg+" ") {
			t.Errorf("%s is accepted and not offered", alg)
		}
		j := gojose.JSONWebKey{Key: keys[1]}
		want, err := j.Thumbprint(hash)
		if err != nil || string(want) != string(p.Thumbprint[:]) {
			t.Errorf("%s: thumbprint %x, want %x, %v", alg, p.Thumbprint, want, err)
		}
	}
	large, err := rsa.GenerateKey(rand.Reader, 4352)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseProof(prove(t, RS256, large, &large.PublicKey, proofClaims)); !errors.Is(err, ErrHeader) {
		t.Errorf("a key of 4352 bits: %v", err)
	}
}

// jwt.dpop-mtls: what a proof must not be.
func TestProofsOfAnotherFormAreRefused(t *testing.T) {
	e, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	j, err := json.Marshal(gojose.JSONWebKey{Key: &e.PublicKey})
	if err != nil {
		t.Fatal(err)
	}
	jwk := string(j)
	with := func(members string) string { return strings.TrimSuffix(jwk, "}") + "," + members + "}" }
	header := func(jwk string) string { return `{"typ":"dpop+jwt","alg":"ES256","jwk":` + jwk + `}` }
	other, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p384, _ := json.Marshal(gojose.JSONWebKey{Key: &other.PublicKey})
	for name, c := range map[string]struct {
		header, claims string
		want           error
	}{
		"no jwk":                 {`{"typ":"dpop+jwt","alg":"ES256"}`, proofClaims, nil},
		"a jwk that is text":     {header(`"x"`), proofClaims, ErrHeader},
		"two jwk":                {`{"typ":"dpop+jwt","alg":"ES256","jwk":` + jwk + `,"jwk":` + jwk + `}`, proofClaims, ErrMalformed},
		"jwk in another case":    {`{"typ":"dpop+jwt","alg":"ES256","JWK":{},"jwk":` + jwk + `}`, proofClaims, ErrHeader},
		"no typ":                 {`{"alg":"ES256","jwk":` + jwk + `}`, proofClaims, ErrHeader},
		"an access token":        {`{"typ":"at+jwt","alg":"ES256","jwk":` + jwk + `}`, proofClaims, ErrHeader},
		"none":                   {`{"typ":"dpop+jwt","alg":"none","jwk":` + jwk + `}`, proofClaims, ErrAlgorithm},
		"HS256":                  {`{"typ":"dpop+jwt","alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}`, proofClaims, ErrAlgorithm},
		"a symmetric key":        {header(`{"kty":"oct","k":"AAAA"}`), proofClaims, ErrHeader},
		"a private key":          {header(with(`"d":"AAAA"`)), proofClaims, ErrHeader},
		"a private prime":        {header(with(`"p":"AAAA"`)), proofClaims, ErrHeader},
		"further primes":         {header(with(`"oth":[]`)), proofClaims, ErrHeader},
		"a certificate":          {header(with(`"x5c":[]`)), proofClaims, ErrHeader},
		"an address":             {header(with(`"x5u":"https://evil.example"`)), proofClaims, ErrHeader},
		"a key for encryption":   {header(with(`"use":"enc"`)), proofClaims, ErrHeader},
		"a key for another":      {header(with(`"alg":"RS256"`)), proofClaims, ErrHeader},
		"a key that only signs":  {header(with(`"key_ops":["sign"]`)), proofClaims, ErrHeader},
		"P-384":                  {header(string(p384)), proofClaims, ErrHeader},
		"a point off the curve":  {header(`{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`), proofClaims, ErrHeader},
		"the key's address":      {`{"typ":"dpop+jwt","alg":"ES256","jku":"https://evil.example","jwk":` + jwk + `}`, proofClaims, ErrHeader},
		"crit":                   {`{"typ":"dpop+jwt","alg":"ES256","crit":["x"],"x":1,"jwk":` + jwk + `}`, proofClaims, ErrHeader},
		"no jti":                 {header(jwk), `{"htm":"GET","htu":"https://a/","iat":1}`, ErrClaim},
		"an empty jti":           {header(jwk), `{"jti":"","htm":"GET","htu":"https://a/","iat":1}`, ErrClaim},
		"a long jti":             {header(jwk), `{"jti":"` + strings.Repeat("a", 257) + `","htm":"GET","htu":"https://a/","iat":1}`, ErrClaim},
		"a jti that is a number": {header(jwk), `{"jti":1,"htm":"GET","htu":"https://a/","iat":1}`, ErrClaim},
		"no htm":                 {header(jwk), `{"jti":"1","htu":"https://a/","iat":1}`, ErrClaim},
		"no htu":                 {header(jwk), `{"jti":"1","htm":"GET","iat":1}`, ErrClaim},
		"no iat":                 {header(jwk), `{"jti":"1","htm":"GET","htu":"https://a/"}`, ErrClaim},
		"an iat that is text":    {header(jwk), `{"jti":"1","htm":"GET","htu":"https://a/","iat":"1"}`, ErrClaim},
		"a negative iat":         {header(jwk), `{"jti":"1","htm":"GET","htu":"https://a/","iat":-1}`, ErrClaim},
		"claims in another case": {header(jwk), `{"jti":"1","htm":"GET","HTM":"POST","htu":"https://a/","iat":1}`, ErrClaim},
		"two htm":                {header(jwk), `{"jti":"1","htm":"GET","htm":"POST","htu":"https://a/","iat":1}`, ErrMalformed},
		"too large":              {header(jwk), `{"jti":"1","htm":"GET","htu":"https://a/","iat":1,"x":"` + strings.Repeat("a", 4<<10) + `"}`, ErrTooLarge},
	} {
		_, err := ParseProof(compact(c.header, c.claims, make([]byte, 64)))
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// Of the right form and signed by another key.
	p, err := ParseProof(compact(header(jwk), proofClaims, make([]byte, 64)))
	if err != nil || p.Verify() == nil {
		t.Errorf("a signature of zeros: %v", err)
	}
}

func FuzzParseProof(f *testing.F) {
	f.Add(rfcProof)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseProof(text)
		if err != nil {
			return
		}
		if p.ID == "" || p.Method == "" || p.URL == "" || p.key == nil || p.Thumbprint == [32]byte{} {
			t.Errorf("half a proof: %+v", p)
		}
		if p.Verify() == nil && text != rfcProof {
			t.Error("a signature that nobody made")
		}
	})
}

func BenchmarkProof(b *testing.B) {
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseProof(rfcProof); err != nil {
				b.Fatal(err)
			}
		}
	})
	p, _ := ParseProof(rfcProof)
	b.Run("signature", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if p.Verify() != nil {
				b.Fatal("refused")
			}
		}
	})
}
