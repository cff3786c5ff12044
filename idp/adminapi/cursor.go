package adminapi

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-api/gatehouse/idp/operator"
)

// cursors seals where a list goes on. Whoever gets one learns nothing from it, makes
// no other of it, and uses it for nothing but the list, the filter and the reach that
// it was given for (CVE-2026-33503 and its like were cursors that anybody could make).
type cursors struct{ aead cipher.AEAD }

func newCursors(seal []byte) (*cursors, error) {
	if len(seal) != 32 {
		return nil, errors.New("adminapi: cursors are sealed by 32 random bytes")
	}
	key, err := hkdf.Key(sha256.New, seal, nil, "gatehouse admin cursors", 32)
	if err != nil {
		return nil, fmt.Errorf("adminapi: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("adminapi: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("adminapi: %w", err)
	}
	return &cursors{aead}, nil
}

// bound is what a cursor is good for.
func bound(list, filter string, by *operator.By) []byte {
	return []byte(strings.Join([]string{list, filter, by.Reach.Tenant(), by.Name}, "\x00"))
}

// after returns where the list goes on that the request asks for.
func (c *call) after(list, filter string) (string, error) {
	text := c.r.URL.Query().Get("cursor")
	if text == "" {
		return "", nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return "", errMalformed
	}
	position, err := c.cursors.aead.Open(nil, nil, sealed, bound(list, filter, &c.by))
	if err != nil {
		return "", errMalformed
	}
	return string(position), nil
}

// next is the cursor behind a position.
func (c *call) next(list, filter, position string) string {
	return base64.RawURLEncoding.EncodeToString(c.cursors.aead.Seal(nil, nil, []byte(position), bound(list, filter, &c.by)))
}
