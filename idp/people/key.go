package people

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/keyfile"
)

// Key seals what must not be read or made by others: the secrets of second factors
// in the store, and the tickets in links and forms. It is one file of the state
// folder. Whoever has it and the store can pass for everybody's second factor.
type Key struct {
	seal cipher.AEAD
	sign []byte
}

// OpenKey reads the key file, and makes it when it is not there. It returns an error
// that wraps [keyfile.ErrUntrusted] for one that others may read.
func OpenKey(path string) (*Key, error) {
	raw, err := keyfile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("people: opening the key: %w", err)
	}
	return newKey(raw)
}

func newKey(raw []byte) (*Key, error) {
	secret, err := hkdf.Key(sha256.New, raw, nil, "gatehouse people seal", keyfile.Size)
	if err != nil {
		return nil, err
	}
	sign, err := hkdf.Key(sha256.New, raw, nil, "gatehouse people sign", keyfile.Size)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Key{seal: aead, sign: sign}, nil
}

// lock seals a secret for one purpose and owner.
func (k *Key) lock(purpose, owner string, secret []byte) []byte {
	return k.seal.Seal(nil, nil, secret, bound(purpose, owner))
}

var errSealed = errors.New("people: sealed for somebody else, or damaged")

func (k *Key) unlock(purpose, owner string, sealed []byte) ([]byte, error) {
	secret, err := k.seal.Open(nil, nil, sealed, bound(purpose, owner))
	if err != nil {
		return nil, errSealed
	}
	return secret, nil
}

func bound(purpose, owner string) []byte { return []byte(purpose + "\x00" + owner) }

// mac returns a text that only this key makes of these.
func (k *Key) mac(purpose, of string) string {
	h := hmac.New(sha256.New, k.sign)
	h.Write(bound(purpose, of))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// ticket is what a link or a form carries through the browser.
type ticket struct {
	User  string    `json:"u,omitempty"` // who it is about
	Name  string    `json:"n,omitempty"` // or an address that nobody has yet
	State string    `json:"s,omitempty"` // what must still be so when it is used
	At    time.Time `json:"a,omitzero"`  // when the first factor was proven
	// Methods are those by which it was (RFC 8176).
	Methods []string  `json:"m,omitempty"`
	Until   time.Time `json:"e"`
}

// issue seals a ticket as text.
func (k *Key) issue(purpose, owner string, t ticket) string {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // of texts and times: it cannot fail
	}
	return base64.RawURLEncoding.EncodeToString(k.lock(purpose, owner, b))
}

// redeem opens a ticket whose time is not over.
func (k *Key) redeem(purpose, owner, text string, at time.Time) (t ticket, ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return t, false
	}
	b, err := k.unlock(purpose, owner, sealed)
	if err != nil || json.Unmarshal(b, &t) != nil || !at.Before(t.Until) {
		return ticket{}, false
	}
	return t, true
}
