package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/devissuer"
)

// forge returns a token for somebody that is wrong in one way.
func (s *stage) forge(who, how string) string {
	c := devissuer.Claims{Subject: who, Tenant: "acme", Roles: []string{"customer"}, Scopes: []string{"account", "orders:read", "orders:write"}, Set: map[string]string{}, Header: map[string]string{}}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ""
	}
	byStranger := func(input string) []byte { return devissuer.SignES256(stranger, input) }
	now := time.Now()
	switch how {
	case "none":
		c.Header["alg"] = `"none"`
		c.Sign = func(string) []byte { return nil }
	case "edited":
		genuine := strings.Split(s.token(personas()[0]), ".")
		payload, _ := base64.RawURLEncoding.DecodeString(genuine[1])
		edited := strings.Replace(string(payload), `"alice"`, `"`+who+`"`, 1)
		return genuine[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(edited)) + "." + genuine[2]
	case "other-key":
		c.Sign = byStranger
	case "hs256":
		c.Header["alg"] = `"HS256"`
		c.Sign = s.signWithPublicKey
	case "jwk":
		c.Header["jwk"] = jwkOf(stranger)
		c.Sign = byStranger
	case "expired":
		c.Set["iat"], c.Set["nbf"], c.Set["exp"] = fmt.Sprint(now.Add(-time.Hour).Unix()), fmt.Sprint(now.Add(-time.Hour).Unix()), fmt.Sprint(now.Add(-50*time.Minute).Unix())
	case "not-yet":
		c.Set["nbf"] = fmt.Sprint(now.Add(4 * time.Minute).Unix())
	case "audience":
		c.Set["aud"] = `"https://api.example.com/invoices"`
	case "issuer":
		c.Set["iss"] = `"https://login.evil.example"`
	case "year":
		c.Set["exp"] = fmt.Sprint(now.AddDate(1, 0, 0).Unix())
	case "narrow":
		c.Scopes = []string{"account"}
	}
	return s.issuer.Mint(c)
}

// signWithPublicKey makes the MAC that a verifier accepts which takes the
// public key for a shared secret.
func (s *stage) signWithPublicKey(input string) []byte {
	der, err := x509.MarshalPKIXPublicKey(&s.issuer.Key().PublicKey)
	if err != nil {
		return nil
	}
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	_, _ = mac.Write([]byte(input))
	return mac.Sum(nil)
}

// jwkOf returns the public key as a JWK.
func jwkOf(key *ecdsa.PrivateKey) string {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return ""
	}
	jwk, _ := json.Marshal(map[string]string{"kty": "EC", "crv": "P-256",
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:])})
	return string(jwk)
}
