package devissuer

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"crypto/sha256"
	"math/big"
)

func parts(t *testing.T, token string) (header, claims map[string]json.RawMessage, input string, signature []byte) {
	t.Helper()
	p := strings.Split(token, ".")
	if len(p) != 3 {
		t.Fatalf("%d parts", len(p))
	}
	decode := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for i, to := range []*map[string]json.RawMessage{&header, &claims} {
		if err := json.Unmarshal(decode(p[i]), to); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims, p[0] + "." + p[1], decode(p[2])
}

func verifies(i *Issuer, input string, signature []byte) bool {
	digest := sha256.Sum256([]byte(input))
	return len(signature) == 64 && ecdsa.Verify(&i.Key().PublicKey, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}

func TestTheZeroClaimsGiveAGenuineToken(t *testing.T) {
	i, err := New("https://issuer.example", "api")
	if err != nil {
		t.Fatal(err)
	}
	header, claims, input, signature := parts(t, i.Mint(Claims{}))
	for name, want := range map[string]string{"iss": `"https://issuer.example"`, "aud": `"api"`, "sub": `"alice"`} {
		if string(claims[name]) != want {
			t.Errorf("%s is %s", name, claims[name])
		}
	}
	if string(header["alg"]) != `"ES256"` || string(header["typ"]) != `"at+jwt"` || len(claims) != 6 || !verifies(i, input, signature) {
		t.Errorf("%s %s", header, claims)
	}
}

func TestEveryPartOfATokenCanBeForged(t *testing.T) {
	i, err := New("https://issuer.example", "api")
	if err != nil {
		t.Fatal(err)
	}
	header, claims, input, signature := parts(t, i.Mint(Claims{Set: map[string]string{"exp": "", "sub": "[]"}, Header: map[string]string{"alg": `"none"`, "kid": ""}, Sign: func(string) []byte { return nil }}))
	if string(header["alg"]) != `"none"` || header["kid"] != nil || claims["exp"] != nil || string(claims["sub"]) != "[]" || len(signature) != 0 || verifies(i, input, signature) {
		t.Errorf("%s %s %x", header, claims, signature)
	}
	raw := i.Mint(Claims{RawHeader: []byte("x"), Payload: []byte("y")})
	if !strings.HasPrefix(raw, "eA.eQ.") {
		t.Errorf("%s", raw)
	}
}

func TestTheKeysAreServedUntilItIsStopped(t *testing.T) {
	i, stop, err := Start("api")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/.well-known/openid-configuration": `"jwks_uri":"` + i.URL + `/jwks.json"`, "/jwks.json": `"kid":"development-only"`, "/authorize": "404"} {
		r, err := http.Get(i.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if !strings.Contains(string(body), want) {
			t.Errorf("%s: %s", path, body)
		}
	}
	if i.Fetches.Load() != 1 {
		t.Errorf("%d fetches", i.Fetches.Load())
	}
	stop()
	if _, err := http.Get(i.URL + "/jwks.json"); err == nil {
		t.Error("still served")
	}
}
