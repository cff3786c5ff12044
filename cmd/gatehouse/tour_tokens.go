package main

import (
	"context"
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

// forger makes tokens that the authorization server never would. Those that must be
// wrong in one way only are signed with its own key.
type forger struct {
	issuer *devissuer.Issuer // how a token is written down; its key signs nothing
	kid    string
	key    *ecdsa.PrivateKey
}

func (s *stage) forger() (*forger, error) {
	keys, err := openKeys(context.Background(), s.gateway.facts, s.gateway.state)
	if err != nil {
		return nil, err
	}
	f := &forger{}
	f.kid, f.key = keys.Signer()
	f.issuer, err = devissuer.New(s.client.issuer, demoAudience)
	return f, err
}

// mint signs with the server's own key where c does not say otherwise.
func (f *forger) mint(c devissuer.Claims) string {
	if c.Sign == nil {
		c.Sign = func(input string) []byte { return devissuer.SignES256(f.key, input) }
	}
	c.Header["kid"] = `"` + f.kid + `"`
	return f.issuer.Mint(c)
}

// forge returns a token for somebody that is wrong in one way.
func (t *tour) forge(who, how string) string {
	c := devissuer.Claims{Subject: who, Client: demoClient, Roles: []string{"customer"}, Scopes: []string{"account", "orders:read", "orders:write"}, Header: map[string]string{},
		Set: map[string]string{"tenant": `"acme"`, "jti": `"` + rand.Text() + `"`}}
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
		genuine := strings.Split(t.stage.token(personas()[0])+"..", ".")
		payload, _ := base64.RawURLEncoding.DecodeString(genuine[1])
		edited := strings.Replace(string(payload), `"alice"`, `"`+who+`"`, 1)
		return genuine[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(edited)) + "." + genuine[2]
	case "other-key":
		c.Sign = byStranger
	case "hs256":
		c.Header["alg"] = `"HS256"`
		c.Sign = t.forger.signWithPublicKey
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
		p, _ := known(who)
		return t.stage.narrow(p, []string{"account"})
	}
	return t.forger.mint(c)
}

// signWithPublicKey makes the MAC that a verifier accepts which takes the
// public key for a shared secret.
func (f *forger) signWithPublicKey(input string) []byte {
	der, err := x509.MarshalPKIXPublicKey(&f.key.PublicKey)
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
